"""CountSet: N spectra of counts, each with its background, exposure and response, and a table row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import ShapeError
from spectrove.spectra import CORE_COLUMNS
from spectrove.xray.response import Response

#: Values of OGIP's QUALITY that mark a channel as bad; 2, "dubious", marks what grouping left over.
BAD_QUALITY = (1, 5)

#: QUALITY of a channel that the spectrum, its background or AREASCAL leaves out: "set as bad by the user".
NOT_USED = 5

#: Seconds in which ACIS adds up charge before it reads it out, if the whole detector is read: what is assumed where
#: nobody says. Counts per such frame from which photons pile up in numbers: 10% of events, by the Chandra guide.
FRAME, PILED = 3.2, 0.25

#: How names of telescopes begin that have other frames.
OTHER_FRAMES = (
    "xmm",
    "nustar",
    "swift",
    "nicer",
    "suzaku",
    "asca",
    "rosat",
    "srg",
    "xrism",
    "hitomi",
    "astro",
)

#: Columns of channels: one list per spectrum.
CHANNEL_COLUMNS: dict[str, pa.DataType] = {
    "counts": pa.int32(),
    "background": pa.int32(),
    "quality": pa.int16(),
}

#: Columns of channels that a spectrum may lack; null where it does, and in what older versions wrote.
OPTIONAL_COLUMNS: dict[str, pa.DataType] = {"grouping": pa.int16()}

#: Both.
ALL_CHANNELS = CHANNEL_COLUMNS | OPTIONAL_COLUMNS

#: Columns of one value per spectrum that belong to its counts.
VALUE_COLUMNS: dict[str, pa.DataType] = {
    "background_scale": pa.float64(),
    "exposure": pa.float64(),
    "response": pa.large_binary(),
}


def is_piled_up(net: float, exposure: float, survey: str | None) -> bool:
    """Whether so many net counts in so many seconds are more than `PILED` in a frame of `FRAME`.

    Args:
        net: Counts of the source; exposure: Seconds.
        survey: Telescope and instrument, "" or None where unknown; those with other frames are never piled up here.
    """
    return net * FRAME > PILED * exposure and not (survey or "").lower().startswith(OTHER_FRAMES)


@dataclass(frozen=True)
class Counts:
    """One spectrum; arrays have shape (n_channels,), units as in `CountSet`."""

    object_id: str
    counts: NDArray[np.int32]
    background: NDArray[np.int32]
    quality: NDArray[np.int16]
    background_scale: float
    exposure: float
    response: Response
    row: dict[str, Any]
    grouping: NDArray[np.int16] | None = None

    @property
    def good(self) -> NDArray[np.bool_]:
        """Channels that may be used."""
        return ~np.isin(self.quality, BAD_QUALITY)

    @property
    def z(self) -> float:
        """Redshift that a catalog gives; NaN if none."""
        value = self.row.get("z")
        return float("nan") if value is None else float(value)

    def about(self) -> dict[str, Any]:
        """The spectrum in numbers, as `kb show` prints them: exposure in s, energies in keV."""
        reach = float(self.response.e_min.min()), float(self.response.e_max.max())
        measured = {
            "counts": int(self.counts.sum()),
            "background": round(float(self.background_scale * self.background.sum()), 1),
            "channels": len(self.counts),
            "good_channels": int(self.good.sum()),
            "groups": 0 if self.grouping is None else int((self.grouping == 1).sum()),
            "exposure_s": round(self.exposure, 1),
            "energy_kev": [round(energy, 3) for energy in reach],
        }
        behind = (
            f", of which {measured['background']} expected of the background" if self.background_scale else ""
        )
        grouped = f" in {measured['groups']} groups" if measured["groups"] else ""
        said = (
            f"{measured['counts']} counts{behind}, in {self.exposure:.0f} s; {len(self.counts)} channels{grouped}, "
            f"{measured['good_channels']} good, {reach[0]:.2f}-{reach[1]:.2f} keV"
        )
        return {"measured": measured, "said": said}


@dataclass(frozen=True)
class CountSet:
    """N spectra of counts, their channels stored end to end.

    Attributes:
        object_id: Strings, unique, (n_spectra,).
        offsets: Where each spectrum begins, (n_spectra + 1,), int64.
        counts: Counts of source and background in each channel, integers, (n_total,).
        background: Counts of the background region in each channel, integers, (n_total,).
        quality: OGIP's QUALITY of each channel, 0 if good, (n_total,).
        background_scale: Background expected in the source's region per count of the background region,
            (n_spectra,); 0 where there is no background.
        exposure: Seconds, (n_spectra,).
        responses: Different responses; spectra may share one.
        response_of: Position of each spectrum's response in `responses`, (n_spectra,).
        rows: A table row each, with `spectra.CORE_COLUMNS` first and catalog columns after them.
        grouping: OGIP's GROUPING of each channel, 1 where a group begins and -1 where it goes on, 0 where channels are
            not grouped, (n_total,). It is kept as it was written: counts are those of whole channels, and nothing here
            adds them. All 0 where None is given.
    """

    object_id: NDArray[np.str_]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int32]
    background: NDArray[np.int32]
    quality: NDArray[np.int16]
    background_scale: NDArray[np.float64]
    exposure: NDArray[np.float64]
    responses: tuple[Response, ...]
    response_of: NDArray[np.int64]
    rows: pa.Table
    grouping: NDArray[np.int16] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.grouping is None:
            object.__setattr__(self, "grouping", np.zeros(len(self.counts), np.int16))
        n, total = len(self.object_id), int(self.offsets[-1]) if len(self.offsets) else 0
        lengths = {name: len(getattr(self, name)) for name in ("background_scale", "exposure", "response_of")}
        if len(self.offsets) != n + 1 or self.rows.num_rows != n or set(lengths.values()) != {n}:
            raise ShapeError(
                f"CountSet: {n} ids, {len(self.offsets)} offsets, {self.rows.num_rows} rows, {lengths}; expected {n}, "
                f"{n + 1}, {n} and {n} of each."
            )
        for name in ALL_CHANNELS:
            if len(getattr(self, name)) != total:
                raise ShapeError(
                    f"CountSet: {name} has {len(getattr(self, name))} channels, the offsets say {total}."
                )

    def __len__(self) -> int:
        return len(self.object_id)

    def __getitem__(self, i: int) -> Counts:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        span = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return Counts(
            str(self.object_id[i]),
            self.counts[span],
            self.background[span],
            self.quality[span],
            float(self.background_scale[i]),
            float(self.exposure[i]),
            self.responses[self.response_of[i]],
            {name: self.rows.column(name)[i].as_py() for name in self.rows.column_names},
            self.grouping[span],
        )

    def __iter__(self) -> Iterator[Counts]:
        return (self[i] for i in range(len(self)))

    @property
    def z(self) -> NDArray[np.float64]:
        """Redshifts that a catalog gives, (n_spectra,); NaN for most, and nothing here needs one."""
        return self.rows.column("z").cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)

    def column(self, name: str) -> list[Any]:
        """A row column as Python values, None where unknown."""
        return self.rows.column(name).to_pylist()

    def take(self, index: Sequence[int] | NDArray) -> CountSet:
        """The chosen spectra, in the order asked for. `index` holds positions or a boolean mask."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        channels = np.repeat(self.offsets[index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        used, response_of = np.unique(self.response_of[index], return_inverse=True)
        return CountSet(
            self.object_id[index],
            offsets,
            **{name: getattr(self, name)[channels] for name in ALL_CHANNELS},
            background_scale=self.background_scale[index],
            exposure=self.exposure[index],
            responses=tuple(self.responses[i] for i in used),
            response_of=response_of.astype(np.int64),
            rows=self.rows.take(pa.array(index)),
        )

    def with_rows(self, rows: pa.Table) -> CountSet:
        """The same spectra with another table of rows, in the same order."""
        return replace(self, rows=rows)

    @staticmethod
    def concatenate(parts: Sequence[CountSet]) -> CountSet:
        """Many sets as one; columns missing in some become null there."""
        if not parts:
            return CountSet.from_counts([])
        starts = np.cumsum([0] + [int(p.offsets[-1]) for p in parts])
        offsets = [[0], *(p.offsets[1:] + start for p, start in zip(parts, starts, strict=False))]
        responses, places = _each_response_once([p.responses for p in parts])
        return CountSet(
            np.concatenate([p.object_id for p in parts]),
            np.concatenate(offsets).astype(np.int64),
            **{name: np.concatenate([getattr(p, name) for p in parts]) for name in ALL_CHANNELS},
            background_scale=np.concatenate([p.background_scale for p in parts]),
            exposure=np.concatenate([p.exposure for p in parts]),
            responses=responses,
            response_of=np.concatenate([own[p.response_of] for p, own in zip(parts, places, strict=True)]),
            rows=pa.concat_tables([p.rows for p in parts], promote_options="permissive"),
        )

    @staticmethod
    def from_counts(spectra: Sequence[Counts]) -> CountSet:
        """A set of single spectra; missing core columns are null. Spectra with one `Response` object share it."""
        place: dict[int, int] = {}
        responses: list[Response] = []
        for s in spectra:
            if place.setdefault(id(s.response), len(responses)) == len(responses):
                responses.append(s.response)
        lengths = [len(s.counts) for s in spectra]
        channels = {
            name: np.concatenate([np.zeros(0), *(_channels_of(s, name) for s in spectra)]).astype(
                kind.to_pandas_dtype()
            )
            for name, kind in ALL_CHANNELS.items()
        }
        return CountSet(
            np.array([s.object_id for s in spectra], dtype=str),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **channels,
            background_scale=np.array([s.background_scale for s in spectra], float),
            exposure=np.array([s.exposure for s in spectra], float),
            responses=tuple(responses),
            response_of=np.array([place[id(s.response)] for s in spectra], np.int64),
            rows=_rows_table([s.row for s in spectra]),
        )

    def measured_quality(self) -> NDArray[np.float64]:
        """Log10 of the signal-to-noise of all counts, and the fraction of good channels, (n_spectra, 2)."""
        found = np.zeros((len(self), 2))
        for i, one in enumerate(self):
            both, behind = one.counts[one.good].sum(), one.background_scale * one.background[one.good].sum()
            found[i] = np.log10(max((both - behind) / np.sqrt(max(both, 1)), 0.1)), one.good.mean()
        return found

    def noisier(self, trial: int) -> CountSet:
        """The spectra with their Poisson noise added once more; every object has its own random numbers."""
        counts, background = self.counts.copy(), self.background.copy()
        for i, object_id in enumerate(self.object_id.tolist()):
            span = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
            rng = np.random.default_rng([trial, *object_id.encode()])
            counts[span], background[span] = rng.poisson(counts[span]), rng.poisson(background[span])
        return replace(self, counts=counts, background=background)

    def to_arrow(self) -> pa.Table:
        """A row per spectrum: object_id, the channels as lists of integers, exposure and response, then the row."""
        offsets = pa.array(self.offsets, pa.int64())
        grouped = self._grouped()
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "object_id": pa.array(self.object_id.tolist(), pa.string())
        }
        for name, kind in ALL_CHANNELS.items():
            mask = pa.array(~grouped) if name in OPTIONAL_COLUMNS and len(self) else None
            values = pa.array(getattr(self, name), kind)
            columns[name] = pa.LargeListArray.from_arrays(offsets, values, mask=mask)
        columns["background_scale"] = pa.array(self.background_scale, pa.float64())
        columns["exposure"] = pa.array(self.exposure, pa.float64())
        columns["response"] = pa.DictionaryArray.from_arrays(
            pa.array(self.response_of, pa.int32()),
            pa.array([response.packed for response in self.responses], pa.large_binary()),
        )
        return pa.table(columns | {name: self.rows.column(name) for name in self.rows.column_names})

    def _grouped(self) -> NDArray[np.bool_]:
        """Whether any channel of each spectrum is grouped, (n_spectra,)."""
        sums = np.concatenate([[0], np.cumsum(self.grouping != 0)])
        return sums[self.offsets[1:]] > sums[self.offsets[:-1]]

    @staticmethod
    def from_arrow(table: pa.Table) -> CountSet:
        """The inverse of `to_arrow`; equal responses are shared."""
        table = table.combine_chunks()
        lists = {name: _one_chunk(table.column(name)) for name in CHANNEL_COLUMNS}
        lengths = lists["counts"].value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        channels = {
            name: column.flatten().to_numpy(zero_copy_only=False).astype(_dtype(name))
            for name, column in lists.items()
        }
        for name in OPTIONAL_COLUMNS:
            channels[name] = _filled(table, name, lengths)
        responses, response_of = _responses_in(table.column("response"))
        own = ["object_id", *(n for n in (*ALL_CHANNELS, *VALUE_COLUMNS) if n in table.column_names)]
        return CountSet(
            np.array(table.column("object_id").to_pylist(), dtype=str),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **channels,
            background_scale=np.array(table.column("background_scale").to_pylist(), float),
            exposure=np.array(table.column("exposure").to_pylist(), float),
            responses=responses,
            response_of=response_of,
            rows=table.drop_columns(own),
        )


def _channels_of(spectrum: Counts, name: str) -> NDArray:
    values = getattr(spectrum, name)
    return np.zeros(len(spectrum.counts)) if values is None else values


def _each_response_once(
    sets: Sequence[Sequence[Response]],
) -> tuple[tuple[Response, ...], list[NDArray[np.int64]]]:
    """The different responses of some sets, and for each set the places of its own among them."""
    place: dict[str, int] = {}
    kept: list[Response] = []
    places = []
    for responses in sets:
        own = []
        for response in responses:
            if place.setdefault(response.digest, len(kept)) == len(kept):
                kept.append(response)
            own.append(place[response.digest])
        places.append(np.array(own, np.int64))
    return tuple(kept), places


def _responses_in(column: pa.ChunkedArray) -> tuple[tuple[Response, ...], NDArray[np.int64]]:
    """The different responses of a column of packed ones, and the place of each row's among them."""
    if not pa.types.is_dictionary(column.type):  # as older versions wrote it
        column = column.cast(pa.large_binary()).dictionary_encode()
    array = _one_chunk(column.unify_dictionaries())
    used = np.asarray(array.indices.to_numpy(zero_copy_only=False), np.int64)
    wanted, place = np.unique(used, return_inverse=True)
    packed = [array.dictionary[int(i)].as_py() for i in wanted]
    responses, places = _each_response_once([[Response.unpack(raw) for raw in packed]])
    return responses, places[0][place]


def _filled(table: pa.Table, name: str, lengths: NDArray) -> NDArray:
    """An optional column of channels end to end, 0 where it is null or not there."""
    out = np.zeros(int(lengths.sum()), OPTIONAL_COLUMNS[name].to_pandas_dtype())
    if name not in table.column_names:
        return out
    column = _one_chunk(table.column(name))
    if not pa.types.is_null(column.type):
        known = np.repeat(~np.asarray(column.is_null().to_numpy(zero_copy_only=False), bool), lengths)
        out[known] = column.flatten().to_numpy(zero_copy_only=False)
    return out


def _one_chunk(column: pa.ChunkedArray) -> Any:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _dtype(name: str) -> Any:
    return CHANNEL_COLUMNS[name].to_pandas_dtype()


def _rows_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """A table of rows, the core columns first; unknown positions and redshifts are null."""
    names = list(CORE_COLUMNS) + sorted({name for row in rows for name in row} - set(CORE_COLUMNS))
    columns = {}
    for name in names:
        values = [list(row.get(name) or []) if name == "flags" else row.get(name) for row in rows]
        columns[name] = pa.array(values, CORE_COLUMNS.get(name), from_pandas=True)
    return pa.table(columns)
