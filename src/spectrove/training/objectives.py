"""What a network is asked to do in training, a few lines each."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrove.encoders.masked_transformer import MaskedTransformer


def reconstruction(
    network: MaskedTransformer, flux: Tensor, ivar: Tensor, hidden: Tensor, weighting: str
) -> Tensor:
    """The loss that the network's form calls for: over the whole spectrum behind a bottleneck, else hidden patches.

    Args:
        network: Reconstructs from what is visible.
        flux: Scaled flux, (n_spectra, n_pixels).
        ivar: Its inverse variance, same shape; 0 where not observed.
        hidden: Hidden patches, bool (n_spectra, n_patches).
        weighting: "mse" counts observed pixels alike; "ivar" by inverse variance (a reduced chi-square).
    """
    weight = ivar if weighting == "ivar" else (ivar > 0).to(flux.dtype)
    objective = whole_reconstruction if network.recipe.bottleneck else hidden_reconstruction
    return objective(network, flux, ivar > 0, hidden, weight)


def hidden_reconstruction(
    network: MaskedTransformer, flux: Tensor, valid: Tensor, hidden: Tensor, weight: Tensor
) -> Tensor:
    """Mean weighted squared error over the observed pixels of hidden patches (the published objective)."""
    predicted = network.decode_hidden(flux, valid, hidden).float()
    weight = network.patches(weight) * hidden[..., None]
    pixels = (network.patches(valid) & hidden[..., None]).sum().clamp(min=1)
    return (weight * torch.square(predicted - network.patches(flux))).sum() / pixels


def whole_reconstruction(
    network: MaskedTransformer, flux: Tensor, valid: Tensor, hidden: Tensor, weight: Tensor
) -> Tensor:
    """Mean weighted squared error over all observed pixels, hidden or visible, decoded from the vector."""
    predicted = network.decode_whole(flux, valid, hidden).float()
    return (weight * torch.square(predicted - flux)).sum() / valid.sum().clamp(min=1)
