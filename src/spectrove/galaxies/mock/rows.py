"""The columns of a mock catalog and their types."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from spectrove.galaxies.mock.labels import CATALOG_LINES
from spectrove.spectra import CORE_COLUMNS

#: Columns of mock rows after `spectra.CORE_COLUMNS`.
MOCK_COLUMNS: dict[str, pa.DataType] = {
    "group": pa.string(),
    "plate": pa.int64(),
    "mjd": pa.int64(),
    "fiberid": pa.int64(),
    "specobjid": pa.string(),
    "class": pa.string(),
    "subclass": pa.string(),
    "sn_median": pa.float64(),
    "bpt_class": pa.string(),
    "class_derived": pa.string(),
    **{f"{key}_{part}": pa.float64() for key in CATALOG_LINES for part in ("flux", "err", "ew")},
    "d4000n": pa.float64(),
    "hdelta_a": pa.float64(),
    "vdisp": pa.float64(),
    "split": pa.string(),
    "lens": pa.string(),
    "outlier": pa.string(),
    "outlier_kind": pa.string(),
    "truth_class": pa.string(),
    "truth_background": pa.string(),
    **{
        f"truth_{name}": pa.float64()
        for name in (
            "z", "z_source", "line_sn", "ha_ew", "log_nii_ha", "log_oiii_hb", "log_sii_ha", "log_oi_ha",
            "log_ha_hb",
            "vdisp", "line_width", "ebv", "d4000n", "hdelta_a", "log_age", "metallicity",
            "hb_ew", "oiii_ew", "nii_ew", "sii_ew", "oi_ew",
        )
    },
}  # fmt: skip


def mock_rows(rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a table with the same columns and types for every survey, however small."""
    types = {**CORE_COLUMNS, **MOCK_COLUMNS}
    return pa.table({name: pa.array([row.get(name) for row in rows], kind) for name, kind in types.items()})
