"""Search by regions of the spectrum: a shortlist from the embedding, ranked by the pixels of the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.embed import Encoders, embed_queries, encoders_of
from spectrove.inference.regions import (
    SHORTLIST,
    Region,
    check_regions,
    cut_out,
    parse_region,
    rank_in_regions,
)
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.ask import Answers, answers_of
from spectrove.pipeline.domains import domain_of
from spectrove.spectra import SpectrumSet


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
    chosen = parse_regions(base, regions)
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
    neighbors, distance = rank_in_regions(base, cut, proposed, chosen, k)
    answers = answers_of(embedded, neighbors)
    return RegionAnswers(
        answers.spectra, answers.neighbors, refusals=answers.refusals, metric=answers.metric,
        region_distance=distance, regions=chosen,
    )  # fmt: skip


def parse_regions(
    base: KnowledgeBase, regions: Sequence[Region | str | tuple[float, float]]
) -> tuple[Region, ...]:
    """Regions from pairs of wavelengths, ranges as text, and names of lines of the kind of light of the base.

    Raises:
        SpectroveError: A region cannot be understood.
    """
    lines = domain_of(base).lines
    return tuple(
        region
        if isinstance(region, Region)
        else parse_region(region if isinstance(region, str) else f"{region[0]}:{region[1]}", lines)
        for region in regions
    )
