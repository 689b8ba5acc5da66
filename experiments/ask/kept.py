"""Results kept one by one, so that a run that was stopped goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(path: Path, key: str, make: Callable[[], Any]) -> Any:
    """Plain values from a file if they were kept under this key; else they are made and kept, in one step."""
    if path.exists():
        content = json.loads(path.read_text("utf-8"))
        if content["key"] == key:
            return content["values"]
    values = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps({"key": key, "values": values}) + "\n", "utf-8")
    os.replace(part, path)
    return values
