"""The table of encoders for a terminal, as Markdown, and as a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from spectrove.explanation import style
from spectrove.explanation.style import new_figure, png, save, tidy

Row = dict[str, Any]

#: What neighbours are found with, as readers see it.
METRICS = {
    "none": "", "auto": " + metric", "calibrated": " + metric, calibrated",
    "f1": " + metric, calibrated, best F1", "": "",
}  # fmt: skip

#: Colour and marker of each in the figure; plain neighbours are black dots.
MARKS = {
    "": (style.NEIGHBOR_COLORS[0], "s"),
    "auto": (style.NEIGHBOR_COLORS[1], "D"),
    "calibrated": (style.NEIGHBOR_COLORS[2], "^"),
    "f1": (style.NEIGHBOR_COLORS[2], "v"),
}


def terminal(rows: Sequence[Row], head: str, absent: Iterable[str]) -> str:
    """A block for each part: a line a method, a column a task."""
    lines = [*head.splitlines(), *absent]
    for part in dict.fromkeys(r["part"] for r in rows):
        tasks, methods, cells = _grid(rows, part)
        width = max(len(m) for m in methods) + 2
        lines += ["", f"{part:<{width}}" + "".join(f"{_short(t):>18}" for t in tasks)]
        lines += [
            f"{m:<{width}}" + "".join(f"{_figure(cells.get((m, t)), 'f1'):>18}" for t in tasks)
            for m in methods
        ]
    return "\n".join(lines)


def markdown(rows: Sequence[Row], head: str, absent: Iterable[str], notes: Iterable[tuple[str, str]]) -> str:
    """The same with the differences to PCA and to the supervised CNN, and what each method is."""
    lines = ["# Every method, every task", "", *(f"{line}\n" for line in head.splitlines())]
    titles = {
        "f1": "F1",
        "minus_pca": "F1 less that of EM-PCA, on the same queries",
        "minus_cnn": "F1 less that of the supervised CNN, on the same queries",
        "minus_clean": "F1 less the method's own on the spectra as they were",
    }
    for part in dict.fromkeys(r["part"] for r in rows):
        tasks, methods, cells = _grid(rows, part)
        for value, title in titles.items():
            shown = [m for m in methods if any(_figure(cells.get((m, t)), value) for t in tasks)]
            if not shown:
                continue
            lines += [
                f"## {part.capitalize()}: {title}",
                "",
                _line(["method", *tasks]),
                _line(["---"] * (1 + len(tasks))),
            ]
            lines += [_line([m, *(_figure(cells.get((m, t)), value) for t in tasks)]) for m in shown]
            lines.append("")
    sizes = {(r["part"], r["task"]): (r["n"], r["seeds"]) for r in rows}
    lines += ["## Queries", "", _line(["part", "task", "queries a seed", "seeds"]), _line(["---"] * 4)]
    lines += [_line([part, task, str(n), str(seeds)]) for (part, task), (n, seeds) in sizes.items()]
    lines += [
        "",
        "## Methods",
        "",
        *(f"- {name}: {note}" for name, note in notes),
        *(f"- {line}" for line in absent),
    ]
    return "\n".join(lines) + "\n"


def save_figure(rows: Sequence[Row], path: Path) -> None:
    """A panel for each part and task: F1 of every method with its interval; nothing if there are no rows."""
    panels = list(dict.fromkeys((r["part"], r["task"]) for r in rows))
    if not panels:
        return
    methods = list(dict.fromkeys(_name(r) for r in rows))
    columns = max(sum(p == part for p, _ in panels) for part in {p for p, _ in panels})
    parts = list(dict.fromkeys(p for p, _ in panels))
    figure = new_figure(2.2 + 1.9 * columns, 0.8 + len(parts) * (0.7 + 0.19 * len(methods)))
    axes = figure.subplots(len(parts), columns, squeeze=False, sharey=True)
    for i, part in enumerate(parts):
        tasks = [t for p, t in panels if p == part]
        for j, ax in enumerate(axes[i]):
            if j >= len(tasks):
                ax.set_visible(False)
                continue
            found = [r for r in rows if (r["part"], r["task"]) == (part, tasks[j])]
            _panel(ax, found, methods, f"{part}: {tasks[j]}")
    figure.tight_layout()
    save(png(figure), path)


def _panel(ax: Any, rows: Sequence[Row], methods: Sequence[str], title: str) -> None:
    for r in rows:
        y = methods.index(_name(r))
        color, marker = MARKS.get(r["metric"], (style.QUERY_COLOR, "o"))
        ax.plot([r["f1_low"], r["f1_high"]], [y, y], color=color, lw=1.2)
        ax.plot(r["f1"], y, marker=marker, color=color, ms=3.5, ls="none")
    ax.set_yticks(range(len(methods)), methods)
    ax.set_ylim(len(methods) - 0.4, -0.6)
    ax.set_title(title, fontsize=style.NORMAL)
    ax.set_xlabel("F1", fontsize=style.SMALL)
    tidy(ax, grid=True, minor=False)


def _grid(rows: Sequence[Row], part: str) -> tuple[list[str], list[str], dict[tuple[str, str], Row]]:
    """Tasks, methods and cells of one part, in the order of the rows."""
    own = [r for r in rows if r["part"] == part]
    tasks = list(dict.fromkeys(r["task"] for r in own))
    return tasks, list(dict.fromkeys(_name(r) for r in own)), {(_name(r), r["task"]): r for r in own}


def _name(row: Row) -> str:
    return row["method"] + METRICS[row["metric"]]


def _figure(row: Row | None, value: str) -> str:
    """ ".87 [.81 .91]", with a sign for differences; "" where there is none."""
    if row is None or row[value] is None:
        return ""
    form = (lambda x: f"{x:.3f}") if value == "f1" else (lambda x: f"{x:+.3f}")
    figure, low, high = (form(row[name]) for name in (value, f"{value}_low", f"{value}_high"))
    return f"{figure} [{low[:-1]} {high[:-1]}]".replace("0.", ".")


def _short(task: str) -> str:
    return {"lens, other lines": "lens, others"}.get(task, task)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
