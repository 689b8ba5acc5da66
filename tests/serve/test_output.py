"""Tables, JSON lines and files, without any command around them."""

from __future__ import annotations

import json
import math
import os

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrove.errors import DatasetError, Refusal
from spectrove.flat import flat_row, flat_table
from spectrove.serve.exits import UsageError
from spectrove.serve.output import (
    WRITERS,
    check_output,
    print_json,
    print_refusals,
    write_table,
)


def test_a_nested_answer_becomes_flat_columns():
    """Interval, probabilities, neighbours and flags, by hand."""
    row = {
        "object_id": "a",
        "interval": [0.1, 0.9],
        "probabilities": {"SF": 0.4, "AGN": 0.6},
        "neighbors": [{"object_id": "b", "distance": 1.0, "weight": 1.0, "label": None}],
        "flags": ["z_warning", "star"],
    }
    assert flat_row(row) == {
        "object_id": "a", "interval_low": 0.1, "interval_high": 0.9, "p_SF": 0.4, "p_AGN": 0.6,
        "neighbor_1": "b", "distance_1": 1.0, "weight_1": 1.0, "label_1": None, "flags": "z_warning;star",
    }  # fmt: skip


def test_a_missing_interval_leaves_two_empty_cells():
    """And never fails."""
    assert flat_row({"interval": None}) == {"interval_low": None, "interval_high": None}


def test_columns_of_numbers_stay_so_when_nothing_is_known():
    """A column that is null in every row has the type it would have with values."""
    table = flat_table([{"object_id": "a", "z": None, "label": None}])
    assert table.schema.field("z").type == pa.float64()
    assert table.schema.field("label").type == pa.string()


def test_integers_and_numbers_may_meet_in_a_column():
    """1 and 0.5 are both numbers; true is none."""
    table = flat_table([{"a": 1, "b": True}, {"a": 0.5, "b": None}])
    assert table.column("a").to_pylist() == [1.0, 0.5]
    assert table.schema.field("b").type == pa.bool_()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_every_json_line_is_one_line_of_valid_json(value):
    """NaN and infinity, which JSON does not know, become null; nothing breaks the line."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_json({"value": value})
    text = out.getvalue()
    assert text.endswith("\n")
    assert text.count("\n") == 1
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_not_a_number_becomes_null(capsys):
    """For readers that follow the standard."""
    print_json({"z": math.nan})
    assert json.loads(capsys.readouterr().out) == {"z": None}


def test_a_file_that_cannot_be_read_is_a_json_line_on_stderr(capsys):
    """Path and error, and nothing on stdout."""
    assert print_refusals([Refusal("a.fits", "a.fits: truncated")]) == 1
    said = capsys.readouterr()
    assert json.loads(said.err) == {
        "path": "a.fits",
        "object_id": None,
        "error": "a.fits: truncated",
    }
    assert said.out == ""


def test_a_spectrum_that_cannot_be_used_is_named_with_its_file(capsys):
    """Its id is known by then."""
    print_refusals([Refusal("0266-51602-0001", "no redshift")], {"0266-51602-0001": "spec.fits"})
    assert json.loads(capsys.readouterr().err) == {
        "path": "spec.fits", "object_id": "0266-51602-0001", "error": "no redshift",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["answers.txt", "answers", "answers.fits.gz"])
def test_an_unknown_suffix_is_refused_before_the_work(tmp_path, name):
    """The choices are named."""
    with pytest.raises(UsageError, match=r"names no format.*\.parquet \.fits \.ecsv"):
        check_output(tmp_path / name)


def test_a_folder_that_is_not_there_is_made_when_there_is_something_to_write(tmp_path):
    """As ingest does; a file in the place of a folder is refused before an hour of hunting."""
    path = tmp_path / "new" / "deep" / "answers.csv"
    check_output(path)
    assert not path.parent.exists()
    write_table(path, [{"object_id": "a"}], {})
    assert path.read_text("utf-8").splitlines()[1] == '"a"'
    with pytest.raises(UsageError, match=r"answers\.csv is a file, expected a folder"):
        check_output(path / "more.csv")


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_full_disk_leaves_the_old_file_as_it_was(tmp_path, monkeypatch, suffix):
    """The new one is written beside it and renamed when it is whole."""
    path = tmp_path / f"answers{suffix}"
    path.write_text("old")

    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(DatasetError, match=r"No space left on device.*Nothing was changed there"):
        write_table(path, [{"object_id": "a"}], {})
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_no_rows_at_all_can_be_written(tmp_path, suffix):
    """A hunt that finds nothing has a table without rows."""
    write_table(tmp_path / f"none{suffix}", [], {"target": "liner"})
    assert (tmp_path / f"none{suffix}").exists()


def test_letters_that_fits_tables_cannot_hold_are_said_so(tmp_path):
    """FITS tables are ASCII; the other formats take any letter."""
    rows = [{"object_id": "Sérsic 40/03", "flags": []}]
    with pytest.raises(DatasetError, match=r"a\.fits: .*Sérsic 40/03.*ASCII.*choose \.parquet"):
        write_table(tmp_path / "a.fits", rows, {})
    assert list(tmp_path.iterdir()) == []
    for suffix in (".parquet", ".vot", ".ecsv", ".csv"):
        write_table(tmp_path / f"a{suffix}", rows, {})
        assert (tmp_path / f"a{suffix}").stat().st_size


def test_an_interrupted_training_says_how_to_go_on(monkeypatch, tmp_path):
    """The same command alone would be refused: a run is there already."""
    from typer.testing import CliRunner

    from spectrove.serve.cli import app

    def stopped(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("spectrove.pipeline.train.train", stopped)
    result = CliRunner().invoke(app, ["train", "base", "-o", str(tmp_path / "encoder")])
    assert result.exit_code == 130
    assert result.stderr.strip() == "interrupted; run the same command with --resume to continue"


def test_lists_of_things_have_a_column_for_each():
    row = {
        "redshifts": [{"z": 0.1, "probability": None}, {"z": 0.2, "probability": 0.5}],
        "second_redshift": [{"z": 0.6, "lines": [{"name": "[O II] 3729", "sn": 9.0}, {"name": "H beta", "sn": 4.0}]}],
        "flags": ["a", "b"],
    }  # fmt: skip
    assert flat_row(row) == {
        "redshifts_z_1": 0.1, "redshifts_probability_1": None, "redshifts_z_2": 0.2, "redshifts_probability_2": 0.5,
        "second_redshift_z_1": 0.6, "second_redshift_lines_1": "[O II] 3729;H beta", "flags": "a;b",
    }  # fmt: skip
