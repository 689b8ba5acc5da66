"""Features of a calibration: distances to the nearest objects of each class, and the quality of the query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.neighbors.voting import neighbor_weights
from spectrove.spectra import SpectrumSet

#: Neighbours of each class; the kernel uses as many neighbours of all classes together.
NEAREST = 50

#: Neighbours whose mean log distance measures the density of a class.
CLOSEST = 5

#: Least kernel share, so that a class without a neighbour has a finite log-likelihood.
FLOOR = 0.02

#: Least distance, so that exact copies have a finite log-likelihood.
NEAR = 1e-3


def features(
    distance: NDArray[np.float64], names: Sequence[str], temperature: float, far: float
) -> NDArray[np.float64]:
    """Features of each class, shape (n_queries, n_classes, n_features).

    Args:
        distance: Scaled, nearest first, infinite if there are fewer, (n_queries, n_classes, NEAREST).
        names: "distance" is minus the mean log distance of the CLOSEST; "kernel" the log share of the class in the
            vote of the NEAREST of all, with weights e^(-distance / temperature).
        far: Replaces an infinite distance.
    """
    made = {"distance": _log_density, "kernel": _log_kernel}
    return np.stack([made[name](distance, temperature, far) for name in names], axis=2)


def _log_density(distance: NDArray[np.float64], _: float, far: float) -> NDArray[np.float64]:
    close = distance[:, :, :CLOSEST]
    there = np.isfinite(close)
    there[:, :, 0] = True
    logs = np.log(np.clip(close, NEAR, far))
    return -(logs * there).sum(axis=2) / there.sum(axis=2)


def _log_kernel(distance: NDArray[np.float64], temperature: float, far: float) -> NDArray[np.float64]:
    flat = np.sort(distance.reshape(len(distance), -1), axis=1)
    limit = flat[:, min(NEAREST, flat.shape[1]) - 1][:, None, None]
    near = np.where(np.isfinite(flat[:, 0]), flat[:, 0], far)[:, None, None]
    counted = (distance <= limit) & np.isfinite(distance)
    weight = np.where(counted, np.exp(-(np.where(counted, distance, near) - near) / temperature), 0.0)
    mass = weight.sum(axis=2)
    return np.log(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-300) + FLOOR)


def standard(quality: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quality measures in units of their spread in the base, clipped at three."""
    return np.clip((quality - scale[0]) / scale[1], -3, 3)


def with_quality(x: NDArray[np.float64], quality: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The features, and the product of each with each quality measure."""
    if quality is None:
        return x
    return np.concatenate([x, *(x * quality[:, None, [j]] for j in range(quality.shape[1]))], axis=2)


def for_classes(signs: NDArray[np.float64], told: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Features that support some classes only, (n_queries, n_classes, n_signs); 0 for the other classes.

    Args:
        signs: Shape (n_queries, n_signs).
        told: Mask of the classes supported, (n_classes,).
    """
    return signs[:, None, :] * told[None, :, None]


def five_votes(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vote shares of the five nearest, weighted by e^-d, (n_objects, n_classes)."""
    n, n_classes, k = distance.shape
    flat = distance.reshape(n, -1)
    order = np.argsort(flat, axis=1)[:, :CLOSEST]
    near = np.take_along_axis(flat, order, axis=1)
    weight = neighbor_weights(near, np.isfinite(near))
    share = np.zeros((n, n_classes))
    np.add.at(share, (np.arange(n)[:, None], order // k), weight)
    return share


def quality_of(spectra: SpectrumSet) -> NDArray[np.float64]:
    """Log10 of the median S/N per pixel, and the fraction of good pixels, shape (n_spectra, 2).

    Measured from flux, inverse variance and mask alone; spectra that are no fluxes measure their own quality.
    """
    if not isinstance(spectra, SpectrumSet):
        return spectra.measured_quality()
    found = np.zeros((len(spectra), 2))
    for i in range(len(spectra)):
        spectrum, _ = spectra[i].with_gaps_filled()
        good = spectrum.good & np.isfinite(spectrum.flux)
        if good.any():
            ratio = np.abs(spectrum.flux[good]) * np.sqrt(spectrum.ivar[good])
            found[i] = np.log10(max(float(np.median(ratio)), 0.1)), good.mean()
    return found
