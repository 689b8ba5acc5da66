"""Quantities of a base: columns that can be estimated, and columns of their errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Domain, Quantity
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase

#: Numeric columns of every kind of light that describe the observation, not the object.
ADMINISTRATION = frozenset(
    {"ra", "dec", "mjd", "row", "zwarning", "healpix29", "n_pixels", "wave_min", "wave_max"}
)

#: Fraction of the errors of a column that do not exceed the one taken where none is given: on the safe side.
TYPICAL = 0.84


def quantity_of(base: KnowledgeBase, name: str, domain: Domain) -> Quantity:
    """The quantity of a numeric column of the base.

    Raises:
        KnowledgeError: The column is missing, has no numbers or only equal ones, is the redshift, or describes
            the observation.
    """
    if name == "z":
        raise KnowledgeError(
            "z: vectors depend on the redshift, so neighbours cannot give it. Use pipeline.redshift."
        )
    table = base.rows(None, [])
    found = "there is no such column"
    if name in ADMINISTRATION | domain.administration:
        found = "it describes the observation, not the object"
    elif name in base.columns:
        column = base.rows(None, [name]).column(name)
        if numeric(column.type):
            values = [v for v in column.to_pylist() if v is not None and v == v]
            if len(set(values)) > 1:
                noted = base.column_notes().get(name, {}).get("unit", "")
                return domain.quantities.get(name) or Quantity(name, noted)
            found = "no object has a value" if not values else f"all {len(values)} values are {values[0]:g}"
        else:
            found = f"it holds no numbers ({column.type})"
    known = ", ".join(numeric_columns(base, domain)) or "none"
    raise KnowledgeError(
        f"{base.path}: {name!r} cannot be estimated ({found}; {table.num_rows} objects). Numeric columns: {known}. "
        "Name one of these, or add values with kb label."
    )


def numeric_columns(base: KnowledgeBase, domain: Domain) -> list[str]:
    """Columns with at least one number, without those that describe the observation."""
    table = base.rows()
    left_out = ADMINISTRATION | domain.administration
    return [
        name
        for name in table.column_names
        if name not in left_out
        and numeric(table.column(name).type)
        and table.column(name).null_count < table.num_rows
    ]


def error_column(name: str, columns: Sequence[str]) -> str | None:
    """Column of the one-sigma errors of a quantity: NAME_err, or LINE_err for LINE_flux; None if there is none."""
    candidates = [f"{name}_err", f"{name.removesuffix('_flux')}_err"]
    return next((c for c in candidates if c != name and c in columns), None)


def filled_errors(error: NDArray) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Errors with an estimate where none is given, and where that is.

    An error that is missing or not above 0 is unknown, not none: it is taken as the one that `TYPICAL` of the given
    errors do not exceed. Where no error is given at all, values are exact.

    Args:
        error: One sigma, (n_objects,), NaN where missing; of objects with a value.

    Returns:
        Errors, all finite, and whether each is such an estimate, (n_objects,) both.
    """
    error = np.asarray(error, dtype=float)
    given = np.isfinite(error) & (error > 0)
    if not given.any():
        return np.zeros(len(error)), np.zeros(len(error), bool)
    return np.where(given, error, np.quantile(error[given], TYPICAL)), ~given


def numeric(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))
