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

from spectrove.encoders import Encoder, NetworkEncoder
from spectrove.encoders.masking import draw_mask
from spectrove.encoders.network import SpectrumNetwork
from spectrove.encoders.network_encoder import build_network, whitening
from spectrove.encoders.recipe import EncoderRecipe, TrainingRecipe
from spectrove.errors import RecipeError
from spectrove.provenance import canonical_json
from spectrove.training.augment import augment
from spectrove.training.data import TrainingData
from spectrove.training.objectives import Batch, Objectives
from spectrove.training.state import load_state, save_state

Progress = Callable[[int, int, str], None]


def fit_network(
    recipe: EncoderRecipe,
    data: TrainingData,
    folder: Path,
    *,
    resume: bool = False,
    start_from: NetworkEncoder | None = None,
    teacher: Encoder | None = None,
    progress: Progress | None = None,
) -> tuple[NetworkEncoder, dict]:
    """Train a network; returns the encoder with the best validation loss, and a report.

    `folder` gets `last.safetensors` (to resume from), `best.safetensors`, and `log.jsonl` with a line a
    checkpoint: step, losses, learning rate, spectra per second. With `start_from` the weights begin as that
    encoder's, and its measurements keep their units; `teacher` is the encoder of the objective "distillation".

    Raises:
        RecipeError: If `folder` holds a run of another recipe, or a run and `resume` is False.
    """
    assert recipe.mask is not None  # the recipe's own validation
    plan = recipe.training
    last, best, log = folder / "last.safetensors", folder / "best.safetensors", folder / "log.jsonl"
    folder.mkdir(parents=True, exist_ok=True)

    fabric = Fabric(accelerator="auto", devices="auto", precision=_precision())
    fabric.launch()
    torch.manual_seed(plan.seed)
    draw = Batches(recipe, data, start_from, teacher)
    objectives = Objectives(build_network(recipe), plan, draw.teacher_width)
    network = objectives.network
    if start_from is not None:
        network.load_state_dict(start_from.module.state_dict())
    optimizer = torch.optim.AdamW(
        objectives.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay
    )
    # Before any state is read: this moves the parameters to their device, and an optimiser's state not with them.
    model, fabric_optimizer = fabric.setup(objectives, optimizer)
    key, start, lowest = canonical_json(recipe.model_dump()), 0, math.inf
    if last.exists():
        if not resume:
            raise RecipeError(
                f"{folder}: holds a run already. Pass --resume to go on with it, or choose another folder."
            )
        about = load_state(last, objectives, optimizer)
        if about["recipe"] != key:
            raise RecipeError(
                f"{folder}: holds a run of another recipe. Choose another folder, or restore that recipe."
            )
        start, lowest = about["step"], about["lowest"]

    began, seen, losses = time.monotonic(), 0, []
    for step in range(start, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.learning_rate * schedule(step, plan)
        own = step * fabric.world_size + fabric.global_rank
        # Dropout draws from torch's own stream, which a resumed run would begin anew.
        torch.manual_seed(_seed(plan.seed, own))
        rows = data.draw(own, plan.batch_size, plan.seed)
        parts = model(draw(rows, network, _chance(plan.seed, own), fabric.device))
        fabric.backward(parts["loss"])
        fabric.clip_gradients(model, fabric_optimizer, max_norm=plan.gradient_clip)
        fabric_optimizer.step()
        fabric_optimizer.zero_grad()

        losses.append({name: float(loss.detach()) for name, loss in parts.items()})
        seen += len(rows) * fabric.world_size
        if progress:
            speed = seen / (time.monotonic() - began)
            progress(step + 1, plan.steps, f"loss {losses[-1]['loss']:.3f}, {speed:.0f} spectra/s")
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            validation = validation_loss(objectives, draw, fabric.device)
            if not math.isfinite(validation):
                raise RecipeError(
                    f"recipe {recipe.name}: the loss is {validation} at step {step + 1}. Lower training.learning_rate; "
                    f"{folder} keeps the last good state."
                )
            improved = validation < lowest
            lowest = min(lowest, validation)
            line = {
                "step": step + 1, **_means(losses), "validation": validation,
                "learning_rate": plan.learning_rate * schedule(step, plan),
                "spectra_per_second": seen / (time.monotonic() - began), "dtype": _precision(),
            }  # fmt: skip
            if fabric.is_global_zero:
                about = {"step": step + 1, "lowest": lowest, "recipe": key}
                if improved:
                    save_state(best, objectives, optimizer, about)
                with open(log, "a") as file:
                    file.write(json.dumps(line) + "\n")
                save_state(last, objectives, optimizer, about)
            fabric.barrier()
            losses = []

    load_state(best, objectives, optimizer)
    lines = [json.loads(text) for text in log.read_text().splitlines()]
    report = {
        "validation": lowest, "steps": plan.steps, "n_spectra": len(data.prepared),
        "n_parameters": sum(p.numel() for p in network.parameters()), "device": str(fabric.device), "log": lines,
    }  # fmt: skip
    return finished(recipe, network, draw, start_from, str(folder)), report


class Batches:
    """Draws batches: prepared spectra, what is added to and hidden of them, and their measurements.

    Attributes:
        centre, scale: Units of the measurements, (n_measurements,).
        teacher_width: Length of the teacher's vectors; 0 without one.
    """

    def __init__(
        self,
        recipe: EncoderRecipe,
        data: TrainingData,
        start_from: NetworkEncoder | None = None,
        teacher: Encoder | None = None,
    ) -> None:
        self.recipe, self.data = recipe, data
        if start_from is not None and start_from.recipe.network.measurements:  # type: ignore[union-attr]
            self.centre = start_from.weights["float32.measure_centre"]
            self.scale = start_from.weights["float32.measure_scale"]
        else:
            self.centre, self.scale = units(data.values[data.counts > 0])
        self.values = (data.values - self.centre) / self.scale
        self.errors = data.errors / self.scale
        self.teacher = None
        if teacher is not None:
            vectors = teacher.encode(data.prepared).vectors
            self.teacher = ((vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)).astype(
                np.float32
            )
        self.teacher_width = 0 if self.teacher is None else self.teacher.shape[1]

    def __call__(
        self,
        rows: NDArray[np.int64],
        network: SpectrumNetwork,
        chance: torch.Generator,
        device: torch.device,
        *,
        changed: bool = True,
    ) -> Batch:
        """A batch of these rows; `changed` says whether noise and gaps are added as in training."""
        assert self.recipe.mask is not None
        flux = torch.from_numpy(self.data.prepared.flux[rows])
        ivar = torch.from_numpy(self.data.prepared.ivar[rows])
        recipe = self.recipe.training.augment
        seen_flux, seen_ivar = augment(flux, ivar, recipe, chance) if changed else (flux, ivar)
        hidden = draw_mask(network.observed(seen_ivar > 0), self.recipe.mask, chance)
        values, errors = torch.from_numpy(self.values[rows]), torch.from_numpy(self.errors[rows])
        teacher = None if self.teacher is None else torch.from_numpy(self.teacher[rows]).to(device)
        shown = (flux.to(device), ivar.to(device), seen_flux.to(device), seen_ivar.to(device))
        return Batch(*shown, hidden.to(device), values.to(device), errors.to(device), teacher)


def units(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Centre and scale of each measurement: median and half the span that holds 68% of the known values."""
    centre, scale = np.zeros(values.shape[1], np.float32), np.ones(values.shape[1], np.float32)
    for j, column in enumerate(values.T):
        known = column[np.isfinite(column)]
        if len(known) > 1:
            low, centre[j], high = np.percentile(known, [16, 50, 84])
            scale[j] = max((high - low) / 2, 1e-3)
    return centre, scale


def schedule(step: int, plan: TrainingRecipe) -> float:
    """Learning rate over its peak: a linear rise, then a cosine to zero."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    return 0.5 * (1 + math.cos(math.pi * (step - plan.warmup) / max(1, plan.steps - plan.warmup)))


def validation_loss(objectives: Objectives, draw: Batches, device: torch.device) -> float:
    """Loss on the spectra kept back, with masks that are the same every time."""
    chance, total, n = _chance(draw.recipe.training.seed, -1), 0.0, 0
    objectives.eval()
    with torch.inference_mode():
        for rows in _chunks(draw.data.validation, 256):
            loss = objectives(draw(rows, objectives.network, chance, device, changed=False))["loss"]
            total += float(loss) * len(rows)
            n += len(rows)
    objectives.train()
    return total / max(n, 1)


def finished(
    recipe: EncoderRecipe,
    network: SpectrumNetwork,
    draw: Batches,
    start_from: NetworkEncoder | None,
    source: str,
) -> NetworkEncoder:
    """The encoder of a trained network: whitened over, and with the ids of, everything it learned from."""
    assert recipe.network is not None
    mean, axes = whitening(pool_all(network, draw), recipe.network.whitening)
    weights = {name: t.detach().cpu().numpy() for name, t in network.state_dict().items()}
    weights |= {"float32.whiten_mean": mean, "float32.whiten_axes": axes}
    if recipe.network.measurements:
        weights |= {"float32.measure_centre": draw.centre, "float32.measure_scale": draw.scale}
    ids = frozenset(draw.data.prepared.object_id.tolist())
    if start_from is not None:
        ids |= start_from.training_ids
    return NetworkEncoder(recipe, weights, training_ids=ids, source=source)


def pool_all(network: SpectrumNetwork, draw: Batches) -> NDArray[np.float32]:
    """Pooled vectors of every spectrum that was trained on, as they are."""
    network.eval()
    device = next(network.parameters()).device
    prepared, parts = draw.data.prepared, []
    with torch.inference_mode():
        for rows in _chunks(np.flatnonzero(draw.data.counts), 256):
            flux, ivar = (torch.from_numpy(a[rows]).to(device) for a in (prepared.flux, prepared.ivar))
            parts.append(network.pool(flux, ivar).float().cpu().numpy())
    network.train()
    return np.concatenate(parts)


def _means(losses: list[dict[str, float]]) -> dict[str, float]:
    """Mean of each objective since the last checkpoint."""
    return {name: float(np.mean([part[name] for part in losses])) for name in losses[0]} if losses else {}


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
