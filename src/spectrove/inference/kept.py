"""Results fitted on a base, stored in its folder as safetensors files with a key of everything they depend on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from hashlib import blake2b
from pathlib import Path
from threading import get_ident
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

Arrays = dict[str, NDArray]


def kept_path(folder: Path, key: str) -> Path:
    """Path of the file for this key; its name begins with the version of the base, which is part of the key."""
    return (
        folder
        / f"{json.loads(key)['version']}-{blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"
    )


def forget_older(path: Path) -> None:
    """Remove files beside `path` that belong to other versions of the base."""
    version = path.name.split("-")[0]
    for other in path.parent.glob("*.safetensors"):
        if not other.name.startswith(f"{version}-"):
            other.unlink(missing_ok=True)


def read_kept(path: Path, key: str, made_of: Callable[[Arrays, dict[str, str]], T]) -> T | None:
    """The result stored under this key; None if there is none or it cannot be read.

    Args:
        path: The file.
        key: Everything the result depends on, as text.
        made_of: Makes the result from arrays and texts of the file; raises if one is missing or wrong.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said = file.metadata() or {}
            if said.get("key") != key:
                return None
            return made_of({name: file.get_tensor(name) for name in file.keys()}, said)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError):
        return None


def write_kept(path: Path, key: str, arrays: Mapping[str, NDArray], **said: str) -> None:
    """Write arrays and texts under this key, in one step."""
    from safetensors.numpy import save

    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        # safetensors writes the memory of an array without regard to its strides.
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        temporary.write_bytes(save(whole, metadata={"key": key, **said}))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
