"""Tiny files in the surveys' real layouts, made by each test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

LINES = ("H_beta", "[O_III] 5007", "[O_I] 6300", "H_alpha", "[N_II] 6583", "[S_II] 6716", "[S_II] 6730")


@pytest.fixture
def write_sdss(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes an SDSS spec file; keywords change pixels, SpecObj row, header or parts."""

    def write(
        name: str | None = None,
        *,
        plate: int = 266,
        mjd: int = 51602,
        fiber: int = 1,
        n_pixels: int = 300,
        seed: int = 0,
        pixels: dict[str, Any] | None = None,
        specobj: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        leave_out: tuple[str, ...] = (),
        exposures: int = 0,
        folder: Path | None = None,
    ) -> Path:
        folder = folder or tmp_path
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (name or f"spec-{plate:04d}-{mjd}-{fiber:04d}.fits")
        rng = np.random.default_rng(seed)
        columns: dict[str, Any] = {
            "flux": rng.normal(10, 1, n_pixels).astype("f4"),
            "loglam": (3.58 + 1e-4 * np.arange(n_pixels)).astype("f4"),
            "ivar": np.ones(n_pixels, "f4"),
            "and_mask": np.zeros(n_pixels, "i4"),
            "or_mask": np.zeros(n_pixels, "i4"),
            "wdisp": np.full(n_pixels, 1.1, "f4"),
            "sky": np.zeros(n_pixels, "f4"),
            "model": np.full(n_pixels, 10, "f4"),
        } | (pixels or {})
        row: dict[str, Any] = {
            "SPECOBJID": str(plate << 50 | fiber << 38 | (mjd - 50000) << 24 | 26 << 10).rjust(22),
            "RUN2D": "26",
            "PLATE": np.int32(plate),
            "MJD": np.int32(mjd),
            "FIBERID": np.int32(fiber),
            "PLUG_RA": 150.0 + fiber / 100,
            "PLUG_DEC": 2.0,
            "CLASS": "GALAXY",
            "SUBCLASS": "STARFORMING",
            "Z": np.float32(0.1),
            "Z_ERR": np.float32(1e-5),
            "ZWARNING": np.int32(0),
            "VDISP": np.float32(150),
            "VDISP_ERR": np.float32(5),
            "SN_MEDIAN_ALL": np.float32(10),
            "SOURCETYPE": "GALAXY",
            "SURVEY": "sdss",
        } | (specobj or {})
        primary = fits.PrimaryHDU()
        cards = {
            "PLATEID": plate,
            "MJD": mjd,
            "FIBERID": fiber,
            "VACUUM": True,
            "PLUG_RA": 150.0,
            "PLUG_DEC": 2.0,
        }
        for key, value in (cards | (header or {})).items():
            if key not in leave_out:
                primary.header[key] = value
        hdus: list[Any] = [primary, _table("COADD", {k: v for k, v in columns.items() if k not in leave_out})]
        if "SPECOBJ" not in leave_out:
            hdus.append(_table("SPECOBJ", {k: np.array([v]) for k, v in row.items() if k not in leave_out}))
        if "SPZLINE" not in leave_out:
            n = np.arange(len(LINES), dtype="f4")
            lines = {"LINENAME": np.array(LINES), "LINEAREA": 10 + n, "LINEAREA_ERR": 1 + n}
            hdus.append(_table("SPZLINE", lines | {"LINEEW": 2 + n, "LINEEW_ERR": 0.5 + n}))
        for i in range(exposures):
            hdus.append(_table(f"B1-0000{2591 + i:04d}-00002595-00002596", {"flux": columns["flux"]}))
        fits.HDUList(hdus).writeto(path, overwrite=True)
        return path

    return write


def _table(name: str, columns: dict[str, Any]) -> fits.BinTableHDU:
    kinds = {"f": {4: "E", 8: "D"}, "i": {2: "I", 4: "J", 8: "K"}, "u": {8: "K"}}
    made = []
    for key, values in columns.items():
        values = np.asarray(values)
        if values.dtype.kind == "U":
            made.append(fits.Column(key, f"{max(1, values.dtype.itemsize // 4)}A", array=values))
        elif values.dtype == np.uint64:
            made.append(fits.Column(key, "K", bzero=2**63, array=values))
        else:
            size = values.shape[1] if values.ndim == 2 else ""
            made.append(
                fits.Column(key, f"{size}{kinds[values.dtype.kind][values.dtype.itemsize]}", array=values)
            )
    return fits.BinTableHDU.from_columns(made, name=name)
