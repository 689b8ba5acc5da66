"""Calibrated answers: probabilities of classes from distances, and from what the spectra themselves say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.inference.calibration.classes import classes_of, hunted, prior_of
from spectrove.inference.calibration.features import NEAREST, for_classes, quality_of
from spectrove.inference.calibration.model import Calibration, interval
from spectrove.inference.calibration.of_base import FittedCalibration
from spectrove.inference.neighbors.voting import TIE
from spectrove.inference.prediction import Prediction
from spectrove.knowledge import Neighbors
from spectrove.knowledge.classwise import ClassDistances
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: A spectrum belongs to none of the classes if its own measurement does at more than this probability.
ELSEWHERE = 0.9

#: A query is `far_from_all` if its nearest neighbour is farther than this factor times the distance that all but this
#: fraction of the known objects stay within, beyond the effect of its noise. A factor of 1.0 flags 1 to 2% of SDSS
#: galaxies of other fields and 3 to 4% of their rare classes; 1.3 flags .7%, and 0 of 174 LINERs.
FAR, FAR_TIMES = 0.01, 1.3


def answer(
    predictions: Sequence[Prediction],
    calibrated: FittedCalibration,
    views: Mapping[str, Embeddings],
    spectra: SpectrumSet,
) -> list[Prediction]:
    """The predictions with calibrated probabilities instead of vote shares.

    Args:
        predictions: From the vote, one for each spectrum.
        calibrated: From `calibration_for`; without a calibration the predictions are returned unchanged.
        views, spectra: Vectors and spectra of the queries.
    """
    calibration, pool = calibrated.calibration, calibrated.pool
    if not predictions:
        return []
    measured = calibrated.measure(spectra)
    if calibration is None or pool is None:
        return _flagged(predictions, calibrated, measured)
    classes = classes_of(calibration, pool.target)
    prior = prior_of(calibration, pool.target, pool.prevalence)
    distance = _aligned(_by_class(calibrated, calibration, views, spectra), calibration.classes)
    terms = _terms(calibrated, calibration, measured, spectra)
    evidence = calibration.evidence(distance, quality_of(spectra), terms)
    probability = calibration.probabilities(evidence, prior) @ classes.matrix
    if calibrated.witness is not None and measured is not None:
        # Measurements of no class of the base are evidence for none of its classes.
        elsewhere = calibrated.witness.outside(measured)[:, None]
        expected = (calibration.base_prior if prior is None else prior) @ classes.matrix
        probability = (1 - elsewhere) * probability + elsewhere * expected
    nearest = distance[:, :, 0].min(axis=1) > far_limit(calibration)
    p_distance, sets = calibration.p_distance(distance), calibration.sets(evidence[0])
    answers = [
        p
        if p.value is None
        else _calibrated(
            p, classes.names, probability[:, i], float(p_distance[i]), bool(nearest[i]), classes.among(sets[i]),
            pool.target,
        )
        for i, p in enumerate(predictions)
    ]  # fmt: skip
    alone = _each_alone(calibrated, calibration, evidence[0], terms, prior)
    if alone is not None:
        answers = [
            replace(p, witnesses={name: classes.shares(share[i]) for name, share in alone.items()})
            for i, p in enumerate(answers)
        ]
    return _flagged(answers, calibrated, measured)


def nearest_known(
    calibrated: FittedCalibration, neighbors: Neighbors, views: Mapping[str, Embeddings], spectra: SpectrumSet
) -> tuple[NDArray[np.float64], float]:
    """Distance of each query to the nearest of the objects that its calibration compares it with, and their unit.

    The distance, (n_queries,), is in this unit; the unit is a distance in the space of the search. `far_limit` is a
    limit on it.

    Args:
        neighbors: Of the same queries, in the whole base.
    """
    calibration = calibrated.calibration
    if calibration is None or calibration.among is None:
        return neighbors.distance[:, 0] / neighbors.scale, neighbors.scale
    found = _by_class(calibrated, calibration, views, spectra)
    return found.distance[:, :, 0].min(axis=1), found.scale


def _by_class(
    calibrated: FittedCalibration,
    calibration: Calibration,
    views: Mapping[str, Embeddings],
    spectra: SpectrumSet,
) -> ClassDistances:
    """Distances to the nearest objects of each subclass."""
    metrics, pool = calibrated.metric.metrics if calibrated.metric else (), calibrated.pool
    assert pool is not None  # whatever is calibrated is calibrated on objects searched
    return pool.base.search_by_class(
        views,
        NEAREST,
        spectra=spectra,
        metric=metrics,
        kinds=calibration.kinds,
        among=calibration.among,
        where=pool.where,
        **pool.arguments,
    )


def _terms(
    calibrated: FittedCalibration,
    calibration: Calibration,
    measured: NDArray[np.float64] | None,
    spectra: SpectrumSet,
) -> NDArray[np.float64] | None:
    """Features from the spectra themselves, (n_queries, n_kinds, n_terms); None without any."""
    parts = []
    witness = calibrated.witness
    if witness is not None and measured is not None and witness.name in calibration.report.witnesses:
        parts.append(witness.support(measured)[:, :, None])
    target = calibrated.pool.target if calibrated.pool else None
    if calibrated.residuals is not None and target is not None:
        signs = calibrated.residuals.signs(spectra)
        parts.append(for_classes(signs, hunted(calibration.kinds, calibration.classes, target)))
    return np.concatenate(parts, axis=2) if parts else None


def _each_alone(
    calibrated: FittedCalibration,
    calibration: Calibration,
    evidence: NDArray[np.float64],
    terms: NDArray[np.float64] | None,
    prior: NDArray[np.float64] | None,
) -> dict[str, NDArray[np.float64]] | None:
    """Probabilities by neighbours alone and by the witness alone, (n_queries, n_kinds); None if it is not used."""
    witness = calibrated.witness
    if terms is None or witness is None or calibration.report.witnesses != (witness.name,):
        return None
    own = calibration.witnessed(terms)
    return {
        "neighbours": calibration.probabilities(evidence - own, prior),
        witness.name: calibration.probabilities(own, prior),
    }


def _flagged(
    predictions: Sequence[Prediction], calibrated: FittedCalibration, measured: NDArray[np.float64] | None
) -> list[Prediction]:
    """The predictions, flagged if the witness cannot be measured or is of a class that the base lacks."""
    if calibrated.witness is None or measured is None:
        return list(predictions)
    covered = np.isfinite(measured).all(axis=1)
    elsewhere = calibrated.witness.outside(measured) > ELSEWHERE
    flags = np.where(covered, np.where(elsewhere, "lines_elsewhere", ""), "")
    flags = np.where(covered | (not calibrated.required), flags, "lines_not_covered")
    return [
        replace(p, flags=(*p.flags, flag)) if flag else p
        for p, flag in zip(predictions, flags.tolist(), strict=True)
    ]


def far_limit(calibration: Calibration) -> float:
    """The scaled nearest-neighbour distance beyond which a query is `far_from_all`."""
    return FAR_TIMES * float(np.quantile(calibration.own, 1 - FAR)) if len(calibration.own) else np.inf


def _aligned(found: ClassDistances, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Distances to the classes of the calibration; infinite for a class that the search did not find."""
    if found.classes == classes:
        return found.distance
    distance = np.full((len(found.distance), len(classes), found.distance.shape[2]), np.inf)
    for j, name in enumerate(classes):
        if name in found.classes:
            distance[:, j] = found.distance[:, found.classes.index(name)]
    return distance


def _calibrated(
    prediction: Prediction,
    classes: tuple[str, ...],
    probability: NDArray[np.float64],
    p_distance: float,
    far: bool,
    inside: tuple[str, ...],
    target: Target | None,
) -> Prediction:
    """One prediction; `probability` is (1 + n_resampled, n_classes)."""
    shares = dict(zip(classes, probability[0].tolist(), strict=True))
    best = max(shares, key=lambda name: (shares[name] > max(shares.values()) - TIE, name == prediction.value))
    told = classes.index(target.positive if target else best)
    low, high = interval(probability[0, [told]], probability[1:, [told]])
    flags = prediction.flags
    if far and "far_from_all" not in flags:
        flags = (*flags, "far_from_all")
    return replace(
        prediction,
        value=best,
        probabilities=shares,
        interval=(float(low[0]), float(high[0])),
        is_target=None if target is None else shares[target.positive] >= target.limit - TIE,
        flags=flags,
        calibrated=True,
        p_distance=p_distance,
        set=inside,
    )
