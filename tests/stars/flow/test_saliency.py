"""Where the flow looks is where the synthesis changes."""

from __future__ import annotations

import numpy as np
import pytest
from tests.stars.giraffe import mocks

from spectrove.errors import ParameterError
from spectrove.stars.flow.estimator import shipped
from spectrove.stars.flow.saliency import agreement, sensitivities, true_derivatives
from spectrove.stars.labels import ELEMENTS, pixels


@pytest.fixture(scope="module")
def found():
    drawn = mocks(24)
    return drawn, sensitivities(shipped("flow_lte"), drawn.clean.numpy(), 0.02, ELEMENTS)


@pytest.mark.parametrize("element", ["al", "ni", "si"])
def test_the_flow_looks_for_an_element_where_it_changes_spectra(found, element):
    pytest.importorskip("numba")
    drawn, sensitivity = found
    one = agreement(sensitivity[element], true_derivatives(drawn.labels[:3], element))
    assert one.auc > 0.85
    assert one.auc > np.quantile(one.null, 0.995)
    assert one.p_value < 0.01
    assert one.concentration > 2


def test_random_sensitivities_agree_with_nothing():
    rng = np.random.default_rng(0)
    derivative = np.zeros(len(pixels()))
    derivative[rng.choice(len(derivative), 60, replace=False)] = 1.0
    one = agreement(rng.random(len(derivative)), derivative)
    assert abs(one.auc - 0.5) < 0.15
    assert one.p_value > 0.01


def test_perfect_sensitivities_agree_wholly():
    derivative = np.exp(-0.5 * ((np.arange(len(pixels())) - 1000) / 8) ** 2)
    assert agreement(derivative, derivative).auc == 1


def test_unknown_names_are_refused():
    with pytest.raises(ParameterError, match="zn"):
        true_derivatives(np.zeros((1, 11)), "zn")
    with pytest.raises(ParameterError, match="zn"):
        sensitivities(shipped("flow_lte"), np.ones((1, len(pixels()))), 0.02, ["zn"])
