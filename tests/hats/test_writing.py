"""HATS catalogs as they are written: tiles, numbers of pixels, files that readers need."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_array_equal

from spectrove.errors import DatasetError
from spectrove.hats.layout import read_properties
from spectrove.hats.pixels import Surroundings, pixels_at, tiles_of
from spectrove.hats.reading import Catalog
from spectrove.hats.writing import placed, write


def sky(n: int, seed: int = 0) -> pa.Table:
    """Rows all over the sky, half of them in one degree of it."""
    rng = np.random.default_rng(seed)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    ra[::2], dec[::2] = 150 + rng.uniform(0, 1, len(ra[::2])), 2 + rng.uniform(0, 1, len(ra[::2]))
    vectors = pa.FixedSizeListArray.from_arrays(
        pa.array(rng.normal(size=4 * n).astype(np.float32)), 4, mask=pa.array(np.arange(n) % 5 == 0)
    )
    names = [f"o{i}" for i in range(n)]
    return pa.table(
        {"object_id": names, "ra": ra, "dec": dec, "class": ["SF", None] * (n // 2), "vector": vectors}
    )


def written(table: pa.Table, folder: Path, tile_rows: int = 50) -> Catalog:
    ra, dec = (np.asarray(table.column(name)) for name in ("ra", "dec"))
    write(folder, ra, dec, lambda places: table.take(pa.array(places)), {"base": "sdss.kb"}, tile_rows)
    return Catalog.open(folder)


def test_numbers_of_pixels_are_those_of_the_standard():
    """Pixels of order 0 by hand: four around each pole, and four on the equator beginning at right ascension 0."""
    ra, dec = np.array([45.0, 135.0, 0.0, 90.0, 45.0, 315.0]), np.array([60.0, 60.0, 0.0, 0.0, -60.0, -60.0])
    assert pixels_at(ra, dec, 0).tolist() == [0, 1, 4, 5, 8, 11]
    fine = pixels_at(ra, dec)
    assert_array_equal(fine >> 58, [0, 1, 4, 5, 8, 11])


def test_tiles_are_split_until_none_has_too_many_rows():
    """Every row is in one tile, and four tiles that could be one are more than one tile may have."""
    table = sky(2000)
    numbers = np.sort(pixels_at(*(np.asarray(table.column(name)) for name in ("ra", "dec"))))
    tiles = tiles_of(numbers, 50)
    assert_array_equal(np.concatenate([numbers[part] for _, part in tiles]), numbers)
    for tile, part in tiles:
        assert part.stop - part.start <= 50
        assert set(numbers[part] >> 2 * (29 - tile.order)) == {tile.number}
        above = numbers >> 2 * (30 - tile.order)
        assert tile.order == 0 or (above == tile.number >> 2).sum() > 50
    assert len({tile.order for tile, _ in tiles}) > 3


def test_rows_at_one_place_end_the_splitting():
    [(tile, part)] = tiles_of(np.full(100, 5, np.int64), 10)
    assert (tile.order, part.stop) == (12, 100)


def test_a_written_catalog_holds_every_row_once(tmp_path):
    """With its vector, its number, and its tile in the names of the files; sorted within each."""
    table = sky(1000)
    catalog = written(table, tmp_path / "a.hats")
    folder = tmp_path / "a.hats" / "dataset"
    parts = [pq.read_table(folder / f"{tile.file}.parquet", partitioning=None) for tile in catalog.tiles]
    for tile, part in zip(catalog.tiles, parts, strict=True):
        numbers = part.column("_healpix_29").to_numpy()
        assert (np.diff(numbers) >= 0).all()
        assert set(numbers >> 2 * (29 - tile.order)) == {tile.number}
    whole = pa.concat_tables(parts).drop_columns(["_healpix_29"])
    assert whole.sort_by("object_id").to_pylist() == table.sort_by("object_id").to_pylist()


def test_files_that_describe_a_catalog_agree_with_it(tmp_path):
    """Footers of all files with their places, and columns; vectors are not read unless they are asked for."""
    catalog = written(sky(1000), tmp_path / "a.hats")
    footers = pq.read_metadata(tmp_path / "a.hats/dataset/_metadata")
    assert footers.num_rows == 1000
    places = {footers.row_group(i).column(0).file_path for i in range(footers.num_row_groups)}
    assert places == {f"{tile.file}.parquet" for tile in catalog.tiles}
    assert pq.read_schema(tmp_path / "a.hats/dataset/_common_metadata").names[0] == "_healpix_29"
    said = read_properties(tmp_path / "a.hats/hats.properties")
    assert said == read_properties(tmp_path / "a.hats/properties")
    assert (said["hats_nrows"], said["obs_collection"], said["spectrove_base"]) == ("1000", "a", "sdss.kb")
    assert said["hats_cols_default"] == "object_id ra dec class"
    assert int(said["hats_order"]) == max(tile.order for tile in catalog.tiles)


def test_a_catalog_is_replaced_whole_and_nothing_else_is(tmp_path):
    written(sky(1000), tmp_path / "a.hats")
    catalog = written(sky(40), tmp_path / "a.hats")
    assert sum(catalog.read(tile).num_rows for tile in catalog.tiles) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["a.hats"]
    (tmp_path / "b.hats").mkdir()
    (tmp_path / "b.hats/letter.txt").write_text("dear")
    with pytest.raises(DatasetError, match=r"b\.hats: found something that is no HATS catalog"):
        written(sky(40), tmp_path / "b.hats")
    (tmp_path / "b.hats/partition_info.csv").write_text("Norder,Npix\n")  # of another program
    (tmp_path / "a.hats/letter.txt").write_text("dear")  # beside what is ours
    for name in ("a", "b"):
        with pytest.raises(DatasetError, match="that is no HATS catalog"):
            written(sky(40), tmp_path / f"{name}.hats")
        assert (tmp_path / f"{name}.hats/letter.txt").read_text() == "dear"


def test_a_tile_that_is_rewritten_makes_another_version(tmp_path):
    """Sources of labels name it, and an ingest that sees the same version joins nothing again."""
    before = written(sky(200), tmp_path / "a.hats").version
    tile = next((tmp_path / "a.hats").rglob("Npix=*.parquet"))
    table = pq.read_table(tile, partitioning=None)
    pq.write_table(
        table.set_column(table.column_names.index("dec"), "dec", pa.nulls(len(table), pa.float64())), tile
    )
    assert Catalog.open(tmp_path / "a.hats").version != before


def test_a_failure_leaves_the_catalog_as_it_was(tmp_path):
    before = written(sky(40), tmp_path / "a.hats").version

    def fails(places):
        raise OSError(28, "No space left on device")

    with pytest.raises(DatasetError, match=r"cannot be written \(No space left on device\)"):
        write(tmp_path / "a.hats", np.zeros(3), np.zeros(3), fails)
    assert Catalog.open(tmp_path / "a.hats").version == before
    assert len(list(tmp_path.iterdir())) == 1


def test_rows_without_a_position_are_told_apart():
    """Unknown, impossible or "not measured"; negative right ascensions are turned by a whole circle."""
    table = pa.table(
        {"ra": [-10.0, None, 400.0, 10.0, float("nan")], "dec": [0.0, 0.0, 0.0, -9999.0, 0.0], "n": range(5)}
    )
    assert placed(table).to_pylist() == [{"ra": 350.0, "dec": 0.0, "n": 0}]
    assert placed(pa.table({"n": [1]})).num_rows == 0
    with pytest.raises(DatasetError, match=r"no row with a position \(ra, dec\)"):
        write(Path("none.hats"), np.zeros(0), np.zeros(0), lambda places: table)


@pytest.mark.parametrize("radius", [2.0, 30.0, 4000.0])
def test_surroundings_hold_whatever_is_within_the_radius(radius):
    """Everywhere, at the poles and at corners of the twelve pixels too; most of the sky is not near."""
    rng = np.random.default_rng(1)
    dec = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 500))), [90, -90, 89.9999, 0, 41.8103, 0]])
    ra = np.concatenate([rng.uniform(0, 360, 500), [10, 20, 359.9999, 45, 0, 0]])
    around = Surroundings(ra, dec, radius)
    angle = rng.uniform(0, 2 * np.pi, len(ra))
    near_dec = dec + radius / 3600 * np.sin(angle)
    flat = np.abs(near_dec) < 85  # where a step along a circle of latitude is what it seems
    near_ra = ra + radius / 3600 * np.cos(angle) / np.maximum(np.cos(np.deg2rad(near_dec)), 0.08)
    assert around.holds(np.mod(near_ra, 360)[flat], near_dec[flat]).all()
    assert around.holds(ra, dec).all()
    if radius < 100:
        far = rng.uniform(0, 360, 2000), np.degrees(np.arcsin(rng.uniform(-1, 1, 2000)))
        assert around.holds(*far).mean() < 0.01
