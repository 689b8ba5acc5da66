"""Catalogs joined to spectra: by each key, with labels that agree or not, and ids that stay exact."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrove.catalog import Joiner, JoinReport, join, read_catalog
from spectrove.errors import CatalogError
from spectrove.spectra import Spectrum, SpectrumSet

BIG = "11259000016306413568"  # above 2^63, and not a double


def spectrum(object_id="a", **row):
    n = 3
    pixels = (4000.0 + np.arange(n), np.ones(n, "f4"), np.ones(n, "f4"), np.zeros(n, "i4"), np.ones(n, "f4"))
    return Spectrum(object_id, *pixels, {"path": f"{object_id}.fits", "survey": "x", "flags": []} | row)


def make(*spectra):
    made = SpectrumSet.from_spectra(list(spectra))
    return made


def catalog(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("key", "row", "columns"),
    [
        ("object_id", {}, {"object_id": ["b", "a"]}),
        ("specobjid", {"specobjid": BIG}, {"specobjid": ["1", BIG]}),
        (
            "plate-mjd-fiber",
            {"plate": 266, "mjd": 51602, "fiberid": 1},
            {"plate": [1, 266], "mjd": [1, 51602], "fiberid": [1, 1]},
        ),
        ("sky", {"ra": 10.0, "dec": 60.0}, {"ra": [10.0, 10.0 + 1.9 / 3600 * 2], "dec": [60.1, 60.0]}),
        ("path", {"path": "/data/x/sdss/s.fits"}, {"path": ["boss/s.fits.gz", "sdss/s.fits.gz"]}),
    ],
)
def test_each_key_finds_its_row(key, row, columns):
    joined, report = join(make(spectrum(**row)), [pa.table(columns | {"label": ["wrong", "right"]})])
    assert joined.column("label") == ["right"]
    assert report.matched == {"catalog1": {key: 1}}
    assert report.unmatched == ()


def test_the_sky_match_ends_at_two_arcseconds():
    """At declination 60 one arcsec of sky is two of right ascension; across 0 h it is still close."""
    table = pa.table({"ra": [0.0], "dec": [60.0], "label": ["near"]})
    places = [(3.9 / 3600, 60.0), (360 - 3.9 / 3600, 60.0), (4.1 / 3600, 60.0), (0.0, 60 + 2.1 / 3600)]
    made = make(*(spectrum(f"s{i}", ra=ra, dec=dec) for i, (ra, dec) in enumerate(places)))
    joined, report = join(made, [table])
    assert joined.column("label") == ["near", "near", None, None]
    assert report.unmatched == ("s2", "s3")


def test_an_id_is_found_whichever_way_it_is_padded():
    joined, _ = join(
        make(spectrum("0266-51602-0007")), [pa.table({"object_id": ["266-51602-7"], "label": ["x"]})]
    )
    assert joined.column("label") == ["x"]
    assert list(joined.object_id) == ["0266-51602-0007"]


def test_a_catalog_renames_the_file_that_it_names():
    made = make(spectrum("m#0", path="/d/manga/m.fits.gz"), spectrum("m#1", path="/d/manga/m.fits.gz"))
    names = pa.table(
        {
            "path": ["manga/m.fits.gz"] * 2,
            "row": [1, 0],
            "object_id": ["m#0", "m#1"],
            "label": ["one", "zero"],
        }
    )
    joined, report = join(made, [names])
    assert list(joined.object_id) == ["m#1", "m#0"]
    assert joined.column("label") == ["zero", "one"]
    assert report.renamed == 2


def test_two_paths_that_fit_equally_well_fit_neither():
    joined, report = join(
        make(spectrum(path="s.fits")), [pa.table({"path": ["a/s.fits", "b/s.fits"], "label": ["1", "2"]})]
    )
    assert joined.column("label") == [None]
    assert report.unmatched == ("a",)


def test_labels_stand_where_sources_agree_and_are_counted_where_not():
    made = make(spectrum("a"), spectrum("b"), spectrum("c"), spectrum("d"))
    one = pa.table(
        {"object_id": ["a", "b", "c"], "bpt_class": ["LINER", "SF", "SF"], "lens": [True, None, False]}
    )
    two = pa.table(
        {"object_id": ["a", "b", "d"], "bpt_class": ["liner", "Seyfert", "SF"], "lens": [False, True, None]}
    )
    joined, report = join(made, [one, two])
    assert joined.column("bpt_class") == ["LINER", None, "SF", "SF"]
    assert joined.column("lens") == [None, True, False, None]
    assert report.disagreements == {"bpt_class": 1, "lens": 1}
    said = [(entry["name"], entry["value"], entry["source"]) for entry in joined.column("labels")[1]]
    assert said == [
        ("bpt_class", "SF", "catalog1"),
        ("bpt_class", "Seyfert", "catalog2"),
        ("lens", "true", "catalog2"),
    ]
    assert "bpt_class: sources disagree about 1 objects" in report.sentence()


def test_the_class_of_the_file_is_kept_among_the_labels():
    made = make(spectrum(**{"class": "GALAXY", "run2d": "26"}))
    joined, _ = join(made, [pa.table({"object_id": ["a"], "class": ["QSO"]})])
    assert joined.column("class") == ["QSO"]
    assert joined.column("labels")[0][0] == {
        "name": "class",
        "value": "GALAXY",
        "source": "file",
        "version": "26",
    }


def test_a_redshift_of_the_catalog_wins_with_its_error_and_flags():
    made = make(
        spectrum("a", z=0.1, z_err=1e-5, z_source="file"),
        spectrum("b", flags=["no_redshift"]),
        spectrum("c", z=0.3, z_err=1e-5, z_source="file"),
        spectrum("d", z=0.4, z_source="file"),
    )
    table = pa.table({"object_id": ["a", "b", "c"], "z": [0.2, -0.001, None], "zwarning": [4, 0, 0]})
    joined, _ = join(made, [table])
    assert joined.column("z") == [0.2, -0.001, 0.3, 0.4]
    assert joined.column("z_source") == ["catalog", "catalog", "file", "file"]
    assert joined.column("z_err") == [None, None, 1e-5, None]
    assert joined.column("flags") == [["z_warning"], ["z_not_positive"], [], []]


def test_numbers_of_the_first_catalog_win_and_nulls_do_not():
    made = make(spectrum(d4000n=1.0, vdisp=100.0))
    one = pa.table({"object_id": ["a"], "d4000n": [None], "vdisp": [200.0]}).cast(
        pa.schema([("object_id", pa.string()), ("d4000n", pa.float64()), ("vdisp", pa.float64())])
    )
    two = pa.table({"object_id": ["a"], "d4000n": [1.5], "vdisp": [300.0]})
    joined, _ = join(made, [one, two])
    assert (joined.column("d4000n"), joined.column("vdisp")) == ([1.5], [200.0])


def test_a_match_on_the_sky_does_not_pass_on_another_observation():
    """The catalog's plate and specobjid belong to its own spectrum of the same galaxy."""
    made = make(spectrum(ra=10.0, dec=1.0, plate=389))
    table = pa.table({"ra": [10.0], "dec": [1.0], "plate": [400], "specobjid": ["77"], "bpt_class": ["SF"]})
    joined, _ = join(made, [table])
    assert (joined.column("plate"), joined.column("bpt_class")) == ([389], ["SF"])
    assert joined.column("specobjid") == [None]


def test_a_join_loses_no_flag_of_the_file():
    """Those of counts with a response, and one that no table has."""
    flags = ["no_background", "events_thinned", "a_new_one"]
    joined, _ = join(make(spectrum(z=0.1, flags=flags)), [pa.table({"object_id": ["a"], "mass": [1.0]})])
    assert sorted(joined.column("flags")[0]) == sorted(flags)


def test_a_sky_fibre_stays_sky():
    made = make(spectrum(flags=["sky"], **{"class": "SKY"}))
    joined, _ = join(made, [pa.table({"object_id": ["a"], "class": ["STAR"]})])
    assert joined.column("class") == ["SKY"]
    assert joined.column("flags") == [["no_redshift", "sky"]]


def test_the_pixels_are_untouched_and_batches_add_up():
    made = make(*(spectrum(f"s{i}") for i in range(4)))
    joiner = Joiner([pa.table({"object_id": ["s0", "s3"], "label": ["x", "y"]})])
    whole, report = joiner.join(made)
    first, one = joiner.join(made.take([0, 1]))
    second, two = joiner.join(made.take([2, 3]))
    assert SpectrumSet.concatenate([first, second]).rows.equals(whole.rows)
    assert one + two == report
    assert whole.flux is made.flux


def test_without_catalogs_nothing_changes():
    made = make(spectrum())
    joined, report = join(made, [])
    assert joined is made
    assert report == JoinReport(1)


def test_a_repeated_id_uses_the_first_row_and_is_counted():
    joined, report = join(make(spectrum()), [pa.table({"object_id": ["a", "a"], "label": ["1", "2"]})])
    assert joined.column("label") == ["1"]
    assert report.repeated == {"catalog1": 1}


TEXT = f"""object_id,SpecObjID,Plate,MJD,fiberID,RA [deg],DEC [deg],z,zwarning,class,lens,mass
a,{BIG},266,51602,1,10.5,-1.0,0.1,4.0,SF,True,9
b,299492975510054912,266,51602,2,11.5,-2.0,,0.0,,False,nan
"""


def test_a_csv_keeps_ids_as_text_and_knows_its_types(tmp_path):
    table = read_catalog(catalog(tmp_path, TEXT))
    assert table.column("specobjid").to_pylist() == [BIG, "299492975510054912"]
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert kinds == {
        "object_id": "string",
        "specobjid": "string",
        "plate": "int64",
        "mjd": "int64",
        "fiberid": "int64",
        "ra": "double",
        "dec": "double",
        "z": "double",
        "zwarning": "int64",
        "class": "string",
        "lens": "bool",
        "mass": "int64",
    }
    assert table.column("class").to_pylist() == ["SF", None]
    assert table.schema.metadata[b"name"] == b"labels"
    assert table.schema.metadata[b"version"].startswith(b"sha256:")


@pytest.mark.parametrize("suffix", ["fits", "ecsv", "xml", "parquet", "csv.gz", "tsv"])
def test_every_format_gives_the_same_table(tmp_path, suffix):
    import gzip

    import pyarrow.parquet as pq
    from astropy.table import MaskedColumn, Table

    plain = read_catalog(catalog(tmp_path, TEXT))
    path = tmp_path / f"labels.{suffix}"
    if suffix == "parquet":
        pq.write_table(plain, path)
    elif suffix == "csv.gz":
        path.write_bytes(gzip.compress(TEXT.encode()))
    elif suffix == "tsv":
        path.write_text(TEXT.replace(",", "\t"))
    else:
        made = Table()
        for name in plain.column_names:
            values = plain.column(name).to_pylist()
            blank = "" if any(isinstance(v, str) for v in values) else 0
            data = [blank if v is None else v for v in values]
            if name == "specobjid" and suffix != "xml":  # VOTable has no unsigned 64-bit numbers
                data = np.array([int(v) for v in values], dtype=np.uint64)
            made[name] = MaskedColumn(data, mask=[v is None for v in values])
        made.write(path, format={"fits": "fits", "ecsv": "ascii.ecsv", "xml": "votable"}[suffix])
    table = read_catalog(path)
    assert table.to_pydict() == plain.to_pydict()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=5))
def test_no_id_loses_a_digit_on_the_way(tmp_path_factory, numbers):
    path = tmp_path_factory.mktemp("ids") / "ids.csv"
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["specobjid", "label"])
        writer.writerows([number, "x"] for number in numbers)
    assert read_catalog(path).column("specobjid").to_pylist() == [str(n) for n in numbers]


def test_ids_that_were_floats_already_are_not_trusted():
    """A FITS catalog that stored ids as doubles: those above 2^53 are rounded, and match nothing."""
    joined, report = join(
        make(spectrum(specobjid=BIG)), [pa.table({"specobjid": [float(BIG)], "label": ["x"]})]
    )
    assert joined.column("label") == [None]
    assert report.unmatched == ("a",)


def test_text_columns_of_plate_and_mjd_are_whole_numbers():
    """The eBOSS ELG catalog has them as text."""
    table = pa.table({"MJD": ["55544 "], "PLATE": ["3822"], "FIBERID": [" 662"], "TYPE": ["2"]})
    joined, _ = join(make(spectrum(plate=3822, mjd=55544, fiberid=662)), [table])
    assert joined.column("type") == ["2"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "", "the catalog is empty"),
        ("a.csv", "object_id,x\na,1\nb\n", "row 2 has 1 values, expected 2"),
        ("a.fits", "no", "not a readable catalog .*expected FITS, CSV"),
        ("a.parquet", "no", "not a readable catalog"),
        ("a.docx", "no", "suffix '.docx', expected one of .csv"),
        ("a.csv", "plate,mjd,fiberid\nx,1,2\n", "column plate is not of whole numbers"),
    ],
)
def test_a_broken_catalog_is_one_sentence(tmp_path, name, content, words):
    with pytest.raises(CatalogError, match=f"^{name}: .*{words}"):
        read_catalog(catalog(tmp_path, content, name))


def test_a_missing_catalog_and_one_without_a_key_are_sentences(tmp_path):
    with pytest.raises(CatalogError, match=r"none.csv: the catalog cannot be opened .No such file"):
        read_catalog(tmp_path / "none.csv")
    with pytest.raises(
        CatalogError, match="labels: no column to join on among colour; expected one of object_id"
    ):
        Joiner([catalog(tmp_path, "colour\nred\n")])


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("eboss-elg-classification.fits", "plate"),
        ("lenscat_sdss_spectroscopic_subset.csv", "ra"),
        ("mlc_elgs_data_elg.csv", "plate"),
        ("bpt_resolve_eco.csv", "ra"),
    ],
)
def test_real_catalogs_are_read_and_can_be_joined(data_dir, name, key):
    table = read_catalog(data_dir / "catalogs" / name)
    assert table.num_rows > 1000
    assert key in table.column_names
    Joiner([table])


@pytest.mark.parametrize(
    ("columns", "z"),
    [
        ({"u": 19.6, "g": 18.3, "r": 17.7, "i": 17.3, "z": 17.09, "z_err": 0.02, "redshift": 0.0674}, 0.0674),
        ({"g": 18.3, "r": 17.7, "z": 17.09, "ZSPEC": 0.0674}, 0.0674),
        ({"g": 18.3, "r": 17.7, "i": 17.3, "z": 17.09, "zphot": 0.3}, None),
        ({"g": 18.3, "r": 17.7, "i": 17.3, "z": 0.0674}, 0.0674),
        ({"z": 0.0674, "zphot": 0.3}, 0.0674),
        ({"zphot": 0.3}, None),
    ],
)
def test_a_z_band_magnitude_or_a_photometric_redshift_is_no_redshift(columns, z):
    table = pa.table({key: [value] for key, value in columns.items()} | {"object_id": ["a"]})
    joined, _ = join(make(spectrum("a")), [table])
    assert joined.column("z") == [z]
    assert joined.column("z_source") == ["catalog" if z else None]
    if columns.get("z") == 17.09:
        assert joined.column("z_mag") == [17.09]


@pytest.mark.parametrize("mark", [-99.0, -999, -9999.0, 9999.0, 1e20, -99.9])
def test_a_number_that_stands_for_not_measured_replaces_nothing_and_is_counted(mark):
    table = pa.table(
        {
            "object_id": ["a", "b"],
            "z": [mark, 0.06],
            "logmass": [mark, 10.9],
            "ha_err": [-1.0, 3.0],
            "n": [-1, 2],
        }
    )
    joined, report = join(make(spectrum("a", z=0.0674, z_source="file"), spectrum("b")), [table])
    assert joined.column("z") == [0.0674, 0.06]
    assert joined.column("z_source") == ["file", "catalog"]
    assert joined.column("logmass") == [None, 10.9]
    assert joined.column("ha_err") == [None, 3.0]
    assert joined.column("n") == [-1, 2]
    assert report.unknown["catalog1"] == {"z": 1, "logmass": 1, "ha_err": 1}
    assert "z 1, logmass 1, ha_err 1" in report.sentence()


def test_large_values_among_their_like_are_measurements():
    """A flux of 9999 among others of thousands, and a fibre 999."""
    table = pa.table({"object_id": ["a", "b"], "flux": [9999.0, 8000.0], "fiberid": [999, 9]})
    joined, report = join(make(spectrum("a"), spectrum("b")), [table])
    assert joined.column("flux") == [9999.0, 8000.0]
    assert joined.column("fiberid") == [999, 9]
    assert not report.unknown


@pytest.mark.parametrize(
    "text",
    [
        "#Table1\nplate,mjd,fiberid,logmass\n266,51602,1,10.4\n",
        "\n\n  \nPLATEID;FIBER;MJD;logmass\n266;1;51602;10.4\n",
        "\ufeff# made by us\r\n# plate mjd fiberid logmass\r\n266 51602 1 10.4\r\n# the end\r\n",
        '"fiberID"\t"MJD"\t"Plate"\t"logMass"\n1\t51602\t266\t10.4\n',
        "sep=,\nplate, mjd, fiberid, logmass\n266, 51602, 1, 10.4\n",
    ],
)
def test_comments_marks_and_order_of_columns_do_not_matter(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    joined, report = join(make(spectrum("a", plate=266, mjd=51602, fiberid=1)), [path])
    assert joined.column("logmass") == [10.4]
    assert report.matched == {"t": {"plate-mjd-fiber": 1}}


def test_redshifts_are_joined_by_targetid_whatever_the_order_of_rows(tmp_path):
    """Redrock's table stands in its own extension, and its warnings stay."""
    from astropy.io import fits
    from astropy.table import Table

    ids = 39633145104466049 + np.arange(3)
    told = Table({"TARGETID": ids[::-1], "Z": [0.4, 0.3, 0.2], "ZERR": [1e-4] * 3, "ZWARN": [0, 4, 0]})
    hdus = [fits.table_to_hdu(Table({"TARGETID": ids, "FIBER": [1, 2, 3]})), fits.table_to_hdu(told)]
    hdus[0].name, hdus[1].name = "FIBERMAP", "REDSHIFTS"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "redrock.fits")
    spectra = make(*(spectrum(f"s#{i}", targetid=str(one)) for i, one in enumerate(ids)))
    joined, report = join(spectra, [tmp_path / "redrock.fits"])
    assert joined.column("z") == [0.2, 0.3, 0.4]
    assert joined.column("zwarning") == [0, 4, 0]
    assert [("z_warning" in flags) for flags in joined.column("flags")] == [False, True, False]
    assert report.matched == {"redrock": {"targetid": 3}}


def test_ids_rounded_as_floats_are_said_to_be_lost(tmp_path):
    path = catalog(tmp_path, "specobjid,plate,mjd,fiberid\n1.2676506e18,266,51602,1\n")
    _, report = join(make(spectrum("a", plate=266, mjd=51602, fiberid=1)), [path])
    assert report.unknown == {"labels": {"specobjid": 1}}


def test_a_folder_of_partitions_is_one_catalog(tmp_path):
    import pyarrow.parquet as pq

    for i, name in enumerate(["a", "b"]):
        folder = tmp_path / "hats" / f"Norder=0/Dir=0/Npix={i}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"object_id": [name], "logmass": [10.0 + i]}), f"{folder}.parquet")
    joined, report = join(make(spectrum("a"), spectrum("b")), [tmp_path / "hats"])
    assert joined.column("logmass") == [10.0, 11.0]
    assert report.matched == {"hats": {"object_id": 2}}


@pytest.mark.parametrize(
    ("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)]
)
def test_a_compressed_catalog_is_read(tmp_path, suffix, pack):
    path = tmp_path / f"labels.csv.{suffix}"
    path.write_bytes(pack(b"object_id,z\na,0.1\nb,0.2\n"))
    assert read_catalog(path).to_pydict() == {"object_id": ["a", "b"], "z": [0.1, 0.2]}


def test_a_word_that_stands_for_not_measured_is_no_class():
    """In a column of text -99 is text: it must not become a class of thirty galaxies."""
    table = pa.table(
        {
            "object_id": ["a", "b", "c", "d", "e"],
            "kind": ["LINER", "-99", "-999.0", "N/A", "none"],
            "plate_note": ["99", "12", "SF", "-1", None],
        }
    )
    joined, report = join(make(*(spectrum(name) for name in "abcde")), [table])
    assert joined.column("kind") == ["LINER", None, None, None, "none"]
    assert joined.column("plate_note") == ["99", "12", "SF", "-1", None]
    assert report.unknown["catalog1"] == {"kind": 3}
