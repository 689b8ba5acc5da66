"""Model atmospheres: what hydrostatics asks of them, and what they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.stars.synthesis.atmosphere import LIMITS, model_atmosphere
from spectrove.stars.synthesis.star import Star

STARS = [(5777, 4.44, 0.0, 0.0), (4200, 1.5, -0.3, 0.1), (6500, 4.0, -2.0, 0.4), (4500, 4.6, 0.3, 0.0)]


@pytest.mark.parametrize("parameters", STARS)
def test_the_gas_carries_what_lies_above_it(parameters):
    """P = g m; the networks learned each column on its own and give it to 6%; e^ in place of 10^ would not."""
    model = model_atmosphere(*parameters)
    assert_allclose(model.gas_pressure, 10 ** parameters[1] * model.column_mass, rtol=0.06)


@pytest.mark.parametrize("parameters", STARS)
def test_layers_follow_one_another(parameters):
    """Masses rise inwards, and temperatures do below the outermost layers, but for 3 K of what networks leave."""
    model = model_atmosphere(*parameters)
    assert np.all(np.diff(model.column_mass) > 0)
    assert np.all(np.diff(model.temperature[20:]) > -3)
    assert np.all(model.electron_density > 0)


def test_the_surface_of_the_sun_has_its_effective_temperature():
    """Where T is 5777 K, the optical depth is near 2/3: 3.5 g / cm2 lie above."""
    model = model_atmosphere(5777, 4.44, 0.0)
    assert 2.5 < np.interp(5777, model.temperature, model.column_mass) < 4.0


@pytest.mark.parametrize(("at", "name"), list(enumerate(LIMITS)))
def test_a_star_outside_of_the_models_is_refused_by_name(at, name):
    values = [5000.0, 3.0, 0.0, 0.0]
    values[at] = LIMITS[name][1] + 0.01
    with pytest.raises(ParameterError, match=name):
        model_atmosphere(*values)


def test_the_alpha_of_an_atmosphere_is_the_mean_of_its_elements():
    star = Star(5000, 3.0, -1.0, 1.0, alpha_fe=0.3, x_fe={"Mg": 0.5, "Ni": -0.1})
    assert_allclose(star.atmosphere_alpha, (0.5 + 3 * 0.3) / 4)


def test_motions_that_cannot_be_are_refused():
    with pytest.raises(ParameterError, match="microturbulence is -1"):
        Star(5000, 3.0, 0.0, -1.0)
