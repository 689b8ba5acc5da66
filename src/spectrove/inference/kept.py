"""Results fitted once on a base and kept with it, as safetensors files with a key of everything they depend on.

The files lie in folders beside the tables of the base (metrics, calibrations, outliers, residuals, lines, types),
wherever it is: in a local folder, in an object store or in memory. A base that may only be read is fitted again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import Files
from spectrove.provenance import canonical_json
from spectrove.work import advance
from spectrove.work import doing as at_work

if TYPE_CHECKING:
    import pyarrow as pa

    from spectrove.domain import Measure

T = TypeVar("T")

#: Arrays and texts of a file, by name.
Arrays = dict[str, NDArray]
Content = tuple[Mapping[str, NDArray], Mapping[str, str]]

_SUFFIX = ".safetensors"

#: Objects that are measured before the measurements are kept; more where more are kept already.
MEASURED_AT_ONCE = 512

#: Results that are kept in a folder, those of earlier labels among them.
MOST_KEPT = 100


def fitted_once(
    base: KnowledgeBase,
    kind: str,
    key: str,
    fit: Callable[[], T],
    to_arrays: Callable[[T], Content | None],
    from_arrays: Callable[[Arrays, dict[str, str]], T],
    *,
    doing: str = "",
) -> T:
    """The result for this key: from memory, else from the files of the base, else fitted and kept there.

    Args:
        base: The base; results of versions with other spectra or vectors are forgotten when a new one is written.
        kind: The folder: "metrics".
        key: Everything the result depends on, as text: of the base its `contents`.
        fit: Makes the result.
        to_arrays: Arrays and texts of a result; None for one that is kept in memory only.
        from_arrays: The result from arrays and texts; raises if one is missing or wrong.
        doing: What the fit does, for `spectrove.work`: "fitting a metric on class"; the size of the base follows.
    """

    def kept_or_fitted() -> T:
        if (kept := _read(base.files, kind, key, from_arrays)) is not None:
            return kept
        with at_work(f"{doing or f'fitting {kind}'}, {once(base)}"):
            versions, fitted = (base.measured_version, base.version), fit()
            base.let_go()
        if (content := to_arrays(fitted)) is not None:
            _keep(base.files, kind, key, versions, content)
        return fitted

    return base.remember((kind, key), kept_or_fitted)


def is_kept(base: KnowledgeBase, kind: str, key: str) -> bool:
    """Whether a result for this key lies in the files of the base; `fitted_once` then reads it."""
    with suppress(OSError):
        return any(name.endswith(f"{_digest(key)}{_SUFFIX}") for name in base.files.names(kind))
    return False


def contents(base: KnowledgeBase, *columns: Any) -> list[Any]:
    """What identifies a base for a fit: the version of its spectra and vectors, and a hash of columns that it reads.

    A column that is joined to the base and that the fit does not read leaves the fit as it is.

    Args:
        base: The base.
        columns: Ids of the objects used, and their labels, groups, numbers: lists or arrays.
    """
    digest = blake2b(digest_size=16)
    for column in columns:
        values = column.tolist() if isinstance(column, np.ndarray) else list(column)
        digest.update(repr(values).encode() + b"\n")
    return [base.measured_version, digest.hexdigest()]


def once(base: KnowledgeBase) -> str:
    """The end of a sentence about work that is done once for this version of a base."""
    return f"{len(base):,} objects, once for version {base.version} of {base.path.name}"


def measured_table(
    object_id: Sequence[str],
    values: NDArray[np.float64],
    measures: Sequence[Measure],
    flags: Sequence[str] = (),
) -> pa.Table:
    """The table of a measurer from its numbers, NaN as missing; with flags it has a list of those that are set.

    Args:
        object_id: Names of the objects.
        values: (n_objects, 2 n_measures + n_flags): value and error of each measure by turns, then 1 for a set flag.
        measures: What was measured.
        flags: Names of the flags.
    """
    import pyarrow as pa

    columns: dict[str, pa.Array] = {"object_id": pa.array(object_id, pa.string())}
    for i, measure in enumerate(measures):
        columns[measure.name] = pa.array(values[:, 2 * i], pa.float64(), from_pandas=True)
        columns[measure.error] = pa.array(values[:, 2 * i + 1], pa.float64(), from_pandas=True)
    if flags:
        is_set = values[:, 2 * len(measures) :] > 0
        said = [[flag for flag, one in zip(flags, row, strict=True) if one] for row in is_set.tolist()]
        columns["flags"] = pa.array(said, pa.list_(pa.string()))
    return pa.table(columns)


def measured_once(
    base: KnowledgeBase,
    kind: str,
    key: str,
    object_id: Sequence[str],
    measure: Callable[[Sequence[str]], NDArray[np.float64]],
    *,
    doing: str = "",
) -> NDArray[np.float64]:
    """Measurements of objects of a base, (n_objects, n_values); those of further objects are added to what is kept.

    They are kept in blocks: an interruption costs the block at which it came.

    Args:
        base, kind, key: As in `fitted_once`, but with `base.measured_version`: columns that are joined to a base leave
            what is measured in its spectra as it is.
        object_id: The objects, (n_objects,).
        measure: Measurements of the objects with these ids, (n, n_values); it calls `work.advance` as it goes on.
        doing: What it does, for `spectrove.work`: "measuring the lines".
    """
    kept = _read(base.files, kind, key, _rows) or {}
    if missing := [name for name in dict.fromkeys(object_id) if name not in kept]:
        version = base.measured_version
        what = f"{doing or f'measuring {kind}'} of {len(missing):,} objects"
        with at_work(f"{what}, once for version {version} of {base.path.name}", len(missing)):
            while missing:
                # Blocks grow with what is kept, which is written anew each time.
                size = max(MEASURED_AT_ONCE, len(kept) // 2)
                block, missing = missing[:size], missing[size:]
                kept |= dict(zip(block, measure(block), strict=True))
                names = sorted(kept)
                content = (
                    {"values": np.stack([kept[name] for name in names])},
                    {"object_id": json.dumps(names)},
                )
                _keep(base.files, kind, key, (version, version), content)
    return np.array([kept[name] for name in object_id])


def measured_spectra(
    base: KnowledgeBase,
    about: Mapping[str, Any],
    object_id: Sequence[str],
    values: Callable[[Any], NDArray[np.float64]],
    *,
    together: tuple[int, int],
    progress: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """What a measurer finds in objects of a base, (n_objects, n_values), kept in KB/measures/.

    Args:
        base: The base.
        about: What decides the numbers beside the spectra: the measurer and its version.
        object_id: The objects, (n_objects,), one at least.
        values: Of a set of spectra, (n_spectra, n_values).
        together: Spectra that are read at once, and those that are measured before what is measured is kept.
        progress: Called with the number of spectra that have been measured since the last call.
    """
    key = canonical_json({**about, "version": base.measured_version})
    read, keep = together

    def measure(names: Sequence[str]) -> NDArray[np.float64]:
        parts = []
        for start in range(0, len(names), read):
            parts.append(values(base.spectra(names[start : start + read])))
            advance(len(parts[-1]))
            if progress:
                progress(len(parts[-1]))
        return np.concatenate(parts)

    blocks = [object_id[start : start + keep] for start in range(0, len(object_id), keep)]
    found = [
        measured_once(base, "measures", key, block, measure, doing="measuring spectra") for block in blocks
    ]
    return np.concatenate(found)


class Unfinished:
    """Work on a base that is kept as far as it has come: an interruption costs what came after.

    Args:
        base, kind, key: As in `fitted_once`; a key of its own, apart from that of the result.
    """

    def __init__(self, base: KnowledgeBase, kind: str, key: str) -> None:
        self._files, self._kind, self._key = base.files, kind, key
        self._version = base.measured_version

    def read(self) -> Arrays:
        """What is kept of it; nothing where it was not begun, or cannot be read."""
        return _read(self._files, self._kind, self._key, lambda arrays, _: arrays) or {}

    def keep(self, arrays: Mapping[str, NDArray]) -> None:
        """Keep what is done, in place of what was kept before; not where the base may only be read."""
        _keep(self._files, self._kind, self._key, (self._version, self._version), (arrays, {}))

    def end(self) -> None:
        """Remove what is kept: the work is done, and its result is kept elsewhere."""
        with suppress(OSError):
            for name in self._files.names(self._kind):
                if name.endswith(f"{_digest(self._key)}{_SUFFIX}"):
                    self._files.remove(f"{self._kind}/{name}")


def _rows(arrays: Arrays, texts: Mapping[str, str]) -> dict[str, NDArray[np.float64]]:
    [values] = arrays.values()
    return dict(zip(json.loads(texts["object_id"]), values, strict=True))


def _digest(key: str) -> str:
    return blake2b(key.encode(), digest_size=8).hexdigest()


def _read(files: Files, kind: str, key: str, from_arrays: Callable[[Arrays, dict[str, str]], T]) -> T | None:
    """The result kept under this key; None if there is none or it cannot be read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    # Before the digest stand versions of the base; older files have further words there, or nothing.
    ending = f"{_digest(key)}{_SUFFIX}"
    with suppress(OSError):
        for name in files.names(kind):
            with suppress(OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError):
                if name.endswith(ending):
                    content = files.read(f"{kind}/{name}")
                    if (texts := _texts(content))["key"] == key:
                        return from_arrays(load(content), texts)
    return None


def _texts(content: bytes) -> dict[str, str]:
    """Texts of a safetensors file, which begins with the length of its header and the header, in JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def _keep(files: Files, kind: str, key: str, versions: tuple[int, int], content: Content) -> None:
    """Write a file; remove those of other spectra or vectors, and of other labels the oldest of too many.

    Args:
        versions: Of the base: at which spectra and vectors were written, and at which the content was made.
    """
    from safetensors.numpy import save

    arrays, texts = content
    # safetensors writes the memory of an array without regard to its strides.
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with suppress(OSError):  # a base that may only be read: fit again next time
        written = f"{versions[0]}-{versions[1]}-{_digest(key)}{_SUFFIX}"
        files.write(f"{kind}/{written}", save(whole, metadata={"key": key, **texts}))
        others = [name for name in files.names(kind) if name.endswith(_SUFFIX) and name != written]
        alike = [name for name in others if name.startswith(f"{versions[0]}-") and name.count("-") == 2]
        again = [name for name in alike if name.endswith(f"{_digest(key)}{_SUFFIX}")]
        alike = sorted(set(alike) - set(again), key=lambda name: int(name.split("-")[1]))
        for name in sorted(set(others) - set(alike)) + alike[: max(len(alike) + 1 - MOST_KEPT, 0)]:
            files.remove(f"{kind}/{name}")
