"""Scoring hunts: the same queries and base rows for every encoder, through the whole path."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spectrove import pipeline
from spectrove.evaluation.metrics import Score, class_scores
from spectrove.evaluation.protocol import check_groups, group_names, not_trained_on
from spectrove.explanation.evidence import Evidence
from spectrove.explanation.report import Hunt
from spectrove.explanation.tables import Table
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.shipped import load_encoder, load_target
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target, label_text


@dataclass(frozen=True)
class HuntScore:
    """One hunt of one encoder: the answers, and what they are worth for each class of the target.

    `scores` is {class or "macro": {"precision", "recall", "f1": Score}}.
    """

    target: Target
    encoder: str
    answers: pipeline.Answers
    scores: dict[str, dict[str, Score]]
    truth: dict[str, str]

    @property
    def headline(self) -> dict[str, Score]:
        """Of the hunted class, or over all classes where the target tells several apart."""
        return self.scores[self.target.positive if len(self.target.classes) == 2 else "macro"]


def make_bases(
    folder: Path, spectra: SpectrumSet, encoders: Sequence[str], name: str
) -> dict[str, KnowledgeBase]:
    """A base of the same spectra for each encoder, in `folder/NAME-ENCODER.kb`; an older one there is replaced."""
    bases = {}
    for encoder in encoders:
        path = folder / f"{name}-{encoder}.kb"
        shutil.rmtree(path, ignore_errors=True)
        bases[encoder] = pipeline.create(path, pipeline.in_batches(spectra), encoder)[0]
    return bases


def score_hunt(
    base: KnowledgeBase, queries: SpectrumSet, target: Target | str, *, group: str = "plate"
) -> HuntScore:
    """Hunt in labelled queries and compare with their labels.

    Only queries whose label belongs to one of the target's classes, and which the encoder was not trained on, are
    scored; no group may also be in the base.

    Raises:
        LeakError: A group is on both sides, or the encoder was trained on every query.
    """
    target = load_target(target) if isinstance(target, str) else target
    classes = np.array([c or "" for c in target.classes_of(queries.column(target.label))])
    queries = queries.take(np.flatnonzero(classes != ""))
    encoder = load_encoder(base.encoder)
    queries = queries.take(not_trained_on(encoder, queries.object_id))
    check_groups(
        [label_text(v) or "" for v in base.rows(columns=[group]).column(group).to_pylist()],
        group_names(queries, group).tolist(),
    )
    answers = pipeline.hunt(base, queries, target, encoder=encoder)
    asked = queries.object_id.tolist()
    truth = dict(zip(asked, target.classes_of(queries.column(target.label)), strict=True))
    # A query that was refused has no answer, and that counts as a wrong one.
    called = {p.object_id: _called(p, target) for p in answers.predictions}
    scores = class_scores(
        [[truth[i] for i in asked]],
        [[called.get(i, "") for i in asked]],
        [group_names(queries, group)],
        list(target.classes),
    )
    return HuntScore(target, base.encoder, answers, scores, {i: truth[i] or "" for i in asked})


def _called(prediction, target: Target) -> str:
    """The class a prediction amounts to; in a two-class hunt the threshold decides."""
    if len(target.classes) == 2:
        other = next(c for c in target.classes if c != target.positive)
        return target.positive if prediction.is_target else other
    return prediction.value or ""


def comparison(title: str, scores: Sequence[HuntScore], note: str) -> Table:
    """Precision, recall and F1 with 95% intervals, a row per encoder."""
    first = scores[0]
    n_true = sum(v == first.target.positive for v in first.truth.values())
    rows = []
    for s in scores:
        figures = [str(s.headline[m]) for m in ("precision", "recall", "f1")]
        rows.append([s.encoder, *figures, f"{n_true} of {len(s.truth)}"])
    return Table(title, ["encoder", "precision", "recall", "F1", "targets among queries"], rows, note)


def hunt_section(
    base: KnowledgeBase, score: HuntScore, tables: Sequence[Table], notes: Sequence[str], top: int = 6
) -> Hunt:
    """A hunt as the report shows it, with evidence for its first hits."""
    answers, target = score.answers, score.target
    ranked = sorted(
        range(len(answers.predictions)), key=lambda i: -(answers.predictions[i].probability or 0.0)
    )
    hits = [i for i in ranked if answers.predictions[i].is_target][:top]
    evidence: list[Evidence] = [pipeline.explain(base, answers, i, target=target) for i in hits]
    panels = domain_of(base).panels
    return Hunt(
        target=target.name, predictions=answers.predictions, evidence=evidence, description=target.description,
        threshold=target.limit, truth={i: c == target.positive for i, c in score.truth.items()}, tables=tables,
        notes=notes, refused=[(r.name, r.error) for r in answers.refusals], panels=panels,
        background=panels.background(base) if panels else None,
    )  # fmt: skip
