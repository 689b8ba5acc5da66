"""Knowledge bases: vectors, labels and spectra of known objects, and exact search among them."""

from __future__ import annotations

from spectrove.knowledge.base import KnowledgeBase
from spectrove.knowledge.lookup import FOLDS, Searched
from spectrove.knowledge.neighbors import Neighbors
from spectrove.knowledge.schema import DEFAULT_VIEW

__all__ = ["DEFAULT_VIEW", "FOLDS", "KnowledgeBase", "Neighbors", "Searched"]
