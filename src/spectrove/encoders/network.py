"""The contract of every network from spectra to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from spectrove.encoders.recipe import NetworkRecipe


class SpectrumNetwork(nn.Module, ABC):
    """Network from spectra to vectors, and from a vector to the whole spectrum and to its measurements.

    A subclass computes tokens in `places`; the steps from tokens to the vector and from the vector to its predictions
    are the same for all. Gaps and bad pixels have `ivar` 0, which marks their flux as unknown.
    """

    def __init__(self, recipe: NetworkRecipe, n_pixels: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.n_pixels = n_pixels
        self.n_patches = (n_pixels - recipe.patch) // recipe.stride + 1
        self.n_inputs = recipe.inputs.count("+") + 1
        self.n_dimensions = recipe.bottleneck or recipe.width

    def _add_heads(self, n_places: int, width: int) -> None:
        """Add the layers after `places`; to be called at the end of __init__ of a subclass."""
        recipe = self.recipe
        if recipe.bottleneck:
            if self.joins_places:
                self.squeeze = nn.Linear(width, recipe.squeeze)
                # The last layer of the vector is nonlinear (ARCHITECTURE.md gives the gain): linear functions of the
                # vector then include ratios and limits that a linear metric can use.
                self.to_vector: nn.Module = nn.Sequential(
                    nn.Linear(n_places * recipe.squeeze, recipe.bottleneck), nn.GELU()
                )
            else:
                self.to_vector = nn.Linear(width, recipe.bottleneck)
            self.decode: nn.Module = nn.Sequential(
                nn.Linear(recipe.bottleneck, recipe.decoder_width),
                nn.GELU(),
                nn.Linear(recipe.decoder_width, self.n_pixels),
            )
        if recipe.measurements:
            self.to_measurements = nn.Linear(recipe.bottleneck, len(recipe.measurements))

    @property
    @abstractmethod
    def joins_places(self) -> bool:
        """Whether the vector is made from the concatenated positions rather than from their mean."""

    @abstractmethod
    def places(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features along the spectrum, (n_spectra, n_places, width), and mask of valid ones, (n_spectra, n_places)."""

    def pool(self, flux: Tensor, ivar: Tensor, hidden: Tensor | None = None) -> Tensor:
        """The vector of each spectrum, (n_spectra, n_dimensions).

        Args:
            flux: Scaled flux, (n_spectra, n_pixels).
            ivar: Its inverse variance, same shape; 0 if not observed.
            hidden: Mask of the patches hidden from the network, bool (n_spectra, n_patches).
        """
        x, counted = self.places(flux, ivar, hidden)
        weight = counted[..., None].to(x.dtype)
        if self.recipe.bottleneck and self.joins_places:
            return self.to_vector(nn.functional.gelu(self.squeeze(x) * weight).flatten(1))
        mean = (x * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return self.to_vector(mean) if self.recipe.bottleneck else mean

    def reconstruct(self, vector: Tensor) -> Tensor:
        """Scaled flux of the whole spectrum from vectors, (n_spectra, n_pixels)."""
        return self.decode(vector)

    def measure(self, vector: Tensor) -> Tensor:
        """Measurements in their standard units (mean 0, deviation 1 over the training spectra)."""
        return self.to_measurements(vector)

    def patches(self, values: Tensor) -> Tensor:
        """(n_spectra, n_pixels) -> (n_spectra, n_patches, patch); pixels after the last complete patch are not used."""
        return values.unfold(1, self.recipe.patch, self.recipe.stride)

    def observed(self, valid: Tensor) -> Tensor:
        """Patches with at least one observed pixel, bool (n_spectra, n_patches)."""
        return self.patches(valid).any(dim=2)

    def inputs(self, flux: Tensor, ivar: Tensor) -> Tensor:
        """Input channels of each pixel, (n_spectra, n_inputs, n_pixels)."""
        valid = (ivar > 0).to(flux.dtype)
        # log(1 + ivar) of scaled flux is limited to about 7 by the systematic error of the recipe.
        return torch.stack([flux * valid, valid, torch.log1p(ivar) / 7][: self.n_inputs], dim=1)

    def without(self, ivar: Tensor, hidden: Tensor | None) -> Tensor:
        """`ivar` with 0 in every hidden patch."""
        if hidden is None:
            return ivar
        if self.recipe.stride != self.recipe.patch:
            raise ValueError("hidden patches of a network of convolutions must not overlap")
        pixels = hidden.repeat_interleave(self.recipe.patch, dim=1)
        pixels = nn.functional.pad(pixels, (0, self.n_pixels - pixels.shape[1]))
        return ivar.masked_fill(pixels, 0)
