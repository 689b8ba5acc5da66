"""Physical measurements that an encoder is trained to predict: line strengths, ratios and indices, never a class.

For real spectra they come from a catalog; for mocks they are known without noise (columns `truth_*`). In both cases the
line errors of the catalog determine their weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

#: Softening of equivalent widths, angstrom: `asinh(ew / 1)` is linear for weak lines and logarithmic for strong ones.
EW_SOFTENING = 1.0


@dataclass(frozen=True)
class Measurement:
    """One measured quantity of a spectrum.

    Attributes:
        kind: "ew" (asinh of an equivalent width in angstrom), "ratio" (log10 of a ratio of two fluxes), "log" or
            "value" of a column.
        source: Line keys of an "ew" or "ratio", else the catalog column ("" if no catalog has it).
        truth: Column of the true value for mocks, in the units of `source`.
        error: For columns: the assumed error, in the unit of the measurement.
        unit: Of the measurement.
    """

    kind: str
    source: tuple[str, ...]
    truth: str
    error: float = 0.0
    unit: str = ""


def _ew(line: str) -> Measurement:
    return Measurement("ew", (line,), f"truth_{line}_ew", unit="asinh(angstrom)")


def _ratio(over: str, under: str) -> Measurement:
    return Measurement("ratio", (over, under), f"truth_log_{over}_{under}", unit="dex")


#: All measurements that a network can predict.
MEASUREMENTS: dict[str, Measurement] = {
    **{f"{line}_ew": _ew(line) for line in ("ha", "hb", "oiii", "nii", "sii", "oi")},
    "log_nii_ha": _ratio("nii", "ha"),
    "log_oiii_hb": _ratio("oiii", "hb"),
    "log_sii_ha": _ratio("sii", "ha"),
    "log_oi_ha": _ratio("oi", "ha"),
    "log_ha_hb": _ratio("ha", "hb"),
    "d4000n": Measurement("value", ("d4000n",), "truth_d4000n", 0.03),
    "hdelta_a": Measurement("value", ("hdelta_a",), "truth_hdelta_a", 0.8, "angstrom"),
    "log_vdisp": Measurement("log", ("vdisp",), "truth_vdisp", 0.08, "dex(km/s)"),
    "log_line_width": Measurement("log", ("",), "truth_line_width", 0.08, "dex(km/s)"),
    "log_age": Measurement("value", ("",), "truth_log_age", 0.15, "dex(Gyr)"),
    "metallicity": Measurement("value", ("",), "truth_metallicity", 0.15, "dex"),
    "ebv": Measurement("value", ("",), "truth_ebv", 0.05, "mag"),
    "log_1pz": Measurement("log1p", ("z",), "truth_z", 1e-4, "dex"),
}


def measured(rows: pa.Table, names: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values of measurements and their errors, each (n_spectra, n_measurements); NaN if unknown.

    Args:
        rows: Catalog table; of a table with `truth_*` columns, which is a mock's, only these are used.
        names: Of `MEASUREMENTS`.
    """
    values = np.full((rows.num_rows, len(names)), np.nan)
    errors = values.copy()
    for j, name in enumerate(names):
        values[:, j], errors[:, j] = _one(rows, MEASUREMENTS[name])
    unknown = ~(np.isfinite(values) & np.isfinite(errors))
    values[unknown] = errors[unknown] = np.nan
    return values.astype(np.float32), errors.astype(np.float32)


def _one(rows: pa.Table, what: Measurement) -> tuple[NDArray, NDArray]:
    mock = "truth_z" in rows.column_names
    with np.errstate(divide="ignore", invalid="ignore"):
        if what.kind == "ew":
            value, error = _equivalent_width(rows, what.source[0])
            if mock:
                value = _column(rows, what.truth)
            return np.arcsinh(value / EW_SOFTENING), error / np.hypot(EW_SOFTENING, value)
        if what.kind == "ratio":
            value, error = _log_ratio(rows, *what.source)
            return (_column(rows, what.truth) if mock else value), error
        value = _column(rows, what.truth if mock else what.source[0])
        if what.kind == "log":
            value = np.log10(
                np.where(value > 20, value, np.nan)
            )  # smaller dispersions are not resolved by SDSS
        elif what.kind == "log1p":
            value = np.log10(1 + value)
    return value, np.full(len(value), what.error)


def _equivalent_width(rows: pa.Table, line: str) -> tuple[NDArray, NDArray]:
    """Rest-frame equivalent width and its error, with an exact continuum."""
    width, flux, error = (_column(rows, f"{line}_{part}") for part in ("ew", "flux", "err"))
    return width, np.where(error > 0, np.abs(error * width / flux), np.nan)


def _log_ratio(rows: pa.Table, over: str, under: str) -> tuple[NDArray, NDArray]:
    """log10 of the ratio of two line fluxes and its error; NaN unless both are positive."""
    a, b = _column(rows, f"{over}_flux"), _column(rows, f"{under}_flux")
    a_error, b_error = _column(rows, f"{over}_err"), _column(rows, f"{under}_err")
    known = (a > 0) & (b > 0) & (a_error > 0) & (b_error > 0)
    error = np.hypot(a_error / a, b_error / b) / np.log(10)
    return np.where(known, np.log10(a / b), np.nan), np.where(known, error, np.nan)


def _column(rows: pa.Table, name: str) -> NDArray[np.float64]:
    if name not in rows.column_names:
        return np.full(rows.num_rows, np.nan)
    return rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
