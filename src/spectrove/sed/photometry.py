"""Tables of photometry: CIGALE's form and published ones, from text, FITS, VOTable, ECSV or Parquet."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u
from numpy.typing import NDArray

from spectrove.errors import CatalogError, Refusal
from spectrove.sed.bands import BANDS
from spectrove.sed.carried import Carried, carried
from spectrove.sed.layouts import ERROR, LAYOUTS, Layout
from spectrove.sed.likelihood import Photometry

Array = NDArray[np.float64]

#: A magnitude of 1 mJy.
AB_OF_MILLIJANSKY = 16.4

#: Names of columns in CIGALE's form.
ID, REDSHIFT = "id", "redshift"

#: Fewest measured bands of a fit.
FEWEST = 3

TEXT = (".txt", ".dat", ".csv", ".tsv")


#: Fluxes that stand for what is missing in older tables, and magnitudes that none can have.
CODES = (-99.0, -99.9, -999.0, -999.9, -9999.0)
NO_MAGNITUDE = 90.0


@dataclass(frozen=True)
class Galaxies:
    """Photometry of many galaxies.

    Attributes:
        names: Of the objects, (n,).
        z: (n,), NaN where unknown.
        bands: Labels, (n_bands,).
        flux: mJy, NaN where missing, (n, n_bands).
        error: One sigma, mJy; negative for upper limits, (n, n_bands).
        unit: What the table has, in words.
        ignored: Columns that are no photometry.
        refused: Why a row cannot be used, by its place.
        doubtful: Why its redshift cannot be, likewise; it is found in the photometry then.
        carried: Positions and ids of rows.
    """

    names: Sequence[str]
    z: Array
    bands: tuple[str, ...]
    flux: Array
    error: Array
    unit: str
    ignored: tuple[str, ...]
    refused: dict[int, str]
    doubtful: dict[int, str] = field(default_factory=dict)
    carried: Carried = field(default_factory=Carried)

    def __len__(self) -> int:
        return len(self.names)

    def rows(self, *, free_redshift: bool = False) -> Iterator[Photometry | Refusal]:
        """Each row as a galaxy, or why it cannot be fitted.

        Args:
            free_redshift: Do not ask for redshifts, nor whether they are secure.
        """
        for i, name in enumerate(self.names):
            own = {key: values[i] for key, values in self.carried.values.items()}
            one = Photometry(name, float(self.z[i]), self.flux[i], self.error[i], own)
            doubt = None if free_redshift else self.doubtful.get(i)
            reason = self.refused.get(i) or doubt or _fault(one, self.bands, free_redshift=free_redshift)
            yield Refusal(name, f"{name}: {reason}") if reason else one


def _fault(one: Photometry, bands: Sequence[str], *, free_redshift: bool) -> str:
    """Why a galaxy cannot be fitted; "" if it can."""
    wrong = np.isinf(one.flux) | np.isinf(one.error) | (np.isfinite(one.flux) & ~np.isfinite(one.error))
    if wrong.any():
        i = int(np.flatnonzero(wrong)[0])
        return (
            f"{bands[i]} is {one.flux[i]:g} with an error of {one.error[i]:g}, expected two numbers, or "
            f"nan for both."
        )
    if (zero := np.isfinite(one.flux) & (one.error == 0)).any():
        return (
            f"the error of {bands[int(np.flatnonzero(zero)[0])]} is 0, expected one above 0, or below "
            f"for an upper limit."
        )
    if (count := int(one.measured.sum())) < FEWEST:
        return f"{count} bands are measured, a fit needs {FEWEST}."
    if not free_redshift and not one.z > 0:
        known = (
            "it has no redshift" if np.isnan(one.z) else f"its redshift is {one.z:g}, expected one above 0"
        )
        return f"{known}. Give it one, or find it by --free-redshift LOW:HIGH."
    return ""


def read_photometry(path: Path | str, unit: str | None = None) -> Galaxies:
    """The photometry of a table.

    A table is of CIGALE's form (`id redshift BAND BAND_err ...`; nan for what is missing, an error below 0 for an upper
    limit) or one of `LAYOUTS`. Units are those of `unit`, of the columns, or of a layout; a text table of CIGALE's form
    without either is in mJy, which is what that form means.

    Args:
        path: .txt .dat .csv .tsv (also .gz), .fits, .vot, .xml, .ecsv or .parquet.
        unit: Of all fluxes: "mJy", "uJy" or another of flux per frequency, or "AB" for magnitudes.

    Raises:
        CatalogError: The table cannot be read, has no bands, or its unit is not known.
    """
    path = Path(path)
    table = columns_of(path)
    layout = next((one for one in LAYOUTS if one.columns <= set(table)), None)
    if layout is not None:
        return _of_layout(table, layout, unit)
    return _of_cigale(path, table, unit)


def columns_of(path: Path) -> dict[str, Any]:
    """Columns by name; text as it is."""
    from astropy.io.registry import IORegistryError
    from astropy.table import Table

    suffixes = [s.lower() for s in path.suffixes]
    kind = suffixes[-2] if suffixes[-1:] == [".gz"] and len(suffixes) > 1 else (suffixes or [""])[-1]
    try:
        if kind in TEXT:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            lines = [line for line in raw.decode("utf-8").splitlines() if line.strip()]
            return _of_text(path, lines)
        if kind == ".parquet":
            import pyarrow.parquet as pq

            read = pq.read_table(path)
            return {name: read.column(name).to_numpy() for name in read.column_names}
        named = {"use_names_over_ids": True} if kind in (".vot", ".votable", ".xml") else {}
        found = Table.read(path, **named)
        return {name: found[name] for name in found.colnames}
    except (OSError, EOFError, ValueError, IndexError, TypeError, IORegistryError, csv.Error) as error:
        why = str(error).partition("\n")[0]
        raise CatalogError(f"{path}: cannot be read as a table ({why}). Expected .txt, .csv (also .gz), "
            f".fits, .vot, .ecsv or "
                           ".parquet.") from error  # fmt: skip


def _of_text(path: Path, lines: list[str]) -> dict[str, Any]:
    """Columns of text with a header, which may begin with #; separated by commas or white space."""
    if not lines:
        raise ValueError("it is empty")
    comma = "," in lines[0]
    kept = [line for line in lines if line is lines[0] or line[0] != "#"]
    kept[0] = kept[0].lstrip("# ")
    split = [[word.strip() for word in row] for row in (csv.reader(kept) if comma else map(str.split, kept))]
    names = split[0]
    if len(set(names)) < len(names):
        raise ValueError(f"the column {next(n for n in names if names.count(n) > 1)} is there twice")
    for number, row in enumerate(split[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"row {number - 1} has {len(row)} values for {len(names)} columns")
    return {name: np.array([row[i] for row in split[1:]], dtype=str) for i, name in enumerate(names)}


def numbers_of(column: Any, name: str, refused: dict[int, str]) -> Array:
    """A column as numbers; what is no number is noted as why its row is refused."""
    values = (
        np.ma.filled(np.ma.asarray(column).astype(object), np.nan)
        if np.ma.isMaskedArray(column)
        else np.asarray(column)
    )
    if values.dtype.kind in "fiu":
        return values.astype(float)
    made = np.full(len(values), np.nan)
    for i, word in enumerate(values):
        text = str(word.decode() if isinstance(word, bytes) else word).strip()
        if text.lower() in ("", "nan", "none", "null", "--"):
            continue
        try:
            made[i] = float(text)
        except ValueError:
            refused.setdefault(i, f"{name} is {text!r}, expected a number.")
    return made


def _names(column: Any) -> list[str]:
    return [
        str(word.decode() if isinstance(word, bytes) else word).strip()
        for word in np.ma.asarray(column).tolist()
    ]


def _of_layout(table: dict[str, Any], layout: Layout, unit: str | None) -> Galaxies:
    if unit not in (None, layout.unit):
        raise CatalogError(
            f"unit {unit}: this is the table {layout.name}, whose unit is {layout.unit}. Leave --unit out."
        )
    refused: dict[int, str] = {}
    names, z = _names(table[layout.object_id]), numbers_of(table[layout.redshift], layout.redshift, refused)
    value = np.stack([numbers_of(table[c], c, refused) for c, _ in layout.bands.values()], 1)
    error = np.stack([numbers_of(table[c], c, refused) for _, c in layout.bands.values()], 1)
    missing = (value <= layout.missing) | (error <= layout.missing)
    value[missing], error[missing] = np.nan, np.nan
    doubtful: dict[int, str] = {}
    if layout.quality:
        classes = numbers_of(table[layout.quality], layout.quality, refused)
        for i in np.flatnonzero(~np.isin(np.floor(classes), layout.secure)):
            doubtful.setdefault(
                int(i), f"its redshift is not secure (class {classes[i]:g} of {layout.name})."
            )
    for i in np.flatnonzero(z < layout.galaxies):
        doubtful.setdefault(int(i), f"its redshift is {z[i]:g}: a star, or unknown.")
    flux, error = _to_mjy(value, error, layout.unit)
    known = carried(table, layout.position)
    used = layout.columns | known.columns
    return Galaxies(names, z, tuple(layout.bands), flux, error, f"{layout.unit}, as {layout.name} is published",
                    tuple(n for n in table if n not in used), refused, doubtful, known)  # fmt: skip


def _of_cigale(path: Path, table: dict[str, Any], unit: str | None) -> Galaxies:
    for name in (ID, REDSHIFT):
        if name not in table:
            raise CatalogError(f"{path}: no column {name}, expected id, redshift, and a column and a "
                f"column_err for each band. "
                               f"Columns are {', '.join(list(table)[:12])}.")  # fmt: skip
    bands = [n for n in table if f"{n}{ERROR}" in table and not n.startswith("line.")]
    alone = [n for n in table if n in BANDS and n not in bands]
    if alone:
        raise CatalogError(
            f"{path}: the band {alone[0]} has no errors, expected a column {alone[0]}{ERROR}. Add it."
        )
    if not bands:
        raise CatalogError(
            f"{path}: no column has its errors beside it, expected BAND and BAND{ERROR} for each band."
        )
    refused: dict[int, str] = {}
    stated = [_stated(path, table, n, unit) for n in bands]
    names, z = _names(table[ID]), numbers_of(table[REDSHIFT], REDSHIFT, refused)
    flux, error = np.empty((len(names), len(bands))), np.empty((len(names), len(bands)))
    for i, (name, one) in enumerate(zip(bands, stated, strict=True)):
        value, sigma = (
            numbers_of(table[name], name, refused),
            numbers_of(table[f"{name}{ERROR}"], f"{name}{ERROR}", refused),
        )
        value[_is_code(value, sigma, one)] = np.nan
        sigma[np.isnan(value)] = np.nan
        flux[:, i], error[:, i] = _to_mjy(value, sigma, one)
    for i in [i for i, name in enumerate(names) if not name]:
        refused.setdefault(i, f"row {i + 1} has no id.")
    known = carried(table)
    used = {ID, REDSHIFT, *bands, *(f"{n}{ERROR}" for n in bands), *known.columns}
    said = ", ".join(sorted(set(stated)))
    return Galaxies(names, z, tuple(bands), flux, error, said, tuple(n for n in table if n not in used), refused,
                    carried=known)  # fmt: skip


def _is_code(value: Array, error: Array, unit: str) -> NDArray[np.bool_]:
    """Whether a number stands for what is missing: `CODES`, and magnitudes or their errors that none can be."""
    if unit == "AB":
        return (abs(value) >= NO_MAGNITUDE) | (abs(error) >= NO_MAGNITUDE)
    return np.isin(value, CODES) | (np.isin(error, CODES) & (value <= 0))


def _stated(path: Path, table: dict[str, Any], name: str, unit: str | None) -> str:
    """The unit of a column: as given, or its own, or that of CIGALE's text tables."""
    own = getattr(table[name], "unit", None)
    own = str(own) if own not in (None, "") else None
    if unit is not None and own is not None and not _same(own, unit):
        raise CatalogError(
            f"{path}: the column {name} says {own}, --unit says {unit}. Leave --unit out, or correct the table."
        )
    given = unit or own
    if given is None:
        if isinstance(table[name], np.ndarray) and table[name].dtype.kind == "U":
            return "mJy"
        raise CatalogError(f"{path}: the column {name} has no unit. Say it with --unit: mJy, uJy, Jy or AB.")
    if given in ("AB", "mag(AB)"):
        return "AB"
    try:
        u.Unit(given).to("mJy")
    except (ValueError, u.UnitConversionError) as error:
        raise CatalogError(f"{path}: the column {name} is in {given}, expected a flux per frequency such as "
            f"mJy, or AB magnitudes "
                           "(--unit AB).") from error  # fmt: skip
    return given


def _same(own: str, given: str) -> bool:
    """Whether two units are one: a magnitude may be called AB, mag(AB) or mag where AB is given."""
    if given == "AB":
        return own in ("AB", "mag(AB)", "mag", "ABmag")
    try:
        return bool(u.Unit(own) == u.Unit(given))
    except ValueError:
        return own == given


def _to_mjy(value: Array, error: Array, unit: str) -> tuple[Array, Array]:
    """Fluxes and errors in mJy. Errors of magnitudes below 0 are those of upper limits, as those of fluxes."""
    if unit != "AB":
        factor = float(u.Unit(unit).to("mJy"))
        return value * factor, error * factor
    flux = 10 ** (-0.4 * (value - AB_OF_MILLIJANSKY))
    return flux, flux * error * 0.4 * np.log(10)
