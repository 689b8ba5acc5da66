"""How the flow learns: mock spectra with other noise at every step, one setting missing now and then."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.stars.flow.mocks import checks, differences, make_basis, pool
from spectrove.stars.flow.model import N_ASKED, Flow, FlowNetwork
from spectrove.stars.flow.recipe import FlowRecipe
from spectrove.stars.flow.shown import Basis, seen
from spectrove.stars.settings import SETTINGS
from spectrove.training.state import load_state, save_state, state_about

Progress = Callable[[int, int], None]

#: Steps over which the rate rises, and between two states that are kept.
RISING, KEPT = 300, 500

#: Draws of each star that widths are checked with, and how often each has other noise.
_DRAWS, _NOISES = 256, 3


class _Pair(nn.Module):
    """A network, and the running mean of its weights."""

    def __init__(self, recipe: FlowRecipe) -> None:
        super().__init__()
        self.network = FlowNetwork(recipe)
        self.mean = deepcopy(self.network).requires_grad_(False)

    def follow(self, share: float) -> None:
        """Move the mean towards the network, keeping a share of it."""
        torch._foreach_lerp_(
            list(self.mean.parameters()), [p.detach() for p in self.network.parameters()], 1 - share
        )


def train(
    recipe: FlowRecipe,
    folder: Path,
    progress: Progress = lambda done, total: None,
    drawn: Progress = lambda done, total: None,
    start: Flow | None = None,
    stars: Path | None = None,
) -> tuple[Flow, dict[str, Any]]:
    """A flow, and a report; a run that was stopped goes on from the folder.

    Args:
        recipe: How.
        folder: For mock spectra and `last.safetensors`, the state of the run.
        progress: Told the steps.
        drawn: Told the mock spectra.
        start: A flow of the same shape, of other mock stars: its components are kept, and its weights are learned on.
        stars: For computed spectra, which runs may share; in `folder` if None.

    Raises:
        RecipeError: The folder holds a run of another recipe, or the loss is not finite.
    """
    basis = make_basis(recipe) if start is None else start.basis
    mocks = pool(recipe, basis, folder / "mocks", drawn)
    units = units_of(mocks["labels"])
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        pair = _Pair(recipe)
    if start is not None:
        units |= {"centre": start.centre, "spread": start.spread}
        for network in (pair.network, pair.mean):
            network.load_state_dict(start.network.state_dict())
    optimizer = torch.optim.AdamW(
        pair.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    about = _begun(folder / "last.safetensors", pair, optimizer, recipe, mocks)
    stars = folder / "computed" if stars is None else stars
    off, near = differences(recipe, basis, stars, mocks["labels"])
    labels = (mocks["labels"] - units["centre"]) / units["spread"]
    losses, began = [], time.process_time() - about["seconds"]
    total = recipe.steps + recipe.shaping
    for step in range(about["step"], total):
        shaping = step >= recipe.steps
        if step == recipe.steps:
            pair.network.load_state_dict(pair.mean.state_dict())  # the flow is one of what is kept
        done, of = (step - recipe.steps, recipe.shaping) if shaping else (step, recipe.steps)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _share(done, of)
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
        size = recipe.shaped if shaping else recipe.batch
        chosen = torch.randint(len(labels), (size,), generator=generator)
        which = near[chosen, torch.randint(near.shape[1], (size,), generator=generator)]
        components = mocks["components"][chosen] + off[which]
        given = noisy(components, mocks["level"][chosen], basis, recipe, generator)
        learn = pair.network.flow_loss if shaping else pair.network.normal_loss
        loss = learn(given, labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pair.network.parameters(), 5.0)
        optimizer.step()
        pair.follow(min(recipe.averaging, (done + 1) / (done + 10)))
        losses.append(float(loss.detach()))
        progress(step + 1, total)
        if (step + 1) % KEPT == 0 or step + 1 in (recipe.steps, total):
            mean = sum(losses) / len(losses)
            if not math.isfinite(mean):
                raise RecipeError(
                    f"the loss is {mean} at step {step + 1}. Lower learning_rate of the recipe."
                )
            entry = {"step": step + 1, "flow" if shaping else "normal": round(mean, 4)}
            about |= {
                "step": step + 1,
                "log": [*about["log"], entry],
                "seconds": round(time.process_time() - began, 1),
            }
            save_state(folder / "last.safetensors", pair, optimizer, about)
            losses = []
    flow = Flow(recipe, pair.mean, basis, units)
    flow.widening, flow.errors = widened(flow, checks(recipe, basis, stars))
    return flow, about | {
        name: [round(w, 3) for w in getattr(flow, name).tolist()] for name in ("widening", "errors")
    }


def units_of(labels: Tensor) -> dict[str, Tensor]:
    """Mean, spread and ends of labels, and no widening yet."""
    return {
        "centre": labels.mean(dim=0), "spread": labels.std(dim=0), "low": labels.amin(dim=0),
        "high": labels.amax(dim=0), "widening": torch.ones(N_ASKED), "errors": torch.ones(labels.shape[1]),
    }  # fmt: skip


def noisy(
    components: Tensor, level: Tensor, basis: Basis, recipe: FlowRecipe, generator: torch.Generator
) -> Tensor:
    """What the network is given of mock spectra with noise, one setting of some of them missing.

    Noise that is alike in all pixels is so in components, which are orthonormal.
    """
    n = len(components)
    low, high = (math.log(ratio) for ratio in recipe.signal_to_noise)
    ratio = low + (high - low) * torch.rand((n, 1), generator=generator)
    ratio = ratio + recipe.unlike * torch.randn((n, len(SETTINGS)), generator=generator)
    error = torch.exp(-ratio.clamp(low, high)) / level
    sizes = torch.tensor(basis.sizes)
    noise = torch.randn(components.shape, generator=generator) * error.repeat_interleave(sizes, dim=1)
    drawn, has, start = torch.rand((n, 1), generator=generator), torch.ones((n, len(SETTINGS))), 0.0
    for i, share in enumerate(recipe.alone):
        others = torch.tensor([float(k == i) for k in range(len(SETTINGS))])
        has = torch.where((drawn >= start) & (drawn < start + share), others, has)
        start += share
    error = torch.where(has > 0, error, 1.0)
    return seen(components + noise, error, has, basis.spread)


def widened(flow: Flow, mocks: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """By which factors draws and errors hold what they say of mock stars that no training has seen.

    Args:
        flow: Which.
        mocks: As `mocks.checks` gives them.

    Returns:
        For draws, (n_asked,): their central intervals of 68.3% then hold as many stars; and for errors, (n_labels,):
        the mean square of what is off is then theirs.
    """
    drawn, off = [], []
    levels = torch.tensor([0.1587, 0.5, 0.8413])
    for turn in range(_NOISES):
        generator = torch.Generator().manual_seed(flow.recipe.seed * 1_000 + turn)
        given = noisy(mocks["components"], mocks["level"], flow.basis, flow.recipe, generator)
        with torch.no_grad():
            mean, covariance = flow.labels(given)
            draws = flow.draws(given, _DRAWS, range(turn * len(given), (turn + 1) * len(given)))
        off.append((mocks["labels"] - mean) / covariance.diagonal(dim1=1, dim2=2).sqrt())
        low, middle, high = torch.quantile(draws, levels, dim=1)
        apart = mocks["labels"][:, :N_ASKED] - middle
        drawn.append(apart.abs() / torch.where(apart > 0, high - middle, middle - low))
    return torch.quantile(torch.cat(drawn), 0.6827, dim=0), (torch.cat(off) ** 2).mean(dim=0).sqrt()


def _begun(
    path: Path, pair: _Pair, optimizer: torch.optim.Optimizer, recipe: FlowRecipe, mocks: Mapping[str, Tensor]
) -> dict[str, Any]:
    content = hash_arrays({"labels": mocks["labels"].numpy(), "components": mocks["components"].numpy()})
    key = canonical_json([recipe.model_dump(), content])
    if not path.exists():
        return {"step": 0, "log": [], "seconds": 0.0, "key": key}
    if state_about(path)["key"] != key:
        raise RecipeError(
            f"{path.parent}: holds a run of another recipe. Choose another folder, or remove it."
        )
    return load_state(path, pair, optimizer)


def _share(step: int, steps: int) -> float:
    """Of the learning rate at a step."""
    return min(1.0, (step + 1) / RISING) * 0.5 * (1 + math.cos(math.pi * step / steps))
