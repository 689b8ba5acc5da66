"""IRAF: bands and apertures, and multispec wavelengths of every kind."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.polynomial import chebyshev, legendre
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file

N = 60
P = np.arange(1, N + 1)
FLUX = 100 + 10 * np.sin(P / 4)
LINEAR = {"CRVAL1": 4000.0, "CD1_1": 2.5, "CRPIX1": 1.0, "CTYPE1": "LINEAR", "DC-FLAG": 0}
BANDS = {
    "BANDID1": "spectrum - background fit, weights variance, clean yes",
    "BANDID2": "raw - background fit, weights none, clean no",
    "BANDID3": "background - background fit",
    "BANDID4": "sigma - background fit, weights variance, clean yes",
}
FOUR = np.stack([FLUX, FLUX + 1, np.full(N, 900.0), np.full(N, 2.0)])


def write(path, image, cards):
    hdu = fits.PrimaryHDU(np.asarray(image, "f4"))
    hdu.header.update(cards)
    hdu.writeto(path)
    return path


def multispec(path, *specs, image=None, **cards):
    """A file with the WAT2 cards of IRAF: 68 characters each, cut wherever a card ends."""
    said = "wtype=multispec " + " ".join(f'spec{i} = "{spec}"' for i, spec in enumerate(specs, 1))
    wat = {f"WAT2_{i + 1:03d}": said[68 * i : 68 * i + 68] for i in range(-(-len(said) // 68))}
    first = {"CTYPE1": "MULTISPE", "CTYPE2": "MULTISPE", "WCSDIM": 2, "WAT0_001": "system=multispec"}
    first["WAT1_001"] = "wtype=multispec label=Wavelength units=angstroms"
    image = np.stack([FLUX] * len(specs)) if image is None else image
    return write(path, image, first | wat | cards)


def only(path):
    (s,) = read_file(path, medium="vacuum")
    return s


@pytest.mark.parametrize("shape", [(4, 1, N), (4, N)])
def test_bands_are_one_spectrum_with_the_errors_of_the_sigma_band(tmp_path, shape):
    cards = LINEAR | BANDS | {"APNUM1": "1 1 500. 510.", "REDSHIFT": 0.05}
    s = only(write(tmp_path / "gal.ms.fits", FOUR.reshape(shape), cards))
    assert s.object_id == "gal.ms"
    assert_allclose(s.wavelength, 4000 + 2.5 * (P - 1))
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, 0.25)
    assert s.row["z"] == 0.05


def test_a_band_of_inverse_variances_has_the_errors(tmp_path):
    cards = LINEAR | BANDS | {"APNUM1": "1 1 500. 510.", "BANDID4": "inverse variance"}
    s = only(write(tmp_path / "gal.ms.fits", FOUR.reshape(4, 1, N), cards))
    assert_allclose(s.ivar, 2)


def test_bands_of_several_apertures_keep_each_its_own_errors(tmp_path):
    image = np.stack([FOUR, 2 * FOUR], axis=1)
    first, second = read_file(
        write(tmp_path / "two.ms.fits", image, LINEAR | BANDS | {"APNUM1": "4 4 1. 2.", "APNUM2": "9 9 3. 4."})
    )  # fmt: skip
    assert (first.object_id, second.object_id) == ("two.ms#4", "two.ms#9")
    assert_allclose(second.flux, 2 * FLUX, rtol=1e-6)
    assert_allclose(second.ivar, 1 / 16)


def test_bands_without_names_are_refused_rather_than_guessed(tmp_path):
    path = multispec(tmp_path / "a.ms.fits", "1 1 0 4000. 2.5 60 0. 1. 2.", image=FOUR[:, None, :])
    with pytest.raises(FormatError, match=r"4 bands of 1 apertures and no BANDIDn.*--columns flux=1,error=4"):
        read_file(path)


def test_linear_apertures_have_each_their_own_wavelengths_whatever_crval_says(tmp_path):
    specs = "1 1 0 4000. 2.5 60 0. 500. 510.", "2 2 0 4100. 2.4 60 0. 520. 530."
    path = multispec(tmp_path / "a.ms.fits", *specs, CRVAL1=200.0, CDELT1=1.0, CRPIX1=1.0)
    first, second = read_file(path, medium="vacuum")
    assert_allclose(first.wavelength, 4000 + 2.5 * (P - 1))
    assert_allclose(second.wavelength, 4100 + 2.4 * (P - 1))
    assert "air_assumed" in read_file(path)[0].row["flags"]


def test_a_log_linear_aperture(tmp_path):
    s = only(multispec(tmp_path / "a.ms.fits", "1 1 1 3.6 1e-4 60 0. 1. 2."))
    assert_allclose(s.wavelength, 10 ** (3.6 + 1e-4 * (P - 1)))


@pytest.mark.parametrize(("number", "value"), [(1, chebyshev.chebval), (2, legendre.legval)])
def test_polynomial_dispersions(tmp_path, number, value):
    s = only(
        multispec(tmp_path / "a.ms.fits", f"1 1 2 4000. 2. 60 0. 1. 2. 1. 0. {number} 4 1. 60. 4100. 90. 3. -0.5")
    )  # fmt: skip
    assert_allclose(s.wavelength, value((2 * P - 61) / 59, [4100, 90, 3, -0.5]))


def test_splines_of_equal_coefficients_of_a_line_are_that_line(tmp_path):
    """Cubic B-splines with coefficients on a line give six times the line; linear splines give it."""
    cubic = only(
        multispec(tmp_path / "c.ms.fits", "1 1 2 0. 0. 60 0. 1. 2. 1. 0. 3 2 1. 60. 600 700 800 900 1000")
    )
    assert_allclose(cubic.wavelength, 6 * (600 + 100 * ((P - 1) / 59 * 2 + 1)))
    linear = only(
        multispec(tmp_path / "l.ms.fits", "1 1 2 0. 0. 60 0. 1. 2. 1. 0. 4 2 1. 60. 4000 4100 4200")
    )
    assert_allclose(linear.wavelength, 4000 + 100 * (P - 1) / 59 * 2)


def test_arrays_samples_and_sums_of_functions(tmp_path):
    samples = only(multispec(tmp_path / "s.ms.fits", "1 1 2 0. 0. 60 0. 1. 2. 1. 0. 6 2 1. 5000. 60. 5590."))
    assert_allclose(samples.wavelength, 5000 + 10 * (P - 1))
    both = "1 1 2 0. 0. 60 0. 1. 2. 0.5 0. 1 2 1. 60. 4000. 100. 0.5 1000. 1 2 1. 60. 4000. 100."
    s = only(multispec(tmp_path / "b.ms.fits", both))
    assert_allclose(s.wavelength, 4500 + 100 * (2 * P - 61) / 59)


def test_a_trimmed_frame_counts_pixels_from_where_they_were(tmp_path):
    s = only(multispec(tmp_path / "a.ms.fits", "1 1 0 4000. 2.5 300 0. 1. 2.", LTV1=-100.0, LTM1_1=1.0))
    assert_allclose(s.wavelength, 4000 + 2.5 * (P + 100 - 1))


def test_pixels_beyond_an_apertures_last_are_padding(tmp_path):
    first, second = read_file(
        multispec(tmp_path / "a.ms.fits", "1 1 0 4000. 2.5 60 0. 1. 2.", "2 2 0 4000. 2.5 41 0. 3. 4.")
    )
    assert (len(first.flux), len(second.flux)) == (60, 41)


def test_what_dopcor_took_off_is_put_back_and_the_observers_motion_is_not(tmp_path):
    moved = only(multispec(tmp_path / "a.ms.fits", "1 1 0 4000. 2.5 60 1e-4 1. 2."))
    assert_allclose(moved.wavelength[0], 4000 / 1.0001)
    rest = only(multispec(tmp_path / "b.ms.fits", "1 1 0 4000. 2.5 60 0.05 1. 2."))
    assert_allclose(rest.wavelength[0], 4000)
    assert rest.row["z"] == 0.05


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("1 1 -1 1. 1. 60 0. 1. 2.", "no dispersion solution"),
        ("1 1 2 0. 0. 60 0. 1. 2. 1. 0. 1 4 1. 60. 4100.", "1 numbers of 4"),
        ("1 1 2 0. 0. 60 0. 1. 2. 1. 0. 9 4 1. 60. 4100.", "spec1 is"),
        ("1 1 zero", "expected a dispersion"),
    ],
)
def test_coordinates_that_are_not_understood_are_refused_by_name(tmp_path, spec, sentence):
    with pytest.raises(FormatError, match=sentence):
        read_file(multispec(tmp_path / "a.ms.fits", spec))
    with pytest.raises(FormatError, match="have no spec2"):
        read_file(
            multispec(tmp_path / "b.ms.fits", "1 1 0 4000. 2.5 60 0. 1. 2.", image=np.stack([FLUX] * 2))
        )


def test_sky_apertures_are_flagged_by_beam_or_title(tmp_path):
    three = [f"{i} {beam} 0 4000. 2.5 60 0. 1. 2." for i, beam in ((1, 1), (2, 0), (3, 1))]
    found = read_file(multispec(tmp_path / "a.ms.fits", *three))
    assert [s.row.get("class") for s in found] == [None, "SKY", None]
    assert "sky" in found[1].row["flags"]
    titled = read_file(multispec(tmp_path / "b.ms.fits", *three[::2], APID1="NGC 1", APID2="sky 2"))
    assert ["sky" in s.row["flags"] for s in titled] == [False, True]


def test_apertures_on_one_grid_are_named_by_their_numbers(tmp_path):
    path = write(
        tmp_path / "e.fits", np.stack([FLUX] * 2), LINEAR | {"APNUM1": "7 1 1. 2.", "APNUM2": "8 1 3. 4."}
    )
    assert [s.object_id for s in read_file(path)] == ["e#7", "e#8"]
    path = write(tmp_path / "p.fits", np.stack([FLUX] * 2), {"APNUM1": "7 1 1. 2.", "APNUM2": "8 1 3. 4."})
    with pytest.raises(FormatError, match="apertures without wavelengths"):
        read_file(path)
