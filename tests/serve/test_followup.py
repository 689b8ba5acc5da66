"""Follow-up lists of hunts, and explanations of one answer, as the commands write them."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from astropy.io.votable import parse
from astropy.table import Table

from spectrove.explanation.expectations import expectations
from spectrove.explanation.followup import follow_up, is_magnitude, meaning, places
from spectrove.explanation.links import links
from spectrove.inference import Prediction, Vote
from spectrove.serve.output import write_table

TEST = ("--queries", "split = 'test'")


def prediction(name, p, found, calibrated=True):
    vote = Vote("b1", 0.8, 1.0, "LINER", "LINER")
    return Prediction(
        name, "class_derived", "LINER", {"LINER": p, "other": 1 - p}, (p / 2, p), "", (vote,), ("faint",), "liner",
        "LINER", found, z=0.1, calibrated=calibrated,
    )  # fmt: skip


ROWS = {
    "a": {"ra": 150.1, "dec": 2.2, "survey": "sdss", "specobjid": "299489677444933632", "modelmag_r": 17.2}
}


@pytest.mark.parametrize("suffix", [".vot", ".ecsv", ".fits", ".parquet", ".csv"])
def test_a_follow_up_list_can_be_written_in_every_format(tmp_path, suffix):
    """The same columns and values everywhere."""
    path = tmp_path / f"list{suffix}"
    found = follow_up([prediction("a", 0.9, True), prediction("b", 0.4, False)], ROWS, 0.4)
    write_table(path, found, {"base": "x"}, meaning)
    kind = {
        ".vot": "votable",
        ".ecsv": "ascii.ecsv",
        ".fits": "fits",
        ".parquet": "parquet",
        ".csv": "ascii.csv",
    }
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        table = Table(pq.read_table(path).to_pydict())
    else:
        table = Table.read(path, format=kind[suffix])
    assert table.colnames == list(found[0])
    assert [str(v) for v in table["object_id"]] == ["a", "b"]
    assert float(table["ra"][0]) == 150.1
    assert float(table["modelmag_r"][0]) == pytest.approx(17.2)


def test_a_votable_says_units_and_ucds(tmp_path):
    """What TOPCAT needs to take two columns as positions on the sky: as astropy reads it back, and in the file."""
    path = tmp_path / "list.vot"
    write_table(path, follow_up([prediction("a", 0.9, True)], ROWS, 0.4), {}, meaning)
    table = Table.read(path, format="votable")
    for name, ucd in (("ra", "pos.eq.ra;meta.main"), ("dec", "pos.eq.dec;meta.main")):
        assert table[name].unit == "deg"
        assert table[name].meta["ucd"] == ucd
    assert table["modelmag_r"].unit == "mag"
    assert table["modelmag_r"].meta["ucd"] == "phot.mag"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fields = {f.name: f for f in parse(path, verify="exception").get_first_table().fields}
    assert all(f.ucd and f.description for f in fields.values())
    ecsv = tmp_path / "list.ecsv"
    write_table(ecsv, follow_up([prediction("a", 0.9, True)], ROWS, 0.4), {}, meaning)
    assert Table.read(ecsv, format="ascii.ecsv")["ra"].unit == "deg"


def test_a_row_gives_reason_and_links_and_unknown_numbers_are_nan():
    """Nothing is invented for an object whose place is unknown."""
    a, b = follow_up([prediction("a", 0.9, True), prediction("b", 0.4, False)], ROWS, 0.4)
    assert (a["rank"], b["rank"]) == (1, 2)
    assert (
        a["reason"]
        == "Its one labelled neighbour, b1 (LINER), is at 2.0 times the base's usual neighbour distance."
    )
    assert a["skyserver"].endswith("summary?sid=299489677444933632")
    assert a["legacy"].startswith("https://www.legacysurvey.org/viewer?ra=150.1&dec=2.2&zoom=")
    assert np.isnan(b["ra"])
    assert np.isnan(b["modelmag_r"])
    assert b["legacy"] == b["skyserver"] == ""


def test_links_are_only_to_what_is_known():
    """By position for any survey, by id for SDSS; none for simulated objects, none by an id that was a float."""
    assert links({"survey": "mock", "ra": 1.0, "dec": 2.0}) == {}
    assert links({"survey": "sdss"}) == {}
    assert links({"survey": "lamost", "ra": 1.0, "dec": -2.5, "specobjid": "12"})["skyserver"].endswith(
        "?ra=1&dec=-2.5"
    )
    assert links({"survey": "sdss", "specobjid": 2.99e17, "ra": 1.0, "dec": 2.0})["skyserver"].endswith(
        "?ra=1&dec=2"
    )
    assert links({"survey": "sdss", "objid": "123", "specobjid": "4"})["skyserver"].endswith("?id=123")


def test_magnitudes_are_told_by_their_names():
    """Prefixes only: a column that merely holds the letters is none."""
    assert places(["ra", "z", "psfMag_r", "image_mag", "mag_g", "objid"]) == [
        "ra",
        "psfMag_r",
        "mag_g",
        "objid",
    ]
    assert not is_magnitude("magnesium")


def test_expected_purity_and_completeness_by_hand():
    """0.9 and 0.7 are called, 0.4 is not: purity 1.6 / 2, completeness 1.6 / 2."""
    found = expectations(
        [prediction("a", 0.9, True), prediction("b", 0.7, True), prediction("c", 0.4, False)]
    )
    assert found.purity == pytest.approx(0.8)
    assert found.completeness == pytest.approx(0.8)
    assert found.false == pytest.approx(0.4)
    assert found.sentence == "expected purity 0.80, completeness 0.80 (from calibrated probabilities)"
    nothing = expectations([prediction("a", 0.4, False, calibrated=False)])
    assert nothing.purity is None
    assert nothing.sentence == "expected purity unknown, completeness 0.00 (from vote shares, not calibrated)"


def test_hunt_top_writes_the_list(spectrove, survey):
    """Ranked, with the coordinates of the input; the summary says purity and completeness."""
    ask = ("hunt", survey.base, survey.dataset, *TEST, "--target", "liner")
    result = spectrove(*ask, "--top", 3, "-o", "best.vot")
    assert result.exit_code == 0
    assert "expected purity" in result.stdout.splitlines()[-1]
    table = Table.read("best.vot", format="votable")
    assert table["rank"].tolist() == [1, 2, 3]
    from spectrove.readers import read_dataset

    spectra = read_dataset(survey.dataset)
    place = dict(zip(spectra.object_id.tolist(), spectra.column("ra"), strict=True))
    assert [float(v) for v in table["ra"]] == pytest.approx([place[str(v)] for v in table["object_id"]])
    assert all("nearest known spectra" in str(v) for v in table["reason"])


def test_explain_against_cites_and_says_why_not(spectrove, survey, tmp_path):
    """Sentences on the screen, one JSON object, a .bib file; an id that is not there is asked wrongly."""
    file = sorted(survey.files.glob("spec-*.fits"))[0]
    from spectrove.knowledge import KnowledgeBase

    far = str(KnowledgeBase.open(survey.base).rows(columns=[]).column("object_id")[-1].as_py())
    ask = ("explain", survey.base, file, "--label", "class_derived")
    result = spectrove(*ask, "--against", far, "--cite", "cite.bib", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert said["against"]["object_id"] == far
    assert len(said["influence"]) == len(said["neighbors"]) == len(said["saliency"]) == 3
    for one in said["saliency"]:
        total = one["rest"] + one["distance"] * sum(r["gradient"] for r in one["regions"])
        assert total == pytest.approx(one["distance"], rel=5e-3)
    keys = {c["key"] for c in said["citations"]}
    assert "sundararajan2017" in keys
    text = (tmp_path / "cite.bib").read_text("utf-8")
    assert all(f"{{{key}," in text for key in keys)
    assert far in result.stderr
    assert "to cite: " in result.stderr
    assert spectrove(*ask, "--against", "nobody").exit_code == 2
