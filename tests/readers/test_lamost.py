"""LAMOST: rows of an image with either third row, and the COADD table."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.readers import read_file
from spectrove.spectra import Mask

N = 100
GRID = 10 ** (3.5682 + 1e-4 * np.arange(N))
CARDS = {
    "TELESCOP": "LAMOST",
    "Z": -1e-4,
    "Z_ERR": 1e-5,
    "CLASS": "STAR",
    "SUBCLASS": "G5",
    "OBSID": 901013,
    "RA": 97.7,
    "DEC": 25.8,
    "MJD": 55861,
    "FIBERID": 13,
    "VACUUM": True,
    "FIBERTYP": "Obj",
}
LAYOUTS = {
    "older": ("Flux Inverse Subcontinuum Andmask Ormask", np.full(N, 0.98)),
    "newer": ("Flux, Inverse, Wavelength, Andmask, Ormask", GRID),
}


def write(path, layout, **cards):
    words, third = LAYOUTS[layout]
    every, some = np.zeros(N), np.zeros(N)
    every[3], some[4] = 1, 1
    image = np.stack([np.arange(N), np.full(N, 4.0), third, every, some]).astype("f4")
    hdu = fits.PrimaryHDU(image)
    for key, value in (CARDS | {"EXTEN0": words, "COEFF0": 3.5682, "COEFF1": 1e-4} | cards).items():
        if value is not None:
            hdu.header[key] = value
    hdu.writeto(path)
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_give_the_same_spectrum(tmp_path, layout):
    (s,) = read_file(write(tmp_path / "spec-55862-B6212_sp01-013.fits", layout))
    assert s.object_id == "spec-55862-B6212_sp01-013"
    assert_allclose(s.wavelength, GRID, rtol=1e-7)
    assert_array_equal(s.flux, np.arange(N))
    assert (s.ivar == 4).all()
    assert s.mask[3] & Mask.BADPIXEL
    assert s.mask[4] == Mask.SUSPECT
    assert s.row["flags"] == ["lsf_unknown", "z_not_positive", "star"]
    assert (s.row["survey"], s.row["subclass"], s.row["specobjid"]) == ("lamost", "G5", "901013")


def test_the_table_layout_of_later_releases(tmp_path):
    path = tmp_path / "spec-57000-X_sp01-001.fits"
    primary = fits.PrimaryHDU()
    for key, value in CARDS.items():
        primary.header[key] = value
    columns = [
        fits.Column(n, f"{N}{k}", array=a[None])
        for n, k, a in (
            ("FLUX", "E", np.arange(N)),
            ("IVAR", "E", np.ones(N)),
            ("WAVELENGTH", "E", GRID),
            ("ANDMASK", "I", np.zeros(N)),
            ("ORMASK", "I", np.zeros(N)),
        )
    ]
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns, name="COADD")]).writeto(path)
    (s,) = read_file(path)
    assert_allclose(s.wavelength, GRID, rtol=1e-6)
    assert s.row["survey"] == "lamost"


def test_a_sky_fibre_and_an_unknown_redshift(tmp_path):
    (s,) = read_file(write(tmp_path / "a.fits", "newer", FIBERTYP="Sky", Z=-9999.0, CLASS="Unknown"))
    assert (s.row["class"], s.row["z"]) == ("SKY", None)
    assert s.row["flags"] == ["lsf_unknown", "no_redshift", "sky"]


def test_without_a_grid_the_file_is_refused(tmp_path):
    from spectrove.errors import FormatError

    with pytest.raises(FormatError, match="COEFF0 None, COEFF1"):
        read_file(write(tmp_path / "a.fits", "older", COEFF0=None))


def arm(name, wavelength, flux, *, log, vector):
    columns = {"FLUX": flux, "IVAR": np.full(N, 4.0), "LOGLAM" if log else "WAVELENGTH": wavelength}
    columns["PIXMASK"] = np.arange(N) == 3
    made = [
        fits.Column(k, f"{N if vector else ''}{'J' if k == 'PIXMASK' else 'D'}", array=v[None] if vector else v)
        for k, v in columns.items()
    ]  # fmt: skip
    return fits.BinTableHDU.from_columns(made, name=name)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("vector", [True, False])
def test_both_arms_at_medium_resolution_are_one_spectrum_with_a_gap(tmp_path, log, vector):
    primary = fits.PrimaryHDU()
    primary.header.update(CARDS)
    blue, red = np.linspace(4950, 5350, N), np.linspace(6300, 6800, N)
    waves = (np.log10(blue), np.log10(red)) if log else (blue, red)
    hdus = [primary, arm("COADD_R", waves[1], np.full(N, 2.0), log=log, vector=vector)]
    hdus.append(arm("COADD_B", waves[0], np.full(N, 1.0), log=log, vector=vector))
    hdus += [arm(name, waves[0], np.full(N, 9.0), log=log, vector=vector) for name in ("B-841", "B-842")]
    fits.HDUList(hdus).writeto(tmp_path / "med-58149-TD_sp01-001.fits")
    (s,) = read_file(tmp_path / "med-58149-TD_sp01-001.fits")
    assert_allclose(s.wavelength, np.concatenate([blue, red]))
    assert_array_equal(s.flux, np.repeat([1.0, 2.0], N))
    assert_array_equal(np.flatnonzero(s.mask & Mask.BADPIXEL), [3, N + 3])
    assert (s.row["survey"], s.row["flux_unit"]) == ("lamost", "relative")
    assert "not_calibrated" in s.row["flags"]
