"""How fast spectra become vectors: prepare, then encode with pca and with base, side by side.

    python benchmarks/encode.py [--spectra 512] [--rounds 5] [--network base] [--threads 1 2]

Spectra are mocks. Rounds alternate between all ways, so that a busy machine slows all alike, and the median
round counts; `ratio` is against the first line of its kind. For bfloat16 the share of the three nearest
neighbours that float32 finds as well is printed beside the speed: number format must not change answers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from spectrove.encoders import ENCODERS, Encoder
from spectrove.encoders.network_encoder import build_network
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline.shipped import load_encoder, load_recipe, shipped_encoders
from spectrove.preprocess import Prepared, prepare

#: Spectra a second that `prepare` and `encode` together have to reach with the network, on two cores.
TARGET = 1000.0
K = 3


def network_encoder(name: str) -> tuple[Encoder, str]:
    """The trained network of that name or folder; where there is none, an untrained one, which is as fast."""
    if "/" in name or name in shipped_encoders():
        return load_encoder(name), "trained"
    recipe = load_recipe(name)
    torch.manual_seed(0)
    module = build_network(recipe)
    weights = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    weights["float32.whiten_mean"] = np.zeros(module.n_dimensions, np.float32)
    weights["float32.whiten_axes"] = np.eye(module.n_dimensions, dtype=np.float32)
    for part in ("centre", "scale") if module.recipe.measurements else ():
        weights[f"float32.measure_{part}"] = np.ones(len(module.recipe.measurements), np.float32)
    return ENCODERS[recipe.kind](recipe, weights), "untrained"


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Torch and BLAS on n threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    with threadpool_limits(n):
        yield
    torch.set_num_threads(before)


def seconds(action: Callable[[], object], n_threads: int) -> float:
    with threads(n_threads):
        start = time.perf_counter()
        action()
        return time.perf_counter() - start


def as_dtype(encoder: Encoder, dtype: torch.dtype, prepared: Prepared) -> Callable[[], np.ndarray]:
    def action() -> np.ndarray:
        encoder.compute_dtype = dtype  # type: ignore[attr-defined]
        vectors = encoder.encode(prepared).vectors
        encoder.compute_dtype = torch.float32  # type: ignore[attr-defined]
        return vectors

    return action


def shared_neighbors(one: np.ndarray, other: np.ndarray) -> float:
    """Share of the K nearest that two sets of vectors of the same objects agree about."""

    def nearest(vectors: np.ndarray) -> np.ndarray:
        squares = (vectors.astype(float) ** 2).sum(axis=1)
        distance = squares[:, None] + squares - 2 * vectors.astype(float) @ vectors.T.astype(float)
        np.fill_diagonal(distance, np.inf)
        return np.argsort(distance, axis=1)[:, :K]

    pairs = zip(nearest(one), nearest(other), strict=True)
    return float(np.mean([len(set(a) & set(b)) / K for a, b in pairs]))


def main() -> None:
    """Print the table, and whether the target is reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spectra", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--network", default="base", help="name or folder of a trained network, or a recipe")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    survey = make_survey(options.spectra, seed=1)
    network, kind = network_encoder(options.network)
    pca = load_encoder("pca")
    shown, seen = (prepare(survey, e.preprocess)[0] for e in (pca, network))
    full, half = (as_dtype(network, dtype, seen) for dtype in (torch.float32, torch.bfloat16))
    actions: dict[str, Callable[[], object]] = {
        "prepare": lambda: prepare(survey, network.preprocess),
        "pca": lambda: pca.encode(shown),
        f"{network.recipe.name} ({kind}), float32": full,
        f"{network.recipe.name} ({kind}), bfloat16": half,
    }
    for action in actions.values():
        action()  # first calls load libraries
    taken: dict[tuple[str, int], list[float]] = {(name, n): [] for name in actions for n in options.threads}
    for _ in range(options.rounds):
        for (name, n), times in taken.items():
            times.append(seconds(actions[name], n))
    speed = {way: options.spectra / statistics.median(times) for way, times in taken.items()}
    print(f"{options.spectra} mock spectra, median of {options.rounds} rounds")
    print(f"{'way':36}{'threads':>8}{'spectra/s':>11}{'ratio':>7}{'slowest to fastest':>24}")
    for (name, n), times in taken.items():
        ends = f"{options.spectra / max(times):.4g} to {options.spectra / min(times):.4g}"
        ratio = speed[name, n] / speed[name.replace("bfloat16", "float32"), options.threads[0]]
        print(f"{name:36}{n:8d}{speed[name, n]:11.4g}{ratio:7.2f}{ends:>24}")
    one, other = full(), half()
    cosine = np.sum(one * other, axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    print(
        f"bfloat16 against float32: {shared_neighbors(one, other):.1%} of the {K} nearest are the same, "
        f"median cosine {np.median(cosine):.6f}, lowest {cosine.min():.6f}"
    )
    names = list(actions)
    # In float32, which is what is used.
    both = {n: 1 / (1 / speed["prepare", n] + 1 / speed[names[2], n]) for n in options.threads}
    verdict = "reaches" if max(both.values()) >= TARGET else "misses"
    each = ", ".join(f"{v:.4g}/s with {n} threads" for n, v in both.items())
    print(f"prepare and encode together: {each}: {verdict} the target of {TARGET:.0f}")


if __name__ == "__main__":
    main()
