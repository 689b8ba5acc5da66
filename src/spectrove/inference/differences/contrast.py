"""Two sets of examples compared, in vectors and in wavelengths."""

from __future__ import annotations

from dataclasses import dataclass

from spectrove.inference.differences.direction import Direction
from spectrove.inference.differences.sets import SetDifference


@dataclass(frozen=True)
class Contrast:
    """Two sets of examples compared, in vectors and in wavelengths."""

    direction: Direction
    sets: SetDifference

    @property
    def sentence(self) -> str:
        """How well the direction tells the examples apart when each is left out, and whether wavelengths differ."""
        n = len(self.direction.like), len(self.direction.unlike)
        kept = self.direction.left_out()
        told = [
            f"{right} of {of} {name}"
            for right, of, name in zip(kept, n, ("like", "unlike"), strict=True)
            if of > 1
        ]
        held = f"Left out, {' and '.join(told)} lie nearer to their own set. " if told else ""
        return f"{held}{self.sets.sentence}"
