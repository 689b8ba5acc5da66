"""A linear metric fitted on the labels of a base: the directions of a vector that separate its classes.

The transformed vector consists of the scores of a regularised multinomial logistic regression, followed by the vector
itself on a smaller scale: near objects are likely to be of one class, and among those similar. The encoder is not
retrained, and no query takes part.

Chosen by measurement (819 galaxies of five classes, folds by group, K = 3, all settings chosen on the training
groups; macro F1 / F1 of LINERs): plain neighbours .79 / .45, shrinkage LDA .81 / .50, neighbourhood components
.80 / .48, this form .84 / .59; on vectors of PCA .77 / .47, .81 / .55, .81 / .51, .85 / .64.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spectrove.cores import in_threads
from spectrove.errors import ShapeError
from spectrove.inference.metric.softmax import fit_softmax
from spectrove.provenance import hash_arrays
from spectrove.statistics import equal_limit, folds_by_group, thinned
from spectrove.work import counted

#: Inverse penalties of the regression that are tried.
STRENGTHS = (0.02, 0.05, 0.1, 0.3, 1.0, 3.0)

#: Weights of the vector itself that are tried; none is 0, so that neighbours remain similar.
BLENDS = (0.1, 0.25, 0.5, 1.0, 2.0)

#: Neighbours that vote in the cross-validation; fixed, so that the metric does not depend on the K of a question.
VOTERS = 5
FOLDS = 5

#: Repetitions with other folds in a small base, to reduce the scatter of the scores.
MOST_REPEATS = 4

#: Most objects in the cross-validation; of more objects the frequent classes are thinned.
MOST_OBJECTS = 4000

#: Most objects in the final regression.
MOST_FITTED = 50_000

#: A class with fewer objects gets no direction, nor do the rarest if there are more than MOST_CLASSES.
FEWEST = 5
#: Of the gradient of quick regressions: their coefficients are then good to about 1e-6, and to .01 where a strength is
#: chosen by them.
TOLERANCE, JUDGING = 1e-7, 1e-2

#: Multiplications in one step of Newton's method that are affordable: some seconds. Of twelve thousand objects in five
#: classes ten steps of half a second suffice; the steps of L-BFGS to the same digits take half a minute.
NEWTON = 1e11

#: From so many on, the regressions without one fold begin where that of the first ended, which saves most steps.
GOING_ON = 5e9
MOST_CLASSES = 32

#: Classes with fewer objects do not count for the decision on the metric: their F1 is too noisy.
JUDGED = 20

#: Objects from which the unit of distance is measured.
SCALE_SAMPLE = 256


@dataclass(frozen=True)
class LinearMetric:
    """A linear change of coordinates before distances are measured: (vector - mean) @ matrix.

    Attributes:
        matrix: Shape (n_dimensions, n_new), float64.
        mean: Shape (n_dimensions,), float64.
    """

    matrix: NDArray[np.float64]
    mean: NDArray[np.float64]

    @cached_property
    def fingerprint(self) -> str:
        """Identifies the metric."""
        return hash_arrays({"matrix": self.matrix, "mean": self.mean})[:16]

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.mean.shape != self.matrix.shape[:1]:
            raise ShapeError(
                f"LinearMetric: matrix {self.matrix.shape}, mean {self.mean.shape}; expected (d, m) and (d,)."
            )

    @cached_property
    def _used(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """For each dimension the new coordinates that it enters, and its weights in them, (n_used, 1)."""
        used = [np.flatnonzero(row) for row in self.matrix]
        return [(u, row[u, None]) for u, row in zip(used, self.matrix, strict=True)]

    def transform(self, vectors: NDArray) -> NDArray[np.float32]:
        """The vectors in the new coordinates, shape (n, n_new); no row depends on another, to the last bit."""
        if vectors.ndim != 2 or vectors.shape[1] != len(self.mean):
            raise ShapeError(f"LinearMetric: vectors {vectors.shape}, expected (n, {len(self.mean)}).")
        centred = np.asarray(vectors, dtype=np.float64) - self.mean
        columns, result = np.ascontiguousarray(centred.T), np.zeros((self.matrix.shape[1], len(centred)))
        # Dimension by dimension: a matrix product rounds differently for different numbers of rows. Most of a matrix
        # is zero, because a dimension enters the scores and its own place only.
        for column, (used, weights) in zip(columns, self._used, strict=True):
            result[used] += weights * column
        return np.ascontiguousarray(result.T.astype(np.float32))

    def roughly(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """The same by a matrix product in float32, which takes a tenth of the time; rows depend on one another."""
        return (vectors - self.mean.astype(np.float32)) @ self.matrix.astype(np.float32)


@dataclass(frozen=True)
class MetricReport:
    """Quality of a metric, cross-validated by group.

    Attributes:
        helps: Whether the macro F1 of the vote is larger than with plain distances.
        f1: Macro F1 with the metric; the settings of each fold are chosen on the other folds.
        plain_f1: The same with plain distances, on the same folds.
        error: Standard error of `f1 - plain_f1`, from the folds of one repetition.
        strength, blend: The chosen settings, see STRENGTHS and BLENDS.
        n_objects, n_folds, repeats, voters: Size of the cross-validation.
        classes: The classes that have a direction.
        reason: Why there is no metric, a sentence; "" if there is one.
    """

    helps: bool
    f1: float = float("nan")
    plain_f1: float = float("nan")
    error: float = float("nan")
    strength: float = float("nan")
    blend: float = float("nan")
    n_objects: int = 0
    n_folds: int = 0
    repeats: int = 0
    voters: int = VOTERS
    classes: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        plain = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}
        return plain | {"classes": list(self.classes)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> MetricReport:
        """The report from the output of `to_dict`."""
        numbers = {k: float("nan") if v is None else v for k, v in values.items()}
        return cls(**numbers | {"classes": tuple(values["classes"])})


def fit_metric(
    vectors: NDArray,
    labels: Sequence[str | None] | NDArray,
    groups: Sequence[Any] | NDArray,
    *,
    classes: Sequence[str | None] | NDArray | None = None,
    seed: int = 0,
    quick: bool = False,
) -> tuple[LinearMetric, MetricReport]:
    """The best metric for a vote on these labels, and its quality.

    Args:
        vectors: Shape (n, d), of known objects only.
        labels: Class name of each object; objects with None or "" are not used.
        groups: Group of each object that is kept on one side of a fold; None or "" for an
            object without a group.
        classes: Classes of the vote if they are coarser than `labels` (the classes of a target); None for objects
            without a vote. Finer labels give the better metric.
        seed: Of the folds and of the thinning.
        quick: Fit by `softmax`, whose last digits are others than those of metrics fitted before.

    Returns:
        The metric and the report. If no metric can be fitted, it leaves vectors unchanged and the report says why.
    """
    vectors = np.asarray(vectors, dtype=np.float64)
    fine = _names(labels)
    coarse = fine if classes is None else _names(classes)
    group = _group_names(groups)
    if not len(vectors) == len(fine) == len(coarse) == len(group):
        raise ShapeError(
            f"fit_metric: {len(vectors)} vectors, {len(fine)} labels, {len(coarse)} classes, {len(group)} groups."
        )
    known = np.flatnonzero((fine != "") & (coarse != ""))
    sample = known[_thin(fine[known], MOST_OBJECTS, seed)]
    reason = _unfit(fine[sample], coarse[sample], group[sample])
    if reason:
        return _no_change(vectors), MetricReport(helps=False, n_objects=len(sample), reason=reason)
    chosen = known[_thin(fine[known], MOST_FITTED, seed)]
    # One thread: the matrices are small, and threads that wait for each other on a busy machine took twenty times as
    # long.
    with threadpool_limits(1), _unwarned():
        report = _cross_validate(vectors[sample], fine[sample], coarse[sample], group[sample], seed, quick)
        metric = _fit(vectors[chosen], fine[chosen], report.strength, report.blend, quick=quick)
    return metric, replace(report, classes=tuple(_lasting(fine[chosen]).tolist()))


def fold_metrics(
    vectors: NDArray,
    labels: Sequence[str | None] | NDArray,
    fold: NDArray[np.int64],
    n_folds: int,
    report: MetricReport,
    *,
    seed: int = 0,
    quick: bool = False,
) -> list[LinearMetric]:
    """Metrics fitted without the labels of each fold, with the settings of `report`.

    A known object is answered with the metric of its own fold, so that its label has no effect on its answer.
    """
    vectors, fine = np.asarray(vectors, dtype=np.float64), _names(labels)
    first: list[NDArray[np.float64]] = []

    def without(i: int) -> LinearMetric:
        others = np.flatnonzero((fine != "") & (fold != i))
        others = others[_thin(fine[others], MOST_FITTED, seed)]
        if len(_lasting(fine[others])) < 2:
            return _no_change(vectors)
        return _fit(vectors[others], fine[others], report.strength, report.blend, first, quick=quick)

    parts = iter(counted("fitting it without each part of the base", n_folds))
    with threadpool_limits(1), _unwarned():
        metrics = [without(next(parts))]
        for metric, _ in zip(in_threads(without, range(1, n_folds)), parts, strict=True):
            metrics.append(metric)
    return metrics


# --- the metric ---------------------------------------------------------------------------------------------


def _fit(
    vectors: NDArray[np.float64],
    labels: NDArray[np.str_],
    strength: float,
    blend: float,
    first: list[NDArray[np.float64]] | None = None,
    *,
    quick: bool = False,
) -> LinearMetric:
    mean, scores = next(_scores(vectors, labels, (strength,), exact=True, first=first, quick=quick))
    identity = np.eye(vectors.shape[1]) * (blend / _size(vectors))
    return LinearMetric(np.hstack([scores, identity]), mean)


def _scores(
    vectors: NDArray[np.float64],
    labels: NDArray[np.str_],
    strengths: Sequence[float],
    *,
    exact: bool = False,
    first: list[NDArray[np.float64]] | None = None,
    quick: bool = False,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Mean (d,) and directions of the regression (d, n_classes), with unit total variance, for each strength.

    Each regression begins where the one before ended. With scikit-learn's own tolerance, which is enough to choose a
    strength, vectors that differ by 1e-7, as those of another batch do, gave directions that differ by 1e-2; converged
    ones differ by less than 1e-5.

    Args:
        strengths: Inverse strengths of the penalty, increasing.
        exact: Converge to the last digits, by Newton's method where that is affordable.
        first: Coefficients and intercepts of a similar regression, where a long one begins; they are put in if it is
            empty. Quick ones do not need it.
        quick: As in `fit_metric`.
    """
    from sklearn.linear_model import LogisticRegression

    mean, width = vectors.mean(axis=0), vectors.std(axis=0)
    width[width == 0] = 1.0
    lasting = np.isin(labels, _lasting(labels))
    n_classes = len(np.unique(labels[lasting]))
    if n_classes < 2:  # a fold of a small base may lack a class
        yield from [(mean, np.zeros((vectors.shape[1], 1)))] * len(strengths)
        return
    scaled = (vectors[lasting] - mean) / width
    if quick:
        code = np.unique(labels[lasting], return_inverse=True)[1]
        fitted = None
        for strength in strengths:
            # Both rows of two classes are penalised, where scikit-learn has one.
            own = strength / 2 if n_classes == 2 else strength
            fitted = fit_softmax(scaled, code, own, TOLERANCE if exact else JUDGING, fitted)
            directions = fitted.coef[:, :-1].T / width[:, None]
            yield mean, directions / _size((vectors - mean) @ directions)
        return
    step = len(scaled) * (vectors.shape[1] * n_classes) ** 2
    newton = exact and step < NEWTON
    model = LogisticRegression(
        solver="newton-cholesky" if newton else "lbfgs",
        max_iter=10_000 if exact else 300,
        tol=1e-9 if exact else 1e-4,
        warm_start=len(strengths) > 1 or bool(first),
    )
    if first and step >= GOING_ON and len(first[0]) == (1 if n_classes == 2 else n_classes):
        model.coef_, model.intercept_ = first
    for strength in strengths:
        coef = model.set_params(C=strength).fit(scaled, labels[lasting]).coef_
        if first is not None and not first:
            first += [model.coef_, model.intercept_]
        coef = np.vstack([-coef, coef]) if len(coef) == 1 else coef
        directions = (coef / width).T
        yield mean, directions / _size((vectors - mean) @ directions)


@contextmanager
def _unwarned() -> Iterator[None]:
    """Without the warning of a regression that was stopped before it converged. Not for several threads at once."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _size(vectors: NDArray[np.float64]) -> float:
    """Square root of the total variance; 1 if that is zero."""
    return float(np.sqrt(vectors.var(axis=0).sum())) or 1.0


def _lasting(labels: NDArray[np.str_]) -> NDArray[np.str_]:
    """The classes with a direction."""
    names, counts = np.unique(labels, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:MOST_CLASSES]
    return np.sort(names[frequent][counts[frequent] >= FEWEST])


def _no_change(vectors: NDArray[np.float64]) -> LinearMetric:
    return LinearMetric(np.eye(vectors.shape[1]), np.zeros(vectors.shape[1]))


def _unfit(fine: NDArray[np.str_], coarse: NDArray[np.str_], group: NDArray[np.str_]) -> str:
    """Why no metric can be fitted; "" if one can."""
    if len(_lasting(fine)) < 2 or len(_lasting(coarse)) < 2:
        return f"Fewer than two classes have {FEWEST} objects."
    if (n := len(np.unique(group))) < 2:
        return f"All labelled objects share {n} group, so nothing can be cross-validated."
    return ""


# --- its quality --------------------------------------------------------------------------------------------


def _cross_validate(
    vectors: NDArray[np.float64], fine: NDArray, coarse: NDArray, group: NDArray, seed: int, quick: bool
) -> MetricReport:
    """The settings with the smallest squared error of the votes, and their scores on folds not used to choose them."""
    names, truth = np.unique(coarse, return_inverse=True)
    repeats = int(np.clip(MOST_OBJECTS // len(vectors), 1, MOST_REPEATS))
    folds = min(FOLDS, len(np.unique(group)))
    loss = np.zeros((repeats, folds, 1 + len(STRENGTHS) * len(BLENDS)))
    counts = np.zeros((*loss.shape, len(names), 3))
    divided = [folds_by_group(group, folds, seed=seed + r) for r in range(repeats)]

    def tried(trial: int) -> None:
        r, f = divmod(trial, folds)
        base, asked = np.flatnonzero(divided[r] != f), np.flatnonzero(divided[r] == f)
        votes = _trials(vectors[base], fine[base], truth[base], vectors[asked], len(names), quick)
        for i, share in enumerate(votes):
            loss[r, f, i] = ((share - np.eye(len(names))[truth[asked]]) ** 2).sum()
            counts[r, f, i] = _tally(truth[asked], share.argmax(axis=1), len(names))

    trials = range(repeats * folds)
    for _ in zip(counted("cross-validating it", len(trials)), in_threads(tried, trials), strict=True):
        pass
    frequent = np.bincount(truth, minlength=len(names)) >= JUDGED
    counts = counts[..., frequent if frequent.sum() > 1 else np.ones(len(names), dtype=bool), :]
    chosen = int(loss[..., 1:].sum(axis=(0, 1)).argmin())
    # Each fold is scored with the settings chosen on the others; the best of many on the same objects would be biased.
    others = 1 + (loss[..., 1:].sum(axis=1, keepdims=True) - loss[..., 1:]).argmin(axis=2)
    fitted = np.take_along_axis(counts, others[..., None, None, None], axis=2)[:, :, 0]
    plain = counts[:, :, 0]
    f1, plain_f1 = (float(np.mean([_macro_f1(c.sum(axis=0)) for c in x])) for x in (fitted, plain))
    return MetricReport(
        helps=f1 > plain_f1,
        f1=f1,
        plain_f1=plain_f1,
        error=float(np.mean([_gain_error(a, b) for a, b in zip(fitted, plain, strict=True)])),
        strength=STRENGTHS[chosen // len(BLENDS)],
        blend=BLENDS[chosen % len(BLENDS)],
        n_objects=len(vectors),
        n_folds=folds,
        repeats=repeats,
    )


def _trials(
    base: NDArray, fine: NDArray, truth: NDArray, asked: NDArray, n_classes: int, quick: bool
) -> Iterator[NDArray[np.float64]]:
    """Vote shares (n_asked, n_classes) with plain distances, then with every strength and blend in order."""
    sample = np.linspace(0, len(base) - 1, min(SCALE_SAMPLE, len(base))).astype(int)
    own = np.concatenate([asked, base[sample]])
    itself = (len(asked) + np.arange(len(sample)), sample)
    plain = _squared(own, base) / _size(base) ** 2
    yield _shares(plain, len(asked), itself, truth, n_classes)
    for _, directions in _scores(base, fine, STRENGTHS, quick=quick):
        scored = _squared(own @ directions, base @ directions)
        for blend in BLENDS:
            yield _shares(scored + blend**2 * plain, len(asked), itself, truth, n_classes)


def _squared(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * (a @ b.T)
    return np.maximum(squared, 0.0)


def _shares(
    squared: NDArray[np.float64],
    n_asked: int,
    itself: tuple[NDArray, NDArray],
    truth: NDArray,
    n_classes: int,
) -> NDArray[np.float64]:
    """Vote shares with weights e^-d, distances in units of the nearest-neighbour distance of the base."""
    known = squared[n_asked:].copy()
    known[itself[0] - n_asked, itself[1]] = np.inf
    unit = float(np.sqrt(np.median(known.min(axis=1)))) or 1.0
    k = min(VOTERS, squared.shape[1])
    near = np.argpartition(squared[:n_asked], k - 1, axis=1)[:, :k]
    x = np.sqrt(np.take_along_axis(squared[:n_asked], near, axis=1)) / unit
    weight = np.exp(x.min(axis=1, keepdims=True) - x)
    weight /= weight.sum(axis=1, keepdims=True)
    share = np.zeros((n_asked, n_classes))
    np.add.at(share, (np.arange(n_asked)[:, None], truth[near]), weight)
    return share


def _tally(truth: NDArray, called: NDArray, n: int) -> NDArray[np.float64]:
    """True positives, predicted and true members of each class, shape (n_classes, 3)."""
    hits = np.bincount(truth[truth == called], minlength=n)
    return np.stack([hits, np.bincount(called, minlength=n), np.bincount(truth, minlength=n)], axis=1).astype(
        float
    )


def _macro_f1(counts: NDArray[np.float64]) -> float:
    """Mean F1 over the classes, of counts (..., n_classes, 3)."""
    return float((2 * counts[:, 0] / np.maximum(counts[:, 1] + counts[:, 2], 1)).mean())


def _gain_error(fitted: NDArray[np.float64], plain: NDArray[np.float64]) -> float:
    """Standard error of the gain in macro F1, from leaving out one fold at a time.

    Source:
        The jackknife: Efron & Stein (1981), Annals of Statistics 9, 586.
    """
    n = len(fitted)
    a, b = fitted.sum(axis=0), plain.sum(axis=0)
    left = np.array([_macro_f1(a - fitted[f]) - _macro_f1(b - plain[f]) for f in range(n)])
    return float(np.sqrt((n - 1) / n * ((left - left.mean()) ** 2).sum()))


# --- names --------------------------------------------------------------------------------------------------


def _names(values: Sequence[Any] | NDArray) -> NDArray[np.str_]:
    """Text of each value, "" if unknown."""
    listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return np.array(["" if v is None or v != v else str(v) for v in listed], dtype=str)


def _group_names(groups: Sequence[Any] | NDArray) -> NDArray[np.str_]:
    names = _names(groups)
    alone = np.array([f"\x00{i}" for i in range(len(names))], dtype=str)
    return np.where(names == "", alone, names) if len(names) else names


def _thin(labels: NDArray[np.str_], most: int, seed: int) -> NDArray[np.int64]:
    """Positions of at most `most` objects, in order: rare classes complete, frequent ones thinned equally."""
    if len(labels) <= most:
        return np.arange(len(labels))
    _, counts = np.unique(labels, return_counts=True)
    limit = equal_limit(counts, most)
    return thinned(labels, np.random.default_rng(seed).permutation(len(labels)), limit)
