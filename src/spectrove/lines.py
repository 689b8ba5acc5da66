"""A spectral line, as a domain lists those of its light."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A spectral line: catalog key, printed name, rest vacuum wavelength in angstrom, kind."""

    key: str
    name: str
    wavelength: float
    kind: str = "emission"
