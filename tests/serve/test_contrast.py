"""spectrove contrast: what it prints, the page that it writes, and what it refuses."""

from __future__ import annotations

import json

import pytest

from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.verbs import VERBS


@pytest.fixture(scope="module")
def sets(survey) -> tuple[list[str], list[str]]:
    """Ids of galaxies with the strongest and the weakest H alpha in the base."""
    rows = KnowledgeBase.open(survey.base).rows("ha_ew IS NOT NULL", ["ha_ew"]).to_pylist()
    names = [row["object_id"] for row in sorted(rows, key=lambda row: row["ha_ew"])]
    return names[-8:], names[:8]


def test_json_has_the_columns_of_the_verb_best_first(spectrove, survey, sets):
    like, unlike = sets
    options = ("--like", ",".join(like), "--unlike", ",".join(unlike), "--top", "5", "--json")
    result = spectrove("contrast", survey.base, *options)
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 5
    assert tuple(rows[0]) == VERBS["contrast"].columns
    assert [r["score"] for r in rows] == sorted((r["score"] for r in rows), reverse=True)
    assert not {r["object_id"] for r in rows} & {*like, *unlike}
    assert any("H alpha" in region["lines"] for region in rows[0]["regions"])
    assert "regions differ between the 8 like and the 8 unlike" in result.stderr


def test_spectra_are_ranked_in_place_of_the_base_and_a_page_is_written(spectrove, survey, sets):
    like, unlike = sets
    options = (
        "--like",
        ",".join(like[:3]),
        "--unlike",
        ",".join(unlike[:3]),
        "--report",
        "page.html",
        "-o",
        "t.csv",
    )
    result = spectrove("contrast", survey.base, survey.dataset, "--queries", "split = 'test'", *options)
    assert result.exit_code == 0, result.output
    from pathlib import Path

    html = Path("page.html").read_text("utf-8")
    assert "data:image/png;base64," in html
    first = result.stdout.splitlines()[1].split()[0] if "object" in result.stdout.splitlines()[0] else ""
    assert first == "" or first in html
    assert "reason_no_probability" in Path("t.csv").read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize(
    ("like", "unlike", "sentence"),
    [
        ("nothing-there", "{0}", "neither a file"),
        ("{0}", "{0}", "in both sets"),
        ("", "{0}", "no --like"),
    ],
)
def test_sets_that_cannot_be_used_are_a_sentence(spectrove, survey, sets, like, unlike, sentence):
    given = [text.format(sets[0][0]) for text in (like, unlike)]
    result = spectrove("contrast", survey.base, "--like", given[0], "--unlike", given[1])
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_base_answers_in_python_as_the_command_does(survey, sets):
    from spectrove.pipeline.base import open as open_base

    like, unlike = sets
    answers = open_base(survey.base).contrast(like=like, unlike=unlike, top=3)
    assert len(answers) == 3
    assert answers.contrast is not None
    assert answers.contrast.sets.regions
    assert len(answers.to_table()) == 3
