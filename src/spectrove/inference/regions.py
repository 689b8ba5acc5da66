"""Wavelength regions: how they are named, and how alike two spectra are in them, noise set aside."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal, SpectroveError, did_you_mean
from spectrove.lines import LINES, Line
from spectrove.preprocess import Prepared, PreprocessRecipe, prepare
from spectrove.spectra import SpectrumSet

#: A line's name stands for this much on either side of it, rest angstrom.
HALF_WIDTH = 40.0
#: Lines of one ion that are nearer than this to each other belong to one name: [O III] 4959 and 5007.
TOGETHER = 100.0
#: A region is wider than this, rest angstrom: some six pixels.
NARROWEST = 15.0
#: The level of a spectrum around a region is taken over at least this much on either side, rest angstrom.
MARGIN = 100.0
#: Spacing of the pixels that are compared, dex: two of SDSS's.
STEP = 2e-4
#: No pixel is weighed as if it were known better than this share of its flux.
FLOOR = 0.03
#: Least share of a region's good pixels that a neighbour must share.
LEAST_SHARED = 0.5

_GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "λ": ""}
_PAIRS = {"cahk": ("cak", "cah"), "caiihk": ("cak", "cah")}


@dataclass(frozen=True)
class Region:
    """A stretch of the rest frame, vacuum angstrom, and what it was called."""

    low: float
    high: float
    name: str = ""

    def __str__(self) -> str:
        span = f"{self.low:.0f}-{self.high:.0f} A"
        return f"{self.name} ({span})" if self.name else span


def parse_region(text: str) -> Region:
    """A region from "6500:6800" (rest frame, vacuum angstrom) or the name of a line, such as Halpha or [OIII].

    Case, spaces, brackets and dashes of a name do not matter. It stands for `HALF_WIDTH` on either side of the line, or
    of the lines of that name within `TOGETHER`.

    Raises:
        SpectroveError: It is neither, or no range from low to high.
    """
    if ":" in text:
        return _parse_range(text)
    name = _folded(text)
    if not (found := _lines_named(name)):
        known = sorted({_short(line) for line in LINES})
        hint = did_you_mean(name, known)
        raise SpectroveError(
            f"region {text!r}: no line of that name{hint}{'' if hint.endswith('?') else '.'} "
            "Name a line, or give a range of the rest frame, vacuum angstrom: 6500:6800."
        )
    places = [line.wavelength for line in found]
    return Region(min(places) - HALF_WIDTH, max(places) + HALF_WIDTH, text.strip())


def _parse_range(text: str) -> Region:
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise SpectroveError(
            f"region {text!r}: expected LOW:HIGH in angstrom of the rest frame, such as 6500:6800, or a line's name."
        ) from None
    if not (0 < low < high < np.inf and high - low > NARROWEST):
        raise SpectroveError(
            f"region {text!r}: from {low:g} to {high:g} A; expected a positive range, low before high, wider than "
            f"{NARROWEST:g} A. Correct it."
        )
    return Region(low, high)


def _lines_named(name: str) -> list[Line]:
    if name in _PAIRS:
        return [line for line in LINES if line.key in _PAIRS[name]]
    if exact := [line for line in LINES if _folded(line.name) == name]:
        return exact
    named = [line for line in LINES if name in (_folded(line.key), _short(line))]
    if not named:
        return []
    # A key names the strongest line of its ion: "oiii" is 5007, and 4363 is far from it.
    first = next((line for line in named if _folded(line.key) == name), named[0])
    ion = [line for line in LINES if _short(line) == _short(first)]
    return [line for line in ion if abs(line.wavelength - first.wavelength) < TOGETHER]


def _folded(text: str) -> str:
    for letter, word in _GREEK.items():
        text = text.replace(letter, word)
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _short(line: Line) -> str:
    """The name without its wavelength: "oiii", "halpha"."""
    return re.sub(r"\d+$", "", _folded(line.name))


def check_regions(regions: Sequence[Region], recipe: PreprocessRecipe) -> None:
    """Nothing, if the regions lie in what an encoder of the rest frame sees.

    In the observed frame, where that depends on the redshift, each spectrum decides.

    Raises:
        SpectroveError: One does not.
    """
    if recipe.frame != "rest":
        return
    for region in regions:
        if region.low < recipe.wave_min or region.high > recipe.wave_max:
            raise SpectroveError(
                f"region {region}: the base's encoder sees {recipe.wave_min:.0f}-{recipe.wave_max:.0f} A of the rest "
                "frame, and what it cannot see it cannot shortlist. Choose a region within that."
            )


@dataclass(frozen=True)
class Stretches:
    """Spectra in some regions, at a level of 1 around each; pixels of all regions side by side.

    Attributes:
        object_id: Shape (n_spectra,).
        flux: In units of the level, 0 where not good, (n_spectra, n_pixels).
        variance: Of it, as the spectrum's own scatter bears it out; 0 where not good.
        good: Same shape.
        region: Which region a pixel belongs to, (n_pixels,).
    """

    object_id: NDArray[np.str_]
    flux: NDArray[np.float32]
    variance: NDArray[np.float32]
    good: NDArray[np.bool_]
    region: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray) -> Stretches:
        """The chosen spectra, in the order asked for."""
        index = np.asarray(index)
        return Stretches(
            self.object_id[index], self.flux[index], self.variance[index], self.good[index], self.region
        )

    def shared(self, other: Stretches, i: int) -> NDArray[np.float64]:
        """Of spectrum i's good pixels, the share that each of the others has, in the region with the least."""
        shares = []
        for r in np.unique(self.region):
            own = self.good[i] & (self.region == r)
            shares.append((other.good & own).sum(axis=1) / max(int(own.sum()), 1))
        return np.min(shares, axis=0)


def cut_out(
    spectra: SpectrumSet, regions: Sequence[Region], least: float = LEAST_SHARED
) -> tuple[Stretches, list[Refusal]]:
    """The regions of all spectra, and a sentence for each that lacks a redshift, or good pixels in one of them.

    Each region is scaled by the median flux in and around it, as `prepare` scales whole spectra.

    Args:
        least: Share of each region's pixels that must be good.
    """
    around = [prepare(spectra, _recipe(region)) for region in regions]
    refusals: dict[str, Refusal] = {}
    parts = []
    for region, (part, refused) in zip(regions, around, strict=True):
        for r in refused:
            nowhere = np.isfinite(spectra.z[spectra.object_id == r.name][0])
            said = Refusal(r.name, _uncovered(r.name, region, 0.0, least)) if nowhere else r
            refusals.setdefault(r.name, said)
        inside = (part.wavelength >= region.low) & (part.wavelength <= region.high)
        shares = part.valid[:, inside].mean(axis=1)
        for name, share in zip(part.object_id[shares < least].tolist(), shares[shares < least], strict=True):
            refusals.setdefault(name, Refusal(name, _uncovered(name, region, float(share), least)))
        variance = np.where(part.valid, _variance(part), 0).astype(np.float32)
        parts.append((part.object_id, part.flux[:, inside], variance[:, inside], part.valid[:, inside]))
    names = spectra.object_id[~np.isin(spectra.object_id, list(refusals))]
    rows = [np.flatnonzero(np.isin(part[0], names)) for part in parts]
    flux, variance, good = (
        np.concatenate([part[j][row] for part, row in zip(parts, rows, strict=True)], axis=1)
        for j in (1, 2, 3)
    )
    region_of = np.repeat(np.arange(len(parts)), [part[1].shape[1] for part in parts])
    return Stretches(names, flux, variance, good, region_of), list(refusals.values())


def _recipe(region: Region) -> PreprocessRecipe:
    """The region with what lies around it."""
    margin = max(MARGIN, region.high - region.low)
    low, high = max(region.low - margin, 0.5 * region.low), region.high + margin
    return PreprocessRecipe(
        wave_min=low, wave_max=high, n_pixels=max(8, round(np.log10(high / low) / STEP) + 1),
        scale="median", scale_window=(low, high), clip=(-50.0, 1000.0), systematic=0.0, min_coverage=0.0,
    )  # fmt: skip


def _uncovered(name: str, region: Region, share: float, least: float) -> str:
    return (
        f"{name}: good pixels cover {share:.0%} of region {region} in the rest frame (expected >= {least:.0%}). "
        "Choose a region that was observed, or check the redshift."
    )


def _variance(around: Prepared) -> NDArray[np.floating]:
    """Variances as the scatter of pixels against those three to either side bears them out.

    What a survey says of its noise is off by tens of percent, resampling smooths, and every percent would be taken for
    likeness, or for difference, of noisy spectra.
    """
    variance = 1 / np.where(around.valid, around.ivar, 1)
    if variance.shape[1] < 12:
        return variance
    left, right = slice(None, -6), slice(6, None)
    change = around.flux[:, 3:-3] - (around.flux[:, left] + around.flux[:, right]) / 2
    expected = variance[:, 3:-3] + (variance[:, left] + variance[:, right]) / 4
    known = around.valid[:, 3:-3] & around.valid[:, left] & around.valid[:, right]
    ratio = np.where(known, change**2 / expected, np.nan)
    factor = np.ones(len(ratio))
    enough = known.sum(axis=1) >= 20
    # The median of a squared normal variable is 0.455. Stars' own structure is no noise: never more than is said.
    factor[enough] = np.clip(np.nanmedian(ratio[enough], axis=1) / 0.455, 0.4, 1.0)
    return variance * factor[:, None]


def region_distances(
    query: Stretches, i: int, others: Stretches
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far each of the others is from spectrum i: squared difference beyond noise, and its error; (n_others,).

    d^2 = sum u (D^2 - v_q - v_n) / sum u over shared good pixels, D the difference of fluxes, v the two variances. The
    weight u = 1 / (v_q + (FLOOR max(1, flux))^2) is the query's inverse variance with a systematic floor. Neither it
    nor the expectation of d^2 depends on how noisy the other is, so noise makes nobody near or far.

    Returns:
        d^2 in units of the continuum squared, which noise can make negative, and its one-sigma error; NaN and infinite
        where nothing is shared.
    """
    own, seen = query.flux[i].astype(float), others.good & query.good[i]
    noise = query.variance[i] + others.variance.astype(float)
    weight = np.where(seen, 1 / (query.variance[i] + (FLOOR * np.maximum(1, np.abs(own))) ** 2), 0)
    total = weight.sum(axis=1)
    known = total > 0
    total = np.where(known, total, 1)
    difference2 = (others.flux - own) ** 2
    square = (weight * (difference2 - noise)).sum(axis=1) / total
    expected = (weight * noise).sum(axis=1) / total
    # The variance of the square of something plus noise is 4 D^2 v + 2 v^2; and v itself is known to ten percent.
    of_square = np.maximum(4 * difference2 * noise - 2 * noise**2, 0)
    chance = (weight**2 * of_square).sum(axis=1) / total**2
    error = np.sqrt(chance + (0.1 * expected) ** 2)
    return np.where(known, square, np.nan), np.where(known, error, np.inf)


def ranked(square: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances to sort by, (n_others,): squared, each drawn to the middle of all as far as noise hides it.

    Among many, the noisiest would otherwise be first and last by luck alone. One that says nothing stands in the
    middle; of spectra with little noise none moves. NaN stays NaN.

    Source:
        Efron & Morris (1973), JASA 68, 117: empirical Bayes estimate of many normal means, with median and
        median absolute deviation for mean and spread.
    """
    known = np.isfinite(square)
    if not known.any():
        return square
    middle = float(np.median(square[known]))
    spread = 1.4826 * float(np.median(np.abs(square[known] - middle)))
    real = max(spread**2 - float(np.median(error[known] ** 2)), (0.1 * spread) ** 2, 1e-12)
    return (square * real + middle * error**2) / (real + np.where(known, error**2, 0))
