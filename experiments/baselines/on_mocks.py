"""Baselines that learn from mocks once: an autoencoder, and the supervised CNN of the paper's own setting."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.baselines.networks import CNN, FittedNetwork
from experiments.baselines.spender import SPENDER_PREPROCESS, SpenderPlan, fit_spender
from experiments.baselines.vectors import REST
from spectrove.encoders.checkpoint import write_ids
from spectrove.evaluation.protocol import group_names
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import SpectrumSet
from spectrove.training.data import join_prepared

Progress = Callable[[int, int], None]

#: Seed of the first mock survey that is learned from; the next of every `_CHUNK` spectra has the next seed.
TRAIN_SEED = 1000

#: How many mocks these learn from.
N_TRAIN = 8000

_CHUNK = 1000

#: Label column to the rows of a mock survey that are learned from, as SQL would say it.
LEARNED: dict[str, Callable[[SpectrumSet], NDArray[np.bool_]]] = {
    "class_derived": lambda s: _is(s, "lens", "none") & _is(s, "outlier", "none"),
    "lens": lambda s: _is(s, "outlier", "none") & (_is(s, "lens", "lens") | _is(s, "truth_class", "red")),
    "outlier": lambda s: _is(s, "lens", "none"),
}


def files(folder: Path) -> dict[str, Path]:
    """Where the trained things are: "spender", "ids", and a CNN for each label column."""
    cnns = {column: folder / f"cnn-{column}.safetensors" for column in LEARNED}
    return {"spender": folder / "spender.safetensors", "ids": folder / "training_ids.txt.gz", **cnns}


def train_mock_baselines(
    folder: Path,
    *,
    n: int = N_TRAIN,
    plan: SpenderPlan | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Train what is not in the folder yet, on n mocks of recipe `train`; no test mock is among them."""
    wanted = files(folder)
    if all(path.exists() for path in wanted.values()):
        return
    folder.mkdir(parents=True, exist_ok=True)
    rest, median, labels, groups = _mocks(n, workers, progress)
    fit_spender(median, plan).save(wanted["spender"])
    for column, known in labels.items():
        fitted = CNN.fit(rest, known, groups, seed=0)
        assert isinstance(fitted, FittedNetwork)
        CNN.save(fitted, wanted[column])
    write_ids(wanted["ids"], rest.object_id.tolist())


def _mocks(
    n: int, workers: int, progress: Progress | None
) -> tuple[Prepared, Prepared, dict[str, NDArray[np.str_]], NDArray[np.str_]]:
    """Mocks prepared both ways, the labels of the first way's spectra by column, and their plates."""
    rest, median, groups = [], [], []
    labels: dict[str, list[NDArray[np.str_]]] = {column: [] for column in LEARNED}
    for i, start in enumerate(range(0, n, _CHUNK)):
        survey = make_survey(
            min(_CHUNK, n - start), recipe=load_recipe("train"), seed=TRAIN_SEED + i, workers=workers
        )
        median.append(prepare(survey, SPENDER_PREPROCESS)[0])
        rest.append(prepare(survey, REST)[0])
        survey = rows_of(survey, rest[-1])
        for column, learned in LEARNED.items():
            values = np.array([v or "" for v in survey.column(column)], dtype=str)
            labels[column].append(np.where(learned(survey), values, ""))
        groups.append(group_names(survey, "plate"))
        if progress:
            progress(start + len(survey), n)
    joined = {column: np.concatenate(parts) for column, parts in labels.items()}
    return join_prepared(rest), join_prepared(median), joined, np.concatenate(groups)


def rows_of(spectra: SpectrumSet, prepared: Prepared) -> SpectrumSet:
    """The spectra that could be prepared, in that order."""
    place = {name: i for i, name in enumerate(spectra.object_id.tolist())}
    return spectra.take(np.array([place[name] for name in prepared.object_id.tolist()], dtype=int))


def _is(spectra: SpectrumSet, column: str, value: str) -> NDArray[np.bool_]:
    return np.array(spectra.column(column), dtype=object) == value
