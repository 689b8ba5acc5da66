"""Spectra of any other origin: tables with named columns, images with a grid in the header.

What none of these fit goes to the readers of `specutils`. Where a file holds many spectra, ids are
`name#row`, counted from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from spectrove.errors import Refusal
from spectrove.readers.arrays import Arrays, spectra_of
from spectrove.readers.fitsfile import Hdu
from spectrove.readers.images import images
from spectrove.readers.options import Options
from spectrove.readers.rows import chosen_rows, labelled_rows
from spectrove.readers.tables import tables
from spectrove.spectra import Spectrum

Layout = Callable[[Sequence[Hdu], Options, Path], Arrays | Sequence[Arrays | Refusal] | None]
#: Asked in order; None says that the layout is another.
LAYOUTS: tuple[Layout, ...] = (chosen_rows, tables, labelled_rows, images)


def recognises(hdus: Sequence[Hdu]) -> bool:
    """Always: the last reader to be asked."""
    return True


def parse(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    """The spectra of a file in the first layout that fits.

    Raises:
        FormatError: If none fits.
    """
    for layout in LAYOUTS:
        arrays = layout(hdus, options, path)
        if arrays is not None:
            return spectra_of(arrays, path, options)
    return _by_specutils(hdus, path, options)


def _by_specutils(hdus: Sequence[Hdu], path: Path, options: Options) -> Sequence[Spectrum | Refusal]:
    from spectrove.readers import foreign  # imports specutils, which takes seconds

    return foreign.read(hdus, path, options)
