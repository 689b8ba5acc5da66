"""The encoders of a base: those that somebody gives, else those that the base names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spectrove.encoders import Encoder
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase
from spectrove.pipeline.column_views import columns_encoder, is_of_columns
from spectrove.pipeline.shipped import load_encoder

#: Encoders by view; a single encoder is that of the default view.
Encoders = Encoder | Mapping[str, Encoder] | None


def encoders_of(base: KnowledgeBase, views: Iterable[str], given: Encoders = None) -> dict[str, Encoder]:
    """Encoder of each of these views, in their order: the one given, else the one named by the base."""
    known = {DEFAULT_VIEW: given} if isinstance(given, Encoder) else dict(given or {})
    return {view: known.get(view) or encoder_of(base, view) for view in views}


def encoder_of(base: KnowledgeBase, view: str) -> Encoder:
    """The encoder that the base names for a view, or keeps if the view is made of catalog columns."""
    return columns_encoder(base, view) if is_of_columns(base, view) else load_encoder(base.encoders[view])


def loaded(encoders: Mapping[str, Encoder | str]) -> dict[str, Encoder]:
    """Encoders by view, loaded if given by name or folder."""
    return {view: load_encoder(e) if isinstance(e, str) else e for view, e in encoders.items()}
