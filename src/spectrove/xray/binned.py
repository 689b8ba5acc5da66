"""Counts in energy bins, corrected for background, area and exposure: what the encoders of X-ray spectra are shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.errors import Refusal
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.xray.counts import Counts, CountSet, is_piled_up
from spectrove.xray.hardness import flux_posterior, hardness_ratio
from spectrove.xray.response import Response, in_bands

Floats = NDArray[np.float64]

#: Chandra's usual bands soft, medium and hard, keV.
BANDS = np.array([0.5, 1.2, 2.0, 7.0])

#: The hardness ratios (A - B) / (A + B), as positions in `BANDS`: hard and soft, medium and soft.
RATIOS = ((2, 0), (1, 0))

#: With fewer counts between the lowest and the highest energy a spectrum is flagged.
FEW_COUNTS = 20

#: Raised whenever equal spectra and settings give other numbers.
VERSION = 1


class HardnessRecipe(BaseModel):
    """The table [hardness_pca] of an encoder recipe.

    Attributes:
        low, high: Range of the energy bins, keV.
        n_bins: Bins, of equal width in log energy.
        n_components: Principal components of the binned spectra.
        whitening: Power by which components after the first are brought to the first one's scatter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float = Field(0.5, gt=0)
    high: float = Field(7.0, gt=0)
    n_bins: int = Field(12, ge=2)
    n_components: int = Field(5, ge=1)
    whitening: float = Field(0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> HardnessRecipe:
        if self.high <= self.low:
            raise ValueError(f"high ({self.high}) must be greater than low ({self.low})")
        if self.n_components >= self.n_bins:
            raise ValueError(f"n_components ({self.n_components}) must be less than n_bins ({self.n_bins})")
        return self

    @property
    def edges(self) -> Floats:
        """Edges of the bins, keV, (n_bins + 1,)."""
        return np.geomspace(self.low, self.high, self.n_bins + 1)

    @property
    def preparation(self) -> str:
        """Equal for settings that bin alike; 16 hexadecimal digits."""
        text = canonical_json([self.low, self.high, self.n_bins, BANDS.tolist(), RATIOS, VERSION])
        return hash_arrays({"recipe": np.frombuffer(text.encode(), dtype=np.uint8)})[:16]


@dataclass(frozen=True)
class Binned:
    """N spectra in energy bins; the shape of each counts, its brightness is divided out.

    Attributes:
        object_id: Ids, (n_spectra,).
        ratios: Posterior means of the hardness ratios `RATIOS`, from -1 to 1, (n_spectra, 2).
        root: Square root of each bin's share of all photons, so that Poisson noise is equally large at all levels;
            0 where not observed, (n_spectra, n_bins).
        weight: Inverse variance of `root`, 0 where not observed, (n_spectra, n_bins).
        coverage: First and last energy of the bins observed, keV, (n_spectra, 2).
        flags: Names of flags of each spectrum.
        fingerprint: Of the settings.
    """

    object_id: NDArray[np.str_]
    ratios: Floats
    root: Floats
    weight: Floats
    coverage: Floats
    flags: tuple[tuple[str, ...], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray) -> Binned:
        """Spectra at these positions, or where a mask is true."""
        index = np.flatnonzero(index) if np.asarray(index).dtype == bool else np.asarray(index)
        rows = {n: getattr(self, n)[index] for n in ("object_id", "ratios", "root", "weight", "coverage")}
        return replace(self, **rows, flags=tuple(self.flags[i] for i in index))


@dataclass(frozen=True)
class _Areas:
    """Effective areas of one response with the same good channels, cm2."""

    response: Response
    good: NDArray[np.bool_]
    edges: Floats

    @cached_property
    def bins(self) -> Floats:
        return self.response.band_areas(self.edges, self.good)

    @cached_property
    def bands(self) -> Floats:
        return self.response.band_areas(BANDS, self.good)


def bin_counts(spectra: CountSet, recipe: HardnessRecipe) -> tuple[Binned, list[Refusal]]:
    """All spectra with counts in the recipe's range, binned, and a sentence for each other one."""
    kept, rows, refusals = [], [], []
    areas: dict[tuple[int, bytes], _Areas] = {}
    for i, spectrum in enumerate(spectra):
        key = int(spectra.response_of[i]), spectrum.good.tobytes()
        area = areas.setdefault(key, _Areas(spectrum.response, spectrum.good, recipe.edges))
        if problem := _problem(spectrum, area):
            refusals.append(Refusal(spectrum.object_id, problem))
        else:
            kept.append(i)
            rows.append(_row(spectrum, area))
    columns = [np.array([row[j] for row in rows], float) for j in range(4)]
    shapes = ((0, len(RATIOS)), (0, recipe.n_bins), (0, recipe.n_bins), (0, 2))
    ratios, root, weight, coverage = (
        c if len(c) else np.zeros(s) for c, s in zip(columns, shapes, strict=True)
    )
    flags = tuple(row[4] for row in rows)
    return Binned(
        spectra.object_id[kept], ratios, root, weight, coverage, flags, recipe.preparation
    ), refusals


def _problem(spectrum: Counts, area: _Areas) -> str:
    """Why a spectrum cannot be binned, or ""."""
    low, high = area.edges[[0, -1]]
    name = spectrum.object_id
    if (area.bands <= 0).any() or not (area.bins > 0).any():
        reach = float(spectrum.response.energy[0]), float(spectrum.response.energy[-1])
        return (
            f"{name}: effective area {np.round(area.bands, 2).tolist()} cm2 in the bands from {BANDS.tolist()} "
            f"keV, expected more than 0 (the response reaches from {reach[0]:g} to {reach[1]:g} keV). "
            "Use a spectrum of a CCD."
        )
    found = in_bands(spectrum.response, spectrum.counts * spectrum.good, area.edges).sum()
    behind = (
        spectrum.background_scale
        * in_bands(spectrum.response, spectrum.background * spectrum.good, area.edges).sum()
    )
    if found > behind:
        return ""
    return (
        f"{name}: {found:.0f} counts from {low:g} to {high:g} keV, of which the background is {behind:.1f}; "
        "expected more than the background. Leave it out, or extract a larger region."
    )


def _row(spectrum: Counts, area: _Areas) -> tuple[list[float], Floats, Floats, Floats, tuple[str, ...]]:
    """Ratios, root, weight, coverage and flags of one spectrum."""
    counts = in_bands(spectrum.response, spectrum.counts * spectrum.good, area.edges)
    behind = in_bands(spectrum.response, spectrum.background * spectrum.good, area.edges)
    seen = area.bins > 0
    photons = np.divide(
        np.maximum(counts - spectrum.background_scale * behind, 0), area.bins, out=np.zeros_like(counts), where=seen
    )  # fmt: skip
    total = photons.sum()
    # The variance of the square root of a Poisson number is 1/4 at every level.
    weight = 4 * total * np.where(seen, area.bins, 0)
    edges = np.flatnonzero(seen)[[0, -1]] + [0, 1]
    few = ["few_counts"] if counts.sum() < FEW_COUNTS else []
    net = float((counts - spectrum.background_scale * behind).sum())
    piled = ["pile_up"] if is_piled_up(net, spectrum.exposure, spectrum.row.get("survey")) else []
    root = np.sqrt(photons / total) if total > 0 else photons
    return _ratios(spectrum, area), root, weight, area.edges[edges], (*few, *piled)


def _ratios(spectrum: Counts, area: _Areas) -> list[float]:
    counts = in_bands(spectrum.response, spectrum.counts * spectrum.good, BANDS)
    behind = in_bands(spectrum.response, spectrum.background * spectrum.good, BANDS)
    flux = [
        flux_posterior(int(n), int(b), spectrum.background_scale, float(a))
        for n, b, a in zip(counts, behind, area.bands, strict=True)
    ]
    return [hardness_ratio(flux[first], flux[second]) for first, second in RATIOS]
