"""A small mock survey, its dataset, a tiny encoder and a base, made once for the tests of the commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

N = 60


@dataclass(frozen=True)
class Survey:
    """Where everything is.

    Attributes:
        files: Folder of SDSS files with index.csv.
        dataset: All of them, ingested with their catalog.
        encoder: Folder of a PCA encoder with few components, fitted on them.
        base: A base of the `train` split.
    """

    files: Path
    dataset: Path
    encoder: Path
    base: Path


@pytest.fixture(scope="session")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """Made with the library, so that a test of one command does not hang on another."""
    from spectrove import pipeline
    from spectrove.encoders import save_encoder
    from spectrove.galaxies.mock import write_survey
    from spectrove.pipeline.shipped import load_encoder, load_recipe
    from spectrove.preprocess import prepare
    from spectrove.readers import ingest, read_dataset
    from spectrove.training import fit_pca

    root = tmp_path_factory.mktemp("survey")
    made = Survey(root / "files", root / "mock.lance", root / "encoder", root / "mock.kb")
    catalog = write_survey(N, made.files, seed=5)
    ingest(made.files, made.dataset, catalogs=[catalog], workers=1)
    spectra = read_dataset(made.dataset)
    recipe = load_recipe("pca")
    recipe = recipe.model_copy(
        update={"pca": recipe.pca.model_copy(update={"n_components": 6, "iterations": 3})}
    )
    prepared, _ = prepare(spectra, recipe.preprocess)
    save_encoder(fit_pca(recipe, prepared, source=str(made.encoder)), made.encoder)
    train = spectra.take([i for i, split in enumerate(spectra.column("split")) if split == "train"])
    pipeline.create(made.base, [train], load_encoder(made.encoder))
    return made


@pytest.fixture
def spectrove(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    """Runs a command in this process, from an empty folder: `spectrove("hunt", base, ...)`."""
    from spectrove.serve.cli import app

    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run(*arguments: object) -> Result:
        result = runner.invoke(app, [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the real program as a process of its own, from an empty folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        start = command(*arguments)
        return subprocess.run(
            start, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=120
        )

    return run


def command(*arguments: object) -> list[str]:
    """The program with its arguments, as its console script runs it."""
    start = "from spectrove.serve.cli import main; main()"
    return [sys.executable, "-c", start, *map(str, arguments)]


def environment() -> dict[str, str]:
    """One thread per process, and warnings as a user has them."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"} | {"OMP_NUM_THREADS": "1"}
