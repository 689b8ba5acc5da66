"""How the experiments' figures look: panels in a row, curves with bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from spectrove.evaluation.metrics import Score
from spectrove.explanation.style import NORMAL, SMALL, color_of, marker_of, new_figure, tidy

#: Order, colour and marker of the three figures, everywhere the same.
METRICS = ("precision", "recall", "f1")
NAMES = {"precision": "precision", "recall": "recall", "f1": "F1"}


def panels(
    titles: Sequence[str], *, width: float = 3.3, height: float = 3.1, columns: int | None = None, foot: float = 0.52,
    left: float = 0.62, gap: float = 0.2, head: float = 0.3, top: float = 0.0,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """A figure with a panel per title; panels of a row share the left one's scale. `top` inches are for a legend."""
    columns = columns or len(titles)
    rows = -(-len(titles) // columns)
    wide, tall = left + columns * (width + gap), rows * (height + head + foot) + top
    figure = new_figure(wide, tall)
    axes = []
    for i, title in enumerate(titles):
        row, column = divmod(i, columns)
        bottom = (rows - 1 - row) * (height + head + foot) + foot
        box = ((left + column * (width + gap)) / wide, bottom / tall, width / wide, height / tall)
        ax = figure.add_axes(box)
        ax.set_title(title, fontsize=NORMAL, loc="left", pad=5)
        if column and gap < 0.5:
            ax.tick_params(labelleft=False)
        axes.append(ax)
    return figure, axes


def score_curves(ax: Axes, x: Sequence[float], scores: Sequence[Mapping[str, Score]]) -> None:
    """Precision, recall and F1 against x, with their 95% bands."""
    for i, metric in enumerate(METRICS):
        values = [s[metric] for s in scores]
        ax.fill_between(
            x, [v.low for v in values], [v.high for v in values], color=color_of(i), alpha=0.13, lw=0
        )
        # Nothing found: precision has no value then.
        shown = [
            float("nan") if metric == "precision" and not s["recall"].value else s[metric].value
            for s in scores
        ]
        ax.plot(
            x, shown, color=color_of(i), marker=marker_of(i), ms=4.5, lw=1.4, mec="white", mew=0.5,
        )  # fmt: skip
    ax.set_ylim(0, 1.02)
    tidy(ax, grid=True)


def metric_legend(figure: Figure) -> None:
    """Which colour and marker is which of the three, in the strip above the panels."""
    lines = [
        Line2D(
            [],
            [],
            color=color_of(i),
            marker=marker_of(i),
            ms=4.5,
            lw=1.4,
            mec="white",
            mew=0.5,
            label=NAMES[m],
        )
        for i, m in enumerate(METRICS)
    ]
    lines.append(Patch(color="#999999", alpha=0.25, label="95% interval over plates"))  # type: ignore[arg-type]
    figure.legend(handles=lines, fontsize=SMALL, frameon=False, ncols=4, loc="upper right", borderaxespad=0.1)


def labels(axes: Sequence[Axes], x: str, y: str) -> None:
    """Axis names: x under each panel, y beside the first."""
    for ax in axes:
        ax.set_xlabel(x, fontsize=NORMAL)
    axes[0].set_ylabel(y, fontsize=NORMAL)
