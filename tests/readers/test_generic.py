"""Files of any other origin: text, tables, images, units, air and vacuum."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.pixels.air import air_to_vacuum
from spectrove.readers import parse_columns, read_file, read_spectra
from spectrove.readers.units import parse_unit
from spectrove.spectra import Mask

N = 60
WAVE = np.linspace(4000.0, 5180.0, N)
FLUX = 5 + np.sin(WAVE / 7)


def table(path, primary=None, **columns):
    """A FITS table; a value may be (array, unit)."""
    made = []
    for name, value in columns.items():
        values, unit = value if isinstance(value, tuple) else (value, None)
        values = np.asarray(values, float)
        made.append(
            fits.Column(name, f"{values.shape[1] if values.ndim == 2 else ''}D", array=values, unit=unit)
        )
    first = fits.PrimaryHDU()
    first.header.update(primary or {})
    fits.HDUList([first, fits.BinTableHDU.from_columns(made)]).writeto(path)
    return path


def text(path, *columns, header="", delimiter=" ", comments="# "):
    np.savetxt(path, np.stack(columns, 1), header=header, delimiter=delimiter, comments=comments)
    return path


def test_text_with_a_commented_line_of_names(tmp_path):
    path = text(tmp_path / "UDS_1.dat", WAVE, FLUX * 1e-18, np.full(N, 1e-19), header="wl flam flam_err")
    (s,) = read_file(path)
    assert_allclose(s.flux, FLUX / 10, rtol=1e-6)  # in 1e-17 erg/s/cm2/A, so that float32 can hold 1/error^2
    assert_allclose(s.ivar, 1e4, rtol=1e-6)
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"
    assert s.row["calibrated"]


def test_text_without_names_and_errors(tmp_path):
    """Three columns, the last of 0 and 1: bad pixels. No errors: estimated. Redshift in a comment."""
    bad = np.zeros(N)
    bad[:5] = 1
    path = text(
        tmp_path / "SPEC1n.txt", WAVE, FLUX, bad, header="obs: 255739-43\nz: 1.02200\nlines: [OII],H9"
    )
    (s,) = read_file(path)
    assert s.row["z"] == 1.022
    assert (s.mask[:5] & Mask.BADPIXEL).all()
    assert set(s.row["flags"]) == {
        "ivar_estimated", "air_converted", "air_assumed", "not_calibrated", "lsf_unknown",
        "wavelength_unit_assumed", "flux_unit_unknown",
    }  # fmt: skip
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", " "])
def test_a_csv_of_any_delimiter_with_a_line_of_names(tmp_path, delimiter):
    path = text(
        tmp_path / "a.csv",
        WAVE,
        FLUX,
        np.full(N, 0.5),
        header=delimiter.join(("Wave", "Flux", "Err")),
        delimiter=delimiter,
        comments="",
    )
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.ivar, 4)
    assert s.row["flags"] == [
        "lsf_unknown", "wavelength_unit_assumed", "flux_unit_unknown", "not_calibrated", "no_redshift"
    ]  # fmt: skip


def test_columns_can_be_named(tmp_path):
    path = table(tmp_path / "odd.fits", XL=WAVE, YF=FLUX, SG=np.full(N, 2.0))
    with pytest.raises(
        FormatError, match=r"odd.fits: no layout .*a table of xl, yf, sg.*--columns wavelength=NAME"
    ):
        read_file(path)
    (s,) = read_file(path, columns=parse_columns("wavelength=XL, flux=YF, error=SG"))
    assert_allclose(s.ivar, 0.25)
    with pytest.raises(FormatError, match="no column 'NO' for flux; it has xl, yf, sg"):
        read_file(path, columns={"wavelength": "XL", "flux": "NO"})


def test_an_option_of_none_says_nothing(tmp_path):
    path = table(tmp_path / "a.fits", wave=WAVE, flux=FLUX, ivar=np.ones(N))
    plain, same = read_file(path)[0], read_file(path, columns=None, medium=None, flux_unit=None)[0]
    assert_array_equal(plain.wavelength, same.wavelength)
    assert plain.row == same.row


def test_wrong_options_list_the_choices():
    with pytest.raises(FormatError, match="expected one of auto, air, vacuum"):
        read_file("a.fits", medium="water")
    with pytest.raises(FormatError, match="expected names among wavelength, flux, error"):
        read_file("a.fits", columns={"colour": "A"})
    with pytest.raises(FormatError, match="--flux-unit 'furlong'"):
        read_file("a.fits", flux_unit="furlong")
    with pytest.raises(FormatError, match="expected QUANTITY=COLUMN"):
        parse_columns("wavelength")


def test_microns_and_microjansky_become_angstrom_and_flux_per_wavelength(tmp_path):
    """1 uJy at 2 micron is 1e-29 erg/s/cm2/Hz * c / lambda^2 = 7.4948e-19 / 10 erg/s/cm2/A."""
    micron = np.linspace(2.0, 3.0, N)
    path = table(
        tmp_path / "jwst.fits", wave=(micron, "um"), flux=(np.ones(N), "uJy"), err=(np.full(N, 0.1), "uJy")
    )
    (s,) = read_file(path)
    assert_allclose(s.wavelength[0], 20000)
    expected = 1e-29 * 2.99792458e18 / s.wavelength**2 / 1e-17
    assert_allclose(s.flux, expected, rtol=1e-5)
    assert_allclose(s.ivar, (0.1 * expected) ** -2, rtol=1e-5)
    assert s.row["calibrated"]


@pytest.mark.parametrize(
    ("spelling", "same_as"),
    [
        ("1E-17 erg/cm^2/s/Ang", "1e-17 erg / (s cm2 Angstrom)"),
        ("Angstroms", "Angstrom"),
        ("A", "Angstrom"),
        ("10**-20 Angstrom-1 cm-2 erg s-1", "1e-20 erg / (s cm2 Angstrom)"),
        ("microns", "um"),
        ("erg/s/cm2/A", "erg/(s cm2 Angstrom)"),
    ],
)
def test_units_as_surveys_spell_them(spelling, same_as):
    import astropy.units as u

    assert parse_unit(spelling) == u.Unit(same_as)


def test_a_word_is_no_unit():
    assert parse_unit("relative") is None
    assert parse_unit(None) is None


@pytest.mark.parametrize(
    ("cards", "flags"),
    [
        ({"VACUUM": True}, set()),
        ({"VACUUM": False}, {"air_converted"}),
        ({"AIRORVAC": "air"}, {"air_converted"}),
        ({"CTYPE1": "WAVE"}, set()),
        ({"CTYPE1": "AWAV"}, {"air_converted"}),
        ({}, {"air_converted", "air_assumed"}),
        ({"TELESCOP": "JWST"}, set()),
    ],
)
def test_the_header_says_air_or_vacuum_else_it_is_assumed_and_flagged(tmp_path, cards, flags):
    (s,) = read_file(table(tmp_path / "a.fits", cards, wave=WAVE, flux=FLUX, ivar=np.ones(N)))
    assert set(s.row["flags"]) & {"air_converted", "air_assumed"} == flags
    assert (s.wavelength[0] == WAVE[0]) == ("air_converted" not in flags)


def test_the_option_overrules_and_is_not_an_assumption(tmp_path):
    path = table(tmp_path / "a.fits", wave=WAVE, flux=FLUX, ivar=np.ones(N))
    assert not {"air_converted", "air_assumed"} & set(read_file(path, medium="vacuum")[0].row["flags"])
    assert "air_assumed" not in read_file(path, medium="air")[0].row["flags"]


def test_a_vector_column_holds_a_spectrum_per_row(tmp_path):
    many = np.stack([FLUX, FLUX + 1, FLUX + 2])
    path = table(tmp_path / "many.fits", wave=np.stack([WAVE] * 3), flux=many, ivar=np.ones((3, N)))
    spectra = read_file(path)
    assert [s.object_id for s in spectra] == ["many#0", "many#1", "many#2"]
    assert_allclose(spectra[2].flux, FLUX + 2, rtol=1e-6)


def test_one_bad_row_among_good_ones_is_named_and_the_others_are_read(tmp_path):
    waves = np.stack([WAVE] * 3)
    waves[1, 4:6] = waves[1, 6:8]
    path = table(tmp_path / "many.fits", wave=waves, flux=np.stack([FLUX] * 3), ivar=np.ones((3, N)))
    found = read_file(path)
    assert [s.object_id for s in found] == ["many#0", "many#2"]
    (left_out,) = found.left_out
    assert left_out.partial
    assert left_out.name == str(path)
    assert "many#1" in left_out.error
    assert "not in order" in left_out.error
    spectra, refusals = read_spectra(path)
    assert (len(spectra), refusals) == (2, [left_out])


def images(path, cards=None, **arrays):
    hdus = [fits.PrimaryHDU()]
    for name, array in arrays.items():
        hdus.append(fits.ImageHDU(array, name=name))
        hdus[-1].header.update(cards or {})
    fits.HDUList(hdus).writeto(path)
    return path


def test_named_images_with_a_grid_extension_and_resolution(tmp_path):
    """The layout of MaNGA's unit-test spectra: R = 2000 is a sigma of lambda / 2000 / 2.3548."""
    mask = np.zeros((2, N), "i4")
    mask[1, 0] = 1026
    path = images(
        tmp_path / "m.fits",
        WAVE=WAVE,
        FLUX=np.stack([FLUX, FLUX * 2]),
        IVAR=np.ones((2, N)),
        MASK=mask,
        SRES=np.full((2, N), 2000.0),
        Z=np.array([0.03, 0.13]),
    )
    first, second = read_file(path, medium="vacuum")
    assert (first.object_id, second.object_id) == ("m#0", "m#1")
    assert (first.row["z"], second.row["z"]) == (0.03, 0.13)
    assert second.mask[0] & Mask.BADPIXEL
    assert_allclose(first.lsf, WAVE / 2000 / 2.3548, rtol=1e-5)


def test_data_and_stat_with_a_grid_in_the_header(tmp_path):
    cards = {"CRVAL1": 4750.0, "CRPIX1": 1.0, "CDELT1": 1.25, "CTYPE1": "AWAV", "CUNIT1": "Angstrom"}
    path = images(tmp_path / "muse.fits", cards, DATA=FLUX, STAT=np.full(N, 4.0))
    (s,) = read_file(path)
    assert_allclose(s.wavelength, air_to_vacuum(4750 + 1.25 * np.arange(N)))
    assert_allclose(s.ivar, 0.25)


LINEAR = {"CRVAL1": 4750.0, "CRPIX1": 1.0, "CDELT1": 1.25, "CTYPE1": "AWAV", "CUNIT1": "Angstrom"}


def test_errors_beside_an_unnamed_primary_image_are_found_and_sky_is_none_of_them(tmp_path):
    """The layout of VANDELS: the spectrum is the primary image, NOISE and SKY are extensions."""
    hdus = [
        fits.PrimaryHDU(FLUX),
        fits.ImageHDU(FLUX * 50, name="SKY"),
        fits.ImageHDU(np.full(N, 2.0), name="NOISE"),
    ]
    for hdu in hdus:
        hdu.header.update(LINEAR)
    fits.HDUList(hdus).writeto(tmp_path / "v.fits")
    (s,) = read_file(tmp_path / "v.fits")
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, 0.25)


def test_an_extension_that_only_its_unit_names_is_known_by_it(tmp_path):
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(a) for a in (FLUX, np.full(N, 2.0)))]
    for hdu, word in zip(hdus[1:], ("Flux", "Error"), strict=True):
        hdu.header.update(LINEAR | {"BUNIT": f"{word} (10^-17 erg/s/cm^2/Ang)"})
    fits.HDUList(hdus).writeto(tmp_path / "u.fits")
    assert "ivar_estimated" not in read_file(tmp_path / "u.fits")[0].row["flags"]


@pytest.mark.parametrize("versions", [True, False])
def test_several_science_extensions_are_as_many_spectra_each_with_its_own_errors(tmp_path, versions):
    hdus = [fits.PrimaryHDU()]
    kinds = ("SCI", "ERR") if not versions else ("SCI", "SCI", "ERR", "ERR")
    pairs = [(kind, i // 2 + 1) for i, kind in enumerate(("SCI", "ERR") * 2)] if not versions else [
        (kind, i % 2 + 1) for i, kind in enumerate(kinds)]  # fmt: skip
    for kind, k in pairs:
        hdus.append(fits.ImageHDU(FLUX * k if kind == "SCI" else np.full(N, float(k)), name=kind))
        hdus[-1].header.update(LINEAR | ({"EXTVER": k} if versions else {}))
    fits.HDUList(hdus).writeto(tmp_path / "s.fits")
    first, second = read_file(tmp_path / "s.fits")
    assert_allclose(second.flux, 2 * first.flux, rtol=1e-6)
    assert_allclose([first.ivar[0], second.ivar[0]], [1, 0.25])
    assert first.object_id != second.object_id


@pytest.mark.parametrize(
    "cards", [{}, {"CTYPE2": "LINEAR"}, {"CTYPE2": "RA---TAN", "CUNIT2": "deg"}, {"DISPAXIS": 1}]
)
@pytest.mark.parametrize("n_rows", [4, 300])
def test_rows_that_nothing_names_are_refused_rather_than_taken_for_galaxies(tmp_path, cards, n_rows):
    hdu = fits.PrimaryHDU(np.stack([FLUX] * n_rows))
    hdu.header.update({"CRVAL1": 4000.0, "CDELT1": 2.0, "CRPIX1": 1.0, "CTYPE1": "LINEAR"} | cards)
    hdu.writeto(tmp_path / "slit.fits")
    with pytest.raises(FormatError, match=rf"an image of {n_rows} rows of 60 pixels.*long-slit frame"):
        read_file(tmp_path / "slit.fits")


def test_a_rectified_slit_with_wavelengths_of_its_own_is_no_set_of_galaxies(tmp_path):
    cards = {"CTYPE2": "RA---TAN", "CUNIT2": "deg"}
    path = images(tmp_path / "s2d.fits", cards, SCI=np.stack([FLUX] * 3), WAVELENGTH=np.stack([WAVE] * 3))
    with pytest.raises(FormatError, match="an image of 3 rows"):
        read_file(path)


def test_a_cube_of_one_spaxel_is_a_spectrum_on_its_third_axis(tmp_path):
    hdu = fits.PrimaryHDU(FLUX[:, None, None])
    hdu.header.update(
        {f"{key[:-1]}3": value for key, value in LINEAR.items()} | {"CTYPE1": "RA---TAN", "CRVAL1": 5.0}
    )
    hdu.writeto(tmp_path / "spaxel.fits")
    (s,) = read_file(tmp_path / "spaxel.fits")
    assert_allclose(s.wavelength, air_to_vacuum(4750 + 1.25 * np.arange(N)))


def test_an_image_on_a_log_grid(tmp_path):
    path = tmp_path / "iraf.fits"
    hdu = fits.PrimaryHDU(FLUX)
    hdu.header.update(
        {"CRVAL1": 3.6, "CD1_1": 1e-4, "CRPIX1": 1, "DC-FLAG": 1, "BUNIT": "erg/cm2/s/Angstrom"}
    )
    hdu.writeto(path)
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, 10 ** (3.6 + 1e-4 * np.arange(N)))
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"


@pytest.mark.parametrize(("kind", "quantize", "tolerance"), [("GZIP_2", 0, 0), ("RICE_1", 16, 0.1)])
def test_a_tile_compressed_image_is_the_image(tmp_path, kind, quantize, tolerance):
    noisy = (FLUX + np.random.default_rng(1).normal(0, 0.3, N)).astype("f4")
    hdu = fits.CompImageHDU(noisy[None, :], compression_type=kind, quantize_level=quantize)
    hdu.header.update({"CRVAL1": 3.6, "CD1_1": 1e-4, "CRPIX1": 1, "DC-FLAG": 1, "VACUUM": True})
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "s.fits.fz")
    (s,) = read_file(tmp_path / "s.fits.fz")
    assert s.object_id == "s"
    assert_allclose(s.wavelength, 10 ** (3.6 + 1e-4 * np.arange(N)))
    assert_allclose(s.flux, noisy, atol=tolerance, rtol=1e-6)


def test_images_of_objects_with_names_are_a_spectrum_each(tmp_path):
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(FLUX * k) for k in (1, 2)), fits.ImageHDU(FLUX, name="SKY")]
    for hdu, name in zip(hdus[1:], ("NGC 1", "NGC 2", ""), strict=True):
        hdu.header.update(LINEAR | {"OBJECT": name})
    fits.HDUList(hdus).writeto(tmp_path / "two.fits")
    assert [s.object_id for s in read_file(tmp_path / "two.fits")] == ["two#NGC 1", "two#NGC 2"]


@pytest.mark.parametrize(
    ("names", "said"), [(("", ""), "image 2 has no name"), (("FLUX", "FLUX_B"), "image 2 FLUX_B")]
)
def test_an_image_that_may_be_a_flux_too_is_left_out_with_a_sentence(tmp_path, names, said):
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(FLUX, name=name or None) for name in names)]
    for hdu in hdus[1:]:
        hdu.header.update(LINEAR)
    fits.HDUList(hdus).writeto(tmp_path / "two.fits")
    found = read_file(tmp_path / "two.fits")
    assert len(found) == 1
    assert said in found.left_out[0].error


@pytest.mark.parametrize("arms", [("VR", "V", "R"), ("V", "R")])
def test_six_df_with_its_pictures_gives_the_arms_together_where_they_are(tmp_path, arms):
    hdus = [fits.PrimaryHDU(np.ones((20, 20))), fits.ImageHDU(np.ones((9, 9)), name="K-BAND")]
    hdus[0].header.update({"OBSRA": 0.4, "OBSDEC": -38.0, "QUALITY": 4, "Z_HELIO": 0.05})
    hdus += [
        fits.ImageHDU(
            np.stack([FLUX * (arm == "VR"), np.full(N, 4.0), FLUX * 9, WAVE]), name=f"SPECTRUM {arm}"
        )
        for arm in arms
    ]
    fits.HDUList(hdus).writeto(tmp_path / "g0001.fits")
    found = read_file(tmp_path / "g0001.fits", medium="vacuum")
    names = ["g0001"] if "VR" in arms else ["g0001#V", "g0001#R"]
    assert [s.object_id for s in found] == names
    assert_allclose(found[0].ivar, 0.25)
    assert (found[0].row["survey"], found[0].row["z"], found[0].row["zwarning"]) == ("6dfgs", 0.05, 0)


def test_repeats_of_2dfgrs_are_each_an_array_of_spectrum_variance_and_sky(tmp_path):
    hdus = [fits.PrimaryHDU(np.ones((49, 49)))]
    for k in (1, 2):
        hdus.append(fits.ImageHDU(np.stack([FLUX * k, np.full(N, 4.0), FLUX * 9]), name="SPECTRUM", ver=k))
        hdus[-1].header.update(LINEAR | {"OBSRA": 0.4, "OBSDEC": -38.0, "Z_HELIO": 0.1, "QUALITY": 5})
    fits.HDUList(hdus).writeto(tmp_path / "123456.fits")
    first, second = read_file(tmp_path / "123456.fits")
    assert_allclose(second.flux, 2 * first.flux, rtol=1e-6)
    assert (first.row["survey"], first.row["z"], first.row["zwarning"]) == ("2dfgrs", 0.1, 0)


def test_six_df_takes_the_observed_wavelength_not_the_header(tmp_path):
    """The header's grid is de-redshifted; row 3 of the array is the observed one."""
    path = tmp_path / "g0001363-380156.ir.fits"
    hdu = fits.PrimaryHDU(np.stack([FLUX, np.full(N, 4.0), FLUX * 0, WAVE]).astype("f4"))
    hdu.header.update(
        {
            "CRVAL1": 3844.7,
            "CDELT1": 1.47,
            "OBSRA": 0.4,
            "OBSDEC": -38.0,
            "Z": 0.049974,
            "Z_HELIO": 0.049958,
            "QUALITY": 2,
        }
    )
    hdu.writeto(path)
    (s,) = read_file(path)
    assert_allclose(s.wavelength, air_to_vacuum(WAVE.astype("f4")))
    assert_allclose(s.ivar, 0.25)
    assert (s.row["z"], s.row["ra"], s.row["survey"], s.row["zwarning"]) == (0.049958, 0.4, "6dfgs", 1)
    assert {"not_calibrated", "air_converted", "air_assumed", "z_warning"} <= set(s.row["flags"])


def test_ascii_tables_go_through_astropy(tmp_path):
    path = tmp_path / "0000115_1d.fits"
    columns = [
        fits.Column("WAVE", "E12.4", array=WAVE, ascii=True),
        fits.Column("FLUX", "E12.4", array=FLUX, ascii=True),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.TableHDU.from_columns(columns, name="spectrum")]).writeto(path)
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, WAVE, rtol=1e-4)
    assert "ivar_estimated" in s.row["flags"]


def test_gzipped_text_is_text(tmp_path):
    plain = text(
        tmp_path / "a.csv", WAVE, FLUX, np.ones(N), header="wave,flux,ivar", delimiter=",", comments=""
    )
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert_array_equal(read_file(packed)[0].flux, read_file(plain)[0].flux)


def test_what_specutils_reads_is_read(tmp_path):
    """A layout of ours that fits nothing above: a wcs1d cube with the spectrum in three axes."""
    import astropy.units as u
    from specutils import Spectrum

    path = tmp_path / "wcs1d.fits"
    made = Spectrum(flux=FLUX * u.Unit("erg / (s cm2 Angstrom)"), spectral_axis=WAVE * u.AA)
    made.write(path, format="tabular-fits")
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX * 1e17, rtol=1e-6)


def test_a_star_of_miles_is_an_image_of_one_row_in_air_without_errors(tmp_path):
    """Files of the library: a primary image of 1 x n pixels of .9 angstrom with CRVAL1 and CDELT1, at rest, no more."""
    flux = (1 + 0.1 * np.random.default_rng(0).normal(size=(1, 400))).astype("f4")
    hdu = fits.PrimaryHDU(flux)
    hdu.header.update(
        {"CRVAL1": 3500.0, "CDELT1": 0.9, "CRPIX1": 1.0, "CTYPE1": "LINEAR", "OBJECT": "HD 000249"}
    )
    hdu.writeto(tmp_path / "s0001.fits")
    (s,) = read_file(tmp_path / "s0001.fits")
    assert_allclose(s.wavelength, air_to_vacuum(3500 + 0.9 * np.arange(400)))
    assert_allclose(s.flux, flux[0])
    assert {"air_assumed", "air_converted", "ivar_estimated", "flux_unit_unknown"} <= set(s.row["flags"])
