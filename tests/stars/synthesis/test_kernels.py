"""The compiled loops against closed forms and other programs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.special import wofz

from spectrove.stars.synthesis.kernels import add_lines, add_profiles, convolved, emergent_flux, voigt


@pytest.mark.parametrize("a", [0.0, 1e-4, 0.01, 0.0999, 0.1001, 0.5, 2.0, 20.0])
def test_voigt_is_the_faddeeva_function(a):
    v = np.concatenate([np.linspace(0, 8, 801), np.geomspace(8, 1e4, 50)])
    found = np.array([voigt(a, x) for x in v])
    exact = wofz(v + 1j * a).real
    assert_allclose(found, exact, rtol=4e-4, atol=3e-6)


def _flux(source: np.ndarray, depth: np.ndarray) -> float:
    nodes = np.ones((2, len(depth)))
    both = np.stack([source, source])
    node, part = np.zeros(2, np.int64), np.zeros(2)
    return emergent_flux(nodes, both, depth, node, part, np.zeros((len(depth), 2)))[0]


def test_a_source_that_grows_with_depth_shines_as_eddington_says():
    """S = a + b tau: the flux over pi is a + 2 b / 3."""
    depth = np.concatenate([[0.0], np.geomspace(1e-5, 40, 200)])
    assert_allclose(_flux(1.5 + 2.0 * depth, depth), 1.5 + 2 * 2 / 3, rtol=2e-4)


def test_layers_of_one_temperature_show_no_lines():
    depth = np.geomspace(1e-4, 40, 60)
    lines = np.random.default_rng(0).uniform(0, 100, (60, 5))
    nodes = np.ones((2, 60))
    found = emergent_flux(nodes, 3 * nodes, depth, np.zeros(5, np.int64), np.zeros(5), lines)
    assert_allclose(found, 3.0, rtol=1e-12)


def test_a_line_is_its_strength_times_voigt_as_far_as_it_matters():
    at = np.arange(-5, 5, 0.01) + 6000
    opacity = np.zeros((1, len(at)))
    one = np.ones((1, 1))
    add_lines(opacity, at, np.array([6000.0]), 2 * one, 0.1 * one, 0.05 * one, 1e-3 * one)
    exact = 2 * wofz((at - 6000) / 0.1 + 0.05j).real
    followed = opacity[0] > 0
    assert_allclose(opacity[0][followed], exact[followed], rtol=4e-4, atol=3e-6)
    assert exact[~followed].max() < 1.1e-3


def test_a_profile_in_a_table_is_followed_into_its_wings():
    nodes = 40 * np.linspace(0, 1, 400) ** 2
    table = 1 / (1 + nodes**2.5)
    at = np.arange(5800, 6200, 0.05)
    opacity = np.zeros((1, len(at)))
    add_profiles(opacity, at, 6000.0, np.array([3.0]), np.array([2.0]), table[None], 40.0, np.array([1e-5]))
    assert_allclose(opacity[0], 3 / (1 + (np.abs(at - 6000) / 2) ** 2.5), rtol=2e-3)


def test_a_convolution_of_a_gaussian_is_a_wider_one():
    """On a grid of two ranges with a gap, at places between its pixels."""
    at = np.concatenate([np.arange(5990, 6005, 0.02), np.arange(6100, 6110, 0.02)])
    width = 6000 * 5 / 2.99792458e5
    flux = np.exp(-0.5 * ((at - 6000) / width) ** 2)
    velocity = np.arange(0, 40, 0.1)
    kernel = np.exp(-0.5 * (velocity / 7) ** 2)
    kernel[-1] = 0
    wanted = np.array([5999.813, 6000.0, 6000.117])
    total = np.hypot(5, 7)
    wider = 6000 * total / 2.99792458e5
    expected = 5 / total * np.exp(-0.5 * ((wanted - 6000) / wider) ** 2)
    assert_allclose(convolved(at, flux, wanted, kernel, 0.1), expected, rtol=2e-3)


def test_without_numba_a_sentence_says_what_to_install_and_mocks_are_drawn_all_the_same():
    code = """
import sys
sys.modules["numba"] = None
from spectrove.errors import SpectroveError
from spectrove.stars.mock import draw, load_recipe
print(tuple(draw(2, load_recipe("test"), 0).flux.shape))
try:
    import spectrove.stars.synthesis.spectrum
except SpectroveError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shape, said = done.stdout.strip().splitlines()
    assert shape == "(2, 7850)"
    assert "pip install 'spectrove[stars]'" in said
