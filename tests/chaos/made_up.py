"""A base of made-up objects, of which vectors and rows follow from id and generation: what a base must hold is known.

Used by kill.py and crowd.py; not collected by pytest.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.index import opening
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.work import LOG

DIMENSIONS, PIXELS = 8, 16
FINGERPRINT = "0123456789abcdef"

#: Queries whose answers are compared with all objects, neighbours, and the share of them that an index may miss.
ASKED, K, MISSED = 20, 5, 0.05

#: Generation of each object; what a base holds.
State = dict[str, int]


def use_index(small: int = 200) -> None:
    """Let small bases have an index, and say nothing of those without."""
    LOG.setLevel("ERROR")
    opening.INDEX_FROM = small


def vector(name: str, generation: int) -> NDArray[np.float32]:
    """The vector of an object in a generation."""
    seed = [zlib.crc32(name.encode()), generation]
    return np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)


def spectra(state: Mapping[str, int]) -> SpectrumSet:
    """A spectrum of each object; its flux says which, its redshift of which generation."""
    return SpectrumSet.from_spectra([
        Spectrum.stored(
            name, 4000.0 + np.arange(PIXELS), np.resize(vector(name, 0), PIXELS),
            np.ones(PIXELS, np.float32), np.zeros(PIXELS, np.int32), np.ones(PIXELS, np.float32),
            {"z": generation / 1000},
        )
        for name, generation in state.items()
    ])  # fmt: skip


def views(state: Mapping[str, int]) -> dict[str, Embeddings]:
    """Vectors of the objects."""
    vectors = np.array([vector(name, generation) for name, generation in state.items()]).reshape(
        -1, DIMENSIONS
    )
    cover = np.tile([3700.0, 8700.0], (len(state), 1))
    return {"shape": Embeddings(vectors, np.array(list(state), dtype=str), FINGERPRINT, cover, "made-up")}


def create(path: Path, n: int) -> State:
    """A base of n objects."""
    state = {f"first-{i:05d}": 0 for i in range(n)}
    KnowledgeBase.create(path, spectra(state), views(state), encoder="made-up").optimize()
    return state


def held(base: KnowledgeBase) -> tuple[Sequence[str], dict[str, NDArray[np.float32]]]:
    """Every id, as often as it is there, and the vectors by id, of one version."""
    with base.one_version():
        found = base.embeddings("shape")
        return base.rows(columns=[]).column("object_id").to_pylist(), dict(
            zip(found.object_id.tolist(), found.vectors, strict=True)
        )


def faults(path: Path, allowed: Sequence[State], seed: int = 0) -> tuple[list[str], State | None]:
    """What is wrong with a base that must hold one of these states, and the state that it holds."""
    base = KnowledgeBase.open(path)
    ids, vectors = held(base)
    state = next((s for s in allowed if sorted(s) == sorted(ids) and _are(vectors, s)), None)
    if state is None:
        wanted = allowed[0]
        lost = sorted(set(wanted) - set(ids))
        return [f"holds {len(ids)} objects, {len(set(ids))} different; expected {len(wanted)} "
                f"({len(lost)} lost: {lost[:3]}; vectors right: {_are(vectors, wanted)})"], None  # fmt: skip
    wrong = _wrong_answers(base, state, seed)
    rng = np.random.default_rng(seed)
    some = {
        name: state[name] for name in rng.choice(sorted(state), min(30, len(state)), replace=False).tolist()
    }
    stored = base.spectra(some)
    if not np.array_equal(stored.flux, np.concatenate([np.resize(vector(name, 0), PIXELS) for name in some])):
        wrong.append("spectra are not those of their objects")
    return wrong, state


def _are(vectors: Mapping[str, NDArray[np.float32]], state: State) -> bool:
    return vectors.keys() == state.keys() and all(
        np.array_equal(vectors[n], vector(n, g)) for n, g in state.items()
    )


def _wrong_answers(base: KnowledgeBase, state: State, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    queries = rng.normal(size=(ASKED, DIMENSIONS)).astype(np.float32)
    names = np.array([f"query-{i}" for i in range(ASKED)])
    asked = Embeddings(queries, names, FINGERPRINT, np.tile([3700.0, 8700.0], (ASKED, 1)))
    found = base.search(asked, K)
    ids = sorted(state)
    exact = np.linalg.norm(
        np.array([vector(n, state[n]) for n in ids], float)[None] - queries[:, None].astype(float), axis=2
    )
    hits = 0
    for i in range(ASKED):
        if not set(found.object_id[i].tolist()) <= set(ids):
            return [f"query {i} finds objects that are not there"]
        own = exact[i, [ids.index(name) for name in found.object_id[i].tolist()]]
        if not np.allclose(own, found.distance[i], rtol=1e-6):
            return [f"query {i} has wrong distances"]
        hits += len({ids[j] for j in np.argsort(exact[i])[:K]} & set(found.object_id[i].tolist()))
    return (
        []
        if hits >= (1 - MISSED) * ASKED * K
        else [f"{ASKED * K - hits} of {ASKED * K} neighbours were not found"]
    )
