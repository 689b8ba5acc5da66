"""Samples: spectra with known answers, embedded, and split so that no plate is in a base and among its queries."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import spectrove
from experiments.code import code_hash
from experiments.samples.injected import with_lenses, with_outliers
from experiments.samples.recipes import Mock, Real, Recipe
from experiments.samples.surveys import (
    LENS_HOSTS,
    OUTLIER_HOSTS,
    SDSS,
    kept_survey,
    own_split,
    plain_classes,
    without_pixels,
)
from experiments.samples.vectors import joined, take
from spectrove import pipeline
from spectrove.encoders import Encoder
from spectrove.errors import DatasetError
from spectrove.evaluation.protocol import Fold, check_groups, group_folds, group_names, not_trained_on
from spectrove.galaxies.mock import load_recipe
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded
from spectrove.pipeline.shipped import load_encoder
from spectrove.readers import iter_dataset, read_dataset, read_spectra
from spectrove.readers.dataset import select
from spectrove.spectra import SpectrumSet

#: Where the parts of the package that decide what a mock is are written.
_MOCK_SOURCES = tuple(
    Path(spectrove.__file__).parent / "galaxies" / name
    for name in ("mock", "stellar.py", "lines.py", "line_fit.py")
)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """A base and its queries, embedded; no plate is in both, and the encoder was trained on no query."""

    known: Embedded
    queries: Embedded
    group: str

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The plate of each query."""
        return group_names(self.queries.spectra, self.group)


@dataclass(frozen=True)
class Sample:
    """Repetitions of a protocol; the queries of the parts of one repetition are different objects."""

    name: str
    repeats: tuple[tuple[Part, ...], ...]

    def __iter__(self) -> Iterator[tuple[Part, ...]]:
        return iter(self.repeats)


class Workshop:
    """Makes each sample once, however many experiments of a run ask for it.

    Args:
        out: Folder that is written to; mock surveys are kept in `out/cache`.
        data: Folder with real spectra (as SPECTROVE_DATA), None for none.
        archive: Dataset made from archive files, None for none.
        say: Told what is being done.
    """

    def __init__(
        self, out: Path, data: Path | None = None, archive: Path | None = None, say: Say = lambda text: None
    ) -> None:
        self.out, self.data, self.archive, self.say = out, data, archive, say
        self._samples: dict[tuple[object, ...], Sample] = {}
        self._encoders: dict[str, Encoder] = {}
        self._surveys: dict[str, SpectrumSet] = {}
        self._bases: dict[int, tuple[Part, KnowledgeBase]] = {}

    def available(self, recipe: Recipe) -> list[str]:
        """Those of the recipe's samples that can be made here.

        Raises:
            DatasetError: The recipe is for the archive, and there is no dataset of it.
        """
        if "archive" in recipe.samples and (self.archive is None or not self.archive.exists()):
            raise DatasetError(
                f"{self.archive or 'no dataset'}: the full-data recipe needs spectra of the SDSS archive, "
                "which are not here. "
                "Fetch them and make a dataset of them (`python -m experiments fulldata -o DIR`), and give it as "
                "--full DIR/sdss.lance."
            )
        return [s for s in recipe.samples if s in ("mock", "archive") or self.data is not None]

    def encoder(self, name: str) -> Encoder:
        """An encoder, loaded once."""
        if name not in self._encoders:
            self._encoders[name] = load_encoder(name)
        return self._encoders[name]

    def sample(self, name: str, recipe: Recipe) -> Sample:
        """The sample of that name as the recipe wants it."""
        how = recipe.mock if name == "mock" else recipe.real
        key = (
            name,
            how,
            recipe.archive,
            recipe.encoder,
            recipe.pixels,
            tuple(sorted(self.views(recipe).items())),
        )
        if key not in self._samples:
            self._samples[key] = Sample(name, tuple(tuple(parts) for parts in self._repeats(name, recipe)))
        return self._samples[key]

    def views(self, recipe: Recipe) -> dict[str, str]:
        """View to encoder of the further views that bases get."""
        return dict(pipeline.standard_views() if recipe.views is None else recipe.views)

    def base(self, part: Part) -> KnowledgeBase:
        """A knowledge base of the part's known objects, with their pixels where the recipe keeps them."""
        if id(part) not in self._bases:
            path = self.scratch / f"{len(self._bases)}.kb"
            encoder = part.known.embeddings.encoder
            base = KnowledgeBase.create(path, part.known.spectra, part.known.views, encoder=encoder)
            self._bases[id(part)] = (part, base)
        return self._bases[id(part)][1]

    @cached_property
    def scratch(self) -> Path:
        """A folder for bases, empty when the run begins."""
        folder = self.out / "cache" / f"bases-{os.getpid()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def close(self) -> None:
        """Remove what only this run needed."""
        if "scratch" in self.__dict__:
            shutil.rmtree(self.scratch, ignore_errors=True)

    # --- spectra ------------------------------------------------------------------------------------

    def mock_spectra(self, how: Mock, seed: int) -> SpectrumSet:
        """A mock survey, made once and kept."""
        recipe = load_recipe(how.recipe)
        digest = hashlib.sha256(recipe.model_dump_json().encode() + code_hash(_MOCK_SOURCES).encode())
        name = f"mock-{how.recipe}-{seed}-{how.n}-{digest.hexdigest()[:12]}"
        path = self.out / "cache" / f"{name}.lance"
        if not path.exists():
            self.say(f"  make {how.n} mock spectra, recipe {how.recipe}, seed {seed}")
        return kept_survey(path, how.n, recipe, seed)

    def whole(self, name: str, recipe: Recipe, i: int) -> SpectrumSet:
        """All spectra of the i-th repetition of a sample that nothing is injected into, with their pixels."""
        if name == "mock":
            return self.mock_spectra(recipe.mock, recipe.mock.seeds[i])
        if name == "archive":
            return read_dataset(self.archive or "", recipe.archive.where)
        return self.real_spectra(recipe.real)

    def real_spectra(self, how: Real, where: str = SDSS) -> SpectrumSet:
        """Real galaxies with the columns of the index."""
        assert self.data is not None
        name = f"real {how.limit}"
        if name not in self._surveys:
            galaxies = self.data / "galaxies"
            paths = [path for group in ("sdss", "boss") for path in sorted((galaxies / group).iterdir())]
            paths = paths[:: max(1, len(paths) // how.limit)] if how.limit else paths
            self.say(f"  read {len(paths)} real files")
            self._surveys[name] = read_spectra(paths, catalogs=[galaxies / "index.csv"], workers=1)[0]
        return select(self._surveys[name], where)

    def _repeats(self, name: str, recipe: Recipe) -> Iterator[Iterable[Part]]:
        how = recipe.real
        if name == "mock":
            for seed in recipe.mock.seeds:
                survey = plain_classes(self.mock_spectra(recipe.mock, seed))
                embedded = self.embed([survey], recipe)
                yield self._parts(embedded, [own_split(embedded.spectra)], recipe)
            return
        if name in ("real", "archive"):
            batches = (
                [self.real_spectra(how)]
                if name == "real"
                else iter_dataset(self.archive or "", recipe.archive.where)
            )
            embedded = self.embed(batches, recipe)
            for seed in range(how.seeds):
                yield self._folds(embedded, recipe, seed)
            return
        hosts = self.real_spectra(how, LENS_HOSTS if name == "lenses" else OUTLIER_HOSTS)
        inject = with_lenses if name == "lenses" else with_outliers
        for seed in range(how.seeds):
            self.say(f"  inject {name} into {len(hosts)} real hosts, draw {seed + 1} of {how.seeds}")
            yield self._folds(self.embed([inject(hosts, seed + 1)], recipe), recipe, seed)

    def embed(self, batches: Iterable[SpectrumSet], recipe: Recipe) -> Embedded:
        """The spectra's vectors in every view, and their rows; one pixel each, unless the recipe keeps all."""
        encoder = self.encoder(recipe.encoder)
        views = {view: self.encoder(name) for view, name in self.views(recipe).items()}
        parts = []
        for batch in batches:
            for some in pipeline.in_batches(batch):
                found = pipeline.embed(some, encoder, views).whole
                kept = found.spectra if recipe.pixels else without_pixels(found.spectra)
                parts.append(replace(found, spectra=kept))
        return joined(parts)

    def _folds(self, embedded: Embedded, recipe: Recipe, seed: int) -> list[Part]:
        how = recipe.real
        return self._parts(embedded, group_folds(embedded.spectra, how.group, how.folds, seed), recipe)

    def _parts(self, embedded: Embedded, folds: Sequence[Fold], recipe: Recipe) -> list[Part]:
        ids, how = embedded.spectra.object_id, recipe.real
        parts = []
        for fold in folds:
            queries = fold.queries[not_trained_on(self.encoder(recipe.encoder), ids[fold.queries])]
            part = Part(take(embedded, fold.base), take(embedded, queries), how.group)
            check_groups(group_names(part.known.spectra, how.group).tolist(), part.groups.tolist())
            parts.append(part)
        return parts
