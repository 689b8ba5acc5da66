"""Stellar populations, gas, dust and filters that are made here: black bodies that cool with age."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectrove.sed.attenuation import Calzetti
from spectrove.sed.dust import DustEmission
from spectrove.sed.engine import Engine
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.nebula import Nebula
from spectrove.sed.populations import Populations
from spectrove.sed.tables import trapezoid_weights

AGES = np.concatenate([[1e3], np.geomspace(1e6, 1.4e10, 24)])
WAVE = np.concatenate([np.linspace(91, 1e4, 500), np.geomspace(1.02e4, 1.6e6, 80)])
METALS = np.array([0.001, 0.01, 0.02, 0.04])


def black_bodies() -> np.ndarray:
    """Lsun / A of a solar mass: hot and bright when young, (n_metallicities, n_ages, n_wavelengths)."""
    temperature = 3.5e4 * (AGES / 1e3) ** -0.13 * np.ones((4, 1)) * np.array([1.1, 1.0, 0.97, 0.93])[:, None]
    light = 50 * (AGES / 1e6 + 1) ** -0.8
    x = 1.4388e8 / WAVE / temperature[..., None]
    shape = WAVE**-5 / np.expm1(np.minimum(x, 600))
    return light[:, None] * shape / (shape @ trapezoid_weights(WAVE))[..., None]


@pytest.fixture(scope="session")
def populations() -> Populations:
    surviving = np.linspace(1, 0.55, AGES.size) * np.ones((4, 1))
    return Populations("black bodies", "kroupa", AGES, METALS, WAVE, black_bodies(), surviving)


@pytest.fixture(scope="session")
def nebula() -> Nebula:
    lines = np.array([1215.7, 4861.0, 6563.0])
    luminosity = np.array([20.0, 1.0, 2.9]) * 1.2e-46 * np.array([1, 1.1, 1.2])[:, None] * np.ones((2, 1, 1))
    wave = np.array([912.0, 3645.0, 3646.0, 2e4])
    continuum = np.array([1.0, 1.2, 0.5, 0.2]) * 1e-49 * np.ones((2, 3, 1))
    return Nebula(np.array([0.001, 0.04]), np.array([-3.0, -2.0, -1.0]), lines, luminosity, wave, continuum)


@pytest.fixture(scope="session")
def dust() -> DustEmission:
    wave = np.geomspace(2e4, 1e7, 200)
    shape = np.exp(-0.5 * (np.log(wave / 1e6)[None] - np.array([[0.0], [0.3]])) ** 2)
    return DustEmission(np.array([1.0, 2.0]), wave, shape / (shape @ trapezoid_weights(wave))[:, None])


def box(name: str, centre: float, width: float) -> Filter:
    wave = centre + width * np.linspace(-0.5, 0.5, 201)
    return Filter(name, wave, np.ones(201))


@pytest.fixture(scope="session")
def filters() -> tuple[Filter, ...]:
    return tuple(box(f"box{c}", c, 0.15 * c) for c in (3600, 4500, 5500, 6500, 7700, 9100, 12500, 22000))


@pytest.fixture(scope="session")
def engine(
    populations: Populations, nebula: Nebula, dust: DustEmission, filters: tuple[Filter, ...]
) -> Engine:
    grid = Grid(
        DelayedBurst((0.3, 1.0, 4.0), (0.3, 1.0, 3.0, 6.0, 12.0), (0.0, 0.1), age_burst=(0.02, 0.1)),
        law=Calzetti((0.0, 0.1, 0.2, 0.4), (-0.3, 0.0)),
    )
    return Engine(populations, filters, grid, nebula, dust)


@pytest.fixture(scope="session")
def maraston(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of tables in the form of Maraston's, with curves of filters beside."""
    top = tmp_path_factory.mktemp("cigale")
    folder = top / "maraston2005"
    folder.mkdir()
    spectra = black_bodies() * 3.828e33
    ages = np.repeat(AGES / 1e9, WAVE.size)
    masses = ["#[Z/H] t(Gyr) M*_T"]
    for i, (name, metals) in enumerate(
        zip(("0001", "001", "002", "004"), (-1.35, -0.33, 0.0, 0.35), strict=True)
    ):
        table = np.stack([ages, np.full(ages.size, metals), np.tile(WAVE, AGES.size), spectra[i].ravel()], 1)
        np.savetxt(folder / f"sed.krz{name}.rhb.gz", table, fmt="%.8g")
        masses += [
            f"{metals:.2f} {age:.6f} {mass:.4f}"
            for age, mass in zip(AGES / 1e9, np.linspace(1, 0.55, AGES.size), strict=True)
        ]
    (folder / "stellarmass.kroupa").write_text("\n".join(masses) + "\n")
    (top / "filters").mkdir()
    for centre in (3600, 4500, 5500, 6500, 7700, 9100, 12500, 22000):
        one = box("", centre, 0.15 * centre)
        rows = "\n".join(f"{w:.1f} {t:.3f}" for w, t in zip(one.wavelength, one.transmission, strict=True))
        (top / "filters" / f"box{centre}.dat").write_text(f"# box{centre}\n# photon\n# a box\n{rows}\n")
    return folder
