"""What a hunt by example says of one spectrum: its score and probability, the nearest examples, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.examples.background import Background, Vectors
from spectrove.inference.examples.measured import states_of
from spectrove.inference.examples.model import ExampleModel
from spectrove.inference.prediction import Prediction, Vote

Floats = NDArray[np.float64]

#: Examples of either kind that an answer names.
NAMED = 3

#: The two classes of a hunt by example.
LIKE, UNLIKE = "like", "unlike"


@dataclass(frozen=True)
class ExampleAnswer(Prediction):
    """How much one spectrum is like the examples.

    Attributes:
        score: Log-likelihood ratio, like the examples against any object of the base.
        among_base: Fraction of the base's objects that score as high.
        why: A sentence.
        reason_not_calibrated: Why the probability is not calibrated, a sentence; nothing labelled was read.
        region_distance: Rms difference from the examples in the regions asked for, as a fraction of the continuum; None
            if none were, NaN where they are not covered.
    """

    score: float = math.nan
    among_base: float = math.nan
    why: str = ""
    reason_not_calibrated: str = ""
    region_distance: float | None = None

    @property
    def rank(self) -> tuple[float, float]:
        """Sort key: larger is more alike."""
        return self.score, 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as printed by `hunt --like --json`."""
        region = {} if self.region_distance is None else {"region_distance": self.region_distance}
        return {
            "object_id": self.object_id,
            "score": self.score,
            "probability": self.probability,
            "interval": None if self.interval is None else list(self.interval),
            "calibrated": self.calibrated,
            "reason_not_calibrated": self.reason_not_calibrated,
            "among_base": self.among_base,
            "z": self.z,
            "why": self.why,
            "neighbors": [
                {"object_id": v.object_id, "distance": v.distance, "label": v.label} for v in self.neighbors
            ],
            "flags": list(self.flags),
            **region,
        }


@dataclass(frozen=True)
class Given:
    """The examples that could be used.

    Attributes:
        yes_id, no_id: Their ids, in the order of the model's vectors.
        scales: Unit of distance of each view.
        cautions: Sentences on examples that were left out or look odd.
        title: What was asked for, in short.
    """

    yes_id: tuple[str, ...]
    no_id: tuple[str, ...]
    scales: Mapping[str, float]
    cautions: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """ "like A, B and 3 more"."""
        more = f" and {len(self.yes_id) - 2} more" if len(self.yes_id) > 2 else ""
        return f"like {', '.join(self.yes_id[:2])}{more}"


def distances(vectors: Vectors, others: Vectors, scales: Mapping[str, float]) -> Floats:
    """Distances over all views in units of their nearest neighbours, (n, n_others)."""
    total = np.zeros((len(next(iter(vectors.values()))), len(next(iter(others.values())))))
    for view, scale in scales.items():
        a, b = (np.asarray(v[view], dtype=np.float64) for v in (vectors, others))
        total += ((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T) / scale**2
    return np.sqrt(np.maximum(total, 0))


def answers_of(
    object_id: Sequence[str],
    vectors: Vectors,
    model: ExampleModel,
    given: Given,
    terms: Floats | None = None,
    score: Floats | None = None,
) -> list[ExampleAnswer]:
    """An answer for each object with these vectors by view.

    Args:
        terms: What regions add to the scores, (n,).
        score: Scores where they are known already, (n,).
    """
    parts = model.parts(vectors)
    if score is None:
        score = np.sum(list(parts.values()), axis=0)
    score = score if terms is None else score + terms
    near, far = distances(vectors, model.yes, given.scales), distances(vectors, model.no, given.scales)
    probability, among = model.probability_at(score), model.among_base(score)
    low, high = model.interval_at(score)
    views = {
        v: np.sum([p for c, p in parts.items() if c.view == v], axis=0) for v in model.background.compared
    }
    own = _own_sentences(model, vectors)
    made = []
    for i, name in enumerate(object_id):
        votes = _votes(given.yes_id, near[i], LIKE) + _votes(given.no_id, far[i], UNLIKE)
        by_view = {view: float(part[i]) for view, part in views.items()}
        p = float(probability[i])
        made.append(
            ExampleAnswer(
                str(name), "example", LIKE if p >= 0.5 else UNLIKE, {LIKE: p, UNLIKE: 1 - p},
                (float(low[i]), float(high[i])), "", votes, target=given.title, positive=LIKE, is_target=p >= 0.5,
                score=float(score[i]), among_base=float(among[i]), why=_why(votes, by_view, float(among[i]), own[i]),
                reason_not_calibrated=model.reason,
            )
        )  # fmt: skip
    return made


def _votes(names: Sequence[str], distance: Floats, label: str) -> tuple[Vote, ...]:
    order = np.argsort(distance, kind="stable")[:NAMED]
    return tuple(
        Vote(names[j], float(distance[j]), 1.0 if label == LIKE else 0.0, label, label) for j in order
    )


def _own_sentences(model: ExampleModel, vectors: Vectors) -> list[str]:
    """What each object itself says beside the examples, "own lines (LINER 0.93, the examples 0.88)"; "" if nothing."""
    own = model.background.measured
    objects = len(next(iter(vectors.values())))
    if own is None:
        return [""] * objects
    examples, said = states_of(model.yes[own.title]), []
    for shares in np.asarray(vectors[own.title]):
        best = int(np.argmax(np.nan_to_num(shares) * examples))
        known = bool(np.isfinite(shares).all())
        said.append(
            f"{own.title} ({own.states[best]} {shares[best]:.2f}, the examples {examples[best]:.2f})"
            if known
            else ""
        )
    return said


def _why(votes: Sequence[Vote], by_view: Mapping[str, float], among: float, own: str) -> str:
    """Nearest examples, the view that says most, and how many objects of the base are as alike."""
    nearest = next(v for v in votes if v.label == LIKE)
    view = max(by_view, key=lambda name: by_view[name])
    said = f"Nearest to {nearest.object_id} (d {nearest.distance:.3g})"
    if unlike := next((v for v in votes if v.label == UNLIKE), None):
        side = "farther from" if unlike.distance > nearest.distance else "but nearer still to"
        said += f", {side} {unlike.object_id}, which is unlike (d {unlike.distance:.3g})"
    if by_view[view] <= 0:
        return f"{said}; no view shows what the examples have in common."
    most = own if own.startswith(view) else view
    return f"{said}; most alike in {most}; {among:.2%} of the base are as alike."


def cautions_of(
    yes: Vectors,
    yes_id: Sequence[str],
    background: Background,
    model: ExampleModel,
    scales: Mapping[str, float],
) -> list[str]:
    """Sentences on what is odd about the positives: identical, of two kinds, one alone, or little in common."""
    said = []
    between = distances(yes, yes, scales)
    if len(yes_id) > 1 and between.max() < 1e-3:
        said.append(f"the {len(yes_id)} examples are the same spectrum and count as one.")
    elif len(yes_id) > 1 and (pair := _two_kinds(between, background, scales)):
        i, j, share = pair
        said.append(
            f"the examples look like two kinds: {yes_id[i]} and {yes_id[j]} are farther from each other than "
            f"{share:.0%} of the base's pairs. Hunt for each kind alone if that is meant."
        )
    said += _far_from_all(yes, yes_id, background, scales)
    if len(yes_id) == 1:
        said.append(f"one example ({yes_id[0]}) cannot say what matters in it: every view counts the same.")
    if len(yes_id) > 1 and min(w.exponent for w in model.weighted) > LITTLE_IN_COMMON:
        said.append(
            "the examples have little in common that the base's other objects have not; more would help."
        )
    return said


#: Examples whose distance exceeds that of this share of the base's pairs are of two kinds.
APART = 0.95

#: Exponent above which the best comparison hardly tells the examples from the base.
LITTLE_IN_COMMON = 0.75

#: Pairs of the base whose distances are compared.
_PAIRS = 400


def _far_from_all(
    yes: Vectors, yes_id: Sequence[str], background: Background, scales: Mapping[str, float]
) -> list[str]:
    """A sentence on the examples whose nearest object of the base is farther than is usual there."""
    rows = np.linspace(0, len(background) - 1, min(len(background), _PAIRS)).astype(int)
    some = {view: vectors[rows] for view, vectors in background.vectors.items()}
    between = distances(some, background.vectors, scales)
    between[np.arange(len(rows)), rows] = np.inf
    limit = float(np.quantile(between.min(axis=1), FAR))
    own = distances(yes, background.vectors, scales)
    place = background.rows(list(yes_id))
    own[np.flatnonzero(place >= 0), place[place >= 0]] = np.inf
    far = [name for name, gap in zip(yes_id, own.min(axis=1), strict=True) if gap > limit]
    if not far:
        return []
    verb = "is" if len(far) == 1 else "are"
    return [
        f"{', '.join(far)} {verb} farther from everything known than {FAR:.0%} of the base's objects are from each "
        "other: the base may hold nothing of the kind, and then the list is of whatever is least unlike."
    ]


#: An example is far if its nearest object is farther than that of this share of the base.
FAR = 0.99


def _two_kinds(
    between: Floats, background: Background, scales: Mapping[str, float]
) -> tuple[int, int, float] | None:
    """The two examples farthest apart, and the share of pairs of the base that are nearer, if that is large."""
    rows = np.linspace(0, len(background) - 1, min(len(background), _PAIRS)).astype(int)
    some = {view: vectors[rows] for view, vectors in background.vectors.items()}
    known = distances(some, some, scales)[np.triu_indices(len(rows), 1)]
    i, j = np.unravel_index(int(np.argmax(between)), between.shape)
    share = float((known < between[i, j]).mean())
    return (int(i), int(j), share) if share > APART else None
