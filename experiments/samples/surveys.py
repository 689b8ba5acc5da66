"""Spectra whose answers are known: mock surveys made once and kept, real ones by their index, both split by plate."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import DatasetError
from spectrove.evaluation.protocol import Fold
from spectrove.galaxies.mock import MockRecipe, make_survey
from spectrove.readers import read_dataset, write_dataset
from spectrove.spectra import PIXEL_COLUMNS, SpectrumSet

#: Seed of the first mock test survey; the others follow. No training ever uses these.
MOCK_SEED = 7001

#: Repetitions: mock surveys of other seeds, other folds of the real spectra, other injections.
REPETITIONS = 3

#: The column whose equal values stay on one side.
GROUP = "plate"

#: Folds by plate of the real spectra.
FOLDS = 5

#: The main sample among the real spectra.
SDSS = "\"group\" = 'sdss'"

#: Real hosts of injected outliers; listed lens candidates are no controls.
OUTLIER_HOSTS = f"{SDSS} AND lens_candidate = false"

#: Red galaxies of the real index, hosts of injected lenses: quiescent ones of SDSS and the BOSS sample.
LENS_HOSTS = f"(({SDSS} AND class_derived = 'quiescent') OR \"group\" = 'boss') AND lens_candidate = false"


def kept_survey(path: Path, n: int, recipe: MockRecipe, seed: int, workers: int = 1) -> SpectrumSet:
    """The mock survey in a dataset; made if it is not there, and then there whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part-{os.getpid()}-{path.name}")
        write_dataset(part, make_survey(n, recipe=recipe, seed=seed, workers=workers))
        os.replace(part, path)
    return read_dataset(path)


def check_real(folder: Path | None) -> None:
    """Refuse a folder of real spectra without their index.

    Raises:
        DatasetError: Naming the folder.
    """
    if folder is not None and not (folder / "galaxies" / "index.csv").is_file():
        raise DatasetError(
            f"{folder}: no galaxies/index.csv in it, expected the folder with the real spectra. Correct "
            "SPECTROVE_DATA, or unset it to leave the real half out."
        )


def own_split(spectra: SpectrumSet) -> Fold:
    """The one fold that a survey's own split by plate makes."""
    is_test = np.array(spectra.column("split")) == "test"
    return Fold(np.flatnonzero(~is_test), np.flatnonzero(is_test))


def is_ordinary(spectra: SpectrumSet) -> NDArray[np.bool_]:
    """Whether each is neither a lens nor an outlier, (n_spectra,)."""
    columns = zip(spectra.column("lens"), spectra.column("outlier"), strict=True)
    return np.array([set(labels) == {"none"} for labels in columns], dtype=bool)


def plain_classes(spectra: SpectrumSet) -> SpectrumSet:
    """The same objects; lenses and outliers have no galaxy class, as a line fit to what was added says nothing."""
    ordinary = is_ordinary(spectra)
    names = [c if o else None for o, c in zip(ordinary, spectra.column("class_derived"), strict=True)]
    place = spectra.rows.column_names.index("class_derived")
    return spectra.with_rows(spectra.rows.set_column(place, "class_derived", pa.array(names, pa.string())))


def without_pixels(spectra: SpectrumSet) -> SpectrumSet:
    """The same objects with their first pixel alone: rows and vectors decide, and bases are made in no time."""
    first = spectra.offsets[:-1]
    pixels = {name: getattr(spectra, name)[first] for name in PIXEL_COLUMNS}
    return SpectrumSet(
        spectra.object_id, np.arange(len(spectra) + 1, dtype=np.int64), **pixels, rows=spectra.rows
    )
