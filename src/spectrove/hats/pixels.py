"""HEALPix pixels of positions, in nested numbers: those of rows, those that tile a catalog, those near objects."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor, log2

import numpy as np
from numpy.typing import NDArray

from spectrove.hats.layout import Tile

#: The order in which rows are numbered: pixels of 0.4 milliarcsec.
FINEST = 29

#: Tiles are not split beyond this order, of 51 arcsec, however many rows lie in one.
DEEPEST = 12

#: Pixels of this order, of 13 arcsec, say what is near; coarser ones for distances that are large beside them.
NEAR = 14

#: Width of a pixel of order 0, arcsec, and the narrowest pixel of an order beside the mean one.
_WIDTH, _NARROWEST = 58.6 * 3600, 0.5


def pixels_at(ra: NDArray[np.float64], dec: NDArray[np.float64], order: int = FINEST) -> NDArray[np.int64]:
    """Number of the pixel of each position, degrees."""
    from astropy import units
    from astropy_healpix.core import lonlat_to_healpix

    numbers = lonlat_to_healpix(
        np.asarray(ra) * units.deg, np.asarray(dec) * units.deg, 2**order, order="nested"
    )
    return np.asarray(numbers, np.int64)


def tiles_of(numbers: NDArray[np.int64], most: int) -> list[tuple[Tile, slice]]:
    """Tiles that cover all rows, each with its rows; split in four while more than `most` rows lie in one.

    Args:
        numbers: Pixels of order 29 of the rows, ascending.
        most: Rows that a tile may have.
    """
    found = []
    waiting = [Tile(0, number) for number in reversed(range(12))]
    while waiting:
        tile = waiting.pop()
        shift = 2 * (FINEST - tile.order)
        edges = np.array([tile.number, tile.number + 1], np.int64) << shift
        start, stop = np.searchsorted(numbers, edges).tolist()
        if stop - start > most and tile.order < DEEPEST:
            waiting += [Tile(tile.order + 1, 4 * tile.number + part) for part in (3, 2, 1, 0)]
        elif stop > start:
            found.append((tile, slice(start, stop)))
    return found


class Surroundings:
    """What lies near some positions: the pixels of them, and those around each.

    Args:
        ra: Right ascension, degrees; finite.
        dec: Declination, degrees.
        radius: What is at most so far away is near, arcsec; so is some of what is a few times as far.
    """

    def __init__(self, ra: NDArray[np.float64], dec: NDArray[np.float64], radius: float) -> None:
        from astropy_healpix.core import neighbours

        self.order = max(0, min(NEAR, floor(log2(_WIDTH * _NARROWEST / radius))))
        own = np.unique(pixels_at(ra, dec, self.order))
        with np.errstate(invalid="ignore"):
            around = neighbours(own, 2**self.order, order="nested").ravel()
        self.pixels = np.unique(np.concatenate([own, around[around >= 0]]))

    def tiles(self, tiles: Iterable[Tile]) -> list[Tile]:
        """Those of the tiles that are near."""
        return [tile for tile in tiles if self._touches(tile)]

    def holds(self, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which positions are near."""
        return np.isin(pixels_at(ra, dec, self.order), self.pixels)

    def _touches(self, tile: Tile) -> bool:
        shift = 2 * (self.order - tile.order)
        if shift <= 0:
            first, last = tile.number >> -shift, (tile.number >> -shift) + 1
        else:
            first, last = tile.number << shift, (tile.number + 1) << shift
        return bool(np.diff(np.searchsorted(self.pixels, [first, last]))[0])
