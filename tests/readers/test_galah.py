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
    with pytest.raises(FormatError, match="expected the grid of a camera of HERMES"):
        read_file(write(tmp_path / "b.fits", NEW, {"CRVAL1": 3.8, "CDELT1": 1e-5}))
    with pytest.raises(FormatError, match="no primary spectrum of HERMES"):
        read_file(write(tmp_path / "c.fits", ("normalized",)), survey="galah")
