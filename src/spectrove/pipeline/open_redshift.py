"""Answers about spectra whose estimated redshift is uncertain: every redshift that is left open has its say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from spectrove.inference import Prediction
from spectrove.inference.redshift import RedshiftEstimate
from spectrove.inference.voting import LEVEL, TIE
from spectrove.spectra import CORE_COLUMNS, SpectrumSet

#: Redshifts that are asked at, the best among them, and the least weight that one needs.
MOST, LEAST_WEIGHT = 4, 0.01


def over_redshifts(
    predictions: Sequence[Prediction],
    spectra: SpectrumSet,
    redshifts: Mapping[str, RedshiftEstimate],
    ask: Callable[[SpectrumSet], Sequence[Prediction]],
    threshold: float | None = None,
) -> list[Prediction]:
    """The predictions; of spectra whose redshift is open, averaged over the redshifts that it may be.

    Probabilities are the mean over `RedshiftEstimate.plausible`; the interval spans those at the redshifts that carry
    most of the weight, and the set of classes is that of all of them. Neighbours stay those at the best redshift.

    Args:
        predictions: At the best redshifts.
        spectra: What was asked about.
        redshifts: Object id to estimate, of those that came without a redshift.
        ask: Answers spectra at the redshifts that they are given.
        threshold: From which probability an object is a target; None where nothing is hunted.
    """
    open_ = {
        p.object_id: redshifts[p.object_id].plausible(MOST, LEAST_WEIGHT)
        for p in predictions
        if p.object_id in redshifts and p.value is not None
    }
    said: dict[str, list[tuple[float, float, Prediction]]] = {}
    for p in predictions:
        if len(options := open_.get(p.object_id, ())) > 1:
            said[p.object_id] = [(*options[0], p)]
    place = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    for j in range(1, MOST):
        names = [name for name in said if len(open_[name]) > j]
        if not names:
            break
        z = [open_[name][j][0] for name in names]
        for answer in ask(_moved(spectra.take(np.array([place[name] for name in names])), z)):
            if answer.value is not None:
                said[answer.object_id].append((*open_[answer.object_id][j], answer))
    return [_averaged(p, said[p.object_id], threshold) if p.object_id in said else p for p in predictions]


def _moved(spectra: SpectrumSet, z: list[float]) -> SpectrumSet:
    place = spectra.rows.column_names.index("z")
    return spectra.with_rows(spectra.rows.set_column(place, "z", pa.array(z, CORE_COLUMNS["z"])))


def _averaged(
    best: Prediction, said: Sequence[tuple[float, float, Prediction]], threshold: float | None
) -> Prediction:
    """One prediction out of (z, weight, prediction at that redshift), the best first."""
    weight = np.array([w for _, w, _ in said])
    weight = weight / weight.sum()
    names = dict.fromkeys(name for _, _, p in said for name in p.probabilities)
    mean = {
        n: float(sum(w * p.probabilities.get(n, 0.0) for w, (*_, p) in zip(weight, said, strict=True)))
        for n in names
    }
    value = max(mean, key=lambda name: (mean[name] > max(mean.values()) - TIE, name == best.value))
    asked = best.positive if best.positive is not None else value
    likely = np.cumsum(weight) - weight < LEVEL  # those that carry most of the weight together
    ends = [
        end
        for counts, (*_, p) in zip(likely, said, strict=True)
        for end in ((p.interval or ()) if counts else ())
    ]
    sets = [p.set for *_, p in said if p.set is not None]
    return replace(
        best,
        value=value,
        probabilities=mean,
        interval=(min(*ends, mean[asked]), max(*ends, mean[asked])) if ends else best.interval,
        is_target=None if threshold is None else mean[asked] >= threshold - TIE,
        set=tuple(n for n in names if any(n in s for s in sets)) if sets else None,
        redshifts=tuple(
            {"z": z, "weight": float(w), "probability": p.probabilities.get(asked, 0.0)}
            for w, (z, _, p) in zip(weight, said, strict=True)
        ),
    )
