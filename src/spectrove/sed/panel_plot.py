"""The figure of a fit of photometry: fluxes with errors and limits over the best model, and residuals below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from spectrove.explanation.style import FIT_COLOR, GHOST_COLOR, NORMAL, QUERY_COLOR, SMALL, new_figure, tidy
from spectrove.sed.joined_bands import Band, unit_of

#: Angstrom in a micrometre.
MICROMETRE = 1e4

#: Residuals beyond this are drawn at the edge, as triangles.
MOST = 6.0

#: Range of wavelengths, in factors, up to which single micrometres are numbered.
NARROW = 40


def bands_figure(bands: Sequence[Band], floor: float) -> Figure:
    """Flux against wavelength, both logarithmic, and residuals in sigma.

    Args:
        bands: With pivot wavelengths.
        floor: Share of each flux that was added to its error: thin bars show errors with it, thick ones without.
    """
    figure = new_figure(7.2, 4.7)
    factor, unit = unit_of(bands)
    grid = figure.add_gridspec(
        2, 1, height_ratios=(3, 1), hspace=0.06, left=0.11, right=0.985, top=0.97, bottom=0.115
    )
    top = figure.add_subplot(grid[0])
    low = figure.add_subplot(grid[1], sharex=top)
    _draw_fluxes(top, [one.times(factor) for one in bands], floor)
    _draw_residuals(low, bands)
    wave = np.array([one.pivot for one in bands]) / MICROMETRE
    for axes in (top, low):
        axes.set_xscale("log")
        axes.set_xlim(wave.min() / 1.15, wave.max() * 1.15)
        tidy(axes, minor=False)
    span = wave.max() / wave.min()
    steps = (1,) if span > NARROW else (1, 2, 5) if span > 12 else (1, 2, 3, 4, 6)
    low.xaxis.set_major_locator(LogLocator(10, subs=steps))
    low.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    low.xaxis.set_minor_formatter(NullFormatter())
    top.tick_params(labelbottom=False)
    top.set_ylabel(f"Flux ({unit})", fontsize=NORMAL)
    low.set_ylabel("Residual (σ)", fontsize=NORMAL)
    low.set_xlabel("Observed wavelength (µm)", fontsize=NORMAL)
    figure.align_ylabels([top, low])
    return figure


def _draw_fluxes(ax: Axes, bands: Sequence[Band], floor: float) -> None:
    model = [one for one in bands if one.model > 0]
    ax.plot(
        [one.pivot / MICROMETRE for one in model], [one.model for one in model], "s", ms=9, mfc="none", mec=FIT_COLOR,
        mew=1.4, label="best model", zorder=2,
    )  # fmt: skip
    seen = [one for one in bands if one.measured and not one.is_limit and one.flux > 0]
    wave, flux, error = (
        np.array([getattr(one, name) for one in seen]) for name in ("pivot", "flux", "error")
    )
    # On a logarithmic axis an error as large as its flux has no lower end: bars stop at a hundredth of the flux.
    for sigma, width, words in ((np.hypot(error, floor * flux), 0.9, ""), (error, 2.4, "measured")):
        reach = np.stack([np.minimum(sigma, 0.99 * flux), sigma])
        ax.errorbar(
            wave / MICROMETRE, flux, reach, fmt="o", ms=4.5, color=QUERY_COLOR, elinewidth=width, capsize=0, zorder=3,
            label=words or None,
        )  # fmt: skip
    limits = [one for one in bands if one.measured and one.is_limit and one.flux > 0]
    if limits:
        ax.plot(
            [one.pivot / MICROMETRE for one in limits], [one.flux for one in limits], "v", ms=7, color="#0072B2",
            label="upper limit", zorder=3,
        )  # fmt: skip
        for one in limits:
            ax.plot([one.pivot / MICROMETRE] * 2, [one.flux, one.flux * 0.75], "-", color="#0072B2", lw=1.2)
    ax.set_yscale("log")
    values = [v for one in bands for v in ((one.flux if one.measured else np.nan), one.model) if v > 0]
    if values:
        ax.set_ylim(min(values) / 1.8, max(values) * 1.8)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    narrow = bool(values) and max(values) / min(values) < NARROW
    ax.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if narrow else (1,)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.legend(fontsize=SMALL, frameon=False, loc="best")


def _draw_residuals(ax: Axes, bands: Sequence[Band]) -> None:
    ax.axhspan(-1, 1, color=GHOST_COLOR, alpha=0.35, lw=0)
    ax.axhline(0, color=QUERY_COLOR, lw=0.7)
    seen = [one for one in bands if np.isfinite(one.residual)]
    largest = max((abs(one.residual) for one in seen), default=1.0)
    edge = float(min(max(3.0, 1.15 * largest), MOST))
    for one in seen:
        beyond = abs(one.residual) > edge
        marker = "v" if one.is_limit else ("^" if one.residual > 0 else "v") if beyond else "o"
        color = "#0072B2" if one.is_limit else QUERY_COLOR
        place = float(np.clip(one.residual, -0.93 * edge, 0.93 * edge)) if beyond else one.residual
        ax.plot(
            [one.pivot / MICROMETRE], [place], marker, ms=6 if beyond or one.is_limit else 4.5, color=color
        )
        if beyond:
            ax.annotate(
                f"{one.residual:+.0f}", (one.pivot / MICROMETRE, place), (5, 0), textcoords="offset points",
                fontsize=SMALL, va="center",
            )  # fmt: skip
    ax.set_ylim(-edge, edge)
