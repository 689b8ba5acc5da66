"""The hunt with every label of the base, which hunts by example are measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.ask.bench import Bench, part_of, plates
from experiments.ask.kept import kept
from experiments.ask.ranking import FIRST, average_precision
from experiments.code import code_hash
from spectrove import pipeline
from spectrove.evaluation.protocol import stripped
from spectrove.pipeline.base import Base
from spectrove.pipeline.shipped import load_target
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.statistics import folds_by_group
from spectrove.targets import Target


@dataclass(frozen=True)
class Hunt:
    """The kinds that are hunted in one fold of a base, one after the other: what is fitted for all is fitted once."""

    base: str
    injection: int
    fold: int
    kinds: tuple[str, ...]


def target_of(kind: str, kinds: Sequence[str]) -> Target:
    """What a hunt for this kind is: the shipped target, with its column and positive class where it has another.

    Every kind is a class of its own, so that all have one metric. A hunt is calibrated on the values of its column and
    not on its classes: the probabilities are those of a target with two.
    """
    if kind == "lens":
        return load_target("strong_lens")
    if kind in ("LINER", "Seyfert2-like", "quiescent"):
        shipped, label = load_target("liner"), "class_derived"
    else:
        shipped, label = load_target("outlier"), "outlier_kind"
    classes = {name: (name,) for name in kinds} | {"other": ("*",)}
    return shipped.model_copy(update={"name": kind, "label": label, "positive": kind, "classes": classes})


def hunted(bench: Bench, job: Hunt) -> list[dict[str, Any]]:
    """A row for each kind of which something is to be found in the fold, kept in the folder."""
    path = bench.folder / "examples" / f"labelled-{job.base}-{job.fold}.json"
    same = {name: value for name, value in bench.settings.items() if name != "draws"}
    key = canonical_json([same, job.kinds, code_hash([Path(__file__)])])
    return kept(path, key, lambda: _hunted(bench, job))


def _hunted(bench: Bench, job: Hunt) -> list[dict[str, Any]]:
    bench.say(f"  every label of {job.base}, fold {job.fold}")
    base = Base.open(bench.folder / f"{job.base}.kb")
    both = [base.embeddings(view).object_id for view in ("shape", "surprise")]
    spectra = base.spectra(np.intersect1d(*both))  # type: ignore[call-overload]
    fold = folds_by_group(plates(spectra), bench.folds, seed=bench.seed)
    known, queries = (
        spectra.take(np.flatnonzero(fold != job.fold)),
        spectra.take(np.flatnonzero(fold == job.fold)),
    )
    part = part_of(base, known.object_id)
    place = {"injection": job.injection, "fold": job.fold, "draw": 0, "method": "labelled hunt"}
    found = [_of_kind(part, known, queries, target_of(kind, job.kinds)) for kind in job.kinds]
    return [{"kind": kind} | place | row for kind, row in zip(job.kinds, found, strict=True) if row]


def _of_kind(base: Base, known: SpectrumSet, queries: SpectrumSet, target: Target) -> dict[str, Any]:
    """Average precision and precision of the first 20 of one hunt; empty if nothing is to be found."""
    classes = target.classes_of(queries.column(target.label))
    truth = {i: c == target.positive for i, c in zip(queries.object_id.tolist(), classes, strict=True) if c}
    if not any(truth.values()):
        return {}
    asked = queries.take(np.flatnonzero(np.isin(queries.object_id, list(truth))))
    answers = pipeline.hunt(base, stripped(asked), target)
    rank = {p.object_id: p.rank for p in answers.predictions}
    order = {value: i + 1 for i, value in enumerate(sorted(set(rank.values())))}
    score = np.array([order.get(rank.get(i), 0) for i in truth])
    wanted = np.array(list(truth.values()))
    return {
        "p20": float(wanted[np.argsort(-score, kind="stable")[:FIRST]].mean()),
        "ap": average_precision(wanted, score),
        "calibrated": bool(answers.predictions and answers.predictions[0].calibrated),
        "labelled": sum(c == target.positive for c in target.classes_of(known.column(target.label))),
    }
