"""spectrove contrast: what it prints, the page that it writes, and what it refuses."""

from __future__ import annotations

import json

import pytest

from spectrove.errors import KnowledgeError
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
        ("{0}", "{0}", "given as like and as unlike"),
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


def test_examples_are_not_ranked_along_their_own_direction(survey, sets):
    """Not when they are among the spectra either; a condition on the base has no part there and is refused."""
    from spectrove.pipeline.base import open as open_base

    base, (like, unlike) = open_base(survey.base), sets
    others = [i for i in base.rows(None, []).column("object_id").to_pylist() if i not in {*like, *unlike}][:2]
    answers = base.contrast([*like[:3], *others], like=like, unlike=unlike)
    assert {answer.object_id for answer in answers} == set(others)
    assert answers.provenance["not_ranked"] == ",".join(like[:3])
    [best] = base.contrast(others, like=like, unlike=unlike, top=1)
    assert best.score == pytest.approx(max(answer.score for answer in answers), abs=1e-12)
    assert not len(base.contrast(like, like=like, unlike=unlike))
    for ask in (base.contrast, base.hunt):
        with pytest.raises(
            KnowledgeError, match="chooses objects of the base to rank, and spectra are given"
        ):
            ask(others, like=like, unlike=unlike, where="z < 0.1")


def test_an_example_that_cannot_be_read_is_named(survey, sets, tmp_path):
    """And the others are compared."""
    from spectrove.pipeline.base import open as open_base

    broken = tmp_path / "broken.fits"
    broken.write_bytes(b"nothing")
    given = [*sets[0], str(broken), sets[0][0]]
    made = open_base(survey.base).contrast(like=given, unlike=[*sets[1], "nowhere"], top=1).contrast
    assert made.sets.n_like == 8
    for said in (
        "Not used: example broken.fits",
        f"{sets[0][0]}: given more than once",
        "nowhere: neither a file",
    ):
        assert said in made.sentence


@pytest.mark.parametrize("ask", ["contrast", "hunt", "search_text"])
def test_an_answer_reads_one_version(survey, sets, ask, monkeypatch):
    """Another process may write while it is made."""
    from spectrove.pipeline.base import open as open_base

    base = open_base(survey.base)
    asked = {
        "contrast": lambda: base.contrast(like=sets[0], unlike=sets[1], top=1),
        "hunt": lambda: base.hunt(like=sets[0], unlike=sets[1], top=1),
        "search_text": lambda: base.search_text("z < 1"),
    }
    newest = []
    monkeypatch.setattr(base._reader._store, "refresh", lambda: newest.append(1) or base.version)
    monkeypatch.setattr(type(base), "version", property(lambda self: self._reader.version))
    asked[ask]()
    assert len(newest) == 1
