"""Emission from galaxies so distant that the optical shows their ultraviolet: lines no detector is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum

BackgroundKind = Literal["galaxy", "lyman_alpha", "uv_lines"]

#: What may lie behind a lens.
BACKGROUNDS: tuple[str, ...] = get_args(BackgroundKind)

#: Redshifts of the two kinds: all their lines within the optical.
REDSHIFTS: Mapping[str, tuple[float, float]] = {"lyman_alpha": (2.2, 6.0), "uv_lines": (1.7, 3.0)}

#: Rest vacuum angstrom (NIST Atomic Spectra Database).
LYMAN_ALPHA = 1215.67
UV_LINES: Mapping[str, tuple[float, ...]] = {
    "civ": (1548.19, 1550.77), "heii_1640": (1640.42,), "ciii": (1906.68, 1908.73),
}  # fmt: skip


def distant_light(
    kind: str, spectrum: Spectrum, line_sn: float, rng: np.random.Generator, z: float | None = None
) -> tuple[float, NDArray[np.float64]]:
    """Redshift and flux density, on the spectrum's pixels, of a distant galaxy's lines.

    Args:
        kind: "lyman_alpha" or "uv_lines".
        spectrum: The lens; its errors and resolution count.
        line_sn: S/N of the strongest line by matched filter.
        rng: Source of all randomness.
        z: Redshift; drawn within `REDSHIFTS` so that the strongest line falls on good pixels if None.
    """
    ivar = np.where(spectrum.good, spectrum.ivar, 0.0)
    paint = _lyman_alpha if kind == "lyman_alpha" else _uv_lines
    for _ in range(100):
        behind = float(rng.uniform(*REDSHIFTS[kind])) if z is None else float(z)
        lines = paint(spectrum, behind, rng)
        strongest = max(lines, key=lambda line: float(np.sum(line**2 * ivar)))
        if z is not None or np.sum(strongest[spectrum.good]) > 0.9 * np.sum(strongest) > 0:
            break
    unit_sn = float(np.sqrt(np.sum(strongest**2 * ivar)))
    return behind, np.sum(lines, axis=0) * (line_sn / unit_sn if unit_sn > 0 else 0.0)


def _lyman_alpha(spectrum: Spectrum, z: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """One line, steep to the blue, where gas between us and the source absorbs, and drawn out to the red."""
    blue, red = rng.uniform(30, 90), rng.uniform(150, 400)
    velocity = SPEED_OF_LIGHT * np.log(spectrum.wavelength / (LYMAN_ALPHA * (1 + z)))
    sharp = np.exp(-0.5 * (velocity / np.where(velocity < 0, blue, red)) ** 2)
    return [_blurred(sharp, spectrum, LYMAN_ALPHA * (1 + z))]


def _uv_lines(spectrum: Spectrum, z: float, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    """C IV, He II and C III], each doublet as one entry."""
    sigma = rng.uniform(60, 200)
    strength = {"civ": 1.0, "heii_1640": rng.uniform(0.2, 0.9), "ciii": rng.uniform(0.5, 1.5)}
    out = []
    for key, parts in UV_LINES.items():
        first = rng.uniform(0.5, 0.62) if len(parts) > 1 else 1.0
        line = np.zeros(len(spectrum.wavelength))
        for wavelength, share in zip(parts, (first, 1 - first), strict=False):
            u = SPEED_OF_LIGHT * np.log(spectrum.wavelength / (wavelength * (1 + z))) / sigma
            line += share * strength[key] * np.exp(-0.5 * np.minimum(u * u, 80))
        out.append(_blurred(line, spectrum, parts[0] * (1 + z)))
    return out


def _blurred(sharp: NDArray, spectrum: Spectrum, centre: float) -> NDArray[np.float64]:
    """A line as the instrument sees it; 69 km/s where the spectrum does not say its resolution."""
    i = int(np.clip(np.searchsorted(spectrum.wavelength, centre), 1, len(sharp) - 1))
    lsf = float(spectrum.lsf[i])
    if not (np.isfinite(lsf) and lsf > 0):
        lsf = centre * 69.0 / SPEED_OF_LIGHT
    return gaussian_filter1d(sharp, lsf / float(spectrum.wavelength[i] - spectrum.wavelength[i - 1]))
