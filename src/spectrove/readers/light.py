"""Files of a kind of light that the readers here do not know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from spectrove.errors import Refusal
from spectrove.spectra import SpectrumSet


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

    def read(self, files: Sequence[Path]) -> Iterator[tuple[Any, list[Refusal], int]]:
        """Sets of spectra in the order of the files, the files that were refused, and how many were read."""


def light_of(paths: Sequence[Path], lights: Mapping[str, Light], datasets: Mapping[str, set[str]]) -> str:
    """Name of the kind of light of some files or datasets; "" where none of these kinds knows them.

    Args:
        paths: Files, of which the first few are opened.
        lights: The kinds that can be recognised, by name.
        datasets: The columns of each dataset, by its path.
    """
    for name, light in lights.items():
        if any(light.measured <= columns for columns in datasets.values()):
            return name
        if any(light.recognises(path) for path in paths[:FEW]):
            return name
    return ""


#: Files that are opened to find the kind of light of all.
FEW = 8


def batch_of(light: Light | None) -> Any:
    """The class of the sets of spectra of a kind of light."""
    return SpectrumSet if light is None else light.batch
