"""Spaces of a large base: vectors computed where they are looked at, and who proposes them."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge.search import MOST_PROPOSED, PROPOSED, Proposals


def let_go(array: Any) -> None:
    """Tell the system that the pages of an array mapped into memory are not needed now; they are read when asked for.

    After every row was read once, they are most of what a process holds. Arrays that are not mapped stay as they are.
    """
    if isinstance(array, Computed | Mended):
        array.let_go()
        return
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "_mmap", None) or getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):
        array.madvise(mmap.MADV_DONTNEED)


class Computed:
    """Rows of vectors that are computed from those of other arrays when they are asked for.

    No row depends on another, so that each is the same to the last bit as if all were computed.

    Args:
        sources: Arrays, each with the row that each of ours comes from (None for the same), shape (n_objects, any).
        compute: Our rows, float32, from the same rows of each source.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Any, NDArray[np.int64] | None]],
        compute: Callable[[list[NDArray[np.float32]]], NDArray[np.float32]],
    ) -> None:
        self._sources, self._compute = sources, compute
        first, rows = sources[0]
        self.shape = (len(first) if rows is None else len(rows), self[:1].shape[1])
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Rows by a slice, positions or a mask, (n, n_dimensions)."""
        return self._compute([
            np.asarray(source[rows] if places is None else source[places[rows]]) for source, places in self._sources
        ])  # fmt: skip

    def let_go(self) -> None:
        """See `let_go`."""
        for source, _ in self._sources:
            let_go(source)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32)


class Mended:
    """Rows of an array that is mapped into memory, without some of them, and with those of another one among them.

    Args:
        known: Shape (any, n_dimensions), float32.
        fresh: The others, shape (any, n_dimensions), float32.
        places: Where each of our rows comes from, (n_objects,): its position in `known`, in rising order, or -1 less
            its position in `fresh`.
    """

    def __init__(
        self, known: NDArray[np.float32], fresh: NDArray[np.float32], places: NDArray[np.int64]
    ) -> None:
        self._known, self._fresh, self._places = known, fresh, places
        self.shape = (len(places), known.shape[1])
        self.dtype = np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Rows by a slice, positions or a mask, (n, n_dimensions)."""
        at = self._places[rows]
        new = at < 0
        if isinstance(rows, slice) and len(at) and not new.any() and at[-1] - at[0] == len(at) - 1:
            return np.asarray(self._known[at[0] : at[-1] + 1])  # nothing came or went among them
        found = np.asarray(self._known[np.maximum(at, 0)])
        if new.any():
            found[new] = self._fresh[-1 - at[new]]
        return found

    def let_go(self) -> None:
        """See `let_go`."""
        let_go(self._known)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[:].astype(dtype or np.float32)


@dataclass(frozen=True)
class Wider:
    """Proposals for a space of other distances than those of the index: so many times more; `search.Proposals`."""

    inner: Proposals
    times: int

    @property
    def enough(self) -> int:
        """See `search.Proposals`."""
        return PROPOSED

    @property
    def usual(self) -> float:
        """See `search.Proposals`."""
        return float("inf")

    def near(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Positions of the `times * n` nearest by the index, but of no more than MOST_PROPOSED unless `n` is more."""
        return self.inner.near(queries, self._wider(n))

    def beside(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """The same of the objects that the index does not know."""
        return self.inner.beside(queries, self._wider(n))

    def _wider(self, n: int) -> int:
        return max(n, min(self.times * n, MOST_PROPOSED))


@dataclass(frozen=True)
class Joined:
    """Proposals for several views side by side: those that each view proposes; `search.Proposals`.

    Attributes:
        views: Of each view its proposals, its columns in a query with the factor they were multiplied by, and the
            position here of each of its objects (-1 for none).
    """

    views: Sequence[tuple[Proposals, slice, float, NDArray[np.int64]]]

    @property
    def enough(self) -> int:
        """See `search.Proposals`."""
        return PROPOSED

    @property
    def usual(self) -> float:
        """See `search.Proposals`."""
        return float("inf")

    def near(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """Positions of the `n` nearest in each view, each once."""
        return self._of_views(queries, lambda inner, own: inner.near(own, n))

    def beside(self, queries: NDArray[np.float32], n: int) -> NDArray[np.int64]:
        """The same of the objects that the index of each view does not know."""
        return self._of_views(queries, lambda inner, own: inner.beside(own, n))

    def _of_views(
        self, queries: NDArray[np.float32], ask: Callable[[Proposals, NDArray[np.float32]], NDArray[np.int64]]
    ) -> NDArray[np.int64]:
        found = []
        for inner, columns, factor, places in self.views:
            own = ask(inner, (queries[:, columns] / factor).astype(np.float32))
            found.append(np.where(own < 0, -1, places[own]))
        positions = np.sort(np.hstack(found), axis=1)
        positions[:, 1:][positions[:, 1:] == positions[:, :-1]] = -1
        return positions
