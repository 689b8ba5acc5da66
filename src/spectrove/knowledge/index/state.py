"""Whether the index of each view is used, and why not."""

from __future__ import annotations

from typing import Any

from spectrove.knowledge.files import INDEX_FOLDER
from spectrove.knowledge.index import opening
from spectrove.knowledge.index.mark import making
from spectrove.knowledge.index.sidecar import FOLDER, Description
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.store import Store

#: Why a base that is not in a local folder has no index.
IMPOSSIBLE = (
    f"none is possible outside a local folder. Let {INDEX_FOLDER} name a folder of this machine, where kb optimize "
    "then makes the index of a base in an object store"
)


def states(store: Store, reader: Reader) -> dict[str, Any]:
    """What `KnowledgeBase.index_state` gives."""
    known = making(store.files)
    views = {view: _state(store, reader, view) for view in reader.views()}
    return {
        "views": views,
        "making": None if known is None else known.to_dict() | {"sentence": known.sentence},
    }


def _state(store: Store, reader: Reader, view: str) -> dict[str, Any]:
    if store.files.place(FOLDER) is None:
        return {"state": "impossible", "why": IMPOSSIBLE}
    if (n := reader.count()) < opening.INDEX_FROM:
        return {"state": "too small", "why": f"none: {n:,} objects, worth one from {opening.INDEX_FROM:,}"}
    found = reader.with_index(view)
    if found.state == "used":
        since = f", {found.changed:,} objects changed since" if found.changed else ""
        return {"state": "used", "changed": found.changed, "why": f"in use{since}"}
    return {"state": found.state, "changed": found.changed, "why": f"not in use: it {found.why}"}


def outgrown(store: Store, reader: Reader) -> bool:
    """Whether so much was added or replaced since an index was made that it is not used any more, by the log."""
    described = [
        about for view in reader.views() if (about := Description.read(store.files, view)) is not None
    ]
    if not described or store.files.place(FOLDER) is None or reader.count() < opening.INDEX_FROM:
        return False
    log = store.operations()

    def changed(version: int) -> int:
        return sum(int(o.get("rows", 0)) for o in log if o["after"] >= version)

    return any(changed(about.version) > opening.MOST_CHANGED * about.rows for about in described)
