"""Units as files write them: read as what they are, or refused with the option that helps."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.testing import assert_allclose

from spectrove.errors import FormatError
from spectrove.readers import Options, read_file
from spectrove.readers.units import parse_unit
from spectrove.readers.wavelengths import to_angstrom

N = 80
WAVE = np.linspace(4000.0, 8500.0, N)
FLUX = 5 + np.sin(WAVE / 97)
FLAM = 1e-17 * u.erg / u.s / u.cm**2 / u.AA
DENSITY = u.spectral_density(WAVE * u.AA)


def table(path, cards=None, **columns):
    """A FITS table of (array, unit) columns, in vacuum."""
    made = [
        fits.Column(name, "D", array=np.asarray(a, float), unit=unit) for name, (a, unit) in columns.items()
    ]
    first = fits.PrimaryHDU()
    first.header.update({"VACUUM": True} | (cards or {}))
    fits.HDUList([first, fits.BinTableHDU.from_columns(made)]).writeto(path)
    return path


def image(path, flux=FLUX, **cards):
    hdu = fits.PrimaryHDU(np.asarray(flux, float))
    hdu.header.update(
        {key.replace("_", "-") if key == "DC_FLAG" else key: value for key, value in cards.items()}
    )
    hdu.writeto(path)
    return path


def text(path, head, *columns):
    path.write_text(
        head + "\n".join(" ".join(map(repr, map(float, row))) for row in zip(*columns, strict=True))
    )
    return path


@pytest.mark.parametrize("unit", ["nm", "NM", "nanometers", "Nanometer", "[nm]", "1e-9 m", "10 Angstrom"])
def test_nanometres_in_any_spelling_are_nanometres(tmp_path, unit):
    (s,) = read_file(table(tmp_path / "a.fits", wave=(WAVE / 10, unit), flux=(FLUX, "Jy")))
    assert_allclose(s.wavelength, WAVE)
    assert "wavelength_unit_assumed" not in s.row["flags"]


@pytest.mark.parametrize(("unit", "moved"), [("nm (air)", True), ("nm, vacuum", False), ("nm in vac", False)])
def test_the_unit_may_say_air_or_vacuum(tmp_path, unit, moved):
    (s,) = read_file(table(tmp_path / "a.fits", {"VACUUM": "?"}, wave=(WAVE / 10, unit), flux=(FLUX, "Jy")))
    assert_allclose(s.wavelength, WAVE, rtol=4e-4)
    assert ("air_converted" in s.row["flags"]) == moved
    assert "air_assumed" not in s.row["flags"]


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("10-17 erg/s/cm2/A", "1e-17 erg/(s cm2 Angstrom)"),
        ("ERG/S/CM**2/ANGSTROM", "erg/(s cm2 Angstrom)"),
        ("erg s⁻¹ cm⁻² Å⁻¹", "erg/(s cm2 Angstrom)"),
        (r"$10^{-17}$ erg s$^{-1}$ cm$^{-2}$ \AA$^{-1}$", "1e-17 erg/(s cm2 Angstrom)"),
        ("10**(-16)erg.cm**(-2).s**(-1).angstrom**(-1)", "1e-16 erg/(s cm2 Angstrom)"),
        ("1.0E-17 erg/cm/s/Ang", "1e-17 erg/(s cm2 Angstrom)"),
        ("1E-17 erg/s/cm^2/Ang/spaxel", "1e-17 erg/(s cm2 Angstrom)"),
        ("Flux (10^-17 erg/s/cm^2/Ang)", "1e-17 erg/(s cm2 Angstrom)"),
        ("W/m²/µm", "W/(m2 um)"),
        ("photons s^-1 cm^-2 A^-1", "ph/(s cm2 Angstrom)"),
        ("AB mag", "mag(AB)"),
        ("STMAG", "mag(ST)"),
        ("MJy/sr", "MJy/sr"),
        ("cm^-1", "1/cm"),
        ("GHZ", "GHz"),
    ],
)
def test_spellings_of_headers(text, same_as):
    assert parse_unit(text) == u.Unit(same_as)


@pytest.mark.parametrize("text", ["MJY", "furlong", "erg/s/cm2/parrot", "unknown", ""])
def test_what_may_be_two_units_or_none_is_no_unit(text):
    assert parse_unit(text) is None


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"wave": (WAVE, "furlong"), "flux": (FLUX, "Jy")},
            "in 'furlong', which is not understood.*--wavelength-unit",
        ),
        (
            {"wave": (WAVE, "km/s"), "flux": (FLUX, "Jy")},
            "in 'km/s', expected a unit of length.*--wavelength-unit",
        ),
        ({"wave": (WAVE, "Angstrom"), "flux": (FLUX, "MJY")}, "flux is in 'MJY', which is not.*--flux-unit"),
        ({"wave": (WAVE, "Angstrom"), "flux": (FLUX, "mag")}, "flux is in 'mag', which is not.*--flux-unit"),
        (
            {"wave": (WAVE, "Angstrom"), "flux": (FLUX, "mJy"), "err": (FLUX, "adu")},
            "errors are in 'adu', which is no unit of the flux .mJy.*--error-unit",
        ),
        (
            {"wave": (WAVE, "Angstrom"), "flux": (FLUX, "mJy"), "err": (FLUX, "blob")},
            "errors are in 'blob', which is not understood.*--error-unit",
        ),
    ],
)
def test_a_unit_that_is_not_understood_is_refused_by_name(tmp_path, columns, words):
    with pytest.raises(FormatError, match=words):
        read_file(table(tmp_path / "a.fits", **columns))


def test_the_options_say_what_the_file_does_not(tmp_path):
    path = table(tmp_path / "a.fits", wave=(WAVE / 10, "pear"), flux=(FLUX, "plum"), err=(FLUX, "fig"))
    (s,) = read_file(path, wavelength_unit="nm", flux_unit="1e-17 erg/s/cm2/A", error_unit="%")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert_allclose(s.ivar, (0.01 * FLUX * FLUX) ** -2, rtol=1e-5)


@pytest.mark.parametrize("unit", ["mag(AB)", "mag(ST)", "ABMAG"])
def test_magnitudes_become_fluxes_and_their_errors_too(tmp_path, unit):
    """sigma_F = 0.4 ln 10 F sigma_m."""
    target = u.STmag if "ST" in unit else u.ABmag
    magnitudes = (FLUX * FLAM).to(target, DENSITY).value
    (s,) = read_file(
        table(
            tmp_path / "a.fits",
            wave=(WAVE, "Angstrom"),
            flux=(magnitudes, unit),
            err=(np.full(N, 0.02), "mag"),
        )
    )
    assert_allclose(s.flux, FLUX, rtol=1e-5)
    assert_allclose(s.ivar, (0.4 * np.log(10) * 0.02 * FLUX) ** -2, rtol=1e-5)
    assert s.row["calibrated"]
    assert s.row["flux_unit"] == "1e-17 erg/s/cm2/A"


def test_photons_are_weighed_by_their_energy(tmp_path):
    photons = (FLUX * FLAM).to("ph / (s cm2 Angstrom)", DENSITY).value
    (s,) = read_file(table(tmp_path / "a.fits", wave=(WAVE, "Angstrom"), flux=(photons, "ph/s/cm2/A")))
    assert_allclose(s.flux, FLUX, rtol=1e-5)


@pytest.mark.parametrize("unit", ["erg/s/cm2", "W/m^2"])
def test_power_per_area_is_not_made_a_flux_density(tmp_path, unit):
    (s,) = read_file(table(tmp_path / "a.fits", wave=(WAVE, "Angstrom"), flux=(FLUX, unit)))
    assert_allclose(s.flux, FLUX, rtol=1e-6)
    assert "not_calibrated" in s.row["flags"]
    assert s.row["flux_unit"] != "1e-17 erg/s/cm2/A"


def test_a_flux_per_solid_angle_keeps_its_name(tmp_path):
    (s,) = read_file(table(tmp_path / "a.fits", wave=(WAVE, "Angstrom"), flux=(FLUX, "MJy/sr")))
    assert s.row["flux_unit"].endswith("/arcsec2")
    assert_allclose(s.flux / s.flux[0], FLUX / FLUX[0] * (WAVE[0] / WAVE) ** 2, rtol=1e-5)


def test_errors_have_a_unit_of_their_own(tmp_path):
    millijansky = (FLUX * FLAM).to(u.mJy, DENSITY).value
    path = table(
        tmp_path / "a.fits",
        wave=(WAVE, "Angstrom"),
        flux=(millijansky, "mJy"),
        err=(0.1 * millijansky * 1000, "uJy"),
    )
    (s,) = read_file(path)
    assert_allclose(s.ivar, (0.1 * FLUX) ** -2, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "value", "unit"),
    [
        ("ivar", 4e40, "1 / (erg/s/cm2/A)^2"),
        ("ivar", 4e6, "(1e-17 erg/s/cm2/A)^-2"),
        ("ivar", 4e6, "1e-17 erg/s/cm2/A"),
        ("var", 0.25e-40, "(erg/s/cm2/A)**2"),
        ("var", 0.25e-40, "erg2 / (s2 cm4 Angstrom2)"),
    ],
)
def test_inverse_variances_and_variances_have_units_too(tmp_path, name, value, unit):
    """A sigma of 5e-21 erg/s/cm2/A, said in several ways; the flux's own unit there means that of the sigma."""
    path = table(
        tmp_path / "a.fits",
        wave=(WAVE, "Angstrom"),
        flux=(FLUX, "1e-17 erg/s/cm2/A"),
        **{name: (np.full(N, value), unit)},
    )
    (s,) = read_file(path)
    assert_allclose(s.ivar, 4e6, rtol=1e-5)


def test_iraf_names_the_unit_in_wat1(tmp_path):
    path = image(
        tmp_path / "a.fits", CRVAL1=400.0, CDELT1=5.0, CRPIX1=1.0, CTYPE1="LINEAR",
        WAT1_001="wtype=linear label=Wavelength units=nanometers units_display=nm",
    )  # fmt: skip
    assert_allclose(read_file(path, medium="vacuum")[0].wavelength, 4000 + 50 * np.arange(N))


def test_wave_log_is_that_of_the_standard(tmp_path):
    """Paper III: lambda = CRVAL exp(CDELT (p - CRPIX) / CRVAL); a log10 grid in steps of 1e-4 is written so."""
    step = 3800 * 1e-4 * np.log(10)
    path = image(
        tmp_path / "a.fits", CTYPE1="WAVE-LOG", CUNIT1="Angstrom", CRVAL1=3800.0, CDELT1=step, CRPIX1=1.0
    )
    assert_allclose(read_file(path)[0].wavelength, 3800 * 10 ** (1e-4 * np.arange(N)))
    path = image(
        tmp_path / "b.fits", CTYPE1="WAVE-LOG", CUNIT1="Angstrom", CRVAL1=3.6, CDELT1=1e-4, CRPIX1=1.0
    )
    assert_allclose(read_file(path)[0].wavelength, 10 ** (3.6 + 1e-4 * np.arange(N)))


@pytest.mark.parametrize(
    ("kind", "unit", "start", "step", "to"),
    [
        ("FREQ", "THz", 400.0, 2.0, u.THz),
        ("ENER", "eV", 1.5, 0.01, u.eV),
        ("WAVN", "cm-1", 12000.0, 100.0, 1 / u.cm),
    ],
)
def test_axes_of_frequency_energy_and_wavenumber_rise_in_vacuum(tmp_path, kind, unit, start, step, to):
    path = image(tmp_path / "a.fits", CTYPE1=kind, CUNIT1=unit, CRVAL1=start, CDELT1=step, CRPIX1=1.0)
    (s,) = read_file(path)
    expected = ((start + step * np.arange(N)) * to).to_value(u.AA, u.spectral())[::-1]
    assert_allclose(s.wavelength, expected)
    assert_allclose(s.flux, FLUX[::-1], rtol=1e-6)
    assert not {"air_converted", "air_assumed"} & set(s.row["flags"])


def test_an_axis_linear_in_frequency_but_given_in_wavelength(tmp_path):
    path = image(tmp_path / "a.fits", CTYPE1="WAVE-F2W", CUNIT1="nm", CRVAL1=500.0, CDELT1=1.0, CRPIX1=1.0)
    (s,) = read_file(path)
    assert_allclose(1 / np.diff(1 / s.wavelength), 1 / np.diff(1 / s.wavelength)[0], rtol=1e-6)
    assert_allclose(s.wavelength[0], 5000)


@pytest.mark.parametrize(
    ("values", "expected"),
    [(WAVE, WAVE), (WAVE / 10, WAVE), (WAVE / 1e4, WAVE), (WAVE / 1e10, WAVE), (np.log10(WAVE), WAVE)],
)
def test_without_a_unit_the_range_tells_and_a_flag_says_so(tmp_path, values, expected):
    (s,) = read_file(table(tmp_path / "a.fits", wave=(values, None), flux=(FLUX, None)))
    assert_allclose(s.wavelength, expected)
    assert {"wavelength_unit_assumed", "flux_unit_unknown"} <= set(s.row["flags"])


@pytest.mark.parametrize(("low", "high"), [(1000.0, 2400.0), (2.45, 2.6), (8.2, 9.1), (1.0, 4000.0)])
def test_a_range_of_several_units_is_refused(tmp_path, low, high):
    path = table(tmp_path / "a.fits", wave=(np.linspace(low, high, N), None), flux=(FLUX, None))
    with pytest.raises(
        FormatError, match=f"run from {low:g} to {high:g} and nothing says their unit.*--wavelength-unit"
    ):
        read_file(path)
    assert read_file(table(tmp_path / "b.fits", {"TELESCOP": "HST"}, wave=(np.linspace(1000, 2400, N), None),
                           flux=(FLUX, None)))[0].wavelength[0] == 1000  # fmt: skip


def test_an_ecsv_says_its_units(tmp_path):
    made = Table({"wavelength": WAVE / 10 * u.nm, "flux": (FLUX * FLAM).to(u.mJy, DENSITY)})
    made["uncertainty"] = 0.1 * made["flux"]
    made.meta["z"] = 0.05
    made.write(tmp_path / "a.ecsv", format="ascii.ecsv")
    (s,) = read_file(tmp_path / "a.ecsv", medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-5)
    assert_allclose(s.ivar, (0.1 * FLUX) ** -2, rtol=1e-5)
    assert s.row["z"] == 0.05
    assert s.row["calibrated"]


@pytest.mark.parametrize(
    "head",
    [
        "# wavelength (nm)  flux (mJy)\n",
        "# lambda[nm] flux[mJy]\n",
        "wavelength(nm) flux(mJy)\n",
        "# wave flux\n# nm mJy\n",
        "# wave flux\n# [nm] [mJy]\n",
        "wave flux\nnm mJy\n",
        "# Column 1: wavelength (nm)\n# Column 2: flux (mJy)\n",
        "# 1. wavelength [nm]\n# 2. flux [mJy]\n",
        "# wavelength unit: nm\n# flux unit: mJy\n",
        "# WAVE_UNIT = nm\n# FLUX_UNITS = mJy\n# wave flux\n",
        "# Wavelengths are in nm, flux in mJy\n",
        "# CUNIT1 = 'nm'\n# BUNIT = 'mJy'\n",
        "# wavelength: nm\n# flux: mJy\n",
    ],
)
def test_the_head_of_a_text_says_its_units(tmp_path, head):
    flux = (FLUX * FLAM).to(u.mJy, DENSITY).value
    (s,) = read_file(text(tmp_path / "a.txt", head, WAVE / 10, flux), medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-5)
    assert s.row["calibrated"]
    assert "wavelength_unit_assumed" not in s.row["flags"]


def test_a_csv_may_have_units_in_its_names(tmp_path):
    rows = "\n".join(f"{w},{f}" for w, f in zip(WAVE / 1e4, FLUX, strict=True))
    (tmp_path / "a.csv").write_text('"Wavelength (µm)","Flux (1e-17 erg/s/cm2/A)"\n' + rows)
    (s,) = read_file(tmp_path / "a.csv", medium="vacuum")
    assert_allclose(s.wavelength, WAVE)
    assert_allclose(s.flux, FLUX, rtol=1e-6)


def test_a_unit_in_the_head_that_is_not_understood_is_refused(tmp_path):
    with pytest.raises(FormatError, match=r"in .furlongs., which is not understood.*--wavelength-unit"):
        read_file(text(tmp_path / "a.txt", "# wavelength [furlongs] flux [mJy]\n", WAVE, FLUX))


@pytest.mark.parametrize(
    ("option", "unit"),
    [
        ("flux_unit", "relative"), ("flux_unit", "arbitrary units"), ("flux_unit", "counts"), ("flux_unit", "mag(AB)"),
        ("error_unit", "fraction"), ("error_unit", "%"), ("error_unit", "mJy"),
        ("wavelength_unit", "log10(nm)"), ("wavelength_unit", "ln(Angstrom)"), ("wavelength_unit", "log"),
    ],
)  # fmt: skip
def test_what_a_file_may_write_an_option_may_say(option, unit):
    assert getattr(Options.of({option: unit}), option) == unit


@pytest.mark.parametrize("option", ["flux_unit", "error_unit", "wavelength_unit"])
def test_an_option_that_is_no_unit_is_refused_by_name(option):
    with pytest.raises(FormatError, match=f"--{option.replace('_', '-')} 'furlong/foo': not a unit"):
        Options.of({option: "furlong/foo"})


def test_the_advice_to_keep_a_flux_as_it_is_can_be_followed(tmp_path):
    wave = np.linspace(4000, 8000, 50)
    lines = [f"{w} {w / 1000}" for w in wave]
    path = tmp_path / "a.txt"
    path.write_text("\n".join(["# wave(Angstrom) flux(furlong/foo)", *lines]))
    with pytest.raises(FormatError, match="--flux-unit relative to keep the flux as it is"):
        read_file(path)
    (s,) = read_file(path, flux_unit="relative")
    assert_allclose(s.flux, wave / 1000, rtol=1e-6)
    assert "not_calibrated" in s.row["flags"]


@pytest.mark.parametrize(
    ("unit", "log"), [("log10(Hz)", np.log10), ("log(Hz)", np.log10), ("ln(Hz)", np.log)]
)
def test_logarithms_of_frequencies_are_as_large_as_they_are(unit, log):
    """log10 of 6e14 Hz is 14.8: for a wavelength it would be a natural logarithm."""
    wave = np.linspace(4000.0, 8000.0, 50)
    assert_allclose(to_angstrom(log(2.99792458e18 / wave), unit, "x")[0], wave)
