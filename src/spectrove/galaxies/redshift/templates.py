"""Rest-frame templates of the redshift scan: stars, gas, absorbing gas and a broad-line nucleus, none of them negative.

Stars are eight non-negative spectra computed by `scripts/make_redshift_basis.py` (`data/README.md`); lines are painted
here, in groups whose ratios gas cannot change much.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from spectrove.galaxies.lines import LINE
from spectrove.galaxies.stellar import broaden
from spectrove.lines import SPEED_OF_LIGHT

#: Width of a pixel in log10 wavelength: SDSS's own.
LOG_STEP = 1e-4

#: Pixels that the scan of all redshifts joins into one.
COARSE = 2

#: Instrumental widths, one sigma in km/s, that templates are made for. A spectrum gets the nearest.
WIDTHS = (70.0, 120.0, 200.0, 320.0)

#: Widths of stars and gas in a typical galaxy, one sigma in km/s.
_STARS, _GAS, _BROAD, _OUTFLOW = 150.0, 85.0, 2200.0, 150.0

#: Ultraviolet lines that `lines.LINES` does not list, rest vacuum angstrom (NIST Atomic Spectra Database).
_ULTRAVIOLET = {
    "ciii": 1908.73, "mgii_2796": 2796.35, "mgii_2803": 2803.53, "mgi": 2852.96, "feii_2344": 2344.21,
    "feii_2374": 2374.46, "feii_2382": 2382.77, "feii_2586": 2586.65, "feii_2600": 2600.17,
}  # fmt: skip

#: Case B behind a little dust.
_BALMER = {"ha": 3.6, "hb": 1.0, "hg": 0.44, "hd": 0.235}

#: Group of lines to the flux of each, and the width beyond the instrument's.
_GROUPS: dict[str, tuple[dict[str, float], float]] = {
    "[O II]": ({"oii_3726": 0.42, "oii_3729": 0.58}, _GAS),
    "Balmer": (_BALMER, _GAS),
    "[O III]": ({"oiii": 1.0, "oiii_4959": 0.336, "neiii": 0.09}, _GAS),
    "[N II]": ({"nii": 1.0, "nii_6548": 0.328}, _GAS),
    "[S II]": ({"sii_6716": 1.0, "sii_6731": 0.78, "oi": 0.3, "oi_6364": 0.1}, _GAS),
    "broad": (_BALMER | {"mgii_2796": 1.0, "mgii_2803": 1.0, "ciii": 1.5}, _BROAD),
    "absorbed": (
        {"mgii_2796": -1.0, "mgii_2803": -0.9, "mgi": -0.25, "feii_2344": -0.45, "feii_2374": -0.3,
         "feii_2382": -0.5, "feii_2586": -0.45, "feii_2600": -0.6}, _OUTFLOW,
    ),
}  # fmt: skip

#: Names of the line groups, in the order of the templates behind the stars.
GROUPS = tuple(_GROUPS)

#: Groups of narrow emission, which alone say that a redshift rests on lines.
EMISSION = ("[O II]", "Balmer", "[O III]", "[N II]", "[S II]")

#: Place of the broad-line template, from the end.
BROAD = GROUPS.index("broad") - len(GROUPS)


@dataclass(frozen=True)
class Basis:
    """Templates for one instrumental width.

    Attributes:
        log_min: log10 of the first wavelength, rest-frame vacuum angstrom.
        templates: Shape (n_templates, n_pixels), step `LOG_STEP`; the stars first, then `GROUPS`.
        n_stars: How many are stars.
        singles, products: Fourier transforms of the coarse templates and of their products, for correlations:
            (n_templates, n_frequencies) and (n_pairs, n_frequencies).
        pairs: Which templates each product is of, (n_pairs, 2).
        n_coarse: Coarse pixels.
    """

    log_min: float
    templates: NDArray[np.float64]
    n_stars: int
    singles: NDArray[np.complex64]
    products: NDArray[np.complex64]
    pairs: NDArray[np.int64]
    n_coarse: int


@cache
def basis(width: float) -> Basis:
    """The templates as an instrument of this width (one sigma, km/s; one of `WIDTHS`) shows them."""
    log_min, stars, own = _stars()
    wavelength = 10 ** (log_min + LOG_STEP * np.arange(stars.shape[1]))
    broadened = np.maximum(broaden(stars, np.sqrt(width**2 + _STARS**2 - own**2)), 0)
    lines = [_paint(wavelength, lines, np.hypot(width, sigma)) for lines, sigma in _GROUPS.values()]
    templates = np.concatenate([broadened, np.array(lines)]).astype(float)
    coarse = templates[:, : templates.shape[1] // COARSE * COARSE]
    coarse = coarse.reshape(len(templates), -1, COARSE).mean(axis=2)
    pairs = np.array(list(combinations_with_replacement(range(len(templates)), 2)))
    products = coarse[pairs[:, 0]] * coarse[pairs[:, 1]]
    waves, product_waves = (sfft.rfft(a).astype(np.complex64) for a in (coarse, products))
    return Basis(log_min, templates, len(stars), waves, product_waves, pairs, coarse.shape[1])


@cache
def _stars() -> tuple[float, NDArray[np.float64], float]:
    path = files("spectrove.galaxies") / "data" / "redshift_basis.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        flux = np.cumsum(stored["steps"].astype(np.int32), axis=1).astype(float)
        own = float(stored["dispersion"])
        return float(stored["log_min"]), flux / np.abs(flux).mean(axis=1, keepdims=True), own


def _paint(wavelength: NDArray, lines: dict[str, float], sigma: float) -> NDArray[np.float64]:
    """Gaussian lines of relative fluxes, the strongest with an equivalent width of 10 angstrom over a level of 1."""
    out = np.zeros(len(wavelength))
    for key, flux in lines.items():
        centre = _ULTRAVIOLET[key] if key in _ULTRAVIOLET else LINE[key].wavelength
        width = centre * sigma / SPEED_OF_LIGHT
        out += flux / (np.sqrt(2 * np.pi) * width) * np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
    return 10 * out
