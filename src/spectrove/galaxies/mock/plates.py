"""Where a mock object sits: plate, night, fibre, sky position, ids and split."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

#: Mock plates count from here; SDSS and eBOSS plates end far below.
FIRST_PLATE = 20000

#: Fibres of a plate, and plates of even the smallest survey, so that splits by plate have something to split.
MAX_FIBERS, MIN_PLATES = 640, 20

#: The pipeline run that mock files name, as SDSS main-survey ones do.
RUN2D = 26


@dataclass(frozen=True)
class Place:
    """Identity of one object."""

    plate: int
    mjd: int
    fiberid: int
    ra: float
    dec: float
    split: str

    @property
    def object_id(self) -> str:
        """PLATE-MJD-FIBER, as SDSS names files."""
        return f"{self.plate:04d}-{self.mjd}-{self.fiberid:04d}"

    @property
    def specobjid(self) -> str:
        """SDSS's formula, as text: mock plates lie beyond its 14 bits, so it is wider than 64 bits."""
        return str(self.plate << 50 | self.fiberid << 38 | (self.mjd - 50000) << 24 | RUN2D << 10)


def place_of(i: int, n: int, test_share: float, seed: int) -> Place:
    """The place of the i-th of n objects. Plates differ between seeds, so that surveys can be joined."""
    n_plates = max(min(MIN_PLATES, max(n, 1)), math.ceil(n / MAX_FIBERS))
    which, fiber = i % n_plates, i // n_plates
    # A spiral over the sky puts plates far apart; a sunflower of fibres fills each.
    turn = math.pi * (3 - math.sqrt(5))
    k = which + 0.5 + (seed % 997) / 997
    dec0 = math.degrees(math.asin(np.clip(1 - 2 * k / (n_plates + 1), -0.98, 0.98)))
    ra0 = math.degrees(k * turn) % 360
    radius = 1.45 * math.sqrt((fiber + 0.5) / MAX_FIBERS)
    dec = dec0 + radius * math.sin(fiber * turn)
    ra = (ra0 + radius * math.cos(fiber * turn) / math.cos(math.radians(dec))) % 360
    n_test = min(max(round(test_share * n_plates), 1 if test_share > 0 else 0), n_plates)
    # Every plate has its turn: test plates are spread evenly along the list.
    is_test = (which * n_test) % n_plates < n_test
    return Place(
        plate=FIRST_PLATE + (seed % 700) * 100 + which,
        mjd=52000 + (7 * which + seed) % 3000,
        fiberid=fiber + 1,
        ra=round(ra, 6),
        dec=round(float(dec), 6),
        split="test" if is_test else "train",
    )
