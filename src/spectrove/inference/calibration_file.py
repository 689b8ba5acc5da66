"""A calibration as a safetensors file: arrays, and JSON in its metadata."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.calibration import Calibration, CalibrationReport
from spectrove.inference.logistic import Logistic


def read_calibration(path: Path, key: str) -> Calibration | None:
    """What was kept for exactly this; None where there is nothing that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata() or {}
            if said.get("key") != key:
                return None
            return _from_arrays({name: file.get_tensor(name) for name in file.keys()}, said)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError):
        return None


def write_calibration(path: Path, key: str, calibration: Calibration) -> None:
    """Write it, whole or not at all."""
    from safetensors.numpy import save

    path.parent.mkdir(exist_ok=True)
    arrays, said = _to_arrays(calibration)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(save(arrays, metadata={"key": key, **said}))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_arrays(calibration: Calibration) -> tuple[dict[str, NDArray], dict[str, str]]:
    """The same as arrays and text, for a safetensors file."""
    models = (calibration.model, *calibration.resampled)
    arrays = {
        "counts": calibration.counts, "known": calibration.known, "quality": calibration.quality,
        "own": calibration.own, "coef": np.stack([m.coef for m in models]),
        "intercept": np.stack([m.intercept for m in models]),
        **{f"scores_{j}": s for j, s in enumerate(calibration.scores)},
    }  # fmt: skip
    said = {
        "classes": json.dumps(calibration.classes),
        "far": repr(calibration.far),
        "report": json.dumps(asdict(calibration.report)),
    }
    return arrays, said


def _from_arrays(arrays: dict[str, NDArray], said: dict[str, str]) -> Calibration:
    """The calibration that `_to_arrays` described."""
    models = [Logistic(c, i) for c, i in zip(arrays["coef"], arrays["intercept"], strict=True)]
    report: dict[str, Any] = json.loads(said["report"])
    known = arrays["known"]
    return Calibration(
        tuple(json.loads(said["classes"])), arrays["counts"], known, models[0], tuple(models[1:]),
        arrays["quality"], tuple(arrays[f"scores_{j}"] for j in range(len(known))), arrays["own"],
        float(said["far"]), CalibrationReport(**report),
    )  # fmt: skip
