"""Results of fits as columns of a base: what each is called there, its unit, and how a table of them is read.

Names of a base have no dots and are in lower case: `bayes.log_mass` of a table is `bayes_log_mass` in a base, and what
might be called as another column is, has `sed_` before it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.errors import CatalogError
from spectrove.sed.band_columns import ERROR, FLUX, MODEL, PIVOT, RESIDUAL
from spectrove.sed.carried import IDS, POSITION
from spectrove.sed.joined_names import KIND
from spectrove.sed.photometry import ID, columns_of, numbers_of
from spectrove.sed.posterior import UNITS

#: Columns by which a table is known to be one of fits.
MARKS = frozenset({ID, "bayes.log_mass", "bayes.log_mass_err", "chi2", "n_bands", "error_floor", "flags"})

#: What a fit says of itself, and its name in a base.
OWN = {
    "redshift": "sed_redshift", "chi2": "sed_chi2", "n_bands": "sed_n_bands", "n_limits": "sed_n_limits",
    "error_floor": "sed_error_floor", "n_effective": "sed_n_effective", "widening": "sed_widening",
    "flags": "sed_flags",
}  # fmt: skip
WHOLE = ("n_bands", "n_limits")
#: In words, from the header: what was fitted.
MODELS = "sed_models"
#: Beginnings of names in a base, by those in a table: of quantities, and of bands.
QUANTITIES = {"bayes.": "bayes_", "best.": "best_"}
OF_BANDS = {FLUX: "sed_flux_", MODEL: "sed_model_", RESIDUAL: "sed_residual_"}
BAND_UNITS = {FLUX: "mJy", MODEL: "mJy", RESIDUAL: ""}

#: A column of remarks, which is no label.
REMARK = {"remark": "yes"}


@dataclass(frozen=True)
class Results:
    """A table of fits, as columns of a base.

    Attributes:
        keys: Ids and positions of its rows, by which they find objects: `object_id`, and others that are there.
        columns: By name in a base, a value for each row.
        details: What is worth knowing of each, by name: `column` of the table, `unit`, of a band `band` and `pivot`.
        states_units: Whether the table states a unit of any of them.
    """

    keys: Mapping[str, pa.Array]
    columns: Mapping[str, pa.Array]
    details: Mapping[str, Mapping[str, str]]
    states_units: bool

    def __len__(self) -> int:
        return len(self.keys["object_id"])


def band_name(label: str) -> str:
    """A band as part of the name of a column: "subaru_suprime_r_plus" of "subaru.suprime.r+"."""
    spelled = label.lower().replace("+", "_plus").replace("*", "_star")
    return re.sub(r"\W+", "_", spelled).strip("_")


def are_results(path: Path) -> bool:
    """Whether a file is a table of fits."""
    try:
        return set(columns_of(path)) >= MARKS
    except CatalogError:
        return False


def read_results(path: Path) -> Results:
    """A table that `sed fit` wrote.

    Raises:
        CatalogError: It is none; a value is no number; a unit is another than fits have; two bands have one name.
    """
    table = columns_of(path)
    if lacking := sorted(MARKS - set(table)):
        raise CatalogError(
            f"{path}: no column {lacking[0]}, expected a table that sed fit wrote. Columns of another table are "
            "joined by their names."
        )
    stated = _units(path, table)
    columns: dict[str, pa.Array] = {}
    details: dict[str, dict[str, str]] = {}
    for name in table:
        called, about = _called(name)
        if not called:
            continue
        if called in columns:
            other = details[called]["column"]
            raise CatalogError(
                f"{path}: columns {other} and {name} would both be {called} in a base. Rename one of the two bands and "
                "fit again."
            )
        _check_unit(path, name, stated.get(name, ""), about["unit"])
        columns[called] = _values(path, table, name)
        details[called] = {"column": name, **{k: v for k, v in about.items() if v}, **KIND}
        if "band" in about and f"{PIVOT}{about['band']}" in table:
            details[called]["pivot"] = _pivot(path, table, about["band"])
    details["sed_flags"] |= REMARK
    said = _models(path)
    columns[MODELS] = pa.array([said or None] * len(columns["sed_flags"]), pa.string())
    details[MODELS] = {"column": "", **KIND, **REMARK}
    return Results(_keys(table), columns, details, any(stated.get(d["column"]) for d in details.values()))


def _called(name: str) -> tuple[str, dict[str, str]]:
    """The name of a column in a base, "" if it is none there, and what is known of it."""
    if name in OWN:
        return OWN[name], {"unit": ""}
    for begin, ours in QUANTITIES.items():
        if name.startswith(begin):
            quantity = name.removeprefix(begin)
            bare = re.sub(r"_(err|low|high)$", "", quantity) if begin == "bayes." else quantity
            return f"{ours}{band_name(quantity)}", {"unit": UNITS.get(bare, ("", ""))[0]}
    for begin, ours in OF_BANDS.items():
        if name.startswith(begin):
            label = name.removeprefix(begin)
            end = ERROR if begin == FLUX and label.endswith(ERROR) else ""
            label = label.removesuffix(end)
            return f"{ours}{band_name(label)}{end}", {"unit": BAND_UNITS[begin], "band": label}
    return "", {}


def _values(path: Path, table: Mapping[str, Any], name: str) -> pa.Array:
    if name == "flags":
        said = [_text(value) for value in np.ma.asarray(table[name]).tolist()]
        return pa.array(said, pa.string())
    values = _numbers(path, table, name)
    known = np.isfinite(values)
    if name in WHOLE:
        return pa.array(np.where(known, values, 0).astype(np.int64), mask=~known)
    return pa.array(values, mask=~known)


def _numbers(path: Path, table: Mapping[str, Any], name: str) -> np.ndarray:
    wrong: dict[int, str] = {}
    values = numbers_of(table[name], name, wrong)
    if wrong:
        row, why = next(iter(wrong.items()))
        raise CatalogError(f"{path}: row {row + 1}: {why} Write the table again with sed fit.")
    return values


def _pivot(path: Path, table: Mapping[str, Any], label: str) -> str:
    values = _numbers(path, table, f"{PIVOT}{label}")
    known = values[np.isfinite(values)]
    return f"{known[0]:g}" if known.size else ""


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode()
    text = "" if value is None else str(value).strip()
    return None if text in ("", "--", "nan", "None") else text


def _keys(table: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Ids as text and positions as numbers."""
    named = "object_id" if "object_id" in table else ID
    keys = {"object_id": pa.array([_text(v) for v in np.ma.asarray(table[named]).tolist()], pa.string())}
    for name in IDS:
        if name in table and name != "object_id":
            keys[name] = pa.array([_text(v) for v in np.ma.asarray(table[name]).tolist()], pa.string())
    if all(name in table for name in POSITION):
        for name in POSITION:
            values = numbers_of(table[name], name, {})
            keys[name] = pa.array(values, mask=~np.isfinite(values))
    return keys


def _units(path: Path, table: Mapping[str, Any]) -> dict[str, str]:
    """The units that a table states, by column."""
    if path.suffix.lower() == ".parquet":
        import pyarrow.parquet as pq

        schema = pq.read_schema(path)
        return {f.name: (f.metadata or {}).get(b"unit", b"").decode() for f in schema}
    return {
        name: str(unit)
        for name, one in table.items()
        if (unit := getattr(one, "unit", None)) not in (None, "")
    }


def _check_unit(path: Path, name: str, stated: str, ours: str) -> None:
    """Refuse a column whose unit is stated and not that of fits."""
    from astropy import units as u

    if not stated or stated == ours:
        return
    try:
        if u.Unit(stated) == u.Unit(ours):
            return
    except (ValueError, TypeError):
        pass
    raise CatalogError(
        f"{path}: column {name} is in {stated}, and sed fit writes it in {ours or 'no unit'}. Convert it back, or "
        "write the table again."
    )


def _models(path: Path) -> str:
    """What was fitted, from the header: populations, initial mass function, attenuation, history."""
    header = {name.lower(): value for name, value in header_of(path).items()}
    words = [header.get("ssp", ""), f"{header['imf']} IMF" if header.get("imf") else "", header.get("law", ""),
             f"history {header['sfh']}" if header.get("sfh") else ""]  # fmt: skip
    return ", ".join(word for word in words if word)


def header_of(path: Path) -> dict[str, str]:
    """What the header of a table says; nothing of a .csv file."""
    from astropy.table import Table

    kind = path.suffix.lower()
    if kind == ".parquet":
        import pyarrow.parquet as pq

        return {k.decode(): v.decode() for k, v in (pq.read_schema(path).metadata or {}).items()}
    if kind in (".fits", ".ecsv", ".vot", ".votable", ".xml"):
        return {str(k): str(v) for k, v in Table.read(path).meta.items()}
    return {}
