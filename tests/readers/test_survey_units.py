"""Survey readers: their habits hold where nothing else is stated, and only for files that are the survey's."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file

N = 300
GRID = 10 ** (3.58 + 1e-4 * np.arange(N))
UNIT = "1e-17 erg/s/cm2/A"


def from_mjy(flux, wavelength=GRID):
    """1e-17 erg/s/cm2/A, by astropy."""
    density = u.spectral_density(wavelength * u.AA)
    return (flux * u.mJy).to_value(1e-17 * u.erg / u.s / u.cm**2 / u.AA, equivalencies=density)


def write_table(path, columns, units=None, **cards):
    """A table of doubles with a unit for each column that `units` names."""
    columns = [fits.Column(name, "D", unit=(units or {}).get(name), array=a) for name, a in columns.items()]
    primary = fits.PrimaryHDU()
    primary.header.update(cards)
    fits.HDUList([primary, fits.BinTableHDU.from_columns(columns)]).writeto(path, overwrite=True)
    return path


def pixels(**more):
    return {"flux": np.full(N, 2.0), "loglam": np.log10(GRID), "ivar": np.full(N, 4.0)} | more


@pytest.mark.parametrize("mark", [{}, {"and_mask": np.zeros(N)}])
def test_a_table_with_loglam_in_mjy_is_converted_whoever_wrote_it(tmp_path, mark):
    (s,) = read_file(write_table(tmp_path / "a.fits", pixels(**mark), {"flux": "mJy"}))
    assert_allclose(s.flux, from_mjy(np.full(N, 2.0)), rtol=1e-6)
    assert_allclose(s.ivar, 4 / from_mjy(np.ones(N)) ** 2, rtol=1e-6)
    assert s.row["flux_unit"] == UNIT


def test_loglam_alone_does_not_make_a_file_one_of_sdss(tmp_path):
    (s,) = read_file(write_table(tmp_path / "a.fits", pixels(), VACUUM=True))
    assert s.row["survey"] == "unknown"
    assert "flux_unit_unknown" in s.row["flags"]
    (s,) = read_file(write_table(tmp_path / "b.fits", pixels(), TELESCOP="SDSS 2.5-M"))
    assert (s.row["survey"], s.row["flux_unit"]) == ("sdss", UNIT)


def test_the_options_win_over_the_habit_of_sdss(write_sdss):
    """Flux, its error and the grid each follow their own."""
    plain, (said,) = read_file(write_sdss())[0], read_file(write_sdss(), flux_unit="mJy")
    assert_allclose(said.flux, from_mjy(plain.flux.astype(float), plain.wavelength), rtol=1e-5)
    assert_allclose(said.flux * np.sqrt(said.ivar), plain.flux * np.sqrt(plain.ivar), rtol=1e-5)
    (said,) = read_file(write_sdss(), error_unit="1e-16 erg/s/cm2/A")
    assert_allclose(said.ivar, plain.ivar / 100, rtol=1e-5)
    logarithms = (2.58 + 1e-4 * np.arange(N)).astype("f4")
    (said,) = read_file(write_sdss(pixels={"loglam": logarithms}), wavelength_unit="nm")
    assert_allclose(said.wavelength, plain.wavelength, rtol=1e-6)
    assert_allclose(said.lsf, plain.lsf, rtol=1e-3)


def test_errors_of_a_stripped_sdss_table_are_read_where_no_ivar_is(write_sdss):
    (s,) = read_file(write_sdss(leave_out=("ivar",), pixels={"sigma": np.full(N, 0.5, "f4")}))
    assert_allclose(s.ivar, 4)


def test_a_unit_of_sdss_that_is_not_understood_is_refused(write_sdss):
    with pytest.raises(FormatError, match="the flux is in 'nanozeldas', which is not understood"):
        read_file(write_sdss(header={"BUNIT": "nanozeldas"}))


def test_a_table_on_the_grid_of_desi_has_its_own_errors_and_units(tmp_path):
    grid = 3600 + 0.8 * np.arange(7781)
    ones = np.ones(len(grid))
    columns = {"wavelength": grid, "flux": 3 * ones, "error": 0.5 * ones, "mask": (grid < 3602) * 1.0}
    (s,) = read_file(write_table(tmp_path / "a.fits", columns))
    assert_allclose(s.ivar, 4)
    assert not s.good[:3].any()
    assert (s.row["survey"], s.row["flux_unit"]) == ("desi", UNIT)
    (s,) = read_file(write_table(tmp_path / "b.fits", columns, {"flux": "mJy"}))
    assert_allclose(s.flux, from_mjy(3 * ones, grid), rtol=1e-6)
    (s,) = read_file(tmp_path / "a.fits", flux_unit="mJy", error_unit="%")
    assert_allclose(s.flux * np.sqrt(s.ivar), 200, rtol=1e-5)


def write_coadd(path, units=("", ""), scale=1.0):
    """One arm of a coadd, flux 2 and ivar 4."""
    n = 500
    wave = fits.ImageHDU(scale * (3600 + 0.8 * np.arange(n)), name="B_WAVELENGTH")
    flux, ivar = (fits.ImageHDU(np.full((1, n), v), name=f"B_{k}") for v, k in ((2.0, "FLUX"), (4.0, "IVAR")))
    wave.header["BUNIT"] = "nm" if scale != 1 else "Angstrom"
    flux.header["BUNIT"], ivar.header["BUNIT"] = units
    fits.HDUList([fits.PrimaryHDU(), wave, flux, ivar]).writeto(path)
    return path


def test_a_coadd_in_another_unit_is_converted(tmp_path):
    usual = ("10**-17 erg/(s cm2 Angstrom)", "10**+34 (s2 cm4 Angstrom2) / erg2")
    (s,) = read_file(write_coadd(tmp_path / "a.fits", usual))
    assert_allclose((s.flux, s.ivar), np.repeat([[2.0], [4.0]], 500, 1))
    (s,) = read_file(write_coadd(tmp_path / "b.fits", ("erg/(s cm2 Angstrom)", ""), 0.1))
    assert_allclose(s.flux, 2e17, rtol=1e-6)
    assert_allclose(s.wavelength, 3600 + 0.8 * np.arange(500))


def write_lamost(path, **cards):
    rows = [np.full(N, 2.0), np.full(N, 4.0), GRID, np.zeros(N), np.zeros(N)]
    hdu = fits.PrimaryHDU(np.stack(rows))
    hdu.header.update({"TELESCOP": "LAMOST", "VACUUM": True} | cards)
    hdu.writeto(path)
    return path


def test_a_unit_that_lamost_states_or_the_user_says_is_taken(tmp_path):
    (s,) = read_file(write_lamost(tmp_path / "a.fits", BUNIT="mJy"))
    assert_allclose(s.flux, from_mjy(np.full(N, 2.0)), rtol=1e-6)
    (s,) = read_file(write_lamost(tmp_path / "b.fits"), flux_unit="mJy", wavelength_unit="0.1 nm")
    assert_allclose(s.flux, from_mjy(np.full(N, 2.0)), rtol=1e-6)
    (s,) = read_file(write_lamost(tmp_path / "c.fits"))
    assert (s.row["flux_unit"], "not_calibrated" in s.row["flags"]) == ("relative", False)


def test_an_error_plane_of_a_fibre_frame_has_its_own_unit(tmp_path):
    """Fluxes in 1e-17 cgs, variances of 1e-16 cgs squared: the ratio of flux to error says it."""
    cards = {"CRVAL1": 3.6, "CD1_1": 1e-4, "CRPIX1": 1, "DC-FLAG": 1, "VACUUM": True}
    flux = fits.PrimaryHDU(np.full((2, N), 5.0))
    variance = fits.ImageHDU(np.full((2, N), 0.01), name="VARIANCE")
    flux.header.update(cards | {"BUNIT": "1e-17 erg/s/cm2/A"})
    variance.header["BUNIT"] = "(1e-16 erg/s/cm2/A)^2"
    kinds = fits.BinTableHDU.from_columns(
        [fits.Column("TYPE", "1A", array=np.array(["P", "S"]))], name="FIBRES"
    )
    fits.HDUList([flux, variance, kinds]).writeto(tmp_path / "a.fits")
    for s in read_file(tmp_path / "a.fits"):
        assert_allclose(s.flux * np.sqrt(s.ivar), 5, rtol=1e-6)


def test_a_row_may_name_its_unit_behind_its_label(tmp_path):
    hdu = fits.PrimaryHDU(np.stack([np.full(N, 5.0), np.full(N, 50.0)]))
    hdu.header.update({"CRVAL1": 4000.0, "CDELT1": 1.0, "CRPIX1": 1, "VACUUM": True})
    hdu.header.update({"ARRAY1": "FLUX [mJy]", "ARRAY2": "ERROR [uJy]"})
    hdu.writeto(tmp_path / "a.fits")
    (s,) = read_file(tmp_path / "a.fits")
    assert_allclose(s.flux * np.sqrt(s.ivar), 100, rtol=1e-6)
