"""How a network of labels learns: from few stars, each shown otherwise every time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrove.provenance import canonical_json, hash_arrays
from spectrove.stars.network.model import THETA, LabelsEstimator, LabelsNetwork, _level
from spectrove.stars.network.recipe import LabelsRecipe
from spectrove.stars.network.shown import Shown, shown
from spectrove.training.state import load_state, save_state, state_about

Progress = Callable[[int, int], None]

#: Epochs between two states that are kept.
KEPT = 10


def train(
    flux: NDArray,
    used: NDArray,
    labels: NDArray,
    recipe: LabelsRecipe,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> LabelsEstimator:
    """An estimator learned from spectra at rest on the common pixels.

    Args:
        flux: Spectra of a high signal-to-noise ratio, in any unit, (n_stars, n_pixels).
        used: Pixels that are good.
        labels: Teff in K, log g, [Fe/H]; (n_stars, 3).
        recipe: How.
        folder: Where states are kept, from which an interrupted training goes on; None to keep none.
        progress: Told how many of all epochs are done.
    """
    theta = np.stack([THETA / labels[:, 0], labels[:, 1], labels[:, 2]], axis=1)
    centre, spread = theta.mean(axis=0), theta.std(axis=0)
    stars = (
        torch.as_tensor(flux / _level(flux, used), dtype=torch.float32),
        torch.as_tensor(used, dtype=torch.float32),
        torch.as_tensor((theta - centre) / spread, dtype=torch.float32),
    )
    key = canonical_json(
        [recipe.model_dump(exclude={"members"}), hash_arrays({"labels": labels, "flux": flux, "used": used})]
    )
    members = []
    for i in range(recipe.members):

        def told(done: int, i: int = i) -> None:
            if progress is not None:
                progress(i * recipe.epochs + done, recipe.members * recipe.epochs)

        members.append(_member(*stars, recipe, i, key, folder, told))
    return LabelsEstimator(recipe, members, centre.tolist(), spread.tolist())


def _member(
    flux: Tensor,
    used: Tensor,
    labels: Tensor,
    recipe: LabelsRecipe,
    number: int,
    key: str,
    folder: Path | None,
    told: Callable[[int], None],
) -> LabelsNetwork:
    generator = torch.Generator().manual_seed(recipe.seed + number)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed + number)
        network = LabelsNetwork(recipe, flux.shape[1])
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    state = None if folder is None else folder / f"member-{number}.safetensors"
    begun = _resumed(state, network, optimizer, key)
    steps = math.ceil(len(flux) / recipe.batch)
    for epoch in range(begun, recipe.epochs):
        # Seeded by the epoch, so that a training that was interrupted goes on as it would have.
        generator.manual_seed((recipe.seed + number) * 100_003 + epoch)
        torch.manual_seed((recipe.seed + number) * 100_003 + epoch)  # dropout
        order = torch.randperm(len(flux), generator=generator)
        for step, chosen in enumerate(order.chunk(steps)):
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * _share((epoch + step / steps) / recipe.epochs)
            _learn(network, optimizer, *varied(flux[chosen], used[chosen], recipe, generator), labels[chosen])
        told(epoch + 1)
        if state is not None and ((epoch + 1) % KEPT == 0 or epoch + 1 == recipe.epochs):
            state.parent.mkdir(parents=True, exist_ok=True)
            save_state(state, network, optimizer, {"key": key, "epoch": epoch + 1})
    return network.eval()


def _resumed(state: Path | None, network: nn.Module, optimizer: torch.optim.Optimizer, key: str) -> int:
    if state is None or not state.exists() or state_about(state)["key"] != key:
        return 0
    return int(load_state(state, network, optimizer)["epoch"])


def _share(done: float, rising: float = 0.1) -> float:
    """Of the learning rate, where this part of the training is done."""
    return (
        done / rising + 1e-3
        if done < rising
        else 0.5 * (1 + math.cos(math.pi * (done - rising) / (1 - rising)))
    )


def _learn(
    network: LabelsNetwork,
    optimizer: torch.optim.Optimizer,
    flux: Tensor,
    used: Tensor,
    whole: Tensor,
    labels: Tensor,
) -> None:
    seen: Shown = shown(flux, used)
    mean, log_sigma = network(seen._replace(shape=seen.shape * whole))
    # beta-NLL (Seitzer et al. 2022) with beta .5 of the variance: stars with a large error teach the mean, too.
    loss = ((0.5 * ((mean - labels) / log_sigma.exp()) ** 2 + log_sigma) * log_sigma.exp().detach()).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()


def varied(
    flux: Tensor, used: Tensor, recipe: LabelsRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Stars as another instrument might see them: flux, used pixels, and 1 where the continuum is shown, (n, 1)."""

    def even(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator)

    n = len(flux)
    moved = recipe.shift * (2 * even(n, 1) - 1)
    before, after = torch.roll(flux, 1, 1), torch.roll(flux, -1, 1)
    flux = flux + torch.where(moved > 0, moved * (before - flux), -moved * (after - flux))
    share = recipe.blur * even(n, 1) * (even(n, 1) < 0.5)
    flux = (1 - 2 * share) * flux + share * (torch.roll(flux, 1, 1) + torch.roll(flux, -1, 1))
    low, high = (math.log(ratio) for ratio in recipe.signal_to_noise)
    place = torch.linspace(-1, 1, flux.shape[1])
    noise = torch.exp(-(low + (high - low) * even(n, 1))) * (even(n, 1) >= recipe.noiseless)
    noise = noise * torch.exp(-recipe.tilt * even(n, 1) * place)  # blue ends are often noisier
    flux = flux + noise * torch.randn(flux.shape, generator=generator) * flux.clamp(min=0.05).sqrt()
    turns = 5 + 20 * even(n, 1)
    flux = flux * (1 + recipe.ripple * even(n, 1) * torch.sin(turns * place + 6.3 * even(n, 1)))
    first = recipe.cut * even(n, 1) * (even(n, 1) < 1 / 3)
    used = used * (torch.arange(flux.shape[1]) >= first) * (even(*flux.shape) >= recipe.bad * even(n, 1))
    for _ in range(recipe.gaps):
        start, length = flux.shape[1] * even(n, 1), recipe.gap * even(n, 1)
        away = torch.arange(flux.shape[1]) - start
        used = used * ~((away >= 0) & (away < length))
    return flux, used, (even(n, 1) >= recipe.shapeless).float()
