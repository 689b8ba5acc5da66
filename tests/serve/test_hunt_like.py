"""spectrove hunt --like: from ids and files, over spectra and over the base alone."""

from __future__ import annotations

import json
import re

import pytest

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import hunt_like
from spectrove.readers import read_dataset


@pytest.fixture
def like(survey):
    base = KnowledgeBase.open(survey.base)
    return base.rows(columns=[]).column("object_id").to_pylist()[:3]


def test_the_command_prints_what_python_says(spectrove, survey, like):
    """Line for line."""
    asked = spectrove(
        "hunt", survey.base, survey.dataset, "--like", ",".join(like), "--queries", "split = 'test'", "--json"
    )
    spectra = read_dataset(survey.dataset, "split = 'test'")
    answers = hunt_like(KnowledgeBase.open(survey.base), spectra, like)
    assert asked.exit_code == 0
    assert asked.stdout == answers.to_json()
    assert len(answers) == len(spectra)


def test_an_example_that_cannot_be_used_is_told_to_scripts(spectrove, survey, like):
    names = ",".join([*like, "nowhere"])
    asked = spectrove("hunt", survey.base, survey.dataset, "--like", names, "--json")
    assert asked.exit_code == 1
    assert "nowhere: neither" in asked.stderr
    assert (
        f"3 spectra ({like[0]}, {like[1]}, {like[2]}) are examples themselves and are not in" in asked.stderr
    )
    assert asked.stdout.count("object_id") > 10


def test_the_base_alone(spectrove, survey, like):
    asked = spectrove("hunt", survey.base, "--like", ",".join(like), "--top", "4", "--json")
    rows = [json.loads(line) for line in asked.stdout.splitlines()]
    assert len(rows) == 4
    assert not {row["object_id"] for row in rows} & set(like)
    for row in rows:
        assert row["calibrated"] is False
        assert "no label was read" in row["reason_not_calibrated"]
        assert row["interval"][0] < row["interval"][1]


def test_the_screen_says_purity_share_and_what_was_left_out(spectrove, survey, like):
    asked = spectrove("hunt", survey.base, "--like", f"{like[0]},{like[1]},nowhere", "--unlike", like[2])
    assert asked.exit_code == 1  # an example could not be used, as the last line but one says
    assert f"objects of {survey.base.name}" in asked.output
    low, high = re.search(
        r"expected purity of the first 20: ([\d.]+) to ([\d.]+) \(9 times", asked.output
    ).groups()
    assert 0 <= float(low) < float(high) <= 1
    assert "of the base are such" in asked.output
    assert "nowhere: neither" in asked.output


def test_options_of_targets_are_refused_with_examples(spectrove, survey, like):
    asked = spectrove(
        "hunt", survey.base, survey.dataset, "--like", like[0], "--threshold", "f1", "--calibration", "none"
    )
    assert asked.exit_code == 2
    assert "--calibration, --threshold" in asked.output


@pytest.mark.parametrize("command", ["hunt", "contrast"])
def test_a_condition_on_the_base_beside_spectra_is_refused(spectrove, survey, like, command):
    """It would choose nothing."""
    sets = ("--like", like[0], "--unlike", like[1], "--where", "z < 0.1")
    asked = spectrove(command, survey.base, survey.dataset, *sets)
    assert asked.exit_code == 2
    assert "--where (z < 0.1)" in asked.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "none is given"),
        (("--target", "liner", "--like", "a"), "2 of them are given"),
        (("--target", "liner", "--unlike", "a"), "give --like too"),
    ],
)
def test_a_hunt_has_one_question(spectrove, survey, options, said):
    asked = spectrove("hunt", survey.base, survey.dataset, *options)
    assert asked.exit_code == 2
    assert said in " ".join(asked.output.replace("│", " ").split())


def test_a_hunt_by_example_can_be_reviewed(spectrove, survey, like, tmp_path):
    """The sheet holds the spectra to look at next."""
    sheet = tmp_path / "marks.csv"
    options = ("--queries", "split = 'test'", "--review", sheet, "--next", "3")
    asked = spectrove("hunt", survey.base, survey.dataset, "--like", ",".join(like), *options)
    assert asked.exit_code == 0
    assert len(sheet.read_text().splitlines()) >= 4
