"""X-ray spectra arrive before or after the files that they name; each is answered once they are there."""

from __future__ import annotations

import json
import os
from collections import Counter

import numpy as np
import pytest
from tests.xray.ogip_files import CHANNELS, smeared, smooth_area, write_arf, write_pha, write_rmf
from typer.testing import CliRunner

import spectrove
from spectrove.pipeline import arrivals
from spectrove.serve.cli import app
from spectrove.xray.files import PhaFiles

N = len(CHANNELS) - 1

SOFT = """
name = "soft"
label = "class"
classes = { soft = ["soft"], hard = ["hard"] }
positive = "soft"
metric = "none"
"""


@pytest.fixture(autouse=True)
def sooner(monkeypatch):
    """Looks follow each other faster."""
    monkeypatch.setattr(arrivals, "STILL", 0.1)


@pytest.fixture
def watched(tmp_path):
    """A base of soft and hard sources, a target, and an empty folder."""
    files = tmp_path / "known"
    files.mkdir()
    write_arf(files / "r.arf", smooth_area())
    write_rmf(files / "r.rmf", smeared())
    rng, rows = np.random.default_rng(1), ["path,class"]
    for i in range(24):
        rate = np.where(np.arange(N) < 40, 4.0, 0.5) if i % 2 else np.full(N, 1.5)
        write_pha(files / f"s{i:02d}.pi", rng.poisson(rate), OBS_ID=str(i // 4))
        rows.append(f"s{i:02d}.pi,{'soft' if i % 2 else 'hard'}")
    (files / "classes.csv").write_text("\n".join(rows) + "\n")
    base, unread = spectrove.create(
        tmp_path / "a.kb", files, "hardness", views={}, catalogs=[files / "classes.csv"]
    )
    assert not unread
    (tmp_path / "soft.toml").write_text(SOFT)
    (tmp_path / "incoming").mkdir()
    return base, tmp_path / "incoming", str(tmp_path / "soft.toml")


def events(folder) -> Counter:
    journal = folder.with_name("incoming.found.journal.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["event"] for line in journal)


def source(folder, **header):
    return write_pha(folder / "new.pi", np.random.default_rng(2).poisson(2.0, N), **header)


def test_a_spectrum_waits_for_its_response_and_reads_it_when_it_is_whole(watched, caplog):
    """Not while the response is being copied, with the time of what it is a copy of."""
    base, folder, target = watched
    source(folder, RESPFILE="late.rmf", ANCRFILE="late.arf")
    whole = write_rmf(folder.parent / "late.rmf", smeared()).read_bytes()
    said = []

    def each(rows, done):
        said.append(dict(done.waiting))
        if rows:
            raise KeyboardInterrupt
        if len(said) == 1:
            write_arf(folder / "late.arf", smooth_area())
            (folder / "late.rmf").write_bytes(whole[: len(whole) // 3])
        elif done.waiting or done.refusals:
            (folder / "late.rmf").write_bytes(whole)
        for path in folder.glob("late.*"):
            os.utime(path, (1e9, 1e9))

    with pytest.raises(KeyboardInterrupt):
        base.watch(folder, target, every=0.1, each=each)
    assert said[0] == {"new.pi": "late.rmf, late.arf"}
    assert said[-1] == {}
    assert "new.pi waits for late.rmf, late.arf and is read again when that has come" in caplog.text
    results = folder.with_name("incoming.found.jsonl").read_text().splitlines()
    assert [json.loads(line)["object_id"] for line in results] == ["new"]
    again = base.watch(folder, target, once=True)
    assert (again.rows, again.waiting, again.refusals) == (0, {}, [])
    assert len(base) == 25
    assert events(folder)["done"] == 1


def test_what_still_waits_at_the_end_is_said(watched):
    """By the command, which has not done all; the files that others name are passed over."""
    base, folder, target = watched
    source(folder, RESPFILE="late.rmf", ANCRFILE="late.arf", BACKFILE="late_bkg.pi")
    write_arf(folder / "late.arf", smooth_area())
    write_pha(folder / "late_bkg.pi", np.ones(N, int), HDUCLAS2="BKG")
    typed = ["watch", str(folder), "--kb", str(base.path), "--target", target, "--once"]
    told = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert told.exit_code == 1
    assert "not read yet: new.pi waits for late.rmf" in " ".join(told.output.split())
    assert events(folder) == {"watch": 1, "part": 2, "waiting": 1}
    write_rmf(folder / "late.rmf", smeared())
    told = CliRunner().invoke(app, typed, catch_exceptions=False)
    assert told.exit_code == 0
    assert "1 spectrum of 1 file" in told.output


def test_what_will_never_be_read_is_refused(watched):
    """It names nothing that is absent."""
    base, folder, target = watched
    write_rmf(folder / "r.rmf", smeared())
    write_arf(folder / "r.arf", smooth_area())
    source(folder, EXPOSURE=-1.0)
    done = base.watch(folder, target, once=True)
    assert (len(done.refusals), done.waiting) == (1, {})
    assert "EXPOSURE is -1 s" in done.refusals[0].error


def test_the_files_that_a_spectrum_needs_are_known_before_they_are_there(tmp_path):
    """Those that it names, in every spelling and in the folders that the user named; and those called as it is."""
    own = write_pha(tmp_path / "a.pi", np.ones(N, int), RESPFILE="x.rmf", ANCRFILE="", BACKFILE="b.pi{2}")
    (tmp_path / "shared").mkdir()
    needs = PhaFiles().companions(own, [str(tmp_path / "shared")])
    assert [(one.name, one.named) for one in needs] == [("x.rmf", True), ("b.pi", True)]
    assert {tmp_path / "x.rmf.gz", tmp_path / "shared" / "x.rmf"} <= set(needs[0].places)
    events = tmp_path / "e.csv"
    events.write_text("time,energy\n1,2\n")
    assert [(one.name, one.named) for one in PhaFiles().companions(events)] == [
        ("e.rmf", False),
        ("e.arf", False),
    ]
    (tmp_path / "torn.pi").write_bytes(own.read_bytes()[:4000])
    assert PhaFiles().companions(tmp_path / "torn.pi") == []
    assert not PhaFiles().is_companion(own)
    assert not PhaFiles().is_companion(events)
    assert not PhaFiles().is_companion(tmp_path / "torn.pi")
