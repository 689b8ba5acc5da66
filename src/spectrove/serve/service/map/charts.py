"""The map of a served base: made, kept in memory while the base is what it was, and what is asked of it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.inference.projection.of_base import Projection, is_made, map_of, placed, view_of
from spectrove.plain import plain
from spectrove.serve.service import given
from spectrove.serve.service.asking import Item
from spectrove.serve.service.map import drawing
from spectrove.serve.service.map.colours import Colouring, coloured, columns_of, plainly
from spectrove.serve.service.map.drawing import MOST_PIXELS, MOST_SIDE, Window
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import OfSpectra
from spectrove.serve.service.shelf import WAIT, Served
from spectrove.work import advance, doing

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

T = TypeVar("T")

#: Columns and conditions of a map that are kept in memory: a byte for each object.
KEPT = 24

#: Most corners of a lasso, and objects inside that are named.
MOST_CORNERS, MOST_NAMED = 1000, 10_000

#: What a map does not show, said beside each.
CAUTION = (
    "Near on the map means alike in most cases. The axes have no meaning, and neither have distances between groups or "
    "their sizes."
)


@dataclass
class Chart:
    """The map of one version of a base.

    Attributes:
        made: The map.
        version: Of the base.
        columns: By which it can be coloured.
    """

    made: Projection
    version: int
    columns: list[str]
    _kept: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """Result of `make()`, kept among the last of its kind."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = make()
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found

    @property
    def ids(self) -> pa.Array:
        """The ids of the objects, for look-ups."""
        return self.kept("ids", lambda: pa.array(self.made.object_id.tolist(), pa.string()))


class Charts:
    """The maps of the bases that are served."""

    def __init__(self) -> None:
        self._known: dict[str, Chart] = {}
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def make(self, served: Served) -> Iterator[Item]:
        """Make the map of a base, as a question that tells of its progress and can be stopped.

        One at a time makes it: that of a question that was stopped comes to its end before.
        """
        with self._alone(served.name), served.asked() as base, base.one_version():
            chart = Chart(map_of(base), base.version, columns_of(base))
            with self._lock:
                self._known[served.name] = chart
            yield Item("answer", {"objects": len(chart.made), "version": chart.version})

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        if not turn.acquire(blocking=False):
            with doing("waiting for a map that was begun before"):
                while not turn.acquire(timeout=0.2):
                    advance(0)  # the place where it may be stopped
        try:
            yield
        finally:
            turn.release()

    def of(self, served: Served) -> Chart | None:
        """The map of a base as it is now; None if it has to be made first."""
        with served.shown() as base:
            with self._lock:
                known = self._known.get(served.name)
            if known is not None and known.version == base.version:
                return known
            if not is_made(base):
                return None
            chart = Chart(map_of(base), base.version, columns_of(base))
            with self._lock:
                self._known[served.name] = chart
            return chart

    def needed(self, served: Served) -> Chart:
        """The map of a base as it is now.

        Raises:
            Problem: It has to be made first.
        """
        chart = self.of(served)
        if chart is None:
            raise Problem(
                409,
                f"{served.name}: its map has not been made in this version. Make it on the page of the map.",
            )
        return chart


def about(served: Served, chart: Chart, column: str, where: str) -> dict[str, Any]:
    """What is needed beside the image: bounds, legend, columns, number of objects, cautions."""
    left, right, bottom, top = chart.made.bounds
    chosen = chosen_of(served, chart, where)
    return {
        "base": served.name, "version": chart.version, "objects": len(chart.made), "view": chart.made.view,
        "chosen": len(chart.made) if chosen is None else int(np.count_nonzero(chosen)),
        "bounds": {"left": left, "right": right, "bottom": bottom, "top": top},
        "legend": colouring_of(served, chart, column).to_dict(), "caution": CAUTION,
    }  # fmt: skip


def image(served: Served, chart: Chart, window: Window, column: str, where: str) -> bytes:
    """A PNG of a part of the map.

    Raises:
        Problem: The window is empty or larger than is drawn.
        KnowledgeError: The base has no such column, or the condition cannot be read.
    """
    numbers = (window.left, window.right, window.bottom, window.top, window.ratio)
    if not np.isfinite(numbers).all() or window.right <= window.left or window.top <= window.bottom:
        raise Problem(422, "The window of the map is empty. Give left < right and bottom < top.", "Invalid")
    if window.width * window.height > MOST_PIXELS or max(window.width, window.height) > MOST_SIDE:
        raise Problem(
            422,
            f"An image of {window.width} x {window.height} pixels, expected {MOST_PIXELS:,} pixels at most.",
            "Invalid",
        )
    colouring = colouring_of(served, chart, column)
    return drawing.image(chart.made.places, colouring, window, chosen_of(served, chart, where))


def colouring_of(served: Served, chart: Chart, column: str) -> Colouring:
    """The objects of the map coloured by a column; in one colour if it is "".

    Raises:
        KnowledgeError: The base has no such column, or no map can be coloured by it.
    """
    if not column:
        return chart.kept("plain", lambda: plainly(len(chart.made)))
    if column not in chart.columns:
        raise KnowledgeError(
            f"{served.name}: the map cannot be coloured by {column!r}, expected one of {', '.join(chart.columns)}."
        )

    def made() -> Colouring:
        with served.shown() as base:
            table = base.rows(None, [column])
        at = pc.index_in(chart.ids, value_set=table.column("object_id").combine_chunks())
        return coloured(column, table.column(column).take(at))

    return chart.kept(("column", column), made)


def chosen_of(served: Served, chart: Chart, where: str) -> NDArray[np.bool_] | None:
    """Which objects of the map meet an SQL condition, (n_objects,); None if it is empty.

    Raises:
        KnowledgeError: The condition cannot be read.
    """
    if not where.strip():
        return None

    def made() -> NDArray[np.bool_]:
        with served.shown() as base:
            ids = base.rows(where, []).column("object_id").combine_chunks()
        return np.asarray(pc.is_in(chart.ids, value_set=ids).to_numpy(zero_copy_only=False), bool)

    return chart.kept(("where", where), made)


def inside(
    served: Served, chart: Chart, corners: Sequence[tuple[float, float]], where: str, limit: int
) -> dict[str, Any]:
    """The objects within a closed line, those nearest to its middle first.

    Args:
        served, chart: The base and its map.
        corners: Of the line, in units of the map.
        where: SQL condition that they meet; "" for none.
        limit: Number of them that are named.

    Returns:
        `total`, and `objects`: the ids of the first.
    """
    from matplotlib.path import Path

    line = np.asarray(corners, float).reshape(-1, 2)
    if not 3 <= len(line) <= MOST_CORNERS or not np.isfinite(line).all():
        raise Problem(
            422,
            f"A lasso of {len(line)} corners, expected 3 to {MOST_CORNERS}. Draw around some objects.",
            "Invalid",
        )
    places = chart.made.places
    within = np.all((places >= line.min(axis=0)) & (places <= line.max(axis=0)), axis=1)
    if (chosen := chosen_of(served, chart, where)) is not None:
        within &= chosen
    near = np.flatnonzero(within)
    near = near[Path(line).contains_points(places[near])] if len(near) else near
    from_middle = (
        ((places[near] - np.median(places[near], axis=0)) ** 2).sum(axis=1) if len(near) else np.zeros(0)
    )
    order = near[np.argsort(from_middle, kind="stable")[: min(limit, MOST_NAMED)]]
    return {"total": len(near), "objects": chart.made.object_id[order].tolist()}


def nearest(
    served: Served, chart: Chart, x: float, y: float, within: float, column: str, where: str
) -> dict[str, Any] | None:
    """The object nearest to a place of the map, with its value in a column; None if none is within a distance.

    Args:
        served, chart: The base and its map.
        x, y, within: In units of the map.
        column: Whose value is told; "" for none.
        where: SQL condition that it meets; "" for none.
    """
    places = chart.made.places
    squared = (places[:, 0] - np.float32(x)) ** 2 + (places[:, 1] - np.float32(y)) ** 2
    if (chosen := chosen_of(served, chart, where)) is not None:
        squared = np.where(chosen, squared, np.inf)
    at = int(np.argmin(squared))
    if not squared[at] <= within**2:
        return None
    name = str(chart.made.object_id[at])
    found: dict[str, Any] = {"object_id": name, "x": float(places[at, 0]), "y": float(places[at, 1])}
    if column in chart.columns:
        with served.shown() as base:
            [row] = base.rows("object_id = '" + name.replace("'", "''") + "'", [column]).to_pylist()
        found |= {"column": column, "value": plain(row[column])}
    return found


def place_of_object(chart: Chart, object_id: str) -> dict[str, Any] | None:
    """Where an object of the base lies; None if it has no vector."""
    at = chart.made.position(object_id)
    if at is None:
        return None
    x, y = chart.made.places[at].tolist()
    return {"name": object_id, "x": x, "y": y, "cautions": []}


def place_of_spectra(
    served: Served, chart: Chart, spectra: Any, z: float | None = None
) -> list[dict[str, Any]]:
    """Where spectra that are no part of the base lie, by their vectors alone, with cautions; refused ones are left out.

    Args:
        served, chart: The base and its map.
        spectra: A set of spectra of the kind of light of the base.
        z: The redshift of a single one, in place of its own; one that is missing is estimated.

    Raises:
        Problem: No spectrum has a vector, or the encoder of the map is not there.
    """
    from spectrove.inference.embed import vectors_of

    with served.asked(WAIT) as base:
        encoder = served.encoders(base).get(chart.made.view)
        if encoder is None:
            raise Problem(
                422, f"{served.name}: the encoder of the view {chart.made.view} is not there.", "RecipeError"
            )
        asked, _ = given.with_redshifts(base, spectra, OfSpectra(z=z, missing_z="estimate"))
        _, _, vectors, refused = vectors_of(asked, encoder)
        if refused and not len(vectors):
            raise Problem(422, refused[0].error, "SpectrumError")
        found = placed(base, chart.made, vectors)
    return [
        {
            "name": name, "x": float(found.places[i, 0]), "y": float(found.places[i, 1]),
            "cautions": list(found.cautions(i)),
        }
        for i, name in enumerate(vectors.object_id.tolist())
    ]  # fmt: skip


def values_of(served: Served, chart: Chart, names: Sequence[str], column: str) -> list[dict[str, Any]]:
    """Objects by id, each with its value in a column, in this order; without a value where the column is ""."""
    if column not in chart.columns or not names:
        return [{"object_id": name} for name in names]
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    with served.shown() as base:
        rows = base.rows(f"object_id IN ({quoted})", [column]).to_pylist()
    values = {row["object_id"]: plain(row[column]) for row in rows}
    return [{"object_id": name, "value": values.get(name)} for name in names]


def usual_column(base: KnowledgeBase) -> str:
    """The column that a map is coloured by at first: that of classes; "" where the base has none."""
    from spectrove.pipeline.domains import usual_label

    try:
        return usual_label(base)
    except SpectroveError:
        return ""


def made_of(base: KnowledgeBase) -> str:
    """A sentence on what the map of a base is made of, before it is made."""
    from spectrove.inference.projection.of_base import SAMPLE

    n = base.count()
    sample = (
        f"{SAMPLE:,} of them are laid out and the others placed among these" if n > SAMPLE else "all at once"
    )
    return f"{n:,} objects by their vectors in the view {view_of(base)}, {sample}."
