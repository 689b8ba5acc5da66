"""PHA files, ARF, RMF and lists of events as readers of other kinds of light ask for them. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from spectrove.errors import Refusal
from spectrove.readers.light import Companion


class PhaFiles:
    """Files in the OGIP layouts, see `readers.light.Light`."""

    @property
    def batch(self) -> Any:
        """`CountSet`."""
        from spectrove.xray.counts import CountSet

        return CountSet

    @property
    def measured(self) -> frozenset[str]:
        """Counts, background, quality, scale, exposure and response."""
        from spectrove.xray.counts import CHANNEL_COLUMNS, VALUE_COLUMNS

        return frozenset({*CHANNEL_COLUMNS, *VALUE_COLUMNS})

    @property
    def rows(self) -> Mapping[str, pa.DataType]:
        """What a header says of an observation, the sums of its counts, and what lists of events bring."""
        from spectrove.xray.events import CATALOG_NUMBERS, CATALOG_TEXTS

        return {
            "obsid": pa.string(),
            "object": pa.string(),
            "exposure_s": pa.float64(),
            "n_counts": pa.int64(),
            "n_background": pa.float64(),
            "constant_p": pa.float64(),
            **dict.fromkeys(CATALOG_NUMBERS, pa.float64()),
            **dict.fromkeys(CATALOG_TEXTS, pa.string()),
        }

    def recognises(self, path: Path) -> bool:
        """Whether a file is an OGIP spectrum, ARF or RMF, or a list of events."""
        from spectrove.xray.events import is_events
        from spectrove.xray.ogip import is_ogip

        return is_ogip(path, behind_image=True) or is_events(path)

    def read(
        self,
        files: Sequence[Path],
        response: Sequence[str] = (),
        workers: int | None = None,
        cluster: str | None = None,
    ) -> Iterator[tuple[Any, list[Refusal], int]]:
        """Sets of counts, refusals, and how many files were read."""
        from spectrove.xray.ogip import iter_counts

        return iter_counts(files, response, workers, cluster)

    def companions(self, path: Path, response: Sequence[str] = ()) -> list[Companion]:
        """RMF, ARF and background of the spectra of a file."""
        from spectrove.xray.companions import companions_of

        return companions_of(path, response)

    def is_companion(self, path: Path) -> bool:
        """Whether a file is an RMF, an ARF or a background."""
        from spectrove.xray.companions import is_companion

        return is_companion(path)

    def write(self, folder: Path, spectra: Any) -> list[Path]:
        """PHA files with backgrounds, and the ARF and RMF of each response."""
        from spectrove.xray.writing import write_files

        return write_files(folder, spectra)
