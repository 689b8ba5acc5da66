"""prepare: spectra on grids of their own become a matrix."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RedshiftError, Refusal, SpectrumError
from spectrove.preprocess.quality import flag_cosmics
from spectrove.preprocess.recipe import PreprocessRecipe
from spectrove.preprocess.resample import pixel_edges, resample
from spectrove.spectra import Spectrum, SpectrumSet

#: A redshift outside is a mistake in a column, not a galaxy.
Z_RANGE = (-0.02, 20.0)


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
    spectrum can change the result.
    """
    edges = _grid_edges(recipe)
    kept: list[int] = []
    refusals: list[Refusal] = []
    flux = np.zeros((len(spectra), recipe.n_pixels), np.float32)
    ivar = np.zeros_like(flux)
    redshifts = spectra.z
    for i, z in enumerate(redshifts):
        spectrum = _pixels_of(spectra, i)
        try:
            check_redshift(spectrum.object_id, z, recipe)
            flux[len(kept)], ivar[len(kept)] = _on_grid(spectrum, z, recipe, edges)
        except SpectrumError as error:
            refusals.append(Refusal(spectrum.object_id, str(error)))
            continue
        kept.append(i)
    n = len(kept)
    flux, ivar, scale_flags = _scale(flux[:n], ivar[:n], redshifts[kept], recipe)
    valid = ivar > 0
    wavelength = recipe.wavelength
    flags = tuple(
        (("low_coverage",) if covered < 0.5 else ()) + extra
        for covered, extra in zip(valid.mean(axis=1), scale_flags, strict=True)
    )
    return Prepared(
        spectra.object_id[kept], wavelength, flux, ivar, valid, redshifts[kept], _coverage(valid, wavelength),
        flags, recipe.fingerprint, _steps(recipe),
    ), refusals  # fmt: skip


def check_redshift(object_id: str, z: float, recipe: PreprocessRecipe) -> None:
    """Refuse what a recipe cannot place.

    Raises:
        RedshiftError: If the recipe needs a redshift and there is none, or it cannot be right.
    """
    if not recipe.needs_redshift:
        return
    if not np.isfinite(z):
        raise RedshiftError(
            f"{object_id}: no redshift, and this encoder works in the rest frame. Give one in a catalog "
            "(column z, joined with ingest --catalog), or use an encoder of the observed frame."
        )
    if not Z_RANGE[0] <= z <= Z_RANGE[1]:
        raise RedshiftError(
            f"{object_id}: redshift {z:.6g} lies outside {Z_RANGE[0]} to {Z_RANGE[1]}. Correct column z "
            "in the file or catalog."
        )


def _pixels_of(spectra: SpectrumSet, i: int) -> Spectrum:
    """One spectrum without its table row: no catalog value can reach an encoder."""
    span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
    return Spectrum(
        str(spectra.object_id[i]), spectra.wavelength[span], spectra.flux[span], spectra.ivar[span],
        spectra.mask[span], spectra.lsf[span], {},
    )  # fmt: skip


def _grid_edges(recipe: PreprocessRecipe) -> NDArray[np.float64]:
    if recipe.grid == "log":
        return np.exp(pixel_edges(np.log(recipe.wavelength)))
    return pixel_edges(recipe.wavelength)


def _on_grid(
    spectrum: Spectrum, z: float, recipe: PreprocessRecipe, edges: NDArray[np.float64]
) -> tuple[NDArray, NDArray]:
    if recipe.cosmics:
        spectrum = replace(spectrum, mask=flag_cosmics(spectrum))
    good = spectrum.good
    if not good.any():
        raise SpectrumError(
            f"{spectrum.object_id}: no good pixel among {len(good)} (expected at least one with ivar > 0 and "
            "no fatal mask bit). Leave it out, or check the file's ivar and mask."
        )
    stretch = 1 + z if recipe.frame == "rest" else 1.0
    edges_in = pixel_edges(spectrum.wavelength) / stretch
    flux, ivar, covered = resample(edges_in, spectrum.flux, np.where(good, spectrum.ivar, 0.0), edges)
    valid = (covered >= 0.5) & (ivar > 0)
    if valid.mean() < max(recipe.min_coverage, 1 / recipe.n_pixels):
        low, high = spectrum.wavelength[good][[0, -1]] / stretch
        raise SpectrumError(
            f"{spectrum.object_id}: good pixels cover {valid.mean():.0%} of {recipe.wave_min:.0f}-"
            f"{recipe.wave_max:.0f} A in the {recipe.frame} frame (expected >= {recipe.min_coverage:.0%}); they "
            f"span {low:.0f}-{high:.0f} A. Use an encoder for that range, or check the redshift."
        )
    if recipe.scale == "continuum" and not np.median(np.abs(flux[valid])) > 0:
        # Divided by nothing, no pixel keeps any weight, and an encoder would be asked about an empty spectrum.
        raise SpectrumError(
            f"{spectrum.object_id}: flux is exactly 0 in {(flux[valid] == 0).mean():.0%} of its good pixels, so "
            "there is no continuum to divide by (expected more than half to differ from 0). Leave it out, or "
            "mask its padding."
        )
    return np.where(valid, flux, 0.0), np.where(valid, ivar, 0.0)


def _scale(
    flux: NDArray, ivar: NDArray, z: NDArray, recipe: PreprocessRecipe
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[tuple[str, ...]]]:
    flags: list[tuple[str, ...]] = [() for _ in flux]
    level: NDArray
    if recipe.scale == "none" or not len(flux):
        level, offset = np.ones((len(flux), 1)), 0.0
    elif recipe.scale == "median":
        level, flags = _median_level(flux, ivar, z, recipe)
        offset = 0.0
    else:
        level, offset = continuum(flux, ivar > 0, recipe), 1.0
    valid = ivar > 0
    scaled = flux / level - offset
    variance = 1 / np.where(valid, ivar * level**2, 1.0) + recipe.systematic**2
    if recipe.scale != "none":
        scaled = np.clip(scaled, *recipe.clip)
    if recipe.softening:
        slope = 1 / np.sqrt(1 + (scaled / recipe.softening) ** 2)
        scaled = recipe.softening * np.arcsinh(scaled / recipe.softening)
        # The systematic error is an error of what the encoder compares, so it is not softened away.
        variance = (variance - recipe.systematic**2) * slope**2 + recipe.systematic**2
    return (
        np.where(valid, scaled, 0.0).astype(np.float32),
        np.where(valid, 1 / variance, 0.0).astype(np.float32),
        flags,
    )


def _median_level(
    flux: NDArray, ivar: NDArray, z: NDArray, recipe: PreprocessRecipe
) -> tuple[NDArray, list[tuple[str, ...]]]:
    stretch = np.ones(len(flux)) if recipe.frame == "rest" else 1 + z
    rest = recipe.wavelength[None, :] / stretch[:, None]
    window = (rest >= recipe.scale_window[0]) & (rest <= recipe.scale_window[1]) & (ivar > 0)
    empty: NDArray[np.bool_] = np.logical_not(window.any(axis=1))
    window[empty] = ivar[empty] > 0
    level = np.nanmedian(np.where(window, flux, np.nan), axis=1)
    # Faint spectra can have a median of zero or less; their noise then sets the scale.
    noise = np.nanmedian(np.where(window, 1 / np.sqrt(np.where(window, ivar, 1.0)), np.nan), axis=1)
    faint = np.asarray(level < 0.1 * noise)
    level = np.where(faint, noise, level)
    flags = [("scale_elsewhere",) * int(empty[i]) + ("faint",) * int(faint[i]) for i in range(len(flux))]
    return level[:, None], flags


def continuum(flux: NDArray, valid: NDArray[np.bool_], recipe: PreprocessRecipe) -> NDArray[np.float64]:
    """A smooth level under each spectrum: medians of blocks, joined by straight lines.

    Args:
        flux: Shape (n_spectra, n_pixels).
        valid: Pixels that may be used, same shape; at least one a row.
        recipe: Its `continuum_width` is the block's width.

    Returns:
        Level, same shape, never below a twentieth of the spectrum's own median absolute flux.
    """
    n, n_pixels = flux.shape
    step = (
        np.log10(recipe.wave_max / recipe.wave_min)
        if recipe.grid == "log"
        else recipe.wave_max - recipe.wave_min
    )
    width = max(5, round(recipe.continuum_width * (n_pixels - 1) / step))
    n_blocks = -(-n_pixels // width)
    padding = ((0, 0), (0, n_blocks * width - n_pixels))
    values = np.pad(np.where(valid, flux, np.nan), padding, constant_values=np.nan).reshape(
        n, n_blocks, width
    )
    place = np.where(np.isfinite(values), np.arange(n_blocks * width).reshape(n_blocks, width), np.nan)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(Mean of empty|All-NaN)", RuntimeWarning)
        medians, centers = np.nanmedian(values, axis=2), np.nanmean(place, axis=2)
        floor = 0.05 * np.nanmedian(np.abs(np.where(valid, flux, np.nan)), axis=1)
    level = np.ones(flux.shape)
    pixels = np.arange(n_pixels)
    found = np.asarray(np.isfinite(medians))
    for i in range(n):
        known = found[i]
        if known.any():
            level[i] = np.interp(pixels, centers[i, known], medians[i, known])
    return np.maximum(level, np.maximum(floor, np.finfo(np.float32).tiny)[:, None])


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
