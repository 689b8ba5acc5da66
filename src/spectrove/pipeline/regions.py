"""Search by regions of the spectrum: a shortlist from the embedding, ranked by the pixels of the regions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.embed import embed_queries
from spectrove.inference.regions import (
    Region,
    check_regions,
    cut_out,
    parse_region,
    rank_in_regions,
)
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.answers import Answers, Match, described, matches_of, provenance_of
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.options import RegionOptions, options_of
from spectrove.pipeline.queries import any_spectra
from spectrove.spectra import SpectrumSet


@any_spectra
def search_region(
    base: KnowledgeBase,
    spectra: SpectrumSet,
    regions: Region | str | tuple[float, float] | Sequence[Region | str | tuple[float, float]],
    **options: Any,
) -> Answers:
    """The known spectra most similar to each query in the regions, among those nearest in the embedding.

    The region distance is the weighted rms difference in the regions, corrected for noise, as a fraction of the
    continuum; infinite with too few common pixels.

    Args:
        base: The base.
        spectra: The queries.
        regions: Rest frame, vacuum angstrom: (low, high), "6500:6800", or the name of a line. Differences in several
            regions are added, pixel by pixel. One region may be given alone.
        options: See `options.RegionOptions`; the shortlist is k at least.

    Raises:
        SpectroveError: A region cannot be understood, or lies outside the range of the encoder.
    """
    asked = options_of(RegionOptions, "search_region", options)
    chosen = parse_regions(base, regions)
    space = base.space()
    encoders = encoders_of(base, space.views, asked.encoder)
    check_regions(chosen, encoders[space.views[0]].preprocess)

    embedded = embed_queries(spectra, encoders)
    cut, refused = cut_out(embedded.spectra, chosen)
    embedded = embedded.among(cut.object_id, refused)
    proposed = base.search(
        embedded.views, max(asked.shortlist, asked.k), spectra=embedded.spectra, where=asked.where,
        view=space.weights, allow_self=asked.allow_self,
    )  # fmt: skip
    ranked, distance = rank_in_regions(base, cut, proposed, chosen, asked.k)
    neighbors = described(embedded, ranked)
    return Answers(
        "search_region", base, embedded.spectra, _matches(neighbors, distance, chosen), embedded.refusals, neighbors,
        provenance=provenance_of(base, encoders, region=", ".join(map(str, chosen)), **asked.model_dump()),
    )  # fmt: skip


def _matches(
    neighbors: Neighbors, distance: NDArray[np.float64], regions: Sequence[Region]
) -> tuple[Match, ...]:
    """The matches of each query, with the distance in the regions beside that in the embedding."""
    ends = tuple((region.low, region.high) for region in regions)
    return tuple(
        replace(
            match,
            neighbors=tuple(
                near | {"region_distance": there} for near, there in zip(match.neighbors, far, strict=False)
            ),
            regions=ends,
        )
        for match, far in zip(matches_of(neighbors), distance.tolist(), strict=True)
    )


def parse_regions(
    base: KnowledgeBase,
    regions: Region | str | tuple[float, float] | Sequence[Region | str | tuple[float, float]],
) -> tuple[Region, ...]:
    """Regions from pairs of wavelengths, ranges as text, and names of lines of the kind of light of the base; or one.

    Raises:
        KnowledgeError: The spectra of the base are no fluxes.
        SpectroveError: A region cannot be understood.
    """
    domain = domain_of(base)
    given: Any = regions
    alone = isinstance(given, Region | str) or (len(given) == 2 and all(map(_is_number, given)))
    chosen = [given] if alone else list(given)
    if chosen and domain.files is not None:
        raise KnowledgeError(
            f"{base.path.name}: a base of {domain.name} has no flux on wavelengths, in which regions are compared. "
            "Search without a region: the whole spectra are compared."
        )
    return tuple(
        region
        if isinstance(region, Region)
        else parse_region(region if isinstance(region, str) else f"{region[0]}:{region[1]}", domain.lines)
        for region in chosen
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number)
