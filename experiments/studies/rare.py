"""A hunt for one in a thousand through a stream of mock spectra, of which only the answers are kept."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.samples.problems import Sizes
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.encoders import Encoder
from spectrove.evaluation.protocol import stripped
from spectrove.evaluation.reliability import bins, brier_skill
from spectrove.galaxies.lenses.signs import RESIDUALS_VERSION
from spectrove.galaxies.mock import MockRecipe, load_recipe, make_survey
from spectrove.inference import Prediction
from spectrove.inference.calibration.of_base import CALIBRATION_VERSION
from spectrove.inference.metric.of_base import METRIC_VERSION
from spectrove.inference.neighbors.hunt import with_prior
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.shipped import load_target
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: How frequent the hunted are.
PREVALENCE = 1e-3

#: What is hunted: task to target.
HUNTED = {"lens": "strong_lens", "outlier": "outlier", "LINER": "liner"}

#: Spectra of the stream where mock surveys have their usual size, and for each of theirs where they are smaller.
STREAM, SMALL_STREAM = 100_000, 5
BATCH = 2000

#: Seeds of the base and of the first batch; no other survey uses them.
BASE_SEED, STREAM_SEED = 7901, 8001

#: Columns of what is kept of each batch and hunt.
KEPT = ("calibrated", "votes", "truth", "was_calibrated")


def stream_recipe() -> MockRecipe:
    """Recipe `test` with one lens and one outlier in a thousand; the other kinds keep their proportions."""
    recipe = load_recipe("test")
    rare = {"lens": PREVALENCE, "outlier": PREVALENCE}
    others = {kind: share for kind, share in recipe.shares.items() if kind not in rare}
    scale = (1 - sum(rare.values())) / sum(others.values())
    return recipe.model_copy(update={"shares": {**{k: s * scale for k, s in others.items()}, **rare}})


def rare_rows(setting: Setting, encoder: Encoder, views: Mapping[str, Encoder]) -> list[dict[str, Any]]:
    """Brier skill and reliability where P > .1 of hunts at `PREVALENCE`; batches that were answered are kept."""
    n = STREAM if setting.n_mock >= Sizes.n_mock else SMALL_STREAM * setting.n_mock
    sizes = [min(BATCH, n - start) for start in range(0, n, BATCH)]
    prints = canonical_json(
        [
            CALIBRATION_VERSION,
            METRIC_VERSION,
            RESIDUALS_VERSION,
            setting.k,
            encoder.fingerprint,
            {v: e.fingerprint for v, e in views.items()},
            [recipe.model_dump(mode="json") for recipe in (load_recipe("test"), stream_recipe())],
            [load_target(name).model_dump(mode="json") for name in HUNTED.values()],
            [BASE_SEED, STREAM_SEED],
        ]
    )
    folder = (
        setting.folder / "rare" / f"{setting.n_mock}-{blake2b(prints.encode(), digest_size=4).hexdigest()}"
    )
    folder.mkdir(parents=True, exist_ok=True)
    base: KnowledgeBase | None = None
    answers: list[dict[str, NDArray[np.float64]]] = []
    for i, size in enumerate(sizes):
        path = folder / f"{i:04d}-{size}.npz"
        if not path.exists():
            base = base or _base(folder, setting, encoder, views)
            _answer(path, base, size, STREAM_SEED + i, setting, {"shape": encoder, **views})
        with np.load(path) as file:
            answers.append({name: file[name] for name in file.files})
        setting.tell(i + 1, len(sizes), "one in a thousand")
    whole = {name: np.concatenate([a[name] for a in answers], axis=1) for name in answers[0]}
    return [row for task in HUNTED for row in _rows(task, whole[task], n, setting.n_mock)]


def _base(folder: Path, setting: Setting, encoder: Encoder, views: Mapping[str, Encoder]) -> KnowledgeBase:
    path = folder / "base.kb"
    if not (path / "kb.json").exists():
        survey = make_survey(
            setting.n_mock, recipe=load_recipe("test"), seed=BASE_SEED, workers=setting.workers
        )
        building = folder / "building.kb"
        shutil.rmtree(building, ignore_errors=True)  # of a run that was stopped
        pipeline.create(building, pipeline.in_batches(survey), encoder, views=dict(views))
        building.rename(path)
    return KnowledgeBase.open(path)


def _answer(
    path: Path, base: KnowledgeBase, size: int, seed: int, setting: Setting, encoders: Mapping[str, Encoder]
) -> None:
    """Ask the base about a batch of the stream and keep what it said: for each task an array (3, n), see KEPT."""
    survey = make_survey(size, recipe=stream_recipe(), seed=seed, workers=setting.workers)
    kept = {}
    for task, name in HUNTED.items():
        target = load_target(name).model_copy(update={"prevalence": PREVALENCE})
        classes = target.classes_of(survey.column(target.label))
        truth = {
            i: c == target.positive for i, c in zip(survey.object_id.tolist(), classes, strict=True) if c
        }
        asked = survey.take(np.flatnonzero(np.isin(survey.object_id, list(truth))))
        # A mock plate of the stream may have the number of one of the base: other spectra, other names.
        found = pipeline.hunt(base, stripped(elsewhere(asked)), target, k=setting.k, encoder=encoders)
        pool = found.neighbors.pool
        prior = target.population(pool) or {}
        told = [p for p in found.predictions if p.value is not None]
        kept[task] = (
            np.array(
                [
                    (
                        p.probability,
                        with_prior(vote_shares(p, target), prior, pool)[target.positive],
                        truth[p.object_id.removeprefix("s")],
                        p.calibrated,
                    )
                    for p in told
                ],
                dtype=float,
            )
            .reshape(-1, len(KEPT))
            .T
        )
    temporary = path.with_suffix(".tmp.npz")
    np.savez(temporary, **kept)  # type: ignore[arg-type]
    temporary.replace(path)


def elsewhere(spectra: SpectrumSet) -> SpectrumSet:
    """The same spectra under other ids and at no place, so that none passes for an object of the base."""
    rows = spectra.rows
    for name in ("ra", "dec"):
        rows = rows.set_column(rows.column_names.index(name), name, pa.nulls(len(rows), pa.float64()))
    return replace(spectra, object_id=np.array([f"s{i}" for i in spectra.object_id.tolist()]), rows=rows)


def vote_shares(prediction: Prediction, target: Target) -> dict[str, float]:
    """The plain shares of the votes for an answer, which calibration put another probability in the place of."""
    shares = dict.fromkeys(target.classes, 0.0)
    for vote in prediction.neighbors:
        if vote.group is not None:
            shares[vote.group] += vote.weight
    return shares


def _rows(task: str, found: NDArray[np.float64], n_stream: int, n_base: int) -> list[dict[str, Any]]:
    truth = found[KEPT.index("truth")] > 0
    if not truth.any():
        return []
    # Who is more frequent than one in a thousand counts less, as if most had been left out.
    fair = min(1.0, PREVALENCE / (1 - PREVALENCE) * (~truth).sum() / truth.sum())
    weight = np.where(truth, fair if task == "LINER" else 1.0, 1.0)
    rows = []
    for method in KEPT[:2]:
        p = found[KEPT.index(method)]
        about: dict[str, Any] = {"study": "calibration", "part": "mock, 1e-3", "task": task, "method": method}
        about |= {"n_stream": n_stream, "n_base": n_base, "n_true": int(truth.sum())}
        about["share_calibrated"] = float(found[KEPT.index("was_calibrated")].mean())
        rows.append({**about, "figure": "brier_skill", **brier_skill(p, truth, weight)})
        rows += [
            {**about, "figure": "reliability", **found_bin}
            for found_bin in bins(p, truth, weight)
            if found_bin["n"]
        ]
    return rows
