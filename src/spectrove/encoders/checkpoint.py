"""Encoders on disk: a folder of `weights.safetensors`, `recipe.toml` and `training_ids.txt.gz`."""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from spectrove.encoders.base import Encoder
from spectrove.encoders.kinds import ENCODERS, Kinds
from spectrove.encoders.recipe import load_recipe, recipe_toml
from spectrove.errors import RecipeError

FILES = ("weights.safetensors", "recipe.toml", "training_ids.txt.gz")

_NO_KINDS: Kinds = MappingProxyType({})


def shipped_encoders(folders: Sequence[Path]) -> list[str]:
    """Names of the encoders in these folders."""
    return sorted({file.parent.name for folder in folders for file in folder.glob(f"*/{FILES[0]}")})


def load_encoder(source: str | Path, folders: Sequence[Path] = (), kinds: Kinds = _NO_KINDS) -> Encoder:
    """Encoder by name ("base", "pca") from one of these folders, or from the folder written by `train`.

    `spectrove.load_encoder` looks in the folders of all domains.

    Args:
        folders: Where encoders are looked for by name, best first.
        kinds: Kinds of domains, besides the general ones.

    Raises:
        RecipeError: If there is none, a file is missing or damaged, or weights and recipe do not fit.
    """
    source = str(source)
    shipped = [] if "/" in source else [place / source for place in folders if (place / source).is_dir()]
    folder = shipped[0] if shipped else Path(source)
    if not folder.is_dir():
        known = ", ".join(shipped_encoders(folders))
        raise RecipeError(
            f"{source}: no such encoder. Expected {f'one of {known}, or ' if known else ''}the folder that "
            "`spectrove train` wrote."
        )
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise RecipeError(
            f"{source}: {', '.join(missing)} missing. Finish training with --resume, or copy the whole folder."
        )
    kind = load_recipe(folder / FILES[1], kinds=kinds).kind
    made_by = ENCODERS.get(kind) or kinds[kind]()
    return _load(source, str(folder.resolve()), (folder / FILES[0]).stat().st_mtime_ns, kind, made_by)


@lru_cache(maxsize=4)
def _load(source: str, folder: str, changed: int, kind: str, made_by: type[Encoder]) -> Encoder:
    weights_file, recipe_file, ids_file = (Path(folder) / name for name in FILES)
    recipe = load_recipe(recipe_file, kinds={kind: lambda: made_by})
    try:
        weights = load_file(weights_file)
        with gzip.open(ids_file, "rt") as file:
            training_ids = frozenset(file.read().split())
    except (SafetensorError, OSError, EOFError, ValueError, zlib.error) as error:
        raise RecipeError(
            f"{source}: damaged file ({error}). Train it again, or copy the folder anew."
        ) from error
    return made_by(recipe, weights, training_ids=training_ids, source=source)


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
