"""Galaxies, as the general rooms see them. What is heavy is imported where it is first used."""

from __future__ import annotations

from spectrove.domain import Domain
from spectrove.galaxies.lines import LINES

GALAXIES = Domain(
    name="galaxies",
    title="Optical spectra of galaxies.",
    home="spectrove.galaxies",
    encoder="base",
    views={"surprise": "surprise"},
    label="class_derived",
    group="plate",
    groups="plates",
    lines=LINES,
)
