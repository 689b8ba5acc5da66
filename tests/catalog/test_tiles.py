"""Catalogs in HATS: what is joined is what a plain table would join, and only tiles near the objects are read."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectrove.catalog import Joiner, join, read_catalog
from spectrove.catalog.tiles import Tiles
from spectrove.errors import CatalogError
from spectrove.hats.pixels import Surroundings
from spectrove.hats.reading import Catalog
from spectrove.hats.writing import write
from spectrove.spectra import Spectrum, SpectrumSet


def catalog(folder: Path, n: int = 400, **more) -> tuple[pa.Table, Catalog]:
    """A table all over the sky, and the same as a HATS catalog of some forty tiles."""
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    about = {
        "source_id": np.arange(n) + 2**60,
        "lens": [i % 3 == 0 for i in range(n)],
        "parallax": rng.normal(size=n),
    }
    table = pa.table({"ra": ra, "dec": dec, **about, **more, "epochs": [[1.0, 2.0]] * n})
    write(folder, ra, dec, lambda places: table.take(pa.array(places)), tile_rows=20)
    return table, Catalog.open(folder)


def at(ra, dec) -> SpectrumSet:
    """A spectrum at each position, 1 arcsec north of it."""
    grid = np.arange(4000.0, 4003.0)
    flat = np.ones(3, np.float32)
    rows = ({"ra": a, "dec": d and d + 1 / 3600} for a, d in zip(ra, dec, strict=True))
    arrays = grid, flat, flat, np.zeros(3, np.int32), flat * np.nan
    singles = [Spectrum(f"s{i}", *arrays, row=row) for i, row in enumerate(rows)]
    return SpectrumSet.from_spectra(singles)


def positions(table: pa.Table, places) -> SpectrumSet:
    return at(*(table.column(name).take(pa.array(places)).to_pylist() for name in ("ra", "dec")))


def test_a_magnitude_in_the_z_band_is_none_a_redshift_in_a_tile_of_bright_objects(tmp_path):
    """What column z holds is judged by all tiles."""
    z = np.full(400, 18.0)
    z[7] = 6.9
    table, _ = catalog(tmp_path / "bands.hats", g=z + 1, r=z + 0.5, z=z)
    joined, _ = join(positions(table, [7]), [tmp_path / "bands.hats"])
    assert joined.rows.column("z_mag").to_pylist() == [6.9]
    assert np.isnan(joined.z).all()


def test_a_catalog_in_tiles_joins_as_the_same_rows_in_one_file(tmp_path):
    """The same columns with the same values, matched in the same way; lists and numbers of pixels are no columns."""
    table, _ = catalog(tmp_path / "gaia.hats")
    pq.write_table(table, tmp_path / "gaia.parquet")
    spectra = positions(table, [0, 7, 200, 399])
    tiled, said = join(spectra, [tmp_path / "gaia.hats"])
    plain, expected = join(spectra, [tmp_path / "gaia.parquet"])
    assert said == expected
    assert said.matched == {"gaia": {"sky": 4}}
    assert "healpix_29" not in tiled.rows.column_names
    labels = [{one["name"]: one["value"] for one in row} for row in tiled.column("labels")]
    assert [row["lens"] for row in labels] == [
        "true",
        "false",
        "false",
        "true",
    ]
    same = [name for name in plain.rows.column_names if name != "labels"]
    assert tiled.rows.select(same).equals(plain.rows.select(same))


def test_only_tiles_near_the_objects_are_read(tmp_path):
    """A torn tile elsewhere is not noticed, one at an object is named."""
    table, tiles = catalog(tmp_path / "gaia.hats")
    own = Surroundings(*(np.array([table.column(name)[5].as_py()]) for name in ("ra", "dec")), 2.0).tiles(
        tiles.tiles
    )
    assert len(own) == 1
    for tile in tiles.tiles:
        if tile not in own:
            (tmp_path / f"gaia.hats/dataset/{tile.file}.parquet").write_bytes(b"PAR1 and no more")
    joined, report = join(positions(table, [5]), [tmp_path / "gaia.hats"])
    assert report.matched == {"gaia": {"sky": 1}}
    assert joined.column("parallax") == [table.column("parallax")[5].as_py()]
    with pytest.raises(
        CatalogError, match=r"Npix=\d+\.parquet: not a whole Parquet file .* Fetch the catalog again\."
    ):
        join(positions(table, range(50)), [tmp_path / "gaia.hats"])


def test_answers_do_not_depend_on_how_spectra_are_divided_into_batches(tmp_path):
    """99 is a number beside larger ones of its tile, and stays one for an object that is alone in its batch."""
    share = np.where(np.arange(400) % 2, 99.0, 80.0)
    table, _ = catalog(tmp_path / "a.hats", share=share)
    spectra = positions(table, range(40))
    whole, report = Joiner([tmp_path / "a.hats"]).join(spectra)
    joiner = Joiner([tmp_path / "a.hats"])
    parts = [joiner.join(spectra.take([i])) for i in range(40)]
    assert [part.column("share")[0] for part, _ in parts] == whole.column("share") == share[:40].tolist()
    assert sum((said for _, said in parts[1:]), parts[0][1]).matched == report.matched


def test_spectra_without_a_position_are_counted(tmp_path):
    """Their rows cannot be found; the others' are."""
    table, _ = catalog(tmp_path / "gaia.hats")
    ra, dec = (table.column(name)[3].as_py() for name in ("ra", "dec"))
    joined, report = join(at([ra, None], [dec, None]), [tmp_path / "gaia.hats"])
    assert report.unplaced == {"gaia": 1}
    assert "gaia: 1 spectra have no position (ra, dec)" in report.sentence()
    assert [value is None for value in joined.column("parallax")] == [False, True]
    with pytest.raises(CatalogError, match=r"none of the 1 objects has one \(ra, dec\)"):
        read_catalog(tmp_path / "gaia.hats", at([None], [None]))


def test_a_column_z_may_be_a_magnitude(tmp_path):
    """Beside other bands, judged by its values as in any catalog."""
    for z, name in ((np.full(400, 19.0), "z_mag"), (np.full(400, 0.3), "z")):
        table, _ = catalog(tmp_path / f"{name}.hats", g=z, r=z, z=z)
        rows = read_catalog(tmp_path / f"{name}.hats", positions(table, [0]))
        assert rows.column(name).to_pylist() == [z[0]]


def test_whole_catalogs_and_collections_are_read(tmp_path):
    """Without objects all rows; a collection names its catalog; tiles may be folders of files."""
    table, tiles = catalog(tmp_path / "outer/gaia")
    assert read_catalog(tmp_path / "outer/gaia").num_rows == 400
    (tmp_path / "outer/collection.properties").write_text(
        "obs_collection=outer\nhats_primary_table_url=gaia\n"
    )
    for tile in tiles.tiles:
        file = tmp_path / f"outer/gaia/dataset/{tile.file}.parquet"
        file.rename(file.with_suffix(".tmp"))
        file.with_suffix("").mkdir()
        file.with_suffix(".tmp").rename(file.with_suffix("") / "part0.parquet")
    said = tmp_path / "outer/gaia/hats.properties"
    said.write_text(said.read_text().replace("hats_npix_suffix=.parquet", "hats_npix_suffix=/"))
    _, report = join(positions(table, [1, 2]), [tmp_path / "outer"])
    assert report.matched == {"outer": {"sky": 2}}


def test_positions_are_those_that_the_properties_name(tmp_path):
    """Whatever they are called, and whatever else is called ra."""
    table, _ = catalog(tmp_path / "a.hats")
    for path in (tmp_path / "a.hats/dataset").rglob("*.parquet"):
        names = ["meanra" if n == "ra" else "meandec" if n == "dec" else "ra" if n == "parallax" else n
                 for n in pq.read_schema(path).names]  # fmt: skip
        pq.write_table(pq.ParquetFile(path).read().rename_columns(names), path)
    (tmp_path / "a.hats/dataset/_common_metadata").unlink()
    (tmp_path / "a.hats/dataset/_metadata").unlink()
    said = tmp_path / "a.hats/hats.properties"
    said.write_text(said.read_text().replace("=ra\n", "=meanra\n").replace("=dec\n", "=meandec\n"))
    _, report = join(positions(table, [1, 2]), [tmp_path / "a.hats"])
    assert report.matched == {"a": {"sky": 2}}


def _without(name: str):
    return lambda folder: (folder / name).unlink()


def _saying(name: str, old: str, new: str):
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (_without("partition_info.csv"), "broken.hats: no partition_info.csv, expected it beside hats.properties"),
        (_saying("partition_info.csv", "Npix", "Pix"), "partition_info.csv: cannot be read ('Npix')"),
        (_saying("partition_info.csv", "\n", "\nx,"), "partition_info.csv: cannot be read (invalid literal"),
        (lambda f: (f / "partition_info.csv").write_text("Norder,Npix\n"), "partition_info.csv: lists no tile"),
        (_saying("hats.properties", "hats_col_ra", "col"), "hats.properties: no hats_col_ra, expected the names"),
        (_saying("hats.properties", "=ra\n", "=right\n"), "broken.hats: no column 'right'"),
        (lambda f: (f / "dataset/_common_metadata").write_bytes(b"PAR1"), "_common_metadata: not a whole Parquet file"),
        (lambda f: [path.unlink() for path in (f / "dataset").rglob("Npix*")],
         ".parquet: no such file, but partition_info.csv lists this tile"),
    ],
)  # fmt: skip
def test_a_broken_catalog_is_refused_in_one_sentence(tmp_path, break_it, sentence):
    """Which file, what was found, what to do."""
    table, _ = catalog(tmp_path / "broken.hats", 100)
    break_it(tmp_path / "broken.hats")
    with pytest.raises(CatalogError, match=re.escape(sentence)) as caught:
        join(positions(table, range(20)), [tmp_path / "broken.hats"])
    assert str(caught.value).rstrip().endswith(".")
    assert "\n" not in str(caught.value)


def test_a_tile_that_lacks_a_column_is_refused(tmp_path):
    table, tiles = catalog(tmp_path / "a.hats", 100)
    for tile in tiles.tiles:
        path = tmp_path / f"a.hats/dataset/{tile.file}.parquet"
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["parallax"]), path)
    with pytest.raises(CatalogError, match="no column parallax, which the other tiles of the catalog have"):
        join(positions(table, [0]), [tmp_path / "a.hats"])


def test_tiles_that_were_read_are_kept_up_to_a_number_of_rows(tmp_path, monkeypatch):
    """The latest ones; a single tile always."""
    table, _ = catalog(tmp_path / "a.hats")
    monkeypatch.setattr("spectrove.catalog.tiles.MOST_ROWS", 30)
    tiles = Tiles(tmp_path / "a.hats", 2.0)
    tiles.near(positions(table, range(100)))
    assert 0 < sum(kept.num_rows for kept in tiles._kept.values()) <= 30
