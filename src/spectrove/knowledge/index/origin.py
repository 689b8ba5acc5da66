"""Which history a version is of: after a backup was restored, another one may have the same number.

Lance writes one small file for each version, which never changes and holds names that no other version has. Where it
was removed with its version, the log of operations says whether the base still goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from spectrove.knowledge.files import Files

#: Where Lance keeps the file of a version: new tables count down, so that the newest comes first; old ones count up.
_NAMES: tuple[Callable[[int], str], ...] = (
    lambda version: f"objects.lance/_versions/{(1 << 64) - 1 - version:020d}.manifest",
    lambda version: f"objects.lance/_versions/{version}.manifest",
)

#: Operations by the log: `store.Store.operations`.
Log = Sequence[Mapping[str, Any]]


def sum_of_version(files: Files, version: int) -> str:
    """A sum over what Lance says of a version of the objects; "" if that cannot be read."""
    for name in _NAMES:
        try:
            return blake2b(files.read(name(version)), digest_size=8).hexdigest()
        except OSError:
            continue
    return ""


def origin(files: Files, version: int, log: Log) -> dict[str, Any]:
    """What tells a version from those of other histories: its sum, and the operation that made it (None if unknown)."""
    made = [dict(o) for o in log if o["after"] < version]
    return {"sum": sum_of_version(files, version), "operation": made[-1] if made else None}


def goes_on_from(files: Files, version: int, told: Mapping[str, Any], log: Callable[[], Log]) -> bool:
    """Whether the base has, or had, this version with this origin; False where that cannot be shown.

    Args:
        files: The files of the base.
        version: Number of the version.
        told: What `origin` said of it.
        log: Reads the operations, which is needed only where the version itself was removed.
    """
    if there := sum_of_version(files, version):
        return there == told.get("sum")
    operations = list(log())
    if (made := told.get("operation")) not in operations:
        return False
    # Of tables that were restored without the log, the next operation begins at an earlier version.
    return all(o["after"] >= version for o in operations[operations.index(made) + 1 :])
