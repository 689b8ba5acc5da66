"""Fits of galaxies whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from spectrove.errors import ParameterError, Refusal
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.bound import best_model, bounds
from spectrove.sed.catalog import Fit, fit, fit_all
from spectrove.sed.engine import Engine
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement, residuals
from spectrove.sed.posterior import edges, posterior
from spectrove.sed.zeropoints import corrected, zero_points


def mock(engine, rng, z, snr=20.0, limits=0):
    """A galaxy of a model of the engine's grid, with noise."""
    models = engine.at(z)
    place = int(rng.integers(models.shape[0])), int(rng.integers(models.shape[1]))
    flux = 3e10 * models.flux(*place)
    error = flux / snr
    seen = flux + rng.normal(size=flux.size) * error
    galaxy = Photometry("mock", z, seen, error)
    if limits:
        seen, error = seen.copy(), error.copy()
        seen[:limits] = flux[:limits] * 1.5
        error[:limits] = -flux[:limits] / 3
        galaxy = Photometry("mock", z, seen, error)
    return galaxy, place, np.log10(3e10 * models.surviving[place])


def test_chi2_is_the_sum_of_its_parts(engine):
    """By hand: measured bands at the best scale, and the probability to stay below a limit."""
    galaxy, _, _ = mock(engine, np.random.default_rng(1), 0.5, limits=2)
    models = engine.at(0.5)
    found = agreement(models, galaxy, 0.1)
    for place in ((0, 0), (20, 30), (40, 11)):
        model = models.flux(*place)
        sigma = np.hypot(abs(galaxy.error), 0.1 * galaxy.flux)
        m = slice(2, None)
        scale = (galaxy.flux[m] * model[m] / sigma[m] ** 2).sum() / (model[m] ** 2 / sigma[m] ** 2).sum()
        chi2 = ((galaxy.flux[m] - scale * model[m]) ** 2 / sigma[m] ** 2).sum()
        chi2 += -2 * norm.logcdf((galaxy.flux[:2] - scale * model[:2]) / sigma[:2]).sum()
        assert_allclose(found.chi2[place], chi2, rtol=1e-4, atol=1e-3)
        assert_allclose(found.scale[place], scale, rtol=1e-5)
        assert_allclose(residuals(models, galaxy, place, 0.1)[0], chi2, rtol=1e-6)


def test_a_limit_far_below_the_model_is_finite():
    """The logarithm of a probability that underflows."""
    from scipy.special import log_ndtr

    assert np.isfinite(log_ndtr(-500.0))


def test_a_limit_counts_against_models_that_are_too_bright(engine):
    galaxy, place, _ = mock(engine, np.random.default_rng(3), 0.5)
    models = engine.at(0.5)
    low = Photometry(
        "a",
        0.5,
        np.where(np.arange(8) == 0, galaxy.flux * 0.01, galaxy.flux),
        galaxy.error * np.where(np.arange(8) == 0, -0.01, 1),
    )
    without = Photometry("a", 0.5, np.where(np.arange(8) == 0, np.nan, galaxy.flux), galaxy.error)
    assert agreement(models, low).chi2[place] > agreement(models, without).chi2[place] + 100


def test_a_full_scale_is_where_chi2_of_bands_and_limits_is_least(engine):
    """Against a minimiser over the scale, for limits that models exceed and others that they do not reach."""
    galaxy, _, _ = mock(engine, np.random.default_rng(1), 0.5, limits=3)
    tight = np.where(np.arange(8) < 2, 0.4, 1.0)
    galaxy = Photometry("a", 0.5, galaxy.flux * tight, galaxy.error * tight)
    models = engine.at(0.5)
    plain, full = (agreement(models, galaxy, 0.1, scale=s) for s in ("measured", "full"))
    assert (full.chi2 <= plain.chi2 + 1e-2).all()
    sigma = galaxy.sigma(0.1)
    for place in ((0, 0), (7, 3), (20, 30), (40, 11)):
        model = models.flux(*place)

        def chi2(log_mass):
            apart = (galaxy.flux - 10**log_mass * model) / sigma  # noqa: B023
            return (apart[3:] ** 2).sum() - 2 * norm.logcdf(apart[:3]).sum()

        best = minimize_scalar(chi2, (8, 12), tol=1e-10)
        assert_allclose(full.chi2[place], best.fun, rtol=1e-4, atol=1e-2)
        assert_allclose(np.log10(full.scale[place]), best.x, atol=1e-4)
        assert_allclose(residuals(models, galaxy, place, 0.1, "full")[:2], [best.fun, 10**best.x], rtol=1e-4)
        h = 1e-3
        bend = (chi2(best.x + h) + chi2(best.x - h) - 2 * best.fun) / h**2 / 2 / np.log(10) ** 2
        assert_allclose(full.weight[place], bend, rtol=2e-3)
    assert_allclose(best_model(models, galaxy, 0.1, "full").chi2, full.chi2.min(), rtol=1e-4, atol=1e-3)


def test_without_limits_both_scales_are_one(engine):
    galaxy, _, _ = mock(engine, np.random.default_rng(2), 0.5)
    one, other = (agreement(engine.at(0.5), galaxy, scale=s) for s in ("measured", "full"))
    assert_allclose(one.chi2, other.chi2)
    assert_allclose(one.scale, other.scale)
    with pytest.raises(ParameterError, match="scale half: expected measured or full"):
        agreement(engine.at(0.5), galaxy, scale="half")


@pytest.mark.parametrize("limits", [0, 2])
def test_branch_and_bound_finds_what_looking_at_all_finds(engine, limits):
    rng = np.random.default_rng(5)
    shares = []
    for z in (0.1, 0.4, 0.9, 2.0):
        for _ in range(4):
            galaxy, _, _ = mock(engine, rng, z, limits=limits)
            models = engine.at(z)
            found = best_model(models, galaxy)
            all_of_them = agreement(models, galaxy)
            assert_allclose(found.chi2, all_of_them.chi2.min(), rtol=1e-4, atol=1e-3)
            assert np.all(bounds(models, galaxy) <= all_of_them.chi2.min(1) + 1e-2)
            shares.append(found.looked_at)
    assert np.mean(shares) < 0.95


def test_results_do_not_depend_on_chunks(engine):
    galaxy, _, _ = mock(engine, np.random.default_rng(6), 0.7, limits=1)
    models = engine.at(0.7)
    one, other = (posterior(models, agreement(models, galaxy, chunk=c)) for c in (1, 10**9))
    for name, known in one.quantities.items():
        assert_allclose(other.quantities[name].mean, known.mean, rtol=1e-6, atol=1e-6)
        assert_allclose(other.quantities[name].error, known.error, rtol=1e-5, atol=1e-6)


def test_errors_are_as_large_as_they_say(engine):
    """300 galaxies drawn from the prior of the grid: 68% lie within one sigma, 95% within two (binomial +-.03)."""
    rng = np.random.default_rng(7)
    models = engine.at(0.6)
    prior = (models.blocks.prior[:, None] * models.prior).ravel()
    inside, twice, off = 0, 0, []
    for draw in rng.choice(prior.size, 300, p=prior):
        place = np.unravel_index(draw, models.shape)
        flux = models.flux(*place) * 1e10
        seen = flux * (1 + 0.1 * rng.normal(size=8))
        known = posterior(models, agreement(models, Photometry("a", 0.6, seen, 0.1 * flux), 0.0)).quantities[
            "log_mass"
        ]
        truth = 10 + np.log10(models.surviving[place])
        inside += abs(known.mean - truth) < known.error
        twice += abs(known.mean - truth) < 2 * known.error
        off.append(known.mean - truth)
    assert 0.60 < inside / 300 < 0.78
    assert 0.92 < twice / 300 <= 1
    assert abs(np.mean(off)) < 3 * np.std(off) / np.sqrt(300)


def test_errors_are_widened_where_no_model_fits(engine):
    """As if the errors of the photometry were larger by the factor that makes the best chi2 the number of bands."""
    galaxy, _, _ = mock(engine, np.random.default_rng(3), 0.5)
    bent = Photometry("a", 0.5, galaxy.flux * (1 + 0.2 * (-1.0) ** np.arange(8)), galaxy.error)
    models = engine.at(0.5)
    factor = float(np.sqrt(agreement(models, bent, 0.0).chi2.min() / 8))
    assert factor > 1.5
    found = fit(engine, bent, 0.0)
    larger = fit(engine, Photometry("a", 0.5, bent.flux, bent.error * factor), 0.0)
    assert_allclose([found.widening, larger.widening], [factor, 1], rtol=1e-4)
    for name, known in found.quantities.items():
        same = larger.quantities[name]
        assert_allclose([known.mean, known.error], [same.mean, same.error], rtol=1e-3, atol=1e-3)
    assert fit(engine, galaxy, 0.1).widening == 1.0
    assert_allclose(found.chi2, 8 * factor**2, rtol=1e-4)  # what is said of the best model is not widened


def test_a_scale_that_noise_leaves_open_widens_the_mass(engine):
    """One model alone: the error of its mass is that of its scale, 1 / S/N."""
    grid = Grid(DelayedBurst((1.0,), (3.0,), (0.0,)), (0.02,), (-3.0,), Calzetti((0.0,), (0.0,)))
    one = Engine(engine.populations, engine.filters, grid, engine.nebula, engine.dust)
    flux = one.at(0.5).flux(0, 0) * 1e10
    found = fit(one, Photometry("a", 0.5, flux, flux / 10), 0.0).quantities["log_mass"]
    expected = 1 / np.log(10) / (10 * np.sqrt(8))
    assert_allclose([found.error, (found.high - found.low) / 2], expected, rtol=1e-3)
    assert_allclose(found.mean, 10 + np.log10(one.at(0.5).surviving[0, 0]), atol=1e-5)


def test_a_galaxy_at_the_end_of_the_grid_is_flagged(engine):
    models = engine.at(0.5)
    steep = np.flatnonzero(
        (models.blocks.parameters["ebv"] == 0.4) & (models.blocks.parameters["metallicity"] == 0.04)
    )[0]
    flagged = edges(engine.grid, models, (int(steep), 0))
    assert "ebv high" in flagged
    assert "metallicity high" in flagged
    dustless = np.flatnonzero(models.blocks.parameters["ebv"] == 0)[0]
    assert not [f for f in edges(engine.grid, models, (int(dustless), 0)) if f.startswith(("ebv", "slope"))]


def test_one_galaxy_and_a_catalog_are_the_same_path(engine):
    galaxies = [mock(engine, np.random.default_rng(i), 0.3 + 0.1 * i)[0] for i in range(3)]
    alone = [fit(engine, one).row() for one in galaxies]
    assert [one.row() for one in fit_all(engine, galaxies) if isinstance(one, Fit)] == alone


def test_a_galaxy_that_cannot_be_fitted_is_refused_and_the_rest_goes_on(engine):
    good = mock(engine, np.random.default_rng(0), 0.4)[0]
    dark = Photometry("dark", 0.4, -np.abs(good.flux), good.error)
    early = Photometry("early", 16.0, good.flux, good.error)
    found = list(fit_all(engine, [Refusal("x", "x: why"), dark, early, good]))
    assert [isinstance(one, Refusal) for one in found] == [True, True, True, False]
    assert "dark: no model above 0" in found[1].error
    assert "early: redshift 16: the universe is" in found[2].error


def test_zero_points_are_found_and_held_small(engine):
    """An offset of .1 mag in one band comes back in part: the prior shares it between band and models."""
    rng = np.random.default_rng(2)
    shift = np.zeros(8)
    shift[2] = 0.1
    galaxies = [corrected(mock(engine, rng, rng.uniform(0.2, 0.9), 30)[0], -shift) for _ in range(25)]
    found = zero_points(engine, galaxies, anchor=5)
    assert found[5] == 0
    assert 0.02 < found[2] < 0.1
    assert np.argmax(abs(found)) == 2
    with pytest.raises(ParameterError, match="Give more galaxies to --zero-points"):
        zero_points(engine, galaxies[:3], anchor=5)
