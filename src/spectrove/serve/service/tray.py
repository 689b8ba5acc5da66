"""Spectra that somebody brought, kept in memory while they are looked at."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spectrove.reach import within
from spectrove.serve.service import given
from spectrove.serve.service.asking import reading_refusal
from spectrove.serve.service.given import Files
from spectrove.serve.service.limits import MB, Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import OfSpectra
from spectrove.serve.service.room import Room
from spectrove.serve.service.shelf import Served

if TYPE_CHECKING:
    from spectrove.spectra import Batch

#: Bytes of all that is kept; the oldest goes first.
ROOM = 1000 * MB


@dataclass(frozen=True)
class Tray:
    """Spectra that came together.

    Attributes:
        base: Name of the base that they are held against.
        spectra: Those that could be read.
        refusals: The others, each with its sentence.
        id: Its name, which nobody guesses.
    """

    base: str
    spectra: Batch
    refusals: Sequence[dict[str, Any]] = ()
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def names(self) -> list[str]:
        """Names of the spectra."""
        return [str(name) for name in self.spectra.object_id]

    def one(self, place: int) -> Batch:
        """The spectrum at a place, as a set of one.

        Raises:
            Problem: There is none.
        """
        import numpy as np

        if not 0 <= place < len(self.spectra):
            raise Problem(404, f"{place}: {len(self.spectra)} spectra lie here, counted from 0.")
        return self.spectra.take(np.array([place]))


def _check_kind(served: Served, spectra: Any) -> None:
    """Refuse spectra of another kind of light than the base.

    Raises:
        Problem: They are of another.
    """
    from spectrove.pipeline.kinds import fits, kind_of_set

    with served.shown() as base:
        expected = base.domain
    if not fits(spectra, expected):
        raise Problem(
            422,
            f"{spectra.object_id[0]}: found spectra of {kind_of_set(spectra)}, and {served.name} is a base of "
            f"{expected}. Choose a base of the same kind of light.",
            "DatasetError",
        )


class Trays:
    """All that are kept."""

    def __init__(self, room: int = ROOM) -> None:
        self._kept: Room[Tray] = Room(room)

    def bring(self, served: Served, asked: OfSpectra, files: Files, limits: Limits) -> Tray:
        """Read what came, and keep it.

        Raises:
            SpectroveError: Options of reading fit nothing.
            Problem: Nothing came, too much did, or nothing of it can be read.
        """
        with within(files.folder):
            spectra, refusals = given.read(None, asked, files, limits)
        told = [reading_refusal(one, files) for one in refusals]
        if spectra is None:
            raise Problem(422, "No file came. Choose or drop some.", "DatasetError")
        if not len(spectra):
            detail = str(told[0]["error"]) if len(told) == 1 else "No spectrum could be read."
            raise Problem(422, detail, "DatasetError", more={"refusals": told})
        _check_kind(served, spectra)
        tray = Tray(served.name, spectra, told)
        self._kept.keep(tray.id, tray, spectra.to_arrow().nbytes)
        return tray

    def named(self, name: str, base: str) -> Tray:
        """What is kept under this name.

        Raises:
            Problem: Nothing is, or for another base.
        """
        if (kept := self.found(name, base)) is None:
            raise Problem(404, "These spectra are no longer kept. Drop the files once more.")
        return kept

    def found(self, name: str, base: str) -> Tray | None:
        """The same; None if nothing is kept."""
        kept = self._kept.get(name)
        return kept if kept is not None and kept.base == base else None
