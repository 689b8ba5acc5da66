"""Failure analysis B.1: which outliers and LINERs are missed, and why: too few of their kind, or narrow features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from experiments.paper.cases import evidence_for
from experiments.paper.results import HEADS, Measure, Result, fact
from experiments.paper.scoring import Outcome, hunted
from experiments.samples import recipes
from experiments.samples.workshop import Part, Sample, Workshop
from spectrove.explanation.report import write_report
from spectrove.explanation.style import GRID_COLOR, NORMAL, SMALL, color_of, marker_of, new_figure, tidy
from spectrove.explanation.tables import Table
from spectrove.galaxies.diagram.measured import bpt_of
from spectrove.targets import Target
from spectrove.targets.target import id_hash

#: Shares of the paper's 17 missed outliers.
PAPER_STARVED, PAPER_NARROW = 0.5882, 0.3529


class Recipe(recipes.Recipe):
    """When a kind is rare, which kinds show themselves in a few pixels, and how many of a kind a base is left with."""

    few: int = 10
    narrow: tuple[str, ...] = ("strong_nad", "double_peaks", "odd_ratios")
    members: tuple[int, ...] = (0, 1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Kind:
    """One kind of outlier in one sample: members in the base (mean), how many were asked about and found."""

    name: str
    known: float
    asked: int
    found: int
    narrow: bool

    @property
    def recall(self) -> float:
        """The share that was found."""
        return self.found / self.asked if self.asked else float("nan")


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Recall by kind, recall against members of the own kind in the base, and one LINER that was missed."""
    result = Result(recipe.title)
    target = recipe.target("outlier")
    drawn = {}
    for name in (s for s in ("mock", "outliers", "archive") if s in samples):
        sample = workshop.sample(name, recipe)
        workshop.say(f"  outliers by kind, {name}")
        kinds = by_kind(workshop, recipe, sample, target)
        workshop.say(f"  members of the own kind, {name}")
        curve = starved(workshop, recipe, sample, target)
        drawn[name] = (kinds, curve)
        result.measures += measures(recipe, name, kinds, curve)
        result.tables += [kind_table(name, kinds, recipe), curve_table(name, curve)]
        result.verdict.append(verdict(recipe, name, kinds, curve))
    result.figures["starvation"] = drawing(drawn)
    liners(recipe, out, workshop, samples, result)
    result.notes.append(
        "The paper's 17 missed outliers are not at hand; ours are mocks, and outliers injected into real spectra."
    )
    return result


# --- outliers by kind --------------------------------------------------------------------------------


def kinds_of(part: Part, queries: bool) -> NDArray[np.str_]:
    """The kind of each known object or query, "" or "none" where it is no outlier."""
    spectra = part.queries.spectra if queries else part.known.spectra
    return np.array([k or "none" for k in spectra.column("outlier_kind")])


def by_kind(workshop: Workshop, recipe: Recipe, sample: Sample, target: Target) -> list[Kind]:
    """Every kind, the rarest in the base first."""
    known: dict[str, list[int]] = {}
    asked: dict[str, list[bool]] = {}
    for parts in sample:
        for part in parts:
            outcome = hunted(workshop, part, target, (target.k,))[target.k]
            mine, theirs = kinds_of(part, True)[outcome.rows], kinds_of(part, False)
            for kind in sorted(set(mine) - {"none"}):
                known.setdefault(kind, []).append(int((theirs == kind).sum()))
                asked.setdefault(kind, []).extend((outcome.called[mine == kind] == target.positive).tolist())
    kinds = [
        Kind(k, float(np.mean(known[k])), len(asked[k]), sum(asked[k]), k in recipe.narrow) for k in known
    ]
    return sorted(kinds, key=lambda kind: kind.known)


def starved(
    workshop: Workshop, recipe: Recipe, sample: Sample, target: Target
) -> dict[int, tuple[float, int]]:
    """Recall of outliers whose own kind has so many members in the base, other kinds as they are; and of how many.

    The same outliers at every point: those of kinds that have the most members asked for.
    """
    hits: dict[int, list[bool]] = {m: [] for m in recipe.members}
    for part in (part for parts in sample for part in parts):
        known, asked = kinds_of(part, False), kinds_of(part, True)
        for kind in sorted(set(asked) - {"none"}):
            if (known == kind).sum() < max(recipe.members):
                continue
            for m in recipe.members:
                cut = limited(part, target, known == kind, m)
                outcome = hunted(workshop, part, cut, (cut.k,), among=asked == kind)[cut.k]
                hits[m].extend((outcome.called == target.positive).tolist())
    return {m: (float(np.mean(h)), len(h)) for m, h in hits.items() if h}


def limited(part: Part, target: Target, of_kind: NDArray[np.bool_], m: int) -> Target:
    """The target with all but m members of one kind left out of the base; which stay goes by a hash of their ids."""
    ids = sorted(part.known.spectra.object_id[of_kind].tolist(), key=id_hash)[m:]
    if not ids:
        return target
    names = ", ".join("'" + i.replace("'", "''") + "'" for i in ids)
    return target.model_copy(update={"filter": f"object_id NOT IN ({names})"})


def measures(
    recipe: Recipe, name: str, kinds: list[Kind], curve: dict[int, tuple[float, int]]
) -> list[Measure]:
    """Shares of the missed, as the paper gives them, and the curve's ends."""
    missed = sum(k.asked - k.found for k in kinds)
    rare = sum(k.asked - k.found for k in kinds if k.known < recipe.few)
    narrow = sum(k.asked - k.found for k in kinds if k.narrow and k.known >= recipe.few)
    asked, found = sum(k.asked for k in kinds), sum(k.found for k in kinds)
    # Where every kind has more, the paper's share of rare ones has no counterpart.
    rarest = min((k.known for k in kinds), default=0.0)
    few = f"of these, kinds with fewer than {recipe.few} in the base"
    shares = [
        fact("outliers missed", name, 1 - found / max(asked, 1), 0.05, n=asked),
        fact(
            few,
            name,
            rare / max(missed, 1),
            0.05,
            paper=PAPER_STARVED if rarest < recipe.few else None,
            n=missed,
        ),
        fact(
            "of these, narrow features (of kinds with more)",
            name,
            narrow / max(missed, 1),
            0.05,
            paper=PAPER_NARROW,
            n=missed,
        ),
    ]
    points = {f"recall with {m} of the own kind in the base": point for m, point in curve.items()}
    return shares + [fact(what, name, r, 0.03, n=n, shown=False) for what, (r, n) in points.items()]


def kind_table(name: str, kinds: list[Kind], recipe: Recipe) -> Table:
    """A row per kind."""
    rows = [
        [k.name.replace("_", " "), f"{k.known:.1f}", str(k.asked), str(k.asked - k.found), f"{k.recall:.2f}",
         "few" if k.known < recipe.few else "", "narrow" if k.narrow else ""]
        for k in kinds
    ]  # fmt: skip
    header = [
        "kind",
        "in the base (mean)",
        "asked",
        "missed",
        "recall",
        f"fewer than {recipe.few}",
        "feature",
    ]
    return Table(f"{HEADS[name]}: outliers by kind, all repetitions", header, rows)


def curve_table(name: str, curve: dict[int, tuple[float, int]]) -> Table:
    """Recall against members of the own kind."""
    rows = [[str(m), f"{recall:.3f}", str(n)] for m, (recall, n) in curve.items()]
    return Table(f"{HEADS[name]}: members of the own kind in the base", ["members", "recall", "asked"], rows)


def drawing(found: dict[str, tuple[list[Kind], dict[int, tuple[float, int]]]]) -> Figure:
    """Per sample: recall of each kind, and recall against the members of the own kind in the base."""
    tall = 3.9
    figure = new_figure(10.6, tall * len(found))
    for row, (name, (kinds, curve)) in enumerate(found.items()):
        bottom = (len(found) - 1 - row) / len(found)
        height = (tall - 0.85) / tall / len(found)
        left = figure.add_axes((0.125, bottom + 0.5 / tall / len(found), 0.34, height))
        right = figure.add_axes((0.635, bottom + 0.5 / tall / len(found), 0.35, height))
        left.set_title(f"Outliers, {HEADS[name]}: by kind", fontsize=NORMAL, loc="left", pad=5)
        right.set_title("Members of the own kind taken out of the base", fontsize=NORMAL, loc="left", pad=5)
        draw_kinds(left, kinds)
        draw_curve(right, curve)
    return figure


def draw_kinds(ax: Axes, kinds: list[Kind]) -> None:
    """A bar per kind; hatching as well as colour says whether its features are narrow."""
    order = sorted(kinds, key=lambda k: (k.recall, k.name))
    for y, k in enumerate(order):
        ax.barh(
            y,
            max(k.recall, 0.004),
            color=color_of(int(not k.narrow)),
            hatch="////" if k.narrow else "",
            edgecolor="white",
            lw=0,
        )
        ax.text(1.02, y, f"{k.found} of {k.asked}; {k.known:.0f} in base", fontsize=SMALL - 1, va="center",
                ha="left", color="#444444",
                transform=ax.get_yaxis_transform(), clip_on=False)  # fmt: skip
    ax.set_yticks(range(len(order)), [k.name.replace("_", " ") for k in order])
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.6, len(order) - 0.4)
    ax.set_xlabel("Recall", fontsize=NORMAL)
    tidy(ax, minor=False)


def draw_curve(ax: Axes, curve: dict[int, tuple[float, int]]) -> None:
    """Recall against members of the own kind, kinds with enough members only."""
    ax.plot(
        list(curve),
        [r for r, _ in curve.values()],
        color=color_of(1),
        marker=marker_of(0),
        ms=5,
        lw=1.4,
        mec="white",
        mew=0.5,
    )
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("Members of the own kind in the base", fontsize=NORMAL)
    ax.set_ylabel("Recall", fontsize=NORMAL)
    tidy(ax, grid=True)
    patches = [
        Patch(
            facecolor=color_of(int(not narrow)),
            hatch="////" if narrow else "",
            edgecolor="white",
            label=label,
        )
        for narrow, label in (
            (False, "left: kinds with broad features"),
            (True, "left: kinds with narrow features"),
        )
    ]
    ax.legend(handles=patches, fontsize=SMALL, loc="lower right", edgecolor=GRID_COLOR)


def verdict(recipe: Recipe, name: str, kinds: list[Kind], curve: dict[int, tuple[float, int]]) -> str:
    """Prototype starvation and narrow features, in one sentence."""
    narrow, broad = (recall([k for k in kinds if k.narrow == flag]) for flag in (True, False))
    text = f"{HEADS[name]}: recall {broad:.2f} for kinds with broad features, {narrow:.2f} for narrow ones"
    if curve:
        low, high = min(curve), max(curve)
        text += (
            f"; {curve[low][0]:.2f} with {low} of the own kind in the base, {curve[high][0]:.2f} with {high}"
        )
    return text + "."


def recall(kinds: list[Kind]) -> float:
    """Over all queries of these kinds."""
    return sum(k.found for k in kinds) / max(sum(k.asked for k in kinds), 1)


# --- LINERs --------------------------------------------------------------------------------------------


def liners(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str], result: Result) -> None:
    """What missed LINERs were called, and the one of the highest S/N as a page and figure."""
    name = next(s for s in ("real", "archive", "mock") if s in samples)
    target = recipe.target("liner")
    sample = workshop.sample(name, recipe)
    missed: list[tuple[float, Part, int]] = []
    total = 0
    for part in sample.repeats[0]:
        outcome = hunted(workshop, part, target, (target.k,))[target.k]
        total += int((outcome.truth == target.positive).sum())
        missed += [(sn_of(part, row), part, int(row)) for row in wrong(outcome, target)]
    result.notes.append(f"LINERs missed, {name}: {len(missed)} of {total}.")
    result.measures.append(fact("LINERs missed", name, len(missed) / max(total, 1), 0.03, n=total))
    if not missed:
        return
    sn, part, row = max(missed, key=lambda m: m[0])
    evidence = evidence_for(workshop, recipe, name, part, row, target)
    write_report(evidence, out / "missed-liner.html")
    place = bpt_of(evidence.query)
    said = ", ".join(f"{n.object_id} ({n.label or 'no label'})" for n in evidence.neighbors)
    result.notes.append(
        f"The missed LINER of the highest S/N ({sn:.0f}) is {evidence.object_id}: its neighbours are "
        f"{said}; by its own lines it is "
        f"{(place.own_class if place else None) or 'not on the diagram'} (missed-liner.html)."
    )


def wrong(outcome: Outcome, target: Target) -> NDArray[np.int64]:
    """Rows of the targets that were not found."""
    return outcome.rows[(outcome.truth == target.positive) & (outcome.called != target.positive)]


def sn_of(part: Part, row: int) -> float:
    """Median S/N per pixel of a query, as its catalog says."""
    return float(part.queries.spectra.column("sn_median")[row] or 0)
