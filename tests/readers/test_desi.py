"""DESI: the official coadd layout, and single-object tables on its grid."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.readers import desi, read_file
from spectrove.spectra import Mask

ARM_GRIDS = {"B": (3600.0, 2751), "R": (5760.0, 2326), "Z": (7520.0, 2881)}
IDS = np.array([39627652591521181, 39627652591521182, -1], dtype=np.int64)


@pytest.fixture
def coadd(tmp_path):
    """Three objects in the layout of coadd-SURVEY-PROGRAM-HEALPIX.fits: flux = arm number, ivar = 1, 2, 3."""
    path = tmp_path / "coadd-main-bright-9876.fits"
    fibermap = fits.BinTableHDU.from_columns(
        [
            fits.Column("TARGETID", "K", array=IDS),
            fits.Column("TARGET_RA", "D", array=np.array([10.0, 11.0, 12.0])),
            fits.Column("TARGET_DEC", "D", array=np.array([1.0, 2.0, 3.0])),
            fits.Column("OBJTYPE", "3A", array=np.array(["TGT", "TGT", "SKY"])),
            fits.Column("FIBER", "J", array=np.array([100, 101, 102], "i4")),
        ],
        name="FIBERMAP",
    )
    hdus = [fits.PrimaryHDU(), fibermap]
    for number, (arm, (start, n)) in enumerate(ARM_GRIDS.items(), 1):
        flux = np.full((3, n), float(number), "f4")
        mask = np.zeros((3, n), "i4")
        mask[0, :2] = 1
        resolution = np.zeros((3, 5, n), "f4")
        resolution[:, 1:4] = np.array([0.25, 0.5, 0.25])[None, :, None]
        for kind, image in (
            ("WAVELENGTH", start + 0.8 * np.arange(n)),
            ("FLUX", flux),
            ("IVAR", np.full((3, n), float(number), "f4")),
            ("MASK", mask),
            ("RESOLUTION", resolution),
        ):
            hdus.append(fits.ImageHDU(image, name=f"{arm}_{kind}"))
    fits.HDUList(hdus).writeto(path)
    return path


def test_a_coadd_gives_a_spectrum_per_object(coadd):
    spectra = read_file(coadd)
    assert [s.object_id for s in spectra] == [f"coadd-main-bright-9876#{i}" for i in range(3)]
    assert [s.row["targetid"] for s in spectra] == [str(i) for i in IDS]
    assert [s.row["ra"] for s in spectra] == [10.0, 11.0, 12.0]
    assert ["sky" in s.row["flags"] for s in spectra] == [False, False, True]
    assert all(s.row["survey"] == "desi" for s in spectra)


def test_a_coadd_of_newer_code_keeps_ids_and_sky_fibres(coadd):
    """It calls the fibre map COADD_FIBERMAP."""
    with fits.open(coadd, mode="update") as hdus:
        hdus["FIBERMAP"].name = "COADD_FIBERMAP"
    spectra = read_file(coadd)
    assert [s.row["targetid"] for s in spectra] == [str(i) for i in IDS]
    assert ["sky" in s.row["flags"] for s in spectra] == [False, False, True]


def test_arms_are_joined_on_the_grid_of_7781_pixels(coadd):
    s = read_file(coadd)[1]
    assert len(s.wavelength) == 7781
    assert_allclose(s.wavelength, 3600 + 0.8 * np.arange(7781), atol=1e-6)


def test_overlaps_are_weighted_by_ivar(coadd):
    """At 5780 A flux 1 with ivar 1 meets flux 2 with ivar 2: mean 5/3, ivar 3."""
    s = read_file(coadd)[1]
    i = np.argmin(abs(s.wavelength - 5780))
    assert_allclose([s.flux[i], s.ivar[i]], [5 / 3, 3], rtol=1e-6)
    alone = np.argmin(abs(s.wavelength - 4000))
    assert_array_equal([s.flux[alone], s.ivar[alone]], [1, 1])


def test_a_masked_pixel_weighs_nothing_and_is_bad_where_it_is_alone(coadd):
    s = read_file(coadd)[0]
    assert s.mask[0] & Mask.BADPIXEL
    assert not s.good[0]
    i = np.argmin(abs(s.wavelength - 5760))  # R is masked there, B is not
    assert_array_equal([s.flux[i], s.ivar[i]], [1, 1])
    assert s.good[i]


def test_the_resolution_matrix_gives_sigma_in_angstrom(coadd):
    """Weights 1/4, 1/2, 1/4 on pixels of 0.8 A: sigma = sqrt(1/2) pixels."""
    s = read_file(coadd)[1]
    assert_allclose(s.lsf[10:-10], np.sqrt(0.5) * 0.8, rtol=1e-5)
    assert "lsf_unknown" not in s.row["flags"]


def test_one_object_keeps_the_file_name_as_id(tmp_path):
    path = tmp_path / "one.fits"
    n = ARM_GRIDS["B"][1]
    images = [
        ("B_WAVELENGTH", 3600 + 0.8 * np.arange(n)),
        ("B_FLUX", np.ones((1, n))),
        ("B_IVAR", np.ones((1, n))),
    ]
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(a, name=k) for k, a in images)]).writeto(path)
    (s,) = read_file(path)
    assert s.object_id == "one"
    assert len(s.flux) == n


def test_arms_of_another_number_of_rows_are_refused(coadd):
    with fits.open(coadd, mode="update") as file:
        file["R_FLUX"].data = np.ones((2, 2326), "f4")
    with pytest.raises(
        FormatError, match=r"coadd-main-bright-9876.fits: arms and FIBERMAP have \[2, 3\] rows"
    ):
        read_file(coadd)


def test_arms_off_the_common_grid_are_refused():
    one, other = 3600 + 0.8 * np.arange(50), 3630.3 + 0.8 * np.arange(50)
    ones, bad = np.ones(50), np.zeros(50, bool)
    with pytest.raises(FormatError, match="not on one grid"):
        desi.join_arms([one, other], [ones] * 2, [ones] * 2, [bad] * 2, [ones] * 2)


def test_a_table_on_the_grid_is_known_as_desi_and_vacuum(tmp_path):
    grid = 3600 + 0.8 * np.arange(7781)
    path = tmp_path / "39627896897146613elg.fits"
    columns = [
        fits.Column(n, "D", array=a)
        for n, a in (("Wavelength", grid), ("Flux", np.sin(grid)), ("Redshift", np.full(7781, 0.7)))
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(path)
    (s,) = read_file(path)
    assert (s.row["survey"], s.row["targetid"], s.row["z"]) == ("desi", "39627896897146613", 0.7)
    assert s.row["flags"] == ["ivar_estimated", "lsf_unknown"]
    assert_allclose(s.wavelength, grid)


def test_csv_on_the_grid_is_known_as_desi(tmp_path):
    grid = 3600 + 0.8 * np.arange(7781)
    path = tmp_path / "spectrum_desi.csv"
    np.savetxt(
        path,
        np.stack([grid, grid * 0 + 2, grid * 0 + 4], 1),
        delimiter=",",
        header="wave,flux,ivar",
        comments="",
    )
    (s,) = read_file(path)
    assert s.row["survey"] == "desi"
    assert (s.flux == 2).all()
    assert (s.ivar == 4).all()


def test_every_table_on_the_grid_is_a_spectrum_with_its_own_redshift(tmp_path):
    start, stop, step = desi.GRID
    wave = start + step * np.arange(round((stop - start) / step) + 1)

    def table(name, level):
        values = {"wavelength": wave, "flux": np.full(len(wave), level), "ivar": np.ones(len(wave)),
                  "redshift": np.full(len(wave), level / 10)}  # fmt: skip
        columns = [fits.Column(key, "D", array=array) for key, array in values.items()]
        return fits.BinTableHDU.from_columns(columns, name=name)

    fits.HDUList([fits.PrimaryHDU(), table("ONE", 1.0), table("TWO", 2.0)]).writeto(tmp_path / "d.fits")
    found = read_file(tmp_path / "d.fits")
    assert [s.object_id for s in found] == ["d#ONE", "d#TWO"]
    assert [s.row["z"] for s in found] == [0.1, 0.2]
    assert [s.flux[0] for s in found] == [1, 2]
    assert {s.row["survey"] for s in found} == {"desi"}
