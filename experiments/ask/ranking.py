"""Rankings by examples of one kind, by every method, on plates left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.ask.bench import Bench, plates
from experiments.ask.kept import kept
from experiments.ask.methods import METHODS, Fold
from experiments.ask.told import told
from experiments.code import code_hash
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference import examples as package
from spectrove.pipeline.base import Base
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.statistics import folds_by_group

#: Numbers of positives and negatives.
SETTINGS = ((3, 0), (1, 0), (5, 0), (10, 0), (5, 5))

#: The settings with every draw of the bench, for classes and lenses; their draws for outlier kinds; draws of others.
MAIN, OUTLIER_DRAWS, OTHER_DRAWS = ((3, 0), (5, 5)), 8, 5

#: Answers whose precision is quoted.
FIRST = 20

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Kind:
    """One kind that is hunted: its name, that of its base, and the number of the injection, 0 without one."""

    name: str
    base: str
    injection: int

    def draws(self, setting: tuple[int, int], most: int) -> int:
        """Draws of a setting."""
        here = OUTLIER_DRAWS if self.base.startswith("outliers") else most
        return min(most, here if setting in MAIN else OTHER_DRAWS)

    @property
    def column(self) -> str:
        """Where its base says what an object is."""
        return {"real": "class_derived", "lenses": "lens"}.get(self.base.split("-")[0], "outlier_kind")


@dataclass(frozen=True)
class Wanted:
    """The objects of a base: vectors by view, whether they are of the kind (1), not (0) or unknown (-1), and plates.

    And what their own spectra say, (n_objects, n_states), or None.
    """

    vectors: dict[str, NDArray]
    truth: NDArray[np.int64]
    plate: NDArray[np.str_]
    own: NDArray[np.float64] | None = None


def ranked(bench: Bench, kind: Kind) -> tuple[Rows, Rows]:
    """`measured` of a kind, kept under the code that it depends on."""
    path = bench.folder / "examples" / f"{kind.base}-{kind.name}.json"
    return kept(path, _key(bench), lambda: measured(bench, kind, wanted_of(bench, kind)))


def _key(bench: Bench) -> str:
    own = [Path(__file__).with_name(f"{name}.py") for name in ("ranking", "methods", "told")]
    return canonical_json([bench.settings, code_hash([*own, Path(str(package.__file__)).parent])])


def wanted_of(bench: Bench, kind: Kind) -> Wanted:
    """The objects of its base that have a vector in every view."""
    vectors, spectra, own = _objects(bench.folder / f"{kind.base}.kb")
    label = [str(value or "") for value in spectra.column(kind.column)]
    if kind.injection == 0:
        truth = [-1 if value == "" else int(value == kind.name) for value in label]
    elif kind.column == "lens":
        truth = [int(value != "none") for value in label]
    else:
        truth = [int(value == kind.name) for value in label]
    return Wanted(vectors, np.array(truth), plates(spectra), own)


@lru_cache(maxsize=1)
def _objects(path: Path) -> tuple[dict[str, NDArray], SpectrumSet, NDArray[np.float64]]:
    base = Base.open(path)
    found = {view: base.embeddings(view) for view in ("shape", "surprise")}
    names = np.intersect1d(found["shape"].object_id, found["surprise"].object_id)
    vectors = {view: e.vectors[np.isin(e.object_id, names)].astype(float) for view, e in found.items()}
    own = GALAXIES.witnesses[GALAXIES.likeness].of_base(base, names.tolist())
    return vectors, base.spectra(names), own


def measured(bench: Bench, kind: Kind, wanted: Wanted) -> tuple[Rows, Rows]:
    """A row for each fold, draw, setting and method, and what the hunt said of itself, a row for each draw."""
    bench.say(f"  {kind.name}, injection {kind.injection}")
    rows: Rows = []
    said: Rows = []
    fold = folds_by_group(wanted.plate, bench.folds, seed=bench.seed)
    for f in range(bench.folds):
        base, queries = np.flatnonzero(fold != f), np.flatnonzero((fold == f) & (wanted.truth >= 0))
        truth = wanted.truth[queries]
        if not truth.any():
            continue
        one = Fold(
            {v: x[base] for v, x in wanted.vectors.items()}, {v: x[queries] for v, x in wanted.vectors.items()},
            wanted.truth[base], None if wanted.own is None else (wanted.own[base], wanted.own[queries]),
        )  # fmt: skip
        yes, no = np.flatnonzero(one.truth == 1), np.flatnonzero(one.truth == 0)
        for n_yes, n_no in SETTINGS:
            for draw in range(kind.draws((n_yes, n_no), bench.draws) if len(yes) > n_yes else 0):
                rng = np.random.default_rng([bench.seed, f, draw, n_yes, n_no])
                chosen = rng.choice(yes, n_yes, replace=False), rng.choice(no, n_no, replace=False)
                place = {"kind": kind.name, "injection": kind.injection, "fold": f, "draw": draw, "yes": n_yes,
                         "no": n_no}  # fmt: skip
                found, own = _draw(one, chosen, truth, place)
                rows += found
                said.append(own)
    return rows, said


def _draw(
    fold: Fold, chosen: tuple[NDArray, NDArray], truth: NDArray[np.int64], place: dict[str, Any]
) -> tuple[Rows, dict[str, Any]]:
    """A row for each method, and what the hunt says of itself."""
    rows: Rows = []
    for name, method in METHODS.items():
        score = method(fold, *chosen, place["draw"])
        if name == "spectrove":
            share = float((fold.truth == 1).sum() / (fold.truth >= 0).sum())
            about = {key: place[key] for key in ("kind", "yes", "no")}
            own = told(fold.kept["model"], score, truth, share, about)
        rows.append(
            place
            | {
                "method": name, "prevalence": float(truth.mean()), "ceiling": min(1.0, float(truth.sum()) / FIRST),
                "p20": float(truth[np.argsort(-score, kind="stable")[:FIRST]].mean()),
                "ap": average_precision(truth, score),
            }
        )  # fmt: skip
    return rows, own


def average_precision(truth: Sequence[int] | NDArray, score: NDArray) -> float:
    """Mean over the positives of the precision among the objects that score as high.

    Objects of equal scores are taken together, as scikit-learn's function does; this one is fifty times faster.
    """
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(np.asarray(truth)[order])
    last = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    gained = np.diff(hits[last], prepend=0)
    return float((gained * hits[last] / (last + 1)).sum() / max(hits[-1], 1))
