"""Files, folders, globs or a dataset, as one set of spectra in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from spectrove.catalog import Joiner
from spectrove.errors import Refusal
from spectrove.readers.columns import BOOKKEEPING, ROW_COLUMNS, conform_rows
from spectrove.readers.dataset import duplicate_sentence, read_dataset, select
from spectrove.readers.files import each_path_once, find_files, is_dataset
from spectrove.readers.light import Light, batch_of
from spectrove.readers.parallel import Progress, read_files
from spectrove.spectra import CORE_COLUMNS, SpectrumSet


def read_spectra(
    paths: Path | str | Iterable[Path | str],
    *,
    survey: str = "auto",
    catalogs: Sequence[pa.Table | Path | str] = (),
    where: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    light: Light | None = None,
    **options: Any,
) -> tuple[SpectrumSet, list[Refusal]]:
    """Spectra of files, folders, globs or datasets, and what was left out with the reason.

    Args:
        paths: One or many; a name ending in `.lance` is a dataset.
        survey: A name of `READERS`, or "auto".
        catalogs: Tables or files joined to the rows, before `where` is asked.
        where: SQL on the row columns.
        workers: Processes; by default one per core, and none beside this one for a few files.
        progress: Called with the number of files done and of all files.
        light: The kind of light, if the readers here do not know it: the set is then of its class.
        options: As in `read_file`: columns, medium, wavelength_unit, flux_unit, error_unit, response.

    Raises:
        DatasetError: If a path is not there, a folder is empty, or `where` names an unknown column.
    """
    paths, twice = each_path_once([paths] if isinstance(paths, str | Path) else list(paths))
    datasets = [path for path in paths if is_dataset(path)]
    others = [path for path in paths if not is_dataset(path)]
    early = where if not catalogs else None  # the dataset's own filter, unless it may name a catalog's column
    parts = [read_dataset(path, early, light) for path in datasets]
    refusals: list[Refusal] = []
    if others or not datasets:
        files = find_files(others, leave_out=[c for c in catalogs if not isinstance(c, pa.Table)])
        known = ROW_COLUMNS if light is None else {**CORE_COLUMNS, **light.rows}
        plain = {name: kind for name, kind in known.items() if name not in BOOKKEEPING}
        read = []
        for batch in read_files(
            files, survey=survey, workers=workers, progress=progress, options=options, light=light
        ):
            read.append(batch.spectra.with_rows(conform_rows(batch.spectra.rows, plain)))
            refusals += batch.refusals
        parts.append(batch_of(light).concatenate(read))
    spectra = batch_of(light).concatenate(parts)
    if catalogs:
        spectra, _ = Joiner(catalogs).join(spectra)
    spectra, repeated = _each_once(spectra)
    if others or catalogs:
        spectra = select(spectra, where)
    return spectra, refusals + repeated + twice


def _each_once(spectra: SpectrumSet) -> tuple[SpectrumSet, list[Refusal]]:
    first: dict[str, int] = {}
    refusals = []
    paths = spectra.column("path")
    for i, object_id in enumerate(spectra.object_id):
        if first.setdefault(str(object_id), i) != i:
            kept = paths[first[str(object_id)]] or ""
            refusals.append(Refusal(str(paths[i]), duplicate_sentence(str(object_id), paths[i] or "", kept)))
    if not refusals:
        return spectra, []
    return spectra.take(np.array(sorted(first.values()), dtype=np.int64)), refusals
