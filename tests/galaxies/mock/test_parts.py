"""Pieces of a mock galaxy against hand calculations."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.galaxies.lines import BPT_CLASSES, LINE, bpt_class
from spectrove.galaxies.mock import load_recipe
from spectrove.galaxies.mock.dust import balmer_reddening, calzetti, cardelli
from spectrove.galaxies.mock.emission import draw_lines, draw_ratios, paint_lines
from spectrove.galaxies.mock.galaxies import draw_populations
from spectrove.galaxies.mock.noise import draw_exposure, flux_for_sn, observe, variance


@pytest.mark.parametrize("name", BPT_CLASSES)
def test_drawn_ratios_lie_in_their_class(name):
    rng = np.random.default_rng(1)
    ratios = [draw_ratios(name, rng, 0.1) for _ in range(50)]
    assert {str(bpt_class(r.log_nii_ha, r.log_oiii_hb)) for r in ratios} == {name}


def test_lines_carry_the_ratios_they_were_drawn_with():
    rng = np.random.default_rng(2)
    ratios = draw_ratios("SF", rng)
    lines = draw_lines("SF", ratios, 60.0, rng)
    flux = dict(zip(lines.keys, lines.relative, strict=True))
    assert np.log10(flux["nii"] / flux["ha"]) == pytest.approx(ratios.log_nii_ha)
    assert np.log10(flux["oiii"] / flux["hb"]) == pytest.approx(ratios.log_oiii_hb)
    assert np.log10((flux["sii_6716"] + flux["sii_6731"]) / flux["ha"]) == pytest.approx(ratios.log_sii_ha)
    assert flux["hb"] > flux["hg"] > flux["hd"]


def test_painted_lines_hold_their_flux_and_width():
    wavelength = np.arange(6000.0, 7000.0, 0.5)
    lsf = np.full(len(wavelength), 1.2)
    flux = paint_lines(wavelength, lsf, np.array([6500.0]), np.array([42.0]), 100.0)
    mean = np.sum(flux * wavelength) / flux.sum()
    sigma = np.sqrt(np.sum(flux * (wavelength - mean) ** 2) / flux.sum())
    assert flux.sum() * 0.5 == pytest.approx(42, rel=1e-6)
    assert mean == pytest.approx(6500, abs=1e-3)
    assert sigma == pytest.approx(np.hypot(1.2, 6500 * 100 / 299792.458), rel=1e-3)


def test_lines_outside_the_grid_paint_nothing():
    wavelength = np.arange(6000.0, 7000.0)
    assert not paint_lines(wavelength, wavelength * 0 + 1, np.array([9000.0]), np.array([1.0]), 50.0).any()


def test_attenuation_curves_meet_their_definition():
    """k(B) - k(V) is one by definition of E(B-V); R_V is k(V)."""
    for curve, r in ((calzetti, 4.05), (cardelli, 3.1)):
        b, v = curve(np.array([4400.0, 5500.0]))
        assert b - v == pytest.approx(1, abs=0.06)
        assert v == pytest.approx(r, abs=0.06)


def test_reddening_and_balmer_decrement_undo_each_other():
    """A decrement reddened by E(B-V) = 0.3 with Calzetti's curve says 0.3."""
    k = calzetti([LINE["ha"].wavelength, LINE["hb"].wavelength])
    reddened = np.log10(2.86) - 0.4 * 0.3 * (k[0] - k[1])
    assert balmer_reddening(reddened) == pytest.approx(0.3, rel=0.02)
    assert balmer_reddening(0.3) == 0


def test_light_shares_sum_to_one():
    light = draw_populations(0.4, 0.3, 0.0, "all", np.random.default_rng(3))
    assert light.sum() == pytest.approx(1, abs=1e-5)
    assert light.min() >= 0


def test_flux_for_a_signal_to_noise_gives_it():
    exposure = draw_exposure(np.random.default_rng(4))
    level = flux_for_sn(exposure, 30.0)
    flux = np.full(len(exposure.loglam), level)
    near = np.abs(exposure.wavelength - 6250) < 20
    assert np.median((flux / np.sqrt(variance(exposure, flux)))[near]) == pytest.approx(30, rel=0.1)


def test_noise_is_what_the_inverse_variance_says():
    """Without nuisances, flux minus truth over its error scatters by one."""
    noise = load_recipe().noise.model_copy(
        update={
            "sky_residual": 0.0,
            "calibration": 0.0,
            "cosmics": 0.0,
            "overstated": 0.0,
            "correlation": 0.0,
        }
    )
    rng = np.random.default_rng(5)
    exposure = draw_exposure(rng)
    truth = np.full(len(exposure.loglam), 50.0)
    seen = observe(truth, exposure, noise, rng)
    away = (
        (seen.ivar > 0)
        & (np.abs(exposure.wavelength - 7625) > 150)
        & (np.abs(exposure.wavelength - 6885) > 90)
    )
    pull = (seen.flux - truth)[away] * np.sqrt(seen.ivar[away])
    assert pull.std() == pytest.approx(1, abs=0.05)
    assert abs(pull.mean()) < 0.06
