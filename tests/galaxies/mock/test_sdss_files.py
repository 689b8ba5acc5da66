"""Mock files are SDSS files: astropy and the project's own reader find what was made."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.galaxies.mock import make_survey, write_survey
from spectrove.galaxies.mock.rows import MOCK_COLUMNS
from spectrove.galaxies.mock.sdss_layout import SPECOBJ, SPZLINE, columns
from spectrove.readers import read_file


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mock")
    return write_survey(24, folder, seed=3), make_survey(24, seed=3)


def test_files_hold_the_survey_that_is_made_in_memory(written):
    catalog, survey = written
    for spectrum in survey:
        with fits.open(catalog.parent / f"spec-{spectrum.object_id}.fits") as hdus:
            hdus.verify("exception")
            coadd = hdus[1].data
            assert_array_equal(coadd["flux"], spectrum.flux)
            assert_array_equal(coadd["ivar"], spectrum.ivar)
            assert_array_equal(10 ** coadd["loglam"].astype(float), spectrum.wavelength)
            row = hdus[2].data[0]
            assert (row["PLATE"], row["MJD"], row["FIBERID"]) == tuple(
                spectrum.row[k] for k in ("plate", "mjd", "fiberid")
            )
            assert float(row["Z"]) == spectrum.z
            assert row["SPECOBJID"].strip() == spectrum.row["specobjid"]
            assert hdus[0].header["PLATEID"] == spectrum.row["plate"]


def test_the_reader_of_real_files_gives_the_same_spectrum(written):
    catalog, survey = written
    for spectrum in list(survey)[:6]:
        (read,) = read_file(catalog.parent / f"spec-{spectrum.object_id}.fits")
        assert read.object_id == spectrum.object_id
        assert_array_equal(read.flux, spectrum.flux)
        assert_array_equal(read.wavelength, spectrum.wavelength)
        assert_array_equal(read.good, spectrum.good)
        assert_array_equal(read.mask, spectrum.mask)
        assert_allclose(read.lsf, spectrum.lsf, rtol=1e-2)
        assert read.row["z"] == spectrum.z
        if spectrum.row["ha_flux"] is None:
            assert read.row["ha_flux"] is None
        else:
            assert read.row["ha_flux"] == pytest.approx(spectrum.row["ha_flux"], rel=1e-5)
        assert read.row["specobjid"] == spectrum.row["specobjid"]


def test_the_line_table_holds_the_measured_lines(written):
    catalog, survey = written
    spectrum = next(s for s in survey if s.row["ha_flux"] and s.row["ha_flux"] > 10 * s.row["ha_err"])
    with fits.open(catalog.parent / f"spec-{spectrum.object_id}.fits") as hdus:
        table = hdus["SPZLINE"].data
        line = table[np.char.strip(table["LINENAME"]) == "H_alpha"][0]
        assert line["LINEAREA"] == pytest.approx(spectrum.row["ha_flux"], rel=1e-5)
        assert line["LINEAREA_ERR"] == pytest.approx(spectrum.row["ha_err"], rel=1e-5)
        assert len(table) == 29


def test_the_catalog_has_a_row_per_file_with_measured_and_true_values(written):
    catalog, survey = written
    with open(catalog, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["object_id"] for r in rows] == list(survey.object_id)
    assert set(MOCK_COLUMNS) <= set(rows[0])
    assert all((catalog.parent / r["path"]).is_file() for r in rows)
    assert [r["class_derived"] or None for r in rows] == survey.column("class_derived")
    assert_allclose([float(r["z"]) for r in rows], survey.z)
    assert not list(catalog.parent.glob("*.part"))


@pytest.mark.real
def test_columns_are_those_of_real_files(data_dir):
    """Names, order and formats of the SpecObj row and the line table, against a real lite file."""
    path = sorted((data_dir / "galaxies" / "sdss").glob("spec-0922-*.fits*"))[0]
    with fits.open(path) as hdus:
        real = [(c.name, c.format) for c in hdus[2].columns]
        assert [name for name, _ in real] == [name for name, _ in columns(SPECOBJ)]
        letters = [(form[-1], ours[-1]) for (_, form), (_, ours) in zip(real, columns(SPECOBJ), strict=True)]
        assert all(a == b for a, b in letters)
        assert [(c.name, c.format) for c in hdus[3].columns] == columns(SPZLINE)
