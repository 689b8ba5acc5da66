"""Errors and masks have a sense, padding is dropped, air or vacuum is told by more than one spelling."""

from __future__ import annotations

import bz2
import lzma
import zipfile

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.readers import read_file
from spectrove.readers.medium import medium_of
from spectrove.spectra import Mask

N = 80
WAVE = np.linspace(4000.0, 8500.0, N)
FLUX = 5 + np.sin(WAVE / 97)
BAD = np.isin(np.arange(N), [3, 40, 41])


def table(path, cards=None, extension=None, **columns):
    """A FITS table in vacuum; wave and flux are there unless given."""
    made = []
    for name, values in ({"wave": WAVE, "flux": FLUX} | columns).items():
        array = np.asarray(values)
        kind = {"f": "D", "i": "K", "b": "L", "U": f"{array.dtype.itemsize // 4}A"}[array.dtype.kind]
        made.append(fits.Column(name, kind, array=array))
    first, rest = fits.PrimaryHDU(), fits.BinTableHDU.from_columns(made)
    first.header.update({"VACUUM": True} | (cards or {}))
    rest.header.update(extension or {})
    fits.HDUList([first, rest]).writeto(path)
    return path


def bad_of(spectrum):
    return spectrum.mask & int(Mask.BADPIXEL) != 0


@pytest.mark.parametrize("name", ["err", "var", "ivar"])
@pytest.mark.parametrize("mark", [-1.0, 0.0, np.nan, -np.inf])
def test_an_error_that_is_none_marks_a_bad_pixel(tmp_path, name, mark):
    (s,) = read_file(table(tmp_path / "a.fits", **{name: np.where(BAD, mark, 0.5)}))
    assert_array_equal(s.ivar == 0, BAD)
    assert_array_equal(s.good, ~BAD)
    assert "errors_unusable" not in s.row["flags"]


def test_a_negative_error_in_a_text_marks_a_bad_pixel(tmp_path):
    np.savetxt(tmp_path / "a.txt", np.c_[WAVE, FLUX, np.where(BAD, -1, 0.5)], header="wave flux err")
    assert_array_equal(read_file(tmp_path / "a.txt")[0].good, ~BAD)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_errors_of_which_none_is_positive_are_none(tmp_path, value):
    (s,) = read_file(table(tmp_path / "a.fits", err=np.full(N, value)))
    assert {"errors_unusable", "ivar_estimated"} <= set(s.row["flags"])
    assert s.good.any()


@pytest.mark.parametrize(
    ("mask", "flagged"),
    [
        (BAD.astype(int), False),
        (BAD, False),
        (np.where(BAD, 1026, 0), False),
        (np.where(BAD, "bad", "good"), False),
        (np.where(BAD, "T", "F"), False),
        (np.where(BAD, np.nan, 0.0), False),
        ((~BAD).astype(int), True),
        (~BAD, True),
        ((~BAD).astype(float), True),
        (np.where(BAD, 4 + 16, 4), True),
        (np.where(BAD, 0, 4), True),
    ],
)
def test_the_sense_of_a_mask_is_told_by_the_data_and_flagged_where_it_is_turned(tmp_path, mask, flagged):
    (s,) = read_file(table(tmp_path / "a.fits", err=np.full(N, 0.5), mask=mask))
    assert_array_equal(bad_of(s), BAD)
    assert ("mask_inverted" in s.row["flags"]) == flagged


def test_a_header_that_says_the_sense_needs_no_flag(tmp_path):
    """PypeIt's masks are 1 where the pixel is good, were it one in ten."""
    mostly_bad = np.arange(N) % 10 != 0
    path = table(
        tmp_path / "a.fits", {"PYP_SPEC": "keck_deimos"}, {"DMODCLS": "OneSpec"},
        ivar=np.ones(N), mask=(~mostly_bad).astype(int),
    )  # fmt: skip
    (s,) = read_file(path)
    assert_array_equal(bad_of(s), mostly_bad)
    assert "mask_inverted" not in s.row["flags"]


@pytest.mark.parametrize("pad", [0.0, np.nan, -1.0, "repeat"])
def test_padding_has_no_wavelength_and_is_dropped(tmp_path, pad):
    before, after = (WAVE[0], WAVE[-1]) if pad == "repeat" else (pad, pad)
    wave = np.r_[np.full(7, before), WAVE, np.full(5, after)]
    ends = {
        "flux": np.r_[np.zeros(7), FLUX, np.zeros(5)],
        "ivar": np.r_[np.zeros(7), np.ones(N), np.zeros(5)],
    }
    if pad == "repeat":  # the last of the first run and the first of the last have the wavelength
        wave, ends = np.r_[wave[:6], wave[7:]], {key: np.r_[v[:6], v[7:]] for key, v in ends.items()}
        wave = np.r_[wave[:6], WAVE, wave[6 + N :]]
    (s,) = read_file(table(tmp_path / "a.fits", wave=wave, **ends))
    assert "pixels_dropped" in s.row["flags"]
    assert len(s.wavelength) == N
    assert_allclose(s.wavelength, WAVE)


def test_arms_in_the_wrong_order_are_sorted_and_overlapping_ones_refused(tmp_path):
    order = np.r_[40:N, 0:40]
    (s,) = read_file(table(tmp_path / "a.fits", wave=WAVE[order], flux=FLUX[order], ivar=np.ones(N)))
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    mixed = np.r_[WAVE[20:], WAVE[:20] + 2000.3]
    with pytest.raises(FormatError, match="not in order"):
        read_file(table(tmp_path / "b.fits", wave=mixed))


@pytest.mark.parametrize(
    ("cards", "medium"),
    [
        ({"VACUUM": 1}, "vacuum"),
        ({"VACUUM": "T"}, "vacuum"),
        ({"VACUUM": "true"}, "vacuum"),
        ({"VACUUM": 0}, "air"),
        ({"VACUUM": "F"}, "air"),
        ({"VACUUM": "no"}, "air"),
        ({"AIRORVAC": "vac"}, "vacuum"),
        ({"AIR_VAC": "Air"}, "air"),
        ({"WAVEMED": "in vacuum"}, "vacuum"),
        ({"MEDIUM": "AIR"}, "air"),
        ({"COMMENT": "wavelengths are in vacuum"}, "vacuum"),
        ({"COMMENT": "Wavelength scale: air, airmass 1.2"}, "air"),
        ({"CTYPE1": "AWAV-LOG"}, "air"),
    ],
)
def test_air_or_vacuum_in_any_spelling(cards, medium):
    assert medium_of(cards, "wave", WAVE) == (medium, True)


@pytest.mark.parametrize(
    ("cards", "medium"),
    [
        ({"INSTRUME": "COSMOS", "TELESCOP": "KPNO 4m"}, "air"),
        ({"INSTRUME": "MUSCOS"}, "air"),
        ({"INSTRUME": "NIRSPEC", "TELESCOP": "Keck II"}, "air"),
        ({"INSTRUME": "COS"}, "vacuum"),
        ({"TELESCOP": "HST"}, "vacuum"),
    ],
)
def test_names_of_instruments_count_whole(cards, medium):
    assert medium_of(cards, "wave", WAVE) == (medium, medium == "vacuum")  # nothing above the air is in air


def test_the_guess_of_vacuum_does_not_hang_on_one_pixel():
    wave = 10 ** (3.58 + 1e-4 * np.arange(3000))
    assert medium_of({}, "wave", wave)[0] == "vacuum"
    assert medium_of({}, "wave", np.delete(wave, [7, 1500, 1501]))[0] == "vacuum"
    assert medium_of({}, "wave", np.round(wave, 2))[0] == "vacuum"
    assert medium_of({}, "wave", wave[0] + 0.9 * np.arange(3000))[0] == "air"


def test_a_comment_behind_a_card_says_the_medium(tmp_path):
    hdu = fits.PrimaryHDU(FLUX)
    hdu.header.update(
        {"CRVAL1": (4000.0, "[Angstrom] first wavelength, vacuum"), "CDELT1": 2.0, "CRPIX1": 1.0}
    )
    hdu.writeto(tmp_path / "a.fits")
    (s,) = read_file(tmp_path / "a.fits")
    assert s.wavelength[0] == 4000
    assert "air_assumed" not in s.row["flags"]


def zipped(data, *names):
    def write(path):
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, data)

    return write


@pytest.mark.parametrize("scaled", [False, True])
def test_compressed_files_are_the_files_within(tmp_path, scaled):
    """Scaled columns go through astropy, others through the direct reader."""
    plain = table(tmp_path / "a.fits", ivar=np.ones(N))
    if scaled:
        fits.setval(plain, "TSCAL2", value=2.0, ext=1)
    data = plain.read_bytes()
    (tmp_path / "b.fits.bz2").write_bytes(bz2.compress(data))
    (tmp_path / "c.fits.xz").write_bytes(lzma.compress(data))
    zipped(data, "inside.fits")(tmp_path / "d.fits.zip")
    expected = read_file(plain)[0]
    for name in ("b.fits.bz2", "c.fits.xz", "d.fits.zip"):
        (s,) = read_file(tmp_path / name)
        assert_array_equal(s.flux, expected.flux)
        assert s.object_id == name[0]


def test_what_is_not_unpacked_is_named(tmp_path):
    zipped(b"x", "one.fits", "two.fits")(tmp_path / "a.zip")
    with pytest.raises(FormatError, match=r"zip archive of 2 files .one.fits, two.fits., expected one"):
        read_file(tmp_path / "a.zip")
    (tmp_path / "b.fits.Z").write_bytes(b"\x1f\x9d" + bytes(50))
    with pytest.raises(FormatError, match=r"compressed in a way that is not read.*Unpack it first"):
        read_file(tmp_path / "b.fits.Z")
    (tmp_path / "c.fits.bz2").write_bytes(bz2.compress(bytes(5000))[:40])
    with pytest.raises(FormatError, match=r"^c.fits.bz2: "):
        read_file(tmp_path / "c.fits.bz2")


@pytest.mark.parametrize(("value", "flags"), [(0.1, {"ivar_is_error"}), (100.0, set())])
def test_ivar_in_the_unit_of_the_flux_is_what_the_scatter_says(tmp_path, value, flags):
    """The scatter of 0.1 is that of an error of 0.1 and of an inverse variance of 100."""
    n, unit = 500, "1e-17 erg/s/cm2/A"
    flux = np.random.default_rng(0).normal(10, 0.1, n)
    columns = [fits.Column("wave", "D", unit="Angstrom", array=np.linspace(4000, 7000, n)),
               fits.Column("flux", "D", unit=unit, array=flux),
               fits.Column("ivar", "D", unit=unit, array=np.full(n, value))]  # fmt: skip
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "a.fits")
    (s,) = read_file(tmp_path / "a.fits")
    assert_allclose(s.ivar, 100, rtol=1e-5)
    assert set(s.row["flags"]) & {"ivar_is_error"} == flags


@pytest.mark.parametrize(
    "name", ["good", "good_pix", "is_valid", "valid", "used", "pixels_used", "OK", "keep"]
)
def test_a_mask_that_names_good_pixels_marks_those(tmp_path, name):
    table(tmp_path / "a.fits", err=np.ones(N), **{name: np.where(BAD, 0, 1)})
    assert_array_equal(bad_of(read_file(tmp_path / "a.fits", columns={"mask": name})[0]), BAD)


@pytest.mark.parametrize(
    "name", ["invalid", "not_valid", "unused", "not_good", "no_good", "user_mask", "smoky"]
)
def test_a_mask_whose_name_only_contains_such_a_word_marks_bad_pixels(tmp_path, name):
    table(tmp_path / "a.fits", err=np.ones(N), **{name: np.where(BAD, 1, 0)})
    assert_array_equal(bad_of(read_file(tmp_path / "a.fits", columns={"mask": name})[0]), BAD)


@pytest.mark.parametrize("good", [True, False])
def test_the_name_of_a_mask_extension_says_what_it_marks(tmp_path, good):
    """A fifth of the pixels is bad: too many for the data to say that the mask is the other way round."""
    bad = np.arange(N) % 5 == 0
    first = fits.PrimaryHDU(FLUX)
    first.header.update(
        {"CRVAL1": WAVE[0], "CDELT1": WAVE[1] - WAVE[0], "CUNIT1": "Angstrom", "CTYPE1": "WAVE"}
    )
    mask = fits.ImageHDU(np.where(bad, not good, good).astype("i2"), name="GOODMASK" if good else "MASK")
    fits.HDUList([first, fits.ImageHDU(np.ones(N), name="ERROR"), mask]).writeto(tmp_path / "a.fits")
    assert_array_equal(bad_of(read_file(tmp_path / "a.fits")[0]), bad)
