"""Why an X-ray spectrum is unlike those of a base: rules on its counts and on what fits them, each with its numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Reason
from spectrove.errors import SpectrumError
from spectrove.xray.counts import FRAME, PILED, is_piled_up
from spectrove.xray.fitting.levels import best_levels
from spectrove.xray.fitting.templates import through
from spectrove.xray.measuring import Fitted, fitted

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.explanation.outlier_page import Gallery

Floats = NDArray[np.float64]

#: Fewer net counts than this explain by themselves why a spectrum lies anywhere.
FEW = 15

#: Share of the counts that are background from which it dominates.
DOMINATED = 0.5

#: Decrease of the statistic from which a line or an edge is believed: of some 60 places where either could be, chance
#: reaches it in one spectrum of a thousand.
BELIEVED = 22.0

#: Energies of lines and edges that are tried, keV; ordinary sources have the lines of iron K above.
LINES, EDGES = np.geomspace(0.7, 6.0, 48), np.geomspace(0.9, 4.5, 14)

#: Photons in a line over those of the continuum, and optical depths, that are tried.
STRENGTHS, DEPTHS = np.geomspace(0.03, 1.5, 9), np.array([0.5, 1.0, 2.0, 4.0])

#: Column, log10 1/cm2, that absorption must exceed at 84% to be a reason.
STRONG = 22.9

#: Sigma of the statistic above its degrees of freedom from which no model fits.
UNFIT = 4.0

#: Name of each reason, and what it means.
REASONS: Mapping[str, str] = {
    "few counts": "too few to say what it is",
    "pile-up": "photons that fell together were counted as one of higher energy",
    "background dominates": "what is left of the source is little more than the background's noise",
    "unexpected line": "an emission line where the models of ordinary sources have none",
    "absorption edge": "counts fall at one energy by more than cold gas explains",
    "strong absorption": "hardly anything of the soft source comes through",
    "no model fits": "none of the models of ordinary sources describes it",
    "unlike anything": "none of the other reasons explains it",
    "ordinary": "its distances to its neighbours are typical of the base",
}


class Feature(NamedTuple):
    """A line or an edge: its energy (keV), its strength, and by how much it lowers the statistic."""

    energy: float
    strength: float
    gain: float


class XrayReasons:
    """Reasons from counts and fits; see `domain.Reasons`. Encoders have no part in them."""

    def find(
        self, encoders: Mapping[str, Encoder], spectra: Any, whole: Collection[str]
    ) -> dict[str, Reason]:
        """The reason of each spectrum, by object id."""
        return {spectrum.object_id: reason_of(spectrum) for spectrum in spectra}

    def drawn(self, encoders: Mapping[str, Encoder], spectra: Any, answers: Sequence[Any]) -> list[Any]:
        """Each answer with its spectrum."""
        return list(zip(answers, spectra, strict=True))

    def gallery(self, drawn: Sequence[Any], answers: Sequence[Any]) -> Gallery:
        """What the page of outliers says of X-ray sources."""
        from spectrove.xray.oddities_page import gallery

        return gallery(drawn, REASONS)


def reason_of(spectrum: Any) -> Reason:
    """The first reason that holds, from what spoils a spectrum to what is strange in the source."""
    try:
        own = fitted(spectrum)
    except SpectrumError as error:
        return Reason("background dominates", f"No source is seen: {error}")
    return (
        _spoiled(own, spectrum.row.get("survey"))
        or _strange(own)
        or Reason(
            "unlike anything",
            f"{own.best.family.name} fits ({own.best.statistic:.0f} for {own.best.freedom} degrees of freedom), and "
            "counts, background and absorption are ordinary: only its place among the base's spectra is not.",
        )
    )


def _spoiled(own: Fitted, survey: str | None) -> Reason | None:
    """What makes the spectrum no good measurement of its source."""
    data = own.data
    total, behind = float(data.counts.sum()), float(data.scale * data.background.sum())
    per_frame = data.net / data.exposure * FRAME
    if data.net < FEW:
        return Reason("few counts", f"{data.net:.1f} net counts, of {total:.0f}; expected {FEW} at least.")
    if is_piled_up(data.net, data.exposure, survey):
        return Reason(
            "pile-up",
            f"{per_frame:.2f} counts in a frame of {FRAME:g} s, which is assumed as the header does not say; above "
            f"{PILED:g} a tenth of the events are two photons, and the spectrum is too hard.",
        )
    if behind > DOMINATED * total:
        return Reason(
            "background dominates",
            f"{behind:.0f} of {total:.0f} counts are background, {behind / total:.0%}: a flare, or too large a "
            "region.",
        )
    return None


def _strange(own: Fitted) -> Reason | None:
    """What the counts show that ordinary models do not have."""
    line, edge = strongest_line(own), strongest_edge(own)
    best = own.best
    if line.gain > BELIEVED and line.gain >= edge.gain:
        return Reason(
            "unexpected line",
            f"A line at {line.energy:.2f} keV with {line.strength:.0%} of the continuum's counts lowers the statistic "
            f"by {line.gain:.0f} ({np.sqrt(line.gain):.1f} sigma).",
        )
    if edge.gain > BELIEVED:
        return Reason(
            "absorption edge",
            f"An edge at {edge.energy:.2f} keV of optical depth {edge.strength:g} lowers the statistic by "
            f"{edge.gain:.0f} ({np.sqrt(edge.gain):.1f} sigma).",
        )
    if best.column.low > STRONG:
        return Reason(
            "strong absorption",
            f"N_H {10 ** (best.column.value - 22):.0f}e22 /cm2, above {10 ** (best.column.low - 22):.0f}e22 at 84%.",
        )
    off = (best.statistic - best.freedom) / np.sqrt(2 * best.freedom)
    if off > UNFIT:
        return Reason(
            "no model fits",
            f"{best.family.name}, the best, has a statistic of {best.statistic:.0f} for {best.freedom} degrees of "
            f"freedom, {off:.1f} sigma too much.",
        )
    return None


def strongest_line(own: Fitted) -> Feature:
    """The narrow emission line that lowers the statistic most, iron K left out."""
    data, best = own.data, own.best
    folding = data.folding
    places = np.searchsorted(folding.energy, LINES, side="right") - 1
    places = places[(places >= 0) & (places < len(folding.matrix))]
    lines = folding.matrix[places]
    whole = lines.sum(axis=1)
    lines, energies = lines[whole > 0] / whole[whole > 0, None], folding.energy[places[whole > 0]]
    continuum = best.expected / best.expected.sum()
    shapes = continuum + STRENGTHS[:, None, None] * lines
    gains = best.statistic - best_levels(data, shapes.reshape(-1, len(continuum))).statistic
    gains = gains.reshape(len(STRENGTHS), len(lines))
    i, j = np.unravel_index(int(gains.argmax()), gains.shape)
    return Feature(float(energies[j]), float(STRENGTHS[i]), float(gains[i, j]))


def strongest_edge(own: Fitted) -> Feature:
    """The absorption edge that lowers the statistic most, with the shape of a photoelectric one."""
    data, best = own.data, own.best
    column, value, _ = best.best
    edges = data.folding.energy
    photons = best.family.emission(edges, np.array([value]))[0] * through(edges, np.array([column]))[0]
    energy = (edges[1:] + edges[:-1]) / 2
    depth = np.where(energy >= EDGES[:, None], (EDGES[:, None] / energy) ** 3, 0.0)
    left = np.exp(-DEPTHS[:, None, None] * depth)
    shapes = ((photons * left) @ data.folding.matrix).reshape(-1, data.folding.matrix.shape[1])
    gains = best.statistic - best_levels(data, np.maximum(shapes, 1e-300) * data.exposure).statistic
    gains = gains.reshape(len(DEPTHS), len(EDGES))
    i, j = np.unravel_index(int(gains.argmax()), gains.shape)
    return Feature(float(EDGES[j]), float(DEPTHS[i]), float(gains[i, j]))
