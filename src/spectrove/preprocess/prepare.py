"""prepare: spectra on grids of their own become a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal
from spectrove.preprocess.quality import cosmic_rays
from spectrove.preprocess.recipe import PreprocessRecipe
from spectrove.preprocess.resample import Pixels, pixel_edges, pixels_of, resample
from spectrove.preprocess.scale import scale
from spectrove.spectra import SpectrumSet

#: A redshift outside is a mistake in a column, not a galaxy.
Z_RANGE = (-0.02, 20.0)

#: Why an encoder of the rest frame refuses a spectrum that has none.
NO_REDSHIFT = "no redshift, and this encoder works in the rest frame"

#: Spectra that are worked on together: few enough for the cache, enough that Python's share is small.
CHUNK = 16


@dataclass(frozen=True)
class Prepared:
    """N spectra on one grid.

    Attributes:
        object_id: Shape (n_spectra,).
        wavelength: Pixel centres, vacuum angstrom, in the recipe's frame; (n_pixels,).
        flux: Scaled flux, dimensionless unless the recipe's scale is "none"; exactly 0 where not `valid`;
            (n_spectra, n_pixels), float32.
        ivar: Its inverse variance, the recipe's systematic error included; 0 where not `valid`.
        valid: Where at least half of the pixel was observed by good pixels; (n_spectra, n_pixels).
        z: Redshift used, NaN if none; (n_spectra,).
        coverage: First and last valid wavelength; (n_spectra, 2).
        flags: Names from `spectra.FLAGS` for each spectrum.
        fingerprint: Of the recipe that made this.
        steps: What was done, in order, for people.
    """

    object_id: NDArray[np.str_]
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    valid: NDArray[np.bool_]
    z: NDArray[np.float64]
    coverage: NDArray[np.float64]
    flags: tuple[tuple[str, ...], ...]
    fingerprint: str
    steps: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray) -> Prepared:
        """The chosen rows, in the order asked for."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index)
        rows = {
            name: getattr(self, name)[index]
            for name in ("object_id", "flux", "ivar", "valid", "z", "coverage")
        }
        return replace(self, **rows, flags=tuple(self.flags[i] for i in index))


def prepare(spectra: SpectrumSet, recipe: PreprocessRecipe) -> tuple[Prepared, list[Refusal]]:
    """All spectra that fit the recipe, on its grid, and a sentence for each that does not.

    Reads flux, ivar, mask and wavelength, and the redshift where the recipe needs one. Nothing else of a
    spectrum can change the result, nor can the other spectra.
    """
    edges, redshifts = _grid_edges(recipe), spectra.z
    kept, flags = np.zeros(0, np.int64), []
    refusals: list[Refusal] = []
    flux = np.zeros((len(spectra), recipe.n_pixels), np.float32)
    ivar = np.zeros_like(flux)
    for start in range(0, len(spectra), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(spectra)))
        usable, on_grid, problems = _on_grid(spectra, rows, redshifts[rows], recipe, edges)
        span = slice(len(kept), len(kept) + len(usable))
        flux[span], ivar[span], new_flags = scale(*on_grid, redshifts[usable], recipe)
        kept = np.concatenate([kept, usable])
        flags += new_flags
        refusals += problems
    flux, ivar = flux[: len(kept)], ivar[: len(kept)]
    valid, wavelength = ivar > 0, recipe.wavelength
    low = valid.mean(axis=1) < 0.5
    return Prepared(
        spectra.object_id[kept], wavelength, flux, ivar, valid, redshifts[kept], _coverage(valid, wavelength),
        tuple(("low_coverage",) * int(few) + extra for few, extra in zip(low, flags, strict=True)),
        recipe.fingerprint, _steps(recipe),
    ), refusals  # fmt: skip


def _grid_edges(recipe: PreprocessRecipe) -> NDArray[np.float64]:
    if recipe.grid == "log":
        return np.exp(pixel_edges(np.log(recipe.wavelength)))
    return pixel_edges(recipe.wavelength)


def _on_grid(
    spectra: SpectrumSet,
    rows: NDArray[np.int64],
    z: NDArray[np.float64],
    recipe: PreprocessRecipe,
    edges: NDArray[np.float64],
) -> tuple[NDArray[np.int64], tuple[NDArray[np.float32], NDArray[np.float32]], list[Refusal]]:
    """Consecutive rows on the recipe's grid: those that are kept, their flux and ivar, and why not the others."""
    names = spectra.object_id[rows].tolist()
    pixels = _pixels_of(spectra, rows, recipe)
    problems = {
        i: problem
        for i, name in enumerate(names)
        if (problem := _redshift_problem(name, z[i], recipe) or _pixel_problem(name, pixels, i))
    }
    usable = [i for i in range(len(rows)) if i not in problems]
    stretch = 1 + z if recipe.frame == "rest" else np.ones(len(z))
    flux, ivar, covered = resample(pixels.take(usable), edges, stretch[usable])
    valid = (covered >= 0.5) & (ivar > 0)
    flux, ivar = np.where(valid, flux, 0.0), np.where(valid, ivar, 0.0)
    fits = np.ones(len(usable), bool)
    for j, i in enumerate(usable):
        span = pixels.wavelength[pixels.of(i)][pixels.good[pixels.of(i)]][[0, -1]] / stretch[i]
        problem = _coverage_problem(names[i], valid[j], span, recipe) or _level_problem(
            names[i], flux[j], valid[j], recipe
        )
        if problem:
            problems[i], fits[j] = problem, False
    refusals = [Refusal(names[i], problems[i]) for i in sorted(problems)]
    single = flux[fits].astype(np.float32), ivar[fits].astype(np.float32)
    return rows[usable][fits], single, refusals


def _pixels_of(spectra: SpectrumSet, rows: NDArray[np.int64], recipe: PreprocessRecipe) -> Pixels:
    pixels = pixels_of(spectra, int(rows[0]), int(rows[-1]) + 1)
    if recipe.cosmics:
        pixels.good[cosmic_rays(pixels.flux, pixels.ivar, pixels.good, pixels.offsets)] = False
    return pixels


def _redshift_problem(name: str, z: float, recipe: PreprocessRecipe) -> str:
    """Why a recipe cannot place a spectrum of this redshift, or ""."""
    if not recipe.needs_redshift or Z_RANGE[0] <= z <= Z_RANGE[1]:
        return ""
    if not np.isfinite(z):
        return (
            f"{name}: {NO_REDSHIFT}. Give one (column z of a file or catalog), have it estimated, or use an encoder "
            "of the observed frame."
        )
    return (
        f"{name}: redshift {z:.6g} lies outside {Z_RANGE[0]} to {Z_RANGE[1]}. Correct column z "
        "in the file or catalog."
    )


def _pixel_problem(name: str, pixels: Pixels, i: int) -> str:
    good = pixels.good[pixels.of(i)]
    if good.any():
        return ""
    return (
        f"{name}: no good pixel among {len(good)} (expected at least one with ivar > 0 and "
        "no fatal mask bit). Leave it out, or check the file's ivar and mask."
    )


def _coverage_problem(name: str, valid: NDArray[np.bool_], span: NDArray, recipe: PreprocessRecipe) -> str:
    covered = np.count_nonzero(valid) / recipe.n_pixels
    if covered >= max(recipe.min_coverage, 1 / recipe.n_pixels):
        return ""
    return (
        f"{name}: good pixels cover {covered:.0%} of {recipe.wave_min:.0f}-{recipe.wave_max:.0f} A in the "
        f"{recipe.frame} frame (expected >= {recipe.min_coverage:.0%}); they span {span[0]:.0f}-{span[1]:.0f} "
        "A. Use an encoder for that range, or check the redshift."
    )


def _level_problem(name: str, flux: NDArray, valid: NDArray[np.bool_], recipe: PreprocessRecipe) -> str:
    """Divided by nothing, no pixel keeps any weight, and an encoder would be asked about an empty spectrum."""
    n_valid, n_nonzero = np.count_nonzero(valid), np.count_nonzero(flux)
    # Then the median of the absolute flux is above 0 as well.
    if recipe.scale != "continuum" or 2 * n_nonzero >= n_valid:
        return ""
    return (
        f"{name}: flux is exactly 0 in {1 - n_nonzero / n_valid:.0%} of its good pixels, so there is no "
        "continuum to divide by (expected more than half to differ from 0). Leave it out, or mask its padding."
    )


def _coverage(valid: NDArray[np.bool_], wavelength: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(valid):
        return np.zeros((0, 2))
    first, last = valid.argmax(axis=1), valid.shape[1] - 1 - valid[:, ::-1].argmax(axis=1)
    return np.stack([wavelength[first], wavelength[last]], axis=1)


def _steps(recipe: PreprocessRecipe) -> tuple[str, ...]:
    """What `prepare` does for this recipe, in order."""
    steps = ["mask fatal bits, non-finite values and zero inverse variance"]
    if recipe.cosmics:
        steps.append("mask spikes narrower than the line-spread function")
    if recipe.frame == "rest":
        steps.append("divide wavelength by 1 + z")
    steps.append(
        f"resample to {recipe.n_pixels} {recipe.grid} pixels, {recipe.wave_min:g}-{recipe.wave_max:g} A"
    )
    if recipe.scale == "median":
        steps.append("divide by the median flux in rest {:g}-{:g} A".format(*recipe.scale_window))
    elif recipe.scale == "continuum":
        steps.append(f"divide by a running median of width {recipe.continuum_width:g} and subtract 1")
    if recipe.softening:
        steps.append(f"soften with asinh at {recipe.softening:g}")
    return tuple(steps)
