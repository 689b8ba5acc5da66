"""Several processes on one base in an object store: writers take turns, readers see whole versions, all is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from tests.knowledge.at_once import BATCH, BATCHES, ask

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase, turns

ADDRESS, LEASE = "s3://bucket/a.kb", 3.0
ROOT = Path(__file__).parents[2]


@pytest.fixture
def base(store, ids, make_spectra, make_vectors) -> KnowledgeBase:
    views = {"shape": make_vectors(ids)}
    return KnowledgeBase.create(ADDRESS, make_spectra(ids), views, encoder="made-up")


def process(task: str, name: str = "-") -> subprocess.Popen[str]:
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        [sys.executable, "-m", "tests.knowledge.at_once", task, ADDRESS, name], cwd=ROOT, text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def said(running: subprocess.Popen[str]):
    out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    return json.loads(out)


def test_a_change_that_is_made_is_no_failure_for_want_of_a_last_word(monkeypatch):
    """The store does not answer when the turn ends: others wait until its lease is over."""
    monkeypatch.setattr(turns, "_taken", lambda *_: 1)
    monkeypatch.setattr(turns, "_forget", lambda *_: None)
    monkeypatch.setattr(turns, "_latest", lambda *_: 1)

    class Silent:
        def write(self, name, content):
            raise OSError("the store does not answer")

    with turns.turn(Silent(), ADDRESS, "turns.lock"):
        pass
    monkeypatch.setattr(turns, "_latest", lambda *_: 2)
    with pytest.raises(KnowledgeError, match="no sign of life"), turns.turn(Silent(), ADDRESS, "turns.lock"):
        pass


def test_two_writers_and_two_readers_work_on_a_base_at_once(base):
    """Nothing is lost, nothing is there twice, every version is named, and readers see no half of a batch."""
    writers = [process("write", name) for name in ("one", "two")]
    readers = [process("read") for _ in range(2)]
    added = [said(writer) for writer in writers]
    assert sorted(n[-1] for n in added) == [0, BATCH]
    assert all(n[:-1] == [BATCH] * BATCHES for n in added)
    for reader in readers:
        seen = said(reader)
        assert {n for counts in seen for n in counts.values()} == {BATCH}
        assert all(len(a) <= len(b) for a, b in pairwise(seen))
    ids = base.rows(columns=[]).column("object_id").to_pylist()
    assert len(ids) == len(set(ids)) == 40 + (2 * BATCHES + 1) * BATCH
    assert [v["operation"] for v in base.versions()] == ["create", *["add"] * (2 * BATCHES + 1)]
    assert len(base._store.operations()) == 1 + 2 * (BATCHES + 1)


def test_a_killed_writer_is_waited_for_no_longer_than_its_lease(
    base, store, make_spectra, make_vectors, monkeypatch
):
    """Its change was not made; the next writer goes on, and no turn but the last is kept."""
    monkeypatch.setattr(turns, "LEASE", LEASE)
    killed = process("die")
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    before = time.monotonic()
    base.add(make_spectra(["new"]), {"shape": make_vectors(["new"])})
    assert LEASE / 2 < time.monotonic() - before < LEASE + 20
    assert len(base) == 41
    before = time.monotonic()
    base.delete("object_id = 'new'")
    assert time.monotonic() - before < LEASE + 20
    assert sum("/turns.lock/0" in name for name in store) == 1
    assert [v["operation"] for v in base.versions()] == ["create", "add", "delete"]


def test_another_process_answers_as_a_local_base_does_and_reads_what_was_fitted(
    base, tmp_path, ids, make_spectra, make_vectors
):
    """To the last bit; the fit of the first is not made again by the second."""
    first, second = said(process("ask")), said(process("ask"))
    local = KnowledgeBase.create(
        tmp_path / "a.kb", make_spectra(ids), {"shape": make_vectors(ids)}, encoder="made-up"
    )
    expected = json.loads(json.dumps(ask(local, "-")))
    assert first == expected
    assert second == [*expected[:3], 0, expected[4]]


def test_a_writer_that_lost_its_turn_says_so(base):
    """It was suspended for so long that another one took it for dead."""
    sentence = r"this writer gave no sign of life .* Look with kb versions"
    with pytest.raises(KnowledgeError, match=sentence), base.files.locked():
        base.files.write("turns.lock/00000099", b"done")
