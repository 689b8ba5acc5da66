"""A folder takes the place of another in one step, and what killed writers left is removed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spectrove import folders


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "a.txt").write_text(content)
    return path


class Killed(BaseException):
    """What ends a process, for the code that it ends."""


@pytest.fixture(params=["exchange", "aside"])
def way(request, monkeypatch):
    """As this system does it, and as one that cannot exchange names."""
    if request.param == "aside":
        monkeypatch.setattr(folders, "_exchanged", lambda one, other: False)
    return request.param


@pytest.mark.skipif(sys.platform not in ("linux", "darwin"), reason="the system has no exchange")
def test_two_folders_exchange_their_names(tmp_path):
    one, other = folder(tmp_path / "one", "1"), folder(tmp_path / "other", "2")
    assert folders._exchanged(one, other)
    assert (one / "a.txt").read_text() == "2"
    assert (other / "a.txt").read_text() == "1"
    assert not folders._exchanged(one, tmp_path / "absent")


def test_a_folder_is_put_where_none_or_another_was(tmp_path, way):
    """Nothing else is left."""
    place = tmp_path / "v.lance"
    for content in ("1", "2"):
        folders.put(folder(folders.part_of(place), content), place)
        assert (place / "a.txt").read_text() == content
        assert [path.name for path in tmp_path.iterdir()] == ["v.lance"]


@pytest.mark.parametrize(
    "moment", ["before the first rename", "between two renames", "after the last rename"]
)
def test_a_kill_leaves_the_old_or_the_new_folder(tmp_path, way, monkeypatch, moment):
    """At once, or when the next writer has looked."""
    place = folder(tmp_path / "v.lance", "1")
    written = folder(folders.part_of(place), "2")
    real, renames = Path.rename, []

    def rename(path, target):
        if moment == "before the first rename" or (moment == "between two renames" and renames):
            raise Killed
        renames.append(path)
        return real(path, target)

    def die(*given):
        raise Killed

    monkeypatch.setattr(Path, "rename", rename)
    if moment != "between two renames":
        monkeypatch.setattr(folders, "remove", lambda path: die() if path.exists() else None)
    if moment == "between two renames":
        # `put` itself puts the old one back, which a kill would not let it do
        monkeypatch.setattr(folders, "suppress", lambda *_: die())
    try:
        folders.put(written, place)
    except Killed:
        pass
    else:
        assert (way, moment) == ("exchange", "between two renames")  # there is no such moment
    monkeypatch.undo()
    if way == "exchange":
        assert place.exists()
    folders.recover(place)
    folders.remove(written)
    expected = "1" if way == "aside" and moment != "after the last rename" else "2"
    assert (place / "a.txt").read_text() == expected
    assert [path.name for path in tmp_path.iterdir()] == ["v.lance"]


def test_parts_of_processes_that_are_gone_are_removed(tmp_path):
    """Not those of a process that runs, or that may write from another machine; names are not patterns."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    place = tmp_path / "[a].kb"
    old = folder(tmp_path / f".[a].kb.{gone.pid}.part", "1")
    runs = folder(tmp_path / f".[a].kb.{os.getpid()}.part", "1")
    young = folder(tmp_path / f".[a].kb.{gone.pid}.old", "1")
    other = [folder(tmp_path / name, "1") for name in (f".a.kb.{gone.pid}.part", ".[a].kb.notes.part")]
    for path in (old, runs, *other):
        for one in (path / "a.txt", path):
            os.utime(one, (1e9, 1e9))
    folders.remove_parts(place)
    assert not old.exists()
    assert all(path.exists() for path in (runs, young, *other))
