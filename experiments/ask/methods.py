"""Ways of ranking spectra by their likeness to examples: Spectrove's, and those it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from spectrove.galaxies.domain import GALAXIES
from spectrove.inference.examples.background import Background, fit_axes
from spectrove.inference.examples.measured import Measured
from spectrove.inference.examples.model import fit_examples

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

#: Strength of every logistic regression (scikit-learn's C), on whitened vectors.
STRENGTH = 0.01


#: What is measured in the spectra themselves.
OWN = "own lines"

#: Trees of the forest that learns marks.
TREES = 50


@dataclass(frozen=True)
class Fold:
    """The base and the queries of one fold: vectors by view, and labels that only `labelled` may read.

    Attributes:
        base, queries: Vectors by view.
        truth: Of the base's objects: 1 wanted, 0 not, -1 unknown.
        own: What the spectra of the base, and those of the queries, say themselves, (n, n_states) each; None to compare
            vectors alone.
        kept: What a method prepares once a fold.
    """

    base: Mapping[str, NDArray]
    queries: Mapping[str, NDArray]
    truth: NDArray[np.int64]
    own: tuple[Floats, Floats] | None = None
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What was made under this name."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    @property
    def background(self) -> Background:
        """The base as Spectrove sees it."""

        def make() -> Background:
            names = np.array([f"{i:06d}" for i in range(len(self.truth))])
            axes = {view: fit_axes(x) for view, x in self.base.items()}
            states = GALAXIES.witnesses[GALAXIES.likeness].states
            measured = None if self.own is None else Measured(OWN, states, self.own[0])
            return Background(names, self.base, axes, measured)

        return self.once("background", make)

    def scaled(self, *views: str) -> tuple[Floats, Floats]:
        """Vectors of base and queries side by side, each view in units of its median nearest-neighbour distance."""

        def make() -> tuple[Floats, Floats]:
            unit = {view: _nearest(self.base[view]) for view in views}
            return tuple(
                np.hstack([np.asarray(x[view], float) / unit[view] for view in views])
                for x in (self.base, self.queries)
            )  # type: ignore[return-value]

        return self.once(f"scaled {views}", make)

    def whitened(self) -> tuple[Floats, Floats]:
        """Whitened vectors of both, all views side by side."""

        def make() -> tuple[Floats, Floats]:
            axes = self.background.axes
            return tuple(
                np.hstack([axes[view].coordinates(x[view], 1.0) for view in axes])
                for x in (self.base, self.queries)
            )  # type: ignore[return-value]

        return self.once("whitened", make)


def _nearest(vectors: NDArray) -> float:
    """Median distance of an object to its nearest neighbour."""
    x = np.asarray(vectors[:512], float)
    square = (x**2).sum(1)[:, None] + (x**2).sum(1) - 2 * x @ x.T
    np.fill_diagonal(square, np.inf)
    return float(np.sqrt(np.median(np.maximum(square.min(1), 0)))) or 1.0


def spectrove(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """`hunt --like`."""
    known = fold.background
    model = fold.kept["model"] = fit_examples(known, known.of(yes), known.of(no), yes)
    return model.score(fold.queries if fold.own is None else {**fold.queries, OWN: fold.own[1]})


def vectors_alone(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """`hunt --like --witness none`."""
    known = fold.once("vectors alone", lambda: replace(fold.background, measured=None))
    return fit_examples(known, known.of(yes), known.of(no), yes).score(fold.queries)


def mean_vector(*views: str) -> Callable[[Fold, Rows, Rows, int], Floats]:
    """Nearest to the mean vector of the examples; negatives push away as in Rocchio's rule."""

    def score(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
        base, queries = fold.scaled(*views)
        wanted = base[yes].mean(0)
        found = -np.linalg.norm(queries - wanted, axis=1)
        return found + (0.5 * np.linalg.norm(queries - base[no].mean(0), axis=1) if len(no) else 0.0)

    return score


def nearest_example(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """Nearest to any positive, less near to any negative."""
    base, queries = fold.scaled("shape", "surprise")
    near = np.min([np.linalg.norm(queries - base[i], axis=1) for i in yes], axis=0)
    far = np.min([np.linalg.norm(queries - base[i], axis=1) for i in no], axis=0) if len(no) else 0.0
    return far - near


def logistic(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """Logistic regression of the examples; against the whole base where there are no negatives."""
    base, queries = fold.whitened()
    others = no if len(no) else np.setdiff1d(np.arange(len(base)), yes)
    x, y = base[np.concatenate([yes, others])], np.r_[np.ones(len(yes)), np.zeros(len(others))]
    fitted = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500).fit(x, y)
    return fitted.decision_function(queries)


def forest_and_clicks(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """Isolation forest, re-ranked by a random forest of the marks near what was marked (after astronomaly).

    Source:
        Lochner & Bassett 2021, Astronomy and Computing 36, 100481: the score of the anomaly detector counts far from
        every marked object, the regression of the marks near them. Without negatives the base's most ordinary objects
        stand for them, as many as there are positives.
    """
    base, queries = fold.scaled("shape", "surprise")
    made = fold.once("forest", lambda: IsolationForest(random_state=0).fit(base))
    own, odd = fold.once("odd", lambda: (made.score_samples(base), -made.score_samples(queries)))
    plain = no if len(no) else np.argsort(-own)[: len(yes)]
    x, y = base[np.r_[yes, plain]], np.r_[np.ones(len(yes)), np.zeros(len(plain))]
    marks = _trees(x, y, queries, seed)
    gap = np.min([np.linalg.norm(queries - one, axis=1) for one in x], axis=0) / np.median(
        np.linalg.norm(base - base.mean(0), axis=1)
    )
    odd = (odd - odd.min()) / max(np.ptp(odd), 1e-12)
    return marks * np.exp(-gap) + odd * (1 - np.exp(-gap))


def _trees(x: Floats, y: Floats, queries: Floats, seed: int) -> Floats:
    """A random forest of fifty trees, grown one by one: of so few marks scikit-learn's spends its time elsewhere."""
    rng = np.random.RandomState(seed)
    x32, asked = x.astype(np.float32), queries.astype(np.float32)
    found = np.zeros(len(queries))
    with config_context(skip_parameter_validation=True):
        for _ in range(TREES):
            rows = rng.randint(len(x), size=len(x))
            tree = DecisionTreeRegressor(random_state=rng.randint(2**31 - 1))
            found += tree.fit(x32[rows], y[rows], check_input=False).tree_.predict(asked)[:, 0]
    return found / TREES


def labelled(fold: Fold, yes: Rows, no: Rows, seed: int) -> Floats:
    """Logistic regression of all labels of the base: what a fully labelled hunt can reach with these vectors."""

    def make() -> Floats:
        base, queries = fold.whitened()
        known = fold.truth >= 0
        fitted = LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=500)
        return fitted.fit(base[known], fold.truth[known]).decision_function(queries)

    return fold.once("labelled", make)


METHODS: dict[str, Callable[[Fold, Rows, Rows, int], Floats]] = {
    "spectrove": spectrove,
    "vectors alone": vectors_alone,
    "mean vector, shape": mean_vector("shape"),
    "mean vector, both": mean_vector("shape", "surprise"),
    "nearest example": nearest_example,
    "logistic": logistic,
    "forest + clicks": forest_and_clicks,
    "all labels": labelled,
}
