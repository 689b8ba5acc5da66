"""Spectra of any spectrograph on pixels of a setting, at its resolution: sharper ones degraded, blunter ones refused.

A pixel's error is that of the light that falls into it, so that no noise is claimed to be lower than it is: what a
profile or an interpolation smooths is not counted as gained.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.labels import PIXEL, pixels
from spectrove.stars.settings import SETTINGS, Setting

Floats = NDArray[np.float64]

_FWHM = 2 * math.sqrt(2 * math.log(2))

#: A spectrum whose profile is wider than the setting's by this factor is refused; less is taken for broadening.
WIDEST = 1.25

#: Pixels of a full width at half maximum where a file does not say its resolution, and the fewest that sample one.
ASSUMED, FEWEST = 5.5, 2.0

#: Share of a setting's pixels without which it counts as missing.
LEAST_COVERED = 0.8

#: Where a profile to be added is narrower than this many pixels of the spectrum, these are interpolated.
_NARROW = 0.7

#: Standard deviations of a profile that are followed, and its least share on good pixels.
_REACH, _LEAST_SHARE = 3.5, 0.7

#: Pixels that an interpolation goes through.
_NODES = 6

#: Pixels whose error is larger than that of the setting's median inverse variance, by this factor, are not used; no
#: error is taken to be smaller by more.
_WORSE = 4.0


@dataclass(frozen=True)
class OnSettings:
    """Spectra at rest on `labels.pixels()`.

    Attributes:
        object_id: (n_spectra,).
        flux, ivar: (n_spectra, n_pixels); 0 where not used.
        used: Good pixels, same shape.
        has: Whether a setting is there, (n_spectra, n_settings): its pixels are not used where it is not.
    """

    object_id: NDArray[np.str_]
    flux: Floats
    ivar: Floats
    used: NDArray[np.bool_]
    has: NDArray[np.bool_]


def at_rest(spectra: SpectrumSet, z: NDArray) -> tuple[OnSettings, list[Refusal]]:
    """Spectra moved to rest on the pixels of both settings, and a sentence for each that covers neither.

    Args:
        spectra: Flux on wavelengths, in any unit.
        z: Velocity of each over that of light, (n_spectra,).
    """
    at, kept, refusals = pixels(), [], []
    for i in range(len(spectra)):
        one, start, reasons = spectra[i], 0, []
        flux, ivar = np.zeros(len(at)), np.zeros(len(at))
        has = np.zeros(len(SETTINGS), bool)
        for k, setting in enumerate(SETTINGS.values()):
            here = slice(start, start + len(setting.pixels(PIXEL)))
            start = here.stop
            reason = why_not(one, setting, float(z[i]))
            if not reason:
                flux[here], ivar[here] = placed(one, at[here], float(z[i]), setting)
                good = ivar[here] > 0
                has[k] = good.mean() >= LEAST_COVERED
                reason = "" if has[k] else f"{good.mean():.0%} of the pixels of {setting.name} are good"
            if not has[k]:
                flux[here], ivar[here] = 0.0, 0.0
                reasons.append(reason)
        if has.any():
            kept.append((one.object_id, flux, ivar, has))
        else:
            refusals.append(_refusal(one, reasons))
    shape = (len(kept), len(at))
    stacked = np.array([one[2] for one in kept], float).reshape(shape)
    return OnSettings(
        np.array([one[0] for one in kept], str), np.array([one[1] for one in kept], float).reshape(shape), stacked,
        stacked > 0, np.array([one[3] for one in kept], bool).reshape(len(kept), len(SETTINGS)),
    ), refusals  # fmt: skip


def _refusal(one: Spectrum, reasons: list[str]) -> Refusal:
    ranges = " or ".join(f"{s.name} ({s.low:.0f}-{s.high:.0f} A)" for s in SETTINGS.values())
    return Refusal(
        one.object_id,
        f"{one.object_id}: {'; '.join(reasons)}. Expected {ranges} in vacuum, {LEAST_COVERED:.0%} of it in good "
        f"pixels, at a resolution of {min(s.resolution for s in SETTINGS.values()) / WIDEST:,.0f} or more.",
    )


def why_not(one: Spectrum, setting: Setting, z: float = 0.0) -> str:
    """Why a spectrum cannot be brought to a setting; "" if it can."""
    low, high = setting.low * (1 + z), setting.high * (1 + z)
    inside = _between(one.wavelength, low, high)
    if inside.stop - inside.start < 2 * _NODES or not one.good[inside].any():
        return f"no good pixel in {setting.name}"
    step, sigma = _step(one.wavelength[inside]), _sigma(one, inside, setting)
    if FEWEST * step > WIDEST * _FWHM * _width(setting) or sigma > WIDEST * _width(setting):
        blunt = max(_FWHM * sigma, FEWEST * step)
        found = 0.5 * (low + high) / blunt
        return f"a resolution of {found:,.0f} in {setting.name}, whose own is {setting.resolution:,.0f}"
    return ""


def placed(one: Spectrum, at: Floats, z: float, setting: Setting) -> tuple[Floats, Floats]:
    """Flux and inverse variance of a spectrum at wavelengths at rest, at the resolution of a setting; (n_wanted,) each.

    Args:
        one: On its own pixels.
        at: Wavelengths at rest, increasing, each in the middle of a pixel, (n_wanted,).
        z: Velocity over that of light.
        setting: How sharp they are to be.
    """
    wanted = at * (1 + z)
    gaps = np.diff(wanted)
    edges = np.concatenate([[wanted[0] - gaps[0] / 2], wanted[:-1] + gaps / 2, [wanted[-1] + gaps[-1] / 2]])
    near = _between(one.wavelength, edges[0] - 3, edges[-1] + 3)
    wavelength, flux, good = one.wavelength[near], one.flux[near].astype(float), one.good[near]
    nothing = np.zeros(len(at))
    if len(wavelength) < 2 * _NODES or not good.any():
        return nothing, nothing.copy()
    ivar = np.where(good, one.ivar[near].astype(float), 0.0)
    usual = float(np.median(ivar[good]))
    good = good & (ivar * _WORSE**2 > usual)
    ivar = np.minimum(ivar, usual * _WORSE**2)
    step = _step(wavelength)
    added = math.sqrt(max(_width(setting) ** 2 - _sigma(one, near, setting) ** 2, 0.0))
    if added > _NARROW * step:
        value, fine = _smoothed(wavelength, flux, good, wanted, added)
    else:
        value, fine = _interpolated(wavelength, flux, good, edges, step)
    gained = _light(wavelength, np.where(good, ivar, 0.0), edges)
    fine &= gained > 0
    return np.where(fine, value, 0.0), np.where(fine, gained, 0.0)


def _between(wavelength: Floats, low: float, high: float) -> slice:
    """Where wavelengths, which rise, lie between two."""
    start, stop = np.searchsorted(wavelength, [low, high], "left")
    return slice(int(start), int(stop + (stop < len(wavelength) and wavelength[stop] == high)))


def _width(setting: Setting) -> float:
    """One sigma of a setting's profile in its middle, angstrom."""
    return 0.5 * (setting.low + setting.high) / setting.resolution / _FWHM


def _step(wavelength: Floats) -> float:
    """Angstrom from pixel to pixel, of most."""
    size = np.diff(wavelength)
    return float(size.mean()) if size.max() < 1.1 * size.min() else _middle(size)


def _middle(values: Floats) -> float:
    """The value with as many below as above."""
    return float(np.partition(values, len(values) // 2)[len(values) // 2])


def _sigma(one: Spectrum, where: slice, setting: Setting) -> float:
    """One sigma of the profile of a spectrum there, angstrom; where it is not known, from its pixels.

    Pixels do not say how sharp a spectrum is: five or six to a full width are usual. Those that would then be too blunt
    for the setting are taken to have its resolution, if they sample it at all.
    """
    known = one.lsf[where]
    known = known[np.isfinite(known) & (known > 0)]
    if len(known):
        return float(known.mean())
    return min(ASSUMED * _step(one.wavelength[where]) / _FWHM, _width(setting))


def _smoothed(
    wavelength: Floats, flux: Floats, good: NDArray, wanted: Floats, sigma: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Means under a Gaussian at the wanted wavelengths, and where enough of it lies on good pixels."""
    size = np.gradient(wavelength)
    reach = math.ceil(_REACH * sigma / _middle(size))
    middle = np.searchsorted(wavelength, wanted)
    place = middle[:, None] + np.arange(-reach, reach + 1)
    inside = (place >= 0) & (place < len(wavelength))
    place = place.clip(0, len(wavelength) - 1)
    weight = np.exp(-0.5 * ((wavelength[place] - wanted[:, None]) / sigma) ** 2) * size[place] * inside
    used = weight * good[place]
    whole = sigma * math.sqrt(2 * math.pi)
    total = used.sum(axis=1)
    return (used * flux[place]).sum(axis=1) / np.maximum(total, 1e-300), total > _LEAST_SHARE * whole


def _interpolated(
    wavelength: Floats, flux: Floats, good: NDArray, edges: Floats, step: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """Means over pixels between edges of the polynomial through the nearest pixels, and where all of these are good."""
    size = np.diff(edges)
    n = max(1, round(float(size.mean()) / step))
    value, fine = np.zeros(len(size)), np.ones(len(size), bool)
    even, bad = _is_even(wavelength), ~good
    some_bad = bool(bad.any())
    share = _even_shares() if even else _shares(wavelength)
    index = np.arange(len(wavelength), dtype=float)
    for i in range(n):
        at = edges[:-1] + size * (i + 0.5) / n
        place = np.interp(at, wavelength, index, -1.0, -1.0)
        first = place.astype(np.int64) - (_NODES // 2 - 1)
        fine &= (place >= 0) & (first >= 0) & (first + _NODES <= len(wavelength))
        first = first.clip(0, len(wavelength) - _NODES)
        # In even pixels distances are counted in these.
        off = [place - first - k if even else at - wavelength[first + k] for k in range(_NODES)]
        others = _without_one(off)
        for k in range(_NODES):
            weight = others[k] * share[k][0 if even else first]
            value += weight * flux[first + k]
            if some_bad:
                fine &= ~(bad[first + k] & (abs(weight) > 1e-6))
    return value / n, fine


def _is_even(wavelength: Floats) -> bool:
    """Whether each pixel is as wide as the next, to a thousandth."""
    size = np.diff(wavelength)
    return bool((abs(np.diff(size)) < 1e-3 * size[1:]).all())


@cache
def _even_shares() -> list[Floats]:
    """`_shares` of even pixels, which are all alike: of one node."""
    return _shares(np.arange(_NODES, dtype=float))


def _shares(wavelength: Floats) -> list[Floats]:
    """One over the product of each node's distances from the others, by the first node; each (n_pixels - 5,)."""
    n = len(wavelength) - _NODES + 1
    node = [wavelength[k : k + n] for k in range(_NODES)]
    found = []
    for k in range(_NODES):
        product = np.ones(n)
        for m in range(_NODES):
            if m != k:
                product *= node[k] - node[m]
        found.append(1 / product)
    return found


def _without_one(factors: list[Floats]) -> list[Floats]:
    """The product of all factors but one, for each of them."""
    before, after = [factors[0]], [factors[-1]]
    for k in range(1, len(factors) - 1):
        before.append(before[-1] * factors[k])
        after.append(after[-1] * factors[-1 - k])
    after.reverse()
    return [after[0], *(one * other for one, other in zip(before, after[1:], strict=False)), before[-1]]


def _light(wavelength: Floats, ivar: Floats, edges: Floats) -> Floats:
    """Inverse variance between edges: that of each pixel, shared as its width is."""
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    own = np.concatenate([[2 * wavelength[0] - middle[0]], middle, [2 * wavelength[-1] - middle[-1]]])
    summed = np.concatenate([[0.0], np.cumsum(ivar)])
    return np.diff(np.interp(edges, own, summed))
