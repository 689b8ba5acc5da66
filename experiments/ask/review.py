"""Looking through candidates: how many looks find nine targets in ten, and whether the completeness that is said holds.

Real SDSS spectra with their labels hidden from the review; lenses and outliers are injected into real hosts. Settings
of the review were chosen on the plates of the split `train`, so that only those of `test` are looked through; mocks are
apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.ask.bench import Bench, plates
from experiments.ask.kept import kept
from experiments.code import code_hash
from experiments.parts import Section, say
from experiments.samples.injected import with_lenses, with_outliers
from experiments.samples.surveys import SDSS
from experiments.workers import spread
from spectrove.inference import inspection
from spectrove.inference.embed import embed_queries
from spectrove.inference.examples.background import Background, fit_axes
from spectrove.inference.examples.model import fit_examples
from spectrove.inference.inspection.ranking import Candidates, Marks
from spectrove.inference.inspection.sheet import Sheet
from spectrove.pipeline.base import Base
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.inspection import Inspection, inspect
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet

#: Column of the classes, and those that are looked for.
LABEL = "class_derived"
CLASSES = ("LINER", "Seyfert2-like", "quiescent")

#: Examples to begin with, looks in a round, part of the targets that shall be found, and part of the plates in a draw.
EXAMPLES, ROUND, GOAL, PLATES = 3, 20, 0.9, 0.8

#: With fewer candidates half as many are looked at in a round.
FEW = 400

#: Fewest targets of a population, besides the examples.
FEWEST = 8

#: Shares of hosts with something injected.
LENSES, OUTLIERS = 0.3, 0.08

METHODS = ("review", "ranked", "random", "forest and clicks")

#: Draws of a population at most: a draw takes ten seconds and more, for a whole review with all its rounds.
MOST_DRAWS = 10


@dataclass(frozen=True)
class Population:
    """Spectra to look through.

    Attributes:
        vectors: By view, (n_spectra, n_dimensions).
        plate, truth: Of each, (n_spectra,).
    """

    object_id: NDArray[np.str_]
    vectors: Mapping[str, NDArray]
    plate: NDArray[np.str_]
    truth: NDArray[np.bool_]

    def take(self, keep: NDArray) -> Population:
        """Some of them."""
        vectors = {view: x[keep] for view, x in self.vectors.items()}
        return Population(self.object_id[keep], vectors, self.plate[keep], self.truth[keep])


@dataclass(frozen=True)
class Draw:
    """One population with examples to begin with; the examples are no part of the candidates."""

    candidates: Candidates
    truth: NDArray[np.bool_]
    known: Marks
    seed: int

    @property
    def n_targets(self) -> int:
        """Targets among the candidates."""
        return int(self.truth.sum())


def run(bench: Bench) -> Section:
    """The section of looks through candidates; each population is kept when it is measured."""
    found = {"test": real_populations(bench, "test")} if bench.data else {}
    found["mock"] = mock_populations(bench)
    names = [(kind, name) for kind, populations in found.items() for name in populations]
    jobs = [(kind, name, found[kind][name]) for kind, name in names]
    results = dict(
        zip(names, spread(bench.workers, partial(_done, replace(bench, say=say)), jobs), strict=True)
    )
    rows, text = [], [INTRODUCTION.format(draws=draws_of(bench), **settings())]
    for kind, populations in found.items():
        own = [{"data": kind, "target": name} | results[kind, name]["row"] for name in populations]
        text += [f"### {TITLES[kind]}", table(own)]
        curves = {name: results[kind, name]["curves"] for name in populations}
        draw_curves(bench.folder / f"review-{kind}.png", curves, kind)
        rows += own
    return Section("Looking through candidates", tuple(rows), "\n\n".join(text))


def draws_of(bench: Bench) -> int:
    """Draws of each population."""
    return min(bench.draws, MOST_DRAWS)


def _done(bench: Bench, job: tuple[str, str, Population]) -> dict[str, Any]:
    """Figures and curves of one population, as plain values; kept ones if they were measured before."""
    kind, name, population = job
    path = bench.folder / "review" / f"{kind}-{name.replace(' ', '-')}.json"
    key = canonical_json([bench.settings, code_hash([Path(__file__), Path(str(inspection.__file__)).parent])])

    def made() -> dict[str, Any]:
        bench.say(f"review: {kind} {name}")
        row, curves = measured(population, bench)
        return {"row": row, "curves": [curve.tolist() for curve in curves]}

    return kept(path, key, made)


TITLES = {
    "test": "Real spectra on plates that nothing was chosen on (split test)",
    "mock": "Mock spectra",
}

INTRODUCTION = """\
Each of {draws} draws takes {plates:.0%} of the plates and {examples} examples by chance, which are then no candidates.
{round} spectra are looked at in a round (of fewer than {few} candidates half as many), and the marks are the labels.
Looks are those needed to find {goal:.0%} of the targets, as a fraction of the candidates; "best" is what a review that
knows everything needs. Ratios are of the mean looks of the review to those of another, with 95% intervals by bootstrap
over draws. "ranked" looks in the order of the first ranking, from the vectors of the examples; "forest and clicks" is
an isolation forest whose scores are corrected by a regression of the marks, as astronomaly does. Covered: how often the
intervals of the number of targets hold the truth, over all rounds with an estimate, and when the review ends by itself;
"found" is the fraction of the targets found then, after looks at the fraction "end". Lenses and outliers are injected
into real hosts."""


def settings() -> dict[str, Any]:
    """Numbers of the introduction."""
    return {"plates": PLATES, "examples": EXAMPLES, "round": ROUND, "goal": GOAL, "few": FEW}


def real_populations(bench: Bench, split: str) -> dict[str, Population]:
    """Real spectra of some plates with each class as the target, and with injected lenses and outliers."""
    return populations_of(bench.real_base, bench.real_spectra(f"({SDSS}) AND split = '{split}'"), bench.seed)


def mock_populations(bench: Bench) -> dict[str, Population]:
    """The same of a mock survey."""
    spectra = bench.mock(600, 60 + bench.seed)
    return populations_of(bench.base("review-mock", lambda: spectra), spectra, bench.seed, injected=False)


def populations_of(
    base: Base, spectra: SpectrumSet, seed: int, injected: bool = True
) -> dict[str, Population]:
    """Populations by target; those with too few targets are left out."""
    classes = np.array([value or "" for value in spectra.column(LABEL)])
    made = {name: population(base, spectra, lambda s, n=name: is_value(s, LABEL, n)) for name in CLASSES}  # type: ignore[misc]
    if injected:
        hosts = classes == "quiescent"
        lenses = SpectrumSet.concatenate(
            [
                with_lenses(spectra.take(np.flatnonzero(hosts)), seed, LENSES),
                spectra.take(np.flatnonzero(~hosts)),
            ]
        )
        made["injected lens"] = population(base, lenses, lambda s: ~is_value(s, "lens", "none", None))
        outliers = with_outliers(spectra, seed, OUTLIERS)
        made["injected outlier"] = population(base, outliers, lambda s: ~is_value(s, "outlier", "none"))
    return {name: one for name, one in made.items() if one.truth.sum() >= FEWEST + EXAMPLES}


def is_value(spectra: SpectrumSet, column: str, *values: str | None) -> NDArray[np.bool_]:
    """Whether each spectrum has one of these values."""
    return np.array([value in values for value in spectra.column(column)], dtype=bool)


def population(
    base: Base, spectra: SpectrumSet, truth: Callable[[SpectrumSet], NDArray[np.bool_]]
) -> Population:
    """Spectra with vectors in all views of a base; only pixels and redshift are read for these."""
    embedded = embed_queries(spectra, encoders_of(base, base.views, None))
    vectors = {view: found.vectors for view, found in embedded.views.items()}
    order = np.argsort(embedded.spectra.object_id)
    whole = Population(embedded.spectra.object_id, vectors, plates(embedded.spectra), truth(embedded.spectra))
    return whole.take(order)


def drawn(population: Population, seed: int) -> Draw:
    """Part of the plates, examples by chance, and the first ranking by these examples."""
    rng = np.random.default_rng([seed, len(population.truth)])
    names = np.unique(population.plate)
    part = population.take(
        np.isin(population.plate, rng.choice(names, round(PLATES * len(names)), replace=False))
    )
    examples = rng.choice(np.flatnonzero(part.truth), EXAMPLES, replace=False)
    background = Background(part.object_id, part.vectors, {v: fit_axes(x) for v, x in part.vectors.items()})
    yes = {view: x[examples] for view, x in part.vectors.items()}
    model = fit_examples(background, yes, None, examples)
    rest = np.setdiff1d(np.arange(len(part.truth)), examples)
    candidates = Candidates(
        part.object_id[rest], {v: x[rest] for v, x in part.vectors.items()}, model.background_score[rest]
    )
    none = np.zeros(0, np.int64)
    return Draw(candidates, part.truth[rest], Marks(none, none, yes, {}), seed)


def round_of(draw: Draw) -> int:
    """Spectra looked at in a round."""
    return ROUND if len(draw.truth) >= FEW else ROUND // 2


def reviewed(draw: Draw) -> Iterator[tuple[list[int], Inspection]]:
    """Places looked at so far, and the state, after each round; until the review ends by itself, and then on."""
    place = {name: i for i, name in enumerate(draw.candidates.object_id.tolist())}
    sheet: Sheet = Sheet()
    while True:
        state = inspect(sheet, draw.candidates, "target", round_of(draw), draw.known)
        looked = [place[name] for name in sheet.column("object_id")]
        yield looked, state
        if not state.next:
            return
        rows = [list(row) for row in state.sheet.rows]
        for row in rows:
            row[1] = "yes" if draw.truth[place[row[0]]] else "no"
        sheet = replace(state.sheet, rows=tuple(map(tuple, rows)))


def clicked(draw: Draw, seed: int) -> list[int]:
    """The order of looks of an isolation forest corrected by clicks.

    Source:
        Lochner & Bassett 2021, Astronomy and Computing 36, 100481, eq. 1, with a random forest for the user's scores.
    """
    from scipy.spatial import cKDTree
    from sklearn.ensemble import IsolationForest, RandomForestRegressor

    points = np.hstack([x / x.std() for x in draw.candidates.vectors.values()])
    raw = -IsolationForest(random_state=seed).fit(points).score_samples(points)
    raw = (raw - raw.min()) / np.ptp(raw)
    scale = float(np.median(cKDTree(points).query(points, 2)[0][:, 1]))
    examples = np.hstack([x / draw.candidates.vectors[v].std() for v, x in draw.known.known_yes.items()])
    looked: list[int] = []
    while len(looked) < len(points):
        seen = np.concatenate([examples, points[looked]])
        said = np.concatenate([np.ones(len(examples)), draw.truth[looked]])
        user = RandomForestRegressor(50, random_state=seed).fit(seen, said).predict(points)
        near = np.exp(cKDTree(seen).query(points)[0] / scale)
        score = raw * np.tanh(near - 1 + np.arctanh(np.clip(0.1 + 0.85 * user, 0, 0.95)))
        score[looked] = -np.inf
        looked += np.argsort(-score, kind="stable")[: min(round_of(draw), len(points) - len(looked))].tolist()
        if draw.truth[looked].sum() >= GOAL * draw.n_targets:
            break
    return looked


def looks_needed(order: Sequence[int], truth: NDArray[np.bool_]) -> int:
    """Looks in this order that find nine targets in ten; all candidates if it ends before."""
    hits = np.cumsum(truth[list(order)])
    wanted = np.ceil(GOAL * truth.sum())
    return int(np.searchsorted(hits, wanted)) + 1 if len(hits) and hits[-1] >= wanted else len(truth)


def one_draw(draw: Draw) -> dict[str, Any]:
    """What one draw gives: looks of each method, coverage, and how the review ended."""
    n, states = len(draw.truth), list(reviewed(draw))
    looked, last = states[-1]
    place = {name: i for i, name in enumerate(draw.candidates.object_id.tolist())}
    after = [place[name] for name, _ in last.ranking]
    order = [
        *looked,
        *[i for i in after if i not in set(looked)],
    ]  # after the end, in the order of the ranking
    ranked = np.argsort(-draw.candidates.first, kind="stable").tolist()
    shuffled = np.random.default_rng(draw.seed).permutation(n).tolist()
    orders = {
        "review": order,
        "ranked": ranked,
        "random": shuffled,
        "forest and clicks": clicked(draw, draw.seed),
    }
    inside = [covered(state, draw) for _, state in states if state.completeness.total_68]
    return {
        "looks": {name: looks_needed(one, draw.truth) / n for name, one in orders.items()},
        "best": np.ceil(GOAL * draw.n_targets) / n,
        "inside": inside,
        "at_end": covered(last, draw),
        "found": draw.truth[looked].sum() / draw.n_targets,
        "end": len(looked) / n,
        "curve": curve(draw.truth[order]),
        "ranked_curve": curve(draw.truth[ranked]),
    }  # fmt: skip


def curve(found: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fraction of the targets found, at fractions 0, 0.01, ... 1 of the looks."""
    part = np.concatenate([[0.0], np.cumsum(found) / found.sum()])
    return np.interp(np.linspace(0, 1, 101), np.linspace(0, 1, len(part)), part)


def covered(state: Inspection, draw: Draw) -> tuple[bool, bool]:
    """Whether the 68% and the 95% interval hold the number of targets."""
    now = state.completeness
    low, high = now.total_68 or (0, np.inf), now.total_95 or (0, np.inf)
    return low[0] <= draw.n_targets <= low[1], high[0] <= draw.n_targets <= high[1]


def measured(population: Population, bench: Bench) -> tuple[dict[str, Any], tuple[NDArray, NDArray]]:
    """Figures of one population, and the mean curves of the review and of the first ranking."""
    draws = [one_draw(drawn(population, bench.seed + i)) for i in range(draws_of(bench))]
    looks = {name: np.array([d["looks"][name] for d in draws]) for name in METHODS}
    rates = [np.mean(d["inside"], axis=0) for d in draws if d["inside"]]
    row: dict[str, Any] = {
        "candidates": round(PLATES * len(population.truth)),
        "targets": int(PLATES * population.truth.sum()) - EXAMPLES,
        "best": float(np.mean([d["best"] for d in draws])),
        **{f"looks {name}": float(x.mean()) for name, x in looks.items()},
    }
    for name in METHODS[1:]:
        row[f"ratio to {name}"] = interval(looks["review"], looks[name])
    for i, level in enumerate(("68", "95")):
        row[f"covered {level}"] = interval(np.array([rate[i] for rate in rates]))
        row[f"covered {level} at the end"] = float(np.mean([d["at_end"][i] for d in draws]))
    row |= {key: float(np.mean([d[key] for d in draws])) for key in ("found", "end")}
    return row, (
        np.mean([d["curve"] for d in draws], axis=0),
        np.mean([d["ranked_curve"] for d in draws], axis=0),
    )


def interval(values: NDArray, others: NDArray | None = None) -> list[float]:
    """Mean over draws, or ratio of two means, with the ends of its 95% interval by bootstrap over draws."""
    below = np.ones(len(values)) if others is None else others
    pick = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    many = values[pick].mean(axis=1) / below[pick].mean(axis=1)
    return [float(x) for x in (values.mean() / below.mean(), *np.quantile(many, [0.025, 0.975]))]


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The figures as Markdown."""
    heads = (
        "target", "candidates", "targets", "best", "looks review", "ratio to random", "ratio to ranked",
        "ratio to forest and clicks", "covered 68", "covered 95", "covered 68 at the end", "found", "end",
    )  # fmt: skip
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell(row[head]) for head in heads) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A value as printed, with its interval if it has one."""
    if isinstance(value, list):
        return f"{value[0]:.2f} [{value[1]:.2f} {value[2]:.2f}]"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def draw_curves(path: Path, curves: Mapping[str, tuple[NDArray, NDArray]], kind: str) -> None:
    """Targets found against spectra looked at, for the review and for the first ranking."""
    from matplotlib.figure import Figure

    if not curves:
        return
    figure = Figure(figsize=(3.1 * len(curves), 3.2), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True, squeeze=False)[0]
    x = np.linspace(0, 1, 101)
    for axes, (name, (review, ranked)) in zip(panels, curves.items(), strict=True):
        axes.plot(x, review, color="tab:blue", label="review")
        axes.plot(x, ranked, color="tab:orange", ls="--", label="first ranking")
        axes.plot(x, x, color="0.6", lw=1, label="random")
        axes.axhline(GOAL, color="0.8", lw=0.8, zorder=0)
        axes.set(title=f"{name} ({kind})", xlabel="fraction looked at", xlim=(0, 1), ylim=(0, 1.02))
    panels[0].set_ylabel("fraction of the targets found")
    panels[-1].legend(loc="lower right", frameon=False)
    figure.savefig(path, dpi=120)
