"""The sheet of marks: what a spreadsheet does to it, and that no edit is lost."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spectrove.errors import CatalogError, DatasetError
from spectrove.inference.inspection.sheet import COLUMNS, Sheet, marked, read_sheet, write_sheet

NEW = {"object_id": "new", "round": "2", "proposed_because": "likely"}

cells = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)


def written(
    path: Path, rows: list[list[str]], delimiter: str = ",", newline: str = "\n", encoding: str = "utf-8"
) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=newline).writerows(rows)
    path.write_bytes(out.getvalue().encode(encoding))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cells, st.sampled_from(["yes", "no", "", "?"]), cells, cells), max_size=6),
    delimiter=st.sampled_from([",", ";", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig"]),
)
def test_every_cell_survives_that_proposals_are_added(tmp_path: Path, rows, delimiter, newline, encoding):
    """Whatever was written, in whatever dialect, is the same afterwards, in its order, above the new rows."""
    path = tmp_path / "marks.csv"
    whole = [[f"o{i}", mark, a, b] for i, (_, mark, a, b) in enumerate(rows)]
    written(path, [["object_id", "mark", "comment", "seen by"], *whole], delimiter, newline, encoding)
    write_sheet(path, read_sheet(path).with_rows([NEW]))
    again = read_sheet(path)
    assert [list(row[:4]) for row in again.rows[:-1]] == whole
    assert again.header[:4] == ("object_id", "mark", "comment", "seen by")
    assert (again.dialect.delimiter, again.dialect.newline) == (delimiter, newline)
    assert (again.column("object_id")[-1], again.column("round")[-1]) == ("new", "2")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")


@pytest.mark.parametrize(
    ("word", "mark"),
    [("yes", "yes"), (" Y ", "yes"), ("1", "yes"), ("TRUE", "yes"), ("No", "no"), ("0", "no"), ("n", "no"),
     ("unsure", "unsure"), ("?", "unsure")],
)  # fmt: skip
def test_marks_are_read_as_people_write_them(word: str, mark: str):
    sheet = Sheet(("object_id", "mark"), (("a", word),), (2,))
    assert marked(sheet).marks == {"a": mark}


def test_unknown_marks_are_named_with_their_lines_and_the_others_are_used(tmp_path: Path):
    """A comment of two lines shifts the count of lines as an editor counts them."""
    path = tmp_path / "marks.csv"
    path.write_text('object_id,mark,comment\na,yes,"two\nlines"\nb,perhaps,\nc,no,\n')
    said = marked(read_sheet(path))
    assert said.marks == {"a": "yes", "c": "no"}
    assert said.open == ("b",)
    assert "line 4 (b) 'perhaps'" in said.cautions[0]


def test_an_object_with_two_marks_is_unsure_and_named_and_equal_marks_are_one(tmp_path: Path):
    path = tmp_path / "marks.csv"
    path.write_text("object_id,mark\na,yes\nb,yes\na,no\nb,Y\n")
    said = marked(read_sheet(path))
    assert said.marks == {"a": "unsure", "b": "yes"}
    assert "a (yes in line 2, no in line 4)" in said.cautions[0]


def test_a_sheet_without_its_columns_is_refused_with_what_it_has(tmp_path: Path):
    path = tmp_path / "marks.csv"
    path.write_text("id,verdict\na,yes\n")
    with pytest.raises(CatalogError, match="no column object_id nor mark, found id, verdict"):
        read_sheet(path)
    path.write_text("")
    with pytest.raises(CatalogError, match="found nothing"):
        read_sheet(path)


def test_cells_beyond_the_columns_do_not_slip_into_new_ones(tmp_path: Path):
    path = tmp_path / "marks.csv"
    path.write_text("object_id,mark\na,yes,a note outside\nb\n")
    write_sheet(path, read_sheet(path).with_rows([NEW]))
    again = read_sheet(path)
    assert again.rows[0] == ("a", "yes", "a note outside")
    assert again.column("comment") == ["", "", ""]
    assert again.column("proposed_because") == ["", "", "likely"]


def test_a_sheet_that_was_saved_meanwhile_is_not_overwritten(tmp_path: Path):
    path = tmp_path / "marks.csv"
    path.write_text("object_id,mark\na,\n")
    sheet = read_sheet(path)
    path.write_text("object_id,mark\na,yes\n")
    with pytest.raises(DatasetError, match="changed while"):
        write_sheet(path, sheet.with_rows([NEW]))
    assert path.read_text() == "object_id,mark\na,yes\n"


def test_a_folder_that_cannot_be_written_leaves_the_sheet_as_it_was(tmp_path: Path, monkeypatch):
    path = tmp_path / "marks.csv"
    path.write_text("object_id,mark\na,yes\n")
    sheet = read_sheet(path)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(DatasetError, match="Permission denied"):
        write_sheet(path, sheet.with_rows([NEW]))
    assert [p.name for p in tmp_path.iterdir()] == ["marks.csv"]
    assert path.read_text() == "object_id,mark\na,yes\n"


def test_windows_text_is_read_and_letters_it_lacks_make_it_utf8(tmp_path: Path):
    path = tmp_path / "marks.csv"
    written(path, [["object_id", "mark", "comment"], ["a", "yes", "Hα"[:1] + "é"]], ";", "\r\n", "cp1252")
    sheet = read_sheet(path)
    assert sheet.column("comment") == ["Hé"]
    write_sheet(path, replace(sheet, rows=(("a", "yes", "Hα"),)))
    assert read_sheet(path).column("comment") == ["Hα"]


def test_a_new_sheet_has_all_columns(tmp_path: Path):
    write_sheet(tmp_path / "new.csv", Sheet().with_rows([NEW]))
    assert read_sheet(tmp_path / "new.csv").header == COLUMNS
