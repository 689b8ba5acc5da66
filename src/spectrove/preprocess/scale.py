"""Flux on one scale: spectra of the same shape get the same values, whatever their brightness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.preprocess.recipe import PreprocessRecipe


def scale(
    flux: NDArray[np.float32], ivar: NDArray[np.float32], z: NDArray[np.float64], recipe: PreprocessRecipe
) -> tuple[NDArray[np.float32], NDArray[np.float32], list[tuple[str, ...]]]:
    """Scaled flux, its inverse variance, and flags of each spectrum.

    Args:
        flux: On the recipe's grid, (n_spectra, n_pixels).
        ivar: Its inverse variance; 0 where not valid.
        z: Redshifts, (n_spectra,); used for the window of the median in the observed frame.
        recipe: Says how.
    """
    valid = ivar > 0
    flags: list[tuple[str, ...]] = [() for _ in flux]
    level: NDArray
    offset = 0.0
    if recipe.scale == "none" or not len(flux):
        level = np.ones((len(flux), 1))
    elif recipe.scale == "median":
        level, flags = _median_level(flux, ivar, z, recipe)
    else:
        level, offset = continuum(flux, valid, recipe), 1.0
    scaled = flux / level - offset
    variance = 1 / np.where(valid, ivar * level**2, 1.0) + recipe.systematic**2
    if recipe.scale != "none":
        scaled = np.clip(scaled, *recipe.clip)
    if recipe.softening:
        slope2 = 1 / (1 + (scaled / recipe.softening) ** 2)
        scaled = recipe.softening * np.arcsinh(scaled / recipe.softening)
        # The systematic error is an error of what the encoder compares, so it is not softened away.
        variance = (variance - recipe.systematic**2) * slope2 + recipe.systematic**2
    return (
        np.where(valid, scaled, 0.0).astype(np.float32),
        np.where(valid, 1 / variance, 0.0).astype(np.float32),
        flags,
    )


def _median_level(
    flux: NDArray, ivar: NDArray, z: NDArray, recipe: PreprocessRecipe
) -> tuple[NDArray, list[tuple[str, ...]]]:
    stretch = np.ones(len(flux)) if recipe.frame == "rest" else 1 + z
    low, high = recipe.scale_window
    # Only columns that lie in some spectrum's window are sorted.
    columns = slice(*np.searchsorted(recipe.wavelength, [low * stretch.min(), high * stretch.max() * 1.001]))
    rest = recipe.wavelength[columns] / stretch[:, None]
    window = (rest >= low) & (rest <= high) & (ivar[:, columns] > 0)
    level, noise = _level_and_noise(flux[:, columns], ivar[:, columns], window)
    empty: NDArray[np.bool_] = np.logical_not(window.any(axis=1))
    if empty.any():
        level[empty], noise[empty] = _level_and_noise(flux[empty], ivar[empty], ivar[empty] > 0)
    # Faint spectra can have a median of zero or less; their noise then sets the scale.
    faint = np.asarray(level < 0.1 * noise)
    level = np.where(faint, noise, level)
    flags = [("scale_elsewhere",) * int(empty[i]) + ("faint",) * int(faint[i]) for i in range(len(flux))]
    return level[:, None], flags


def _level_and_noise(flux: NDArray, ivar: NDArray, used: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    return row_median(flux, used), row_median(1 / np.sqrt(np.where(used, ivar, 1.0)), used)


def row_median(values: NDArray, used: NDArray[np.bool_]) -> NDArray:
    """Median of the used values along the last axis; NaN where there is none.

    Numpy's own median of values with gaps takes ten times as long: it leaves out the gaps row by row.
    """
    ordered = np.sort(np.where(used, values, np.inf), axis=-1)  # what is not used ends up behind
    count = used.sum(axis=-1)[..., None]
    lower, upper = (
        np.take_along_axis(ordered, half, axis=-1)[..., 0]
        for half in (np.maximum(count - 1, 0) // 2, count // 2)
    )
    return np.where(count[..., 0] > 0, (lower + upper) / 2, np.nan).astype(values.dtype)


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
    blocks = (n, n_blocks, width)
    used = np.pad(valid, padding).reshape(blocks)
    medians = row_median(np.pad(flux, padding).reshape(blocks), used)
    count = used.sum(axis=2)
    places = (used * np.arange(width)).sum(axis=2)
    centers = np.arange(n_blocks) * width + places / np.maximum(count, 1)
    level = np.ones(flux.shape)
    pixels = np.arange(n_pixels)
    for i, known in enumerate(count > 0):
        if known.any():
            level[i] = np.interp(pixels, centers[i, known], medians[i, known])
    # No median is more than twice the mean, which tells without sorting where the floor cannot matter.
    mean = np.abs(np.where(valid, flux, 0)).sum(axis=1) / np.maximum(valid.sum(axis=1), 1)
    low = ~(level.min(axis=1) > 0.11 * mean)
    floor = np.full(n, np.finfo(np.float32).tiny)
    floor[low] = np.maximum(floor[low], 0.05 * row_median(np.abs(flux[low]), valid[low]))
    return np.maximum(level, floor[:, None])
