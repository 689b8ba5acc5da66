"""SDSS files: every value, and files from which parts were stripped."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.readers import READERS, read_file, sdss
from spectrove.spectra import Mask


def test_wavelengths_are_ten_to_the_loglam(write_sdss):
    (s,) = read_file(write_sdss())
    expected = 10 ** (3.58 + 1e-4 * np.arange(300)).astype("f4").astype(float)
    assert_array_equal(s.wavelength, expected)
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"
    assert s.row["calibrated"]


def test_the_id_is_plate_mjd_fiber_padded_to_four(write_sdss):
    assert read_file(write_sdss(plate=266, mjd=51602, fiber=7))[0].object_id == "0266-51602-0007"
    assert read_file(write_sdss(plate=10000, mjd=57346, fiber=1000))[0].object_id == "10000-57346-1000"


def test_wdisp_in_pixels_becomes_sigma_in_angstrom(write_sdss):
    """One pixel of 1e-4 dex at 3801.9 A is 0.8754 A, and wdisp is 1.1 of them."""
    (s,) = read_file(write_sdss())
    assert_allclose(s.lsf[0], 1.1 * (10 ** (3.58 + 5e-5) - 10 ** (3.58 - 5e-5)), rtol=2e-3)
    assert "lsf_unknown" not in s.row["flags"]


def test_unusable_wdisp_is_nan(write_sdss):
    (s,) = read_file(write_sdss(pixels={"wdisp": np.r_[0, -1, np.nan, np.full(297, 1.1)].astype("f4")}))
    assert np.isnan(s.lsf[:3]).all()
    assert np.isfinite(s.lsf[3:]).all()


def test_specobj_values_become_columns(write_sdss):
    (s,) = read_file(write_sdss())
    assert (s.row["plate"], s.row["mjd"]) == (266, 51602)
    assert (s.row["class"], s.row["subclass"], s.row["run2d"]) == ("GALAXY", "STARFORMING", "26")
    assert_allclose(
        [s.row["z"], s.row["ra"], s.row["vdisp"], s.row["sn_median"]], [0.1, 150.01, 150, 10], rtol=1e-6
    )
    assert s.row["z_source"] == "file"


def test_line_fits_become_columns_and_the_sulphur_doublet_is_summed(write_sdss):
    (s,) = read_file(write_sdss())
    assert (s.row["hb_flux"], s.row["hb_err"], s.row["ha_flux"], s.row["nii_flux"]) == (10, 1, 13, 14)
    assert s.row["sii_flux"] == 15 + 16
    assert_allclose(s.row["sii_err"], np.hypot(6, 7))
    assert (s.row["ha_ew"], s.row["oi_flux"]) == (5, 12)


def test_a_line_with_an_error_of_minus_one_was_not_measured(write_sdss):
    path = write_sdss()
    with fits.open(path, mode="update") as file:
        file["SPZLINE"].data["LINEAREA_ERR"][3] = -1
    (s,) = read_file(path)
    assert s.row.get("ha_flux") is None
    assert s.row["nii_flux"] == 14


def test_fatal_and_mask_bits_are_bad_and_others_suspect(write_sdss):
    every, some = np.zeros(300, "i4"), np.zeros(300, "i4")
    every[0], every[1], some[2], some[0] = 1 << 23, 1 << 4, 1 << 16, 1 << 23
    (s,) = read_file(write_sdss(pixels={"and_mask": every, "or_mask": some}))
    assert s.mask[0] & Mask.BADPIXEL
    assert s.mask[1] == Mask.SUSPECT
    assert s.mask[2] == Mask.SUSPECT
    assert s.mask[3] == 0
    assert not s.good[0]
    assert s.good[1]


def test_sky_line_regions_are_marked_and_kept(write_sdss):
    (s,) = read_file(write_sdss(pixels={"loglam": (3.746 + 1e-4 * np.arange(300)).astype("f4")}))
    inside = (s.wavelength >= 5570) & (s.wavelength < 5590)
    assert_array_equal(s.mask[inside], int(Mask.SKYLINE))
    assert s.good[inside].all()
    assert not (s.mask[s.wavelength < 5569] & Mask.SKYLINE).any()


@pytest.mark.parametrize(
    ("specobj", "flag"),
    [
        ({"SOURCETYPE": "SKY", "CLASS": "QSO"}, "sky"),
        ({"CLASS": "STAR"}, "star"),
        ({"ZWARNING": np.int32(4)}, "z_warning"),
        ({"Z": np.float32(-1e-4)}, "z_not_positive"),
        ({"Z": np.float32(np.nan)}, "no_redshift"),
        ({"SPECOBJID": "299489676975171584"}, "specobjid_mismatch"),
    ],
)
def test_what_the_pipeline_says_becomes_a_flag(write_sdss, specobj, flag):
    assert read_file(write_sdss(fiber=2))[0].row["flags"] == []
    assert read_file(write_sdss(fiber=2, specobj=specobj))[0].row["flags"] == [flag]


def test_a_sky_fibre_is_sky_whatever_its_class_says(write_sdss):
    (s,) = read_file(write_sdss(specobj={"SOURCETYPE": "SKY", "CLASS": "STAR", "SUBCLASS": "K5"}))
    assert (s.row["class"], s.row["subclass"]) == ("SKY", None)
    assert "star" not in s.row["flags"]


def test_pixels_without_weight_are_flagged(write_sdss):
    none = read_file(write_sdss(pixels={"ivar": np.zeros(300, "f4")}))[0]
    few = read_file(write_sdss(pixels={"ivar": np.r_[np.ones(100), np.zeros(200)].astype("f4")}))[0]
    assert none.row["flags"] == ["no_good_pixels"]
    assert few.row["flags"] == ["few_good_pixels"]
    assert not none.good.any()
    assert few.good.sum() == 100


def test_nan_and_negative_ivar_never_leave_the_reader(write_sdss):
    flux, ivar = np.ones(300, "f4"), np.ones(300, "f4")
    flux[0], ivar[1], ivar[2], flux[3] = np.nan, np.inf, -5, np.inf
    (s,) = read_file(write_sdss(pixels={"flux": flux, "ivar": ivar}))
    assert np.isfinite(s.flux).all()
    assert (s.ivar >= 0).all()
    assert [bool(s.mask[i] & Mask.NONFINITE) for i in range(4)] == [True, True, False, True]
    assert s.mask[2] & Mask.NEGATIVE_IVAR
    assert not s.good[:4].any()
    assert s.good[4:].all()


STRIPPED = [
    ("model",),
    ("sky",),
    ("wdisp",),
    ("and_mask", "or_mask"),
    ("SPECOBJ",),
    ("SPZLINE",),
    ("SPECOBJ", "SPZLINE"),
    ("CLASS", "SUBCLASS", "Z", "Z_ERR", "ZWARNING", "SN_MEDIAN_ALL"),
    ("SPECOBJID", "RUN2D"),
    ("SPECOBJ", "SPZLINE", "PLATEID", "MJD", "FIBERID", "model"),
    ("SPECOBJ", "VACUUM", "PLUG_RA", "PLUG_DEC"),
]


@pytest.mark.parametrize("leave_out", STRIPPED)
def test_a_stripped_file_gives_the_same_pixels_and_id(write_sdss, leave_out):
    """Answers and extras can be removed; flux, ivar and grid are the same bytes, and so is the id."""
    (whole,) = read_file(write_sdss(fiber=12))
    (rest,) = read_file(write_sdss(fiber=12, leave_out=leave_out))
    for name in ("wavelength", "flux", "ivar"):
        assert_array_equal(getattr(rest, name), getattr(whole, name))
    assert rest.object_id == whole.object_id == "0266-51602-0012"
    assert (rest.row["plate"], rest.row["fiberid"]) == (266, 12)


def test_without_ivar_it_is_estimated_and_flagged(write_sdss):
    (s,) = read_file(write_sdss(leave_out=("ivar",)))
    assert "ivar_estimated" in s.row["flags"]
    assert_allclose(np.median(s.ivar), 1.0, rtol=0.3)


def test_the_id_comes_from_the_name_when_nothing_else_says_it(write_sdss):
    bare = ("SPECOBJ", "SPZLINE", "PLATEID", "MJD", "FIBERID")
    assert (
        read_file(write_sdss("spec-0300-51943-0015.fits", leave_out=bare))[0].object_id == "0300-51943-0015"
    )
    assert read_file(write_sdss("mystery.fits", leave_out=bare))[0].object_id == "mystery"


def test_the_id_comes_from_the_header_when_the_name_does_not_say_it(write_sdss):
    path = write_sdss(
        "anonymous.fits",
        leave_out=("SPECOBJ",),
        plate=389,
        fiber=208,
        mjd=51794,
        header={"MJDLIST": "51794 51795"},
    )
    assert read_file(path)[0].object_id == "0389-51795-0208"  # the plate's MJD is its last night


def test_spec_id_of_the_header_decides_between_two_nights(write_sdss):
    spec_id = str(389 << 50 | 208 << 38 | (51795 - 50000) << 24 | 26 << 10)
    path = write_sdss(
        "a.fits", leave_out=("SPECOBJ",), plate=389, fiber=208, mjd=51794, header={"SPEC_ID": spec_id}
    )
    (s,) = read_file(path)
    assert s.object_id == "0389-51795-0208"
    assert s.row["specobjid"] == spec_id


def test_unsigned_ids_beyond_int64_are_exact(write_sdss):
    """11259000016306413568 is above 2^63, where doubles are 2048 apart."""
    number = 10000 << 50 | 3 << 38 | (57346 - 50000) << 24 | 1000 << 10
    path = write_sdss(
        plate=10000, mjd=57346, fiber=3, specobj={"SPECOBJID": np.uint64(number), "RUN2D": "v5_10_0"}
    )
    (s,) = read_file(path)
    assert s.row["specobjid"] == str(number) == "11259000016306413568"
    assert s.row["flags"] == []
    assert s.row["survey"] == "sdss"


@given(
    st.integers(1, 2**14 - 1),
    st.integers(50001, 66000),
    st.integers(1, 4095),
    st.integers(5, 6),
    st.integers(0, 60),
    st.integers(0, 99),
)
def test_specobjid_and_its_parts_are_the_same_thing(plate, mjd, fiber, n, m, p):
    text = sdss.specobjid(plate, mjd, fiber, f"v{n}_{m}_{p}")
    run = (n - 5) * 10000 + m * 100 + p
    assert text is not None
    assert int(text) < 2**64
    assert sdss.split_specobjid(text) == (plate, mjd, fiber, run)


def test_specobjid_of_a_known_object():
    """From the SDSS database: plate 266, MJD 51602, fibre 13, run2d 26."""
    assert sdss.specobjid(266, 51602, 13, "26") == "299492975510054912"
    assert sdss.specobjid(266, 51602, 13, "dr8") is None
    assert sdss.specobjid(266, None, 13, "26") is None


def test_exposures_behind_a_full_file_are_not_read(write_sdss):
    path = write_sdss(exposures=2)
    data = path.read_bytes()
    path.write_bytes(data[:-2880])  # cut into the last exposure: the spectrum is before it
    assert read_file(path)[0].object_id == "0266-51602-0001"


def test_naming_the_wrong_survey_says_what_is_missing(write_sdss):
    with pytest.raises(FormatError, match=r"spec-0266-51602-0001.fits: neither .* --survey at auto"):
        read_file(write_sdss(), survey="desi")
    with pytest.raises(FormatError, match=f"expected auto or one of {', '.join(READERS)}"):
        read_file(write_sdss(), survey="hubble")


@pytest.mark.parametrize("catalogid", [4544691163, 27021598048679601])
def test_a_file_of_sdss_v_is_named_by_field_night_and_catalogid(write_sdss, catalogid):
    """SDSS-V has no plates; catalogids pass 32 bits and what a float holds exactly."""
    own = {"FIELD": np.int32(15170), "MJD": np.int32(59614), "CATALOGID": np.int64(catalogid)}
    place = {"RACAT": 146.2, "DECCAT": -0.37, "RUN2D": "v6_1_3", "SPECOBJID": "17017015170596144544691163"}
    gone = ("PLATE", "FIBERID", "PLATEID", "PLUG_RA", "PLUG_DEC")
    path = write_sdss("spec.fits", specobj=own | place, leave_out=(*gone, "SPZLINE"))
    (s,) = read_file(path)
    assert s.object_id == f"015170-59614-{catalogid}"
    assert s.row["targetid"] == str(catalogid)
    assert (s.row["ra"], s.row["dec"], s.row["class"]) == (146.2, -0.37, "GALAXY")
    assert_allclose(s.row["z"], 0.1)
