"""APOGEE: stars on the common grid and visits of three chips, their errors, masks and gaps."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file
from spectrove.spectra import Mask

N = 90
GRID = {"CRVAL1": 4.179, "CDELT1": 6e-6, "CRPIX1": 1, "CTYPE1": "LOG-LINEAR", "DC-FLAG": 1}
FLUX = 1 - 0.1 * np.cos(np.arange(N))
ERROR = np.full(N, 0.1)
ERROR[40:50] = 1e10


def write(path, *images, cards=GRID, **header):
    hdus = [fits.PrimaryHDU()]
    hdus[0].header.update(
        {"TELESCOP": "apo25m", "APRED": "dr17", "OBJID": "2M0001", "RA": 5.0, "DEC": 6.0} | header
    )
    for image in images:
        hdus.append(fits.ImageHDU(image))
        hdus[-1].header.update(cards)
    fits.HDUList(hdus).writeto(path)
    return path


def test_aspcapstar_is_normalised_vacuum_and_has_no_weight_between_chips(tmp_path):
    images = (a.astype("f4") for a in (FLUX, ERROR, FLUX))
    (s,) = read_file(write(tmp_path / "aspcapStar-dr17-2M0001.fits", *images))
    assert_allclose(s.wavelength, 10 ** (4.179 + 6e-6 * np.arange(N)))
    assert not s.good[40:50].any()
    assert s.good.sum() == 80
    assert_allclose(s.ivar[:40], 100, rtol=1e-5)
    assert (s.row["flux_unit"], s.row["ra"], s.row["targetid"]) == ("relative", 5.0, "2M0001")
    assert {"not_calibrated", "star"} <= set(s.row["flags"])
    assert not {"ivar_estimated", "air_converted", "air_assumed"} & set(s.row["flags"])


def test_apstar_is_the_sum_of_its_visits_and_says_so(tmp_path):
    mask = np.zeros((4, N), "i2")
    mask[0, 3], mask[0, 4] = 1 << 0, 1 << 12
    path = write(
        tmp_path / "apStar-dr17-2M0001.fits", FLUX + np.arange(4)[:, None], np.stack([ERROR] * 4), mask
    )
    found = read_file(path)
    (s,) = found
    assert_allclose(s.flux[:40], FLUX[:40], rtol=1e-6)
    assert s.mask[3] & Mask.BADPIXEL
    assert s.mask[4] & ~Mask.SKYLINE == Mask.SUSPECT
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"
    assert "3 further rows are visits of the same star" in found.left_out[0].error


def test_three_chips_of_a_visit_are_one_spectrum(tmp_path):
    waves = np.stack([start - 0.2 * np.arange(N) for start in (16900.0, 16400.0, 15800.0)])
    flux, mask = np.stack([FLUX * 3, FLUX * 2, FLUX]), np.zeros((3, N), "i2")
    path = write(tmp_path / "apVisit-r12-1-2-3.fits", flux, np.full((3, N), 0.5), mask, waves, cards={})
    found = read_file(path)
    (s,) = found
    assert len(s.flux) == 3 * N
    assert s.wavelength[0] == waves.min()
    assert_allclose(s.flux[0], FLUX[-1], rtol=1e-6)
    assert_allclose(s.ivar, 4)
    assert found.left_out == []


def test_without_a_grid_or_errors_it_is_refused_by_name(tmp_path):
    with pytest.raises(FormatError, match="expected the logarithmic grid of APOGEE"):
        read_file(write(tmp_path / "a.fits", FLUX, ERROR, cards={}))
    with pytest.raises(FormatError, match="no images of flux and error"):
        read_file(write(tmp_path / "b.fits", FLUX), survey="apogee")
