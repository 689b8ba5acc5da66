"""A galaxy behind another: the lines that a second redshift rests on, in sentences and figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import line_labels, mark_only, pretty
from spectrove.explanation.panel import CloseUp, Window
from spectrove.galaxies.drawing import DRAWING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spectrove.explanation.plots import Trace

#: Joint S/N that noise and ordinary galaxies can reach (as in `galaxies.lenses.signs`); less is not significant.
NOISE_REACHES = 5.0
#: Lines that get a panel, and how far it reaches on each side of the line, observed angstrom.
_PANELS, _REACH = 3, 75.0
#: Half the width of the close-up on the deciding line, rest angstrom.
_CLOSE = 60.0


def behind(evidence: Evidence) -> Mapping[str, Any] | None:
    """The best second redshift with a detected line; None if the target does not use it or no line is seen."""
    found = evidence.prediction.second_redshift or ()
    return next((c for c in found[:1] if c["lines"]), None)


def sentence(evidence: Evidence) -> str:
    """The redshift of a second galaxy in the residual, as a sentence; "" if none was looked for or found."""
    from spectrove.galaxies.lenses import second_redshift

    for candidate in evidence.prediction.second_redshift or ():
        return f"The residual suggests {second_redshift.explain(candidate)}."
    return ""


def one_line(evidence: Evidence) -> str:
    """A sentence if a second redshift rests on a single line; otherwise ""."""
    candidate = behind(evidence)
    if candidate is None or not evidence.prediction.is_target:
        return ""
    first, beyond = candidate["lines"][0], candidate["beyond"]
    if beyond >= NOISE_REACHES or candidate["score"] < NOISE_REACHES:
        return ""
    return (
        f"The second redshift rests on one line, {pretty(first['name'])} at {first['wavelength']:,.0f} Å (observed, "
        f"S/N {first['sn']:.1f}): without it the joint S/N is {beyond:.1f}, and noise reaches {NOISE_REACHES:.0f}."
    )


def close_up(evidence: Evidence) -> CloseUp | None:
    """The surroundings of the line that decides, in the frame of the plot; None if no second galaxy is seen."""
    candidate = behind(evidence)
    if candidate is None:
        return None
    first, z = candidate["lines"][0], evidence.query.z
    line = float(first["wavelength"]) / (1 + (z if np.isfinite(z) else 0))
    window = Window("the deciding line (▼)", line - _CLOSE, line + _CLOSE)
    return CloseUp(window, decides=line, note=f"▼ {pretty(first['name'])}")


def behind_figure(evidence: Evidence) -> Figure | None:
    """The lines of the background galaxy, each magnified, the strongest first; None if none is seen.

    Observed wavelengths. The host's own lines are marked as in other figures; the dashed curve is our stellar fit.
    """
    from spectrove.explanation.plots import make_trace
    from spectrove.explanation.style import DECIDES, LARGE, NORMAL, SMALL, new_figure

    candidate, trace = behind(evidence), make_trace(evidence.query, DRAWING.norm, observed=True)
    if candidate is None or trace is None:
        return None
    lines = candidate["lines"][:_PANELS]
    height = 3.3
    figure = new_figure(11.0, height)
    heading = f"Lines of a galaxy behind, at z = {candidate['z']:.4f} (joint S/N {candidate['score']:.1f})"
    figure.text(0.06, 1 - 0.1 / height, heading, fontsize=LARGE, fontweight="bold", va="top")
    each = 0.925 / len(lines)
    for i, line in enumerate(lines):
        ax = figure.add_axes((0.06 + i * each, 0.185, each - 0.045, 0.6))
        name = f"{pretty(line['name'])}, S/N {line['sn']:.1f}"
        magnify(ax, trace, line["wavelength"], _REACH, host_z=evidence.query.z)
        ax.set_title(
            f"{name}: adds most" if i == 0 and len(lines) > 1 else name, fontsize=NORMAL, color=DECIDES
        )
    figure.axes[0].set_ylabel("Flux density / median", fontsize=NORMAL)
    figure.text(
        0.06, 0.1 / height, "Observed wavelength, vacuum (Å).  Band: ±1σ.  Dashed curve: our fit of the near galaxy's "
        "stars.  Thin marks: its own lines.", fontsize=SMALL, color="#333333", va="bottom",
    )  # fmt: skip
    return figure


def magnify(ax: Axes, trace: Trace, center: float, reach: float, *, host_z: float = math.nan) -> None:
    """A stretch of a spectrum with its errors and a marked place in the middle; the host's lines where z is known."""
    from matplotlib.ticker import MaxNLocator

    from spectrove.explanation.style import DECIDES, FIT_COLOR, QUERY_COLOR, SMALL, tidy

    low, high = center - reach, center + reach
    cut = trace.within(low, high)
    tidy(ax, minor=False)
    ax.set_xlim(low, high)
    ax.axvspan(center - 0.09 * reach, center + 0.09 * reach, color=DECIDES, alpha=0.16, lw=0, zorder=0.3)
    ax.plot(
        [center], [1.0], "v", color=DECIDES, ms=9, transform=ax.get_xaxis_transform(), clip_on=False, zorder=4
    )
    if math.isfinite(host_z):
        own = line_labels(low / (1 + host_z), high / (1 + host_z), DRAWING.lines)
        mark_only(ax, own, stretch=1 + host_z)
    if not np.isfinite(cut.flux).any():
        ax.text(0.5, 0.45, "no good pixel", transform=ax.transAxes, ha="center", fontsize=SMALL)
        return
    ax.fill_between(
        cut.wavelength,
        cut.flux - cut.error,
        cut.flux + cut.error,
        color=QUERY_COLOR,
        alpha=0.2,
        lw=0,
        step="mid",
    )
    ax.plot(cut.wavelength, cut.flux, color=QUERY_COLOR, lw=1.0, drawstyle="steps-mid")
    if cut.continuum is not None:
        ax.plot(cut.wavelength, cut.continuum, color=FIT_COLOR, lw=1.0, dashes=(3, 1.5))
    bottom, top = float(np.nanmin(cut.flux)), float(np.nanmax(cut.flux))
    margin = max(0.12 * (top - bottom), 1e-3)
    ax.set_ylim(bottom - margin, top + margin)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.yaxis.set_major_locator(MaxNLocator(4))
