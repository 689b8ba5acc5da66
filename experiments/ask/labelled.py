"""The hunt with every label of the base, which hunts by example are measured against."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score

from experiments.ask.bench import Bench, part_of
from spectrove import pipeline
from spectrove.evaluation.protocol import stripped
from spectrove.pipeline.base import Base
from spectrove.pipeline.shipped import load_target
from spectrove.statistics import folds_by_group
from spectrove.targets import Target

#: Answers whose precision is quoted.
FIRST = 20


def target_of(kind: str) -> Target:
    """What a hunt for this kind is: the shipped target, with its column and positive class where it has another."""
    if kind == "lens":
        return load_target("strong_lens")
    if kind in ("LINER", "Seyfert2-like", "quiescent"):
        shipped, label = load_target("liner"), "class_derived"
    else:
        shipped, label = load_target("outlier"), "outlier_kind"
    classes = {kind: (kind,), "other": ("*",)}
    return shipped.model_copy(update={"name": kind, "label": label, "positive": kind, "classes": classes})


def labelled_hunts(bench: Bench, asked: list[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """A row for each fold of each (kind, name of its base, injection), kept in the folder fold by fold."""
    jobs = [(*one, fold) for one in asked for fold in range(bench.folds)]
    if bench.workers == 1:
        found = [hunted(bench.folder, bench.folds, bench.seed, job) for job in jobs]
    else:
        with ProcessPoolExecutor(bench.workers) as pool:
            found = list(pool.map(partial(hunted, bench.folder, bench.folds, bench.seed), jobs))
    return [row for row in found if row]


def hunted(folder: Any, folds: int, seed: int, job: tuple[str, str, int, int]) -> dict[str, Any] | None:
    """Average precision and precision of the first 20 of one hunt; None if nothing is to be found in the fold."""
    kind, name, injection, f = job
    path = folder / "labelled" / f"{folds}-{seed}-{name}-{kind}-{f}.json"
    if path.exists():
        return json.loads(path.read_text("utf-8"))
    base = Base.open(folder / f"{name}.kb")
    both = [base.embeddings(view).object_id for view in ("shape", "surprise")]
    spectra = base.spectra(np.intersect1d(*both))  # type: ignore[call-overload]
    fold = folds_by_group(np.array(list(map(str, spectra.column("plate")))), folds, seed=seed)
    target = target_of(kind)
    queries = spectra.take(np.flatnonzero(fold == f))
    classes = target.classes_of(queries.column(target.label))
    truth = {i: c == target.positive for i, c in zip(queries.object_id.tolist(), classes, strict=True) if c}
    if not any(truth.values()):
        return None
    queries = queries.take(np.flatnonzero(np.isin(queries.object_id, list(truth))))
    answers = pipeline.hunt(part_of(base, spectra.object_id[fold != f]), stripped(queries), target)
    rank = {p.object_id: p.rank for p in answers.predictions}
    order = {value: i + 1 for i, value in enumerate(sorted(set(rank.values())))}
    score = np.array([order.get(rank.get(i), 0) for i in truth])
    wanted = np.array(list(truth.values()))
    row = {
        "kind": kind, "injection": injection, "fold": f, "draw": 0, "method": "labelled hunt",
        "p20": float(wanted[np.argsort(-score, kind="stable")[:FIRST]].mean()),
        "ap": float(average_precision_score(wanted, score)),
        "calibrated": bool(answers.predictions and answers.predictions[0].calibrated),
        "labelled": int(sum(c == target.positive for c in target.classes_of(
            spectra.take(np.flatnonzero(fold != f)).column(target.label)))),
    }  # fmt: skip
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(row) + "\n", "utf-8")
    os.replace(part, path)
    return row
