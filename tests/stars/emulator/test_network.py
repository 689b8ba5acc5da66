"""The shipped emulator beside spectra that are computed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError, ShapeError
from spectrove.stars.emulator.network import WEIGHTS, load_emulator, predict
from spectrove.stars.labels import LABELS, lte_spectra, lte_spectrum
from spectrove.stars.mock import draw_labels, load_recipe


def test_the_emulator_gives_what_is_computed():
    """Twelve stars of the test recipe, which it never learned; the spectra themselves spread by .05."""
    labels = draw_labels(12, load_recipe("test"), np.random.default_rng(5))
    off = np.sqrt(np.mean((predict(labels) - lte_spectra(labels)) ** 2, axis=1))
    assert np.median(off) < 6e-4
    assert off.max() < 3e-3


@pytest.mark.parametrize(("name", "step"), [("fe_h", 0.05), ("teff", 50.0), ("mg", 0.05), ("logg", 0.1)])
def test_its_derivatives_are_those_of_the_synthesis(name, step):
    row = np.array([5200, 4.0, -0.3, 0.05, 0.1, 0.1, 0.0, 0.1, 0.1, 1.1, 4.0])
    at = list(LABELS).index(name)
    change = np.zeros(len(row))
    change[at] = step
    computed = (lte_spectrum(row + change) - lte_spectrum(row - change)) / (2 * step)
    sides = predict(np.stack([row + change, row - change]))
    emulated = (sides[0] - sides[1]) / (2 * step)
    assert np.corrcoef(computed, emulated)[0, 1] > 0.97
    labels = torch.tensor(row[None], dtype=torch.float32, requires_grad=True)
    weights = torch.from_numpy(emulated / np.linalg.norm(emulated))
    (load_emulator()(labels)[0] * weights).sum().backward()
    assert_allclose(labels.grad[0, at], np.linalg.norm(emulated), rtol=0.03)


def test_a_star_alone_is_what_it_is_among_others():
    labels = draw_labels(5, load_recipe("test"), np.random.default_rng(6))
    assert_allclose(predict(labels[2:3])[0], predict(labels)[2], atol=2e-6)


def test_labels_beyond_what_was_learned_are_refused_by_name():
    labels = draw_labels(3, load_recipe("test"), np.random.default_rng(6))
    labels[1, 2] = 1.2
    with pytest.raises(ParameterError, match=r"star 1: fe_h is 1\.2"):
        predict(labels)
    labels[1, 2] = np.nan
    with pytest.raises(ParameterError, match="star 1: fe_h is nan"):
        predict(labels)
    with pytest.raises(ShapeError, match="n_stars, 11"):
        predict(labels[:, :4])


def test_its_weights_are_small():
    assert WEIGHTS.stat().st_size <= 2_000_000
