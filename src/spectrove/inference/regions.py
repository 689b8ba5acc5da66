"""Wavelength regions: their names, and distances between spectra in them, corrected for noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import Refusal, SpectroveError, did_you_mean
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.lines import Line, folded, lines_named, short
from spectrove.preprocess import Prepared, PreprocessRecipe, prepare
from spectrove.spectra import SpectrumSet

#: Half width of the region of a line, rest angstrom.
HALF_WIDTH = 40.0
#: Least width of a region, rest angstrom: about six pixels.
NARROWEST = 15.0
#: The flux level around a region is measured over at least this range on either side, rest angstrom.
MARGIN = 100.0
#: Spacing of the pixels compared, dex: two SDSS pixels.
STEP = 2e-4
#: Least relative error of a pixel in its weight.
FLOOR = 0.03
#: Least fraction of the good pixels of a region that must be good in a neighbour too.
LEAST_SHARED = 0.5
#: Length of the shortlist of each query.
SHORTLIST = 200

#: Queries whose shortlists are read from the base together.
_TOGETHER = 64

#: Objects whose stretches are kept in memory for the next question: 2 kB each for one line.
MOST_KEPT = 20_000

#: Flags of a whole shortlist or of whole spectra, which do not apply to the neighbours in a region.
_OF_SHORTLISTS = frozenset({"few_neighbors", "neighbor_coverage"})


@dataclass(frozen=True)
class Region:
    """A wavelength range in the rest frame, vacuum angstrom, and its name."""

    low: float
    high: float
    name: str = ""

    def __str__(self) -> str:
        span = f"{self.low:.0f}-{self.high:.0f} A"
        return f"{self.name} ({span})" if self.name else span


def parse_region(text: str, lines: Sequence[Line]) -> Region:
    """A region from "6500:6800" (rest frame, vacuum angstrom) or the name of a line, such as [OIII].

    Case, spaces, brackets and dashes of a name do not matter. The region extends by `HALF_WIDTH` on either side of the
    line, or of the lines of that name within `lines.TOGETHER`.

    Args:
        lines: Lines that may be named.

    Raises:
        SpectroveError: It is neither, or low is not below high.
    """
    if ":" in text:
        return _parse_range(text)
    if not (found := lines_named(text, lines)):
        known = sorted({short(line) for line in lines})
        hint = did_you_mean(folded(text), known)
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


def check_regions(regions: Sequence[Region], recipe: PreprocessRecipe) -> None:
    """Refuse regions unless they lie in the wavelength range of a rest-frame encoder.

    For an encoder of the observed frame the range depends on the redshift and is checked for each spectrum.

    Raises:
        SpectroveError: A region is outside.
    """
    if recipe.frame != "rest":
        return
    for region in regions:
        if region.low < recipe.wave_min or region.high > recipe.wave_max:
            raise SpectroveError(
                f"region {region}: the encoder of the base covers {recipe.wave_min:.0f}-{recipe.wave_max:.0f} A "
                "in the rest frame and cannot find similar spectra by other wavelengths. Choose a region within that."
            )


@dataclass(frozen=True)
class Stretches:
    """Spectra in some regions, each scaled to a level of 1 around it; the pixels of all regions are concatenated.

    Attributes:
        object_id: Shape (n_spectra,).
        flux: In units of the level, 0 if not good, (n_spectra, n_pixels).
        variance: Of the flux, rescaled to the observed scatter; 0 if not good.
        good: Same shape.
        region: Region of each pixel, (n_pixels,).
    """

    object_id: NDArray[np.str_]
    flux: NDArray[np.float32]
    variance: NDArray[np.float32]
    good: NDArray[np.bool_]
    region: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.object_id)

    @classmethod
    def concatenate(cls, parts: Sequence[Stretches]) -> Stretches:
        """Spectra in the same regions as one; one part at least."""
        whole = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("object_id", "flux", "variance", "good")
        }
        return cls(**whole, region=parts[0].region)

    def take(self, index: NDArray) -> Stretches:
        """The chosen spectra, in the order of `index`."""
        index = np.asarray(index)
        return Stretches(
            self.object_id[index], self.flux[index], self.variance[index], self.good[index], self.region
        )

    def shared(self, other: Stretches, i: int) -> NDArray[np.float64]:
        """Fraction of the good pixels of spectrum i that are good in each other one, in the region with the least."""
        shares = []
        for r in np.unique(self.region):
            own = self.good[i] & (self.region == r)
            shares.append((other.good & own).sum(axis=1) / max(int(own.sum()), 1))
        return np.min(shares, axis=0)


def cut_out(
    spectra: SpectrumSet, regions: Sequence[Region], least: float = LEAST_SHARED
) -> tuple[Stretches, list[Refusal]]:
    """The regions of all spectra, and a sentence for each spectrum without a redshift or with too few good pixels.

    Each region is scaled by the median flux in and around it, as `prepare` scales whole spectra.

    Args:
        least: Fraction of the pixels of each region that must be good.
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


class KeptStretches:
    """The stretches of objects of a base in some regions, kept in memory: many spectra have the same neighbours.

    Args:
        regions: The regions.
        most: Objects that are kept; with more it begins anew.
    """

    def __init__(self, regions: tuple[Region, ...], most: int = MOST_KEPT) -> None:
        self._regions, self._most = regions, most
        self._known: dict[str, Stretches] = {}  # empty ones if they have no redshift

    def of(self, base: KnowledgeBase, object_id: NDArray[np.str_]) -> Stretches:
        """The stretches of these objects, in their order, without those that have no redshift or no good pixel."""
        names = object_id.tolist()
        if not names:
            return cut_out(base.spectra(object_id), self._regions, least=0.0)[0]
        known = self._known
        if missing := [name for name in names if name not in known]:
            cut, _ = cut_out(base.spectra(missing), self._regions, least=0.0)
            new = {name: cut.take(np.flatnonzero(cut.object_id == name)) for name in missing}
            known = known | new  # a new one: another thread may read the old one
            self._known = known if len(known) <= self._most else new
        return Stretches.concatenate([known[name] for name in names])


def _recipe(region: Region) -> PreprocessRecipe:
    """Recipe of the region with its surroundings."""
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
    """Variances rescaled to the scatter of pixels relative to those three pixels away on either side.

    Errors of surveys are off by tens of percent and resampling smooths; either would make noisy spectra appear alike
    or different.
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
    # The median of a squared normal variable is 0.455. Stellar features add scatter: variances are never increased.
    factor[enough] = np.clip(np.nanmedian(ratio[enough], axis=1) / 0.455, 0.4, 1.0)
    return variance * factor[:, None]


def region_distances(
    query: Stretches, i: int, others: Stretches
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared difference of each other spectrum from spectrum i, corrected for noise, and its error; (n_others,).

    d^2 = sum u (D^2 - v_q - v_n) / sum u over common good pixels, D the difference of fluxes, v the two variances. The
    weight u = 1 / (v_q + (FLOOR max(1, flux))^2) is the inverse variance of the query with a systematic floor. Neither
    the weight nor the expectation of d^2 depends on the noise of the other spectrum.

    Returns:
        d^2 in units of the continuum squared, which may be negative through noise, and its one-sigma error; NaN and
        infinite without common pixels.
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
    # The variance of (D + noise)^2 is 4 D^2 v + 2 v^2; and v itself is known to ten percent.
    of_square = np.maximum(4 * difference2 * noise - 2 * noise**2, 0)
    chance = (weight**2 * of_square).sum(axis=1) / total**2
    error = np.sqrt(chance + (0.1 * expected) ** 2)
    return np.where(known, square, np.nan), np.where(known, error, np.inf)


def ranked(square: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances to sort by, (n_others,): each is shrunk towards the median according to its error.

    Otherwise the noisiest spectra would be first and last by chance. A spectrum without information is placed at the
    median; precise ones are unchanged. NaN remains NaN.

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


def rank_in_regions(
    base: KnowledgeBase, cut: Stretches, shortlist: Neighbors, regions: Sequence[Region], k: int
) -> tuple[Neighbors, NDArray[np.float64]]:
    """The k most similar spectra of each shortlist in the regions, and their distances there, (n_queries, k).

    Args:
        cut: The queries in the regions, in the order of the shortlist.
        shortlist: Their neighbours in the embedding.
    """
    order = np.full((len(shortlist), k), shortlist.k - 1)  # an empty position if there are fewer than k
    distance = np.full((len(shortlist), k), np.inf)
    flags = []
    for i, (squares, shared) in enumerate(_differences(base, cut, shortlist, regions)):
        far = shared < LEAST_SHARED
        best = np.lexsort((shortlist.distance[i, : len(far)], np.where(far, np.inf, squares), far))[:k]
        order[i, : len(best)] = best
        distance[i, : len(best)] = np.where(far[best], np.inf, np.sqrt(np.maximum(squares[best], 0)))
        own = [f for f in shortlist.flags[i] if f not in _OF_SHORTLISTS]
        own += ["few_neighbors"] if len(best) < k else []
        flags.append((*own, *(["region_coverage"] if far[best].any() else [])))
    rows = [[row[j] for j in order[i, : min(k, len(row))]] for i, row in enumerate(shortlist.rows)]
    ids = np.take_along_axis(shortlist.object_id, order, axis=1)
    near = np.take_along_axis(shortlist.distance, order, axis=1)
    return replace(shortlist, object_id=ids, distance=near, rows=rows, flags=tuple(flags)), distance


def _differences(
    base: KnowledgeBase, cut: Stretches, shortlist: Neighbors, regions: Sequence[Region]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For each query, in the order of its shortlist: squared distances, and fractions of the regions in common."""
    kept = base.remember(("stretches", tuple(regions)), lambda: KeptStretches(tuple(regions)))
    for start in range(0, len(shortlist), _TOGETHER):
        block = shortlist.object_id[start : start + _TOGETHER]
        near = kept.of(base, np.unique(block[block != ""]))
        for i, listed in enumerate(block, start):
            names = listed[listed != ""]
            squares, shared = np.full(len(names), np.nan), np.zeros(len(names))
            here = np.isin(names, near.object_id)
            # The spectra of the base are returned in the order requested, that of `unique`.
            others = near.take(np.searchsorted(near.object_id, names[here]))
            square, error = region_distances(cut, i, others)
            shared[here] = cut.shared(others, i)
            comparable = shared[here] >= LEAST_SHARED
            square[comparable] = ranked(square[comparable], error[comparable])
            squares[here] = square
            yield squares, shared
