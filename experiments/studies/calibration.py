"""Study `calibration`: do probabilities mean what they say, at the base's prevalence and at one in a thousand?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.samples.problems import Problem
from experiments.studies.rare import rare_rows, vote_shares
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.encoders import Encoder
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.protocol import not_trained_on, stripped
from spectrove.evaluation.rates import proportion
from spectrove.evaluation.reliability import draw_reliability, error_with_interval, log_loss
from spectrove.inference import Prediction
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import embed, loaded, standard_views
from spectrove.pipeline.shipped import load_encoder
from spectrove.targets import Target

#: Problem to the tasks of it that are asked.
ASKED: dict[str, tuple[str, ...]] = {
    "classes": ("LINER", "5-class"),
    "lens": ("lens",),
    "outlier": ("outlier",),
}

#: What is compared: our calibration, and the shares of the votes of the same neighbours.
CALIBRATED, VOTES = "calibrated", "votes"

#: The calibration error that is aimed at.
AIM = 0.03

Row = dict[str, Any]


@dataclass(frozen=True)
class ClassAnswers:
    """Answers to one task: of a hunt the probability of the class, of several classes that of the answer.

    Attributes:
        said: Method to probabilities, (n,).
        hit: Method to whether it was so, (n,).
        inside: Whether the true class is in the conformal set, (n_sets,); only where there is one.
        in_set: Whose set, (n_sets,): repetitions ask about the same real objects.
        group: Plates, (n,).
        calibrated: How many answers were calibrated.
    """

    said: dict[str, NDArray[np.float64]]
    hit: dict[str, NDArray[np.bool_]]
    inside: NDArray[np.bool_]
    in_set: NDArray[np.str_]
    group: NDArray[np.str_]
    calibrated: int


def study(setting: Setting) -> Evaluation:
    """Calibration errors of hunts and classes, mock and real, and a mock hunt for one in a thousand."""
    encoder, views = load_encoder("base"), loaded(standard_views())
    rows: list[Row] = []
    parts = ("mock",) if setting.real is None else ("mock", "real")
    total = len(parts) * setting.seeds * len(ASKED)
    done = 0
    for part in parts:
        found: dict[str, list[ClassAnswers]] = {}
        for seed in range(setting.seeds):
            for name in ASKED:
                for task, answered in ask_problem(setting, part, name, seed, encoder, views):
                    found.setdefault(task, []).append(answered)
                done += 1
                setting.tell(done, total, f"{part} {name}, seed {seed}")
        joined = {task: _joined(answers) for task, answers in found.items()}
        rows += [row for task, answered in joined.items() for row in _rows(part, task, answered)]
        curves = {t: {m: (a.said[m], a.hit[m]) for m in a.said} for t, a in joined.items()}
        draw_reliability(setting.folder / f"calibration_{part}.png", f"{part}, base prevalence", curves)
    rows += rare_rows(setting, encoder, views)
    return Evaluation(tuple(rows), _text(rows, setting, encoder))


def ask_problem(
    setting: Setting, part: str, name: str, seed: int, encoder: Encoder, views: dict[str, Encoder]
) -> Iterator[tuple[str, ClassAnswers]]:
    """Each task of a problem and its answers, over all folds; each fold is asked of a base of the other plates."""
    problem = setting.data.problem(part, name, seed)
    made = embed(problem.spectra, encoder, views).whole
    place = {n: i for i, n in enumerate(made.spectra.object_id.tolist())}
    fair = not_trained_on(encoder, problem.spectra.object_id)
    pieces: dict[str, list[ClassAnswers]] = {}
    for f, fold in enumerate(problem.folds):
        rows = [place[n] for n in problem.spectra.object_id[fold.base].tolist() if n in place]
        vectors = {view: e.take(np.array(rows)) for view, e in made.views.items()}
        base = KnowledgeBase.in_memory(made.spectra.take(rows), vectors, encoder=encoder.name)
        for task in ASKED[name]:
            asked = problem.queries(task)[f]
            asked = asked[fair[asked]]
            pieces.setdefault(task, []).append(_ask(base, problem, task, asked, setting.k))
    for task, answers in pieces.items():
        yield task, _joined(answers)


def _ask(base: KnowledgeBase, problem: Problem, task: str, asked: NDArray[np.int64], k: int) -> ClassAnswers:
    target = problem.tasks[task]
    answers = pipeline.hunt(base, stripped(problem.spectra.take(asked)), target, k=k)
    truth = dict(
        zip(problem.spectra.object_id[asked].tolist(), problem.truth(task)[asked].tolist(), strict=True)
    )
    plate = dict(zip(problem.spectra.object_id[asked].tolist(), problem.groups[asked].tolist(), strict=True))
    told = [p for p in answers.predictions if p.value is not None]
    true = np.array([truth[p.object_id] for p in told])
    said, hit = {}, {}
    for method, of in ((CALIBRATED, _probabilities), (VOTES, vote_shares)):
        shares = [of(p, target) for p in told]
        names = [target.positive if len(target.classes) == 2 else max(s, key=s.__getitem__) for s in shares]
        said[method] = np.array([s[n] for s, n in zip(shares, names, strict=True)])
        hit[method] = true == np.array(names)
    inside = np.array([t in p.set for t, p in zip(true, told, strict=True) if p.set is not None], dtype=bool)
    # Two mock surveys may use the same ids and plate numbers.
    own_survey = f"{problem.seed}:" if problem.part == "mock" else ""
    in_set = np.array([own_survey + p.object_id for p in told if p.set is not None], dtype=str)
    group = np.array([own_survey + plate[p.object_id] for p in told])
    return ClassAnswers(said, hit, inside, in_set, group, sum(p.calibrated for p in told))


def _probabilities(prediction: Prediction, _: Target) -> dict[str, float]:
    return prediction.probabilities


def _joined(parts: list[ClassAnswers]) -> ClassAnswers:
    return ClassAnswers(
        {m: np.concatenate([p.said[m] for p in parts]) for m in parts[0].said},
        {m: np.concatenate([p.hit[m] for p in parts]) for m in parts[0].hit},
        np.concatenate([p.inside for p in parts]),
        np.concatenate([p.in_set for p in parts]),
        np.concatenate([p.group for p in parts]),
        sum(p.calibrated for p in parts),
    )


def _rows(part: str, task: str, answered: ClassAnswers) -> Iterator[Row]:
    for method in answered.said:
        said, hit = answered.said[method], answered.hit[method]
        about = {"study": "calibration", "part": part, "task": task, "method": method}
        yield {**about, "figure": "ece", **error_with_interval(said, hit, answered.group)}
        yield {**about, "figure": "log_loss", "value": log_loss(said, hit), "n": len(hit)}
    about = {"study": "calibration", "part": part, "task": task, "method": CALIBRATED}
    yield {
        **about,
        "figure": "share_calibrated",
        "value": answered.calibrated / len(answered.group),
        "n": len(answered.group),
    }
    if len(answered.inside):
        yield {**about, "figure": "in_90%_set", **proportion(answered.inside, answered.in_set)}


def _text(rows: list[Row], setting: Setting, encoder: Encoder) -> str:
    lines = [
        f"Probabilities of hunt, encoder {encoder.name}, K = {setting.k} for the votes; {setting.seeds} seed(s).",
        "Base prevalence: mock surveys of recipe test, bases and queries on other plates; real SDSS spectra, 5 folds",
        "by plate, lenses and outliers injected into real hosts. ECE: ten bins of equal numbers, 95% interval by",
        "plates drawn anew.",
        f"Aim: ECE <= {AIM}. Of five classes the probability of the answer is judged.",
        "",
        f"{'part':6}{'task':10}{'method':12}{'ECE [95%]':24}{'log-loss':>9}{'n':>7}  in 90% set, answers calibrated",
    ]
    by = {(r["part"], r["task"], r["method"], r["figure"]): r for r in rows if "part" in r}
    for (part, task, method, figure), row in by.items():
        if figure != "ece":
            continue
        loss, held = by[part, task, method, "log_loss"], by.get((part, task, method, "in_90%_set"))
        ece = f"{row['value']:.3f} [{row['low']:.3f} {row['high']:.3f}]"
        inside = f"{held['value']:.3f} [{held['low']:.3f} {held['high']:.3f}]" if held else ""
        if share := by.get((part, task, method, "share_calibrated")):
            inside += f" {share['value']:.0%}"
        lines.append(f"{part:6}{task:10}{method:12}{ece:24}{loss['value']:9.3f}{row['n']:7d}  {inside}")
    rare = [r for r in rows if r["part"] == "mock, 1e-3"]
    if rare:
        lines += [
            "",
            f"Prevalence 1e-3, mock: {rare[0]['n_stream']} spectra of a survey of its own, never kept; base of",
            f"{rare[0]['n_base']} mock spectra on other plates. LINERs weigh as if they were one in a thousand.",
            "",
            f"{'task':10}{'method':12}{'Brier skill [95%]':26}{'P > .1 bins: said, true [95%] (n)'}",
        ]
        for row in rare:
            if row["figure"] == "brier_skill":
                said = [
                    f"{r['said']:.2f}: {r['value']:.2f} [{r['low']:.2f} {r['high']:.2f}] ({r['n']:.0f})"
                    for r in rare
                    if r["figure"] == "reliability"
                    and (r["task"], r["method"]) == (row["task"], row["method"])
                    and r["n"]
                ]
                plain = row["method"] == CALIBRATED and row["share_calibrated"] < 1
                few = f"   {row['share_calibrated']:.0%} calibrated, the rest votes" if plain else ""
                skill = f"{row['value']:.3f} [{row['low']:.3f} {row['high']:.3f}]"
                lines.append(f"{row['task']:10}{row['method']:12}{skill:26}{'; '.join(said)}{few}")
    return "\n".join(lines)
