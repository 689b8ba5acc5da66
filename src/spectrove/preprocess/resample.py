"""Resampling that conserves flux and information (inverse variance), many spectra at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.gaps import fillers
from spectrove.spectra import BAD, SpectrumSet


@dataclass(frozen=True)
class Pixels:
    """Pixels of some spectra, end to end, without table rows: no catalog value can reach an encoder.

    Attributes:
        wavelength: Pixel centres, increasing within a spectrum; shape (n_total,), float64.
        flux: Flux density, shape (n_total,).
        ivar: Inverse variance, shape (n_total,).
        good: Pixels that may be used, shape (n_total,).
        first, last: Positions of each spectrum's first and last pixel, shape (n_spectra,).
        whole: No pixel is missing (`fill_gaps` has been here).
    """

    wavelength: NDArray[np.float64]
    flux: NDArray
    ivar: NDArray
    good: NDArray[np.bool_]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    whole: bool = False

    @property
    def offsets(self) -> NDArray[np.int64]:
        """Where each spectrum begins, and where the last ends, of spectra that were not chosen from more."""
        return np.append(self.first, self.last[-1:] + 1)

    def of(self, i: int) -> slice:
        """The pixels of one spectrum."""
        return slice(int(self.first[i]), int(self.last[i]) + 1)

    def take(self, spectra: list[int]) -> Pixels:
        """The chosen spectra; the pixels of the others are never read."""
        return replace(self, first=self.first[spectra], last=self.last[spectra])


def pixels_of(spectra: SpectrumSet, start: int, stop: int) -> Pixels:
    """Pixels of consecutive spectra, those missing from a grid put back as not good (`fill_gaps`)."""
    offsets = spectra.offsets[start : stop + 1]
    span = slice(int(offsets[0]), int(offsets[-1]))
    flux, ivar = spectra.flux[span], spectra.ivar[span]
    good = (spectra.mask[span] & int(BAD) == 0) & (ivar > 0)
    offsets = offsets - offsets[0]
    return fill_gaps(Pixels(spectra.wavelength[span], flux, ivar, good, offsets[:-1], offsets[1:] - 1))


def fill_gaps(pixels: Pixels) -> Pixels:
    """The same with a pixel that is not good, of flux and inverse variance 0, wherever one is missing."""
    if pixels.whole:
        return pixels
    position, wavelength = fillers(pixels.wavelength, pixels.first, pixels.last)
    if not len(position):
        return replace(pixels, whole=True)
    return Pixels(
        np.insert(pixels.wavelength, position, wavelength),
        np.insert(pixels.flux, position, 0),
        np.insert(pixels.ivar, position, 0),
        np.insert(pixels.good, position, False),
        pixels.first + np.searchsorted(position, pixels.first, side="right"),
        pixels.last + np.searchsorted(position, pixels.last, side="right"),
        whole=True,
    )


def pixel_edges(centers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges half-way between pixel centres, the outer ones mirrored, of a grid without gaps; (n_pixels + 1,)."""
    centers = np.asarray(centers, dtype=float)
    if len(centers) < 2:
        return np.array([c + side for c in centers for side in (-0.5, 0.5)])
    middle = 0.5 * (centers[1:] + centers[:-1])
    return np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])


def resample(
    pixels: Pixels, edges_out: NDArray[np.float64], stretch: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Flux density, inverse variance and covered fraction on a new grid.

    Pixels that are not good, or missing from the grid, count as not observed: none covers more than its own width.
    Flux is the mean over the overlap with observed pixels, so
    the integral of flux density over wavelength is kept. Inverse variance is shared out in proportion to the
    overlap, so that its sum, the information in the spectrum, is kept: what a sub-pixel shift smooths is not
    counted as gained signal-to-noise.

    Args:
        pixels: At least one pixel a spectrum.
        edges_out: Edges of the new grid, shape (n_out + 1,).
        stretch: Wavelength of `pixels` per wavelength of the new grid: 1 + z, or 1; shape (n_spectra,).

    Returns:
        flux, ivar, and the fraction of each new pixel that observed pixels cover, each (n_spectra, n_out).
        Flux and ivar are 0 where that fraction is 0.

    Source:
        Overlap-weighted rebinning as in SpectRes (Carnall 2017, arXiv:1705.05165).
    """
    pixels = fill_gaps(pixels)
    left, right = _borders(pixels)
    covered, integral, information = _overlap_sums(pixels, left, right - left, edges_out, stretch)
    width_out = np.diff(edges_out) * stretch[:, None]
    # A sliver of overlap is rounding, not an observation.
    observed = covered > 1e-6 * width_out
    flux = np.divide(integral, covered, out=np.zeros_like(integral), where=observed)
    return flux, np.where(observed, information, 0.0), np.where(observed, covered / width_out, 0.0)


def _overlap_sums(
    pixels: Pixels,
    left: NDArray[np.float64],
    width: NDArray[np.float64],
    edges_out: NDArray[np.float64],
    stretch: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Observed width, integral of flux and information in each new pixel; (3, n_spectra, n_out)."""
    pixel, place = _locate(pixels, left, width, edges_out, stretch)
    per_pixel = (
        np.where(pixels.good, width, 0.0),
        np.where(pixels.good, pixels.flux, 0.0) * width,
        np.where(pixels.good, pixels.ivar, 0.0).astype(float),
    )
    begin, last = pixel[:, :-1], pixels.last[:, None]
    end = pixel[:, 1:] - begin + place[:, 1:]  # of each new pixel, in pixels from the left edge of `begin`
    totals = np.zeros((3, *begin.shape))
    overlap, share, at = np.empty_like(end), np.empty_like(end), np.empty_like(begin)
    for step in range(int(end.max(initial=0)) + 1):
        np.clip(end - step, 0.0, 1.0, out=overlap)
        if step == 0:
            overlap -= place[:, :-1]
        np.minimum(begin + step, last, out=at)  # beyond the last pixel the overlap is zero
        for total, values in zip(totals, per_pixel, strict=True):
            np.take(values, at, out=share, mode="clip")  # "raise" would copy
            share *= overlap
            total += share
    return totals


def _borders(pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Left and right edge of every pixel, as `pixel_edges` has them spectrum by spectrum; (n_total,)."""
    wavelength, first, last = pixels.wavelength, pixels.first, pixels.last
    middle = 0.5 * (wavelength[1:] + wavelength[:-1])
    left, right = np.concatenate([wavelength[:1], middle]), np.concatenate([middle, wavelength[-1:]])
    left[first] = 2 * wavelength[first] - right[first]
    right[last] = 2 * wavelength[last] - left[last]
    single = first[first == last]
    left[single], right[single] = wavelength[single] - 0.5, wavelength[single] + 0.5
    return left, right


def _locate(
    pixels: Pixels,
    left: NDArray[np.float64],
    width: NDArray[np.float64],
    edges_out: NDArray[np.float64],
    stretch: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The pixel that holds each edge of the new grid, and where in it from 0 to 1; (n_spectra, n_out + 1).

    Edges outside a spectrum are put at its ends. Surveys use steps of equal log-wavelength, so that the pixel
    is guessed from the logarithm; whatever the guess misses is looked for. The answer never depends on it.
    """
    first, last = pixels.first[:, None], pixels.last[:, None]
    edges = np.maximum(edges_out * stretch[:, None], left[first])
    np.minimum(edges, left[last] + width[last], out=edges)
    start, stop = np.log(np.maximum(pixels.wavelength[[pixels.first, pixels.last]], 1e-300))
    per_pixel = np.maximum(stop - start, 1e-300) / np.maximum(pixels.last - pixels.first, 1)
    guess = (np.log(edges_out) + (np.log(stretch) - start)[:, None]) / per_pixel[:, None]
    pixel = np.rint(np.clip(guess, 0, last - first)).astype(np.int64) + first
    place = (edges - left[pixel]) / width[pixel]
    # A grid in float32 is uneven enough to put some edges one pixel further.
    missed = np.nonzero(np.abs(place - 0.5) > 0.5)
    moved = pixel[missed] + np.where(place[missed] > 0.5, 1, -1)
    pixel[missed] = np.clip(moved, pixels.first[missed[0]], pixels.last[missed[0]])
    place[missed] = (edges[missed] - left[pixel[missed]]) / width[pixel[missed]]
    for row in np.unique(missed[0][np.abs(place[missed] - 0.5) > 0.5]):
        span = slice(pixels.first[row], pixels.last[row] + 1)
        found = np.searchsorted(left[span], edges[row], side="right") - 1
        pixel[row] = pixels.first[row] + np.maximum(found, 0)
        place[row] = (edges[row] - left[pixel[row]]) / width[pixel[row]]
    return pixel, place
