"""Tables: several in a file, vector rows of different lengths, empty ones, and which column is whose error."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import read_file

N = 40
WAVE = np.linspace(1.0, 1.4, N)


def columns(rows=None, **values):
    """A table in which each value is an array, or (array, unit); vectors in `rows` rows where that is said."""
    made = []
    for name, value in values.items():
        array, unit = value if isinstance(value, tuple) else (value, None)
        array = np.asarray(array)
        kind = {"f": "D", "i": "J", "U": "20A"}[array.dtype.kind]
        made.append(
            fits.Column(name, f"{array.shape[1]}{kind}" if array.ndim == 2 else kind, array=array, unit=unit)
        )
    return fits.BinTableHDU.from_columns(made, nrows=rows or 0)


def extract1d(k, n=N, **cards):
    flux = np.full(n, 1e-6 * k)
    unit = {"WAVELENGTH": (WAVE[:n], "um"), "FLUX": (flux, "Jy"), "FLUX_ERROR": (flux / 10, "Jy")}
    hdu = columns(**unit, DQ=np.zeros(n, int))
    hdu.header.update({"EXTNAME": "EXTRACT1D", "EXTVER": k} | cards)
    return hdu


def write(path, *hdus, **cards):
    first = fits.PrimaryHDU()
    first.header.update({"TELESCOP": "JWST", "INSTRUME": "NIRSPEC"} | cards)
    fits.HDUList([first, *hdus]).writeto(path)
    return path


def test_several_extensions_are_as_many_spectra_with_their_names_and_places(tmp_path):
    hdus = [extract1d(k, SOURCEID=100 + k, SRCRA=34.0 + k, SRCDEC=-5.0) for k in (1, 2, 3)]
    found = read_file(write(tmp_path / "x1d.fits", *hdus))
    assert [s.object_id for s in found] == ["x1d#101", "x1d#102", "x1d#103"]
    assert [s.row["ra"] for s in found] == [35, 36, 37]
    assert_allclose(found[2].flux, 3 * found[0].flux, rtol=1e-6)
    assert not any("ivar_estimated" in s.row["flags"] for s in found)


def test_extensions_that_repeat_a_source_are_told_apart_by_order_or_version(tmp_path):
    orders = [extract1d(k, SOURCEID=1, SPORDER=k) for k in (1, 2)]
    assert [s.object_id for s in read_file(write(tmp_path / "a.fits", *orders))] == ["a#1", "a#2"]
    same = [extract1d(k, SOURCEID=1) for k in (1, 2)]
    assert len({s.object_id for s in read_file(write(tmp_path / "b.fits", *same))}) == 2


def test_one_broken_extension_is_named_and_the_others_are_read(tmp_path):
    found = read_file(write(tmp_path / "x1d.fits", extract1d(1), extract1d(2, n=3), extract1d(3)))
    assert [s.object_id for s in found] == ["x1d#1", "x1d#3"]
    assert "x1d#2" in found.left_out[0].error


def test_a_table_of_other_columns_is_left_out_with_a_sentence(tmp_path):
    """A list of fitted lines has wavelengths and fluxes too."""
    lines = columns(WAVELENGTH=np.arange(20.0) + 5000, FLUX=np.ones(20))
    lines.name = "LINES"
    found = read_file(write(tmp_path / "a.fits", extract1d(1), lines))
    assert [s.object_id for s in found] == ["a"]
    assert "table LINES has other columns" in found.left_out[0].error


def test_tables_without_rows_are_passed_over(tmp_path):
    empty, full = (
        columns(n, sdss_id=np.full(n, 7), wavelength=np.tile(WAVE * 1e4, (n, 1)), flux=np.ones((n, N)),
                ivar=np.ones((n, N)), telescope=np.full(n, "lco25m"))
        for n in (0, 1)
    )  # fmt: skip
    path = write(
        tmp_path / "mwmStar-0.6.0-7.fits", empty, full, empty, TELESCOP="x", INSTRUME="x", V_ASTRA="0.6.0"
    )
    (s,) = read_file(path)
    assert s.object_id == "mwmStar-0.6.0-7"
    assert s.row["targetid"] == "7"
    assert (s.row["survey"], s.row["flux_unit"]) == ("sdss-v", "1e-17 erg/s/cm2/A")
    assert not {"air_converted", "air_assumed"} & set(s.row["flags"])
    with pytest.raises(FormatError, match="a table of spectra with no rows"):
        read_file(write(tmp_path / "none.fits", empty, empty))


@pytest.mark.parametrize("says", [True, False])
@pytest.mark.parametrize("filler", [np.nan, 0.0])
def test_rows_of_a_table_have_each_their_own_length_and_source(tmp_path, says, filler):
    lengths = np.array([40, 30, 20])
    wave = np.tile(WAVE, (3, 1))
    for i, n in enumerate(lengths):
        wave[i, n:] = filler if not says else 9.0
    extra = {"N_ALONGDISP": lengths} if says else {}
    hdu = columns(
        3, SOURCE_ID=[7, 12, 40], SOURCE_RA=[1.0, 2.0, 3.0], SOURCE_DEC=[4.0, 5.0, 6.0], **extra,
        WAVELENGTH=(wave, "um"),
        FLUX=(np.ones((3, N)), "uJy"), FLUX_ERROR=(np.ones((3, N)), "uJy"),
    )  # fmt: skip
    found = read_file(write(tmp_path / "wfss.fits", hdu))
    assert [s.object_id for s in found] == ["wfss#7", "wfss#12", "wfss#40"]
    assert [len(s.flux) for s in found] == [40, 30, 20]
    assert [(s.row["ra"], s.row["dec"]) for s in found] == [(1, 4), (2, 5), (3, 6)]
    assert [s.row["targetid"] for s in found] == ["7", "12", "40"]


def test_segments_and_orders_of_hst_are_named_by_what_they_are(tmp_path):
    waves = np.stack([1100 + np.arange(N), 1300 + np.arange(N)]).astype(float)
    for name, values in {"SEGMENT": ["FUVB", "FUVA"], "SPORDER": [70, 69]}.items():
        hdu = columns(
            2, **{name: values}, NELEM=[N, N], WAVELENGTH=waves, FLUX=np.ones((2, N)), ERROR=np.ones((2, N))
        )
        found = read_file(write(tmp_path / f"{name}.fits", hdu, TELESCOP="HST", INSTRUME="COS"))
        assert [s.object_id for s in found] == [f"{name}#{value}" for value in values]


def test_wavelengths_of_all_rows_may_stand_in_an_image_beside_the_table(tmp_path):
    hdu = columns(2, OBJTYPE=["TGT", "SKY"], FLUX=np.ones((2, N)), IVAR=np.ones((2, N)))
    wave = fits.ImageHDU(WAVE, name="WAVELENGTH")
    wave.header["BUNIT"] = "um"
    target, sky = read_file(write(tmp_path / "a.fits", wave, hdu))
    assert_allclose(target.wavelength, WAVE * 1e4)
    assert "sky" in sky.row["flags"]


def test_a_row_on_sky_is_flagged(tmp_path):
    hdu = columns(
        2, OBJTYPE=["TGT", "SKY"], Z=[0.5, -999.0], WAVE=np.tile(WAVE * 1e4, (2, 1)), FLUX=np.ones((2, N))
    )
    target, sky = read_file(write(tmp_path / "a.fits", hdu))
    assert (target.row["z"], sky.row["z"]) == (0.5, None)
    assert [("sky" in s.row["flags"], s.row.get("class")) for s in (target, sky)] == [
        (False, None),
        (True, "SKY"),
    ]


def test_errors_are_those_of_the_flux_column_that_is_taken(tmp_path):
    """ESO's tables hold a calibrated and a reduced spectrum side by side."""
    one, two = np.full(N, 1.0), np.full(N, 2.0)
    both = columns(WAVE=(WAVE, "um"), FLUX_REDUCED=one, ERR_REDUCED=two, SKY=one, FLUX=one * 5, ERR=one * 4)
    (s,) = read_file(write(tmp_path / "a.fits", both))
    assert_allclose(s.flux[0] ** 2 * s.ivar[0], (5 / 4) ** 2, rtol=1e-6)
    reduced = columns(WAVE=(WAVE, "um"), FLUX_REDUCED=one, ERR_REDUCED=two, ERR=one * 4)
    (s,) = read_file(write(tmp_path / "b.fits", reduced))
    assert_allclose(s.flux[0] ** 2 * s.ivar[0], 0.25, rtol=1e-6)


def deimos(*names):
    hdus = []
    for name in names:
        start = 6000.0 if name.endswith("B") else 7600.0
        wave, level = start + np.arange(N), 1.0 if name.startswith("Bx") else 5.0
        hdus.append(
            columns(1, SPEC=np.full((1, N), level), LAMBDA=wave[None], IVAR=np.full((1, N), 4.0),
                    SKYSPEC=np.ones((1, N)))
        )  # fmt: skip
        hdus[-1].name = name
    return hdus


def test_the_two_sides_of_deimos_are_one_spectrum_and_a_second_extraction_is_no_object(tmp_path):
    hdus = deimos("Bxspf-B", "Bxspf-R", "Horne-B", "Horne-R")
    found = read_file(
        write(tmp_path / "spec1d.1.1.fits", *hdus, TELESCOP="Keck", INSTRUME="DEIMOS"), medium="vacuum"
    )
    (s,) = found
    assert s.object_id == "spec1d.1.1"
    assert (len(s.flux), s.wavelength[0], s.wavelength[-1]) == (2 * N, 6000, 7639)
    assert (s.flux == 1).all()
    assert (s.ivar == 4).all()
    assert "HORNE is a second extraction" in found.left_out[0].error


def test_arms_that_overlap_stay_apart(tmp_path):
    hdus = deimos("A_VIS", "A_NIR")
    assert [s.object_id for s in read_file(write(tmp_path / "a.fits", *hdus))] == ["a#A_VIS", "a#A_NIR"]


def test_each_object_of_a_pypeit_spec1d_file_is_a_spectrum(tmp_path):
    hdus = [
        columns(OPT_WAVE=WAVE * 1e4, OPT_COUNTS=np.full(N, 900.0), OPT_COUNTS_IVAR=np.full(N, 9.0), OPT_FLAM=np.ones(N),
                OPT_FLAM_IVAR=np.full(N, 4.0), OPT_COUNTS_SKY=np.full(N, 1e4))
        for _ in range(2)
    ]  # fmt: skip
    for hdu, name in zip(hdus, ("SPAT0100-SLIT0150-DET01", "SPAT0200-SLIT0150-DET01"), strict=True):
        hdu.name = name
    first, second = read_file(write(tmp_path / "spec1d.fits", *hdus, TELESCOP="KECK", INSTRUME="LRIS"))
    assert second.object_id == "spec1d#SPAT0200-SLIT0150-DET01"
    assert_allclose(first.flux, 1)
    assert_allclose(first.ivar, 4)
    assert first.row["flux_unit"] == "1e-17 erg/s/cm2/A"


def test_wavelengths_that_are_no_vectors_are_refused_beside_fluxes_that_are(tmp_path):
    with pytest.raises(FormatError, match=r"flux has shape \(3, 40\), wavelength \(3,\)"):
        read_file(write(tmp_path / "a.fits", columns(3, WAVE=WAVE[:3], FLUX=np.ones((3, N)))))


def test_columns_of_varying_length_hold_a_spectrum_per_row(tmp_path):
    arrays = {name: np.empty(2, object) for name in ("WAVE", "FLUX", "ERR")}
    for i, n in enumerate((40, 25)):
        arrays["WAVE"][i], arrays["FLUX"][i], arrays["ERR"][i] = WAVE[:n] * 1e4, np.ones(n), np.full(n, 0.5)
    made = [fits.Column(name, "PD()", array=array) for name, array in arrays.items()]
    found = read_file(write(tmp_path / "p.fits", fits.BinTableHDU.from_columns(made)))
    assert [len(s.flux) for s in found] == [40, 25]
    assert_allclose(found[1].ivar, 4)


def rows_of(**values):
    """Two spectra as vector rows, with a value for each."""
    return columns(wavelength=(np.tile(WAVE, (2, 1)), "um"), flux=np.ones((2, N)), **values)


@pytest.mark.parametrize(
    ("values", "z"),
    [
        ({"z": np.array([0.1, 0.2])}, [0.1, 0.2]),
        (
            {"g": np.array([18.0, 19.0]), "r": np.array([17.0, 18.0]), "z": np.array([16.5, 17.5])},
            [None, None],
        ),
        ({"g": np.array([18.0, 19.0]), "r": np.array([17.0, 18.0]), "z": np.array([0.1, 0.2])}, [0.1, 0.2]),
        ({"z_spec": np.array([0.1, 0.2]), "z": np.array([16.5, 17.5])}, [0.1, 0.2]),
        ({"redshift": np.array([-999.0, 0.2])}, [None, 0.2]),
        ({"redshift": np.array([np.nan, 9999.0])}, [None, None]),
    ],
)
def test_a_row_has_the_redshift_of_its_column_and_no_magnitude_or_sentinel(tmp_path, values, z):
    found = read_file(write(tmp_path / "a.fits", rows_of(**values)))
    assert [s.row["z"] for s in found] == z


@pytest.mark.parametrize(("value", "z"), [(0.3, 0.3), (-999.0, None), (np.nan, None)])
def test_a_redshift_repeated_in_each_pixel_is_one_unless_it_stands_for_none(tmp_path, value, z):
    hdu = columns(wavelength=(WAVE, "um"), flux=np.ones(N), redshift=np.full(N, value))
    (found,) = read_file(write(tmp_path / "a.fits", hdu))
    assert found.row["z"] == z
