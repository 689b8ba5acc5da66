"""Lists of photons (time, energy) as counts: events of FITS files, tables of text, and JSON lists of sources.

A list has no response of its own: it is found beside the file by name, or given. Of the times what is kept is whether
the source was constant, see `variability`.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.readers.fitsfile import DAMAGED, open_plain, opened
from spectrove.xray.counts import NOT_USED, Counts
from spectrove.xray.found import Files
from spectrove.xray.partners import stem
from spectrove.xray.response import Response
from spectrove.xray.variability import constant_p, merged

Floats = NDArray[np.float64]

#: Bytes of a file by which it is recognised.
LOOKED_AT = 1 << 16

#: The range of energies that catalogs of Chandra sources keep, keV; a long list without one photon outside was cut.
KEPT_RANGE = (0.5, 8.0)
LONG_LIST = 50

#: Events of a source lie closer than this, degrees; those of a whole field do not.
LARGEST_SOURCE = 0.1

#: Energies above this are in eV where nobody says the unit.
HIGHEST_KEV = 100.0

#: Columns of the Chandra Source Catalog that lists of its sources bring, with their types.
CATALOG_NUMBERS = (
    "theta", "flux_aper_b", "flux_significance_b", "hard_hs", "hard_hm", "hard_ms", "powlaw_gamma", "powlaw_nh",
    "bb_kt", "var_index_b", "var_prob_b",
)  # fmt: skip
CATALOG_TEXTS = ("source_type", "source_type_category")

_TIME = ("time", "t", "time_s")
_ENERGY = {"energy": None, "e": None, "energy_ev": 1e-3, "energy_kev": 1.0}
_CHANNEL = ("pi", "channel")
_SAID = re.compile(r"^#\s*(exposure|gti)\s*[=:]\s*(.+)$", re.I)
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "seconds": 1.0, "ks": 1e3}
_TEXT = {".csv", ".txt", ".dat", ".tsv"}


@dataclass(frozen=True)
class Events:
    """The photons of one source.

    Attributes:
        label: Its name.
        time: Arrival times, s, (n_photons,); empty where not known.
        energy: keV, (n_photons,), or None.
        channel: Numbers of channels, (n_photons,), or None; of both `channel` is used if it fits the response.
        channels: First and last number that `channel` may have, where the file says it.
        intervals: Good time intervals, s, (n_intervals, 2), or None.
        alive: Share of the good time in which photons are counted.
        exposure: s; NaN to add up the good time, or else to take it from the arrival times.
        thinned: Photons kept over photons counted.
        row: What the file says of the source.
    """

    label: str
    time: Floats
    energy: Floats | None = None
    channel: Floats | None = None
    channels: tuple[int, int] | None = None
    intervals: Floats | None = None
    alive: float = 1.0
    exposure: float = float("nan")
    thinned: float = 1.0
    row: Mapping[str, Any] = field(default_factory=dict)


def is_events(path: Path) -> bool:
    """Whether a file is a list of events, by its first bytes."""
    try:
        with open_plain(path) as file:
            start = file.read(LOOKED_AT)
    except (FormatError, *DAMAGED):
        return False
    if start.startswith(b"SIMPLE"):
        return b"HDUCLAS1= 'EVENTS" in start or b"EXTNAME = 'EVENTS" in start
    return is_list(path) and (b'"event_list"' in start if _is_json(path) else _columns_of(start) is not None)


def is_list(path: Path) -> bool:
    """Whether a file can be a list of events in text, by its name."""
    return _is_json(path) or path.suffix.lower() in _TEXT


def read_events(path: Path, files: Files) -> list[Counts]:
    """The counts of the sources of a file of events.

    Raises:
        FormatError: It is none, it has no photons, or there is no response.
    """
    response = _response(path, files)
    read = _from_json if _is_json(path) else _from_text if is_list(path) else _from_fits
    return [_counts(path, events, response) for events in read(path)]


def _response(path: Path, files: Files) -> Response:
    label = stem(path.name)
    rmf, arf = (files.beside.find(label, path, keyword, None) for keyword in ("RESPFILE", "ANCRFILE"))
    if rmf is None:
        raise FormatError(
            f"{label}: events without a response, expected the RMF and ARF of their detector. Put {label}.rmf and "
            f"{label}.arf beside it, or give them with --response."
        )
    files.named |= {place.path.resolve() for place in (rmf, arf) if place is not None}
    return files.response(label, rmf, arf, None)


# --- events to counts ---------------------------------------------------------------------------------


def _counts(path: Path, events: Events, response: Response) -> Counts:
    place = _places(events, response)
    inside = (place >= 0) & (place < response.n_channels)
    if not inside.any():
        raise FormatError(
            f"{events.label}: none of its {len(place)} events lies in the channels of the response, "
            f"{response.e_min.min():g} to {response.e_max.max():g} keV. Give the response of its detector."
        )
    counts = np.bincount(place[inside], minlength=response.n_channels).astype(np.int32)
    exposure, flags = _exposure(events)
    quality = np.zeros(response.n_channels, np.int16)
    low, high = KEPT_RANGE
    outside = (response.e_max < low) | (response.e_min > high)
    if len(place) >= LONG_LIST and not counts[outside].any():
        quality[outside] = NOT_USED
    p = constant_p(events.time, events.intervals) if events.thinned == 1 else float("nan")
    row = {
        "survey": "events",
        "flux_unit": "count",
        "calibrated": True,
        "obsid": None,
        "object": None,
        **events.row,
        "path": str(path),
        "flags": [*flags, "no_background"],
        "exposure_s": exposure,
        "n_counts": int(counts.sum()),
        "n_background": 0.0,
        "constant_p": p if np.isfinite(p) else None,
    }
    return Counts(
        events.label,
        counts,
        np.zeros_like(counts),
        quality,
        0.0,
        exposure,
        response,
        row,
        np.zeros_like(quality),
    )


def _places(events: Events, response: Response) -> NDArray[np.int64]:
    """The position of each event's channel; outside those of the response where it is counted in none."""
    if events.channel is not None:
        width = _width(events, response)
        if width is not None:
            start = events.channels[0] if events.channels and width > 1 else response.first_channel
            known = np.isfinite(events.channel)
            return np.where(known, np.floor((np.where(known, events.channel, 0) - start) / width), -1).astype(
                np.int64
            )
    if events.energy is None:
        raise FormatError(
            f"{events.label}: its channels {events.channels or ''} do not fit the response's {response.n_channels}, "
            f"from {response.first_channel}, and it has no energies. Give the response that was made for it."
        )
    order = np.argsort(response.e_min)
    low, high = response.e_min[order].astype(float), response.e_max[order].astype(float)
    at = np.searchsorted(low, events.energy, side="right") - 1
    inside = (at >= 0) & (events.energy < high[np.maximum(at, 0)])
    return np.where(inside, order[np.maximum(at, 0)], -1).astype(np.int64)


def _width(events: Events, response: Response) -> int | None:
    """How many of the events' channels are one of the response's; None where they do not fit."""
    assert events.channel is not None
    n, first = response.n_channels, response.first_channel
    if events.channels is not None:
        least, last = events.channels
        width, rest = divmod(last - least + 1, n)
        return width if width >= 1 and rest == 0 and (width > 1 or least == first) else None
    known = events.channel[np.isfinite(events.channel)]
    return 1 if len(known) and known.min() >= first and known.max() < first + n else None


def _exposure(events: Events) -> tuple[float, list[str]]:
    """Seconds in which photons were counted, and flags."""
    flags = ["events_thinned"] if events.thinned < 1 else []
    if np.isfinite(events.exposure):
        exposure = events.exposure
    elif events.intervals is not None:
        good = merged(events.intervals)
        exposure = float((good[:, 1] - good[:, 0]).sum()) * events.alive
    elif len(events.time) > 1:
        # The first and last of n photons leave out two of n + 1 steps of equal length on average.
        n = len(events.time)
        exposure = float(np.ptp(events.time)) * (n + 1) / (n - 1)
        flags.append("exposure_from_events")
    else:
        exposure = 0.0
    if not exposure > 0:
        raise FormatError(
            f"{events.label}: no exposure, good time intervals or arrival times that differ; expected more than 0 s. "
            "Add a line '# exposure = SECONDS', or the extension GTI."
        )
    return exposure * events.thinned, flags


# --- FITS ---------------------------------------------------------------------------------------------


def _from_fits(path: Path) -> Iterator[Events]:

    with opened(path) as hdus:
        tables = [hdu for hdu in hdus if hasattr(hdu, "columns")]
        found = next((hdu for hdu in tables if is_event_table(hdu.header)), None)
        if found is None or not len(found.data):
            raise FormatError(f"{path.name}: a list of no events, expected some. Extract the source again.")
        header = found.header
        names = {name.upper(): i + 1 for i, name in enumerate(found.columns.names)}
        columns = {
            name: np.asarray(found.data[name], float)
            for name in ("TIME", "PI", "ENERGY", "X", "Y", "CCD_ID", "CCDNR")
            if name in names
        }
        if not columns.keys() & {"PI", "ENERGY"}:
            raise FormatError(
                f"{path.name}: events without PI or ENERGY, expected one of them. Calibrate it first."
            )
        _refuse_field(path, header, names, columns)
        limits = [header.get(f"{key}{names.get('PI')}") for key in ("TLMIN", "TLMAX")]
        intervals = _good_time(tables, columns)
        said = [header.get(key) for key in ("LIVETIME", "EXPOSURE")]
        ra, dec = header.get("RA"), header.get("DEC")
        yield Events(
            stem(path.name),
            columns.get("TIME", np.zeros(0)),
            _in_kev(columns.get("ENERGY"), found.columns["ENERGY"].unit if "ENERGY" in names else None),
            columns.get("PI"),
            _whole_pair(limits),
            intervals,
            _alive(header),
            float("nan") if intervals is not None else next((float(v) for v in said if v), float("nan")),
            row={
                "survey": "_".join(
                    str(header.get(k) or "").strip().lower() for k in ("TELESCOP", "INSTRUME")
                ).strip("_"),
                "obsid": str(header.get("OBS_ID") or "").strip() or None,
                "object": str(header.get("OBJECT") or "").strip() or None,
                "ra": ra if isinstance(ra, float) and isinstance(dec, float) else None,
                "dec": dec if isinstance(ra, float) and isinstance(dec, float) else None,
            },
        )


def _whole_pair(limits: Sequence[Any]) -> tuple[int, int] | None:
    first, last = limits
    return (
        (int(first), int(last)) if isinstance(first, int | float) and isinstance(last, int | float) else None
    )


def is_event_table(header: Any) -> bool:
    """Whether the header of an extension is that of events."""
    kind = str(header.get("HDUCLAS1") or "").strip().upper()
    return kind == "EVENTS" or str(header.get("EXTNAME") or "").strip().upper() == "EVENTS"


def _good_time(tables: Sequence[Any], columns: Mapping[str, NDArray]) -> Floats | None:
    """Good time intervals of the chip that most events are from; None where the file has none."""
    found = [
        t for t in tables if "GTI" in t.name and {"START", "STOP"} <= {n.upper() for n in t.columns.names}
    ]
    if not found:
        return None
    chips = columns.get("CCD_ID", columns.get("CCDNR"))
    if chips is not None and len(found) > 1:
        values, n = np.unique(chips[np.isfinite(chips)], return_counts=True)
        most = int(values[n.argmax()]) if len(values) else -1
        found = [t for t in found if _chip(t) == most] or found
    return np.stack([np.asarray(found[0].data[name], float) for name in ("START", "STOP")], axis=1)


def _chip(table: Any) -> int | None:
    """The chip whose good time a table gives: CCD_ID of its header, or the number behind the name, as STDGTI04."""
    said = table.header.get("CCD_ID")
    number = re.search(r"(\d+)$", table.name)
    return int(said) if isinstance(said, int | float) else int(number[1]) if number else None


def _alive(header: Any) -> float:
    """Share of the time in which the detector counts photons."""
    for name, over in (("DTCOR", None), ("LIVETIME", "ONTIME")):
        value, whole = header.get(name), header.get(over) if over else 1.0
        if isinstance(value, int | float) and isinstance(whole, int | float) and 0 < value <= whole:
            return float(value / whole)
    return 1.0


def _refuse_field(path: Path, header: Any, names: Mapping[str, int], columns: Mapping[str, NDArray]) -> None:
    """Refuse the events of a whole field: nobody knows which source is meant."""
    spread = 0.0
    for axis in ("X", "Y"):
        step = header.get(f"TCDLT{names[axis]}") if axis in names else None
        if isinstance(step, int | float):
            ends = np.percentile(columns[axis][np.isfinite(columns[axis])], [5, 95])
            spread = max(spread, abs(step) * float(ends[1] - ends[0]))
    if spread > LARGEST_SOURCE:
        raise FormatError(
            f"{path.name}: its events fill {60 * spread:.0f} arcmin, expected those of one source (below "
            f"{60 * LARGEST_SOURCE:.0f}). Extract the region of a source first."
        )


# --- text and JSON ------------------------------------------------------------------------------------


def _from_text(path: Path) -> Iterator[Events]:
    with open_plain(path) as file:
        lines = file.read().decode("utf-8", "replace").splitlines()
    said = [match for line in lines if (match := _SAID.match(line.strip()))]
    rows = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    names = _columns_of("\n".join(rows[:1]).encode()) if rows else None
    if names is None or len(rows) < 2:
        raise FormatError(
            f"{path.name}: a list of no events, expected rows of time and energy. Write it again."
        )
    table = _numbers(path, rows[1:], len(names), _delimiter(rows[0]))
    columns = {name: table[:, i] for i, name in enumerate(names)}
    energy = next((name for name in _ENERGY if name in columns), None)
    channel = next((columns[name] for name in _CHANNEL if name in columns), None)
    gti = [[float(v) for v in re.split(r"[\s,]+", m[2].strip())[:2]] for m in said if m[1].lower() == "gti"]
    exposure = next((_seconds(path, m[2]) for m in said if m[1].lower() == "exposure"), float("nan"))
    yield Events(
        stem(path.name),
        next(columns[name] for name in _TIME if name in columns),
        None if energy is None else _scaled(columns[energy], _ENERGY[energy]),
        channel,
        intervals=np.array(gti) if gti else None,
        exposure=exposure,
    )


def _seconds(path: Path, said: str) -> float:
    """An exposure as it is written, "1234", "1234 s" or "1.234 ks", in seconds."""
    found = re.fullmatch(r"([\d.]+(?:e[+-]?\d+)?)\s*([a-z]*)", said.strip(), re.I)
    if found is None or found[2].lower() not in _SECONDS:
        raise FormatError(
            f"{path.name}: exposure {said.strip()!r}, expected seconds, or a number with the unit ks. Correct it."
        )
    return float(found[1]) * _SECONDS[found[2].lower()]


def _numbers(path: Path, rows: Sequence[str], width: int, delimiter: str | None) -> Floats:
    parts = csv.reader(rows, delimiter=delimiter) if delimiter else (row.split() for row in rows)
    try:
        table = np.array([[float(value) for value in row[:width]] for row in parts if row], float)
    except ValueError as error:
        raise FormatError(
            f"{path.name}: {error}, expected numbers in every row of events. Correct it."
        ) from error
    if table.ndim != 2 or table.shape[1] != width:
        raise FormatError(
            f"{path.name}: rows of different lengths, expected {width} values in each. Correct it."
        )
    return table


def _columns_of(start: bytes) -> list[str] | None:
    """Names of the columns of a table of events, in lower case; None if it is none."""
    lines = (line.strip() for line in start.decode("utf-8", "replace").splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    delimiter = _delimiter(first)
    names = [
        re.sub(r"[\s(\[]+", "_", n.strip().strip('"').lower()).rstrip(")]_") for n in first.split(delimiter)
    ]
    has_time = any(name in names for name in _TIME)
    return names if has_time and any(name in names for name in (*_ENERGY, *_CHANNEL)) else None


def _delimiter(line: str) -> str | None:
    return next((mark for mark in (",", "\t", ";") if mark in line), None)


def _from_json(path: Path) -> Iterator[Events]:
    """A list of records with `event_list`, [[time, energy], ...], or one a line."""
    with open_plain(path) as file:
        text = file.read().decode("utf-8", "replace")
    try:
        records = (
            json.loads(text)
            if path.name.lower().find(".jsonl") < 0
            else [*map(json.loads, text.splitlines())]
        )
    except ValueError as error:
        raise FormatError(f"{path.name}: no JSON ({str(error)[:100]}). Fetch it again.") from error
    records = [records] if isinstance(records, dict) else records
    known = (
        [r for r in records if isinstance(r, dict) and r.get("event_list")]
        if isinstance(records, list)
        else []
    )
    if not known:
        raise FormatError(
            f"{path.name}: no record with an event_list, expected [[time, energy], ...]. Write it again."
        )
    for i, record in enumerate(known):
        yield _from_record(path, record, i)


def _from_record(path: Path, record: Mapping[str, Any], place: int) -> Events:
    name, obsid = record.get("source_name"), record.get("obsid")
    label = f"{name}#{obsid}" if name and obsid is not None else str(name or f"{stem(path.name)}#{place}")
    try:
        pairs = np.array(record["event_list"], float).reshape(len(record["event_list"]), -1)
    except (ValueError, TypeError) as error:
        raise FormatError(f"{label}: an event_list of no numbers, expected [[time, energy], ...].") from error
    if pairs.shape[1] < 2:
        raise FormatError(f"{label}: events of one number each, expected time and energy. Write it again.")
    original = record.get("_event_list_original_size") if record.get("_event_list_capped") else None
    row: dict[str, Any] = {key: _number(record.get(key)) for key in ("ra", "dec", *CATALOG_NUMBERS)}
    row |= {key: None if record.get(key) is None else str(record[key]) for key in CATALOG_TEXTS}
    return Events(
        label, pairs[:, 0], _scaled(pairs[:, 1], None), exposure=_number(record.get("exposure")) or float("nan"),
        thinned=len(pairs) / original if original and original > len(pairs) else 1.0,
        row=row | {"obsid": None if obsid is None else str(obsid), "object": name},
    )  # fmt: skip


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if known else None


def _is_json(path: Path) -> bool:
    return bool(re.search(r"\.jsonl?(\.gz)?$", path.name, re.I))


def _in_kev(energy: Floats | None, unit: str | None) -> Floats | None:
    """Energies of FITS in keV: by their unit, eV where there is none."""
    if energy is None:
        return None
    return energy * {"kev": 1.0, "mev": 1e3}.get(str(unit or "eV").strip().lower(), 1e-3)


def _scaled(energy: Floats, factor: float | None) -> Floats:
    """Energies in keV; where no unit is known, by their size."""
    known = energy[np.isfinite(energy)]
    if factor is None:
        factor = 1.0 if len(known) and np.median(known) < HIGHEST_KEV else 1e-3
    return energy * factor
