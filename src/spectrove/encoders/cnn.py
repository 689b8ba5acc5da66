"""Convolutional networks along the spectrum, alone or followed by a Transformer."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from spectrove.encoders.masked_transformer import transformer_layers
from spectrove.encoders.network import SpectrumNetwork
from spectrove.encoders.recipe import NetworkRecipe


class SpectrumCnn(SpectrumNetwork):
    """Stages of residual convolutions, each halving the length; then the positions concatenated -> vector.

    Source: residual blocks as in He et al. 2016; positions are concatenated rather than averaged, as in the fully
    connected end of GalSpecNet (Wu et al. 2024), because in the rest frame a position is a line.
    """

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__(recipe, n_pixels)
        self.stages, n_places = stages(self.n_inputs, recipe.channels, n_pixels)
        self._add_heads(n_places, recipe.channels[-1])

    @property
    def joins_places(self) -> bool:
        return True

    def places(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        x = gelu(self.stages(self.inputs(flux, self.without(ivar, hidden)))).transpose(1, 2)
        return x, torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)


class SpectrumHybrid(SpectrumNetwork):
    """The same convolutions followed by attention between positions, which combines lines far apart."""

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__(recipe, n_pixels)
        width = recipe.channels[-1]
        self.stages, n_places = stages(self.n_inputs, recipe.channels, n_pixels)
        self.position = nn.Parameter(0.02 * torch.randn(n_places, width))
        self.layers = transformer_layers(recipe, width)
        self.final_norm = nn.LayerNorm(width) if recipe.norm == "pre" else nn.Identity()
        self._add_heads(n_places, width)

    @property
    def joins_places(self) -> bool:
        return True

    def places(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.stages(self.inputs(flux, self.without(ivar, hidden))).transpose(1, 2)
        x = x + self.position.to(x.dtype)
        for layer in self.layers:
            x = layer(x)
        return self.final_norm(x), torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)


class ResidualBlock(nn.Module):
    """Two convolutions of five pixels, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.first = nn.Conv1d(channels, channels, 5, padding=2)
        self.second = nn.Conv1d(channels, channels, 5, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(gelu(self.first(gelu(self.norm(x)))))


def stages(n_inputs: int, channels: tuple[int, ...], n_pixels: int) -> tuple[nn.Sequential, int]:
    """Convolutions that shorten a spectrum by 4, then by 2 per stage; and the remaining number of positions."""
    parts: list[nn.Module] = [nn.Conv1d(n_inputs, channels[0], 9, stride=4, padding=4), nn.GELU()]
    parts.append(ResidualBlock(channels[0]))
    n_places = (n_pixels - 1) // 4 + 1
    for narrow, wide in pairwise(channels):
        parts += [nn.Conv1d(narrow, wide, 5, stride=2, padding=2), nn.GELU(), ResidualBlock(wide)]
        n_places = (n_places - 1) // 2 + 1
    return nn.Sequential(*parts), n_places
