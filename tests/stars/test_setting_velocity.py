"""Velocities in HR10 and HR21: a tenth of a kilometre a second, refused where no emulated star explains the lines."""

from __future__ import annotations

import numpy as np
import pytest
from tests.stars.giraffe import as_spectra, mocks
from tests.stars.made import star

from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.medium import MEDIUM, is_doubtful
from spectrove.stars.redshifts import estimate_redshifts
from spectrove.stars.setting_velocity import FASTEST, velocities

N = 24


@pytest.mark.parametrize("setting", [None, 0, 1])
def test_velocities_are_found_within_a_fraction_of_a_kilometre_a_second(setting):
    drawn = mocks(N)
    true = np.linspace(-230, 240, N)
    found = velocities(as_spectra(drawn, true, setting))
    assert all(one is not None and not one.failed for one in found)
    off = np.array([one.value for one in found]) - true - drawn.velocity.numpy()
    assert off.std() < 0.4
    assert abs(off.mean()) < 0.2
    assert max(abs(off) / [one.error for one in found]) < 5


def test_noise_is_part_of_the_error():
    found = [velocities(as_spectra(mocks(6, ratio), 12.0)) for ratio in (100.0, 10.0)]
    quiet, noisy = (np.mean([one.error for one in some]) for some in found)
    assert noisy > 1.3 * quiet


def test_broad_lines_and_noise_alone_have_no_velocity():
    rng = np.random.default_rng(0)
    wavelength = np.arange(5310.0, 5635.0, 0.05)
    broad = 1 - 0.2 * np.exp(-0.5 * ((wavelength - 5470) / 30) ** 2)
    made = [
        Spectrum(
            wavelength,
            flux + rng.normal(0, 0.02, len(wavelength)),
            error=np.full(len(wavelength), 0.02),
            object_id=name,
        )
        for name, flux in (("broad", broad), ("flat", np.ones(len(wavelength))))
    ]
    for one in velocities(SpectrumSet.from_spectra(made)):
        assert one is not None
        assert one.failed
        assert one.reason


def test_beyond_what_is_tried_nothing_is_given():
    [one] = velocities(as_spectra(mocks(1), FASTEST + 60))
    assert one is None or one.failed


def test_a_spectrum_that_is_too_blunt_has_none():
    assert velocities(SpectrumSet.from_spectra([star(14, 30.0)])) == [None]


def test_the_wrong_medium_is_doubted():
    [spectrum] = as_spectra(mocks(1), 0.0)
    wrong = Spectrum(spectrum.wavelength, spectrum.flux, ivar=spectrum.ivar, lsf=spectrum.lsf, medium="air")
    [one] = velocities(SpectrumSet.from_spectra([wrong]))
    assert one is not None
    assert abs(one.value - MEDIUM) < 2
    assert is_doubtful(one, wrong.row["flags"])


def test_estimates_of_the_redshift_use_them():
    spectra = as_spectra(mocks(3), 55.0)
    for one in estimate_redshifts(spectra, 1, 0.68):
        assert one.confident
        assert abs(one.z * SPEED_OF_LIGHT - 55) < 2.5
        assert one.z_err * SPEED_OF_LIGHT < 2
