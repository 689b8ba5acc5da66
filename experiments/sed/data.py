"""Photometry and tables of a folder, and the models that galaxies and mocks of every part share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spectrove.sed.bands import curves_of
from spectrove.sed.dust import DustEmission, read_dust
from spectrove.sed.filters import Filter
from spectrove.sed.likelihood import Photometry
from spectrove.sed.nebula import Nebula, read_nebula
from spectrove.sed.photometry import read_photometry
from spectrove.sed.planner.space import Ingredients
from spectrove.sed.populations import Populations, read_populations

#: Photometry of COSMOS in four bins of redshift, none of which is vetted, and of zCOSMOS.
COSMOS = "sed_fitting_cigale_zbin_*gz"
ZCOSMOS = "zcosmos_bright20k.csv.gz"

#: Levels of the grid that searches are judged on: 864,000 models where the universe is old enough.
CORE = {
    "tau_main": tuple(np.geomspace(0.05, 10, 8).tolist()), "age_main": tuple(np.linspace(0.05, 2.1, 8).tolist()),
    "ebv": tuple(np.linspace(0, 0.6, 12).tolist()),
}  # fmt: skip
MODULES: dict[str, dict[str, tuple[float, ...]]] = {
    "burst": {"f_burst": (0.0, 0.05, 0.1, 0.3, 0.5), "tau_burst": (0.005, 0.05), "age_burst": (0.005, 0.02, 0.05)},
    "slope": {"slope": (-0.4, -0.2, 0.0, 0.2)},
}  # fmt: skip

#: Fewest bands, measured or limits, of a galaxy of COSMOS.
FEWEST = 30


@dataclass(frozen=True, eq=False)
class Sample:
    """Galaxies of one table.

    Attributes:
        name: Of the table.
        bands: Labels.
        filters: Of the bands.
        rows: Galaxies.
    """

    name: str
    bands: tuple[str, ...]
    filters: tuple[Filter, ...]
    rows: tuple[Photometry, ...]


def folder() -> Path:
    """Of the photometry, in SPECTROVE_DATA."""
    return Path(os.environ["SPECTROVE_DATA"]) / "sed"


@cache
def tables() -> tuple[Populations, Nebula, DustEmission]:
    """CIGALE's tables."""
    top = folder() / "cigale_db"
    return read_populations(top / "maraston2005"), read_nebula(top / "nebular"), read_dust(top / "dale2014")


@cache
def cosmos() -> tuple[Sample, ...]:
    """The four tables of COSMOS, galaxies with 30 bands or more."""
    return tuple(_sample(path, FEWEST) for path in sorted(folder().glob(COSMOS)))


@cache
def zcosmos() -> Sample:
    """Galaxies of zCOSMOS with secure redshifts up to 1.5 and all bands but two."""
    made = _sample(folder() / ZCOSMOS, 7)
    return Sample(made.name, made.bands, made.filters, tuple(one for one in made.rows if 0.1 < one.z < 1.5))


def _sample(path: Path, fewest: int) -> Sample:
    read = read_photometry(path)
    rows = tuple(
        one for one in read.rows()
        if isinstance(one, Photometry) and (one.measured | one.limits).sum() >= fewest and one.measured.sum() >= 7
    )  # fmt: skip
    curves = curves_of(list(read.bands), folder() / "cigale_db" / "filters").filters
    return Sample(path.name, read.bands, curves, rows)


@cache
def searched(sample: Sample) -> Ingredients:
    """Models of the grid that searches are judged on."""
    return Ingredients(*_models(sample), core=CORE, modules=MODULES)


@cache
def ingredients(sample: Sample) -> Ingredients:
    """Models with the levels of the package."""
    return Ingredients(*_models(sample))


def _models(sample: Sample) -> tuple[Populations, tuple[Filter, ...], Nebula, DustEmission]:
    populations, nebula, dust = tables()
    return populations, sample.filters, nebula, dust


def split(sample: Sample, *, learning: bool, count: int, seed: int = 5) -> list[Photometry]:
    """Galaxies of one half of a table, by their names: those that rules are learned on, or those that judge."""
    own = [one for one in sample.rows if (int.from_bytes(one.object_id.encode(), "big") % 7 < 3) == learning]
    order = np.random.default_rng(seed).permutation(len(own))[:count]
    return [own[i] for i in order]
