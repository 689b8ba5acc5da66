"""Tables of coefficients of BP and RP, a source in each row: Gaia's XP_CONTINUOUS, as FITS, VOTable, ECSV or CSV.

A source is sampled from 3300 to 10200 angstrom, every 20: `calibrate` of GaiaXPy, which it agrees with. A coefficient
stands for a function all along the band, so that errors of neighbouring pixels go together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import FormatError, Refusal
from spectrove.readers.assemble import FLUX_UNIT, RawSpectrum, assemble
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.gaia.instrument import N_COEFFICIENTS, RANGES, band
from spectrove.readers.options import Options
from spectrove.spectra import Spectrum

Floats = NDArray[np.float64]

#: Where sources are sampled, vacuum angstrom.
WAVELENGTH = np.arange(3300.0, 10201.0, 20.0)

#: W / m2 / nm in the unit that fluxes are stored in, 1e-17 erg/s/cm2/A.
_UNIT = 1e19

#: From here on a float does not hold every whole number.
_LARGEST_WHOLE = 2**53

#: Where an id stands in a text, behind "Gaia DR3" or alone.
_ID = re.compile(r"\d+$")

#: Columns of a band, with its name before them.
_COLUMNS = ("coefficients", "coefficient_errors", "coefficient_correlations")


@dataclass(frozen=True)
class Coefficients:
    """One band of a source.

    Attributes:
        value: Electrons per second, (55,).
        covariance: (55, 55).
    """

    value: Floats
    covariance: Floats

    @property
    def error(self) -> Floats:
        """One sigma of each."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class Source:
    """Coefficients of a source, by the band's name; a band may be missing."""

    source_id: int
    bands: dict[str, Coefficients]


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Whether the file has a table of coefficients."""
    return _table(hdus) is not None


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> list[Spectrum | Refusal]:
    """A spectrum for each source, flux calibrated, in vacuum.

    Raises:
        FormatError: There is no table of coefficients.
        ParameterError: GaiaXPy's files are not there.
    """
    if options.flux_unit or options.error_unit or options.wavelength_unit or options.medium != "auto":
        raise FormatError(
            f"{path.name}: coefficients of Gaia, which have no unit or medium to choose. Leave these options out."
        )
    return [
        source if isinstance(source, Refusal) else _spectrum(source, path) for source in sources(hdus, path)
    ]


def sources(hdus: Sequence[Hdu], path: Path) -> list[Source | Refusal]:
    """The coefficients of each source of a file, and a sentence for each that cannot be taken.

    Raises:
        FormatError: There is no table of coefficients.
    """
    hdu = _table(hdus)
    if hdu is None:
        raise FormatError(
            f"{path.name}: no columns source_id with bp_coefficients or rp_coefficients, expected a table of "
            "Gaia's XP_CONTINUOUS. Leave --survey at auto, or fetch the file again."
        )
    return [_source(hdu, i, path) for i in range(len(hdu.table["source_id"]))]


def flux(source: Source, wavelength: Floats) -> tuple[Floats, Floats]:
    """Flux and one-sigma error, W / m2 / nm, on wavelengths in nm; NaN where no band of the source has light.

    BP passes into RP where they overlap; with one of them missing, that one alone is taken.
    """
    total, variance, weight = (np.zeros(len(wavelength)) for _ in range(3))
    for name, found in source.bands.items():
        share = _share(name, wavelength)
        functions = band(name).flux(wavelength)
        total += share * (found.value @ functions)
        variance += share**2 * np.einsum("iw,ij,jw->w", functions, found.covariance, functions)
        weight += share
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, total / weight, np.nan), np.where(
            weight > 0, np.sqrt(variance) / weight, np.nan
        )


def _share(name: str, wavelength: Floats) -> Floats:
    """Of the flux that a band gives at each wavelength: linear where BP and RP overlap."""
    low, high = RANGES["rp"][0], RANGES["bp"][1]
    red = np.clip((wavelength - low) / (high - low), 0.0, 1.0)
    return red if name == "rp" else 1 - red


def _spectrum(source: Source, path: Path) -> Spectrum:
    values, errors = flux(source, WAVELENGTH / 10)
    seen = np.isfinite(errors) & (errors > 0)
    ivar = np.where(seen, 1 / np.where(seen, errors * _UNIT, 1.0) ** 2, 0.0)
    return assemble(
        RawSpectrum(
            f"gaia-dr3-{source.source_id}", WAVELENGTH, np.where(seen, values * _UNIT, 0.0), ivar, path=path,
            survey="gaia", row={"source_id": source.source_id}, flux_unit=FLUX_UNIT,
        )
    )  # fmt: skip


def _table(hdus: Sequence[Hdu]) -> Hdu | None:
    bands = {f"{name}_coefficients" for name in RANGES}
    return next((hdu for hdu in hdus if "source_id" in hdu.table and bands & set(hdu.table)), None)


def _number(hdu: Hdu, i: int) -> int | None:
    """The id of a source, "Gaia DR3 12" too; None where it has none, or one that a float has rounded."""
    value: Any = hdu.table["source_id"][i]
    if isinstance(value, float | np.floating):
        number = float(value)
        return int(number) if abs(number) < _LARGEST_WHOLE else None
    found = None if value is np.ma.masked else _ID.search(str(value))
    return int(found[0]) if found else None


def _source(hdu: Hdu, i: int, path: Path) -> Source | Refusal:
    number = _number(hdu, i)
    if number is None:
        return Refusal(
            str(path),
            f"{path.name}: row {i + 1} has the source_id {hdu.table['source_id'][i]}, expected a whole number with all "
            "its digits. Fetch it again, or write the column as whole numbers.",
        )
    bands = {}
    for name in RANGES:
        try:
            found = _band(hdu, name, i)
        except FormatError as error:
            return Refusal(str(path), f"{path.name}: source {number}: {error}")
        if found is not None:
            bands[name] = found
    if not bands:
        return Refusal(
            str(path), f"{path.name}: source {number} has coefficients of neither BP nor RP. Leave it out."
        )
    return Source(number, bands)


def _band(hdu: Hdu, name: str, i: int) -> Coefficients | None:
    cells = {key: _cell(hdu, f"{name}_{key}", i) for key in _COLUMNS}
    value, error, correlation = (cells[key] for key in _COLUMNS)
    if not len(value):
        return None
    n, pairs = N_COEFFICIENTS, N_COEFFICIENTS * (N_COEFFICIENTS - 1) // 2
    if len(value) != n or len(error) != n:
        raise FormatError(
            f"{len(value)} coefficients of {name.upper()}, {len(error)} errors, expected {n} of each. Fetch it again."
        )
    if not np.isfinite(value).all():
        wrong = int((~np.isfinite(value)).sum())
        raise FormatError(
            f"{wrong} coefficients of {name.upper()} are no numbers, expected all. Fetch it again."
        )
    fine = np.isfinite(error) & (error > 0)
    if not fine.all():
        raise FormatError(
            f"{(~fine).sum()} errors of {name.upper()} are not above zero, expected all. Fetch it again."
        )
    if len(correlation) not in (0, pairs):
        raise FormatError(
            f"{len(correlation)} correlations of {name.upper()}, expected {pairs} or none. Fetch it again."
        )
    fine = abs(correlation) <= 1
    if not fine.all():
        raise FormatError(
            f"{(~fine).sum()} correlations of {name.upper()} are no numbers from -1 to 1, expected all. Fetch it again."
        )
    matrix = np.eye(n)
    if len(correlation):
        matrix[np.tril_indices(n, -1)] = correlation
        matrix = np.tril(matrix, -1) + np.tril(matrix).T
    return Coefficients(value, matrix * np.outer(error, error))


def _cell(hdu: Hdu, name: str, i: int) -> Floats:
    """The numbers of a cell; none where it is missing."""
    if name not in hdu.table:
        return np.zeros(0)
    found = hdu.table[name][i]
    if found is None:
        return np.zeros(0)
    values: Floats = np.atleast_1d(np.ma.filled(np.ma.asarray(found, float), np.nan))
    return np.zeros(0) if not np.isfinite(values).any() else values
