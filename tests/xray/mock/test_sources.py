"""Mock sources: their truth is true of the photons, and of the counts that are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import RecipeError
from spectrove.xray.mock import CLASSES, GRID, draw, instruments, load_recipe, observe
from spectrove.xray.mock.recipe import MODELS
from spectrove.xray.models.flux import energy_flux


@pytest.fixture(scope="module")
def sources():
    return draw(600, load_recipe("train"), 3)


@pytest.fixture(scope="module")
def seen(sources):
    recipe = load_recipe("train")
    return list(observe(sources, recipe, 3, instruments("own", recipe.responses)))


def test_a_survey_has_every_class_in_its_share(sources):
    names, counts = np.unique(sources.truth["class"], return_counts=True)
    assert set(names) == set(CLASSES)
    assert abs(counts - len(sources) / 8).max() <= 2


def test_a_longer_survey_begins_with_a_shorter_one(sources):
    shorter = draw(40, load_recipe("train"), 3)
    assert_array_equal(shorter.photons, sources.photons[:40])
    assert_array_equal(shorter.truth["nh"], sources.truth["nh"][:40])


def test_seeds_and_recipes_make_other_sources(sources):
    for other in (draw(600, load_recipe("train"), 4), draw(600, load_recipe("test"), 3)):
        assert not np.intersect1d(other.truth["flux"], sources.truth["flux"]).size


def test_the_flux_and_the_ratios_of_the_truth_are_those_of_the_photons(sources):
    fluxes = [energy_flux(GRID, sources.photons, a, b) for a, b in ((0.5, 1.2), (1.2, 2.0), (2.0, 7.0))]
    assert_allclose(sources.truth["flux"], sum(fluxes), rtol=1e-4)
    assert_allclose(sources.truth["hr_hs"], (fluxes[2] - fluxes[0]) / (fluxes[2] + fluxes[0]), atol=1e-4)


def test_numbers_are_unknown_where_the_model_has_none(sources):
    plasma = sources.truth["model"] == "two_plasmas"
    assert np.isnan(sources.truth["gamma"][plasma]).all()
    assert np.isfinite(sources.truth["kt"][plasma]).all()
    slab = sources.truth["model"] == "reflected"
    assert np.isnan(sources.truth["kt"][slab]).all()
    assert (sources.truth["z"][slab] > 0).all()
    assert set(sources.truth["model"]) <= set(MODELS)


def test_expected_counts_are_those_of_the_exact_fold(sources, seen):
    """The matrix on the coarse grid against the response itself, on photons spread evenly over its energies."""
    one = seen[0]
    response, photons = one.instrument.response, sources.photons[one.index[0]].astype(float)
    fine = np.interp(response.energy, GRID, np.concatenate([[0], np.cumsum(photons)]))
    exact = response.fold(np.diff(fine))
    assert_allclose(photons @ one.instrument.fold, exact, atol=2e-4 * exact.max())


def test_counts_scatter_about_source_and_background_as_poisson_numbers_do(seen):
    """Chi squared of all sums, one a source."""
    pull = []
    for one in seen:
        behind = one.scale * one.background[:, one.instrument.broad].sum(axis=1)
        found = one.counts[:, one.instrument.broad].sum(axis=1)
        variance = one.expected + behind + one.scale * behind + 1e-9
        pull.append(((found - one.expected - behind) / np.sqrt(variance))[one.expected > 20])
    pull = np.concatenate(pull)
    assert len(pull) > 400
    assert abs(pull.mean()) < 0.15
    assert 0.85 < pull.std() < 1.15


def test_each_source_is_seen_once(seen, sources):
    assert_array_equal(np.sort(np.concatenate([one.index for one in seen])), np.arange(len(sources)))


def test_train_and_test_share_no_response():
    used = {half: {one.name for one in instruments("own", half)} for half in ("even", "odd", "all")}
    assert not used["even"] & used["odd"]
    assert used["even"] | used["odd"] == used["all"]


def test_a_recipe_with_an_unknown_class_is_refused(tmp_path):
    (tmp_path / "r.toml").write_text("[shares]\nPULSAR = 1.0\n")
    with pytest.raises(RecipeError, match="PULSAR"):
        load_recipe(tmp_path / "r.toml")
