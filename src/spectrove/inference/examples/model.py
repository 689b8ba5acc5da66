"""A score from a few examples: ways of comparing, each weighted by how well it finds one example from the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.examples.background import FEWEST, Background, Vectors
from spectrove.inference.examples.comparisons import Comparison, comparisons_of
from spectrove.inference.examples.share import Purity, Share, estimate_share

Floats = NDArray[np.float64]

#: Pseudo-examples with which every comparison begins, and the exponent they speak for: 1 would be no use at all.
PRIOR_COUNT, PRIOR_EXPONENT = 1.0, 0.5

#: Most parts in which examples are left out in turn.
MOST_PARTS = 10

#: A way of comparing in which the examples stand at ranks f times larger than in the best one counts f^-SHARPNESS of
#: it. Of 0, .5, 1, 2 and 3.3 the best for classes and simulated outliers together, on two mock surveys
#: (seeds 100 and 101).
SHARPNESS = 1.0

#: How far the log of a rank goes on beyond the first of the base.
BEYOND = 3.0


@dataclass(frozen=True)
class Weighted:
    """A comparison and what it is worth.

    Attributes:
        exponent: a of the density a u^(a-1) of the examples' ranks u among the base, 0 to 1: at 1 it says nothing.
        count: How much it counts beside the best one, 0 to 1, see `_counts`.
        known: Sorted likeness of the base's objects that can be compared, (n_known,).
    """

    comparison: Comparison
    exponent: float
    known: Floats
    count: float = 1.0

    def terms(self, likeness: Floats) -> Floats:
        """Log-likelihood ratio of objects with this likeness, (n,); 0 where it is NaN, which says nothing."""
        found = np.zeros(len(likeness))
        here = np.isfinite(likeness)
        if self.exponent < 1:
            found[here] = self.at(log_rank(self.known, likeness[here]))
        return found

    def at(self, log_rank: Floats) -> Floats:
        """The same at log ranks, (n,)."""
        found: Floats = self.count * (np.log(self.exponent) + (self.exponent - 1) * log_rank)
        return found


@dataclass(frozen=True)
class ExampleModel:
    """What some examples have in common, against the background of a base.

    Attributes:
        background: The objects of the base.
        yes, no: Vectors of the examples by view, (n_yes, n_dimensions), (n_no, n_dimensions).
        weighted: The comparisons.
        background_score: Scores of the base's objects, (n_background,); examples among them were left out.
        share: Of such objects in the base.
        sorted_score: Scores of the base's objects that are no examples, ascending.
        reason: Why `probability` is not calibrated, a sentence.
    """

    background: Background
    yes: Vectors
    no: Vectors
    weighted: tuple[Weighted, ...]
    background_score: Floats
    share: Share
    sorted_score: Floats
    reason: str = ""

    def score(self, vectors: Vectors) -> Floats:
        """Log-likelihood ratio of objects with these vectors by view, (n,); larger is more like the examples."""
        return np.asarray(np.sum(list(self.parts(vectors).values()), axis=0), dtype=np.float64)

    def parts(self, vectors: Vectors) -> dict[Comparison, Floats]:
        """The terms of the score, (n,) each."""
        return {
            w.comparison: w.terms(w.comparison.likeness(self.background, vectors, self.yes, self.no))
            for w in self.weighted
        }

    def among_base(self, score: Floats) -> Floats:
        """Share of the base's objects that score as high, (n,), above 0."""
        known = self.sorted_score
        above = len(known) - np.searchsorted(known, score - 1e-9)
        return np.asarray((above + 0.5) / (len(known) + 0.5), dtype=np.float64)

    def probability(self, vectors: Vectors) -> Floats:
        """Posterior probability of objects with these vectors by view, at the share of the base, (n,)."""
        return self.probability_at(self.score(vectors))

    def probability_at(self, score: Floats) -> Floats:
        """The same of objects with these scores, (n,)."""
        return self.share.probability(log_rank(self.sorted_score, score))

    def interval_at(self, score: Floats) -> tuple[Floats, Floats]:
        """Ends of the 68% intervals of the probabilities of objects with these scores, (n,) each."""
        return self.share.interval(log_rank(self.sorted_score, score))

    def purity_at(self, score: Floats) -> Purity:
        """Expected share of positives among objects with these scores, (n,), as an interval."""
        return self.share.purity(log_rank(self.sorted_score, score))


def fit_examples(
    background: Background,
    yes: Vectors,
    no: Vectors | None = None,
    own: NDArray | None = None,
    *,
    prevalence: float | None = None,
) -> ExampleModel:
    """The model of some examples.

    Args:
        background: Of the base, see `background_of`.
        yes: Vectors of positives by view, (n_yes, n_dimensions) each, in one order; one at least.
        no: Of negatives likewise; may be empty.
        own: Row of each positive in the background, -1 for one that is not there, (n_yes,).
        prevalence: Share of such objects, where it is known.

    Raises:
        KnowledgeError: There is no positive, or a view is missing.
    """
    yes, no = _checked(background, yes), _checked(background, no or _none(yes))
    count = len(next(iter(yes.values())))
    if not count:
        raise KnowledgeError(
            "no positive example could be used, expected one or more. Name objects that have vectors."
        )
    rows = np.full(count, -1) if own is None else np.asarray(own)
    others = np.setdiff1d(np.arange(len(background)), rows[rows >= 0])
    ways = comparisons_of(background)
    likeness = [way.of_base(background, yes, no) for way in ways]
    ranks = np.stack([_left_out_ranks(background, way, yes, no, others) for way in ways])
    weighted, left_out, scores = [], np.zeros(count), np.zeros(len(background))
    for way, alike, own_ranks, counts in zip(ways, likeness, ranks, _counts(ranks), strict=True):
        known = np.sort(alike[others][np.isfinite(alike[others])])
        told = np.isfinite(own_ranks)
        exponent = _exponent(own_ranks[told]) if len(known) >= FEWEST else 1.0
        weighted.append(Weighted(way, exponent, known, float(counts)))
        scores += weighted[-1].terms(alike)
        left_out[told] += weighted[-1].at(own_ranks[told])
    scores[rows[rows >= 0]] = left_out[rows >= 0]
    known = np.sort(scores[others])
    share = estimate_share(log_rank(known, left_out) if count > 1 else np.zeros(0), prevalence)
    return ExampleModel(
        background, yes, no, tuple(weighted), scores, share, known, _reason(count, share, prevalence)
    )


def log_rank(known: Floats, likeness: Floats) -> Floats:
    """Log of the share of the known objects that are at least as alike, (n,); known is sorted.

    It changes smoothly, so that no rounding decides. An object more alike than every known one goes on beyond the
    first of them, at most by `BEYOND`.
    """
    count = len(known)
    inside = np.interp(likeness, known, np.log((count - np.arange(count) - 0.5) / count))
    unit = max(float(known[-1] - known[-max(2, count // 20)]), 1e-12)
    return inside - np.clip((likeness - known[-1]) / unit, 0.0, BEYOND)


def _left_out_ranks(
    background: Background, comparison: Comparison, yes: Vectors, no: Vectors, others: NDArray[np.int64]
) -> Floats:
    """Log rank of each positive among the base by its likeness to the others, (n_yes,).

    NaN where it cannot be compared: of a single one, of one in which nothing is measured, or of one that differs from
    the others in what is.
    """
    count = len(yes[comparison.view])
    ranks = np.full(count, np.nan)
    for part in _parts(count) if count > 1 else ():
        rest = {view: vectors[~part] for view, vectors in yes.items()}
        there = comparison.of_base(background, rest, no)[others]
        there = np.sort(there[np.isfinite(there)])
        asked = {view: vectors[part] for view, vectors in yes.items()}
        alike = comparison.likeness(background, asked, rest, no)
        if len(there) >= FEWEST:
            ranks[part] = np.where(np.isfinite(alike), log_rank(there, alike), np.nan)
    return ranks


def _counts(ranks: Floats) -> Floats:
    """How much each way of comparing counts, (n_ways,), from the log ranks of the examples in each, (n_ways, n_yes).

    The best counts wholly, another one the less the larger the ranks are in it (`SHARPNESS`, geometric means). Ways
    that find little would else outvote it: there are six of vectors, and most kinds show in one or two of them. An
    example that a way cannot compare stands last in it.
    """
    mean: Floats = np.nan_to_num(ranks).mean(axis=1)
    counts: Floats = np.exp(-SHARPNESS * (mean - mean.min()))
    return counts


def _parts(count: int) -> Iterator[NDArray[np.bool_]]:
    """Which examples are left out together, one after the other."""
    part = np.arange(count) % min(count, MOST_PARTS)
    return (part == i for i in range(part.max() + 1))


def _exponent(ranks: Floats) -> float:
    """Posterior mean of a in the density a u^(a-1) of ranks u, from log u, with a gamma prior, at most 1."""
    return min(1.0, (len(ranks) + PRIOR_COUNT) / (PRIOR_COUNT / PRIOR_EXPONENT - ranks.sum()))


def _checked(background: Background, vectors: Vectors) -> dict[str, NDArray]:
    if missing := [name for name in background.compared if name not in vectors]:
        raise KnowledgeError(
            f"examples have no {', '.join(missing)}, expected {', '.join(background.compared)}."
        )
    return {name: np.asarray(vectors[name], dtype=np.float64) for name in background.compared}


def _none(yes: Mapping[str, NDArray]) -> dict[str, NDArray]:
    """No vectors, of the same lengths."""
    return {view: vectors[:0] for view, vectors in yes.items()}


def _reason(count: int, share: Share, prevalence: float | None) -> str:
    if prevalence is not None:
        return "no label was read: the probability follows the prevalence that was given and how kinds end in mocks."
    examples = f"{count} example{'s' * (count > 1)}"
    return (
        f"no label was read: the share of the base that {examples} speak{'s' * (count == 1)} for, {share.value:.2g} "
        f"[{share.low:.2g} {share.high:.2g}], and how kinds end in mocks decide it. Mark some with --review, or give "
        "--prevalence if you know it."
    )
