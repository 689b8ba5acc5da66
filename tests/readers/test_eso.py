"""ESO's archive: columns are known by the data model's names, whatever the instrument calls them.

Files as the ESO Science Data Products Standard (ESO-044286) has them, with the cards of real products: HARPS without
errors, X-shooter with two fluxes, UVES padded with zeros, Gaia-ESO and 4MOST with their own names.
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.pixels.air import air_to_vacuum
from spectrove.readers import read_file

N = 60
WAVE = 5000 + 0.5 * np.arange(N)
FLUX = 10 + np.sin(np.arange(N))
ERROR = np.full(N, 0.5)
AXIS, VALUE, SIGMA, QUALITY = (
    "SpectralAxis.Value", "FluxAxis.Value", "FluxAxis.Accuracy.StatError", "FluxAxis.Accuracy.QualityStatus",
)  # fmt: skip
AIR, VACUUM = "em.wl;obs.atmos", "em.wl"


def column(name, values, role, ucd="", unit="", space="Spectrum.", form="D"):
    return name, values, f"{space}Data.{role}" if role else "", ucd, unit, form


def write(path, *columns, rows=1, extname="SPECTRUM", table=(), **cards):
    primary = fits.PrimaryHDU()
    primary.header.update({"ORIGIN": "ESO", "PRODCATG": "SCIENCE.SPECTRUM", "INSTRUME": "HARPS", "OBJECT": "HD 1",
                           "RA": 10.0, "DEC": -20.0, "SPECSYS": "BARYCENT", "CONTNORM": False} | cards)  # fmt: skip
    made = [
        fits.Column(name, f"{N}{form}", unit=unit or None, array=np.broadcast_to(values, (rows, N)))
        for name, values, _, _, unit, form in columns
    ]
    hdu = fits.BinTableHDU.from_columns(made, name=extname)
    for i, (_, _, role, ucd, _, _) in enumerate(columns, 1):
        hdu.header[f"TUCD{i}"] = ucd
        if role:
            hdu.header[f"TUTYP{i}"] = role
    hdu.header.update({"VOCLASS": "SPECTRUM V1.0", "NELEM": N, **dict(table)})
    fits.HDUList([primary, hdu]).writeto(path)
    return path


def harps(path, **cards):
    return write(
        path,
        column("WAVE", WAVE, AXIS, AIR, "angstrom"),
        column("FLUX", FLUX, VALUE, "phot.flux.density;em.wl;stat.uncalib", "adu", form="E"),
        column(
            "ERR",
            np.full(N, np.nan),
            SIGMA,
            "stat.error;phot.flux.density;em.wl;stat.uncalib",
            "adu",
            form="E",
        ),
        **{"SPEC_RES": 115000.0} | cards,
    )


def test_a_spectrum_of_harps_is_in_air_barycentric_and_has_the_resolution_of_its_header(tmp_path):
    (s,) = read_file(harps(tmp_path / "ADP.2014-09-16T11_03_30.947.fits"))
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))
    assert_allclose(s.lsf, s.wavelength / 115000 / 2.3548, rtol=1e-3)
    assert (s.row["survey"], s.row["ra"], s.row["dec"], s.row["targetid"]) == ("harps", 10.0, -20.0, "HD 1")
    assert set(s.row["flags"]) == {
        "air_converted",
        "errors_unusable",
        "ivar_estimated",
        "not_calibrated",
        "no_redshift",
    }


@pytest.mark.parametrize(("unit", "factor"), [("angstrom", 1.0), ("Angstrom", 1.0), ("nm", 0.1)])
def test_wavelengths_in_vacuum_stay_as_they_are_in_any_unit(tmp_path, unit, factor):
    path = write(
        tmp_path / "a.fits",
        column("WAVE", WAVE * factor, AXIS, VACUUM, unit, "spec:"),
        column(
            "FLUX",
            FLUX,
            VALUE,
            "phot.flux.density;em.wl;src.net;meta.main",
            "erg cm**(-2) s**(-1) angstrom**(-1)",
        ),
        column("ERR", ERROR, SIGMA, "stat.error", "erg cm**(-2) s**(-1) angstrom**(-1)"),
    )
    (s,) = read_file(path)
    assert_allclose(s.wavelength, WAVE)
    assert not {"air_converted", "air_assumed", "wavelength_unit_assumed"} & set(s.row["flags"])


def test_of_two_fluxes_the_main_one_is_taken_with_the_errors_of_its_kind(tmp_path):
    """X-shooter: an error in adu beside a flux in erg/s/cm2/A would be wrong by the whole calibration."""
    unit = "erg s**-1 cm**-2 angstrom**-1"
    path = write(
        tmp_path / "a.fits",
        column("WAVE", WAVE / 10, AXIS, AIR, "nm"),
        column(
            "FLUX_REDUCED", FLUX * 1e5, VALUE, "phot.flux.density;em.wl;src.net;stat.uncalib", "adu", "eso:"
        ),
        column("ERR_REDUCED", ERROR * 1e5, SIGMA, "stat.error", "adu", "eso:"),
        column("FLUX", FLUX * 1e-17, VALUE, "phot.flux.density;em.wl;src.net;meta.main", unit),
        column("ERR", ERROR * 1e-17, SIGMA, "stat.error;meta.main", unit),
        column("SNR", FLUX, "FluxAxis.Accuracy.Custom"),
    )
    found = read_file(path)
    (s,) = found
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, 4.0, rtol=1e-5)
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"
    assert "FLUX_REDUCED: further fluxes of the same object; FLUX was taken." in found.left_out[0].error


def test_the_sky_is_not_the_flux_though_its_content_is_called_the_same(tmp_path):
    """UVES calls the content of its sky what HARPS calls that of its flux; the data model's name tells them apart."""
    path = write(
        tmp_path / "a.fits",
        column("WAVE", WAVE, AXIS, AIR, "angstrom"),
        column(
            "BGFLUX_REDUCED",
            FLUX * 99,
            "BackgroundModel.Value",
            "phot.flux.density;em.wl;stat.uncalib",
            "adu",
            "eso:",
        ),
        column("FLUX_REDUCED", FLUX, VALUE, "phot.flux.density;em.wl;stat.uncalib", "adu", "eso:"),
        column("ERR_REDUCED", ERROR, "FluxAxis.Accurancy.StatError", "stat.error", "adu", "eso:"),
    )
    (s,) = read_file(path)
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, 4.0)


def test_pixels_of_bad_quality_and_padded_ends_weigh_nothing(tmp_path):
    quality, flux = np.zeros(N), FLUX.copy()
    quality[5:8] = [1, 2, 4]
    flux[:3], flux[-4:], flux[30] = 0.0, 0.0, 0.0
    path = write(
        tmp_path / "a.fits",
        column("WAVE", WAVE, AXIS, VACUUM, "angstrom"),
        column("FLUX", flux, VALUE, "phot.flux.density;em.wl", "adu"),
        column("ERR", np.ones(N), SIGMA, "", "adu"),
        column("QUAL", quality, QUALITY, "meta.code.qual", form="J"),
    )
    (s,) = read_file(path)
    assert_array_equal(np.flatnonzero(~s.good), [0, 1, 2, 5, 6, 7, *range(N - 4, N)])
    assert "mask_inverted" not in s.row["flags"]


def test_a_spectrum_of_which_nearly_all_is_bad_stays_bad(tmp_path):
    """0 is good by the standard: a mask is not turned round because it marks much."""
    quality = np.ones(N)
    quality[:3] = 0
    path = write(
        tmp_path / "a.fits", column("WAVE", WAVE, AXIS, VACUUM, "angstrom"), column("FLUX", FLUX, VALUE, "", "adu"),
        column("ERR", ERROR, SIGMA, "", "adu"), column("QUAL", quality, QUALITY, form="J"),
    )  # fmt: skip
    (s,) = read_file(path)
    assert s.good.sum() == 3


def test_a_quality_that_is_never_good_is_not_read_and_that_is_said(tmp_path):
    path = write(
        tmp_path / "a.fits", column("WAVE", WAVE, AXIS, VACUUM, "angstrom"), column("FLUX", FLUX, VALUE, "", "adu"),
        column("ERR", ERROR, SIGMA, "", "adu"), column("STATUS", np.where(np.arange(N) < 9, -5, 1), QUALITY, form="J"),
    )  # fmt: skip
    (s,) = read_file(path)
    assert s.good.all()
    assert "quality_unread" in s.row["flags"]


def test_a_normalised_spectrum_is_not_calibrated(tmp_path):
    path = write(
        tmp_path / "a.fits",
        column("WAVE", WAVE, AXIS, AIR, "angstrom"),
        column("FLUX_NORM", FLUX / 10, VALUE, "phot.flux.density;em.wl;arith.ratio;meta.main"),
        column("ERR_NORM", ERROR / 10, SIGMA, "stat.error;meta.main"),
        column("FLUX", FLUX, VALUE, "phot.flux.density;em.wl", "adu", "eso:"),
        column("ERR", ERROR, SIGMA, "stat.error", "adu", "eso:"),
        CONTNORM=True,
    )
    (s,) = read_file(path)
    assert_allclose(s.flux, FLUX / 10, rtol=1e-6)
    assert_allclose(s.ivar, 400.0, rtol=1e-6)
    assert s.row["calibrated"] is False


def test_wavelengths_at_the_telescope_are_said_to_be_so(tmp_path):
    (s,) = read_file(harps(tmp_path / "a.fits", SPECSYS="TOPOCENT"))
    assert "topocentric" in s.row["flags"]


def test_gaia_eso_and_4most_name_their_table_otherwise(tmp_path):
    """4MOST's joint spectra: columns without the data model's names, fluxes without sky subtraction beside them."""
    cgs = "erg/(s*cm^2*Angstrom)"
    quality = np.zeros(N)
    quality[4] = 1
    path = write(
        tmp_path / "QMOST_20221010_100101_LJ1.fits",
        column("WAVE", WAVE, "", "", "Angstrom", form="E"),
        column("FLUX", FLUX * 1e-17, "", "", cgs, form="E"),
        column("ERR_FLUX", ERROR * 1e-17, "", "", cgs, form="E"),
        column("QUAL", quality, "", "", form="J"),
        column("FLUX_NOSS", FLUX * 9e-17, "", "", cgs, form="E"),
        column("ERR_FLUX_NOSS", ERROR * 9e-17, "", "", cgs, form="E"),
        extname="PHASE3SPECTRUM",
        INSTRUME="QMOST",
    )
    (s,) = read_file(path, medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-5)
    assert_allclose(np.delete(s.ivar, 4), 4.0, rtol=1e-4)
    assert_array_equal(np.flatnonzero(~s.good), [4])
    (assumed,) = read_file(path)
    assert "air_assumed" in assumed.row["flags"]


def test_what_is_not_what_it_says_is_refused(tmp_path):
    flux = column("FLUX", FLUX, VALUE, "", "adu")
    with pytest.raises(FormatError, match=r"column WAVE is 'em\.freq' in angstrom, expected\s+wavelengths"):
        read_file(write(tmp_path / "a.fits", column("WAVE", WAVE, AXIS, "em.freq", "angstrom"), flux))
    wave = column("WAVE", WAVE, AXIS, AIR, "angstrom")
    main = [column(n, FLUX, VALUE, "phot.flux.density;meta.main", "adu") for n in ("FLUX", "FLUX_B")]
    with pytest.raises(FormatError, match="2 columns are the main flux"):
        read_file(write(tmp_path / "b.fits", wave, *main))
    with pytest.raises(FormatError, match="no table of one row"):
        read_file(write(tmp_path / "c.fits", wave, flux, rows=3), survey="eso")


def test_nanometres_that_are_called_angstrom_are_refused(tmp_path):
    flux = column("FLUX", FLUX, VALUE, "", "adu")
    path = write(tmp_path / "a.fits", column("WAVE", WAVE / 10, AXIS, AIR, "angstrom"), flux)
    with pytest.raises(
        FormatError, match=r"from 500 to 502\.95 angstrom .*expected some from 2900 to 300000"
    ):
        read_file(path)
    (s,) = read_file(path, wavelength_unit="nm")
    assert_allclose(s.wavelength, air_to_vacuum(WAVE))


def test_variances_in_the_place_of_errors_are_told_by_their_size(tmp_path):
    """Of fluxes of 1e-16 the variance is 1e-35: a signal-to-noise ratio of 1e19, which no light has."""
    cgs = "erg cm**(-2) s**(-1) angstrom**(-1)"
    path = write(
        tmp_path / "a.fits", column("WAVE", WAVE, AXIS, AIR, "angstrom"), column("FLUX", FLUX * 1e-17, VALUE, "", cgs),
        column("ERR", ERROR**2 * 1e-34, SIGMA, "", cgs),
    )  # fmt: skip
    (s,) = read_file(path)
    assert {"errors_unusable", "ivar_estimated"} <= set(s.row["flags"])


def test_a_card_that_says_normalised_may_be_a_letter(tmp_path):
    (s,) = read_file(harps(tmp_path / "a.fits", CONTNORM="T"))
    assert (s.row["flux_unit"], s.row["calibrated"]) == ("normalised", False)
