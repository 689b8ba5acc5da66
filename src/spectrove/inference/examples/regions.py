"""Likeness to examples in wavelength regions, as one more term of the score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.examples.background import Background
from spectrove.inference.examples.model import log_rank
from spectrove.inference.regions import LEAST_SHARED, Region, Stretches, cut_out, region_distances
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import SpectrumSet

Floats = NDArray[np.float64]

#: Objects of the base among which a difference in the regions is ranked.
SAMPLE = 200

#: Exponent of the ranks: whoever names a region wants it to count as much as a comparison that always succeeds.
EXPONENT = 0.25


def region_terms(
    base: KnowledgeBase,
    background: Background,
    yes: SpectrumSet,
    spectra: SpectrumSet,
    regions: Sequence[Region],
) -> tuple[Floats, Floats]:
    """What the regions add to the score of each spectrum, and its rms difference from the examples there, (n,) each.

    The difference is corrected for noise; it is NaN, and the term 0, where a spectrum does not cover the regions.

    Raises:
        KnowledgeError: No example covers the regions.
    """
    examples, refused = cut_out(yes, regions)
    if not len(examples):
        why = refused[0].error if refused else ""
        raise KnowledgeError(f"no example covers {', '.join(map(str, regions))}. {why}".strip())
    rows = np.linspace(0, len(background) - 1, min(len(background), SAMPLE)).astype(int)
    sample = base.spectra(background.object_id[rows])
    known = _squares(examples, cut_out(sample, regions, least=0.0)[0], sample.object_id)
    square = _squares(examples, cut_out(spectra, regions, least=0.0)[0], spectra.object_id)
    known = np.sort(-known[np.isfinite(known)])
    terms = np.zeros(len(square))
    here = np.isfinite(square)
    if len(known):
        terms[here] = np.log(EXPONENT) + (EXPONENT - 1) * log_rank(known, -square[here])
    return terms, np.sqrt(np.maximum(square, 0))


def _squares(examples: Stretches, others: Stretches, object_id: NDArray[np.str_]) -> Floats:
    """Mean squared difference of each object from the examples, (n,); NaN for one that does not cover the regions."""
    found = np.full((len(examples), len(object_id)), np.nan)
    place = {name: i for i, name in enumerate(object_id.tolist())}
    at = np.array([place[name] for name in others.object_id.tolist()], dtype=int)
    for i in range(len(examples)):
        square, _ = region_distances(examples, i, others)
        found[i, at] = np.where(examples.shared(others, i) >= LEAST_SHARED, square, np.nan)
    covered = np.isfinite(found)
    total = np.where(covered, found, 0).sum(axis=0)
    return np.where(covered.any(axis=0), total / np.maximum(covered.sum(axis=0), 1), np.nan)
