"""What somebody looks at: one spectrum, of the base or of a tray, and how it is to be answered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from pydantic import Field, field_validator
from starlette.requests import Request

from spectrove.serve.page.rendering import address
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays

if TYPE_CHECKING:
    from spectrove.spectra import Batch

#: Neighbours that are listed, and those of them that are drawn over the spectrum.
NEIGHBOURS, DRAWN = 12, 5


#: A name or a range that is typed.
Name = Annotated[str, Field(max_length=LONGEST)]


class Look(Data):
    """The query part of an address about one spectrum.

    Attributes:
        object: Id of an object of the base; or else
        tray, i: Where the spectrum lies among those that somebody brought.
        z: A redshift in place of its own.
        label: Column of classes.
        quantity: Column that is estimated.
        target: Name of a target, to explain its hunt.
        against: Id of an object of the base, to see why it is no neighbour.
        region: Parts of the spectrum in which it is compared, rest frame.
        where: SQL condition on its neighbours.
        k: Neighbours that are listed.
    """

    object: Name | None = None
    tray: Name | None = None
    i: int = Field(0, ge=0)
    z: float | None = None
    label: Name | None = None
    quantity: Name | None = None
    target: Name | None = None
    against: Name | None = None
    region: tuple[Name, ...] = Field((), max_length=20)
    where: str | None = Field(None, max_length=2000)
    k: int = Field(NEIGHBOURS, ge=1, le=100)

    @field_validator("z", mode="before")
    @classmethod
    def _with_comma(cls, value: Any) -> Any:
        return value.replace(",", ".") if isinstance(value, str) else value

    @field_validator("z")
    @classmethod
    def _in_range(cls, value: float | None) -> float | None:
        from spectrove.preprocess.prepare import Z_RANGE

        if value is not None and not Z_RANGE[0] <= value <= Z_RANGE[1]:
            raise ValueError(f"found {value:g}, expected a redshift from {Z_RANGE[0]:g} to {Z_RANGE[1]:g}")
        return value

    def address(self, base: str, what: str = "spectrum", /, **changed: Any) -> str:
        """The address of the same look, or of one that differs in what is named."""
        said: dict[str, Any] = {
            "object": self.object, "tray": self.tray, "i": self.i if self.tray else None, "z": self.z,
            "label": self.label, "quantity": self.quantity, "target": self.target, "against": self.against,
            "region": list(self.region) or None, "where": self.where, "k": self.k if self.k != NEIGHBOURS else None,
        }  # fmt: skip
        return address(base, what, **said | changed)

    def spectra(self, served: Served, trays: Trays) -> Batch:
        """The spectrum, as a set of one.

        Raises:
            Problem: It is not there.
        """
        if self.tray is not None:
            return trays.named(self.tray, served.name).one(self.i)
        if self.object is None:
            raise Problem(422, "No spectrum is named. Give object=ID, or drop a file on the page.", "Invalid")
        return served.stored([self.object])[0]

    def redshift(self, spectra: Batch) -> float:
        """The redshift that is given, else that of the spectrum; NaN if there is none."""
        if self.z is not None:
            return self.z
        own = spectra.rows.column("z")[0].as_py() if "z" in spectra.rows.column_names else None
        return math.nan if own is None else float(own)


def _look(request: Request) -> Look:
    """The look that an address says.

    Raises:
        ValidationError: A part of it cannot be.
    """
    said = request.query_params
    given: dict[str, Any] = {name: said[name] for name in Look.model_fields if said.get(name, "").strip()}
    if "region" in given:
        given["region"] = tuple(one for one in said.getlist("region") if one.strip())
    return Look.model_validate(given)


Looking = Annotated[Look, Depends(_look)]
