"""IRAF's multispec world coordinates: the wavelengths of each aperture, from the WAT2 cards of a header.

Source: IRAF `noao.onedspec` help "specwcs": linear and log-linear dispersions, Chebyshev and Legendre polynomials,
cubic and linear splines, arrays of pixels and of samples.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev, legendre
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import Hdu

#: A WAT card holds this many characters; blanks at its end are dropped by FITS readers, and meant.
CARD_TEXT = 68
#: Doppler factors beyond are the redshift of a galaxy, taken off by `dopcor`; smaller ones the motion of the observer.
LARGEST_MOTION = 2e-3

_SPEC = re.compile(r'\bspec(\d+)\s*=\s*"([^"]*)"', re.I)
_UNITS = re.compile(r"\bunits=(\S+)", re.I)


@dataclass(frozen=True)
class Dispersion:
    """The dispersion of one aperture.

    Attributes:
        aperture: Its number.
        beam: Its beam: in fibre reductions 0 is sky and 1 an object.
        wavelength: In the unit of the header, observed frame, shape (n_valid,): one per pixel that was extracted.
        redshift: What `dopcor` took off, and is put back here; else None.
    """

    aperture: int
    beam: int
    wavelength: NDArray[np.float64]
    redshift: float | None


def is_multispec(header: Mapping[str, Any]) -> bool:
    """Whether the header has multispec coordinates."""
    hdu = Hdu(header)
    said = f"{hdu.text('WAT0_001')} {hdu.text('WAT1_001')} {hdu.text('CTYPE1')}".lower()
    return "multispe" in said and "equispec" not in said


def attributes(header: Mapping[str, Any], axis: int) -> str:
    """The text of an axis' WATn cards, put together again."""
    parts: list[str] = []
    while (key := f"WAT{axis}_{len(parts) + 1:03d}") in header:
        parts.append(str(header[key]).ljust(CARD_TEXT))
    return "".join(parts)


def wavelength_unit(header: Mapping[str, Any]) -> str | None:
    """The unit that WAT1 names, else None."""
    found = _UNITS.search(attributes(header, 1))
    return found[1].strip('"') if found else None


def dispersions(header: Mapping[str, Any], n_rows: int, n_pixels: int, where: str) -> list[Dispersion]:
    """One dispersion per row of an image of n_rows spectra with n_pixels each.

    Raises:
        FormatError: If a row has none, or one that is not understood.
    """
    specs = {int(number): text for number, text in _SPEC.findall(attributes(header, 2))}
    hdu = Hdu(header)
    first = 1 - int(hdu.number("LTV2") or 0)
    wanted = range(first, first + n_rows)
    if missing := [number for number in wanted if number not in specs]:
        raise FormatError(
            f"{where}: multispec coordinates of {len(specs)} apertures for {n_rows} rows (the WAT2 cards have no "
            f"spec{missing[0]}), expected one for each row. Fetch it again, or write single spectra with IRAF's scopy."
        )
    scale, shift = hdu.number("LTM1_1") or 1.0, hdu.number("LTV1") or 0.0
    pixels = (np.arange(1, n_pixels + 1) - shift) / scale
    return [_dispersion(specs[number], pixels, f"{where}: spec{number}") for number in wanted]


def _dispersion(text: str, pixels: NDArray, where: str) -> Dispersion:
    try:
        numbers = [float(word.replace("D", "E").replace("d", "e")) for word in text.split()]
        aperture, beam, kind, start, step, count, z = numbers[:7]
        if int(kind) == -1:
            raise ValueError("no dispersion solution")
        # What stands beyond the last pixel of an aperture is padding.
        pixels = pixels[: int(count)] if 0 < count < len(pixels) else pixels
        if int(kind) in (0, 1):
            wavelength = start + step * (pixels - 1)
            wavelength = 10.0**wavelength if kind == 1 else wavelength
        else:
            wavelength = _functions(numbers[9:], pixels)
    except (ValueError, IndexError) as error:
        raise FormatError(
            f"{where} is {text[:60]!r} ({error}), expected a dispersion of IRAF's multispec coordinates. "
            "Write it linear with IRAF's dispcor."
        ) from error
    if abs(z) > LARGEST_MOTION:
        return Dispersion(int(aperture), int(beam), wavelength, z)
    return Dispersion(int(aperture), int(beam), wavelength / (1 + z), None)


def _functions(numbers: list[float], pixels: NDArray) -> NDArray[np.float64]:
    """The weighted sum of a nonlinear dispersion's functions at physical pixels."""
    total, i = np.zeros(len(pixels)), 0
    if not numbers:
        raise ValueError("no function")
    while i < len(numbers):
        weight, zero, kind = numbers[i : i + 3]
        function, used = _FUNCTIONS[int(kind) - 1](numbers[i + 3 :])
        total += weight * (zero + function(pixels))
        i += 3 + used
    return total


Function = Callable[[NDArray], NDArray]


def _polynomial(value: Callable[..., Any]) -> Callable[[list[float]], tuple[Function, int]]:
    def read(numbers: list[float]) -> tuple[Function, int]:
        order, low, high = int(numbers[0]), numbers[1], numbers[2]
        factors = _all(numbers[3 : 3 + order], order)
        return lambda pixels: value((2 * pixels - (high + low)) / (high - low), factors), 3 + order

    return read


def _spline(extra: int) -> Callable[[list[float]], tuple[Function, int]]:
    """Cubic (extra 3) or linear (extra 1) splines: pieces + extra coefficients."""

    def read(numbers: list[float]) -> tuple[Function, int]:
        pieces, low, high = int(numbers[0]), numbers[1], numbers[2]
        factors = np.array(_all(numbers[3 : 3 + pieces + extra], pieces + extra))

        def value(pixels: NDArray) -> NDArray:
            place = (pixels - low) / (high - low) * pieces
            j = np.clip(np.floor(place).astype(int), 0, pieces - 1)
            a, b = j + 1 - place, place - j
            if extra == 1:
                return factors[j] * a + factors[j + 1] * b
            basis = (a**3, 1 + 3 * a * (1 + a * b), 1 + 3 * b * (1 + a * b), b**3)
            return sum((factors[j + k] * x for k, x in enumerate(basis)), np.zeros(len(pixels)))

        return value, 3 + pieces + extra

    return read


def _array(numbers: list[float]) -> tuple[Function, int]:
    n = int(numbers[0])
    values = np.array(_all(numbers[1 : 1 + n], n))
    return lambda pixels: np.interp(pixels, np.arange(1, n + 1), values), 1 + n


def _samples(numbers: list[float]) -> tuple[Function, int]:
    n = int(numbers[0])
    pairs = np.array(_all(numbers[1 : 1 + 2 * n], 2 * n)).reshape(n, 2)
    return lambda pixels: np.interp(pixels, pairs[:, 0], pairs[:, 1]), 1 + 2 * n


def _all(numbers: list[float], n: int) -> list[float]:
    if len(numbers) != n:
        raise ValueError(f"{len(numbers)} numbers of {n}")
    return numbers


#: Functions by their number in IRAF, from 1.
_FUNCTIONS = (
    _polynomial(chebyshev.chebval),
    _polynomial(legendre.legval),
    _spline(3),
    _spline(1),
    _array,
    _samples,
)
