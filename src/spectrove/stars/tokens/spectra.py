"""Coefficients of Gaia's BP from spectra on wavelengths: those of Gaia, and finer ones that are calibrated in flux."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.readers.gaia.instrument import N_COEFFICIENTS, RANGES, band
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.tokens.vocabulary import N_BP, NAMES

Floats = NDArray[np.float64]

#: What a spectrum has to cover, vacuum angstrom: bluer light is taken to be as bright as the mean up to `BLUE`, and of
#: redder light BP sees a thousandth.
BLUE, RED = 3650.0, 6650.0

#: Share of the pixels in that range that have to be good.
LEAST_GOOD = 0.9

#: Pixels of finer spectra are joined into these, angstrom.
STEP = 5.0

#: Of spectra of Gaia: pixels are explained to this part of their errors; what they leave open may differ from the
#: projection by this part of the largest coefficient; and errors fall towards the 40th coefficient by e to this.
EXACT, OPEN, FALLING = 0.01, 0.02, 0.8

#: No coefficient is trusted better than this part of the largest: flux calibration is not.
SYSTEMATIC = 3e-4


class BandOfGaia(NamedTuple):
    """What BP would see of N stars.

    Attributes:
        object_id: (n_stars,), those that cover the band.
        value, error: Coefficients over the flux of the band, (n_stars, 55).
    """

    object_id: NDArray[np.str_]
    value: Floats
    error: Floats


def seen_by_bp(spectra: SpectrumSet) -> tuple[BandOfGaia, list[Refusal]]:
    """Coefficients of BP of each spectrum, and a sentence for each that does not cover the band or is not calibrated.

    Spectra of Gaia give back the coefficients they were sampled from. Their errors are one number for a spectrum, which
    falls with the coefficient as in real ones, since errors of their pixels go together; those of other spectra follow
    from each pixel's.

    Args:
        spectra: Flux on wavelengths; only pixels, and whether flux is calibrated, are read.
    """
    found, names, refused = [], [], []
    for i in range(len(spectra)):
        one = spectra[i]
        reason = _unfit(one)
        if reason:
            refused.append(Refusal(one.object_id, f"{one.object_id}: {reason}"))
            continue
        value, error = _coefficients(one, one.row.get("survey") == "gaia")
        total = float(value @ band("bp").total)
        if not total > 0:
            refused.append(
                Refusal(
                    one.object_id,
                    f"{one.object_id}: the flux that BP would see is {total:.3g}, expected above 0. "
                    "Give a spectrum of a star.",
                )
            )
            continue
        names.append(one.object_id)
        found.append((value / total, error / total))
    values, errors = (np.array([pair[k] for pair in found]).reshape(-1, N_COEFFICIENTS) for k in (0, 1))
    return BandOfGaia(np.array(names, str), values, errors), refused


def tokens_of(seen: BandOfGaia) -> tuple[Floats, Floats]:
    """The tokens that are coefficients, in their units, NaN for all others; (n_stars, n_tokens) both."""
    value, error = (np.full((len(seen.value), len(NAMES)), np.nan) for _ in range(2))
    value[:, :N_BP], error[:, :N_BP] = seen.value[:, :N_BP], seen.error[:, :N_BP]
    return value, error


def _unfit(one: Spectrum) -> str:
    """Why BP cannot be made of a spectrum; "" if it can."""
    if one.row.get("calibrated") is False:
        return (
            "its flux is not calibrated, and coefficients of Gaia's BP need its shape. Give calibrated flux."
        )
    one, _ = one.with_gaps_filled()
    inside = (one.wavelength >= BLUE) & (one.wavelength <= RED)
    good = one.good & (one.ivar > 0)
    if not good.any():
        return f"no good pixels from {BLUE:g} to {RED:g} angstrom, which Gaia's BP sees. Give a spectrum of that range."
    first, last = one.wavelength[good][[0, -1]]
    width = float(np.median(np.diff(one.wavelength)))
    if first > BLUE + width or last < RED - width:
        return (
            f"its good pixels reach from {first:.0f} to {last:.0f} angstrom, and Gaia's BP sees {BLUE:g} to {RED:g}. "
            "Give a spectrum of that range."
        )
    if (share := good[inside].mean()) < LEAST_GOOD:
        return (
            f"{share:.0%} of its pixels from {BLUE:g} to {RED:g} angstrom are good, expected {LEAST_GOOD:.0%}. "
            "Give a spectrum with more."
        )
    return ""


def _coefficients(one: Spectrum, of_gaia: bool) -> tuple[Floats, Floats]:
    good = one.good & (one.ivar > 0)
    wavelength = one.wavelength.astype(float)
    flux = np.interp(wavelength, wavelength[good], one.flux[good].astype(float))
    variance = np.interp(wavelength, wavelength[good], 1 / one.ivar[good].astype(float))
    if of_gaia:
        return _of_gaia(wavelength, flux, variance)
    wavelength, flux, variance = _with_blue(*_joined(wavelength, flux, variance))
    matrix = band("bp").project(wavelength / 10)
    value = flux @ matrix
    return value, np.hypot(np.sqrt(variance @ matrix**2), SYSTEMATIC * abs(value).max())


def _of_gaia(wavelength: Floats, flux: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Coefficients that a spectrum of Gaia was sampled from: those that explain its pixels, where BP alone has light.

    What these pixels leave open is as the projection of the whole spectrum has it.
    """
    value = flux @ band("bp").project(wavelength / 10)
    alone = wavelength / 10 < RANGES["rp"][0]
    functions, pixel = band("bp").flux(wavelength[alone] / 10).T, np.sqrt(variance[alone])
    weighted = functions / (EXACT * pixel)[:, None]
    left = (flux[alone] - functions @ value) / (EXACT * pixel)
    prior = np.eye(len(value)) / (OPEN * abs(value).max()) ** 2
    value = value + np.linalg.solve(weighted.T @ weighted + prior, weighted.T @ left)
    falling = np.exp(-FALLING * np.arange(len(value)) / N_BP)
    shown = wavelength[alone] > 3700
    size = np.sqrt(np.median((pixel**2 / (functions**2 @ falling**2))[shown]))
    return value, np.hypot(size * falling, SYSTEMATIC * abs(value).max())


def _joined(wavelength: Floats, flux: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """Means over `STEP`, where pixels are finer."""
    if np.median(np.diff(wavelength)) >= STEP:
        return wavelength, flux, variance
    bins = np.floor(wavelength / STEP).astype(int)
    bins -= bins[0]
    count = np.bincount(bins)
    filled = count > 0
    mean, place = (np.bincount(bins, a)[filled] / count[filled] for a in (flux, wavelength))
    return place, mean, np.bincount(bins, variance)[filled] / count[filled] ** 2


def _with_blue(wavelength: Floats, flux: Floats, variance: Floats) -> tuple[Floats, Floats, Floats]:
    """With pixels down to 3250 angstrom, as bright as the mean up to `BLUE`."""
    more = np.arange(wavelength[0] - STEP, 3250.0, -STEP)[::-1]
    level = flux[wavelength < BLUE + STEP].mean()
    return (
        np.concatenate([more, wavelength]),
        np.concatenate([np.full(len(more), level), flux]),
        np.concatenate([np.full(len(more), variance[0]), variance]),
    )
