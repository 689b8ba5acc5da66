"""Outliers: spectra unlike those of a base, with reasons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spectrove.errors import KnowledgeError
from spectrove.inference.outlier_score import (
    OutlierAnswer,
    Reference,
    reference_of,
    score_spectra,
    with_reasons,
)
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers, provenance_of
from spectrove.pipeline.domains import domain_of, needed
from spectrove.pipeline.encoders import Encoders, encoders_of
from spectrove.pipeline.options import OutlierOptions, options_of
from spectrove.pipeline.queries import any_spectra
from spectrove.spectra import SpectrumSet


@any_spectra
def outliers(base: KnowledgeBase, spectra: SpectrumSet, **options: Any) -> Answers:
    """Outlier score, p-value and reason of each spectrum; spectra without a vector in any view are refused.

    Only flux, ivar, mask, wavelength, LSF and redshift are read, and the sky position, so that an object is never its
    own neighbour. No label is used.

    Args:
        base: The base.
        spectra: The queries.
        options: See `options.OutlierOptions`; a reason takes a twentieth of a second per spectrum.

    Raises:
        KnowledgeError: The base lacks one of the views, or has too few objects.
    """
    chosen = options_of(OutlierOptions, "outliers", options)
    reference = outlier_reference(base)
    encoders = encoders_of(base, reference.views, chosen.encoder)

    scored, unexplained, refusals = score_spectra(base, spectra, encoders, reference)
    answers = with_reasons(unexplained, scored, encoders, domain_of(base).reasons, chosen.explained)
    provenance = provenance_of(base, encoders, **chosen.model_dump())
    return Answers("outliers", base, scored, tuple(answers), tuple(refusals), provenance=provenance)


def outlier_reference(base: KnowledgeBase) -> Reference:
    """Distances of the objects of a base among each other, in the views of the outlier score of its kind of light.

    Raises:
        KnowledgeError: The base lacks one of the views, or has too few objects.
    """
    domain, weights = domain_of(base), _weights(base)
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
    from spectrove.explanation import outlier_page

    drawn = reasons.drawn(encoders_of(base, tuple(_weights(base)), encoder), spectra, shown)
    return outlier_page.write_outlier_page(
        path, reasons.gallery(drawn, answers), answers, base=base.path.name, size=len(base), refused=refused,
        progress=progress,
    )  # fmt: skip


def _weights(base: KnowledgeBase) -> Mapping[str, float]:
    """The views of the outlier score of the base's kind of light, and their weights."""
    return domain_of(base).outlier_views or {base.space().views[0]: 1.0}
