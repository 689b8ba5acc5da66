"""What a table or study is measured on: spectra, repetitions, and where its results go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments.samples.problems import Data, Sizes
from spectrove.evaluation.evaluate import Progress


@dataclass(frozen=True)
class Setting:
    """What a table or study is measured on.

    Attributes:
        folder: Where it writes figures and keeps what a stopped run goes on with.
        real: Folder with `galaxies/`; None leaves the real half out.
        seeds: Repetitions: mock surveys of other seeds, and other folds of the real spectra.
        n_mock: Spectra of each mock survey.
        k: Neighbours that vote.
        workers: Processes.
        progress: Told (done, total, what).
        only: Methods of a table; all if empty.
        announce: Told in a sentence what is left out and how long it takes, before it begins.
    """

    folder: Path
    real: Path | None = None
    seeds: int = 3
    n_mock: int = Sizes.n_mock
    k: int = 3
    workers: int = 1
    progress: Progress | None = None
    only: Sequence[str] = ()
    announce: Callable[[str], None] | None = None

    @cached_property
    def data(self) -> Data:
        """The spectra, kept in the folder: the same as for `evaluate encoders` there."""
        hosts = max(40, round(self.n_mock * Sizes.n_hosts / Sizes.n_mock))
        return Data(self.folder / "data", self.real, Sizes(self.n_mock, hosts), self.workers)

    def tell(self, done: int, total: int, what: str) -> None:
        """Report progress, if anybody listens."""
        if self.progress:
            self.progress(done, total, what)
