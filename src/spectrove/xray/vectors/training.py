"""How the networks of X-ray spectra are trained: one loop, and what each network is asked to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spectrove.domain import Progress
from spectrove.encoders.network_encoder import whitening
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json
from spectrove.training.loop import schedule
from spectrove.training.state import load_state, save_state, state_about
from spectrove.xray.counts import CountSet
from spectrove.xray.mock import draw
from spectrove.xray.vectors.autoencoder import Autoencoder, AutoencoderEncoder, AutoencoderRecipe
from spectrove.xray.vectors.bank import Bank, Drawn
from spectrove.xray.vectors.base import rates_between_0_and_1
from spectrove.xray.vectors.energies import energy_counts
from spectrove.xray.vectors.features import features
from spectrove.xray.vectors.network import (
    SourceNetwork,
    SourceNetworkEncoder,
    SourceNetworkRecipe,
    log_flux_of,
)
from spectrove.xray.vectors.survey import recipe_of, source_ids, training_instruments, training_spectra

#: Share of the spectra of which only fluxes in three bands are shown in training.
CATALOGUED = 0.1

#: What all functions of the spectrum together count, in units of one quantity.
SHAPES_WEIGHT = 8.0

#: Spectra drawn to measure features, vectors and fluxes.
MEASURED = 8192

Loss = Callable[[np.random.Generator], dict[str, Tensor]]


def fit(
    module: nn.Module, loss: Loss, recipe: EncoderRecipe, folder: Path, progress: Progress
) -> dict[str, Any]:
    """Train a module in place by all steps of a recipe; what a stopped run has done is kept and not repeated.

    Args:
        module: Changed.
        loss: Losses of one step by name, "loss" their sum; everything random in a step comes from the generator.
        recipe: Of the encoder.
        folder: For the state of the run.
        progress: Told the steps.

    Returns:
        A report: losses of the checkpoints, numbers of steps and parameters, seconds.

    Raises:
        RecipeError: `folder` holds a run of another recipe, or the loss is not finite.
    """
    plan, last = recipe.training, folder / "last.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = torch.optim.AdamW(module.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    about: dict[str, Any] = {
        "step": 0, "log": [], "seconds": 0.0, "recipe": canonical_json(recipe.model_dump()),
    }  # fmt: skip
    if last.exists():
        if state_about(last)["recipe"] != about["recipe"]:
            raise RecipeError(
                f"{folder}: holds a run of another recipe. Choose another folder, or restore that recipe."
            )
        about = load_state(last, module, optimizer)
    module.train()
    losses: list[dict[str, float]] = []
    began = time.process_time() - about["seconds"]
    for step in range(about["step"], plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * schedule(step, plan)
        parts = loss(np.random.default_rng([plan.seed, step]))
        optimizer.zero_grad()
        parts["loss"].backward()
        nn.utils.clip_grad_norm_(module.parameters(), plan.gradient_clip)
        optimizer.step()
        losses.append({name: float(value.detach()) for name, value in parts.items()})
        progress(step + 1, plan.steps)
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            means = {name: round(float(np.mean([p[name] for p in losses])), 4) for name in losses[0]}
            if not np.isfinite(means["loss"]):
                raise RecipeError(
                    f"recipe {recipe.name}: the loss is {means['loss']} at step {step + 1}. Lower "
                    f"training.learning_rate; {folder} keeps the last good state."
                )
            about = about | {
                "step": step + 1, "log": [*about["log"], {"step": step + 1, **means}],
                "seconds": round(time.process_time() - began, 1),
            }  # fmt: skip
            save_state(last, module, optimizer, about)
            losses = []
    module.eval()
    n = sum(p.numel() for p in module.parameters())
    return {
        "steps": plan.steps,
        "n_parameters": n,
        "processor_seconds": about["seconds"],
        "log": about["log"],
    }


# --- the autoencoder -----------------------------------------------------------------------------------


def train_autoencoder(
    recipe: EncoderRecipe,
    datasets: Sequence[CountSet],
    /,
    *,
    source: str,
    workers: int,
    tell: Callable[[str], Progress],
) -> tuple[AutoencoderEncoder, dict[str, Any]]:
    """The autoencoder of the recipe's mock survey and the datasets, and a report; see `domain.Trainer`."""
    settings, plan = AutoencoderRecipe.model_validate(recipe.own or {}), recipe.training
    spectra = training_spectra(recipe, datasets, workers=workers, progress=tell("mock spectra"))
    shown, _ = energy_counts(spectra, settings)
    pictures = torch.from_numpy(rates_between_0_and_1(shown))
    torch.manual_seed(plan.seed)
    module = Autoencoder(settings)

    def loss(rng: np.random.Generator) -> dict[str, Tensor]:
        batch = pictures[torch.from_numpy(rng.integers(len(pictures), size=plan.batch_size))]
        return {"loss": (module.decode(module(batch)) - batch).abs().mean()}

    report = fit(module, loss, recipe, Path(source) / "run", tell("training"))
    ids = frozenset(shown.object_id.tolist())
    encoder = AutoencoderEncoder(recipe, _arrays(module), training_ids=ids, source=source)
    return encoder, {"n_spectra": len(shown), **report}


# --- the network of sources ----------------------------------------------------------------------------


def train_source_network(
    recipe: EncoderRecipe,
    datasets: Sequence[CountSet],
    /,
    *,
    source: str,
    workers: int,
    tell: Callable[[str], Progress],
) -> tuple[SourceNetworkEncoder, dict[str, Any]]:
    """The network of the recipe's mock sources, and a report; see `domain.Trainer`.

    Raises:
        RecipeError: Datasets are given, which have no truth, or there are no mock sources.
    """
    settings, plan = SourceNetworkRecipe.model_validate(recipe.own or {}), recipe.training
    if sum(map(len, datasets)) or not plan.n_mock:
        raise RecipeError(
            f"recipe {recipe.name}: {sum(map(len, datasets))} spectra of datasets and {plan.n_mock} mock sources; "
            "expected mock sources alone, whose truth is known. Leave the datasets out, and set training.n_mock."
        )
    survey = recipe_of(plan.mock_recipe)
    sources = draw(plan.n_mock, survey, plan.mock_seed)
    tell("mock sources")(plan.n_mock, plan.n_mock)
    bank = Bank(sources, training_instruments(survey), survey, settings, settings.quantities)
    torch.manual_seed(plan.seed)
    network = SourceNetwork(settings)
    task = SourceTask(network, bank, recipe)
    report = fit(network, task, recipe, Path(source) / "run", tell("training"))
    ids = frozenset(source_ids(survey, plan.mock_seed, plan.n_mock))
    weights = _arrays(network) | task.measured()
    encoder = SourceNetworkEncoder(recipe, weights, training_ids=ids, source=source)
    return encoder, {"n_spectra": plan.n_mock, **report}


class SourceTask:
    """What the network of sources is asked: the truth of mock sources, and their counts.

    Attributes:
        centre, scale: Units of the targets, (n_targets,); input_mean, input_scale of the features, (n_features,).
    """

    def __init__(self, network: SourceNetwork, bank: Bank, recipe: EncoderRecipe) -> None:
        self.network, self.bank, self.recipe = network, bank, recipe
        self.settings = SourceNetworkRecipe.model_validate(recipe.own or {})
        targets = np.concatenate([bank.values, bank.shapes], axis=1)
        known = np.isfinite(targets)
        self.centre, self.scale = np.nanmean(targets, axis=0), np.nanstd(targets, axis=0) + 1e-6
        self.targets = torch.from_numpy(
            np.where(known, (targets - self.centre) / self.scale, 0).astype(np.float32)
        )
        k = bank.values.shape[1]
        weight = np.r_[np.ones(k), np.full(targets.shape[1] - k, SHAPES_WEIGHT / (targets.shape[1] - k))]
        self.weight = torch.from_numpy(known * weight.astype(np.float32))
        shown = _features(self._sample(0))
        self.input_mean, self.input_scale = shown.mean(axis=0), shown.std(axis=0) + 0.05

    def __call__(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """The losses of one step, in which each source is seen twice: by two instruments, for different times."""
        plan = self.recipe.training
        rows = np.tile(rng.integers(len(self.bank), size=plan.batch_size // 2), 2)
        drawn = self.bank.draw(rows, rng, CATALOGUED)
        numbers = self.network(self._shown(drawn))
        found = self.network.decode(numbers)
        squares = torch.square(self.targets[rows] - found.mean) * torch.exp(-found.log_variance)
        losses = {
            "measurements": (self.weight[rows] * 0.5 * (squares + found.log_variance)).sum(dim=1).mean(),
            "reconstruction": poisson(found.log_share, drawn).mean(),
            "consistency": consistency(*numbers.chunk(2)),
        }
        whole = torch.stack([getattr(plan.objectives, name) * loss for name, loss in losses.items()]).sum()
        return {"loss": whole, **losses}

    def measured(self) -> dict[str, NDArray]:
        """Weights of the encoder beside those of the network, from spectra drawn anew."""
        drawn = self._sample(1)
        with torch.inference_mode():
            numbers = self.network(self._shown(drawn))
            log_share = self.network.decode(numbers).log_share.numpy()
        mean, axes = whitening(numbers.numpy(), self.settings.whitening)
        spread = np.sqrt(((numbers.numpy() - mean) @ axes).var(axis=0).mean())
        flux = log_flux_of(drawn.counts, drawn.behind, drawn.exposed, log_share, self.settings)
        k = len(self.settings.quantities)
        arrays = {
            "input_mean": self.input_mean, "input_scale": self.input_scale, "whiten_mean": mean,
            "whiten_axes": axes / spread, "flux": np.array([flux.mean(), flux.std()]),
            "quantity_mean": self.centre[:k], "quantity_scale": self.scale[:k],
        }  # fmt: skip
        return {f"float32.{name}": array.astype(np.float32) for name, array in arrays.items()}

    def _sample(self, stream: int) -> Drawn:
        rng = np.random.default_rng([self.recipe.training.seed, 1 << 30, stream])
        return self.bank.draw(rng.integers(len(self.bank), size=MEASURED), rng)

    def _shown(self, drawn: Drawn) -> Tensor:
        return torch.from_numpy(((_features(drawn) - self.input_mean) / self.input_scale).astype(np.float32))


def consistency(one: Tensor, other: Tensor) -> Tensor:
    """How far two views of one source lie apart, over how far sources do; summed over dimensions.

    Every dimension counts in its own scatter, so that none is free to say what only the telescope decides.
    """
    spread = torch.cat([one, other]).detach().var(dim=0).clamp(min=1e-6)
    return (torch.square(one - other).mean(dim=0) / (2 * spread)).sum()


def _features(drawn: Drawn) -> NDArray[np.float32]:
    return features(drawn.counts, drawn.behind, drawn.exposed)


def poisson(log_share: Tensor, drawn: Drawn) -> Tensor:
    """Cash statistic of the counts against the decoded spectrum, over the root of all counts, (n_spectra,).

    The photons are folded through each bin's area and brought to the number of counts above the true background; 0
    if the counts are those expected.

    Source:
        Cash 1979, ApJ 228, 939, with the terms of Castor's C statistic.
    """
    counts, behind = torch.from_numpy(drawn.counts), torch.from_numpy(drawn.unwanted)
    expected = log_share.exp() * torch.from_numpy(drawn.exposed)
    above = (counts - behind).sum(dim=1, keepdim=True).clamp(min=1)
    expected = expected / expected.sum(dim=1, keepdim=True).clamp(min=1e-30) * above + behind + 1e-4
    perfect = counts - torch.special.xlogy(counts, counts)
    return (expected - torch.special.xlogy(counts, expected) - perfect).sum(dim=1) / counts.sum(
        dim=1
    ).sqrt().clamp(min=1)


def _arrays(module: nn.Module) -> dict[str, NDArray]:
    return {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
