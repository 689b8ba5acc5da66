"""spSpec files of SDSS DR1 to DR7: five rows of one object."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file
from spectrove.spectra import Mask

N = 120
FLUX = 20 + np.cos(np.arange(N) / 5)
NOISE = np.full(N, 2.0)
CARDS = {
    "TELESCOP": "SDSS 2.5-M", "PLATEID": 432, "MJD": 51884, "FIBERID": 17, "RAOBJ": 116.5, "DECOBJ": 39.2, "Z": 0.12,
    "Z_ERR": 2e-4, "Z_STATUS": 4, "Z_WARNIN": 0, "SPEC_CLN": 2, "COEFF0": 3.6, "COEFF1": 1e-4, "VACUUM": 1,
    "BUNIT": "1.0E-17 erg/cm/s/Ang",
}  # fmt: skip
LABELS = {"ARRAY1": "SPECTRUM", "ARRAY2": "CONTINUUM-SUBTRACTED", "ARRAY3": "NOISE", "ARRAY4": "MASK"}


def write(path, **cards):
    noise, mask = NOISE.copy(), np.zeros(N)
    noise[7], mask[8], mask[9] = 0.0, 1 << 24, 1 << 2
    hdu = fits.PrimaryHDU(np.stack([FLUX, FLUX - 20, noise, mask, mask * 0]).astype("f4"))
    for key, value in (CARDS | LABELS | cards).items():
        if value is not None:
            hdu.header[key] = value
    hdu.writeto(path)
    return path


@pytest.mark.parametrize("labels", [{}, dict.fromkeys(LABELS)])
def test_a_file_is_one_object_with_its_errors_mask_and_redshift(tmp_path, labels):
    (s,) = read_file(write(tmp_path / "spSpec-51884-0432-017.fit", **labels))
    assert s.object_id == "0432-51884-0017"
    assert_allclose(s.wavelength, 10 ** (3.6 + 1e-4 * np.arange(N)))
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert s.ivar[7] == 0
    assert_allclose(np.delete(s.ivar, 7), 0.25)
    assert s.mask[8] & Mask.BADPIXEL
    assert s.mask[9] & ~Mask.SKYLINE == Mask.SUSPECT
    assert (s.row["z"], s.row["z_err"], s.row["class"]) == (0.12, 2e-4, "GALAXY")
    assert (s.row["ra"], s.row["dec"], s.row["plate"]) == (116.5, 39.2, 432)
    assert (s.row["flux_unit"], s.row["survey"]) == ("1e-17 erg/s/cm2/A", "sdss")
    assert s.row["flags"] == ["lsf_unknown"]


def test_a_sky_fibre_and_a_failed_redshift_are_flagged(tmp_path):
    sky = read_file(write(tmp_path / "a.fit", SPEC_CLN=5))[0]
    assert "sky" in sky.row["flags"]
    assert sky.row["class"] == "SKY"
    failed = read_file(write(tmp_path / "b.fit", Z_STATUS=1))[0]
    assert "z_warning" in failed.row["flags"]


def test_another_file_read_as_spspec_is_refused_by_name(tmp_path):
    path = tmp_path / "c.fits"
    fits.PrimaryHDU(FLUX).writeto(path)
    with pytest.raises(FormatError, match=r"c\.fits: no image of rows with PLATEID"):
        read_file(path, survey="spspec")
