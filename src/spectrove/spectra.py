"""SpectrumSet: N spectra, each on its own wavelength grid, with an id and a table row each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import ShapeError
from spectrove.gaps import fillers
from spectrove.pixels import foreign
from spectrove.pixels.given import columns_of
from spectrove.pixels.masks import BAD, Mask

if TYPE_CHECKING:
    from astropy.table import Table
    from specutils import SpectrumList


#: Flags of a whole spectrum or answer, each with one sentence.
FLAGS: dict[str, str] = {
    "no_good_pixels": "No pixel is usable: every one is masked or has zero inverse variance.",
    "few_good_pixels": "Less than half of the pixels are usable.",
    "ivar_estimated": "The file has no errors; inverse variance was estimated from pixel scatter.",
    "lsf_unknown": "The file does not say its spectral resolution.",
    "air_converted": "Wavelengths were in air and have been converted to vacuum.",
    "air_assumed": "The file does not say air or vacuum; its survey's usual convention was assumed.",
    "wavelength_unit_assumed": "The file does not say the unit of its wavelengths; their range decided.",
    "flux_unit_unknown": "The file does not say the unit of its flux.",
    "flux_unit_misprinted": "The file's unit erg/cm/s/A is a misprint of SDSS DR1-DR7, read as erg/cm2/s/A.",
    "errors_unusable": "No error in the file is above 0, or all are far too small for light: they were taken as none.",
    "ivar_is_error": "Inverse variances in the unit of the flux agree with its scatter as errors, and were read so.",
    "mask_inverted": "Nearly all pixels would be bad by the file's mask, so it was read as marking the good ones.",
    "quality_unread": "No pixel has the quality 0, which means good by the standard: the file's quality was not read.",
    "reduction_warning": "The survey's reduction warns of it: of wavelengths, extraction, sky or calibration.",
    "topocentric": "Wavelengths are those at the telescope: velocities hold the motion of the Earth, up to 30 km/s.",
    "pixels_dropped": "Pixels without a wavelength of their own, as padding has them, were left out.",
    "rest_frame": "Wavelengths were at rest and have been multiplied by 1 + the file's redshift.",
    "not_calibrated": "Flux is in counts or relative units: its shape over long ranges means little.",
    "no_redshift": "No redshift came with the spectrum.",
    "z_not_positive": "The redshift is zero or negative: usual for a star, but no galaxy of the Hubble flow has one.",
    "z_near_zero": "The redshift is below 0.001, 300 km/s: a star, or one of the nearest galaxies.",
    "negative_strength": "A line comes out below zero by far more than its error: wrong redshift, type or calibration.",
    "z_warning": "The survey's pipeline warned about this redshift.",
    "z_uncertain": "The redshift was estimated from the spectrum, and another one may be right.",
    "star": "The survey's pipeline calls this object a star.",
    "sky": "This is a sky fibre.",
    "specobjid_mismatch": "The file's specobjid is not the one that the file's other identifiers give.",
    "duplicate": "Another file gave the same object id; that one was kept first.",
    "low_coverage": "Less than half of the encoder's wavelength range held good pixels.",
    "scale_elsewhere": "The scaling window was not covered; the median of all good pixels was used.",
    "faint": "The median flux is below a tenth of the noise; the noise sets the scale.",
    "neighbor_coverage": "A neighbour shares less than half of the wavelength range with the query.",
    "view_missing": "One of the base's views could not be made of it: searches in that view pass it by.",
    "catalog_columns": "Columns of the catalog took part beside the spectrum, as was asked for.",
    "columns_unknown": "None of the catalog columns that were asked for is known of it: they say nothing here.",
    "region_coverage": "A neighbour shares less than half of the region with the query; it stands last.",
    "one_view": "Only one of the two views could be made of it: the outlier score rests on that one.",
    "small_base": "The base has fewer than 100 objects: no outlier p-value can be as low as 0.01.",
    "few_neighbors": "Fewer labelled neighbours were found than were asked for.",
    "no_signal": "The spectrum holds no signal that stands out of its noise.",
    "not_a_galaxy": "Its own pixels are those of a star or a quasar, and the base holds none.",
    "lines_not_covered": "The lines that the question turns on lie outside the spectrum or under bad pixels.",
    "lines_elsewhere": "Its own lines are those of a class that the base does not hold.",
    "upper_limit": "The interval reaches to what such spectra cannot tell from nothing: its upper end is a limit.",
    "pile_up": "So many counts in a frame that photons were counted as one of higher energy: too hard, too few counts.",
    "few_counts": "It has fewer than 20 counts: where it lies among others is mostly noise.",
    "no_background": "No background was measured: all counts are taken for those of the source.",
    "background_scale_varies": "The background's scale differs among channels, by less than a quarter: its mean.",
    "counts_from_rate": "The file has rates: counts are these times the exposure.",
    "detchans_differs": "DETCHANS is not the number of channels of the response, whose channels are used.",
    "response_by_name": "The header names no response; that of the file's name was taken.",
    "events_thinned": "The list of events was thinned, and the exposure reduced as the photons are.",
    "exposure_from_events": "Nothing gives the exposure: it is the time from the first to the last photon.",
    "limit_nh": "The column runs to the end of what is tried: nh is no measurement, its upper or lower end a limit.",
    "limit_gamma": "The photon index runs to the end of what is tried, so that none is given.",
    "limit_kt": "The temperature runs to the end of what is tried, so that none is given.",
    "velocity_failed": "No radial velocity explains its lines: labels cannot be read off it.",
    "medium_doubtful": "Its velocity is that of wavelengths taken for those of the other medium, air or vacuum.",
    "few_pixels_of_network": "It has less than 60% of the pixels that the network of labels looks at: no labels.",
    "learned_from": "The network of labels has learned from this star: that it knows its labels shows nothing.",
    "poor_fit": "The spectrum that its numbers give does not explain it: emission, a companion, or bad pixels.",
    "one_setting": "It has one of the two ranges of wavelengths that its labels are read off: they are less certain.",
    "outside_labels": "Its labels lie outside those of the stars that the network has learned from.",
    "emission_lines": "A Balmer line of the star is in emission or filled in: its labels may be wrong.",
    "carbon_bands": "Bands of C2 and CN are deeper than in ordinary stars: its labels may be wrong.",
    "two_sets_of_lines": "Lines of a second star at another velocity are seen: its labels may be wrong.",
    "far_from_all": "Nothing known is near: its nearest neighbour is far beyond those of 99% of the base's objects.",
}

#: Flags that repeat a catalog: they stand in the row of an object, never in an answer about it.
CATALOG_FLAGS = frozenset({"star", "sky", "z_warning", "specobjid_mismatch", "duplicate"})

#: Columns that every row has, with their Arrow types. Any further column is a catalog value.
CORE_COLUMNS: dict[str, pa.DataType] = {
    "survey": pa.string(),
    "path": pa.string(),
    "ra": pa.float64(),
    "dec": pa.float64(),
    "z": pa.float64(),
    "z_err": pa.float64(),
    "z_source": pa.string(),
    "zwarning": pa.int64(),
    "flux_unit": pa.string(),
    "calibrated": pa.bool_(),
    "flags": pa.list_(pa.string()),
}

#: The ragged columns: one list per spectrum.
PIXEL_COLUMNS: dict[str, pa.DataType] = {
    "wavelength": pa.float64(),
    "flux": pa.float32(),
    "ivar": pa.float32(),
    "mask": pa.int32(),
    "lsf": pa.float32(),
}

#: Spectra that a notebook shows of a set.
SHOWN = 10


class Batch(Protocol):
    """N spectra of any kind of light, as readers give them and a knowledge base keeps them.

    `SpectrumSet` is the batch of optical spectra. Another class has these members, and a knowledge base keeps what its
    `to_arrow` writes: `object_id`, then the columns of the measurement itself (pixels; or counts in channels, exposure
    and response), then those of `rows`. The columns of the measurement have equal names and types in every batch, and
    equal values in all of them mean the same spectrum, which is stored once.

    Attributes:
        object_id: Shape (n_spectra,), strings, unique.
        rows: A table row each; of `CORE_COLUMNS` those that are known, and catalog columns.
    """

    @property
    def object_id(self) -> NDArray[np.str_]: ...

    @property
    def rows(self) -> pa.Table: ...

    def __len__(self) -> int: ...

    def take(self, index: NDArray) -> Batch:
        """The chosen spectra, in the order of `index`: positions or a boolean mask."""

    @staticmethod
    def concatenate(parts: Sequence[Any]) -> Batch:
        """Many batches of this class as one; columns of rows that are missing in some become null there."""

    def to_arrow(self) -> pa.Table:
        """A row per spectrum: object_id, the measurement's columns, then the row's columns."""

    @staticmethod
    def from_arrow(table: pa.Table) -> Batch:
        """The inverse of `to_arrow`."""


@dataclass(frozen=True, init=False, repr=False)
class Spectrum:
    """One spectrum of an object.

        Spectrum(wavelength, flux, error=error, z=0.067, ra=184.2, dec=2.1, object_id="NGC 4303")

    Args:
        wavelength: Observed frame, rising, shape (n_pixels,): angstrom, or an astropy quantity of any unit of length,
            frequency or energy.
        flux: Same shape: a quantity, or numbers in the unit that `flux_unit` names.
        error: One sigma, same shape, in the unit of the flux. Without error and ivar the inverse variance is estimated
            from the scatter of the pixels (flag "ivar_estimated").
        ivar: Inverse variance, in place of error; zero marks a pixel without data.
        mask: Same shape: True for bad pixels, or bits of `Mask`.
        z: Redshift; None if unknown.
        object_id: A name that no other spectrum beside it has.
        medium: "vacuum" or "air": the medium in which wavelengths are measured.
        lsf: One sigma of the line-spread function, angstrom in the observed frame; a number or an array.
        row: Any further values, for the table row: `ra` and `dec` in degrees, `flux_unit`, `survey`, labels.

    Raises:
        SpectroveError: Arrays differ in shape, wavelengths do not rise, a unit does not fit, or z is no redshift.

    Attributes:
        object_id: "" if none was given.
        wavelength, flux, ivar, mask, lsf: Shape (n_pixels,), as in `SpectrumSet`: wavelengths in vacuum angstrom.
        row: Values of the table row.
    """

    object_id: str
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    mask: NDArray[np.int32]
    lsf: NDArray[np.float32]
    row: dict[str, Any]

    def __init__(
        self,
        wavelength: Any,
        flux: Any,
        *stored: Any,
        error: Any = None,
        ivar: Any = None,
        mask: Any = None,
        z: float | None = None,
        object_id: Any = "",
        medium: str = "vacuum",
        **row: Any,
    ) -> None:
        names = ("object_id", *PIXEL_COLUMNS, "row")
        if isinstance(
            wavelength, str
        ):  # the stored form: object_id, the pixel columns and the row, as they are
            columns = dict(zip(names, (wavelength, flux, *stored), strict=False)) | row
        elif isinstance(row.get("row"), dict):  # all columns by name, as `dataclasses.replace` gives them
            columns = {
                "object_id": object_id,
                "wavelength": wavelength,
                "flux": flux,
                "ivar": ivar,
                "mask": mask,
                **row,
            }
        else:
            columns = columns_of(
                wavelength, flux, *stored, error=error, ivar=ivar, mask=mask, z=z, object_id=object_id, medium=medium,
                **row,
            )  # fmt: skip
        if len(columns) != len(names):
            raise TypeError(
                f"Spectrum: found {', '.join(columns)}; expected {', '.join(names)}, or wavelength and flux."
            )
        for name in names:
            object.__setattr__(self, name, columns[name])

    @classmethod
    def stored(
        cls,
        object_id: str,
        wavelength: NDArray[np.float64],
        flux: NDArray[np.float32],
        ivar: NDArray[np.float32],
        mask: NDArray[np.int32],
        lsf: NDArray[np.float32],
        row: dict[str, Any],
    ) -> Spectrum:
        """A spectrum of columns that are right already, as a `SpectrumSet` stores them; nothing is checked."""
        return cls(object_id, wavelength, flux, ivar, mask, lsf, row)

    def __repr__(self) -> str:
        span = f", {self.wavelength[0]:.0f}-{self.wavelength[-1]:.0f} A" if len(self.wavelength) else ""
        z = f", z {self.z:.4g}" if np.isfinite(self.z) else ", no redshift"
        return f"<Spectrum {self.object_id or '(without a name)'}: {len(self.flux)} pixels{span}{z}>"

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels that may be used as values."""
        return (self.mask & int(BAD) == 0) & (self.ivar > 0)

    def with_gaps_filled(self) -> tuple[Spectrum, NDArray[np.bool_]]:
        """The spectrum with a pixel without data wherever one is missing, and which pixels are its own.

        So that a removed pixel is no other than a bad one, and what lies beyond a gap is no neighbour.
        """
        ends = np.zeros(1, np.int64), np.full(1, len(self.flux) - 1)
        position, wavelength = fillers(self.wavelength, *ends)
        own = np.insert(np.ones(len(self.flux), bool), position, False)
        if not len(position):
            return self, own
        return Spectrum.stored(
            self.object_id,
            np.insert(self.wavelength, position, wavelength),
            np.insert(self.flux, position, 0),
            np.insert(self.ivar, position, 0),
            np.insert(self.mask, position, int(Mask.NODATA)),
            np.insert(self.lsf, position, np.nan),
            self.row,
        ), own

    @property
    def z(self) -> float:
        """Redshift that came with the spectrum; NaN if none."""
        value = self.row.get("z")
        return float("nan") if value is None else float(value)


@dataclass(frozen=True, repr=False)
class SpectrumSet:
    """N spectra on grids of their own, stored end to end.

    Attributes:
        object_id: Shape (n_spectra,), strings, unique.
        offsets: Where each spectrum begins, shape (n_spectra + 1,), int64.
        wavelength: Observed frame, vacuum, angstrom, increasing; shape (n_total,), float64.
        flux: In the unit that the row's `flux_unit` names; shape (n_total,), float32.
        ivar: Inverse variance, unit 1/flux^2, never negative or NaN; shape (n_total,), float32.
        mask: Bits of `Mask`; shape (n_total,), int32.
        lsf: One sigma of the line-spread function, angstrom, observed frame; NaN where unknown; (n_total,).
        rows: A table row each, with `CORE_COLUMNS` first and catalog columns after them.
    """

    object_id: NDArray[np.str_]
    offsets: NDArray[np.int64]
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    mask: NDArray[np.int32]
    lsf: NDArray[np.float32]
    rows: pa.Table

    def __post_init__(self) -> None:
        n, total = len(self.object_id), int(self.offsets[-1]) if len(self.offsets) else 0
        if len(self.offsets) != n + 1 or self.rows.num_rows != n:
            raise ShapeError(
                f"SpectrumSet: {n} ids, {len(self.offsets)} offsets, {self.rows.num_rows} rows; "
                f"expected {n}, {n + 1}, {n}."
            )
        for name in PIXEL_COLUMNS:
            if len(getattr(self, name)) != total:
                raise ShapeError(
                    f"SpectrumSet: {name} has {len(getattr(self, name))} pixels, the offsets say {total}."
                )

    def __len__(self) -> int:
        return len(self.object_id)

    def __repr__(self) -> str:
        span = f", {self.wavelength.min():.0f}-{self.wavelength.max():.0f} A" if len(self.wavelength) else ""
        known = int(np.isfinite(self.z).sum()) if "z" in self.rows.column_names else 0
        return f"<SpectrumSet of {len(self)} spectra{span}, {known} with a redshift>"

    def _repr_html_(self) -> str:
        """A table of the first spectra, for notebooks."""
        shown = [
            (s.object_id, len(s.flux), f"{s.wavelength.min():.0f}-{s.wavelength.max():.0f}" if len(s.flux) else "",
             f"{s.z:.4f}" if np.isfinite(s.z) else "", ", ".join(s.row.get("flags") or ()))
            for s in (self[i] for i in range(min(len(self), SHOWN)))
        ]  # fmt: skip
        rest = f"<p>and {len(self) - SHOWN} more</p>" if len(self) > SHOWN else ""
        head = ("object_id", "pixels", "range (A)", "z", "flags")
        return f"<p>{escape(repr(self))}</p>{html_table(head, shown)}{rest}"

    def __getitem__(self, i: int) -> Spectrum:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        span = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return Spectrum.stored(
            str(self.object_id[i]),
            **_pixels(lambda name: getattr(self, name)[span]),
            row={name: self.rows.column(name)[i].as_py() for name in self.rows.column_names},
        )

    def __iter__(self) -> Iterator[Spectrum]:
        return (self[i] for i in range(len(self)))

    @property
    def z(self) -> NDArray[np.float64]:
        """Redshifts, shape (n_spectra,); NaN where none came with the spectrum."""
        column = self.rows.column("z").cast(pa.float64())
        return np.asarray(column.to_numpy(zero_copy_only=False), dtype=float)

    def column(self, name: str) -> list[Any]:
        """A row column as Python values, None where unknown."""
        return self.rows.column(name).to_pylist()

    def take(self, index: Sequence[int] | NDArray) -> SpectrumSet:
        """The chosen spectra, in the order asked for. `index` holds positions or a boolean mask."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        pixels = np.repeat(self.offsets[index] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return SpectrumSet(
            self.object_id[index],
            offsets,
            **_pixels(lambda name: getattr(self, name)[pixels]),
            rows=self.rows.take(pa.array(index)),
        )

    def with_rows(self, rows: pa.Table) -> SpectrumSet:
        """The same spectra with another table of rows, in the same order."""
        return replace(self, rows=rows)

    @staticmethod
    def concatenate(parts: Sequence[SpectrumSet]) -> SpectrumSet:
        """Many sets as one; columns missing in some become null there."""
        if not parts:
            return SpectrumSet.from_spectra([])
        starts = np.cumsum([0] + [int(p.offsets[-1]) for p in parts])
        offsets = np.concatenate(
            [[0]] + [p.offsets[1:] + start for p, start in zip(parts, starts, strict=False)]
        )
        return SpectrumSet(
            np.concatenate([p.object_id for p in parts]),
            offsets.astype(np.int64),
            **_pixels(lambda name: np.concatenate([getattr(p, name) for p in parts])),
            rows=pa.concat_tables([p.rows for p in parts], promote_options="permissive"),
        )

    @staticmethod
    def from_spectra(spectra: Sequence[Spectrum]) -> SpectrumSet:
        """A set of single spectra. Missing core columns are null; non-finite pixels are cleaned and masked.

        A spectrum without an id is called by its place, "#0".
        """
        cleaned = [_clean(s, f"#{i}") for i, s in enumerate(spectra)]
        lengths = [len(s.wavelength) for s in cleaned]
        pixels = _pixels(
            lambda name: np.concatenate([np.zeros(0)] + [getattr(s, name) for s in cleaned]).astype(
                _dtype(name)
            )
        )
        return SpectrumSet(
            np.array([s.object_id for s in cleaned], dtype=str),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **pixels,
            rows=_rows_table([s.row for s in cleaned]),
        )

    def to_arrow(self) -> pa.Table:
        """A row per spectrum: object_id, the ragged pixel columns as lists, then the row's columns."""
        offsets = pa.array(self.offsets, pa.int64())
        columns: dict[str, pa.Array | pa.ChunkedArray] = {
            "object_id": pa.array(self.object_id.tolist(), pa.string())
        }
        for name, kind in PIXEL_COLUMNS.items():
            columns[name] = pa.LargeListArray.from_arrays(offsets, pa.array(getattr(self, name), kind))
        for name in self.rows.column_names:
            columns[name] = self.rows.column(name)
        return pa.table(columns)

    @staticmethod
    def from_arrow(table: pa.Table) -> SpectrumSet:
        """The inverse of `to_arrow`."""
        table = table.combine_chunks()
        lists = {name: _one_chunk(table.column(name)) for name in PIXEL_COLUMNS}
        lengths = np.asarray(lists["flux"].value_lengths().fill_null(0), dtype=np.int64)
        pixels = _pixels(
            lambda name: np.asarray(lists[name].flatten().to_numpy(zero_copy_only=False), dtype=_dtype(name))
        )
        return SpectrumSet(
            np.array(table.column("object_id").to_pylist(), dtype=str),
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            **pixels,
            rows=table.drop_columns(["object_id", *PIXEL_COLUMNS]),
        )

    def to_specutils(self) -> SpectrumList:
        """A `specutils.SpectrumList`; mask is True where a pixel is bad, meta holds id and row.

        `redshift` of each is the `z` of its row.
        """
        from specutils import SpectrumList

        return SpectrumList(
            foreign.to_specutils(
                s.wavelength, s.flux, s.ivar, good=s.good,
                meta={"object_id": s.object_id, "mask_bits": s.mask, "lsf": s.lsf, **s.row},
            )
            for s in self
        )  # fmt: skip

    @staticmethod
    def from_specutils(spectra: Any) -> SpectrumSet:
        """From spectra of specutils in vacuum: one `Spectrum`, a `SpectrumList`, a `SpectrumCollection` or a sequence.

        `meta["object_id"]` names each; without it a spectrum is called by its place, "#0". The redshift of its spectral
        axis, or of `meta`, is that of its row.
        """
        singles = foreign.singles(spectra)
        return SpectrumSet.from_spectra(
            [Spectrum.stored(**foreign.columns_of(item, i)) for i, item in enumerate(singles)]
        )

    def to_table(self) -> Table:
        """An astropy `Table` with object columns for the ragged pixels."""
        from astropy.table import Table

        table = Table({"object_id": self.object_id})
        for name in PIXEL_COLUMNS:
            column = np.empty(len(self), dtype=object)
            for i in range(len(self)):
                column[i] = getattr(self, name)[self.offsets[i] : self.offsets[i + 1]]
            table[name] = column
        for name in self.rows.column_names:
            values = np.empty(len(self), dtype=object)
            values[:] = self.column(name)
            table[name] = values
        return table

    @staticmethod
    def from_table(table: Table) -> SpectrumSet:
        """The inverse of `to_table`."""
        others = [c for c in table.colnames if c not in PIXEL_COLUMNS and c != "object_id"]
        return SpectrumSet.from_spectra(
            [
                Spectrum.stored(
                    str(row["object_id"]),
                    **{c: np.asarray(row[c]) for c in PIXEL_COLUMNS},
                    row={c: row[c] for c in others},
                )
                for row in table
            ]
        )


def html_table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A small HTML table; every cell is escaped."""
    lines = ["".join(f"<th>{escape(name)}</th>" for name in head)]
    lines += ["".join(f"<td>{escape(str(cell))}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _pixels(make: Callable[[str], NDArray]) -> dict[str, Any]:
    """The pixel columns by name, each made by a function of its name."""
    return {name: make(name) for name in PIXEL_COLUMNS}


def _dtype(name: str) -> Any:
    return PIXEL_COLUMNS[name].to_pandas_dtype()


def _clean(s: Spectrum, place: str) -> Spectrum:
    """Non-finite flux and unusable ivar become zero, and the mask says so; `place` names what has no name."""
    flux, ivar = np.asarray(s.flux, np.float32), np.asarray(s.ivar, np.float32)
    mask = np.asarray(s.mask, np.int32).copy()
    sizes = {name: np.shape(getattr(s, name)) for name in PIXEL_COLUMNS}
    if len(set(sizes.values())) != 1 or np.ndim(flux) != 1:
        raise ShapeError(f"{s.object_id}: pixel columns differ in shape: {sizes}.")
    nonfinite = ~np.isfinite(flux) | ~np.isfinite(ivar)
    negative = np.isfinite(ivar) & (ivar < 0)
    mask[nonfinite] |= int(Mask.NONFINITE)
    mask[negative] |= int(Mask.NEGATIVE_IVAR)
    flux = np.where(nonfinite, 0, flux).astype(np.float32)
    ivar = np.where(nonfinite | negative, 0, ivar).astype(np.float32)
    mask[ivar == 0] |= int(Mask.NODATA)
    return Spectrum.stored(
        s.object_id or place,
        np.asarray(s.wavelength, float),
        flux,
        ivar,
        mask,
        np.asarray(s.lsf, np.float32),
        s.row,
    )


def _rows_table(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(CORE_COLUMNS) + sorted({name for row in rows for name in row} - set(CORE_COLUMNS))
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name == "flags":
            values = [list(v or []) for v in values]
        if name in ("z", "z_err", "ra", "dec"):
            values = [None if v is None or not np.isfinite(v) else float(v) for v in values]
        columns[name] = pa.array(values, CORE_COLUMNS.get(name))
    return pa.table(columns)


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 0:
        return pa.array([], column.type)
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
