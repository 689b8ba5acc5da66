"""Hunt: the spectra that belong to the class of a target."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import TargetError
from spectrove.inference.neighbors.classify import label_array, metric_name, no_votes, vote_flags, votes
from spectrove.inference.neighbors.voting import TIE, Ballot, share_interval, vote
from spectrove.inference.prediction import Prediction
from spectrove.knowledge import Neighbors
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target


def hunt(neighbors: Neighbors, target: Target, *, spectra: SpectrumSet | None = None) -> list[Prediction]:
    """Probability of the hunted class for each query, and whether it reaches the threshold.

    Args:
        neighbors: From `KnowledgeBase.search(..., target=target)`.
        target: The target.
        spectra: The queries; only redshift and its source are read, for display.

    Raises:
        TargetError: The neighbours lack the label column, or the prior cannot be applied.
    """
    if (target.prior or target.prevalence) and not set(target.classes) <= set(neighbors.pool):
        what = "prior" if target.prior else "prevalence"
        raise TargetError(
            f"target {target.name}: its {what} needs the number of objects searched in each class. "
            "Search with target=... so that the neighbours carry these numbers."
        )
    labels = label_array(neighbors, target.label)
    groups = np.array(target.classes_of(labels.ravel()), dtype=object).reshape(labels.shape)
    ballot = vote(
        neighbors.distance,
        groups,
        classes=list(target.classes),
        weighting=target.weighting,
        normalise=target.normalise,
        scale=neighbors.scale,
    )
    known = _known(neighbors, target, _redshifts(spectra), labels, groups, ballot)
    return [_answered(p, ballot, target, neighbors.pool, i) for i, p in enumerate(known)]


def _known(
    neighbors: Neighbors,
    target: Target,
    redshifts: dict[str, tuple[float | None, str | None]],
    labels: NDArray,
    groups: NDArray,
    ballot: Ballot,
) -> Iterator[Prediction]:
    """Prediction of each query before the vote, with id, flags and redshift."""
    for i, object_id in enumerate(neighbors.query_id.tolist()):
        z, z_source = redshifts.get(object_id, (None, None))
        yield Prediction(
            object_id=object_id,
            label=target.label,
            value=None,
            probabilities={},
            interval=None,
            reason_no_interval=no_votes(target.label),
            neighbors=votes(neighbors, labels, groups, ballot.weight, i),
            flags=vote_flags(neighbors, groups, i),
            target=target.name,
            positive=target.positive,
            is_target=False,
            z=z,
            z_source=z_source,
            metric=metric_name(neighbors),
        )


def _answered(known: Prediction, ballot: Ballot, target: Target, pool: dict[str, int], i: int) -> Prediction:
    """The prediction with the result of the vote on query `i`."""
    if ballot.winner[i] is None:
        return known
    shares = {name: float(p) for name, p in zip(ballot.classes, ballot.share[i], strict=True)}
    n = float(ballot.n_effective[i])
    prior = target.population(pool)
    probabilities = with_prior(shares, prior, pool) if prior else shares
    p = probabilities[target.positive]
    return replace(
        known,
        value=_value(probabilities, ballot.winner[i]),
        probabilities=probabilities,
        interval=_interval(shares[target.positive], p, n, target, pool),
        reason_no_interval="",
        is_target=p >= target.limit - TIE,
        n_effective=n,
    )


def _value(probabilities: dict[str, float], winner: str | None) -> str:
    """The most probable class; of equal ones the winner of the vote, else the first in the alphabet."""
    top = max(probabilities.values())
    best = sorted(name for name, p in probabilities.items() if p >= top - TIE)
    return winner if winner is not None and winner in best else best[0]


def with_prior(shares: dict[str, float], prior: dict[str, float], pool: dict[str, int]) -> dict[str, float]:
    """Class probabilities for a population with other class fractions than the base.

    If half of the base but one in fifty objects of a survey are LINERs, a vote share means a lower probability there.

    Args:
        shares: Vote share of each class.
        prior: Fraction of each class in the population; all above 0.
        pool: Number of searched objects of each class.

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
    """Interval of the vote share, transformed by the prior like the share itself."""
    low, high = share_interval(share, n)
    population = target.population(pool)
    if not population:
        return low, high
    prior, searched, total = population[target.positive], pool[target.positive], sum(pool.values())
    if TIE < share < 1 - TIE and 0 < probability < 1:
        factor = probability / (1 - probability) / (share / (1 - share))
    else:  # the odds are undefined; use those of the class against all others together
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
