"""GALAH: one camera of HERMES in the layouts of data release 3 and of the reduction behind release 4.

Source: docs.datacentral.org.au/galah/dr3; `folder_and_file_structure.txt` of the reduction pipeline 6.0. Real files of
the latter were read, too: their median signal-to-noise ratio is that of their header, and lines lie at its velocity.
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.pixels.air import air_to_vacuum
from spectrove.readers import read_file

N = 80
FLUX = 1000 + 50 * np.cos(np.arange(N))
GRID = {"CRVAL1": 6476.25, "CDELT1": 0.0635, "CRPIX1": 1.0, "CTYPE1": "LINEAR", "CUNIT1": "angstroms"}
WAVE = 6476.25 + 0.0635 * np.arange(N)
CARDS = {"INSTRUME": "HERMES-2dF", "TELESCOP": "Anglo-Australian Telescope", "BUNIT": "counts", "DC-FLAG": 0,
         "DOPCOR01": "13.35554 *", "RVCOM": -18.7, "RVCOM_OK": 1, "RA_ICRS": 87.7, "DEC_ICRS": 7.9,
         "WAV_OK": 1}  # fmt: skip
NEW = ("normalized", "relative_error", "sky", "teluric", "scattered", "cross_talk", "resolution_profile")
OLD = ("input_sigma", "no_sky_subspectrum", "no_sky_sigma", "normalised_spectrum")


def write(path, names, grid=GRID, leave_out=(), **cards):
    planes = {
        "relative_error": np.full(N, 0.02),
        "input_sigma": np.full(N, 0.02),
        "resolution_profile": np.full(N, 0.25),
    }
    hdus = [fits.PrimaryHDU(FLUX), *(fits.ImageHDU(planes.get(n, FLUX / 1000), name=n) for n in names)]
    for hdu in hdus:
        hdu.header.update(grid)
    for key, value in (CARDS | cards).items():
        if key not in leave_out:
            hdus[0].header[key] = value
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.mark.parametrize("names", [NEW, OLD])
def test_errors_are_relative_and_wavelengths_are_air_at_the_barycentre(tmp_path, names):
    """DOPCOR01 is the motion of the Earth in km/s; read as a redshift it would move 6476 angstrom to 93,000."""
    (s,) = read_file(write(tmp_path / "2101150001010013.fits", names))
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.flux * np.sqrt(s.ivar), 50.0, rtol=1e-5)
    assert (s.row["survey"], s.row["targetid"], s.row["class"]) == ("galah", "210115000101001", "STAR")
    assert_allclose(s.row["z"], -18.7 / 299792.458)
    assert not {"rest_frame", "air_assumed", "ivar_estimated", "flux_unit_unknown"} & set(s.row["flags"])
    assert "not_calibrated" in s.row["flags"]


def test_the_line_spread_function_is_that_of_each_pixel(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", NEW))
    assert_allclose(s.lsf, 0.25 / 2.3548, rtol=1e-3)
    (old,) = read_file(write(tmp_path / "b.fits", OLD))
    assert "lsf_unknown" in old.row["flags"]


def test_a_reference_pixel_of_zero_means_the_first(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", OLD, GRID | {"CRPIX1": 0.0}))
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))


def test_what_the_reduction_doubts_is_flagged_and_its_velocity_left_out(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", NEW, WAV_OK=0, RVCOM_OK=0))
    assert {"reduction_warning", "no_redshift"} <= set(s.row["flags"])


def test_what_is_not_what_it_says_is_refused(tmp_path):
    path = write(tmp_path / "a.fits", OLD)
    with fits.open(path, mode="update") as hdus:
        hdus[1].data = np.full(N, 31.0)  # errors in electrons, as a draft of the format had them
    with pytest.raises(FormatError, match="the median of the relative errors is 31, expected below 2"):
        read_file(path)
    with pytest.raises(
        FormatError, match=r"CRVAL1 None, CDELT1 0\.0635.*expected the grid of a camera of HERMES"
    ):
        read_file(write(tmp_path / "b.fits", NEW, {"CDELT1": 0.0635}))
    with pytest.raises(FormatError, match="no primary spectrum of HERMES"):
        read_file(write(tmp_path / "c.fits", ("normalized",)), survey="galah")


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        ({"CRVAL1": 647.625, "CDELT1": 0.00635, "CUNIT1": "nm"}, air_to_vacuum(WAVE)),
        ({"CDELT1": 1.0, "CD1_1": 0.0635}, air_to_vacuum(WAVE)),
        ({"CRPIX1": 11.0}, air_to_vacuum(WAVE - 0.635)),
        ({"VACUUM": True}, WAVE),
        (
            {"CRVAL1": 3.8113, "CDELT1": 4e-6, "CTYPE1": "LOGLAM"},
            air_to_vacuum(10 ** (3.8113 + 4e-6 * np.arange(N))),
        ),
    ],
)
def test_the_grid_is_that_of_its_cards(tmp_path, grid, expected):
    (s,) = read_file(write(tmp_path / "a.fits", NEW, GRID | grid))
    assert_allclose(s.wavelength, expected)


def test_wavelengths_in_another_unit_than_they_say_are_refused(tmp_path):
    path = write(tmp_path / "a.fits", NEW, GRID | {"CUNIT1": "nm"})
    with pytest.raises(
        FormatError, match=r"from 64762.5 to 64812.7 angstrom .*expected some from 4600 to 8000"
    ):
        read_file(path)
    (s,) = read_file(path, wavelength_unit="Angstrom")
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"RA_ICRS": 0.0, "DEC_ICRS": 0.0, "RA_OBS": 12.0, "DEC_OBS": 13.0}, (0.0, 0.0)),
        ({"RA_ICRS": -999.0, "RA_OBS": 12.0, "DEC_OBS": 13.0}, (12.0, 13.0)),
        ({"RA_ICRS": "none", "RA_OBS": 12.0}, (None, None)),
    ],
)
def test_a_position_is_one_pair_of_cards_and_may_be_zero(tmp_path, cards, expected):
    (s,) = read_file(write(tmp_path / "a.fits", NEW, **cards))
    assert (s.row["ra"], s.row["dec"]) == expected


def test_a_velocity_that_no_star_has_is_none(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", NEW, RVCOM=-99999.0))
    assert s.row["z"] is None


def test_a_pixel_near_zero_weighs_nothing_though_its_relative_error_is_small(tmp_path):
    """2% of a flux of .001 would be an error of .00002, beside one of 20 in all other pixels."""
    path = write(tmp_path / "a.fits", NEW)
    with fits.open(path, mode="update") as hdus:
        hdus[0].data = np.where(np.arange(N) == 10, 1e-3, np.where(np.arange(N) == 11, 0.0, FLUX))
    (s,) = read_file(path)
    assert (~s.good).nonzero()[0].tolist() == [10, 11]


def test_a_width_that_is_a_resolving_power_is_not_read(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", OLD, RES=28000.0))
    assert "lsf_unknown" in s.row["flags"]


def test_relative_errors_are_so_in_other_files_too(tmp_path):
    """Another instrument with the same names of images: .02 is 2% of the flux and not of a count."""
    (s,) = read_file(
        write(tmp_path / "a.fits", ("relative_error",), INSTRUME="OTHER", leave_out=("DOPCOR01",))
    )
    assert_allclose(s.flux * np.sqrt(s.ivar), 50.0, rtol=1e-5)
