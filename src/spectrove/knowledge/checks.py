"""Checks made before anything is written or searched."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spectrove.embeddings import Embeddings
from spectrove.errors import FingerprintError, KnowledgeError
from spectrove.knowledge.files import Uri
from spectrove.knowledge.reading import Reader
from spectrove.knowledge.store import Store
from spectrove.spectra import Batch


def refuse_repeats(path: Path | Uri, spectra: Batch) -> None:
    """Refuse spectra unless every id occurs once."""
    ids, counts = np.unique(spectra.object_id, return_counts=True)
    if (counts > 1).any():
        first = int(np.argmax(counts > 1))
        raise KnowledgeError(
            f"{path}: {ids[first]} occurs {counts[first]} times among the {len(spectra)} spectra to store. "
            "Leave the repeats out, or rename them; upsert them one after the other to keep the last."
        )


def refuse_known(store: Store, reader: Reader, spectra: Batch) -> None:
    """Refuse spectra unless all their ids are new to the base."""
    ids = spectra.object_id.tolist()
    if known := reader.known_ids(ids):
        first = next(name for name in ids if name in known)
        raise KnowledgeError(
            f"{store.path}: {first} is in the base already ({len(known)} of {len(spectra)} are). "
            "Use upsert to replace objects that are there."
        )


def check_views(store: Store, reader: Reader, views: Mapping[str, Embeddings]) -> None:
    """Refuse vectors unless they are of exactly the views of the base, made by its encoders."""
    have = reader.views()
    if set(views) != set(have):
        raise KnowledgeError(
            f"{store.path}: the base has the views {', '.join(have)}, found {', '.join(views) or 'none'}. "
            "Give vectors for exactly these views."
        )
    for view, vectors in views.items():
        check_vectors(store, reader, vectors, view)


def check_view(store: Store, reader: Reader, view: str) -> None:
    """Refuse a view name unless the base has this view."""
    views = reader.views()
    if view not in views:
        raise KnowledgeError(
            f"{store.path}: no view {view!r}; it has {', '.join(views)}. Name one of these, or add the view with "
            f"kb reencode --view {view}=ENCODER."
        )


def check_query(store: Store, reader: Reader, query: Embeddings, view: str) -> None:
    """Refuse query vectors unless they are finite and fit the view."""
    check_view(store, reader, view)
    check_vectors(store, reader, query, view)
    if not np.isfinite(query.vectors).all():
        bad = query.object_id[~np.isfinite(query.vectors).all(axis=1)]
        raise KnowledgeError(
            f"{bad[0]}: its vector holds NaN or infinity ({len(bad)} such queries). Leave these spectra out."
        )


def check_vectors(store: Store, reader: Reader, vectors: Embeddings, view: str) -> None:
    """Refuse vectors unless they have the fingerprint and the length of the view."""
    known = reader.views()[view]
    if vectors.fingerprint != known.fingerprint:
        raise FingerprintError(
            f"{store.path}: view {view} holds vectors with fingerprint {known.fingerprint} (encoder "
            f"{known.encoder or 'unknown'}), these have {vectors.fingerprint or 'none'} "
            f"(encoder {vectors.encoder or 'unknown'}). Encode with the base's encoder, or make the view anew with "
            "the other one: kb reencode."
        )
    if vectors.vectors.shape[1] != known.dimensions:
        raise KnowledgeError(
            f"{store.path}: view {view} has {known.dimensions} dimensions, these vectors "
            f"{vectors.vectors.shape[1]}. Encode with the base's encoder."
        )
