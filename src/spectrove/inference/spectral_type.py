"""What a spectrum is before anything else is asked of it: a galaxy, a quasar, a star, or nothing but noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from spectrove.inference.redshift import RedshiftEstimate, estimate_redshifts
from spectrove.spectra import SpectrumSet


@dataclass(frozen=True)
class SpectralType:
    """The type of one spectrum.

    Attributes:
        object_id: Which spectrum.
        type: "galaxy", "quasar", "star" or "none".
        margins: By how much chi2 of the best galaxy, quasar and star exceeds the smallest of them, in units of the
            reduced chi2: 0 for the best. Below about 25 another type is possible.
        sentence: Why.
    """

    object_id: str
    type: str
    margins: dict[str, float] = field(default_factory=dict)
    sentence: str = ""


def spectral_types(spectra: SpectrumSet) -> list[SpectralType]:
    """The type of each spectrum, by its pixels alone: neither class nor redshift of its row is read.

    It costs as much as an estimate of the redshift, about 0.1 s a spectrum; where estimates are at hand `type_of` reads
    them.
    """
    return [type_of(estimate) for estimate in estimate_redshifts(spectra)]


def type_of(estimate: RedshiftEstimate) -> SpectralType:
    """The type that an estimate found."""
    return SpectralType(estimate.object_id, estimate.type, dict(estimate.type_margins), _sentence(estimate))


def _sentence(estimate: RedshiftEstimate) -> str:
    if not estimate.candidates:
        return "No pixel is usable, so nothing is known of what it is."
    if estimate.type == "none" or not np.isfinite(estimate.z):
        return "No signal: no galaxy, quasar or star explains more of it than of noise."
    margins = estimate.type_margins
    others = [f"a {kind} is worse by {margins[kind]:.0f}" for kind in margins if kind != estimate.type]
    return f"A {estimate.type} at z {estimate.z:.4f}: chi2 of {' and of '.join(others)}."
