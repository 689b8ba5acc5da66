"""A knowledge base, a vote, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from experiments.ablations.points import Ask, Point
from experiments.paper.scoring import called_class
from experiments.samples.bench import Bench, Split
from experiments.samples.vectors import take
from spectrove.encoders import Encoder
from spectrove.encoders.network_encoder import whitening
from spectrove.evaluation.classes import TASKS
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference import hunt, metric_for
from spectrove.inference.metric.linear import LinearMetric
from spectrove.inference.pool import Pool
from spectrove.knowledge import Neighbors
from spectrove.pipeline import Embedded
from spectrove.targets import Target
from spectrove.targets.target import id_hash


@dataclass(frozen=True)
class Answers:
    """What one task's queries were and what was answered, a sequence entry a repetition; "" is no answer."""

    truth: list[list[str]]
    called: list[list[str]]
    groups: list[list[str]]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return dict(self.__dict__)


def answers(
    bench: Bench, sample: str, encoder: Encoder, point: Point, tasks: Sequence[str]
) -> dict[str, Answers]:
    """The answers of every repetition to each task."""
    found = {task: Answers([], [], []) for task in tasks}
    for repeat in range(bench.repetitions(sample)):
        parts: dict[str, list[tuple[NDArray, NDArray, NDArray]]] = {task: [] for task in tasks}
        for split in bench.splits(sample, repeat, encoder, point.spoil):
            for task in tasks:
                parts[task].append(asked(bench, split, TASKS[task], point.ask))
        for task in tasks:
            columns = zip(found[task].plain().values(), zip(*parts[task], strict=True), strict=True)
            for column, values in columns:
                column.append(np.concatenate(values).tolist())
    return found


def asked(bench: Bench, split: Split, target: Target, ask: Ask) -> tuple[NDArray, NDArray, NDArray]:
    """Truth, answer and plate of each query of a split that has a class."""
    if ask.prior:
        share = share_of(split.known, target)
        rest = next(c for c in target.classes if c != target.positive)
        target = target.model_copy(update={"prior": {target.positive: share, rest: 1 - share}})
    truth = np.array([c or "" for c in target.classes_of(split.rows.column(target.label))], dtype="U40")
    scored = truth != ""
    if ask.sn is not None:
        sn = np.array(split.rows.column("sn_median"), dtype=float)
        scored &= (sn >= ask.sn[0]) & (sn < ask.sn[1])
    called = np.full(len(truth), "", dtype="U40")
    queries = take(split.asked, np.isin(split.asked.spectra.object_id, split.rows.object_id[scored]))
    if len(queries.spectra):
        place = {name: i for i, name in enumerate(split.rows.object_id.tolist())}
        rows = [place[name] for name in queries.spectra.object_id.tolist()]
        called[rows] = answered(bench, split, queries, target, ask)
    return truth[scored], called[scored], split.groups[scored]


def answered(bench: Bench, split: Split, queries: Embedded, target: Target, ask: Ask) -> list[str]:
    """The class that is called for each query."""
    known = subset(split.known, target, ask, split.name)
    if ask.space.startswith("cosine"):
        mean = known.embeddings.vectors.mean(axis=0) * (ask.space != "cosine")
        known, queries = unit(known, mean), unit(queries, mean)
    name = f"{split.name} {ask.size} {ask.share} {ask.space if ask.space.startswith('cosine') else ''}"
    metric = metric_of(bench, name, known, target, ask)
    neighbors = bench.base(name, known).search(
        queries.embeddings, ask.k, spectra=queries.spectra, target=target, metric=metric
    )
    neighbors = trusted(neighbors, ask.trust, queries.spectra.z)
    return [called_class(p, target) for p in hunt(neighbors, target)]


def metric_of(bench: Bench, name: str, known: Embedded, target: Target, ask: Ask) -> LinearMetric | None:
    """The coordinates in which distances are measured, made of the base alone; None for the vectors' own."""
    if ask.metric == "auto":
        return metric_for(Pool.of(bench.base(name, known), target=target), group=GALAXIES.group).metric
    vectors = known.embeddings.vectors.astype(float)
    if ask.whitening:
        mean, axes = whitening(vectors, ask.whitening)
        return LinearMetric(axes.astype(float), mean.astype(float))
    if ask.space == "standardised":
        return LinearMetric(np.diag(1 / np.maximum(vectors.std(axis=0), 1e-6)), vectors.mean(axis=0))
    if ask.space == "mahalanobis":
        variance, axes = np.linalg.eigh(LedoitWolf().fit(vectors).covariance_)
        return LinearMetric(axes / np.sqrt(np.maximum(variance, 1e-12)), vectors.mean(axis=0))
    return None


def unit(vectors: Embedded, mean: NDArray) -> Embedded:
    """Embedded from `mean`, each of length 1: the Euclidean distance then goes with the angle."""
    moved = vectors.embeddings.vectors - mean
    length = np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    return replace(
        vectors, embeddings=replace(vectors.embeddings, vectors=(moved / length).astype(np.float32))
    )


def subset(known: Embedded, target: Target, ask: Ask, seed: str) -> Embedded:
    """The part of the base that is used: nested random parts, or so many of the target in a constant size."""
    if ask.size is None and ask.share is None:
        return known
    ids = known.spectra.object_id.tolist()
    order = np.array(sorted(range(len(ids)), key=lambda i: id_hash(f"{seed} {ids[i]}")))
    if ask.share is None:
        return take(known, np.sort(order[: ask.size]))
    positive = np.array([c == target.positive for c in classes_of(known, target)])[order]
    other = np.array([c not in (target.positive, None) for c in classes_of(known, target)])[order]
    size = 2 * int(positive.sum())
    n = min(max(1, round(ask.share * size)), size)
    return take(known, np.sort(np.concatenate([order[positive][:n], order[other][: size - n]])))


def share_of(known: Embedded, target: Target) -> float:
    """Share of the target among the known objects that have a class."""
    classes = [c for c in classes_of(known, target) if c is not None]
    return classes.count(target.positive) / len(classes)


def classes_of(known: Embedded, target: Target) -> list[str | None]:
    """The target's class of each object."""
    return target.classes_of(known.spectra.column(target.label))


def trusted(neighbors: Neighbors, trust: str, z: NDArray[np.float64]) -> Neighbors:
    """Neighbours whose votes count by a field of theirs, too.

    With weights e^-x a factor g is the same as a distance longer by -ln g; a field that is not known is no factor.
    """
    if not trust:
        return neighbors
    field = {"S/N": "sn_median", "redshift": "z", "D4000n": "d4000n"}[trust]
    values = np.array(neighbors.column(field), dtype=float)
    with np.errstate(all="ignore"):
        if trust == "S/N":
            s = np.maximum(values, 0.1)
            factor = s / (s + 10)
        elif trust == "redshift":
            factor = np.exp(-np.abs(values - z[:, None]) / 0.03)
        else:
            middle = np.array(
                [np.median(v[np.isfinite(v)]) if np.isfinite(v).any() else np.nan for v in values]
            )
            factor = np.exp(-np.abs(values - middle[:, None]) / 0.1)
    factor = np.where(np.isfinite(factor), np.maximum(factor, 1e-12), 1.0)
    return replace(neighbors, distance=neighbors.distance - neighbors.scale * np.log(factor))
