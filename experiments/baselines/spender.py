"""A spender-style autoencoder: convolutions with attention pooling down to a few numbers, and back by an MLP."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from spectrove.pipeline.shipped import load_recipe
from spectrove.preprocess import Prepared, PreprocessRecipe
from spectrove.provenance import fingerprint

Progress = Callable[[int, int], None]

#: Rest frame, divided by the median: redshifts are given, so the decoder has nothing to shift back.
SPENDER_PREPROCESS: PreprocessRecipe = load_recipe("pca").on_grid.model_copy(
    update={"scale": "median", "softening": 0.0, "clip": (-5.0, 50.0)}
)


@dataclass(frozen=True)
class SpenderPlan:
    """Shape and training; filters, hidden layers and latents of the published network in brackets.

    Attributes:
        filters: Channels of the three convolutions (128, 256, 512), whose kernels are 5, 11 and 21 pixels.
        hidden: Layers of the decoder (64, 256, 1024).
        n_latent: Length of the vector (6 to 10).
        noise_floor: Relative error below which no pixel is trusted.
    """

    filters: tuple[int, int, int] = (32, 64, 128)
    hidden: tuple[int, ...] = (64, 256, 512)
    n_latent: int = 10
    steps: int = 2000
    batch_size: int = 64
    learning_rate: float = 2e-3
    noise_floor: float = 0.03
    seed: int = 0


class SpenderNetwork(nn.Module):
    """Encoder and decoder.

    Source: Melchior et al. 2023, AJ 166, 74. Here narrower, in the rest frame from the start, and without the
    normalising-flow and similarity terms of later papers.
    """

    def __init__(self, plan: SpenderPlan, n_pixels: int) -> None:
        super().__init__()
        kernels, before = (5, 11, 21), 1
        stages: list[nn.Module] = []
        for i, (channels, size) in enumerate(zip(plan.filters, kernels, strict=True)):
            stages += [
                nn.Conv1d(before, channels, size, padding=size // 2), nn.InstanceNorm1d(channels), nn.PReLU(channels),
            ]  # fmt: skip
            if i < 2:
                stages.append(nn.MaxPool1d(size, padding=size // 2))
            before = channels
        self.convolutions = nn.Sequential(*stages)
        self.compress = _layers(before // 2, (128, 64, 32), plan.n_latent, lambda n: nn.PReLU(n))
        self.decode = _layers(plan.n_latent, plan.hidden, n_pixels, lambda n: Speculator(n))

    def encode(self, flux: Tensor) -> Tensor:
        """Latents, (n_spectra, n_latent): in each channel, values weighed by a softmax of keys along the spectrum."""
        value, key = self.convolutions(flux[:, None]).chunk(2, dim=1)
        return self.compress((value * torch.softmax(key, dim=2)).sum(dim=2))

    def forward(self, flux: Tensor) -> Tensor:
        return 1 + self.decode(self.encode(flux))


class Speculator(nn.Module):
    """An activation between the identity and a gate, learned per unit; Alsing et al. 2020, ApJS 249, 5, eq. 8."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.beta, self.gamma = nn.Parameter(torch.randn(n)), nn.Parameter(torch.randn(n))

    def forward(self, x: Tensor) -> Tensor:
        return (self.gamma + (1 - self.gamma) * torch.sigmoid(self.beta * x)) * x


def _layers(
    n_in: int, hidden: tuple[int, ...], n_out: int, activation: Callable[[int], nn.Module]
) -> nn.Sequential:
    parts: list[nn.Module] = []
    for n in hidden:
        parts += [nn.Linear(n_in, n), activation(n)]
        n_in = n
    return nn.Sequential(*parts, nn.Linear(n_in, n_out))


class Spender:
    """A trained autoencoder.

    Attributes:
        fingerprint: Of plan and weights.
        training_ids: Objects that it was trained on.
    """

    name = "spender-style"
    note = (
        "autoencoder after Melchior et al. 2023, a quarter as wide, on mocks of recipe train; 10 latents, "
        "rest frame (redshift given)."
    )
    preprocess = SPENDER_PREPROCESS

    def __init__(self, plan: SpenderPlan, network: SpenderNetwork, training_ids: frozenset[str]) -> None:
        self.plan, self.network, self.training_ids = plan, network.eval(), training_ids
        weights = {name: t.numpy() for name, t in network.state_dict().items()}
        self.fingerprint = fingerprint(weights, [asdict(plan), self.preprocess.fingerprint])

    def vectors(self, prepared: Prepared) -> NDArray[np.float32]:
        """Latents, (n_spectra, n_latent)."""
        parts = [np.zeros((0, self.plan.n_latent), np.float32)]
        with torch.inference_mode():
            for i in range(0, len(prepared), 128):
                parts.append(self.network.encode(torch.from_numpy(prepared.flux[i : i + 128])).numpy())
        return np.concatenate(parts)

    def save(self, path: Path) -> None:
        """Weights and ids in one safetensors file."""
        arrays = {name: np.ascontiguousarray(t.numpy()) for name, t in self.network.state_dict().items()}
        ids = "\n".join(sorted(self.training_ids)).encode()
        save_file(arrays | {"training_ids": np.frombuffer(ids, np.uint8)}, path)

    @staticmethod
    def load(path: Path, plan: SpenderPlan) -> Spender:
        """What `save` wrote, of the same plan."""
        arrays = load_file(path)
        ids = frozenset(arrays.pop("training_ids").tobytes().decode().split())
        network = SpenderNetwork(plan, SPENDER_PREPROCESS.n_pixels)
        network.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
        return Spender(plan, network, ids)


def fit_spender(
    prepared: Prepared, plan: SpenderPlan | None = None, progress: Progress | None = None
) -> Spender:
    """An autoencoder trained to rebuild spectra, each pixel by its inverse variance."""
    plan = plan or SpenderPlan()
    torch.manual_seed(plan.seed)
    network = SpenderNetwork(plan, prepared.flux.shape[1])
    optimizer = torch.optim.Adam(network.parameters(), lr=plan.learning_rate)
    rng = np.random.default_rng(plan.seed)
    flux = torch.from_numpy(prepared.flux)
    weight = torch.from_numpy(prepared.ivar / (1 + prepared.ivar * plan.noise_floor**2))
    for step in range(plan.steps):
        rate = min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * rate
        rows = torch.from_numpy(rng.integers(0, len(prepared), plan.batch_size))
        error = network(flux[rows]) - flux[rows]
        loss = 0.5 * (weight[rows] * error**2).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        if progress:
            progress(step + 1, plan.steps)
    return Spender(plan, network, frozenset(prepared.object_id.tolist()))
