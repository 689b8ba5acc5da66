"""Estimates of a quantity from neighbours, with intervals and the contributions of the neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spectrove.domain import Measurer, Quantity
from spectrove.errors import KnowledgeError
from spectrove.inference.embed import embed_queries
from spectrove.inference.numbers.conformal import signal_to_noise
from spectrove.inference.numbers.estimate import NEIGHBOURS, Regression, check_level
from spectrove.inference.numbers.mixture import Mixture
from spectrove.inference.numbers.of_base import Estimator, estimator_for, own_measurements, own_models
from spectrove.inference.numbers.posterior import Reading
from spectrove.inference.numbers.quantities import quantity_of
from spectrove.inference.numbers.regression import regress, with_own
from spectrove.inference.numbers.several import AtLevels, Joint
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.answers import NO_NEIGHBORS, Answers, described, own_flags, provenance_of
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.options import EstimateOptions, options_of
from spectrove.pipeline.queries import any_spectra, check_ids
from spectrove.spectra import SpectrumSet

#: Options that mean something for neighbours alone.
OF_NEIGHBOURS = ("k", "where", "allow_self")

#: Flags of a spectrum that go with what is read off its pixels: these may be other than they seem.
HOW_READ = frozenset(
    {
        "errors_unusable", "ivar_estimated", "ivar_is_error", "mask_inverted", "quality_unread", "reduction_warning",
        "wavelength_unit_assumed",
    }
)  # fmt: skip


@any_spectra
def estimate(base: KnowledgeBase, spectra: SpectrumSet, quantity: str, **options: Any) -> Answers:
    """The quantity of each spectrum, with an interval: by neighbour regression, or by what the kind of light trained.

    By neighbours the interval is conformal, and the estimate of an object of the base does not use its own value or a
    fit to it: only the choice of scale and the width of the interval are those of the whole base.

    Args:
        base: The base.
        spectra: The queries.
        quantity: A numeric column of the base, but not z; or what `by` reads off spectra, whatever columns there are.
            Of several, with commas between them, each answer is a `JointEstimate`.
        options: See `options.EstimateOptions`.

    Raises:
        KnowledgeError: A column cannot be estimated, the level is not between 0 and 1, or an option means nothing here.
    """
    chosen = options_of(EstimateOptions, "estimate", options)
    quantities = check_quantities(base, quantity, chosen.level, chosen.by)
    if chosen.by != NEIGHBOURS:
        return _by_own(base, spectra, quantities, chosen)
    if chosen.samples:
        raise KnowledgeError(
            f"estimate by {NEIGHBOURS}: it has intervals but no posterior, so there are no samples. Leave samples out"
            f"{_other_ways(base)}."
        )
    parts = [_by_neighbours(base, spectra, one, chosen) for one in quantities]
    return parts[0] if len(parts) == 1 else _together(parts, quantity, chosen.level)


def _by_neighbours(
    base: KnowledgeBase, spectra: SpectrumSet, column: Quantity, chosen: EstimateOptions
) -> Answers:
    """One quantity of each spectrum by the nearest objects of the base that have it."""
    domain, name = domain_of(base), column.name
    measurer = domain.measurer if name in domain.own else None
    estimator = estimator_for(
        base, column, k=chosen.k, where=chosen.where, group=domain.group, measurer=measurer
    )
    encoders = encoders_of(base, base.space().views, chosen.encoder)

    embedded = embed_queries(spectra, encoders)
    found = base.search(
        embedded.views, chosen.k, spectra=embedded.spectra, where=column.condition(chosen.where),
        labelled=name, allow_self=chosen.allow_self,
    )  # fmt: skip
    neighbors = described(embedded, found)
    regression = _regression(base, estimator, neighbors, embedded.spectra, chosen.allow_self)
    if measurer is not None and estimator.weighing is not None:
        regression = _with_own(regression, measurer, estimator.weighing, embedded.spectra)
    return Answers(
        "estimate", base, embedded.spectra, regression.estimates(chosen.level), embedded.refusals, neighbors,
        provenance=provenance_of(base, encoders, quantity=name, **chosen.model_dump(exclude={"by", "samples"})),
        regression=regression,
    )  # fmt: skip


def _together(parts: Sequence[Answers], quantity: str, level: float) -> Answers:
    """Estimates of several quantities of the same spectra as joint ones; each has neighbours of its own."""
    joint = Joint([part.regression for part in parts if part.regression is not None])
    return replace(
        parts[0], predictions=joint.estimates(level), neighbors=NO_NEIGHBORS, regression=joint,
        provenance={**parts[0].provenance, "quantity": quantity},
    )  # fmt: skip


def _by_own(
    base: KnowledgeBase, spectra: SpectrumSet, quantities: Sequence[Quantity], chosen: EstimateOptions
) -> Answers:
    """What the kind of light reads off spectra themselves; no object of the base has a part in it.

    Raises:
        KnowledgeError: An option of neighbours was given, or spectra share an id.
    """
    usual = EstimateOptions()
    if given := [name for name in OF_NEIGHBOURS if getattr(chosen, name) != getattr(usual, name)]:
        raise KnowledgeError(
            f"estimate by {chosen.by}: {' and '.join(given)} would change nothing, no object of the base has a part in "
            f"it. Leave it out, or ask by {NEIGHBOURS}."
        )
    check_ids(spectra)
    found = domain_of(base).estimators[chosen.by].posterior(spectra, chosen.samples)
    place = {str(name): i for i, name in enumerate(spectra.object_id)}
    read = spectra.take(np.array([place[str(name)] for name in found.object_id], np.int64))
    found = replace(found, flags=_told_how_read(read, found.flags))
    parts = [Reading(found, one, chosen.by, chosen.samples) for one in quantities]
    reading: AtLevels = parts[0] if len(parts) == 1 else Joint(parts, found)
    names = ",".join(one.name for one in quantities)
    return Answers(
        "estimate", base, read, reading.estimates(chosen.level), found.refusals,
        provenance=provenance_of(base, {}, quantity=names, by=chosen.by, level=chosen.level), regression=reading,
    )  # fmt: skip


def _told_how_read(spectra: SpectrumSet, flags: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The flags of each answer, behind those of its spectrum that say how its pixels were read."""
    return [
        tuple(dict.fromkeys([*(flag for flag in own if flag in HOW_READ), *of]))
        for own, of in zip(own_flags(spectra), flags, strict=True)
    ]


def _regression(
    base: KnowledgeBase, estimator: Estimator, neighbors: Neighbors, spectra: SpectrumSet, allow_self: bool
) -> Regression:
    """The regression of each query; the trend for an object of the base is fitted without it."""
    own = np.zeros(len(spectra), dtype=np.int64) if allow_self else own_models(base, estimator.known, spectra)
    result = regress(
        estimator.known, neighbors.query_vectors, neighbors.object_id, neighbors.distance, own,
        unit_distance=neighbors.scale,
    )  # fmt: skip
    return Regression(estimator, result, neighbors, signal_to_noise(spectra))


def _with_own(
    regression: Regression, measurer: Measurer, weighing: Mixture, spectra: SpectrumSet
) -> Regression:
    """The regression with what is measured in the spectra themselves."""
    if not len(spectra):
        return regression
    known, name = regression.estimator.known, regression.estimator.quantity.name
    own = own_measurements(known.scale, name, measurer.measure(spectra))
    return replace(regression, result=with_own(regression.result, own, weighing))


def check_quantities(
    base: KnowledgeBase, quantities: str, level: float = 0.68, by: str = NEIGHBOURS
) -> tuple[Quantity, ...]:
    """The quantities of these names, which have commas between them; refuse them unless they can be estimated so.

    Raises:
        KnowledgeError: As `check_quantity`; or one is named twice, or z is among several.
    """
    names = [name.strip() for name in quantities.split(",")]
    if "" in names or len(set(names)) < len(names):
        raise KnowledgeError(
            f"quantities {quantities!r}: one has no name or is named twice. Name each once, with commas between them."
        )
    if "z" in names and len(names) > 1:
        raise KnowledgeError(
            f"quantities {quantities!r}: a redshift is estimated by templates, apart from the others. Ask for z alone."
        )
    return tuple(check_quantity(base, name, level, by) for name in names)


def check_quantity(base: KnowledgeBase, quantity: str, level: float = 0.68, by: str = NEIGHBOURS) -> Quantity:
    """The quantity of that name; refuse it unless it can be estimated so, at that level.

    Raises:
        KnowledgeError: It cannot be estimated, there is no such way, or the level is not between 0 and 1.
    """
    check_level(level)
    domain = domain_of(base)
    if by == NEIGHBOURS:
        return quantity_of(base, quantity, domain)
    if by not in domain.estimators:
        known = ", ".join([NEIGHBOURS, *domain.estimators])
        raise KnowledgeError(f"estimate by {by!r}: a base of {domain.name} has {known}. Name one of them.")
    own = domain.estimators[by].quantities
    if quantity not in own:
        raise KnowledgeError(
            f"{quantity!r} is nothing that {by} reads off spectra of {domain.name}: {', '.join(own)}. Name one of "
            f"these, or ask by {NEIGHBOURS} for another column of the base."
        )
    return domain.quantities.get(quantity) or Quantity(quantity)


def _other_ways(base: KnowledgeBase) -> str:
    """The words that name what has a posterior, if anything."""
    ways = list(domain_of(base).estimators)
    return f", or ask by {' or '.join(ways)}" if ways else ""
