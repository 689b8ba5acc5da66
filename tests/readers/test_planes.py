"""What planes, rows and extensions are, by their labels; images whose rows are planes."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import parse_columns, read_file
from spectrove.readers.planes import kind_of, pick, saw

N = 80
GRID = {"CRVAL1": 5000.0, "CDELT1": 2.0, "CRPIX1": 1.0, "CTYPE1": "WAVE", "CUNIT1": "Angstrom"}
FLUX = 10 + np.sin(np.arange(N))
ROWS = np.stack([FLUX, np.full(N, 0.5), np.full(N, 300.0), np.full(N, 7.0)])


def image(path, data, **cards):
    hdu = fits.PrimaryHDU(data)
    hdu.header.update(GRID | cards)
    hdu.writeto(path)
    return path


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("spectrum - background fit, weights variance, clean yes", "flux"),
        ("spectrum: background median, weights none, clean no", "flux"),
        ("raw - background fit, weights none, clean no", "other"),
        ("background - background fit", "other"),
        ("sigma - background fit, weights variance, clean yes", "error"),
        ("CONTINUUM-SUBTRACTED", "other"),
        ("NOISE", "error"),
        ("telluric-corrected flux", "flux"),
        ("telluric spectrum", "other"),
        ("Flux (10^-17 erg/s/cm^2/Ang)", "flux"),
        ("Error (10^-17 erg/s/cm^2/Ang)", "error"),
        ("Sky-subtracted spectrum", "flux"),
        ("sky spectrum", "other"),
        ("Inverse variance", "ivar"),
        ("VAR_POISSON", "variance"),
        ("Spectrum_nocalib", "other"),
        ("WAVEDISP", "other"),
        ("ERR_FLUX", "error"),
        ("FLUXERR", "error"),
        ("SKY_ERR", "other"),
        ("FLUX_RAW", "other"),
        ("RED_DATA_NOSS", "other"),
        ("RED_IVAR", "ivar"),
        ("ANDMASK", "mask"),
        ("apples", None),
    ],
)
def test_a_label_says_what_a_plane_is(label, kind):
    assert kind_of(label) == kind


def test_the_errors_of_a_second_spectrum_are_not_taken_for_those_of_the_first():
    assert pick(["Spectrum", "Error", "Spectrum, uncalibrated", "Error"]) == {"flux": 0, "error": 1}
    assert pick(["Spectrum", "Spectrum of the counts", "Error"]) == {"flux": 0}


def test_rows_that_the_header_names_are_planes_of_one_spectrum(tmp_path):
    """The layout of GAMA's spectra: five rows named ROW1 to ROW5."""
    names = {"ROW1": "Spectrum", "ROW2": "Error", "ROW3": "Spectrum_nocalib", "ROW4": "Sky"}
    (s,) = read_file(image(tmp_path / "G09_Y1_CS2_001.fit", ROWS, **names))
    assert s.object_id == "G09_Y1_CS2_001"
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, 4)
    assert "ivar_estimated" not in s.row["flags"]


@pytest.mark.parametrize(
    ("word", "sky"),
    [("SKY", True), ("Sky 12", True), ("blank sky", True), ("Skynet 1", False), ("NGC 1", False)],
)
def test_a_header_that_says_sky_is_believed(tmp_path, word, sky):
    (s,) = read_file(image(tmp_path / "a.fits", FLUX, OBJECT=word))
    assert ("sky" in s.row["flags"], s.row.get("class") == "SKY") == (sky, sky)


def test_rows_may_be_counted_from_0(tmp_path):
    names = {"ROW0": "Spectrum", "ROW1": "Error", "ROW2": "Sky", "ROW3": "Mask"}
    (s,) = read_file(image(tmp_path / "a.fits", ROWS, **names))
    assert_allclose(s.ivar, 4)
    assert "mask_inverted" in s.row["flags"]  # row 3 is the mask, and marks every pixel


def test_an_image_of_sky_alone_is_refused_by_name(tmp_path):
    with pytest.raises(FormatError, match="holds SKY, and none of them is named as a flux"):
        read_file(image(tmp_path / "a.fits", FLUX, EXTNAME="SKY"))


def test_a_second_row_named_as_a_flux_is_left_out_with_a_sentence(tmp_path):
    names = {"ROW1": "Spectrum of A", "ROW2": "Error", "ROW3": "Spectrum of B", "ROW4": "Sky"}
    found = read_file(image(tmp_path / "a.fits", ROWS, **names))
    assert len(found) == 1
    assert "row 3 'Spectrum of B' is named as a flux too" in found.left_out[0].error


def test_named_rows_without_a_flux_are_refused_by_name(tmp_path):
    path = image(tmp_path / "a.fits", ROWS, ARRAY1="SKY", ARRAY2="NOISE", ARRAY3="ARC", ARRAY4="MASK")
    with pytest.raises(FormatError, match=r"none of the rows 1 'SKY', 2 'NOISE'.*--columns flux=1,error=2"):
        read_file(path)


def test_the_user_may_say_which_row_is_what(tmp_path):
    path = image(tmp_path / "a.fits", ROWS)
    (s,) = read_file(path, columns=parse_columns("flux=1,error=2"))
    assert_allclose(s.ivar, 4)
    with pytest.raises(FormatError, match="no row '5'; the image has rows 1 to 4"):
        read_file(path, columns=parse_columns("flux=1,error=5"))


def test_the_user_may_say_that_each_row_is_a_spectrum(tmp_path):
    found = read_file(image(tmp_path / "a.fits", ROWS), columns=parse_columns("flux=rows"))
    assert [s.object_id for s in found] == ["a#0", "a#1", "a#2", "a#3"]


@pytest.mark.parametrize(
    ("word", "seen"),
    [
        ("S", "sky"),
        ("blank sky", "sky"),
        ("BLANK", "sky"),
        ("Parked", "nothing"),
        ("GALAXY", "object"),
        ("P", "object"),
    ],
)
def test_the_word_of_a_fibre_says_what_it_saw(word, seen):
    assert saw(word) == seen
