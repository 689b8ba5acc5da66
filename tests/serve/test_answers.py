"""search, classify and hunt: what they print and what they write."""

from __future__ import annotations

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

TEST = ("--queries", "split = 'test'")


def lines(text: str) -> list[dict]:
    """JSON Lines as dictionaries."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="session")
def test_ids(survey) -> list[str]:
    """Ids of the queries, in the order of the dataset."""
    from spectrove.readers import read_dataset

    return read_dataset(survey.dataset, "split = 'test'").object_id.tolist()


def test_hunt_json_has_the_documented_keys_in_the_order_of_the_input(spectrove, survey, test_ids):
    """One object per spectrum, results only; the summary goes to stderr."""
    result = spectrove("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "--json")
    assert result.exit_code == 0
    rows = lines(result.stdout)
    assert [row["object_id"] for row in rows] == test_ids
    keys = [
        "object_id",
        "target",
        "probability",
        "interval",
        "is_target",
        "z",
        "z_source",
        "metric",
        "calibrated",
        "p_distance",
        "set",
        "witnesses",
        "none_of_these",
        "neighbors",
        "flags",
    ]
    assert list(rows[0]) == keys
    assert list(rows[0]["neighbors"][0]) == ["object_id", "distance", "weight", "label"]
    for row in rows:
        if row["none_of_these"]:
            assert row["interval"] is None
            continue
        assert row["interval"][0] <= row["probability"] <= row["interval"][1]
        assert len(row["neighbors"]) == 3
        assert row["object_id"] not in [n["object_id"] for n in row["neighbors"]]
    assert "are LINER at P >= 0.5" in result.stderr


def test_a_hunt_has_another_threshold_where_one_is_said(spectrove, survey, test_ids):
    ask = ("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "--json", "--threshold")
    never, always, best = (lines(spectrove(*ask, said).stdout) for said in ("1", "0", "f1"))
    assert [row["is_target"] for row in always] == [row["none_of_these"] is None for row in always]
    assert sum(row["is_target"] for row in always) > len(test_ids) / 2
    assert [row["is_target"] for row in never] == [row["probability"] >= 1 for row in never]
    # Too few labels for a calibration: a half decides.
    assert [row["is_target"] for row in best] == [row["probability"] >= 0.5 for row in best]
    said = spectrove(*ask[:-2], "--threshold", "F1").stdout
    assert "at P >= 0.5 (a half, as nothing is calibrated, expected false ones" in said
    for wrong in ("1.5", "f2", "nan"):
        refused = spectrove(*ask, wrong)
        assert refused.exit_code == 2
        assert "expected a number between 0 and 1, or f1" in refused.stderr


def test_hunt_for_people_puts_the_most_probable_first(spectrove, survey, test_ids):
    """Answer, evidence, cautions; then how many and how many of them are expected to be false."""
    result = spectrove("hunt", survey.base, survey.dataset, *TEST, "--target", "liner")
    head, *body, summary = result.stdout.splitlines()
    assert head.split() == ["object", "P(LINER)", "evidence"]
    assert len(body) == len(test_ids)
    probabilities = [float(line.split()[1]) for line in body if "none of these" not in line]
    assert all("none of these" in line for line in body[len(probabilities) :])
    assert probabilities == sorted(probabilities, reverse=True)
    assert "of 3 neighbours; nearest" in body[0]
    said = lines(spectrove("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "--json").stdout)
    hits = [row["probability"] for row in said if row["is_target"]]
    false = sum(1 - p for p in hits)
    assert f"{len(hits)} of {len(said)} spectra are LINER" in summary
    assert f"(expected false ones: {false:.1f})" in summary


def test_top_keeps_the_best_everywhere(spectrove, survey):
    """On the screen, in JSON and in the file, best first."""
    ask = ("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "--top", 2)
    every = lines(spectrove(*ask[:-2], "--json").stdout)
    best = sorted((row["probability"] for row in every), reverse=True)[:2]
    assert [row["probability"] for row in lines(spectrove(*ask, "--json").stdout)] == best
    result = spectrove(*ask, "-o", "best.csv")
    assert len(result.stdout.splitlines()) == 4
    assert f"of {len(every)} spectra" in result.stdout
    with open("best.csv", newline="") as file:
        assert [float(row["probability"]) for row in csv.DictReader(file)] == best


def test_classify_json_has_the_documented_keys(spectrove, survey, test_ids):
    """Probabilities of all classes sum to one, and the value is the most probable."""
    result = spectrove("classify", survey.base, survey.dataset, *TEST, "--label", "class_derived", "--json")
    assert result.exit_code == 0
    rows = lines(result.stdout)
    assert [row["object_id"] for row in rows] == test_ids
    for row in rows:
        told = ["metric", "calibrated", "p_distance", "set", "witnesses", "none_of_these"]
        assert list(row) == ["object_id", "label", "value", "probabilities", *told, "neighbors", "flags"]
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        if row["none_of_these"]:
            assert row["value"] is None
        else:
            assert row["probabilities"][row["value"]] == max(row["probabilities"].values())


def test_classify_for_people_counts_the_classes(spectrove, survey, test_ids):
    """The last line adds up to all spectra."""
    result = spectrove("classify", survey.base, survey.dataset, *TEST, "--label", "class_derived")
    *body, summary = result.stdout.splitlines()
    assert len(body) == len(test_ids) + 1
    counts = summary.split(": ")[1].split(", ")
    assert sum(int(part.split()[0]) for part in counts) == len(test_ids)


def test_search_json_has_the_documented_keys(spectrove, survey):
    """Nearest first, as many as asked for, and no label anywhere."""
    result = spectrove("search", survey.base, survey.dataset, *TEST, "-k", 5, "--json")
    assert result.exit_code == 0
    for row in lines(result.stdout):
        assert list(row) == ["object_id", "neighbors", "flags"]
        distances = [n["distance"] for n in row["neighbors"]]
        assert len(distances) == 5
        assert distances == sorted(distances)


def test_search_for_people_names_the_neighbours(spectrove, survey, test_ids):
    """One header, a line each, and what was searched."""
    result = spectrove("search", survey.base, survey.dataset, *TEST)
    head, *body, summary = result.stdout.splitlines()
    assert head.split()[0] == "object"
    assert [line.split()[0] for line in body] == test_ids
    assert f"for {len(test_ids)} spectra" in summary


def test_an_object_finds_itself_only_when_allowed(spectrove, survey):
    """By default a query in the base is no neighbour of its own; with --allow-self it is the nearest."""
    ask = ("search", survey.base, survey.dataset, "--queries", "split = 'train'", "--json")
    for row in lines(spectrove(*ask).stdout):
        assert row["object_id"] not in [n["object_id"] for n in row["neighbors"]]
    for row in lines(spectrove(*ask, "--allow-self").stdout):
        assert row["neighbors"][0]["object_id"] == row["object_id"]
        assert row["neighbors"][0]["distance"] == pytest.approx(0, abs=1e-4)


def test_where_filters_the_base_and_not_the_queries(spectrove, survey, test_ids):
    """All queries are answered, by the objects that meet the condition."""
    rows = lines(
        spectrove(
            "search", survey.base, survey.dataset, *TEST, "--where", "class_derived = 'SF'", "--json"
        ).stdout
    )
    assert [row["object_id"] for row in rows] == test_ids
    from spectrove.knowledge import KnowledgeBase

    found = KnowledgeBase.open(survey.base).rows("class_derived = 'SF'", [])
    allowed = set(found.column("object_id").to_pylist())
    assert all(n["object_id"] in allowed for row in rows for n in row["neighbors"])


def test_a_file_a_folder_a_glob_and_a_dataset_give_the_same_answers(spectrove, survey, test_ids):
    """SPECTRA may be any of them; the answers do not depend on which."""
    files = [survey.files / f"spec-{object_id}.fits" for object_id in test_ids]
    ask = ("search", survey.base)
    by_dataset = {r["object_id"]: r for r in lines(spectrove(*ask, survey.dataset, "--json").stdout)}
    by_folder = {r["object_id"]: r for r in lines(spectrove(*ask, survey.files, "--json").stdout)}
    by_glob = {
        r["object_id"]: r for r in lines(spectrove(*ask, survey.files / "spec-*.fits", "--json").stdout)
    }
    by_files = {r["object_id"]: r for r in lines(spectrove(*ask, *files, "--json").stdout)}
    near = {key: [n["object_id"] for n in row["neighbors"]] for key, row in by_dataset.items()}
    for found in (by_folder, by_glob, by_files):
        for key, row in found.items():
            assert [n["object_id"] for n in row["neighbors"]] == near[key]
    assert set(by_folder) == set(by_glob) == set(by_dataset)
    assert list(by_files) == test_ids


def test_queries_filter_files_as_they_filter_datasets(spectrove, survey):
    """The same SQL, on what the files themselves say."""
    result = spectrove("search", survey.base, survey.files, "--queries", "z < 0.05", "--json")
    from spectrove.readers import read_dataset

    expected = read_dataset(survey.dataset, "z < 0.05").object_id.tolist()
    assert [row["object_id"] for row in lines(result.stdout)] == expected


@pytest.mark.parametrize("suffix", [".parquet", ".fits", ".ecsv", ".vot", ".csv"])
def test_tables_hold_the_same_content_in_every_format(spectrove, survey, test_ids, suffix):
    """Ids stay text, numbers stay numbers, and each neighbour has its columns."""
    name = f"classes{suffix}"
    result = spectrove("classify", survey.base, survey.dataset, *TEST, "--label", "class_derived", "-o", name)
    assert result.exit_code == 0
    assert f"wrote {name}" in result.stdout
    table = pq.read_table(name).to_pydict() if suffix == ".parquet" else Table.read(name)
    assert [str(v) for v in table["object_id"]] == test_ids
    rows = lines(
        spectrove("classify", survey.base, survey.dataset, *TEST, "--label", "class_derived", "--json").stdout
    )
    answered = [i for i, row in enumerate(rows) if row["value"] is not None]
    assert len(answered) > len(rows) / 2
    assert [str(table["value"][i]) for i in answered] == [rows[i]["value"] for i in answered]
    assert list(table["p_SF"]) == pytest.approx([row["probabilities"]["SF"] for row in rows])
    assert [str(v) for v in table["neighbor_1"]] == [row["neighbors"][0]["object_id"] for row in rows]
    assert list(table["distance_3"]) == pytest.approx([row["neighbors"][2]["distance"] for row in rows])


def test_a_hunt_can_be_written_in_every_format(spectrove, survey):
    """Booleans and intervals too."""
    for suffix in (".parquet", ".fits", ".ecsv", ".vot", ".csv"):
        name = f"hunt{suffix}"
        spectrove("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "-o", name)
        table = pq.read_table(name).to_pydict() if suffix == ".parquet" else Table.read(name)
        assert {str(v) for v in table["is_target"]} <= {"True", "False", "true", "false"}
        limits = list(zip(table["interval_low"], table["interval_high"], strict=True))
        known = [(low, high) for low, high in limits if low is not None and np.isfinite(low)]
        assert len(known) > len(limits) / 2
        assert all(low <= high for low, high in known)


def test_a_parquet_table_says_where_it_comes_from(spectrove, survey):
    """Base, its version, the fingerprint of the vectors, the target."""
    spectrove("hunt", survey.base, survey.dataset, *TEST, "--target", "liner", "-o", "hunt.parquet")
    notes = pq.read_schema("hunt.parquet").metadata
    assert notes[b"base"] == b"mock.kb"
    assert notes[b"target"] == b"liner"
    assert len(notes[b"fprint"]) == 16


def test_flags_of_the_spectrum_are_flags_of_the_answer(spectrove, survey, tmp_path):
    """What reading found out is a caution on whatever is said; what a catalog says is no part of an answer."""
    from spectrove.readers import read_dataset, write_dataset

    spectra = read_dataset(survey.dataset, "split = 'test'").take([0])
    flags = pa.array([["ivar_estimated", "z_warning"]])
    rows = spectra.rows.set_column(spectra.rows.column_names.index("flags"), "flags", flags)
    write_dataset(tmp_path / "warned.lance", spectra.with_rows(rows))
    for ask in (("search",), ("hunt", "--target", "liner"), ("classify", "--label", "class_derived")):
        result = spectrove(ask[0], survey.base, tmp_path / "warned.lance", *ask[1:], "--json")
        assert "ivar_estimated" in lines(result.stdout)[0]["flags"]
        assert "z_warning" not in lines(result.stdout)[0]["flags"]


def test_rare_objects_are_told_from_ordinary_ones(spectrove, survey):
    """A catalog's "none" is a label like another: in a hunt for lenses the ordinary galaxies vote too."""
    ask = ("hunt", survey.base, survey.dataset, *TEST, "--json", "--target", "strong_lens")
    labels = [n["label"] for row in lines(spectrove(*ask).stdout) for n in row["neighbors"]]
    assert set(labels) == {"lens", "none"}
    assert labels.count("none") > labels.count("lens")


def test_a_target_file_serves_as_well_as_a_name(spectrove, survey, tmp_path):
    """The shipped target, copied and renamed, gives the same probabilities."""
    from importlib import resources

    text = (resources.files("spectrove.galaxies") / "targets" / "liner.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text.replace('name = "liner"', 'name = "mine"'), "utf-8")
    ask = ("hunt", survey.base, survey.dataset, *TEST, "--json", "--target")
    mine, shipped = (lines(spectrove(*ask, name).stdout) for name in ("mine.toml", "liner"))
    assert {row["target"] for row in mine} == {"mine"}
    assert [row["probability"] for row in mine] == [row["probability"] for row in shipped]


def test_k_means_the_same_everywhere(spectrove, survey):
    """So many neighbours vote; 3 by default."""
    for ask in (("search",), ("hunt", "--target", "liner"), ("classify", "--label", "class_derived")):
        for extra, expected in (((), 3), (("-k", 1), 1), (("-k", 7), 7)):
            result = spectrove(ask[0], survey.base, survey.dataset, *TEST, *ask[1:], "--json", *extra)
            assert {len(row["neighbors"]) for row in lines(result.stdout)} == {expected}


def test_answers_become_a_catalog_with_their_positions(spectrove, survey, test_ids):
    """The same rows as in a table of one file, and the position of each spectrum."""
    from spectrove.readers import read_dataset

    for file in ("answers.hats", "answers.parquet"):
        done = spectrove(
            "classify", survey.base, survey.dataset, *TEST, "--label", "class_derived", "-o", file
        )
        assert done.exit_code == 0
        assert done.stdout.rstrip().endswith(f"wrote {file}")
    tiled = pq.read_table("answers.hats/dataset").sort_by("object_id")
    plain = pq.read_table("answers.parquet").sort_by("object_id")
    assert tiled.select(plain.column_names).to_pylist() == plain.to_pylist()
    spectra = read_dataset(survey.dataset, "split = 'test'")
    ra = dict(zip(spectra.object_id.tolist(), spectra.column("ra"), strict=True))
    assert tiled.column("ra").to_pylist() == [ra[name] for name in sorted(test_ids)]


def test_a_catalog_is_not_written_over_something_else(spectrove, survey, tmp_path):
    """Said before the work; commands whose rows have no place say so too."""
    (tmp_path / "mine.hats").mkdir()
    (tmp_path / "mine.hats/letter.txt").write_text("dear")
    done = spectrove("search", survey.base, survey.dataset, "-o", "mine.hats")
    assert done.exit_code == 2
    assert "found something that is no HATS catalog" in " ".join(done.output.split())
    done = spectrove("kb", "curate", survey.base, "--label", "class_derived", "-o", "review.hats")
    assert done.exit_code == 2
    assert "names no format" in " ".join(done.output.split())
