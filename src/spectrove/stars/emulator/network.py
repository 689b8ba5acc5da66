"""The emulator: a network that gives the spectrum of a star in a tenth of a millisecond, with its derivatives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor, nn

from spectrove.errors import ParameterError, RecipeError, ShapeError
from spectrove.stars.labels import LABELS, pixels

WEIGHTS = Path(__file__).parents[1] / "data" / "emulator.safetensors"

#: Width of the two hidden layers, number of components of spectra, and of those that are stored in half precision; the
#: others, which add little, are stored as whole numbers from -127 to 127.
WIDTH, COMPONENTS, HALF = 400, 150, 32


class Emulator(nn.Module):
    """Flux over continuum of stars, from their labels, at `labels.pixels()`: what `labels.lte_spectrum` computes.

    Coefficients of components, which are sums of pixels, are a quadratic form in the labels and what a perceptron adds.
    Everything is differentiable; weights are not meant to be trained further (`emulator.training` does that).

    Attributes:
        low, high: Least and largest value of each label that it learned, (n_labels,).
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    spread: Tensor
    mean: Tensor
    basis: Tensor
    scale: Tensor
    quadratic: Tensor

    def __init__(self, components: int = COMPONENTS, width: int = WIDTH) -> None:
        super().__init__()
        n_pixels, n_labels = len(pixels()), len(LABELS)
        n_products = 1 + n_labels + n_labels * (n_labels + 1) // 2
        shapes = {
            "low": (n_labels,), "high": (n_labels,), "centre": (n_labels,), "spread": (n_labels,),
            "mean": (n_pixels,), "basis": (components, n_pixels), "scale": (components,),
            "quadratic": (n_products, components),
        }  # fmt: skip
        for name, shape in shapes.items():
            self.register_buffer(
                name, torch.ones(shape) if name in ("spread", "scale") else torch.zeros(shape)
            )
        self.layers = nn.Sequential(
            nn.Linear(n_labels, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, components)
        )  # fmt: skip

    def scaled(self, labels: Tensor) -> Tensor:
        """Labels about zero with a spread of one; of the temperature its inverse, which lines follow."""
        return (inverted(labels) - self.centre) / self.spread

    def coefficients(self, labels: Tensor) -> Tensor:
        """Coefficients of the components, (n_stars, n_components)."""
        scaled = self.scaled(labels)
        # In units of each component's spread: else the optimiser's steps, alike for all weights, drown the weak ones.
        return products(scaled) @ self.quadratic + self.layers(scaled) * self.scale

    def forward(self, labels: Tensor) -> Tensor:
        """Flux over continuum, (n_stars, n_pixels), of labels in the order of `LABELS`, (n_stars, n_labels).

        Labels beyond what was learned are not refused here; `check_labels` says which.
        """
        return self.mean + self.coefficients(labels) @ self.basis


def inverted(labels: Tensor) -> Tensor:
    """Labels with 5040 K over the temperature in place of it."""
    return torch.cat([5040 / labels[:, :1], labels[:, 1:]], dim=1)


def products(values: Tensor) -> Tensor:
    """One, the values, and the products of any two, (n_stars, n_products)."""
    n = values.shape[1]
    first, second = torch.triu_indices(n, n)
    return torch.cat([torch.ones_like(values[:, :1]), values, values[:, first] * values[:, second]], dim=1)


def packed(emulator: Emulator) -> dict[str, Tensor]:
    """The weights of an emulator as they are stored, 2 MB."""
    tensors = dict(emulator.state_dict())
    basis = tensors.pop("basis")
    size = basis[HALF:].abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
    stored = {name: tensor.half() if tensor.ndim > 1 else tensor.float() for name, tensor in tensors.items()}
    stored |= {
        "basis_first": basis[:HALF].half(),
        "basis_size": size[:, 0].float(),
        "basis_others": torch.round(basis[HALF:] / size).to(torch.int8),
    }
    return {name: tensor.contiguous() for name, tensor in stored.items()}


def unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an emulator from what `packed` gave."""
    tensors = {name: tensor.float() for name, tensor in stored.items() if not name.startswith("basis")}
    others = stored["basis_others"].float() * stored["basis_size"][:, None]
    return tensors | {"basis": torch.cat([stored["basis_first"].float(), others])}


def predict(labels: NDArray, emulator: Emulator | None = None) -> NDArray[np.float32]:
    """Spectra of stars by an emulator, (n_stars, n_pixels).

    Args:
        labels: In the order of `LABELS`, (n_stars, n_labels).
        emulator: The shipped one if None.

    Raises:
        ShapeError: Labels have another shape.
        ParameterError: A label lies beyond what the emulator learned.
    """
    emulator = load_emulator() if emulator is None else emulator
    check_labels(labels, emulator)
    with torch.no_grad():
        return emulator(torch.as_tensor(np.asarray(labels), dtype=torch.float32)).numpy()


def check_labels(labels: NDArray, emulator: Emulator) -> None:
    """Refuse labels of another shape, or beyond what an emulator learned.

    Raises:
        ShapeError: Labels have another shape.
        ParameterError: A label lies beyond what the emulator learned.
    """
    labels = np.asarray(labels, float)
    if labels.ndim != 2 or labels.shape[1] != len(LABELS):
        raise ShapeError(
            f"labels have shape {labels.shape}, expected (n_stars, {len(LABELS)}): {', '.join(LABELS)}."
        )
    low, high = emulator.low.numpy(), emulator.high.numpy()
    slack = 1e-5 * (high - low)
    beyond = ~((labels >= low - slack) & (labels <= high + slack))
    if beyond.any():
        row, column = np.argwhere(beyond)[0].tolist()
        raise ParameterError(
            f"star {row}: {list(LABELS)[column]} is {labels[row, column]:g}, expected {low[column]:g} to "
            f"{high[column]:g}, which the emulator learned ({int(beyond.any(axis=1).sum())} of {len(labels)} stars lie "
            "beyond). Compute such spectra with labels.lte_spectra."
        )


@cache
def load_emulator(path: Path = WEIGHTS) -> Emulator:
    """An emulator from its file.

    Raises:
        RecipeError: The file is for other labels or pixels.
    """
    with safe_open(path, "pt") as file:
        tensors = unpacked({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        about: Mapping[str, str] = file.metadata() or {}
    if json.loads(about.get("labels", "[]")) != list(LABELS) or tensors["mean"].shape != pixels().shape:
        raise RecipeError(
            f"{path}: made for labels {about.get('labels')}, expected {list(LABELS)}. Make it anew."
        )
    components, width = tensors["layers.4.weight"].shape
    emulator = Emulator(components, width)
    emulator.load_state_dict(tensors)
    return emulator.eval().requires_grad_(False)
