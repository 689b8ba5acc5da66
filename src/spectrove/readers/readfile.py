"""One file to its spectra: which reader fits, and one kind of error whatever goes wrong."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.errors import FormatError, Refusal, SpectroveError
from spectrove.readers import (
    apogee,
    desi,
    eso,
    fibres,
    fitsfile,
    gaia,
    galah,
    generic,
    iraf,
    lamost,
    mastar,
    sdss,
    sixdf,
    spspec,
    textfile,
)
from spectrove.readers.fitsfile import Hdu, Unsupported
from spectrove.readers.options import Options
from spectrove.spectra import Spectrum

#: A reader is a module with `recognises(hdus) -> bool` and `parse(hdus, path, options)`, which gives spectra and,
#: for what it does not take of a file, a `Refusal` each. With `--survey auto` the first that recognises a
#: file reads it. Adding one is one file and one line.
READERS: Mapping[str, Any] = {
    "lamost": lamost,
    "sdss": sdss,
    "spspec": spspec,
    "desi": desi,
    "6dfgs": sixdf,
    "apogee": apogee,
    "galah": galah,
    "mastar": mastar,
    "eso": eso,
    "gaia": gaia,
    "fibres": fibres,
    "iraf": iraf,
    "generic": generic,
}


class Reading(list[Spectrum]):
    """The spectra of one file; `left_out` has a sentence for each row or extension that was not taken."""

    def __init__(self, spectra: Iterable[Spectrum] = (), left_out: Iterable[Refusal] = ()) -> None:
        super().__init__(spectra)
        self.left_out = list(left_out)


def read_file(path: Path | str, survey: str = "auto", **options: Any) -> Reading:
    """The spectra of one file, on vacuum grids in angstrom, observed frame, and what of it was left out.

    Args:
        path: A FITS or text file, plain or compressed (gzip, bzip2, xz, a zip archive of one file).
        survey: A name of `READERS`, or "auto" to let the file say.
        options: As in `options.Options`: columns, medium, wavelength_unit, flux_unit, error_unit.

    Raises:
        FormatError: If the file cannot be read as a spectrum; the sentence says why.
    """
    path = Path(path)
    if survey != "auto" and survey not in READERS:
        raise FormatError(f"--survey {survey!r}: expected auto or one of {', '.join(READERS)}.")
    chosen = Options.of(options)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # a file's faults are refused or flagged, not warned about
            return _read(path, survey, chosen)
    except SpectroveError:
        raise
    except OSError as error:
        if error.errno is None:  # said by what unpacks it, not by the system
            raise FormatError(f"{path.name}: cannot be read to its end ({error}). Fetch it again.") from error
        reason = error.strerror or str(error)
        raise FormatError(
            f"{path.name}: cannot be opened ({reason}). Check the path and its rights."
        ) from error
    except Exception as error:
        # Broken files make the parsers below fail in any way; for the reader of a folder all are one case.
        raise FormatError(
            f"{path.name}: broken inside ({type(error).__name__}: {str(error)[:200]}), expected a spectrum. "
            "Fetch it again."
        ) from error


def _read(path: Path, survey: str, options: Options) -> Reading:
    if not _is_fits(path):
        return _parse(textfile.read(path), path, survey, options)
    try:
        return _parse(fitsfile.read_direct(path, sdss.is_exposure), path, survey, options)
    except Unsupported:
        return _parse(fitsfile.read_astropy(path, sdss.is_exposure), path, survey, options)


def _parse(hdus: Sequence[Hdu], path: Path, survey: str, options: Options) -> Reading:
    if survey == "auto":
        # A user who names columns knows the file better than any reader does.
        survey = "generic" if options.columns else next(n for n, r in READERS.items() if r.recognises(hdus))
    found: list[Spectrum | Refusal] = READERS[survey].parse(hdus, path, options)
    left_out = [item for item in found if isinstance(item, Refusal)]
    spectra = [item for item in found if isinstance(item, Spectrum)]
    if spectra:
        return Reading(spectra, (replace(item, partial=True) for item in left_out))
    if left_out:
        more = f" ({len(left_out)} rows or extensions, none of them a spectrum)" if len(left_out) > 1 else ""
        raise FormatError(left_out[0].error + more)
    raise FormatError(f"{path.name}: holds no spectrum (0 rows), expected at least one. Leave it out.")


def _is_fits(path: Path) -> bool:
    with fitsfile.open_plain(path) as file:
        start = file.read(9)
    named = any(suffix in (".fits", ".fit", ".fts") for suffix in (s.lower() for s in path.suffixes))
    return start.startswith(b"SIMPLE") or named
