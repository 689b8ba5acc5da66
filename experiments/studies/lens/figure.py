"""Completeness of lens hunts over the S/N of the strongest line, drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_COLORS = ("#0b6e99", "#c2571a", "#5b8c2a", "#7a4fa3", "#555555")

_TICKS = (3, 5, 7, 10, 15, 30)
_PANELS = {"told": "lines that the detector is told of", "not told": "lines that it is NOT told of"}


def draw(path: Path, part: str, rows: Sequence[dict[str, Any]]) -> None:
    """Write the figure of one part, mock or real: a panel per kind of lines, a line per method and threshold."""
    own = [r for r in rows if r["part"] == part and r["figure"] == "completeness"]
    own = [r for r in own if r["sn_high"] / r["sn_low"] < 2.5]
    figure = Figure(figsize=(10, 5), layout="constrained")
    series = list(dict.fromkeys((r["method"], r["threshold"]) for r in own))
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (lines, title) in zip(panels, _PANELS.items(), strict=True):
        for i, (method, threshold) in enumerate(series):
            points = [
                r for r in own if (r["method"], r["threshold"], r["lines"]) == (method, threshold, lines)
            ]
            x = np.sqrt([r["sn_low"] * r["sn_high"] for r in points]) * (1 + 0.015 * (i - 2))
            y = np.array([[r["value"], r["low"], r["high"]] for r in points]).reshape(-1, 3).T
            error = np.maximum([y[0] - y[1], y[2] - y[0]], 0)
            look = {
                "color": _COLORS[i % 5],
                "ls": "--" if method == "lines alone" else "-",
                "marker": "o",
                "ms": 4,
            }
            axes.errorbar(x, y[0], error, capsize=2, label=f"{method}, {threshold}", **look)
        axes.axhline(0.9, color="0.7", lw=0.8, zorder=0)
        axes.set(xscale="log", xlabel="S/N of the strongest injected line", ylim=(-0.02, 1.02))
        axes.set_xticks(_TICKS, [str(t) for t in _TICKS])
        axes.minorticks_off()
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("completeness")
    hosts = "mock red galaxies" if part == "mock" else "real SDSS quiescent and BOSS galaxies"
    figure.suptitle(f"Lenses injected into {hosts}; 95% intervals", fontsize=11)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8, frameon=False
    )
    figure.savefig(path, dpi=130)
