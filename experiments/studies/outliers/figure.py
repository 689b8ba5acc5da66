"""The figure of the study `outliers`: recall and right reasons, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.explanation.style import NORMAL, SMALL, new_figure, png, save, tidy
from spectrove.galaxies.mock import OUTLIER_KINDS
from spectrove.galaxies.oddities.reasons import DESIGNED_ON

_COLORS = {"spectrove": "#0072B2", "unsupervised forest": "#D55E00", "isolation forest": "#009E73",
           "reconstruction error": "#CC79A7"}  # fmt: skip


def write_figure(path: Path, part: str, rows: Sequence[Mapping[str, Any]], false_alarms: float) -> Path:
    """Bars with 95% intervals: recall of every method above, the share of right reasons below; gives the path."""
    value = {(r["method"], r["figure"], r["kinds"]): r for r in rows if r["value"] is not None}
    figure = new_figure(10.5, 6.4)
    top, low = figure.add_axes((0.07, 0.57, 0.915, 0.37)), figure.add_axes((0.07, 0.2, 0.915, 0.27))
    for ax in (top, low):
        tidy(ax, grid=True, minor=False)
        ax.set_ylim(0, 1.02)
        ax.set_xticks(range(len(OUTLIER_KINDS)))
        ax.tick_params(labelbottom=ax is low)
    width = 0.8 / len(_COLORS)
    for m, (method, color) in enumerate(_COLORS.items()):
        for i, kind in enumerate(OUTLIER_KINDS):
            if (row := value.get((method, "recall", kind))) is not None:
                label = method if i == 0 else None
                top.bar(
                    i + (m - 1.5) * width,
                    row["value"],
                    width,
                    yerr=_error(row),
                    color=color,
                    label=label,
                    ecolor="#444444",
                    error_kw={"lw": 0.7},
                )
    for i, kind in enumerate(OUTLIER_KINDS):
        if (row := value.get(("spectrove", "right reason", kind))) is not None:
            low.bar(i, row["value"], 0.5, yerr=_error(row), color=_COLORS["spectrove"], error_kw={"lw": 0.7})
            low.text(i, 0.03, f"n {row['n']}", ha="center", fontsize=SMALL, color="white")
    low.axhline(0.8, color="#444444", lw=0.8, dashes=(4, 2))
    names = [kind.replace("_", " ") + ("" if kind in DESIGNED_ON else " *") for kind in OUTLIER_KINDS]
    low.set_xticklabels(names, rotation=35, ha="right", fontsize=SMALL)
    top.set_ylabel(f"Recall at {false_alarms:.0%} false alarms", fontsize=NORMAL)
    low.set_ylabel("Right reason\namong those found", fontsize=NORMAL)
    top.set_ylim(0, 1.25)
    top.legend(fontsize=SMALL, loc="upper right", ncols=4)
    hosts = "mock hosts" if part == "mock" else "real SDSS hosts"
    top.set_title(
        f"Odd kinds injected into {hosts}; * held out while the reasons were designed", fontsize=NORMAL
    )
    return save(png(figure), path)


def _error(row: Mapping[str, Any]) -> Any:
    return np.array([[max(0, row["value"] - row["low"])], [max(0, row["high"] - row["value"])]])
