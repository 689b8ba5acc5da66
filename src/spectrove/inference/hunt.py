"""Hunt: which spectra are what a target describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ShapeError, TargetError
from spectrove.inference.classify import label_array, no_votes, vote_flags, votes
from spectrove.inference.prediction import Prediction
from spectrove.inference.voting import TIE, Ballot, share_interval, vote
from spectrove.knowledge import Neighbors
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target


def hunt(
    neighbors: Neighbors | Sequence[Neighbors], target: Target, *, spectra: SpectrumSet | None = None
) -> list[Prediction]:
    """For each query the probability of the target's class, and whether it reaches the threshold.

    Args:
        neighbors: From `KnowledgeBase.search(..., target=target)`; one per view where the target names
            several, over the same queries. The views' votes are then averaged, each with equal weight.
        target: What is hunted.
        spectra: The queries; only their redshift and its source are read, and only to be shown.

    Raises:
        TargetError: The neighbours lack the label column, or a prior cannot be applied.
    """
    views = [neighbors] if isinstance(neighbors, Neighbors) else list(neighbors)
    _check(views, target)
    heard = [_ask(view, target) for view in views]
    redshifts = _redshifts(spectra)
    return [_prediction(heard, target, redshifts, i) for i in range(len(views[0]))]


@dataclass(frozen=True)
class _Heard:
    """The neighbours of one view, what they say, and how the vote came out."""

    neighbors: Neighbors
    labels: NDArray[np.object_]
    groups: NDArray[np.object_]
    ballot: Ballot


def _ask(view: Neighbors, target: Target) -> _Heard:
    labels = label_array(view, target.label)
    groups = np.array(target.classes_of(labels.ravel()), dtype=object).reshape(labels.shape)
    ballot = vote(
        view.distance,
        groups,
        classes=list(target.classes),
        weighting=target.weighting,
        normalise=target.normalise,
        scale=view.scale,
    )
    return _Heard(view, labels, groups, ballot)


def _check(views: list[Neighbors], target: Target) -> None:
    if not views or any(list(v.query_id) != list(views[0].query_id) for v in views):
        raise ShapeError(
            f"hunt {target.name}: the views' neighbours must be of the same queries in the same order."
        )
    if target.prior and not all(set(target.classes) <= set(view.pool) for view in views):
        raise TargetError(
            f"target {target.name}: its prior needs to know how many of each class were searched. "
            "Search with target=... so that the neighbours say so."
        )


def _prediction(
    heard: list[_Heard], target: Target, redshifts: dict[str, tuple[float | None, str | None]], i: int
) -> Prediction:
    neighbors = heard[0].neighbors
    object_id = str(neighbors.query_id[i])
    z, z_source = redshifts.get(object_id, (None, None))
    ballots = [h.ballot for h in heard if h.ballot.winner[i] is not None]
    cautions = [flag for h in heard for flag in vote_flags(h.neighbors, h.groups, i)]
    known = Prediction(
        object_id=object_id,
        label=target.label,
        value=None,
        probabilities={},
        interval=None,
        reason_no_interval=no_votes(target.label),
        neighbors=tuple(
            one
            for h in heard
            for one in votes(h.neighbors, h.labels, h.groups, h.ballot.weight / max(len(ballots), 1), i)
        ),
        flags=tuple(dict.fromkeys(cautions)),
        target=target.name,
        positive=target.positive,
        is_target=False,
        z=z,
        z_source=z_source,
    )
    return _answered(known, ballots, target, neighbors.pool, i) if ballots else known


def _answered(
    known: Prediction, ballots: list[Ballot], target: Target, pool: dict[str, int], i: int
) -> Prediction:
    """The prediction with what the ballots say of query `i`."""
    shares = {
        name: float(np.mean([ballot.share[i, j] for ballot in ballots]))
        for j, name in enumerate(ballots[0].classes)
    }
    n = float(np.mean([ballot.n_effective[i] for ballot in ballots]))
    probabilities = with_prior(shares, target.prior, pool) if target.prior else shares
    p = probabilities[target.positive]
    return replace(
        known,
        value=_value(probabilities, ballots[0].winner[i]),
        probabilities=probabilities,
        interval=_interval(shares[target.positive], p, n, target, pool),
        reason_no_interval="",
        is_target=p >= target.threshold - TIE,
        n_effective=n,
    )


def _value(probabilities: dict[str, float], winner: str | None) -> str:
    """The most probable class; among equals the vote's winner, then the first in the alphabet."""
    top = max(probabilities.values())
    best = sorted(name for name, p in probabilities.items() if p >= top - TIE)
    return winner if winner is not None and winner in best else best[0]


def with_prior(shares: dict[str, float], prior: dict[str, float], pool: dict[str, int]) -> dict[str, float]:
    """Class probabilities for a population with other fractions than the base's.

    A base with one LINER in two and a survey with one in fifty: a vote share is worth less there.

    Args:
        shares: Class to share of the votes.
        prior: Class to its fraction in the population; all above 0.
        pool: Class to the number of such objects that were searched.

    Source:
        Bayes' theorem for a changed prior: Saerens, Latinne & Decaestecker (2002), Neural Computation 14,
        21, equation 2.4.
    """
    scaled = {name: p * prior[name] / max(pool[name], 1) if p > 0 else 0.0 for name, p in shares.items()}
    total = sum(scaled.values())
    return {name: p / total for name, p in scaled.items()}


def _interval(
    share: float, probability: float, n: float, target: Target, pool: dict[str, int]
) -> tuple[float, float]:
    """The share's interval, moved by the prior in the way the share itself was."""
    low, high = share_interval(share, n)
    if not target.prior:
        return low, high
    prior, searched, total = target.prior[target.positive], pool[target.positive], sum(pool.values())
    if TIE < share < 1 - TIE and 0 < probability < 1:
        factor = probability / (1 - probability) / (share / (1 - share))
    else:  # the odds say nothing; use those of the class against all others together
        factor = prior / (1 - prior) * max(total - searched, 1) / max(searched, 1)
    low, high = (p * factor / (p * factor + 1 - p) for p in (low, high))
    return max(0.0, min(low, probability)), min(1.0, max(high, probability))


def _redshifts(spectra: SpectrumSet | None) -> dict[str, tuple[float | None, str | None]]:
    if spectra is None:
        return {}
    sources = spectra.column("z_source")
    return {
        str(object_id): (float(z) if np.isfinite(z) else None, source)
        for object_id, z, source in zip(spectra.object_id, spectra.z, sources, strict=True)
    }
