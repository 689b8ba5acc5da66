"""What the parts of `python -m experiments sed` are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Bench:
    """Where everything is kept.

    Attributes:
        folder: Of tables.
        galaxies: Of COSMOS that searches are judged on, and mocks of each kind.
    """

    folder: Path
    galaxies: int = 100
    mocks: int = 40

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures besides the code."""
        return {"galaxies": self.galaxies, "mocks": self.mocks}
