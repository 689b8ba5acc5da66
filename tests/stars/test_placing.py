"""Spectra on the pixels of HR10 and HR21: degraded where they are sharper, refused where they are blunter."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.giraffe import FWHM, as_spectra, mocks, widths

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.labels import pixels
from spectrove.stars.placing import at_rest, placed, why_not
from spectrove.stars.settings import setting_of

HR10 = setting_of("HR10")
CENTRES = (5350.3, 5431.77, 5500.02, 5588.9)


def line(resolution, step, velocity=0.0, depth=0.6, noise=0.0, lsf=True, seed=0):
    """Four lines as narrow as a resolution, on even pixels of a step in angstrom."""
    wavelength = np.arange(5310.0, 5635.0, step)
    flux = np.ones(len(wavelength))
    for centre in CENTRES:
        sigma = centre / resolution / FWHM
        flux -= depth * np.exp(-0.5 * ((wavelength / (1 + velocity / SPEED_OF_LIGHT) - centre) / sigma) ** 2)
    rng = np.random.default_rng(seed)
    error = np.full(len(wavelength), max(noise, 1e-3))
    more = {"lsf": wavelength / resolution / FWHM} if lsf else {}
    return Spectrum(
        wavelength, flux + noise * rng.normal(size=len(flux)), error=error, object_id="line", **more
    )


def expected(resolution, depth=0.6):
    """The same lines at the setting's resolution: Gaussians of the same area."""
    at = HR10.pixels(0.1)
    flux = np.ones(len(at))
    for centre in CENTRES:
        narrow = centre / resolution / FWHM
        wide = max(np.median(at) / HR10.resolution / FWHM, narrow)
        flux -= depth * narrow / wide * np.exp(-0.5 * ((at - centre) / wide) ** 2)
    return at, flux


@pytest.mark.parametrize(("resolution", "step"), [(110_000, 0.01), (50_000, 0.02), (30_000, 0.03)])
@pytest.mark.parametrize("velocity", [0.0, 63.4])
def test_a_sharper_spectrum_has_the_lines_of_the_setting(resolution, step, velocity):
    at, truth = expected(resolution)
    flux, ivar = placed(line(resolution, step, velocity), at, velocity / SPEED_OF_LIGHT, HR10)
    assert (ivar > 0).all()
    assert_allclose(flux, truth, atol=0.012)


@pytest.mark.parametrize("step", [0.05, 0.1])
def test_a_spectrum_of_the_setting_keeps_its_lines(step):
    at = HR10.pixels(0.1)
    flux, _ = placed(line(19_800, step, 21.7), at, 21.7 / SPEED_OF_LIGHT, HR10)
    truth = np.ones(len(at))
    for centre in CENTRES:
        truth -= 0.6 * np.exp(-0.5 * ((at - centre) / (centre / 19_800 / FWHM)) ** 2)
    assert_allclose(flux, truth, atol=0.03)


@pytest.mark.parametrize(("resolution", "step"), [(110_000, 0.01), (19_800, 0.05), (19_800, 0.1)])
def test_no_noise_is_claimed_to_be_lower_than_it_is(resolution, step):
    """Weighted sums of pixels scatter as their errors say, whatever was smoothed."""
    at = HR10.pixels(0.1)
    wave = np.cos(np.linspace(0, 40, len(at)))
    pulls = []
    for seed in range(60):
        flux, ivar = placed(line(resolution, step, depth=0.0, noise=0.1, seed=seed), at + 0.03, 0.0, HR10)
        pulls.append(((flux - 1) * wave).sum() / np.sqrt((wave**2 / ivar).sum()))
    assert 0.7 < np.std(pulls) < 1.3
    assert ((flux - 1) ** 2 * ivar).mean() < 1.15, "no pixel scatters more than its error"


def test_pixels_of_even_and_of_uneven_width_are_read_alike():
    """A polynomial of fifth order is met exactly; in even pixels it is counted in these, and not in angstrom."""
    even = 5310.0 + 0.1 * np.arange(3200)
    uneven = even + 0.02 * np.sin(np.arange(3200))
    at = np.linspace(5331.5, 5611.5, 2801)[:-1]
    middle = 5470.0

    def curve(x):
        return 1 + ((x - middle) / 150) ** 5 - ((x - middle) / 140) ** 2

    for wavelength in (even, uneven):
        one = Spectrum(wavelength, curve(wavelength), error=np.full(3200, 0.01), object_id="curve")
        flux, ivar = placed(one, at, 0.0, HR10)
        assert (ivar > 0).all()
        assert_allclose(flux, curve(at), atol=2e-6)


def test_a_grid_that_is_the_setting_s_is_left_alone():
    drawn = mocks(2)
    placed_, refused = at_rest(as_spectra(drawn), np.zeros(2))
    assert not refused
    inner = np.zeros(len(pixels()), bool)
    inner[10:2790] = inner[2810:-10] = True
    assert_allclose(placed_.flux[:, inner], drawn.flux.numpy()[:, inner], atol=1e-4)
    assert_allclose(placed_.ivar[:, inner] * drawn.error.numpy() ** 2, 1, rtol=1e-3)


def test_a_low_resolution_is_refused_with_both_numbers():
    blunt = line(2_000, 0.9)
    assert "2,000" in why_not(blunt, HR10)
    _, [refusal] = at_rest(SpectrumSet.from_spectra([blunt]), np.zeros(1))
    assert refusal.name == "line"
    assert "19,800" in refusal.error


def test_pixels_too_coarse_for_the_setting_are_refused_where_no_resolution_is_known():
    assert why_not(line(2_000, 0.9, lsf=False), HR10)
    assert not why_not(line(19_800, 0.05, lsf=False), HR10)
    assert not why_not(line(100_000, 0.01, lsf=False), HR10)


def test_a_spectrum_elsewhere_is_refused():
    wavelength = np.arange(6000.0, 6400.0, 0.05)
    red = Spectrum(wavelength, np.ones(len(wavelength)), error=np.full(len(wavelength), 0.1), object_id="red")
    placed_, [refusal] = at_rest(SpectrumSet.from_spectra([red]), np.zeros(1))
    assert len(placed_.object_id) == 0
    assert "HR10" in refusal.error


def test_bad_pixels_stay_bad():
    one = line(110_000, 0.01)
    ivar = one.ivar.copy()
    hurt = (one.wavelength > 5400) & (one.wavelength < 5402)
    ivar[hurt] = 0
    at = HR10.pixels(0.1)
    broken = Spectrum(
        one.wavelength, np.where(hurt, 1e6, one.flux), ivar=ivar, lsf=one.lsf, object_id="broken"
    )
    flux, found = placed(broken, at, 0.0, HR10)
    assert (found[(at > 5400.2) & (at < 5401.8)] == 0).all()
    assert flux.max() < 1.1
    assert (found > 0).mean() > 0.98


def test_one_setting_is_enough():
    found, refused = at_rest(as_spectra(mocks(1), setting=0), np.zeros(1))
    assert not refused
    assert found.has.tolist() == [[True, False]]
    assert not found.used[0, 2800:].any()
    assert len(widths()) == len(pixels())


@pytest.mark.parametrize("factor", [1e10, 1e-6])
def test_a_few_pixels_with_errors_that_cannot_be_change_nothing_elsewhere(factor):
    """One pixel that is said to be known 100,000 times better set the usual error, and all others were left out."""
    one = line(19_800, 0.1, noise=0.02)
    ivar = one.ivar.copy()
    ivar[[500, 1500]] *= factor
    other = Spectrum(one.wavelength, one.flux, ivar=ivar, lsf=one.lsf, object_id="line")
    at = HR10.pixels(0.1)
    (flux, known), (flux_of_other, known_of_other) = (placed(s, at, 0.0, HR10) for s in (one, other))
    same = known_of_other > 0
    assert same.mean() > 0.99
    assert_allclose(flux_of_other[same], flux[same])
    assert known_of_other.max() <= 17 * np.median(known)
