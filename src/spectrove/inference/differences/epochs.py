"""Epochs of one object compared pair by pair: whether its lines changed, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Variability
from spectrove.errors import DatasetError, Refusal
from spectrove.inference.differences.changes import (
    ON_SKY,
    Change,
    line_changes,
    sky_pixels,
    still_pixels,
)
from spectrove.inference.differences.pairs import HIGHER_ORDER, Gridded, Pair, gridded, pair_of
from spectrove.spectra import SpectrumSet

Floats = NDArray[np.float64]

#: Epochs of one object lie nearer to each other, arcsec, and in redshift, as a fraction of 1 + z.
NEAR, SAME_REDSHIFT = 2.0, 0.003
#: Changes at a line that are listed, and the significance from which they are.
LISTED, LEAST_SIGMA = 6, 3.0
#: A change that loses this part of its significance with another calibration follows the calibration.
LOST = 0.5

#: What is said of a pair that did not change.
NO_CHANGE = "no change"

#: What the flags of a pair mean.
EPOCH_FLAGS = {
    "follows_calibration": "The change loses half of its significance with a calibration of higher order.",
    "on_sky_line": "The change lies under sky lines or in a band of the atmosphere.",
    "resolution_unknown": "The resolution of one epoch is not known: narrow lines were not compared.",
    "redshifts_differ": "The epochs have different redshifts; the more precise one was used for all.",
    "colour_changed": "Blue over red changed by more than three times what calibration does.",
    "low_sn": "An epoch has a signal-to-noise ratio below 3 per pixel.",
}


@dataclass(frozen=True)
class EpochPair:
    """Two epochs of one object.

    Attributes:
        object_id: The later epoch, and `earlier` the other one; in the order given where no dates are known.
        name: What the object is called: the value of the column, or the first epoch.
        p_value: Probability that a pair in which nothing changed differs as much at its best line.
        p_corrected: The same for the best of all pairs compared together.
        what: The change in words, "broad X appeared"; "no change" from `p_value` 0.05 on.
        changes: The significant changes, the most significant first.
        sn: Median signal-to-noise ratio per pixel of the earlier and the later epoch.
        colour: By which fraction blue over red grew, and `colour_error` what calibration alone does; no part of p.
        z: Redshift used.
        flags: See `EPOCH_FLAGS`.
    """

    object_id: str
    earlier: str
    name: str
    p_value: float
    p_corrected: float
    what: str
    changes: tuple[Change, ...]
    sn: tuple[float, float]
    colour: float
    colour_error: float
    z: float
    flags: tuple[str, ...] = ()

    @property
    def rank(self) -> float:
        """The most significant has the lowest."""
        return self.p_value

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `epochs --json` prints them."""
        return {
            "object_id": self.object_id, "earlier": self.earlier, "object": self.name, "p_value": self.p_value,
            "p_corrected": self.p_corrected, "what": self.what,
            "changes": [{**asdict(change), "what": change.what} for change in self.changes],
            "sn": list(self.sn), "colour": self.colour, "colour_error": self.colour_error, "z": self.z,
            "flags": list(self.flags),
        }  # fmt: skip


@dataclass(frozen=True)
class Epochs:
    """Spectra of one object: their places in a set, their redshift, and whether the redshifts disagree."""

    name: str
    places: tuple[int, ...]
    z: float
    disagree: bool = False


def grouped_epochs(spectra: SpectrumSet, by: str | None = None) -> tuple[list[Epochs], list[Refusal]]:
    """Objects with two epochs at least, and a sentence for each spectrum that has no partner.

    Args:
        by: A column with a name for each object. Otherwise spectra belong together that lie within `NEAR` on the sky
            and whose redshifts agree.

    Raises:
        DatasetError: There is no such column.
    """
    if by is not None and by not in spectra.rows.column_names:
        raise DatasetError(
            f"--by {by}: no such column among {', '.join(spectra.rows.column_names[:30])}. Name one of them."
        )
    names = _by_column(spectra, by) if by is not None else _by_position(spectra)
    found, refusals = [], []
    for name, places in names.items():
        made = _epochs(spectra, name, places, by is not None)
        if isinstance(made, str):
            refusals += [Refusal(one, f"{one}: {made}") for one in spectra.object_id[places].tolist()]
        else:
            found.append(made)
    return found, refusals


def _epochs(spectra: SpectrumSet, name: str, places: list[int], told: bool) -> Epochs | str:
    """The epochs of one object, or why they cannot be compared."""
    if len(places) < 2:
        return "no second spectrum of this object, expected two epochs. Give more spectra, or name objects with --by."
    z = spectra.z[places]
    known = z[np.isfinite(z)]
    if not len(known):
        return (
            "no epoch of this object has a redshift. Give one as column z of a catalog, or have it estimated."
        )
    apart = float(known.max() - known.min()) > SAME_REDSHIFT * (1 + float(known.min()))
    if apart and not told:
        return (
            f"the epochs at this position have redshifts {', '.join(f'{one:.5g}' for one in np.sort(known))}, expected "
            "one object. Correct the redshift, or say that it is one object with --by COLUMN."
        )
    return Epochs(name, tuple(places), _best_redshift(spectra, places), apart)


def _best_redshift(spectra: SpectrumSet, places: Sequence[int]) -> float:
    """The redshift of the epoch with the smallest error; the median where errors are unknown."""
    z = spectra.z[list(places)]
    errors = np.array(
        [value if value else np.nan for value in np.array(spectra.column("z_err"), float)[list(places)]]
    )
    good = np.isfinite(z) & np.isfinite(errors) & (errors > 0)
    return float(z[good][np.argmin(errors[good])]) if good.any() else float(np.median(z[np.isfinite(z)]))


def _by_column(spectra: SpectrumSet, by: str) -> dict[str, list[int]]:
    names: dict[str, list[int]] = {}
    for i, value in enumerate(spectra.column(by)):
        names.setdefault(str(spectra.object_id[i]) if value in (None, "") else str(value), []).append(i)
    return names


def _by_position(spectra: SpectrumSet) -> dict[str, list[int]]:
    """Spectra that are linked by positions within `NEAR`, under the id of the first."""
    from scipy.spatial import cKDTree

    ra, dec = (np.array(spectra.column(name), float) for name in ("ra", "dec"))
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    a, d = np.radians(ra[known]), np.radians(dec[known])
    points = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
    first = np.arange(len(spectra))
    pairs = cKDTree(points).query_pairs(2 * np.sin(np.radians(NEAR / 3600) / 2)) if len(known) else ()
    for i, j in sorted(pairs):
        low, high = sorted((first[known[i]], first[known[j]]))
        first[first == high] = low
    names: dict[str, list[int]] = {}
    for i, place in enumerate(first):
        names.setdefault(str(spectra.object_id[place]), []).append(i)
    return names


def compared(
    spectra: SpectrumSet,
    objects: Sequence[Epochs],
    about: Variability,
    tell: Callable[[int], None] | None = None,
) -> tuple[list[EpochPair], list[Refusal]]:
    """Every pair of epochs of the objects, and a sentence for each epoch or pair that cannot be compared."""
    pairs: list[EpochPair] = []
    refusals: list[Refusal] = []
    for one in objects:
        for result in _of_object(spectra, one, about):
            if isinstance(result, Refusal):
                refusals.append(result)
            else:
                pairs.append(result)
        if tell:
            tell(1)
    n = len(pairs)
    return [
        replace(pair, p_corrected=float(-np.expm1(n * np.log1p(-min(pair.p_value, 1 - 1e-16)))))
        for pair in pairs
    ], refusals


def _of_object(spectra: SpectrumSet, one: Epochs, about: Variability) -> Iterator[EpochPair | Refusal]:
    """The pairs of one object, the earlier epoch first."""
    epochs = spectra.take(_in_time(spectra, one.places))
    try:
        made = gridded(epochs, one.z)
    except ValueError:  # no epoch has a good pixel
        yield from (
            Refusal(name, f"{name}: no good pixel. Leave it out.") for name in epochs.object_id.tolist()
        )
        return
    yield from made.refusals
    still, sky = still_pixels(made.wavelength, about), sky_pixels(made.wavelength, one.z, about)
    for i, j in combinations(range(len(made.object_id)), 2):
        pair = pair_of(made, i, j, still, sky)
        if pair is None:
            yield Refusal(
                str(made.object_id[j]),
                f"{made.object_id[j]}: shares too few good pixels with {made.object_id[i]} (expected 300). Compare "
                "epochs of the same range.",
            )
            continue
        yield _judged(made, (i, j), pair, one, about)


def _in_time(spectra: SpectrumSet, places: Sequence[int]) -> list[int]:
    """The epochs by date where all have one, else as given."""
    if "mjd" not in spectra.rows.column_names:
        return list(places)
    dates = [spectra.column("mjd")[i] for i in places]
    if any(date is None for date in dates):
        return list(places)
    return [place for _, place in sorted(zip(dates, places, strict=True), key=lambda one: float(one[0]))]


def _judged(made: Gridded, which: tuple[int, int], pair: Pair, one: Epochs, about: Variability) -> EpochPair:
    """The significance of a pair, its changes and its controls."""
    changes = line_changes(pair, about)
    p = chance_of_pair(changes, min(pair.sn), about)
    changed = p <= 0.05
    best = _best(changes, min(pair.sn), about)
    flags = ["redshifts_differ"] * one.disagree + ["resolution_unknown"] * (not pair.sharp)
    flags += ["low_sn"] * (min(pair.sn) < 3)
    flags += ["colour_changed"] * (abs(pair.colour) > 3 * about.colour_error)
    if changed and best is not None:
        flags += ["on_sky_line"] * (best.sky > ON_SKY)
        flags += ["follows_calibration"] * _follows_calibration(made, which, best, one.z, about)
    listed = [change for change in changes if abs(change.z) >= LEAST_SIGMA or change is best][:LISTED]
    return EpochPair(
        str(made.object_id[which[1]]), str(made.object_id[which[0]]), one.name, p, p,
        _in_words(best, changes) if changed and best is not None else NO_CHANGE, tuple(listed), pair.sn, pair.colour,
        about.colour_error, one.z, tuple(flags),
    )  # fmt: skip


def chance_of_pair(changes: Sequence[Change], sn: float, about: Variability) -> float:
    """Probability that the best line of an unchanged pair is as significant: twice the smaller of broad and narrow."""
    chances = [
        float(about.chance(broad, np.array([best]), np.array([sn]))[0])
        for broad in (True, False)
        if (best := max((abs(c.z) for c in changes if bool(c.broad) == broad), default=None)) is not None
    ]
    return min(1.0, len(chances) * min(chances)) if chances else 1.0


def _best(changes: Sequence[Change], sn: float, about: Variability) -> Change | None:
    """The change that decides: the best of the broad or of the narrow lines, whichever is less probable by chance."""
    firsts = [next((c for c in changes if bool(c.broad) == broad), None) for broad in (True, False)]
    found = [c for c in firsts if c is not None]
    return min(
        found,
        key=lambda c: float(about.chance(bool(c.broad), np.array([abs(c.z)]), np.array([sn]))[0]),
        default=None,
    )


def _in_words(best: Change, changes: Sequence[Change]) -> str:
    """The decisive change, and the other lines that changed in the same way."""
    others = dict.fromkeys(
        c.line
        for c in changes
        if bool(c.broad) == bool(best.broad)
        and c.line != best.line
        and c.z * best.z > 0
        and abs(c.z) >= LEAST_SIGMA
    )
    return best.what + (f", also {', '.join(others)}" if others else "")


def _follows_calibration(
    made: Gridded, which: tuple[int, int], best: Change, z: float, about: Variability
) -> bool:
    """Whether the change depends on how smooth the ratio of the calibrations is taken to be."""
    still, sky = still_pixels(made.wavelength, about), sky_pixels(made.wavelength, z, about)
    other = pair_of(made, *which, still, sky, HIGHER_ORDER)
    if other is None:
        return True
    again = next(
        (c for c in line_changes(other, about) if c.line == best.line and c.broad == best.broad), None
    )
    return again is None or bool(again.z * np.sign(best.z) < (1 - LOST) * abs(best.z))
