"""Where the night sky leaves its mark in spectra from the ground."""

from __future__ import annotations

#: Where night-sky emission is bright enough to leave residuals, observed vacuum angstrom.
SKY_LINES: tuple[tuple[float, float], ...] = (
    (5570.0, 5590.0), (5888.0, 5900.0), (6298.0, 6306.0), (6362.0, 6370.0),
    (7245.0, 7285.0), (7710.0, 7760.0), (7790.0, 7830.0), (7840.0, 7875.0),
    (7910.0, 7930.0), (7960.0, 8040.0), (8280.0, 8475.0), (8490.0, 8520.0),
    (8745.0, 9060.0),
)  # fmt: skip
