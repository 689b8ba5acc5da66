"""Epochs of one object: spectra taken at different times compared, those whose lines changed first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from spectrove.errors import SpectrumError
from spectrove.inference.differences.epochs import compared, grouped_epochs
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.domains import domain_of, needed
from spectrove.pipeline.options import EpochOptions, options_of
from spectrove.pipeline.queries import any_spectra
from spectrove.spectra import SpectrumSet

#: Corrected probability up to which a pair counts as changed.
CHANGED = 0.05


@any_spectra
def epochs(
    base: KnowledgeBase | None,
    spectra: SpectrumSet,
    *,
    tell: Callable[[int], None] | None = None,
    **options: Any,
) -> Answers:
    """Every pair of spectra of one object compared, the most significant change first.

    Spectra belong to one object that lie within 2 arcsec on the sky and agree in redshift, or that a column says to. Of
    each answer the spectrum is the later epoch.

    Args:
        base: Takes no part, but for ids of its objects and its kind of light; may be None.
        spectra: All epochs of all objects.
        tell: Called with 1 for each object.
        options: See `options.EpochOptions`.

    Raises:
        SpectroveError: No object has two epochs, or the kind of light says nothing of lines that change.
    """
    chosen = options_of(EpochOptions, "epochs", options)
    domain = domain_of(base)
    about = needed(domain.variability, domain, "epochs", "list of lines that change")
    if not isinstance(spectra, SpectrumSet):
        raise SpectrumError(
            f"epochs: found {type(spectra).__name__}, expected spectra of flux over wavelength. Name files of those."
        )
    objects, refusals = grouped_epochs(spectra, chosen.by)
    if not objects:
        why = next((r.error for r in refusals if "no second" not in r.error), "") or "all of other objects"
        raise SpectrumError(
            f"epochs: no object among {len(spectra)} spectra has two epochs to compare ({why}). Give more spectra, or "
            "name the object of each with --by COLUMN."
        )
    pairs, refused = compared(spectra, objects, about, tell)
    if chosen.changed:
        pairs = [pair for pair in pairs if pair.p_corrected <= CHANGED]
    pairs = sorted(pairs, key=lambda pair: pair.p_value)
    place = {str(name): i for i, name in enumerate(spectra.object_id)}
    later = spectra.take([place[pair.object_id] for pair in pairs])
    provenance = {"pairs": len(pairs), "objects": len(objects), **({"by": chosen.by} if chosen.by else {})}
    return Answers("epochs", base, later, tuple(pairs), (*refusals, *refused), provenance=provenance)
