"""How many wrong labels `kb curate` finds, how many of its findings are wrong, and what wrong labels cost a vote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.samples.problems import Problem
from experiments.studies.curation.report import draw_figures, finding_rows, text, vote_rows
from experiments.studies.curation.votes import KINDS, noisy_votes
from experiments.studies.setting import Setting
from spectrove.domain import OwnEvidence
from spectrove.embeddings import Embeddings
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.protocol import not_trained_on
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.line_classes import evidence_of, measured
from spectrove.galaxies.line_fit import LineFit
from spectrove.inference.labels.noise import LabelNoise, label_votes
from spectrove.inference.labels.review import Words, combined, label_findings
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded, embed
from spectrove.pipeline.shipped import load_encoder
from spectrove.processes import guarded
from spectrove.spectra import SpectrumSet

#: Share of labels that are flipped where findings are counted.
FLIPPED = 0.05

#: Draws of the flips for each seed.
DRAWS = 3

#: What flips do: any other class; or only one that is often confused with the true one.
FLIPS = tuple(KINDS)

#: Classes that are next to each other in the diagram, or in the strength of their lines.
CONFUSABLE: dict[str, tuple[str, ...]] = {
    "SF": ("Composite",), "Composite": ("SF", "LINER", "Seyfert2-like"), "Seyfert2-like": ("LINER", "Composite"),
    "LINER": ("Seyfert2-like", "Composite", "quiescent"), "quiescent": ("LINER",),
    "star-forming": ("AGN",), "AGN": ("star-forming", "normal"), "normal": ("AGN",),
}  # fmt: skip

#: The column that holds the labels of a task, some flipped.
COLUMN = "reviewed"

#: What speaks against a label.
EVIDENCE = ("neighbours", "neighbours and lines")


@dataclass(frozen=True)
class Material:
    """The spectra of a problem that are labelled in a task, with vectors, labels and lines, in one order."""

    task: str
    spectra: SpectrumSet
    vectors: Embeddings
    truth: NDArray[np.str_]
    fits: list[LineFit | None]

    @property
    def classes(self) -> list[str]:
        """The classes, sorted."""
        return sorted(set(self.truth.tolist()))


def study(setting: Setting) -> Evaluation:
    """Recall and precision of the findings at 5% flipped labels, and votes at 0, 5, 10 and 20%."""
    parts = ["mock", *(["real"] if setting.real is not None else [])]
    jobs = [(part, seed) for part in parts for seed in range(setting.seeds)]
    for part, seed in jobs:
        setting.data.prepare(part, "classes", seed)
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    votes: list[dict[str, Any]] = []
    notes: dict[str, str] = {}
    for done, (part, counts, voted, sizes) in enumerate(_answers(setting, jobs), 1):
        setting.tell(done, len(jobs), f"{part} labels")
        for key, values in counts:
            found.setdefault((part, *key), []).append(values)
        votes += voted
        notes |= sizes
    rows = [*finding_rows(found), *vote_rows(votes)]
    draw_figures(rows, setting.folder)
    return Evaluation(tuple(rows), text(rows, notes, seeds=setting.seeds, draws=DRAWS, k=setting.k))


#: Part, findings as (task, flips, evidence) and counts, votes, and how many labels there were.
Answer = tuple[str, list[tuple[tuple[str, ...], dict[str, Any]]], list[dict[str, Any]], dict[str, str]]


def _answers(setting: Setting, jobs: Sequence[tuple[str, int]]) -> Iterator[Answer]:
    """The answers of each part and seed, in order, by as many processes as there may be."""
    quiet = replace(setting, progress=None)
    if min(setting.workers, len(jobs)) < 2:
        yield from (_answer(quiet, *job) for job in jobs)
        return
    with guarded(min(setting.workers, len(jobs)), patient=False) as submit:
        yield from (future.result() for future in [submit(_answer, quiet, *job) for job in jobs])


def _answer(setting: Setting, part: str, seed: int) -> Answer:
    problem = setting.data.problem(part, "classes", seed)
    encoder = load_encoder("base")
    embedded = embed(problem.spectra.take(not_trained_on(encoder, problem.spectra.object_id)), encoder)
    fits = [measured(spectrum) for spectrum in embedded.spectra]
    counts: list[tuple[tuple[str, ...], dict[str, Any]]] = []
    sizes: dict[str, str] = {}
    for task in ("5-class", "3-class"):
        made = material(problem, task, embedded, fits)
        sizes[f"{part} {task}"] = f"{len(made.truth)} labels"
        for draw in range(DRAWS):
            for flips in FLIPS:  # real spectra are the same for every seed: their flips differ
                drawn = one_draw(made, flips, FLIPPED, 1000 * seed + draw)
                counts += [((task, flips, evidence), values) for evidence, values in drawn.items()]
    return part, counts, noisy_votes(problem, embedded, seed, setting.k, wrong_labels), sizes


def material(problem: Problem, task: str, embedded: Embedded, fits: Sequence[LineFit | None]) -> Material:
    """What is reviewed: every embedded object of the problem with a class in the task."""
    place = {name: i for i, name in enumerate(problem.spectra.object_id.tolist())}
    truth = problem.truth(task)[[place[name] for name in embedded.spectra.object_id.tolist()]]
    chosen = np.flatnonzero(truth != "")
    lines = [fits[int(i)] if task == "5-class" else None for i in chosen]
    return Material(
        task, embedded.spectra.take(chosen), embedded.embeddings.take(chosen), truth[chosen], lines
    )


def wrong_labels(
    truth: NDArray[np.str_], share: float, flips: str, rng: np.random.Generator
) -> NDArray[np.str_]:
    """The labels with this share of them changed to another class, at random."""
    classes = sorted(set(truth.tolist()) - {""})
    known = np.flatnonzero(truth != "")
    labels = truth.astype("U40")
    for i in rng.permutation(known)[: round(share * len(known))]:
        others = [c for c in classes if c != truth[i]]
        near = [c for c in CONFUSABLE.get(str(truth[i]), ()) if c in others]
        labels[i] = rng.choice(near if flips == "confusable class" and near else others)
    return labels


def one_draw(made: Material, flips: str, share: float, seed: int) -> dict[str, dict[str, Any]]:
    """Evidence to the counts of one draw of flips, through the function that `kb curate` asks."""
    labels = wrong_labels(made.truth, share, flips, np.random.default_rng(seed))
    is_wrong = labels != made.truth
    table = made.spectra.rows.append_column(COLUMN, pa.array(labels.tolist(), pa.string()))
    base = KnowledgeBase.in_memory(made.spectra.with_rows(table), {"shape": made.vectors}, encoder="base")
    votes = label_votes(base, COLUMN, group=GALAXIES.group)
    place = {name: i for i, name in enumerate(made.spectra.object_id.tolist())}
    order = np.array([place[name] for name in votes.object_id.tolist()], dtype=int)
    wrong, truth = is_wrong[order], made.truth[order]
    nothing = OwnEvidence.none(*votes.probability.shape)
    of_lines = evidence_of([made.fits[i] for i in order], votes.classes)
    result = {}
    for evidence, own in zip(EVIDENCE, (nothing, of_lines), strict=True):
        if evidence != EVIDENCE[0] and made.task != "5-class":
            continue  # lines judge the classes of the diagram, which three classes are not
        findings = label_findings(votes, COLUMN, own, Words(GALAXIES.groups, "lines"))
        at = {name: i for i, name in enumerate(votes.object_id.tolist())}
        hit = np.array([wrong[at[f.object_id]] for f in findings], dtype=bool)
        right = [truth[at[f.object_id]] == f.suggested for f, h in zip(findings, hit, strict=True) if h]
        noise = LabelNoise(votes.given, combined(votes.probability, own.probability))
        result[evidence] = {
            "found": int(hit.sum()), "wrong": int(wrong.sum()), "reported": len(findings), "right": int(sum(right)),
            "unflipped": _unflipped(findings, hit), "estimated": noise.n_wrong, "n": len(wrong),
            "average_precision": average_precision(1 - noise.self_confidence, wrong),
        }  # fmt: skip
    return result


def _unflipped(findings: Sequence[Any], hit: NDArray[np.bool_]) -> list[tuple[str, str]]:
    """Kind and "given > suggested" of the findings whose label was not flipped."""
    return [(f.kind, f"{f.current} > {f.suggested}") for f, h in zip(findings, hit, strict=True) if not h]


def average_precision(score: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """Mean precision at each wrong label of the ranking, the highest score first."""
    hit = wrong[np.argsort(-np.nan_to_num(score), kind="stable")]
    precision = np.cumsum(hit) / np.arange(1, len(hit) + 1)
    return float(precision[hit].mean()) if hit.any() else float("nan")
