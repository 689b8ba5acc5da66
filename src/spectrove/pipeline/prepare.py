"""Preparation of a base: whatever is fitted once for a question is fitted before anybody asks it, and kept."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from threading import Lock
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from spectrove import pipeline
from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.inference.projection.of_base import map_of
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import Files
from spectrove.knowledge.heartbeat import alive, beating, now
from spectrove.knowledge.index.catalog import opened_catalog
from spectrove.pipeline.shipped import lasting_name, load_target
from spectrove.targets import Target
from spectrove.work import advance, doing

#: What was prepared, in the files of a base.
STATE = "prepared.json"

#: Objects among which one with a vector is looked for.
TRIED = 1000


@dataclass(frozen=True)
class Prepared:
    """What a base was prepared for, and how far that is.

    Attributes:
        state: "running", "done", "failed" or "interrupted".
        version: Of the base.
        targets, labels, quantities: What is hunted, classified and estimated; targets by name or whole path.
        outliers: Whether outliers are looked for.
        map: Whether the map of the base is made.
        done: Seconds that each part took; what was kept from before takes nearly none.
        doing: The part that runs, or at which it stopped; "" if all is done.
        error: Why it failed, a sentence.
        started, beat: When it began, and when its process last said that it lives; UTC, ISO.
        process, machine: Where it runs or ran.
        log: File with what a preparation in the background says; "" in the foreground.
    """

    state: Literal["running", "done", "failed", "interrupted"]
    version: int
    targets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    outliers: bool = False
    map: bool = False
    done: Mapping[str, float] = field(default_factory=dict)
    doing: str = ""
    error: str = ""
    started: str = ""
    beat: str = ""
    process: int = 0
    machine: str = ""
    log: str = ""

    @property
    def sentence(self) -> str:
        """The same in words."""
        parts = [f"{name} ({seconds:.0f} s)" for name, seconds in self.done.items()]
        what = ", ".join(parts) or "nothing yet"
        at = f" while it came to {self.doing}" if self.doing else ""
        ends = {
            "done": "", "failed": f"; failed{at}: {self.error}",
            "running": f"; running since {self.started}, now {self.doing or 'beginning'}, process {self.process}",
            "interrupted": f"; interrupted{at}, and goes on when it is repeated",
        }  # fmt: skip
        log = f" (log: {self.log})" if self.log and self.state != "done" else ""
        return f"version {self.version} for {what}{ends[self.state]}{log}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        return plain | {"done": dict(self.done)}


def prepared(base: KnowledgeBase) -> Prepared | None:
    """What the base was prepared for last; None if it never was, or that cannot be read."""
    try:
        known = json.loads(base.files.read(STATE))
        lists = {name: tuple(known[name]) for name in ("targets", "labels", "quantities")}
        found = Prepared(**known | lists)
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if found.state == "running" and not alive(found.process, found.machine, found.beat or found.started):
        return replace(found, state="interrupted")  # killed before it could say so
    return found


def prepare(
    base: KnowledgeBase,
    *,
    targets: Sequence[Target | str] = (),
    labels: Sequence[str] = (),
    quantities: Sequence[str] = (),
    outliers: bool = False,
    map: bool = False,
    log: str = "",
) -> Prepared:
    """What came of fitting whatever these questions need; the first of them is then answered as fast as the others.

    Each question is asked about one spectrum, so that nothing it needs can be forgotten. What is finished is kept with
    the base, also if a later part is interrupted or fails: repeated, the preparation goes on. Without any question it
    is repeated for what the base was prepared for before.

    Args:
        base: The base.
        targets: What is hunted, by name, file or as targets.
        labels: Columns by which is classified.
        quantities: Columns that are estimated.
        outliers: Whether outliers are looked for.
        map: Whether the map of the base is made.
        log: Name of the file that is told where this runs in the background.

    Raises:
        KnowledgeError: A column cannot be asked for, another process prepares the base, or nothing was asked.
        TargetError: A target is unknown, or does not fit the base.
    """
    asked, parts = planned(
        base, targets=targets, labels=labels, quantities=quantities, outliers=outliers, map=map, log=log
    )
    with _kept(base.files, asked) as state, doing(f"preparing {base.path.name}", len(parts)):
        for name, make in parts:
            start = time.monotonic()
            state.change(doing=name)
            make()
            state.change(done={**state.now.done, name: round(time.monotonic() - start, 2)}, doing="")
            advance()
        state.change(state="done")
    return state.now


def planned(
    base: KnowledgeBase,
    *,
    targets: Sequence[Target | str] = (),
    labels: Sequence[str] = (),
    quantities: Sequence[str] = (),
    outliers: bool = False,
    map: bool = False,
    log: str = "",
) -> tuple[Prepared, list[tuple[str, Callable[[], Any]]]]:
    """What `prepare` is going to do, which it refuses before it begins: its state, and name and work of each part.

    Args:
        base, targets, labels, quantities, outliers, map, log: As in `prepare`, which raises the same.
    """
    before = prepared(base)
    if before is not None and before.state == "running" and before.process != os.getpid():
        raise KnowledgeError(
            f"{base.path}: it is being prepared: {before.sentence}. Wait until that has ended."
        )
    hunted = [target if isinstance(target, Target) else load_target(target) for target in targets]
    asked = Prepared(
        "running", base.version, tuple(_said(one) for one in targets), tuple(labels), tuple(quantities), outliers, map,
        started=now(), beat=now(), process=os.getpid(),
        machine=socket.gethostname(), log=log,
    )  # fmt: skip
    if not (targets or labels or quantities or outliers or map):
        if before is None:
            raise KnowledgeError(
                f"{base.path}: nothing says what to prepare it for. Name targets, label columns, quantities, "
                "outliers or the map."
            )
        again = {
            name: getattr(before, name) for name in ("targets", "labels", "quantities", "outliers", "map")
        }
        asked, hunted = replace(asked, **again), [load_target(target) for target in before.targets]
    return asked, list(_parts(base, asked, hunted))


def _parts(
    base: KnowledgeBase, asked: Prepared, hunted: Sequence[Target]
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Name of each part and what it does; a column that cannot be asked for is refused before anything is done."""
    for label in asked.labels:
        pipeline.check_label(base, label)
    for quantity in asked.quantities:
        pipeline.check_quantity(base, quantity)
    for target in hunted:
        if target.where is None:
            target.check(base.columns)
    yield "index", partial(_index, base)
    for label in asked.labels:
        yield f"classify {label}", partial(_ask, pipeline.classify, base, label)
    for target in hunted:
        yield f"hunt {target.name}", partial(_ask, pipeline.hunt, base, target)
    for quantity in asked.quantities:
        yield f"estimate {quantity}", partial(_ask, pipeline.estimate, base, quantity)
    if asked.outliers:
        yield "outliers", partial(_ask, pipeline.outliers, base)
    if asked.map:
        yield "map", partial(map_of, base)


def _index(base: KnowledgeBase) -> None:
    """Make the index of the views whose index does not hold every object as it is now, if they are worth one."""
    states = base.index_state()["views"]
    worth = [view for view, found in states.items() if found["state"] not in ("too small", "impossible")]
    lack = [view for view in worth if states[view]["state"] != "used" or states[view]["changed"]]
    if worth and not lack and opened_catalog(base.files, base.version) is None:
        lack = worth  # catalog values are kept with an index
    if lack:
        base.build_index(lack)


def _ask(verb: Callable[..., Any], base: KnowledgeBase, *subject: Any) -> None:
    verb(base, _stranger(base), *subject)


def _stranger(base: KnowledgeBase) -> Any:
    """A spectrum of the base that it does not know as its own, by id or by place."""
    view = base.space().views[0]
    ids = base.rows(None, []).column("object_id").slice(0, TRIED).to_pylist()
    there = np.flatnonzero(base.has_vector(ids, view))
    if not len(there):
        raise KnowledgeError(
            f"{base.path}: none of {len(ids)} objects has a vector in the view {view}. Make it with kb reencode."
        )
    spectra = base.spectra([ids[there[0]]])
    rows = spectra.rows
    for name in {"ra", "dec"} & set(rows.column_names):
        rows = rows.set_column(rows.column_names.index(name), name, pa.nulls(1, rows.schema.field(name).type))
    return replace(spectra, object_id=np.array(["a spectrum to prepare with"]), rows=rows)


class _State:
    """What is written to the files of a base while it is prepared."""

    def __init__(self, files: Files, begun: Prepared) -> None:
        self._files, self.now, self._lock = files, begun, Lock()

    def change(self, **values: Any) -> None:
        """Write what has changed; a base that may only be read keeps nothing."""
        with self._lock, suppress(OSError):
            self.now = replace(self.now, **values)
            self._files.write(STATE, json.dumps(self.now.to_dict()).encode())


@contextmanager
def _kept(files: Files, asked: Prepared) -> Iterator[_State]:
    state = _State(files, asked)
    state.change()
    try:
        with beating(lambda at: state.change(beat=at)):
            yield state
    except KeyboardInterrupt:
        state.change(state="interrupted")
        raise
    except BaseException as error:
        state.change(state="failed", error=str(error) if isinstance(error, SpectroveError) else repr(error))
        raise


def _said(target: Target | str) -> str:
    return target.name if isinstance(target, Target) else lasting_name(target)
