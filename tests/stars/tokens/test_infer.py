"""What users may ask of a network, and what they are told when they ask wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.tokens.library import tokens

from spectrove.errors import ParameterError, RecipeError
from spectrove.stars.tokens import infer
from spectrove.stars.tokens.infer import StarTokens
from spectrove.stars.tokens.recipe import TokensRecipe
from spectrove.stars.tokens.training import on_scale, train


@pytest.fixture(scope="module")
def asked() -> StarTokens:
    """Hardly trained: what is asked here is not how good it is."""
    made = tokens(500)
    network, _ = train(made, TokensRecipe(width=16, heads=2, batch=32, steps=15, wanted=(2, 3)))
    truth = on_scale(made)
    return StarTokens(network, truth.min(axis=0), truth.max(axis=0))


def test_stars_are_asked_one_by_one_as_together(asked: StarTokens):
    """With other quantities unknown of each; the answers are in the order of `wanted`."""
    known = {"b_v": ([0.6, np.nan, 1.1], 0.02), "g_r": ([0.4, 0.5, np.nan], [0.02, 0.03, 0.02])}
    together = asked.infer(known, ["teff", "logg"], object_id=["a", "b", "c"])
    assert together.object_id.tolist() == ["a", "b", "c"]
    alone = [
        asked.infer({"b_v": (0.6, 0.02), "g_r": (0.4, 0.02)}, ["logg", "teff"]),
        asked.infer({"g_r": (0.5, 0.03)}, ["logg", "teff"]),
        asked.infer({"b_v": (1.1, 0.02)}, ["logg", "teff"]),
    ]
    assert_allclose(together.mean, [one.mean[0, ::-1] for one in alone], rtol=1e-4)
    assert_allclose(
        np.diagonal(together.covariance, axis1=1, axis2=2),
        [np.diag(one.covariance[0])[::-1] for one in alone],
        rtol=1e-3,
    )


def test_a_star_of_which_nothing_is_known_is_refused(asked: StarTokens):
    found = asked.infer({"b_v": ([np.nan, 0.6], 0.02)}, ["teff"], object_id=["dark", "star"])
    assert found.object_id.tolist() == ["star"]
    assert found.refusals[0].error.startswith("dark: nothing is known of it, expected one of b_v")


def test_distance_is_parallax_and_magnitude_together(asked: StarTokens):
    """A star twice as far and as much fainter is the same star; its parallax, asked for, is half."""
    near = {"parallax": (10.0, 0.1), "g_mag": (10.0, 1e-3)}
    far = {"parallax": (5.0, 0.05), "g_mag": (10.0 + 5 * np.log10(2), 1e-3)}
    assert_allclose(asked.infer(near, ["teff"]).mean, asked.infer(far, ["teff"]).mean, rtol=1e-5)
    colour = {"b_v": (0.6, 0.02)}
    one, two = (
        asked.infer(colour | {"g_mag": (g, 0.01)}, ["parallax"]) for g in (10.0, 10.0 + 5 * np.log10(2))
    )
    assert_allclose(one.mean, 2 * two.mean, rtol=1e-5)
    assert_allclose(one.covariance, 4 * two.covariance, rtol=1e-5)


@pytest.mark.parametrize(
    ("known", "wanted", "said"),
    [
        ({"colour": (1, 1)}, ["teff"], "colour: no quantity that the network knows, expected some of bp_1"),
        ({"b_v": (0.6, 0.02)}, ["g_mag"], "g_mag: no quantity that the network knows of a star whose distance"),
        ({}, ["teff"], "nothing known or nothing wanted"),
        ({"b_v": (0.6, 0.0)}, ["teff"], "b_v: 1 of 1 values have no error above zero"),
        ({"b_v": (0.6, np.nan)}, ["teff"], "b_v: 1 of 1 values have no error above zero"),
        ({"b_v": ([0.6, 0.7], 0.1), "g_r": ([1, 2, 3], 0.1)}, ["teff"], "b_v: not as many values as other quantities"),
        ({"b_v": ("red", 0.1)}, ["teff"], "b_v: expected a pair of numbers or arrays"),
        ({"b_v": ([0.6, 0.7], [0.1, 0.1, 0.1])}, ["teff"], r"b_v: values of shape \(2,\) and errors of shape \(3,\)"),
        ({"parallax": (5, 0.1)}, ["teff"], "say something of a star together only"),
        ({"g_mag": (5, 0.1)}, ["teff"], "say something of a star together only"),
        ({"b_v": (0.6, 0.1)}, ["parallax"], "parallax is wanted and g_mag unknown"),
        ({"teff": (-5, 100)}, ["logg"], "teff: 1 of 1 values are not above zero"),
    ],
)  # fmt: skip
def test_wrong_questions_are_refused(asked: StarTokens, known: dict, wanted: list[str], said: str):
    with pytest.raises(ParameterError, match=said):
        asked.infer(known, wanted)


def test_a_value_beyond_all_stars_is_flagged(asked: StarTokens):
    """Unless its error reaches back to them."""
    found = asked.infer({"b_v": ([0.6, 6.0, 6.0], [0.02, 0.02, 3.0])}, ["teff"])
    assert list(found.flags) == [(), ("outside_labels",), ()]
    assert found.doubts == {"outside_labels"}


def test_a_vector_of_a_star_depends_on_what_is_known_alone(asked: StarTokens):
    value = np.full((2, len(asked.low)), np.nan)
    error = value.copy()
    value[:, 40], error[:, 40] = [0.6, 0.9], 0.02
    value[0, 41], error[0, 41] = 0.5, 0.02
    both = asked.embed(value, error)
    assert both.shape == (2, 16)
    assert_allclose(asked.embed(value[1:], error[1:]), both[1:], atol=1e-5)
    assert abs(both[0] - both[1]).max() > 1e-3


def test_a_network_is_the_same_from_its_file(asked: StarTokens, tmp_path: Path, monkeypatch):
    asked.save(tmp_path / "tokens.safetensors", {"credit": "a test"})
    again = StarTokens.load(tmp_path / "tokens.safetensors")
    known = {"b_v": ([0.6, 9.0], 0.02)}
    one, other = asked.infer(known, ["teff"]), again.infer(known, ["teff"])
    assert_allclose(one.mean, other.mean, rtol=5e-3)  # half precision
    assert one.flags == other.flags
    monkeypatch.setattr(infer, "NAMES", infer.NAMES[:-1])
    with pytest.raises(RecipeError, match="a network of other tokens than the 46 of this version"):
        StarTokens.load(tmp_path / "tokens.safetensors")
