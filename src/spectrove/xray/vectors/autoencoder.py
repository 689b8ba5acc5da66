"""The transformer autoencoder of arXiv 2510.14102, for comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn

from spectrove.encoders.base import Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.xray.vectors.base import EnergyEncoder, rates_between_0_and_1
from spectrove.xray.vectors.energies import EnergyBins, EnergyCounts

KIND = "count_autoencoder"


class AutoencoderRecipe(EnergyBins):
    """The table [count_autoencoder] of an encoder recipe.

    Attributes:
        n_dimensions: Length of the vector.
        patch: Bins per token; divides `n_bins`.
        width, heads, encoder_layers, decoder_layers: Of the transformers.
    """

    high: float = Field(8.0, gt=0)
    n_bins: int = Field(400, ge=2)
    n_dimensions: int = Field(8, ge=1)
    patch: int = Field(20, ge=1)
    width: int = Field(48, ge=2)
    heads: int = Field(4, ge=1)
    encoder_layers: int = Field(2, ge=1)
    decoder_layers: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _divides(self) -> AutoencoderRecipe:
        if self.n_bins % self.patch or self.width % self.heads:
            raise ValueError(
                f"n_bins ({self.n_bins}) must be divisible by patch ({self.patch}), and width ({self.width}) by heads "
                f"({self.heads})"
            )
        return self


class Autoencoder(nn.Module):
    """Tokens of consecutive bins, a transformer, a vector; from this vector tokens, a transformer, bins."""

    def __init__(self, settings: AutoencoderRecipe) -> None:
        super().__init__()
        self.patch, tokens, width = settings.patch, settings.n_bins // settings.patch, settings.width
        self.embed = nn.Linear(self.patch, width)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.encoder = nn.ModuleList(_layer(settings) for _ in range(settings.encoder_layers))
        self.to_vector = nn.Linear(tokens * width, settings.n_dimensions)
        self.from_vector = nn.Linear(settings.n_dimensions, tokens * width)
        self.decoder_place = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.decoder = nn.ModuleList(_layer(settings) for _ in range(settings.decoder_layers))
        self.out = nn.Linear(width, self.patch)

    def forward(self, spectra: Tensor) -> Tensor:
        """Vectors of spectra between 0 and 1, (n_spectra, n_dimensions)."""
        tokens = self.embed(spectra.reshape(len(spectra), -1, self.patch)) + self.place
        for layer in self.encoder:
            tokens = layer(tokens)
        return self.to_vector(tokens.flatten(1))

    def decode(self, vectors: Tensor) -> Tensor:
        """Spectra again, (n_spectra, n_bins)."""
        tokens = (
            self.from_vector(vectors).reshape(len(vectors), *self.decoder_place.shape) + self.decoder_place
        )
        for layer in self.decoder:
            tokens = layer(tokens)
        return self.out(tokens).flatten(1)


def _layer(settings: AutoencoderRecipe) -> nn.Module:
    return nn.TransformerEncoderLayer(
        settings.width, settings.heads, 4 * settings.width, dropout=0.0, activation="gelu", batch_first=True
    )


class AutoencoderEncoder(EnergyEncoder):
    """The bottleneck of the trained autoencoder. Weights: those of `Autoencoder`."""

    table = AutoencoderRecipe
    settings: AutoencoderRecipe

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        self.module = Autoencoder(self.settings).eval()
        shapes = {name: tuple(t.shape) for name, t in self.module.state_dict().items()}
        check_shapes(recipe, self.weights, shapes)
        self.module.load_state_dict({n: torch.from_numpy(self.weights[n].astype(np.float32)) for n in shapes})

    @property
    def n_dimensions(self) -> int:
        return self.settings.n_dimensions

    def _vectors(self, batch: EnergyCounts) -> NDArray:
        with torch.inference_mode():
            return self.module(torch.from_numpy(rates_between_0_and_1(batch))).numpy()
