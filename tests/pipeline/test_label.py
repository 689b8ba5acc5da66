"""Labels of a table join a base as those of a catalog join its spectra, and answers are the same at once."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectrove import pipeline
from spectrove.catalog import as_catalog, read_ids
from spectrove.catalog.matching import match, said_of
from spectrove.embeddings import Embeddings
from spectrove.errors import CatalogError, KnowledgeError
from spectrove.galaxies.mock import make_survey
from spectrove.hats.writing import write as write_hats
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.base import Base
from spectrove.pipeline.label import label
from spectrove.serve.cli.label import report
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets import Target

IDS = [f"{i:04d}-51602-{i + 1:04d}" for i in range(12)]


def small_base(ids=IDS, **columns) -> Base:
    """Spectra of three pixels with every key that a table may be joined on."""
    singles = []
    for i, name in enumerate(ids):
        row = {
            "ra": 10.0 + i, "dec": 5.0, "z": 0.1, "z_source": "file", "path": f"spectra/spec-{name}.fits",
            "specobjid": str(10**18 + i), "targetid": str(500 + i), "plate": i, "mjd": 51602, "fiberid": i + 1,
        } | {key: values[i] for key, values in columns.items()}  # fmt: skip
        pixels = (
            4000.0 + np.arange(3),
            np.ones(3, "f4"),
            np.ones(3, "f4"),
            np.zeros(3, "i4"),
            np.ones(3, "f4"),
        )
        singles.append(Spectrum(name, *pixels, row=row))
    vectors = np.random.default_rng(0).normal(size=(len(ids), 4)).astype("f4")
    views = {
        "shape": Embeddings(vectors, np.array(ids), "0123456789abcdef", np.tile([3e3, 9e3], (len(ids), 1)))
    }
    return Base.in_memory(SpectrumSet.from_spectra(singles), views, encoder="made-up")


def values(base, name) -> dict:
    rows = base.rows(columns=[name])
    return dict(zip(rows["object_id"].to_pylist(), rows[name].to_pylist(), strict=True))


# --- what it is for ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def survey() -> SpectrumSet:
    return make_survey(90, seed=3)


def test_a_hunt_answers_as_on_a_base_made_with_the_catalog(survey, tmp_path):
    """To the last bit: probabilities, intervals, neighbours; and so does a classification."""
    known, asked = survey.take(np.arange(70)), survey.take(np.arange(70, 90))
    joined, _ = pipeline.create(tmp_path / "joined.kb", [known], "pca", views={})
    rows = known.rows.drop_columns(
        ["class_derived", "labels"] if "labels" in known.rows.column_names else ["class_derived"]
    )
    bare = SpectrumSet.from_arrow(_without(known.to_arrow(), rows.column_names))
    base, _ = pipeline.create(tmp_path / "bare.kb", [bare], "pca", views={})
    assert "class_derived" not in base.columns
    target = Target(
        name="liner", label="class_derived", classes={"SF": ["SF"], "other": ["*"]}, positive="SF"
    )
    table = tmp_path / "labels.csv"
    lines = zip(known.object_id.tolist(), known.column("class_derived"), strict=True)
    table.write_text("object_id,class_derived\n" + "".join(f"{i},{c or ''}\n" for i, c in lines))
    label(base, table, "class_derived")
    for ask in (
        lambda kb: pipeline.hunt(kb, asked, target), lambda kb: pipeline.classify(kb, asked, "class_derived"),
    ):  # fmt: skip
        one, other = ask(joined), ask(KnowledgeBase.open(base.path))
        assert [p.probability for p in one] == [p.probability for p in other]
        assert [p.interval for p in one] == [p.interval for p in other]
        assert one.neighbors.object_id.tolist() == other.neighbors.object_id.tolist()
    assert len({p.probability for p in one}) > 3


def test_lines_of_a_base_are_not_measured_again_after_a_label(survey, tmp_path, monkeypatch):
    """They take 10 ms for each object, and depend on its spectrum alone."""
    from spectrove.galaxies import line_witness

    known = survey.take(np.arange(8))
    base, _ = pipeline.create(tmp_path / "a.kb", [known], "pca", views={})
    ids = known.object_id.tolist()
    shares = line_witness.line_shares_of_base(base, ids)
    label(base, {"object_id": ids[:2], "lens": ["yes", "no"]}, "lens")
    monkeypatch.setattr(line_witness, "line_shares", lambda spectra: pytest.fail("measured again"))
    again = line_witness.line_shares_of_base(KnowledgeBase.open(base.path), ids)
    assert np.array_equal(shares, again, equal_nan=True)


def _without(table: pa.Table, names) -> pa.Table:
    return table.drop_columns(
        [n for n in ("class_derived", "labels") if n in table.column_names and n not in names]
    )


# --- formats and keys -------------------------------------------------------------------------------------


def write(path, columns) -> None:
    """The columns in the format of the suffix."""
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".csv":
        names = list(columns)
        rows = zip(*columns.values(), strict=True)
        lines = [";".join("" if v is None else str(v) for v in row) for row in rows]
        path.write_text("\ufeffsep=;\r\n" + ";".join(names) + "\r\n" + "\r\n".join(lines) + "\r\n", "utf-8")
    else:
        table = Table()
        for name, given_values in columns.items():
            mask = [v is None for v in given_values]
            kind = next(type(v) for v in given_values if v is not None)
            table[name] = MaskedColumn([kind() if v is None else v for v in given_values], mask=mask)
        formats = {".fits": "fits", ".ecsv": "ascii.ecsv", ".vot": "votable"}
        table.write(path, format=formats[path.suffix])


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".fits", ".ecsv", ".vot"])
def test_every_format_gives_the_same_labels(tmp_path, suffix):
    """Excel's CSV too, with its mark, semicolons and line ends; text, numbers, booleans and gaps."""
    base = small_base()
    path = tmp_path / f"Lenses.v2{suffix}"
    columns = {
        "object_id": IDS[:4], "Grade": ["A", "B", None, "A"], "Radius": [1.5, -99.0, 2.5, 3.5],
        "Is_Lens": [True, False, True, True],
    }  # fmt: skip
    write(path, columns)
    done = label(base, path, ["Grade", "radius", "is_lens"])
    assert (done.rows, done.matched, done.unmatched) == (4, {"object_id": 4}, ())
    assert [values(base, "grade")[i] for i in IDS[:5]] == ["A", "B", None, "A", None]
    assert [values(base, "radius")[i] for i in IDS[:5]] == [1.5, None, 2.5, 3.5, None]
    assert [values(base, "is_lens")[i] for i in IDS[:5]] == [True, False, True, True, None]
    assert done.unknown["radius"] == 1
    about = base.labels()
    assert about["grade"]["values"] == {"A": 2, "B": 1}
    assert (about["radius"]["n"], about["radius"]["median"]) == (3, 2.5)
    [source] = about["is_lens"]["sources"]
    assert (source["source"], source["n"], source["file"], source["column"]) == (
        "Lenses",
        4,
        path.name,
        "is_lens",
    )
    assert source["version"].startswith("sha256:")
    assert source["base_version"] == base.version
    assert base.info()["sources"]["radius"][0]["date"]
    assert base.versions()[-1]["about"] == "grade, radius, is_lens from Lenses"


@pytest.mark.parametrize(
    ("on", "columns"),
    [
        ("object_id", {"OBJID": ["3-51602-4"], "objectid": ["3-51602-4"]}),
        ("specobjid", {"SpecObjID": [10**18 + 3]}),
        ("targetid", {"targetid": [503]}),
        ("plate-mjd-fibre", {"PLATE": [3], "mjd": [51602], "fiber": [4]}),
        ("position", {"RAJ2000": [13.0 + 1.5 / 3600], "DEJ2000": [5.0]}),
        ("path", {"filename": [f"/else/where/spec-{IDS[3]}.fits.gz"]}),
    ],
)
def test_rows_find_their_objects_by_each_key(on, columns):
    """Alone, and as one of all keys; far positions find nothing."""
    for key in (on, None):
        base = small_base()
        done = label(base, {**columns, "lens": ["yes"]}, "lens", on=key)
        assert done.matched == {on: 1}
        assert {n for n, v in values(base, "lens").items() if v} == {IDS[3]}


def test_a_key_that_is_not_there_is_said():
    with pytest.raises(CatalogError, match="no column specobjid, which joining on specobjid needs"):
        label(small_base(), {"object_id": IDS[:1], "lens": ["yes"]}, "lens", on="specobjid")
    with pytest.raises(CatalogError, match="no object of the base has specobjid"):
        label(small_base(specobjid=[None] * 12), {"specobjid": ["7"], "lens": ["y"]}, "lens", on="specobjid")
    with pytest.raises(
        CatalogError, match=r"none of the 1 rows is about one of the 12 objects.*row is 9-9-9"
    ):
        label(small_base(), {"object_id": ["9-9-9"], "lens": ["y"]}, "lens")
    with pytest.raises(CatalogError, match="no column to join on"):
        label(small_base(), {"name": ["9-9-9"], "lens": ["y"]}, "lens")
    with pytest.raises(CatalogError, match="expected a file, a table"):
        label(small_base(), 7, "lens")


def test_ids_name_the_observation_where_columns_do_not():
    """A base without plate, MJD and fibre, but with ids of them."""
    base = small_base(plate=[None] * 12, mjd=[None] * 12, fiberid=[None] * 12)
    done = label(base, {"plate": [2], "mjd": [51602], "fiberid": [3], "lens": ["yes"]}, "lens")
    assert done.matched == {"plate-mjd-fibre": 1}
    assert values(base, "lens")[IDS[2]] == "yes"


# --- what does not fit ------------------------------------------------------------------------------------


def test_rows_that_contradict_each_other_give_no_value_and_are_named():
    """Rows that agree in other spelling do; rows of no object are named."""
    base = small_base()
    table = {"object_id": [IDS[0], IDS[0], IDS[1], IDS[1], "x-1"], "kind": ["A", "B", "sf", "SF ", "A"]}
    done = label(base, table, "kind")
    assert (done.contradicted, done.unmatched) == ({"kind": (IDS[0],)}, ("x-1",))
    assert (values(base, "kind")[IDS[0]], values(base, "kind")[IDS[1]]) == (None, "sf")


def test_a_row_of_several_objects_labels_each_and_is_named():
    """Two observations of one galaxy, half an arcsecond apart."""
    base = small_base(ra=[10.0, 10.0 + 0.5 / 3600, *range(20, 30)])
    done = label(base, {"ra": [10.0], "dec": [5.0], "kind": ["A"]}, "kind")
    assert done.shared == {"row 1 (ra 10.0, dec 5.0)": (IDS[0], IDS[1])}
    assert [values(base, "kind")[i] for i in IDS[:3]] == ["A", "A", None]


def test_values_that_are_there_stay_and_are_counted():
    """Both words are noted, and counted as a disagreement; overwriting takes the table's."""
    base = small_base(kind=["SF", "LINER", None, *["SF"] * 9])
    table = {"object_id": IDS[:3], "kind": ["LINER", "liner", "SF"]}
    done = label(base, table, "kind")
    change = done.change.columns["kind"]
    assert (change.new, change.same, change.differ) == (1, 1, 1)
    assert values(base, "kind")[IDS[0]] == "SF"
    assert base.labels()["kind"]["disagree"] == 1
    label(base, table, "kind", overwrite=True)
    assert values(base, "kind")[IDS[0]] == "LINER"
    assert base.labels()["kind"]["disagree"] == 1


def test_another_type_is_refused_with_both():
    base = small_base(kind=["SF"] * 12)
    with pytest.raises(KnowledgeError, match="column kind: the base's holds text, the table's number"):
        label(base, {"object_id": IDS[:1], "x": [1.5]}, "x", name="kind")
    with pytest.raises(KnowledgeError, match="boolean"):
        label(base, {"object_id": IDS[:1], "x": [True]}, "x", name="kind")
    assert base.version == 1


@pytest.mark.parametrize("column", ["redshift", "ra", "flags", "labels"])
def test_what_vectors_depend_on_is_not_a_label(column):
    table = {
        "object_id": IDS[:1],
        "ra": [1.0],
        "dec": [1.0],
        "redshift": [0.2],
        "flags": ["a"],
        "labels": ["a"],
    }
    with pytest.raises(KnowledgeError, match="comes with the spectra"):
        label(small_base(), table, column)


def test_what_names_an_observation_is_filled_but_never_replaced():
    base = small_base(plate=[None] * 12)
    label(base, {"object_id": IDS[:2], "plate": [7, 8]}, "plate")
    assert values(base, "plate")[IDS[1]] == 8
    with pytest.raises(KnowledgeError, match="never replaced"):
        label(base, {"object_id": IDS[:2], "plate": [9, 9]}, "plate", overwrite=True)
    with pytest.raises(CatalogError, match="may be of another one"):
        label(base, {"ra": [10.0], "dec": [5.0], "plate": [9]}, "plate")


def test_a_misspelt_column_and_a_strange_name_are_refused():
    table = {"object_id": IDS[:1], "lens": ["a"]}
    with pytest.raises(CatalogError, match=r"no column 'lenz'.*lens"):
        label(small_base(), table, "lenz")
    with pytest.raises(KnowledgeError, match="letters, digits"):
        label(small_base(), table, "lens", name="my lens")
    with pytest.raises(KnowledgeError, match="makes this column itself"):
        label(small_base(), table, "lens", name="vector_lens")


# --- constants --------------------------------------------------------------------------------------------


def test_a_list_of_ids_becomes_a_label(tmp_path):
    """A text file, a list, or a table of which only the ids count."""
    path = tmp_path / "found.txt"
    path.write_text(f"# my lenses\n{IDS[0]}\n\n{IDS[1]}  # sure\n")
    base = small_base()
    done = label(base, path, "lens", value="yes")
    assert (done.source, done.rows) == ("found", 2)
    label(base, IDS[2:4], "lens", value="no")
    label(base, {"object_id": IDS[4:6], "lens": [1, 2]}, "lens", value="no")
    assert base.labels()["lens"]["values"] == {"no": 4, "yes": 2}
    label(base, IDS, "checked", value="true")
    label(base, IDS, "grade", value="3")
    assert base.labels()["checked"]["type"] == "boolean"
    assert base.labels()["grade"]["type"] == "number"
    with pytest.raises(CatalogError, match="not known"):
        label(base, IDS, "lens", value="-99")


def test_a_table_is_not_taken_for_a_list_of_ids(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("object_id\nx\n")
    assert read_ids(path) is None
    path.write_text("x,y\n1,2\n")
    assert read_ids(path) is None
    path.write_text("x\ny\n")
    assert read_ids(path).column("object_id").to_pylist() == ["x", "y"]


def test_marks_of_a_review_become_a_label(tmp_path):
    """Its column under another name."""
    path = tmp_path / "review.csv"
    path.write_text(f"object_id,mark\n{IDS[0]},yes\n{IDS[1]},no\n{IDS[2]},\n")
    base = small_base()
    label(base, path, "mark", name="lens")
    assert base.labels()["lens"]["values"] == {"yes": 1, "no": 1}


def test_tables_in_memory_of_every_kind():
    pandas = pytest.importorskip("pandas")
    columns = {"object_id": IDS[:2], "kind": ["A", "B"]}
    for table in (columns, pa.table(columns), Table(columns), pandas.DataFrame(columns)):
        base = small_base()
        label(base, table, "kind")
        assert base.labels()["kind"]["values"] == {"A": 1, "B": 1}


def test_a_report_is_plain_values():
    done = label(small_base(), {"object_id": [*IDS[:2], "x"], "kind": ["A", None, "B"]}, "kind", dry_run=True)
    plain = json.loads(json.dumps(done.to_dict()))
    assert (plain["dry_run"], plain["altered"], plain["unmatched"]) == (True, True, ["x"])
    assert plain["columns"]["kind"]["new"] == 1


# --- labels that were there -------------------------------------------------------------------------------


def test_label_columns_of_the_base_are_still_listed_after_a_join():
    """They were guessed, being named by no catalog; a joined integer is a label if its values repeat."""
    base = small_base(kind=["SF", "LINER"] * 6)
    before = base.info()["labels"]
    label(base, {"object_id": IDS[:4], "grade": [1, 2, 1, 2], "rank": [1, 2, 3, 4]}, ["grade", "rank"])
    label(base, {"object_id": IDS[:2], "kind": ["AGN", "AGN"]}, "kind")
    assert base.info()["labels"] == before | {"grade": {"1": 2, "2": 2}}
    assert base.labels()["rank"]["max"] == 4


# --- the match --------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c", "d"])
PLACES = st.sampled_from([0.0, 1.0, 1.0 + 1.0 / 3600, 5.0, None])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    objects=st.lists(NAMES, unique=True, min_size=1),
    sky=st.lists(PLACES, min_size=4, max_size=4),
    rows=st.lists(
        st.tuples(st.one_of(NAMES, st.none()), PLACES, st.sampled_from(["x", "y", None])), min_size=1
    ),
)
def test_the_match_is_what_a_loop_over_pairs_gives(objects, sky, rows):
    """By id, else by position within 2 arcsec; contradicting rows give nothing. Exhaustively over pairs."""
    n = len(objects)
    table = pa.table(
        {
            "object_id": objects,
            "ra": pa.array(sky[:n], pa.float64()),
            "dec": pa.array([None if p is None else 0.0 for p in sky[:n]], pa.float64()),
        }
    )
    ids, ra, words = (list(column) for column in zip(*rows, strict=True))
    catalog = as_catalog(
        {
            "object_id": pa.array(ids, pa.string()),
            "ra": pa.array(ra, pa.float64()),
            "dec": pa.array([None if p is None else 0.0 for p in ra], pa.float64()),
            "kind": pa.array(words, pa.string()),
        }
    )
    said, contradicted = said_of(catalog.column("kind").to_pylist(), match(table, catalog, None, 2.0))
    for i, name in enumerate(objects):
        own = {w for who, _, w in rows if who == name and w is not None}
        if name in ids:
            assert said[i] == (next(iter(own)) if len(own) == 1 else None)
            assert (i in contradicted) == (len(own) > 1)
        elif sky[i] is None or not any(p is not None and abs(p - sky[i]) < 2 / 3600 for p in ra):
            assert said[i] is None


def test_objects_without_a_position_are_counted_where_rows_are_found_by_it(tmp_path):
    """In what comes back, in words and in the refusal of a catalog of another part of the sky."""
    dec = [5.0] * 9 + [None, np.nan, -999.0]
    base = small_base(dec=dec)
    table = pa.table({"ra": [10.0, 11.0, 19.0], "dec": [5.0] * 3, "lens": ["a", "b", "c"]})
    for name, ra in (("near", np.array([10.0, 11.0, 19.0])), ("far", np.array([100.0, 110.0, 190.0]))):
        own = table.set_column(0, "ra", pa.array(ra))
        rows = partial(lambda own, places: own.take(pa.array(places)), own)
        write_hats(tmp_path / f"{name}.hats", ra, np.full(3, 5.0), rows)
    done = label(base, tmp_path / "near.hats", "lens", dry_run=True)
    assert (done.unplaced, done.matched, done.to_dict()["unplaced"]) == (3, {"position": 2}, 3)
    assert (
        " 3 objects of the base without a position (ra, dec), by which the rows of a HATS catalog are found"
        in report(done, False)
    )
    with pytest.raises(
        CatalogError, match=r"no row near any of the 9 objects that have a position \(12 in the base\)"
    ):
        label(base, tmp_path / "far.hats", "lens")
    assert label(base, table, "lens", dry_run=True).unplaced == 0
