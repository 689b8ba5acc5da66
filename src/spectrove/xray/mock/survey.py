"""Whole mock surveys: sources, their oddities, what instruments saw of them, and a row of truth for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.spectra import CORE_COLUMNS
from spectrove.xray.counts import CountSet
from spectrove.xray.mock.files import write_instrument, write_table
from spectrove.xray.mock.instruments import Instrument, instruments
from spectrove.xray.mock.observe import Seen, assigned, drawn, planned
from spectrove.xray.mock.oddities import changed, disturbed, which
from spectrove.xray.mock.recipe import MockRecipe, load_recipe
from spectrove.xray.mock.sources import Sources, draw

#: Columns of the truth, in the order of the catalog, with their types.
TRUTH: dict[str, pa.DataType] = {
    "class": pa.string(),
    "model": pa.string(),
    **{
        name: pa.float64()
        for name in (
            "nh", "gamma", "kt", "kt_other", "abundance", "fe_ew", "reflection", "leak", "flux", "flux_soft",
            "flux_medium", "flux_hard", "hr_hm", "hr_ms", "hr_hs",
        )
    },
    "oddity": pa.string(),
}  # fmt: skip

#: The names of files of a survey.
CATALOG = "catalog.csv"

Progress = Callable[[int, int], None]

_GOLDEN = math.pi * (3 - math.sqrt(5))


def seen_with_truth(
    n: int, recipe: MockRecipe, seed: int, responses: Sequence[Instrument]
) -> tuple[Iterator[Seen], Sources, NDArray[np.str_]]:
    """What instruments saw of n sources, one instrument after the other, the sources, and their oddities."""
    odd = which(n, recipe, seed)
    sources = changed(draw(n, recipe, seed), odd, np.random.default_rng([recipe.stream, seed, 4]))
    at = assigned(n, len(responses), recipe, seed)

    def seen() -> Iterator[Seen]:
        for i, instrument in enumerate(responses):
            index = np.flatnonzero(at == i)
            if len(index):
                rng = np.random.default_rng([recipe.stream, seed, 7, i])
                plan = planned(sources, index, recipe.observation, instrument, rng)
                own = np.random.default_rng([recipe.stream, seed, 8, i])
                plan = disturbed(plan, sources.take(index), odd[index], instrument, responses, own)
                yield drawn(plan, index, instrument, rng)

    return seen(), sources, odd


def make_survey(
    n: int,
    *,
    recipe: MockRecipe | None = None,
    seed: int = 0,
    responses: Path | str | None = None,
) -> CountSet:
    """A mock survey of n sources in memory: the same for a seed and the same responses.

    Args:
        n: Number of spectra, from 0.
        recipe: What it contains; `load_recipe()` if None.
        seed: Non-negative.
        responses: A folder of PHA files with ARF and RMF whose responses are used, "own" for those made here; see
            `instruments.instruments`.

    Returns:
        Counts, in the order of the instruments; rows hold what a header would, and the truth (`TRUTH`).
    """
    recipe = recipe or load_recipe()
    seen, sources, odd = seen_with_truth(n, recipe, seed, instruments(responses, recipe.responses))
    parts = [
        _count_set(one, rows_of(one, sources, odd, names(one, recipe, seed)), names(one, recipe, seed))
        for one in seen
    ]
    return CountSet.concatenate(parts)


def write_survey(
    n: int,
    out_dir: Path | str,
    *,
    recipe: MockRecipe | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    responses: Path | str | None = None,
) -> Path:
    """Writes the survey of `make_survey` as OGIP files; gives the path of its catalog.

    The folder gets, for each instrument, a PHA file of type II with its spectra and their backgrounds, an ARF and an
    RMF, and `catalog.csv` with the truth, written last. One process is enough: `workers` is not used.
    """
    del workers
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    recipe = recipe or load_recipe()
    seen, sources, odd = seen_with_truth(n, recipe, seed, instruments(responses, recipe.responses))
    tables, done = [], 0
    for one in seen:
        ids = names(one, recipe, seed)
        rows = rows_of(one, sources, odd, ids)
        write_instrument(one, rows, folder, ids[0].partition("#")[0])
        tables.append(rows)
        done += len(one.index)
        if progress is not None:
            progress(done, n)
    columns = ["object_id", "path", "ra", "dec", "z", *TRUTH]
    catalog = (
        pa.concat_tables(tables)
        if tables
        else pa.table({name: pa.array([], pa.string()) for name in columns})
    )
    return write_table(catalog.select(columns), folder / CATALOG)


def names(seen: Seen, recipe: MockRecipe, seed: int) -> list[str]:
    """Ids of the spectra of an instrument: its file, and the row in it counted from 1."""
    return [f"xmock{recipe.stream}-{seed}-{seen.instrument.name}#{i + 1}" for i in range(len(seen.index))]


def rows_of(seen: Seen, sources: Sources, odd: NDArray[np.str_], ids: list[str]) -> pa.Table:
    """A row for each spectrum: id, what a header says, and the truth; null where it does not apply."""
    ra, dec = sky_positions(seen.index)
    truth = {name: values[seen.index] for name, values in sources.truth.items()}
    truth["oddity"] = odd[seen.index]
    found = seen.counts.sum(axis=1)
    columns = {
        "object_id": pa.array(ids, pa.string()),
        "path": pa.array([f"{name.partition('#')[0]}.pha" for name in ids], pa.string()),
        "ra": pa.array(ra),
        "dec": pa.array(dec),
        "z": pa.array(truth["z"], from_pandas=True),
        "obsid": pa.array([f"mock{i}" for i in seen.index.tolist()], pa.string()),
        "object": pa.array([f"mock source {i}" for i in seen.index.tolist()], pa.string()),
        "exposure_s": pa.array(seen.exposure),
        "n_counts": pa.array(found, pa.int64()),
        "n_background": pa.array(seen.scale * seen.background.sum(axis=1)),
    }
    return pa.table(
        columns | {name: pa.array(truth[name], kind, from_pandas=True) for name, kind in TRUTH.items()}
    )


def sky_positions(index: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right ascension and declination of sources, degrees: a spiral of a million points, 20 arcmin apart or more."""
    height = 1 - (2 * (index % 1_000_000) + 1) / 1_000_000
    return np.degrees(index * _GOLDEN) % 360, np.degrees(np.arcsin(height))


def _count_set(seen: Seen, rows: pa.Table, ids: list[str]) -> CountSet:
    n, m = seen.counts.shape
    fixed = {
        "survey": pa.array(["mock"] * n), "flux_unit": pa.array(["count"] * n), "calibrated": pa.array([True] * n),
        "flags": pa.array([[]] * n, CORE_COLUMNS["flags"]), "path": pa.nulls(n, pa.string()),
    }  # fmt: skip
    have = {name: rows.column(name) for name in rows.column_names if name != "object_id"} | fixed
    table = {name: have.pop(name, pa.nulls(n, kind)) for name, kind in CORE_COLUMNS.items()} | have
    return CountSet(
        np.array(ids),
        np.arange(n + 1, dtype=np.int64) * m,
        seen.counts.ravel(),
        seen.background.ravel(),
        np.zeros(n * m, np.int16),
        seen.scale,
        seen.exposure,
        (seen.instrument.response,),
        np.zeros(n, np.int64),
        rows=pa.table(table),
    )
