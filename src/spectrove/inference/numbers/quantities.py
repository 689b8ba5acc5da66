"""Quantities of a base: units, limits, and columns of their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase

#: Line fluxes of SDSS catalogs and mocks. Source: SDSS data model, spec files, SPZLINE.LINEAREA.
FLUX = "1e-17 erg/s/cm2"


@dataclass(frozen=True)
class Quantity:
    """A numeric column.

    Attributes:
        name: The column.
        unit: "" if it has none or none is known.
        low, high: Limits of valid values; a value at a limit means "not measured". None: no limit.
    """

    name: str
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def condition(self, where: str | None) -> str | None:
        """SQL condition `where`, combined with the condition that the quantity was measured."""
        parts = [f"({where})"] if where else []
        parts += [f"{self.name} > {self.low:g}"] if self.low is not None else []
        parts += [f"{self.name} < {self.high:g}"] if self.high is not None else []
        return " AND ".join(parts) or None


#: Quantities with a unit or limits, by column.
#: Sources: d4000n: Balogh et al. (1999), ApJ 527, 54, a ratio of fluxes. hdelta_a: Worthey & Ottaviani (1997), ApJS
#: 111, 377, angstrom. vdisp: SDSS data model, spZbest VDISP, km/s; 0 is "not measured" and 850 the end of its grid.
#: Lines: SPZLINE. logmass, logsfr: Brinchmann et al. (2004), MNRAS 351, 1151: log10 of solar masses (a year).
QUANTITIES: dict[str, Quantity] = {
    q.name: q
    for q in (
        Quantity("d4000n", "", 0.0),
        Quantity("truth_d4000n", "", 0.0),
        Quantity("hdelta_a", "angstrom"),
        Quantity("truth_hdelta_a", "angstrom"),
        Quantity("vdisp", "km/s", 0.0, 850.0),
        Quantity("truth_vdisp", "km/s", 0.0),
        Quantity("truth_line_width", "km/s", 0.0),
        Quantity("logmass", "dex(Msun)", 0.0),
        Quantity("logsfr", "dex(Msun/yr)", -90.0),
        Quantity("truth_log_age", "dex(yr)"),
        Quantity("truth_metallicity", "dex"),
        Quantity("truth_ebv", "mag"),
        *(Quantity(f"{line}_flux", FLUX) for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"{line}_ew", "angstrom") for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"truth_{line}_ew", "angstrom") for line in ("ha", "hb", "oiii", "nii", "sii", "oi")),
        *(Quantity(f"truth_log_{r}", "dex") for r in ("nii_ha", "oiii_hb", "sii_ha", "oi_ha", "ha_hb")),
    )
}

#: Numeric columns that describe the observation, not the object.
ADMINISTRATION = frozenset(
    {
        "ra",
        "dec",
        "plate",
        "mjd",
        "fiberid",
        "row",
        "zwarning",
        "healpix29",
        "n_pixels",
        "wave_min",
        "wave_max",
    }
)


def quantity_of(base: KnowledgeBase, name: str) -> Quantity:
    """The quantity of a numeric column of the base.

    Raises:
        KnowledgeError: The column is missing, has no numbers or only equal ones, is the redshift, or is one of
            `ADMINISTRATION`.
    """
    if name == "z":
        raise KnowledgeError(
            "z: vectors depend on the redshift, so neighbours cannot give it. Use pipeline.redshift."
        )
    table = base.rows(None, [])
    found = "there is no such column"
    if name in ADMINISTRATION:
        found = "it describes the observation, not the object"
    elif name in base.columns:
        column = base.rows(None, [name]).column(name)
        if numeric(column.type):
            values = [v for v in column.to_pylist() if v is not None and v == v]
            if len(set(values)) > 1:
                return QUANTITIES.get(name) or Quantity(name)
            found = "no object has a value" if not values else f"all {len(values)} values are {values[0]:g}"
        else:
            found = f"it holds no numbers ({column.type})"
    known = ", ".join(numeric_columns(base)) or "none"
    raise KnowledgeError(
        f"{base.path}: {name!r} cannot be estimated ({found}; {table.num_rows} objects). Numeric columns: {known}. "
        "Name one of these, or add values with a catalog."
    )


def numeric_columns(base: KnowledgeBase) -> list[str]:
    """Columns with at least one number, without those of `ADMINISTRATION`."""
    table = base.rows()
    return [
        name
        for name in table.column_names
        if name not in ADMINISTRATION
        and numeric(table.column(name).type)
        and table.column(name).null_count < table.num_rows
    ]


def error_column(name: str, columns: Sequence[str]) -> str | None:
    """Column of the one-sigma errors of a quantity: NAME_err, or ha_err for ha_flux; None if there is none."""
    candidates = [f"{name}_err", f"{name.removesuffix('_flux')}_err"]
    return next((c for c in candidates if c != name and c in columns), None)


def numeric(kind: pa.DataType) -> bool:
    """Whether a column of this type holds numbers."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))
