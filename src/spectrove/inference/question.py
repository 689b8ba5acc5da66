"""A question to a base that can be repeated: for other spectra, with another K, or without an object."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import Encoder
from spectrove.explanation.question import Question
from spectrove.inference import Calibrated, Fitted, Prediction
from spectrove.inference import answer as calibrate
from spectrove.inference.calibration.of_base import far_limit
from spectrove.inference.embed import Embedded, embed_queries
from spectrove.inference.far import less_noise
from spectrove.inference.open_redshift import over_redshifts
from spectrove.inference.verdict import foreign_types, with_verdicts
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.knowledge.space import Space
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

Vote = Callable[[Neighbors, SpectrumSet], Sequence[Prediction]]


@dataclass(frozen=True)
class Asking:
    """All settings of a classification or a hunt, except the spectra.

    Attributes:
        base, space, encoders: The base, the views and weights, and the encoders of the views.
        who: `labelled` or `target`, and `view`, as in `KnowledgeBase.search`.
        where: SQL condition on the objects searched.
        allow_self: Whether an object may find itself.
        fitted, using: The metric and the calibration.
        vote: Function from neighbours and queries to predictions.
        redshifts: Redshift estimates of queries without a redshift, by id.
    """

    base: KnowledgeBase
    space: Space
    encoders: Mapping[str, Encoder]
    who: Mapping[str, Any]
    where: str | None
    allow_self: bool
    fitted: Fitted
    using: Calibrated
    vote: Vote
    redshifts: Mapping[str, RedshiftEstimate]

    def __call__(
        self, spectra: SpectrumSet, k: int | None, without: str = ""
    ) -> tuple[Embedded, Neighbors, list[Prediction]]:
        """Embedded spectra, their neighbours and answers; `without` is the id of an object excluded from the search.

        Metric and calibration are not fitted again without it. If an estimated redshift is uncertain, the answer is
        the mean over its candidates.
        """
        embedded, neighbors, predictions = self._once(spectra, k, without)
        target: Target | None = self.who.get("target")
        if self.redshifts:
            predictions = over_redshifts(
                predictions, embedded.spectra, self.redshifts, lambda s: self._once(s, k, without)[2],
                target.limit if target else None,
            )  # fmt: skip
        return embedded, neighbors, predictions

    def _once(
        self, spectra: SpectrumSet, k: int | None, without: str
    ) -> tuple[Embedded, Neighbors, list[Prediction]]:
        where = self.where if not without else _and_not(self.where, without)
        embedded = embed_queries(self.base, spectra, self.encoders, self.space.views)
        neighbors = self.base.search(
            embedded.views, k, spectra=embedded.spectra, where=where, allow_self=self.allow_self,
            metric=self.fitted.metrics or None, **self.who,
        )  # fmt: skip
        voted = self.vote(neighbors, embedded.spectra)
        using = self.using
        if using.asked is not None:
            using = replace(using, asked={**using.asked, "where": where})
        answers = calibrate(voted, using, self.base, embedded.views, embedded.spectra)
        if using.calibration is not None:
            limit = far_limit(using.calibration)
            answers = less_noise(answers, neighbors, embedded.spectra, limit, self._place)
        types = foreign_types(self.base, embedded.spectra)
        return embedded, neighbors, with_verdicts(answers, types, neighbors.pool, self.who.get("target"))

    def _place(self, spectra: SpectrumSet) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
        """Vectors of spectra in the metric of the search, and the ids of the spectra that have one."""
        embedded = embed_queries(self.base, spectra, self.encoders, self.space.views)
        found = self.base.search(
            embedded.views, 1, spectra=embedded.spectra, where=self.where, allow_self=self.allow_self,
            metric=self.fitted.metrics or None, **self.who,
        )  # fmt: skip
        return found.query_vectors, found.query_id

    @property
    def question(self) -> Question:
        """The question as needed for explanations."""
        target: Target | None = self.who.get("target")

        def ask(spectra: SpectrumSet, k: int, without: str) -> tuple[Neighbors, Sequence[Prediction]]:
            return self(spectra, k, without)[1:]

        return Question(
            self.base,
            ask,
            lambda: self.base.searched(where=self.where, **self.who),
            self.encoders,
            self.space.weights,
            self.fitted.metrics,
            target,
        )


def _and_not(where: str | None, object_id: str) -> str:
    quoted = object_id.replace("'", "''")
    condition = f"object_id != '{quoted}'"
    return f"({where}) AND {condition}" if where else condition
