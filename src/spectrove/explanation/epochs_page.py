"""The page of epochs: pairs ranked, and a figure of the first ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrove.domain import Variability
from spectrove.explanation.pages import render
from spectrove.explanation.style import GRID_COLOR, NORMAL, SMALL, new_figure, png, save, tidy
from spectrove.explanation.tables import Table
from spectrove.inference.differences.changes import Change, sky_pixels, still_pixels
from spectrove.inference.differences.epochs import EPOCH_FLAGS, NO_CHANGE, EpochPair
from spectrove.inference.differences.pairs import Pair, gridded, pair_of
from spectrove.spectra import SpectrumSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EARLIER, LATER, SKY = "#0072B2", "#D55E00", "#BBBBBB"
#: Close-ups beside the whole range, and half their width in angstrom for a narrow line.
CLOSE_UPS, HALF = 3, 90.0

HOW = (
    "The earlier epoch is multiplied by a smooth ratio, which takes differences of calibration, seeing and fibre away, "
    "and both are brought to one resolution. Lines are measured in the difference; their error is the scatter of the "
    "same measurement where there are no lines. p is the probability that a pair in which nothing changed differs as "
    "much, from mock pairs of the same signal-to-noise ratio; corrected for the number of pairs."
)


def write_epochs_page(
    path: Path,
    spectra: SpectrumSet,
    pairs: Sequence[EpochPair],
    about: Variability,
    *,
    summary: str,
    pictures: int,
) -> Path:
    """The page as one file; returns its path.

    Args:
        spectra: All epochs.
        pairs: Ranked.
        pictures: Pairs that are drawn.
    """
    sections = [_section(spectra, pair, about) for pair in pairs[:pictures]]
    page = render(
        "epochs.html", title="Epochs compared", summary=summary, how=HOW, ranked=_ranked(pairs), sections=sections,
        footer="",
    )  # fmt: skip
    return save(page.encode(), path)


def pair_again(spectra: SpectrumSet, answer: EpochPair, about: Variability) -> Pair | None:
    """The two epochs of an answer as they were compared."""
    places = [
        int(np.flatnonzero(spectra.object_id == name)[0]) for name in (answer.earlier, answer.object_id)
    ]
    made = gridded(spectra.take(places), answer.z)
    if len(made.object_id) < 2:
        return None
    return pair_of(
        made, 0, 1, still_pixels(made.wavelength, about), sky_pixels(made.wavelength, answer.z, about)
    )


def epochs_figure(pair: Pair, answer: EpochPair) -> Figure:
    """Both epochs and the difference over its error, whole and around the lines that changed most."""
    figure = new_figure(11.0, 4.6)
    close = list({change.line: change for change in answer.changes}.values())[:CLOSE_UPS]
    grid = figure.add_gridspec(
        2, 2 + len(close), width_ratios=[3.2, 0.01, *[1.25] * len(close)], height_ratios=[2, 1], left=0.06, right=0.985,
        top=0.92, bottom=0.11, hspace=0.08, wspace=0.28,
    )  # fmt: skip
    good = np.isfinite(pair.first)
    spans = [(float(pair.wavelength[good][0]), float(pair.wavelength[good][-1]))]
    for change in close:
        middle, half = (change.low + change.high) / 2, max(HALF, 0.9 * (change.high - change.low))
        spans.append((middle - half, middle + half))
    for k, span in enumerate(spans):
        column = 0 if k == 0 else k + 1
        above, below = figure.add_subplot(grid[0, column]), figure.add_subplot(grid[1, column])
        _draw(above, below, pair, span, whole=k == 0)
        if k:
            above.set_title(_named(close[k - 1], answer), fontsize=SMALL)
            below.axvspan(close[k - 1].low, close[k - 1].high, color=LATER, alpha=0.12, lw=0)
        else:
            above.legend(
                fontsize=SMALL,
                edgecolor=GRID_COLOR,
                loc="lower left",
                bbox_to_anchor=(0, 1),
                ncols=3,
                frameon=False,
            )
            above.set_ylabel("Flux / continuum", fontsize=SMALL)
            below.set_ylabel("Δ / error", fontsize=SMALL)
        below.set_xlabel("Rest wavelength, vacuum (Å)", fontsize=SMALL if k else NORMAL)
    return figure


def _draw(above: Axes, below: Axes, pair: Pair, span: tuple[float, float], *, whole: bool) -> None:
    """One range of the pair."""
    inside = (pair.wavelength >= span[0]) & (pair.wavelength <= span[1])
    wave = pair.wavelength[inside]
    for flux, color, name in ((pair.first, EARLIER, "earlier"), (pair.second, LATER, "later")):
        above.plot(wave, flux[inside], color=color, lw=0.6 if whole else 1.0, label=name)
    over = pair.change[inside] / np.sqrt(pair.variance[inside])
    below.axhline(0, color="#777777", lw=0.6)
    below.plot(wave, over, color="#222222", lw=0.5 if whole else 0.9)
    shown = np.concatenate([pair.first[inside], pair.second[inside]])
    shown = shown[np.isfinite(shown)]
    if len(shown):
        low, high = np.percentile(shown, [0.3, 99.7] if whole else [0, 100])
        above.set_ylim(low - 0.1 * (high - low) - 0.01, high + 0.1 * (high - low) + 0.01)
    top = max(5.0, 1.1 * float(np.percentile(np.abs(over), 99.8 if whole else 100))) if len(over) else 5.0
    below.set_ylim(-top, top)
    sky = pair.sky[inside]
    for ax in (above, below):
        tidy(ax, minor=False)
        ax.set_xlim(*span)
        ax.fill_between(
            wave, 0, 1, where=sky.tolist(), transform=ax.get_xaxis_transform(), color=SKY, alpha=0.3, lw=0, zorder=0.1,
            label="sky" if ax is above else None,
        )  # fmt: skip
    above.tick_params(labelbottom=False)


def _section(spectra: SpectrumSet, answer: EpochPair, about: Variability) -> dict[str, Any]:
    """Figure, table and cautions of one pair."""
    pair = pair_again(spectra, answer, about)
    return {
        "title": f"{answer.earlier} and {answer.object_id}",
        "answer": f"{answer.what}, p {answer.p_value:.2g} (corrected {answer.p_corrected:.2g})",
        "png": png(epochs_figure(pair, answer)) if pair is not None else b"",
        "caption": f"Redshift {answer.z:.5f}; signal-to-noise ratio {answer.sn[0]:.0f} and {answer.sn[1]:.0f}; blue "
        f"over red changed by {100 * answer.colour:+.0f} % (calibration alone {100 * answer.colour_error:.0f} %).",
        "changes": _changes(answer), "cautions": [EPOCH_FLAGS[flag] for flag in answer.flags],
    }  # fmt: skip


def _changes(answer: EpochPair) -> Table:
    return Table(
        "",
        ("Change", "FWHM (km/s)", "Width (Å)", "Earlier (Å)", "Later (Å)", "Sigma", "Under sky"),
        tuple(
            (
                _named(c, answer), f"{c.broad:.0f}" if c.broad else "narrow", f"{c.width:+.2g} ± {c.error:.1g}",
                f"{c.before:.3g}", f"{c.after:.3g}", f"{abs(c.z):.1f}", f"{max(c.sky, 0):.0%}",
            )
            for c in answer.changes
        ),
        label="Changes of lines",
    )  # fmt: skip


def _named(change: Change, answer: EpochPair) -> str:
    """What happened to a line; of a pair that did not change only which line it is and how far from nothing."""
    if answer.what != NO_CHANGE:
        return change.what
    return f"{'broad ' if change.broad else ''}{change.line}: {abs(change.z):.1f} sigma"


def _ranked(pairs: Sequence[EpochPair]) -> Table:
    return Table(
        "Pairs, the most significant change first",
        ("Later", "Earlier", "p", "Corrected", "What", "S/N", "Blue/red", "Cautions"),
        tuple(
            (
                p.object_id, p.earlier, f"{p.p_value:.2g}", f"{p.p_corrected:.2g}", p.what,
                f"{p.sn[0]:.0f}, {p.sn[1]:.0f}",
                f"{100 * p.colour:+.0f} %", ", ".join(p.flags),
            )
            for p in pairs
        ),
        note="Blue/red: change of the continuum's colour, which calibration may also cause; it is no part of p.",
    )  # fmt: skip
