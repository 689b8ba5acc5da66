"""Estimates of a quantity from neighbours, with intervals and the contributions of the neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spectrove.domain import Quantity
from spectrove.inference.embed import Encoders, embed_queries
from spectrove.inference.numbers.conformal import signal_to_noise
from spectrove.inference.numbers.estimate import VOTERS, Estimate, Regression, check_level
from spectrove.inference.numbers.of_base import estimator_for, own_models
from spectrove.inference.numbers.quantities import quantity_of
from spectrove.inference.numbers.regression import regress
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.ask import Answers, answers_of
from spectrove.pipeline.domains import domain_of
from spectrove.spectra import SpectrumSet


@dataclass(frozen=True)
class Estimates(Answers):
    """One batch of answers, with the estimates in the order of the spectra."""

    estimates: tuple[Estimate, ...] = ()
    regression: Regression | None = None

    def at(self, level: float) -> Estimates:
        """The same estimates with intervals at another level."""
        assert self.regression is not None
        return replace(self, estimates=self.regression.estimates(level))


def estimate(base: KnowledgeBase, spectra: SpectrumSet, quantity: str, **options: Any) -> list[Estimate]:
    """The quantity of each spectrum that can be embedded; arguments as for `estimates`."""
    return list(estimates(base, spectra, quantity, **options).estimates)


def estimates(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    quantity: str,
    *,
    k: int = VOTERS,
    level: float = 0.68,
    where: str | None = None,
    allow_self: bool = False,
    encoder: Encoders = None,
) -> Estimates:
    """The quantity of each spectrum by neighbour regression, with a conformal interval; and the refusals.

    The estimate of an object of the base does not use its own value or a fit to it. Only the choice of scale and the
    width of the interval are those of the whole base.

    Args:
        quantity: A numeric column of the base, but not z.
        k: Neighbours per spectrum.
        level: Rate at which intervals contain the value.
        where: SQL condition on the objects used.

    Raises:
        KnowledgeError: The column cannot be estimated, or the level is not between 0 and 1.
    """
    column = check_quantity(base, quantity, level)
    estimator = estimator_for(base, column, k=k, where=where, group=domain_of(base).group)
    embedded = embed_queries(base, spectra, encoder, base.space().views)
    neighbors = base.search(
        embedded.views,
        k,
        spectra=embedded.spectra,
        where=column.condition(where),
        labelled=quantity,
        allow_self=allow_self,
    )
    answers = answers_of(embedded, neighbors)
    queries = answers.spectra
    own = np.zeros(len(queries), dtype=np.int64) if allow_self else own_models(base, estimator, queries)
    result = regress(
        estimator.known,
        neighbors.query_vectors,
        neighbors.object_id,
        neighbors.distance,
        own,
        unit_distance=neighbors.scale,
    )
    regression = Regression(estimator, result, answers.neighbors, signal_to_noise(queries))
    return Estimates(
        queries,
        answers.neighbors,
        refusals=answers.refusals,
        estimates=regression.estimates(level),
        regression=regression,
    )


def check_quantity(base: KnowledgeBase, quantity: str, level: float = 0.68) -> Quantity:
    """The quantity of the column; refuse it unless it can be estimated at that level.

    Raises:
        KnowledgeError: It cannot be estimated, or the level is not between 0 and 1.
    """
    check_level(level)
    return quantity_of(base, quantity, domain_of(base))
