"""Rotation, large motions and the instrument."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.stars.synthesis.broadening import broaden

AT = np.arange(5990.0, 6010.0, 0.02)
LINE = 1 - 0.6 * np.exp(-0.5 * ((AT - 6000) / 0.05) ** 2)


@pytest.mark.parametrize(
    "how", [{"gaussian": 6.0}, {"rotation": 20.0}, {"resolution": 2e4}, {"rotation": 8.0, "gaussian": 3.0}]
)
def test_broadening_keeps_the_equivalent_width(how):
    found = broaden(AT, LINE, **how)
    assert_allclose((1 - found).sum(), (1 - LINE).sum(), rtol=1e-3)
    assert found.min() > LINE.min()


def test_a_resolution_is_a_full_width_at_half_maximum():
    narrow = 1 - 0.01 * (np.abs(AT - 6000) < 0.011)
    depth = 1 - broaden(AT, narrow, resolution=20_000)
    inside = AT[depth > depth.max() / 2]
    assert_allclose(len(inside) * 0.02, 6000 / 20_000, atol=0.025)


def test_rotation_reaches_as_far_as_the_equator_moves():
    narrow = 1 - 0.01 * (np.abs(AT - 6000) < 0.011)
    depth = 1 - broaden(AT, narrow, rotation=50.0)
    inside = AT[depth > 1e-3 * depth.max()]
    assert_allclose((inside[-1] - inside[0]) / 2, 6000 * 50 / 2.99792458e5, atol=0.03)


def test_nothing_is_broadened_unless_asked():
    assert_allclose(broaden(AT, LINE), LINE)


@pytest.mark.parametrize(
    "how", [{"gaussian": -1.0}, {"rotation": -1.0}, {"resolution": 0.0}, {"gaussian": 0.1}]
)
def test_a_width_that_cannot_be_or_is_lost_in_a_pixel_is_refused(how):
    with pytest.raises(ParameterError, match="broadening"):
        broaden(AT, LINE, **how)
