"""Frames of fibre spectrographs: every fibre is known for what it saw."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.readers import read_file, read_spectra
from spectrove.spectra import Mask

N = 50
GRID = {"CRVAL1": 5700.0, "CRPIX1": 1.0, "CDELT1": 1.6, "CUNIT1": "Angstroms", "CTYPE1": "Wavelength"}
TYPES = ["P", "P", "S", "N", "F"]
FLUX = np.arange(5)[:, None] + np.ones((5, N))


def fibres(name, types=TYPES, unit=None, **columns):
    degrees = np.array([10.0, 11.0, 12.0, 13.0, 14.0])
    position = degrees if unit == "deg" else np.deg2rad(degrees)
    made = {"NAME": ["a", "b", "sky1", "PARKED", "PARKED"], "RA": position, "DEC": -position} | columns
    columns = [
        fits.Column(k, "20A" if isinstance(v, list) else "D", array=v, unit=unit if k in ("RA", "DEC") else None)
        for k, v in made.items()
    ]  # fmt: skip
    return fits.BinTableHDU.from_columns([*columns, fits.Column("TYPE", "8A", array=types)], name=name)


def frame(path, *hdus, header=GRID, flux=FLUX):
    first = fits.PrimaryHDU(flux.astype("f4"))
    first.header.update(header)
    fits.HDUList([first, *hdus]).writeto(path)
    return path


def test_an_aaomega_frame_gives_objects_and_sky_with_errors_and_says_which_fibres_saw_nothing(tmp_path):
    variance = np.full((5, N), 4.0)
    variance[:, 7:9] = np.nan
    path = frame(
        tmp_path / "run.fits", fits.ImageHDU(variance, name="VARIANCE"), fibres("FIBRES")
    )  # fmt: skip
    found = read_file(path)
    assert [s.object_id for s in found] == ["run#a", "run#b", "run#sky1"]
    assert [s.row.get("class") for s in found] == [None, None, "SKY"]
    assert ["sky" in s.row["flags"] for s in found] == [False, False, True]
    assert_allclose([s.row["ra"] for s in found], [10, 11, 12])  # the table has radians
    assert_allclose([s.row["dec"] for s in found], [-10, -11, -12])
    assert_array_equal(np.flatnonzero(~found[0].good), [7, 8])
    assert_allclose(found[0].ivar[found[0].good], 0.25)
    assert "ivar_estimated" not in found[0].row["flags"]
    (left_out,) = found.left_out
    assert "2 of 5 fibres saw no object and were left out: type F, N, counted from 0: 3, 4." in left_out.error
    _, refusals = read_spectra(path)
    assert [r.partial for r in refusals] == [True]


def test_degrees_stay_degrees_and_names_that_repeat_are_rows(tmp_path):
    table = fibres("FIBRES", unit="deg", NAME=["same"] * 5)
    found = read_file(frame(tmp_path / "run.fits", fits.ImageHDU(FLUX * 0 + 1, name="VARIANCE"), table))
    assert [s.object_id for s in found] == ["run#0", "run#1", "run#2"]
    assert found[1].row["ra"] == 11.0


@pytest.mark.parametrize("kind", ["i4", "f4"])
def test_a_plate_of_sdss_has_its_mask_bits_and_vacuum_wavelengths(tmp_path, kind):
    mask = np.zeros((5, N), kind)
    mask[0, 3], mask[0, 4] = 1 << 24, 1 << 3
    path = frame(
        tmp_path / "spPlate-0266-51630.fits",
        fits.ImageHDU(np.full((5, N), 9.0), name="IVAR"),
        fits.ImageHDU(mask, name="ANDMASK"),
        fits.ImageHDU(mask + 1, name="ORMASK"),
        fits.ImageHDU(FLUX, name="WAVEDISP"),
        fibres("PLUGMAP", ["GALAXY", "QSO", "SKY", "NA", "NA"], "deg"),
        header={"CRVAL1": 3.6, "CD1_1": 1e-4, "CRPIX1": 1, "VACUUM": True, "BUNIT": "1E-17 erg/cm^2/s/Ang"},
    )
    first, _, sky = read_file(path)
    assert_allclose(first.wavelength, 10 ** (3.6 + 1e-4 * np.arange(N)))
    assert first.mask[3] & Mask.BADPIXEL
    assert not first.mask[4] & Mask.BADPIXEL
    assert_allclose(np.delete(first.ivar, 3), 9)
    assert "sky" in sky.row["flags"]


def test_wavelengths_of_each_fibre_may_stand_beside_the_flux(tmp_path):
    waves = 5000 + np.arange(5)[:, None] * 10 + np.arange(N) * 2.0
    extras = fits.ImageHDU(waves, name="WAVELENGTH"), fits.ImageHDU(FLUX * 0 + 1, name="IVAR")
    found = read_file(frame(tmp_path / "a.fits", *extras, fibres("FIBTABLE"), header={}), medium="vacuum")
    assert [s.wavelength[0] for s in found] == [5000, 5010, 5020]


def test_fibres_without_wavelengths_are_refused_by_name(tmp_path):
    with pytest.raises(FormatError, match="5 fibres without wavelengths"):
        read_file(frame(tmp_path / "a.fits", fibres("FIBRES"), header={}))


def test_a_frame_in_which_no_fibre_saw_anything_is_refused(tmp_path):
    with pytest.raises(FormatError, match="5 of 5 fibres saw no object"):
        read_file(frame(tmp_path / "a.fits", fibres("FIBRES", ["N"] * 5)))


def weave(path, sensitivity, cards=(), more=(), **fibtable):
    """A stacked frame of WEAVE: counts, their inverse variance, both without sky subtraction, sensitivity, fibres."""
    primary = fits.PrimaryHDU()
    primary.header.update({"INSTRUME": "WEAVE", "OBSMODE": "MOS", "CAMERA": "WEAVERED", "MODE": "LOWRES"})
    images = {"RED_DATA": FLUX, "RED_IVAR": np.full((5, N), 4.0), "RED_DATA_NOSS": FLUX + 100,
              "RED_IVAR_NOSS": np.full((5, N), 1.0), "RED_SENSFUNC": sensitivity}  # fmt: skip
    images = dict(more) | images
    hdus = [primary, *(fits.ImageHDU(image, name=name) for name, image in images.items())]
    for hdu in hdus[1:]:
        hdu.header.update(
            {"CRVAL1": 5772.0, "CRPIX1": 1.0, "CD1_1": 0.5, "CTYPE1": "WAVE", "CUNIT1": "Angstrom"}
            | dict(cards)
        )
    columns = {"CNAME": list("abcde"), "TARGUSE": ["T", "T", "S", "T", "C"], "FIB_STATUS": ["A", "A", "A", "P", "A"],
               "TARGRA": np.arange(5.0), "TARGDEC": np.arange(5.0)} | fibtable  # fmt: skip
    made = [fits.Column(k, "20A" if isinstance(v, list) else "D", array=v) for k, v in columns.items()]
    fits.HDUList([*hdus, fits.BinTableHDU.from_columns(made, name="FIBTABLE")]).writeto(path)
    return path


@pytest.mark.parametrize("each", [False, True])
def test_weave_is_in_air_and_counts_times_its_sensitivity_are_fluxes(tmp_path, each):
    """By the reference of PyAPS' reader: extensions DATA, IVAR, both again as _NOSS, and SENSFUNC."""
    sensitivity = np.full(N, 2e-17)
    sensitivity[9] = 0
    path = weave(tmp_path / "stack_1004122.fit", np.tile(sensitivity, (5, 1)) if each else sensitivity)
    found = read_file(path)
    assert [s.object_id for s in found] == [f"stack_1004122#{name}" for name in "abce"]
    first, second, sky, calibration = found
    assert_allclose(second.flux[0], 4.0, rtol=1e-6)
    assert_allclose(second.ivar[0], 1.0, rtol=1e-6)
    assert_array_equal(np.flatnonzero(~second.good), [9])
    assert first.row["flux_unit"] == "1e-17 erg/s/cm2/A"
    assert first.wavelength[0] > 5773.5  # 5772 angstrom in air
    assert {"air_converted", "air_assumed"} <= set(first.row["flags"])
    assert "sky" in sky.row["flags"]
    assert calibration.row["ra"] == 4.0
    assert "1 of 5 fibres saw no object" in found.left_out[0].error
    (one, *_) = read_file(path, medium="vacuum")
    assert one.wavelength[0] == 5772.0


def test_a_sensitivity_that_is_nowhere_positive_is_refused(tmp_path):
    with pytest.raises(FormatError, match="the sensitivity function has no positive value"):
        read_file(weave(tmp_path / "a.fit", np.zeros(N)))


def test_errors_are_those_of_the_same_arm(tmp_path):
    """Errors of both arms have the same shape, and those of the other may stand first."""
    other = {"BLUE_IVAR": np.full((5, N), 0.04), "BLUE_DATA_NOSS": FLUX}
    found = read_file(weave(tmp_path / "a.fit", np.full(N, 1e-17), more=other))
    assert_allclose(found[0].ivar, 4.0, rtol=1e-6)
    both = read_file(weave(tmp_path / "b.fit", np.full(N, 1e-17), more=other | {"BLUE_DATA": FLUX * 10}))
    assert_allclose((both[0].flux[0], both[0].ivar[0]), (10.0, 0.04), rtol=1e-6)
    assert "RED_DATA: a further arm, left out; BLUE_DATA was taken" in both.left_out[-1].error


def test_a_flux_that_is_calibrated_is_not_calibrated_again(tmp_path):
    found = read_file(weave(tmp_path / "a.fit", np.full(N, 2e-17), {"BUNIT": "1e-17 erg/s/cm2/Angstrom"}))
    assert_allclose(found[1].flux, 2.0)
    assert_allclose(found[1].ivar, 4.0)


def test_wavelengths_of_weave_in_another_unit_than_they_say_are_refused(tmp_path):
    path = weave(tmp_path / "a.fit", np.full(N, 2e-17), {"CRVAL1": 577.2, "CD1_1": 0.05})
    with pytest.raises(
        FormatError, match=r"from 577\.2 to 579\.65 angstrom .*expected some from 3500 to 10000"
    ):
        read_file(path)


def test_positions_beyond_a_circle_are_no_radians(tmp_path):
    """A table of 2dfdr has radians and does not say so; degrees in it would be far away."""
    table = fibres("FIBRES", RA=np.array([100.0, 101.0, 102.0, 103.0, 104.0]), DEC=np.linspace(-20.0, 0.0, 5))
    found = read_file(frame(tmp_path / "run.fits", fits.ImageHDU(FLUX * 0 + 1, name="VARIANCE"), table))
    assert_allclose([s.row["ra"] for s in found], [100, 101, 102])
    assert_allclose([s.row["dec"] for s in found], [-20, -15, -10])
