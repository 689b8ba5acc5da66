"""A base in an object store is searched by an index that lies on this machine, and by no other base's."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any, cast

import numpy as np
import pytest
from tests.knowledge.conftest import build_spectra, build_vectors

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import INDEX_LOCK, Indexed, Uri

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
    assert len(list(near.iterdir())) == 1  # that of the earlier base is gone


def test_two_stores_may_have_bases_of_one_address(near, monkeypatch):
    """The place of the store is no part of an address: neither takes or removes the index of the other."""
    address = Uri("s3://bucket/sdss.kb")
    folders = []
    for store in ("http://one.example", "http://other.example"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", store)
        files = Indexed(cast("Any", None), near, address)
        files.belongs_to("2026-01-01")
        place = files.place("index/graph")
        assert place is not None
        with files.locked(INDEX_LOCK):
            folders.append(place.parent.parent)
    assert folders[0] != folders[1]
    assert all(folder.is_dir() for folder in folders)


def test_folders_of_other_addresses_stay(near, store):
    made().build_index()
    views = {"shape": build_vectors(NAMES)}
    KnowledgeBase.create(f"{ADDRESS}-2", build_spectra(NAMES), views, encoder="made-up").build_index()
    assert len(list(near.iterdir())) == 2


def grown(base, letter, seed):
    """Vectors of three objects that were added to the base, as of unknown objects."""
    names = [f"{letter}{i}" for i in range(3)]
    base.add(build_spectra(names, seed), {"shape": build_vectors(names, seed)})
    return build_vectors(["q0", "q1", "q2"], seed)


def check_another_history(again, old, new):
    """`again` finds what is in it, and says why its index is not used; a new index is."""
    found = state(again)
    assert (found["state"], "another history" in found["why"]) == ("other history", True)
    assert "index" not in again.info()["views"]["shape"]
    assert again.search(new, 1).object_id.ravel().tolist() == ["y0", "y1", "y2"]
    assert not {"x0", "x1", "x2"} & set(again.search(old, 3).object_id.ravel().tolist())
    assert again.search(new, 1).rows[0][0]["object_id"] == "y0"
    again.build_index()
    assert state(again)["state"] == "used"
    assert again.search(new, 1).object_id.ravel().tolist() == ["y0", "y1", "y2"]
    assert again.search(new, 1).rows[0][0]["object_id"] == "y0"


def test_an_index_of_what_came_after_a_backup_is_not_used_once_it_is_restored(near, store):
    """The version has the same number, the base the same time of making; the objects are others."""
    base = made()
    backup = dict(store)
    old = grown(base, "x", 11)
    base.build_index()
    for name in list(store):
        del store[name]
    store.update(backup)
    again = KnowledgeBase.open(ADDRESS)
    assert state(again)["state"] == "other history"  # at an earlier version than that of the index
    new = grown(again, "y", 12)
    assert again.version == base.version
    check_another_history(KnowledgeBase.open(ADDRESS), old, new)


@pytest.mark.parametrize("restored", ["all", "tables"])
@pytest.mark.parametrize("forgotten", [False, True])
def test_nor_is_that_of_a_base_on_disk(tmp_path, monkeypatch, restored, forgotten):
    """Also where only the tables were restored, and when the version of the index was forgotten since."""
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    place, backup = tmp_path / "big.kb", tmp_path / "backup"
    base = KnowledgeBase.create(
        place, build_spectra(NAMES), {"shape": build_vectors(NAMES)}, encoder="made-up"
    )
    shutil.copytree(place, backup)
    old = grown(base, "x", 11)
    base.build_index()
    for part in backup.iterdir():
        if part.is_dir() and part.suffix == ".lance":
            shutil.rmtree(place / part.name)
            shutil.copytree(part, place / part.name)
        elif part.is_file() and restored == "all":
            shutil.copy(part, place / part.name)
    again = KnowledgeBase.open(place)
    new = grown(again, "y", 12)
    assert again.version == base.version
    if forgotten:
        again.optimize(forget_older_than=timedelta(0))
    check_another_history(KnowledgeBase.open(place), old, new)


def test_an_index_whose_version_was_forgotten_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    views = {"shape": build_vectors(NAMES)}
    base = KnowledgeBase.create(tmp_path / "big.kb", build_spectra(NAMES), views, encoder="made-up")
    base.build_index()
    grown(base, "x", 11)
    base.optimize(forget_older_than=timedelta(0))
    assert min(v["version"] for v in base.versions()) > 1
    assert state(KnowledgeBase.open(base.path))["state"] == "used"


def test_a_folder_that_cannot_be_made_only_keeps_an_index_from_being_made(
    near, store, tmp_path, monkeypatch, caplog
):
    """The base is read and written as without one; who makes an index is told where it failed."""
    near.write_text("a file, not a folder")
    base = made()
    assert found(KnowledgeBase.open(ADDRESS))[0] != []
    assert "has no index" in caplog.text
    assert state(base)["state"] == "absent"
    assert base.info()["rows"] == N
    base.add(build_spectra(["new"]), {"shape": build_vectors(["new"], 7)})
    with pytest.raises(KnowledgeError, match=f"could not make an index.*{near}"):
        base.build_index()


def test_to_open_a_base_makes_no_folder(near, store):
    made()
    KnowledgeBase.open(ADDRESS).search(queries(), 2)
    assert not near.exists()
