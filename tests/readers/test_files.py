"""Which files a path, a folder or a glob means."""

from __future__ import annotations

import os

import pytest

from spectrove.errors import DatasetError
from spectrove.readers.files import find_files


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.fits",
        "a.fits",
        "sub/c.txt",
        "index.csv",
        "README.md",
        ".hidden.fits",
        "sub/x.lance/data.bin",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path


def names(files):
    return [f.name for f in files]


def test_a_folder_is_walked_and_its_descriptions_left_out(folder):
    assert names(find_files(folder)) == ["a.fits", "b.fits", "c.txt"]


def test_a_glob_is_expanded_in_order(folder):
    assert names(find_files(str(folder / "*.fits"))) == ["a.fits", "b.fits"]
    assert names(find_files(str(folder / "**" / "*.txt"))) == ["c.txt"]


def test_each_file_is_named_once(folder):
    assert names(find_files([folder / "b.fits", folder, str(folder / "*.fits")])) == [
        "b.fits",
        "a.fits",
        "c.txt",
    ]


def test_a_catalog_is_not_a_spectrum(folder):
    assert names(find_files(folder, leave_out=[folder / "b.fits"])) == ["a.fits", "c.txt"]


def test_a_file_that_is_named_is_taken_whatever_its_name(folder):
    assert names(find_files(folder / "README.md")) == ["README.md"]


def test_nothing_to_read_is_a_sentence(tmp_path):
    with pytest.raises(DatasetError, match="holds no files of spectra, expected at least one"):
        find_files(tmp_path)
    with pytest.raises(DatasetError, match="there is no such file or folder"):
        find_files(tmp_path / "missing")
    with pytest.raises(DatasetError, match="no file matches"):
        find_files(str(tmp_path / "*.fits"))
    with pytest.raises(DatasetError, match="no files were named"):
        find_files([])


def test_a_folder_that_may_not_be_read_is_a_sentence(folder, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(
        DatasetError, match=r"the folder cannot be read .Permission denied.. Check its rights"
    ):
        find_files(folder)


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "b.fits").write_text("x")
    mine = tmp_path / "Spektren für [O III]"
    (mine / "plain").mkdir(parents=True)
    (mine / "plain" / "a.fits").write_text("x")
    (mine / "link to far").symlink_to(tmp_path / "far", target_is_directory=True)
    (mine / "again").symlink_to(mine / "plain", target_is_directory=True)
    (mine / "plain" / "loop").symlink_to(mine, target_is_directory=True)
    assert sorted(names(find_files(mine))) == ["a.fits", "b.fits"]
    assert names(find_files([mine, tmp_path / "far"])).count("b.fits") == 1


def test_a_pattern_in_a_folder_with_brackets_in_its_name(tmp_path):
    folder = tmp_path / "[O III] Übung"
    folder.mkdir()
    (folder / "a b.fits").write_text("x")
    assert names(find_files(str(folder / "*.fits"))) == ["a b.fits"]
    assert names(find_files(folder / "a b.fits")) == ["a b.fits"]


def test_a_base_or_a_folder_of_datasets_is_named_as_what_it_is(tmp_path):
    base = tmp_path / "known.kb"
    (base / "objects.lance").mkdir(parents=True)
    (base / "kb.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"known.kb: a knowledge base, expected .* it was made from"):
        find_files(base)
    (tmp_path / "night" / "survey.lance").mkdir(parents=True)
    with pytest.raises(DatasetError, match=r"holds datasets \(survey.lance\).*Name a dataset"):
        find_files(tmp_path / "night")
