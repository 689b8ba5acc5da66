"""What labels depend on: gradients of the network, and lines beside the same windows elsewhere."""

from __future__ import annotations

import numpy as np

from spectrove.stars.grid import N_PIXELS, log_wavelength
from spectrove.stars.measuring import network
from spectrove.stars.network.model import LabelsEstimator
from spectrove.stars.network.saliency import enrichment, saliency
from spectrove.stars.velocity import templates


def test_a_line_that_decides_is_found_and_one_that_does_not_is_not():
    wavelength = 10 ** log_wavelength()
    values = np.random.default_rng(0).uniform(0.5, 1.5, N_PIXELS)
    values[(wavelength > 5160) & (wavelength < 5195)] *= 4
    yes = enrichment(values, wavelength, [(5160, 5195)])
    assert yes.ratio > 3
    assert yes.p_value < 0.01
    assert yes.chance < yes.ratio
    no = enrichment(values, wavelength, [(5880, 5900)])
    assert no.p_value > 0.05


def test_gradients_are_how_labels_change():
    """Of one star and one pixel, beside a small change of that pixel."""
    flux = 1 + templates().moved(0.0)[[13]]
    used = np.ones(flux.shape, bool)
    one = LabelsEstimator(network().recipe, network().members[:1], network().centre, network().spread)
    found = saliency(one, flux, used)
    assert found.shape == (3, N_PIXELS)
    pixel = int(found[0, 200:-200].argmax()) + 200
    theta = []
    for step in (-0.01, 0.01):
        changed = flux.copy()
        changed[0, pixel] += step
        theta.append(5040 / one(changed, used).value[0, 0])
    slope = abs(theta[1] - theta[0]) / 0.02 / one.spread[0]
    assert np.isclose(found[0, pixel], slope, rtol=0.15)
