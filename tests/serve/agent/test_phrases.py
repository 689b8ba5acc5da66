"""How questions are read."""

from __future__ import annotations

import pytest

from spectrove.serve.agent.phrases import Clause, clauses_of, same, subject_of


@pytest.mark.parametrize(
    ("question", "read"),
    [
        ("which of tonight's spectra are LINERs, and why the first one?", [("which", "LINERs"), ("why", "")]),
        ("How many LINERs are there?", [("count", "LINERs")]),
        ("How many of the newest spectra are post-starbursts?", [("count", "post-starbursts")]),
        ("what kind of object is 0392-51793-0517?", [("class", "")]),
        ("classify 0392-51793-0517", [("class", "")]),
        (
            "What is the redshift of a-1 and what is the stellar mass of a-1?",
            [("number", "redshift"), ("number", "stellar mass")],
        ),
        ("What looks like a-1? compare it with b-2", [("like", ""), ("compare", "")]),
        ("show spectra similar to a-1", [("like", "")]),
        ("list tonight's outliers", [("odd", "outliers")]),
        ("show galaxies with strong [O III] and z < 0.05", [("which", "galaxies with strong [O III] and z < 0.05")]),
        ("what does the base hold?", [("holds", "")]),
        ("why is a-1 not a LINER", [("why", "")]),
        ("which are strong lenses?", [("which", "strong lenses")]),
    ],
)  # fmt: skip
def test_questions_are_read_as_what_they_ask(question, read):
    clauses = clauses_of(question)
    assert all(isinstance(one, Clause) for one in clauses), clauses
    assert [(one.intent, one.thing) for one in clauses] == read


def test_what_is_no_question_stays_words():
    assert clauses_of("make me a sandwich") == ["make me a sandwich"]


def test_whom_a_question_is_about():
    assert subject_of("tonight's spectra").newest
    assert subject_of("the second one").place == 1
    assert subject_of("the last one").place == -1
    assert subject_of("it").before
    assert subject_of("0392-51793-0517 with z < 0.05").names == ("0392-51793-0517",)
    assert not subject_of("last night").place


def test_names_are_known_in_the_forms_that_people_write():
    assert same("strong lenses", "strong_lens")
    assert same("LINERs", "liner")
    assert same("Post-starbursts", "post_starburst")
    assert not same("lens", "strong_lens")
