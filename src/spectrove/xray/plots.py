"""Figures of counts: a spectrum with what fits it and its neighbours, hardness ratios, and what the fit leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter
from numpy.typing import NDArray

from spectrove.errors import SpectrumError
from spectrove.explanation.style import (
    FIT_COLOR,
    GHOST_COLOR,
    LARGE,
    NORMAL,
    QUERY_COLOR,
    SMALL,
    color_of,
    marker_of,
    new_figure,
    short,
    tidy,
)  # fmt: skip
from spectrove.xray.fitting.bins import RANGE, Binned, binned
from spectrove.xray.fitting.levels import best_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from spectrove.xray.counts import Counts
    from spectrove.xray.fitting.fit import Fit
    from spectrove.xray.measuring import Fitted

Floats = NDArray[np.float64]

#: Counts that a drawn bin holds: of a spectrum of n counts about n / `DRAWN`, within these limits.
DRAWN, FEWEST, MOST = 30, 4, 40

#: Neighbours drawn, and the sigma at which residuals are cut off.
NEIGHBORS, SIGMA = 5, 5.0

#: Factor between the ends of a temperature's axis from which it is logarithmic.
WIDE = 12.0

TICKS = (0.5, 0.7, 1, 2, 3, 5, 7)

#: Colours of classes, in the order of their names; with more, they repeat with other markers.
_CLASS_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808000", "#777777")


@dataclass(frozen=True)
class Drawn:
    """A neighbour as it is drawn: its name and label, its distance, and what fits it."""

    object_id: str
    label: str
    distance: float
    fitted: Fitted | None = field(repr=False)


@dataclass(frozen=True)
class Bars:
    """Counts joined in bins that hold enough to be seen.

    Attributes:
        member: Whether each fitted bin is in each bar, (n_bars, n_bins).
        low, high: Ends, keV, (n_bars,).
        counts: Of source and background, (n_bars,).
        per: What turns counts into counts per second and keV, (n_bars,).
    """

    member: Floats
    low: Floats
    high: Floats
    counts: Floats
    per: Floats

    @property
    def middle(self) -> Floats:
        """Logarithmic middles, keV."""
        return np.sqrt(self.low * self.high)


def enough_counts(data: Binned) -> float:
    """Counts that a bar should hold."""
    return float(np.clip(data.counts.sum() / DRAWN, FEWEST, MOST))


def bars_of(data: Binned, expected: Floats | None = None) -> Bars:
    """Adjacent bins joined until each bar holds enough counts; what is left at the end joins the last one.

    Args:
        data: The counts.
        expected: Counts that a model expects, by which bins are joined where it is known: bars that end as soon as
            enough was counted end on chance peaks.
    """
    enough = enough_counts(data)
    number, total, place = np.zeros(len(data.counts), np.int64), 0.0, 0
    for i, n in enumerate((data.counts if expected is None else expected).tolist()):
        number[i] = place
        total += n
        if total >= enough:
            place, total = place + 1, 0.0
    number = np.minimum(number, max(place - 1, 0)) if total < enough else number
    member = np.eye(int(number[-1]) + 1)[number].T
    first = member.argmax(axis=1)
    last = member.shape[1] - 1 - member[:, ::-1].argmax(axis=1)
    edges = data.folding.edges
    return Bars(
        member, edges[first], edges[last + 1], member @ data.counts,
        1 / (data.exposure * (member @ data.folding.width)),
    )  # fmt: skip


def counts_figure(name: str, query: Fitted | Binned, neighbors: Sequence[Drawn], title: str = "") -> Figure:
    """Counts with error bars, what fits them, and the models of neighbours folded through the query's response.

    Below, the residuals of each in sigma: of the query's own model, then of each neighbour's, whose shape is its own
    and whose amplitude is the query's. Nothing is subtracted: the background is part of what is expected.

    Args:
        name: Of the query.
        query: What was measured in it, or its counts alone.
        neighbors: Nearest first; those without a fit are left out.
    """
    data = query if isinstance(query, Binned) else query.data
    own = None if isinstance(query, Binned) else query.best
    shown = [n for n in neighbors if n.fitted is not None][:NEIGHBORS]
    rows = (own is not None) + len(shown)
    main, each, head, foot = 3.3, 0.62, 0.42, 0.85
    height = head + main + each * rows + foot
    figure = new_figure(11.0, height)
    figure.text(
        0.062, 1 - 0.12 / height, title or f"{name} and the models of its nearest known spectra", fontsize=LARGE,
        fontweight="bold", va="top", color=QUERY_COLOR,
    )  # fmt: skip
    bars = bars_of(data, None if own is None else own.expected + own.background)
    ax = figure.add_axes((0.075, 1 - (head + main) / height, 0.7, main / height))
    _counts(ax, data, bars)
    curves = _curves(data, own, shown)
    for i, (_, expected, color, _) in enumerate(curves):
        ax.stairs(
            (bars.member @ expected) * bars.per, np.append(bars.low, bars.high[-1]), color=color,
            lw=1.6 if i == 0 and own is not None else 0.9, baseline=None, zorder=3 - 0.1 * i,
        )  # fmt: skip
    _energies(ax, labelled=not curves)
    for i, (text, expected, color, statistic) in enumerate(curves):
        bottom = 1 - (head + main + each * (i + 1)) / height
        below = figure.add_axes((0.075, bottom, 0.7, each / height))
        _residuals(below, bars, expected, color)
        _energies(below, labelled=i == len(curves) - 1)
        figure.text(
            0.785, bottom + each / height / 2, f"{text}\n{statistic}", fontsize=SMALL, color=color, va="center",
            linespacing=1.3,
        )  # fmt: skip
    figure.text(0.785, 1 - (head + 0.1) / height, _legend(data), fontsize=SMALL, va="top", linespacing=1.4)
    figure.text(
        0.018, 1 - (head + main / 2) / height, "Counts / s / keV", fontsize=NORMAL, rotation=90, ha="center",
        va="center",
    )  # fmt: skip
    if rows:
        middle = 1 - (head + main + each * rows / 2) / height
        figure.text(0.018, middle, "Residual / σ", fontsize=NORMAL, rotation=90, ha="center", va="center")
    figure.text(
        0.062, 0.1 / height,
        f"Points: counts of source and background, joined to bins of about {enough_counts(data):.0f}; bars are √N. "
        "Grey: background expected in the source's region.\n"
        "Coloured: each neighbour's best model, folded through this response, its amplitude fitted to these counts.",
        fontsize=SMALL, color="#333333", va="bottom",
    )  # fmt: skip
    return figure


def overlay_figure(query: Counts, others: Sequence[Counts], title: str) -> Figure:
    """One spectrum of counts with what fits it, and the models of others through its response."""
    from spectrove.xray.measuring import fitted

    def drawn(one: Counts) -> Drawn:
        try:
            return Drawn(one.object_id, str(one.row.get("class") or ""), float("nan"), fitted(one))
        except SpectrumError:
            return Drawn(one.object_id, "", float("nan"), None)

    own = drawn(query).fitted
    return counts_figure(
        query.object_id, own or binned(query), [drawn(one) for one in others[:NEIGHBORS]], title
    )


def _curves(data: Binned, own: Fit | None, shown: Sequence[Drawn]) -> list[tuple[str, Floats, str, str]]:
    """Name, counts expected, colour, and how well it fits, of the own model and of each neighbour's."""
    curves = []
    if own is not None:
        text = f"own fit: {own.family.name}"
        curves.append(
            (text, own.expected + own.background, FIT_COLOR, _fits(data, own.statistic, own.freedom))
        )
    for i, neighbor in enumerate(shown):
        assert neighbor.fitted is not None
        model = neighbor.fitted.best
        shape = model.family.counts(data.folding, *model.best[:2])[None] * data.exposure
        levels = best_levels(data, shape)
        expected = np.exp(levels.log_amplitude[0]) * shape[0] + levels.background[0]
        far = f", d = {neighbor.distance:.2f}" if np.isfinite(neighbor.distance) else ""
        text = f"{i + 1}  {short(neighbor.object_id)} ({neighbor.label or 'no label'}{far})"
        curves.append(
            (text, expected, color_of(i), _fits(data, float(levels.statistic[0]), len(data.counts) - 1))
        )
    return curves


def _fits(data: Binned, statistic: float, freedom: int) -> str:
    return f"{'W' if data.scale > 0 else 'C'} = {statistic:.0f} for {freedom} degrees of freedom"


def _counts(ax: Axes, data: Binned, bars: Bars) -> None:
    ax.errorbar(
        bars.middle, bars.counts * bars.per, xerr=(bars.middle - bars.low, bars.high - bars.middle),
        yerr=np.sqrt(np.maximum(bars.counts, 1)) * bars.per, fmt=".", ms=4, lw=0.9, color=QUERY_COLOR, zorder=4,
    )  # fmt: skip
    behind = data.runs @ data.background * data.share * data.scale
    if behind.sum() > 0:
        ax.stairs(
            (bars.member @ behind) * bars.per, np.append(bars.low, bars.high[-1]), color=GHOST_COLOR,
            lw=1.2, baseline=None,
        )  # fmt: skip
    values = (bars.counts * bars.per)[bars.counts > 0]
    ax.set_yscale("log")
    if len(values):
        ax.set_ylim(values.min() / 4, values.max() * 2.5)


def _residuals(ax: Axes, bars: Bars, expected: Floats, color: str) -> None:
    model = np.maximum(bars.member @ expected, 1e-9)
    sigma = np.clip((bars.counts - model) / np.sqrt(model), -SIGMA, SIGMA)
    ax.axhline(0, color=GHOST_COLOR, lw=0.8)
    ax.errorbar(
        bars.middle, sigma, xerr=(bars.middle - bars.low, bars.high - bars.middle), yerr=1.0, fmt=".", ms=3.5, lw=0.8,
        color=color,
    )  # fmt: skip
    ax.set_ylim(-SIGMA, SIGMA)
    ax.set_yticks([-3, 0, 3])


def _energies(ax: Axes, *, labelled: bool) -> None:
    ax.set_xscale("log")
    ax.set_xlim(*RANGE)
    tidy(ax, minor=False)
    ax.xaxis.set_major_locator(FixedLocator(TICKS))
    ax.xaxis.set_minor_locator(FixedLocator([]))
    ax.xaxis.set_major_formatter(ScalarFormatter() if labelled else NullFormatter())
    if labelled:
        ax.set_xlabel("Energy (keV)", fontsize=NORMAL)


def _legend(data: Binned) -> str:
    behind = data.scale * data.background.sum()
    lines = [f"{data.counts.sum():.0f} counts, {RANGE[0]:g}–{RANGE[1]:g} keV", f"background {behind:.1f}"]
    return "\n".join([*lines, f"exposure {data.exposure / 1000:.1f} ks"])


def hardness_figure(
    query: Fitted, neighbors: Sequence[Drawn], known: Mapping[str, Floats], name: str
) -> Figure:
    """The query and its neighbours among the classes of the base, in the plane of two hardness ratios.

    Args:
        query: What was measured in it.
        neighbors: Nearest first.
        known: Class to hardness ratios (hm, ms) of the base's objects, (n_objects, 2).
    """
    figure = new_figure(6.6, 5.0)
    ax = figure.add_axes((0.11, 0.11, 0.62, 0.85))
    for i, (kind, points) in enumerate(sorted(known.items())):
        color, marker = _CLASS_COLORS[i % len(_CLASS_COLORS)], "ox"[i // len(_CLASS_COLORS) % 2]
        ax.plot(
            points[:, 1], points[:, 0], marker, color=color, ms=3, mew=0.4, alpha=0.45, ls="",
            label=f"{kind} ({len(points)})",
        )  # fmt: skip
    for i, neighbor in enumerate(neighbors[:NEIGHBORS]):
        if neighbor.fitted is None:
            continue
        x, y = neighbor.fitted.ratios["hr_ms"][0], neighbor.fitted.ratios["hr_hm"][0]
        ax.plot([x], [y], marker_of(i), color=color_of(i), ms=8, mec="black", mew=0.8, zorder=4)
        ax.annotate(
            str(i + 1),
            (x, y),
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=SMALL,
            fontweight="bold",
            zorder=5,
        )
    (x, x_error), (y, y_error) = query.ratios["hr_ms"], query.ratios["hr_hm"]
    ax.errorbar(
        [x],
        [y],
        xerr=[x_error],
        yerr=[y_error],
        fmt="*",
        ms=12,
        color=QUERY_COLOR,
        zorder=6,
        label=short(name, 22),
    )
    ax.set_xlim(-1.05, 1.05)
    ax.set_ylim(-1.05, 1.05)
    ax.set_xlabel("(medium − soft) / (medium + soft)", fontsize=NORMAL)
    ax.set_ylabel("(hard − medium) / (hard + medium)", fontsize=NORMAL)
    tidy(ax, grid=True)
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0), borderpad=0)
    return figure


def posterior_figure(query: Fitted) -> Figure:
    """What counts leave open of column and parameter, for each family that they allow: 68% and 95% of the posterior."""
    best = query.best
    fits = [f for f in query.fits.values() if f.log_evidence > best.log_evidence - 5]
    fits.sort(key=lambda f: -f.log_evidence)
    figure = new_figure(0.6 + 3.1 * len(fits), 3.3)
    width = 1 / len(fits)
    for i, one in enumerate(fits):
        ax = figure.add_axes((i * width + 0.19 * width, 0.16, 0.76 * width, 0.7))
        surface = one.surface
        weight = surface.posterior
        ordered = np.sort(weight.ravel())[::-1]
        levels = [float(ordered[np.searchsorted(np.cumsum(ordered), share)]) for share in (0.95, 0.68)]
        values = one.family.parameter_of(surface.values)
        top = float(weight.max()) * 1.0001
        if levels[0] < levels[1] < top:
            ax.contourf(
                surface.columns, values, weight.T, levels=[*levels, top], colors=["#BBD7EA", "#5B9BC8"]
            )
        column, value, _ = one.best
        ax.plot([column], [one.family.parameter_of(np.array(value))], "+", color=QUERY_COLOR, ms=10, mew=1.5)
        shown = weight.sum(axis=1) > 1e-3 * weight.sum(axis=1).max()
        ax.set_xlim(surface.columns[shown][0], surface.columns[shown][-1])
        shown = weight.sum(axis=0) > 1e-3 * weight.sum(axis=0).max()
        ax.set_ylim(values[shown][0], values[shown][-1])
        if one.family.logarithmic and values[shown][-1] > WIDE * values[shown][0]:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.set_xlabel("log column (1/cm²)", fontsize=NORMAL)
        ax.set_ylabel(
            {"gamma": "photon index Γ", "kt": "kT (keV)"}[one.family.parameter], fontsize=NORMAL, labelpad=1
        )
        less = (
            ""
            if one is best
            else f", ln evidence {one.log_evidence - best.log_evidence:.1f}".replace("-", "−")
        )
        ax.set_title(f"{one.family.name}{less}", fontsize=SMALL)
        tidy(ax, minor=False)
    return figure


#: Bins of the small curve.
SKETCHED = 48


def sketch(counts: Counts) -> Floats:
    """Net counts over the fitted energies, in bins of equal width in log energy, (`SKETCHED`,)."""
    middle = np.sqrt(counts.response.e_min * counts.response.e_max)
    edges = np.geomspace(*RANGE, SKETCHED + 1)
    net = np.where(counts.good, counts.counts - counts.background_scale * counts.background, 0.0)
    return np.histogram(middle, edges, weights=net)[0]
