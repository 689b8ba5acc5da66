"""One object as it is shown: its spectrum and what was measured in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spectrove.explanation.links import links
from spectrove.explanation.panel import Measurement
from spectrove.plain import plain
from spectrove.spectra import Spectrum


@dataclass(frozen=True)
class Measured:
    """One object: its spectrum, None if that is not at hand, its redshift, and what was measured in it."""

    object_id: str
    spectrum: Spectrum | None
    z: float
    measurement: Measurement = field(default_factory=Measurement)

    @property
    def links(self) -> dict[str, str]:
        """Links to pages about it, address by name; empty if its position is unknown."""
        return links(self.spectrum.row) if self.spectrum else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pixels."""
        return {
            "object_id": self.object_id,
            "z": plain(self.z),
            "links": self.links,
            **self.measurement.json,
            "not_measured_because": self.measurement.reason or None,
        }
