"""Whole mock surveys: which objects, on which plates, and every one from the truth to its catalog row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from spectrove.errors import RecipeError
from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.mock.dust import cardelli
from spectrove.galaxies.mock.galaxies import Galaxy, draw_galaxy, ha_level, observe_continuum, observe_lines
from spectrove.galaxies.mock.inject import inject_lens, inject_outlier
from spectrove.galaxies.mock.labels import catalog_columns
from spectrove.galaxies.mock.noise import Exposure, Observed, draw_exposure, flux_for_sn, observe
from spectrove.galaxies.mock.objects import MockObject
from spectrove.galaxies.mock.outliers import OUTLIER_KINDS
from spectrove.galaxies.mock.plates import Place, place_of
from spectrove.galaxies.mock.recipe import GALAXY_CLASSES, MockRecipe, load_recipe
from spectrove.galaxies.mock.rows import mock_rows
from spectrove.galaxies.mock.sdss_files import write_catalog, write_file
from spectrove.galaxies.mock.signal import with_row
from spectrove.galaxies.mock.truth import truth_columns
from spectrove.processes import map_chunks
from spectrove.readers.assemble import FLUX_UNIT, sky_line_bits
from spectrove.spectra import Mask, Spectrum, SpectrumSet

#: Objects that one task of a worker makes.
_CHUNK = 64

_GOLDEN = (math.sqrt(5) - 1) / 2

Progress = Callable[[int, int], None]
T = TypeVar("T")


def make_survey(
    n: int,
    *,
    recipe: MockRecipe | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> SpectrumSet:
    """A mock survey of n objects with its catalog: the same for a seed, whatever the number of workers.

    Args:
        n: Number of spectra.
        recipe: What it contains; `load_recipe()` if None.
        seed: Non-negative. Every object has a random stream of its own, derived from it.
        workers: Processes.
        progress: Called with the number of objects done and n.

    Returns:
        Spectra in SDSS units and on SDSS grids. Rows hold what a catalog would (measured from the noisy
        spectrum), and the truth in columns `truth_*`, `lens`, `outlier`, `outlier_kind`.
    """
    task = partial(_make_chunk, n=n, recipe=recipe or load_recipe(), seed=seed)
    return SpectrumSet.concatenate(
        list(run_chunks(task, n, workers, progress)) or [_make_chunk(range(0), n=0)]
    )


def write_survey(
    n: int,
    out_dir: Path | str,
    *,
    recipe: MockRecipe | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Writes the survey of `make_survey` as files in SDSS "lite" format; gives the path of its catalog.

    The folder gets `spec-PLATE-MJD-FIBER.fits` for each object and `index.csv`, written last.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    task = partial(_write_chunk, n=n, recipe=recipe or load_recipe(), seed=seed, folder=folder)
    rows = [row for part in run_chunks(task, n, workers, progress) for row in part]
    return write_catalog(rows, folder / "index.csv")


def run_chunks(
    task: Callable[[range], T], n: int, workers: int, progress: Progress | None = None
) -> Iterator[T]:
    """What `task` gives for each stretch of 0..n-1, in order, from one or several processes."""
    if n < 0 or workers < 1:
        raise RecipeError(
            f"A survey of {n} objects with {workers} workers; expected n >= 0 and workers >= 1."
        )
    chunks = [range(start, min(start + _CHUNK, n)) for start in range(0, n, _CHUNK)]
    if workers == 1 or len(chunks) < 2:
        yield from _reported(map(task, chunks), chunks, n, progress)
        return
    results = map_chunks(task, ((chunk,) for chunk in chunks), min(workers, len(chunks)))
    yield from _reported(results, chunks, n, progress)


def _reported(results: Iterator[T], chunks: list[range], n: int, progress: Progress | None) -> Iterator[T]:
    for chunk, result in zip(chunks, results, strict=True):
        if progress is not None:
            progress(chunk.stop, n)
        yield result


def _make_chunk(chunk: range, *, n: int, recipe: MockRecipe | None = None, seed: int = 0) -> SpectrumSet:
    recipe = recipe or load_recipe()
    spectra = [make_object(i, n, recipe, seed).spectrum for i in chunk]
    made = SpectrumSet.from_spectra(spectra)
    return made.with_rows(mock_rows([s.row for s in spectra]))


def _write_chunk(
    chunk: range, *, n: int, recipe: MockRecipe, seed: int, folder: Path
) -> list[dict[str, Any]]:
    rows = []
    for i in chunk:
        made = make_object(i, n, recipe, seed)
        path = write_file(made, folder)
        rows.append({**made.spectrum.row, "object_id": made.spectrum.object_id, "path": path.name,
                     "n_pixels": len(made.spectrum.flux), "wave_min": float(made.spectrum.wavelength[0]),
                     "wave_max": float(made.spectrum.wavelength[-1])})  # fmt: skip
    return rows


def make_object(i: int, n: int, recipe: MockRecipe, seed: int) -> MockObject:
    """The i-th object of a survey of n."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))
    place = place_of(i, n, recipe.test_share, seed)
    kind = _kind(i, recipe, seed)
    name = {"lens": "red", "outlier": ""}.get(kind, kind) or _host_class(recipe, rng)
    galaxy = draw_galaxy(name, recipe, rng)
    exposure = draw_exposure(rng)
    light, truth = _light(galaxy, exposure, recipe, rng)
    observed = observe(light, exposure, recipe.noise, rng)
    spectrum = _spectrum(place, truth, exposure, observed, recipe, rng)
    if kind == "lens":
        spectrum = inject_lens(
            spectrum, rng, line_sn_range=recipe.lens.line_sn, z_source_max=recipe.lens.z_source_max,
            line_cells=recipe.line_cells,
        )  # fmt: skip
    elif kind == "outlier":
        which = OUTLIER_KINDS[int(i * math.sqrt(2) % 1.0 * len(OUTLIER_KINDS))]
        spectrum = inject_outlier(spectrum, which, rng)
    fit = measure_lines(spectrum, spectrum.z)
    good = spectrum.good
    sn = float(np.median(spectrum.flux[good] * np.sqrt(spectrum.ivar[good]))) if good.any() else 0.0
    return MockObject(with_row(spectrum, sn_median=sn, **catalog_columns(fit)), exposure, observed, fit)


def _kind(i: int, recipe: MockRecipe, seed: int) -> str:
    """What the i-th object is: shares are met closely even in small surveys (a golden-ratio sequence)."""
    names, shares = list(recipe.shares), np.array(list(recipe.shares.values()))
    start = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 1))).random()
    return names[
        int(
            np.searchsorted(np.cumsum(shares / shares.sum()), (start + i * _GOLDEN) % 1.0).clip(
                0, len(names) - 1
            )
        )
    ]


def _host_class(recipe: MockRecipe, rng: np.random.Generator) -> str:
    """Outliers happen to galaxies of every class, in the proportion the survey has them."""
    shares = np.array([recipe.shares.get(name, 0.0) for name in GALAXY_CLASSES])
    shares = shares if shares.sum() > 0 else np.ones(len(shares))
    return GALAXY_CLASSES[int(rng.choice(len(shares), p=shares / shares.sum()))]


def _light(
    galaxy: Galaxy, exposure: Exposure, recipe: MockRecipe, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, Any]]:
    """Flux density that reaches the fibre, 1e-17 erg/s/cm2/A, (n_pixels,), and the truth about it."""
    noise = recipe.noise
    if galaxy.name == "red":
        sn = noise.red_sn * 10 ** rng.normal(0, noise.red_sigma_dex)
    elif rng.random() < noise.faint_share:
        sn = noise.faint_sn * 10 ** rng.normal(0, noise.faint_sigma_dex)
    else:
        sn = rng.normal(noise.sn, noise.sn_sigma)
    sn *= recipe.classes[galaxy.name].brightness
    continuum = observe_continuum(galaxy, exposure.loglam)
    k = cardelli(np.linspace(3750, 9300, 60)) - 3.1
    dimming = 10 ** (-0.4 * noise.foreground * rng.exponential() * k)
    continuum *= np.interp(exposure.wavelength, np.linspace(3750, 9300, 60), dimming)
    near = np.searchsorted(exposure.loglam, np.log10([6100.0, 6400.0]))
    continuum *= flux_for_sn(exposure, float(np.clip(sn, 3, 75))) / np.median(continuum[near[0] : near[1]])
    level = ha_level(galaxy, exposure.loglam, continuum)
    emission = observe_lines(galaxy, exposure.wavelength, exposure.lsf, level)
    truth = truth_columns(galaxy, exposure.wavelength, continuum, emission, level)
    return continuum + emission, truth


def _spectrum(
    place: Place,
    truth: dict[str, Any],
    exposure: Exposure,
    observed: Observed,
    recipe: MockRecipe,
    rng: np.random.Generator,
) -> Spectrum:
    """The recorded pixels with the row of a plain galaxy."""
    z_err = recipe.redshift.error * 10 ** rng.normal(0, 0.25)
    wavelength = exposure.wavelength
    mask = sky_line_bits(wavelength)
    mask[observed.or_mask != 0] |= int(Mask.SUSPECT)
    mask[observed.and_mask != 0] |= int(Mask.BADPIXEL)
    mask[observed.ivar == 0] |= int(Mask.NODATA)
    row = {
        "survey": "mock", "path": None, "ra": place.ra, "dec": place.dec,
        "z": float(np.float32(truth["truth_z"] + rng.normal(0, z_err))), "z_err": float(np.float32(z_err)),
        "z_source": "catalog",
        "zwarning": 0, "flux_unit": FLUX_UNIT, "calibrated": True, "flags": [],
        "group": "mock", "class": "GALAXY", "plate": place.plate, "mjd": place.mjd, "fiberid": place.fiberid,
        "specobjid": place.specobjid, "split": place.split, "lens": "none", "outlier": "none",
        "outlier_kind": "none",
        **truth,
    }  # fmt: skip
    lsf = exposure.lsf.astype(np.float32)
    return Spectrum.stored(place.object_id, wavelength, observed.flux, observed.ivar, mask, lsf, row)
