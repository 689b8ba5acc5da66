"""A base is prepared for questions before they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import spectrove
from spectrove.errors import KnowledgeError, TargetError
from spectrove.galaxies.mock import make_survey
from spectrove.inference.calibration import of_base as calibrating
from spectrove.knowledge.heartbeat import now
from spectrove.knowledge.index.mark import MARK
from spectrove.pipeline import indexing
from spectrove.pipeline import prepare as preparing
from spectrove.pipeline.prepare import STATE, planned, prepared
from spectrove.readers import write_dataset
from spectrove.serve.cli import app


@pytest.fixture
def base(tmp_path):
    made, _ = spectrove.create(tmp_path / "a.kb", make_survey(60, seed=3), "pca", views={})
    return made


def forbidden(*_):
    raise AssertionError("it was fitted again")


def test_what_was_prepared_is_not_fitted_again_and_an_interruption_costs_what_was_not_finished(
    base, monkeypatch
):
    """The metric is finished when the calibration is interrupted; repeated, it goes on, and says so to `kb info`."""
    real = calibrating._fit

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrating, "_fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        base.prepare(labels=["class"])
    state = prepared(base)
    assert (state.state, state.doing, state.labels) == ("interrupted", "classify class", ("class",))
    monkeypatch.setattr(calibrating, "_fit", real)
    monkeypatch.setattr("spectrove.inference.metric.of_base._fit", forbidden)
    again = spectrove.open(base.path)
    done = again.prepare()
    assert done.state == "done"
    assert list(done.done)[-1] == "classify class"
    info = CliRunner().invoke(app, ["kb", "info", str(base.path), "--json"])
    assert json.loads(info.stdout)["prepared"]["state"] == "done"


def test_a_killed_process_is_said_to_be_interrupted_and_a_running_one_waited_for(base):
    base.prepare(labels=["class"])
    known = json.loads(base.files.read(STATE)) | {"state": "running"}
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    base.files.write(STATE, json.dumps(known | {"process": ended.pid}).encode())
    assert prepared(base).state == "interrupted"
    elsewhere = known | {"machine": "elsewhere"}
    for beat, state in (("2020-01-01T00:00:00+00:00", "interrupted"), (known["beat"], "running")):
        base.files.write(STATE, json.dumps(elsewhere | {"beat": beat}).encode())
        assert prepared(base).state == state
    base.files.write(STATE, json.dumps(known | {"process": os.getppid()}).encode())
    with pytest.raises(KnowledgeError, match="it is being prepared"):
        base.prepare(labels=["class"])


def test_the_map_is_made_ahead_and_an_interruption_costs_what_came_after(base, monkeypatch):
    """By the command line, in a base whose map is laid out and placed; the server finds it in the files."""
    from spectrove.inference.projection import of_base
    from spectrove.serve.service.map.charts import Charts
    from spectrove.serve.service.shelf import Served

    monkeypatch.setattr(of_base, "SAMPLE", 24)
    real = of_base._placed

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(of_base, "_placed", interrupted)
    stopped = CliRunner().invoke(app, ["kb", "prepare", str(base.path), "--map"])
    assert stopped.exit_code != 0
    assert (prepared(base).state, prepared(base).doing, prepared(base).map) == ("interrupted", "map", True)
    served = Served(base.path)
    assert Charts().of(served) is None
    monkeypatch.setattr(of_base, "_placed", real)
    monkeypatch.setattr(of_base, "_laid_out", forbidden)
    done = CliRunner().invoke(
        app, ["kb", "prepare", str(base.path), "--json"]
    )  # for what it was prepared before
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["map"] is True
    assert list(json.loads(done.stdout)["done"]) == ["index", "map"]
    monkeypatch.setattr(of_base, "_made", forbidden)
    chart = Charts().of(served)
    assert chart is not None
    assert len(chart.made) == len(base)
    monkeypatch.undo()
    assert not of_base.is_made(spectrove.open(base.path))  # a map of a sample of 24 is not that of all


def test_an_index_that_holds_the_base_is_not_made_again(base, monkeypatch):
    """Repeated, the preparation makes that of views which have none, or whose objects have changed."""
    from spectrove.knowledge.index import building

    monkeypatch.setattr("spectrove.knowledge.index.opening.INDEX_FROM", 10)
    made, build = [], building.build

    def noted(files, reader, view, name):
        made.append(view)
        return build(files, reader, view, name)

    monkeypatch.setattr(building, "build", noted)
    base.prepare(map=True)
    assert made == ["shape"]
    again = spectrove.open(base.path)
    again.prepare()
    assert made == ["shape"]
    for catalog in (base.path / "index").glob("catalog.*"):
        catalog.unlink()
    again.prepare()
    assert made == ["shape"] * 2
    again.delete(f"object_id = '{again.some_ids(1)[0]}'")
    again.prepare()
    assert made == ["shape"] * 3
    assert again.index_state()["views"]["shape"]["state"] == "used"


def test_what_was_prepared_before_there_were_maps_is_read(base):
    """A state without the word."""
    base.prepare(labels=["class"])
    known = json.loads(base.files.read(STATE))
    del known["map"]
    base.files.write(STATE, json.dumps(known).encode())
    assert prepared(base).map is False
    assert planned(base)[0].labels == ("class",)


def test_wrong_names_are_refused_before_anything_is_fitted(base, monkeypatch):
    monkeypatch.setattr("spectrove.inference.metric.of_base._fit", forbidden)
    with pytest.raises(KnowledgeError, match="nothing says what to prepare it for"):
        base.prepare()
    with pytest.raises(KnowledgeError, match="colour"):
        base.prepare(labels=["class", "colour"])
    with pytest.raises(TargetError, match=r"neither a shipped target \(.*liner.*\) nor a file"):
        base.prepare(targets=["no_such_target"])


def test_a_shipped_target_is_known_by_its_name(base):
    wanted, steps = planned(base, targets=["liner"])
    assert list(wanted.targets) == ["liner"]
    assert steps


def test_a_target_in_a_file_is_found_again_from_another_folder(base, tmp_path, monkeypatch):
    """By `kb optimize --prepare`, and by a process in the background, which gets whole paths."""
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    quiet = 'name = "quiet"\nlabel = "class"\nclasses = {a = ["GALAXY"], b = ["QSO"]}\npositive = "a"\nmetric = "none"'
    Path("quiet.toml").write_text(quiet)
    typed = ["kb", "prepare", "../a.kb", "--target", "quiet.toml", "--target", "liner"]
    whole = [str(tmp_path / "here" / "quiet.toml"), "liner"]
    monkeypatch.setattr(preparing, "_parts", lambda *_: [])
    begun = []
    monkeypatch.setattr("spectrove.serve.background.begin", lambda base, words, *_: begun.append(words))
    assert CliRunner().invoke(app, [*typed, "--background"]).exit_code == 0
    assert begun[0] == [
        "kb", "prepare", str(tmp_path / "here" / "../a.kb"), "--target", whole[0], "--target", whole[1]
    ]  # fmt: skip
    assert CliRunner().invoke(app, typed).exit_code == 0
    assert list(prepared(base).targets) == whole
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = CliRunner().invoke(app, ["kb", "optimize", "../a.kb", "--prepare"])
    assert again.exit_code == 0, again.output
    assert list(prepared(base).targets) == whole
    monkeypatch.chdir(tmp_path / "here")
    assert list(planned(base, targets=[Path("quiet.toml")])[0].targets) == whole[:1]


def test_kb_create_prepares_the_new_base(tmp_path):
    """With the options of kb prepare; questions without --prepare, or the reverse, are refused before the work."""
    write_dataset(tmp_path / "mock.lance", make_survey(60, seed=3))
    create = [
        "kb",
        "create",
        str(tmp_path / "a.kb"),
        "--from",
        str(tmp_path / "mock.lance"),
        "--encoder",
        "pca",
    ]
    create += ["--view", "none"]
    for wrong in (["--prepare"], ["--label", "class"], ["--prepare", "--target", "nothing"]):
        assert CliRunner().invoke(app, [*create, *wrong]).exit_code == 2
        assert not (tmp_path / "a.kb").exists()
    made = CliRunner().invoke(app, [*create, "--prepare", "--label", "class"])
    assert made.exit_code == 0, made.output
    state = prepared(spectrove.open(tmp_path / "a.kb"))
    assert (state.state, state.labels) == ("done", ("class",))


def test_optimize_goes_on_in_the_background(base, monkeypatch):
    """In a process of its own, unless one makes the index already."""
    said = CliRunner().invoke(app, ["kb", "optimize", str(base.path), "--background", "--json"])
    assert said.exit_code == 0, said.output
    log, before = base.path / "optimize.log", base.version
    for _ in range(600):
        if " MB now" in log.read_text():
            break
        time.sleep(0.1)
    assert " MB now" in log.read_text()
    assert base.version >= before
    running = {"state": "running", "view": "shape", "version": 1, "started": now(), "beat": now()}
    base.files.write(MARK, json.dumps(running | {"process": os.getpid(), "machine": "elsewhere"}).encode())
    refused = CliRunner().invoke(app, ["kb", "optimize", str(base.path), "--background"])
    assert "its index is being made of the view shape" in refused.stderr
    assert "being made" in CliRunner().invoke(app, ["kb", "info", str(base.path)]).stdout


def test_an_index_that_is_outgrown_is_made_anew_beside_the_watch(base, monkeypatch):
    """Once; after a process that failed, not again."""
    begun = []

    class Process:
        pid, returncode = 7, None

        def poll(self):
            return self.returncode

    monkeypatch.setattr(indexing, "detached", lambda words, log: begun.append(words) or Process())
    monkeypatch.setattr(type(base), "index_outgrown", lambda _: True)
    one = indexing.Reindexing(base)
    assert [one.look(), one.look()] == [True, False]
    assert begun[0][-1] == str(base.path.resolve())
    Process.returncode = 1
    assert one.look() is False
    Process.returncode = 0
    assert one.look() is True
    base.files.write(MARK, b"torn")
    made = subprocess.run([sys.executable, *begun[0]], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
