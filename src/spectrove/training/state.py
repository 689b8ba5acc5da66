"""The state of a training run on disk: tensors only, nothing that could be unpickled."""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer


def save_state(path: Path, network: nn.Module, optimizer: Optimizer, about: dict) -> None:
    """Network, optimiser and plain values, written whole or not at all."""
    tensors = {f"network.{name}": t for name, t in network.state_dict().items()}
    for i, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{slot}": torch.as_tensor(value) for slot, value in slots.items()}
    part = path.with_name(path.name + ".part")
    save_file(
        {n: t.detach().cpu().contiguous() for n, t in tensors.items()}, part, {"about": json.dumps(about)}
    )
    with open(part, "rb") as file:
        os.fsync(file.fileno())
    part.replace(path)


def state_about(path: Path) -> dict:
    """The plain values of a saved state, which tell whose it is before it is put back."""
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["about"])


def load_state(path: Path, network: nn.Module, optimizer: Optimizer) -> dict:
    """Put a saved state back; returns the plain values."""
    about = state_about(path)
    tensors = load_file(path)
    network.load_state_dict(_below(tensors, "network."))
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below(tensors, "optimizer.").items():
        i, slot = name.split(".", 1)
        state.setdefault(int(i), {})[slot] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return about


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
