"""Spectra of simple stellar populations: the basis of mock galaxies and of continuum fits.

Single-age, single-metallicity populations of E-MILES (Vazdekis et al. 2016, MNRAS 463, 3409; Kroupa universal
initial mass function), in vacuum, on a log-wavelength grid of SDSS sampling. `data/README.md` says how the
file was computed and `scripts/make_stellar_basis.py` computes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft
from scipy.ndimage import uniform_filter1d
from scipy.optimize import nnls

from spectrove.errors import SpectroveError
from spectrove.lines import SPEED_OF_LIGHT

#: Counts per unit of normalised flux in the stored integers.
SCALE = 4096

_NAME = re.compile(r"Z([+-]\d\.\d\d)_T(\d\d\.\d{4})")


@cache
def stellar_basis() -> tuple[NDArray[np.float64], NDArray[np.float32], tuple[str, ...]]:
    """Wavelength, templates and names of all populations.

    Returns:
        Wavelength (n_pixels,), rest-frame vacuum angstrom, log10 step 1e-4; templates (n_templates,
        n_pixels), flux per angstrom, never negative, median 1 in 5300-5850 angstrom; names such as
        "Z+0.06_T01.0000" ([M/H] and age in Gyr). Arrays are read-only: they are shared by all callers.

    Source:
        E-MILES, Vazdekis et al. 2016, MNRAS 463, 3409.
    """
    data = _load()
    n_pixels = data["steps"].shape[1]
    wavelength: NDArray[np.float64] = 10.0 ** (
        data["log_min"] + data["log_step"] * np.arange(n_pixels, dtype=float)
    )
    templates = (np.cumsum(data["steps"], axis=1, dtype=np.int32) / np.float32(SCALE)).astype(np.float32)
    wavelength.flags.writeable = templates.flags.writeable = False
    return wavelength, templates, tuple(str(name) for name in data["names"])


def age_and_metallicity(names: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Age in Gyr and [M/H] in dex of populations, each (n_templates,), read from their names."""
    matches = [_NAME.fullmatch(name) for name in names]
    for name, match in zip(names, matches, strict=True):
        if match is None:
            raise SpectroveError(
                f"{name!r} is not the name of a population (expected e.g. 'Z+0.06_T01.0000')."
            )
    values = np.array([[float(m[2]), float(m[1])] for m in matches if m]).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def luminosity_per_mass() -> NDArray[np.float32]:
    """What each template was divided by, (n_templates,): E-MILES flux units (L_sun/angstrom) per solar mass.

    A star-formation history gives masses; multiply by this to get the coefficients of `stellar_basis`.
    """
    return _load()["luminosity"]


@cache
def _load() -> dict[str, NDArray]:
    path = files("spectrove.galaxies") / "data" / "ssp_basis.npz"
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


#: Ages (Gyr) and metallicities of the populations that continuum fits use: enough variety, few enough to be
#: fast.
FIT_AGES = (0.03, 0.09, 0.2, 0.4, 0.7, 1.0, 2.0, 5.0, 9.0, 13.5)
FIT_METALLICITIES = (-0.66, 0.06, 0.26)

#: Velocity dispersions (one sigma, km/s, beyond the populations' own resolution) that continuum fits try.
FIT_DISPERSIONS = (60.0, 120.0, 190.0, 280.0)


def broaden(templates: NDArray, sigma: float, shift: float = 0.0) -> NDArray[np.float32]:
    """Spectra on the basis' log grid convolved with a Gaussian of `sigma` km/s and moved by `shift` pixels.

    One product in Fourier space does both, so a shift by part of a pixel costs no resolution.

    Args:
        templates: Shape (..., n_pixels), any log grid of step 1e-4.
        sigma: Velocity dispersion, km/s.
        shift: Pixels towards the red.
    """
    n = templates.shape[-1]
    padded = sfft.next_fast_len(n + 2 * _EDGE, real=True)
    frequency = 2 * np.pi * sfft.rfftfreq(padded)
    pixels = sigma / (SPEED_OF_LIGHT * np.log(10) * 1e-4)
    kernel = np.exp(-0.5 * (frequency * pixels) ** 2 - 1j * frequency * shift).astype(np.complex64)
    widths = [(0, 0)] * (templates.ndim - 1) + [(_EDGE, padded - n - _EDGE)]
    spectrum = sfft.rfft(np.pad(templates.astype(np.float32), widths, mode="edge"))
    return sfft.irfft(spectrum * kernel, padded)[..., _EDGE : _EDGE + n]


#: Pixels of padding, so that a broadened spectrum does not wrap around.
_EDGE = 128


@cache
def fit_templates() -> NDArray[np.float32]:
    """The templates of continuum fits, (n_dispersions, n_templates, n_pixels), on the basis' grid."""
    _, templates, names = stellar_basis()
    age, metallicity = age_and_metallicity(names)
    chosen = np.isin(age, FIT_AGES) & np.isin(metallicity, FIT_METALLICITIES)
    broadened = np.stack([broaden(templates[chosen], sigma) for sigma in FIT_DISPERSIONS])
    broadened.flags.writeable = False
    return broadened


@dataclass(frozen=True)
class Continuum:
    """A stellar continuum fitted to one spectrum.

    Attributes:
        flux: On the spectrum's own pixels, (n_pixels,); NaN where the populations do not reach.
        stars: The same without the running correction, which follows whatever is broad.
        dispersion: The velocity dispersion of `FIT_DISPERSIONS` that fitted best, km/s.
        coefficients: Light of each template at 5300-5850 angstrom, (n_templates,), never negative.
    """

    flux: NDArray[np.float64]
    stars: NDArray[np.float64]
    dispersion: float
    coefficients: NDArray[np.float64]


def fit_continuum(
    wavelength: NDArray, flux: NDArray, weight: NDArray, *, block: int = 150
) -> Continuum | None:
    """Stellar continuum of a galaxy: non-negative populations times a smooth correction.

    Dust, flux calibration and a nucleus bend the continuum in ways that populations cannot; a polynomial
    takes that up between two fits, and the running ratio of data to model after them.

    Args:
        wavelength: Rest-frame vacuum angstrom, (n_pixels,), increasing.
        flux: Any unit per angstrom, (n_pixels,).
        weight: Inverse variance; zero on bad pixels and on emission lines, (n_pixels,).
        block: Pixels per step of the final correction.

    Returns:
        The continuum, or None where less than 200 weighted pixels can be fitted, no light is positive, or a pixel
        exceeds what single precision squares, as in a file with a part overwritten.
    """
    index = _grid_position(wavelength)
    inside = (index >= 0) & (index <= stellar_basis()[0].size - 2)
    used = inside & (weight > 0)
    if used.sum() < 200:
        return None
    scale = float(np.median(flux[used])) or float(np.std(flux[used])) or 1.0
    if np.max(np.abs(flux[used])) > _MOST * abs(scale):
        return None
    data = (flux[used] / scale).astype(np.float32)
    # A percent of model error bounds how much one bright pixel can pull.
    root = (1 / np.sqrt(1 / (weight[used] * scale**2) + 0.01**2)).astype(np.float32)
    x = np.log(wavelength[used])
    x = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    bends = np.polynomial.legendre.legvander(x, _POLYNOMIAL).astype(np.float32)
    bend = _dust_bend(wavelength[used], index[used], data, root)
    which = 1
    for step in range(2):
        templates = _sample(fit_templates()[which], index[used])
        coefficients = _nnls(templates * bend, data, root)
        if not coefficients.any():
            return None
        if step == 1:
            break
        which = _best_dispersion(coefficients, index[used], data / bend, root * bend)
        model = _sample(coefficients.astype(np.float32) @ fit_templates()[which], index[used])
        bend = np.clip(bends @ _least_squares(bends * model[:, None], data, root, 1e-3), 0.05, 20)
    model = np.full(len(wavelength), np.nan)
    model[inside] = scale * _sample(coefficients.astype(np.float32) @ fit_templates()[which], index[inside])
    good = used & (model > 0)
    if not good.any():
        return None
    stars = model.copy()
    model[inside] *= _running_ratio(flux, model, good, block)[inside]
    return Continuum(model, stars, FIT_DISPERSIONS[which], coefficients.astype(float))


#: Largest flux of a pixel, in units of the median.
_MOST = 1e15

#: Degree of the polynomial that continuum fits multiply the populations by.
_POLYNOMIAL = 6


#: Stellar reddening E(B-V) that continuum fits start from; the best of them, then the polynomial.
_REDDENING = (0.0, 0.12, 0.25, 0.42, 0.65)

#: Relative gain in chi2 that a magnitude of reddening must bring, and the 4000 angstrom break above which none is
#: tried: populations lack the abundances of massive ellipticals, which would else pass for young and dusty.
#: The pair was chosen among seven on the train split of real SDSS galaxies, beside mocks of known truth and a dusty
#: mixture: log [O III]/H beta is then 0.019 dex below SDSS's line table and 0.034 above the mocks' truth.
_DUST_PENALTY, _OLD_BREAK = 8.0, 1.5


def _dust_bend(wavelength: NDArray, index: NDArray, data: NDArray, root: NDArray) -> NDArray[np.float32]:
    """The attenuation under which populations fit best, (n_pixels,).

    Without it a dusty young galaxy would be fitted with old stars, whose Balmer absorption is shallow, and
    its H beta emission come out too weak: no polynomial gets out of that minimum again.
    """
    best, lowest = np.ones(len(data), np.float32), np.inf
    if _break(wavelength, data) > _OLD_BREAK:
        return best
    few = slice(None, None, 3)
    templates = _sample(fit_templates()[1], index[few])
    slope = (
        wavelength / 5500
    ) ** -1 - 1  # a curve of Calzetti's steepness: k = 4.05 + 5 (5500 / wavelength - 1)
    for ebv in _REDDENING:
        bend = (10 ** (-0.4 * ebv * 5 * slope)).astype(np.float32)
        model = _nnls(templates * bend[few], data[few], root[few]).astype(np.float32) @ templates * bend[few]
        chi2 = float(np.sum(np.minimum(((data[few] - model) * root[few]) ** 2, 100)))
        chi2 *= 1 + _DUST_PENALTY * ebv
        if chi2 >= lowest:
            break
        best, lowest = bend, chi2
    return best


def _break(wavelength: NDArray, data: NDArray) -> float:
    """Narrow 4000 angstrom break from the pixels at hand; 0 where they do not cover it."""
    red, blue = ((wavelength > low) & (wavelength < low + 100) for low in (4000, 3850))
    if min(red.sum(), blue.sum()) < 10:
        return 0.0
    per_frequency = data * wavelength**2
    level = float(per_frequency[blue].mean())
    return float(per_frequency[red].mean()) / level if level > 0 else 0.0


def _grid_position(wavelength: NDArray) -> NDArray[np.float64]:
    data = _load()
    return (np.log10(wavelength) - float(data["log_min"])) / float(data["log_step"])


def _sample(templates: NDArray, index: NDArray) -> NDArray[Any]:
    """Templates at fractional positions of their grid, by linear interpolation."""
    low = index.astype(np.int64)
    part = (index - low).astype(np.float32)
    if np.array_equal(low, np.arange(low[0], low[0] + len(low))):
        span = slice(int(low[0]), int(low[0]) + len(low))
        return templates[..., span] * (1 - part) + templates[..., span.start + 1 : span.stop + 1] * part
    return templates[..., low] * (1 - part) + templates[..., low + 1] * part


def _nnls(templates: NDArray, data: NDArray, root: NDArray) -> NDArray[np.float64]:
    """Non-negative coefficients, through the normal equations: 30 unknowns instead of 3800 pixels."""
    weighted = templates * root
    gram = (weighted @ weighted.T).astype(float)
    right = (weighted @ (data * root)).astype(float)
    diagonal = np.diag_indices_from(gram)
    for ridge in (
        1e-5,
        1e-4,
        1e-3,
        1e-2,
    ):  # single-precision products of near-equal templates can be singular
        gram[diagonal] *= 1 + ridge
        try:
            lower = np.linalg.cholesky(gram)
        except np.linalg.LinAlgError:
            continue
        return nnls(lower.T, np.linalg.solve(lower, right))[0]
    return np.zeros(len(gram))


def _least_squares(design: NDArray, data: NDArray, root: NDArray, ridge: float) -> NDArray:
    weighted = design * root[:, None]
    gram = weighted.T @ weighted
    gram[np.diag_indices_from(gram)] *= 1 + ridge
    return np.linalg.solve(gram, weighted.T @ (data * root))


def _best_dispersion(coefficients: NDArray, index: NDArray, data: NDArray, root: NDArray) -> int:
    models = _sample(coefficients.astype(np.float32) @ fit_templates(), index)
    detail = data / models[1]
    smooth = uniform_filter1d(detail, 101)
    residual = (data - smooth * models) * root
    return int(np.argmin(np.sum(np.minimum(residual**2, 25), axis=1)))


def _running_ratio(flux: NDArray, model: NDArray, good: NDArray, block: int) -> NDArray[np.float64]:
    """Smooth ratio of data to model, (n_pixels,), from the medians of blocks of pixels."""
    position = np.flatnonzero(good)
    ratio = flux[position] / model[position]
    n_blocks = max(1, len(position) // block)
    cut = n_blocks * (len(position) // n_blocks)
    medians = np.median(ratio[:cut].reshape(n_blocks, -1), axis=1)
    centres = position[:cut].reshape(n_blocks, -1).mean(axis=1)
    return np.interp(np.arange(len(flux)), centres, medians)
