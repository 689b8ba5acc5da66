"""Mock galaxies of known structure: between the levels of all grids, with the bands and errors of real galaxies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from experiments.sed.data import Sample, ingredients, tables
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.constants import epoch
from spectrove.sed.engine import Engine
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.planner.space import Space, Structure

#: What may be different from the simplest structure; "plain" is it.
KINDS = ("plain", "burst", "slope", "agn", "redshift", "band")

#: Least excess of a mock that is not plain; where one shows less, another is drawn.
SHOWS = 16.0

#: Systematic error of every flux.
FLOOR = 0.05

#: A wrong redshift is this far off at least, in units of 1 + z.
WRONG = 0.15

#: Between which it is drawn, evenly in ln(1 + z).
GIVEN = (0.05, 5.0)


@dataclass(frozen=True)
class Mock:
    """A galaxy whose structure is known.

    Attributes:
        galaxy: Its photometry.
        kind: Of `KINDS`.
        detail: The band that is wrong, or the true redshift, in words.
        log_mass: Of stars, dex of Msun.
        excess: chi2 of the best model of the simplest structure, if there were no noise: how much the change shows.
    """

    galaxy: Photometry
    kind: str
    detail: str
    log_mass: float
    excess: float


def mock(sample: Sample, kind: str, seed: int) -> Mock:
    """One mock of which the change shows, with the bands, relative errors and redshift of a galaxy of the sample."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    while True:
        made = _drawn(sample, kind, seed, rng)
        if kind == "plain" or made.excess >= SHOWS:
            return made


def _drawn(sample: Sample, kind: str, seed: int, rng: np.random.Generator) -> Mock:
    row = sample.rows[int(rng.integers(len(sample.rows)))]
    populations, nebula, dust = tables()
    age = epoch(round(row.z, 6)).age / 1e9
    burst = (
        float(rng.uniform(0.15, 0.5)),
        float(rng.uniform(0.005, 0.05)),
        float(np.exp(rng.uniform(*np.log([0.005, 0.05])))),
    )
    f_burst, tau_burst, age_burst = burst if kind == "burst" else (0.0, 0.05, 0.02)
    history = DelayedBurst(
        (float(np.exp(rng.uniform(np.log(0.05), np.log(10)))),), (float(rng.uniform(min(0.3, 0.5 * age), age)),),
        (f_burst,), (tau_burst,), (age_burst,),
    )  # fmt: skip
    steep = kind == "slope"
    law = Calzetti(
        (float(rng.uniform(0.2, 0.6) if steep else rng.uniform(0, 0.6)),),
        (float(rng.uniform(-0.6, -0.3)) if steep else 0.0,),
    )
    grid = Grid(
        history, (float(rng.choice(populations.metallicities)),), (float(rng.choice(nebula.log_u)),), law,
        agn_fraction=(float(rng.uniform(0.25, 0.65)) if kind == "agn" else 0.0,),
    )  # fmt: skip
    models = Engine(populations, sample.filters, grid, nebula, dust).at(row.z)
    flux = models.flux(0, 0)
    both = row.measured & (flux > 0)
    scale = float(np.nanmedian(row.flux[both] / flux[both]))
    flux = flux * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(row.limits, np.abs(row.error), row.error / np.abs(row.flux) * flux)
    noise = np.hypot(np.maximum(sigma, 0), FLOOR * flux) * rng.normal(size=flux.size)
    measured = row.measured & (sigma > 0)
    limits = row.limits & (flux < 2 * sigma)
    measured |= row.limits & ~limits
    made = replace(
        row, object_id=f"{kind} {seed}", flux=np.where(measured, flux, np.where(limits, sigma, np.nan)),
        error=np.where(measured, sigma, np.where(limits, -sigma, np.nan)),
    )  # fmt: skip
    detail = ""
    if kind == "redshift":
        z = row.z
        while abs(z - row.z) / (1 + row.z) < WRONG:
            z = float(np.exp(rng.uniform(*np.log(1 + np.array(GIVEN)))) - 1)
        made, detail = replace(made, z=z), f"{row.z:.4f}"
    if kind == "band":
        bright = np.flatnonzero(made.measured & (made.flux > 5 * np.abs(made.error)))
        wrong = int(rng.choice(bright))
        factor = 2.0 if rng.random() < 0.5 else 0.5
        times = np.where(np.arange(flux.size) == wrong, factor, 1.0)
        noise = noise * times
        made, detail = replace(made, flux=made.flux * times, error=made.error * times), sample.bands[wrong]
    simplest = Space.of(ingredients(sample), Structure(), made.z).models
    found = agreement(simplest, made, FLOOR)
    excess = float(np.min(np.where(found.scale > 0, found.chi2, np.inf)))
    made = replace(made, flux=np.where(measured, made.flux + noise, made.flux))
    return Mock(made, kind, detail, float(np.log10(scale * models.surviving[0, 0])), excess)
