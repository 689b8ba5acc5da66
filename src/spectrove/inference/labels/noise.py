"""Wrong labels of a base, and an estimate of their number: confident learning on the votes of neighbours.

Written after the paper; cleanlab, the package of its authors, is under the AGPL and not used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError, ShapeError
from spectrove.inference.metric.linear import LinearMetric
from spectrove.inference.metric.of_base import metric_for
from spectrove.inference.pool import Pool
from spectrove.knowledge import KnowledgeBase, Searched
from spectrove.knowledge.search import SAME_OBJECT_ARCSEC
from spectrove.targets import MetricMode, label_text

#: Neighbours that vote on a label. Of 10, 15, 20 and 25 the larger numbers ranked wrong labels equally well or
#: better, on mock and real galaxies; with many neighbours rare classes are outvoted.
VOTERS = 20

#: A label is suspect below this probability, one vote in five. With 5% wrong labels the list then has a completeness of
#: about 90% and a purity of two thirds, on the real galaxies used to choose it (`evaluate curation`).
SUSPECT = 0.2

#: Least number of objects of a class whose labels can be checked.
FEWEST = 2

#: Distances held in memory at once.
BLOCK = 4_000_000

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class LabelVotes:
    """Vote of the neighbours on every labelled object of a base.

    Attributes:
        object_id: Shape (n_objects,), strings.
        classes: The values of the label column, sorted.
        given: Label of each object, a position in `classes`, shape (n_objects,).
        probability: Vote shares, shape (n_objects, n_classes). The object itself, objects within 2 arcsec and objects
            of its group have no vote; rows are NaN if no voter is left.
        neighbors: Positions of the voters in `object_id`, nearest first, shape (n_objects, n_voters); -1 for none.
        metric: Whether distances are in a metric fitted on the label (without the fold of the object).
    """

    object_id: NDArray[np.str_]
    classes: tuple[str, ...]
    given: NDArray[np.int64]
    probability: Probabilities
    neighbors: NDArray[np.int64]
    metric: bool = False


def label_votes(
    base: KnowledgeBase,
    label: str,
    *,
    group: str,
    k: int = VOTERS,
    view: str | Mapping[str, float] | None = None,
    where: str | None = None,
    metric: MetricMode = "auto",
) -> LabelVotes:
    """The vote of its neighbours on every labelled object of the base, as if it had no label.

    Args:
        base: The base.
        label: Column of classes.
        group: Objects with equal values in this column have no vote on each other; "" where objects stand alone.
        k: Number of voters, weighted by e^-d in units of the median nearest-neighbour distance.
        view, where: As in `KnowledgeBase.search`.
        metric: As in `metric_for`; for each object it is fitted without the labels of its fold.

    Raises:
        KnowledgeError: Fewer than two classes have two objects.
    """
    pool = Pool.of(base, label, view=view, where=where)
    known = pool.searched(group)
    names = np.array([label_text(value) for value in known.values], dtype=str)
    classes, given, counts = np.unique(names, return_inverse=True, return_counts=True)
    if (counts >= FEWEST).sum() < 2:
        raise KnowledgeError(
            f"{base.path}: {label} has {len(classes)} values among {len(names)} labelled objects, expected at least "
            f"two with {FEWEST} objects each. Name another column; kb info lists them."
        )
    fitted = metric_for(pool, metric, group=group)
    itself = _hidden(base, known)
    share, near = neighbor_votes(
        known.vectors, given, len(classes), itself, k, known.fold, fitted.metrics[1:]
    )
    return LabelVotes(known.object_id, tuple(classes.tolist()), given, share, near, bool(fitted.metrics))


@dataclass(frozen=True)
class Hidden:
    """Pairs of objects without a vote on each other: same group, or same position on the sky.

    Attributes:
        group: Number of the group of each object, shape (n_objects,).
        place: Unit vector towards each object, (n_objects, 3); NaN if unknown.
    """

    group: NDArray[np.int64]
    place: NDArray[np.float64]

    def between(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the objects without a vote on these, shape (n_rows, n_objects)."""
        hidden = self.group[rows][:, None] == self.group[None]
        chord = 2 * np.sin(np.radians(SAME_OBJECT_ARCSEC / 3600) / 2)
        apart = [(self.place[rows, i][:, None] - self.place[None, :, i]) ** 2 for i in range(3)]
        close = sum(apart[1:], apart[0]) <= chord**2  # NaN (unknown position) compares false
        hidden |= close
        hidden[np.arange(len(rows)), rows] = True
        return hidden


def _hidden(base: KnowledgeBase, known: Searched) -> Hidden:
    columns = [name for name in ("ra", "dec") if name in base.columns]
    table = base.rows(columns=columns)
    where = {name: i for i, name in enumerate(table.column("object_id").to_pylist())}
    order = np.array([where[name] for name in known.object_id.tolist()], dtype=int)
    ra, dec = (
        np.radians(np.array(table.column(c).to_pylist(), dtype=float))[order]
        if c in columns
        else np.full(len(order), np.nan)
        for c in ("ra", "dec")
    )
    place = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    names = [label_text(g) or f"\x00{i}" for i, g in enumerate(known.groups)]
    return Hidden(np.unique(names, return_inverse=True)[1], place)


def neighbor_votes(
    vectors: NDArray,
    given: NDArray[np.int64],
    n_classes: int,
    hidden: Hidden,
    k: int,
    fold: NDArray[np.int64],
    metrics: tuple[LinearMetric, ...] = (),
) -> tuple[Probabilities, NDArray[np.int64]]:
    """Vote shares (n_objects, n_classes) and voters (n_objects, k) of every object; arguments as in `LabelVotes`."""
    n = len(vectors)
    share = np.full((n, n_classes), np.nan)
    near = np.full((n, k), -1, dtype=np.int64)
    for i, metric in enumerate(metrics or (None,)):
        own = np.flatnonzero(fold == i) if metric else np.arange(n)
        places = np.asarray(metric.transform(vectors) if metric else vectors, dtype=float)
        found, far = _nearest(places, own, hidden, k)
        first = far[:, 0][np.isfinite(far[:, 0]) & (far[:, 0] > 0)]
        unit = float(np.median(first)) if len(first) else 1.0
        voting = np.isfinite(far)
        with np.errstate(invalid="ignore"):
            weight = np.where(voting, np.exp((far[:, :1] - far) / unit), 0.0)
        votes = np.zeros((len(own), n_classes))
        np.add.at(votes, (np.arange(len(own))[:, None], given[found]), weight)
        heard = voting[:, 0]
        share[own[heard]] = votes[heard] / votes[heard].sum(axis=1, keepdims=True)
        near[own] = np.where(voting, found, -1)
    return share, near


def _nearest(
    places: NDArray[np.float64], rows: NDArray[np.int64], hidden: Hidden, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest of each row, nearest first, and their distances; infinite if there are fewer."""
    norms = (places**2).sum(axis=1)
    k_here = min(k, len(places))
    found = np.zeros((len(rows), k), dtype=np.int64)
    far = np.full((len(rows), k), np.inf)
    step = max(1, BLOCK // max(1, len(places)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        squared = np.maximum(norms[part][:, None] + norms - 2 * places[part] @ places.T, 0.0)
        squared[hidden.between(part)] = np.inf
        best = np.argpartition(squared, k_here - 1, axis=1)[:, :k_here]
        distance = np.take_along_axis(squared, best, axis=1)
        order = np.argsort(distance, axis=1, kind="stable")
        found[start : start + len(part), :k_here] = np.take_along_axis(best, order, axis=1)
        far[start : start + len(part), :k_here] = np.sqrt(np.take_along_axis(distance, order, axis=1))
    return found, far


@dataclass(frozen=True)
class LabelNoise:
    """Confident learning: the probability of each label, and the number of wrong labels.

    Attributes:
        given: Label of each object, a class number, shape (n_objects,).
        probability: Of each class for each object, predicted without its label; (n_objects, n_classes). Rows of NaN
            mean no evidence.

    Source:
        Northcutt, Jiang & Chuang 2021, JAIR 70, 1373: confident joint (eq. 1-2), its calibration (eq. 3), ranking by
        self-confidence and by normalised margin (section 3.2).
    """

    given: NDArray[np.int64]
    probability: Probabilities

    def __post_init__(self) -> None:
        if self.probability.ndim != 2 or len(self.given) != len(self.probability):
            raise ShapeError(
                f"LabelNoise: {len(self.given)} labels, probabilities {self.probability.shape}; expected one row each."
            )

    @cached_property
    def heard(self) -> NDArray[np.bool_]:
        """Mask of the objects with evidence."""
        return np.asarray(np.isfinite(self.probability).all(axis=1))

    @cached_property
    def self_confidence(self) -> NDArray[np.float64]:
        """Probability of the label of each object, shape (n_objects,); NaN without evidence."""
        return self.probability[np.arange(len(self.given)), self.given]

    @cached_property
    def best_other(self) -> NDArray[np.int64]:
        """The most probable class other than the label, shape (n_objects,)."""
        others = np.where(np.isnan(self.probability), -1.0, self.probability)
        others[np.arange(len(self.given)), self.given] = -2.0
        return others.argmax(axis=1)

    @cached_property
    def margin(self) -> NDArray[np.float64]:
        """Self-confidence minus the probability of the best other class, -1 to 1, shape (n_objects,)."""
        return self.self_confidence - self.probability[np.arange(len(self.given)), self.best_other]

    @cached_property
    def joint(self) -> NDArray[np.float64]:
        """Estimated number of objects with label i (row) and true class j (column); sums to the number of objects."""
        p, given, n = self.probability[self.heard], self.given[self.heard], self.probability.shape[1]
        own = [p[given == j, j] for j in range(n)]
        # An object counts for a class if its probability exceeds the mean of the members of the class (eq. 1).
        threshold = np.array([values.mean() if len(values) else np.inf for values in own])
        confident = np.where(p >= threshold, p, -1.0)
        counted = confident.max(axis=1, initial=-1.0) >= 0
        counts = np.zeros((n, n))
        np.add.at(counts, (given[counted], confident[counted].argmax(axis=1)), 1.0)
        total, have = np.bincount(given, minlength=n), counts.sum(axis=1)
        counts[have == 0] = np.eye(n)[have == 0]
        return counts * (total / counts.sum(axis=1))[:, None]

    @property
    def n_wrong(self) -> float:
        """Estimated number of wrong labels."""
        return float(self.joint.sum() - np.trace(self.joint))

    def suspects(self, limit: float = SUSPECT) -> NDArray[np.int64]:
        """Objects whose label is probably wrong, the least probable label first.

        Another class is more probable and the self-confidence is below the limit; at most `n_wrong` objects.
        """
        with np.errstate(invalid="ignore"):
            doubted = np.flatnonzero((self.margin < 0) & (self.self_confidence < limit))
        order = np.lexsort((self.margin[doubted], self.self_confidence[doubted]))
        return doubted[order][: int(np.ceil(self.n_wrong))]
