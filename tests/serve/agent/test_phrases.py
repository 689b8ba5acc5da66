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
        ("are there any strong lenses?", [("which", "strong lenses")]),
        ("what\u2019s the redshift of a-1?", [("number", "redshift")]),
        ("redshift of a-1", [("number", "redshift")]),
        ("what is a-1?", [("class", "")]),
        ("are a-1, b-2 and c-3 LINERs?", [("which", "LINERs")]),
        ("find LINERs like a-1", [("like", "LINERs")]),
        ("which are the most unusual LINERs?", [("odd", "most unusual LINERs")]),
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
    [clause] = clauses_of("are a-1, b-2 and c-3 LINERs?")
    assert clause.of.names == ("a-1", "b-2", "c-3")
    [clause] = clauses_of("show galaxies redder than a-1")
    assert clause.of.names == (), "it is part of what is looked for, not whom the question is about"
    [clause] = clauses_of("which are the most unusual LINERs?")
    assert clause.of.rest == "LINERs"


def test_names_are_known_in_the_forms_that_people_write():
    assert same("strong lenses", "strong_lens")
    assert same("LINERs", "liner")
    assert same("Post-starbursts", "post_starburst")
    assert not same("lens", "strong_lens")
