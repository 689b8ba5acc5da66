"""The vectors of a base, in every view, and what was measured in its spectra: what examples are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Witness
from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.inference.examples.measured import Measured
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.search import first_by_hash, hashes_of
from spectrove.provenance import canonical_json

Floats = NDArray[np.float64]
Vectors = Mapping[str, NDArray]

#: Increased whenever the same vectors give another background.
BACKGROUND_VERSION = 1

#: With fewer objects in the base a rank among them says nothing.
FEWEST = 10

#: Share of the mean variance that is mixed into each axis before whitening: narrow axes are noise.
SHRINKAGE = 0.1

#: Objects of a larger base that stand for all of it, chosen by a hash of their ids.
MOST_COMPARED = 20_000


@dataclass(frozen=True)
class Axes:
    """Principal axes of the vectors of one view.

    Attributes:
        mean: Shape (n_dimensions,).
        turn: Shape (n_dimensions, n_dimensions): coordinates are (vectors - mean) @ turn.
        variance: Of the coordinates, shrunk, shape (n_dimensions,); in units of their mean.
    """

    mean: Floats
    turn: Floats
    variance: Floats

    def coordinates(self, vectors: NDArray, power: float) -> Floats:
        """Vectors along the axes, each divided by its deviation to a power, (n, n_dimensions)."""
        return ((np.asarray(vectors, dtype=np.float64) - self.mean) @ self.turn) / self.variance ** (
            power / 2
        )


@dataclass(frozen=True)
class Background:
    """The objects of a base that have a vector in every view; of a large base some that stand for it.

    Attributes:
        object_id: Shape (n_objects,), sorted.
        vectors: By view, (n_objects, n_dimensions).
        axes: By view.
        measured: What the spectra themselves say; None where it is not compared.
    """

    object_id: NDArray[np.str_]
    vectors: Vectors
    axes: Mapping[str, Axes]
    measured: Measured | None = None
    _placed: dict[tuple[str, float], Floats] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def placed(self, view: str, power: float) -> Floats:
        """Coordinates of the objects in a view, computed once, see `Axes.coordinates`."""
        if (view, power) not in self._placed:
            self._placed[view, power] = self.axes[view].coordinates(self.vectors[view], power)
        return self._placed[view, power]

    def __len__(self) -> int:
        return len(self.object_id)

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views."""
        return tuple(self.axes)

    @property
    def compared(self) -> tuple[str, ...]:
        """Names of what is compared: the views, and the title of what is measured in the spectra themselves."""
        return self.views if self.measured is None else (*self.views, self.measured.title)

    def of(self, rows: NDArray[np.int64]) -> dict[str, NDArray]:
        """Of some objects everything that is compared, as `Vectors`."""
        own = {} if self.measured is None else {self.measured.title: self.measured.shares}
        return {name: x[rows] for name, x in (self.vectors | own).items()}  # type: ignore[operator]

    def rows(self, object_id: NDArray[np.str_] | list[str]) -> NDArray[np.int64]:
        """Places of these objects, -1 for one that is not in the base, (n,)."""
        names = np.asarray(object_id, dtype=str)
        if not len(names):
            return np.zeros(0, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.object_id, names), len(self) - 1)
        return np.where(self.object_id[place] == names, place, -1)


def background_of(base: KnowledgeBase, views: tuple[str, ...], own: Witness | None = None) -> Background:
    """The background of a base in these views, remembered until the base changes.

    Args:
        own: A measurement of the spectra themselves, made once for a base; None to compare vectors alone.

    Raises:
        KnowledgeError: Too few objects have a vector in every view.
    """

    def make() -> Background:
        found = {view: base.embeddings(view) for view in views}
        shared = _shared(found)
        if len(shared) < FEWEST:
            raise KnowledgeError(
                f"{base.path}: {len(shared)} objects have vectors in {' and '.join(views)}, expected {FEWEST} or more: "
                "examples are compared with the base's other objects. Add objects."
            )
        vectors = {view: e.vectors[np.isin(e.object_id, shared)] for view, e in found.items()}
        key = canonical_json(
            [BACKGROUND_VERSION, base.measured_version, {view: base.fingerprints[view] for view in views}]
        )
        axes = fitted_once(
            base,
            "examples",
            key,
            lambda: {v: fit_axes(x) for v, x in vectors.items()},
            _to_arrays,
            _from_arrays,
            doing="finding the directions in which known objects differ",
        )
        said = None if own is None else Measured(own.title, own.states, own.of_base(base, shared.tolist()))
        return Background(shared, vectors, axes, said)

    return base.remember(("examples", views, own and own.title), make)


def _shared(found: Mapping[str, Embeddings]) -> NDArray[np.str_]:
    """Ids with a vector in every view, sorted; `MOST_COMPARED` of more."""
    first, *others = (e.object_id for e in found.values())
    for ids in others:
        first = first[np.isin(first, ids)]
    if len(first) > MOST_COMPARED:
        first = first[first_by_hash(hashes_of(first), MOST_COMPARED)]
    return np.sort(first)


def fit_axes(vectors: NDArray) -> Axes:
    """The principal axes of some vectors (n_objects, n_dimensions)."""
    some = np.asarray(vectors, dtype=np.float64)
    mean = some.mean(axis=0)
    spread = (some - mean).T @ (some - mean) / len(some)
    variance, turn = np.linalg.eigh(spread)
    level = float(np.maximum(variance, 0).mean()) or 1.0
    shrunk = (1 - SHRINKAGE) * np.maximum(variance, 0) / level + SHRINKAGE
    return Axes(mean, turn, shrunk)


def _to_arrays(axes: Mapping[str, Axes]) -> Content:
    arrays = {
        f"{part}.{view}": getattr(own, part)
        for view, own in axes.items()
        for part in ("mean", "turn", "variance")
    }
    return arrays, {"views": ",".join(axes)}


def _from_arrays(arrays: Arrays, texts: Mapping[str, str]) -> dict[str, Axes]:
    return {
        view: Axes(arrays[f"mean.{view}"], arrays[f"turn.{view}"], arrays[f"variance.{view}"])
        for view in texts["views"].split(",")
    }
