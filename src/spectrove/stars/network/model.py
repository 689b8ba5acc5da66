"""The network, and several that were trained apart as one estimator with errors."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from spectrove.stars.network.recipe import LabelsRecipe
from spectrove.stars.network.shown import JOINED, Shown, shown
from spectrove.stars.quantities import LABELS

#: Limits of the logarithm of a predicted standard deviation, in those of the labels.
LOG_SIGMA = (-6.0, 3.0)

#: Of the temperature the network predicts theta = THETA / Teff, in which lines change evenly.
THETA = 5040.0

#: Stars that are estimated together.
TOGETHER = 256


class Estimated(NamedTuple):
    """Labels of N stars.

    Attributes:
        value: Teff in K, log g, [Fe/H], as `LABELS`; (n, 3).
        error: One sigma of each; same shape.
    """

    value: NDArray[np.float64]
    error: NDArray[np.float64]


class LabelsNetwork(nn.Module):
    """Convolutions over lines, then layers that also see the shape of the continuum."""

    def __init__(self, recipe: LabelsRecipe, n_pixels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2
        for i, channels in enumerate(recipe.channels):
            kernel, stride = (9, 4) if i == 0 else (7, 2)
            layers += [nn.Conv1d(before, channels, kernel, stride, padding=kernel // 2), nn.GELU()]
            layers += [nn.MaxPool1d(2)] * (i > 0)
            before = channels
        self.convolutions = nn.Sequential(*layers)
        with torch.no_grad():
            width = self.convolutions(torch.zeros(1, 2, n_pixels)).numel()
        self.head = nn.Sequential(
            nn.Dropout(recipe.dropout), nn.Linear(width + 2 * (n_pixels // JOINED), recipe.hidden), nn.GELU(),
            nn.Dropout(recipe.dropout), nn.Linear(recipe.hidden, 2 * len(LABELS)),
        )  # fmt: skip

    def forward(self, seen: Shown) -> tuple[Tensor, Tensor]:
        """Mean and log of the standard deviation of each label, in standard units; both (n, 3)."""
        found = self.convolutions(torch.stack([seen.lines, seen.used], dim=1)).flatten(1)
        mean, log_sigma = self.head(torch.cat([found, seen.shape], dim=1)).chunk(2, dim=1)
        return mean, log_sigma.clamp(*LOG_SIGMA)


class LabelsEstimator:
    """Networks that were trained apart; their mean is the answer, their scatter part of its error.

    Args:
        recipe: Of all of them.
        members: Each trained, of the same recipe.
        centre, spread: Mean and standard deviation of theta, log g and [Fe/H] of the stars learned from, (3,).
        learned_from: Ids of the stars.
        widening: By which factor errors are made wider, so that 68% of stars which no member has seen lie within; (3,).
    """

    def __init__(
        self,
        recipe: LabelsRecipe,
        members: Sequence[LabelsNetwork],
        centre: Sequence[float],
        spread: Sequence[float],
        widening: Sequence[float] = (1.0, 1.0, 1.0),
        learned_from: Sequence[str] = (),
    ) -> None:
        self.recipe = recipe
        self.members = [member.eval() for member in members]
        self.centre, self.spread = np.asarray(centre, float), np.asarray(spread, float)
        self.widening = np.asarray(widening, float)
        self.learned_from = frozenset(learned_from)

    def __call__(self, flux: NDArray, used: NDArray, with_shape: bool | NDArray = True) -> Estimated:
        """Labels from spectra at rest on the common pixels.

        Args:
            flux: In any unit, (n, n_pixels).
            used: Pixels that are good.
            with_shape: Whether the continuum is looked at, of all or of each: not where its calibration is unknown.
        """
        flux = flux / _level(flux, used)
        whole = np.broadcast_to(np.asarray(with_shape, np.float32), (len(flux),))
        parts = [
            self._some(
                *(
                    torch.as_tensor(a[i : i + TOGETHER], dtype=torch.float32)
                    for a in (flux, used, whole.copy())
                )
            )
            for i in range(0, len(flux), TOGETHER)
        ]
        mean, sigma = (np.concatenate([np.zeros((0, 3)), *part]) for part in zip(*parts, strict=True)) if parts else (
            np.zeros((0, 3)), np.zeros((0, 3))
        )  # fmt: skip
        value, error = mean * self.spread + self.centre, sigma * self.spread * self.widening
        teff = THETA / np.maximum(value[:, 0], 1e-3)
        error[:, 0] *= teff**2 / THETA
        value[:, 0] = teff
        return Estimated(value, error)

    def _some(self, flux: Tensor, used: Tensor, with_shape: Tensor) -> tuple[NDArray, NDArray]:
        with torch.no_grad():
            seen = shown(flux, used)
            seen = seen._replace(shape=seen.shape * with_shape[:, None])
            said = [member(seen) for member in self.members]
        means = np.stack([mean.double().numpy() for mean, _ in said])
        variances = np.stack([np.exp(2 * log_sigma.double().numpy()) for _, log_sigma in said])
        return means.mean(axis=0), np.sqrt(variances.mean(axis=0) + means.var(axis=0))

    def save(self, path: Path, about: Mapping[str, str]) -> None:
        """Write weights (single precision), recipe and units to one file."""
        tensors = {
            f"{i}.{name}": tensor.contiguous()
            for i, member in enumerate(self.members)
            for name, tensor in member.state_dict().items()
        }
        said = {
            "recipe": self.recipe.model_dump_json(),
            "labels": json.dumps(
                {n: getattr(self, n).tolist() for n in ("centre", "spread", "widening")}
                | {"learned_from": sorted(self.learned_from)}
            ),
        }
        save_file(tensors, path, said | dict(about))
        path.chmod(0o644)  # safetensors writes files that their owner alone may read

    @staticmethod
    def load(path: Path, n_pixels: int) -> LabelsEstimator:
        """What `save` wrote."""
        with safe_open(path, "pt") as file:
            said = file.metadata()
        recipe = LabelsRecipe.model_validate_json(said["recipe"])
        tensors = load_file(path)
        members = []
        for i in range(recipe.members):
            member = LabelsNetwork(recipe, n_pixels)
            member.load_state_dict(
                {name.removeprefix(f"{i}."): t for name, t in tensors.items() if name.startswith(f"{i}.")}
            )
            members.append(member)
        return LabelsEstimator(recipe, members, **json.loads(said["labels"]))


def _level(flux: NDArray, used: NDArray) -> NDArray:
    """The mean of the used pixels of each, (n, 1); 1 where it is not positive."""
    mean = (np.where(used, flux, 0.0).sum(axis=1) / np.maximum(used.sum(axis=1), 1))[:, None]
    return np.where(mean > 0, mean, 1.0)
