"""Counts in a knowledge base: kept, given back and searched as any other spectra."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from tests.xray.ogip_files import CHANNELS, smooth_area, write_pha, write_source

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase
from spectrove.xray.counts import CountSet
from spectrove.xray.ogip import read_counts

N = len(CHANNELS) - 1


@pytest.fixture
def three(tmp_path):
    """Two spectra of one response, and one of another."""
    rng = np.random.default_rng(0)
    write_source(tmp_path, "a", rng.poisson(3, N), background=rng.poisson(1, N))
    write_pha(tmp_path / "b.pi", rng.poisson(2, N), RESPFILE="a.rmf", ANCRFILE="a.arf")
    write_source(tmp_path, "c", rng.poisson(1, N), area=smooth_area(300))
    return read_counts([tmp_path / f"{name}.pi" for name in "abc"])[0]


def vectors(ids):
    made = np.arange(4.0 * len(ids), dtype=np.float32).reshape(len(ids), 4)
    return Embeddings(made, np.array(ids), "0123456789abcdef", np.tile([0.5, 7.0], (len(ids), 1)), "hardness")


def test_counts_come_back_with_background_exposure_and_response(three, tmp_path):
    """From memory, and from a folder that is opened again."""
    views = {"shape": vectors(three.object_id.tolist())}
    KnowledgeBase.create(tmp_path / "x.kb", three, views, encoder="hardness", domain="xray")
    for base in (
        KnowledgeBase.open(tmp_path / "x.kb", batch=CountSet),
        KnowledgeBase.in_memory(three, views, encoder="hardness", domain="xray"),
    ):
        again = base.spectra(["c", "a", "b"])
        assert isinstance(again, CountSet)
        assert base.domain == "xray"
        assert len(again.responses) == 2
        for name in ("counts", "background", "quality", "background_scale", "exposure"):
            assert_array_equal(getattr(again, name), getattr(three.take([2, 0, 1]), name))
        photons = np.linspace(1, 2, len(three.responses[1].area))
        assert_array_equal(again[0].response.fold(photons), three[2].response.fold(photons))


def test_more_counts_are_added(three):
    """One spectrum that is there under another id is stored once."""
    base = KnowledgeBase.in_memory(three.take([0, 2]), {"shape": vectors(["a", "c"])}, encoder="hardness")
    base.add(three.take([1]), {"shape": vectors(["b"])})
    assert base.spectra(["b"]).rows.column("path").to_pylist() == three.take([1]).column("path")
    found = base.search(vectors(["b"]), 2, spectra=three.take([1]))
    assert set(found.object_id[0].tolist()) == {"a", "c"}
