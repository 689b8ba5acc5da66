"""What a user may say about files that do not say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from spectrove.errors import FormatError
from spectrove.readers.units import is_error_unit, is_flux_unit
from spectrove.readers.wavelengths import is_understood

MEDIA = ("auto", "air", "vacuum")
#: What `--columns` may name.
QUANTITIES = ("wavelength", "flux", "error", "ivar", "variance", "mask")


@dataclass(frozen=True)
class Options:
    """How to read files whose layout or units are not known from the file.

    Attributes:
        columns: Column names in the file by quantity, of `QUANTITIES`; text columns without names are
            called "1", "2", ...
        medium: Whether wavelengths are in "air" or "vacuum"; "auto" lets the file or its survey's habit say.
        flux_unit: Unit of the flux, as astropy reads it.
        wavelength_unit: Unit of the wavelength, as astropy reads it.
        error_unit: Unit of the errors (of the variance or inverse variance: the unit whose square or inverse square
            they have); that of the flux where nothing is said.
        response: Files of an instrument's response, for spectra of counts that name none, and folders where those
            that they name are looked for.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    medium: str = "auto"
    flux_unit: str | None = None
    wavelength_unit: str | None = None
    error_unit: str | None = None
    response: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.medium not in MEDIA:
            raise FormatError(f"--medium {self.medium!r}: expected one of {', '.join(MEDIA)}.")
        if unknown := sorted(set(self.columns) - set(QUANTITIES)):
            raise FormatError(
                f"--columns {', '.join(unknown)}: expected names among {', '.join(QUANTITIES)}."
            )
        for option, unit, understood, examples in (
            ("--wavelength-unit", self.wavelength_unit, is_understood, "'nm', 'um' or 'log10(Angstrom)'"),
            ("--flux-unit", self.flux_unit, is_flux_unit, "'erg/s/cm2/A', 'uJy' or 'relative'"),
            ("--error-unit", self.error_unit, is_error_unit, "'erg/s/cm2/A', 'uJy' or '%'"),
        ):
            if unit is not None and not understood(unit):
                raise FormatError(f"{option} {unit!r}: not a unit, expected one as {examples}.")

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Options:
        """Options from keywords; None means that nothing was said."""
        return cls(**{name: value for name, value in said.items() if value is not None})

    def medium_or(self, default: str) -> str:
        """The medium that the user said, else the default."""
        return default if self.medium == "auto" else self.medium


def responses(said: Mapping[str, Any]) -> tuple[str, ...]:
    """The files of `Options.response` as text, from keywords; a single one may be given alone."""
    given = said.get("response") or ()
    return tuple(str(path) for path in ([given] if isinstance(given, str | PathLike) else given))


def parse_columns(text: str | None) -> dict[str, str]:
    """The mapping of `--columns wavelength=WAVE,flux=FLUX,error=ERR`."""
    pairs = [part.partition("=") for part in (text or "").split(",") if part.strip()]
    if bad := [name for name, equals, value in pairs if not equals or not value.strip()]:
        raise FormatError(
            f"--columns {', '.join(bad)}: expected QUANTITY=COLUMN, as wavelength=WAVE,flux=FLUX."
        )
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
