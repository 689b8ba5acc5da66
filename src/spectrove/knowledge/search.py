"""Exact nearest neighbours in memory, identical to the last bit for any batch of queries.

Measured against one LanceDB query per spectrum (benchmarks/search.py, 300 queries, 128 dimensions): a block
of queries at once is 32 times faster among 10,000 objects and 29 times among 100,000, because a matrix
product finds the candidates. The rounding of the product depends on its shape, so it only selects candidates:
their distances are then computed one pair at a time in float64, and ties are ordered by id. In a large base an index
(`knowledge.index`) proposes the candidates; what is found is decided in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.targets.target import id_hash

#: Distances held in memory at once, about 64 MB for a base of any size.
BLOCK_DISTANCES = 8_000_000
BLOCK_ROWS = 8192

#: Positions within this separation are the same object; arcseconds.
SAME_OBJECT_ARCSEC = 2.0


#: Candidates that an index proposes for a query at first, where none was measured to suffice; at least so many for
#: each neighbour that is asked for; and how many times more when exclusions leave too few.
PROPOSED, FOR_EACH, WIDER, MOST_PROPOSED = 128, 3, 4, 8192

#: Least candidates for each neighbour after exclusions: the last of what an index proposes are not all of the nearest
#: (of a million drawn objects, 20 neighbours and 64 proposals without the nearest 44: recall .94).
LEFT = 2

#: A query far from all objects gets so many proposals at least. An index finds less for it than for one among them
#: (a million drawn objects, queries halfway between two of them, 256 / 1,024 / 4,096 proposals: recall .970 / .978 /
#: .990 in 2 / 5 / 19 ms of one core).
FAR = 1024

#: Of a selection of so many objects or fewer all are looked at, which takes about as long as an index would. In a
#: larger one the index proposes so many more that about ALLOWED of them belong to it.
FEW, ALLOWED = 50_000, 256

#: From so many objects on, candidates are found in single precision.
MANY = 8192

#: Selections whose vectors are kept in memory.
PARTS_KEPT = 4


class Proposals(Protocol):
    """An index of the vectors of a snapshot."""

    @property
    def enough(self) -> int:
        """How many proposals hold the ten nearest of nearly every query."""
        ...

    @property
    def usual(self) -> float:
        """A query farther than this from all objects is far; infinite if that is not known."""
        ...

    def near(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Positions of about the `n` nearest of each query, (n_queries, n or more), in any order; -1 for none.

        Those of one query do not depend on the others.
        """
        ...

    def beside(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """The nearest of the objects that the index does not know, up to `n` of each query, in the same form.

        They are apart, because however many they are, of the others enough have to be proposed.
        """
        ...


@dataclass(frozen=True)
class Snapshot:
    """One view of one version of a base, in memory: the objects with a vector.

    Attributes:
        row_id: Row of each in table `objects`, shape (n_objects,), uint64.
        object_id: Shape (n_objects,), strings.
        vectors: Shape (n_objects, n_dimensions), float32.
        coverage: Wavelength range of each vector, angstrom, shape (n_objects, 2).
        ra, dec: Degrees, NaN where unknown, shape (n_objects,).
        proposals: An index of the vectors; None where every object is looked at.
    """

    row_id: NDArray[np.uint64]
    object_id: NDArray[np.str_]
    vectors: NDArray[np.float32]
    coverage: NDArray[np.float64]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    proposals: Proposals | None = None

    def __len__(self) -> int:
        return len(self.object_id)

    def position(self, object_id: str) -> int | None:
        """Position of an id; None if there is none."""
        if not self.in_order:
            return self._positions.get(object_id)
        # A longer needle would have numpy copy all ids in its width.
        if len(object_id) * np.dtype("U1").itemsize > self.object_id.dtype.itemsize:
            return None
        place = int(np.searchsorted(self.object_id, np.array(object_id, self.object_id.dtype)))
        return place if place < len(self) and self.object_id[place] == object_id else None

    @cached_property
    def in_order(self) -> bool:
        """Whether the objects are sorted by id."""
        return bool((self.object_id[1:] >= self.object_id[:-1]).all())

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {str(object_id): i for i, object_id in enumerate(self.object_id)}

    @cached_property
    def squared_norms(self) -> NDArray[np.float64]:
        """Squared length of each vector, shape (n_objects,)."""
        return squared_norms_of(self.vectors)

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """The `id_hash` of each object, shape (n_objects,)."""
        return hashes_of(self.object_id)

    def folds(self, n: int) -> NDArray[np.int64]:
        """A number from 0 to n - 1 for each object, from its sky cell (a quarter degree), else its id."""
        return self._cells % n

    def fold(self, position: int, n: int) -> int:
        """That of one object."""
        return int(self._cells[position] % n)

    def moved(self, vectors: NDArray[np.float32], proposals: Proposals | None = None) -> Snapshot:
        """The same objects with other vectors, and with what was derived from them otherwise."""
        made = replace(self, vectors=vectors, proposals=proposals)
        known = ("in_order", "hashes", "_cells", "_by_dec", "_positions")
        vars(made).update({name: vars(self)[name] for name in known if name in vars(self)})
        return made

    @cached_property
    def _cells(self) -> NDArray[np.int64]:
        return cells_of(self.object_id, self.ra, self.dec)

    def part(self, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Snapshot]:
        """Positions of the chosen objects, (n_objects,) as a mask, and these alone, kept for the next time."""
        for mask, places, part in self._parts:
            if mask is chosen:
                return places, part
        places = np.flatnonzero(chosen)
        part = Snapshot(
            self.row_id[places], self.object_id[places], self.vectors[places], self.coverage[places],
            self.ra[places], self.dec[places],
        )  # fmt: skip
        self._parts.append((chosen, places, part))
        del self._parts[:-PARTS_KEPT]
        return places, part

    @cached_property
    def _parts(self) -> list[tuple[NDArray[np.bool_], NDArray[np.int64], Snapshot]]:
        return []

    @cached_property
    def _by_dec(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        known = np.flatnonzero(np.isfinite(self.dec))
        order = known[np.argsort(self.dec[known], kind="stable")]
        return order, self.dec[order]

    def same_object(self, object_id: str, ra: float, dec: float) -> NDArray[np.int64]:
        """Positions of the objects with this id or within 2 arcsec of this place (NaN: id only)."""
        own = self.position(object_id)
        found = [] if own is None else [own]
        if np.isfinite(ra) and np.isfinite(dec):
            order, sorted_dec = self._by_dec
            # Declinations differ by no more than the separation, so a strip in declination holds all candidates.
            strip = 1.001 * SAME_OBJECT_ARCSEC / 3600
            low, high = np.searchsorted(sorted_dec, [dec - strip, dec + strip])
            near = order[low:high]
            close = separation_arcsec(ra, dec, self.ra[near], self.dec[near]) <= SAME_OBJECT_ARCSEC
            found.extend(near[close])
        return np.unique(np.asarray(found, dtype=np.int64))


def squared_norms_of(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Squared length of each vector, shape (n_objects,)."""
    blocks = range(0, len(vectors), BLOCK_ROWS)
    parts = [(vectors[i : i + BLOCK_ROWS].astype(np.float64) ** 2).sum(axis=1) for i in blocks]
    return np.concatenate([np.zeros(0), *parts])


def hashes_of(object_id: NDArray[np.str_]) -> NDArray[np.uint64]:
    """The `id_hash` of each id, shape (n_objects,)."""
    return np.array([id_hash(name) for name in object_id.tolist()], dtype=np.uint64)


def first_by_hash(hashes: NDArray[np.uint64], most: int) -> NDArray[np.int64]:
    """Positions of the `most` objects with the smallest hashes, in their order; of equal ones the first."""
    if len(hashes) <= most:
        return np.argsort(hashes, kind="stable")
    limit = np.partition(hashes, most - 1)[most - 1]
    near = np.flatnonzero(hashes <= limit)
    return near[np.argsort(hashes[near], kind="stable")][:most]


def cells_of(
    object_id: NDArray[np.str_], ra: NDArray[np.float64], dec: NDArray[np.float64]
) -> NDArray[np.int64]:
    """A number for the sky cell of each object (a quarter degree), or for its id where its place is unknown."""
    cells = [
        f"{d // 0.25:.0f}:{r // 0.25:.0f}" if np.isfinite(d) else str(name)
        for name, r, d in zip(object_id, ra, dec, strict=True)
    ]
    return np.array([id_hash(cell) >> 2 for cell in cells], dtype=np.int64)


def separation_arcsec(
    ra: float, dec: float, ra_others: NDArray[np.float64], dec_others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Angular separations of one position from many, arcseconds; positions in degrees.

    Source:
        The haversine formula, which is precise at small separations.
    """
    lon, lat = np.radians(ra_others - ra), np.radians(dec_others)
    haversine = (
        np.sin((lat - np.radians(dec)) / 2) ** 2
        + np.cos(np.radians(dec)) * np.cos(lat) * np.sin(lon / 2) ** 2
    )
    return np.degrees(2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1)))) * 3600


def nearest(
    snapshot: Snapshot,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None = None,
    excluded: Sequence[NDArray[np.int64]] | None = None,
    asked: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Positions and Euclidean distances of the K nearest allowed objects, nearest first.

    Args:
        snapshot: The objects searched.
        queries: Shape (n_queries, n_dimensions).
        k: Neighbours per query.
        allowed: Mask of the objects to search, shape (n_objects,); all if None.
        excluded: Positions excluded for each query.
        asked: The queries in the coordinates of the index, where these are others: before a metric.

    Returns:
        Positions, int64, and distances, float64, each (n_queries, k); -1 and infinity if there are fewer.
    """
    if snapshot.proposals is None or not len(queries):
        return of_all(snapshot, queries, k, allowed, excluded)
    if allowed is None or np.count_nonzero(allowed) > FEW:
        return _of_proposed(snapshot, queries, k, allowed, excluded, queries if asked is None else asked)
    places, part = snapshot.part(allowed)
    own = excluded
    if excluded is not None:
        own = [np.searchsorted(places, positions[allowed[positions]]) for positions in excluded]
    found, distances = of_all(part, queries, k, None, own, single)
    return np.where(found < 0, -1, places[found]), distances


def of_all(
    snapshot: Snapshot,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    excluded: Sequence[NDArray[np.int64]] | None,
    product: Product | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`nearest` by looking at all objects."""
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf)
    if not len(queries) or not len(snapshot):
        return positions, distances
    product = product or (single if len(snapshot) > MANY else _approximate)
    block = max(1, BLOCK_DISTANCES // len(snapshot))
    for start in range(0, len(queries), block):
        part = queries[start : start + block].astype(np.float64)
        squared, doubt = product(snapshot.vectors, snapshot.squared_norms, part)
        if allowed is not None:
            squared[:, ~allowed] = np.inf
        for i, row in enumerate(squared):
            if excluded is not None:
                row[excluded[start + i]] = np.inf
            found, exact = _best(snapshot, part[i], row, doubt[i], k)
            positions[start + i, : len(found)] = found
            distances[start + i, : len(found)] = exact
    return positions, distances


def _of_proposed(
    snapshot: Snapshot,
    queries: NDArray[np.float32],
    k: int,
    allowed: NDArray[np.bool_] | None,
    excluded: Sequence[NDArray[np.int64]] | None,
    asked: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """`nearest` among the objects that the index proposes; of more where exclusions leave few, and for far queries."""
    assert snapshot.proposals is not None
    positions = np.full((len(queries), k), -1, dtype=np.int64)
    distances = np.full((len(queries), k), np.inf)
    left, n = np.arange(len(queries)), max(snapshot.proposals.enough, FOR_EACH * k)
    if allowed is not None:
        n = min(max(n, ALLOWED * len(snapshot) // int(np.count_nonzero(allowed))), MOST_PROPOSED)

    def admitted(i: int, near: NDArray[np.int64]) -> NDArray[np.int64]:
        candidates = near[near >= 0]
        if allowed is not None:
            candidates = candidates[allowed[candidates]]
        if excluded is not None and len(excluded[i]):
            candidates = candidates[~np.isin(candidates, excluded[i])]
        return candidates

    def ask(left: NDArray[np.int64], n: int) -> list[int]:
        """Answer these queries from so many proposals; those that they do not suffice for."""
        short = []
        assert snapshot.proposals is not None
        proposed, beside = (
            ask(asked[left], n) for ask in (snapshot.proposals.near, snapshot.proposals.beside)
        )
        for i, near, further in zip(left.tolist(), proposed, beside, strict=True):
            candidates = admitted(i, near)
            if len(candidates) < LEFT * k:
                short.append(i)
                continue
            if len(further):
                candidates = np.union1d(candidates, admitted(i, further))
            exact = pair_distances(queries[i].astype(np.float64), snapshot.vectors[candidates])
            order = np.lexsort((snapshot.object_id[candidates], exact))[:k]
            positions[i], distances[i] = candidates[order], exact[order]
        return short

    while len(left) and n <= MOST_PROPOSED:
        short = np.array(ask(left, n), dtype=np.int64)
        if n < FAR:
            nearest_one = distances[left, 0]
            far = left[(nearest_one > snapshot.proposals.usual) & np.isfinite(nearest_one)]
            if len(far):
                ask(far, FAR)
        left, n = short, n * WIDER
    if len(left):
        rest = None if excluded is None else [excluded[i] for i in left.tolist()]
        positions[left], distances[left] = of_all(snapshot, queries[left], k, allowed, rest)
    return positions, distances


def nearest_of_each(
    snapshot: Snapshot,
    queries: NDArray[np.float32],
    k: int,
    members: Sequence[NDArray[np.int64]],
    excluded: Sequence[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Euclidean distances to the K nearest objects of each class, nearest first, (n_queries, n_classes, k).

    Infinite if a class has fewer. Identical to the last bit whether a query is searched alone or in a batch.

    Args:
        snapshot: The objects searched.
        queries: Shape (n_queries, n_dimensions).
        k: Neighbours per class.
        members: Positions of the objects of each class.
        excluded: Positions excluded for each query.
    """
    distances = np.full((len(queries), len(members), k), np.inf)
    if not len(queries):
        return distances
    if snapshot.proposals is not None:
        snapshot, members, excluded = _of_members(snapshot, members, excluded)
    if not len(snapshot):
        return distances
    block = max(1, BLOCK_DISTANCES // len(snapshot))
    for start in range(0, len(queries), block):
        part = queries[start : start + block].astype(np.float64)
        product = single if len(snapshot) > MANY else _approximate
        squared, doubt = product(snapshot.vectors, snapshot.squared_norms, part)
        for i, row in enumerate(squared):
            row[excluded[start + i]] = np.inf
            for c, own in enumerate(members):
                distances[start + i, c] = _nearest_of(snapshot, part[i], row[own], own, doubt[i], k)
    return distances


def _of_members(
    snapshot: Snapshot, members: Sequence[NDArray[np.int64]], excluded: Sequence[NDArray[np.int64]]
) -> tuple[Snapshot, list[NDArray[np.int64]], list[NDArray[np.int64]]]:
    """The members of all classes alone, and the positions of members and of excluded objects among them."""
    chosen = np.zeros(len(snapshot), dtype=bool)
    for own in members:
        chosen[own] = True
    mask = next((kept for kept, _, _ in snapshot._parts if np.array_equal(kept, chosen)), chosen)
    places, part = snapshot.part(mask)
    inside = [positions[chosen[positions]] for positions in excluded]
    return (
        part,
        [np.searchsorted(places, own) for own in members],
        [np.searchsorted(places, own) for own in inside],
    )


def _nearest_of(
    snapshot: Snapshot,
    query: NDArray[np.float64],
    squared: NDArray[np.float64],
    own: NDArray[np.int64],
    doubt: float,
    k: int,
) -> NDArray[np.float64]:
    """Exact distances to the K nearest of the objects `own`, given approximate `squared` distances; (k,)."""
    limit = np.partition(squared, k - 1)[k - 1] if k < len(squared) else np.inf
    candidates = own[(squared <= limit + 2 * doubt) & np.isfinite(squared)]
    found = np.full(k, np.inf)
    exact = np.sort(pair_distances(query, snapshot.vectors[candidates]))[:k]
    found[: len(exact)] = exact
    return found


def _best(
    snapshot: Snapshot, query: NDArray[np.float64], squared: NDArray[np.float64], doubt: float, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The K nearest by exact distance, among all candidates within the rounding error."""
    limit = np.partition(squared, k - 1)[k - 1] if k < len(squared) else np.inf
    candidates = np.flatnonzero((squared <= limit + 2 * doubt) & np.isfinite(squared))
    exact = pair_distances(query, snapshot.vectors[candidates])
    order = np.lexsort((snapshot.object_id[candidates], exact))[:k]
    return candidates[order], exact[order]


def pair_distances(query: NDArray[np.float64], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Euclidean distance from one query to each vector, independent of the other rows to the last bit."""
    return np.sqrt(((vectors.astype(np.float64) - query) ** 2).sum(axis=1))


#: Computes approximate squared distances and a bound on their error, as `_approximate` does.
Product = Callable[
    [NDArray[np.float32], NDArray[np.float64], NDArray[np.float64]],
    tuple[NDArray[np.float64], NDArray[np.float64]],
]


def single(
    vectors: NDArray[np.float32], norms: NDArray[np.float64], queries: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`_approximate` by a product in float32: twice as fast, with more candidates to decide among."""
    own = (queries**2).sum(axis=1)
    squared, short = np.empty((len(queries), len(vectors))), queries.astype(np.float32)
    for start in range(0, len(vectors), BLOCK_ROWS):
        squared[:, start : start + BLOCK_ROWS] = short @ vectors[start : start + BLOCK_ROWS].T
    squared *= -2
    squared += norms
    squared += own[:, None]
    # As in `_approximate`, with u = 2^-24 for the product.
    bound = (vectors.shape[1] + 4) * 2.0**-23 * (np.sqrt(own) + np.sqrt(norms.max(initial=0))) ** 2
    return squared, bound


def _approximate(
    vectors: NDArray[np.float32], norms: NDArray[np.float64], queries: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared distances by a matrix product, (n_queries, n_objects), and a bound on their rounding error."""
    own = (queries**2).sum(axis=1)
    squared = np.empty((len(queries), len(vectors)))
    for start in range(0, len(vectors), BLOCK_ROWS):
        stop = start + BLOCK_ROWS
        np.matmul(queries, vectors[start:stop].astype(np.float64).T, out=squared[:, start:stop])
    squared *= -2
    squared += norms
    squared += own[:, None]
    # |computed - true| <= (d + 4) u (|q| + |x|)^2 for sums of d products in float64, u = 2^-53.
    bound = (vectors.shape[1] + 4) * 2.0**-52 * (np.sqrt(own) + np.sqrt(norms.max())) ** 2
    return squared, bound
