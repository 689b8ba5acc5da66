"""`search --text`: the reading first, then the objects, then how many."""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from spectrove.knowledge import KnowledgeBase


def test_a_sentence_is_shown_as_it_was_read_and_answered(spectrove, survey):
    """Each part beside its meaning, a table, and the sums."""
    done = spectrove("search", survey.base, "--text", "galaxies with EW(Hα) > 10 Å, the 3 strongest Hα first")
    lines = done.stdout.splitlines()
    assert any(line.split("->")[-1].strip() == "ha_ew > 10" for line in lines)
    assert "expected true matches in the base" in lines[-1]
    shown = [line for line in lines if "±" in line]
    values = [float(line.split("±")[0].split()[-1]) for line in shown]
    assert len(values) == 3
    assert values == sorted(values, reverse=True)


def test_json_and_a_file_hold_the_same(spectrove, survey, tmp_path):
    """A line for each, and a row."""
    file = tmp_path / "found.parquet"
    done = spectrove("search", survey.base, "--text", "z < 0.1", "--json", "--top", 4, "-o", file)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 4
    assert pq.read_table(file).column("object_id").to_pylist() == [row["object_id"] for row in rows]
    assert rows[0]["values"]["z"]["value"] < 0.1
    assert "z < 0.1" in done.stderr


def test_a_word_that_is_not_known_is_wrong_usage(spectrove, survey):
    """Exit code 2, and the word with its place."""
    done = spectrove("search", survey.base, "--text", "flurble galaxies")
    assert done.exit_code == 2
    assert "'flurble' (at 1)" in done.stderr


def test_a_sentence_and_spectra_do_not_go_together(spectrove, survey):
    """And a search needs one of them."""
    for word, arguments in (
        ("SPECTRA", (survey.dataset, "--text", "z < 1")),
        ("--text", ()),
        ("--top", (survey.dataset, "--top", 3)),
    ):
        done = spectrove("search", survey.base, *arguments)
        assert done.exit_code == 2
        assert word in done.stderr


def test_a_hunt_in_words_shows_its_reading_and_is_the_hunt_by_condition(spectrove, survey):
    """The reading on stderr, "top 3" as --top 3, and the answers of --condition."""
    asked = (survey.base, survey.dataset, "--queries", "split = 'test'", "--json")
    said = spectrove("hunt", *asked, "--text", "top 3 with EW(Hα) > 10 Å")
    assert said.exit_code == 0
    assert any(line.split("->")[-1].strip() == "ha_ew > 10" for line in said.stderr.splitlines())
    bare = spectrove("hunt", *asked, "--condition", "ha_ew > 10", "--top", 3)
    assert said.stdout == bare.stdout
    assert len(said.stdout.splitlines()) == 3
    one = spectrove("hunt", *asked, "--text", "top 3 with EW(Hα) > 10 Å", "--top", 1)
    assert one.stdout.splitlines() == bare.stdout.splitlines()[:1]


def test_a_hunt_in_words_by_examples(spectrove, survey):
    """As --like."""
    name = KnowledgeBase.open(survey.base).rows(columns=[]).column("object_id").to_pylist()[0]
    asked = (survey.base, survey.dataset, "--queries", "split = 'test'", "--json")
    assert (
        spectrove("hunt", *asked, "--text", f"like {name}").stdout
        == spectrove("hunt", *asked, "--like", name).stdout
    )


def test_a_hunt_in_words_that_cannot_be_is_wrong_usage(spectrove, survey):
    """Exit code 2 and the reason; without spectra it says which command asks the base."""
    for arguments, why in (
        ((survey.dataset, "--text", "spirals"), "classify --label morph"),
        ((survey.dataset, "--text", "z < 1", "--target", "liner"), "2 of them are given"),
        (("--text", "z < 1"), "search --text"),
    ):
        done = spectrove("hunt", survey.base, *arguments)
        assert done.exit_code == 2
        assert why in " ".join(done.stderr.replace("│", " ").split())


def test_explain_takes_the_sentence_too(spectrove, survey):
    """The same as of its condition."""
    name = KnowledgeBase.open(survey.base).rows(columns=[]).column("object_id").to_pylist()[0]
    asked = ("explain", survey.base, survey.dataset, "--id", name, "--allow-self")
    said = spectrove(*asked, "--text", "EW(Hα) > 10 Å")
    assert said.exit_code == 0
    assert said.stdout == spectrove(*asked, "--condition", "ha_ew > 10").stdout
    refused = spectrove(*asked, "--text", f"like {name}")
    assert refused.exit_code == 2
    assert "hunt --like prints why" in refused.stderr
