"""Mock stars as Gaia's BP sees them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.tokens.library import RECIPE, labels, source, spectra, tokens

from spectrove.readers.gaia.instrument import band
from spectrove.stars.tokens.mock import WAVELENGTH, absolute_g, extinction, fit_model, on_model_pixels
from spectrove.stars.tokens.training import observed, on_scale
from spectrove.stars.tokens.vocabulary import BP, N_BP, PARALLAX_G, PLACE, places


def test_a_model_of_spectra_gives_unseen_stars():
    model, kept = fit_model(spectra(labels()), labels(), RECIPE)
    unseen = labels(50, seed=7)
    truth = spectra(unseen, scatter=0.0)
    found = model(unseen, np.zeros((50, RECIPE.components)))
    off = np.log(found / truth)
    assert kept.all()
    assert np.median((off - off.mean(axis=1, keepdims=True)).std(axis=1)) < 0.02


def test_stars_that_the_model_does_not_explain_are_left_out():
    flux = spectra(labels())
    flux[5] *= np.exp(np.sin(WAVELENGTH / 200))
    model, kept = fit_model(flux, labels(), RECIPE)
    assert np.flatnonzero(~kept).tolist() == [5]
    assert model.residual(flux, labels())[5] > RECIPE.clip


def test_what_a_star_differs_by_comes_back_from_its_scores():
    flux = spectra(labels())
    model, _ = fit_model(flux, labels(), RECIPE)
    with_own = model(labels(), model.scores(flux, labels()))
    without = model(labels(), np.zeros((len(flux), RECIPE.components)))

    def off(found: np.ndarray) -> float:
        left = np.log(found / flux)
        return float((left - left.mean(axis=1, keepdims=True)).std())

    assert off(with_own) < 0.4 * off(without)


def test_reddening_moves_what_it_should():
    """E(B-V) .5 makes B-V redder by about .45 (filters are broad), and a star fainter by A(G)."""
    made = source()
    of = np.tile([5800.0, 4.4, 0.0, np.log10(0.005)], (2, 1))
    of[1, 3] = np.log10(0.505)
    found = made.tokens(of, np.zeros((2, RECIPE.components)))
    assert np.diff(found[:, PLACE["b_v"]])[0] == pytest.approx(0.45, abs=0.03)
    assert 5 * np.log10(found[1, PLACE[PARALLAX_G]] / found[0, PLACE[PARALLAX_G]]) == pytest.approx(
        0.5 * 3.1 * 0.86
    )
    blue = band("bp").detector(band("bp").position(np.array([450.0, 620.0])))[:N_BP]
    ratio = (found[:, :N_BP] @ blue)[:, 0] / (found[:, :N_BP] @ blue)[:, 1]
    law = extinction(np.array([4500.0, 6200.0]))
    assert -2.5 * np.log10(ratio[1] / ratio[0]) == pytest.approx(0.5 * (law[0] - law[1]), rel=0.1)


def test_the_sun_is_as_bright_as_it_is():
    assert absolute_g(np.array([[5772.0, 4.438, 0.0]]))[0] == pytest.approx(4.67, abs=0.03)
    giant, dwarf = absolute_g(np.array([[4800.0, 2.5, 0.0], [4800.0, 4.6, 0.0]]))
    assert giant == pytest.approx(0.5, abs=0.5)
    assert dwarf == pytest.approx(6.2, abs=0.5)


def test_pixels_are_means():
    fine = np.arange(3500.0, 7500.0, 1.0)
    found = on_model_pixels(fine, np.stack([fine, np.full_like(fine, 2.0)]))
    assert_allclose(found[0], WAVELENGTH, atol=0.6)
    assert_allclose(found[1], 2.0)


def test_noise_is_as_large_as_its_errors_say():
    made = tokens(3000)
    spread = on_scale(made).std(axis=0)
    value, error = observed(made, spread, RECIPE, np.random.default_rng(3))
    pull = (value - on_scale(made)) / error
    good = error[:, PLACE[PARALLAX_G]] < 0.05  # beyond, arcsinh bends
    assert_allclose(pull[:, : PLACE[PARALLAX_G]].std(axis=0), 1.0, atol=0.06)
    assert pull[good, PLACE[PARALLAX_G]].std() == pytest.approx(1.0, abs=0.06)
    norm = np.sqrt((made[:, places(BP)] ** 2).sum(axis=1))
    ratio = norm / error[:, 0]
    assert np.quantile(ratio, 0.02) > 0.5 * RECIPE.signal_to_noise[0]
    assert np.quantile(ratio, 0.98) < 2 * RECIPE.signal_to_noise[1]
