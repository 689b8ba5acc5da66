"""What a network is asked to do in training, a few lines each."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrove.encoders.masked_transformer import MaskedTransformer


def masked_reconstruction(
    network: MaskedTransformer, flux: Tensor, ivar: Tensor, hidden: Tensor, weighting: str
) -> Tensor:
    """Mean squared error of the hidden patches, over observed pixels.

    Args:
        network: Reconstructs what is hidden from what is visible.
        flux: Scaled flux, (n_spectra, n_pixels).
        ivar: Its inverse variance, same shape; 0 where not observed.
        hidden: Hidden patches, bool (n_spectra, n_patches).
        weighting: "mse" counts observed pixels alike; "ivar" by inverse variance (a reduced chi-square).
    """
    valid = ivar > 0
    predicted = network.reconstruct(flux, valid, hidden).float()
    weight = ivar if weighting == "ivar" else valid.to(flux.dtype)
    weight = network.patches(weight) * hidden[..., None]
    pixels = (network.patches(valid) & hidden[..., None]).sum().clamp(min=1)
    return (weight * torch.square(predicted - network.patches(flux))).sum() / pixels
