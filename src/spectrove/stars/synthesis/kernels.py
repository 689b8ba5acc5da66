"""The loops that need to be fast, compiled by numba: profiles of lines, optical depths and flux, broadening."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import dawsn, expn

from spectrove.errors import SpectroveError

try:
    from numba import njit
except ImportError as error:
    raise SpectroveError(
        "the synthesis of stellar spectra needs numba, which is not installed: pip install 'spectrove[stars]'"
    ) from error

Floats = NDArray[np.float64]

#: Step and number of nodes of the tables of Voigt's function, in Doppler widths.
_STEP, _NODES = 0.01, 562

#: The same of exponential integrals, in optical depth.
_DEPTH_STEP, _DEPTH_NODES = 0.005, 6002

#: Optical thickness of a layer above which its mean of E3 is a difference of E4, and below, the value in its middle.
_THIN = 0.05

_SQRT_PI = math.sqrt(math.pi)


def _voigt_tables() -> Floats:
    """Four functions of the expansion in powers of the damping, (4, n_nodes). Harris 1948, ApJ 108, 112."""
    v = np.arange(_NODES) * _STEP
    gauss, dawson = np.exp(-v * v), dawsn(v)
    first = -2 / _SQRT_PI * (1 - 2 * v * dawson)
    third = -2 / _SQRT_PI * (2 / 3 * (1 - v * v) - 2 * v * (1 - 2 / 3 * v * v) * dawson)
    return np.stack([gauss, first, (1 - 2 * v * v) * gauss, third])


_HARRIS = _voigt_tables()
_E3 = expn(3, np.arange(_DEPTH_NODES) * _DEPTH_STEP)
_E4 = expn(4, np.arange(_DEPTH_NODES) * _DEPTH_STEP)


@njit(cache=True, fastmath=True)
def voigt(a: float, v: float) -> float:
    """Voigt's function H(a, v): damping over Doppler width, distance in Doppler widths. Good to 2e-4 of its value.

    Source:
        Harris 1948 in the core of weakly damped lines, Humlicek 1982, JQSRT 27, 437 elsewhere.
    """
    v = abs(v)
    if a + v >= 15.0:
        # Region I: t = a - iv, the real part of .5641896 t / (.5 + t^2).
        real, imaginary = 0.5 + a * a - v * v, -2.0 * a * v
        return 0.5641896 * (a * real - v * imaginary) / (real * real + imaginary * imaginary)
    if a < 0.1 and v < 5.5:
        place = v / _STEP
        i = int(place)
        part = place - i
        h = [0.0, 0.0, 0.0, 0.0]
        for k in range(4):
            h[k] = _HARRIS[k, i] + part * (_HARRIS[k, i + 1] - _HARRIS[k, i])
        return h[0] + a * (h[1] + a * (h[2] + a * h[3]))
    t = complex(a, -v)
    if a + v >= 5.5:
        u = t * t
        return (t * (1.410474 + u * 0.5641896) / (0.75 + u * (3.0 + u))).real
    if a >= 0.195 * v - 0.176:
        top = 16.4955 + t * (20.20933 + t * (11.96482 + t * (3.778987 + t * 0.5642236)))
        return (top / (16.4955 + t * (38.82363 + t * (39.27121 + t * (21.69274 + t * (6.699398 + t)))))).real
    u = t * t
    top = t * (
        36183.31
        - u * (3321.9905 - u * (1540.787 - u * (219.0313 - u * (35.76683 - u * (1.320522 - u * 0.56419)))))
    )
    below = 32066.6 - u * (
        24322.84 - u * (9022.228 - u * (2186.181 - u * (364.2191 - u * (61.57037 - u * (1.841439 - u)))))
    )
    return (np.exp(u) - top / below).real


@njit(cache=True, fastmath=True)
def add_lines(
    opacity: Floats,
    wavelength: Floats,
    centres: Floats,
    strengths: Floats,
    widths: Floats,
    dampings: Floats,
    least: Floats,
) -> None:
    """Add the opacity of lines in place, each as far as it matters.

    Args:
        opacity: cm2 / g, (n_depths, n_pixels); changed.
        wavelength: Angstrom, increasing, (n_pixels,).
        centres: Of the lines, (n_lines,).
        strengths: Opacity in the centre of a line without damping, cm2 / g, (n_lines, n_depths).
        widths: Doppler widths, angstrom, (n_lines, n_depths).
        dampings: Damping over Doppler width, (n_lines, n_depths).
        least: Opacity below which a line is no longer followed, cm2 / g, (n_lines, n_depths).
    """
    n_pixels = len(wavelength)
    for line in range(len(centres)):
        centre = centres[line]
        for depth in range(opacity.shape[0]):
            strength, a = strengths[line, depth], dampings[line, depth]
            ratio = strength / least[line, depth]
            if ratio <= 1.0:
                continue
            reach = max(math.sqrt(math.log(ratio)), math.sqrt(ratio * a / _SQRT_PI)) * widths[line, depth]
            first = np.searchsorted(wavelength, centre - reach)
            for pixel in range(first, n_pixels):
                if wavelength[pixel] > centre + reach:
                    break
                v = (wavelength[pixel] - centre) / widths[line, depth]
                opacity[depth, pixel] += strength * voigt(a, v)


@njit(cache=True, fastmath=True)
def add_profiles(
    opacity: Floats,
    wavelength: Floats,
    centre: float,
    strengths: Floats,
    widths: Floats,
    table: Floats,
    far: float,
    least: Floats,
) -> None:
    """Add the opacity of one line whose profile is a table, in place.

    Args:
        opacity: cm2 / g, (n_depths, n_pixels); changed.
        wavelength: Angstrom, increasing, (n_pixels,).
        centre: Of the line.
        strengths: What the profile is multiplied with, cm2 / g, (n_depths,).
        widths: Unit of the profile's distances, angstrom, (n_depths,).
        table: Profiles by depth at distances far * (i / (n_nodes - 1))^2, (n_depths, n_nodes); beyond, they fall with
        the
            power -2.5.
        far: Distance of the last node.
        least: Opacity below which a profile is no longer followed, cm2 / g, (n_depths,).
    """
    n_nodes = table.shape[1]
    for depth in range(opacity.shape[0]):
        strength, width = strengths[depth], widths[depth]
        ratio = strength * table[depth, n_nodes - 1] / least[depth]
        if strength * table[depth, 0] <= least[depth]:
            continue
        reach = far * width * max(1.0, ratio**0.4)
        first = np.searchsorted(wavelength, centre - reach)
        for pixel in range(first, len(wavelength)):
            distance = abs(wavelength[pixel] - centre)
            if wavelength[pixel] > centre + reach:
                break
            y = distance / width
            if y >= far:
                value = table[depth, n_nodes - 1] * (y / far) ** -2.5
            else:
                place = math.sqrt(y / far) * (n_nodes - 1)
                i = min(int(place), n_nodes - 2)
                value = table[depth, i] + (place - i) * (table[depth, i + 1] - table[depth, i])
            opacity[depth, pixel] += strength * value


@njit(cache=True, fastmath=True)
def _mean_e3(above: float, thickness: float) -> float:
    """Mean of E3 over a layer with an optical depth above it."""
    last = (_DEPTH_NODES - 2) * _DEPTH_STEP
    if thickness < _THIN:
        return _looked_up(_E3, min(above + thickness / 2, last))
    return (_looked_up(_E4, min(above, last)) - _looked_up(_E4, min(above + thickness, last))) / thickness


@njit(cache=True, fastmath=True)
def _looked_up(table: Floats, depth: float) -> float:
    place = depth / _DEPTH_STEP
    i = int(place)
    return table[i] + (place - i) * (table[i + 1] - table[i])


@njit(cache=True, fastmath=True)
def emergent_flux(
    opacity: Floats, source: Floats, column_mass: Floats, node: NDArray, part: Floats, lines: Floats
) -> Floats:
    """Flux that leaves a plane atmosphere, over pi.

    The source function is linear in optical depth in each layer: F = S(0) + 2 * the integral of E3 dS.

    Args:
        opacity: Of the continuum at nodes in wavelength, cm2 / g, (n_nodes, n_depths).
        source: Source function at the nodes, (n_nodes, n_depths).
        column_mass: g / cm2, (n_depths,).
        node: The node before each pixel, (n_pixels,).
        part: Part of the way to the next, (n_pixels,).
        lines: Opacity of lines, (n_depths, n_pixels).

    Returns:
        In the unit of the source function, (n_pixels,).
    """
    n_depths, n_pixels = lines.shape
    flux, depth = np.empty(n_pixels), np.empty(n_pixels)
    before, emitted = np.empty(n_pixels), np.empty(n_pixels)
    for layer in range(n_depths):
        for pixel in range(n_pixels):
            k, p = node[pixel], part[pixel]
            total = opacity[k, layer] + p * (opacity[k + 1, layer] - opacity[k, layer]) + lines[layer, pixel]
            here = source[k, layer] + p * (source[k + 1, layer] - source[k, layer])
            if layer == 0:
                depth[pixel] = total * column_mass[0]
                flux[pixel] = here
            elif depth[pixel] < 25.0:
                thickness = 0.5 * (total + before[pixel]) * (column_mass[layer] - column_mass[layer - 1])
                flux[pixel] += 2 * (here - emitted[pixel]) * _mean_e3(depth[pixel], thickness)
                depth[pixel] += thickness
            before[pixel], emitted[pixel] = total, here
    return flux


@njit(cache=True, fastmath=True)
def convolved(wavelength: Floats, flux: Floats, at: Floats, kernel: Floats, step: float) -> Floats:
    """Flux at wavelengths, broadened by a symmetric profile in velocity.

    Args:
        wavelength: Angstrom, increasing, (n_pixels,).
        flux: (n_pixels,).
        at: Where it is wanted, (n_wanted,).
        kernel: The profile at multiples of `step` from its middle outwards, zero at its end.
        step: km / s.

    Returns:
        (n_wanted,); near the ends of the input the mean of what is there.
    """
    result = np.empty(len(at))
    reach = (len(kernel) - 1) * step / 2.99792458e5
    for i in range(len(at)):
        first = np.searchsorted(wavelength, at[i] * (1 - reach))
        total, norm = 0.0, 0.0
        for j in range(first, len(wavelength)):
            place = abs(wavelength[j] / at[i] - 1) * 2.99792458e5 / step
            k = int(place)
            if k >= len(kernel) - 1:
                if wavelength[j] > at[i]:
                    break
                continue
            # The width of a pixel: grids need not be even, and two ranges may stand beside each other.
            left = wavelength[j] - wavelength[j - 1] if j > 0 else wavelength[j + 1] - wavelength[j]
            right = wavelength[j + 1] - wavelength[j] if j + 1 < len(wavelength) else left
            weight = (kernel[k] + (place - k) * (kernel[k + 1] - kernel[k])) * min(left, right)
            total += weight * flux[j]
            norm += weight
        result[i] = total / norm if norm > 0 else np.nan
    return result
