"""ARF, RMF and RSP files as a `Response`: the matrix in all its compressed forms, several matrices, units of energies.

The layout is that of the memos CAL/GEN/92-002 and 92-002a. Files disagree with it in known ways (a TLMIN that does not
fit, a matrix called SPECRESP MATRIX that holds no area, channel numbers that were written as garbage), and what the
numbers themselves say decides.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, SpectroveError
from spectrove.readers.fitsfile import opened
from spectrove.xray.response import Response

Floats = NDArray[np.float64]

#: Most channels and energies of a CCD or grating; the channels of a calorimeter are more than a base stores.
MOST_CHANNELS, MOST_ENERGIES = 32767, 1 << 17

#: Probabilities that are counted in any channel add to 1; a sum above this is an area.
LARGEST_SUM = 2.0

#: Energies of two grids differ by less than this share of the highest.
SAME_GRID = 1e-3

_TO_KEV = {"kev": 1.0, "ev": 1e-3, "mev": 1e3}


@dataclass(frozen=True)
class Place:
    """A file, and the extension or row in brackets behind its name, "[2]" or "{3}"; "" where there is none."""

    path: Path
    part: str = ""


@dataclass(frozen=True)
class _Matrix:
    """One redistribution matrix: energy edges, keV, and the cells that are filled."""

    energy: Floats
    row: NDArray[np.int64]
    channel: NDArray[np.int64]
    value: Floats
    is_full: bool

    def sums(self) -> Floats:
        """Sum over the channels of each energy."""
        return np.bincount(self.row, weights=self.value, minlength=len(self.energy) - 1).astype(np.float64)


def is_response(hdus: Sequence[Any]) -> bool:
    """Whether a file holds a redistribution matrix."""
    return any(_is_matrix(hdu.header) for hdu in hdus if hasattr(hdu, "columns"))


@contextmanager
def sentence_of(label: str, keyword: str, path: Path) -> Iterator[None]:
    """Whatever fails inside a file that a spectrum names as a sentence about that file."""
    try:
        yield
    except SpectroveError:
        raise
    except Exception as error:  # a broken table fails in any way inside astropy
        said = " ".join(str(error).split())[:160]
        if column := re.search(r"Key '(\w+)' does not exist", said):
            raise FormatError(
                f"{label}: {keyword} {path.name} has no column {column[1]}, expected it. Make the file again."
            ) from error
        raise FormatError(
            f"{label}: {keyword} {path.name} is broken ({type(error).__name__}: {said}), expected FITS. Fetch it again."
        ) from error


def read_response(label: str, rmf: Place, arf: Place | None, order: int | None = None) -> Response:
    """The response of an RMF and, unless the matrix holds the area, an ARF.

    Args:
        label: The spectrum, for sentences.
        rmf: RMF or RSP.
        arf: ARF; None where the spectrum names none.
        order: Of a grating, where files hold several.

    Raises:
        FormatError: A file is none of these, broken, or does not fit the other.
    """

    with sentence_of(label, "RESPFILE", rmf.path), opened(rmf.path) as hdus:
        bounds = _one(hdus, "EBOUNDS", _is_bounds)
        matrices = _chosen(label, rmf, [hdu for hdu in _tables(hdus) if _is_matrix(hdu.header)], order)
        if not matrices or bounds is None:
            lacks = "EBOUNDS" if matrices else "MATRIX"
            _need_whole(label, "RESPFILE", rmf.path, hdus, lacks)
            raise FormatError(
                f"{label}: RESPFILE {rmf.path.name} has no {lacks} extension, expected an RMF. Name the RMF."
            )
        first, n_channels = _first_channel(bounds), len(bounds.data)
        _limited(label, rmf, "channels", n_channels, MOST_CHANNELS)
        low, high = (_energies(label, rmf, bounds, name) for name in ("E_MIN", "E_MAX"))
        read = [_read_matrix(label, rmf, hdu, first, n_channels) for hdu in matrices]
    matrix = _sum(label, rmf, read)
    area = _area_of(label, rmf, arf, matrix, order)
    return Response.of_cells(
        first, np.minimum(low, high), np.maximum(low, high), matrix.energy, area,
        (matrix.row, matrix.channel, matrix.value),
    )  # fmt: skip


# --- the matrix ---------------------------------------------------------------------------------------


def _read_matrix(label: str, rmf: Place, table: Any, first: int, n_channels: int) -> _Matrix:
    energy, order = _edges(label, rmf.path, table)
    _limited(label, rmf, "energies", len(order), MOST_ENERGIES)
    data = table.data
    groups = np.asarray(data["N_GRP"], np.int64)
    starts, of_start = _flat(data["F_CHAN"], groups)
    sizes, of_size = _flat(data["N_CHAN"], groups)
    totals = np.bincount(of_size, weights=sizes, minlength=len(groups)).astype(np.int64)
    if len(starts) != groups.sum() or len(sizes) != groups.sum() or (sizes < 0).any() or (groups < 0).any():
        raise FormatError(
            f"{label}: RMF {rmf.path.name} has {len(starts)} first channels and {len(sizes)} lengths in {groups.sum()} "
            "groups, expected one each of 0 or more channels. Make the RMF again."
        )
    filled = sizes > 0
    starts, sizes, of_start = starts[filled], sizes[filled], of_start[filled]
    least = _least(table, first, starts, sizes, n_channels)
    values, of_value = _flat(data["MATRIX"], totals)
    lacks = np.bincount(of_value, minlength=len(groups)) < totals
    outside = (starts < least) | (starts + sizes > n_channels + least)
    if outside.any() or lacks.any():
        i = int(of_start[np.argmax(outside)]) if outside.any() else int(np.argmax(lacks))
        span = starts[of_start == i].min(), (starts + sizes)[of_start == i].max() - 1
        raise FormatError(
            f"{label}: RMF {rmf.path.name}, energy {i + 1}: channels {span[0]} to {span[1]} with "
            f"{int((of_value == i).sum())} values do not fit its {n_channels} channels from {least}. Make the RMF "
            "again."
        )
    inside = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    values = _probabilities(label, rmf, values.astype(float))
    is_full = _class(table.header, 3) == "FULL"
    return _Matrix(energy, place[of_value], np.repeat(starts - least, sizes) + inside, values, is_full)


def _flat(column: Any, take: NDArray[np.int64]) -> tuple[NDArray, NDArray[np.int64]]:
    """The first `take` values of each row end to end, and the row of each, from scalars, vectors or lists."""
    rows = np.arange(len(take))
    array = column if isinstance(column, np.ndarray) and column.dtype != object else None
    if array is None:
        parts = [np.atleast_1d(np.asarray(values))[:n] for values, n in zip(column, take, strict=True)]
        lengths = np.array([len(part) for part in parts], np.int64)
        return np.concatenate([np.zeros(0, np.int64), *parts]), np.repeat(rows, lengths)
    array = np.asarray(array).reshape(len(take), -1)
    chosen = np.arange(array.shape[1])[None] < take[:, None]
    return array[chosen], np.repeat(rows, chosen.sum(axis=1))


def _least(table: Any, first: int, starts: NDArray, sizes: NDArray, n_channels: int) -> int:
    """The number from which F_CHAN counts: TLMIN of the column, the first channel of EBOUNDS or 1; whichever fits."""
    names = [name.upper() for name in table.columns.names]
    said = table.header.get(f"TLMIN{names.index('F_CHAN') + 1}")
    candidates = [int(said)] if isinstance(said, int | float) else []
    candidates += [first, 1, 0]
    if not len(starts):
        return candidates[0]
    low, high = starts.min(), (starts + sizes).max()
    return next((c for c in candidates if low >= c and high <= n_channels + c), candidates[0])


def _probabilities(label: str, rmf: Place, values: Floats) -> Floats:
    """Values of a matrix; rounding errors below zero become zero."""
    top = values.max(initial=0.0)
    if not np.isfinite(values).all() or values.min(initial=0.0) < -1e-3 * top:
        bad = values[~np.isfinite(values)] if not np.isfinite(values).all() else values[values < 0]
        raise FormatError(
            f"{label}: the matrix of RMF {rmf.path.name} holds {bad[0]:g} ({len(bad)} such values), expected "
            "probabilities or areas. Make the RMF again."
        )
    return np.maximum(values, 0)


def _sum(label: str, rmf: Place, matrices: Sequence[_Matrix]) -> _Matrix:
    """Matrices on one grid as one: parts of a response that was split, as of line and continuum."""
    first = matrices[0]
    if any(not _same_grid(m.energy, first.energy) for m in matrices):
        raise FormatError(
            f"{label}: RMF {rmf.path.name} has {len(matrices)} matrices of different energies, expected one, or parts "
            f"of one grid. Name one in RESPFILE, as {rmf.path.name}[1]."
        )
    if len(matrices) == 1:
        return first
    row, channel, value = (
        np.concatenate([getattr(m, name) for m in matrices]) for name in ("row", "channel", "value")
    )
    return _Matrix(first.energy, row, channel, value, first.is_full)


def _chosen(label: str, place: Place, tables: list[Any], order: int | None) -> list[Any]:
    """Of several tables of one kind that which the file name or the order of a grating chooses; else all."""
    if place.part:
        number = place.part.strip("[]{}").split(",")[0].strip()
        found = [t for t in tables if number in (str(t.header.get("EXTVER", "")), str(_number(t)), t.name)]
        if len(tables) > 1 and not found:
            raise FormatError(
                f"{label}: {place.path.name} has no extension {place.part} among its {len(tables)}. Correct the name."
            )
        return found[:1] or tables
    orders = [t.header.get("ORDER") for t in tables]
    if len(tables) > 1 and None not in orders and len(set(orders)) > 1:
        wanted = order if order in orders else 1 if 1 in orders else orders[0]
        return [t for t, own in zip(tables, orders, strict=True) if own == wanted]
    return tables


def _number(table: Any) -> int:
    """The place of an extension in its file, as `_tables` noted it."""
    return int(getattr(table, "place_in_file", -1))


# --- the area -----------------------------------------------------------------------------------------


def _area_of(label: str, rmf: Place, arf: Place | None, matrix: _Matrix, order: int | None) -> Floats:
    """Effective area on the grid of the matrix, cm2; where the matrix holds it, ones."""
    top = matrix.sums().max(initial=0.0)
    if top > LARGEST_SUM or (matrix.is_full and arf is None):
        return np.ones(len(matrix.energy) - 1)
    if arf is None:
        raise FormatError(
            f"{label}: names no ANCRFILE, and RMF {rmf.path.name} holds no effective area; expected an ARF. Set "
            "ANCRFILE in the header to the file's name, or give the ARF with --response."
        )
    return _read_area(label, rmf, arf, matrix.energy, order)


def _read_area(label: str, rmf: Place, arf: Place, energy: Floats, order: int | None) -> Floats:

    with sentence_of(label, "ANCRFILE", arf.path), opened(arf.path) as hdus:
        tables = _chosen(label, arf, [hdu for hdu in _tables(hdus) if _is_area(hdu.header)], order)
        if not tables:
            _need_whole(label, "ANCRFILE", arf.path, hdus, "SPECRESP")
            raise FormatError(
                f"{label}: ANCRFILE {arf.path.name} has no SPECRESP extension, expected an ARF. Name the ARF."
            )
        edges, rows = _edges(label, arf.path, tables[0])
        area = np.asarray(tables[0].data["SPECRESP"], float)[rows]
    if not _same_grid(edges, energy):
        raise FormatError(
            f"{label}: ARF {arf.path.name} has {len(edges) - 1} energies, {edges[0]:g}-{edges[-1]:g} keV, "
            f"RMF {rmf.path.name} {len(energy) - 1}, {energy[0]:g}-{energy[-1]:g} keV; expected the same grid. "
            "Use the pair made together."
        )
    wrong = ~(np.isfinite(area) & (area >= 0))
    if wrong.any():
        raise FormatError(
            f"{label}: SPECRESP of ARF {arf.path.name} holds {area[wrong][0]:g} at {wrong.sum()} of {len(area)} "
            "energies, expected areas from 0. Make the ARF again."
        )
    if not area.any():
        raise FormatError(
            f"{label}: the effective area of ARF {arf.path.name} is 0 at every energy, expected more. Make it again."
        )
    return area


# --- energies and extensions --------------------------------------------------------------------------


def _edges(label: str, path: Path, table: Any) -> tuple[Floats, NDArray[np.int64]]:
    """Edges of an energy grid, keV, increasing, and the rows in that order; it may not have gaps."""
    place = Place(path)
    low, high = (_energies(label, place, table, name) for name in ("ENERG_LO", "ENERG_HI"))
    order = np.argsort(low, kind="stable")
    low, high = low[order], high[order]
    if (
        not len(low)
        or (np.diff(low) <= 0).any()
        or np.abs(low[1:] - high[:-1]).max(initial=0) > SAME_GRID * high[-1]
    ):
        raise FormatError(
            f"{label}: the energies of {path.name} have gaps or do not increase, expected ENERG_LO of each to be "
            "ENERG_HI of the one before. Make the response again."
        )
    return np.append(low, high[-1]), order


def _energies(label: str, place: Place, table: Any, name: str) -> Floats:
    """A column of energies, keV."""
    unit = str(table.columns[name].unit or "keV").strip().lower()
    if unit not in _TO_KEV:
        raise FormatError(
            f"{label}: {name} of {place.path.name} is in {unit}, expected keV, eV or MeV. Make the response again."
        )
    values = np.asarray(table.data[name], float).ravel() * _TO_KEV[unit]
    if not np.isfinite(values).all():
        raise FormatError(
            f"{label}: {name} of {place.path.name} holds {(~np.isfinite(values)).sum()} values that are no numbers, "
            "expected energies. Make the response again."
        )
    return values


def _same_grid(one: Floats, other: Floats) -> bool:
    return len(one) == len(other) and bool(np.abs(one - other).max() <= SAME_GRID * other[-1])


def _first_channel(bounds: Any) -> int:
    """Number of the first channel; mkrmf of CIAO 4 wrote broken numbers, and the header is right."""
    channels = np.asarray(bounds.data["CHANNEL"], float)
    if len(channels) and (np.diff(channels) == 1).all():
        return int(channels[0])
    return int(bounds.header.get("TLMIN1", 1))


def _limited(label: str, rmf: Place, what: str, n: int, most: int) -> None:
    if not 0 < n <= most:
        raise FormatError(
            f"{label}: RMF {rmf.path.name} has {n} {what}, expected 1 to {most}. Use the response of a CCD, "
            "or rebin it."
        )


def _need_whole(label: str, keyword: str, path: Path, hdus: Sequence[Any], lacks: str) -> None:
    """Refuse a file that ends before its last extension does, or within the header of the next, or has none."""
    place = hdus[-1].fileinfo()
    expected, found = place["datLoc"] + place["datSpan"], _size(path)
    if found != expected or not _tables(hdus):
        raise FormatError(
            f"{label}: {keyword} {path.name} is cut short or damaged: it ends at byte {found} without a whole {lacks} "
            "extension, expected a whole FITS file. Fetch it again."
        )


def _size(path: Path) -> int:
    """Bytes of a file, without its compression."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    if not packed:
        return path.stat().st_size
    with gzip.open(path) as unpacked:
        return unpacked.seek(0, io.SEEK_END)


def _tables(hdus: Sequence[Any]) -> list[Any]:
    tables = []
    for i, hdu in enumerate(hdus):
        if hasattr(hdu, "columns"):
            hdu.place_in_file = i
            tables.append(hdu)
    return tables


def _one(hdus: Sequence[Any], name: str, fits_it: Callable[[Any], bool]) -> Any:
    """The extension of a kind; that of the name where there are several."""
    found = [hdu for hdu in _tables(hdus) if fits_it(hdu.header)]
    return next((hdu for hdu in found if hdu.name == name), found[0] if found else None)


def _class(header: Any, level: int) -> str:
    return str(header.get(f"HDUCLAS{level}") or "").strip().upper()


def _is_matrix(header: Any) -> bool:
    return "MATRIX" in str(header.get("EXTNAME")).upper() or _class(header, 2) == "RSP_MATRIX"


def _is_bounds(header: Any) -> bool:
    return "EBOUNDS" in str(header.get("EXTNAME")).upper() or _class(header, 2) == "EBOUNDS"


def _is_area(header: Any) -> bool:
    return str(header.get("EXTNAME")).strip().upper() == "SPECRESP" or _class(header, 2) == "SPECRESP"
