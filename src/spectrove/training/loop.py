"""The training loop: read it from top to bottom."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor

from spectrove.encoders.masked_transformer import MaskedTransformer, MaskedTransformerEncoder, whitening
from spectrove.encoders.masking import draw_mask
from spectrove.encoders.recipe import EncoderRecipe, TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json
from spectrove.training.data import TrainingData
from spectrove.training.objectives import reconstruction
from spectrove.training.state import load_state, save_state

Progress = Callable[[int, int, str], None]


def fit_network(
    recipe: EncoderRecipe,
    data: TrainingData,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
) -> tuple[MaskedTransformerEncoder, dict]:
    """Train a masked Transformer; returns the encoder with the best validation loss, and a report.

    `folder` gets `last.safetensors` (to resume from), `best.safetensors`, and `log.jsonl` with a line a
    checkpoint: step, losses, learning rate, spectra per second.

    Raises:
        RecipeError: If `folder` holds a run of another recipe, or a run and `resume` is False.
    """
    assert recipe.network is not None  # the recipe's own validation
    assert recipe.mask is not None
    plan = recipe.training
    last, best, log = folder / "last.safetensors", folder / "best.safetensors", folder / "log.jsonl"
    folder.mkdir(parents=True, exist_ok=True)

    fabric = Fabric(accelerator="auto", devices="auto", precision=_precision())
    fabric.launch()
    torch.manual_seed(plan.seed)
    network = MaskedTransformer(recipe.network, recipe.preprocess.n_pixels)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay)
    # Before any state is read: this moves the parameters to their device, and an optimiser's state not with them.
    model, fabric_optimizer = fabric.setup(network, optimizer)
    for method in ("decode_hidden", "decode_whole"):
        model.mark_forward_method(method)
    key, start, lowest = canonical_json(recipe.model_dump()), 0, math.inf
    if last.exists():
        if not resume:
            raise RecipeError(
                f"{folder}: holds a run already. Pass --resume to go on with it, or choose another folder."
            )
        about = load_state(last, network, optimizer)
        if about["recipe"] != key:
            raise RecipeError(
                f"{folder}: holds a run of another recipe. Choose another folder, or restore that recipe."
            )
        start, lowest = about["step"], about["lowest"]

    began, seen, losses = time.monotonic(), 0, []
    for step in range(start, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * schedule(step, plan)
        # Dropout draws from torch's own stream, which a resumed run would begin anew.
        torch.manual_seed(_seed(plan.seed, step * fabric.world_size + fabric.global_rank))
        rows = data.draw(step * fabric.world_size + fabric.global_rank, plan.batch_size, plan.seed)
        flux, ivar = _tensors(data, rows, fabric.device)
        hidden = draw_mask(network.observed(ivar > 0), recipe.mask, _chance(plan.seed, step))
        loss = reconstruction(model, flux, ivar, hidden, plan.loss)
        fabric.backward(loss)
        fabric.clip_gradients(model, fabric_optimizer, max_norm=plan.gradient_clip)
        fabric_optimizer.step()
        fabric_optimizer.zero_grad()

        losses.append(float(loss.detach()))
        seen += len(rows) * fabric.world_size
        if progress:
            progress(
                step + 1,
                plan.steps,
                f"loss {losses[-1]:.3f}, {seen / (time.monotonic() - began):.0f} spectra/s",
            )
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            validation = validation_loss(network, data, recipe, fabric.device)
            if not math.isfinite(validation):
                raise RecipeError(
                    f"recipe {recipe.name}: the loss is {validation} at step {step + 1}. Lower training.learning_rate; "
                    f"{folder} keeps the last good state."
                )
            improved = validation < lowest
            lowest = min(lowest, validation)
            line = {
                "step": step + 1, "loss": float(np.mean(losses)), "validation": validation,
                "learning_rate": plan.learning_rate * schedule(step, plan),
                "spectra_per_second": seen / (time.monotonic() - began), "dtype": _precision(),
            }  # fmt: skip
            if fabric.is_global_zero:
                about = {"step": step + 1, "lowest": lowest, "recipe": key}
                if improved:
                    save_state(best, network, optimizer, about)
                with open(log, "a") as file:
                    file.write(json.dumps(line) + "\n")
                save_state(last, network, optimizer, about)
            fabric.barrier()
            losses = []

    load_state(best, network, optimizer)
    pooled = pool_all(network, data)
    mean, axes = whitening(pooled, recipe.network.whitening)
    weights = {name: t.detach().cpu().numpy() for name, t in network.state_dict().items()}
    weights |= {"float32.whiten_mean": mean, "float32.whiten_axes": axes}
    ids = frozenset(data.prepared.object_id.tolist())
    encoder = MaskedTransformerEncoder(recipe, weights, training_ids=ids, source=str(folder))
    lines = [json.loads(text) for text in log.read_text().splitlines()]
    return encoder, {"validation": lowest, "steps": plan.steps, "n_spectra": len(data.prepared), "log": lines}


def schedule(step: int, plan: TrainingRecipe) -> float:
    """Learning rate over its peak: a linear rise, then a cosine to zero."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    return 0.5 * (1 + math.cos(math.pi * (step - plan.warmup) / max(1, plan.steps - plan.warmup)))


def validation_loss(
    network: MaskedTransformer, data: TrainingData, recipe: EncoderRecipe, device: torch.device
) -> float:
    """Loss on the spectra kept back, with masks that are the same every time."""
    assert recipe.mask is not None
    chance, total, n = _chance(recipe.training.seed, -1), 0.0, 0
    network.eval()
    with torch.inference_mode():
        for rows in _chunks(data.validation, 256):
            flux, ivar = _tensors(data, rows, device)
            hidden = draw_mask(network.observed(ivar > 0), recipe.mask, chance)
            total += float(reconstruction(network, flux, ivar, hidden, recipe.training.loss)) * len(rows)
            n += len(rows)
    network.train()
    return total / max(n, 1)


def pool_all(network: MaskedTransformer, data: TrainingData) -> NDArray[np.float32]:
    """Pooled vectors of every spectrum that was trained on."""
    network.eval()
    device = next(network.parameters()).device
    parts = []
    with torch.inference_mode():
        for rows in _chunks(np.flatnonzero(data.counts), 256):
            flux, ivar = _tensors(data, rows, device)
            parts.append(network.pool(flux, ivar > 0).float().cpu().numpy())
    return np.concatenate(parts)


def _tensors(data: TrainingData, rows: NDArray, device: torch.device) -> tuple[Tensor, Tensor]:
    flux, ivar = data.prepared.flux[rows], data.prepared.ivar[rows]
    return torch.from_numpy(flux).to(device), torch.from_numpy(ivar).to(device)


def _chunks(rows: NDArray, size: int) -> list[NDArray]:
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def _chance(seed: int, step: int) -> torch.Generator:
    return torch.Generator().manual_seed(_seed(seed, step))


def _seed(seed: int, step: int) -> int:
    return (seed + 1) * 1_000_003 + step


def _precision() -> Literal["bf16-mixed", "32-true"]:
    """bf16 where the machine computes in it, else fp32."""
    if torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    # A private name of torch's, so that its absence has to mean "no".
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bf16-mixed" if supported() else "32-true"
