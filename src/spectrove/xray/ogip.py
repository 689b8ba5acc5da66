"""OGIP files of X-ray spectra (PHA types I and II) with the ARF, RMF and background that they name.

The layouts are those of the memos OGIP/92-007 (spectra) and CAL/GEN/92-002 (responses). A spectrum without a response
is no measurement of energies, so whatever is missing or does not fit is refused with a sentence, file by file.
"""

from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal, SpectroveError
from spectrove.processes import map_chunks
from spectrove.readers.fitsfile import DAMAGED, open_plain
from spectrove.xray.background import Background, background_of, exposed_area, on_channels
from spectrove.xray.counts import BAD_QUALITY, NOT_USED, Counts, CountSet
from spectrove.xray.events import is_event_table, is_events, is_list, read_events
from spectrove.xray.found import Files, article, what_it_is
from spectrove.xray.matrix import Place
from spectrove.xray.partners import KEYWORDS
from spectrove.xray.parts import Parts, all_spectra, headers_of
from spectrove.xray.response import Response

#: Files read together.
TOGETHER = 64

#: Starting processes takes longer than reading so few files.
WORTH_PROCESSES = 4 * TOGETHER

#: What a process that reads parts of many files has found so far, for each set of responses.
_FILES: dict[tuple[str, ...], Files] = {}

#: Bytes of a file in which the cards of an OGIP table are looked for.
LOOKED_AT = 1 << 16
#: Largest image before the table, in bytes, and the unit in which headers and data of FITS end.
LARGEST_IMAGE, BLOCK = 1 << 28, 2880
_SIZES = re.compile(rb"(BITPIX|NAXIS\d*) *= *(-?\d+)")
_CARDS = (re.compile(rb"HDUCLASS= 'OGIP"), re.compile(rb"HDUCLAS1= '(SPECTRUM|RESPONSE)"))

#: With so many counts in groups of several channels, all of them in the first channel of each is no chance.
GROUPED_TWICE = 20

#: Part of a count by which a whole number may be missed: of counts, and of rates that are kept in 32 bits.
ROUNDING, RATE_ROUNDING = 1e-3, 3e-7


def is_ogip(path: Path | str, *, behind_image: bool = False) -> bool:
    """Whether a file is an OGIP spectrum, ARF or RMF, by the cards of its first headers.

    Args:
        path: The file.
        behind_image: Look behind an image before the table too, such as that of the region, which dmextract writes.
    """
    try:
        with open_plain(Path(path)) as file:
            start = file.read(LOOKED_AT)
            if not start.startswith(b"SIMPLE"):
                return False
            image = _first_data(start)
            if behind_image and LOOKED_AT < image <= LARGEST_IMAGE:
                file.seek(image)
                start += file.read(LOOKED_AT)
    except (SpectroveError, *DAMAGED):
        return False
    return all(card.search(start) for card in _CARDS)


def _first_data(start: bytes) -> int:
    """Where the data of the first header end, in bytes; 0 where it has none."""
    cards = dict(_SIZES.findall(start[: start.find(b"END" + 77 * b" ") + 1]))
    sides = [int(cards.get(b"NAXIS%d" % i, 0)) for i in range(1, int(cards.get(b"NAXIS", 0)) + 1)]
    size = math.prod(sides) * abs(int(cards.get(b"BITPIX", 8))) // 8 if sides else 0
    header = start.find(b"END" + 77 * b" ") + 80
    return sum(-(-part // BLOCK) * BLOCK for part in (header, size)) if size else 0


def read_counts(
    paths: Iterable[Path | str], responses: Sequence[Path | str] = ()
) -> tuple[CountSet, list[Refusal]]:
    """The spectra of PHA files, and a sentence for each file that is none or lacks a part.

    Backgrounds and responses that stand among the files and are named by a spectrum among them are passed over.

    Args:
        paths: Files.
        responses: RMFs and ARFs for spectra that name none, and folders of them.
    """
    parts, refusals = [], []
    for spectra, refused, _ in iter_counts([Path(path) for path in paths], responses):
        parts.append(spectra)
        refusals += refused
    return CountSet.concatenate(parts), refusals


def iter_counts(
    paths: Sequence[Path],
    responses: Sequence[Path | str] = (),
    workers: int | None = 1,
    cluster: str | None = None,
) -> Iterator[tuple[CountSet, list[Refusal], int]]:
    """The same set by set: spectra, refusals, and how many files were read.

    Args:
        paths: Files.
        responses: RMFs and ARFs for spectra that name none, and folders of them.
        workers: Processes; one per core if None, and none beside this one for a few files.
        cluster: As in `processes.map_chunks`; workers see the files under the same paths.
    """
    files = Files.with_responses(responses)  # a wrong one is refused before any work
    some = [list(map(str, paths[start : start + TOGETHER])) for start in range(0, len(paths), TOGETHER)]
    tasks = ((part, tuple(map(str, responses))) for part in some)
    n_workers = min(workers or os.cpu_count() or 1, len(some))
    alone = cluster is None and (n_workers == 1 or len(paths) <= WORTH_PROCESSES)
    results: Iterator[tuple[Any, ...]] = (
        (_read_some(part, files) for part in some)
        if alone
        else map_chunks(_read_packed, tasks, max(n_workers, 1), cluster)
    )
    refused: list[tuple[str, str]] = []
    named = {str(Path(path).resolve()) for path in responses}
    done = 0
    for read, failed, own, n in results:
        packed = isinstance(read, bytes)
        spectra = CountSet.from_arrow(pa.ipc.open_stream(read).read_all()) if packed else read
        refused += failed
        named |= own
        done += n
        # A part may be named by a spectrum that is read after it, so refusals wait for the end.
        strangers = [Refusal(path, why) for path, why in refused if str(Path(path).resolve()) not in named]
        yield spectra, strangers if done == len(paths) else [], n


def _read_some(paths: list[str], files: Files) -> tuple[CountSet, list[tuple[str, str]], set[str], int]:
    """Spectra, files that were refused with the reason, files that spectra named, and how many files were read."""
    spectra: list[Counts] = []
    refused = []
    for path in paths:
        try:
            spectra += read_pha(path, files)
        except SpectroveError as error:
            refused.append((path, str(error)))
    named = {str(path) for path in files.named}
    files.named.clear()
    return CountSet.from_counts(spectra), refused, named, len(paths)


def _read_packed(
    paths: list[str], responses: tuple[str, ...]
) -> tuple[bytes, list[tuple[str, str]], set[str], int]:
    """The same as bytes, from another process."""
    if responses not in _FILES:
        _FILES[responses] = Files.with_responses(responses)
    spectra, *more = _read_some(paths, _FILES[responses])
    table = spectra.to_arrow()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes(), *more  # type: ignore[return-value]


def read_pha(path: Path | str, files: Files | None = None) -> list[Counts]:
    """The spectra of one PHA file, of type I or II, with backgrounds and responses; or those of a list of events.

    Raises:
        FormatError: If it is neither, or a part of it is missing or does not fit.
    """
    path, files = Path(path), files or Files()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_list(path):
                return read_events(_need_events(path), files)
            found = list(all_spectra(path))
            if not found and any(map(is_event_table, headers_of(path))):
                return read_events(path, files)
            return [_spectrum(parts, found, files) for parts in _sources(path, found)]
    except SpectroveError:
        raise
    except MemoryError as error:
        raise FormatError(
            f"{path.name}: its tables do not fit into memory, expected a PHA file. Fetch it again."
        ) from error
    except OSError as error:
        raise FormatError(
            f"{path.name}: cannot be opened as FITS ({error.strerror or str(error)[:120]}), expected a PHA file. "
            "Check the path, or fetch it again."
        ) from error
    except Exception as error:  # a broken table fails in any way inside astropy
        said = " ".join(str(error).split())[:160]
        raise FormatError(
            f"{path.name}: broken inside ({type(error).__name__}: {said}), expected a PHA file. Fetch it again."
        ) from error


def _need_events(path: Path) -> Path:
    """Refuse a text unless it lists events."""
    if not is_events(path):
        raise FormatError(
            f"{path.name}: a text without time and energy of events, expected a PHA file or a list of events. Give a "
            "table of sources with --catalog."
        )
    return path


# --- spectra ------------------------------------------------------------------------------------------


def _spectrum(parts: Parts, in_file: Sequence[Parts], files: Files) -> Counts:
    response, behind_file, flags = _parts_of(parts, files)
    exposure = parts.exposure()
    if not exposure > 0:
        raise FormatError(
            f"{parts.label}: EXPOSURE is {exposure:g} s, expected more than 0. Correct the header from the observation."
        )
    counts, missing = on_channels(parts, _whole(parts, exposure), response)
    flags += ["counts_from_rate"] if "COUNTS" not in parts.columns else []
    flags += (
        ["detchans_differs"] if parts.number("DETCHANS", response.n_channels) != response.n_channels else []
    )
    behind = background_of(parts, behind_file, in_file, response, _whole)
    flags += list(behind.flags)
    area = exposed_area(parts, "AREASCAL", response)
    unused = missing | behind.bad | ~(area > 0)
    quality = _flagged(parts, "QUALITY", response)
    quality = np.where(unused & ~np.isin(quality, BAD_QUALITY), NOT_USED, quality)
    return Counts(
        parts.label, counts.astype(np.int32), behind.counts.astype(np.int32),
        quality.astype(np.int16), behind.scale, exposure,
        files.scaled(response, np.where(area > 0, area, 1.0)), _row(parts, counts, behind, exposure, flags),
        _grouping(parts, counts, response),
    )  # fmt: skip


def _parts_of(parts: Parts, files: Files) -> tuple[Response, Place | None, list[str]]:
    """The response of a spectrum, the file of its background, and flags."""
    places: dict[str, Place | None] = {}
    away: list[FormatError] = []
    for keyword in KEYWORDS:
        try:
            places[keyword] = place = files.beside.find(
                parts.label, parts.path, keyword, parts.named(keyword)
            )
        except FormatError as error:  # the other parts of the spectrum are its own nevertheless
            away.append(error)
        else:
            files.named |= {place.path.resolve()} if place is not None else set()
    if away:
        raise away[0]
    rmf, arf, behind = (places[keyword] for keyword in ("RESPFILE", "ANCRFILE", "BACKFILE"))
    if rmf is None:
        raise FormatError(
            f"{parts.label}: names no RESPFILE, expected the RMF that gives its channels energies."
            f"{files.beside.hint(parts.path, 'RESPFILE')} Set RESPFILE in the header to the file's name, or give the "
            "file with --response."
        )
    order = parts.values.get("TG_M")
    response = files.response(
        parts.label, rmf, arf, abs(int(order)) if isinstance(order, int | float) else None
    )
    return response, behind, [] if parts.names("RESPFILE") else ["response_by_name"]


def _row(
    parts: Parts, counts: NDArray, behind: Background, exposure: float, flags: Sequence[str]
) -> dict[str, Any]:
    """The table row; RA_TARG is where the telescope pointed, not where the source is, and is left out."""
    ra, dec = parts.number("RA", np.nan), parts.number("DEC", np.nan)
    known = np.isfinite(ra) and np.isfinite(dec)
    return {
        "survey": "_".join(filter(None, (parts.text("TELESCOP").lower(), parts.text("INSTRUME").lower()))),
        "path": str(parts.path),
        "ra": ra if known else None,
        "dec": dec if known else None,
        "flux_unit": "count",
        "calibrated": True,
        "flags": [*flags, *([] if behind.scale > 0 else ["no_background"])],
        "obsid": parts.text("OBS_ID") or None,
        "object": parts.text("OBJECT") or None,
        "exposure_s": exposure,
        "n_counts": int(counts.sum()),
        "n_background": float(behind.scale * behind.counts.sum()),
    }


def _whole(parts: Parts, exposure: float) -> NDArray[np.int64]:
    """The counts of a spectrum as whole numbers, in the order of its table; from rates where these give them.

    Raises:
        FormatError: There is neither, or the numbers are not whole, negative or too large.
    """
    name = next((name for name in ("COUNTS", "RATE") if name in parts.columns), None)
    if name is None:
        known = ", ".join(parts.columns)
        raise FormatError(
            f"{parts.label}: no column COUNTS among {known}; expected counts, from which errors follow. Extract counts."
        )
    values = np.asarray(parts.columns[name], float).ravel()
    allowed = np.full(len(values), ROUNDING)
    if name == "RATE":
        values = values * exposure
        allowed = np.maximum(ROUNDING, RATE_ROUNDING * np.abs(values))
    whole = np.rint(values)
    wrong = (
        ~np.isfinite(values)
        | (np.abs(values - whole) > allowed)
        | (whole < 0)
        | (whole > np.iinfo(np.int32).max)
    )
    if not wrong.any():
        return whole.astype(np.int64)
    found = f"{np.asarray(parts.columns[name], float).ravel()[wrong.argmax()]:g}"
    if name == "RATE":
        raise FormatError(
            f"{parts.label}: RATE times {exposure:g} s is {values[wrong.argmax()]:g} and the like, expected the whole "
            "numbers of counts that were divided. Use the spectrum before its background was subtracted or it was "
            "scaled."
        )
    raise FormatError(
        f"{parts.label}: COUNTS holds {found} and the like, expected whole numbers from 0. Use the spectrum before its "
        "background was subtracted or it was scaled."
    )


def _flagged(parts: Parts, name: str, response: Response) -> NDArray[np.int64]:
    """QUALITY or GROUPING of each channel, from a column or one value of the header; 0 where neither says it."""
    if name not in parts.columns:
        return np.full(response.n_channels, int(parts.number(name, 0.0)))
    values = np.asarray(parts.columns[name], float).ravel()
    if not np.isfinite(values).all() or np.abs(values).max(initial=0) > np.iinfo(np.int16).max:
        raise FormatError(
            f"{parts.label}: {name} holds {values[np.argmax(~(np.abs(values) < 1e4))]:g}, expected small whole numbers."
            " Write the column again."
        )
    return on_channels(parts, values.astype(np.int64), response)[0]


def _grouping(parts: Parts, counts: NDArray, response: Response) -> NDArray[np.int16]:
    """GROUPING, 1 where a group begins and -1 where it goes on; 0 where channels are not grouped.

    Raises:
        FormatError: The counts themselves are grouped already.
    """
    if parts.repeated("GROUPING"):
        raise FormatError(
            f"{parts.label}: two columns GROUPING: it was grouped twice, expected one column. Remove one of them."
        )
    if "GROUPING" not in parts.columns:  # as a keyword it is 0: no grouping
        return np.zeros(response.n_channels, np.int16)
    grouping = _flagged(parts, "GROUPING", response)
    inside = grouping < 0
    begins = ~inside & np.append(inside[1:], False)
    if counts[begins].sum() >= GROUPED_TWICE and not counts[inside].any():
        raise FormatError(
            f"{parts.label}: all {counts[begins].sum()} counts of its {begins.sum()} groups are in their first "
            "channels: it was grouped twice, expected the counts of every channel. Extract it again, and group it once "
            "or not."
        )
    return grouping.astype(np.int16)


def _sources(path: Path, found: Sequence[Parts]) -> list[Parts]:
    """The spectra of sources in a file; a file of backgrounds only is refused, as is a subtracted spectrum."""
    if not found:
        raise FormatError(
            f"{path.name}: {article(what_it_is(path))}, not a PHA file: no SPECTRUM extension. Name the PHA file."
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
