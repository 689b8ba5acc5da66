"""A spectrum in the bins in which it is fitted, and how photons come to be counts in them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import SpectrumError
from spectrove.xray.counts import Counts
from spectrove.xray.response import Response

Floats = NDArray[np.float64]

#: Range that is fitted, keV: below it the contamination of CCDs is ill known, above it Chandra sees background.
RANGE = (0.5, 7.0)

#: Bins of equal width in log energy: each is narrower than a CCD resolves below 4 keV.
BINS = 60

#: Adjacent bins that hold this many counts of background share one level of it, see `runs`.
FEWEST_BEHIND = 3

#: Foldings that are remembered; a base often has few responses.
REMEMBERED = 64


@dataclass(frozen=True)
class Folding:
    """From photons to counts in bins, for one response and its good channels.

    Attributes:
        energy: Edges of the energies of photons, keV, (n_energies + 1,).
        matrix: Counts in each bin for one photon per cm2 in each energy, cm2, (n_energies, n_bins).
        edges: Of the bins, keV, (n_bins + 1,).
        width: Width of the good channels in each bin, keV, (n_bins,).
        bin_of: Bin of each channel, -1 outside, (n_channels,).
    """

    energy: Floats
    matrix: Floats
    edges: Floats
    width: Floats
    bin_of: NDArray[np.int64]

    def summed(self, channels: NDArray) -> Floats:
        """Sums over the channels of each bin, (n_bins,)."""
        inside = self.bin_of >= 0
        weights = np.asarray(channels, float)[inside]
        return np.bincount(self.bin_of[inside], weights, len(self.width)).astype(float)


@dataclass(frozen=True)
class Binned:
    """What is fitted: counts of one spectrum in bins.

    Attributes:
        object_id: The spectrum.
        counts: Whole numbers, (n_bins,).
        background: Counts of the background region in each run of bins, (n_runs,); none without a background.
        runs: Whether each bin is in each run, (n_bins, n_runs).
        share: Part of its run's background that is in each bin, (n_bins,).
        scale: Background in the source's region per count of the background region; 0 without a background.
        exposure: Seconds.
        folding: Of the spectrum.
    """

    object_id: str
    counts: Floats
    background: Floats
    runs: Floats
    share: Floats
    scale: float
    exposure: float
    folding: Folding

    @property
    def net(self) -> float:
        """Counts less those expected of the background."""
        return float(self.counts.sum() - self.scale * self.background.sum())


def binned(spectrum: Counts) -> Binned:
    """A spectrum in `BINS` bins over `RANGE`.

    Raises:
        SpectrumError: It has no good channel there, no area, or no more counts than background.
    """
    folding = folding_of(spectrum.response, spectrum.good)
    name = spectrum.object_id
    if not len(folding.width) or not folding.matrix.any():
        reach = float(spectrum.response.energy[0]), float(spectrum.response.energy[-1])
        raise SpectrumError(
            f"{name}: no good channel with effective area from {RANGE[0]:g} to {RANGE[1]:g} keV (the response reaches "
            f"from {reach[0]:g} to {reach[1]:g} keV), so nothing can be fitted. Use a spectrum of a CCD."
        )
    counts, behind = folding.summed(spectrum.counts), folding.summed(spectrum.background)
    within = runs(behind)
    share = folding.width / (within @ (folding.width @ within))
    found = Binned(
        name, counts, behind @ within, within, share, spectrum.background_scale, spectrum.exposure, folding
    )
    if found.net <= 0:
        raise SpectrumError(
            f"{name}: {counts.sum():.0f} counts from {RANGE[0]:g} to {RANGE[1]:g} keV, of which the background is "
            f"{found.scale * behind.sum():.1f}; expected more than the background. Leave it out, or extract a larger "
            "region."
        )
    return found


def runs(background: Floats, fewest: float = FEWEST_BEHIND) -> Floats:
    """Runs of adjacent bins that hold at least `fewest` counts of background: 1 where a bin is in a run, else 0.

    Shape (n_bins, n_runs).

    The statistic W lets the background of every bin be what fits best. Where most bins have no background count it is
    then 0 in most and far too high in some, and the source comes out wrong. A background that changes slowly with
    energy is known better: the bins of a run share one level per keV. Where every bin has counts enough this is W.

    Source:
        The bias, and joining bins until each has a background count: Arnaud, Dorman & Gordon, XSPEC manual, appendix B.
        Joined here is the background alone, so that the source keeps its resolution.
    """
    run_of = np.zeros(len(background), np.int64)
    run, total = 0, 0.0
    for i, n in enumerate(background.tolist()):
        run_of[i] = run
        total += n
        if total >= fewest:
            run, total = run + 1, 0.0
    # What is left at the end belongs to the last run.
    last = max(run - 1, 0) if total < fewest else run
    return np.eye(last + 1)[np.minimum(run_of, last)]


def folding_of(response: Response, good: NDArray[np.bool_]) -> Folding:
    """The folding of a response with these good channels; that of an equal response is used again."""
    key = response.fingerprint, good.tobytes()
    with _LOCK:
        if key not in _KNOWN:
            _KNOWN[key] = _folding(response, good)
            if len(_KNOWN) > REMEMBERED:
                _KNOWN.popitem(last=False)
        return _KNOWN[key]


#: Foldings by response and good channels, the oldest first.
_KNOWN: OrderedDict[tuple[str, bytes], Folding] = OrderedDict()
_LOCK = Lock()


def _folding(response: Response, good: NDArray[np.bool_]) -> Folding:
    e_min, e_max = response.e_min.astype(float), response.e_max.astype(float)
    grid = np.geomspace(*RANGE, BINS + 1)
    middle = (e_min + e_max) / 2
    bin_of = np.searchsorted(grid, middle, side="right") - 1
    bin_of = np.where((bin_of >= 0) & (bin_of < BINS) & good, bin_of, -1)
    # Channels wider than a bin, or bad ones, leave bins empty: those are taken out.
    used, position = np.unique(bin_of[bin_of >= 0], return_inverse=True)
    place = np.full(len(bin_of), -1)
    place[bin_of >= 0] = position
    width = np.bincount(position, (e_max - e_min)[bin_of >= 0], len(used)).astype(float)
    edges = np.append(grid[used], grid[used[-1] + 1]) if len(used) else grid[:1]
    matrix = np.zeros((len(response.area), len(used)))
    coo = response.matrix.tocoo()
    inside = place[coo.col] >= 0
    np.add.at(matrix, (coo.row[inside], place[coo.col[inside]]), coo.data[inside])
    return Folding(response.energy.astype(float), matrix, edges, width, place)
