"""Whether photons arrive at a constant rate: the Kolmogorov-Smirnov test of arrival times in good time intervals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: With fewer photons the test says nothing.
FEWEST = 5


def constant_p(times: Floats, intervals: Floats | None = None) -> float:
    """Probability of arrival times as uneven as these, or more, from a source of constant rate; NaN where unknown.

    Time is counted within the good intervals only, so that gaps are no variation. Without intervals the first and the
    last photon are their ends, and the test is of those between.

    Args:
        times: Arrival times, s, (n_photons,), in any order.
        intervals: Start and end of each good time interval, s, (n_intervals, 2); photons outside are left out.

    Source:
        Two-sided Kolmogorov-Smirnov test against the uniform distribution, as the Chandra Source Catalog's
        `ks_intra_prob` (which gives 1 - p).
    """
    from scipy.stats import kstest

    times = np.sort(times[np.isfinite(times)])
    if intervals is None:
        if len(times) < FEWEST + 2 or times[-1] <= times[0]:
            return float("nan")
        return float(kstest((times[1:-1] - times[0]) / (times[-1] - times[0]), "uniform").pvalue)
    good = merged(intervals)
    lengths = good[:, 1] - good[:, 0]
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    place = np.searchsorted(good[:, 0], times, side="right") - 1
    inside = (place >= 0) & (times <= good[np.maximum(place, 0), 1])
    if inside.sum() < FEWEST or before[-1] <= 0:
        return float("nan")
    spent = before[place[inside]] + times[inside] - good[place[inside], 0]
    return float(kstest(spent / before[-1], "uniform").pvalue)


def merged(intervals: Floats) -> Floats:
    """Intervals sorted, those that overlap or touch as one, (n, 2)."""
    given = np.asarray(intervals, float).reshape(-1, 2)
    given = given[np.isfinite(given).all(axis=1) & (given[:, 1] > given[:, 0])]
    out: list[list[float]] = []
    for start, end in given[np.argsort(given[:, 0])].tolist():
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return np.array(out, float).reshape(-1, 2)
