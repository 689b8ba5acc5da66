"""Names of spectral lines above a plot: short spelling, doublets joined, labels without overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectrove.lines import Line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Blue and brown differ for every kind of colour vision, and the dash pattern differs as well.
KIND_STYLE: dict[str, tuple[str, tuple[float, ...]]] = {
    "emission": ("#0072B2", (4, 2)),
    "absorption": ("#8C510A", (1, 2)),
}
#: Two lines of one ion closer than this share a label, angstrom.
_DOUBLET = 16.0


@dataclass(frozen=True)
class LineLabel:
    """One label: its text, the rest wavelengths it marks (vacuum angstrom), and the kind of line."""

    text: str
    wavelengths: tuple[float, ...]
    kind: str

    @property
    def center(self) -> float:
        """Mean of the wavelengths."""
        return float(np.mean(self.wavelengths))


def pretty(name: str) -> str:
    """A line's printed name with Greek letters at its element: "Fe K alpha" as "Fe Kα"."""
    for word, letter in {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ"}.items():
        name = name.replace(f" {word}", letter)
    return name


def line_labels(low: float, high: float, lines: Sequence[Line]) -> list[LineLabel]:
    """Labels of those lines that lie between two rest wavelengths, in order, those of close lines of one ion joined."""
    labels: list[LineLabel] = []
    for line in sorted(lines, key=lambda item: item.wavelength):
        if not low <= line.wavelength <= high:
            continue
        text, previous = pretty(line.name), labels[-1] if labels else None
        ion, _, number = text.rpartition(" ")
        if (
            previous
            and ion
            and previous.text.startswith(ion + " ")
            and line.wavelength - previous.wavelengths[-1] < _DOUBLET
        ):
            first = previous.text.removeprefix(f"{ion} ").partition("–")[0]
            joined = (
                f"{first}, {number}"
                if len(previous.wavelengths) == 1
                else f"{first.partition(',')[0]}–{number}"
            )
            wavelengths = (*previous.wavelengths, line.wavelength)
            labels[-1] = LineLabel(f"{ion} {joined}", wavelengths, line.kind)
        else:
            labels.append(LineLabel(text, (line.wavelength,), line.kind))
    return labels


def spread(wanted: ArrayLike, gap: float, low: float, high: float) -> NDArray[np.float64]:
    """Positions as close as possible to the wanted ones, at least `gap` apart, between `low` and `high`.

    Least squares with order kept: subtract i * gap, fit the best non-decreasing sequence, add it back.

    Source:
        Pool-adjacent-violators algorithm (isotonic regression).
    """
    wanted = np.asarray(wanted, dtype=float)
    n = len(wanted)
    if n > 1 and (n - 1) * gap > high - low:
        gap = (high - low) / (n - 1)
    blocks: list[tuple[float, int]] = []
    for value in wanted - gap * np.arange(n):
        blocks.append((float(value), 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, na), (b, nb) = blocks[-2:]
            blocks[-2:] = [((a * na + b * nb) / (na + nb), na + nb)]
    fitted = np.concatenate([np.zeros(0)] + [np.full(count, value) for value, count in blocks])
    return np.clip(fitted, low, max(low, high - gap * max(n - 1, 0))) + gap * np.arange(n)


def mark_lines(ax: Axes, labels: Sequence[LineLabel], *, size: float = 9.0, lift: float = 0.34) -> None:
    """Draw a thin dashed mark per line, and its name above the axes with a leader to the mark.

    Args:
        ax: Axes in rest-frame angstrom, limits already set.
        labels: The lines to mark.
        size: Font size, points.
        lift: Height of the leaders above the axes, inches.
    """
    mark_only(ax, labels)
    figure = ax.get_figure(root=True)
    assert figure is not None
    box = ax.get_position()
    width = box.width * figure.get_size_inches()[0]
    height = box.height * figure.get_size_inches()[1]
    low, high = ax.get_xlim()
    per_inch = (high - low) / width
    where = spread([item.center for item in labels], 1.45 * size / 72 * per_inch, low, high)
    transform = ax.get_xaxis_transform()
    for item, x in zip(labels, where, strict=True):
        color, _ = KIND_STYLE[item.kind]
        for wavelength in item.wavelengths:
            knee = [1.0, 1.0 + 0.25 * lift / height, 1.0 + 0.85 * lift / height, 1.0 + lift / height]
            ax.plot(
                [wavelength, wavelength, x, x], knee, transform=transform, color=color, lw=0.6, alpha=0.8,
                clip_on=False, zorder=0.5,
            )  # fmt: skip
        ax.text(
            float(x), 1.0 + (lift + 0.03) / height, item.text, transform=transform, rotation=90,
            fontsize=size, color=color, ha="center", va="bottom",
        )  # fmt: skip


def mark_only(ax: Axes, labels: Sequence[LineLabel], *, stretch: float = 1.0) -> None:
    """Draw a thin dashed mark per line, without names; `stretch` is 1 + z if the axes are in the observed frame."""
    for item in labels:
        color, dashes = KIND_STYLE[item.kind]
        for wavelength in item.wavelengths:
            ax.axvline(wavelength * stretch, color=color, lw=0.7, alpha=0.55, dashes=dashes, zorder=0.5)
