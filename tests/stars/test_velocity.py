"""Velocities: right whatever the pixels, refused where there are no lines, doubted where the medium is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.made import star, stars

from spectrove.errors import ParameterError
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.pixels.air import air_to_vacuum
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.medium import MEDIUM, is_doubtful
from spectrove.stars.redshifts import estimate_redshifts
from spectrove.stars.velocity import FASTEST, templates, velocities


def of(spectrum):
    found, refused = velocities(SpectrumSet.from_spectra([spectrum]))
    assert not refused
    return found[spectrum.object_id]


@pytest.mark.parametrize("template", [1, 8, 15, 22])
@pytest.mark.parametrize("velocity", [-430.0, -17.0, 0.0, 38.0, 250.0])
def test_a_velocity_is_found_within_its_error(template, velocity):
    found = of(star(template, velocity))
    assert not found.failed
    assert abs(found.value - velocity) < 3 * found.error
    assert 5 < found.error < 25


def test_noise_pulls_no_velocity_towards_half_a_pixel():
    """The residual of a star that is moved is least where noise is smoothed most; here nothing of it is moved."""
    true = np.linspace(-70, 70, 29)
    made = [star(14, v, 0.1, seed=i, name=f"s{i}") for i, v in enumerate(true)]
    found, _ = velocities(SpectrumSet.from_spectra(made))
    off = np.array([found[f"s{i}"].value for i in range(len(true))]) - true
    assert abs(off.mean()) < 4
    assert off.std() < 15


@pytest.mark.parametrize("step", [0.4, 1.2, 3.0])
def test_the_pixels_of_the_star_do_not_matter(step):
    assert abs(of(star(14, 60.0, step=step)).value - 60) < 20


@pytest.mark.parametrize("step", [0.8, 0.9, 1.0, 1.2])
def test_where_in_a_pixel_a_star_lies_does_not_matter(step):
    """A template that is taken at the centres of pixels draws velocities by 7 km/s to whole pixels."""
    true = np.linspace(-69, 69, 21)
    made = [star(14, v, 0.001, name=f"s{i}", step=step) for i, v in enumerate(true)]
    found, _ = velocities(SpectrumSet.from_spectra(made))
    assert_allclose([found[f"s{i}"].value for i in range(len(true))], true, atol=1.0)


def test_noise_alone_has_no_velocity():
    rng = np.random.default_rng(1)
    wavelength = np.arange(3650.0, 7350.0, 1.2)
    flat = Spectrum(
        wavelength,
        1 + rng.normal(0, 0.05, len(wavelength)),
        error=np.full(len(wavelength), 0.05),
        object_id="flat",
    )
    assert of(flat).failed
    [estimate] = estimate_redshifts(SpectrumSet.from_spectra([flat]), 5, 0.68)
    assert not estimate.confident
    assert estimate.warnings
    assert "z_uncertain" in estimate.flags


def test_a_velocity_beyond_those_that_are_tried_is_not_given():
    assert of(star(14, FASTEST + 80)).failed


def test_a_spectrum_elsewhere_is_refused_by_name():
    wavelength = np.linspace(9000.0, 12000.0, 900)
    red = Spectrum(wavelength, np.ones(900), error=np.full(900, 0.1), object_id="infrared")
    found, [refusal] = velocities(SpectrumSet.from_spectra([red]))
    assert not found
    assert refusal.name == "infrared"


def test_wavelengths_of_the_wrong_medium_are_doubted():
    """Vacuum that is taken for air lies 83 km/s to the red."""
    one = star(14, 0.0)
    wrong = Spectrum(one.wavelength, one.flux, ivar=one.ivar, medium="air", object_id="wrong")
    found = of(wrong)
    assert abs(found.value - MEDIUM) < 10
    assert is_doubtful(found, wrong.row["flags"])
    assert not is_doubtful(of(one), one.row["flags"])
    [estimate] = estimate_redshifts(SpectrumSet.from_spectra([wrong]), 5, 0.68)
    assert "medium_doubtful" in estimate.flags


def test_air_that_is_taken_for_vacuum_is_doubted():
    one = star(14, 0.0)
    air = 2 * one.wavelength - air_to_vacuum(one.wavelength)
    found = of(Spectrum(air, one.flux, ivar=one.ivar, object_id="wrong"))
    assert abs(found.value + MEDIUM) < 10
    assert is_doubtful(found, ())


def test_a_velocity_that_failed_doubts_no_medium():
    found = replace(of(star(14, 80.0)), warning="NO_FEATURES")
    assert not is_doubtful(found, ("air_converted",))


def test_estimates_are_velocities_over_that_of_light():
    [estimate] = estimate_redshifts(SpectrumSet.from_spectra([star(14, 120.0)]), 5, 0.9)
    assert_allclose(estimate.z * SPEED_OF_LIGHT, 120, atol=15)
    assert estimate.type == "star"
    assert 1500 < estimate.candidates[0].chi2 < 4500, "about one for each of 3,171 pixels"
    low, high = estimate.interval
    assert_allclose((high - low) / 2, 1.645 * estimate.z_err, rtol=1e-3)


def test_company_does_not_matter():
    made = stars(30)
    whole, _ = velocities(made)
    alone, _ = velocities(made.take([17]))
    assert_allclose(alone["star-017"].value, whole["star-017"].value, atol=1e-3)


@pytest.mark.parametrize("velocity", [-690.0, -3.7, 0.0, 412.3])
def test_templates_are_means_over_the_pixels_of_stars(velocity):
    """By the trapezoidal rule on a hundred points of each pixel, from straight lines between pixels of the template."""
    known = templates()
    at = (
        known.edges[0] + (known.edges[1] - known.edges[0]) * np.arange(100 * (len(known.edges) - 1) + 1) / 100
    )
    at = at - np.log10(1 + velocity / SPEED_OF_LIGHT)
    pixel = known.log_first + known.step * np.arange(known.lines.shape[1])
    fine = np.interp(at, pixel, known.lines[7])
    expected = np.stack(
        [0.5 * (fine[i : i + 100] + fine[i + 1 : i + 101]).mean() for i in range(0, len(at) - 1, 100)]
    )
    inside = (at[:-1:100] >= pixel[0]) & (at[100::100] <= pixel[-1])
    (found,) = known.moved(velocity, slice(7, 8))
    assert_allclose(found[inside], expected[inside], atol=2e-5)
    assert not found[~inside].any()
    assert_allclose(known.moved(velocity)[7], found)


def test_pixels_that_are_no_whole_number_of_the_templates_are_refused():
    known = templates()
    with pytest.raises(ParameterError, match="whole number"):
        replace(known, edges=known.edges[0] + 1.7 * (known.edges - known.edges[0])).moved(0.0)
