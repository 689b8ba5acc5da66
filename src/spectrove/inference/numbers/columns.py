"""Values of quantities for the objects of a base, with errors, wherever they come from.

A name is looked for in three places, in this order: a column of the base that somebody joined (a catalog's), a column
of what Spectrove measured and stored (`measured_NAME`), and a measurement that is made now and kept with the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Domain
from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.inference.numbers.quantities import ADMINISTRATION, error_column, numeric
from spectrove.knowledge import KnowledgeBase

#: Before the names of measurements that are stored in a base.
MEASURED = "measured_"

#: The redshift, which a spectrum comes with.
REDSHIFT = "z"

Floats = NDArray[np.float64]

#: Where the values of a column are from.
Source = Literal["catalog", "measured", "redshift"]


@dataclass(frozen=True)
class ColumnValues:
    """One quantity of the objects of a base.

    Attributes:
        name: As it was asked for.
        source: "catalog": a column of the base; "measured": by Spectrove, in the same pixels; "redshift".
        unit: "" if there is none.
        value: (n_objects,), NaN where unknown.
        error: One sigma, same shape; 0 where a catalog gives none, NaN where the value is unknown.
    """

    name: str
    source: Source
    unit: str
    value: Floats
    error: Floats


def quantity_values(
    base: KnowledgeBase,
    names: Sequence[str],
    domain: Domain,
    object_id: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> dict[str, ColumnValues]:
    """Values and errors of quantities for objects of a base, by name.

    Args:
        base: The base.
        names: Columns of the base or names of measurements; `measured_NAME` asks for the measurement of NAME.
        domain: The kind of light, which measures and knows limits: a value at a limit is none.
        object_id: The objects, in the order of the values; all, in the order of `base.rows`, if None.
        progress: Called with the number of spectra measured since the last call.

    Raises:
        KnowledgeError: A name is neither a numeric column nor a measurement; the message has those near it.
    """
    found = [(name, source_of(base, name, domain)) for name in names]
    stored = [column for name, source in found for column in stored_columns(base, name, source)]
    table = base.rows(None, list(dict.fromkeys([*stored, REDSHIFT])))
    ids = table.column("object_id").to_pylist()
    order = np.arange(len(ids)) if object_id is None else _order(ids, object_id)
    wanted = [ids[i] for i in order.tolist()]
    made: pa.Table | None = None
    columns = {}
    for name, source in found:
        value, error = _stored(table, base, name, source, order)
        if value is None:
            assert domain.measurer is not None  # source_of found it among the measures
            made = domain.measurer.of_base(base, wanted, progress) if made is None else made
            value, error = numbers(made, measure_name(name)), numbers(made, f"{measure_name(name)}_err")
        columns[name] = _within_limits(
            ColumnValues(name, source, unit_of(name, domain), value, error), domain
        )
    return columns


def source_of(base: KnowledgeBase, name: str, domain: Domain) -> Source:
    """Where the values of a quantity are from.

    Raises:
        KnowledgeError: It is neither a numeric column with values nor a measurement.
    """
    if name == REDSHIFT:
        return "redshift"
    known = base.columns
    if not name.startswith(MEASURED) and name in known and name not in ADMINISTRATION | domain.administration:
        column = base.rows(None, [name]).column(name)
        if numeric(column.type) and column.null_count < len(column):
            return "catalog"
    if measure_name(name) in measures(domain):
        return "measured"
    found = "there is no such column"
    if name in ADMINISTRATION | domain.administration:
        found = "it describes the observation, not the object"
    elif name in known:
        kind = base.rows(None, [name]).column(name).type
        found = "no object has a value" if numeric(kind) else f"it holds no numbers ({kind})"
    raise KnowledgeError(
        f"{base.path}: a condition names {name!r}: {found}, and no measurement is called so"
        f"{did_you_mean(name, names_of(base, domain))}. Add it with a catalog (kb label), or name another."
    )


def names_of(base: KnowledgeBase, domain: Domain) -> list[str]:
    """Everything that a condition may name: the redshift, numeric columns, measurements."""
    left_out = ADMINISTRATION | domain.administration
    table = base.rows()
    columns = [
        name
        for name in table.column_names
        if name not in left_out
        and not name.startswith(MEASURED)
        and numeric(table.column(name).type)
        and table.column(name).null_count < table.num_rows
    ]
    return list(dict.fromkeys([REDSHIFT, *columns, *measures(domain)]))


def measures(domain: Domain) -> dict[str, str]:
    """Names of the measurements of a kind of light, with their units."""
    return {m.name: m.unit for m in domain.measurer.measures} if domain.measurer else {}


def measure_name(name: str) -> str:
    """The measurement that a name asks for."""
    return name.removeprefix(MEASURED)


def unit_of(name: str, domain: Domain) -> str:
    """The unit of a quantity; "" if none is known."""
    if (quantity := domain.quantities.get(name)) is not None:
        return quantity.unit
    return measures(domain).get(measure_name(name), "")


def stored_columns(base: KnowledgeBase, name: str, source: Source) -> list[str]:
    """The columns of the base that hold a quantity and its error, as far as there are any."""
    column = f"{MEASURED}{measure_name(name)}" if source == "measured" else name
    if source == "redshift" or column not in base.columns:
        return []
    error = error_column(column, base.columns)
    return [column, *([error] if error else [])]


def numbers(table: pa.Table, name: str) -> Floats:
    """A column as numbers, NaN where it is null."""
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _stored(
    table: pa.Table, base: KnowledgeBase, name: str, source: Source, order: NDArray[np.int64]
) -> tuple[Floats | None, Floats]:
    """Values and errors from columns of the base; None where they have to be measured."""
    if source == "redshift":
        value = numbers(table, REDSHIFT)[order]
        return value, np.where(np.isfinite(value), 0.0, np.nan)
    columns = stored_columns(base, name, source)
    if not columns:
        return None, np.zeros(0)
    value = numbers(table, columns[0])[order]
    if source == "measured" and not np.isfinite(value).any():
        return None, np.zeros(0)
    error = numbers(table, columns[1])[order] if len(columns) > 1 else np.zeros(len(value))
    # Catalogs write negative errors for what was not fitted.
    return value, np.where(np.isfinite(error) & (error > 0), error, 0.0)


def _within_limits(found: ColumnValues, domain: Domain) -> ColumnValues:
    """The same, unknown at the limits of the quantity."""
    limits = domain.quantities.get(found.name)
    known = np.isfinite(found.value)
    if limits is not None and found.source == "catalog":
        known &= (limits.low is None) | (found.value > (limits.low if limits.low is not None else 0))
        known &= (limits.high is None) | (found.value < (limits.high if limits.high is not None else 0))
    value, error = np.where(known, found.value, np.nan), np.where(known, found.error, np.nan)
    return ColumnValues(found.name, found.source, found.unit, value, error)


def _order(ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    place: Mapping[str, int] = {name: i for i, name in enumerate(ids)}
    return np.array([place[str(name)] for name in wanted], dtype=np.int64)
