"""Counts as numbers of order one: what the network of sources reads."""

from __future__ import annotations

import numpy as np

from spectrove.xray.vectors.base import Singles

#: Bins that are taken together, from single ones to thirds of the range.
GROUPS = (1, 2, 4, 8, 16)

#: Raised whenever equal counts give other numbers.
VERSION = 1

#: Area of a bin below this share of the mean counts as this share, so that logarithms stay finite.
LEAST_AREA = 1e-3


def n_features(n_bins: int) -> int:
    """How many numbers `features` gives for so many bins, a multiple of 16."""
    return 3 * n_bins + 2 * sum(n_bins // group for group in GROUPS) + 4


def features(counts: Singles, behind: Singles, exposed: Singles) -> Singles:
    """Counts, background and area of each bin, then shares of photons and counts in ever wider bins, and totals.

    Shares do not depend on brightness; how well they are known is said by the counts beside them. Of photons that are
    negative after subtraction of the background the root is taken with the sign.

    Args:
        counts, behind, exposed: As in `EnergyCounts`, (n_spectra, n_bins).

    Returns:
        (n_spectra, n_features).
    """
    n, m = counts.shape
    total = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    mean = np.maximum(exposed.mean(axis=1, keepdims=True), 1e-30)
    seen, net = exposed > 0, counts - behind
    photons = (net / np.where(seen, exposed, 1) * seen).sum(axis=1, keepdims=True)
    photons = np.maximum(photons, 1e-3 * total / mean)
    parts = [
        np.sqrt(counts / total * m),
        np.sqrt(behind / total * m),
        np.log(np.maximum(exposed, LEAST_AREA * mean) / mean),
    ]
    for group in GROUPS:
        inside, area = net.reshape(n, -1, group).sum(axis=2), exposed.reshape(n, -1, group).mean(axis=2)
        share = inside / np.where(area > 0, area, 1) * (area > 0) / photons
        parts.append(np.sign(share) * np.sqrt(np.abs(share) * (m / group)))
        parts.append(0.5 * np.log1p(counts.reshape(n, -1, group).sum(axis=2)))
    above = np.maximum(net.sum(axis=1, keepdims=True), 1)
    parts += [
        np.log10(total),
        np.log10(above),
        behind.sum(axis=1, keepdims=True) / total,
        0.05 * above / total**0.5,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)
