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
#: Neighbours of each object that are compared.
PAIRS_EACH = 3
#: Chi2 per pixel of the difference of two spectra. Independent spectra of one source give 1. Below SHARED they have
#: the same noise: one is a copy of the other.
SHARED = 0.5
#: Up to this chi2 two spectra may be of one source. Reported only if the positions are unknown: different quiescent
#: galaxies give 1.0 to 1.1 at S/N 40.
ALIKE = 1.2
#: Least median S/N per pixel of the noisier spectrum: noisy spectra agree whatever their sources.
LEAST_SN = 10.0
#: Least number of good pixels in common.
LEAST_PIXELS = 100


def duplicates(base: KnowledgeBase, label: str, *, near: float = NEAR) -> list[Finding]:
    """Copies and repeated observations among the objects of the base, the most certain first.

    Pairs that are near in the default view, or within 2 arcsec on the sky, are compared pixel by pixel in the observed
    frame. Spectra with the same noise are copies, and removal of the second (by id) is suggested. Another observation
    of the same position is a repeat, which a vote counts as the same object: no change is suggested. Spectra with
    unknown positions that differ by no more than their noise are reported as repeats too.

    Args:
        base: The base.
        label: The label column that the findings quote.
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
    """Vectors and sky positions of the objects of the default view, and their labels."""
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
    """Indices of the pairs to compare, the lower id first."""
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
    same_place = apart <= SAME_OBJECT_ARCSEC  # NaN (unknown position) compares false
    scatter, sn = difference(first, second)
    where = f"{apart:.1f} arcsec apart" if np.isfinite(apart) else "positions unknown"
    other = str(snapshot.object_id[i])

    def finding(kind: str, action: str, confidence: float, reason: str) -> Finding:
        name = str(snapshot.object_id[j])
        return Finding(name, kind, label, current, action, None, confidence, reason, (other,))

    if scatter < SHARED:
        words = f"same pixels as {other}, including the noise (chi2 per pixel {scatter:.2f}; {where})"
        return finding("duplicate", "remove", 1 - scatter / 2, words)
    if same_place:
        words = f"{where} from {other}: another observation of the same object, excluded from its vote"
        return finding("repeat", "keep", 1.0, words)
    if scatter <= ALIKE and sn >= LEAST_SN and not np.isfinite(apart):
        words = f"differs from {other} by no more than the noise (chi2 per pixel {scatter:.2f}, S/N {sn:.0f}; {where})"
        return finding("repeat", "keep", 0.5, words)
    return None


def difference(first: Spectrum, second: Spectrum) -> tuple[float, float]:
    """Chi2 per pixel of the difference of two spectra, and the median S/N per pixel of the noisier one.

    The second spectrum is interpolated linearly to the pixels of the first and scaled to its flux by one factor.
    Chi2 is infinite if they have fewer than 100 good pixels in common.
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
