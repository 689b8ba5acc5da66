"""What was fitted on a base, kept in its folder: a safetensors file that says exactly what it depends on."""

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
    """Where what depends on this key is kept: a name that begins with the version of the base, which the key holds."""
    return (
        folder
        / f"{json.loads(key)['version']}-{blake2b(key.encode(), digest_size=8).hexdigest()}.safetensors"
    )


def forget_older(path: Path) -> None:
    """Remove what is kept beside a file of `kept_path` for other versions of the base."""
    version = path.name.split("-")[0]
    for other in path.parent.glob("*.safetensors"):
        if not other.name.startswith(f"{version}-"):
            other.unlink(missing_ok=True)


def read_kept(path: Path, key: str, made_of: Callable[[Arrays, dict[str, str]], T]) -> T | None:
    """What was kept for exactly this key; None where there is nothing that can be read.

    Args:
        path: The file.
        key: Everything that it depends on, as text.
        made_of: Makes it of the file's arrays and words; a missing or wrong one is an exception there.
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
    """Write arrays and words under this key, whole or not at all."""
    from safetensors.numpy import save

    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.tmp")
    try:
        # safetensors writes the memory of an array as it lies, whatever its strides say.
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        temporary.write_bytes(save(whole, metadata={"key": key, **said}))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
