"""Spectra of mock stars as an instrument gives them: wrong line depths, motion, a continuum that is off, noise."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spectrove.errors import ShapeError
from spectrove.stars.emulator.network import Emulator, check_labels, load_emulator
from spectrove.stars.labels import PIXEL, lte_spectra, pixels
from spectrove.stars.mock.recipe import MockRecipe
from spectrove.stars.mock.stars import draw_labels
from spectrove.stars.settings import SETTINGS

Floats = NDArray[np.float64]

LIGHT_KM_S = 2.99792458e5

#: Depths of the real Sun over those that are computed, by pixel: see data/README.md.
SOLAR = Path(__file__).parents[1] / "data" / "solar_depths.npz"


@dataclass(frozen=True)
class MockSpectra:
    """Spectra of mock stars, n of them.

    Attributes:
        labels: True labels in the order of `labels.LABELS`, (n, n_labels).
        flux: Over a continuum that is off, at `labels.pixels()`, with noise, (n, n_pixels).
        clean: The same without noise.
        error: One sigma of a pixel of .1 A, the same in all pixels, (n, 1).
        velocity: Radial velocity that is left, km / s, (n,).
    """

    labels: Floats
    flux: Tensor
    clean: Tensor
    error: Tensor
    velocity: Tensor


def draw(
    n: int,
    recipe: MockRecipe,
    seed: int,
    *,
    emulator: Emulator | None = None,
    signal_to_noise: float | None = None,
) -> MockSpectra:
    """Mock spectra whose truth the emulator gives: as many as are wanted, thousands in a second.

    Args:
        n: Number of spectra.
        recipe: What stars and spectra are like.
        seed: Non-negative; another gives others.
        emulator: The shipped one if None.
        signal_to_noise: Of the continuum in a pixel of .1 A, for all; drawn after the recipe if None.

    Raises:
        ParameterError: The recipe draws stars beyond what the emulator learned.
    """
    emulator = load_emulator() if emulator is None else emulator
    labels = draw_labels(n, recipe, np.random.default_rng([recipe.stream, seed, 0]))
    check_labels(labels, emulator)
    with torch.no_grad():
        flux = emulator(torch.from_numpy(labels).float())
    return observe(labels, flux, recipe, seed, signal_to_noise=signal_to_noise)


def batches(recipe: MockRecipe, size: int, first: int = 0) -> Iterator[MockSpectra]:
    """Mock spectra without end, drawn on the fly: `draw` with the seeds from `first` on."""
    seed = first
    while True:
        yield draw(size, recipe, seed)
        seed += 1


def draw_true(n: int, recipe: MockRecipe, seed: int, *, signal_to_noise: float | None = None) -> MockSpectra:
    """Mock spectra whose truth is computed, never emulated: what estimators are judged by. A tenth of a second each.

    The stars are those of `draw` for the same recipe, seed and number.
    """
    labels = draw_labels(n, recipe, np.random.default_rng([recipe.stream, seed, 0]))
    return observe(
        labels, torch.from_numpy(lte_spectra(labels)), recipe, seed, signal_to_noise=signal_to_noise
    )


def observe(
    labels: Floats, flux: Tensor, recipe: MockRecipe, seed: int, *, signal_to_noise: float | None = None
) -> MockSpectra:
    """What an instrument makes of true spectra.

    In this order: depths of lines are scaled to those of the real Sun and are off at random, if the recipe says so; the
    star moves; the continuum is off; noise of one sigma 1 / (S/N) is added, alike in all pixels.

    Args:
        labels: (n, n_labels).
        flux: True flux over continuum, (n, n_pixels).
        recipe: What it is off by.
        seed: Random numbers; with another S/N the same noise is larger or smaller.
        signal_to_noise: Of the continuum in a pixel of .1 A, for all; drawn after the recipe if None.

    Raises:
        ShapeError: There are not as many spectra as labels, or they have other pixels.
    """
    if flux.shape != (len(labels), len(pixels())):
        raise ShapeError(f"flux has shape {tuple(flux.shape)}, expected ({len(labels)}, {len(pixels())}).")
    n, nuisances = len(labels), recipe.nuisances
    generator = torch.Generator().manual_seed(_seed(recipe.stream, seed))
    depth = 1 - flux
    if recipe.solar_correction:
        depth = depth * solar_depths()
    if recipe.line_mismatch:
        depth = depth * torch.exp(recipe.line_mismatch * _field(n, recipe.mismatch_length, generator))
    velocity = nuisances.velocity * torch.randn(n, generator=generator)
    clean = (1 - shifted(depth, velocity)) * _continuum(n, recipe, generator)
    low, high = (math.log(x) for x in nuisances.signal_to_noise)
    drawn = torch.exp(low + (high - low) * torch.rand((n, 1), generator=generator))
    error = 1 / (drawn if signal_to_noise is None else torch.full((n, 1), float(signal_to_noise)))
    noise = torch.randn(clean.shape, generator=generator)
    return MockSpectra(labels, clean + error * noise, clean, error, velocity)


def shifted(values: Tensor, velocity: Tensor) -> Tensor:
    """Noise-free spectra moved by radial velocities, (n, n_pixels), by interpolation of fourth order.

    Args:
        values: (n, n_pixels); a setting's ends are repeated beyond them.
        velocity: Positive away from us, km / s, (n,).
    """
    parts, start = [], 0
    for setting in SETTINGS.values():
        at = torch.from_numpy(setting.pixels(PIXEL)).float()
        part = values[:, start : start + len(at)]
        start += len(at)
        place = -(velocity[:, None] / LIGHT_KM_S) * at / PIXEL
        whole = torch.round(place.mean(dim=1, keepdim=True))
        if whole.any():
            part = part.gather(1, (torch.arange(len(at)) + whole.long()).clamp(0, len(at) - 1))
        parts.append(_between(part, place - whole))
    return torch.cat(parts, dim=1)


def _between(values: Tensor, t: Tensor) -> Tensor:
    """Values between pixels, t pixels to the right of each, by Lagrange's polynomial through five of them."""
    n = values.shape[1]
    around = torch.nn.functional.pad(values[:, None], (2, 2), mode="replicate")[:, 0]
    square = t * t
    one, four = square - 1, square - 4
    found = around[:, 2 : n + 2] * (one * four / 4)
    found -= around[:, 1 : n + 1] * (t * (t - 1) * four / 6)
    found -= around[:, 3 : n + 3] * (t * (t + 1) * four / 6)
    found += around[:, :n] * (t * one * (t - 2) / 24)
    return found + around[:, 4:] * (t * one * (t + 2) / 24)


def _continuum(n: int, recipe: MockRecipe, generator: torch.Generator) -> Tensor:
    """What each spectrum is multiplied with: cosines along each setting, (n, n_pixels)."""
    parts = []
    for setting in SETTINGS.values():
        x = torch.linspace(0, math.pi, len(setting.pixels(PIXEL)))
        modes = torch.stack(
            [torch.cos(k * x) for k in range(1, recipe.nuisances.continuum_modes + 1)] or [0 * x]
        )
        sizes = recipe.nuisances.continuum * torch.randn((n, len(modes)), generator=generator)
        parts.append(1 + sizes @ modes)
    return torch.cat(parts, dim=1)


def _field(n: int, length: float, generator: torch.Generator) -> Tensor:
    """Standard normal numbers that are alike over a length in angstrom, (n, n_pixels)."""
    parts = []
    for setting in SETTINGS.values():
        n_pixels = len(setting.pixels(PIXEL))
        nodes = max(2, math.ceil(n_pixels * PIXEL / length) + 1)
        drawn = torch.randn((n, 1, nodes), generator=generator)
        part = torch.nn.functional.interpolate(drawn, n_pixels, mode="linear", align_corners=True)[:, 0]
        # Between nodes the sum of two has a smaller spread; on average its square is 2 / 3.
        parts.append(part * math.sqrt(1.5))
    return torch.cat(parts, dim=1)


@cache
def solar_depths() -> Tensor:
    """Depth of the real Sun's lines over what is computed, by pixel, (n_pixels,); 1 where no spectrum is at hand."""
    with np.load(SOLAR, allow_pickle=False) as file:
        return torch.from_numpy(file["ratio"].astype(np.float32))


def _seed(stream: int, seed: int) -> int:
    """One number of two, for torch."""
    return int(np.random.SeedSequence([stream, seed, 1]).generate_state(1, np.uint64)[0] >> 1)
