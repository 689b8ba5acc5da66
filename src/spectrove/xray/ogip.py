"""OGIP files of X-ray spectra (PHA types I and II) with the ARF, RMF and background that they name.

The layouts are those of the memos OGIP/92-007 (spectra) and CAL/GEN/92-002 (responses). A spectrum without a response
is no measurement of energies, so whatever is missing or does not fit is refused with a sentence, file by file.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal, SpectroveError
from spectrove.readers.fitsfile import open_plain
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.response import Response

#: Values of a file keyword that name no file.
NO_FILE = {"", "none", "null"}

#: Files read together; spectra among them that name one response share it.
TOGETHER = 64

#: Bytes of a file in which the cards of an OGIP table are looked for.
LOOKED_AT = 1 << 16
_CARDS = (re.compile(rb"HDUCLASS= 'OGIP"), re.compile(rb"HDUCLAS1= '(SPECTRUM|RESPONSE)"))

#: Suffixes that are no part of a spectrum's name.
_SUFFIX = re.compile(r"(\.(gz|pi|pha|fits|fit|fts|ds))+$", re.I)

#: An extension or row behind a file name, as in "bkg.pha{2}".
_PART = re.compile(r"[\[{].*$")


@dataclass
class Files:
    """Responses read so far, and every file that a spectrum named."""

    responses: dict[tuple[Path, Path | None], Response] = field(default_factory=dict)
    named: set[Path] = field(default_factory=set)


@dataclass(frozen=True)
class _Parts:
    """One spectrum of a PHA file: header values, with those of its own row over them, and its columns."""

    path: Path
    label: str
    values: Mapping[str, Any]
    columns: Mapping[str, NDArray]

    def text(self, name: str) -> str:
        return str(self.values.get(name) or "").strip()

    def number(self, name: str, default: float) -> float:
        """A number of the header or a column; a column by channel must hold one value."""
        value = self.columns.get(name, self.values.get(name))
        if value is None or isinstance(value, str):
            return default
        different = np.unique(np.asarray(value, float))
        if len(different) != 1:
            raise FormatError(
                f"{self.label}: {name} differs between channels ({different[0]:g} to {different[-1]:g}), expected one "
                "value. Extract the spectrum with a constant one."
            )
        return float(different[0])


def is_ogip(path: Path | str) -> bool:
    """Whether a file is an OGIP spectrum, ARF or RMF, by the cards of its first headers."""
    try:
        with open_plain(Path(path)) as file:
            start = file.read(LOOKED_AT)
    except (SpectroveError, OSError, EOFError, ValueError):
        return False
    return start.startswith(b"SIMPLE") and all(card.search(start) for card in _CARDS)


def read_counts(paths: Iterable[Path | str]) -> tuple[CountSet, list[Refusal]]:
    """The spectra of PHA files, and a sentence for each file that is none or lacks a part.

    Backgrounds and responses that stand among the files and are named by a spectrum among them are passed over.
    """
    parts, refusals = [], []
    for spectra, refused, _ in iter_counts([Path(path) for path in paths]):
        parts.append(spectra)
        refusals += refused
    return CountSet.concatenate(parts), refusals


def iter_counts(paths: Sequence[Path]) -> Iterator[tuple[CountSet, list[Refusal], int]]:
    """The same set by set: spectra, refusals, and how many files were read."""
    files = Files()
    refused: list[tuple[Path, str]] = []
    for start in range(0, len(paths), TOGETHER):
        spectra: list[Counts] = []
        for path in (some := paths[start : start + TOGETHER]):
            try:
                spectra += read_pha(path, files)
            except SpectroveError as error:
                refused.append((path, str(error)))
        last = start + TOGETHER >= len(paths)
        # A part may be named by a spectrum that is read after it, so refusals wait for the end.
        here = [Refusal(str(p), e) for p, e in refused if p.resolve() not in files.named] if last else []
        files.responses.clear()
        yield CountSet.from_counts(spectra), here, len(some)


def read_pha(path: Path | str, files: Files | None = None) -> list[Counts]:
    """The spectra of one PHA file, of type I or II, with backgrounds and responses.

    Raises:
        FormatError: If it is no PHA file, or a part of it is missing or does not fit.
    """
    path, files = Path(path), files or Files()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [_spectrum(parts, files) for parts in _sources(path)]
    except SpectroveError:
        raise
    except OSError as error:
        raise FormatError(
            f"{path.name}: cannot be opened as FITS ({error.strerror or str(error)[:120]}), expected a PHA file. "
            "Check the path, or fetch it again."
        ) from error
    except Exception as error:  # a broken table fails in any way inside astropy
        raise FormatError(
            f"{path.name}: broken inside ({type(error).__name__}: {str(error)[:200]}), expected a PHA file with its "
            "responses. Fetch it again."
        ) from error


# --- spectra ------------------------------------------------------------------------------------------


def _spectrum(parts: _Parts, files: Files) -> Counts:
    named: dict[str, Path | None] = {}
    for key in ("RESPFILE", "ANCRFILE", "BACKFILE"):
        named[key] = place = _beside(parts, key)
        files.named |= {place.resolve()} if place is not None else set()
    response = _response(parts, named["RESPFILE"], named["ANCRFILE"], files)
    counts = _on_channels(parts, "COUNTS", response)
    exposure = parts.number("EXPOSURE", 0.0)
    if not exposure > 0:
        raise FormatError(
            f"{parts.label}: EXPOSURE is {exposure:g} s, expected more than 0. Correct the header from the observation."
        )
    background, scale = _background(parts, named["BACKFILE"], response, exposure)
    quality = (
        _on_channels(parts, "QUALITY", response) if "QUALITY" in parts.columns else np.zeros_like(counts)
    )
    return Counts(
        parts.label, counts.astype(np.int32), background.astype(np.int32), quality.astype(np.int16),
        scale, exposure, response, _row(parts, counts, background, scale, exposure),
    )  # fmt: skip


def _row(
    parts: _Parts, counts: NDArray, background: NDArray, scale: float, exposure: float
) -> dict[str, Any]:
    """The table row; RA_TARG is where the telescope pointed, not where the source is, and is left out."""
    ra, dec = parts.number("RA", np.nan), parts.number("DEC", np.nan)
    return {
        "survey": "_".join(filter(None, (parts.text("TELESCOP").lower(), parts.text("INSTRUME").lower()))),
        "path": str(parts.path),
        "ra": ra if np.isfinite(ra) and np.isfinite(dec) else None,
        "dec": dec if np.isfinite(ra) and np.isfinite(dec) else None,
        "flux_unit": "count",
        "calibrated": True,
        "flags": [] if scale > 0 else ["no_background"],
        "obsid": parts.text("OBS_ID") or None,
        "object": parts.text("OBJECT") or None,
        "exposure_s": exposure,
        "n_counts": int(counts.sum()),
        "n_background": float(scale * background.sum()),
    }


def _background(
    parts: _Parts, path: Path | None, response: Response, exposure: float
) -> tuple[NDArray[np.int64], float]:
    """Counts of the background region by channel, and how many of the source's region one of them stands for."""
    if path is None:
        return np.zeros(response.n_channels, np.int64), 0.0
    found = [p for p in _all_spectra(path) if p.text("HDUCLAS2").upper() == "BKG"] or list(_all_spectra(path))
    if not found:
        raise FormatError(
            f"{parts.label}: BACKFILE {path.name} holds no spectrum, expected a PHA file. Fetch it again."
        )
    behind = found[0]
    time = behind.number("EXPOSURE", 0.0)
    size = {name: (parts.number(name, 1.0), behind.number(name, 1.0)) for name in ("BACKSCAL", "AREASCAL")}
    if not time > 0 or any(not value > 0 for pair in size.values() for value in pair):
        raise FormatError(
            f"{parts.label}: exposure {time:g} s, BACKSCAL {size['BACKSCAL']} and AREASCAL {size['AREASCAL']} of "
            f"spectrum and background {path.name}; expected all above 0. Extract both again."
        )
    scale = exposure / time
    for mine, its in size.values():
        scale *= mine / its
    return _on_channels(behind, "COUNTS", response), scale


def _on_channels(parts: _Parts, name: str, response: Response) -> NDArray[np.int64]:
    """Integers of a column, one for each channel of the response."""
    if name not in parts.columns:
        known = ", ".join(parts.columns)
        raise FormatError(
            f"{parts.label}: no column {name} among {known}; expected counts, not rates. Extract counts, from which "
            "errors follow."
        )
    values = np.asarray(parts.columns[name], float).ravel()
    whole = np.rint(values)
    if (
        not np.isfinite(values).all()
        or np.abs(values - whole).max(initial=0) > 1e-3
        or whole.min(initial=0) < 0
    ):
        raise FormatError(
            f"{parts.label}: {name} holds {values[np.abs(values - whole).argmax()]:g} and the like, expected whole "
            "numbers from 0. Use the spectrum before its background was subtracted or it was scaled."
        )
    default = np.arange(len(values)) + response.first_channel
    place = np.asarray(parts.columns.get("CHANNEL", default), np.int64).ravel() - response.first_channel
    outside = (place < 0) | (place >= response.n_channels)
    if outside.any() or len(values) != response.n_channels:
        numbers = place + response.first_channel
        raise FormatError(
            f"{parts.label}: {len(values)} channels, {numbers[0]} to {numbers[-1]}, do not fit the RMF's "
            f"{response.n_channels}, {response.first_channel} to {response.first_channel + response.n_channels - 1}. "
            "Use the RMF that was made for this spectrum."
        )
    out = np.zeros(response.n_channels, np.int64)
    out[place] = whole
    return out


def _sources(path: Path) -> list[_Parts]:
    """The spectra of sources in a file; a file of backgrounds only is refused, as is a subtracted spectrum."""
    found = list(_all_spectra(path))
    if not found:
        raise FormatError(
            f"{path.name}: {_what_it_is(path)}, not a PHA file: no SPECTRUM extension. Name the PHA file."
        )
    sources = [p for p in found if p.text("HDUCLAS2").upper() != "BKG"]
    if not sources:
        raise FormatError(
            f"{path.name}: a background (HDUCLAS2 BKG), expected a source. Name the spectrum whose BACKFILE it is."
        )
    if any(p.text("HDUCLAS2").upper() == "NET" for p in sources):
        raise FormatError(
            f"{path.name}: its background is subtracted (HDUCLAS2 NET), expected counts of source and background. "
            "Name the spectrum before subtraction."
        )
    return sources


def _all_spectra(path: Path) -> Iterator[_Parts]:
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        for hdu in hdus:
            if _is_spectrum(hdu.header) and hdu.data is not None and hasattr(hdu, "columns"):
                yield from _of_table(path, hdu)


def _of_table(path: Path, hdu: Any) -> Iterator[_Parts]:
    """The spectra of one extension: one of type I, or one a row of type II."""
    label = _SUFFIX.sub("", path.name)
    columns = {name.upper(): np.asarray(hdu.data[name]) for name in hdu.columns.names}
    header = dict(hdu.header)
    if "COUNTS" not in columns or columns["COUNTS"].ndim == 1:
        yield _Parts(path, label, header, columns)
        return
    for i in range(len(hdu.data)):
        row = {name: values[i] for name, values in columns.items()}
        single = {name: _plain(value) for name, value in row.items() if np.ndim(value) == 0}
        vectors = {name: value for name, value in row.items() if np.ndim(value) == 1}
        yield _Parts(path, f"{label}#{single.get('SPEC_NUM', i + 1)}", {**header, **single}, vectors)


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


# --- responses ----------------------------------------------------------------------------------------


def _response(parts: _Parts, rmf: Path | None, arf: Path | None, files: Files) -> Response:
    if rmf is None:
        raise FormatError(
            f"{parts.label}: names no RESPFILE, expected the RMF that gives its channels energies. Set RESPFILE in the "
            "header to the file's name."
        )
    if (rmf, arf) not in files.responses:
        files.responses[rmf, arf] = _read_response(parts, rmf, arf)
    return files.responses[rmf, arf]


def _read_response(parts: _Parts, rmf: Path, arf: Path | None) -> Response:
    from astropy.io import fits

    with fits.open(rmf, memmap=False) as hdus:
        matrix = _extension(hdus, lambda h: "MATRIX" in str(h.get("EXTNAME")).upper())
        bounds = _extension(hdus, lambda h: "EBOUNDS" in str(h.get("EXTNAME")).upper())
        if matrix is None or bounds is None:
            lacks = "MATRIX" if matrix is None else "EBOUNDS"
            raise FormatError(
                f"{parts.label}: RESPFILE {rmf.name} has no {lacks} extension, expected an RMF. Name the RMF."
            )
        first, n_channels = _first_channel(bounds), len(bounds.data)
        low, high = (np.asarray(bounds.data[n], float) for n in ("E_MIN", "E_MAX"))
        energy = _edges(parts, rmf, matrix)
        full = _full_matrix(parts, rmf, matrix, n_channels)
        complete = _class(matrix.header, 3) == "FULL"
    area = np.ones(len(full)) if complete else _area(parts, rmf, arf, energy)
    return Response.of(first, np.minimum(low, high), np.maximum(low, high), energy, area, full)


def _first_channel(bounds: Any) -> int:
    """Number of the first channel; mkrmf of CIAO 4 wrote broken numbers, and the header is right."""
    channels = np.asarray(bounds.data["CHANNEL"], float)
    if (np.diff(channels) == 1).all():
        return int(channels[0])
    return int(bounds.header.get("TLMIN1", 1))


def _area(parts: _Parts, rmf: Path, arf: Path | None, energy: NDArray) -> NDArray[np.float64]:
    """Effective area on the energy grid of the RMF, cm2."""
    from astropy.io import fits

    if arf is None:
        raise FormatError(
            f"{parts.label}: names no ANCRFILE, and RMF {rmf.name} holds no effective area; expected an ARF. Set "
            "ANCRFILE in the header to the file's name."
        )
    with fits.open(arf, memmap=False) as hdus:
        table = _extension(hdus, lambda h: str(h.get("EXTNAME")).strip().upper() == "SPECRESP")
        if table is None:
            raise FormatError(
                f"{parts.label}: ANCRFILE {arf.name} has no SPECRESP extension, expected an ARF. Name the ARF."
            )
        edges = _edges(parts, arf, table)
        area = np.asarray(table.data["SPECRESP"], float)
    if len(edges) != len(energy) or np.abs(edges - energy).max() > 1e-3 * energy[-1]:
        raise FormatError(
            f"{parts.label}: ARF {arf.name} has {len(edges) - 1} energies, {edges[0]:g}-{edges[-1]:g} keV, "
            f"RMF {rmf.name} {len(energy) - 1}, {energy[0]:g}-{energy[-1]:g} keV; expected the same grid. "
            "Use the pair made together."
        )
    return np.where(np.isfinite(area), np.maximum(area, 0), 0)


def _edges(parts: _Parts, path: Path, table: Any) -> NDArray[np.float64]:
    """Edges of an energy grid, keV; it may not have gaps."""
    low, high = (np.asarray(table.data[n], float) for n in ("ENERG_LO", "ENERG_HI"))
    if (
        not len(low)
        or (np.diff(low) <= 0).any()
        or np.abs(low[1:] - high[:-1]).max(initial=0) > 1e-3 * high[-1]
    ):
        raise FormatError(
            f"{parts.label}: the energies of {path.name} have gaps or do not increase, expected ENERG_LO of each to be "
            "ENERG_HI of the one before. Make the response again."
        )
    return np.append(low, high[-1])


def _full_matrix(parts: _Parts, rmf: Path, table: Any, n_channels: int) -> NDArray[np.float64]:
    """The redistribution matrix, (n_energies, n_channels), from its groups of consecutive channels.

    F_CHAN counts from TLMIN of its column, 1 where the file does not say.
    """
    names = [name.upper() for name in table.columns.names]
    least = int(table.header.get(f"TLMIN{names.index('F_CHAN') + 1}", 1))
    data = table.data
    groups = np.asarray(data["N_GRP"], np.int64)
    out = np.zeros((len(groups), n_channels))
    for i, n in enumerate(groups.tolist()):
        first, length = (np.atleast_1d(data[name][i])[:n].astype(np.int64) for name in ("F_CHAN", "N_CHAN"))
        values, place = np.atleast_1d(data["MATRIX"][i]), 0
        for start, size in zip((first - least).tolist(), length.tolist(), strict=True):
            if start < 0 or start + size > n_channels or place + size > len(values):
                raise FormatError(
                    f"{parts.label}: RMF {rmf.name}, energy {i + 1}: channels {start + least} to "
                    f"{start + least + size - 1} with {len(values)} values do not fit its {n_channels} channels from "
                    f"{least}. Make the RMF again."
                )
            out[i, start : start + size] += values[place : place + size]
            place += size
    return out


# --- files and headers --------------------------------------------------------------------------------


def _beside(parts: _Parts, keyword: str) -> Path | None:
    """The file that a keyword names, relative to the spectrum, plain or gzipped; None where it names none."""
    name = _PART.sub("", parts.text(keyword)).strip()
    if name.lower() in NO_FILE:
        return None
    place = parts.path.parent / name
    for candidate in (
        place,
        place.with_name(place.name + ".gz"),
        place.with_name(place.name.removesuffix(".gz")),
    ):
        if candidate.is_file():
            return candidate
    raise FormatError(
        f"{parts.label}: {keyword} {name} is not there (nor {place.name}.gz) in {place.parent}. Put it beside the "
        'spectrum, or set the keyword to "none" if there is none.'
    )


def _headers(path: Path) -> list[Any]:
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
                return [hdu.header for hdu in hdus]
    except Exception:  # no FITS file, or a broken one: whoever reads it says how
        return []


def _what_it_is(path: Path) -> str:
    classes = {_class(h, 2) for h in _headers(path)} | {str(h.get("EXTNAME")).upper() for h in _headers(path)}
    if "EBOUNDS" in classes:
        return "an RMF"
    return "an ARF" if "SPECRESP" in classes else "FITS"


def _class(header: Any, level: int) -> str:
    return str(header.get(f"HDUCLAS{level}") or "").strip().upper()


def _is_spectrum(header: Any) -> bool:
    """By HDUCLAS1, or by EXTNAME with the columns that the memo demands."""
    names = {str(header.get(f"TTYPE{i + 1}")).upper() for i in range(int(header.get("TFIELDS") or 0))}
    if not names & {"COUNTS", "RATE"}:
        return False
    ogip = _class(header, 1) == "SPECTRUM" and str(header.get("HDUCLASS")).strip().upper() == "OGIP"
    return ogip or (str(header.get("EXTNAME")).strip().upper() == "SPECTRUM" and "CHANNEL" in names)


def _extension(hdus: Sequence[Any], fits_it: Callable[[Any], bool]) -> Any:
    return next((hdu for hdu in hdus if hasattr(hdu, "columns") and fits_it(hdu.header)), None)
