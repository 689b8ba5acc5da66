"""Outliers: spectra unlike those of a base, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import Encoders, encoders_of
from spectrove.inference.outlier_score import (
    EXPLAINED,
    OutlierAnswer,
    Reference,
    reference_of,
    score_spectra,
    with_reasons,
)
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.domains import domain_of, needed
from spectrove.spectra import SpectrumSet


@dataclass(frozen=True)
class OutlierAnswers:
    """One batch of answers, the spectra in the same order, and the refusals."""

    spectra: SpectrumSet
    answers: tuple[OutlierAnswer, ...]
    refusals: tuple[Refusal, ...] = ()


def outliers(
    base: KnowledgeBase, spectra: SpectrumSet, *, encoder: Encoders = None, explained: float = EXPLAINED
) -> list[OutlierAnswer]:
    """Outlier score, p-value and reason of each spectrum; spectra without a vector in any view are left out."""
    return list(find_outliers(base, spectra, encoder=encoder, explained=explained).answers)


def find_outliers(
    base: KnowledgeBase, spectra: SpectrumSet, *, encoder: Encoders = None, explained: float = EXPLAINED
) -> OutlierAnswers:
    """The same, with the refusals and their reasons.

    Only flux, ivar, mask, wavelength, LSF and redshift are read, and the sky position, so that an object is never its
    own neighbour. No label is used.

    Args:
        explained: Reasons are looked for up to this p-value (a twentieth of a second per spectrum).

    Raises:
        KnowledgeError: The base lacks one of the views, or has too few objects.
    """
    reference = outlier_reference(base)
    encoders = encoders_of(base, reference.views, encoder)
    scored, answers, refusals = score_spectra(base, spectra, encoders, reference)
    reasons = domain_of(base).reasons
    return OutlierAnswers(
        scored, with_reasons(answers, scored, encoders, reasons, explained), tuple(refusals)
    )


def outlier_reference(base: KnowledgeBase) -> Reference:
    """Distances of the objects of a base among each other, in the views of the outlier score of its kind of light.

    Raises:
        KnowledgeError: The base lacks one of the views, or has too few objects.
    """
    domain = domain_of(base)
    weights = domain.outlier_views or {base.space().views[0]: 1.0}
    if missing := [view for view in weights if view not in base.fingerprints]:
        view = missing[0]
        raise KnowledgeError(
            f"{base.path}: outliers are scored in the views {' and '.join(weights)}; this base lacks {view}. "
            f"Add it with kb reencode {base.path} --view {view}={domain.views.get(view, view)}"
        )
    return reference_of(base, weights, domain.group)


def write_outlier_page(
    path: Path,
    base: KnowledgeBase,
    spectra: SpectrumSet,
    shown: Sequence[OutlierAnswer],
    answers: Sequence[OutlierAnswer],
    *,
    refused: Sequence[tuple[str, str]] = (),
    encoder: Encoders = None,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """The gallery of outliers as one file; returns its path.

    Args:
        spectra: Of the answers with a figure, which are `shown`, most unusual first.
        answers: Every answer, in any order.
        refused: Names of spectra that could not be used, each with its sentence.
        progress: Called with 1 for each figure.

    Raises:
        KnowledgeError: The kind of light of the base has no such page.
        DatasetError: The file cannot be written.
    """
    domain = domain_of(base)
    reasons = needed(domain.reasons, domain, "outliers -o FILE.html", "page of outliers")
    drawn = reasons.drawn(encoders_of(base, domain.outlier_views, encoder), spectra, shown)
    return reasons.write_page(
        path, drawn, answers, base=base.path.name, size=len(base), refused=refused, progress=progress
    )
