"""How the emulator is trained: components of computed spectra, then a perceptron from labels to their coefficients."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from spectrove.errors import RecipeError
from spectrove.provenance import hash_arrays
from spectrove.stars.emulator.network import COMPONENTS, WIDTH, Emulator, inverted, packed, products
from spectrove.stars.labels import LABELS
from spectrove.training.state import load_state, save_state, state_about

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Plan:
    """How an emulator is trained."""

    components: int = COMPONENTS
    width: int = WIDTH
    steps: int = 30_000
    batch_size: int = 256
    learning_rate: float = 5e-3
    checkpoint_every: int = 1_000
    seed: int = 0


def train(
    labels: Floats,
    flux: NDArray[np.float32],
    folder: Path,
    plan: Plan | None = None,
    progress: Progress = lambda done, total: None,
) -> tuple[Emulator, dict[str, Any]]:
    """An emulator of spectra, and a report; a run that was stopped goes on from the folder's checkpoint.

    The loss is the mean square of the error of flux: that of the coefficients, as components are orthonormal.

    Args:
        labels: (n_stars, n_labels).
        flux: (n_stars, n_pixels).
        folder: For `last.safetensors`, the state of the run.
        plan: How.
        progress: Told the steps.

    Raises:
        RecipeError: The folder holds a run of another plan or of other spectra, or the loss is not finite.
    """
    plan = plan or Plan()
    torch.manual_seed(plan.seed)
    emulator = Emulator(plan.components, plan.width)
    coefficients = fit_components(emulator, torch.from_numpy(flux))
    shown = torch.from_numpy(labels).float()
    emulator.low.copy_(shown.amin(dim=0))
    emulator.high.copy_(shown.amax(dim=0))
    left = coefficients - fit_quadratic(emulator, shown, coefficients)
    emulator.scale.copy_(left.std(dim=0))
    unit = float(emulator.scale.max())
    optimizer = torch.optim.AdamW(emulator.layers.parameters(), lr=plan.learning_rate, weight_decay=1e-4)
    content = hash_arrays({"labels": labels, "flux": flux})
    about: dict[str, Any] = {
        "step": 0,
        "log": [],
        "seconds": 0.0,
        "plan": asdict(plan) | {"stars": len(labels), "content": content},
    }
    last = folder / "last.safetensors"
    folder.mkdir(parents=True, exist_ok=True)
    if last.exists():
        if state_about(last)["plan"] != about["plan"]:
            raise RecipeError(
                f"{folder}: holds a run of another plan or of other spectra. Choose another folder, or remove it."
            )
        about = load_state(last, emulator, optimizer)
    losses, began = [], time.process_time() - about["seconds"]
    for step in range(about["step"], plan.steps):
        rate = (
            plan.learning_rate * min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = torch.from_numpy(
            np.random.default_rng([plan.seed, step]).integers(len(shown), size=plan.batch_size)
        )
        found = emulator.coefficients(shown[chosen])
        loss = (((found - coefficients[chosen]) / unit) ** 2).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        progress(step + 1, plan.steps)
        if (step + 1) % plan.checkpoint_every == 0 or step + 1 == plan.steps:
            rms = unit * math.sqrt(float(np.mean(losses)) / flux.shape[1])
            if not math.isfinite(rms):
                raise RecipeError(
                    f"the loss is {loss.item()} at step {step + 1}. Lower learning_rate of the plan."
                )
            log = [*about["log"], {"step": step + 1, "rms": round(rms, 6)}]
            about |= {"step": step + 1, "log": log, "seconds": round(time.process_time() - began, 1)}
            save_state(last, emulator, optimizer, about)
            losses = []
    return emulator.eval().requires_grad_(False), about


def fit_components(emulator: Emulator, flux: Tensor) -> Tensor:
    """Give an emulator the mean and the principal components of spectra; returns their coefficients."""
    mean = flux.mean(dim=0)
    centred = flux - mean
    _, _, vectors = torch.svd_lowrank(centred, q=emulator.basis.shape[0] + 16, niter=6)
    basis = vectors[:, : emulator.basis.shape[0]].T.contiguous()
    emulator.mean.copy_(mean)
    emulator.basis.copy_(basis)
    return centred @ basis.T


def fit_quadratic(emulator: Emulator, labels: Tensor, coefficients: Tensor) -> Tensor:
    """Give an emulator its scaling and the quadratic form that fits coefficients best; returns what it gives."""
    values = inverted(labels)
    emulator.centre.copy_(values.mean(dim=0))
    emulator.spread.copy_(values.std(dim=0))
    terms = products(emulator.scaled(labels)).double()
    form = torch.linalg.lstsq(terms, coefficients.double()).solution
    emulator.quadratic.copy_(form)
    return (terms @ form).float()


def save_emulator(emulator: Emulator, path: Path, report: dict[str, Any]) -> None:
    """Write an emulator in few bytes, with the labels and the report in its header."""
    about = {"labels": json.dumps(list(LABELS)), "report": json.dumps(report)}
    part = path.with_name(path.name + ".part")
    save_file(packed(emulator), part, about)
    part.replace(path)


def errors(emulator: Emulator, labels: Floats, flux: NDArray[np.float32]) -> Floats:
    """Root mean square over the pixels of each spectrum of what an emulator is off by, (n_stars,)."""
    with torch.no_grad():
        found = emulator(torch.from_numpy(labels).float())
        return ((found - torch.from_numpy(flux)) ** 2).mean(dim=1).sqrt().double().numpy()


def regions(labels: Floats, values: Floats, n: int = 5) -> list[tuple[str, float, float, float, float]]:
    """The median and the 95% of values in n parts of equal number along each label: (label, from, to, median, 95%)."""
    rows = []
    for name, column in zip(LABELS, labels.T, strict=True):
        edges = np.quantile(column, np.linspace(0, 1, n + 1))
        for low, high in pairwise(edges.tolist()):
            inside = values[(column >= low) & (column <= high)]
            rows.append((name, low, high, float(np.median(inside)), float(np.quantile(inside, 0.95))))
    return rows
