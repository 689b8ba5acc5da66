"""A ranking of candidates that learns from marks: a kernel machine on their vectors, started by a first ranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

#: Share of the mean variance that is mixed into each axis, and the power of the deviations that axes are divided by.
SHRINKAGE, POWER = 0.1, 0.5

#: Weight of the first ranking beside the vectors: its deviation in units of the mean length of a vector.
FIRST_WEIGHT = 0.25

#: Weights of the linear and the local part of the kernel, and the penalty of a mark on the wrong side.
LINEAR, LOCAL, PENALTY = 0.3, 1.0, 1.0

#: An unmarked candidate counts as this much of a "no", since most are none; so many of them at most.
UNMARKED, MOST_UNMARKED = 0.02, 2000

#: Parts in which marks are left out.
PARTS = 10

#: Candidates whose kernel is computed together.
BATCH = 4096


@dataclass(frozen=True)
class Candidates:
    """Spectra that may be targets.

    Attributes:
        object_id: Shape (n_candidates,), each once.
        vectors: By view, (n_candidates, n_dimensions).
        first: The first ranking, larger is more likely, (n_candidates,); its order alone is used.
    """

    object_id: NDArray[np.str_]
    vectors: Mapping[str, NDArray]
    first: Floats

    def __len__(self) -> int:
        return len(self.object_id)

    @classmethod
    def concatenate(cls, parts: list[Candidates]) -> Candidates:
        """Those of several batches; of an object that occurs twice the first.

        Raises:
            KnowledgeError: There are none.
        """
        if not parts or not sum(map(len, parts)):
            raise KnowledgeError(
                "no spectrum could be answered, so there is none to look at. Check the spectra."
            )
        ids = np.concatenate([part.object_id for part in parts])
        once = np.sort(np.unique(ids, return_index=True)[1])
        views = parts[0].vectors
        return cls(
            ids[once],
            {view: np.concatenate([part.vectors[view] for part in parts])[once] for view in views},
            np.concatenate([part.first for part in parts])[once],
        )


@dataclass(frozen=True)
class Marks:
    """Which candidates are marked.

    Attributes:
        yes, no: Places among the candidates.
        known_yes, known_no: Vectors by view of examples that are not candidates, (n, n_dimensions) each.
    """

    yes: Places
    no: Places
    known_yes: Mapping[str, NDArray] = field(default_factory=dict)
    known_no: Mapping[str, NDArray] = field(default_factory=dict)

    @property
    def places(self) -> Places:
        """Of all marked candidates, positives first."""
        return np.concatenate([self.yes, self.no])

    @property
    def truth(self) -> NDArray[np.bool_]:
        """Whether each of `places` is marked yes."""
        return np.arange(len(self.yes) + len(self.no)) < len(self.yes)


class Ranking:
    """Scores of candidates, fitted again whenever marks are added."""

    def __init__(self, candidates: Candidates) -> None:
        self.first = normal_scores(candidates.first)
        self._axes = {view: _axes(vectors) for view, vectors in candidates.vectors.items()}
        self.points = self._placed(candidates.vectors, self.first)

    def scores(self, marks: Marks) -> Floats:
        """Score of each candidate, (n_candidates,); the first ranking unless there is a yes.

        Above zero are those nearer to the positives than to the negatives.
        """
        if not self._positives(marks):
            return self.first
        return self._fitted(marks, marks.places)(self.points)

    def left_out(self, marks: Marks) -> Floats:
        """Score of each marked candidate by a model that has not seen its mark, (n_yes + n_no,)."""
        places, truth = marks.places, marks.truth
        scores = self.first[places]
        for part in range(PARTS):
            # Dealt in turn, so that each part has its share of the few positives.
            out = np.arange(len(places)) % PARTS == part
            rest = Marks(places[truth & ~out], places[~truth & ~out], marks.known_yes, marks.known_no)
            if out.any() and self._positives(rest):
                scores[out] = self._fitted(rest, rest.places)(self.points[places[out]])
        return scores

    def _positives(self, marks: Marks) -> int:
        return len(marks.yes) + len(next(iter(marks.known_yes.values()), ()))

    def _fitted(self, marks: Marks, seen: Places) -> _Machine:
        """The machine of these marks; candidates that are not `seen` are weak negatives."""
        unmarked = np.setdiff1d(np.arange(len(self.points)), seen)
        if len(unmarked) > MOST_UNMARKED:
            unmarked = np.random.default_rng(0).choice(unmarked, MOST_UNMARKED, replace=False)
        yes = [self.points[marks.yes], self._outside(marks.known_yes, 1.0)]
        no = [self.points[marks.no], self._outside(marks.known_no, -1.0)]
        points = np.concatenate([*yes, *no, self.points[unmarked]])
        n_yes, n_no = sum(map(len, yes)), sum(map(len, no))
        weight = np.where(np.arange(len(points)) < n_yes + n_no, 1.0, UNMARKED)
        return _Machine(points, np.arange(len(points)) < n_yes, weight)

    def _outside(self, vectors: Mapping[str, NDArray], side: float) -> Floats:
        """Examples from outside, at the end of the first ranking where they belong."""
        count = len(next(iter(vectors.values()), ()))
        if not count:
            return np.zeros((0, self.points.shape[1]))
        return self._placed(vectors, np.full(count, side * 2.0))

    def _placed(self, vectors: Mapping[str, NDArray], first: Floats) -> Floats:
        """Vectors of all views side by side with mean squared length 1, and the first ranking."""
        parts = [
            (np.asarray(vectors[view], np.float64) - mean) @ turn / np.sqrt(len(self._axes))
            for view, (mean, turn) in self._axes.items()
        ]
        return np.hstack([*parts, FIRST_WEIGHT * first[:, None]])


class _Machine:
    """A support vector machine with a kernel of a linear and a local part, fitted on points of mean length 1."""

    def __init__(self, points: Floats, truth: NDArray[np.bool_], weight: Floats) -> None:
        from sklearn.svm import SVC

        self._points = points
        fitted = SVC(C=PENALTY, kernel="precomputed").fit(
            _kernel(points, points), truth, sample_weight=weight
        )
        self._points = points[fitted.support_]
        self._dual, self._offset = fitted.dual_coef_[0], float(fitted.intercept_[0])

    def __call__(self, points: Floats) -> Floats:
        """Scores of points, (n,)."""
        parts = [
            _kernel(points[start : start + BATCH], self._points) @ self._dual + self._offset
            for start in range(0, len(points), BATCH)
        ]
        return np.concatenate([np.zeros(0), *parts])


def _kernel(left: Floats, right: Floats) -> Floats:
    product = left @ right.T
    distance = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * product
    return LINEAR * product + LOCAL * np.exp(-np.maximum(distance, 0.0))


def _axes(vectors: NDArray) -> tuple[Floats, Floats]:
    """Mean of vectors (n, d), and the turn (d, d) to principal axes, partly whitened, with mean squared length 1."""
    some = np.asarray(vectors, np.float64)
    mean = some.mean(axis=0)
    variance, turn = np.linalg.eigh((some - mean).T @ (some - mean) / len(some))
    level = float(np.maximum(variance, 0).mean()) or 1.0
    shrunk = (1 - SHRINKAGE) * np.maximum(variance, 0) / level + SHRINKAGE
    turn = turn / shrunk ** (POWER / 2)
    length = float(np.sqrt((((some - mean) @ turn) ** 2).sum(axis=1).mean())) or 1.0
    return mean, turn / length


def normal_scores(values: Floats) -> Floats:
    """Values as the quantiles of a normal distribution that their ranks have, (n,); equal ones stay equal."""
    from scipy.stats import norm, rankdata

    return np.asarray(norm.ppf((rankdata(values) - 0.5) / max(len(values), 1)), np.float64)
