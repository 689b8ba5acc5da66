"""Rare things that are put into mock sources, as a test of what finds the unusual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.mock.instruments import GRID, Instrument
from spectrove.xray.mock.observe import Plan
from spectrove.xray.mock.recipe import ODDITIES, MockRecipe
from spectrove.xray.mock.sources import BLOCK, Sources, flux_truth
from spectrove.xray.models.lines import gaussian

Floats = NDArray[np.float64]

#: Seconds in which ACIS adds up charge before it reads it out.
FRAME = 3.2

#: Share of the energies of two photons that came in one frame that is taken for one photon's. Davis 2001, ApJ 562, 575.
GRADE = 0.5

#: A strong line that none of the models has: energies, keV, and share of the photons between .5 and 7 keV.
LINE_ENERGY, LINE_SHARE = (0.8, 5.8), (0.15, 0.4)

#: An absorption edge: energies, keV, and optical depth there.
EDGE_ENERGY, EDGE_DEPTH = (1.0, 4.0), (1.5, 4.0)

#: A background flare: by how many times its level is added. Photons in each frame of a piled source.
FLARE, PILED = (8.0, 40.0), (0.4, 1.5)

NONE = "none"


def which(n: int, recipe: MockRecipe, seed: int) -> NDArray[np.str_]:
    """The oddity of each source, "none" for most, (n,)."""
    names = [name for name in ODDITIES if recipe.oddities.get(name, 0) > 0]
    limits = np.cumsum([recipe.oddities[name] for name in names])
    blocks = range(-(-n // BLOCK))
    chance = [np.random.default_rng([recipe.stream, seed, 3, block]).random(BLOCK) for block in blocks]
    place = np.searchsorted(limits, np.concatenate([*chance, np.zeros(0)])[:n], side="right")
    return np.array([*names, NONE])[place] if n else np.zeros(0, "U4")


def changed(sources: Sources, odd: NDArray[np.str_], rng: np.random.Generator) -> Sources:
    """The sources with lines, edges and piled brightness in their photons; fluxes of the truth follow."""
    photons = sources.photons.astype(float)
    middle = (GRID[1:] + GRID[:-1]) / 2
    broad = (middle > 0.5) & (middle < 7)
    for i in np.flatnonzero(odd == "line"):
        energy, share = np.exp(rng.uniform(*np.log(LINE_ENERGY))), rng.uniform(*LINE_SHARE)
        photons[i] += gaussian(GRID, energy, 0.02, share / (1 - share) * photons[i, broad].sum())
    for i in np.flatnonzero(odd == "edge"):
        energy, depth = rng.uniform(*EDGE_ENERGY), rng.uniform(*EDGE_DEPTH)
        photons[i] *= np.exp(-np.where(middle >= energy, depth * (middle / energy) ** -3, 0.0))
    piled = np.flatnonzero(odd == "pile_up")
    # Some 300 cm2 collect what comes in a frame.
    photons[piled] *= (rng.uniform(*PILED, len(piled)) / FRAME / 300 / photons[piled][:, broad].sum(axis=1))[
        :, None
    ]
    made = Sources(photons.astype(np.float32), sources.sn, sources.truth | flux_truth(photons))
    return made if (odd != NONE).any() else sources


def disturbed(
    plan: Plan,
    sources: Sources,
    odd: NDArray[np.str_],
    instrument: Instrument,
    others: Sequence[Instrument],
    rng: np.random.Generator,
) -> Plan:
    """The observation of some sources with flares, responses that are not theirs, and pile-up.

    Args:
        plan: Of these sources.
        sources: These sources, in the same order, and `odd` their oddities.
        instrument: The one whose response is written beside the counts.
        others: All instruments, among which is the one that truly saw a source of "wrong_response".
        rng: Random numbers.
    """
    if (odd == NONE).all():
        return plan
    rate, behind = plan.rate.copy(), plan.behind.copy()
    for i in np.flatnonzero(odd == "flare"):
        level = behind[i, instrument.broad].sum() * rng.uniform(*FLARE)
        width = instrument.response.e_max - instrument.response.e_min
        shape = width * np.exp(-instrument.response.e_min / rng.uniform(2.0, 8.0))
        behind[i] += level * shape / shape[instrument.broad].sum()
    wrong = np.flatnonzero(odd == "wrong_response")
    if len(wrong):
        rate[wrong] = sources.photons[wrong] @ _least_alike(instrument, others).fold
    for i in np.flatnonzero(odd == "pile_up"):
        rate[i] = piled_up(rate[i])
    return replace(plan, rate=rate, behind=behind)


def _least_alike(instrument: Instrument, others: Sequence[Instrument]) -> Instrument:
    """Of the instruments with the same channels, the one whose area differs most in shape."""
    mine = instrument.fold.sum(axis=1)

    def difference(other: Instrument) -> float:
        if other.fold.shape != instrument.fold.shape:
            return -1.0
        its = other.fold.sum(axis=1)
        return float(np.abs(its / its.sum() - mine / mine.sum()).sum())

    return max(others, key=difference)


def piled_up(rate: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rates by channel of a source whose photons fall together: fewer events, of higher energies.

    With L photons expected in a frame, p of them make one event of the sum of their energies, which is kept
    with probability GRADE^(p - 1): exp(-L) sum over p of L^p / p! GRADE^(p - 1) times the p-fold convolution.

    Source:
        Davis 2001, ApJ 562, 575, all photons in the core of the image.
    """
    whole = float(rate.sum()) * FRAME
    if whole <= 0:
        return rate
    shape = rate.astype(float) / rate.sum()
    # Channels begin at zero energy and are equally wide, so sums of energies are sums of channels.
    total, together, weight = np.zeros_like(shape), shape, np.exp(-whole) * whole
    for p in range(1, 6):
        total += weight * together
        together = np.convolve(together, shape)[: len(shape)]
        weight *= GRADE * whole / (p + 1)
    return (total / FRAME).astype(np.float32)
