"""What every reader ends in: grids, vacuum, scatter, flags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import FormatError
from spectrove.pixels.air import air_to_vacuum
from spectrove.pixels.scatter import ivar_from_scatter
from spectrove.readers.assemble import RawSpectrum, assemble, file_id
from spectrove.spectra import FLAGS, Mask

PATH = Path("a.fits")
WAVE = np.linspace(4000, 5000, 50)
ONES = np.ones(50)


def make(wavelength=WAVE, flux=ONES, ivar=ONES, **more):
    return assemble(RawSpectrum("a", wavelength, flux, ivar, path=PATH, survey="x", **more))


def test_a_falling_grid_is_turned_round_with_its_pixels():
    s = make(WAVE[::-1], np.arange(50.0), np.arange(50.0) + 1, mask=np.arange(50) % 2 * int(Mask.SUSPECT))
    assert_array_equal(s.wavelength, WAVE)
    assert_array_equal(s.flux, np.arange(50)[::-1])
    assert_array_equal(s.ivar, np.arange(50)[::-1] + 1)
    assert s.mask[0] == Mask.SUSPECT


@pytest.mark.parametrize(
    ("wavelength", "words"),
    [
        (np.r_[WAVE[:20], WAVE[10:40]], "not in order at 1 of 49 steps"),
        (np.r_[np.full(45, np.nan), WAVE[:5]], "5 of 50 pixels have a wavelength"),
        (WAVE / 1e4, "from 0.4 to 0.5, expected 100 to 1e\\+06 angstrom"),
        (np.linspace(1, 5000, 50), "from 1 to 5000"),
        (WAVE[:49], "differ in length .wavelength 49, flux 50"),
        (np.stack([WAVE, WAVE]), r"shape \(2, 50\), expected one dimension"),
        (np.array(["x"] * 50), "expected numbers"),
    ],
)
def test_a_grid_that_is_none_is_refused_with_what_was_found(wavelength, words):
    with pytest.raises(FormatError, match=f"a.fits: .*{words}"):
        make(wavelength)


def test_too_few_pixels_are_no_spectrum():
    with pytest.raises(FormatError, match="3 pixels, expected at least 8"):
        make(WAVE[:3], ONES[:3], ONES[:3])


def test_air_is_converted_and_said():
    """[O III] is at 5006.843 in air and 5008.240 in vacuum, H alpha at 6562.79 and 6564.61 (NIST)."""
    assert_allclose(air_to_vacuum(np.array([5006.843, 6562.79])), [5008.240, 6564.60], atol=0.006)
    assert make(medium="air").row["flags"] == ["lsf_unknown", "air_converted", "no_redshift"]
    flags = make(medium="air", medium_stated=False).row["flags"]
    assert flags == ["lsf_unknown", "air_converted", "air_assumed", "no_redshift"]


def test_vacuum_and_air_meet_in_the_ultraviolet():
    assert_array_equal(air_to_vacuum(np.array([500.0, 1999.0])), [500.0, 1999.0])
    grid = air_to_vacuum(np.linspace(1500, 30000, 5000))
    assert (np.diff(grid) > 0).all()


def test_huge_fluxes_and_weights_become_masked_pixels_not_infinities():
    s = make(flux=np.full(50, 1e300), ivar=np.full(50, 1e300))
    assert (s.flux == 0).all()
    assert (s.mask & Mask.NONFINITE).all()


@given(arrays(float, 50, elements=st.floats(width=64)), arrays(float, 50, elements=st.floats(width=64)))
def test_no_flux_or_ivar_whatever_gives_an_unclean_pixel(flux, ivar):
    s = make(flux=flux, ivar=ivar)
    assert np.isfinite(s.flux).all()
    assert np.isfinite(s.ivar).all()
    assert (s.ivar >= 0).all()
    assert ((s.mask & Mask.NODATA) != 0).tolist() == (s.ivar == 0).tolist()
    assert set(s.row["flags"]) <= set(FLAGS)


@pytest.mark.parametrize(
    ("name", "object_id"),
    [
        ("g0001363-380156.ir.fits", "g0001363-380156.ir"),
        ("spectrum_desi_221925.57+272806.4.csv.gz", "spectrum_desi_221925.57+272806.4"),
        (
            "rubies-uds31-v4_prism-clear_4233_154183.spec.fits.gz",
            "rubies-uds31-v4_prism-clear_4233_154183.spec",
        ),
        ("SPEC107n.txt", "SPEC107n"),
        ("plain", "plain"),
    ],
)
def test_the_id_of_a_file_is_its_name_without_suffixes(name, object_id):
    assert file_id(Path(name)) == object_id


def test_scatter_finds_the_noise_that_was_put_in():
    """Noise of sigma 1 and then 3 on a slope with a strong narrow line: both are found within 15%."""
    rng = np.random.default_rng(1)
    sigma = np.r_[np.ones(1000), np.full(1000, 3.0)]
    flux = rng.normal(0, sigma) + np.linspace(0, 100, 2000)
    flux[500:503] += 200
    found = ivar_from_scatter(flux, np.zeros(2000, int)) ** -0.5
    assert_allclose(np.median(found[100:900]), 1, rtol=0.15)
    assert_allclose(np.median(found[1100:1900]), 3, rtol=0.15)
    assert found[501] < 2


def test_padding_and_masked_pixels_get_no_weight():
    flux = np.r_[np.zeros(30), np.random.default_rng(2).normal(size=200)]
    mask = np.zeros(230, int)
    mask[100] = Mask.BADPIXEL
    ivar = ivar_from_scatter(flux, mask)
    assert (ivar[:30] == 0).all()
    assert ivar[100] == 0
    assert (ivar[31:100] > 0).all()


def test_a_constant_spectrum_has_no_measurable_noise():
    assert (ivar_from_scatter(np.ones(100), np.zeros(100, int)) == 0).all()
