"""Values of quantities for the objects of a base, with errors, wherever they come from.

A name is looked for in three places, in this order: a column of the base that somebody joined (a catalog's), a column
of what Spectrove measured and stored (`measured_NAME`), and a measurement that is made now and kept with the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Domain
from spectrove.errors import KnowledgeError, did_you_mean
from spectrove.inference.numbers.quantities import (
    ADMINISTRATION,
    TYPICAL,
    error_column,
    filled_errors,
    numeric,
)
from spectrove.knowledge import KnowledgeBase

#: Before the names of measurements that are stored in a base.
MEASURED = "measured_"

#: The redshift, which a spectrum comes with.
REDSHIFT = "z"

Floats = NDArray[np.float64]

_NONE = np.zeros(0)
_NOWHERE = np.zeros(0, bool)

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
        error: One sigma, same shape; 0 where no object has one, NaN where the value is unknown.
        column: Where the values stand: a column of the base, or "measured NAME".
        error_column: Where the errors stand, likewise; "" if there are none.
        estimated: Where no error is given, and one is taken from the other objects, see `filled_errors`; same shape.
    """

    name: str
    source: Source
    unit: str
    value: Floats
    error: Floats
    column: str = ""
    error_column: str = ""
    estimated: NDArray[np.bool_] = field(default_factory=lambda: _NOWHERE)

    @classmethod
    def unknown(cls, name: str, source: Source, unit: str, n: int) -> ColumnValues:
        """A quantity that nothing gives for n objects."""
        nothing = np.full(n, np.nan)
        return cls(name, source, unit, nothing, nothing, estimated=np.zeros(n, bool))

    @property
    def given_error(self) -> Floats:
        """Errors as they stand somewhere, NaN where there is none, (n_objects,)."""
        return np.where((self.error > 0) & ~self.estimated, self.error, np.nan)

    @property
    def error_note(self) -> str:
        """What is assumed of errors that are not given, a sentence; "" if nothing is."""
        there = np.isfinite(self.value)
        n = int(self.estimated[there].sum())
        if there.any() and not (self.error[there] > 0).any():
            return f"{self.name} has no errors and is taken as exact"
        if self.source == "catalog" and self.error_column.startswith("measured"):
            rest = f"; {n} have none and are given {self._filled}" if n else ""
            return f"{self.name}: the catalog gives no errors, those of its measurement are used{rest}"
        if not n:
            return ""
        return f"{self.name} has no error for {n} of {there.sum()} objects, which are given {self._filled}"

    @property
    def _filled(self) -> str:
        size = float(self.error[self.estimated & np.isfinite(self.value)][0])
        return f"{size:.3g}, which {TYPICAL:.0%} of the others do not exceed"

    def take(self, places: NDArray[np.int64] | Sequence[int]) -> ColumnValues:
        """Some of the objects."""
        return replace(
            self, value=self.value[places], error=self.error[places], estimated=self.estimated[places]
        )


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
    sources = {name: source_of(base, name, domain) for name in names}
    return values_from(base, sources, domain, object_id, progress)


def values_from(
    base: KnowledgeBase,
    sources: Mapping[str, Source],
    domain: Domain,
    object_id: Sequence[str] | None = None,
    progress: Callable[[int], None] | None = None,
    own_errors: bool = False,
) -> dict[str, ColumnValues]:
    """As `quantity_values`, of quantities whose sources are known.

    A number at a limit of the quantity or with an error below 0, and a flux or equivalent width with an error not above
    0, is unknown: catalogs write so what was not fitted. Where other numbers lack an error that the rest of the column
    has, it is estimated from these, see `quantities.filled_errors`.

    Args:
        base, domain, object_id, progress: As there.
        sources: Of each quantity; a catalog without one good value gives way to a measurement.
        own_errors: Give the values of a catalog's column without errors those of the same measurement in the spectra.
    """
    ids = base.rows(None, []).column("object_id").to_pylist()
    order = np.arange(len(ids)) if object_id is None else _order(ids, object_id)
    wanted = [ids[i] for i in order.tolist()]
    made: list[pa.Table] = []

    def measured() -> pa.Table:
        if not made:
            assert domain.measurer is not None
            made.append(domain.measurer.of_base(base, wanted, progress))
        return made[0]

    columns = {}
    for name, source in sources.items():
        found = _found(base, name, source, domain, order, measured)
        if own_errors and found.source == "catalog" and not found.error_column:
            found = _with_own_errors(base, found, domain, order, measured)
        columns[name] = found
    return columns


def known_source(base: KnowledgeBase, name: str, domain: Domain) -> Source | None:
    """Where the values of a quantity are from, whatever it describes; None if nothing gives it."""
    if name == REDSHIFT:
        return "redshift"
    known = base.columns
    if not name.startswith(MEASURED) and name in known:
        column = base.rows(None, [name]).column(name)
        if numeric(column.type) and column.null_count < len(column):
            return "catalog"
    stored = f"{MEASURED}{measure_name(name)}" in known
    return "measured" if stored or measure_name(name) in measures(domain) else None


def source_of(base: KnowledgeBase, name: str, domain: Domain) -> Source:
    """Where the values of a quantity are from.

    Raises:
        KnowledgeError: It is neither a numeric column with values nor a measurement.
    """
    source = known_source(base, name, domain)
    if source == "redshift" or (source == "catalog" and name not in ADMINISTRATION | domain.administration):
        return source
    if measure_name(name) in measures(domain):
        return "measured"
    known = base.columns
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


def numbers(table: pa.Table, name: str) -> Floats:
    """A column as numbers, NaN where it is null."""
    return np.asarray(table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)


def _found(
    base: KnowledgeBase,
    name: str,
    source: Source,
    domain: Domain,
    order: NDArray[np.int64],
    measured: Callable[[], pa.Table],
) -> ColumnValues:
    """The first of the catalog's column, the stored and the present measurement that has a good value."""
    stored = f"{MEASURED}{measure_name(name)}"
    places: list[tuple[str, Source]] = [(stored, "measured")] if source != "redshift" else []
    if source != "measured":
        places = [(name, source), *places]
    found: ColumnValues | None = None
    for column, kind in places:
        if column in base.columns and numeric(base.rows(None, [column]).column(column).type):
            errors = error_column(column, base.columns)
            table = base.rows(None, [column, *([errors] if errors else [])]).take(order)
            found = _sound(table, column, errors, ColumnValues(name, kind, "", _NONE, _NONE, column), domain)
            if np.isfinite(found.value).any():
                return found
    if source != "redshift" and (measure := measure_name(name)) in measures(domain):
        about = ColumnValues(name, "measured", "", _NONE, _NONE, f"measured {measure}")
        return _sound(measured(), measure, f"{measure}_err", about, domain)
    return found or ColumnValues.unknown(name, source, unit_of(name, domain), len(order))


def _sound(
    table: pa.Table, column: str, errors: str | None, about: ColumnValues, domain: Domain
) -> ColumnValues:
    """Columns of a table as values and errors, unknown where they cannot be trusted, see `values_from`."""
    value = numbers(table, column)
    error = numbers(table, errors) if errors else np.zeros(len(value))
    limits = domain.quantities.get(about.name)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(value) & ~(error < 0)
        if limits is not None and limits.low is not None:
            known &= value > limits.low
        if limits is not None and limits.high is not None:
            known &= value < limits.high
        if errors and measure_name(about.name).endswith(("_flux", "_ew")):
            known &= error > 0
    return _with_errors(replace(about, value=np.where(known, value, np.nan)), error, errors or "", domain)


def _with_errors(about: ColumnValues, error: Floats, column: str, domain: Domain) -> ColumnValues:
    """Values with errors that may be missing; what is then taken is marked."""
    known = np.isfinite(about.value)
    filled, estimated = np.full(len(known), np.nan), np.zeros(len(known), bool)
    filled[known], estimated[known] = filled_errors(error[known])
    unit = unit_of(about.name, domain)
    return replace(about, unit=unit, error=filled, error_column=column, estimated=estimated)


def _with_own_errors(
    base: KnowledgeBase,
    found: ColumnValues,
    domain: Domain,
    order: NDArray[np.int64],
    measured: Callable[[], pa.Table],
) -> ColumnValues:
    """Values of a catalog with the errors of the measurement of the same quantity, where there are any."""
    stored = f"{MEASURED}{found.name}_err"
    if stored in base.columns:
        error, column = numbers(base.rows(None, [stored]).take(order), stored), stored
    elif found.name in measures(domain):
        error, column = numbers(measured(), f"{found.name}_err"), f"measured {found.name}_err"
    else:
        return found
    with np.errstate(invalid="ignore"):
        good = np.isfinite(found.value) & (error > 0)
    if not good.any():
        return found
    return _with_errors(found, np.where(good, error, np.nan), column, domain)


def _order(ids: Sequence[str], wanted: Sequence[str]) -> NDArray[np.int64]:
    place: Mapping[str, int] = {name: i for i, name in enumerate(ids)}
    return np.array([place[str(name)] for name in wanted], dtype=np.int64)
