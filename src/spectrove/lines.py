"""A spectral line, as a domain lists those of its light."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """A spectral line: catalog key, printed name, rest vacuum wavelength in angstrom, kind.

    `together` are names of this line with others: "AB", of A and B.
    """

    key: str
    name: str
    wavelength: float
    kind: str = "emission"
    together: tuple[str, ...] = ()
