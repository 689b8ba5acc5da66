"""Knowledge bases: vectors, labels and spectra of known objects, and exact search among them."""

from __future__ import annotations

from spectrove.knowledge.base import DEFAULT_VIEW, KnowledgeBase
from spectrove.knowledge.neighbors import Neighbors

__all__ = ["DEFAULT_VIEW", "KnowledgeBase", "Neighbors"]
