"""Which wavelengths a distance comes from: integrated gradients, and regions replaced one after the other.

The two ask differently. Gradients follow a spectrum on its way to its neighbour and share out the distance over
pixels; a replaced region shows how much nearer the spectrum would be with the neighbour's light there and its own
everywhere else. Where several regions say the same to an encoder, replacing one of them changes little. So the two
agree in what they rank first more than in numbers, and the rank correlation says how far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.explanation.bands import Band, bands
from spectrove.explanation.space import Coordinates, Prepareds, replaced
from spectrove.plain import plain
from spectrove.spectra import SpectrumSet

#: Points of the quadrature along the way from neighbour to query; 32 leave less than a thousandth of the distance.
STEPS = 32
#: Gradients are taken from this many spectra at a time.
_BATCH = 64
#: Shorter stretches that one of the two lacks are not named, rest angstrom.
NARROWEST = 20.0
#: A region is compared where its part of the distance is at least this by one of the two.
_COUNTS = 1e-6


@dataclass(frozen=True)
class RegionShare:
    """One region's part in a distance.

    Attributes:
        band: Its name and ends, rest angstrom.
        gradient: Sum of the pixels' attributions over the distance; negative where the query's light there brings
            it nearer. NaN where no view can be differentiated.
        occlusion: By how much the distance falls, over the distance, with the neighbour's pixels there.
        without: The distance then.
    """

    band: Band
    gradient: float
    occlusion: float
    without: float

    @property
    def mean(self) -> float:
        """The mean of the two shares; of the known one if there are no gradients."""
        return (self.gradient + self.occlusion) / 2 if np.isfinite(self.gradient) else self.occlusion

    @property
    def opposed(self) -> bool:
        """Whether one of the two has the region set the spectra apart and the other bring them nearer."""
        return self.gradient * self.occlusion < 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.band.name, "low": self.band.low, "high": self.band.high,
            "gradient": plain(self.gradient), "occlusion": plain(self.occlusion), "without": plain(self.without),
        }  # fmt: skip


@dataclass(frozen=True)
class Saliency:
    """The contributions to the distance between the query and one object, by wavelength.

    Attributes:
        object_id: The object.
        distance: Euclidean, in the space that was searched, the metric included.
        regions: Along the spectrum; together they cover it.
        errors: The part of the distance, in its unit, due to different pixel errors, not to flux. Encoders take the
            errors as input, so spectra of one object with different exposure times have different embeddings.
        rest: The distance that remains when flux and errors are replaced by the object's wherever both were observed:
            due to gaps, and to views without gradients. Attributions and rest add up to the distance.
        elsewhere: The part of `rest` due to views without gradients; the remainder is due to gaps.
        unseen: Ranges that only one of the two covers, widest first: both ends, rest angstrom, and whether the query
            covers it.
        correlation: Spearman's rank correlation of the regions' two shares; NaN if there are too few to compare.
        wavelength: Rest angstrom, (n_pixels,), of the first view that can be differentiated; empty if none can.
        attribution: Part of the distance for each of its pixels, in the unit of the distance, (n_pixels,).
    """

    object_id: str
    distance: float
    regions: tuple[RegionShare, ...]
    errors: float
    rest: float
    correlation: float
    wavelength: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    attribution: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    elsewhere: float = 0.0
    unseen: tuple[tuple[float, float, bool], ...] = ()

    @property
    def gaps(self) -> float:
        """The part of the distance that pixels observed in one of the two only make, in its unit."""
        return self.rest - self.elsewhere

    def ranked(self) -> list[RegionShare]:
        """Regions by how much nearer the query would be with the object's pixels there, largest first."""
        return sorted(self.regions, key=lambda r: -r.occlusion)

    def leading(self) -> list[RegionShare]:
        """Regions by the mean of their two shares, largest first."""
        return sorted(self.regions, key=lambda r: -r.mean)

    @property
    def unexplained(self) -> float:
        """Distance less rest and attributions: what the quadrature got wrong; NaN without gradients."""
        return self.distance - self.rest - self.distance * sum(r.gradient for r in self.regions)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pixels."""
        return {
            "object_id": self.object_id,
            "distance": plain(self.distance),
            "errors": plain(self.errors),
            "rest": plain(self.rest),
            "gaps": plain(self.gaps),
            "unseen": [
                {"low": a, "high": b, "observed_in": "query" if q else "neighbor"} for a, b, q in self.unseen
            ],
            "rank_correlation": plain(self.correlation),
            "regions": [r.to_dict() for r in self.regions],
        }


def saliency(
    space: Coordinates,
    query: SpectrumSet,
    others: SpectrumSet,
    named: Sequence[tuple[str, float, float]] = (),
) -> tuple[Saliency, ...]:
    """For each of the other spectra, the contributions to its distance from the query.

    Args:
        space: How distances are measured.
        query: One spectrum.
        others: Any number; those that the encoders refuse are left out.
        named: Regions that have a name, rest angstrom, as in `bands`.
    """
    own, theirs = space.prepared(query), space.prepared(others)
    if not len(own) or not len(theirs):
        return ()
    places = regions_of(own, named if space.rest_frame(own) else ())
    pixels = gradients(space, own, theirs)
    found = []
    for j, name in enumerate(theirs.object_id.tolist()):
        other = theirs.take([j])
        distance = float(space.distances(own, other)[0])
        if distance == 0:
            continue  # a copy: there is nothing to share out
        without = occluded(space, own, other, places)
        parts = _region_sums(space, own, {view: values[j] for view, values in pixels.items()}, places)
        shares = tuple(
            RegionShare(band, part / distance, 1 - left / distance, left)
            for band, part, left in zip(places, parts.tolist(), without.tolist(), strict=True)
        )
        first = next(iter(pixels), None)
        found.append(
            Saliency(
                name, distance, shares, sum(float(v[j, 1].sum()) for v in pixels.values()),
                start_distance(space, own, other), agreement(shares),
                np.zeros(0) if first is None else space.rest_wavelength(first, own),
                np.zeros(0) if first is None else pixels[first][j].sum(axis=0),
                elsewhere(space, own, other), unseen(space, own, other),
            )
        )  # fmt: skip
    return tuple(found)


def regions_of(own: Prepareds, named: Sequence[tuple[str, float, float]]) -> tuple[Band, ...]:
    """The regions that cover what was observed of the query, in any view: those with a name, and between them."""
    low, high = (f(w) for f, w in ((min, [c[0] for c in own.coverage]), (max, [c[1] for c in own.coverage])))
    return bands(float(low), float(high), named)


def occluded(
    space: Coordinates, own: Prepareds, other: Prepareds, places: Sequence[Band]
) -> NDArray[np.float64]:
    """The distance with the other's pixels in each region and the query's elsewhere, (n_regions,)."""
    chosen = {view: np.array([band.holds(w) for band in places]) for view, w in space.grids(own).items()}
    return space.distances(replaced(own, other, chosen), other)


def start_distance(space: Coordinates, own: Prepareds, other: Prepareds) -> float:
    """The distance where the way of the gradients begins: with the other's pixels wherever both were observed.

    Views without gradients stay the query's. Computed by the encoders themselves, so that the sum of attributions can
    be held against it.
    """
    views = space.differentiable()
    chosen = {view: own[view].valid[:1] & other[view].valid[:1] & (view in views) for view in space.encoders}
    return float(space.distances(replaced(own, other, chosen), other)[0])


def elsewhere(space: Coordinates, own: Prepareds, other: Prepareds) -> float:
    """The distance that is left with every pixel and gap of the other's in views with gradients."""
    views = space.differentiable()
    chosen = {view: np.full_like(own[view].valid[:1], view in views, dtype=bool) for view in space.encoders}
    return float(space.distances(replaced(own, other, chosen), other)[0])


def unseen(space: Coordinates, own: Prepareds, other: Prepareds) -> tuple[tuple[float, float, bool], ...]:
    """Stretches of the first view that were observed in one of the two only, widest first; see `Saliency.unseen`."""
    view = next(iter(space.encoders))
    wavelength = space.rest_wavelength(view, own)
    mine, theirs = own[view].valid[0] > 0, other[view].valid[0] > 0
    found: list[tuple[float, float, bool]] = []
    for here, there, query in ((mine, theirs, True), (theirs, mine, False)):
        places = np.flatnonzero(here & ~there)
        for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
            if len(run) and wavelength[run[-1]] - wavelength[run[0]] >= NARROWEST:
                found.append((float(wavelength[run[0]]), float(wavelength[run[-1]]), query))
    return tuple(sorted(found, key=lambda stretch: stretch[0] - stretch[1]))


def agreement(shares: Sequence[RegionShare]) -> float:
    """Spearman's rank correlation of the two shares over regions that count; NaN for fewer than three."""
    from scipy.stats import spearmanr

    pairs = np.array([[r.gradient, r.occlusion] for r in shares]).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1) & (np.abs(pairs).max(axis=1, initial=0) > _COUNTS)]
    if len(pairs) < 3 or (np.ptp(pairs, axis=0) == 0).any():
        return float("nan")
    return float(spearmanr(pairs[:, 0], pairs[:, 1]).statistic)


def gradients(space: Coordinates, own: Prepareds, theirs: Prepareds) -> dict[str, NDArray[np.float64]]:
    """Integrated gradients of the distances from the query to each other spectrum, by view (n_others, 2, n_pixels).

    The way leads from the other's flux and log(1 + ivar) to the query's, in pixels that were observed in both; the
    two rows are what flux and what errors make of the distance. Views that have no gradients are left out.

    Source:
        Sundararajan, Taly & Yan 2017, ICML, PMLR 70, 3319, as implemented in captum.
    """
    views = space.differentiable()
    if not views:
        return {}
    import torch
    from captum.attr import IntegratedGradients

    vectors = space.differentiable_vectors(own, views)
    goals = torch.from_numpy(space.vectors(theirs))
    end = tuple(torch.from_numpy(a) for view in views for a in _both(own, 0, own, view))
    found: dict[str, list[NDArray[np.float64]]] = {view: [] for view in views}
    for j in range(len(theirs)):

        def distance(*given: torch.Tensor, goal: torch.Tensor = goals[j]) -> torch.Tensor:
            return torch.linalg.vector_norm(vectors(*given) - goal, dim=1)

        start = tuple(torch.from_numpy(a) for view in views for a in _both(theirs, j, own, view))
        parts = IntegratedGradients(distance).attribute(
            end, baselines=start, n_steps=STEPS, internal_batch_size=_BATCH
        )
        for i, view in enumerate(views):
            found[view].append(np.concatenate([p.detach().numpy() for p in parts[2 * i : 2 * i + 2]]))
    return {view: np.array(rows) for view, rows in found.items()}


def _both(spectra: Prepareds, j: int, own: Prepareds, view: str) -> tuple[NDArray, NDArray]:
    """Flux and log(1 + ivar), (1, n_pixels) each: of spectrum j where it and the query were observed, else the query's
    own.
    """
    here, query = spectra[view], own[view]
    both = here.valid[j] & query.valid[0]
    flux, ivar = (np.where(both, a[j], b[0]) for a, b in ((here.flux, query.flux), (here.ivar, query.ivar)))
    return flux[None].astype(np.float64), np.log1p(ivar[None].astype(np.float64))


def _region_sums(
    space: Coordinates, own: Prepareds, pixels: Mapping[str, NDArray], places: Sequence[Band]
) -> NDArray[np.float64]:
    if not pixels:
        return np.full(len(places), np.nan)
    total = np.zeros(len(places))
    for view, values in pixels.items():
        wavelength = space.rest_wavelength(view, own)
        total += [values[:, band.holds(wavelength)].sum() for band in places]
    return total
