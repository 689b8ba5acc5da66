"""Study `composition`: how the share of targets in the base biases a hunt, and the bias gone (the paper's Figure 4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from experiments.samples.problems import Problem
from experiments.studies.rare import elsewhere, vote_shares
from experiments.studies.setting import Setting
from spectrove import pipeline
from spectrove.encoders import Encoder
from spectrove.evaluation.evaluate import Evaluation
from spectrove.evaluation.metrics import class_scores
from spectrove.evaluation.protocol import not_trained_on, stripped
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.inference.neighbors.hunt import with_prior
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import Embedded, embed
from spectrove.pipeline.shipped import load_encoder, load_target
from spectrove.spectra import SpectrumSet
from spectrove.targets import Composition, Target

#: Shares of targets in the searched part of the base.
SHARES = {"mock": (0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5), "real": (0.02, 0.05, 0.1, 0.2, 0.5)}

#: Seed of the mock base, of which no query is; and how much larger it is than a survey, so that 1% are enough.
BASE_SEED, LARGER = 7951, 3

#: Votes as they are; their prior moved to the prevalence; calibrated, at the prevalence.
METHODS = ("votes", "votes, prior shift", "calibrated")

Row = dict[str, Any]

#: Truth, calls of each method, plates.
Called = tuple[list[str], dict[str, list[str]], list[str]]


def study(setting: Setting) -> Evaluation:
    """Precision and recall of the LINER hunt over the share of LINERs in the base, with and without prior shift."""
    encoder = load_encoder("base")
    rows: list[Row] = []
    parts = ("mock",) if setting.real is None else ("mock", "real")
    for part in parts:
        found: dict[float, list[Called]] = {share: [] for share in SHARES[part]}
        calibrated: dict[float, int] = dict.fromkeys(SHARES[part], 0)
        for seed in range(setting.seeds):
            problem = setting.data.problem(part, "classes", seed)
            made = embed(problem.spectra, encoder)
            bases = list(_bases(setting, problem, made, encoder, seed))
            for i, share in enumerate(SHARES[part]):
                pieces = []
                for known, queries, prevalence in bases:
                    called, n = _ask(known, queries, share, prevalence, encoder, setting.k)
                    pieces.append(called)
                    calibrated[share] += n
                found[share].append(_joined(pieces))
                setting.tell(seed * len(SHARES[part]) + i + 1, setting.seeds * len(SHARES[part]), part)
        rows += [row for s, answers in found.items() for row in _rows(part, s, answers, calibrated[s])]
        draw(setting.folder / f"composition_{part}.png", part, [r for r in rows if r["part"] == part])
    return Evaluation(tuple(rows), _text(rows, setting, encoder))


def _bases(
    setting: Setting, problem: Problem, made: Embedded, encoder: Encoder, seed: int
) -> Iterator[tuple[Embedded, SpectrumSet, float]]:
    """What is known, what is asked, and the fraction of LINERs where the known come from."""
    fair = not_trained_on(encoder, problem.spectra.object_id)
    for fold, asked in zip(problem.folds, problem.queries("LINER"), strict=True):
        queries = problem.spectra.take(asked[fair[asked]])
        if problem.part == "mock":
            known, queries = _mock_base(setting, encoder, seed), elsewhere(queries)
        else:
            keep = np.isin(made.spectra.object_id, problem.spectra.object_id[fold.base])
            known = Embedded(made.spectra.take(keep), made.embeddings.take(keep))
        classes = load_target("liner").classes_of(known.spectra.column("class_derived"))
        yield known, queries, classes.count("LINER") / max(1, sum(c is not None for c in classes))


def _mock_base(setting: Setting, encoder: Encoder, seed: int) -> Embedded:
    """Ordinary galaxies of recipe `test`, more than a survey has, so that 1% of them are enough."""
    recipe = load_recipe("test")
    shares = {kind: s for kind, s in recipe.shares.items() if kind not in ("lens", "outlier")}
    n = LARGER * setting.n_mock
    survey = make_survey(
        n, recipe=recipe.model_copy(update={"shares": shares}), seed=BASE_SEED + seed, workers=setting.workers
    )
    return embed(survey, encoder)


def _ask(
    known: Embedded, queries: SpectrumSet, share: float, prevalence: float, encoder: Encoder, k: int
) -> tuple[Called, int]:
    """What each method calls the queries, of a base in which this share are targets; and how many are calibrated."""
    target = load_target("liner").model_copy(
        update={
            "composition": Composition(share={"LINER": share, "other": 1 - share}),
            "prevalence": prevalence,
        }
    )
    base = KnowledgeBase.in_memory(known.spectra, {"shape": known.embeddings}, encoder=encoder.name)
    answers = pipeline.hunt(base, stripped(queries), target, k=k, encoder=encoder)
    rows = {name: i for i, name in enumerate(queries.object_id.tolist())}
    told = [p for p in answers.predictions if p.value is not None]
    index = np.array([rows[p.object_id] for p in told], dtype=int)
    pool = answers.neighbors.pool
    prior = target.population(pool) or {}
    shares = [vote_shares(p, target) for p in told]
    probability = {
        METHODS[0]: [s["LINER"] for s in shares],
        METHODS[1]: [with_prior(s, prior, pool)["LINER"] for s in shares],
        METHODS[2]: [p.probability or 0.0 for p in told],
    }
    truth = np.array(target.classes_of(queries.column("class_derived")))[index].tolist()
    plate = [str(v) for v in np.array(queries.column("plate"))[index]]
    called = {m: _calls(p, target) for m, p in probability.items()}
    return (truth, called, plate), sum(p.calibrated for p in told)


def _calls(probability: list[float], target: Target) -> list[str]:
    return ["LINER" if p >= target.limit - 1e-9 else "other" for p in probability]


def _joined(pieces: list[Called]) -> Called:
    truth = [t for p in pieces for t in p[0]]
    called = {m: [c for p in pieces for c in p[1][m]] for m in METHODS}
    return truth, called, [g for p in pieces for g in p[2]]


def _rows(part: str, share: float, repeats: list[Called], calibrated: int) -> Iterator[Row]:
    truths, groups = [r[0] for r in repeats], [r[2] for r in repeats]
    n = sum(len(t) for t in truths)
    for method in METHODS:
        scores = class_scores(truths, [r[1][method] for r in repeats], groups, ["LINER", "other"])["LINER"]
        for figure, score in scores.items():
            yield {
                "study": "composition", "part": part, "share": share, "method": method, "figure": figure,
                "value": score.value, "low": score.low, "high": score.high, "n": score.n,
                "calibrated": calibrated / n if n else 0.0,
            }  # fmt: skip


def draw(path: Path, part: str, rows: list[Row]) -> None:
    """Precision and recall over the share of targets in the base, a line per method."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    for i, name in enumerate(("precision", "recall")):
        axes = figure.add_subplot(1, 2, i + 1)
        for method, colour in zip(METHODS, ("#8a8a8a", "#c96a00", "#0b5fa5"), strict=True):
            own = [r for r in rows if (r["figure"], r["method"]) == (name, method)]
            if method == METHODS[2]:
                own = [r for r in own if r["calibrated"] > 0.5]
            x, y, low, high = (
                np.array([r[c] for r in own], dtype=float) for c in ("share", "value", "low", "high")
            )
            axes.plot(x, y, "o-", ms=4, color=colour, label=method)
            axes.fill_between(x, low, high, color=colour, alpha=0.12, lw=0)
        axes.set(xscale="log", ylim=(0, 1.02), xlabel="share of LINERs in the base", ylabel=name)
        axes.set_xticks(SHARES[part], [f"{s:.0%}" for s in SHARES[part]])
        axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8)
    figure.suptitle(f"LINER hunt, {part}")
    figure.savefig(path, dpi=130)


def _text(rows: list[Row], setting: Setting, encoder: Encoder) -> str:
    lines = [
        f"LINER hunt, encoder {encoder.name}, K = {setting.k}, {setting.seeds} seed(s). The target's composition sets",
        "the share of LINERs in the base; the queries are always the same. Prior shift and calibration are told the",
        "fraction of LINERs where the base comes from. mock: a base of its own survey; real: SDSS, 5 folds by plate.",
        "95% intervals by plates drawn anew. With fewer than 30 LINERs in the base nothing can be calibrated, and",
        "`calibrated` is the vote with prior shift; the last column says how many answers were calibrated.",
        "",
        f"{'part':6}{'share':>6}  {'method':20}{'precision':22}{'recall':22}{'F1':22}calibrated",
    ]
    by = {(r["part"], r["share"], r["method"], r["figure"]): r for r in rows}
    for part, share, method, figure in by:
        if figure != "precision":
            continue
        cells = [by[part, share, method, f] for f in ("precision", "recall", "f1")]
        text = "".join(f"{c['value']:.3f} [{c['low']:.3f} {c['high']:.3f}]".ljust(22) for c in cells)
        lines.append(f"{part:6}{share:6.0%}  {method:20}{text}{cells[0]['calibrated']:.0%}")
    return "\n".join(lines)
