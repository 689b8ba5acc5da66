"""estimate: what it prints and what it writes."""

from __future__ import annotations

import csv
import json

import pytest

TEST = ("--queries", "split = 'test'")
KEYS = [
    "object_id",
    "quantity",
    "value",
    "interval",
    "unit",
    "level",
    "confident",
    "p_distance",
    "trend",
    "neighbors",
    "flags",
]


@pytest.fixture(scope="module", autouse=True)
def few_are_enough():
    """The base of these tests holds about forty objects."""
    patch = pytest.MonkeyPatch()
    patch.setattr("spectrove.inference.numbers.conformal.FEWEST", 20)
    yield
    patch.undo()


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def asked(spectrove, survey, *more, quantity="d4000n"):
    return spectrove("estimate", survey.base, survey.dataset, *TEST, "--quantity", quantity, *more)


def test_json_has_the_documented_keys_in_the_order_of_the_input(spectrove, survey):
    """One object per spectrum; the value is inside its interval and is what its voters say."""
    from spectrove.readers import read_dataset

    result = asked(spectrove, survey, "--json")
    assert result.exit_code == 0
    rows = lines(result.stdout)
    assert [row["object_id"] for row in rows] == read_dataset(
        survey.dataset, "split = 'test'"
    ).object_id.tolist()
    for row in rows:
        assert list(row) == KEYS
        assert row["interval"][0] <= row["value"] <= row["interval"][1]
        assert list(row["neighbors"][0]) == ["object_id", "distance", "weight", "label", "adjusted"]
        assert len(row["neighbors"]) == 10
        assert row["object_id"] not in [n["object_id"] for n in row["neighbors"]]
        assert 0 < row["p_distance"] <= 1
    assert "confident" in result.stderr


def test_an_answer_can_be_checked_by_hand(spectrove, survey):
    """On a linear scale: weights times what the neighbours say, and the trend with the rest."""
    from spectrove.inference.numbers.trend import choose_scale
    from spectrove.knowledge import KnowledgeBase

    values = KnowledgeBase.open(survey.base).rows(None, ["vdisp"]).column("vdisp").drop_null().to_numpy()
    assert choose_scale(values).kind == "linear"
    for row in lines(asked(spectrove, survey, "--json", quantity="vdisp").stdout):
        said = sum(n["weight"] * n["adjusted"] for n in row["neighbors"] if n["adjusted"] is not None)
        rest = 1 - sum(n["weight"] for n in row["neighbors"])
        if min(n["adjusted"] for n in row["neighbors"]) > 0:  # what would be negative is shown as 0
            assert said + rest * row["trend"] == pytest.approx(row["value"])


def test_a_higher_level_gives_wider_intervals(spectrove, survey):
    """Around the same values."""
    narrow = lines(asked(spectrove, survey, "--json", "--level", 0.5).stdout)
    wide = lines(asked(spectrove, survey, "--json", "--level", 0.9).stdout)
    for a, b in zip(narrow, wide, strict=True):
        assert a["value"] == b["value"]
        assert b["interval"][0] < a["interval"][0] < a["interval"][1] < b["interval"][1]


def test_an_answer_does_not_depend_on_who_else_is_asked(spectrove, survey):
    """Alone and among others, with its catalog values and with others'."""
    every = {row["object_id"]: row for row in lines(asked(spectrove, survey, "--json").stdout)}
    name = next(iter(every))
    ask = ("estimate", survey.base, survey.dataset, "--quantity", "d4000n", "--json")
    assert lines(spectrove(*ask, "--queries", f"object_id = '{name}'").stdout) == [every[name]]


def test_objects_of_the_base_are_answered_without_their_own_value(spectrove, survey):
    """Otherwise the residuals of the base's own objects would be smaller; with --allow-self each finds itself."""
    ask = ("estimate", survey.base, survey.dataset, "--queries", "split = 'train'", "--quantity", "d4000n")
    for row in lines(spectrove(*ask, "--json").stdout):
        assert row["object_id"] not in [n["object_id"] for n in row["neighbors"]]
    for row in lines(spectrove(*ask, "--json", "--allow-self").stdout):
        assert row["neighbors"][0]["object_id"] == row["object_id"]


def test_for_people_the_answer_comes_first(spectrove, survey):
    """Value with interval, then who says so; the last line counts."""
    head, *body, summary = asked(spectrove, survey, quantity="hdelta_a").stdout.splitlines()
    assert head.split() == ["object", "hdelta_a", "(angstrom)", "68%", "evidence"]
    assert all("neighbours say" in line and "[" in line for line in body)
    assert f"of {len(body)} spectra" in summary


def test_a_table_is_flat(spectrove, survey):
    """Limits and neighbours are columns."""
    asked(spectrove, survey, "-o", "found.csv", "-k", 2)
    with open("found.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"value", "interval_low", "interval_high", "confident", "neighbor_2", "adjusted_2"} <= set(rows[0])
    assert "neighbor_3" not in rows[0]


def test_without_enough_known_values_there_is_a_reason_and_no_interval(spectrove, survey, monkeypatch):
    """The value stays."""
    monkeypatch.setattr("spectrove.inference.numbers.conformal.FEWEST", 1000)
    for row in lines(asked(spectrove, survey, "--json").stdout):
        assert row["interval"] is None
        assert row["value"] is not None
        assert row["confident"] is False
        assert "needs 1000" in row["reason_no_interval"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--quantity", "subclass"), "no numbers"),
        (("--quantity", "d4"), "no such column"),
        (("--quantity", "d4000n", "--level", "68"), "between 0 and 1"),
    ],
)
def test_what_cannot_be_asked_ends_with_two(spectrove, survey, more, said):
    """One sentence, nothing on stdout."""
    result = spectrove("estimate", survey.base, survey.dataset, *more)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr


def test_the_redshift_is_asked_the_same_way(spectrove, survey):
    """Candidates beside the value; the table has them as columns; conditions on objects make no sense there."""
    ask = ("estimate", survey.base, survey.dataset, *TEST, "--quantity", "z")
    result = spectrove(*ask, "--json", "-o", "z.csv")
    assert result.exit_code == 0
    for row in lines(result.stdout):
        assert row["quantity"] == "z"
        assert {"z", "chi2", "dchi2", "warnings", "type"} == set(row["z_candidates"][0])
        assert row["value"] == row["z_candidates"][0]["z"]
    with open("z.csv", newline="") as file:
        assert {"value", "candidate_z_2", "candidate_dchi2_1"} <= set(next(csv.DictReader(file)))
    refused = spectrove(*ask, "--where", "z < 1")
    assert refused.exit_code == 2
    assert "--where" in refused.stderr
