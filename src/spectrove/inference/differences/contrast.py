"""Two sets of examples compared, in vectors and in wavelengths."""

from __future__ import annotations

from dataclasses import dataclass

from spectrove.errors import Refusal
from spectrove.inference.differences.direction import Direction
from spectrove.inference.differences.sets import SetDifference


@dataclass(frozen=True)
class Contrast:
    """Two sets of examples compared, in vectors and in wavelengths.

    Attributes:
        direction, sets: The comparisons.
        object_id: Ids of all examples; they are not ranked along the direction that they made.
        unused: Examples that could not be used, and those given twice.
    """

    direction: Direction
    sets: SetDifference
    object_id: tuple[str, ...] = ()
    unused: tuple[Refusal, ...] = ()

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
        left = [
            f" {said}: {' '.join(refusal.error for refusal in refusals)}"
            for said, refusals in (
                ("Not used", self.unused),
                ("Not compared in wavelengths", self.sets.refusals),
            )
            if refusals
        ]
        return f"{held}{self.sets.sentence}{''.join(left)}"
