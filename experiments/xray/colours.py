"""Fluxes, colours and signal-to-noise of sources as MUWCLASS lists them, and of mock sources measured alike."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.mock import Instrument, Seen
from spectrove.xray.mock.instruments import BANDS
from spectrove.xray.models.flux import ERG

Floats = NDArray[np.float64]

#: What is compared: hardness ratios of energy fluxes, log10 of flux and of signal-to-noise.
NAMES = ("hr_hs", "hr_hm", "hr_ms", "log_flux", "log_sn")

#: Counts that a band without any is given: MUWCLASS lists no flux of zero.
LEAST = 0.15


def of_muwclass(folder: Path) -> tuple[NDArray[np.str_], Floats]:
    """Classes, and `NAMES` of each source, (n_sources, 5)."""
    with open(folder / "muwclass.csv") as file:
        rows = list(csv.DictReader(file))
    soft, medium, hard, broad, sn = (
        np.array([float(row[name]) for row in rows]) for name in ("Fs", "Fm", "Fh", "Fb", "CSCv2_S/N")
    )
    return np.array([row["True_Class"] for row in rows]), features(soft, medium, hard, broad, sn)


def of_mock(seen: Iterator[Seen], n: int) -> Floats:
    """`NAMES` of n mock sources, measured from their counts, (n, 5).

    A count stands for its energy over the effective area at that energy, as in the apertures of the Chandra Source
    Catalog; counts of the background are subtracted.
    """
    out = np.full((n, len(NAMES)), np.nan)
    for one in seen:
        out[one.index] = _measured(one)
    return out


def _measured(seen: Seen) -> Floats:
    per_count, inside = energy_per_count(seen.instrument)
    net = seen.counts - seen.scale[:, None] * seen.background
    fluxes = []
    for band in inside:
        value = (net[:, band] @ per_count[band]) / seen.exposure
        fluxes.append(np.maximum(value, LEAST * np.median(per_count[band]) / seen.exposure))
    broad = seen.instrument.broad
    counts, behind = seen.counts[:, broad].sum(axis=1), seen.background[:, broad].sum(axis=1)
    error = np.sqrt(np.maximum(counts + seen.scale**2 * behind, 1))
    soft, medium, hard = fluxes
    sn = np.maximum(counts - seen.scale * behind, 0.5) / error
    return features(soft, medium, hard, soft + medium + hard, sn)


def energy_per_count(instrument: Instrument) -> tuple[Floats, NDArray[np.bool_]]:
    """Energy over effective area of each channel, erg / cm2, (n_channels,), and the channels of each band."""
    response = instrument.response
    energy = (response.e_min.astype(float) + response.e_max) / 2
    middle = (response.energy[1:].astype(float) + response.energy[:-1]) / 2
    per_count = energy / np.maximum(np.interp(energy, middle, response.area), 1e-3) * ERG
    return per_count, np.array([(energy >= low) & (energy < high) for low, high in pairwise(BANDS)])


def features(soft: Floats, medium: Floats, hard: Floats, broad: Floats, sn: Floats) -> Floats:
    """`NAMES` from energy fluxes and signal-to-noise, (n_sources, 5)."""
    ratios = [(a - b) / (a + b) for a, b in ((hard, soft), (hard, medium), (medium, soft))]
    return np.column_stack([*ratios, np.log10(broad), np.log10(sn)])
