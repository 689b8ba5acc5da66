"""Views and metrics on the command line."""

from __future__ import annotations

import json

import pytest

TEST = ("--queries", "split = 'test'")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def mine(spectrove, survey):
    """A base of the train split in one view, in the empty folder."""
    made = spectrove(
        "kb", "create", "my.kb", "--from", survey.dataset, "--encoder", survey.encoder, "--view", "none",
        "--where", "split = 'train'",
    )  # fmt: skip
    assert f"shape by {survey.encoder}   wrote my.kb" in made.stdout
    return "my.kb"


def test_views_are_added_made_anew_listed_and_rolled_back(spectrove, survey, mine):
    [before] = lines(spectrove("kb", "info", mine, "--json").stdout)
    assert list(before["views"]) == ["shape"]
    added = spectrove("kb", "reencode", mine, "--view", f"second={survey.encoder}")
    assert f"second by {survey.encoder}; version" in added.stdout
    assert f"go back with kb rollback {mine} {before['version']}" in added.stdout
    said = spectrove("kb", "info", mine).stdout
    assert "view shape" in said
    assert "view second" in said
    [again] = lines(spectrove("kb", "reencode", mine, "--json").stdout)
    assert again["made"] == ["shape", "second"]
    spectrove("kb", "rollback", mine, before["version"])
    assert list(lines(spectrove("kb", "info", mine, "--json").stdout)[0]["views"]) == ["shape"]


def test_create_takes_further_views_by_name(spectrove, survey):
    views = ("--view", "none", "--view", f"second={survey.encoder}")
    create = (
        "kb",
        "create",
        "two.kb",
        "--from",
        survey.dataset,
        "--encoder",
        survey.encoder,
        *views,
        "--json",
    )
    [made] = lines(spectrove(*create).stdout)
    assert {name: view["encoder"] for name, view in made["views"].items()} == {
        "shape": str(survey.encoder),
        "second": str(survey.encoder),
    }


@pytest.mark.parametrize("said", ["second", "=pca", "second=", "a-b=pca"])
def test_a_view_that_is_not_name_and_encoder_is_asked_wrongly(spectrove, mine, said):
    result = spectrove("kb", "reencode", mine, "--view", said)
    assert result.exit_code == 2
    assert "expected NAME=ENCODER such as surprise=surprise" in result.stderr


def test_a_hunt_in_a_base_without_an_optional_view_says_how_to_add_it(spectrove, survey, mine):
    result = spectrove("hunt", mine, survey.dataset, *TEST, "--target", "outlier", "--json")
    assert result.exit_code == 0
    assert f"{mine} has no view surprise, so outlier is searched for in shape alone" in result.stderr
    assert f"kb reencode {mine} --view surprise=ENCODER" in result.stderr


def test_a_target_with_a_view_that_is_not_there_is_an_error_before_any_work(
    spectrove, survey, mine, tmp_path
):
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nlabel = "class_derived"\npositive = "LINER"\nviews = ["shape", "texture"]\n'
        '[classes]\nLINER = ["LINER"]\nother = ["*"]\n'
    )
    result = spectrove("hunt", mine, survey.dataset, "--target", "mine.toml")
    assert result.exit_code != 0
    assert "the base has no view texture, only shape" in result.stderr
    assert result.stdout == ""


def test_the_metric_can_be_chosen_and_is_told(spectrove, survey):
    """In each JSON line, with its figures in a sentence on stderr; the answers differ, plain ones say nothing."""
    ask = ("classify", survey.base, survey.dataset, *TEST, "--label", "class_derived", "--json")
    told = {mode: spectrove(*ask, "--metric", mode) for mode in ("auto", "linear", "none")}
    assert all(r.exit_code == 0 for r in told.values())
    assert {row["metric"] for row in lines(told["linear"].stdout)} == {"linear"}
    assert {row["metric"] for row in lines(told["none"].stdout)} == {"none"}
    assert "in a metric fitted on class_derived (macro F1" in told["linear"].stderr
    assert "macro F1" not in told["none"].stderr
    assert "macro F1" in told["auto"].stderr
    same = {row["metric"] for row in lines(told["auto"].stdout)}
    [mode] = same
    assert told["auto"].stdout == told[mode].stdout


def test_explain_tells_of_the_metric_too(spectrove, survey):
    [*_, one] = lines(spectrove("search", survey.base, survey.dataset, *TEST, "--json").stdout)
    ask = (
        "explain",
        survey.base,
        survey.dataset,
        "--id",
        one["object_id"],
        "--label",
        "class_derived",
        "--json",
    )
    [said] = lines(spectrove(*ask, "--metric", "linear").stdout)
    assert said["provenance"]["metric"]["name"] == "linear"
    assert said["provenance"]["metric"]["label"] == "class_derived"
    [said] = lines(spectrove(*ask, "--metric", "none").stdout)
    assert said["provenance"]["metric"] == {"name": "none"}


def test_a_metric_that_cannot_be_fitted_is_refused_with_the_reason(spectrove, survey):
    ask = ("classify", survey.base, survey.dataset, *TEST, "--label", "survey")
    assert spectrove(*ask).exit_code == 0
    result = spectrove(*ask, "--metric", "linear")
    assert result.exit_code != 0
    assert "no metric can be fitted on survey. Fewer than two classes" in result.stderr


def test_a_view_of_catalog_columns_is_used_where_it_is_named_and_said(spectrove, survey, mine):
    """A column of class is none; without --view nothing of it is said."""
    added = spectrove("kb", "view", mine, "--name", "brightness", "--columns", "d4000n", "--json")
    [about] = lines(added.stdout)
    assert about["columns"] == {"d4000n": about["objects"]}
    refused = spectrove("kb", "view", mine, "--name", "other", "--columns", "class_derived")
    assert refused.exit_code == 2
    assert "holds labels" in refused.stderr
    plain = spectrove("search", mine, survey.dataset, *TEST, "--json")
    named = spectrove("search", mine, survey.dataset, *TEST, "--json", "--view", "shape=1,brightness=1")
    assert "of the catalog" not in plain.stderr
    assert "with columns d4000n of the catalog, not by spectra alone" in named.stderr
    assert all("catalog_columns" in row["flags"] for row in lines(named.stdout))
    assert not any("catalog_columns" in row["flags"] for row in lines(plain.stdout))


def test_a_view_of_columns_that_changed_is_told_to_be_made_again(spectrove, mine, tmp_path):
    [one, *_] = spectrove("kb", "list", mine, "--json").stdout.splitlines()
    table = tmp_path / "new.csv"
    table.write_text(f"object_id,d4000n\n{json.loads(one)['object_id']},1.234\n")
    spectrove("kb", "view", mine, "--name", "brightness", "--columns", "d4000n")
    told = spectrove("kb", "label", mine, "--from", table, "--column", "d4000n", "--overwrite")
    assert "make it again with kb view --name brightness --columns d4000n" in told.stdout
