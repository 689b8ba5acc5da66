"""Resampling that conserves flux and information (inverse variance)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pixel_edges(centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges half-way between pixel centres, the outer ones mirrored; shape (n_pixels + 1,)."""
    centers = np.asarray(centers, dtype=float)
    if len(centers) < 2:
        return np.array([c + side for c in centers for side in (-0.5, 0.5)])
    middle = 0.5 * (centers[1:] + centers[:-1])
    return np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])


def resample(
    edges_in: NDArray[np.float64],
    flux: NDArray,
    ivar: NDArray,
    edges_out: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Flux density, inverse variance and covered fraction on a new grid.

    Pixels with zero inverse variance count as not observed. Flux is the mean over the overlap with
    observed pixels, so the integral of flux density over wavelength is kept. Inverse variance is shared
    out in proportion to the overlap, so that its sum, the information in the spectrum, is kept: what a
    sub-pixel shift smooths is not counted as gained signal-to-noise.

    Args:
        edges_in: Pixel edges, increasing, shape (n_in + 1,).
        flux: Flux density, shape (n_in,).
        ivar: Inverse variance, shape (n_in,); 0 where unusable.
        edges_out: Edges of the new grid, same unit and frame, shape (n_out + 1,).

    Returns:
        flux, ivar, and the fraction of each new pixel that observed pixels cover, each (n_out,). Flux and
        ivar are 0 where that fraction is 0.

    Source:
        Overlap-weighted rebinning as in SpectRes (Carnall 2017, arXiv:1705.05165), written as differences
        of cumulative sums, which makes it linear in the number of pixels.
    """
    used = np.asarray(ivar) > 0
    width_in, width_out = np.diff(edges_in), np.diff(edges_out)

    def share(per_pixel: NDArray) -> NDArray[np.float64]:
        total = np.concatenate([[0.0], np.cumsum(per_pixel, dtype=np.float64)])
        return np.diff(np.interp(edges_out, edges_in, total))

    covered = share(width_in * used)
    # A sliver of overlap is rounding, not an observation.
    observed = covered > 1e-6 * width_out
    integral = share(np.where(used, flux, 0.0) * width_in)
    information = share(np.where(used, ivar, 0.0))
    out_flux = np.divide(integral, covered, out=np.zeros_like(integral), where=observed)
    out_ivar = np.where(observed, np.maximum(information, 0.0), 0.0)
    return out_flux, out_ivar, np.where(observed, covered / width_out, 0.0)
