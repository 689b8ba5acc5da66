"""Of two processes that make one thing the second is refused; a killed one is not waited for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from spectrove.errors import DatasetError, KnowledgeError
from spectrove.knowledge import claim as module
from spectrove.knowledge.claim import claimed

HOLDER = """
import sys, time
from pathlib import Path
from spectrove.knowledge.claim import claimed
with claimed(Path(sys.argv[1])):
    print("has it", flush=True)
    time.sleep(600)
"""


def test_the_second_is_told_who_and_since_when_until_the_first_is_killed(tmp_path):
    """By a signal that nobody can catch."""
    place = tmp_path / "v.lance"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, place], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "has it\n"
    started = json.loads((tmp_path / ".v.lance.making.json").read_text())["started"]
    who = f"v.lance: process {holder.pid} on {socket.gethostname()} is making it, since {started}. Wait until"
    with pytest.raises(DatasetError) as refused, claimed(place, DatasetError):
        pass
    assert who in str(refused.value)
    with claimed(tmp_path / "other.lance"):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with claimed(place):
        with pytest.raises(KnowledgeError, match=f"process {os.getpid()} on"), claimed(place):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [".v.lance.making.json"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("silent", [False, True])
def test_on_another_machine_a_maker_lives_as_long_as_it_says_so(tmp_path, monkeypatch, silent):
    """Its process cannot be looked for."""
    with claimed(tmp_path / "v.lance"):
        file = tmp_path / ".v.lance.making.json"
        said = json.loads(file.read_text()) | {"machine": "another", "token": "its own"}
        file.write_text(json.dumps(said | ({"beat": "2026-01-01T00:00:00+00:00"} if silent else {})))
        if silent:
            with claimed(tmp_path / "v.lance"):
                pass
        else:
            with (
                pytest.raises(KnowledgeError, match="on another is making it"),
                claimed(tmp_path / "v.lance"),
            ):
                pass


def test_a_maker_that_lost_its_place_says_so_and_leaves_it_to_the_other(tmp_path):
    """It was suspended; its signs of life do not take the place back."""
    file = tmp_path / ".v.lance.making.json"
    with claimed(tmp_path / "v.lance") as claim:
        claim.confirm()
        other = json.loads(file.read_text()) | {"token": "another", "process": 1}
        file.write_text(json.dumps(other))
        claim._beat(module.now())
        with pytest.raises(KnowledgeError, match="no sign of life for 300 s, and process 1 on"):
            claim.confirm()
    assert json.loads(file.read_text()) == other


def test_a_torn_claim_holds_nobody_and_a_folder_without_rights_is_a_sentence(tmp_path, monkeypatch):
    (tmp_path / ".v.lance.making.json").write_text('{"process": 1')
    with claimed(tmp_path / "v.lance"):
        pass
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(KnowledgeError, match="nothing can be written in its folder"),
        claimed(tmp_path / "file" / "v"),
    ):
        pass
