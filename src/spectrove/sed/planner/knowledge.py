"""What earlier fits taught: the best models of galaxies, which are tried where another galaxy looks alike.

A galaxy never learns from itself: `Knowledge.similar` leaves out what has its name, its place or its photometry.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import DatasetError
from spectrove.sed.likelihood import Photometry

#: Of the form of a file.
VERSION = 1

#: Weight of a difference in redshift, in mag for each unit of ln(1 + z); most mag that one band counts.
PER_REDSHIFT, MOST = 5.0, 1.0

#: Fewest bands in common.
COMMON = 4

#: Magnitudes that differ by less in every band are the same photometry, and positions within so many arcsec one object.
SAME, SAME_PLACE = 0.01, 2.0


@dataclass(frozen=True)
class Known:
    """A galaxy that was fitted.

    Attributes:
        name: Of the object.
        z: Its redshift.
        magnitudes: By band, less their median.
        best: Parameters of the best model.
        modules: Of its structure.
        place: Right ascension and declination, degrees; None if they are not known.
    """

    name: str
    z: float
    magnitudes: dict[str, float]
    best: dict[str, float]
    modules: tuple[str, ...] = ()
    place: tuple[float, float] | None = None


@dataclass
class Knowledge:
    """Of galaxies that were fitted before.

    Attributes:
        galaxies: In the order in which they came.
    """

    galaxies: list[Known] = field(default_factory=list)

    def similar(self, galaxy: Photometry, bands: tuple[str, ...], count: int) -> list[dict[str, float]]:
        """Best models of the galaxies whose colours and redshifts are nearest, never of the galaxy itself."""
        own, place = magnitudes(galaxy, bands), place_of(galaxy)
        found: list[tuple[float, int, dict[str, float]]] = []
        for one in self.galaxies:
            common = [band for band in own if band in one.magnitudes]
            if one.name == galaxy.object_id or len(common) < COMMON or _one_place(one.place, place):
                continue
            apart = np.array([own[band] - one.magnitudes[band] for band in common])
            apart -= np.median(apart)
            if (abs(apart) < SAME).all():
                continue
            far = float(np.sqrt(np.mean(np.minimum(abs(apart), MOST) ** 2)))
            if np.isfinite(galaxy.z):
                far += PER_REDSHIFT * abs(np.log((1 + one.z) / (1 + galaxy.z)))
            found.append((far, len(found), one.best))
        return [best for _, _, best in sorted(found, key=lambda row: row[:2])[:count]]

    def learn(
        self, galaxy: Photometry, bands: tuple[str, ...], best: dict[str, float], modules: tuple[str, ...]
    ) -> None:
        """Keep the best model of a galaxy, in the place of an earlier one of the same name."""
        self.galaxies = [one for one in self.galaxies if one.name != galaxy.object_id]
        self.galaxies.append(
            Known(galaxy.object_id, galaxy.z, magnitudes(galaxy, bands), best, modules, place_of(galaxy))
        )

    def write(self, path: Path) -> None:
        """Write all as JSON."""
        rows = [vars(one) | {"modules": list(one.modules)} for one in self.galaxies]
        path.write_text(json.dumps({"version": VERSION, "galaxies": rows}), "utf-8")

    @staticmethod
    def read(path: Path) -> Knowledge:
        """What `write` wrote.

        Raises:
            DatasetError: It cannot be read, or is not of this form.
        """
        try:
            made: Any = json.loads(path.read_text("utf-8"))
            if made["version"] != VERSION:
                raise ValueError(f"its form is version {made['version']}, expected {VERSION}")
            return Knowledge([
                Known(str(row["name"]), _number(row["z"]), _numbers(row["magnitudes"]), _numbers(row["best"]),
                      tuple(str(name) for name in row["modules"]), _place(row.get("place")))
                for row in made["galaxies"]
            ])  # fmt: skip
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise DatasetError(
                f"{path}: no knowledge of galaxies ({error}). Give a file that sed plan --knowledge wrote."
            ) from error


def _numbers(row: dict[str, Any]) -> dict[str, float]:
    return {str(name): _number(value) for name, value in row.items()}


def _number(value: Any) -> float:
    if not np.isfinite(number := float(value)):
        raise ValueError(f"{number:g}, expected a number")
    return number


def _place(value: Any) -> tuple[float, float] | None:
    if value is None:
        return None
    ra, dec = value
    return _number(ra), _number(dec)


def place_of(galaxy: Photometry) -> tuple[float, float] | None:
    """Right ascension and declination, degrees; None if its table has none."""
    ra, dec = (float(galaxy.carried.get(name, np.nan)) for name in ("ra", "dec"))
    return (ra, dec) if np.isfinite([ra, dec]).all() else None


def _one_place(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    """Whether two positions are of one object."""
    if one is None or other is None:
        return False
    ra, dec, ra2, dec2 = np.radians([*one, *other])
    half = np.sin((dec - dec2) / 2) ** 2 + np.cos(dec) * np.cos(dec2) * np.sin((ra - ra2) / 2) ** 2
    return bool(np.degrees(2 * np.arcsin(min(1.0, np.sqrt(half)))) * 3600 < SAME_PLACE)


def magnitudes(galaxy: Photometry, bands: tuple[str, ...]) -> dict[str, float]:
    """Magnitudes of the measured bands with a flux above 0, less their median."""
    usable: NDArray[np.bool_] = galaxy.measured & (np.nan_to_num(galaxy.flux) > 0)
    if not usable.any():
        return {}
    mag = -2.5 * np.log10(galaxy.flux[usable])
    mag = mag - np.median(mag)
    return {bands[i]: float(value) for i, value in zip(np.flatnonzero(usable), mag, strict=True)}
