"""A base in an object store is searched by an index that lies on this machine, and by no other base's."""

from __future__ import annotations

import numpy as np
import pytest
from tests.knowledge.conftest import build_spectra, build_vectors

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase

ADDRESS, N = "s3://bucket/big.kb", 60
NAMES = [f"{i:04d}-51602-0001" for i in range(N)]


def made(seed=0) -> KnowledgeBase:
    views = {"shape": build_vectors(NAMES, seed)}
    return KnowledgeBase.create(ADDRESS, build_spectra(NAMES, seed), views, encoder="made-up")


def queries() -> Embeddings:
    return build_vectors(["q0", "q1", "q2"], 5)


def found(base, **conditions):
    answer = base.search(queries(), 4, **conditions)
    return answer.object_id.tolist(), [d.hex() for d in answer.distance.ravel().tolist()], answer.rows


@pytest.fixture
def near(store, tmp_path, monkeypatch):
    """Where indices of bases in the object store lie; small bases are worth one."""
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    monkeypatch.setenv("SPECTROVE_INDEX", str(tmp_path / "near"))
    return tmp_path / "near"


def state(base):
    return base.index_state()["views"]["shape"]


def test_it_answers_as_looking_at_all_does_and_reads_no_vectors(near, store, monkeypatch):
    """Also when opened again, after additions and deletions; nothing of it is in the store."""
    base = made()
    assert state(base)["state"] == "absent"
    expected = found(base), found(base, where="plate = 1001")
    assert base.build_index() == ["shape"]
    assert [name for name in store if "/index" in name] == []
    with monkeypatch.context() as patch:
        patch.setattr(
            "spectrove.knowledge.reading.Reader._read_vectors", lambda *_: pytest.fail("all were read")
        )
        opened = KnowledgeBase.open(ADDRESS)
        assert (found(opened), found(opened, where="plate = 1001")) == expected
        opened.add(build_spectra(["new"]), {"shape": Embeddings(
            queries().vectors[:1], np.array(["new"]), queries().fingerprint, queries().coverage[:1], "made-up"
        )})  # fmt: skip
        opened.delete(f"object_id = '{expected[0][0][1][0]}'")
        now = found(opened)
        assert state(opened)["state"] == "used"
    assert now[0][0][0] == "new"
    monkeypatch.delenv("SPECTROVE_INDEX")
    far = KnowledgeBase.open(ADDRESS)
    assert found(far) == now
    assert state(far)["state"] == "impossible"
    assert "SPECTROVE_INDEX" in state(far)["why"]
    assert far.build_index() == []


def test_an_index_of_an_earlier_base_at_the_address_is_not_used(near, store):
    """Its versions have the same numbers, its objects the same names."""
    made().build_index()
    for name in list(store):
        del store[name]
    other = made(seed=1)
    assert state(other)["state"] == "absent"
    assert found(other)[0] != []
    other.build_index()
    assert state(other)["state"] == "used"
    assert len(list(near.iterdir())) == 2
