"""Tables of photometry whose columns are known: published ones, each with what its authors say of it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: Suffix of the column of errors in a table of CIGALE's form.
ERROR = "_err"


@dataclass(frozen=True)
class Layout:
    """Columns of a published table.

    Attributes:
        name: Of the table.
        object_id: Column of names.
        redshift: Column of redshifts.
        bands: Label in `bands.BANDS` to the columns of the value and of its error.
        unit: Of both: a unit of flux, or "AB".
        missing: Values at or below this are missing.
        quality: Column of the confidence class of redshifts; "" if there is none.
        secure: Classes, without their decimals, of secure redshifts.
        galaxies: Least redshift of a galaxy; below are stars.
        position: Columns of right ascension and declination, degrees; None if there are none.
    """

    name: str
    object_id: str
    redshift: str
    bands: dict[str, tuple[str, str]] = field(default_factory=dict)
    unit: str = ""
    missing: float = -90.0
    quality: str = ""
    secure: tuple[int, ...] = ()
    galaxies: float = 0.0
    position: tuple[str, str] | None = None

    @property
    def columns(self) -> set[str]:
        """Names of columns by which the table is known."""
        quality = {self.quality} if self.quality else set()
        return {self.object_id, self.redshift, *quality, *(c for pair in self.bands.values() for c in pair)}


def _photzi25(label: str, short: str) -> tuple[str, tuple[str, str]]:
    return label, (f"{short}_photzi25", f"e{short}_photzi25")


#: zCOSMOS-bright 20k (Lilly et al. 2009, ApJS 184, 218) with the photometry of Capak et al. (2007): AB magnitudes, -99
#: and -99.9 where there is none. Classes 2, 3 and 4 are likely to very secure redshifts of galaxies. u is CFHT's u*; g,
#: r, i and z are Suprime-Cam's. The far-ultraviolet columns and the i band of CFHT (ic) are left out.
ZCOSMOS = Layout(
    "zCOSMOS-bright 20k", "id_zcosmos", "zpec",
    dict(
        [
            _photzi25("cfht.megacam.u_1", "u"), _photzi25("subaru.suprime.B", "b"), _photzi25("subaru.suprime.V", "v"),
            _photzi25("subaru.suprime.g+", "g"), _photzi25("subaru.suprime.r+", "r"),
            _photzi25("subaru.suprime.i+", "i"),
            _photzi25("subaru.suprime.z+", "z"), _photzi25("ukirt.wfcam.J", "j"), _photzi25("cfht.wircam.Ks", "k"),
        ]
    ),
    "AB", quality="cc", secure=(2, 3, 4), galaxies=0.02, position=("alpha", "delta"),
)  # fmt: skip

LAYOUTS = (ZCOSMOS,)
