"""Supervised networks: GalSpecNet, and a Transformer and a CNN of the shapes that our encoders have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from sklearn.model_selection import GroupShuffleSplit
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu

from experiments.baselines.vectors import OBSERVED, REST, Classifier
from spectrove.encoders.cnn import stages
from spectrove.encoders.masked_transformer import MaskedTransformer
from spectrove.encoders.recipe import NetworkRecipe
from spectrove.preprocess import Prepared, PreprocessRecipe

#: Share of the groups that early stopping watches.
VALIDATION = 0.15


@dataclass(frozen=True)
class Plan:
    """How a supervised network is trained.

    Attributes:
        epochs: At most so many passes over the spectra.
        patience: Passes without a lower validation loss before it ends; the best weights are kept.
        learning_rate: Of Adam, at its peak: a short rise, then a cosine to zero.
        weight_decay: As AdamW has it; 0 is plain Adam.
    """

    epochs: int = 25
    patience: int = 6
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.0


class GalSpecNet(nn.Module):
    """Four convolutions of 3 pixels with pooling by 4 between, then three fully connected layers.

    Source: Wu et al. 2024, MNRAS 527, 1163. Channels (64, 64, 32, 32), pooling, and hidden layers of 64 and 32
    are those of public re-implementations, which agree on all but the hidden layers; the paper itself was not at hand.
    """

    def __init__(self, n_pixels: int, n_labels: int, dropout: float = 0.5) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        length, before = n_pixels, 1
        for i, channels in enumerate((64, 64, 32, 32)):
            parts += [nn.Conv1d(before, channels, 3), nn.ReLU()]
            length, before = length - 2, channels
            if i < 3:
                parts.append(nn.MaxPool1d(4))
                length //= 4
        self.features = nn.Sequential(*parts)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(before * length, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, n_labels),
        )  # fmt: skip

    def forward(self, flux: Tensor, ivar: Tensor) -> Tensor:
        return self.head(self.features(flux[:, None]).flatten(1))


class SupervisedTransformer(nn.Module):
    """Our masked Transformer up to the mean of its tokens, and a linear layer from there to the labels."""

    def __init__(self, n_pixels: int, n_labels: int) -> None:
        super().__init__()
        shape = NetworkRecipe(patch=40, stride=40, width=96, depth=3, heads=4, dropout=0.1)
        self.network = MaskedTransformer(shape, n_pixels)
        self.head = nn.Linear(self.network.n_dimensions, n_labels)

    def forward(self, flux: Tensor, ivar: Tensor) -> Tensor:
        return self.head(self.network.pool(flux, ivar))


class SupervisedCnn(nn.Module):
    """The convolutions of `base`, and one hidden layer from their places to the labels.

    Measured (real spectra, 5 folds, one seed, 5-class F1): .79 to .81 so, .72 with `base`'s own bottleneck between.
    """

    def __init__(self, n_pixels: int, n_labels: int, dropout: float = 0.2) -> None:
        super().__init__()
        channels = (32, 48, 64)
        self.stages, n_places = stages(2, channels, n_pixels)
        self.squeeze = nn.Conv1d(channels[-1], 16, 1)
        self.head = nn.Sequential(
            nn.GELU(), nn.Flatten(), nn.Dropout(dropout), nn.Linear(16 * n_places, 128), nn.GELU(),
            nn.Dropout(dropout), nn.Linear(128, n_labels),
        )  # fmt: skip

    def forward(self, flux: Tensor, ivar: Tensor) -> Tensor:
        valid = (ivar > 0).to(flux.dtype)
        return self.head(self.squeeze(gelu(self.stages(torch.stack([flux * valid, valid], dim=1)))))


class MakeNetwork(Protocol):
    """A network of random weights for so many pixels and labels."""

    def __call__(self, n_pixels: int, n_labels: int) -> nn.Module: ...


class NetworkClassifier(Classifier):
    """A network trained on the labels by cross-entropy, every label weighing the same."""

    def __init__(
        self, name: str, note: str, preprocess: PreprocessRecipe, make: MakeNetwork, plan: Plan
    ) -> None:
        self.name, self.note, self.preprocess = name, note, preprocess
        self.make, self.plan = make, plan

    def _fit(
        self,
        prepared: Prepared,
        code: NDArray[np.int64],
        labels: tuple[str, ...],
        groups: NDArray[np.str_],
        seed: int,
    ) -> FittedNetwork:
        torch.manual_seed(seed)
        network = self.make(prepared.flux.shape[1], len(labels))
        train(network, prepared, code, len(labels), groups, self.plan, seed)
        return FittedNetwork(labels, network)

    def save(self, fitted: FittedNetwork, path: Path) -> None:
        """Weights and labels in one safetensors file."""
        arrays = {name: np.ascontiguousarray(t.numpy()) for name, t in fitted.network.state_dict().items()}
        save_file(arrays, path, metadata={"labels": "\n".join(fitted.labels)})

    def load(self, path: Path) -> FittedNetwork:
        """What `save` wrote."""
        with safe_open(path, "np") as file:
            labels = tuple(file.metadata()["labels"].split("\n"))
            state = {name: torch.from_numpy(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (no dictionary)
        network = self.make(self.preprocess.n_pixels, len(labels))
        network.load_state_dict(state)
        return FittedNetwork(labels, network)


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network."""

    labels: tuple[str, ...]
    network: nn.Module

    def probabilities(self, asked: Prepared) -> NDArray[np.float64]:
        """Of every label for each spectrum, (n_spectra, n_labels)."""
        return torch.softmax(_scores(self.network, asked), dim=1).numpy().astype(np.float64)


def train(
    network: nn.Module,
    prepared: Prepared,
    code: NDArray[np.int64],
    n_labels: int,
    groups: NDArray[np.str_],
    plan: Plan,
    seed: int,
) -> None:
    """Train in place; the network ends with the weights that had the lowest loss on groups kept aside."""
    rows, kept = split_groups(code, groups, seed)
    counts = np.bincount(code[rows], minlength=n_labels)
    weight = torch.tensor(len(rows) / (n_labels * np.maximum(counts, 1)), dtype=torch.float32)
    flux, ivar = torch.from_numpy(prepared.flux), torch.from_numpy(prepared.ivar)
    label = torch.from_numpy(code)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    steps = plan.epochs * max(1, len(rows) // plan.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    rng = np.random.default_rng(seed)
    best, lowest, stale = _copy(network), np.inf, 0
    for _ in range(plan.epochs):
        network.train()
        for batch in _batches(rng.permutation(rows), plan.batch_size):
            with _half_precision():
                scores = network(flux[batch], ivar[batch])
            loss = cross_entropy(scores.float(), label[batch], weight=weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        now = float(cross_entropy(_scores(network, prepared.take(kept)), label[kept], weight=weight))
        stale += 1
        if now < lowest:
            best, lowest, stale = _copy(network), now, 0
        if stale >= plan.patience:
            break
    network.load_state_dict(best)


def split_groups(
    code: NDArray[np.int64], groups: NDArray[np.str_], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to watch, of different groups; every label is among the first."""
    if len(np.unique(groups)) < 2:
        return np.arange(len(code)), np.arange(len(code))
    splitter = GroupShuffleSplit(20, test_size=VALIDATION, random_state=seed)
    splits = list(splitter.split(code, groups=groups))
    for rows, kept in splits:
        if set(code[kept].tolist()) <= set(code[rows].tolist()) and len(set(code[rows].tolist())) == len(
            set(code.tolist())
        ):
            return rows, kept
    return np.arange(len(code)), splits[0][1]


def _scores(network: nn.Module, asked: Prepared) -> Tensor:
    network.eval()
    parts = []
    with torch.inference_mode():
        for i in range(0, len(asked), 128):
            flux, ivar = (torch.from_numpy(a[i : i + 128]) for a in (asked.flux, asked.ivar))
            parts.append(network(flux, ivar).float())
    return torch.cat(parts) if parts else torch.zeros((0, 1))


def _half_precision() -> torch.autocast:
    """bf16 where the processor computes in it: measured 1.6 to 1.8 times as fast."""
    # A private name of torch's, so that its absence has to mean "no".
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.autocast("cpu", torch.bfloat16, enabled=bool(supported()))


def _batches(rows: NDArray[np.int64], size: int) -> Iterator[Tensor]:
    """Whole batches; the few rows left over have their turn in another order."""
    for i in range(0, max(1, len(rows) // size) * size, size):
        yield torch.from_numpy(rows[i : i + size])


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 50) * 0.5 * (1 + float(np.cos(np.pi * min(step / steps, 1.0))))


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: t.detach().clone() for name, t in network.state_dict().items()}


_UNCONFIRMED = (
    "Loss, optimiser and hidden layers of the paper could not be confirmed: weighted cross-entropy and Adam."
)

GALSPECNET = NetworkClassifier(
    "GalSpecNet",
    f"observed frame, as published (Wu et al. 2024). {_UNCONFIRMED}",
    OBSERVED,
    GalSpecNet,
    Plan(),
)
GALSPECNET_REST = NetworkClassifier(
    "GalSpecNet, rest frame", "the same network on rest-frame pixels divided by the continuum.", REST, GalSpecNet,
    Plan(),
)  # fmt: skip
TRANSFORMER = NetworkClassifier(
    "supervised Transformer", "our masked Transformer's shape in the rest frame, GalSpecNet's loss and optimiser.",
    REST, SupervisedTransformer, Plan(),
)  # fmt: skip
CNN = NetworkClassifier(
    "supervised CNN", "rest frame, the convolutions of `base` trained on the labels; AdamW.", REST, SupervisedCnn,
    Plan(weight_decay=0.01),
)  # fmt: skip

#: Every supervised network.
NETWORK_CLASSIFIERS: tuple[NetworkClassifier, ...] = (GALSPECNET, GALSPECNET_REST, TRANSFORMER, CNN)
