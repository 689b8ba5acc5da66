"""Studies: how good answers are, each asked of mock surveys and of real spectra by `spectrove evaluate NAME`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

from spectrove.errors import DatasetError
from spectrove.evaluation.evaluate import Evaluation, Progress
from spectrove.evaluation.problems import Data, Sizes

#: Name of a study to the module whose function `study` makes it.
STUDIES: dict[str, str] = {
    "calibration": "spectrove.evaluation.calibration",
    "composition": "spectrove.evaluation.composition",
    "outliers": "spectrove.evaluation.outliers",
    "curation": "spectrove.evaluation.curation",
    "coverage": "spectrove.evaluation.coverage",
    "redshift": "spectrove.evaluation.redshift",
    "lens": "spectrove.evaluation.lens",
    "none": "spectrove.evaluation.none_of_these",
}


@dataclass(frozen=True)
class Setting:
    """What a study is told.

    Attributes:
        folder: Where it writes figures and keeps what a stopped run goes on with.
        real: Folder with `galaxies/`; None leaves the real half out.
        seeds: Repetitions: mock surveys of other seeds, and other folds of the real spectra.
        n_mock: Spectra of each mock survey.
        k: Neighbours that vote.
        workers: Processes.
        progress: Told (done, total, what).
    """

    folder: Path
    real: Path | None = None
    seeds: int = 3
    n_mock: int = Sizes.n_mock
    k: int = 3
    workers: int = 1
    progress: Progress | None = None

    @cached_property
    def data(self) -> Data:
        """The spectra, kept in the folder: the same as for `evaluate encoders` there."""
        hosts = max(40, round(self.n_mock * Sizes.n_hosts / Sizes.n_mock))
        return Data(self.folder / "data", self.real, Sizes(self.n_mock, hosts), self.workers)

    def tell(self, done: int, total: int, what: str) -> None:
        """Report progress, if anybody listens."""
        if self.progress:
            self.progress(done, total, what)


def make_study(name: str, setting: Setting) -> Evaluation:
    """Make a study and write `NAME.md` and `NAME.json` to its folder.

    Raises:
        DatasetError: The folder of real spectra holds none.
    """
    real = setting.real
    if real is not None and not (real / "galaxies" / "index.csv").is_file():
        raise DatasetError(
            f"{real}: no galaxies/index.csv in it, expected the folder with the real spectra. Correct "
            "SPECTROVE_DATA, or unset it to leave the real half out."
        )
    setting.folder.mkdir(parents=True, exist_ok=True)
    study: Callable[[Setting], Evaluation] = import_module(STUDIES[name]).study
    made = study(setting)
    (setting.folder / f"{name}.md").write_text(f"```\n{made.text}\n```\n")
    (setting.folder / f"{name}.json").write_text(json.dumps(list(made.rows), indent=1) + "\n")
    return made


def all_cores() -> int:
    """How many processes there may be."""
    return os.cpu_count() or 1
