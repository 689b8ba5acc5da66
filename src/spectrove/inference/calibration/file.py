"""Calibrations in safetensors files: arrays, and JSON in the metadata."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.inference.calibration.logistic import Logistic
from spectrove.inference.calibration.model import Calibration, CalibrationReport
from spectrove.inference.kept import Arrays, read_kept, write_kept


def read_calibration(path: Path, key: str) -> Calibration | None:
    """The calibration stored under this key; None if there is none or it cannot be read."""
    return read_kept(path, key, _from_arrays)


def write_calibration(path: Path, key: str, calibration: Calibration) -> None:
    """Write the calibration in one step."""
    arrays, said = _to_arrays(calibration)
    write_kept(path, key, arrays, **said)


def _to_arrays(calibration: Calibration) -> tuple[Arrays, dict[str, str]]:
    """The calibration as arrays and text, for a safetensors file."""
    models = (calibration.model, *calibration.resampled)
    arrays = {
        "counts": calibration.counts, "known": calibration.known, "quality": calibration.quality,
        "own": calibration.own, "coef": np.stack([m.coef for m in models]),
        "intercept": np.stack([m.intercept for m in models]),
        "left_out": calibration.left_out, "truth": calibration.truth,
    }  # fmt: skip
    said = {
        "classes": json.dumps(calibration.classes),
        "kinds": json.dumps(dict(calibration.kinds)),
        "far": repr(calibration.far),
        "report": json.dumps(asdict(calibration.report)),
    }
    return arrays, said


def _from_arrays(arrays: Arrays, said: dict[str, str]) -> Calibration:
    """The calibration from the output of `_to_arrays`."""
    models = [Logistic(c, i) for c, i in zip(arrays["coef"], arrays["intercept"], strict=True)]
    report: dict[str, Any] = json.loads(said["report"])
    report["witnesses"] = tuple(report["witnesses"])
    return Calibration(
        tuple(json.loads(said["classes"])), arrays["counts"], arrays["known"], models[0], tuple(models[1:]),
        arrays["quality"], arrays["left_out"], arrays["truth"], arrays["own"],
        float(said["far"]), CalibrationReport(**report), json.loads(said["kinds"]),
    )  # fmt: skip
