"""A question to a base, and how it is answered: prepare, embed, search, predict.

`Question.answer` is the path of every classification and hunt, from top to bottom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Domain
from spectrove.encoders import Encoder
from spectrove.inference.calibration.answer import answer as calibrate
from spectrove.inference.calibration.answer import far_limit, nearest_known
from spectrove.inference.calibration.of_base import FittedCalibration
from spectrove.inference.embed import Embedded, embed_queries
from spectrove.inference.far import Far, less_noise
from spectrove.inference.metric.of_base import FittedMetric
from spectrove.inference.neighbors.classify import classify
from spectrove.inference.neighbors.hunt import hunt
from spectrove.inference.open_redshift import over_redshifts
from spectrove.inference.pool import Pool
from spectrove.inference.prediction import Prediction
from spectrove.inference.verdict import with_verdicts
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target


@dataclass(frozen=True)
class Vote:
    """How the votes of neighbours become shares in a classification; a target says so itself."""

    weighting: str = "exp"
    normalise: str = "sum"


@dataclass(frozen=True)
class Question:
    """A classification or a hunt, whatever the spectra: it can be asked again with another K, or without an object.

    Attributes:
        pool: The objects searched.
        domain: The kind of light.
        encoders: View to the encoder of its vectors.
        metric, calibration: Of distances and of probabilities, fitted on the base.
        votes: How votes become shares, in a classification.
        redshifts: Estimates for queries without a redshift, by object id.
    """

    pool: Pool
    domain: Domain
    encoders: Mapping[str, Encoder]
    metric: FittedMetric = field(default_factory=FittedMetric)
    calibration: FittedCalibration = field(default_factory=FittedCalibration)
    votes: Vote = field(default_factory=Vote)
    redshifts: Mapping[str, RedshiftEstimate] = field(default_factory=dict)

    def answer(
        self, spectra: SpectrumSet, k: int | None = None, without: str = ""
    ) -> tuple[Embedded, Neighbors, list[Prediction]]:
        """Embedded spectra, their neighbours and predictions, in one order.

        If an estimated redshift is uncertain, the prediction is the mean over its candidates.

        Args:
            k: Neighbours of each query; the target's, or 3, if None.
            without: Id of an object that is left out of the search, though not of metric and calibration.
        """
        embedded, neighbors, predictions = self._answer_at(spectra, k, without)
        if self.redshifts:
            predictions = over_redshifts(
                predictions, embedded.spectra, self.redshifts,
                lambda moved: self._answer_at(moved, k, without)[2], self.target.limit if self.target else None,
            )  # fmt: skip
        return embedded, neighbors, predictions

    def with_signs(self, predictions: Sequence[Prediction], spectra: SpectrumSet) -> list[Prediction]:
        """The predictions; those of targets hold the candidate redshifts found by the signs that the target names."""
        names = self.target.signs if self.target else ()
        signs = self.domain.signs.get(names[0]) if names else None
        if signs is None or not any(p.is_target for p in predictions):
            return list(predictions)
        residuals = self.calibration.residuals or signs.learn(self.base, self.target, self.pool.where)
        targets = spectra.take([i for i, p in enumerate(predictions) if p.is_target])
        found = residuals.found(targets)
        return [
            replace(p, second_redshift=found.get(p.object_id, ())) if p.is_target else p for p in predictions
        ]

    def _answer_at(
        self, spectra: SpectrumSet, k: int | None, without: str
    ) -> tuple[Embedded, Neighbors, list[Prediction]]:
        """The same, at the redshifts that the spectra have."""
        pool = self.pool.without(without)
        embedded = embed_queries(spectra, self.encoders)
        neighbors = self._search(pool, embedded, k)
        votes = self._vote(neighbors, embedded.spectra)
        predictions = self._calibrate(pool, votes, neighbors, embedded)
        types = self.domain.types(self.base, embedded.spectra) if self.domain.types else {}
        return embedded, neighbors, with_verdicts(predictions, types, neighbors.pool, self.target)

    def _search(self, pool: Pool, embedded: Embedded, k: int | None) -> Neighbors:
        return self.base.search(
            embedded.views, k, spectra=embedded.spectra, where=pool.where, allow_self=pool.allow_self,
            metric=self.metric.metrics or None, **pool.arguments,
        )  # fmt: skip

    def _vote(self, neighbors: Neighbors, spectra: SpectrumSet) -> list[Prediction]:
        if self.target is not None:
            return hunt(neighbors, self.target, spectra=spectra)
        return classify(
            neighbors, self.pool.label, weighting=self.votes.weighting, normalise=self.votes.normalise
        )

    def _calibrate(
        self, pool: Pool, votes: Sequence[Prediction], neighbors: Neighbors, embedded: Embedded
    ) -> list[Prediction]:
        """Calibrated probabilities; "far_from_all" where noise does not explain the distance."""
        calibrated = self.calibration.searching(pool)
        predictions = calibrate(votes, calibrated, embedded.views, embedded.spectra)
        if calibrated.calibration is None:
            return predictions
        nearest = partial(nearest_known, calibrated, neighbors, embedded.views, embedded.spectra)
        far = Far(far_limit(calibrated.calibration), nearest)
        return less_noise(predictions, neighbors, embedded.spectra, far, self._place)

    def _place(self, spectra: SpectrumSet) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
        """Vectors of spectra in the metric of the search, and the ids of the spectra that have one."""
        placed = self._search(self.pool, embed_queries(spectra, self.encoders), 1)
        return placed.query_vectors, placed.query_id

    @property
    def base(self) -> KnowledgeBase:
        """The base."""
        return self.pool.base

    @property
    def target(self) -> Target | None:
        """What is hunted; None in a classification."""
        return self.pool.target
