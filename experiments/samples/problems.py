"""What encoders are asked: bases, queries and tasks, mock and real, the same for every method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.samples.injected import with_lenses, with_outliers
from experiments.samples.surveys import (
    FOLDS,
    GROUP,
    LENS_HOSTS,
    MOCK_SEED,
    OUTLIER_HOSTS,
    SDSS,
    is_ordinary,
    kept_survey,
    own_split,
)
from spectrove.errors import DatasetError
from spectrove.evaluation.classes import TASKS
from spectrove.evaluation.noise import degrade
from spectrove.evaluation.protocol import Fold, check_groups, group_folds, group_names
from spectrove.galaxies.mock import MockRecipe, load_recipe
from spectrove.pipeline.shipped import load_target
from spectrove.preprocess import Prepared, PreprocessRecipe, prepare
from spectrove.provenance import canonical_json, file_hash
from spectrove.readers import ingest, read_dataset
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: Lines that no detector is told of.
OTHER_LINES = ("lyman_alpha", "uv_lines")

#: Problems of noisier real spectra: name to median S/N per pixel.
NOISY = {"S/N 10": 10.0, "S/N 5": 5.0}

#: Changed by hand whenever a problem here becomes another with the same settings.
VERSION = 1

#: What the ids of copies end with.
COPY = ":other"


@dataclass(frozen=True)
class Problem:
    """Queries to be answered from a base, and the tasks that the answers are scored by.

    Attributes:
        part: "mock" or "real".
        name: "classes", "lens", "outlier", or a key of `NOISY`.
        seed: Which repetition, from 0.
        spectra: All spectra of bases and queries.
        folds: Rows of base and of queries, once or several times; no plate is in both.
        tasks: Task to target. Its label column says what is true of base and queries; who has no value there takes no
            part.
        asked: Task to the spectra that may be its queries, where not all are; bool (n_spectra,).
    """

    part: str
    name: str
    seed: int
    spectra: SpectrumSet
    folds: tuple[Fold, ...]
    tasks: dict[str, Target]
    asked: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    _prepared: dict[str, Prepared] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for fold in self.folds:
            check_groups(self.groups[fold.base].tolist(), self.groups[fold.queries].tolist())

    def prepared(self, recipe: PreprocessRecipe) -> Prepared:
        """All spectra that fit a recipe, on its grid; kept while the problem is."""
        if recipe.fingerprint not in self._prepared:
            if len(self._prepared) == 2:
                self._prepared.clear()
            self._prepared[recipe.fingerprint] = prepare(self.spectra, recipe)[0]
        return self._prepared[recipe.fingerprint]

    @property
    def title(self) -> str:
        """For people and file names."""
        return f"{self.part}-{self.name}-{self.seed}"

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The plate of each spectrum."""
        return group_names(self.spectra, GROUP)

    def labels(self, column: str) -> NDArray[np.str_]:
        """Values of a label column, "" where there is none."""
        return np.array([v or "" for v in self.spectra.column(column)], dtype=str)

    def truth(self, task: str) -> NDArray[np.str_]:
        """The class of each spectrum in a task, "" where it takes no part."""
        target = self.tasks[task]
        return np.array([c or "" for c in target.classes_of(self.spectra.column(target.label))], dtype=str)

    def queries(self, task: str) -> list[NDArray[np.int64]]:
        """The rows of each fold whose answers are scored."""
        scored = (self.truth(task) != "") & self.asked.get(task, np.ones(len(self.spectra), bool))
        return [fold.queries[scored[fold.queries]] for fold in self.folds]


@dataclass(frozen=True)
class Sizes:
    """How much there is to answer.

    Attributes:
        n_mock: Spectra of each mock survey; 30% of them, on plates of their own, are queries.
        n_hosts: Red galaxies of each mock lens hunt, half of them lenses.
    """

    n_mock: int = 1500
    n_hosts: int = 700


@dataclass(frozen=True)
class Data:
    """The spectra that problems are made of, kept in a folder so that a second run is quick.

    Attributes:
        folder: Where they are kept.
        real: Folder with `galaxies/sdss`, `galaxies/boss` and `galaxies/index.csv`; None leaves the real half out.
        sizes: Of the mock surveys.
        workers: Processes that make mocks and read files; changes nothing but the time.
    """

    folder: Path
    real: Path | None
    sizes: Sizes = Sizes()
    workers: int = field(default=1, compare=False)

    def prepare(self, part: str, name: str, seed: int) -> None:
        """Make or read everything the problem needs."""
        self._real("false") if part == "real" else self._mock(name, seed)

    def key(self, part: str, name: str, seed: int) -> str:
        """Equal for problems with equal spectra, labels, folds and tasks."""
        asked = {"lens": [load_target("strong_lens")], "outlier": [load_target("outlier")]}
        targets = [target.model_dump() for target in asked.get(name, TASKS.values())]
        if part == "mock":
            source = self._mock_path(name, seed).name
        else:
            source = file_hash(self.real / "galaxies" / "index.csv") if self.real else ""
        return canonical_json([VERSION, name, seed, source, targets])

    def problem(self, part: str, name: str, seed: int) -> Problem:
        """One problem; equal arguments give equal problems."""
        makers: dict[tuple[str, str], Callable[[int], Problem]] = {
            ("mock", "classes"): self._mock_classes, ("mock", "outlier"): self._mock_outlier,
            ("mock", "lens"): self._mock_lens, ("real", "classes"): self._real_classes,
            ("real", "outlier"): self._real_outlier, ("real", "lens"): self._real_lens,
            **{("real", noisy): partial(self._real_noisy, noisy) for noisy in NOISY},
        }  # fmt: skip
        return makers[part, name](seed)

    def lens_hosts(self, part: str, seed: int) -> SpectrumSet:
        """The red galaxies of a lens problem as they are before anything is put behind them."""
        return self._mock("lens", seed) if part == "mock" else self._real(f"{LENS_HOSTS} AND z > 0")

    # --- mock -----------------------------------------------------------------------------------------------

    def _mock_classes(self, seed: int) -> Problem:
        survey = self._mock("classes", seed)
        return _split(seed, "classes", survey.take(is_ordinary(survey)), TASKS)

    def _mock_outlier(self, seed: int) -> Problem:
        survey = self._mock("outlier", seed)
        ordinary = survey.take(np.array([lens == "none" for lens in survey.column("lens")]))
        return _split(seed, "outlier", ordinary, {"outlier": load_target("outlier")})

    def _mock_lens(self, seed: int) -> Problem:
        hosts = self._mock("lens", seed)
        cells = load_recipe("test").line_cells
        return _lens_problem("mock", seed, hosts, [own_split(hosts)], line_cells=cells)

    def _mock(self, name: str, seed: int) -> SpectrumSet:
        recipe, n = self._survey(name)
        return kept_survey(self._mock_path(name, seed), n, recipe, MOCK_SEED + seed, self.workers)

    def _mock_path(self, name: str, seed: int) -> Path:
        recipe, n = self._survey(name)
        key = sha256(canonical_json(recipe.model_dump()).encode()).hexdigest()[:8]
        kind = "red" if name == "lens" else "survey"
        return self.folder / f"{kind}-{MOCK_SEED + seed}-{n}-{key}.lance"

    def _survey(self, name: str) -> tuple[MockRecipe, int]:
        """Recipe `test` and how many; for lens hunts red galaxies alone."""
        recipe = load_recipe("test")
        if name == "lens":
            return recipe.model_copy(update={"shares": {"red": 1.0}}), self.sizes.n_hosts
        return recipe, self.sizes.n_mock

    # --- real -----------------------------------------------------------------------------------------------

    def _real_classes(self, seed: int) -> Problem:
        return _folded(seed, "classes", self._real(SDSS), TASKS)

    def _real_noisy(self, name: str, seed: int) -> Problem:
        """The classes again, base and queries made noisier; folds and labels are those of the good spectra."""
        clean = self._real_classes(seed)
        tasks = {f"{task}, {name}": target for task, target in clean.tasks.items()}
        return replace(clean, name=name, tasks=tasks, spectra=degrade(clean.spectra, NOISY[name], seed))

    def _real_outlier(self, seed: int) -> Problem:
        hosts = self._real(f"{OUTLIER_HOSTS} AND z > 0")
        return _folded(seed, "outlier", with_outliers(hosts, seed + 1), {"outlier": load_target("outlier")})

    def _real_lens(self, seed: int) -> Problem:
        hosts = self._real(f"{LENS_HOSTS} AND z > 0")
        return _lens_problem("real", seed, hosts, group_folds(hosts, GROUP, FOLDS, seed))

    def _real(self, where: str = "true") -> SpectrumSet:
        if self.real is None:
            raise DatasetError(
                "no folder with real spectra. Set SPECTROVE_DATA to one, or leave the real half out."
            )
        path, galaxies = self.folder / "real.lance", self.real / "galaxies"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            index = galaxies / "index.csv"
            ingest([galaxies / "sdss", galaxies / "boss"], path, catalogs=[index], workers=self.workers)
        return read_dataset(path, where=where)


def _split(seed: int, name: str, spectra: SpectrumSet, tasks: dict[str, Target]) -> Problem:
    return Problem("mock", name, seed, spectra, (own_split(spectra),), tasks)


def _folded(seed: int, name: str, spectra: SpectrumSet, tasks: dict[str, Target]) -> Problem:
    return Problem("real", name, seed, spectra, tuple(group_folds(spectra, GROUP, FOLDS, seed)), tasks)


def _lens_problem(part: str, seed: int, hosts: SpectrumSet, folds: Sequence[Fold], **options: Any) -> Problem:
    """Red galaxies, half of them with the lines of a galaxy behind; and the same queries with lines nobody expects.

    Hosts that carry nothing are the controls: the same kind of galaxy, at the same redshifts and S/N. The second
    task asks the base of the first about copies of its queries that have Lyman alpha or ultraviolet lines instead.
    """
    expected = with_lenses(hosts, seed + 1, **options)
    unexpected = _renamed(with_lenses(hosts, seed + 1, backgrounds=OTHER_LINES), COPY)
    spectra = SpectrumSet.concatenate([expected, unexpected])
    place = {name: i for i, name in enumerate(hosts.object_id.tolist())}
    host = np.array([place[name.removesuffix(COPY)] for name in spectra.object_id.tolist()])
    copied = np.arange(len(spectra)) >= len(expected)
    lens = load_target("strong_lens")
    return Problem(
        part, "lens", seed, spectra,
        tuple(
            Fold(np.flatnonzero(~copied & np.isin(host, f.base)), np.flatnonzero(np.isin(host, f.queries)))
            for f in folds
        ),
        {"lens": lens, "lens, other lines": lens},
        {"lens": ~copied, "lens, other lines": copied},
    )  # fmt: skip


def _renamed(spectra: SpectrumSet, suffix: str) -> SpectrumSet:
    """The same spectra under other ids."""
    return replace(spectra, object_id=np.array([f"{name}{suffix}" for name in spectra.object_id.tolist()]))
