"""search --region: what it prints, and what is asked wrongly."""

from __future__ import annotations

import csv
import json

TEST = ("--queries", "split = 'test'")


def test_region_json_says_that_the_distance_is_the_regions(spectrove, survey):
    result = spectrove("search", survey.base, survey.dataset, *TEST, "--region", "Halpha", "-k", 5, "--json")
    assert result.exit_code == 0
    for line in result.stdout.splitlines():
        row = json.loads(line)
        assert list(row) == ["object_id", "neighbors", "flags", "regions"]
        assert [[round(edge) for edge in region] for region in row["regions"]] == [[6525, 6605]]
        assert list(row["neighbors"][0]) == ["object_id", "distance", "region_distance"]
        there = [n["region_distance"] for n in row["neighbors"]]
        measured = [d for d in there if d is not None]
        assert len(there) == 5
        assert measured
        assert there[: len(measured)] == sorted(measured)
    assert "in Halpha (6525-6605 A) of the rest frame" in result.stderr


def test_a_shortlist_of_k_only_reorders_what_search_finds(spectrove, survey):
    ask = ("search", survey.base, survey.dataset, *TEST, "--json")
    plain = [json.loads(line) for line in spectrove(*ask).stdout.splitlines()]
    regional = spectrove(*ask, "--region", "4800:5100", "--region", "NaD", "--shortlist", 3).stdout
    for row, same in zip(plain, map(json.loads, regional.splitlines()), strict=True):
        assert {n["object_id"] for n in row["neighbors"]} == {n["object_id"] for n in same["neighbors"]}


def test_for_people_and_in_a_file_both_distances_are_there(spectrove, survey):
    result = spectrove("search", survey.base, survey.dataset, *TEST, "--region", "Hbeta", "-o", "found.csv")
    head, first, *_, summary = result.stdout.splitlines()
    assert "distance there relative to the continuum" in head
    assert "; " in first
    assert "in Hbeta (4823-4903 A)" in summary
    with open("found.csv", newline="") as file:
        row = next(csv.DictReader(file))
    assert float(row["region_distance_1"]) <= float(row["region_distance_2"])
    assert float(row["distance_1"]) > 0


def test_what_cannot_be_a_region_is_asked_wrongly(spectrove, survey):
    """With the reason, and nothing on stdout."""
    for text, reason in (
        ("Halfa", "did you mean halpha"),
        ("6800:6500", "low before high"),
        ("6500:x", "expected LOW:HIGH"),
        ("9000:9200", "the encoder of the base covers"),
    ):
        result = spectrove("search", survey.base, survey.dataset, "--region", text)
        assert result.exit_code == 2, text
        assert reason in result.stderr
        assert not result.stdout


def test_a_region_that_was_not_observed_refuses_the_spectrum(spectrove, survey):
    """At z above .3 spectra end before rest 7100 angstrom; where nobody has the region nothing is answered."""
    result = spectrove("search", survey.base, survey.dataset, "--queries", "z > 0.3", "--region", "7300:7600")
    assert result.exit_code == 1
    assert "region 7300-7600 A" in result.stderr
