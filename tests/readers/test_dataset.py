"""Datasets: written batch by batch, resumed, asked by SQL, never half-written."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spectrove.errors import CatalogError, DatasetError
from spectrove.readers import dataset as module
from spectrove.readers import ingest, iter_dataset, read_dataset, read_file, read_spectra, write_dataset
from spectrove.spectra import PIXEL_COLUMNS, Spectrum, SpectrumSet


@pytest.fixture
def survey(write_sdss, tmp_path):
    """Six files of one plate, z = 0.1 to 0.6."""
    folder = tmp_path / "survey"
    for i in range(1, 7):
        write_sdss(fiber=i, seed=i, folder=folder, specobj={"Z": np.float32(i / 10)})
    return folder


@pytest.fixture
def labels():
    ids = [f"0266-51602-{i:04d}" for i in range(1, 7)]
    split = ["train"] * 4 + ["test"] * 2
    return pa.table({"object_id": ids, "split": split, "bpt_class": ["SF", "LINER"] * 3})


def assert_same(one: SpectrumSet, other: SpectrumSet):
    assert_array_equal(one.object_id, other.object_id)
    for name in PIXEL_COLUMNS:
        assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_is_ingested_is_what_the_files_hold(survey, tmp_path):
    report = ingest(survey, tmp_path / "a.lance")
    assert (report.n_files, report.n_spectra, report.n_skipped, report.refusals) == (6, 6, 0, ())
    stored = read_dataset(tmp_path / "a.lance")
    assert_same(stored, SpectrumSet.from_spectra([read_file(f)[0] for f in sorted(survey.iterdir())]))
    assert stored.column("z") == [pytest.approx(i / 10) for i in range(1, 7)]
    assert stored.column("path")[0] == str(survey / "spec-0266-51602-0001.fits")
    assert "file_bytes" not in stored.rows.column_names


def test_two_processes_give_the_same_dataset_as_one(write_sdss, tmp_path):
    folder = tmp_path / "many"
    for i in range(1, 61):
        write_sdss(fiber=i, seed=i, n_pixels=30, folder=folder)
    told = []
    ingest(folder, tmp_path / "one.lance", workers=1)
    report = ingest(
        folder, tmp_path / "two.lance", workers=2, progress=lambda done, total: told.append((done, total))
    )
    assert report.n_spectra == 60
    assert told[-1] == (60, 60)
    assert told == sorted(told)
    assert_same(read_dataset(tmp_path / "one.lance"), read_dataset(tmp_path / "two.lance"))


def test_files_that_are_there_are_skipped_and_new_ones_added(survey, write_sdss, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    write_sdss(fiber=7, folder=survey)
    report = ingest(survey, tmp_path / "a.lance")
    assert (report.n_spectra, report.n_skipped) == (1, 6)
    assert len(read_dataset(tmp_path / "a.lance")) == 7


def test_an_interrupted_run_goes_on_where_it_was(survey, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "COMMIT", 2)
    monkeypatch.setattr("spectrove.readers.parallel.CHUNK", 2)

    def stop(done, total):
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(survey, tmp_path / "a.lance", workers=1, progress=stop)
    assert len(read_dataset(tmp_path / "a.lance")) == 4
    report = ingest(survey, tmp_path / "a.lance")
    assert (report.n_spectra, report.n_skipped) == (2, 4)
    assert len(set(read_dataset(tmp_path / "a.lance").object_id)) == 6


def test_a_changed_file_replaces_its_spectrum(survey, write_sdss, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    path = write_sdss(fiber=3, folder=survey, seed=99, specobj={"Z": np.float32(0.9)})
    os.utime(path, ns=(1, 1))
    report = ingest(survey, tmp_path / "a.lance")
    assert (report.n_spectra, report.n_skipped, report.refusals) == (1, 5, ())
    stored = read_dataset(tmp_path / "a.lance", "fiberid = 3")
    assert_array_equal(stored[0].flux, read_file(path)[0].flux)
    assert len(read_dataset(tmp_path / "a.lance")) == 6


def test_a_catalog_given_later_is_joined_to_what_is_there(survey, labels, tmp_path):
    """Without this a resumed run would silently leave the labels out."""
    ingest(survey, tmp_path / "a.lance")
    report = ingest(survey, tmp_path / "a.lance", catalogs=[labels])
    assert report.n_spectra == 6
    stored = read_dataset(tmp_path / "a.lance")
    assert sorted(stored.column("split")) == ["test"] * 2 + ["train"] * 4
    assert len(stored) == 6
    assert ingest(survey, tmp_path / "a.lance", catalogs=[labels]).n_skipped == 6


def test_a_catalog_that_renames_leaves_no_row_of_the_old_name(survey, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    names = pa.table({"path": ["survey/spec-0266-51602-0001.fits"], "object_id": ["NGC 1"]})
    ingest(survey, tmp_path / "a.lance", catalogs=[names])
    stored = set(read_dataset(tmp_path / "a.lance").object_id)
    assert "NGC 1" in stored
    assert "0266-51602-0001" not in stored
    assert len(stored) == 6


def test_sql_chooses_rows_and_a_wrong_column_is_listed(survey, labels, tmp_path):
    ingest(survey, tmp_path / "a.lance", catalogs=[labels])
    assert len(read_dataset(tmp_path / "a.lance", "split = 'test' AND bpt_class = 'LINER'")) == 1
    assert list(read_dataset(tmp_path / "a.lance", "z > 0.35").object_id) == [
        f"0266-51602-{i:04d}" for i in (4, 5, 6)
    ]
    with pytest.raises(DatasetError, match=r"a.lance: .*No field named splt; did you mean split"):
        read_dataset(tmp_path / "a.lance", "splt = 'test'")
    with pytest.raises(DatasetError, match="was not understood"):
        read_dataset(tmp_path / "a.lance", "z >")
    with pytest.raises(DatasetError, match="the condition is empty"):
        read_dataset(tmp_path / "a.lance", " ")


def test_batches_are_the_dataset_in_pieces(survey, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    parts = list(iter_dataset(tmp_path / "a.lance", batch_size=4))
    assert [len(p) for p in parts] == [4, 2]
    assert_same(SpectrumSet.concatenate(parts), read_dataset(tmp_path / "a.lance"))


def test_the_same_object_twice_is_kept_once_and_reported(survey, write_sdss, tmp_path):
    write_sdss("copy.fits", fiber=2, folder=survey / "z", seed=5)
    report = ingest(survey, tmp_path / "a.lance")
    assert report.n_spectra == 6
    (refusal,) = report.refusals
    assert refusal.name.endswith("copy.fits")
    assert "object 0266-51602-0002 was already read from" in refusal.error
    kept = read_dataset(tmp_path / "a.lance", "fiberid = 2")
    assert kept.column("path") == [str(survey / "spec-0266-51602-0002.fits")]


def test_a_bad_file_is_reported_and_the_rest_goes_on(survey, tmp_path):
    (survey / "broken.fits").write_bytes(b"SIMPLE  = nothing")
    (survey / "empty.fits").write_bytes(b"")
    (survey / "notes.txt").write_text("we observed nothing that night\n")
    report = ingest(survey, tmp_path / "a.lance")
    assert report.n_spectra == 6
    assert sorted(r.name.split("/")[-1] for r in report.refusals) == [
        "broken.fits",
        "empty.fits",
        "notes.txt",
    ]
    assert all(r.error.startswith(r.name.split("/")[-1]) and r.error.endswith(".") for r in report.refusals)


def test_when_nothing_can_be_read_nothing_is_written(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.fits").write_bytes(b"no")
    report = ingest(tmp_path / "in", tmp_path / "a.lance")
    assert (report.n_spectra, len(report.refusals)) == (0, 1)
    assert not (tmp_path / "a.lance").exists()


def test_a_dataset_must_end_in_lance_and_exist(tmp_path):
    with pytest.raises(DatasetError, match=r"ending in .lance"):
        ingest(tmp_path, tmp_path / "data")
    with pytest.raises(DatasetError, match="there is no dataset here"):
        read_dataset(tmp_path / "a.lance")


def test_a_place_that_cannot_be_written_is_a_sentence(survey, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DatasetError, match=r"cannot be read or written .* Check the folder and its rights"):
        ingest(survey, tmp_path / "file" / "a.lance")


def test_a_folder_of_something_else_is_not_overwritten(survey, tmp_path):
    (tmp_path / "a.lance").mkdir()
    (tmp_path / "a.lance" / "thesis.tex").write_text("x")
    with pytest.raises(DatasetError, match="exists and is no dataset"):
        ingest(survey, tmp_path / "a.lance")
    assert (tmp_path / "a.lance" / "thesis.tex").exists()


def test_what_a_killed_first_commit_left_is_cleared(survey, tmp_path):
    (tmp_path / "a.lance" / "data").mkdir(parents=True)
    (tmp_path / "a.lance" / "data" / "half.lance").write_bytes(b"x")
    assert ingest(survey, tmp_path / "a.lance").n_spectra == 6


def test_a_full_disk_is_a_sentence_and_leaves_what_was_committed(survey, write_sdss, tmp_path, monkeypatch):
    from lancedb.table import LanceTable

    ingest(survey, tmp_path / "a.lance")
    write_sdss(fiber=9, folder=survey)

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(LanceTable, "add", full)
        with pytest.raises(DatasetError, match=r"the disk is full. What was committed before is whole"):
            ingest(survey, tmp_path / "a.lance")
    assert len(read_dataset(tmp_path / "a.lance")) == 6
    assert ingest(survey, tmp_path / "a.lance").n_spectra == 1


def test_a_full_disk_at_the_first_commit_leaves_no_folder(survey, tmp_path, monkeypatch):
    import lancedb

    def full(self, name, *args, **kwargs):
        (tmp_path / f"{name}.lance" / "data").mkdir(parents=True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lancedb.db.LanceDBConnection, "create_table", full)
    with pytest.raises(DatasetError, match="the disk is full"):
        ingest(survey, tmp_path / "a.lance")
    assert not (tmp_path / "a.lance").exists()


def test_new_columns_join_an_older_dataset(survey, write_sdss, labels, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    more = write_sdss(fiber=8, folder=tmp_path / "more")
    extra = pa.table({"object_id": ["0266-51602-0008"], "morph": ["spiral"], "count": [3]})
    ingest(more, tmp_path / "a.lance", catalogs=[extra])
    stored = read_dataset(tmp_path / "a.lance")
    assert stored.column("morph") == [None] * 6 + ["spiral"]
    assert stored.column("count") == [None] * 6 + [3]


def test_a_column_of_another_type_is_refused_with_both_types(survey, write_sdss, tmp_path):
    ids = [f"0266-51602-{i:04d}" for i in range(1, 7)]
    ingest(survey, tmp_path / "a.lance", catalogs=[pa.table({"object_id": ids, "morph": [1.5] * 6})])
    more = write_sdss(fiber=8, folder=tmp_path / "more")
    words = pa.table({"object_id": ["0266-51602-0008"], "morph": ["spiral"]})
    with pytest.raises(DatasetError, match="column morph is string, the dataset has it as double"):
        ingest(more, tmp_path / "a.lance", catalogs=[words])
    with pytest.raises(CatalogError, match=r"a catalog's is of type|whole numbers"):
        ingest(more, tmp_path / "b.lance", catalogs=[pa.table({"object_id": ["a"], "plate": ["one"]})])


def test_spectra_are_read_from_file_folder_glob_and_dataset_alike(survey, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    expected = read_dataset(tmp_path / "a.lance", "z > 0.25")
    for paths in (survey, str(survey / "*.fits"), sorted(survey.iterdir()), tmp_path / "a.lance"):
        found, refusals = read_spectra(paths, where="z > 0.25", workers=1)
        assert refusals == []
        assert_same(found, expected)
    (single, _) = read_spectra(survey / "spec-0266-51602-0004.fits")
    assert list(single.object_id) == ["0266-51602-0004"]


def test_where_may_name_a_column_of_the_catalog(survey, labels, tmp_path):
    ingest(survey, tmp_path / "a.lance")
    for paths in (survey, tmp_path / "a.lance"):
        found, _ = read_spectra(paths, catalogs=[labels], where="split = 'test'")
        assert list(found.object_id) == ["0266-51602-0005", "0266-51602-0006"]
    with pytest.raises(DatasetError, match=r"No field named splt; did you mean split"):
        read_spectra(survey, catalogs=[labels], where="splt = 'test'")


def test_bad_and_repeated_files_are_refusals_of_read_spectra(survey, write_sdss):
    (survey / "broken.fits").write_bytes(b"SIMPLE")
    write_sdss("copy.fits", fiber=2, folder=survey / "z")
    found, refusals = read_spectra(survey)
    assert len(found) == 6
    assert [r.name.split("/")[-1] for r in refusals] == ["broken.fits", "copy.fits"]


numbers = st.floats(width=32, allow_nan=True, allow_infinity=True)


@st.composite
def spectra(draw):
    made = []
    for i in range(draw(st.integers(1, 4))):
        n = draw(st.integers(0, 6))
        pixels = [np.array(draw(st.lists(numbers, min_size=n, max_size=n)), "f4") for _ in range(3)]
        row = {
            "z": draw(st.none() | st.floats(-1, 10)),
            "class": draw(st.none() | st.sampled_from(["GALAXY", "'"])),
            "flags": draw(st.lists(st.sampled_from(["sky", "star"]), max_size=2)),
        }
        made.append(
            Spectrum(f"id {i}", 4000.0 + np.arange(n), *pixels[:2], np.zeros(n, "i4"), pixels[2], row)
        )
    return SpectrumSet.from_spectra(made)


@settings(max_examples=15, deadline=None)
@given(spectra())
def test_whatever_is_written_is_read_back(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("round") / "a.lance"
    write_dataset(path, made)
    back = read_dataset(path)
    assert_same(back, made)
    for name in ("z", "class", "flags"):
        assert back.column(name) == made.column(name)
    write_dataset(path, made.take([0]))
    assert len(read_dataset(path)) == 1
