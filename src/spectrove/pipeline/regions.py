"""Search by regions of the spectrum: a shortlist from the embedding, ranked by the pixels of the regions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.embed import Encoders, embed_queries, encoders_of
from spectrove.inference.regions import (
    LEAST_SHARED,
    Region,
    Stretches,
    check_regions,
    cut_out,
    parse_region,
    ranked,
    region_distances,
)
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.ask import Answers, answers_of
from spectrove.spectra import SpectrumSet

#: Length of the shortlist of each query.
SHORTLIST = 200

#: Queries whose shortlists are read from the base together.
_TOGETHER = 64

#: Flags of a whole shortlist or of whole spectra, which do not apply here.
_OF_SHORTLISTS = frozenset({"few_neighbors", "neighbor_coverage"})


@dataclass(frozen=True)
class RegionAnswers(Answers):
    """Neighbours ranked by their similarity in some regions; `neighbors.distance` is that of the embedding.

    Attributes:
        region_distance: Weighted rms difference in the regions, corrected for noise, as a fraction of the continuum, in
            the order of the neighbours; infinite with too few common pixels; (n_queries, n_neighbors).
        regions: The regions compared.
    """

    region_distance: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 0)))
    regions: tuple[Region, ...] = ()

    def to_dicts(self) -> list[dict[str, Any]]:
        """One plain dictionary per query, as printed by `search --region --json`."""
        found = self.neighbors.to_dicts()
        for row, distances in zip(found, self.region_distance.tolist(), strict=True):
            for neighbor, distance in zip(row["neighbors"], distances, strict=False):
                neighbor["region_distance"] = distance
            row["regions"] = [[region.low, region.high] for region in self.regions]
        return found


def search_region(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    regions: Sequence[Region | str | tuple[float, float]],
    *,
    k: int = 3,
    shortlist: int = SHORTLIST,
    where: str | None = None,
    allow_self: bool = False,
    encoder: Encoders = None,
) -> RegionAnswers:
    """The k known spectra most similar to each query in the regions, among those nearest in the embedding.

    Args:
        regions: Rest frame, vacuum angstrom: (low, high), "6500:6800", or the name of a line. Differences in several
            regions are added, pixel by pixel.
        shortlist: Number of nearest known spectra in the embedding that are compared; at least k.

    Raises:
        SpectroveError: A region cannot be understood, or lies outside the range of the encoder.
    """
    chosen = tuple(_region(region) for region in regions)
    space = base.space()
    encoders = encoders_of(base, space.views, encoder)
    check_regions(chosen, encoders[space.views[0]].preprocess)
    embedded = embed_queries(base, spectra, encoders, space.views)
    cut, refused = cut_out(embedded.spectra, chosen)
    keep = np.isin(embedded.spectra.object_id, cut.object_id)
    views = {view: vectors.take(keep) for view, vectors in embedded.views.items()}
    embedded = replace(
        embedded, spectra=embedded.spectra.take(keep), embeddings=embedded.embeddings.take(keep), views=views,
        refusals=(*embedded.refusals, *refused),
    )  # fmt: skip
    proposed = base.search(
        views,
        max(shortlist, k),
        spectra=embedded.spectra,
        where=where,
        view=space.weights,
        allow_self=allow_self,
    )
    neighbors, distance = _reordered(base, cut, proposed, chosen, k)
    said = answers_of(embedded, neighbors)
    return RegionAnswers(
        said.spectra, said.neighbors, refusals=said.refusals, metric=said.metric, region_distance=distance,
        regions=chosen,
    )  # fmt: skip


def _region(region: Region | str | tuple[float, float]) -> Region:
    if isinstance(region, Region):
        return region
    return parse_region(region if isinstance(region, str) else f"{region[0]}:{region[1]}")


def _reordered(
    base: KnowledgeBase, cut: Stretches, proposed: Neighbors, regions: Sequence[Region], k: int
) -> tuple[Neighbors, NDArray[np.float64]]:
    """The k most similar spectra of each shortlist in the regions, and their distances there."""
    order = np.full((len(proposed), k), proposed.k - 1)  # an empty position if there are fewer than k
    distance = np.full((len(proposed), k), np.inf)
    flags = []
    for i, (squares, shared) in enumerate(_compared(base, cut, proposed, regions)):
        far = shared < LEAST_SHARED
        best = np.lexsort((proposed.distance[i, : len(far)], np.where(far, np.inf, squares), far))[:k]
        order[i, : len(best)] = best
        distance[i, : len(best)] = np.where(far[best], np.inf, np.sqrt(np.maximum(squares[best], 0)))
        own = [f for f in proposed.flags[i] if f not in _OF_SHORTLISTS]
        own += ["few_neighbors"] if len(best) < k else []
        flags.append((*own, *(["region_coverage"] if far[best].any() else [])))
    rows = [[found[j] for j in order[i, : min(k, len(found))]] for i, found in enumerate(proposed.rows)]
    ids = np.take_along_axis(proposed.object_id, order, axis=1)
    near = np.take_along_axis(proposed.distance, order, axis=1)
    return replace(proposed, object_id=ids, distance=near, rows=rows, flags=tuple(flags)), distance


def _compared(
    base: KnowledgeBase, cut: Stretches, proposed: Neighbors, regions: Sequence[Region]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For each query, in the order of its shortlist: squared distances, and fractions of the regions in common."""
    for start in range(0, len(proposed), _TOGETHER):
        block = proposed.object_id[start : start + _TOGETHER]
        known, _ = cut_out(base.spectra(np.unique(block[block != ""])), regions, least=0.0)
        for i, listed in enumerate(block, start):
            names = listed[listed != ""]
            squares, shared = np.full(len(names), np.nan), np.zeros(len(names))
            here = np.isin(names, known.object_id)
            # The spectra of the base are returned in the order requested, that of `unique`.
            others = known.take(np.searchsorted(known.object_id, names[here]))
            square, error = region_distances(cut, i, others)
            shared[here] = cut.shared(others, i)
            comparable = shared[here] >= LEAST_SHARED
            square[comparable] = ranked(square[comparable], error[comparable])
            squares[here] = square
            yield squares, shared
