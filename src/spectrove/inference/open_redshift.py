"""Answers for spectra with an uncertain redshift estimate: averages over the candidate redshifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.inference import Prediction
from spectrove.inference.neighbors.voting import LEVEL, TIE
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import CORE_COLUMNS, SpectrumSet

#: Largest number of redshifts used, including the best, and the least weight of one.
MOST, LEAST_WEIGHT = 4, 0.01


#: One redshift, its weight, and the answer there; None without an answer.
_Option = tuple[float, float, Prediction | None]


def over_redshifts(
    predictions: Sequence[Prediction],
    spectra: SpectrumSet,
    redshifts: Mapping[str, RedshiftEstimate],
    ask: Callable[[SpectrumSet], Sequence[Prediction]],
    threshold: float | None = None,
) -> list[Prediction]:
    """The predictions, averaged over the candidate redshifts of spectra with an uncertain redshift.

    Probabilities are the weighted mean over the answers at `RedshiftEstimate.plausible`. The interval spans those at
    the redshifts with most of the weight, and the set of classes is the union. Neighbours, flags and `p_distance` are
    those at the best redshift. Spectra at another redshift than the estimate are unchanged.

    Args:
        predictions: At the best redshifts.
        spectra: The queries.
        redshifts: Redshift estimates by object id, of spectra without a redshift.
        ask: Function from spectra at given redshifts to answers.
        threshold: Least probability of a target; None without a target.
    """
    place = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    options: dict[str, list[_Option]] = {}
    for p in predictions:
        estimate = redshifts.get(p.object_id)
        if estimate is None or not p.probabilities or spectra.z[place[p.object_id]] != estimate.z:
            continue
        found = estimate.plausible(MOST, LEAST_WEIGHT)
        if len(found) > 1:
            options[p.object_id] = [(*found[0], p), *((z, weight, None) for z, weight in found[1:])]
    for j in range(1, MOST):
        names = [name for name, its in options.items() if len(its) > j]
        if not names:
            break
        at = spectra.take(np.array([place[name] for name in names]))
        for answer in ask(_moved(at, [options[name][j][0] for name in names])):
            its = options[answer.object_id]
            its[j] = (*its[j][:2], answer if answer.probabilities else None)
    return [
        _averaged(p, options[p.object_id], threshold) if p.object_id in options else p for p in predictions
    ]


def _moved(spectra: SpectrumSet, z: list[float]) -> SpectrumSet:
    place = spectra.rows.column_names.index("z")
    return spectra.with_rows(spectra.rows.set_column(place, "z", pa.array(z, CORE_COLUMNS["z"])))


def _averaged(best: Prediction, options: Sequence[_Option], threshold: float | None) -> Prediction:
    said = [(weight, p) for _, weight, p in options if p is not None]
    total = sum(weight for weight, _ in said)
    names = dict.fromkeys(name for _, p in said for name in p.probabilities)
    mean = {n: sum(weight * p.probabilities.get(n, 0.0) for weight, p in said) / total for n in names}
    value = max(mean, key=lambda name: (mean[name] > max(mean.values()) - TIE, name == best.value))
    asked = best.positive if best.positive is not None else value
    ends, before = [mean[asked]], 0.0
    for weight, p in sorted(said, key=lambda one: -one[0]):
        if before < LEVEL * total:  # those that together have most of the weight
            known = p.interval if p.interval and asked in (p.positive, p.value) else None
            ends += known or [p.probabilities.get(asked, 0.0)]
        before += weight
    sets = [p.set for _, p in said if p.set is not None]
    if all(p.none_of_these for _, p in said):
        return replace(best, redshifts=_listed(options, asked))
    return replace(
        best,
        value=value,
        probabilities=mean,
        interval=(min(ends), max(ends)),
        reason_no_interval="",
        is_target=None if threshold is None else mean[asked] >= threshold - TIE,
        set=tuple(n for n in names if any(n in s for s in sets)) if sets else None,
        none_of_these="",
        redshifts=_listed(options, asked),
    )


def _listed(options: Sequence[_Option], asked: str) -> tuple[dict[str, Any], ...]:
    """Each redshift with its weight and the probability there."""
    return tuple(
        {"z": z, "weight": weight, "probability": None if p is None else p.probabilities.get(asked, 0.0)}
        for z, weight, p in options
    )
