"""Why not this one: the query compared with an object that is not among its neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrove.explanation.evidence import Measured
from spectrove.explanation.line_labels import pretty
from spectrove.explanation.saliency import Saliency
from spectrove.explanation.space import Coordinates, Prepareds, replaced
from spectrove.galaxies.lines import LINE
from spectrove.knowledge import Searched
from spectrove.plain import plain

#: Maximum number of regions that are replaced to make the object a neighbour.
MOST_REGIONS = 6
#: Lines of a blend whose sum is measured better.
_PARTS = ("oii_3726", "oii_3729", "sii_6716", "sii_6731")
_SUMS = {"oii": "[O II] 3726+3729", "sii": "[S II] 6716+6731"}


@dataclass(frozen=True)
class LineDifference:
    """One line in both spectra: rest equivalent widths, angstrom, positive in emission, and how far they differ."""

    name: str
    query: float
    query_error: float
    other: float
    other_error: float

    @property
    def sigma(self) -> float:
        """Query less other over the error of both."""
        return (self.query - self.other) / math.hypot(self.query_error, self.other_error)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.name, "query_ew": plain(self.query), "query_ew_error": plain(self.query_error),
            "other_ew": plain(self.other), "other_ew_error": plain(self.other_error), "sigma": plain(self.sigma),
        }  # fmt: skip


@dataclass(frozen=True)
class Change:
    """Regions, those that matter most first; the distance with the object's pixels there; and if that is enough."""

    regions: tuple[str, ...]
    distance: float
    enough: bool


@dataclass(frozen=True)
class Against:
    """The query compared with one object of the base.

    Attributes:
        other: The object, its lines as we measure them.
        label, group: Its value in the label column, and the class that means; None if unknown.
        distance: From the query, in the space that was searched; NaN where that cannot be made again.
        rank: Its place among the objects searched, 1 the nearest; None where it was not among them.
        searched: How many objects were searched.
        reach: Distance of the farthest of the k neighbours.
        k: Number of neighbours.
        saliency: Where the distance comes from.
        lines: Lines measured in both, those that differ most first.
        change: Regions that would have to be like the object's for it to be a neighbour; None where it is one.
    """

    other: Measured
    label: str | None
    group: str | None
    distance: float
    rank: int | None
    searched: int
    reach: float
    k: int
    saliency: Saliency | None = None
    lines: tuple[LineDifference, ...] = ()
    change: Change | None = None

    @property
    def is_neighbor(self) -> bool:
        """Whether it is among the neighbours."""
        return self.rank is not None and self.rank <= self.k

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pixels."""
        change = None
        if self.change is not None:
            change = {
                "regions": list(self.change.regions), "distance": plain(self.change.distance),
                "enough": self.change.enough,
            }  # fmt: skip
        return self.other.to_dict() | {
            "label": self.label,
            "class": self.group,
            "distance": plain(self.distance),
            "rank": self.rank,
            "searched": self.searched,
            "farthest_neighbor": plain(self.reach),
            "k": self.k,
            "saliency": None if self.saliency is None else self.saliency.to_dict(),
            "line_differences": [d.to_dict() for d in self.lines],
            "would_have_to_change": change,
        }


def line_differences(query: Measured, other: Measured) -> tuple[LineDifference, ...]:
    """Lines that were measured in both, those that differ by most sigma first."""
    if query.lines is None or other.lines is None:
        return ()
    found = []
    for key in query.lines.ew:
        values = [m.get(key, math.nan) for o in (query.lines, other.lines) for m in (o.ew, o.ew_error)]
        if key in _PARTS or not all(map(math.isfinite, values)) or not (values[1] > 0 and values[3] > 0):
            continue
        found.append(LineDifference(_SUMS.get(key) or pretty(LINE[key].name), *values))
    return tuple(sorted(found, key=lambda d: -abs(d.sigma)))


def rank_of(
    space: Coordinates, own: Prepareds, searched: Searched, object_id: str, excluded: Sequence[str]
) -> int | None:
    """The place of an object among those searched, by distance from the query; None if it is not among them.

    Args:
        space, own: Coordinates, and the query prepared in them.
        searched: Who was searched.
        object_id: Whose place.
        excluded: Ids that the query may not find, such as its own.
    """
    ids = searched.object_id.tolist()
    if object_id not in ids:
        return None
    places = searched.vectors.astype(np.float64)
    if space.metric is not None:
        places = (places - space.metric.mean) @ space.metric.matrix
    distance = np.sqrt(((places * space.unit - space.vectors(own)) ** 2).sum(axis=1))
    distance[np.isin(searched.object_id, np.array(excluded, dtype=str))] = np.inf
    order = np.lexsort((searched.object_id, distance))
    return int(np.flatnonzero(searched.object_id[order] == object_id)[0]) + 1


def needed_change(
    space: Coordinates, own: Prepareds, other: Prepareds, saliency: Saliency, reach: float
) -> Change:
    """The regions whose pixels, replaced by the other's one after the other, bring the distance below `reach`.

    The one that lowers the distance most is taken first, and so on, `MOST_REGIONS` at most.
    """
    left = [r.band for r in saliency.regions]
    grids = space.grids(own)
    done = {view: np.zeros(len(w), dtype=bool) for view, w in grids.items()}
    taken: list[str] = []
    distance = saliency.distance
    while left and distance >= reach and len(taken) < MOST_REGIONS:
        tried = {view: np.array([done[view] | band.holds(w) for band in left]) for view, w in grids.items()}
        made = space.distances(replaced(own, other, tried), other)
        best = int(np.argmin(made))
        distance = float(made[best])
        done = {view: where[best] for view, where in tried.items()}
        taken.append(left.pop(best).name)
    return Change(tuple(taken), distance, distance < reach)
