"""Works to cite for spectra of stars."""

from __future__ import annotations

from spectrove.explanation.panel import Cited
from spectrove.explanation.works import Work, article

#: Key to work. What we could not vouch for is left out.
WORKS: dict[str, Work] = {
    "sanchezblazquez2006": article(
        "Sánchez-Blázquez, P. and others", "Medium-resolution Isaac Newton Telescope library of empirical "
        "spectra", "MNRAS", 2006, "371", "703", "10.1111/j.1365-2966.2006.10699.x"),
    "cenarro2007": article(
        "Cenarro, A. J. and others", "Medium-resolution Isaac Newton Telescope library of empirical spectra - II. The "
        "stellar atmospheric parameters", "MNRAS", 2007, "374", "664", "10.1111/j.1365-2966.2006.11196.x"),
}  # fmt: skip

#: What velocities rest on, and what labels that the network reads rest on.
OF_VELOCITIES = (Cited("sanchezblazquez2006", WORKS["sanchezblazquez2006"], "templates of velocities"),)
OF_LABELS = (
    Cited(
        "sanchezblazquez2006", WORKS["sanchezblazquez2006"], "spectra that the network of labels learned from"
    ),
    Cited("cenarro2007", WORKS["cenarro2007"], "labels that the network of labels learned"),
)
