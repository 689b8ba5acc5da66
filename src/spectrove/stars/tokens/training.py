"""How the network learns: at every step other tokens are known, with other errors, and others are asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json, hash_arrays
from spectrove.stars.tokens.model import TokenNetwork, moments
from spectrove.stars.tokens.recipe import MockRecipe, TokensRecipe
from spectrove.stars.tokens.vocabulary import (
    BP,
    COLOURS,
    LABELS,
    N_BP,
    NAMES,
    PARALLAX_G,
    PLACE,
    TOKENS,
    places,
)
from spectrove.training.state import load_state, save_state, state_about

Progress = Callable[[int, int], None]

#: Steps in which the learning rate rises, and between two states that are kept.
RISING, KEPT = 200, 250

#: Share of all steps in which the learning rate falls: before these, a training does not depend on how many there are.
FALLING = 0.3

_OTHERS = places((*COLOURS, *LABELS, PARALLAX_G))
_IS_LABEL = np.isin(np.arange(len(NAMES)), places(LABELS))


def on_scale(tokens: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values of all tokens on the scale of the network, (n, n_tokens)."""
    none = np.zeros(len(tokens))
    return np.stack([token.seen(tokens[:, i], none)[0] for i, token in enumerate(TOKENS)], axis=1)


def observed(
    tokens: NDArray[np.float64], spread: NDArray[np.float64], recipe: MockRecipe, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is measured of mock stars: values on the scale of the network, and their errors; both (n, n_tokens).

    Args:
        tokens: True values in their units.
        spread: Standard deviation of each on the scale of the network, (n_tokens,).
        recipe: How large errors are.
        rng: Of errors and noise.
    """
    n = len(tokens)

    def between(limits: tuple[float, float], width: int) -> NDArray[np.float64]:
        return np.exp(rng.uniform(float(np.log(limits[0])), float(np.log(limits[1])), size=(n, width)))

    error = np.empty_like(tokens)
    first, colours, labels = (places(names) for names in (BP, COLOURS, LABELS))
    norm = np.sqrt((tokens[:, first] ** 2).sum(axis=1, keepdims=True))
    falling = np.exp(-recipe.error_slope * rng.uniform(size=(n, 1)) * np.arange(N_BP) / N_BP)
    single = np.exp(recipe.error_spread * rng.normal(size=(n, N_BP)))
    error[:, first] = norm / between(recipe.signal_to_noise, 1) * falling * single
    error[:, colours] = between(recipe.colour_error, len(colours))
    value = tokens + error * rng.normal(size=tokens.shape)
    place = PLACE[PARALLAX_G]
    error[:, place] = tokens[:, place] * between(recipe.parallax_error, 1)[:, 0]
    value[:, place] = tokens[:, place] + error[:, place] * rng.normal(size=n)
    value, error = _seen(value, error, ~_IS_LABEL)
    error[:, labels] = between(recipe.label_error, len(labels)) * spread[labels]
    value[:, labels] = on_scale(tokens)[:, labels] + error[:, labels] * rng.normal(size=(n, len(labels)))
    return value, error


def _seen(value: NDArray, error: NDArray, which: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    out = np.array(value), np.array(error)
    for i in np.flatnonzero(which):
        out[0][:, i], out[1][:, i] = TOKENS[i].seen(value[:, i], error[:, i])
    return out


def contexts(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of the known tokens of n stars, as many of each, (n, k); which kind of knowledge, is drawn once.

    Any tokens; the first coefficients, with or without colours and others; some coefficients and colours; tokens that
    are no coefficients; or all labels, with or without some of these.
    """
    kind = rng.uniform()
    if kind < 0.4:
        pool, size = np.arange(len(NAMES)), int(rng.integers(1, 40))
    elif kind < 0.65:
        pool = np.arange(rng.choice([4, 6, 8, 12, 16, 24, 32, N_BP, N_BP]))
        if rng.uniform() < 0.6:
            pool = np.concatenate([pool, places(COLOURS)])
        if rng.uniform() < 0.2:
            pool = np.concatenate([pool, _OTHERS[len(COLOURS) :]])
        size = len(pool)
    elif kind < 0.78:
        pool, size = np.arange(N_BP + len(COLOURS)), int(rng.integers(8, 36))
    elif kind < 0.88:
        pool, size = _OTHERS, int(rng.integers(1, len(_OTHERS) + 1))
    else:
        pool = np.concatenate(
            [places(LABELS), np.flatnonzero(rng.uniform(size=N_BP) < rng.choice([0.0, 0.1]))]
        )
        size = len(pool)
    return pool[np.argsort(rng.uniform(size=(n, len(pool))), axis=1)[:, :size]]


def requests(n: int, recipe: TokensRecipe, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places of the wanted tokens of n stars: coefficients, then others."""
    coefficients, others = recipe.wanted
    return np.concatenate(
        [
            rng.integers(N_BP, size=(n, coefficients)),
            _OTHERS[np.argsort(rng.uniform(size=(n, len(_OTHERS))), axis=1)[:, :others]],
        ],
        axis=1,
    )


def train(
    tokens: NDArray[np.float64],
    recipe: TokensRecipe,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> tuple[TokenNetwork, dict[str, Any]]:
    """A network learned from mock stars, and a report.

    Args:
        tokens: True values of all tokens in their units, (n_stars, n_tokens).
        recipe: How.
        folder: Where states are kept, from which an interrupted training goes on, and one of another number of steps
            as long as the learning rate of neither falls; None to keep none.
        progress: Told how many of all steps are done.

    Raises:
        RecipeError: The loss is no number any more.
    """
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = TokenNetwork(recipe)
    truth = on_scale(tokens)
    network.centre, network.spread = moments(truth)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    about: dict[str, Any] = {
        "key": canonical_json([recipe.model_dump(mode="json", exclude={"steps"}), hash_arrays({"tokens": tokens})]),
        "step": 0, "steps": recipe.steps, "seconds": 0.0, "log": [],
    }  # fmt: skip
    state = None if folder is None else folder / "tokens.safetensors"
    if state is not None and state.exists() and _goes_on(state_about(state), about["key"], recipe.steps):
        about = load_state(state, network, optimizer)
    else:
        standard = (truth - truth.mean(axis=0)) / truth.std(axis=0)
        network.start.fit(standard[: recipe.fitted], recipe.seed)
    about["steps"] = recipe.steps
    began, losses = time.process_time() - about["seconds"], []
    for step in range(about["step"], recipe.steps):
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * share(step, recipe.steps)
        rng = np.random.default_rng(
            [recipe.seed, step]
        )  # so that an interrupted training goes on as it would have
        chosen = rng.integers(len(tokens), size=recipe.batch)
        losses.append(_step(network, optimizer, tokens[chosen], truth[chosen], rng))
        if progress is not None:
            progress(step + 1, recipe.steps)
        if (step + 1) % KEPT == 0 or step + 1 == recipe.steps:
            if not math.isfinite(losses[-1]):
                raise RecipeError(
                    f"the loss is {losses[-1]} at step {step + 1}. Lower the learning_rate of the recipe."
                )
            about["log"].append({"step": step + 1, "loss": round(float(np.mean(losses)), 4)})
            about |= {"step": step + 1, "seconds": round(time.process_time() - began, 1)}
            losses = []
            if state is not None:
                state.parent.mkdir(parents=True, exist_ok=True)
                save_state(state, network, optimizer, about)
    return network.eval().requires_grad_(False), about


def _goes_on(about: dict[str, Any], key: str, steps: int) -> bool:
    """Whether a training of so many steps would have come by a state."""
    same = about.get("steps") == steps
    return about["key"] == key and (same or about["step"] <= (1 - FALLING) * min(steps, about["steps"]))


def share(step: int, steps: int) -> float:
    """Of the learning rate at a step: it rises, stays, and falls to nothing."""
    return min(1.0, (step + 1) / RISING, (steps - step) / (FALLING * steps))


def _step(
    network: TokenNetwork,
    optimizer: torch.optim.Optimizer,
    tokens: NDArray,
    truth: NDArray,
    rng: np.random.Generator,
) -> float:
    centre, spread = (moment.double().numpy() for moment in (network.centre, network.spread))
    value, error = observed(tokens, spread, network.recipe.mock, rng)
    known, wanted = contexts(len(tokens), rng), requests(len(tokens), network.recipe, rng)

    def chosen(values: NDArray, which: NDArray) -> Tensor:
        return torch.as_tensor(np.take_along_axis(values, which, axis=1)).float()

    mean, log_sigma = network(
        torch.as_tensor(known),
        chosen((value - centre) / spread, known),
        chosen(error / spread, known),
        torch.as_tensor(wanted),
    )
    off = (mean - chosen((truth - centre) / spread, wanted)) / log_sigma.exp()
    # beta-NLL (Seitzer et al. 2022), beta .5 of the variance: tokens with large errors teach the mean, too.
    loss = ((0.5 * off**2 + log_sigma) * log_sigma.detach().exp()).mean()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())
