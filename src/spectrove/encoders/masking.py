"""Masks of the patches hidden from a network in training."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrove.encoders.recipe import MaskRecipe


def draw_mask(observed: Tensor, recipe: MaskRecipe, generator: torch.Generator) -> Tensor:
    """Mask of the patches to hide, chosen among the observed ones; at least one is visible and one is hidden.

    Args:
        observed: Patches with good pixels, bool (n_spectra, n_patches).
        recipe: Fraction and shape.
        generator: Random generator, on the CPU.

    Returns:
        bool, same shape; True is hidden.
    """
    n, n_patches = observed.shape
    order = torch.rand((n, n_patches), generator=generator).to(observed.device)
    if recipe.shape == "span":
        # A run of patches has one random number, and the start of the runs is random too.
        start = int(torch.randint(recipe.span, (1,), generator=generator))
        run = (torch.arange(n_patches, device=observed.device) + start) // recipe.span
        order = order[:, run]
    order = order.masked_fill(~observed, 2.0)
    count = observed.sum(dim=1)
    hide = (recipe.ratio * count).round().clamp(min=1)
    hide = torch.minimum(hide, (count - 1).clamp(min=0))
    rank = order.argsort(dim=1, stable=True).argsort(dim=1, stable=True)
    return observed & (rank < hide[:, None])
