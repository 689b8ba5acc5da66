"""Hunts by a condition over measured columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spectrove.errors import TargetError
from spectrove.inference.condition_question import ConditionCalibration, ConditionQuestion, check_hunt
from spectrove.inference.numbers.condition_of_base import ConditionFit, ConditionSetting, condition_fit
from spectrove.inference.pool import Pool
from spectrove.inference.terms import Terms
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers, described, own_flags, provenance_of
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.options import HuntOptions
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target, condition_target


def hunted(target: Target | str | None, condition: str | None) -> Target:
    """What is hunted: a target, one by name or file, or a condition without a name.

    Raises:
        TargetError: Both or neither is given, or the condition cannot be read.
    """
    if (target is None) == (condition is None):
        given = (
            "neither a target nor a condition is" if target is None else "both a target and a condition are"
        )
        raise TargetError(
            f"hunt: {given} given, expected one: a target by name or file, or a condition over measured columns such "
            "as 'a > 4 AND b < 3'."
        )
    if condition is not None:
        return condition_target(condition)
    return load_target(target) if isinstance(target, str) else target  # type: ignore[return-value]


def fit_of(
    base: KnowledgeBase,
    target: Target,
    where: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> ConditionFit:
    """What the base knows of the condition of a target, fitted once.

    Args:
        base, target: The base and a target with a condition.
        where: SQL condition on the objects, beside the target's filter.
        progress: Called with the number of the base's spectra that were measured since the last call.

    Raises:
        KnowledgeError: A column is unknown, or too few objects have a value in it.
    """
    assert target.condition is not None
    parts = [f"({part})" for part in (target.filter, where) if part]
    setting = ConditionSetting(base, target.condition, domain_of(base), " AND ".join(parts) or None, target.k)
    return condition_fit(setting, progress)


def hunt_by_condition(
    base: KnowledgeBase, spectra: SpectrumSet, target: Target, chosen: HuntOptions
) -> Answers:
    """Probability that the columns of each spectrum meet the condition of the target.

    P is that the base's catalog would list values that meet it for such a spectrum, so that the catalog's own errors
    are in it. What no catalog of the base has is what Spectrove measures in the pixels; then P is that the true values
    meet it, and is not calibrated.

    Raises:
        KnowledgeError: A column is unknown, too few objects have a value in it, or an option has no part in it.
        TargetError: A prevalence is given and none is known in the base.
    """
    target = target.model_copy(update={"k": chosen.k}) if chosen.k else target
    fit = fit_of(base, target, chosen.where)
    check_hunt(target, fit, chosen.metric, chosen.witness)
    domain = domain_of(base)
    terms = Terms(group=domain.group, groups=domain.groups or "groups")
    calibration = ConditionCalibration(reason=_reason(fit, chosen), terms=terms, fit=fit, used=_used(chosen))
    target = calibration.settled(target)
    where = " AND ".join(f"({part})" for part in (target.filter, chosen.where) if part) or None
    space = base.space()
    pool = Pool(base, base.space(space.views[0]), "", None, where, chosen.allow_self)
    encoders = encoders_of(base, pool.space.views, chosen.encoder)
    question = ConditionQuestion(
        pool,
        domain,
        encoders,
        calibration=calibration,
        redshifts=chosen.redshifts or {},
        hunted=target,
        fit=fit,
    )
    embedded, neighbors, predictions = question.answer(spectra, chosen.k)
    flagged = tuple(
        replace(p, flags=tuple(dict.fromkeys([*flags, *p.flags])))
        for p, flags in zip(predictions, own_flags(embedded.spectra), strict=True)
    )
    return Answers(
        "hunt", base, embedded.spectra, flagged, embedded.refusals, described(embedded, neighbors),
        calibration=calibration, question=question, target=target,
        provenance=provenance_of(base, encoders, **chosen.model_dump()),
    )  # fmt: skip


def _used(chosen: HuntOptions) -> bool:
    return chosen.calibration == "auto" and not chosen.allow_self


def _reason(fit: ConditionFit, chosen: HuntOptions) -> str:
    """Why probabilities are not calibrated; "" if they are or nobody asked for it."""
    if chosen.calibration == "auto" and chosen.allow_self:
        return "an object may be its own neighbour."
    return fit.reason if chosen.calibration == "auto" else "no calibration was asked for."
