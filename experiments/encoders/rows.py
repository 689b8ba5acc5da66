"""The methods of the table: how each answers a problem."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.baselines.networks import CNN
from experiments.baselines.on_mocks import files, rows_of
from experiments.baselines.spender import Spender, SpenderPlan
from experiments.baselines.vectors import Classifier, Fitted, VectorMethod
from experiments.encoders.refine import mock_share, refine
from experiments.encoders.voters import (
    BEST_F1,
    CALIBRATED,
    METRIC,
    PLAIN,
    SUPERVISED,
    CalledClasses,
    Variant,
    called_by,
    neighbors_say,
)
from experiments.samples.problems import COPY, NOISY, Problem
from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, NetworkEncoder
from spectrove.errors import LeakError, RecipeError
from spectrove.evaluation.protocol import group_names
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.mock.labels import catalog_columns
from spectrove.pipeline.shipped import load_encoder, shipped_encoders
from spectrove.preprocess import Prepared
from spectrove.provenance import file_hash
from spectrove.targets import label_text
from spectrove.training import TrainingData

#: Fold to the views of its knowledge base.
ViewsOf = Callable[[int], dict[str, Embeddings]]

#: Encoders that are there to be measured and are not shipped: "base_self".
HERE = Path(__file__).parents[1] / "weights"

#: Changed by hand whenever a method here gives other answers with the same settings.
VERSION = 1

#: The same for supervised methods alone.
CLASSIFIER_VERSION = 2


@dataclass(frozen=True)
class Trained:
    """Where things are that are trained once: encoders in folders of their names, and `baselines.on_mocks.files`."""

    folder: Path

    def encoder(self, name: str) -> Encoder:
        """One that was trained there, else one that comes along.

        Raises:
            RecipeError: There is neither.
        """
        own = self.folder / name
        if (own / "weights.safetensors").exists():
            return load_encoder(str(own))
        if (HERE / name).is_dir():
            return load_encoder(str(HERE / name))
        if name not in shipped_encoders():
            raise RecipeError(
                f"encoder {name}: not shipped, and not in {self.folder}. Train it: spectrove train {name}.toml "
                f"-o {self.folder}."
            )
        return load_encoder(name)


class Row(ABC):
    """A method.

    Attributes:
        name: As the table has it.
        note: What it is and how it was made.
        needs: What has to be trained first: keys of `methods.TRAININGS`.
        names, parts: Names and parts of the problems that it answers.
        variants: How it answers each: `voters.PLAIN`, `METRIC`, `CALIBRATED` or `BEST_F1`, or `voters.SUPERVISED`.
    """

    name: str
    note: str
    needs: tuple[str, ...] = ()
    names: tuple[str, ...] = ("classes", "lens", "outlier", *NOISY)
    parts: tuple[str, ...] = ("mock", "real")
    variants: tuple[Variant, ...] = (PLAIN, METRIC, CALIBRATED, BEST_F1)

    def answers(self, part: str, name: str) -> bool:
        """Whether it takes part in such problems."""
        return part in self.parts and name in self.names

    @abstractmethod
    def identity(self, trained: Trained) -> str:
        """What decides the answers beside the problem: other whenever they could be."""

    @abstractmethod
    def answer(self, problem: Problem, trained: Trained, k: int) -> CalledClasses:
        """The class of every query, for every task of the problem."""


# --- neighbours ---------------------------------------------------------------------------------------------


class NeighborRow(Row):
    """A method that makes vectors, whose neighbours vote."""

    def answer(self, problem: Problem, trained: Trained, k: int) -> CalledClasses:
        parts: dict[tuple[str, str], list[NDArray[np.str_]]] = {}
        views_of = self.views(problem, trained)
        for i in range(len(problem.folds)):
            for key, called in neighbors_say(problem, i, views_of(i), k, self.variants).items():
                parts.setdefault(key, []).append(called)
        return {key: np.concatenate(called) for key, called in parts.items()}

    @abstractmethod
    def views(self, problem: Problem, trained: Trained) -> ViewsOf:
        """Fold to vectors of all spectra; nothing of a query but its own spectrum has a part in them."""


class FittedVectorsRow(NeighborRow):
    """Vectors fitted to each base."""

    def __init__(self, method: VectorMethod, variants: tuple[Variant, ...] = Row.variants) -> None:
        self.method, self.name, self.note, self.variants = method, method.name, method.note, variants

    def identity(self, trained: Trained) -> str:
        return f"{self.name}|{_settings(self.method)}"

    def views(self, problem: Problem, trained: Trained) -> ViewsOf:
        prepared = problem.prepared(self.method.preprocess)

        def fitted(fold: int) -> dict[str, Embeddings]:
            found = self.method.fit(base_of(problem, fold, prepared), problem.seed)
            return {"shape": as_embeddings(self.name, prepared, found(prepared))}

        return fitted


class SpenderRow(NeighborRow):
    """The spender-style autoencoder, trained on mocks."""

    name, note, needs = Spender.name, Spender.note, ("mock baselines",)

    def identity(self, trained: Trained) -> str:
        return file_hash(files(trained.folder)["spender"])

    def views(self, problem: Problem, trained: Trained) -> ViewsOf:
        method = Spender.load(files(trained.folder)["spender"], SpenderPlan())
        refuse_trained(self.name, method.training_ids, problem)
        prepared = problem.prepared(method.preprocess)
        vectors = as_embeddings(self.name, prepared, method.vectors(prepared))
        return lambda fold: {"shape": vectors}


class EncoderRow(NeighborRow):
    """Encoders, used as they are: one makes "shape", another may make "surprise"."""

    def __init__(
        self,
        name: str,
        note: str,
        encoders: Mapping[str, str],
        needs: tuple[str, ...] = (),
        names: tuple[str, ...] = NeighborRow.names,
    ) -> None:
        self.name, self.note, self.encoders, self.needs, self.names = name, note, dict(encoders), needs, names

    def identity(self, trained: Trained) -> str:
        return "|".join(f"{view}={trained.encoder(e).fingerprint}" for view, e in self.encoders.items())

    def views(self, problem: Problem, trained: Trained) -> ViewsOf:
        found = {}
        for view, name in self.encoders.items():
            encoder = trained.encoder(name)
            refuse_trained(self.name, encoder.training_ids, problem)
            found[view] = encoder.encode(problem.prepared(encoder.preprocess))
        return lambda fold: found


class RefinedRow(NeighborRow):
    """A network encoder that goes on to learn the real measurements of each fold's own base."""

    name = "base + real measurements"
    note = (
        "`base` refined on the catalog measurements of each fold's training plates (measurement-supervised)."
    )
    names, parts = ("classes", *NOISY), ("real",)

    def __init__(self, encoder: str = "base", steps: int = 800) -> None:
        self.encoder, self.steps = encoder, steps

    def identity(self, trained: Trained) -> str:
        return f"{trained.encoder(self.encoder).fingerprint}|{self.steps}"

    def views(self, problem: Problem, trained: Trained) -> ViewsOf:
        start = trained.encoder(self.encoder)
        refuse_trained(self.name, start.training_ids, problem)
        if not isinstance(start, NetworkEncoder):
            raise RecipeError(f"encoder {self.encoder}: kind {start.recipe.kind} cannot be refined.")
        mocks = _mocks_of(self.encoder, trained)

        def refined(fold: int) -> dict[str, Embeddings]:
            base = problem.spectra.take(problem.folds[fold].base)
            encoder = refine(start, base, domain=GALAXIES, mocks=mocks, steps=self.steps, seed=problem.seed)
            queries = set(problem.spectra.object_id[problem.folds[fold].queries].tolist())
            if seen := sorted(queries & encoder.training_ids):
                raise LeakError(
                    f"{self.name}: {len(seen)} queries were refined on ({seen[0]}). Give refine the base alone."
                )
            return {"shape": encoder.encode(problem.prepared(encoder.preprocess))}

        return refined


@lru_cache(maxsize=1)
def _mocks_of(encoder: str, trained: Trained) -> TrainingData:
    """Mocks to refine with, made once a process."""
    start = trained.encoder(encoder)
    assert isinstance(start, NetworkEncoder)
    return mock_share(start, domain=GALAXIES)


# --- supervised ---------------------------------------------------------------------------------------------


class ClassifierRow(Row):
    """A supervised method, trained on the labels of each base.

    One training serves all tasks that read the same label column: the labels are learned at their finest, and a
    class's probability is the sum over its labels. Measured for the CNN on real spectra, one seed: a training of its
    own for each task was worse (3-class .94 against .975, LINER .19 against .68).
    """

    variants = (SUPERVISED,)

    def __init__(self, method: Classifier, real_names: tuple[str, ...] = Row.names) -> None:
        self.method, self.name, self.note, self.real_names = method, method.name, method.note, real_names

    def answers(self, part: str, name: str) -> bool:
        return super().answers(part, name) and (part == "mock" or name in self.real_names)

    def identity(self, trained: Trained) -> str:
        return f"{self.name}|{CLASSIFIER_VERSION}|{_settings(self.method)}"

    def answer(self, problem: Problem, trained: Trained, k: int) -> CalledClasses:
        prepared = problem.prepared(self.method.preprocess)
        parts: dict[tuple[str, str], list[NDArray[np.str_]]] = {}
        for i in range(len(problem.folds)):
            base = base_of(problem, i, prepared)
            fitted: dict[str, Fitted] = {}
            for task, target in problem.tasks.items():
                if target.label not in fitted:
                    known = rows_of(problem.spectra, base)
                    labels = learned_labels(problem, target.label, known.column(target.label))
                    fitted[target.label] = self.method.fit(
                        base, labels, group_names(known, "plate"), problem.seed
                    )
                called = called_by(fitted[target.label], prepared, problem, task, i)
                parts.setdefault((task, SUPERVISED), []).append(called)
        return {key: np.concatenate(called) for key, called in parts.items()}


class MockTrainedCnnRow(Row):
    """The supervised CNN trained once on labelled mocks, as the paper trains its own; the base is not used."""

    name = "supervised CNN, 8,000 mocks"
    note = "the same CNN trained once on the labels of 8,000 mocks of recipe train, instead of those of the base."
    needs, variants = ("mock baselines",), (SUPERVISED,)

    def identity(self, trained: Trained) -> str:
        found = files(trained.folder)
        return "|".join(
            [
                str(CLASSIFIER_VERSION),
                *(file_hash(found[column]) for column in ("class_derived", "lens", "outlier")),
            ]
        )

    def answer(self, problem: Problem, trained: Trained, k: int) -> CalledClasses:
        found = files(trained.folder)
        refuse_trained(self.name, _ids(found["ids"]), problem)
        prepared = problem.prepared(CNN.preprocess)
        out: CalledClasses = {}
        for task, target in problem.tasks.items():
            fitted = CNN.load(found[target.label])
            called = [called_by(fitted, prepared, problem, task, i) for i in range(len(problem.folds))]
            out[task, SUPERVISED] = np.concatenate(called)
        return out


class LineFitRow(Row):
    """The answer of whoever fits lines and applies the rule that the labels were made by."""

    name = "line fit"
    note = (
        "lines and continuum fitted to the query, then the rule of the labels: what noise alone costs. On good spectra "
        "it is the labels' own method, no rival."
    )
    names, parts, variants = ("classes", *NOISY), ("real",), (SUPERVISED,)

    def identity(self, trained: Trained) -> str:
        return self.name

    def answer(self, problem: Problem, trained: Trained, k: int) -> CalledClasses:
        found = np.full(len(problem.spectra), "", dtype="U40")
        for i in np.unique(np.concatenate([f.queries for f in problem.folds])).tolist():
            spectrum = problem.spectra[i]
            if np.isfinite(spectrum.z) and spectrum.z > -0.01 and spectrum.good.any():
                found[i] = catalog_columns(measure_lines(spectrum, spectrum.z))["class_derived"] or "none"
        out: CalledClasses = {}
        for task, target in problem.tasks.items():
            asked = np.concatenate(problem.queries(task))
            called = np.array([c or "" for c in target.classes_of(found[asked].tolist())], dtype="U40")
            out[task, SUPERVISED] = called
        return out


def learned_labels(problem: Problem, column: str, values: list) -> NDArray[np.str_]:
    """The values that some task on that column names one by one; "" for others, which no class stands for."""
    targets = [t for t in problem.tasks.values() if t.label == column]
    named = {label_text(v) for t in targets for values in t.classes.values() for v in values} - {"*"}
    texts = [label_text(v) for v in values]
    return np.array([t if t is not None and t in named else "" for t in texts], dtype=str)


# --- shared -------------------------------------------------------------------------------------------------


def refuse_trained(name: str, training_ids: frozenset[str], problem: Problem) -> None:
    """Refuse queries unless none was used for training: every row of the table answers the same queries.

    Raises:
        LeakError: Some were.
    """
    asked = {i for fold in problem.folds for i in problem.spectra.object_id[fold.queries].tolist()}
    if seen := sorted({i.removesuffix(COPY) for i in asked} & training_ids):
        raise LeakError(
            f"{name}: {len(seen)} queries of {problem.title} were trained on ({', '.join(seen[:3])}). Evaluate an "
            "encoder that has not seen these."
        )


def base_of(problem: Problem, fold: int, prepared: Prepared) -> Prepared:
    """The spectra of a fold's base."""
    return prepared.take(np.isin(prepared.object_id, problem.spectra.object_id[problem.folds[fold].base]))


def as_embeddings(name: str, prepared: Prepared, vectors: NDArray) -> Embeddings:
    """Vectors with the ids they belong to; their fingerprint says only which method made them."""
    values = np.asarray(vectors, np.float32)
    return Embeddings(values, prepared.object_id, f"{name}|{prepared.fingerprint}", prepared.coverage, name)


def _settings(method: object) -> str:
    """A method's own settings as text, functions left out."""
    values = {n: v for n, v in vars(method).items() if not callable(v)}
    recipe = values.pop("preprocess", None) or method.preprocess  # type: ignore[attr-defined]
    return f"{recipe.fingerprint}|{sorted(values.items())!r}"


def _ids(path: Path) -> frozenset[str]:
    with gzip.open(path, "rt") as file:
        return frozenset(file.read().split())
