"""Losses by hand: a network that predicts nothing is wrong by the flux itself."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from spectrove.training.objectives import reconstruction

FLUX = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 0.0]])
IVAR = torch.tensor([[1.0, 1.0, 0.5, 2.0, 4.0, 0.0]])  # the last pixel was not observed
HIDDEN = torch.tensor([[False, True, True]])


def silent(bottleneck: int) -> SimpleNamespace:
    """Three patches of two pixels; every prediction is zero."""
    return SimpleNamespace(
        recipe=SimpleNamespace(bottleneck=bottleneck),
        patches=lambda values: values.unfold(1, 2, 2),
        decode_hidden=lambda *_: torch.zeros(1, 3, 2),
        decode_whole=lambda *_: torch.zeros(1, 6),
    )


@pytest.mark.parametrize(
    ("bottleneck", "weighting", "expected"),
    [
        (0, "mse", (9 + 16 + 25) / 3),
        (0, "ivar", (0.5 * 9 + 2 * 16 + 4 * 25) / 3),
        (4, "mse", (1 + 4 + 9 + 16 + 25) / 5),
        (4, "ivar", (1 + 4 + 0.5 * 9 + 2 * 16 + 4 * 25) / 5),
    ],
)
def test_the_loss_counts_observed_pixels_of_hidden_patches_or_of_all(bottleneck, weighting, expected):
    """The published form scores what was hidden; behind a bottleneck the whole spectrum counts."""
    assert float(reconstruction(silent(bottleneck), FLUX, IVAR, HIDDEN, weighting)) == pytest.approx(expected)
