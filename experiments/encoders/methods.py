"""The table's rows: every method by name, what has to be trained first, and roughly what each costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.baselines.networks import NETWORK_CLASSIFIERS
from experiments.baselines.on_mocks import train_mock_baselines
from experiments.baselines.vectors import VECTOR_METHODS, RandomForest
from experiments.encoders.rows import (
    ClassifierRow,
    EncoderRow,
    FittedVectorsRow,
    LineFitRow,
    MockTrainedCnnRow,
    RefinedRow,
    Row,
    SpenderRow,
)
from experiments.encoders.voters import PLAIN
from experiments.samples.problems import NOISY
from spectrove.errors import RecipeError
from spectrove.pipeline.shipped import load_recipe
from spectrove.pipeline.train import train

#: Real problems that a supervised network is asked about: training it for each fold takes long.
ALL, REAL_CLASSES = ("classes", "lens", "outlier", *NOISY), ("classes", *NOISY)

#: Every method, in the order of the table.
ROWS: tuple[Row, ...] = (
    *(FittedVectorsRow(m, (PLAIN,)) for m in VECTOR_METHODS[:2]),
    *(FittedVectorsRow(m) for m in VECTOR_METHODS[2:]),
    EncoderRow(
        "galspecencoder_small",
        "the paper's recipe made narrow and shallow (48 wide, 2 layers; the paper's 768 and 6 train at .36 spectra/s "
        "on a core), 900 steps on 6,000 mocks of recipe train.",
        {"shape": "galspecencoder_small"},
        needs=("galspecencoder_small",),
    ),
    SpenderRow(),
    EncoderRow("self-supervised", "recipe base_self: no measurement, mocks of recipe train.", {"shape": "base_self"}),
    EncoderRow("base", "shipped; measurements of mocks of recipe train, nothing real.", {"shape": "base"}),
    RefinedRow(),
    EncoderRow(
        "surprise", "shipped; what ordinary galaxies cannot explain.", {"shape": "surprise"},
        names=("lens", "outlier"),
    ),
    EncoderRow(
        "base and surprise", "both views, as the targets weigh them: what a hunt searches by default.",
        {"shape": "base", "surprise": "surprise"}, names=("lens", "outlier"),
    ),
    ClassifierRow(RandomForest()),
    *(ClassifierRow(m, REAL_CLASSES if m.name != "supervised CNN" else ALL) for m in NETWORK_CLASSIFIERS),
    MockTrainedCnnRow(),
    LineFitRow(),
)  # fmt: skip

#: Methods that are asked about noisier spectra, where none is named.
NOISE_ROWS = ("EM-PCA", "base", "base + real measurements", "supervised CNN", "line fit")

#: What rows need to have trained first: name to a function of the folder.
TRAININGS: dict[str, Callable[[Path], Any]] = {
    "mock baselines": lambda folder: train_mock_baselines(folder),
    "galspecencoder_small": lambda folder: train(
        load_recipe("galspecencoder_small"), folder, resume=True, workers=1
    ),
}

#: Seconds on one core for estimates: a training; a problem for neighbours; a spectrum of a base for a network.
TRAINING_SECONDS = {"mock baselines": 900, "galspecencoder_small": 600}
NEIGHBOR_SECONDS = {("mock", "classes"): 10, ("mock", "lens"): 3, ("mock", "outlier"): 5, ("real", "lens"): 6,
                    ("real", "outlier"): 15}  # fmt: skip
BASE_SPECTRA = {("mock", "classes"): 850, ("mock", "lens"): 490, ("mock", "outlier"): 960, ("real", "lens"): 1280,
                ("real", "outlier"): 4100}  # fmt: skip
SPECTRUM_SECONDS = {
    "GalSpecNet": 0.06, "GalSpecNet, rest frame": 0.03, "supervised Transformer": 0.04, "supervised CNN": 0.015,
    "base + real measurements": 0.15,
}  # fmt: skip


def seconds(row: str, part: str, name: str) -> float:
    """What a method takes for one problem, roughly; real classes where the table has nothing else."""
    if row in SPECTRUM_SECONDS:
        return SPECTRUM_SECONDS[row] * BASE_SPECTRA.get((part, name), 3300)
    return NEIGHBOR_SECONDS.get((part, name), 45)


def row_named(name: str) -> Row:
    """The row of that name."""
    return next(row for row in ROWS if row.name == name)


def chosen_rows(only: Sequence[str]) -> list[Row]:
    """Rows by name, in the order of the table; all if none is named.

    Raises:
        RecipeError: There is no row of that name.
    """
    known = [row.name for row in ROWS]
    if unknown := [name for name in only if name not in known]:
        raise RecipeError(f"no method {', '.join(unknown)} in the table. Name some of: {'; '.join(known)}.")
    return [row for row in ROWS if not only or row.name in only]


def is_trained(name: str, folder: Path) -> bool:
    """Whether a training is done."""
    done = "training_ids.txt.gz" if name == "mock baselines" else f"{name}/weights.safetensors"
    return (folder / done).exists()
