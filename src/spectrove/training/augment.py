"""What is done to spectra as they are drawn."""

from __future__ import annotations

import torch
from torch import Tensor

from spectrove.encoders.recipe import AugmentRecipe


def augment(
    flux: Tensor, ivar: Tensor, recipe: AugmentRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Spectra with noise, gaps and a wrong redshift, with the inverse variance that belongs to them.

    Args:
        flux: Scaled flux, (n_spectra, n_pixels), on the CPU.
        ivar: Its inverse variance, same shape; 0 where not observed.
        recipe: How much of each.
        generator: Source of chance.
    """
    if recipe.noisier:
        flux, ivar = _noisier(flux, ivar, recipe, generator)
    for _ in range(recipe.gaps):
        ivar = _with_gap(ivar, recipe.gap, generator)
    if recipe.shift:
        flux, ivar = _shifted(flux, ivar, recipe.shift, generator)
    return torch.where(ivar > 0, flux, 0.0), ivar


def _noisier(
    flux: Tensor, ivar: Tensor, recipe: AugmentRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    n = len(flux)
    chosen = torch.rand(n, 1, generator=generator) < recipe.noisier
    times = torch.where(chosen, recipe.noise * torch.rand(n, 1, generator=generator), 0.0)
    sigma = torch.where(ivar > 0, ivar.clamp(min=1e-12).rsqrt(), 0.0)
    noise = times * sigma * torch.randn(flux.shape, generator=generator)
    return flux + noise, ivar / (1 + torch.square(times))


def _with_gap(ivar: Tensor, longest: int, generator: torch.Generator) -> Tensor:
    n, n_pixels = ivar.shape
    start = torch.randint(n_pixels, (n, 1), generator=generator)
    length = torch.randint(longest + 1, (n, 1), generator=generator)
    made = torch.rand(n, 1, generator=generator) < 0.5
    pixel = torch.arange(n_pixels)
    return ivar.masked_fill((pixel >= start) & (pixel < start + length) & made, 0.0)


def _shifted(flux: Tensor, ivar: Tensor, most: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each spectrum moved by a whole number of pixels; what comes in from outside was not observed."""
    n, n_pixels = flux.shape
    by = torch.randint(-most, most + 1, (n, 1), generator=generator)
    source = torch.arange(n_pixels) - by
    inside = (source >= 0) & (source < n_pixels)
    source = source.clamp(0, n_pixels - 1)
    return flux.gather(1, source), torch.where(inside, ivar.gather(1, source), 0.0)
