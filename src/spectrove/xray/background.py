"""The background of a spectrum: whose counts it is, and how many of the source's region one of them stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError
from spectrove.xray.matrix import Place, sentence_of
from spectrove.xray.parts import Parts, all_spectra
from spectrove.xray.response import Response

Floats = NDArray[np.float64]

#: Highest over lowest scale among the channels of a background for which their mean stands.
LARGEST_SPREAD = 1.25

#: Columns of a grating's backgrounds, on both sides of the spectrum, with the size of each.
_SIDES = {"BACKGROUND_UP": "BACKSCUP", "BACKGROUND_DOWN": "BACKSCDN"}


@dataclass(frozen=True)
class Background:
    """Counts of the background region.

    Attributes:
        counts: By channel of the response, (n_channels,).
        scale: Of the source's region, per count; 0 without a background.
        bad: Channels in which the background is not measured, (n_channels,).
        flags: Names of flags.
    """

    counts: NDArray[np.int64]
    scale: float
    bad: NDArray[np.bool_]
    flags: tuple[str, ...] = ()


def background_of(
    parts: Parts,
    place: Place | None,
    in_file: Sequence[Parts],
    response: Response,
    whole: Callable[[Parts, float], NDArray[np.int64]],
) -> Background:
    """The background of a spectrum; of several their sum, each weighted by its exposure and size.

    Args:
        parts: The spectrum.
        place: The file that it names.
        in_file: All spectra of its own file.
        response: Its response.
        whole: The counts of a spectrum of an exposure.

    Raises:
        FormatError: A background is broken, or does not fit.
    """
    behind = _spectra_behind(parts, place, in_file)
    none = np.zeros(response.n_channels, np.int64)
    if not behind:
        return Background(none, 0.0, none > 0)
    counts, size, bad = none.copy(), np.zeros(response.n_channels), none > 0
    for one in behind:
        _need_both_sizes(parts, one)
        time = one.exposure()
        own, missing = on_channels(one, whole(one, time), response)
        counts += own
        size += _exposed(parts, one, time, response)
        bad |= missing | _bad(one, response)
    mine = _exposed(parts, parts, parts.exposure(), response)
    scale = np.divide(mine, size, out=np.full(len(size), np.nan), where=size > 0)
    bad |= ~(scale > 0)
    return _with_scale(parts, counts, scale, bad)


def _need_both_sizes(source: Parts, behind: Parts) -> None:
    """Refuse a pair of which one says how large its region is and the other does not: no size would fit it."""
    says = [any("BACKSCAL" in known for known in (one.columns, one.values)) for one in (source, behind)]
    if says[0] != says[1]:
        has, lacks = (source, behind) if says[0] else (behind, source)
        raise FormatError(
            f"{source.label}: {has.path.name} has BACKSCAL and {lacks.path.name} has none; expected both, as they "
            "scale the background. Set it to the size of the region in the same unit."
        )


def _with_scale(parts: Parts, counts: NDArray[np.int64], scale: Floats, bad: NDArray[np.bool_]) -> Background:
    """One scale for all channels: their own where they agree, else the mean over the background's counts."""
    used = ~bad & (counts > 0) if (counts[~bad] > 0).any() else ~bad
    values = scale[used]
    if not len(values):
        raise FormatError(
            f"{parts.label}: BACKSCAL or AREASCAL is 0 in every channel, expected more. Extract both spectra again."
        )
    low, high = values.min(), values.max()
    if high <= low * (1 + 1e-6):
        return Background(counts, float(values[0]), bad)
    if high > LARGEST_SPREAD * low:
        raise FormatError(
            f"{parts.label}: one count of the background stands for {low:.3g} to {high:.3g} of the source's region, "
            f"by channel (BACKSCAL, AREASCAL); expected the same within {LARGEST_SPREAD - 1:.0%}. Extract both with "
            "regions of constant size."
        )
    mean = float(np.average(values, weights=np.maximum(counts[used], 1e-9)))
    return Background(counts, mean, bad, ("background_scale_varies",))


def exposed_area(parts: Parts, name: str, response: Response) -> Floats:
    """BACKSCAL or AREASCAL of each channel, from a column or one value of the header; 1 where neither says it."""
    value = parts.columns.get(name)
    if value is None or np.ndim(value) == 0:
        return np.full(response.n_channels, parts.number(name, 1.0))
    placed, missing = on_channels(parts, np.asarray(value, float).ravel(), response)
    return np.where(missing | ~np.isfinite(placed), 1.0 if name == "AREASCAL" else 0.0, placed)


def _exposed(source: Parts, parts: Parts, time: float, response: Response) -> Floats:
    """Exposure times size of the region times area of each channel."""
    region, area = (exposed_area(parts, name, response) for name in ("BACKSCAL", "AREASCAL"))
    if not time > 0 or not (region > 0).any() or not (area > 0).any():
        of = f"spectrum and background {parts.path.name}" if parts is not source else "the spectrum"
        raise FormatError(
            f"{source.label}: exposure {time:g} s, BACKSCAL {region.max():g} and AREASCAL {area.max():g} of {of}; "
            "expected all above 0. Extract both again."
        )
    return time * np.maximum(region, 0) * np.maximum(area, 0)


def _bad(parts: Parts, response: Response) -> NDArray[np.bool_]:
    """Channels of a background that its QUALITY calls bad."""
    if "QUALITY" not in parts.columns:
        return np.full(response.n_channels, int(parts.number("QUALITY", 0)) in (1, 5))
    return np.isin(on_channels(parts, np.asarray(parts.columns["QUALITY"]).ravel(), response)[0], (1, 5))


# --- which spectra ------------------------------------------------------------------------------------


def _spectra_behind(parts: Parts, place: Place | None, in_file: Sequence[Parts]) -> list[Parts]:
    """The backgrounds that a spectrum names; else those in its own row or file; none where it has none."""
    if place is None:
        return _sides(parts) or [p for p in in_file if _is_background(p)]
    same = _same_file(place.path, parts.path)
    with sentence_of(parts.label, "BACKFILE", place.path):
        found = [p for p in in_file if p is not parts] if same else list(all_spectra(place.path))
    if place.part:
        found = _numbered(parts, place, found)
    else:
        found = [p for p in found if _is_background(p)] or found
        if parts.row is not None and len(found) > 1 and all(p.row is not None for p in found):
            found = [p for p in found if p.row == parts.row]
    if not found:
        raise FormatError(
            f"{parts.label}: BACKFILE {place.path.name} holds no spectrum, expected a PHA file. Fetch it again."
        )
    return found


def _numbered(parts: Parts, place: Place, found: list[Parts]) -> list[Parts]:
    """The spectrum in a row, "{2}" counted from 1, or an extension, "[2]", of a file."""
    number = re.search(r"\d+", place.part)
    if number is None:
        return found
    i = int(number[0])
    by_row = place.part.startswith("{")
    chosen = [p for p in found if (p.row == i - 1 if by_row else p.extension == i)]
    if not chosen:
        raise FormatError(
            f"{parts.label}: BACKFILE {place.path.name} has no spectrum {place.part}, expected one of {len(found)}. "
            "Correct the name."
        )
    return chosen


def _sides(parts: Parts) -> list[Parts]:
    """The backgrounds on both sides of a grating's spectrum, as spectra of their own."""
    sides = []
    for column, size in _SIDES.items():
        if column not in parts.columns:
            continue
        columns = {n: v for n, v in parts.columns.items() if n in ("CHANNEL", "QUALITY", "AREASCAL")}
        columns["COUNTS"] = parts.columns[column]
        if size in parts.columns:
            columns["BACKSCAL"] = parts.columns[size]
        values = {**parts.values, "BACKSCAL": parts.values.get(size, parts.values.get("BACKSCAL", 1.0))}
        sides.append(Parts(parts.path, parts.label, values, columns, parts.row, parts.extension))
    return sides


def _is_background(parts: Parts) -> bool:
    return parts.text("HDUCLAS2").upper() == "BKG"


def _same_file(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


# --- channels -----------------------------------------------------------------------------------------


def on_channels(parts: Parts, values: NDArray, response: Response) -> tuple[NDArray, NDArray[np.bool_]]:
    """Values of a table by channel of the response, and the channels that the table leaves out, each (n_channels,).

    Raises:
        FormatError: The channels are not those of the response.
    """
    default = np.arange(len(values)) + response.first_channel
    numbers = np.asarray(parts.columns.get("CHANNEL", default), float).ravel()
    place = numbers - response.first_channel
    n = response.n_channels
    fit = len(place) == len(values) and bool(((place >= 0) & (place < n) & (place == np.rint(place))).all())
    whole = len(values) == n or (len(values) < n == parts.number("DETCHANS", 0))
    if not fit or not whole:
        span = f"{numbers[0]:g} to {numbers[-1]:g}" if len(numbers) else "none"
        raise FormatError(
            f"{parts.label}: {len(values)} channels, {span}, do not fit the RMF's {n}, {response.first_channel} to "
            f"{response.first_channel + n - 1}. {_advice(len(values), n)}"
        )
    out, missing = np.zeros(n, values.dtype), np.ones(n, bool)
    place = place.astype(np.int64)
    out[place], missing[place] = values, False
    if (~missing).sum() != len(values):
        raise FormatError(
            f"{parts.label}: {len(values)} rows for {(~missing).sum()} different channels, expected each channel once. "
            "Write the table again."
        )
    return out, missing


def _advice(found: int, expected: int) -> str:
    if 0 < found < expected and expected % found == 0:
        return f"It was rebinned by {expected // found}: rebin the RMF too, or use the spectrum before."
    return "Use the RMF that was made for this spectrum."
