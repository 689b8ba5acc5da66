"""Whole mock surveys of stars: spectra with a row of truth each, in memory or as files with a catalog."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.errors import RecipeError
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.labels import ELEMENTS, LABELS, PIXEL, pixels
from spectrove.stars.mock.observed import LIGHT_KM_S, MockSpectra, draw, draw_true
from spectrove.stars.mock.recipe import MockRecipe, load_recipe
from spectrove.stars.settings import SETTINGS

#: Stars that are drawn together, and stand in one file.
PART = 250

#: Columns of the catalog after id and file; all but the first four are the truth.
TRUTH = (
    "ra", "dec", "domain", "star", "z", "spectral_class", "luminosity", "teff", "logg", "fe_h",
    *(f"{x}_fe" for x in ELEMENTS), "microturbulence", "broadening", "velocity", "sn_angstrom",
)  # fmt: skip

#: The name of the catalog of a survey.
CATALOG = "catalog.csv"

#: Least temperature, K, of the spectral types of dwarfs and giants alike.
TYPES = (("F", 5950.0), ("G", 5250.0), ("K", 0.0))

#: Below this gravity a star is called a giant.
GIANT = 3.5

_GOLDEN = math.pi * (3 - math.sqrt(5))
_FWHM = 2 * math.sqrt(2 * math.log(2))

Progress = Callable[[int, int], None]


def make_survey(
    n: int, *, recipe: MockRecipe | None = None, seed: int = 0, computed: bool = False
) -> SpectrumSet:
    """A mock survey of n stars in memory: the same for a seed, and the first of a larger one.

    Args:
        n: Number of spectra.
        recipe: What it contains; `load_recipe()` if None.
        seed: Non-negative.
        computed: Whether spectra are computed, a tenth of a second each, and not emulated.

    Returns:
        Spectra of both settings, in the observed frame, over a continuum that is off. Rows hold the truth: see
        `row_of`.
    """
    recipe = recipe or load_recipe()
    spectra = [one for part in _parts(n, recipe, seed, computed) for one in part]
    return SpectrumSet.from_spectra(spectra)


def write_survey(
    n: int,
    out_dir: Path | str,
    *,
    recipe: MockRecipe | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes the survey of `make_survey` as FITS tables of 250 stars each; gives the path of its catalog.

    A row of a table is a star: vectors of wavelength (vacuum angstrom), flux and error. `catalog.csv` has the truth
    and is written last. One process is enough: `workers` is not used.
    """
    del workers
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    for part in _parts(n, recipe or load_recipe(), seed, False):
        name = part[0].object_id.partition("#")[0]
        _write_table(part, folder / f"{name}.fits")
        rows += [
            {"object_id": one.object_id, "path": f"{name}.fits"} | {x: one.row[x] for x in TRUTH}
            for one in part
        ]
        if progress is not None:
            progress(len(rows), n)
    return _write_catalog(rows, folder / CATALOG)


def row_of(spectra: MockSpectra, i: int, number: int) -> dict[str, Any]:
    """The truth of one star, by the names of quantities, and where it stands on the sky.

    Args:
        spectra: Mock spectra.
        i: Which of them.
        number: Of the star in its survey.
    """
    values = dict(zip(LABELS, spectra.labels[i].tolist(), strict=True))
    elements = {f"{x}_fe": values[x] for x in ELEMENTS}
    return {
        "ra": math.degrees(number * _GOLDEN) % 360,
        "dec": math.degrees(math.asin(1 - (2 * (number % 1_000_000) + 1) / 1_000_000)),
        "survey": "mock GIRAFFE",
        "domain": "stars",  # so that a base of them is one of stars
        "star": f"mock{number}",
        "spectral_class": next(name for name, least in TYPES if values["teff"] >= least),
        "luminosity": "giant" if values["logg"] < GIANT else "dwarf",
        "teff": values["teff"],
        "logg": values["logg"],
        "fe_h": values["fe_h"],
        **elements,
        "microturbulence": values["microturbulence"],
        "broadening": values["broadening"],
        "velocity": float(spectra.velocity[i]),
        # That of a pixel of .1 A, over one of 1 A.
        "sn_angstrom": float(1 / spectra.error[i, 0]) / math.sqrt(PIXEL),
    }


def _parts(n: int, recipe: MockRecipe, seed: int, computed: bool) -> Iterator[list[Spectrum]]:
    if n < 0 or seed < 0:
        raise RecipeError(f"A survey of {n} stars with seed {seed}; expected neither below 0.")
    at = pixels()
    width = np.concatenate([s.pixels(PIXEL) / s.resolution / _FWHM for s in SETTINGS.values()])
    for part in range(-(-n // PART)):
        drawn = (draw_true if computed else draw)(PART, recipe, seed * 1_000_000 + part)
        name = f"smock{recipe.stream}-{seed}-{part:04d}"
        yield [
            Spectrum(
                at,
                drawn.flux[i].numpy(),
                ivar=np.full(len(at), float(drawn.error[i, 0]) ** -2, np.float32),
                z=float(drawn.velocity[i]) / LIGHT_KM_S,
                object_id=f"{name}#{i}",
                lsf=width,
                **row_of(drawn, i, part * PART + i),
            )
            for i in range(min(PART, n - part * PART))
        ]


def _write_table(spectra: list[Spectrum], path: Path) -> None:
    from astropy.table import Table

    table = Table(
        {
            "WAVELENGTH": np.stack([s.wavelength for s in spectra]),
            "FLUX": np.stack([s.flux for s in spectra]),
            "ERROR": np.stack([s.ivar**-0.5 for s in spectra]).astype(np.float32),
        }
    )
    table["WAVELENGTH"].unit = "Angstrom"
    table.meta = {"EXTNAME": "SPECTRA", "VACUUM": True, "INSTRUME": "mock GIRAFFE"}
    draft = path.with_suffix(".part")
    table.write(draft, format="fits", overwrite=True)
    os.replace(draft, path)


def _write_catalog(rows: list[dict[str, Any]], path: Path) -> Path:
    """The truth as CSV."""
    names = ["object_id", "path", *TRUTH]
    draft = path.with_suffix(".part")
    with open(draft, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(
            [f"{v:.9g}" if isinstance(v, float) else v for v in (row[name] for name in names)] for row in rows
        )
    os.replace(draft, path)
    return path
