"""What a spectrum is before anything else is asked of it: a galaxy, a quasar, a star, or nothing but noise."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.redshift.estimate import BROAD_SHARE, STAR_LIMIT, estimate_redshifts, gridded
from spectrove.galaxies.redshift.scan import Z_RANGE, Fitter
from spectrove.galaxies.redshift.templates import BROAD, basis
from spectrove.redshift_estimate import RedshiftEstimate
from spectrove.spectra import SpectrumSet

#: A galaxy at the redshift of its row is plain where templates lower chi2 by more than this, in units of the reduced
#: chi2, which is itself below that.
PLAIN_GAIN, PLAIN_CHI2 = 200.0, 3.0

#: Usable pixels of the scan's grid that a type needs.
FEWEST_PIXELS = 1000


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

    It costs as much as an estimate of the redshift, about 0.2 s a spectrum; where estimates are at hand `type_of` reads
    them.
    """
    return [type_of(estimate) for estimate in estimate_redshifts(spectra)]


def plain_galaxies(spectra: SpectrumSet) -> NDArray[np.bool_]:
    """Which spectra the galaxy templates explain at the redshift of their row, so that no other type has to be tried.

    It takes a few milliseconds a spectrum, and decides nothing about the others: `spectral_types` scans them.
    """
    plain = np.zeros(len(spectra), dtype=bool)
    for i, ((pixels, width), z) in enumerate(zip(gridded(spectra), spectra.z.tolist(), strict=True)):
        if pixels is None or not STAR_LIMIT < z < Z_RANGE[1]:
            continue
        fitter = Fitter(pixels, basis(width))
        fit = fitter(z)
        unit = max(1.0, fit.chi2 / max(len(fitter.position) - len(fit.coefficients), 1))
        gain = fitter.total - fit.chi2
        plain[i] = (
            gain > PLAIN_GAIN * unit and unit < PLAIN_CHI2 and fitter.loss(fit, BROAD) < BROAD_SHARE * gain
        )
    return plain


def covered(spectra: SpectrumSet) -> NDArray[np.bool_]:
    """Which spectra have enough usable pixels in the range of the templates for a type, (n_spectra,)."""
    return np.array(
        [p is not None and np.count_nonzero(p.weight) >= FEWEST_PIXELS for p, _ in gridded(spectra)],
        dtype=bool,
    )


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
