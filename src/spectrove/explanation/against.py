"""Why not this one: the query compared with an object that is not among its neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import Comparison
from spectrove.explanation.saliency import Saliency
from spectrove.explanation.space import Coordinates, Prepareds, replaced
from spectrove.knowledge import Searched
from spectrove.plain import plain

#: Maximum number of regions that are replaced to make the object a neighbour.
MOST_REGIONS = 6


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
        other: The object, with what was measured in it.
        label, group: Its value in the label column, and the class that means; None if unknown.
        distance: From the query, in the space that was searched; NaN where that cannot be made again.
        rank: Its place among the objects searched, 1 the nearest; None where it was not among them.
        searched: How many objects were searched.
        reach: Distance of the farthest of the k neighbours.
        k: Number of neighbours.
        saliency: Where the distance comes from.
        comparison: The measurements of both beside each other.
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
    comparison: Comparison = field(default_factory=Comparison)
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
            **self.comparison.json,
            "would_have_to_change": change,
        }


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
