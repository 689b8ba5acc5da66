"""Instruments of mock surveys: responses like those of Chandra's ACIS made here, or real ones from files."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError
from spectrove.xray.models.lines import gaussian
from spectrove.xray.response import Response

Floats = NDArray[np.float64]

#: Edges of the energy bins in which mock sources are computed, keV: 20 eV wide to 3 keV, then 40 eV.
GRID = np.concatenate([np.arange(0.3, 3.0, 0.02), np.arange(3.0, 10.001, 0.04)])

#: Chandra's bands soft, medium and hard, keV, and the broad band they make.
BANDS = np.array([0.5, 1.2, 2.0, 7.0])
BROAD = (0.5, 7.0)

#: Channels of the responses made here, those of ACIS: 14.6 eV each.
CHANNELS: Floats = np.asarray(np.arange(1025) * 0.0146, np.float64)

#: Energies of photons of the responses made here, keV.
_ENERGIES = np.arange(0.3, 11.0001, 0.01)

#: Effective area of mirror and back-illuminated CCD without contamination, keV and cm2: our own polygon, in its shape
#: after areas of real observations of 2002 (oxygen edge of the filter, Si K, Ir M).
_AREA = np.array([
    [0.3, 40], [0.4, 180], [0.45, 270], [0.525, 390], [0.545, 300], [0.6, 390], [0.7, 440], [0.8, 520], [0.9, 585],
    [1.0, 630], [1.2, 690], [1.4, 730], [1.6, 655], [1.83, 672], [1.95, 682], [2.05, 585], [2.09, 395], [2.2, 356],
    [2.3, 404], [2.5, 425], [3.0, 435], [3.5, 441], [4.0, 432], [4.5, 399], [5.0, 342], [5.5, 271], [6.0, 209],
    [6.4, 166], [7.0, 104], [7.5, 65], [8.0, 39], [9.0, 21], [10.0, 8], [11.0, 3],
])  # fmt: skip

#: Front- over back-illuminated area: layers of the gates absorb soft photons, and more silicon stops hard ones.
_FRONT = np.array([
    [0.3, 0.05], [0.5, 0.20], [0.6, 0.28], [0.7, 0.40], [0.9, 0.58], [1.2, 0.75], [1.6, 0.86], [1.83, 0.90],
    [1.86, 0.66], [2.0, 0.72], [2.5, 0.83], [3.0, 0.91], [4.0, 1.00], [5.0, 1.07], [6.4, 1.15], [8.0, 1.25],
    [10.0, 1.3],
])  # fmt: skip

#: Optical depth of the contamination at .67 keV, by year: it grew on the filter all the time.
_CONTAMINATION = np.array(
    [[2000, 0.10], [2003, 0.45], [2008, 0.80], [2012, 1.30], [2016, 2.20], [2021, 3.60]]
)

#: Lit side, year and angle off axis, arcmin, of the instruments made here.
_MADE = tuple(product(("back", "front"), (2001, 2009, 2017), (0, 6)))


@dataclass(frozen=True)
class Instrument:
    """A response with what it records of empty sky.

    Attributes:
        name: For rows and file names.
        response: Area and redistribution.
        background: Expected shape of the background in channels, sum 1 between .5 and 7 keV, (n_channels,).
        particles: Shape of the part of it that did not come through the mirror, the same unit.
    """

    name: str
    response: Response = field(repr=False)
    background: NDArray[np.float32] = field(repr=False)
    particles: NDArray[np.float32] = field(repr=False)

    @cached_property
    def fold(self) -> NDArray[np.float32]:
        """Counts per second in each channel of a photon / (cm2 s) in each bin of `GRID`, (n_bins, n_channels)."""
        return folding(self.response)

    @cached_property
    def used(self) -> slice:
        """Channels within .3 and 10 keV; beyond, mock spectra have no counts."""
        inside = np.flatnonzero((self.response.e_min >= 0.29) & (self.response.e_max <= 10.02))
        return slice(int(inside[0]), int(inside[-1]) + 1)

    @cached_property
    def broad(self) -> NDArray[np.bool_]:
        """Channels whose middle is between .5 and 7 keV."""
        return _inside(self.response)


def folding(response: Response) -> NDArray[np.float32]:
    """The matrix from photons in the bins of `GRID` to counts per second, photons being even within a bin."""
    edges = response.energy.astype(float)
    low = np.maximum(GRID[:-1, None], edges[None, :-1])
    share = np.clip(np.minimum(GRID[1:, None], edges[None, 1:]) - low, 0, None) / np.diff(GRID)[:, None]
    return np.asarray((response.matrix.T @ share.T).T, np.float32)


@cache
def analytic(half: str = "all") -> tuple[Instrument, ...]:
    """Twelve instruments like ACIS: back- and front-illuminated, three years, on axis and 6 arcmin off.

    Args:
        half: "even" or "odd" for every second one, "all" for all.
    """
    return tuple(
        _made(*chip) for i, chip in enumerate(_MADE) if half == "all" or (i + i // 2) % 2 == (half == "odd")
    )


@cache
def _made(chip: str, year: int, off_axis: int) -> Instrument:
    return _instrument(f"acis-{chip}-{year}-{off_axis}", acis_like(chip, year, off_axis), chip)


def acis_like(chip: str, year: float, off_axis: float) -> Response:
    """A response like ACIS's, from our own formulas: not a calibration, and never to be used on real spectra.

    Args:
        chip: "back" or "front", the side that is lit.
        year: Of the contamination.
        off_axis: Angle, arcmin, of vignetting.
    """
    edges = _ENERGIES
    middle = (edges[1:] + edges[:-1]) / 2
    area = np.exp(np.interp(np.log(middle), np.log(_AREA[:, 0]), np.log(_AREA[:, 1])))
    if chip == "front":
        area = area * np.interp(middle, _FRONT[:, 0], _FRONT[:, 1])
    depth = np.interp(year, _CONTAMINATION[:, 0], _CONTAMINATION[:, 1])
    area = area * np.exp(-depth * (middle / 0.67) ** -2.6)
    area = area * (1 - 0.0125 * off_axis * (1 + 0.12 * np.maximum(middle - 2, 0)))
    return Response.of(1, CHANNELS[:-1], CHANNELS[1:], edges, area, _redistribution(chip))


@cache
def _redistribution(chip: str) -> Floats:
    return redistribution((_ENERGIES[1:] + _ENERGIES[:-1]) / 2, chip)


def redistribution(energy: Floats, chip: str) -> Floats:
    """Share of photons of each energy in each channel: a Gaussian, escape of Si K photons, Si K itself, and a shelf.

    Full width at half maximum, eV: sqrt(72^2 + 3450 E) lit from behind, 60 + 22 E from the front, E in keV.
    """
    width = np.sqrt(72**2 + 3450 * energy) if chip == "back" else 60 + 22 * energy
    sigma = width / 2354.8
    above = energy > 1.839
    escape, fluorescence, shelf = (
        np.where(above, 0.012, 0.0),
        np.where(above, 0.004, 0.0),
        0.006 + 0.004 * above,
    )
    main = (1 - escape - fluorescence - shelf)[:, None] * gaussian(CHANNELS, energy, sigma)
    main += escape[:, None] * gaussian(CHANNELS, np.maximum(energy - 1.739, 0.05), sigma)
    main += fluorescence[:, None] * gaussian(CHANNELS, np.full_like(energy, 1.739), 0.045)
    inside = np.clip(energy[:, None] - CHANNELS[:-1], 0, 0.0146)
    return main + shelf[:, None] * inside / inside.sum(axis=1, keepdims=True)


def from_folder(folder: Path, half: str = "all") -> tuple[Instrument, ...]:
    """The responses of all PHA files below a folder as instruments, each response once; see `analytic` for `half`.

    Gratings and others with less than 50 cm2 at 1 keV are left out, as are files whose table stands behind an image:
    with these the halves, and so the frozen surveys, would be others.

    Raises:
        RecipeError: None is found.
    """
    from spectrove.xray.ogip import is_ogip, read_counts

    spectra, _ = read_counts([p for p in sorted(folder.rglob("*")) if p.is_file() and is_ogip(p)])
    names = dict(zip(spectra.response_of.tolist(), spectra.object_id.tolist(), strict=True))
    found = [
        _instrument(
            names[i], response, "back" if np.interp(0.7, _middle(response), response.area) > 150 else "front"
        )
        for i, response in enumerate(spectra.responses)
        if i in names and np.interp(1.0, _middle(response), response.area) > 50
    ]
    if not found:
        raise RecipeError(
            f"{folder}: no PHA file with ARF and RMF of a CCD, expected at least one. Name another folder of "
            "responses, or none: then responses like ACIS's are made."
        )
    chosen = tuple(one for i, one in enumerate(found) if half == "all" or i % 2 == (half == "odd"))
    return chosen or tuple(found)


def instruments(responses: Path | str | None = None, half: str = "all") -> tuple[Instrument, ...]:
    """The instruments of a survey: of a folder, or of SPECTROVE_DATA/xray/pha, or else those made here.

    Args:
        responses: A folder of PHA files with ARF and RMF; "own" for those made here, wherever the data are.
        half: See `analytic`.
    """
    if responses == "own":
        return analytic(half)
    data = os.environ.get("SPECTROVE_DATA")
    usual = Path(data) / "xray" / "pha" if data else None
    folder = Path(responses) if responses else usual
    return from_folder(folder, half) if folder is not None and folder.is_dir() else analytic(half)


def _instrument(name: str, response: Response, chip: str) -> Instrument:
    particles, sky = _particles(response, chip), _sky(response)
    inside = _inside(response)
    both = 0.65 * particles / particles[inside].sum() + 0.35 * sky / sky[inside].sum()
    return Instrument(
        name, response, both.astype(np.float32), (particles / particles[inside].sum()).astype(np.float32)
    )


def _particles(response: Response, chip: str) -> Floats:
    """Counts that particles make, by channel: flat per keV, rising to both ends, and lines of the camera."""
    middle = (response.e_min.astype(float) + response.e_max) / 2
    flat = 1 + 1.5 * np.exp(-middle / 0.35) + (0.5 if chip == "back" else 0.15) * np.exp((middle - 7.0) / 1.5)
    shape = flat * (response.e_max - response.e_min)
    edges = np.append(response.e_min.astype(float), float(response.e_max[-1]))
    for energy, strength in ((1.486, 0.10), (1.740, 0.35), (2.142, 0.35), (7.478, 0.25), (9.67, 0.5)):
        shape = shape + strength * gaussian(edges, energy, 0.03 + 0.008 * energy)
    return shape


def _sky(response: Response) -> Floats:
    """Counts of the diffuse sky: unresolved power laws and the warm plasma about the Sun, through the mirror."""
    from spectrove.xray.models.absorption import transmission
    from spectrove.xray.models.continuum import power_law
    from spectrove.xray.models.plasma import thermal_plasma

    far = power_law(GRID, 1.42, 10.0) * transmission(GRID, 0.03)
    near = thermal_plasma(GRID, 0.19, 2e-2)
    return np.asarray(
        (far + near * (0.7 * far[: len(near) // 3].sum() / near.sum())) @ folding(response), float
    )


def _middle(response: Response) -> Floats:
    return (response.energy[1:].astype(float) + response.energy[:-1]) / 2


def _inside(response: Response) -> NDArray[np.bool_]:
    middle = (response.e_min.astype(float) + response.e_max) / 2
    return (middle >= BROAD[0]) & (middle < BROAD[1])
