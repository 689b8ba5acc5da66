"""Near-duplicates: copies and repeated observations among the objects of a base."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.knowledge import schema
from spectrove.knowledge.curation import Finding
from spectrove.knowledge.search import SAME_OBJECT_ARCSEC, Snapshot, nearest, separation_arcsec
from spectrove.spectra import Spectrum
from spectrove.targets import label_text

if TYPE_CHECKING:
    from spectrove.knowledge.base import KnowledgeBase

#: Only pairs nearer than this are compared pixel by pixel, in units of the median nearest-neighbour distance.
NEAR = 0.5
#: Neighbours of each object that are looked at.
PAIRS_EACH = 3
#: Scatter of the difference of two spectra over what their errors allow (chi2 per pixel): independent spectra of one
#: source give 1; below SHARED they share their noise, so that one is a copy of the other.
SHARED = 0.5
#: Up to here two spectra may be of one source. Only said where places are unknown: quiescent galaxies far apart in
#: the sky give 1.0 to 1.1 at S/N 40.
ALIKE = 1.2
#: Alike beyond the noise only means something where the noise is small: median S/N per pixel of the noisier one.
LEAST_SN = 10.0
#: Fewest good pixels in common.
LEAST_PIXELS = 100


def duplicates(base: KnowledgeBase, label: str, *, near: float = NEAR) -> list[Finding]:
    """Copies and repeated observations among the objects of the base, the surest first.

    A pair that is near in the default view, or within 2 arcsec in the sky, is compared pixel by pixel in the observed
    frame. Spectra that share even their noise are copies: the second of the two (by id) is suggested for removal.
    Another observation of the same place is a repeat, which a vote treats as the same object: nothing is suggested.
    Nor is it for spectra of unknown places that differ by no more than their noise.

    Args:
        base: The base.
        label: The label column whose values are quoted.
        near: Distance, in units of the median nearest-neighbour distance, below which a pair is compared.
    """
    snapshot, values = _read(base, label)
    found = []
    for i, j in sorted(_pairs(snapshot, near * base.scale)):
        first, second = base.spectra([str(snapshot.object_id[i]), str(snapshot.object_id[j])])
        if finding := _compared(snapshot, i, j, first, second, label, values[j]):
            found.append(finding)
    return sorted(found, key=lambda f: (f.kind == "repeat", -f.confidence, f.object_id))


def _read(base: KnowledgeBase, label: str) -> tuple[Snapshot, list[str | None]]:
    """Vectors and places of the objects of the default view, and their labels."""
    view = base.space().views[0]
    vectors = base.embeddings(view)
    columns = [name for name in ("ra", "dec", label) if name in base.columns]
    table = base.rows(columns=columns)
    place = {name: i for i, name in enumerate(table.column("object_id").to_pylist())}
    table = table.take(pa.array([place[name] for name in vectors.object_id.tolist()], pa.int64()))
    ra, dec = schema.sky_positions(table)
    own = np.arange(len(vectors), dtype=np.uint64)
    values = table.column(label).to_pylist() if label in columns else [None] * len(own)
    snapshot = Snapshot(own, vectors.object_id, vectors.vectors, vectors.coverage, ra, dec)
    return snapshot, [label_text(value) for value in values]


def _pairs(snapshot: Snapshot, limit: float) -> set[tuple[int, int]]:
    """Places of the pairs to compare, the lower id first."""
    positions, distance = nearest(
        snapshot, snapshot.vectors, PAIRS_EACH, None, [np.array([i]) for i in range(len(snapshot))]
    )
    pairs = [(i, int(j)) for i, j in _entries(positions, distance <= limit)]
    for i in range(len(snapshot)):
        same = snapshot.same_object(str(snapshot.object_id[i]), float(snapshot.ra[i]), float(snapshot.dec[i]))
        pairs += [(i, int(j)) for j in same if j != i]
    order = snapshot.object_id
    return {(i, j) if order[i] < order[j] else (j, i) for i, j in pairs}


def _entries(positions: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    for i, column in zip(*np.nonzero(chosen & (positions >= 0)), strict=True):
        yield int(i), int(positions[i, column])


def _compared(
    snapshot: Snapshot, i: int, j: int, first: Spectrum, second: Spectrum, label: str, current: str | None
) -> Finding | None:
    apart = float(
        separation_arcsec(snapshot.ra[i], snapshot.dec[i], snapshot.ra[j : j + 1], snapshot.dec[j : j + 1])[0]
    )
    same_place = apart <= SAME_OBJECT_ARCSEC  # an unknown place compares false
    scatter, sn = difference(first, second)
    where = f"{apart:.1f} arcsec apart" if np.isfinite(apart) else "places unknown"
    other = str(snapshot.object_id[i])

    def finding(kind: str, action: str, confidence: float, reason: str) -> Finding:
        name = str(snapshot.object_id[j])
        return Finding(name, kind, label, current, action, None, confidence, reason, (other,))

    if scatter < SHARED:
        words = f"the same pixels as {other}, noise included (chi2 per pixel {scatter:.2f}; {where})"
        return finding("duplicate", "remove", 1 - scatter / 2, words)
    if same_place:
        words = f"{where} from {other}: another observation of it; it never votes on itself"
        return finding("repeat", "keep", 1.0, words)
    if scatter <= ALIKE and sn >= LEAST_SN and not np.isfinite(apart):
        words = f"differs from {other} by no more than noise (chi2 per pixel {scatter:.2f}, S/N {sn:.0f}; {where})"
        return finding("repeat", "keep", 0.5, words)
    return None


def difference(first: Spectrum, second: Spectrum) -> tuple[float, float]:
    """Chi2 per pixel of the difference of two spectra, and the median S/N per pixel of the noisier one.

    The second is brought to the pixels of the first by linear interpolation, and to its brightness by one factor.
    Infinite where they share fewer than 100 good pixels.
    """
    second, _ = second.with_gaps_filled()
    wave = np.asarray(first.wavelength, dtype=float)
    good = np.asarray(first.good) & (np.asarray(first.ivar) > 0)
    their_good = np.asarray(second.good) & (np.asarray(second.ivar) > 0)
    theirs = np.asarray(second.wavelength, dtype=float)
    if good.sum() < LEAST_PIXELS or their_good.sum() < LEAST_PIXELS:
        return float("inf"), 0.0
    flux = np.interp(wave, theirs, np.asarray(second.flux, dtype=float))
    variance = np.interp(wave, theirs[their_good], 1 / np.asarray(second.ivar, dtype=float)[their_good])
    good &= np.interp(wave, theirs, (~their_good).astype(float), left=1.0, right=1.0) == 0
    if good.sum() < LEAST_PIXELS:
        return float("inf"), 0.0
    a, b = np.asarray(first.flux, dtype=float)[good], flux[good]
    own, other = 1 / np.asarray(first.ivar, dtype=float)[good], variance[good]
    factor = float((a * b / own).sum() / max((b * b / own).sum(), 1e-300))
    sn = min(float(np.median(np.abs(a) / np.sqrt(own))), float(np.median(np.abs(b) / np.sqrt(other))))
    return float(((a - factor * b) ** 2 / (own + factor**2 * other)).mean()), sn
