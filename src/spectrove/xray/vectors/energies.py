"""Counts, background and exposed area in energy bins: what the encoders of this room are shown, nothing divided out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.errors import Refusal
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.xray.binned import FEW_COUNTS
from spectrove.xray.counts import BAD_QUALITY, CountSet, is_piled_up
from spectrove.xray.response import Response

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

#: Raised whenever equal spectra and settings give other numbers.
VERSION = 1


class EnergyBins(BaseModel):
    """Energy bins of a recipe.

    Attributes:
        low, high: Range of the bins, keV.
        n_bins: How many.
        spacing: Equal widths in energy ("linear"), or in its square root ("root"), which follows the resolution of a
            CCD: about 60 eV wide at .5 keV and 200 eV at 6.4.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(0.5, gt=0)
    high: float = Field(7.0, gt=0)
    n_bins: int = Field(48, ge=2)
    spacing: Literal["linear", "root"] = "root"

    @model_validator(mode="after")
    def _ordered(self) -> EnergyBins:
        if self.high <= self.low:
            raise ValueError(f"high ({self.high}) must be greater than low ({self.low})")
        return self

    @cached_property
    def edges(self) -> Floats:
        """Edges of the bins, keV, (n_bins + 1,)."""
        if self.spacing == "linear":
            return np.linspace(self.low, self.high, self.n_bins + 1)
        return np.linspace(self.low**0.5, self.high**0.5, self.n_bins + 1) ** 2

    @cached_property
    def preparation(self) -> str:
        """Equal for settings that bin alike; 16 hexadecimal digits."""
        text = canonical_json([self.low, self.high, self.n_bins, self.spacing, VERSION])
        return hash_arrays({"energies": np.frombuffer(text.encode(), dtype=np.uint8)})[:16]


@dataclass(frozen=True)
class EnergyCounts:
    """N spectra in energy bins.

    Attributes:
        object_id: Ids, (n_spectra,).
        counts: Counts of source and background in the good channels of each bin, (n_spectra, n_bins).
        behind: Counts of the background that are expected among them, same shape.
        scale: Background expected per count of the background region, (n_spectra,); 0 without one.
        exposed: Effective area times exposure, cm2 s, (n_spectra, n_bins); 0 where nothing is observed.
        exposure: Seconds, (n_spectra,).
        coverage: First and last energy of the bins observed, keV, (n_spectra, 2).
        flags: Names of flags of each spectrum.
        fingerprint: Of the settings.
    """

    object_id: NDArray[np.str_]
    counts: Singles
    behind: Singles
    scale: Singles
    exposed: Singles
    exposure: Singles
    coverage: Floats
    flags: tuple[tuple[str, ...], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray) -> EnergyCounts:
        """Spectra at these positions, or where a mask is true."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index, np.int64)
        names = ("object_id", "counts", "behind", "scale", "exposed", "exposure", "coverage")
        rows = {name: getattr(self, name)[index] for name in names}
        return replace(self, **rows, flags=tuple(self.flags[i] for i in index))


def energy_counts(spectra: CountSet, bins: EnergyBins) -> tuple[EnergyCounts, list[Refusal]]:
    """All spectra with more counts than background in the range of the bins, and a sentence for each other one."""
    n, m = len(spectra), bins.n_bins
    counts, behind, area = np.zeros((n, m)), np.zeros((n, m)), np.zeros((n, m))
    good = ~np.isin(spectra.quality, BAD_QUALITY)
    for response, usable, rows in _alike(spectra, good):
        inside = bin_of(response, usable, bins.edges)
        channels = spectra.offsets[rows][:, None] + np.arange(response.n_channels)
        counts[rows] = spectra.counts[channels] @ inside
        behind[rows] = spectra.background[channels] @ inside
        area[rows] = response.band_areas(bins.edges, usable)
    behind *= spectra.background_scale[:, None]
    total, unwanted = counts.sum(axis=1), behind.sum(axis=1)
    seen = area > 0
    kept = (total > unwanted) & seen.any(axis=1)
    refusals = [
        Refusal(name, _problem(name, total[i], unwanted[i], bool(seen[i].any()), bins))
        for i, name in enumerate(spectra.object_id.tolist())
        if not kept[i]
    ]
    ends = np.stack([seen.argmax(axis=1), m - seen[:, ::-1].argmax(axis=1)], axis=1)
    whole = EnergyCounts(
        spectra.object_id,
        counts.astype(np.float32),
        behind.astype(np.float32),
        spectra.background_scale.astype(np.float32),
        (area * spectra.exposure[:, None]).astype(np.float32),
        spectra.exposure.astype(np.float32),
        bins.edges[ends],
        _flags(spectra, total, total - unwanted),
        bins.preparation,
    )
    return whole.take(np.flatnonzero(kept)), refusals


def _flags(spectra: CountSet, total: Floats, net: Floats) -> tuple[tuple[str, ...], ...]:
    """Flags of each spectrum: too few counts, or more than its frames can hold apart."""
    rows = spectra.rows
    survey = rows.column("survey").to_pylist() if "survey" in rows.column_names else [None] * len(spectra)
    return tuple(
        (
            *(["few_counts"] if total[i] < FEW_COUNTS else []),
            *(["pile_up"] if is_piled_up(net[i], spectra.exposure[i], survey[i]) else []),
        )
        for i in range(len(spectra))
    )


def _alike(
    spectra: CountSet, good: NDArray[np.bool_]
) -> Iterator[tuple[Response, NDArray[np.bool_], NDArray[np.int64]]]:
    """Response, usable channels and positions of the spectra that share both."""
    groups: dict[tuple[int, bytes], list[int]] = {}
    starts, which = spectra.offsets.tolist(), spectra.response_of.tolist()
    for i in range(len(spectra)):
        groups.setdefault((which[i], good[starts[i] : starts[i + 1]].tobytes()), []).append(i)
    for (place, mask), rows in groups.items():
        yield spectra.responses[place], np.frombuffer(mask, bool), np.array(rows)


def bin_of(response: Response, usable: NDArray[np.bool_], edges: Floats) -> Floats:
    """1 where a channel's middle lies in a bin and the channel is usable, (n_channels, n_bins)."""
    middle = (response.e_min.astype(float) + response.e_max) / 2
    place = np.searchsorted(edges, middle, side="right") - 1
    return ((place[:, None] == np.arange(len(edges) - 1)) & usable[:, None]).astype(float)


def _problem(name: str, total: float, unwanted: float, seen: bool, bins: EnergyBins) -> str:
    if not seen:
        return (
            f"{name}: no effective area from {bins.low:g} to {bins.high:g} keV, expected more than 0. Use a spectrum "
            "of a CCD, or its whole response."
        )
    return (
        f"{name}: {total:.0f} counts from {bins.low:g} to {bins.high:g} keV, of which the background is "
        f"{unwanted:.1f}; expected more than the background. Leave it out, or extract a larger region."
    )
