"""A base is prepared for questions before they are asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import spectrove
from spectrove.errors import KnowledgeError
from spectrove.galaxies.mock import make_survey
from spectrove.inference.calibration import of_base as calibrating
from spectrove.pipeline.prepare import STATE, prepared
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
    base.files.write(STATE, json.dumps(known | {"process": os.getppid()}).encode())
    with pytest.raises(KnowledgeError, match="it is being prepared"):
        base.prepare(labels=["class"])


def test_wrong_names_are_refused_before_anything_is_fitted(base, monkeypatch):
    monkeypatch.setattr("spectrove.inference.metric.of_base._fit", forbidden)
    with pytest.raises(KnowledgeError, match="nothing says what to prepare it for"):
        base.prepare()
    with pytest.raises(KnowledgeError, match="colour"):
        base.prepare(labels=["class", "colour"])
