"""OGIP files written for tests, and the response that they hold as plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

#: Channels of .05 keV from 0.2 to 10.2 keV, photons on a grid of .05 keV from .3 to 9.3 keV.
CHANNELS = np.arange(0.2, 10.2001, 0.05)
ENERGIES = np.arange(0.3, 9.3001, 0.05)


def smooth_area(peak: float = 600.0, soft: float = 1.0) -> np.ndarray:
    """An effective area like Chandra's, cm2; `soft` is the factor at .5 keV, as of a contaminated detector."""
    middle = (ENERGIES[1:] + ENERGIES[:-1]) / 2
    falls = np.exp(-((np.log(middle / 1.6) / 0.9) ** 2))
    return peak * falls * np.where(middle < 2, 1 - (1 - soft) * (2 - middle) / 1.5, 1)


def smeared(width: float = 0.06) -> np.ndarray:
    """A redistribution matrix of Gaussians, (n_energies, n_channels), that reaches some channels to each side."""
    from scipy.special import erf

    middle = (ENERGIES[1:] + ENERGIES[:-1]) / 2
    below = 0.5 * (1 + erf((CHANNELS[None] - middle[:, None]) / (np.sqrt(2) * width)))
    return np.diff(below, axis=1)


def expected_counts(photons: np.ndarray, area: np.ndarray, matrix: np.ndarray, exposure: float) -> np.ndarray:
    """Counts expected in each channel of photons per cm2 and second in each energy."""
    return exposure * (photons * area) @ matrix


def power_law(index: float, norm: float, absorbed: float = 0.0) -> np.ndarray:
    """Photons per cm2 and second in each energy; `absorbed` is the optical depth at 1 keV."""
    middle = (ENERGIES[1:] + ENERGIES[:-1]) / 2
    return norm * middle**-index * np.exp(-absorbed * middle**-2.5) * np.diff(ENERGIES)


def write_arf(path: Path, area: np.ndarray, edges: np.ndarray = ENERGIES) -> Path:
    """An ARF."""
    columns = [
        fits.Column("ENERG_LO", "E", unit="keV", array=edges[:-1]),
        fits.Column("ENERG_HI", "E", unit="keV", array=edges[1:]),
        fits.Column("SPECRESP", "E", unit="cm**2", array=area),
    ]
    header = {"EXTNAME": "SPECRESP", "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "SPECRESP"}
    return _write(path, [_table(columns, header)])


def write_rmf(
    path: Path,
    matrix: np.ndarray,
    *,
    first: int = 1,
    edges: np.ndarray = ENERGIES,
    bounds: np.ndarray = CHANNELS,
    kind: str = "REDIST",
    say_least: bool = True,
) -> Path:
    """An RMF in its compressed form: of each row the groups of channels above 1e-6."""
    groups = [_groups(row) for row in matrix]
    lists = {"F_CHAN": [], "N_CHAN": [], "MATRIX": []}
    for row, found in zip(matrix, groups, strict=True):
        lists["F_CHAN"].append(np.array([start + first for start, _ in found], np.int16))
        lists["N_CHAN"].append(np.array([stop - start for start, stop in found], np.int16))
        parts = [row[start:stop] for start, stop in found]
        lists["MATRIX"].append(np.concatenate(parts or [np.zeros(0)]).astype(np.float32))
    columns = [
        fits.Column("ENERG_LO", "E", unit="keV", array=edges[:-1]),
        fits.Column("ENERG_HI", "E", unit="keV", array=edges[1:]),
        fits.Column("N_GRP", "I", array=[len(found) for found in groups]),
        *(
            fits.Column(
                name, "PE()" if name == "MATRIX" else "PI()", array=np.array([*rows, None], object)[:-1]
            )
            for name, rows in lists.items()
        ),
    ]
    header = {"EXTNAME": "MATRIX", "HDUCLASS": "OGIP", "HDUCLAS1": "RESPONSE", "HDUCLAS2": "RSP_MATRIX",
              "HDUCLAS3": kind} | ({"TLMIN4": first} if say_least else {})  # fmt: skip
    ebounds = [
        fits.Column("CHANNEL", "J", array=np.arange(len(bounds) - 1) + first),
        fits.Column("E_MIN", "E", unit="keV", array=bounds[:-1]),
        fits.Column("E_MAX", "E", unit="keV", array=bounds[1:]),
    ]
    about = {
        "EXTNAME": "EBOUNDS",
        "HDUCLASS": "OGIP",
        "HDUCLAS1": "RESPONSE",
        "HDUCLAS2": "EBOUNDS",
        "TLMIN1": first,
    }
    return _write(path, [_table(columns, header), _table(ebounds, about)])


def write_pha(
    path: Path, counts: np.ndarray, *, first: int = 1, quality: np.ndarray | None = None, **header: object
) -> Path:
    """A PHA file of type I, or of type II if `counts` has a row per spectrum; keywords over the usual ones."""
    usual = {"EXTNAME": "SPECTRUM", "HDUCLASS": "OGIP", "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL",
             "HDUCLAS3": "COUNT", "TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "EXPOSURE": 1e4,
             "BACKSCAL": 1e-6, "AREASCAL": 1.0,
             "BACKFILE": "none", "RESPFILE": "r.rmf", "ANCRFILE": "r.arf", "OBS_ID": "1", "OBJECT": "test"}  # fmt: skip
    n = counts.shape[-1]
    if counts.ndim == 1:
        columns = [
            fits.Column("CHANNEL", "J", array=np.arange(n) + first),
            fits.Column("COUNTS", "J" if counts.dtype.kind == "i" else "D", array=counts),
        ]
    else:
        columns = [
            fits.Column("SPEC_NUM", "I", array=np.arange(len(counts)) + 1),
            fits.Column("CHANNEL", f"{n}J", array=np.tile(np.arange(n) + first, (len(counts), 1))),
            fits.Column("COUNTS", f"{n}J", array=counts),
        ]
    if quality is not None:
        columns.append(fits.Column("QUALITY", "I", array=quality))
    return _write(path, [_table(columns, usual | header)])


def write_source(
    folder: Path, name: str, counts: np.ndarray, *, area: np.ndarray | None = None,
    matrix: np.ndarray | None = None, background: np.ndarray | None = None, **header: object,
) -> Path:  # fmt: skip
    """A PHA file with its own ARF, RMF and, if given, background of ten times the region."""
    folder.mkdir(parents=True, exist_ok=True)
    write_arf(folder / f"{name}.arf", smooth_area() if area is None else area)
    write_rmf(folder / f"{name}.rmf", smeared() if matrix is None else matrix)
    keys = {"RESPFILE": f"{name}.rmf", "ANCRFILE": f"{name}.arf"}
    if background is not None:
        write_pha(folder / f"{name}_bkg.pi", background, HDUCLAS2="BKG", BACKSCAL=1e-5,
                  EXPOSURE=header.get("EXPOSURE", 1e4))  # fmt: skip
        keys["BACKFILE"] = f"{name}_bkg.pi"
    return write_pha(folder / f"{name}.pi", counts, **(keys | header))


def _groups(row: np.ndarray) -> list[tuple[int, int]]:
    filled = np.concatenate([[False], row > 1e-6, [False]]).astype(int)
    steps = np.diff(filled)
    return list(zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True))


def _table(columns: list[fits.Column], header: dict[str, object]) -> fits.BinTableHDU:
    hdu = fits.BinTableHDU.from_columns(columns)
    hdu.header.update(header)
    return hdu


def _write(path: Path, hdus: list[fits.BinTableHDU]) -> Path:
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)
    return path
