"""Encoders on disk: a folder of `weights.safetensors`, `recipe.toml` and `training_ids.txt.gz`."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from spectrove.encoders.base import Encoder
from spectrove.encoders.kinds import ENCODERS
from spectrove.encoders.recipe import load_recipe, recipe_toml
from spectrove.errors import RecipeError

FILES = ("weights.safetensors", "recipe.toml", "training_ids.txt.gz")


def shipped_encoders() -> list[str]:
    """Names of the encoders that come with Spectrove."""
    return sorted(p.name for p in _shipped().iterdir() if (p / FILES[0]).is_file())


def load_encoder(source: str | Path) -> Encoder:
    """Encoder by name ("base", "pca") or from the folder written by `train`.

    Raises:
        RecipeError: If there is none, a file is missing or damaged, or weights and recipe do not fit.
    """
    source = str(source)
    folder = _shipped() / source if "/" not in source and (_shipped() / source).is_dir() else Path(source)
    if not folder.is_dir():
        raise RecipeError(
            f"{source}: no such encoder. Expected one of {', '.join(shipped_encoders())}, or the folder that "
            "`spectrove train` wrote."
        )
    return _load(
        source,
        str(folder.resolve()),
        (folder / FILES[0]).stat().st_mtime_ns if (folder / FILES[0]).exists() else 0,
    )


@lru_cache(maxsize=4)
def _load(source: str, folder: str, changed: int) -> Encoder:
    paths = [Path(folder) / name for name in FILES]
    missing = [p.name for p in paths if not p.is_file()]
    if missing:
        raise RecipeError(
            f"{source}: {', '.join(missing)} missing. Finish training with --resume, or copy the whole folder."
        )
    recipe = load_recipe(paths[1])
    try:
        weights = load_file(paths[0])
        with gzip.open(paths[2], "rt") as file:
            training_ids = frozenset(file.read().split())
    except (SafetensorError, OSError, EOFError, ValueError) as error:
        raise RecipeError(
            f"{source}: damaged file ({error}). Train it again, or copy the folder anew."
        ) from error
    return ENCODERS[recipe.kind](recipe, weights, training_ids=training_ids, source=source)


def save_encoder(encoder: Encoder, folder: Path | str, *, report: dict | None = None) -> Path:
    """Folder of the encoder, written completely or not at all; `report` (losses, counts) becomes training.json."""
    folder = Path(folder)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_file({n: np.ascontiguousarray(a) for n, a in encoder.weights.items()}, part / FILES[0])
    (part / FILES[1]).write_text(recipe_toml(encoder.recipe))
    write_ids(part / FILES[2], encoder.training_ids)
    if report is not None:
        (part / "training.json").write_text(json.dumps(report, indent=1) + "\n")
    (part / FILES[0]).chmod(
        (part / FILES[1]).stat().st_mode
    )  # safetensors files are readable by the owner only
    folder.mkdir(parents=True, exist_ok=True)
    for item in sorted(
        part.iterdir(), key=lambda p: p.name == FILES[0]
    ):  # weights last: their presence means "complete"
        item.replace(folder / item.name)
    part.rmdir()
    return folder


def write_ids(path: Path, ids: Iterable[str]) -> None:
    """Write ids, one per line, compressed; equal ids give equal bytes."""
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", mtime=0, fileobj=raw) as file:
        file.write("".join(f"{i}\n" for i in sorted(ids)).encode())


def _shipped() -> Path:
    return Path(str(resources.files("spectrove"))) / "weights"
