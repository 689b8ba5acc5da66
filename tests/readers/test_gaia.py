"""Coefficients of Gaia's BP and RP: what they mean, and files of them."""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from astropy.table import Table
from numpy.testing import assert_allclose

from spectrove.errors import FormatError, ParameterError
from spectrove.readers import read_file
from spectrove.readers.gaia import files
from spectrove.readers.gaia.continuous import WAVELENGTH, flux, sources
from spectrove.readers.gaia.instrument import band, hermite
from spectrove.readers.textfile import read

if find_spec("gaiaxpy") is None:
    pytest.skip("GaiaXPy, whose files describe the functions, is not installed", allow_module_level=True)

from tests.readers.gaia_made import FINE, coefficients, row, star, write_csv


def test_hermite_functions_are_orthonormal():
    x = np.linspace(-20, 20, 8001)
    found = hermite(x)
    assert_allclose(found @ found.T * (x[1] - x[0]), np.eye(len(found)), atol=1e-9)


@pytest.mark.parametrize("name", ["bp", "rp"])
def test_coefficients_of_a_flux_give_it_back(name: str):
    """What the optics have blurred is undone, but for what 55 functions cannot show."""
    inside = np.arange(380.0, 630.0, 5.0) if name == "bp" else np.arange(660.0, 980.0, 5.0)
    smooth = np.interp(inside, FINE, star(level=1.0))
    assert_allclose(coefficients(star(level=1.0), name) @ band(name).flux(inside), smooth, rtol=0.03)


def test_on_the_detector_a_band_has_the_photons_that_come_through():
    """Flux times area times response over the energy of a photon: the blur and the dispersion move them, no more."""
    seen = coefficients(star(), "bp") @ band("bp").total
    response = np.clip(band("bp").response(FINE), 0, None)
    photons = 0.7278 * response * star() * FINE / 1.98644e-16
    assert_allclose(seen, np.trapezoid(photons, FINE), rtol=0.02)


def test_a_file_is_read_as_flux_on_wavelengths(tmp_path: Path):
    """In vacuum angstrom and the usual unit; ids of 19 digits are whole."""
    path = write_csv(
        tmp_path / "XP_CONTINUOUS_RAW.csv", [row(5853498713190525696, star()), row(7, star(4500.0))]
    )
    first, second = read_file(path)
    assert first.object_id == "gaia-dr3-5853498713190525696"
    assert (first.row["source_id"], first.row["survey"], first.row["calibrated"]) == (
        5853498713190525696,
        "gaia",
        True,
    )
    for one, teff in ((first, 5800.0), (second, 4500.0)):
        inside = (one.wavelength > 4000) & (one.wavelength < 9800)
        truth = np.interp(one.wavelength, 10 * FINE, star(teff)) * 1e19  # 1e-17 erg/s/cm2/A
        assert_allclose(one.flux[inside], truth[inside], rtol=0.06)


def test_gaiaxpy_gives_the_same_flux_and_errors(tmp_path: Path):
    path = write_csv(tmp_path / "xp.csv", [row(1, star()), row(2, star(9000.0), without="rp", seed=3)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with matplotlib.rc_context():  # its plotter asks for LaTeX, for every figure of the process
            gaiaxpy = pytest.importorskip("gaiaxpy")
            wavelength = np.arange(336.0, 632.0, 8.0)
            theirs, _ = gaiaxpy.calibrate(str(path), sampling=wavelength, save_file=False)
    for source, (_, known) in zip(sources(read(path), path), theirs.iterrows(), strict=True):
        ours = flux(source, wavelength)
        assert source.source_id == known["source_id"]
        assert_allclose(ours[0], known["flux"], rtol=1e-9, atol=1e-12 * abs(known["flux"]).max())
        assert_allclose(ours[1], known["flux_error"], rtol=1e-9)


def test_fits_and_votables_are_read_as_text_is(tmp_path: Path):
    rows = [row(5853498713190525696, star()), row(12, star(4500.0), seed=1)]
    known = read_file(write_csv(tmp_path / "xp.csv", rows))
    table = Table(rows=rows)
    for name, form in (("xp.fits", "fits"), ("xp.xml", "votable")):
        table.write(tmp_path / name, format=form)
        for one, other in zip(read_file(tmp_path / name), known, strict=True):
            assert one.object_id == other.object_id
            assert_allclose(one.flux, other.flux, rtol=1e-5)
            assert_allclose(one.ivar, other.ivar, rtol=1e-4)


def test_a_source_without_bp_has_red_pixels_only(tmp_path: Path):
    path = write_csv(tmp_path / "xp.csv", [row(1, star()), row(2, star(), without="bp")])
    both, red = read_file(path)
    seen = red.wavelength[red.ivar > 0]
    assert seen[0] == WAVELENGTH[WAVELENGTH > 6350][0]
    assert seen[-1] == 10200
    clear = (red.wavelength > 6440) & (red.ivar > 0)
    assert_allclose(red.flux[clear], both.flux[clear], rtol=1e-5)


def test_a_broken_source_is_refused_and_the_others_are_read(tmp_path: Path):
    broken = row(3, star()) | {"bp_coefficient_errors": np.zeros(55)}
    found = read_file(write_csv(tmp_path / "xp.csv", [row(1, star()), broken]))
    assert [one.object_id for one in found] == ["gaia-dr3-1"]
    assert "source 3: 55 errors of BP are not above zero" in found.left_out[0].error


def test_lists_of_other_lengths_are_refused(tmp_path: Path):
    short = row(3, star()) | {"bp_coefficients": np.ones(40)}
    with pytest.raises(FormatError, match=r"column bp_coefficients: lists of \[40, 55\] numbers"):
        read_file(write_csv(tmp_path / "xp.csv", [row(1, star()), short]))
    with pytest.raises(FormatError, match="40 coefficients of BP, 55 errors, expected 55 of each"):
        read_file(write_csv(tmp_path / "short.csv", [short]))


def test_options_that_mean_nothing_are_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="no unit or medium to choose"):
        read_file(write_csv(tmp_path / "xp.csv", [row(1, star())]), medium="air")


def test_without_gaiaxpy_its_files_are_asked_for(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    with pytest.raises(ParameterError, match=r"pip install 'spectrove\[gaia\]'.*SPECTROVE_GAIAXPY"):
        files.folder()
    monkeypatch.setenv(files.VARIABLE, str(tmp_path))
    with pytest.raises(ParameterError, match=r"bpC03_v375wi_response.csv: there is no such file"):
        files.curve("bp", "response")


def test_files_in_a_folder_that_is_named_are_read(tmp_path: Path, monkeypatch):
    (tmp_path / "bpC03_v375wi_response.csv").write_text("330,340\n0.1,0.2\n")
    monkeypatch.setenv(files.VARIABLE, str(tmp_path))
    assert_allclose(files.curve("bp", "response"), [[330, 340], [0.1, 0.2]])


@pytest.mark.parametrize(
    ("column", "change", "said"),
    [
        ("bp_coefficients", np.nan, "1 coefficients of BP are no numbers"),
        ("rp_coefficient_errors", np.nan, "1 errors of RP are not above zero"),
        ("rp_coefficient_errors", -1.0, "1 errors of RP are not above zero"),
        ("bp_coefficient_correlations", np.nan, "1 correlations of BP are no numbers from -1 to 1"),
        ("bp_coefficient_correlations", 1.5, "1 correlations of BP are no numbers from -1 to 1"),
    ],
)
def test_one_number_that_cannot_be_refuses_its_source(tmp_path: Path, column: str, change: float, said: str):
    """One NaN among the coefficients of BP would leave RP without a pixel, too."""
    broken = row(3, star())
    broken[column] = np.where(np.arange(len(np.asarray(broken[column]))) == 7, change, broken[column])
    found = read_file(write_csv(tmp_path / "xp.csv", [row(1, star()), broken]))
    assert [one.object_id for one in found] == ["gaia-dr3-1"]
    assert f"source 3: {said}" in found.left_out[0].error


def test_what_is_missing_may_be_called_null(tmp_path: Path):
    """So do the tables that the archive gives out whole."""
    path = write_csv(tmp_path / "xp.csv", [row(1, star()), row(2, star(), without="bp")])
    known = read_file(path)
    while ",," in (text := path.read_text()):
        path.write_text(text.replace(",,", ",null,"))
    for one, other in zip(read_file(path), known, strict=True):
        assert_allclose(one.flux, other.flux)


@pytest.mark.parametrize("said", ["5.853498713190525696e18", "null", ""])
def test_an_id_without_all_its_digits_is_refused_and_no_other_given(tmp_path: Path, said: str):
    path = write_csv(tmp_path / "xp.csv", [row(5853498713190525696, star())])
    path.write_text(path.read_text().replace("\n5853498713190525696", f"\n{said}"))
    with pytest.raises(
        FormatError, match=r"row 1 has the source_id .* expected a whole number with all its digits"
    ):
        read_file(path)


def test_an_id_may_stand_behind_the_name_of_the_release(tmp_path: Path):
    path = write_csv(tmp_path / "xp.csv", [row(5853498713190525696, star())])
    path.write_text(path.read_text().replace("\n58534", "\nGaia DR3 58534"))
    assert read_file(path)[0].object_id == "gaia-dr3-5853498713190525696"


def test_a_table_of_one_band_is_read(tmp_path: Path):
    whole = row(1, star())
    path = write_csv(tmp_path / "xp.csv", [{k: v for k, v in whole.items() if not k.startswith("bp")}])
    (red,) = read_file(path)
    assert red.wavelength[red.ivar > 0][0] == WAVELENGTH[WAVELENGTH > 6350][0]
