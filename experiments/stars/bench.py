"""What the parts of `python -m experiments stars` are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Bench:
    """Where everything is kept.

    Attributes:
        folder: Of tables and of states of training, from which an interrupted one goes on.
    """

    folder: Path

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures besides the code: nothing."""
        return {}
