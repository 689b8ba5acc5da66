"""How every figure looks: colours, sizes, and the way from a figure to PNG bytes or a file."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from spectrove.errors import DatasetError

#: Colours of neighbours 1, 2, 3 ...: the palette of Okabe & Ito (2008), legible with every colour vision.
#: Numbers and marker shapes say the same, so no colour is needed to read a figure.
NEIGHBOR_COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808000")
NEIGHBOR_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
QUERY_COLOR = "#111111"
GHOST_COLOR = "#BBBBBB"
FIT_COLOR = "#B000B0"
GRID_COLOR = "#DDDDDD"
#: The mark on what an answer rests on.
DECIDES = "#D55E00"

SMALL, NORMAL, LARGE = 8.5, 9.5, 11.0
DPI = 150
_PALETTE = 160


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure, inches, with a canvas of its own: no global state is touched."""
    figure = Drawing(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


class Drawing(Figure):
    """A figure that a notebook shows by itself: whoever draws without pyplot would see its size in words."""

    def _repr_png_(self) -> bytes:
        return png(self)


def tidy(ax: Axes, *, grid: bool = False, minor: bool = True) -> None:
    """Inward ticks on four sides and readable numbers; `minor` ticks cost half the time of a small panel."""
    ax.tick_params(which="both", direction="in", top=True, right=True, labelsize=SMALL)
    if minor:
        ax.minorticks_on()
    for spine in ax.spines.values():
        spine.set_linewidth(0.8)
    if grid:
        ax.grid(color=GRID_COLOR, lw=0.6)
        ax.set_axisbelow(True)


def color_of(i: int) -> str:
    """Colour of the i-th neighbour, from 0."""
    return NEIGHBOR_COLORS[i % len(NEIGHBOR_COLORS)]


def marker_of(i: int) -> str:
    """Marker of the i-th neighbour, from 0."""
    return NEIGHBOR_MARKERS[i % len(NEIGHBOR_MARKERS)]


def short(name: str, most: int = 24) -> str:
    """A name short enough for a plot: the middle of long names is cut; the page has them in full."""
    return name if len(name) <= most else f"{name[: most // 2 - 1]}…{name[-(most // 2 - 1) :]}"


def png(figure: Figure, dpi: int = DPI) -> bytes:
    """The figure as PNG; equal figures give equal bytes (no date, no version inside).

    Figures have few colours: a palette makes the file three times smaller, and no eye sees it.
    """
    packed = io.BytesIO()
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    flat = picture.quantize(_PALETTE, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    flat.save(packed, format="png", optimize=True, dpi=(dpi, dpi))
    return packed.getvalue()


def save(data: bytes, path: Path | str) -> Path:
    """Writes bytes to a file at once or not at all; gives the path.

    Raises:
        DatasetError: If the folder cannot be written or the disk is full; nothing half-written stays.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DatasetError(
            f"{path}: could not be written ({error.strerror or error}). Name a file in a folder that can be "
            "written and has space left."
        ) from error
    return path
