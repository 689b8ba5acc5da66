"""spectrove watch: each file that arrives is answered and added once, whatever happens meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import pytest
from tests.serve.conftest import command, environment

import spectrove as package
from spectrove.errors import DatasetError, TargetError
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import arrivals
from spectrove.pipeline import watch as module
from spectrove.pipeline.journal import Journal

#: Two targets without a fitted metric, which would take most of the time here.
QUIET = """
name = "quiet"
label = "class_derived"
classes = { quiescent = ["quiescent"], other = ["SF", "LINER", "Composite"] }
positive = "quiescent"
metric = "none"
"""
ACTIVE = QUIET.replace('"quiet"', '"active"').replace('positive = "quiescent"', 'positive = "other"')


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """Looks follow each other faster."""
    monkeypatch.setattr(arrivals, "STILL", 0.2)


@pytest.fixture
def targets(tmp_path):
    """Files of both targets."""
    for name, content in (("quiet", QUIET), ("active", ACTIVE)):
        (tmp_path / f"{name}.toml").write_text(content)
    return [str(tmp_path / "quiet.toml"), str(tmp_path / "active.toml")]


@pytest.fixture
def place(survey, tmp_path):
    """A base of its own, a folder with four files that are old, and further files."""
    shutil.copytree(survey.base, tmp_path / "a.kb")
    files = sorted(survey.files.glob("*.fits"))[:8]
    folder = tmp_path / "incoming"
    folder.mkdir()
    for file in files[:4]:
        arrive(file, folder)
    return tmp_path / "a.kb", folder, files


def arrive(file: Path, folder: Path, name: str = "", age: float = 60.0) -> Path:
    """A copy in the folder, that was last changed a while ago."""
    there = Path(shutil.copy(file, folder / (name or file.name)))
    os.utime(there, (time.time() - age,) * 2)
    return there


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def events(folder: Path) -> Counter:
    return Counter(entry["event"] for entry in lines(folder.with_name("incoming.found.journal.jsonl")))


def test_files_are_hunted_among_and_added_once(place, targets):
    """As `hunt` answers on the base as it was; a second watch has nothing to do but what is new."""
    kb, folder, files = place
    (folder / "broken.fits").write_text("no spectrum at all")
    os.utime(folder / "broken.fits", (1e9, 1e9))
    (folder / ".hidden.fits").write_text("half of one")
    base = package.open(kb)
    before = {row["object_id"]: row for row in base.hunt(files[:4], targets[0]).to_dicts()}
    n, version = len(base), base.version

    done = base.watch(folder, targets[0], once=True)
    rows = lines(done.results)
    assert {row["object_id"] for row in rows} == set(before)
    for row in rows:
        about = {name: row.pop(name) for name in ("file", "hash", "version", "arrived", "seconds")}
        assert row == before[row["object_id"]]
        assert about["version"] == version
        assert 0 <= about["seconds"] < 60
    assert (done.files, done.rows, len(base)) == (4, 4, n + done.added)
    assert done.latency[0] <= done.latency[1]
    assert [Path(r.name).name for r in done.refusals] == ["broken.fits"]
    assert events(folder) == {"watch": 1, "refused": 1, "begun": 1, "done": 4}

    arrive(files[4], folder)
    arrive(files[0], folder, "the_same.fits")
    again = base.watch(folder, targets[0], once=True)
    assert (again.files, again.rows) == (1, 1)
    assert again.refusals == done.refusals  # tried again, as other options may read it
    assert len(lines(done.results)) == 5
    assert events(folder)["repeated"] == 1


def test_a_file_that_is_replaced_is_a_new_one(place, targets):
    """Its spectrum takes the place of the earlier one; an object that the base holds from elsewhere stays."""
    kb, folder, _ = place
    base = package.open(kb)
    known = set(base.rows(columns=[]).column("object_id").to_pylist())
    done = base.watch(folder, targets[0], once=True)
    fresh = next(row for row in lines(done.results) if row["object_id"] not in known)
    n, old = len(base), base.spectra([fresh["object_id"]]).flux.copy()

    changed(folder / fresh["file"])
    again = base.watch(folder, targets[0], once=True)
    assert (again.files, again.rows, again.added, len(base)) == (1, 1, 1, n)
    assert not (base.spectra([fresh["object_id"]]).flux == old).all()

    held = next((row for row in lines(done.results) if row["object_id"] in known), None)
    if held is not None:
        changed(folder / held["file"])
        assert base.watch(folder, targets[0], once=True).added == 0


def changed(path: Path) -> None:
    """The file gets another flux."""
    from astropy.io import fits

    with fits.open(path) as file:
        file[1].data["flux"] *= 2
        file.writeto(path.with_name(".new"), overwrite=True)
    os.replace(path.with_name(".new"), path)
    os.utime(path, (1.5e9, 1.5e9))


class Killed(BaseException):
    """What ends a process, for the code that it ends."""


@pytest.mark.parametrize("moment", ["read", "hunted", "torn", "written", "added", "done"])
def test_a_watch_that_was_killed_does_the_rest_once(place, targets, monkeypatch, moment):
    """At every moment: no line and no row twice, none missing; a line that was cut short is written whole."""
    kb, folder, _ = place
    base = package.open(kb)
    n = len(base)
    known = set(base.rows(columns=[]).column("object_id").to_pylist())

    def die(*_, **__):
        raise Killed

    def torn(self, rows):
        with open(self.results, "ab") as file:
            content = "".join(json.dumps(row) + "\n" for _, row in rows)
            file.write(content[: int(len(content) * 0.6)].encode())
        raise Killed

    def after(function):
        def call(*given, **more):
            function(*given, **more)
            raise Killed

        return call

    with monkeypatch.context() as change:
        if moment == "torn":
            change.setattr(module.Journal, "add_results", torn)
        elif moment == "written":
            change.setattr(module.Journal, "add_results", after(module.Journal.add_results))
        elif moment == "added":
            change.setattr(module._Watch, "_add", after(module._Watch._add))
        else:
            owner, name = {
                "read": (module.Journal, "begin"), "hunted": (module.Journal, "add_results"),
                "done": (module.Journal, "settle"),
            }[moment]  # fmt: skip
            change.setattr(owner, name, die)
        with pytest.raises(Killed):
            base.watch(folder, targets, once=True)
    results = folder.with_name("incoming.found.jsonl")
    before = [] if moment == "torn" or not results.exists() else lines(results)

    package.open(kb).watch(folder, targets, once=True)
    rows = lines(results)
    keys = Counter((row["hash"], row["object_id"], row["target"]) for row in rows)
    assert set(keys.values()) == {1}
    assert len(rows) == 8
    assert rows[: len(before)] == before
    ids = package.open(kb).rows(columns=[]).column("object_id").to_pylist()
    assert len(ids) == len(set(ids)) == n + len({row["object_id"] for row in rows} - known)


def test_a_real_process_that_is_killed_is_continued(place, targets):
    """By the next one, without its lock."""
    kb, folder, files = place
    typed = ("watch", folder, "--kb", kb, "--target", targets[0], "--every", 0.1)
    running = subprocess.Popen(command(*typed), env=environment(), stderr=subprocess.PIPE, text=True)
    results = folder.with_name("incoming.found.jsonl")
    wait_for(lambda: results.exists() and len(lines(results)) == 4)
    with pytest.raises(DatasetError, match="another watch writes to it"):
        package.open(kb).watch(folder, targets[0], once=True)
    for file in files[4:]:
        arrive(file, folder)
    wait_for(lambda: len(results.read_bytes().splitlines()) > 4)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    package.open(kb).watch(folder, targets[0], once=True)
    rows = lines(results)
    assert len(rows) == len({row["object_id"] for row in rows}) == 8
    ids = KnowledgeBase.open(kb).rows(columns=[]).column("object_id").to_pylist()
    assert len(ids) == len(set(ids))
    assert {row["object_id"] for row in rows} <= set(ids)


def wait_for(done, seconds: float = 300) -> None:
    end = time.time() + seconds
    while not done():
        assert time.time() < end
        time.sleep(0.1)


def test_a_file_is_read_when_it_is_whole(place, targets):
    """One that grows is left until it rests; after --once it is named."""
    kb, folder, files = place
    content = files[4].read_bytes()
    (folder / "new.fits").write_bytes(content[:1000])
    ended = threading.Event()

    def grow():
        while not ended.wait(0.02):
            with open(folder / "new.fits", "ab") as file:
                file.write(b" ")

    writer = threading.Thread(target=grow)
    writer.start()
    done = package.open(kb).watch(folder, targets[0], once=True, every=0.3)
    ended.set()
    writer.join()
    assert (done.files, done.unfinished, done.refusals) == (4, ["new.fits"], [])
    (folder / "new.fits").write_bytes(content)
    assert package.open(kb).watch(folder, targets[0], once=True, every=0.3).files == 1


def test_a_file_with_an_old_time_is_no_whole_file(place, targets):
    """A copy may keep the time of what it is a copy of while it grows."""
    kb, folder, files = place
    content = files[4].read_bytes()
    new, ended = folder / "new.fits", threading.Event()

    def grow():
        for size in cycle(range(len(content) - 1000, len(content))):
            new.write_bytes(content[:size])
            os.utime(new, (1e9, 1e9))
            if ended.wait(0.02):
                return

    grower = threading.Thread(target=grow)
    grower.start()
    done = package.open(kb).watch(folder, targets[0], once=True)
    ended.set()
    grower.join()
    assert (done.files, done.unfinished, done.refusals) == (4, ["new.fits"], [])
    new.write_bytes(content)
    os.utime(new, (1e9, 1e9))
    assert package.open(kb).watch(folder, targets[0], once=True).files == 1


def test_the_newest_version_answers_after_so_many_additions(place, targets, monkeypatch):
    """With --refit; else that of the start."""
    kb, folder, _ = place
    monkeypatch.setattr(arrivals, "TOGETHER", 1)
    done = package.open(kb).watch(folder, targets[0], once=True, refit=1)
    versions = [row["version"] for row in lines(done.results)]
    assert versions == sorted(versions)
    assert len(set(versions)) > 1


def test_another_question_has_its_own_results(place, targets):
    """And what cannot be asked is refused before anything is written."""
    kb, folder, _ = place
    base = package.open(kb)
    base.watch(folder, targets[0], once=True)
    with pytest.raises(DatasetError, match="another targets"):
        base.watch(folder, targets[1], once=True)
    Path(targets[0]).write_text(QUIET + 'description = "told otherwise"\n')
    base.watch(folder, targets[0], once=True)  # the same question
    with pytest.raises(DatasetError, match="another --missing-z"):
        base.watch(folder, targets[0], once=True, missing_z="estimate")
    Path(targets[0]).write_text(QUIET.replace('"SF", ', ""))
    with pytest.raises(DatasetError, match="targets that said something else"):
        base.watch(folder, targets[0], once=True)
    with pytest.raises(TargetError):
        base.watch(folder, "no_such_target", once=True, output=folder.with_name("x.jsonl"))
    with pytest.raises(DatasetError, match="no such folder"):
        base.watch(folder / "absent", targets[0])
    assert not folder.with_name("x.jsonl").exists()


def test_a_subfolder_that_goes_does_not_end_a_watch_and_the_folder_itself_does(place, targets, monkeypatch):
    kb, folder, _ = place
    looks = []

    def looked(path):
        looks.append(path)
        if len(looks) == 1:
            raise DatasetError("gone") from FileNotFoundError()
        return original(path)

    original = arrivals.files_in
    monkeypatch.setattr(arrivals, "files_in", looked)
    assert package.open(kb).watch(folder, targets[0], once=True).files == 4
    looks.clear()
    folder.rename(folder.with_name("moved"))
    with pytest.raises(DatasetError, match="is gone"):
        arrivals.Arrivals(folder, Journal(folder, folder), 10, True).paths()


def test_a_watch_outlives_an_index_that_cannot_be_made_anew(place, targets, monkeypatch, caplog):
    """It says so; what arrives is answered."""
    kb, folder, _ = place

    def full(self):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.Reindexing, "look", full)
    assert package.open(kb).watch(folder, targets[0], once=True).files == 4
    assert "its index was not made anew: [Errno 28] No space left" in caplog.text


def test_refusals_are_told_when_they_happen(place, targets):
    """A watch may run for weeks."""
    kb, folder, _ = place
    (folder / "broken.fits").write_text("no spectrum at all")
    os.utime(folder / "broken.fits", (1e9, 1e9))
    told = []
    package.open(kb).watch(
        folder, targets[0], once=True, each=lambda rows, done: told.append((len(rows), len(done.refusals)))
    )
    assert told[0] == (0, 1)


def test_the_command_says_what_it_found_and_how_long_it_took(place, targets, spectrove):
    kb, folder, _ = place
    told = spectrove("watch", folder, "--kb", kb, "--target", targets[0], "--once", "--json")
    assert told.exit_code == 0
    assert [json.loads(line) for line in told.stdout.splitlines()] == lines(
        folder.with_name("incoming.found.jsonl")
    )
    assert "4 spectra of 4 files" in told.stderr
    assert "seconds from arrival to result: median" in told.stderr
