"""How fast spectra become vectors, stage by stage, and which share of the machine's matrix-multiply peak that is.

    python benchmarks/encode.py [--spectra 256] [--rounds 5] [--threads 1 2] [--int8] [--keep]

Spectra are mocks, read from a dataset, prepared and encoded for both standard views, and packed as `embed` packs them.
Rounds alternate between all stages, so that a busy machine slows all alike, and the median round counts. Figures are
of processor time, which other programs on the machine distort least; the clock is printed beside it. A thread that
waits for the other one counts as working, so that two threads look slow where the machine is busy. The peak is that
of a float32 product of two matrices of 2048 x 2048 by the same library in the same rounds.

bfloat16 and int8 (which needs onnx and onnxruntime) are other number formats: what they change in vectors, neighbours
and classes is printed below, for mocks and, where SPECTROVE_DATA names it, for the real development set.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import results
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch.utils.flop_counter import FlopCounterMode

from spectrove.encoders.network_encoder import NetworkEncoder
from spectrove.evaluation.metrics import resampled
from spectrove.galaxies.mock import make_survey
from spectrove.inference.embed import embed
from spectrove.pipeline.domains import domain_called
from spectrove.pipeline.shipped import load_encoder
from spectrove.pipeline.vectors import rows_of
from spectrove.preprocess import Prepared
from spectrove.readers.dataset import dataset_version, ingest, read_dataset, read_part, write_dataset
from spectrove.spectra import SpectrumSet

#: Spectra to embed in both views, in minutes on two cores.
TARGET = 500_000, 30
#: Side of the matrices whose product is the peak.
SIDE = 2048
#: Neighbours compared, and neighbours that vote.
K, VOTES = 10, 5
LABEL = "class_derived"
CLASSES = ("SF", "Composite", "Seyfert2-like", "LINER", "quiescent")

Action = Callable[[], Any]
Vectors = NDArray[np.floating]


@dataclass(frozen=True)
class Way:
    """One thing that is timed: by its number of threads, what it counts as, and its floating-point operations."""

    action: Callable[[int], Action]
    chain: bool = False
    operations: float = 0.0


@dataclass(frozen=True)
class Taken:
    """Median seconds of one way, of the processor and of the clock."""

    processor: float
    clock: float


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Torch and BLAS on n threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    with threadpool_limits(n):
        yield
    torch.set_num_threads(before)


def in_format(encoder: NetworkEncoder, dtype: torch.dtype, prepared: Prepared) -> Action:
    """Encoding in a number format."""

    def action() -> Vectors:
        encoder.compute_dtype = dtype
        vectors = encoder.encode(prepared).vectors
        encoder.compute_dtype = torch.float32
        return vectors

    return action


def packed(table: pa.Table) -> bytes:
    """A block of vectors as it is kept."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def operations(encoder: NetworkEncoder) -> float:
    """Floating-point operations of convolutions and products for one spectrum, counted."""
    shown = torch.zeros(1, encoder.preprocess.n_pixels), torch.ones(1, encoder.preprocess.n_pixels)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        encoder.module.pool(*shown)
    return float(counter.get_total_flops())


def stages(spectra: SpectrumSet, folder: Path) -> dict[str, Way]:
    """The way of a spectrum from the dataset to its vectors, and other encoders and formats beside it."""
    base, surprise, pca = (load_encoder(name) for name in ("base", "surprise", "pca"))
    assert isinstance(base, NetworkEncoder)
    write_dataset(folder / "mock.lance", spectra)
    version = dataset_version(folder / "mock.lance")
    made = embed(spectra, base, {"surprise": surprise})
    seen, wide, shown = (encoder.prepare(spectra)[0] for encoder in (base, surprise, pca))
    counted, files = operations(base), domain_called("galaxies").files
    return {
        "read the dataset": Way(lambda n: lambda: read_part(version, 0, len(spectra), files), True),
        "prepare for base": Way(lambda n: lambda: base.prepare(spectra), True),
        "base, float32": Way(lambda n: in_format(base, torch.float32, seen), True, counted),
        "prepare for surprise": Way(lambda n: lambda: surprise.prepare(spectra), True),
        "surprise": Way(lambda n: lambda: surprise.encode(wide), True),
        "pack the block": Way(lambda n: lambda: packed(rows_of(spectra, made)), True),
        "pca": Way(lambda n: lambda: pca.encode(shown)),
        "base, bfloat16": Way(lambda n: in_format(base, torch.bfloat16, seen), operations=counted),
    }


def by_onnx(spectra: SpectrumSet, folder: Path) -> dict[str, Way]:
    """The network by onnxruntime, in float32 and in eight-bit integers."""
    import int8

    base = load_encoder("base")
    assert isinstance(base, NetworkEncoder)
    seen, counted = base.prepare(spectra)[0], operations(base)
    whole, small = folder / "float32.onnx", folder / "int8.onnx"
    int8.export(base, whole)
    int8.quantized(whole, small, base.prepare(make_survey(128, seed=2))[0])

    def way(path: Path) -> Way:
        def action(n: int) -> Action:
            run = int8.run_of(base, path, n)
            return lambda: run(seen)

        return Way(action, operations=counted)

    return {"base, float32 by onnxruntime": way(whole), "base, int8 by onnxruntime": way(small)}


def peak() -> Way:
    """A product of two large matrices."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    return Way(lambda n: lambda: a @ b, operations=2.0 * SIDE**3)


def measured(ways: dict[str, Way], numbers: list[int], rounds: int) -> dict[tuple[str, int], Taken]:
    """All ways with each number of threads, in alternating rounds."""
    actions = {(name, n): way.action(n) for n in numbers for name, way in ways.items()}
    times: dict[tuple[str, int], list[Taken]] = {key: [] for key in actions}
    for turn in range(rounds + 1):
        for key, action in actions.items():
            with threads(key[1]):
                taken = timed(action)
            if turn:  # first calls load libraries
                times[key].append(taken)
    return {
        key: Taken(statistics.median(t.processor for t in all_), statistics.median(t.clock for t in all_))
        for key, all_ in times.items()
    }


def timed(action: Action) -> Taken:
    processor, clock = time.process_time(), time.perf_counter()
    action()
    return Taken(time.process_time() - processor, time.perf_counter() - clock)


# --- what another number format changes ------------------------------------------------------------------------------


def nearest(vectors: Vectors, group: NDArray[np.str_], k: int) -> NDArray[np.int64]:
    """Positions of the k nearest of other groups, (n_spectra, k)."""
    vectors = vectors.astype(float)
    squares = (vectors**2).sum(axis=1)
    distance = squares[:, None] + squares - 2 * vectors @ vectors.T
    distance[group[:, None] == group] = np.inf
    return np.argsort(distance, axis=1, kind="stable")[:, :k]


def voted(vectors: Vectors, labels: NDArray[np.str_], group: NDArray[np.str_]) -> NDArray[np.str_]:
    """The class that most of the nearest have, the nearest one's where classes tie."""
    near = labels[nearest(vectors, group, VOTES)]
    votes = np.stack([(near == c).sum(axis=1) + 0.1 * (near[:, 0] == c) for c in CLASSES], axis=1)
    return np.array(CLASSES)[votes.argmax(axis=1)]


def drift(name: str, one: Vectors, other: Vectors, labels: NDArray[np.str_], group: NDArray) -> list[str]:
    """A row of the table: what a number format changes."""
    cosine = np.sum(one * other, axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    near = [nearest(vectors, group, K).tolist() for vectors in (one, other)]
    kept = np.mean([len(set(a) & set(b)) / K for a, b in zip(*near, strict=True)])
    known = np.isin(labels, CLASSES)
    truth, plates = labels[known], group[known]
    found = [
        resampled([truth], [voted(vectors[known], truth, plates)], [plates], CLASSES)
        for vectors in (one, other)
    ]
    change = found[1].minus(found[0], "macro")
    return [
        name, f"{np.median(cosine):.6f}", f"{cosine.min():.6f}", f"{kept:.1%}",
        f"{found[0].score('macro', 'f1').value:.3f}", f"{change.value:+.3f} [{change.low:+.3f} {change.high:+.3f}]",
    ]  # fmt: skip


def development_set(folder: Path) -> SpectrumSet | None:
    """Real spectra with classes, where they are."""
    data = os.environ.get("SPECTROVE_DATA")
    if not data:
        return None
    galaxies = Path(data) / "galaxies"
    ingest(galaxies / "sdss", folder / "real.lance", catalogs=[galaxies / "index.csv"], workers=1)
    return read_dataset(folder / "real.lance")


def drifts(sets: dict[str, SpectrumSet], folder: Path, with_int8: bool) -> list[list[str]]:
    """Rows of the table for every set of spectra and number format."""
    base, rows = load_encoder("base"), []
    assert isinstance(base, NetworkEncoder)
    for kind, spectra in sets.items():
        seen = base.prepare(spectra)[0]
        place = {name: i for i, name in enumerate(spectra.object_id.tolist())}
        own = spectra.take(np.array([place[name] for name in seen.object_id.tolist()]))
        labels = np.array([value or "" for value in own.column(LABEL)])
        plates = own.column("plate") if "plate" in own.rows.column_names else own.object_id.tolist()
        group, one = np.array([str(p) for p in plates]), in_format(base, torch.float32, seen)()
        kind = f"{len(own)} {kind}"
        rows.append(drift(f"{kind}, bfloat16", one, in_format(base, torch.bfloat16, seen)(), labels, group))
        if with_int8:
            import int8

            other = int8.run_of(base, folder / "int8.onnx", 1)(seen)
            rows.append(drift(f"{kind}, int8", one, other, labels, group))
    return rows


# --- the page --------------------------------------------------------------------------------------------------------


def speeds(ways: dict[str, Way], taken: dict[tuple[str, int], Taken], n_spectra: int) -> str:
    """The table of stages."""
    rows = []
    for (name, n), t in taken.items():
        way, top = ways[name], SIDE**3 * 2 / taken["peak", n].processor
        if name == "peak":
            rows.append(
                [f"product of matrices, {top / 1e9:.0f} GFLOP/s of one core", str(n), "", "", "", "", "1"]
            )
            continue
        each = t.processor / n_spectra
        share = f"{way.operations / each / top:.2f}" if way.operations else ""
        count = f"{way.operations / 1e6:.1f}" if way.operations else ""
        rows.append(
            [
                name,
                str(n),
                f"{1e3 * each:.3f}",
                f"{1 / each:,.0f}",
                f"{n_spectra / t.clock:,.0f}",
                count,
                share,
            ]
        )
    head = ["stage", "threads", "ms of a core per spectrum", "spectra/s of one core", "by the clock",
            "MFLOP per spectrum", "share of the peak"]  # fmt: skip
    return results.markdown(head, rows)


def verdict(ways: dict[str, Way], taken: dict[tuple[str, int], Taken], n_spectra: int) -> str:
    """How long many spectra take two cores with a process each, and how much of it is the network's products."""
    n = min(key[1] for key in taken)
    each = sum(taken[name, n].processor for name, way in ways.items() if way.chain) / n_spectra
    top = SIDE**3 * 2 / taken["peak", n].processor
    products = sum(way.operations for way in ways.values() if way.chain)
    alone = sum(taken[name, n].processor for name in ("prepare for base", "surprise", "prepare for surprise"))
    many, minutes = TARGET
    needed = many * each / 2 / 60
    return (
        f"All stages: {1e3 * each:.2f} ms of a core per spectrum, {2 / each:.0f} spectra/s of two cores with a process "
        f"each, {products / each / top:.2f} of the peak. {many:,} spectra in both views: {needed:.0f} minutes of two "
        f"cores, which {'reaches' if needed <= minutes else 'misses'} the target of {minutes}. Preparation and "
        f"`surprise`, which use one thread, are {alone / n_spectra / each:.0%} of it."
    )


def main() -> None:
    """Print the tables, and whether the target is reached."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--spectra", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--int8", action="store_true", help="Also by onnxruntime, in eight-bit integers.")
    parser.add_argument("--drift", type=int, default=1024, help="Mock spectra whose neighbours are compared.")
    parser.add_argument("--keep", action="store_true", help="Write the tables into benchmarks/README.md.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, spectra = Path(name), make_survey(options.spectra, seed=1)
        ways = stages(spectra, folder) | (by_onnx(spectra, folder) if options.int8 else {}) | {"peak": peak()}
        taken = measured(ways, options.threads, options.rounds)
        sets = {"mocks": make_survey(options.drift, seed=3), "real galaxies": development_set(folder)}
        changes = drifts({k: s for k, s in sets.items() if s is not None}, folder, options.int8)
    head = [
        "against float32",
        "median cosine",
        "lowest",
        f"same of {K} nearest",
        "F1 of five classes",
        "change",
    ]
    text = "\n\n".join([
        f"`encode.py`, {results.today()}. {results.machine('torch', 'numpy')}. {options.spectra} mock spectra, "
        f"median of {options.rounds} rounds.",
        speeds(ways, taken, options.spectra), verdict(ways, taken, options.spectra), results.markdown(head, changes),
    ])  # fmt: skip
    print(text)
    if options.keep:
        results.keep("encode", text)


if __name__ == "__main__":
    main()
