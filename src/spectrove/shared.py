"""Values that many rows of a table share, stored once beside it: in the table stands a reference to each.

A batch of spectra gives such a column as an Arrow dictionary of bytes. Tables that hold the bytes themselves in every
row, as older versions wrote them, are read the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import pyarrow as pa

#: Folder of the values beside a table; each is a file named by its hash.
FOLDER = "shared"

#: A reference begins so, and ends with the hash; packed values never begin so.
MARK = b"shared:"


def name_of(value: bytes) -> str:
    """The hash under which a value is stored, 32 hexadecimal digits."""
    return blake2b(value, digest_size=16).hexdigest()


def is_shared(kind: pa.DataType) -> bool:
    """Whether a column of this type holds values that rows share."""
    return bool(pa.types.is_dictionary(kind) and pa.types.is_large_binary(kind.value_type))


def split(table: pa.Table) -> tuple[pa.Table, dict[str, bytes]]:
    """The table with references in place of shared values, and the values by name."""
    values: dict[str, bytes] = {}
    for place, field in enumerate(table.schema):
        if not is_shared(field.type):
            continue
        array = _whole(table.column(place))
        own = [value.as_py() for value in array.dictionary]
        names = [name_of(value) for value in own]
        used = set(array.indices.unique().to_pylist()) - {None}
        values |= {names[i]: own[i] for i in used}
        references = pa.array([MARK + name.encode() for name in names], pa.large_binary())
        table = table.set_column(place, field.name, references.take(array.indices))
    return table, values


def joined(table: pa.Table, read: Callable[[str], bytes]) -> pa.Table:
    """The inverse of `split`: columns of references become dictionaries of the values, each read once."""
    for place, field in enumerate(table.schema):
        if not pa.types.is_large_binary(field.type):
            continue
        array = _whole(table.column(place).dictionary_encode())
        own = [value.as_py() for value in array.dictionary]
        values = [read(v[len(MARK) :].decode()) if v.startswith(MARK) else v for v in own]
        dictionary = pa.array(values, pa.large_binary())
        column = pa.DictionaryArray.from_arrays(array.indices, dictionary)
        table = table.set_column(place, field.name, column)
    return table


def references(table: pa.Table) -> set[str]:
    """The names of the values that a table refers to."""
    found: set[str] = set()
    for column in table.columns:
        if pa.types.is_large_binary(column.type):
            found |= {
                v[len(MARK) :].decode() for v in column.unique().to_pylist() if v and v.startswith(MARK)
            }
    return found


def names_by_row(column: pa.ChunkedArray) -> list[bytes]:
    """A column of shared values as the names of its values, a row each."""
    array = _whole(column)
    names = np.array([name_of(value.as_py()).encode() for value in array.dictionary] or [b""])
    return names[np.asarray(array.indices.to_numpy(zero_copy_only=False), np.int64)].tolist()


def _whole(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """A dictionary column as one array with one dictionary."""
    array = column.unify_dictionaries().combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) and array.num_chunks else array
