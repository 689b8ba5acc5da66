"""What an instrument makes of mock stars: each effect alone, and their sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.errors import RecipeError, ShapeError
from spectrove.stars.labels import ASKED, ELEMENTS, LABELS, pixels
from spectrove.stars.mock import draw, draw_labels, draw_true, load_recipe, observe
from spectrove.stars.mock.observed import batches, shifted, solar_depths

QUIET = load_recipe().model_copy(
    update={"nuisances": load_recipe().nuisances.model_copy(update={"velocity": 0.0, "continuum": 0.0})}
)


def flat(n: int, depth: float = 0.0) -> torch.Tensor:
    return torch.full((n, len(pixels())), 1 - depth)


def labels(n: int) -> np.ndarray:
    return draw_labels(n, QUIET, np.random.default_rng(0))


def test_noise_is_that_of_the_signal_to_noise_in_a_pixel():
    found = observe(labels(20), flat(20), QUIET, 3, signal_to_noise=50)
    assert_allclose((found.flux - found.clean).std(), 1 / 50, rtol=0.01)
    assert_allclose(found.error, 0.02, rtol=1e-6)
    assert_allclose(found.clean, 1.0, rtol=1e-6)


def test_noise_of_another_size_is_the_same_noise():
    low, high = (observe(labels(3), flat(3), QUIET, 3, signal_to_noise=x) for x in (10, 100))
    assert_allclose(low.flux - low.clean, 10 * (high.flux - high.clean), atol=1e-5)


def test_signal_to_noise_is_drawn_within_the_limits_of_the_recipe():
    drawn = 1 / observe(labels(500), flat(500), QUIET, 3).error
    assert 8 <= drawn.min() < 9
    assert 140 < drawn.max() <= 150
    assert_allclose(np.median(drawn), np.sqrt(8 * 150), rtol=0.15)


@pytest.mark.parametrize("velocity", [0.4, -1.5, 10.0])
def test_a_star_that_recedes_is_redder(velocity):
    at = torch.from_numpy(pixels()).float()
    line = torch.exp(-0.5 * ((at - 8700) / 0.2) ** 2)[None]
    moved = shifted(line, torch.tensor([velocity]))
    expected = torch.exp(-0.5 * ((at - 8700 * (1 + velocity / 299_792.458)) / 0.2) ** 2)
    assert_allclose(moved[0], expected, atol=4e-3)


def test_a_continuum_is_off_by_half_a_percent_a_mode():
    recipe = load_recipe()
    found = observe(labels(400), flat(400), recipe, 1).clean
    assert_allclose(found.std(), 0.005 * np.sqrt(3 / 2), rtol=0.1)


def test_line_depths_that_are_off_leave_the_continuum_alone():
    recipe = QUIET.model_copy(update={"line_mismatch": 0.3})
    found = observe(labels(200), flat(200, 0.2), recipe, 1).clean
    logs = torch.log((1 - found) / 0.2)
    assert_allclose(logs.std(), 0.3, rtol=0.03)
    assert abs(float(logs.mean())) < 0.01
    near = np.corrcoef(logs[:, 1000], logs[:, 1002])[0, 1]
    far = np.corrcoef(logs[:, 1000], logs[:, 1020])[0, 1]
    assert near > 0.5 > 0.25 > abs(far)
    assert_allclose(observe(labels(2), flat(2), recipe, 1).clean, 1.0, atol=1e-6)


def test_the_suns_correction_is_that_of_hr10_alone():
    recipe = QUIET.model_copy(update={"solar_correction": True})
    found = (1 - observe(labels(1), flat(1, 0.2), recipe, 1).clean[0]) / 0.2
    assert_allclose(found, solar_depths(), atol=1e-5)
    blue = pixels() < 6000
    assert_allclose(found[~blue], 1.0, atol=1e-5)
    assert found[blue].std() > 0.1


def test_emulated_and_computed_mocks_are_of_the_same_stars():
    recipe = load_recipe("test")
    quick, true = draw(3, recipe, 7, signal_to_noise=100), draw_true(3, recipe, 7, signal_to_noise=100)
    assert_allclose(quick.labels, true.labels)
    assert_allclose(quick.velocity, true.velocity)
    assert_allclose(quick.flux, true.flux, atol=0.02)
    assert_allclose(quick.flux - quick.clean, true.flux - true.clean, atol=1e-6)


def test_batches_differ_and_repeat():
    recipe = load_recipe("train")
    first = [one for one, _ in zip(batches(recipe, 4), range(2), strict=False)]
    assert_allclose(next(batches(recipe, 4, first=1)).flux, first[1].flux)
    assert not np.isin(first[0].labels[:, 0], first[1].labels[:, 0]).any()


def test_training_and_test_share_no_star():
    train, test = (draw(50, load_recipe(x), 0).labels for x in ("train", "test"))
    assert not np.isin(train[:, 0], test[:, 0]).any()


def test_spectra_of_other_pixels_are_refused():
    with pytest.raises(ShapeError, match="expected \\(2, 7850\\)"):
        observe(labels(2), torch.ones(2, 100), QUIET, 0)


def test_stars_are_those_of_the_recipe():
    """Dwarfs and giants, 4,000 to 6,700 K, metals and elements within the limits, alpha that rises as iron falls."""
    drawn = dict(zip(LABELS, draw_labels(5000, load_recipe(), np.random.default_rng(1)).T, strict=True))
    assert set(ASKED) < set(drawn)
    assert 4000 <= drawn["teff"].min() < drawn["teff"].max() <= 6700
    assert -2.3 <= drawn["fe_h"].min() < drawn["fe_h"].max() <= 0.5
    assert 0.35 < np.mean(drawn["logg"] < 3.5) < 0.6
    poor = drawn["fe_h"] < -1
    assert drawn["mg"][poor].mean() > drawn["mg"][drawn["fe_h"] > 0].mean() + 0.25
    assert all(0.06 < drawn[x][~poor].std() < 0.2 for x in ELEMENTS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "colour"),
        ("[metals.scatter]\nxx = 0.1", "xx"),
        ("[nuisances]\nvelocity = -1", "velocity"),
        ("[nuisances", "readable"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused_by_key(text, said, tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        load_recipe(path)


def test_a_recipe_needs_only_what_differs(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text("[nuisances]\nvelocity = 2.0")
    found = load_recipe(path)
    assert found.nuisances.velocity == 2.0
    assert found.metals == load_recipe().metals
