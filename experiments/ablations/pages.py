"""Tables and figures of ablations; real and mock figures never share a table or a panel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from experiments.ablations.measured import Measured
from experiments.ablations.points import Ablation
from experiments.paper.drawing import panels
from experiments.paper.results import markdown_table
from spectrove.evaluation.metrics import Score
from spectrove.explanation.style import NORMAL, SMALL, color_of, marker_of, png, save, tidy
from spectrove.explanation.tables import Table

TITLES = {"real": "real SDSS galaxies", "mock": "mock survey (recipe test)"}


def write(ablation: Ablation, found: Sequence[Measured], missing: Sequence[str], out: Path) -> None:
    """NAME.png, NAME.md and NAME.json."""
    if found:
        save(png(figure(ablation, found)), out / f"{ablation.name}.png")
    save(text(ablation, found, missing).encode(), out / f"{ablation.name}.md")
    save(
        (json.dumps(plain(ablation, found, missing), indent=1) + "\n").encode(), out / f"{ablation.name}.json"
    )


def text(ablation: Ablation, found: Sequence[Measured], missing: Sequence[str], *, level: int = 1) -> str:
    """The question, what is said to it, a table a sample, and the figure."""
    parts = [
        f"{'#' * level} {ablation.name}: {ablation.question}",
        *([ablation.note] if ablation.note else []),
    ]
    parts += ["\n".join(f"- {line}" for line in verdict(ablation, found))] if found else []
    parts += [markdown_table(table(ablation, found, sample)) for sample in samples_of(found)]
    parts += [missing_text(ablation, found, missing)] if missing else []
    return "\n\n".join(parts) + "\n"


def missing_text(ablation: Ablation, found: Sequence[Measured], missing: Sequence[str]) -> str:
    """Which points are missing, so that nobody reads more out of the others than there is."""
    if not found:
        return f"Not measured yet: none of its {len(missing)} points."
    return f"Not measured yet, {len(missing)} of {len(missing) + len(found)} points: {'; '.join(missing)}."


def samples_of(found: Sequence[Measured]) -> list[str]:
    """Samples that were measured, real ones first."""
    return sorted({m.sample for m in found}, reverse=True)


# --- tables ------------------------------------------------------------------------------------------------


def table(ablation: Ablation, found: Sequence[Measured], sample: str) -> Table:
    """A row a point: F1 of each task, and how much more the last macro (or only) one is than the reference's."""
    mine = [m for m in found if m.sample == sample]
    lines = len({p.line for p in ablation.of(sample)}) > 1
    task = main_task(ablation)
    rows = []
    for m in mine:
        row = [str(m.point.x), *([m.point.line] if lines else [])]
        row += [f"{m.scores[t]['f1']}" for t in ablation.tasks]
        row += [f"{m.n_of(t)}" for t in ablation.tasks] if ablation.reference is None else []
        row += [signed(gain_of(ablation, m, mine, task))] if ablation.reference is not None else []
        rows.append(row)
    header = [ablation.axis, *(["how"] if lines else []), *(f"{t} F1" for t in ablation.tasks)]
    header += [f"n, {t}" for t in ablation.tasks] if ablation.reference is None else []
    header += [f"{task} against {reference_name(ablation)}"] if ablation.reference is not None else []
    n = (
        ", ".join(f"{mine[0].n_of(t)} {'LINERs' if t == 'LINER' else t}" for t in ablation.tasks)
        if mine
        else ""
    )
    return Table(f"{TITLES[sample]}" + (f" ({n})" if ablation.reference else ""), header, rows)


def gain_of(ablation: Ablation, m: Measured, mine: Sequence[Measured], task: str) -> Score | None:
    """How much higher its F1 is than that of the point it is compared with, in pairs; None where there is none."""
    wanted = ablation.compared_with(m.point)
    reference = next((o for o in mine if (o.point.x, o.point.line) == wanted), None)
    return None if reference is None else m.gain(reference, task)


def signed(gain: Score | None) -> str:
    """+0.012 [-0.004 +0.027]; "" for none."""
    if gain is None:
        return ""
    return f"{gain.value:+.3f} [{gain.low:+.3f} {gain.high:+.3f}]"


def reference_name(ablation: Ablation) -> str:
    """What the points are compared with, for people."""
    assert ablation.reference is not None
    return ", ".join(f"{part}" for part in ablation.reference if part is not None)


def main_task(ablation: Ablation) -> str:
    """The task that verdicts rest on."""
    return "5-class" if "5-class" in ablation.tasks else ablation.tasks[0]


def verdict(ablation: Ablation, found: Sequence[Measured]) -> list[str]:
    """What differs from the reference by more than its interval, and the most that is reached, a line a sample."""
    said = []
    task = main_task(ablation)
    for sample in samples_of(found):
        mine = [m for m in found if m.sample == sample]
        gains = {name_of(m, ablation): gain_of(ablation, m, mine, task) for m in mine}
        if len(mine) == 1 or (ablation.reference is not None and not any(gains.values())):
            said.append(f"{sample}: no verdict, as there is nothing yet to compare with.")
            continue
        best = max(mine, key=lambda m: m.scores[task]["f1"].value)
        words = f"{sample}: {task} F1 is highest for {name_of(best, ablation)}, {best.scores[task]['f1']}"
        if ablation.reference is not None:
            up = [f"{n} {signed(g)}" for n, g in gains.items() if g is not None and g.low > 0]
            down = [f"{n} {signed(g)}" for n, g in gains.items() if g is not None and g.high < 0]
            words += f"; against {reference_name(ablation)} clearly higher: {', '.join(up) or 'none'}"
            words += f"; clearly lower: {', '.join(down) or 'none'}"
        said.append(words + ".")
    return said


def name_of(m: Measured, ablation: Ablation) -> str:
    """A point's name within its ablation."""
    several = len({p.line for p in ablation.points}) > 1
    return f"{m.point.x}, {m.point.line}" if several else f"{m.point.x}"


def plain(ablation: Ablation, found: Sequence[Measured], missing: Sequence[str]) -> dict[str, Any]:
    """Everything for JSON: figures with intervals, what each point was, recipes of trained encoders."""
    points = []
    for m in found:
        mine = [o for o in found if o.sample == m.sample]
        scores = {
            t: {k: _score(s) for k, s in m.scores[t].items()} | {"n": m.n_of(t)} for t in ablation.tasks
        }
        gains = {t: _score(g) for t in ablation.tasks if (g := gain_of(ablation, m, mine, t)) is not None}
        points.append({"x": m.point.x, "line": m.point.line, "scores": scores, "gains_f1": gains, **m.about})
    return {
        "ablation": ablation.name, "question": ablation.question, "axis": ablation.axis, "note": ablation.note,
        "reference": ablation.reference, "verdict": verdict(ablation, found) if found else [],
        "missing": list(missing), "points": points,
    }  # fmt: skip


def _score(s: Score) -> list[float]:
    return [round(v, 4) for v in (s.value, s.low, s.high)]


# --- figures -----------------------------------------------------------------------------------------------


def figure(ablation: Ablation, found: Sequence[Measured]) -> Figure:
    """A panel a sample; a colour a task; a marker and line style a variant."""
    samples = samples_of(found)
    names = {s: list(dict.fromkeys(p.x for p in ablation.of(s))) for s in samples}
    words = any(isinstance(x, str) and len(x) > 9 for xs in names.values() for x in xs)
    lines = list(dict.fromkeys(p.line for p in ablation.points))
    drawn, axes = panels(
        [TITLES[s] for s in samples], width=4.0, height=2.8, foot=1.05 if words else 0.55, gap=0.55, top=0.24
    )
    for ax, sample in zip(axes, samples, strict=True):
        _panel(ax, ablation, [m for m in found if m.sample == sample], names[sample], lines, words)
    axes[0].set_ylabel("F1", fontsize=NORMAL)
    handles = [Line2D([], [], color=color_of(i), lw=1.6, label=t) for i, t in enumerate(ablation.tasks)]
    if len(lines) > 1:
        handles += [
            Line2D([], [], color="#555555", ls=STYLES[j % 2], marker=marker_of(j), ms=4.5, lw=1, label=line)
            for j, line in enumerate(lines)
        ]
    drawn.legend(
        handles=handles, fontsize=SMALL, frameon=False, ncols=5, loc="upper right", borderaxespad=0.2
    )
    return drawn


STYLES = ("-", "--")


def _panel(
    ax: Axes, ablation: Ablation, mine: Sequence[Measured], names: list, lines: list[str], words: bool
) -> None:
    numeric = all(not isinstance(x, str) for x in names)
    place = {x: float(x) if numeric else float(i) for i, x in enumerate(names)}
    for i, task in enumerate(ablation.tasks):
        for j, line in enumerate(lines):
            own = [m for m in mine if m.point.line == line]
            scores = [m.scores[task]["f1"] for m in own]
            x = np.array([place[m.point.x] for m in own])
            if not numeric:  # side by side, so that bars do not hide each other
                x = x + 0.09 * (i - (len(ablation.tasks) - 1) / 2) + 0.03 * (j - (len(lines) - 1) / 2)
            low = np.array([max(s.value - s.low, 0) for s in scores])
            high = np.array([max(s.high - s.value, 0) for s in scores])
            style = "none" if ablation.trained or ablation.name in ("distance", "metadata") else STYLES[j % 2]
            ax.errorbar(
                x, [s.value for s in scores], [low, high], color=color_of(i), marker=marker_of(j), ms=4.5, lw=1.3,
                ls=style, elinewidth=0.8, mec="white", mew=0.5,
            )  # fmt: skip
    ax.set_ylim(0, 1.02)
    ax.set_xlabel(ablation.axis, fontsize=NORMAL)
    tidy(ax, grid=True, minor=numeric)
    if numeric:
        ax.set_xscale(ablation.scale)
        if ablation.scale == "log":
            ax.set_xticks(names, [f"{x:g}" for x in names])
            ax.minorticks_off()
    else:
        ax.set_xticks(range(len(names)), [str(x) for x in names], rotation=25 if words else 0,
                      ha="right" if words else "center")  # fmt: skip
        ax.set_xlim(-0.5, len(names) - 0.5)
    ax.tick_params(labelleft=True)
