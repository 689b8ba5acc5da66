"""The encoders of a base: those that somebody gives, else those that the base names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spectrove.encoders import Encoder
from spectrove.knowledge import DEFAULT_VIEW, KnowledgeBase
from spectrove.pipeline.shipped import load_encoder

#: Encoders by view; a single encoder is that of the default view.
Encoders = Encoder | Mapping[str, Encoder] | None


def encoders_of(base: KnowledgeBase, views: Iterable[str], given: Encoders = None) -> dict[str, Encoder]:
    """Encoder of each of these views, in their order: the one given, else the one named by the base."""
    known = {DEFAULT_VIEW: given} if isinstance(given, Encoder) else dict(given or {})
    return {view: known.get(view) or load_encoder(base.encoders[view]) for view in views}


def loaded(encoders: Mapping[str, Encoder | str]) -> dict[str, Encoder]:
    """Encoders by view, loaded if given by name or folder."""
    return {view: load_encoder(e) if isinstance(e, str) else e for view, e in encoders.items()}
