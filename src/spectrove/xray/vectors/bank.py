"""Mock sources kept as photons, of which counts are drawn anew for every step of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.binned import BANDS
from spectrove.xray.mock import GRID, Instrument, MockRecipe, Sources
from spectrove.xray.response import PHOTON_INDEX
from spectrove.xray.vectors.energies import EnergyBins, bin_of

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

#: Columns of the truth that are learned as log10, not below the value given.
LOGARITHMS = {"nh": 1e-3, "kt": 1e-2, "kt_other": 1e-2, "fe_ew": 1e-2}

#: Smallest share of the photons of a bin of which a logarithm is taken.
LEAST_SHARE = 1e-4

#: Dex by which signal-to-noise and background of a source are scattered, beyond the scatter of the survey.
SCATTER = 0.2


@dataclass(frozen=True)
class Drawn:
    """Counts of one step.

    Attributes:
        counts, behind, exposed: As in `EnergyCounts`, (n, n_bins).
        unwanted: Background counts expected in truth, same shape.
    """

    counts: Singles
    behind: Singles
    exposed: Singles
    unwanted: Singles


@dataclass(frozen=True)
class Seen:
    """One instrument in the bins: photons of `GRID` to counts per second, area and background.

    Attributes:
        fold: (n_energies, n_bins), cm2.
        area: cm2, (n_bins,).
        background: Shape of the background, sum 1 in all bins, (n_bins,).
        flat: Counts of the standard power law as shares of those of their band of `BANDS`, (n_bins,).
        band: Band of each bin, (n_bins,).
    """

    fold: Singles
    area: Singles
    background: Singles
    flat: Singles
    band: NDArray[np.int64]

    @classmethod
    def of(cls, instrument: Instrument, bins: EnergyBins) -> Seen:
        """An instrument in these bins."""
        response = instrument.response
        usable = np.ones(response.n_channels, bool)
        inside = bin_of(response, usable, bins.edges)
        area = response.band_areas(bins.edges, usable)
        background = instrument.background @ inside
        power = 1 - PHOTON_INDEX
        counts = area * (bins.edges[:-1] ** power - bins.edges[1:] ** power)
        band = np.clip(np.searchsorted(BANDS, (bins.edges[1:] + bins.edges[:-1]) / 2, side="right") - 1, 0, 2)
        flat = counts / np.maximum(np.bincount(band, weights=counts, minlength=3), 1e-30)[band]
        return cls(
            (instrument.fold @ inside).astype(np.float32),
            area.astype(np.float32),
            (background / background.sum()).astype(np.float32),
            flat.astype(np.float32),
            band,
        )


class Bank:
    """Sources of a mock survey and the instruments that see them. No class is read.

    Attributes:
        sources: Photons and truth.
        values: Quantities of each source, (n, n_quantities), see `quantities_of`.
        shapes: Functions of the photon spectrum of each source, (n, n_shapes), see `shapes_of`.
    """

    def __init__(
        self,
        sources: Sources,
        instruments: Sequence[Instrument],
        recipe: MockRecipe,
        bins: EnergyBins,
        quantities: Sequence[str],
    ) -> None:
        self.sources, self.recipe, self.bins = sources, recipe.observation, bins
        self.seen = [Seen.of(one, bins) for one in instruments]
        self.values = quantities_of(sources.truth, quantities)
        self.shapes = shapes_of(sources.photons, bins)

    def __len__(self) -> int:
        return len(self.sources)

    def draw(self, rows: NDArray[np.int64], rng: np.random.Generator, catalogued: float = 0.0) -> Drawn:
        """Counts of sources, each seen by one of the instruments.

        Args:
            rows: Positions of the sources.
            rng: Of instruments, exposures, backgrounds and counts.
            catalogued: Share of the sources of which not the spectrum is given but counts after its fluxes in three
                bands, as for sources that are known from a catalog.
        """
        n, m = len(rows), self.bins.n_bins
        which = rng.integers(len(self.seen), size=n)
        rate, area, shape, flat = np.zeros((4, n, m), np.float32)
        for i in np.unique(which):
            at = np.flatnonzero(which == i)
            one = self.seen[i]
            rate[at] = self.sources.photons[rows[at]] @ one.fold
            area[at], shape[at], flat[at] = one.area, one.background, one.flat
        net = np.maximum(rate.sum(axis=1, dtype=float), 1e-12)
        level = 10 ** rng.normal(
            self.recipe.log_background[0], np.hypot(self.recipe.log_background[1], SCATTER), n
        )
        scale = 10 ** -rng.normal(*self.recipe.log_region, n)
        wanted = np.maximum(self.sources.sn[rows] * 10 ** rng.normal(0, SCATTER, n), self.recipe.min_sn) ** 2
        low, high = (10**limit for limit in self.recipe.log_exposure)
        exposure = np.clip(wanted * (net + level * (1 + scale)) / net**2, low, high)
        unwanted = (level * exposure)[:, None] * shape
        counts = rng.poisson(rate * exposure[:, None] + unwanted).astype(np.float32)
        behind = rng.poisson(unwanted / scale[:, None]) * scale[:, None]
        exposed = area * exposure[:, None]
        parts = counts, behind, exposed, unwanted
        listed = np.flatnonzero(rng.random(n) < catalogued)
        if len(listed):
            own = counts[listed], behind[listed], exposed[listed], unwanted[listed]
            seen = after_fluxes(own, scale[listed], flat[listed], self.seen[0].band)
            for whole, part in zip(parts, seen, strict=True):
                whole[listed] = part
        return Drawn(*(part.astype(np.float32) for part in parts))


def after_fluxes(
    parts: tuple[NDArray, NDArray, NDArray, NDArray], scale: Floats, flat: NDArray, band: NDArray[np.int64]
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Counts that have the fluxes and errors in three bands that these counts give, as a catalog lists them.

    Within a band they are those of the standard power law; there is no background; the exposure is such that the counts
    have the signal-to-noise of the three fluxes together.

    Args:
        parts: counts, behind, exposed and unwanted as in `Drawn`, (n, n_bins) each; so is what is given back.
        scale: As in `EnergyCounts`, (n,).
        flat: As in `Seen`, of the instrument of each source, (n, n_bins).
        band: As in `Seen`.
    """
    counts, behind, exposed, unwanted = parts
    in_band = band[:, None] == np.arange(3)
    both, off = counts @ in_band, behind @ in_band
    net = np.maximum(both - off, 0)
    error = np.sqrt(np.maximum(both + off * scale[:, None], 1))
    total = np.maximum(((net / error) ** 2).sum(axis=1), 1)
    factor = total / np.maximum(net.sum(axis=1), 1)
    expected = (net * factor[:, None])[:, band] * flat
    whole = np.diff(np.rint(np.cumsum(expected, axis=1)), axis=1, prepend=0)
    whole[whole.sum(axis=1) < 1, 0] = 1
    return whole, 0 * behind, exposed * factor[:, None], 0 * unwanted


def quantities_of(truth: Mapping[str, NDArray], names: Sequence[str]) -> Singles:
    """Columns of the truth of sources, those of `LOGARITHMS` as log10, (n, n_names); NaN where one does not apply."""
    columns = []
    for name in names:
        value = np.asarray(truth[name], float)
        columns.append(np.log10(np.maximum(value, LOGARITHMS[name])) if name in LOGARITHMS else value)
    return np.stack(columns, axis=1).astype(np.float32)


def shapes_of(photons: NDArray, bins: EnergyBins) -> Singles:
    """Functions of photon spectra before any telescope: the share of photons in pairs of bins, root and logarithm.

    Args:
        photons: In the bins of `GRID`, (n, n_energies).
        bins: Of the encoder, an even number.

    Returns:
        (n, n_bins).
    """
    edges = bins.edges[::2]
    low, high = np.maximum(GRID[:-1, None], edges[:-1]), np.minimum(GRID[1:, None], edges[1:])
    share = photons @ (np.clip(high - low, 0, None) / np.diff(GRID)[:, None]).astype(np.float32)
    share /= share.sum(axis=1, keepdims=True)
    return np.concatenate([np.sqrt(share), np.log10(share + LEAST_SHARE)], axis=1).astype(np.float32)
