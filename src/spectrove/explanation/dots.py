"""Objects as dots of a figure: numbers beside them that hide nothing, and their names at the side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from spectrove.explanation.style import NORMAL, SMALL

#: Where a number may stand around its point, in points; the first free one is taken.
_AROUND = (
    (7, 6),
    (7, -11),
    (-12, 6),
    (-12, -11),
    (0, 11),
    (0, -16),
    (15, -3),
    (-20, -3),
    (16, 13),
    (-20, 15),
)


class Dot(Protocol):
    """An object on a figure."""

    @property
    def name(self) -> str: ...
    @property
    def color(self) -> str: ...
    @property
    def marker(self) -> str: ...
    @property
    def size(self) -> float: ...
    @property
    def number(self) -> str: ...

    @property
    def absent(self) -> str:
        """Why it is not drawn; "" if it is."""


D = TypeVar("D", bound=Dot)


def number_dots(ax: Axes, dots: Sequence[tuple[D, float, float]]) -> None:
    """A number beside each dot at x, y, at the first place around it that no dot or number takes."""
    dpi = ax.get_figure(root=True).dpi  # type: ignore[union-attr]
    taken = [ax.transData.transform((x, y)) for _, x, y in dots]
    for p, x, y in dots:
        if not p.number:
            continue
        here = ax.transData.transform((x, y))
        options = [(dx, dy, here + np.array([dx + 4, dy + 4]) * dpi / 72) for dx, dy in _AROUND]
        distances = [min(float(np.hypot(*(at - t))) for t in taken) for _, _, at in options]
        free = [i for i, d in enumerate(distances) if d > 9.5 * dpi / 72]
        dx, dy, at = options[free[0] if free else int(np.argmax(distances))]
        taken.append(at)
        ax.annotate(
            p.number, (x, y), (dx, dy), textcoords="offset points", fontsize=NORMAL, fontweight="bold",
            color=p.color, zorder=5,
        )  # fmt: skip


def dot_legend(figure: Figure, dots: Sequence[Dot]) -> None:
    """The names of the objects on the right; then those that cannot be drawn, with the reason."""
    off: list[str] = []
    y = 0.925
    for p in dots:
        name = f"{p.number}  {p.name}" if p.number else p.name
        if p.absent:
            off.append(f"{name}:\n    {p.absent}")
            continue
        wrapped = name.replace(" (", "\n     (") if p.number else name.replace(" ", "\n", 1)
        figure.add_artist(_marker(figure, p, 0.708, y - 0.012))
        figure.text(0.728, y, wrapped, fontsize=SMALL, va="top", color=p.color, linespacing=1.25)
        y -= 0.072
    if off:
        figure.text(0.7, y - 0.02, "Not on the diagram", fontsize=SMALL, va="top", fontweight="bold")
        figure.text(
            0.7, y - 0.055, "\n".join(off), fontsize=SMALL, va="top", color="#444444", linespacing=1.3
        )


def _marker(figure: Figure, p: Dot, x: float, y: float) -> Line2D:
    return Line2D(
        [x], [y], marker=p.marker, color=p.color, ms=min(p.size, 13), mec="white", mew=0.7, ls="",
        transform=figure.transFigure,
    )  # fmt: skip
