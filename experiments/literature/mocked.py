"""Spectra and texts aligned on a mock corpus, whose texts are written from the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.literature import methods as m
from experiments.literature.bench import Bench
from experiments.literature.corpus import Corpus, make_corpus
from experiments.literature.scores import table
from experiments.parts import Section
from spectrove.literature.alignment import Alignment, Kind, fit_alignment
from spectrove.literature.retrieval import Ranks, ranked
from spectrove.literature.texts import SemanticEncoder, fit_texts

#: Sources to learn from, to choose by and to test on, as many of the last as the paper's test set has.
SIZES = (8000, 1000, 1719)

#: Settings that are tried on the sources to choose by.
TRIED: tuple[Mapping[str, Any], ...] = (
    {"epochs": 60, "hidden": 128, "dropout": 0.1, "decay": 0.01, "batch": 512},
    {"epochs": 60, "hidden": 256, "dropout": 0.2, "decay": 0.01, "batch": 1024},
)


@dataclass(frozen=True)
class Mocks:
    """Training, validation and test corpus with vectors of texts, of one seed."""

    train: Corpus
    chosen_by: Corpus
    test: Corpus
    encoder: SemanticEncoder
    vectors: tuple[NDArray, NDArray, NDArray]


def mocks_of(seed: int, fast: bool) -> Mocks:
    """Sources of the recipes train and test, which draw from other streams and are seen through other responses."""
    n = [size // 16 for size in SIZES] if fast else list(SIZES)
    both = make_corpus(n[0] + n[1], "train", seed)
    train, chosen_by = both.take(np.arange(n[0])), both.take(np.arange(n[0], n[0] + n[1]))
    test = make_corpus(n[2], "test", seed)
    encoder = fit_texts(train.texts)
    a, b, c = (encoder.encode(corpus.texts) for corpus in (train, chosen_by, test))
    return Mocks(train, chosen_by, test, encoder, (a, b, c))


def space_of(mocks: Mocks, kind: Kind, seed: int, settings: Mapping[str, Any] | None = None) -> Alignment:
    """A shared space of the training sources."""
    rows = np.arange(len(mocks.train))
    return fit_alignment(mocks.train.spectra, mocks.vectors[0], np.column_stack([rows, rows]), kind, seed=seed,
                         **(settings or TRIED[0]))  # fmt: skip


def best_space(mocks: Mocks, seed: int) -> Alignment:
    """The network whose settings do best on the sources to choose by."""
    spaces = [space_of(mocks, "contrastive", seed, one) for one in TRIED]
    scores = [_ranks(s, mocks.chosen_by.spectra, mocks.vectors[1]).place.mean() for s in spaces]
    return spaces[int(np.argmin(scores))]


def _ranks(space: Alignment, spectra: NDArray, texts: NDArray) -> Ranks:
    return of_likeness((space.spectra(spectra) @ space.texts(texts).T).astype(float))


def of_likeness(likeness: NDArray[np.float64]) -> Ranks:
    """Ranks of pairs that stand in the same row of spectra and of texts."""
    rows = np.arange(len(likeness))
    first, ties = ranked(likeness, np.column_stack([rows, rows]), np.eye(len(rows), dtype=bool))
    return Ranks(first, ties, rows, (len(rows), len(rows)))


def run(bench: Bench) -> Section:
    """Recall on mock sources that no method has seen."""
    found: dict[str, list[Ranks]] = {}
    for seed in range(1, bench.seeds + 1):
        mocks = mocks_of(seed, bench.fast)
        for name, likeness in _likenesses(mocks, seed).items():
            found.setdefault(name, []).append(of_likeness(likeness))
        bench.say(f"  seed {seed}")
    rows, lines = table(found, "same class")
    about = (
        "**Mock texts, written from the truth by templates: these figures are not comparable with any on "
        f"real texts, the paper's among them.** {len(mocks.train):,} sources to learn from, "
        f"{len(mocks.test):,} to test on, of the recipes `train` and `test` of the mock survey (other "
        f"streams, other responses), {bench.seeds} seeds averaged. Spectra: twelve band colours and the "
        f"count rate. Settings of the network are chosen on {len(mocks.chosen_by):,} further sources. "
        "`true class` knows the class of both sides. Intervals (95%) by bootstrap over sources."
    )
    return Section("Mock links: what an alignment can learn", tuple(rows), "\n".join([about, "", *lines]))


def _likenesses(mocks: Mocks, seed: int) -> dict[str, NDArray[np.float64]]:
    test, texts = mocks.test, mocks.vectors[2]
    kinds = m.numbered(mocks.train.kind)
    everything = np.concatenate([mocks.train.spectra, test.spectra])
    known = np.concatenate([kinds, m.numbered(test.kind)])
    held = np.arange(len(kinds), len(known))
    chance = m.class_chances(everything, known, held, seed)[held]
    train = np.arange(len(kinds))
    all_texts = np.concatenate([mocks.vectors[0], texts])
    method = m.same_class(np.eye(len(m.CLASSES))[known], known, all_texts)
    of_texts = method(np.column_stack([train, train]), seed)
    share = np.bincount(kinds, minlength=len(m.CLASSES)) / len(kinds)
    by_class = {c: of_texts[np.flatnonzero(known == c)[0], held] * share[c] for c in np.unique(known)}
    said = np.stack(
        [by_class[c] if c in by_class else np.zeros(len(held)) for c in range(len(m.CLASSES))], axis=1
    )
    true = m.numbered(test.kind)
    spaces = {"ridge": space_of(mocks, "ridge", seed), "CCA": space_of(mocks, "cca", seed),
              "InfoNCE": best_space(mocks, seed)}  # fmt: skip
    aligned = {n: (s.spectra(test.spectra) @ s.texts(texts).T).astype(float) for n, s in spaces.items()}
    return {
        "chance": np.zeros((len(true), len(true))),
        "same class": (chance / np.maximum(share, 1e-3)) @ said.T,
        "true class": (true[:, None] == true[None, :]).astype(float),
        **aligned,
    }
