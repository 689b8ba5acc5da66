"""What an object's own lines say of each class, as a witness beside its neighbours.

A target or a label whose classes are regions of a diagram names the diagram (`lines = "bpt_nii"`). Then the share of
the line errors that falls into the region of each class enters the calibration as one more feature, whose weight is
learned on the base's objects with their own plate left out. Nothing but the spectrum's pixels and its redshift is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.cores import in_processes
from spectrove.galaxies.line_classes import REGIONS, class_shares, judged, measured, region_shares, regions_of
from spectrove.galaxies.lines import BPT_CLASSES
from spectrove.inference.kept import measured_once
from spectrove.inference.per_spectrum import PerSpectrum
from spectrove.knowledge import KnowledgeBase
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.work import advance

#: Raised whenever the same spectrum's lines say something else.
LINES_VERSION = 1

#: A class counts for no less than this share of the draws: two careful fits differ more often than the errors say. Of
#: .02 and .005 the larger gave the smaller log-loss and the larger F1 (five-fold, SDSS development set).
LEAST_SHARE = 0.02

#: Spectra of the base that are read at once.
BLOCK = 128

#: From so many spectra on, every core measures.
MANY = 1000

#: Told how many spectra more have been measured.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class LineWitness:
    """What the lines say of the classes of one question.

    Attributes:
        diagram: Name of the diagram.
        kinds: Label values, or groups of them, that are told apart.
        regions: The regions of the diagram that each stands for; empty where lines cannot judge it.
    """

    diagram: str
    kinds: tuple[str, ...]
    regions: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        """Name of its term in a calibration."""
        return "lines"

    def support(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log of the share of the line errors in the region of each kind, (n_spectra, n_kinds).

        Args:
            share: From `line_shares`, (n_spectra, n_regions); where it is NaN all kinds get the same.
        """
        known = np.isfinite(share).all(axis=1)
        found = np.zeros((len(share), len(self.kinds)))
        if known.any():
            found[known] = np.log(np.maximum(class_shares(share[known], self.regions), LEAST_SHARE))
        return found

    def outside(self, share: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share of the line errors in regions of the diagram that none of the kinds stands for, (n_spectra,)."""
        named = {name for of in self.regions for name in of}
        others = [i for i, name in enumerate(REGIONS) if name not in named]
        return np.nan_to_num(share[:, others]).sum(axis=1)


def line_witness(diagram: str | None, kinds: Mapping[str, str]) -> LineWitness | None:
    """The witness for a question; None where no diagram is named, or lines tell none of its kinds apart.

    Args:
        diagram: Name of a diagram, so far "bpt_nii" alone.
        kinds: Label value to kind, as in `KnowledgeBase.search_by_class`.
    """
    names = tuple(dict.fromkeys(kinds.values()))
    if not diagram or not judged(tuple(kinds)):
        return None
    regions = tuple(
        tuple(dict.fromkeys(r for value, kind in kinds.items() if kind == name for r in regions_of(value)))
        for name in names
    )
    return LineWitness(diagram, names, regions)


def line_shares(spectra: SpectrumSet) -> NDArray[np.float64]:
    """The share of the line errors in each region of the diagram, (n_spectra, n_regions); NaN where not covered."""
    return np.array(_shares(spectra)).reshape(len(spectra), len(REGIONS))


_shares = PerSpectrum(lambda spectra: [region_shares(measured(s)) for s in spectra])


def class_alone(queries: SpectrumSet, target: Target) -> dict[str, str]:
    """The class that the lines alone make most probable, by object id; none where they are not covered."""
    values = [value for of in target.classes.values() for value in map(str, of) if value != "*"]
    classes = dict(zip(values, target.classes_of(values), strict=True))
    kinds = {v: str(c) for v, c in classes.items()} if len(set(classes.values())) > 1 else {}
    if not kinds:  # one class against all others: each region but its own is another
        own = {region for value in values for region in regions_of(value)}
        other = next(c for c in target.classes if c != target.positive)
        kinds = {
            region: target.positive if region in own else other for region in (*BPT_CLASSES, "quiescent")
        }
    witness = line_witness("bpt_nii", kinds)
    if witness is None:
        return {}
    share = line_shares(queries)
    best = witness.support(share).argmax(axis=1)
    rows = np.flatnonzero(np.isfinite(share).all(axis=1)).tolist()
    return {str(queries.object_id[i]): witness.kinds[int(best[i])] for i in rows}


def line_shares_of_base(
    base: KnowledgeBase, object_id: Sequence[str], progress: Progress | None = None
) -> NDArray[np.float64]:
    """`line_shares` of objects of a base, measured once and kept with it in KB/lines/."""
    key = canonical_json({"lines_version": LINES_VERSION, "version": base.measured_version})

    def measure(names: Sequence[str]) -> NDArray[np.float64]:
        parts = []
        blocks = (base.spectra(names[start : start + BLOCK]) for start in range(0, len(names), BLOCK))
        # Starting processes takes as long as a few hundred spectra.
        for part in in_processes(line_shares, blocks) if len(object_id) >= MANY else map(line_shares, blocks):
            parts.append(part)
            advance(len(part))
            if progress:
                progress(len(part))
        return np.concatenate(parts)

    shares = measured_once(base, "lines", key, object_id, measure, doing="measuring the lines")
    return shares.reshape(len(object_id), len(REGIONS))
