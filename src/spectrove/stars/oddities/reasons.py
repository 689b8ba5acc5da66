"""The reason why a star is an outlier, one of a few named ones, from rules on what is measured in its pixels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrove.domain import Reason
from spectrove.errors import KnowledgeError
from spectrove.spectra import SpectrumSet
from spectrove.stars.grid import on_grid
from spectrove.stars.measuring import rest
from spectrove.stars.oddities.evidence import BANDS, LEAST, MIDDLE, SKY, Evidence, Ordinary, gather
from spectrove.stars.velocity import velocities

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.explanation.outlier_page import Gallery

#: Name of each reason, and what it means.
REASONS: Mapping[str, str] = {
    "artefact: gaps": "much of the spectrum between its ends is missing",
    "artefact: cosmic ray": "spikes narrower than the lines of a star can be",
    "artefact: sky residual": "the residual coincides with airglow",
    "artefact: jump": "the flux level jumps at one wavelength",
    "wrong velocity": "its wavelengths are not those of one velocity that a star may have",
    "emission lines": "a Balmer line is in emission, or filled in",
    "carbon star": "bands of C2 and CN are deeper than in ordinary stars",
    "two sets of lines": "lines of another star at another velocity",
    "unlike anything": "none of the other reasons explains it",
    "ordinary": "its distances to its neighbours are typical of the base",
}

#: The reason behind each.
NAMED: Mapping[str, str] = {
    "gaps": "artefact: gaps",
    "spikes": "artefact: cosmic ray",
    "sky": "artefact: sky residual",
    "step": "artefact: jump",
    "velocity": "wrong velocity",
    "halves": "wrong velocity",
    "emission": "emission lines",
    "carbon": "carbon star",
    "second": "two sets of lines",
}


class StarReasons:
    """Reasons from the pixels of stars and from what lines of ordinary stars are made of; see `domain.Reasons`."""

    def find(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, whole: Collection[str]
    ) -> dict[str, Reason]:
        """The reason of each spectrum, by object id."""
        return {name: reason_of(found) for name, found in evidence_of(spectra, ordinary_of(encoders)).items()}

    def drawn(
        self, encoders: Mapping[str, Encoder], spectra: SpectrumSet, answers: Sequence[Any]
    ) -> list[Any]:
        """Each answer with its spectrum, its lines at rest and those of the ordinary star most like it."""
        from spectrove.stars.oddities.page import drawn

        return drawn(spectra, answers, ordinary_of(encoders))

    def gallery(self, drawn: Sequence[Any], answers: Sequence[Any]) -> Gallery:
        """What the page of outliers says of stars."""
        from spectrove.stars.oddities.page import gallery

        return gallery(drawn, REASONS)


def ordinary_of(encoders: Mapping[str, Encoder]) -> Ordinary:
    """What lines of ordinary stars are made of, by the first encoder that knows it.

    Raises:
        KnowledgeError: None does.
    """
    from spectrove.stars.encoder import StarLinesEncoder

    for encoder in encoders.values():
        if isinstance(encoder, StarLinesEncoder):
            return encoder.ordinary
    view, encoder = next(iter(encoders.items()))
    raise KnowledgeError(
        f"view {view}: made by {encoder.name}, an encoder of kind {encoder.recipe.kind}, expected kind star_lines, by "
        "which reasons are found. Make a base with kb create --domain stars."
    )


def evidence_of(spectra: SpectrumSet, ordinary: Ordinary) -> dict[str, Evidence]:
    """The evidence of each spectrum that has a velocity and enough pixels at rest, by object id."""
    found, _ = velocities(spectra)
    observed, _ = on_grid(spectra, "observed")
    at_rest, _, _ = rest(spectra, found)
    place = {str(name): i for i, name in enumerate(observed.object_id)}
    index = {str(name): i for i, name in enumerate(spectra.object_id)}
    return {
        name: gather(spectra[index[name]], observed.one(place[name]), at_rest.one(i), found[name], ordinary)
        for i, name in enumerate(map(str, at_rest.object_id))
    }


def numbers(evidence: Evidence) -> dict[str, float]:
    """What is measured for each of `LEAST`; NaN where it cannot be."""
    return {
        "gaps": evidence.gaps,
        "spikes": evidence.spikes.value,
        "sky": evidence.sky.value,
        "step": evidence.step.value,
        "velocity": abs(evidence.velocity.value),
        "halves": evidence.halves[0],
        "emission": evidence.emission.value,
        "carbon": evidence.carbon,
        "second": evidence.second,
    }


def strengths(evidence: Evidence) -> dict[str, float]:
    """Each measured number over the one from which on it is a reason."""
    return {key: value / LEAST[key] for key, value in numbers(evidence).items()}


def reason_of(evidence: Evidence) -> Reason:
    """The reason whose number exceeds its limit most; none of them where none does."""
    strength = {key: value for key, value in strengths(evidence).items() if np.isfinite(value)}
    if strength["second"] >= 1:  # two sets of lines blend to other velocities in either half
        strength["halves"] = 0.0
    key = max(strength, key=lambda one: strength[one])
    if strength[key] < 1:
        return Reason(
            "unlike anything",
            "Neither gaps, spikes, airglow, a jump of the continuum, its velocity, emission, carbon nor a second star "
            "explains it.",
        )
    return Reason(NAMED[key], _sentence(key, evidence), _regions(key, evidence))


def _sentence(key: str, e: Evidence) -> str:
    said = {
        "gaps": f"{e.gaps:.0%} of the pixels between its first and its last are missing.",
        "spikes": f"{e.spikes.value:.0f} pixels are spikes too narrow for lines, the first at {e.spikes.at:,.0f} Å.",
        "sky": f"The residual at {e.sky.at:,.0f} Å (observed), where airglow is subtracted, "
        f"is {e.sky.value:.0f} sigma.",
        "step": (
            f"The flux changes by {np.expm1(e.jump):+.0%} at {e.step.at:,.0f} Å (observed), {e.step.value:.0f} times "
            "as much as elsewhere in it."
        ),
        "velocity": (
            f"Its velocity is {e.velocity.value:+.0f} km/s: it is among the fastest stars of the Galaxy, or its "
            "wavelengths are wrong."
        ),
        "halves": (
            f"Redward of {MIDDLE:,.0f} Å its velocity differs by {e.halves[1]:+.0f} km/s, {e.halves[0]:.0f} sigma: its "
            "arms are calibrated differently."
        ),
        "emission": (
            f"{e.line} is brighter than in an ordinary star with its other lines, by {e.height:.0%} of the continuum "
            f"({e.emission.value:.0f} sigma)."
        ),
        "carbon": f"Bands of C2 and CN are deeper than in ordinary stars by {e.depth:.0%} ({e.carbon:.0f} sigma).",
        "second": (
            f"Lines of another star at {e.apart:+.0f} km/s from its own, {e.light:.0%} as strong, lower χ² by "
            f"{e.second**2:.0f} in units of the reduced χ²."
        ),
    }
    return said[key]


def _regions(key: str, e: Evidence) -> tuple[tuple[float, float], ...]:
    """Where it is seen, observed vacuum angstrom."""
    z = e.velocity.z
    if key == "emission":
        return ((e.emission.at - 15, e.emission.at + 15),)
    if key == "carbon":
        return tuple(((head - reach) * (1 + z), head * (1 + z)) for head, reach in BANDS[:3])
    if key == "sky":
        return ((e.sky.at - 8, e.sky.at + 8), *((w - 8, w + 8) for w in SKY[:3] if w != e.sky.at))
    if key == "step":
        return ((e.step.at - 10, e.step.at + 10),)
    return ((e.spikes.at - 5, e.spikes.at + 5),) if key == "spikes" else ()
