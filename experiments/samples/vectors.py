"""Spectra with their vectors: some of them, and several sets as one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from experiments.samples.surveys import without_pixels
from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.inference.embed import Embedded, vectors_of
from spectrove.spectra import SpectrumSet


def embedded(spectra: SpectrumSet, encoder: Encoder) -> Embedded:
    """Vectors of the spectra that the encoder takes, one pixel each; it reads pixels and redshifts alone."""
    rows, _, vectors, _ = vectors_of(spectra, encoder)
    return Embedded(without_pixels(spectra.take(rows)), vectors)


def take(embedded: Embedded, index: NDArray) -> Embedded:
    """The chosen objects of a set that is whole, in the order of `index`."""
    views = {view: vectors.take(index) for view, vectors in embedded.views.items()}
    return replace(
        embedded,
        spectra=embedded.spectra.take(index),
        embeddings=embedded.embeddings.take(index),
        views=views,
    )


def joined(parts: list[Embedded]) -> Embedded:
    """Several as one."""
    if len(parts) == 1:
        return parts[0]
    views = {view: _stacked([p.views[view] for p in parts]) for view in parts[0].views}
    spectra = SpectrumSet.concatenate([p.spectra for p in parts])
    refusals = tuple(r for p in parts for r in p.refusals)
    return Embedded(spectra, _stacked([p.embeddings for p in parts]), refusals, views)


def _stacked(parts: list[Embeddings]) -> Embeddings:
    """Vectors of one encoder, one after the other."""
    vectors, names, coverage = (
        np.concatenate([getattr(p, name) for p in parts]) for name in ("vectors", "object_id", "coverage")
    )
    return replace(parts[0], vectors=vectors, object_id=names, coverage=coverage)
