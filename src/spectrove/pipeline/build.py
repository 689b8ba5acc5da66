"""Knowledge bases from spectra: made, added to, encoded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder, load_encoder, shipped_encoders
from spectrove.errors import KnowledgeError, Refusal
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.embed import BATCH, embed, loaded, vectors_of
from spectrove.spectra import SpectrumSet

Progress = Callable[[int], None]

#: View to its encoder: what a new base gets besides its shape, as far as these encoders come along.
STANDARD_VIEWS: dict[str, str] = {"surprise": "surprise"}


def standard_views() -> dict[str, str]:
    """The further views of a new base: those of `STANDARD_VIEWS` whose encoder comes with the package."""
    return {view: name for view, name in STANDARD_VIEWS.items() if name in shipped_encoders()}


def create(
    path: Path | str,
    batches: Iterable[SpectrumSet],
    encoder: Encoder | str = "base",
    *,
    views: Mapping[str, Encoder | str] | None = None,
    progress: Progress | None = None,
) -> tuple[KnowledgeBase, list[Refusal]]:
    """A new knowledge base from batches of spectra; `progress` is told how many were added.

    Args:
        encoder: What makes the view "shape". Spectra that it refuses are left out.
        views: Further views and what makes them; `standard_views()` if None.
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
                # Until `complete` a base that was stopped half-way is recognised as half-made.
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
    """Add spectra to a base, embedded with its own encoders; returns what was refused."""
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
    """Make views of a base anew from its stored spectra, or add views, as one new version; what they refused.

    `views` says what makes each; if None all of the base's are made by their own encoders. Every object stays: one
    that a view refuses has no vector in it, and the flag `view_missing`.
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
