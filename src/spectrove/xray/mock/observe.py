"""Counts of mock sources: folded through responses, with Poisson noise of source and background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.mock.instruments import Instrument
from spectrove.xray.mock.recipe import MockRecipe, ObservationRecipe
from spectrove.xray.mock.sources import BLOCK, Sources

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """The sources that one instrument saw.

    Attributes:
        instrument: Its response and background.
        index: Positions of the sources, (n,).
        counts: Counts of source and background in each channel, int32, (n, n_channels).
        background: Counts of the background region, int32, (n, n_channels).
        scale: Background counts in the source's region per count of the background region, (n,).
        exposure: Seconds, (n,).
        expected: Counts of the source alone that were expected between .5 and 7 keV, (n,).
    """

    instrument: Instrument
    index: NDArray[np.int64]
    counts: NDArray[np.int32]
    background: NDArray[np.int32]
    scale: Floats
    exposure: Floats
    expected: Floats


@dataclass(frozen=True)
class Plan:
    """How the sources of one instrument are observed, before any count is drawn.

    Attributes:
        rate: Counts per second of the source by channel, (n, n_channels), float32.
        behind: The same of the background in the source's region.
        exposure: Seconds, (n,), and `scale` as in `Seen`.
    """

    rate: NDArray[np.float32]
    behind: NDArray[np.float32]
    exposure: Floats
    scale: Floats


def observe(
    sources: Sources, recipe: MockRecipe, seed: int, instruments: Sequence[Instrument]
) -> Iterator[Seen]:
    """Counts of sources, instrument by instrument; some 5,000 spectra a second on one core.

    ```
    recipe = load_recipe("train")
    for seen in observe(draw(4096, recipe, seed), recipe, seed, instruments(half=recipe.responses)):
        seen.counts, seen.background, seen.scale, seen.exposure, seen.instrument.response, seen.index
    ```

    Args:
        sources: Of `sources.draw`; what `truth` says of row `seen.index[i]` is true of `seen.counts[i]`.
        recipe: Its observation; oddities are put in by `survey.make_survey`, not here.
        seed: Non-negative; the same gives the same counts.
        instruments: Each source is seen by one of them.
    """
    at = assigned(len(sources), len(instruments), recipe, seed)
    for i, instrument in enumerate(instruments):
        index = np.flatnonzero(at == i)
        if len(index):
            rng = np.random.default_rng([recipe.stream, seed, 7, i])
            plan = planned(sources, index, recipe.observation, instrument, rng)
            yield drawn(plan, index, instrument, rng)


def assigned(n: int, n_instruments: int, recipe: MockRecipe, seed: int) -> NDArray[np.int64]:
    """Which instrument sees each source, (n,)."""
    blocks = [
        np.random.default_rng([recipe.stream, seed, 5, block]).integers(n_instruments, size=BLOCK)
        for block in range(-(-n // BLOCK))
    ]
    return np.concatenate([*blocks, np.zeros(0, np.int64)])[:n]


def planned(
    sources: Sources,
    index: NDArray,
    recipe: ObservationRecipe,
    instrument: Instrument,
    rng: np.random.Generator,
) -> Plan:
    """Rates, exposures and backgrounds of the sources at `index`."""
    rate = sources.photons[index] @ instrument.fold
    net = np.maximum(rate[:, instrument.broad].sum(axis=1, dtype=float), 1e-12)
    n = len(index)
    level = 10 ** (
        recipe.log_background[0] + recipe.log_background[1] * np.clip(rng.standard_normal(n), -3, 3)
    )
    scale = 10 ** -(recipe.log_region[0] + recipe.log_region[1] * np.clip(rng.standard_normal(n), -3, 3))
    exposure = exposure_of(net, sources.sn[index], level, scale, recipe)
    behind = level[:, None].astype(np.float32) * instrument.background
    return Plan(rate, behind, exposure, scale)


def exposure_of(net: Floats, sn: Floats, level: Floats, scale: Floats, recipe: ObservationRecipe) -> Floats:
    """Seconds, within the limits of the recipe, in which net counts reach a signal-to-noise.

    It is net t / sqrt(net t + level t (1 + scale)), for counts per second of the source, `net`, and of the background
    in its region, `level`, which is `scale` times that of the background region.
    """
    wanted = np.maximum(sn, recipe.min_sn) ** 2 * (net + level * (1 + scale)) / net**2
    return np.clip(wanted, 10 ** recipe.log_exposure[0], 10 ** recipe.log_exposure[1])


def drawn(plan: Plan, index: NDArray, instrument: Instrument, rng: np.random.Generator) -> Seen:
    """Counts of a plan."""
    n, m = plan.rate.shape
    used = instrument.used
    time = plan.exposure[:, None].astype(np.float32)
    counts, background = np.zeros((2, n, m), np.int32)
    counts[:, used] = rng.poisson((plan.rate[:, used] + plan.behind[:, used]) * time)
    background[:, used] = rng.poisson(plan.behind[:, used] * (time / plan.scale[:, None]))
    expected = plan.rate[:, instrument.broad].sum(axis=1, dtype=float) * plan.exposure
    return Seen(instrument, index, counts, background, plan.scale, plan.exposure, expected)
