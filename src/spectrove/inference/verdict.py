"""None of these: answers about spectra that no class of the base describes.

A spectrum without signal, of a type that the base does not hold, without the lines that the question turns on, or with
nothing known near it is none of the classes. Its probability is then the prevalence: the spectrum says nothing for or
against. It is no target, and counts neither in purity nor in completeness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from spectrove.inference.prediction import Prediction
from spectrove.targets import Target

#: Flags that make an answer "none of these", the most telling first, with the sentence that says why.
NONE_OF_THESE: dict[str, str] = {
    "no_signal": "it holds no signal that stands out of its noise",
    "not_a_galaxy": "its own pixels are those of a {type}, and the base holds none",
    "lines_not_covered": "the lines that the question turns on are not covered",
    "lines_elsewhere": "its own lines are those of a class that the base does not hold",
    "far_from_all": "nothing known is near it",
}


def with_verdicts(
    predictions: Sequence[Prediction],
    types: Mapping[str, str],
    pool: Mapping[str, int],
    target: Target | None = None,
) -> list[Prediction]:
    """The predictions; those of spectra that no class describes say so.

    Args:
        predictions: With their flags.
        types: Object id to the type of those spectra whose type the base does not hold, from `Domain.types`.
        pool: Objects of each class that were searched.
        target: What is hunted; nothing changes where it takes anything.
    """
    if target is not None and target.anything:
        return list(predictions)
    total = max(sum(pool.values()), 1)
    prior = (target.population(pool) if target else None) or {name: n / total for name, n in pool.items()}
    return [_judged(p, types.get(p.object_id, ""), prior) for p in predictions]


def _judged(prediction: Prediction, kind: str, prior: Mapping[str, float]) -> Prediction:
    typed = {"": (), "none": ("no_signal",)}.get(kind, ("not_a_galaxy",))
    flags = tuple(dict.fromkeys([*prediction.flags, *typed]))
    reason = next((name for name in NONE_OF_THESE if name in flags), None)
    if prediction.value is None or reason is None:
        return replace(prediction, flags=flags)
    sentence = NONE_OF_THESE[reason].format(type=kind)
    hunted = prediction.target is not None
    return replace(
        prediction,
        value=max(prior, key=lambda name: prior[name]) if hunted else None,
        probabilities=dict(prior),
        interval=None,
        reason_no_interval=f"None of these: {sentence}.",
        is_target=False if hunted else None,
        flags=flags,
        set=None if prediction.set is None else (),
        none_of_these=sentence,
    )
