"""SpectrumSet: N spectra, each on its own wavelength grid, with an id and a table row each."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import ShapeError, SpectrumError
from spectrove.gaps import fillers

if TYPE_CHECKING:
    from astropy.table import Table
    from specutils import SpectrumList


class Mask(IntFlag):
    """Why a pixel is not to be trusted; surveys' own bits are translated to these."""

    NODATA = 1  #: ivar is zero or the pixel was never observed
    BADPIXEL = 2  #: the survey flags it in every exposure (SDSS and_mask) or as fatal
    SUSPECT = 4  #: the survey flags it in some exposure (SDSS or_mask); kept, for information
    SKYLINE = 8  #: bright night-sky line; kept, for information
    COSMIC = 16  #: a cosmic ray found by `preprocess.quality`
    NONFINITE = 32  #: flux or ivar was NaN or infinite; stored as flux 0, ivar 0
    NEGATIVE_IVAR = 64  #: ivar was negative; stored as 0


#: Pixels with any of these bits never reach an encoder as values.
BAD = Mask.NODATA | Mask.BADPIXEL | Mask.COSMIC | Mask.NONFINITE | Mask.NEGATIVE_IVAR

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
    "errors_unusable": "No error in the file is a positive number; they were taken as none.",
    "ivar_is_error": "Inverse variances in the unit of the flux agree with its scatter as errors, and were read so.",
    "mask_inverted": "Nearly all pixels would be bad by the file's mask, so it was read as marking the good ones.",
    "pixels_dropped": "Pixels without a wavelength of their own, as padding has them, were left out.",
    "rest_frame": "Wavelengths were at rest and have been multiplied by 1 + the file's redshift.",
    "not_calibrated": "Flux is in counts or relative units: its shape over long ranges means little.",
    "no_redshift": "No redshift came with the spectrum.",
    "z_not_positive": "The redshift is zero or negative: not a galaxy of the Hubble flow.",
    "z_warning": "The survey's pipeline warned about this redshift.",
    "z_uncertain": "The redshift was estimated from the spectrum, and another one may be right.",
    "star": "The survey's pipeline calls this object a star.",
    "sky": "This is a sky fibre.",
    "specobjid_mismatch": "The file's specobjid is not the one its plate, MJD, fibre and run2d give.",
    "duplicate": "Another file gave the same object id; that one was kept first.",
    "low_coverage": "Less than half of the encoder's wavelength range held good pixels.",
    "scale_elsewhere": "The scaling window was not covered; the median of all good pixels was used.",
    "faint": "The median flux is below a tenth of the noise; the noise sets the scale.",
    "neighbor_coverage": "A neighbour shares less than half of the wavelength range with the query.",
    "view_missing": "One of the base's views could not be made of it: searches in that view pass it by.",
    "region_coverage": "A neighbour shares less than half of the region with the query; it stands last.",
    "one_view": "Only one of the two views could be made of it: the outlier score rests on that one.",
    "small_base": "The base has fewer than 100 objects: no outlier p-value can be as low as 0.01.",
    "few_neighbors": "Fewer labelled neighbours were found than were asked for.",
    "no_signal": "The spectrum holds no signal that stands out of its noise.",
    "not_a_galaxy": "Its own pixels are those of a star or a quasar, and the base holds none.",
    "lines_not_covered": "The lines that the question turns on lie outside the spectrum or under bad pixels.",
    "lines_elsewhere": "Its own lines are those of a class that the base does not hold.",
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


@dataclass(frozen=True)
class Spectrum:
    """One spectrum; arrays are views, shape (n_pixels,), units as in `SpectrumSet`."""

    object_id: str
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    mask: NDArray[np.int32]
    lsf: NDArray[np.float32]
    row: dict[str, Any]

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
        return Spectrum(
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


@dataclass(frozen=True)
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

    def __getitem__(self, i: int) -> Spectrum:
        if not -len(self) <= i < len(self):
            raise IndexError(i)
        i %= len(self)
        span = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        return Spectrum(
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
        """A set of single spectra. Missing core columns are null; non-finite pixels are cleaned and masked."""
        cleaned = [_clean(s) for s in spectra]
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
        """A `specutils.SpectrumList`; mask is True where a pixel is bad, meta holds id and row."""
        import astropy.units as u
        from astropy.nddata import InverseVariance
        from specutils import Spectrum as AstropySpectrum
        from specutils import SpectrumList

        return SpectrumList(
            AstropySpectrum(
                spectral_axis=s.wavelength * u.AA,
                flux=s.flux.astype(float) * _unit(s.row.get("flux_unit")),
                uncertainty=InverseVariance(s.ivar.astype(float)),
                mask=~s.good,
                meta={"object_id": s.object_id, "mask_bits": s.mask, "lsf": s.lsf, **s.row},
            )
            for s in self
        )

    @staticmethod
    def from_specutils(spectra: SpectrumList | Sequence[Any]) -> SpectrumSet:
        """From specutils spectra in vacuum angstrom; `meta["object_id"]` names each."""
        import astropy.units as u
        from astropy.nddata import InverseVariance

        singles = []
        for i, item in enumerate(spectra):
            wavelength = item.spectral_axis.to_value(u.AA, equivalencies=u.spectral())
            n = len(wavelength)
            if item.flux.ndim != 1:
                raise SpectrumError(
                    f"spectrum {i}: flux has shape {item.flux.shape}, expected one dimension; "
                    "split it into single spectra first."
                )
            meta = dict(item.meta)
            if item.uncertainty is None:
                ivar = np.zeros(n)
            else:
                with np.errstate(divide="ignore"):  # a zero error becomes an infinite ivar, masked below
                    ivar = np.asarray(item.uncertainty.represent_as(InverseVariance).array, dtype=float)
            bits = np.asarray(meta.pop("mask_bits", np.zeros(n, np.int32)), dtype=np.int32)
            if item.mask is not None:
                unsaid = np.asarray(item.mask, bool) & (bits & int(BAD) == 0) & (ivar > 0)
                bits = np.where(unsaid, bits | int(Mask.BADPIXEL), bits)
            lsf = np.asarray(meta.pop("lsf", np.full(n, np.nan)), dtype=np.float32)
            row = {"flux_unit": item.flux.unit.to_string()} | {
                k: v for k, v in meta.items() if isinstance(v, str | int | float | bool | list | type(None))
            }
            order = np.argsort(wavelength)
            singles.append(
                Spectrum(
                    str(row.pop("object_id", f"#{i}")), wavelength[order],
                    np.asarray(item.flux.value)[order].astype(np.float32), ivar[order].astype(np.float32),
                    bits[order].astype(np.int32), lsf[order], row,
                )
            )  # fmt: skip
        return SpectrumSet.from_spectra(singles)

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
                Spectrum(
                    str(row["object_id"]),
                    **{c: np.asarray(row[c]) for c in PIXEL_COLUMNS},
                    row={c: row[c] for c in others},
                )
                for row in table
            ]
        )


def _pixels(make: Callable[[str], NDArray]) -> dict[str, Any]:
    """The pixel columns by name, each made by a function of its name."""
    return {name: make(name) for name in PIXEL_COLUMNS}


def _dtype(name: str) -> Any:
    return PIXEL_COLUMNS[name].to_pandas_dtype()


def _clean(s: Spectrum) -> Spectrum:
    """Non-finite flux and unusable ivar become zero, and the mask says so."""
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
    return Spectrum(
        s.object_id, np.asarray(s.wavelength, float), flux, ivar, mask, np.asarray(s.lsf, np.float32), s.row
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


def _unit(text: str | None) -> Any:
    import astropy.units as u

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "erg/s/cm2/A" has more slashes than astropy advises
        try:
            # To astropy a plain A is an ampere; in a flux density it is an angstrom.
            return u.Unit(re.sub(r"\bA\b", "Angstrom", text)) if text else u.dimensionless_unscaled
        except ValueError:
            return u.dimensionless_unscaled
