"""READ FIRST: the path of the data, as code.

    spectra -> prepare -> embed -> search -> predict -> explain

Each step takes what the one before gives. Nothing here knows about files' formats (ingest), how a vector is
made (encoders), how it is kept (knowledge), how neighbours vote (inference) or how a page looks (explain).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, load_encoder
from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explain.evidence import Evidence, build_evidence
from spectrove.inference import Prediction
from spectrove.inference import classify as vote_classes
from spectrove.inference import hunt as vote_target
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import CATALOG_FLAGS, CORE_COLUMNS, SpectrumSet
from spectrove.targets import Target, load_target

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Embedded:
    """Spectra that could be embedded, their vectors in the same order, and what was refused."""

    spectra: SpectrumSet
    embeddings: Embeddings
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True)
class Answers:
    """One batch of answers: spectra, neighbours and predictions in the same order, and what was refused.

    `predictions` is empty after `search`, which does not decide anything.
    """

    spectra: SpectrumSet
    neighbors: Neighbors
    predictions: tuple[Prediction, ...] = ()
    refusals: tuple[Refusal, ...] = field(default=())


def embed(spectra: SpectrumSet, encoder: Encoder) -> Embedded:
    """Vectors of all spectra that the encoder can take; the others are refused by name.

    Only flux, ivar, mask, wavelength, LSF and, for rest-frame encoders, the redshift are read.
    """
    prepared, refusals = prepare(spectra, encoder.preprocess)
    embeddings = encoder.encode(prepared)
    finite: NDArray[np.bool_] = np.all(np.isfinite(embeddings.vectors), axis=1)
    for name in embeddings.object_id[~finite].tolist():
        refusals.append(
            Refusal(
                name,
                f"{name}: {encoder.name} gives no finite vector. Check the file's flux and ivar for extremes.",
            )
        )
    kept = _in_order(spectra, prepared.object_id).take(finite)
    return Embedded(_with_flags(kept, prepared.take(finite)), embeddings.take(finite), tuple(refusals))


def _in_order(spectra: SpectrumSet, object_id: NDArray[np.str_]) -> SpectrumSet:
    """The spectra with these ids, which are some of the set's, in its own order."""
    left = iter(range(len(spectra)))
    index = [next(i for i in left if spectra.object_id[i] == name) for name in object_id]
    return spectra.take(np.array(index, dtype=int))


def _with_flags(spectra: SpectrumSet, prepared: Prepared) -> SpectrumSet:
    """The spectra with what preparation found added to their flags."""
    flags = [
        list(dict.fromkeys([*(own or ()), *new]))
        for own, new in zip(spectra.column("flags"), prepared.flags, strict=True)
    ]
    place = spectra.rows.column_names.index("flags")
    return spectra.with_rows(spectra.rows.set_column(place, "flags", pa.array(flags, CORE_COLUMNS["flags"])))


def create(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    encoder: Encoder | str = "base",
    *,
    progress: Progress | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base from batches of spectra; `progress` is told how many were added."""
    encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
    base: KnowledgeBase | None = None
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, encoder)
        refusals += embedded.refusals
        if len(embedded.spectra):
            views = {"shape": embedded.embeddings}
            if base is None:
                # Until `complete` a base that was stopped half-way is recognised as half-made.
                base = KnowledgeBase.create(
                    path, embedded.spectra, views, encoder=encoder.name, complete=False
                )
            else:
                base.add(embedded.spectra, views)
        if progress:
            progress(len(batch))
    if base is None:
        reason = f" The first reason: {refusals[0].error}" if refusals else ""
        raise KnowledgeError(
            f"{path}: no spectrum could be added ({len(refusals)} refused), so no base was made.{reason}"
        )
    base.optimize()
    base.complete()
    return base, refusals


def add(
    base: KnowledgeBase,
    batches: Iterable[SpectrumSet],
    *,
    upsert: bool = False,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Add spectra to a base, embedded with its own encoder; returns what was refused."""
    encoder = load_encoder(base.encoder)
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, encoder)
        refusals += embedded.refusals
        if len(embedded.spectra):
            write = base.upsert if upsert else base.add
            write(embedded.spectra, {"shape": embedded.embeddings})
        if progress:
            progress(len(batch))
    return refusals


def search(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    *,
    k: int = 3,
    where: str | None = None,
    allow_self: bool = False,
    encoder: Encoder | None = None,
) -> Answers:
    """The k nearest known spectra of each query."""
    embedded = embed(spectra, encoder or load_encoder(base.encoder))
    neighbors = base.search(
        embedded.embeddings, k, spectra=embedded.spectra, where=where, allow_self=allow_self
    )
    return _answers(embedded, neighbors)


def classify(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    label: str,
    *,
    k: int = 3,
    where: str | None = None,
    allow_self: bool = False,
    weighting: str = "exp",
    normalise: str = "sum",
    encoder: Encoder | None = None,
) -> Answers:
    """The class of each query by the weighted vote of its k nearest labelled neighbours."""
    check_label(base, label)
    embedded = embed(spectra, encoder or load_encoder(base.encoder))
    neighbors = base.search(
        embedded.embeddings, k, spectra=embedded.spectra, where=where, allow_self=allow_self, labelled=label
    )
    predictions = vote_classes(neighbors, label, weighting=weighting, normalise=normalise)
    return _answers(embedded, neighbors, predictions)


def check_label(base: KnowledgeBase, label: str) -> None:
    """Nothing, if a column holds classes that can be voted for.

    Raises:
        KnowledgeError: If there is no such column, it is empty, or as good as no value in it occurs twice, as in ids
            and measurements.
    """
    counts = base.label_values(label)
    n = sum(counts.values())
    if counts and len(counts) <= max(20, 0.5 * n):
        return
    found = (
        f"{len(counts)} different values in {n} objects are no classes" if counts else "no object has a value"
    )
    known = ", ".join(base.info()["labels"]) or "none"
    raise KnowledgeError(
        f"{base.path}: {found} in {label!r}; label columns with values: {known}. "
        "Name one of these, or add labels with a catalog."
    )


def hunt(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    target: Target | str,
    *,
    k: int | None = None,
    where: str | None = None,
    allow_self: bool = False,
    encoder: Encoder | None = None,
) -> Answers:
    """Which of these spectra are what the target names, with probability and neighbours."""
    target = load_target(target) if isinstance(target, str) else target
    embedded = embed(spectra, encoder or load_encoder(base.encoder))
    neighbors = base.search(
        embedded.embeddings, k, spectra=embedded.spectra, where=where, allow_self=allow_self, target=target
    )
    predictions = vote_target(neighbors, target, spectra=embedded.spectra)
    return _answers(embedded, neighbors, predictions)


def _answers(embedded: Embedded, neighbors: Neighbors, predictions: Sequence[Prediction] = ()) -> Answers:
    """Answers whose flags begin with those of their own spectra, less what only a catalog says."""
    own = [[f for f in flags or () if f not in CATALOG_FLAGS] for flags in embedded.spectra.column("flags")]
    merged = tuple(tuple(dict.fromkeys([*a, *b])) for a, b in zip(own, neighbors.flags, strict=True))
    cautioned = tuple(
        replace(p, flags=tuple(dict.fromkeys([*flags, *p.flags])))
        for p, flags in zip(predictions, own, strict=False)
    )
    return Answers(embedded.spectra, replace(neighbors, flags=merged), cautioned, embedded.refusals)


def explain(base: KnowledgeBase, answers: Answers, i: int = 0, *, target: Target | None = None) -> Evidence:
    """Everything that made the i-th answer what it is: neighbours, weights, lines, provenance."""
    if not answers.predictions:
        raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
    return build_evidence(
        base, answers.spectra[i], answers.predictions[i], answers.neighbors, i, target=target
    )


def in_batches(spectra: SpectrumSet, size: int = 1024) -> Iterator[SpectrumSet]:
    """A large set, a batch at a time."""
    return (spectra.take(np.arange(i, min(i + size, len(spectra)))) for i in range(0, len(spectra), size))
