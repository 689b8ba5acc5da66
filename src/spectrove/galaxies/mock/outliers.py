"""A dozen ways in which a galaxy's spectrum can be unlike the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.line_fit import LineFit, measure_lines
from spectrove.galaxies.lines import LINE
from spectrove.galaxies.mock.dust import calzetti, cardelli
from spectrove.galaxies.mock.emission import LineRatios, draw_lines, draw_ratios, paint_lines
from spectrove.galaxies.mock.intruders import quasar, star, supernova
from spectrove.galaxies.mock.signal import change_light, level, with_row
from spectrove.galaxies.stellar import broaden, stellar_basis
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum

Outlier = Callable[[Spectrum, float, np.random.Generator], Spectrum]


def _calibration_jump(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """The two cameras do not join: flux and error are off by one factor on one side of a wavelength."""
    joint = rng.normal(5950, 120) if rng.random() < 0.7 else rng.uniform(4600, 8200)
    factor = 1 + rng.choice([-1, 1]) * rng.uniform(0.15, 0.5)
    step = 0.5 * (1 + np.tanh((host.wavelength - joint) / rng.uniform(2, 30)))
    scale = np.where(rng.random() < 0.5, 1 + (factor - 1) * step, factor + (1 - factor) * step)
    return _with_flux(host, host.flux * scale, host.ivar / scale**2)


def _star_blend(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """A star of our own galaxy in the same fibre."""
    light = star(host.wavelength, rng)
    return change_light(host, rng, added=light * level(host) * rng.uniform(0.4, 2.5))


def _quasar_blend(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """A quasar behind the galaxy."""
    light = quasar(host.wavelength, rng.uniform(max(0.3, z + 0.1), 2.6), rng)
    return change_light(host, rng, added=light * level(host) * rng.uniform(0.4, 2.5))


def _double_peaks(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """Every emission line twice: two nuclei, or a rotating ring."""
    fit = measure_lines(host, z)
    half = rng.uniform(160, 380)
    share = rng.uniform(0.35, 0.65)
    keys, flux = _own_or_new_lines(host, fit, z, 14.0, rng)
    centre = np.array([LINE[key].wavelength for key in keys]) * (1 + z)
    sigma = rng.uniform(50, 90)
    peaks = sum(
        paint_lines(host.wavelength, host.lsf, centre * (1 + v / SPEED_OF_LIGHT), flux * part, sigma)
        for v, part in ((-half, share), (half, 1 - share))
    )
    return change_light(host, rng, added=peaks - fit.emission)


def _broad_lines(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """A nucleus with broad Balmer lines and some blue continuum."""
    sigma = rng.uniform(1000, 3200)
    ew = 10 ** rng.uniform(1.7, 2.5)
    keys = ("ha", "hb", "hg", "hd")
    flux = _continuum_at(host, "ha", z) * ew * (1 + z) * np.array([1, 1 / rng.uniform(3, 4.5), 0.12, 0.06])
    centre = (
        np.array([LINE[key].wavelength for key in keys]) * (1 + z) * (1 + rng.normal(0, 300) / SPEED_OF_LIGHT)
    )
    blue = level(host) * rng.uniform(0, 0.4) * (host.wavelength / 5500) ** -1.5
    return change_light(host, rng, added=paint_lines(host.wavelength, host.lsf, centre, flux, sigma) + blue)


def _extreme_emission(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """A metal-poor starburst whose lines dwarf its stars."""
    ratios = LineRatios(
        rng.uniform(-1.9, -1.3), rng.uniform(0.6, 0.85), rng.uniform(-1.5, -0.9), rng.uniform(-2.3, -1.7),
        float(np.log10(rng.uniform(2.8, 3.3))),
    )  # fmt: skip
    return _replace_lines(host, z, ratios, "SF", 10 ** rng.uniform(2.8, 3.4), rng)


def _strong_nad(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """Deep Na D absorption, often blueshifted: a neutral wind."""
    sigma, shift = rng.uniform(80, 220), -rng.choice([0, 1]) * rng.uniform(50, 400)
    centre = (
        np.array([LINE[k].wavelength for k in ("nad_5890", "nad_5896")])
        * (1 + z)
        * (1 + shift / SPEED_OF_LIGHT)
    )
    ew = rng.uniform(5, 12) * (1 + z) * np.array([0.55, 0.45])
    depth = paint_lines(host.wavelength, host.lsf, centre, ew, sigma)
    return change_light(host, rng, factor=np.exp(-depth))


def _post_starburst(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """Light of stars born in a burst half a billion years ago, and no gas left."""
    fit = measure_lines(host, z)
    wavelength, templates, names = stellar_basis()
    which = names.index(str(rng.choice(["Z-0.25_T00.4000", "Z+0.06_T00.4000", "Z+0.06_T00.7000"])))
    burst = np.interp(host.wavelength / (1 + z), wavelength, broaden(templates[which], 150.0))
    share = rng.uniform(0.6, 0.95)
    return change_light(
        host, rng, factor=1 - share, added=share * level(host) * burst - (1 - share) * fit.emission
    )


def _supernova(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """A supernova near maximum light in the fibre."""
    return change_light(
        host, rng, added=supernova(host.wavelength / (1 + z), rng) * level(host) * rng.uniform(0.4, 2)
    )


def _dust(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """Far more dust than galaxies have: the blue end fades away."""
    curve, r = (cardelli, 3.1) if rng.random() < 0.5 else (calzetti, 4.05)
    k = curve(np.maximum(host.wavelength / (1 + z), 3000)) - r
    return change_light(host, rng, factor=10 ** (-0.4 * rng.uniform(0.6, 1.4) * k))


def _wrong_redshift(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """The catalog's redshift is wrong: one line taken for another, or a chance minimum."""
    pairs = (("ha", "oiii"), ("oiii", "ha"), ("oii_3729", "ha"), ("hb", "oii_3729"), ("oiii", "oii_3729"))
    if rng.random() < 0.6:
        true, taken = pairs[int(rng.integers(len(pairs)))]
        wrong = (1 + z) * LINE[true].wavelength / LINE[taken].wavelength - 1
    else:
        wrong = z + rng.choice([-1, 1]) * rng.uniform(0.01, 0.15)
    if wrong < 0.002 or wrong > 0.8:
        wrong = z + rng.uniform(0.01, 0.1)
    return with_row(host, z=float(wrong))


def _odd_ratios(host: Spectrum, z: float, rng: np.random.Generator) -> Spectrum:
    """Line ratios that no gas in galaxies shows: off the populated part of the diagram."""
    base = draw_ratios("Composite", rng)
    odd = (
        (rng.uniform(0.45, 0.9), rng.uniform(-0.9, -0.4), base.log_sii_ha, base.log_oi_ha),
        (rng.uniform(-1.7, -1.2), rng.uniform(1.05, 1.5), base.log_sii_ha, base.log_oi_ha),
        (base.log_nii_ha, base.log_oiii_hb, rng.uniform(0.35, 0.7), rng.uniform(0.1, 0.5)),
        (rng.uniform(-1.6, -1.2), rng.uniform(-1.0, -0.6), base.log_sii_ha, base.log_oi_ha),
    )[int(rng.integers(4))]
    return _replace_lines(
        host, z, LineRatios(*odd, base.log_ha_hb), "Composite", 10 ** rng.uniform(1.2, 2), rng
    )


#: Every kind of outlier, by name.
OUTLIERS: Mapping[str, Outlier] = {
    "calibration_jump": _calibration_jump,
    "star_blend": _star_blend,
    "quasar_blend": _quasar_blend,
    "double_peaks": _double_peaks,
    "broad_lines": _broad_lines,
    "extreme_emission": _extreme_emission,
    "strong_nad": _strong_nad,
    "post_starburst": _post_starburst,
    "supernova": _supernova,
    "dust": _dust,
    "wrong_redshift": _wrong_redshift,
    "odd_ratios": _odd_ratios,
}

OUTLIER_KINDS: tuple[str, ...] = tuple(OUTLIERS)


def _with_flux(host: Spectrum, flux: NDArray, ivar: NDArray) -> Spectrum:
    """The host with other pixels; masked ones keep their values."""
    good = host.good
    return dataclasses.replace(
        host,
        flux=np.where(good, flux, host.flux).astype(np.float32),
        ivar=np.where(good, ivar, host.ivar).astype(np.float32),
    )


def _continuum_at(host: Spectrum, key: str, z: float) -> float:
    """Median flux within 60 angstrom of a line; the whole spectrum's where that is not covered."""
    near = host.good & (np.abs(host.wavelength - LINE[key].wavelength * (1 + z)) < 60)
    return max(float(np.median(host.flux[near])), 0.1 * level(host)) if near.sum() > 10 else level(host)


def _replace_lines(
    host: Spectrum, z: float, ratios: LineRatios, name: str, ha_ew: float, rng: np.random.Generator
) -> Spectrum:
    """The host with its own lines taken away and others put in their place."""
    fit = measure_lines(host, z)
    lines = draw_lines(name, ratios, float(rng.uniform(35, 110)), rng)
    painted = lines.paint(host.wavelength, host.lsf, z, ha_ew * (1 + z) * _continuum_at(host, "ha", z))
    return change_light(host, rng, added=painted - fit.emission)


def _own_or_new_lines(
    host: Spectrum, fit: LineFit, z: float, ha_ew: float, rng: np.random.Generator
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Lines and fluxes (observed): the host's own where it has strong ones, else those of a composite."""
    own = {k: v for k, v in fit.flux.items() if k in LINE and v > 3 * fit.noise[k]}
    if len(own) >= 4 and fit.ew.get("ha", 0) > 5:
        for weak, strong, ratio in (("oiii_4959", "oiii", 0.336), ("nii_6548", "nii", 0.328)):
            if strong in own:
                own[weak] = own[strong] * ratio
        return tuple(own), np.array(list(own.values()))
    lines = draw_lines("Composite", draw_ratios("Composite", rng), 60.0, rng)
    flux = lines.relative * ha_ew * 10 ** rng.normal(0, 0.2) * (1 + z) * _continuum_at(host, "ha", z)
    listed = [i for i, key in enumerate(lines.keys) if key in LINE]
    return tuple(lines.keys[i] for i in listed), flux[listed]
