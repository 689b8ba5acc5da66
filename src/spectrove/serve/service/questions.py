"""What may be asked, as typed data: one model for each verb of the table, made from the verb's own options.

Nothing of a verb is written here a second time. What cannot travel (encoders, functions) is left out, and what Python
takes in any form has one form here.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from spectrove.pipeline.verbs import Verb
from spectrove.spectra import Spectrum

#: Options that Python alone has: objects and functions.
PYTHON_ALONE = frozenset({"encoder", "redshifts", "progress"})

#: Longest name of an object, characters.
LONGEST = 200

Numbers = list[float]
Gaps = list[float | None]


class Data(BaseModel):
    """Whatever comes from outside: no unknown keys, no NaN."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class InlineSpectrum(Data):
    """A spectrum as arrays; null stands for a value that is not known."""

    wavelength: Numbers = Field(description="Observed frame, rising, angstrom.", min_length=1)
    flux: Gaps = Field(description="As many values as wavelengths.")
    error: Gaps | None = Field(None, description="One sigma, in the unit of the flux.")
    ivar: Gaps | None = Field(None, description="Inverse variance, in place of error.")
    mask: list[bool] | None = Field(None, description="True for bad pixels.")
    z: float | None = Field(None, description="Redshift, if it is known.")
    object_id: str = Field("", max_length=LONGEST, description="A name that no other spectrum beside it has.")
    ra: float | None = Field(None, ge=0, le=360, description="Right ascension, degrees.")
    dec: float | None = Field(None, ge=-90, le=90, description="Declination, degrees.")
    medium: Literal["vacuum", "air"] = Field("vacuum", description="What wavelengths are measured in.")
    flux_unit: str | None = Field(None, max_length=100, description="Unit of the flux: '1e-17 erg/s/cm2/A'.")

    def spectrum(self) -> Spectrum:
        """The spectrum.

        Raises:
            SpectroveError: Arrays differ in length, wavelengths do not rise, a unit or a redshift cannot be.
        """
        row = {
            name: value for name in ("ra", "dec", "flux_unit") if (value := getattr(self, name)) is not None
        }
        return Spectrum(
            np.array(self.wavelength), _filled(self.flux),
            error=_filled(self.error), ivar=_filled(self.ivar),
            mask=None if self.mask is None else np.array(self.mask, bool),
            z=self.z, object_id=self.object_id, medium=self.medium, **row,
        )  # fmt: skip


def _filled(values: Gaps | None) -> Any:
    return None if values is None else np.array([np.nan if v is None else v for v in values], float)


class OfSpectra(Data):
    """The spectra that a question is about: objects of the base, arrays, or files that come with it."""

    objects: list[str] | None = Field(None, description="Ids of objects of the base.")
    spectra: list[InlineSpectrum] | None = Field(None, description="Spectra as arrays.")
    queries: str | None = Field(None, description="SQL condition on the spectra.")
    missing_z: Literal["refuse", "estimate"] = Field(
        "refuse", description="Spectra without a redshift: refuse them, or estimate it first."
    )
    z: float | None = Field(None, description="Redshift of a single spectrum, in place of its own.")
    survey: str | None = Field(
        None, description="Reader of the files; by default one is chosen for each file."
    )
    columns: str | dict[str, str] | None = Field(
        None, description="Column names in tables, as wavelength=WAVE,flux=FLUX."
    )
    medium: Literal["auto", "air", "vacuum"] | None = Field(
        None, description="What wavelengths in files are measured in."
    )
    wavelength_unit: str | None = Field(None, description="Unit of wavelengths, if files do not give it.")
    flux_unit: str | None = Field(None, description="Unit of the flux, if files do not give it.")
    error_unit: str | None = Field(None, description="Unit of the errors, if not that of the flux.")
    response: list[str] | None = Field(
        None, description="Names of uploaded RMF or ARF files, for counts that name none."
    )


#: Options of reading files.
OF_FILES = ("survey", "columns", "medium", "wavelength_unit", "flux_unit", "error_unit", "response")

Example = str | InlineSpectrum
Region = str | tuple[float, float]

#: The form of an option that Python takes in any.
FORMS: dict[str, Any] = {
    "like": list[Example],
    "unlike": list[Example] | None,
    "region": list[Region] | None,
    "prevalence": Literal["base", "equal"] | dict[str, float] | None,
    "measures": str | list[str] | None,
}

#: What a verb is asked about, by `Verb.subject`: the name of the field, its form, and a sentence.
SUBJECTS: dict[str, tuple[str, Any, Any]] = {
    "target": (
        "target",
        str | dict[str, Any] | None,
        Field(None, description="Name of a target that comes with Spectrove, or the keys of one."),
    ),
    "like": (
        "like",
        list[Example],
        Field([], description="Examples of what is wanted: ids of the base, or arrays."),
    ),
    "label": ("label", str, Field(description="Column of the base with the classes.")),
    "quantity": (
        "quantity",
        str,
        Field(description="Numeric column of the base; several with commas between them.", max_length=1000),
    ),
    "regions": (
        "regions",
        list[Region],
        Field(
            description="Parts of the rest frame, vacuum angstrom: LOW:HIGH, or names of lines.", min_length=1
        ),
    ),
    "text": ("text", str, Field(description="The sentence.", max_length=2000)),
}


def asked_model(verb: Verb) -> type[Data]:
    """The model of what may be asked of a verb: its spectra, its subject and its options."""
    fields: dict[str, Any] = {}
    if verb.subject:
        name, form, field = SUBJECTS[verb.subject]
        fields[name] = (form, field)
    for name, field in verb.options.model_fields.items():
        if name not in PYTHON_ALONE and name not in fields:
            fields[name] = _field(name, field)
    title = "".join(part.title() for part in verb.name.split("_"))
    base = Data if verb.of_base else OfSpectra
    return create_model(title, __base__=base, __doc__=verb.summary, **fields)


def _field(name: str, field: FieldInfo) -> tuple[Any, Any]:
    """An option as it travels: as the verb has it, or in the one form of what Python takes in any."""
    if field.annotation is not Any:
        return field.annotation, field
    default = [] if field.default == () else field.default
    return FORMS[name], Field(default, description=field.description)


def options_of(asked: Data, verb: Verb) -> dict[str, Any]:
    """The options that were given; the others are left to the verb."""
    given = asked.model_fields_set & set(verb.options.model_fields)
    own = {SUBJECTS[verb.subject][0]} if verb.subject else set()
    return {name: getattr(asked, name) for name in given - own if getattr(asked, name) is not None}
