"""Wavelengths at rest become observed ones with a flag, or are refused; observed ones stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file

WAVE = np.linspace(4000.0, 7000.0, 200)
FLUX = np.ones(200)


def write_table(path, name="wave", **cards):
    columns = [fits.Column(n, "D", array=a) for n, a in ((name, WAVE), ("flux", FLUX), ("ivar", FLUX))]
    primary = fits.PrimaryHDU()
    primary.header.update({"VACUUM": True} | cards)
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("name", ["restwave", "WAVE_REST", "lambda_rest", "rest_wavelength", "LAM_RESTFRAME"])
def test_a_column_of_wavelengths_at_rest_is_multiplied_by_one_plus_z_or_refused(tmp_path, name):
    (s,) = read_file(write_table(tmp_path / "a.fits", name, REDSHIFT=0.5))
    assert_allclose(s.wavelength, WAVE * 1.5)
    assert "rest_frame" in s.row["flags"]
    with pytest.raises(FormatError, match=r"the wavelengths are at rest .column .*no redshift"):
        read_file(write_table(tmp_path / "b.fits", name))


@pytest.mark.parametrize(
    "cards", [{"SPECSYS": "SOURCE"}, {"FRAME": "rest"}, {"COMMENT": "rest-frame wavelengths"}]
)
def test_the_header_may_say_that_wavelengths_are_at_rest(tmp_path, cards):
    (s,) = read_file(write_table(tmp_path / "a.fits", Z=0.25, **cards))
    assert_allclose(s.wavelength, WAVE * 1.25)


@pytest.mark.parametrize(
    "cards", [{"SPECSYS": "BARYCENT"}, {"COMMENT": "wavelengths are not rest-frame"}, {}]
)
def test_observed_wavelengths_stay(tmp_path, cards):
    (s,) = read_file(write_table(tmp_path / "a.fits", Z=0.25, **cards))
    assert_allclose(s.wavelength, WAVE)
    assert "rest_frame" not in s.row["flags"]


def test_a_text_may_say_it_in_its_head(tmp_path):
    path = tmp_path / "a.txt"
    np.savetxt(
        path, np.stack([WAVE, FLUX], 1), header="rest-frame vacuum wavelength in Angstrom, flux\nz = 0.5"
    )
    (s,) = read_file(path)
    assert_allclose(s.wavelength, WAVE * 1.5)


@pytest.mark.parametrize(
    ("said", "factor"),
    [
        ("0.5 all", 1.5),
        ("-0.0001 all", 1.0),
        ("13.35554 *", 1.0),
        ("-21.4 *", 1.0),
        ("3000 *", 1 + 3000 / 299792.458),
    ],
)
def test_what_dopcor_took_off_a_linear_spectrum_is_put_back(tmp_path, said, factor):
    """The motion of the observer, which is small, is meant to be taken off; numbers that are no redshift are km/s."""
    hdu = fits.PrimaryHDU(FLUX)
    hdu.header.update({"CRVAL1": 4000.0, "CDELT1": 15.0, "CRPIX1": 1, "VACUUM": True, "DOPCOR01": said})
    hdu.writeto(tmp_path / "a.fits")
    (s,) = read_file(tmp_path / "a.fits")
    assert_allclose(s.wavelength, factor * (4000 + 15 * np.arange(200)))


def linear(path, start, **cards):
    """A linear spectrum that IRAF's dopcor has seen."""
    hdu = fits.PrimaryHDU(FLUX)
    hdu.header.update(
        {"CRVAL1": start, "CDELT1": 1.0, "CRPIX1": 1, "CUNIT1": "Angstrom", "VACUUM": True} | cards
    )
    hdu.writeto(path)
    return path, start + np.arange(200)


@pytest.mark.parametrize(
    ("start", "said", "redshift", "factor"),
    [
        (1200.0, "2.5 all", None, 3.5),  # a quasar
        (5700.0, "5.3 *", None, 1.0),  # the motion of the Earth: nobody sees 3.6 micron from the ground so
        (6000.0, "2.5 all", 2.499, 3.5),  # the file says the redshift a second time
        (6000.0, "2.5 *", 0.0001, None),
    ],
)
def test_numbers_that_may_be_redshifts_or_velocities_are_told_apart(tmp_path, start, said, redshift, factor):
    cards = {"DOPCOR01": said} | ({} if redshift is None else {"REDSHIFT": redshift})
    path, wavelength = linear(tmp_path / "a.fits", start, **cards)
    if factor is None:
        with pytest.raises(FormatError, match=r"DOPCOR01 = 2\.5 may be a redshift.*or a velocity in km/s"):
            read_file(path)
        return
    (s,) = read_file(path)
    assert_allclose(s.wavelength, factor * wavelength)


def test_what_was_taken_off_is_put_back_whatever_redshift_the_file_has(tmp_path):
    path, wavelength = linear(tmp_path / "a.fits", 4000.0, DOPCOR01="0.05 all", REDSHIFT=0.0502)
    (s,) = read_file(path)
    assert_allclose(s.wavelength, 1.05 * wavelength)
