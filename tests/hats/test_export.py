"""A base as a HATS catalog, and answers as one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal
from typer.testing import CliRunner

from spectrove.errors import DatasetError
from spectrove.hats.layout import read_properties
from spectrove.hats.reading import Catalog
from spectrove.pipeline.export import export_hats
from spectrove.serve.cli import app
from spectrove.serve.output import write_table
from spectrove.serve.placing import positions_of, with_positions


def test_a_base_is_exported_with_its_values_and_vectors(make_base, tmp_path):
    """Tile by tile; an object without a vector has null, one without a position is left out and counted."""
    base = make_base()
    done = export_hats(base, tmp_path / "sdss.hats", tile_rows=5)
    assert (done.objects, done.without_position) == (39, 1)
    assert done.tiles == len(Catalog.open(tmp_path / "sdss.hats").tiles) > 5
    table = pq.read_table(tmp_path / "sdss.hats/dataset").sort_by("object_id")
    known = base.rows().sort_by("object_id").slice(0, 39)
    for name in ("object_id", "z", "class_derived", "ra"):
        assert table.column(name).to_pylist() == known.column(name).to_pylist()
    vectors = base.embeddings("shape").vectors
    assert_array_equal(np.array(table.column("vector_shape").to_pylist(), np.float32), vectors[:39])
    assert table.column("vector_own").null_count == 9
    said = read_properties(tmp_path / "sdss.hats/hats.properties")
    assert (said["spectrove_base"], said["spectrove_base_version"]) == ("sdss.kb", "1")


def test_the_command_exports_a_catalog_by_its_suffix(make_base, tmp_path):
    """A selection of the objects; --tile-rows is of catalogs alone."""
    kb, out = make_base().path, tmp_path / "new/part.hats"
    told = CliRunner().invoke(app, ["kb", "export", str(kb), str(out), "--where", "plate = 1000", "--json"])
    assert told.exit_code == 0
    said = json.loads(told.stdout.splitlines()[0])
    assert (said["objects"], said["tiles"], said["without_position"]) == (10, len(Catalog.open(out).tiles), 0)
    again = CliRunner().invoke(app, ["kb", "export", str(kb), str(out), "--tile-rows", "10"])
    assert "39 objects in" in again.stdout
    assert "1 without a position left out" in again.stdout
    wrong = CliRunner().invoke(app, ["kb", "export", str(kb), str(tmp_path / "a.lance"), "--tile-rows", "9"])
    assert wrong.exit_code == 2
    assert "Name it NAME.hats" in " ".join(wrong.output.split())


def test_a_list_of_objects_is_written_as_a_catalog(make_base, tmp_path):
    """With their positions, whichever columns are listed."""
    command = ["kb", "list", str(make_base().path), "--columns", "z", "-o", str(tmp_path / "list.hats")]
    told = CliRunner().invoke(app, command)
    assert told.exit_code == 0
    assert "1 of 40 rows have no position (ra, dec) and are not in list.hats" in told.output
    table = pq.read_table(tmp_path / "list.hats/dataset")
    assert {"object_id", "ra", "dec", "z", "_healpix_29"} <= set(table.column_names)
    assert table.num_rows == 39


def test_answers_are_placed_by_the_positions_of_their_spectra(make_base, tmp_path):
    """Flat, as in every table; none at all is refused in a sentence."""
    spectra = make_base().spectra(["0001-51602-0001", "0039-51602-0001"])
    answers = [{"object_id": name, "p": 0.5, "interval": [0.1, 0.9]} for name in spectra.object_id]
    rows = with_positions(answers, positions_of(spectra))
    write_table(tmp_path / "a.hats", rows, {"creator": "spectrove"})
    [row] = pq.read_table(tmp_path / "a.hats/dataset").to_pylist()
    assert (row["object_id"], row["ra"], row["interval_low"]) == ("0001-51602-0001", 9.0, 0.1)
    with pytest.raises(DatasetError, match=r"b\.hats: found no row with a position"):
        write_table(tmp_path / "b.hats", answers, {})
    assert not (tmp_path / "b.hats").exists()


def test_other_programs_open_what_is_written(make_base, tmp_path):
    """The reference implementation finds nothing to complain of; LSDB, which reads through it, matches positions."""
    hats = pytest.importorskip("hats")
    from hats.io.validation import is_valid_catalog

    export_hats(make_base(), tmp_path / "sdss.hats", tile_rows=5)
    assert is_valid_catalog(tmp_path / "sdss.hats", strict=True)
    catalog = hats.read_hats(tmp_path / "sdss.hats")
    assert catalog.catalog_info.total_rows == 39
    assert "vector_shape" in catalog.schema.names
