"""Changing the light of an observed spectrum and keeping its noise honest."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from spectrove.errors import RedshiftError
from spectrove.spectra import Spectrum


def host_redshift(spectrum: Spectrum) -> float:
    """The redshift that the host is known by."""
    if not np.isfinite(spectrum.z) or spectrum.z <= -0.01:
        raise RedshiftError(
            f"{spectrum.object_id}: redshift is {spectrum.z}; a host needs a known one above -0.01. "
            "Give it one in the row's column z."
        )
    return spectrum.z


def level(spectrum: Spectrum) -> float:
    """Median flux of the usable pixels; what strengths are relative to."""
    flux = spectrum.flux[spectrum.good]
    value = float(np.median(flux)) if len(flux) else 0.0
    noise = float(np.median(1 / np.sqrt(spectrum.ivar[spectrum.good]))) if len(flux) else 1.0
    return max(value, noise)


def change_light(
    spectrum: Spectrum,
    rng: np.random.Generator,
    *,
    factor: NDArray | float = 1.0,
    added: NDArray | float = 0.0,
) -> Spectrum:
    """The spectrum as recorded had the source sent `factor` times its light plus `added`.

    Photons carry the noise, so variance follows the light: what was recorded keeps its own noise (times
    `factor`), and new noise fills up to the variance of the new light. Sky and detector are taken to weigh as
    much as the host's median flux, since a spectrum does not say what they were.

    Args:
        spectrum: Host; masked pixels stay masked.
        factor, added: (n_pixels,) or one number; `added` in the host's flux unit.
    """
    good = spectrum.good
    var = np.where(good, 1 / np.where(good, spectrum.ivar, 1), 0).astype(float)
    smooth = np.maximum(uniform_filter1d(np.where(good, spectrum.flux, 0).astype(float), 25), 0)
    background = level(spectrum)
    per_photon = var / (smooth + background)
    target = per_photon * (np.maximum(smooth * factor + added, 0) + background)
    extra = np.maximum(target - var * np.asarray(factor) ** 2, 0)
    flux = spectrum.flux * factor + added + np.sqrt(extra) * rng.standard_normal(len(var))
    total = var * np.asarray(factor) ** 2 + extra
    ivar = np.where(good & (total > 0), 1 / np.where(total > 0, total, 1), 0)
    keep = np.where(good, flux, spectrum.flux).astype(np.float32)
    return dataclasses.replace(
        spectrum, flux=keep, ivar=np.where(good, ivar, spectrum.ivar).astype(np.float32)
    )


def with_row(spectrum: Spectrum, **values: Any) -> Spectrum:
    """The spectrum with some values of its row replaced."""
    return dataclasses.replace(spectrum, row={**spectrum.row, **values})
