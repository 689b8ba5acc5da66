"""What every part of `ask` is measured on, and what it gives back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.samples.surveys import FOLDS, GROUP, MOCK_SEED, SDSS, kept_survey
from spectrove import pipeline
from spectrove.embeddings import Embeddings
from spectrove.errors import DatasetError
from spectrove.evaluation.protocol import group_folds, group_names
from spectrove.galaxies.mock import load_recipe
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.base import Base
from spectrove.provenance import file_hash
from spectrove.readers import ingest, read_dataset
from spectrove.spectra import SpectrumSet


@dataclass(frozen=True)
class Bench:
    """Spectra and bases, each made once and kept in a folder.

    Attributes:
        folder: Where everything is kept.
        data: Folder with real spectra (as SPECTROVE_DATA); None leaves the real half of a part out.
        draws: Random draws of each setting, such as of examples.
        seed: From which all seeds of a part are derived.
        folds: Folds by plate of the real spectra.
        workers: Processes.
        say: Told what is being done.
    """

    folder: Path
    data: Path | None
    draws: int = 30
    seed: int = 0
    folds: int = FOLDS
    workers: int = 1
    say: Callable[[str], None] = field(default=lambda text: None, compare=False)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures of a part besides its code."""
        index = file_hash(self.data / "galaxies" / "index.csv") if self.data else None
        return {"draws": self.draws, "seed": self.seed, "folds": self.folds, "index": index}

    def real_spectra(self, where: str = SDSS) -> SpectrumSet:
        """Real SDSS and BOSS galaxies with their pixels and the columns of the index; by default those of SDSS.

        Raises:
            DatasetError: There is no folder with real spectra.
        """
        if self.data is None:
            raise DatasetError("no folder with real spectra. Set SPECTROVE_DATA to one.")
        path, galaxies = self.folder / "real.lance", self.data / "galaxies"
        if not path.exists():
            self.say("reading the real spectra")
            part = path.with_name(f"part-{os.getpid()}.lance")
            folders = [galaxies / "sdss", galaxies / "boss"]
            ingest(folders, part, catalogs=[galaxies / "index.csv"], workers=self.workers)
            os.replace(part, path)
        return read_dataset(path, where=where)

    @cached_property
    def real_base(self) -> Base:
        """A base of all real SDSS galaxies in the standard views."""
        return self.base("real", self.real_spectra)

    def real_folds(self, seed: int = 0) -> list[tuple[NDArray[np.str_], NDArray[np.str_]]]:
        """Ids of base and of queries in each fold of the objects of `real_base`; no plate is on both sides."""
        base = self.real_base
        spectra = base.spectra(sorted(base.rows(columns=[]).column("object_id").to_pylist()))
        folds = group_folds(spectra, GROUP, self.folds, seed)
        return [(spectra.object_id[fold.base], spectra.object_id[fold.queries]) for fold in folds]

    def mock(self, n: int, seed: int = 0, recipe: str = "test") -> SpectrumSet:
        """A mock survey with its truth; those for choosing have seeds from 100, those reported below."""
        path = self.folder / f"mock-{recipe}-{n}-{MOCK_SEED + seed}.lance"
        if not path.exists():
            self.say(f"making {n} mock spectra, seed {MOCK_SEED + seed}")
        return kept_survey(path, n, load_recipe(recipe), MOCK_SEED + seed, self.workers)

    def base(self, name: str, spectra: Callable[[], SpectrumSet]) -> Base:
        """The base of that name, made of these spectra in the standard views if it is not there."""
        path = self.folder / f"{name}.kb"
        if not path.exists():
            self.say(f"embedding the base {name}")
            made = path.with_name(f"part-{os.getpid()}-{name}.kb")
            shutil.rmtree(made, ignore_errors=True)
            pipeline.create(made, pipeline.in_batches(spectra()))
            os.replace(made, path)
        return Base.open(path)


def part_of(base: KnowledgeBase, object_id: Sequence[str] | NDArray[np.str_]) -> Base:
    """A base in memory of some objects of another, with their vectors, so that nothing is encoded again."""
    names = sorted(map(str, object_id))
    views = {view: among(base.embeddings(view), names) for view in base.views}
    return Base.in_memory(base.spectra(names), views, encoder=base.encoder, domain=base.domain)


def among(vectors: Embeddings, object_id: Sequence[str]) -> Embeddings:
    """The vectors of these objects, as far as they have one."""
    return vectors.take(np.isin(vectors.object_id, list(object_id)))


def plates(spectra: SpectrumSet) -> NDArray[np.str_]:
    """The plate of each spectrum."""
    return group_names(spectra, GROUP)
