"""The Paschen series: where it lies, how strong and how wide it is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.pixels.air import air_to_vacuum
from spectrove.stars.synthesis.hydrogen_lines import _FAR, _NODES, _holtsmark, _profile, paschen_wavelength


def test_lines_lie_where_nist_has_them():
    """P17, P14, P12 and P11 in air."""
    found = [paschen_wavelength(n) for n in (17, 14, 12, 11)]
    assert_allclose(found, air_to_vacuum(np.array([8467.26, 8598.39, 8750.46, 8862.79])), atol=0.02)


def test_fields_of_holtsmark_have_their_mean_and_their_tail():
    """Probability one; its maximum at 1.607; for strong fields 1.496 b^-5/2, that of the nearest neighbour."""
    field, probability = _holtsmark()
    assert_allclose(np.trapezoid(probability, field), 1.0, atol=0.003)
    assert_allclose(field[np.argmax(probability)], 1.607, atol=0.02)
    assert_allclose(probability[-1], 1.496 * field[-1] ** -2.5, rtol=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_a_profile_is_one_over_both_sides(share):
    nodes = _FAR * np.linspace(0, 1, _NODES) ** 2
    profile = _profile(np.array([share]))[0]
    tail = profile[-1] * _FAR / 1.5
    assert_allclose(2 * (np.trapezoid(profile, nodes) + tail), 1.0, atol=0.02)


def test_a_profile_without_fields_is_gaussian():
    nodes = _FAR * np.linspace(0, 1, _NODES) ** 2
    profile = _profile(np.array([1.0]))[0]
    assert_allclose(profile, np.exp(-(nodes**2)) / np.sqrt(np.pi), atol=0.01)
