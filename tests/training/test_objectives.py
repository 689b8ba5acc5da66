"""Losses by hand: a network that predicts nothing is wrong by the flux itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from spectrove.training.objectives import (
    HALF_WEIGHT,
    HUBER,
    Batch,
    consistency,
    hidden_reconstruction,
    measurement,
    whole_reconstruction,
)

FLUX = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 0.0]])
IVAR = torch.tensor([[1.0, 1.0, 0.5, 2.0, 4.0, 0.0]])  # the last pixel was not observed
HIDDEN = torch.tensor([[False, True, True]])
NOTHING = torch.zeros(1, 0)
BATCH = Batch(FLUX, IVAR, FLUX, IVAR, HIDDEN, NOTHING, NOTHING)

#: Three patches of two pixels; every prediction is zero.
SILENT = SimpleNamespace(
    patches=lambda values: values.unfold(1, 2, 2), decode_hidden=lambda *_: torch.zeros(1, 3, 2)
)


@pytest.mark.parametrize(
    ("weighting", "expected"), [("mse", (9 + 16 + 25) / 3), ("ivar", (0.5 * 9 + 2 * 16 + 4 * 25) / 3)]
)
def test_the_published_loss_counts_observed_pixels_of_hidden_patches(weighting, expected):
    assert float(hidden_reconstruction(SILENT, BATCH, weighting)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weighting", "expected"),
    [("mse", (1 + 4 + 9 + 16 + 25) / 5), ("ivar", (1 + 4 + 0.5 * 9 + 2 * 16 + 4 * 25) / 5)],
)
def test_behind_a_bottleneck_every_observed_pixel_counts(weighting, expected):
    assert float(whole_reconstruction(torch.zeros(1, 6), BATCH, weighting)) == pytest.approx(expected)


def test_an_unknown_measurement_counts_for_nothing_and_a_poor_one_for_less():
    predicted = torch.zeros(1, 3)
    values = torch.tensor([[1.0, 1.0, float("nan")]])
    exact = measurement(predicted, values, torch.tensor([[0.0, float("inf"), float("nan")]]))
    assert float(exact) == pytest.approx(1 - HUBER / 2)
    halved = measurement(
        predicted, torch.tensor([[2.0, 1.0, float("nan")]]), torch.tensor([[HALF_WEIGHT, 0.0, 0.0]])
    )
    assert float(halved) == pytest.approx((0.5 * (2 - HUBER / 2) + 1 * (1 - HUBER / 2)) / 1.5)


def test_without_any_known_measurement_there_is_no_loss():
    unknown = torch.full((4, 2), float("nan"))
    assert float(measurement(torch.ones(4, 2), unknown, unknown)) == 0


def test_consistency_is_the_movement_over_the_spread_between_spectra():
    clean = torch.tensor([[0.0, 0.0], [2.0, 0.0]])  # variance 2 along one axis
    assert float(consistency(clean + torch.tensor([0.0, 1.0]), clean)) == pytest.approx(1 / 2)
