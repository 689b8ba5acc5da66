"""What every part of `xray` is measured on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from experiments.xray.sources import of_catalog, of_files
from spectrove.errors import DatasetError
from spectrove.provenance import file_hash
from spectrove.xray.counts import CountSet
from spectrove.xray.response import Response

#: The observation whose response the sources without one are seen through.
RESPONSE = "3c273"


@dataclass(frozen=True)
class Bench:
    """Real X-ray sources, read once.

    Attributes:
        folder: Where everything is kept.
        data: Folder with real spectra and catalogs (as SPECTROVE_DATA); None leaves the real half of a part out.
        seeds: Repetitions, each with other folds or mock surveys.
        fast: At most as many sources of the catalog, as a test; 0 for all.
        workers: Processes.
        say: Told what is being done.
    """

    folder: Path
    data: Path | None
    seeds: int = 3
    fast: int = 0
    workers: int = 1
    say: Callable[[str], None] = field(default=lambda text: None, compare=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures of a part besides its code."""
        catalog = file_hash(self.data / "xray" / "muwclass.csv") if self.data else None
        return {"seeds": self.seeds, "fast": self.fast, "catalog": catalog}

    @property
    def xray(self) -> Path:
        """The folder with X-ray spectra and catalogs.

        Raises:
            DatasetError: There is none.
        """
        if self.data is None:
            raise DatasetError("no folder with real X-ray sources. Set SPECTROVE_DATA to one.")
        return self.data / "xray"

    @cached_property
    def files(self) -> CountSet:
        """The PHA sets that are whole, each with its own response."""
        return of_files(self.xray)

    @cached_property
    def response(self) -> Response:
        """The response through which sources without one are seen."""
        return self.files[self.files.object_id.tolist().index(RESPONSE)].response

    @cached_property
    def catalog(self) -> CountSet:
        """Counts that have the fluxes and errors of the sources of MUWCLASS: summaries, not their spectra."""
        spectra = of_catalog(self.xray, self.response)
        return (
            spectra.take(np.arange(0, len(spectra), -(-len(spectra) // self.fast))) if self.fast else spectra
        )
