"""Knowledge bases from spectra: create, add, encode again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, load_encoder, shipped_encoders
from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import BATCH, embed, loaded, vectors_of
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import SpectrumSet

Progress = Callable[[int], None]

#: Encoders of the further views of a new base, beside "shape", if they come with the package.
STANDARD_VIEWS: dict[str, str] = {"surprise": "surprise"}


def standard_views() -> dict[str, str]:
    """Further views of a new base: those of `STANDARD_VIEWS` whose encoder comes with the package."""
    return {view: name for view, name in STANDARD_VIEWS.items() if name in shipped_encoders()}


def create(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    encoder: Encoder | str = "base",
    *,
    views: Mapping[str, Encoder | str] | None = None,
    progress: Progress | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base from batches of spectra; `progress` is called with the number added.

    Args:
        encoder: Encoder of the view "shape". Spectra that it refuses are left out.
        views: Encoders of further views; `standard_views()` if None.
    """
    encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
    others = loaded(standard_views() if views is None else views)
    base: KnowledgeBase | None = None
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, encoder, others)
        refusals += embedded.refusals
        if len(embedded.spectra):
            if base is None:
                # A base stopped before `complete` is recognised as incomplete.
                base = KnowledgeBase.create(
                    path, embedded.spectra, embedded.views, encoder=encoder.name, complete=False
                )
            else:
                base.add(embedded.spectra, embedded.views)
        if progress:
            progress(len(batch))
    if base is None:
        reason = f" The first reason: {refusals[0].error}" if refusals else ""
        raise KnowledgeError(
            f"{path}: no spectrum could be added ({len(refusals)} refused), so no base was made.{reason}"
        )
    base.optimize()
    base.complete()
    return base, refusals


def add(
    base: KnowledgeBase,
    batches: Iterable[SpectrumSet],
    *,
    upsert: bool = False,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Refusals after adding spectra to a base, embedded with its own encoders."""
    encoders = loaded(base.encoders)
    main = encoders.pop(base.space().views[0])
    refusals: list[Refusal] = []
    for batch in batches:
        embedded = embed(batch, main, encoders)
        refusals += embedded.refusals
        if len(embedded.spectra):
            write = base.upsert if upsert else base.add
            write(embedded.spectra, embedded.views)
        if progress:
            progress(len(batch))
    return refusals


def reencode(
    base: KnowledgeBase,
    views: Mapping[str, Encoder | str] | None = None,
    *,
    progress: Progress | None = None,
) -> list[Refusal]:
    """Refusals after encoding views of a base again from its stored spectra, or adding views, as one new version.

    `views` gives the encoder of each view; if None all views are encoded again by their own encoders. No object is
    removed: one that an encoder refuses has no vector in that view, and the flag `view_missing`.
    """
    encoders = loaded(base.encoders if views is None else views)
    since, ids = base.version, base.rows(columns=[]).column("object_id").to_pylist()
    parts: dict[str, list[Embeddings]] = {view: [] for view in encoders}
    refusals: list[Refusal] = []
    for start in range(0, len(ids), BATCH):
        spectra = base.spectra(ids[start : start + BATCH])
        for view, encoder in encoders.items():
            _, _, vectors, refused = vectors_of(spectra, encoder)
            parts[view].append(vectors)
            refusals += [Refusal(r.name, f"view {view}: {r.error}") for r in refused]
        if progress:
            progress(len(spectra))
    base.reencode({view: _joined(found) for view, found in parts.items()}, since=since)
    return refusals


def _joined(parts: Sequence[Embeddings]) -> Embeddings:
    return replace(
        parts[0],
        vectors=np.concatenate([p.vectors for p in parts]),
        object_id=np.concatenate([p.object_id for p in parts]),
        coverage=np.concatenate([p.coverage for p in parts]),
    )
