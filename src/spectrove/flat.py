"""Answers as flat rows: one value in each column, for tables and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Row = Mapping[str, Any]

#: Columns of numbers, which keep their type if every value is unknown.
NUMBERS = ("z", "probability", "interval_", "distance_", "weight_", "p_", "redshifts_")


def flat_table(rows: Sequence[Row]) -> pa.Table:
    """A row per answer without nested values: interval_low, p_CLASS, neighbor_1, flags joined by ";"."""
    import pyarrow as pa

    flat = [flat_row(row) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    return pa.table({name: _column(name, [row.get(name) for row in flat]) for name in names})


def flat_row(row: Row) -> dict[str, Any]:
    """One answer without nested values."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "interval":
            flat |= dict(zip(("interval_low", "interval_high"), value or (None, None), strict=True))
        elif name == "estimates":
            for quantity, one in value.items():
                flat |= _estimate(quantity, one)
        elif name == "covariance":
            flat |= _covariance(list(row["estimates"]), value)
        elif name == "samples":
            flat[name] = Vector(value)
        elif name == "probabilities":
            flat |= {f"p_{key}": p for key, p in value.items()}
        elif name == "witnesses":
            flat |= {f"p_{key}_by_{who}": p for who, said in (value or {}).items() for key, p in said.items()}
        elif name == "neighbors":
            for i, neighbor in enumerate(value, 1):
                flat |= {_neighbor_column(key, i): v for key, v in neighbor.items()}
        elif isinstance(value, list | tuple) and value and isinstance(value[0], Mapping):
            for i, item in enumerate(value, 1):
                flat |= {f"{name}_{key}_{i}": _joined(v) for key, v in item.items()}
        elif isinstance(value, list | tuple):
            flat[name] = ";".join(map(str, value))
        elif isinstance(value, Mapping):
            flat |= {f"{name}_{key}": v for key, v in value.items()}
        else:
            flat[name] = value
    return flat


def _estimate(quantity: str, one: Row) -> dict[str, Any]:
    """One of several quantities: teff, teff_low, teff_high, teff_confident and teff_samples; not its neighbours."""
    low, high = one["interval"] or (None, None)
    flat = {
        quantity: one["value"], f"{quantity}_low": low, f"{quantity}_high": high,
        f"{quantity}_confident": one["confident"],
    }  # fmt: skip
    return flat | ({f"{quantity}_samples": Vector(one["samples"])} if one.get("samples") else {})


def _covariance(names: list[str], values: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The covariance of any two quantities: covariance_teff_logg; the variance of one is covariance_teff_teff."""
    return {
        f"covariance_{a}_{b}": values[i][j]
        for i, a in enumerate(names)
        for j, b in enumerate(names)
        if i <= j
    }


class Vector(tuple[float, ...]):
    """Numbers that stay together in one column."""

    __slots__ = ()


def matrix(vectors: Sequence[Sequence[float] | None]) -> NDArray[np.float64]:
    """Vectors as rows, NaN where one ends before others or is unknown; (n, longest)."""
    import numpy as np

    made = np.full((len(vectors), max((len(v or ()) for v in vectors), default=0)), np.nan)
    for row, vector in zip(made, vectors, strict=True):
        row[: len(vector or ())] = vector or ()
    return made


def _joined(value: Any) -> Any:
    """A list as text; for items with a name, their names."""
    if not isinstance(value, list | tuple):
        return value
    return ";".join(str(v["name"] if isinstance(v, Mapping) else v) for v in value)


def _neighbor_column(key: str, i: int) -> str:
    return f"neighbor_{i}" if key == "object_id" else f"{key}_{i}"


def _column(name: str, values: list[Any]) -> pa.Array:
    import pyarrow as pa

    known = [value for value in values if value is not None]
    if known and all(isinstance(value, Vector) for value in known):
        return pa.array(values, pa.list_(pa.float64()))
    if not known:
        return pa.array(values, pa.float64() if name.startswith(NUMBERS) else pa.string())
    for kinds, arrow in ((bool, pa.bool_()), (int, pa.int64()), ((int, float), pa.float64())):
        if all(isinstance(value, kinds) for value in known) and (
            kinds is bool or not any(isinstance(value, bool) for value in known)
        ):
            return pa.array(values, arrow)
    return pa.array([None if value is None else str(value) for value in values], pa.string())
