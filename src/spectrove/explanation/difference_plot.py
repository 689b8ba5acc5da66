"""Two stacks of spectra, the regions in which they differ, and the difference over its error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spectrove.explanation.line_labels import line_labels
from spectrove.explanation.style import DECIDES, GRID_COLOR, NORMAL, SMALL, new_figure, tidy
from spectrove.lines import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spectrove.inference.differences.sets import SetDifference

LIKE, UNLIKE = "#D55E00", "#0072B2"
#: Ranges of the spectrum that are drawn below each other, so that a line is wider than a stroke.
ROWS = 3
#: Values above and below these percentiles are cut off: one strong line would hide all else.
CUT = (0.5, 99.3)


def difference_figure(sets: SetDifference, lines: Sequence[Line] = ()) -> Figure:
    """Both stacks over their continuum and the difference over its error, in three ranges below each other.

    Regions that differ are shaded; names are those of the domain's lines inside them.
    """
    known = np.flatnonzero(np.isfinite(sets.like) & np.isfinite(sets.unlike))
    figure = new_figure(11.0, 3.0 * ROWS + 0.4)
    grid = figure.add_gridspec(
        2 * ROWS, 1, height_ratios=[2, 1] * ROWS, hspace=0.32, left=0.065, right=0.985, top=0.955, bottom=0.06
    )
    for i, part in enumerate(np.array_split(known, ROWS)):
        above, below = figure.add_subplot(grid[2 * i]), figure.add_subplot(grid[2 * i + 1])
        _stacks(above, sets, part, lines)
        _significance(below, sets, part)
        if i == 0:
            above.legend(
                fontsize=SMALL,
                frameon=True,
                edgecolor=GRID_COLOR,
                loc="lower right",
                ncols=2,
                bbox_to_anchor=(1, 1),
            )
        if i == ROWS - 1:
            below.set_xlabel("Rest wavelength, vacuum (Å)", fontsize=NORMAL)
    return figure


def _stacks(ax: Axes, sets: SetDifference, part: NDArray[np.int64], lines: Sequence[Line]) -> None:
    """The mean spectra of one range, with the regions and the lines in them."""
    wave = sets.wavelength[part]
    for values, color, name, n in (
        (sets.unlike, UNLIKE, "unlike", sets.n_unlike),
        (sets.like, LIKE, "like", sets.n_like),
    ):
        ax.plot(wave, 1 + values[part], color=color, lw=0.9, label=f"{name} (mean of {n})")
    _frame(ax, wave, sets)
    shown = 1 + np.concatenate([sets.like[part], sets.unlike[part]])
    low, high = np.percentile(shown, CUT)
    margin = 0.12 * max(high - low, 0.05)
    ax.set_ylim(low - margin, high + 2.4 * margin)
    ax.set_ylabel("Flux / continuum", fontsize=SMALL)
    ax.tick_params(labelbottom=False)
    inside = [
        line
        for line in lines
        if any(r.low <= line.wavelength <= r.high or line.name in r.lines for r in sets.regions)
    ]
    last = -np.inf
    apart = 0.012 * (wave[-1] - wave[0])
    for label in line_labels(float(wave[0]), float(wave[-1]), inside):
        x = max(label.center, last + apart)
        ax.text(
            x,
            0.97,
            label.text,
            transform=ax.get_xaxis_transform(),
            fontsize=7.5,
            rotation=90,
            ha="center",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.8},
        )
        last = x


def _significance(ax: Axes, sets: SetDifference, part: NDArray[np.int64]) -> None:
    """The difference over its error, pixel by pixel."""
    wave = sets.wavelength[part]
    ax.axhline(0, color="#777777", lw=0.6)
    ax.plot(wave, sets.z[part], color="#222222", lw=0.6)
    _frame(ax, wave, sets)
    top = max(5.0, float(np.abs(sets.z[part]).max(initial=0)) * 1.1)
    ax.set_ylim(-top, top)
    ax.set_ylabel("Δ / error", fontsize=SMALL)


def _frame(ax: Axes, wave: NDArray, sets: SetDifference) -> None:
    """Limits, ticks and the shaded regions: orange where the like have more, blue where the unlike have."""
    tidy(ax, minor=False)
    ax.set_xlim(float(wave[0]), float(wave[-1]))
    for region in sets.regions:
        if region.high > wave[0] and region.low < wave[-1]:
            color = DECIDES if region.more == "like" else UNLIKE
            ax.axvspan(region.low, region.high, color=color, alpha=0.16, lw=0, zorder=0.2)
