"""What is known of a galaxy from all models, each weighted by its prior and its agreement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.sed.engine import Models
from spectrove.sed.grid import Grid
from spectrove.sed.likelihood import Agreement

Array = NDArray[np.float64]

#: Models whose chi2 is further above the best than this have a weight of e^-20 and are left out.
FAR = 40.0

#: Lowest rate of star formation per stellar mass that is told from none, 1/yr.
LOWEST_SSFR = 1e-13

#: Units of what a fit gives; parameters of the grid have theirs, too. Masses are of stars that are alive and remnants.
UNITS: dict[str, tuple[str, str]] = {
    "log_mass": ("dex(Msun)", "log10 of the stellar mass"),
    "log_sfr10": ("dex(Msun/yr)", "log10 of the star formation rate, mean of 10 Myr"),
    "log_sfr100": ("dex(Msun/yr)", "log10 of the star formation rate, mean of 100 Myr"),
    "log_ssfr": ("dex(1/yr)", "log10 of the star formation rate of 100 Myr per stellar mass"),
    "log_dust_luminosity": ("dex(Lsun)", "log10 of the energy that dust absorbs and radiates"),
    "mean_age": ("Gyr", "Mean age of stars by the mass formed"),
    "redshift": ("", "Redshift"),
    "tau_main": ("Gyr", "Time scale of the delayed star formation"),
    "age_main": ("Gyr", "Time since star formation began"),
    "f_burst": ("", "Share of the mass that formed in the burst"),
    "tau_burst": ("Gyr", "Time scale of the burst"),
    "age_burst": ("Gyr", "Time since the burst began"),
    "metallicity": ("", "Mass fraction of metals in stars"),
    "gas_metallicity": ("", "Mass fraction of metals in gas"),
    "agn_fraction": ("", "Share of an active nucleus in the light of stars and nucleus before dust"),
    "agn_ebv": ("mag", "E(B-V) before the disc of the active nucleus"),
    "log_u": ("", "log10 of the ionisation parameter"),
    "ebv": ("mag", "E(B-V) of stars and gas"),
    "slope": ("", "Slope added to the law of attenuation"),
    "av_ism": ("mag", "A(V) of the interstellar medium"),
    "mu": ("", "Share of the attenuation of young stars by the interstellar medium"),
    "alpha": ("", "Slope of the dust templates"),
}


@dataclass(frozen=True)
class Estimate:
    """One quantity.

    Attributes:
        mean: Of all models.
        error: One sigma.
        low: Lower end of the 68% interval.
        high: Upper end.
        best: Of the model of least chi2, which is no estimate.
    """

    mean: float
    error: float
    low: float
    high: float
    best: float


@dataclass(frozen=True)
class Posterior:
    """What is known of a galaxy at its redshift.

    Attributes:
        quantities: Estimates by name.
        best: Block and history of the model of least chi2.
        effective: Number of models that share the weight: 1 / sum of squared weights.
        evidence: log of the mean likelihood over the prior, apart from a constant of the galaxy.
    """

    quantities: Mapping[str, Estimate]
    best: tuple[int, int]
    effective: float
    evidence: float


def posterior(models: Models, found: Agreement, prior: NDArray[np.floating[Any]] | None = None) -> Posterior:
    """Estimates of every quantity from the whole grid.

    The mass is drawn, too, for each model: with a prior flat in its logarithm it is uncertain by the inverse of its
    significance, which is added in quadrature and weighs models.

    Args:
        models: Of the grid.
        found: How well each agrees.
        prior: Of each model, (n_blocks, n_histories); the product of those of blocks and histories by default.
    """
    chi2 = np.where(found.scale > 0, found.chi2, np.inf)
    best = np.unravel_index(int(np.argmin(chi2)), chi2.shape)
    least = float(chi2[best])
    block, history = np.nonzero(chi2 < least + FAR)
    known = models.blocks.prior[block] * models.prior[history] if prior is None else prior[block, history]
    significance = np.sqrt(np.maximum(found.weight[block, history].astype(float), 1e-30))
    likely = known * np.exp(-0.5 * (chi2[block, history].astype(float) - least)) / significance
    total = likely.sum()
    weight = likely / total
    place = int(np.flatnonzero((block == best[0]) & (history == best[1]))[0])
    spread = {name: 1 / significance / np.log(10) for name in SCALED}
    values = values_of(models, found, block, history)
    return Posterior(
        {name: estimate(value, weight, place, spread.get(name)) for name, value in values.items()},
        (int(best[0]), int(best[1])), float(1 / (weight**2).sum()), float(np.log(total) - least / 2),
    )  # fmt: skip


#: Quantities that grow with the scale.
SCALED = ("log_mass", "log_sfr10", "log_sfr100", "log_dust_luminosity")


def values_of(
    models: Models, found: Agreement, block: NDArray[np.intp], history: NDArray[np.intp]
) -> dict[str, Array]:
    """Every quantity of some models, (n,) each."""
    formed = found.scale[block, history].astype(float)
    mass = formed * models.surviving[block, history]
    values = {"log_mass": np.log10(mass)}
    for name, rate in models.histories.rates.items():
        values[f"log_{name}"] = np.log10(np.maximum(formed * rate[history], LOWEST_SSFR * mass))
    values["log_ssfr"] = values["log_sfr100"] - values["log_mass"]
    if np.isfinite(models.absorbed[:1, :1]).all():
        values["log_dust_luminosity"] = np.log10(np.maximum(formed * models.absorbed[block, history], 1.0))
    values["mean_age"] = models.histories.mean_age[history] / 1e9
    for name, level in models.histories.parameters.items():
        if name != "history" and np.ptp(level) > 0:
            values[name] = level[history]
    for name, level in models.blocks.parameters.items():
        if np.ptp(level) > 0:
            values[name] = level[block]
    return values


def estimate(value: Array, weight: Array, best: int, spread: Array | None = None) -> Estimate:
    """Mean, error and 68% interval of weighted values.

    Args:
        value: (n,).
        weight: (n,), summing to one.
        best: Place of the best model.
        spread: One sigma of each value by itself, (n,).
    """
    mean = float(weight @ value)
    variance = float(weight @ (value - mean) ** 2)
    within = 0.0 if spread is None else float(weight @ spread**2)
    order = np.argsort(value, kind="stable")
    levels, first = np.unique(value[order], return_index=True)
    share = np.add.reduceat(weight[order], first)
    middle = np.cumsum(share) - share / 2
    low, high = np.interp([0.1587, 0.8413], middle, levels)
    if within and variance + within > 0:
        widened = np.sqrt(1 + within / variance) if variance > within / 100 else None
        if widened is None:
            low, high = mean - np.sqrt(within), mean + np.sqrt(within)
        else:
            centre = float(np.interp(0.5, middle, levels))
            low, high = centre - (centre - low) * widened, centre + (high - centre) * widened
    return Estimate(mean, float(np.sqrt(variance + within)), float(low), float(high), float(value[best]))


def edges(grid: Grid, models: Models, best: tuple[int, int]) -> list[str]:
    """Parameters whose best value is the end of their levels, as "slope low"; not where nature ends, too.

    Without dust no parameter of it is at an edge, and without a burst none of it.
    """
    block, history = best
    free = {"ebv", "av_ism", "f_burst", "agn_fraction", "agn_ebv"}  # 0 is the least there can be
    own = {name: values[block] for name, values in models.blocks.parameters.items()}
    own |= {name: values[history] for name, values in models.histories.parameters.items()}
    levels = {
        name: np.unique(v) for name, v in (models.blocks.parameters | models.histories.parameters).items()
    }
    dustless = own.get("ebv", own.get("av_ism", 1)) == 0
    quiet = own.get("f_burst", 1) == 0
    inactive = own.get("agn_fraction", 1) == 0
    said = []
    for name, value in own.items():
        known = levels[name]
        unasked = (dustless and name in ("slope", "mu")) or (quiet and name in ("tau_burst", "age_burst"))
        unasked = unasked or (inactive and name == "agn_ebv")
        if known.size < 3 or unasked or name == "history":
            continue
        if value == known[0] and name not in free:
            said.append(f"{name} low")
        # The oldest age that the universe has room for is no edge of the grid.
        if value == known[-1] and not (
            name == "age_main" and value < max(getattr(grid.histories, "age_main", (0,)))
        ):
            said.append(f"{name} high")
    return said
