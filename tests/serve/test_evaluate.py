"""evaluate encoders and noise: what is asked goes through, what makes no sense is refused first."""

from __future__ import annotations

import json
import sys

import pytest

ROW = {"part": "mock", "method": "EM-PCA", "task": "5-class", "f1": 0.8, "f1_low": 0.7, "f1_high": 0.9}


@pytest.fixture
def asked(monkeypatch):
    """What the library was asked, in place of an hour's work."""
    from experiments.encoders import run

    options = {}

    def measured(out, **more):
        options.update(more, out=out)
        more["announce"]("about 3 minutes")
        return run.Table((ROW,), "3 seeds", ())

    monkeypatch.setattr(run, "evaluate_encoders", measured)
    monkeypatch.setattr(run, "table_text", lambda table: "the table")
    return options


def test_options_go_through_and_the_estimate_comes_first(spectrove, asked, monkeypatch, tmp_path):
    """Methods are told apart by semicolons, since some have a comma; results alone are on stdout."""
    monkeypatch.setenv("SPECTROVE_DATA", str(tmp_path))
    ask = ("--only", "EM-PCA; raw pixels, rest frame", "--seeds", 2, "--n-mock", 90, "-k", 5, "-o", "here")
    result = spectrove("evaluate", "encoders", *ask)
    assert result.exit_code == 0
    assert result.stdout == "the table\n wrote here/encoders.md and .png\n"
    assert "about 3 minutes" in result.stderr
    assert (asked["what"], str(asked["out"]), asked["real"]) == ("encoders", "here", tmp_path)
    assert asked["only"] == ["EM-PCA", "raw pixels, rest frame"]
    assert (asked["seeds"], asked["n_mock"], asked["k"]) == (2, 90, 5)


def test_by_default_there_are_three_seeds_and_no_real_half(spectrove, asked, monkeypatch):
    monkeypatch.delenv("SPECTROVE_DATA", raising=False)
    result = spectrove("evaluate", "encoders", "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [ROW]
    assert "the table" in result.stderr
    assert (asked["seeds"], asked["only"], asked["real"], str(asked["out"])) == (3, [], None, "evaluation")


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (("encoders", "mock.lance"), "takes no DATASET"),
        (("classes",), "needs a DATASET"),
        (("redshifts",), "classes, encoders, noise"),
        (("encoders", "-o", "a.txt"), "expected a folder"),
        (("encoders", "--only", "no such"), "EM-PCA"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_first(spectrove, tmp_path, ask, words):
    """Exit code 2, one line, nothing on stdout."""
    (tmp_path / "a.txt").write_text("")
    result = spectrove("evaluate", *ask)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_noise_asks_for_real_spectra(spectrove, monkeypatch):
    monkeypatch.delenv("SPECTROVE_DATA", raising=False)
    result = spectrove("evaluate", "noise")
    assert result.exit_code == 1
    assert "SPECTROVE_DATA" in result.stderr


def test_without_a_checkout_evaluate_says_where_to_get_one(spectrove, monkeypatch):
    """One sentence, exit code 2; classes are measured all the same."""
    for name in [name for name in sys.modules if name.split(".")[0] == "experiments"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "experiments", None)
    result = spectrove("evaluate", "lens")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "checkout of Spectrove" in result.stderr
    assert "python -m experiments lens" in result.stderr
    assert "needs a DATASET" in spectrove("evaluate", "classes").stderr
