"""Points in a part of a map as an image, in some milliseconds for a million of them.

Where many points are seen each pixel takes the colour that most of its points have (of a scale: their mean), the more
opaque the more there are; where few are seen they are discs. Images have a palette of colours and opacities and a
transparent ground, so that they are small and stand on light as on dark pages.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.serve.service.map.colours import OUTSIDE, Colouring

#: Up to so many points in view are discs, and of so many or fewer each is as large, pixels.
DISCS = 20_000
RADII = ((200, 5.0), (2_000, 3.5), (6_000, 2.5), (DISCS, 1.6))

#: Most pixels of an image, and of a side.
MOST_PIXELS, MOST_SIDE = 3_000_000, 4000

#: Opacity of a pixel with one point, and of points that a condition leaves out.
FAINT, LEFT_OUT = 0.4, 0.22

Places = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """A part of a map, and the image of it.

    Attributes:
        left, right, bottom, top: In units of the map.
        width, height: Pixels.
        ratio: Pixels of the image for one of the page.
    """

    left: float
    right: float
    bottom: float
    top: float
    width: int
    height: int
    ratio: float = 1.0

    def pixels(self, places: Places) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Column and row of places, (n,) each, from the upper left; also of those outside."""
        across = np.float32(self.width / (self.right - self.left))
        down = np.float32(self.height / (self.top - self.bottom))
        return (places[:, 0] - np.float32(self.left)) * across, (np.float32(self.top) - places[:, 1]) * down


def image(
    places: Places, colouring: Colouring, window: Window, chosen: NDArray[np.bool_] | None = None
) -> bytes:
    """A PNG of the points in a window.

    Args:
        places: Shape (n_objects, 2).
        colouring: Of the objects.
        window: What is seen.
        chosen: Objects that meet a condition, (n_objects,); the others are shown pale. All if None.
    """
    column, row = window.pixels(places)
    margin = RADII[0][1] * window.ratio + 1
    seen = np.flatnonzero(
        (column >= -margin)
        & (column < window.width + margin)
        & (row >= -margin)
        & (row < window.height + margin)
    )
    column, row, codes = column[seen], row[seen], colouring.codes[seen]
    inside = None if chosen is None else chosen[seen]
    painted = _Painted(window, colouring.colors)
    few = len(seen) <= DISCS
    if inside is not None:
        outside = ~inside
        if few:
            painted.discs(column[outside], row[outside], None, len(seen))
        else:
            painted.density(column[outside], row[outside], None, colouring.ends is not None)
        column, row, codes = column[inside], row[inside], codes[inside]
    if few:
        painted.discs(column, row, codes, len(seen))
    else:
        painted.density(column, row, codes, colouring.ends is not None)
    return painted.png()


class _Painted:
    """An image of indices: 0 for nothing, then each colour in rising opacity."""

    def __init__(self, window: Window, colors: tuple[str, ...]) -> None:
        self.window = window
        self.colors = (*colors, OUTSIDE)
        self.levels = 255 // len(self.colors)
        self.index = np.zeros(window.width * window.height, np.uint8)

    def density(
        self,
        column: NDArray[np.float32],
        row: NDArray[np.float32],
        codes: NDArray[np.uint8] | None,
        mean: bool,
    ) -> None:
        """Paint pixels by how many points lie in them; without codes as points that are left out."""
        width, height = self.window.width, self.window.height
        whole = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        at = row[whole].astype(np.int64) * width + column[whole].astype(np.int64)
        counts = np.bincount(at, minlength=width * height)
        full = np.flatnonzero(counts)
        if not len(full):
            return
        if codes is None:
            color = np.full(len(full), len(self.colors) - 1)
            opacity = np.full(len(full), LEFT_OUT)
        else:
            color = (_mean if mean else _most)(at, codes[whole], len(self.colors) - 1, counts, full)
            many = np.log1p(np.quantile(counts[full], 0.98))
            opacity = FAINT + (1 - FAINT) * np.minimum(np.log1p(counts[full]) / max(many, np.log(3)), 1)
        self._paint(full, color, opacity)

    def discs(
        self,
        column: NDArray[np.float32],
        row: NDArray[np.float32],
        codes: NDArray[np.uint8] | None,
        seen: int,
    ) -> None:
        """Paint discs, of overlapping ones the last on top; without codes as points that are left out."""
        width, height = self.window.width, self.window.height
        radius = next(r for most, r in RADII if seen <= most) * self.window.ratio
        top = np.full(width * height, -1, np.int32)
        cover = np.zeros(width * height, np.float32)
        x, y = np.round(column).astype(np.int64), np.round(row).astype(np.int64)
        points = np.arange(len(x), dtype=np.int32)
        reach = int(np.ceil(radius))
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                share = min(max(radius + 0.5 - float(np.hypot(dx, dy)), 0.0), 1.0)
                there = (x + dx >= 0) & (x + dx < width) & (y + dy >= 0) & (y + dy < height)
                if share == 0 or not there.any():
                    continue
                at, own = (y[there] + dy) * width + x[there] + dx, points[there]
                above = own >= top[at]
                # Of several at one pixel the last in order stays, which is the topmost.
                top[at[above]] = own[above]
                cover[at[above]] = share
        full = np.flatnonzero(top >= 0)
        if codes is None:
            self._paint(full, np.full(len(full), len(self.colors) - 1), LEFT_OUT * cover[full])
        else:
            self._paint(full, codes[top[full]], 0.9 * cover[full])

    def _paint(
        self, at: NDArray[np.int64], color: NDArray[np.integer], opacity: NDArray[np.floating]
    ) -> None:
        level = np.clip(np.ceil(opacity * self.levels), 1, self.levels).astype(np.int64)
        self.index[at] = 1 + color.astype(np.int64) * self.levels + level - 1

    def png(self) -> bytes:
        """The image as a file."""
        from PIL import Image

        made = Image.fromarray(self.index.reshape(self.window.height, self.window.width), "P")
        rgb = [(0, 0, 0)] + [_rgb(color) for color in self.colors for _ in range(self.levels)]
        made.putpalette([part for color in rgb for part in color])
        steps = [round(255 * (level + 1) / self.levels) for level in range(self.levels)]
        written = io.BytesIO()
        made.save(
            written,
            "PNG",
            transparency=bytes([0, *(steps * len(self.colors))]),
            compress_level=3,
            optimize=False,
        )
        return written.getvalue()


def _most(
    at: NDArray[np.int64],
    codes: NDArray[np.uint8],
    n: int,
    counts: NDArray[np.int64],
    full: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The colour that most points of each full pixel have; of equally frequent ones the rarer in all."""
    best, most = np.zeros(len(full), np.int64), np.zeros(len(full), np.int64)
    for code in range(n):
        own = np.bincount(at[codes == code], minlength=len(counts))[full]
        better = (own >= most) & (own > 0)
        best[better], most[better] = code, own[better]
    return best


def _mean(
    at: NDArray[np.int64],
    codes: NDArray[np.uint8],
    n: int,
    counts: NDArray[np.int64],
    full: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The mean step of the points of each full pixel that have a value; the last colour where none has one."""
    known = codes < n - 1
    count = np.bincount(at[known], minlength=len(counts))[full]
    total = np.bincount(at[known], codes[known], minlength=len(counts))[full]
    return np.where(count > 0, np.round(total / np.maximum(count, 1)), n - 1).astype(np.int64)


def _rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
