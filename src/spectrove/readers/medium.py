"""Whether a file's wavelengths are in air or in vacuum."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Cards whose value is a yes or no, with what "yes" means; and cards whose value names the medium; _ and.
_YES = {"VACUUM": "vacuum", "ISVACUUM": "vacuum", "INVACUUM": "vacuum", "VAC": "vacuum", "VACWAVE": "vacuum",
        "AIR": "air", "INAIR": "air", "ISAIR": "air", "AIRWAVE": "air"}  # fmt: skip
_NAMED = ("AIRORVAC", "AIRVAC", "VACAIR", "MEDIUM", "WAVEMED", "WAVEMEDIUM", "WAVEMEDI", "WAVETYPE", "WAVTYPE",
          "LAMTYPE", "WAVEREF", "WLMEDIUM", "DISPMED")  # fmt: skip
_TRUE, _FALSE = {"T", "TRUE", "1", "Y", "YES", "1.0"}, {"F", "FALSE", "0", "N", "NO", "0.0"}
_OTHER = {"vacuum": "air", "air": "vacuum"}
#: Telescopes above the air, and their instruments for files that do not name the telescope.
_SPACE = {"JWST", "HST", "IUE", "FUSE", "GALEX", "SPITZER", "EUCLID", "AKARI", "HERSCHEL", "HUT", "ISO"}
_SPACE_INSTRUMENTS = {
    "NIRSPEC",
    "NIRISS",
    "NIRCAM",
    "MIRI",
    "STIS",
    "COS",
    "FOS",
    "GHRS",
    "WFC3",
    "ACS",
    "NICMOS",
}
#: Axis types of FITS WCS paper III; frequency, energy and wavenumber know no air.
_AXES = {"AWAV": "air", "WAVE": "vacuum", "FREQ": "vacuum", "ENER": "vacuum", "WAVN": "vacuum"}


def says_vacuum(header: Mapping[str, Any]) -> bool | None:
    """What cards of the header say in any of their spellings (VACUUM = 1, 'T', AIRORVAC = 'air'); None if nothing."""
    cards = {str(key).upper().replace("_", "").replace("-", ""): key for key in header}
    for name, medium in _YES.items():
        if name in cards and (found := _yes_or_named(header[cards[name]], medium)):
            return found == "vacuum"
    for name in _NAMED:
        if name in cards and (found := medium_in(header[cards[name]])):
            return found == "vacuum"
    return None


def _yes_or_named(value: Any, medium: str) -> str | None:
    word = str(value).strip().upper()
    if word in _TRUE:
        return medium
    return _OTHER[medium] if word in _FALSE else medium_in(value)


def medium_in(text: Any) -> str | None:
    """The medium that a text names as a word, if it names one only."""
    words = set(re.findall(r"[a-z]+", str(text).lower()))
    vacuum, air = bool(words & {"vac", "vacuum", "vacuo"}), "air" in words
    return None if vacuum == air else "vacuum" if vacuum else "air"


def medium_of(header: Mapping[str, Any], column: str, wavelength: NDArray) -> tuple[str, bool]:
    """Whether wavelengths are in "air" or "vacuum", and whether the file says so.

    A card of the header decides, then the type of the axis, the name of the column, a remark on wavelengths, and a
    telescope above the air. Otherwise it is assumed: the 0.0001 dex grid of SDSS and MaNGA, PypeIt and the infrared
    beyond 2.5 micron are vacuum, all else air, as reduced with IRAF or ESO pipelines.
    """
    said = says_vacuum(header)
    if said is not None:
        return ("vacuum" if said else "air"), True
    kind = str(header.get("CTYPE1") or "").strip().upper()
    if kind[:4] in _AXES and kind[4:5] in ("", "-"):
        return _AXES[kind[:4]], True
    named = "vacuum" if "vac" in column else "air" if "air" in column or column == "awav" else None
    named = named or _remarked(header)
    if named:
        return named, True
    if from_space(header):
        return "vacuum", True
    vacuum = "PYP_SPEC" in header or _on_sdss_grid(wavelength)
    return ("vacuum" if vacuum or np.quantile(wavelength, 0.9) > 25000 else "air"), False


def _remarked(header: Mapping[str, Any]) -> str | None:
    """The medium that comments on the wavelength name, if they agree."""
    remarks = getattr(header, "remarks", None) or header.get("COMMENT") or ()
    remarks = remarks.splitlines() if isinstance(remarks, str) else remarks
    about = [text for text in map(str, remarks) if re.search(r"wave|lambda|angstrom", text, re.I)]
    found = {medium_in(text) for text in about if not re.search(r"\b(?:not|never|no)\b", text, re.I)}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def from_space(header: Mapping[str, Any]) -> bool:
    """Whether the telescope, or the instrument if no telescope is named, is one above the air; names count whole."""
    telescope, instrument = (
        set(re.findall(r"[A-Z0-9]+", str(header.get(key) or "").upper())) for key in ("TELESCOP", "INSTRUME")
    )
    return bool(telescope & _SPACE) or (not telescope and bool(instrument & (_SPACE | _SPACE_INSTRUMENTS)))


def _on_sdss_grid(wavelength: NDArray) -> bool:
    """Whether nine tenths of the pixels lie on a grid of 0.0001 dex, however many of it were left out."""
    if len(wavelength) < 10 or not np.all(wavelength > 0):
        return False
    places = np.log10(wavelength) / 1e-4
    steps = np.abs(np.diff(places))
    phase = np.angle(np.mean(np.exp(2j * np.pi * places))) / (2 * np.pi)
    off = np.abs((places - phase + 0.5) % 1 - 0.5)
    return bool(abs(np.median(steps) - 1) < 0.02 and np.mean(off < 0.15) > 0.9)
