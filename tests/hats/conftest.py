"""Small bases and catalogs with positions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.knowledge.conftest import build_spectra, build_vectors

from spectrove.knowledge import KnowledgeBase


@pytest.fixture
def make_base(tmp_path) -> Callable[[], KnowledgeBase]:
    """Forty objects all over the sky; the last ten have no vector in the second view, the last no position."""

    def make(name: str = "sdss.kb") -> KnowledgeBase:
        ids = [f"{i:04d}-51602-0001" for i in range(40)]
        spectra = build_spectra(ids, ra=[*range(0, 351, 9)] + [None], dec=[*range(-39, 39, 2)] + [None])
        views = {"shape": build_vectors(ids), "own": build_vectors(ids[:30], 5, 3)}
        return KnowledgeBase.create(tmp_path / name, spectra, views, encoder="made-up")

    return make
