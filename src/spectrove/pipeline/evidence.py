"""The evidence for one answer: its neighbours, what each changes, the wavelengths that count, and its origin."""

from __future__ import annotations

from spectrove.errors import SpectrumError
from spectrove.explanation.evidence import Evidence, build_evidence
from spectrove.explanation.question import with_against, with_influence, with_saliency
from spectrove.pipeline.answers import Answers
from spectrove.targets import Target


def evidence_for(
    answers: Answers,
    i: int = 0,
    *,
    saliency: bool = False,
    against: str | None = None,
    target: Target | None = None,
) -> Evidence:
    """The evidence for the i-th answer of a classification or hunt.

    Args:
        answers: From `classify` or `hunt`.
        i: Place of the answer.
        saliency: Also find the wavelengths that contribute to the distance of each neighbour; about a second.
        against: Id of an object of the base to compare with the query, to see why it is not a neighbour.
        target: For answers that do not hold their target.

    Raises:
        SpectrumError: The answers are not of a classification or hunt.
    """
    question = answers.question
    if question is None:
        raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
    evidence = build_evidence(
        question.base, answers.spectra[i], answers.predictions[i], answers.neighbors, i,
        target=answers.target or target,
    )  # fmt: skip
    query = answers.spectra.take([i])
    evidence = with_influence(evidence, question, query)
    if saliency:
        evidence = with_saliency(evidence, question, query)
    return with_against(evidence, question, query, against) if against else evidence
