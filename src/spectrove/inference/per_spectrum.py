"""What is computed of one spectrum alone, remembered: explanations and open redshifts ask about the same ones again."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Generic, TypeVar

import numpy as np

from spectrove.spectra import Spectrum, SpectrumSet

T = TypeVar("T")

#: Spectra that each function remembers.
REMEMBERED = 8192


class PerSpectrum(Generic[T]):
    """A function of a set of spectra with one value each, that computes no value twice.

    Args:
        make: The function; it may read pixels and redshift, nothing else of a row.
    """

    def __init__(self, make: Callable[[SpectrumSet], list[T]]) -> None:
        self._make = make
        self._kept: dict[bytes, T] = {}

    def __call__(self, spectra: SpectrumSet) -> list[T]:
        keys = [pixels_and_redshift(spectra[i]) for i in range(len(spectra))]
        missing = [i for i, key in enumerate(keys) if key not in self._kept]
        if missing:
            made = self._make(spectra.take(np.array(missing)))
            self._kept |= {keys[i]: value for i, value in zip(missing, made, strict=True)}
        found = [self._kept[key] for key in keys]
        for key in list(self._kept)[: max(len(self._kept) - REMEMBERED, 0)]:
            del self._kept[key]
        return found


def pixels_and_redshift(spectrum: Spectrum) -> bytes:
    """A hash of the pixels and the redshift."""
    code = blake2b(repr(spectrum.row.get("z")).encode(), digest_size=16)
    for part in (spectrum.wavelength, spectrum.flux, spectrum.ivar, spectrum.mask, spectrum.lsf):
        code.update(np.ascontiguousarray(part).tobytes())
    return code.digest()
