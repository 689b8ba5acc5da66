"""Files of a kind of light that the readers here do not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from spectrove.errors import Refusal
from spectrove.spectra import SpectrumSet


@dataclass(frozen=True)
class Companion:
    """A file that a spectrum needs beside its own, as its background or the response of the instrument.

    Attributes:
        name: Its name.
        places: Where it may lie, in every spelling; one of them is enough.
        named: Whether the spectrum names it; False where it would be known by its own name.
    """

    name: str
    places: tuple[Path, ...]
    named: bool = True


class Light(Protocol):
    """How files of another kind of light become sets of spectra, and how a dataset of them is known."""

    @property
    def batch(self) -> Any:
        """The class of the sets, with the members of `SpectrumSet` that datasets, catalogs and bases use."""

    @property
    def measured(self) -> frozenset[str]:
        """Columns that the sets write beside ids and rows: a dataset that has all of them holds such spectra."""

    @property
    def rows(self) -> Mapping[str, pa.DataType]:
        """Columns of a row beside `spectra.CORE_COLUMNS`, with their types."""

    def recognises(self, path: Path) -> bool:
        """Whether a file is of this kind, by its first bytes."""

    def read(
        self,
        files: Sequence[Path],
        response: Sequence[str] = (),
        workers: int | None = None,
        cluster: str | None = None,
    ) -> Iterator[tuple[Any, list[Refusal], int]]:
        """Sets of spectra in the order of the files, the files that were refused, and how many were read.

        Args:
            files: What to read.
            response: Files of an instrument's response, see `options.Options`.
            workers: Processes; by default one per core.
            cluster: Where files are read, as in `processes.map_chunks`.
        """

    def companions(self, path: Path, response: Sequence[str] = ()) -> list[Companion]:
        """Other files that the spectra of a file need, whether they are there or not.

        Args:
            path: A file of spectra.
            response: As in `read`.
        """

    def is_companion(self, path: Path) -> bool:
        """Whether a file holds no spectra but what spectra in other files need."""

    def write(self, folder: Path, spectra: Any) -> list[Path]:
        """The files written in a folder: one for each spectrum, called by its id, that `read` reads."""


def batch_of(light: Light | None) -> Any:
    """The class of the sets of spectra of a kind of light."""
    return SpectrumSet if light is None else light.batch
