"""Fits of many galaxies, one after another: the same path for one and for a catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError, Refusal
from spectrove.sed.engine import Engine, Models
from spectrove.sed.grid import Grid
from spectrove.sed.likelihood import Agreement, Photometry, agreement, residuals, widened
from spectrove.sed.posterior import Estimate, edges, posterior

#: chi2 for each band above which a fit is called bad.
BAD = 5.0


@dataclass(frozen=True)
class Best:
    """Which model of an engine is the best.

    Attributes:
        z: Its redshift.
        block: Its place among attenuations, metallicities and the rest, as `engine.Blocks.index`, (6,).
        history: Its place among all histories of the engine.
        formed: Mass formed, Msun.
    """

    z: float
    block: tuple[int, ...]
    history: int
    formed: float


@dataclass(frozen=True)
class Fit:
    """A galaxy with what its fit says.

    Attributes:
        galaxy: As it was fitted, zero points applied.
        quantities: Estimates by name.
        chi2: Of the best model.
        n_bands: Bands measured.
        n_limits: Upper limits.
        floor: Share of each flux that was added to its error.
        effective: Number of models that share the weight.
        residuals: (flux - model) / sigma of the best model, NaN where a band is missing, (n_bands,).
        ratios: Flux over model of the best model, likewise.
        flags: What to be careful about, in words: "slope low" where the best model has the lowest of the grid.
        model: The best model in each band, mJy, also where none is measured, (n_bands,).
        best: Which model that is.
        widening: By how much errors were taken larger for estimates, 1 or more, so that the best model fits.
    """

    galaxy: Photometry
    quantities: dict[str, Estimate]
    chi2: float
    n_bands: int
    n_limits: int
    floor: float
    effective: float
    residuals: NDArray[np.float64]
    ratios: NDArray[np.float64]
    flags: tuple[str, ...]
    model: NDArray[np.float64]
    best: Best
    widening: float = 1.0

    def row(self, bands: tuple[str, ...] = ()) -> dict[str, Any]:
        """The fit as a flat row; with `bands` also the residual of each."""
        row: dict[str, Any] = {"id": self.galaxy.object_id, **self.galaxy.carried, "redshift": self.galaxy.z}
        for name, one in self.quantities.items():
            row |= {f"bayes.{name}": one.mean, f"bayes.{name}_err": one.error, f"bayes.{name}_low": one.low,
                    f"bayes.{name}_high": one.high}  # fmt: skip
        row |= {f"best.{name}": one.best for name, one in self.quantities.items()}
        row |= {"chi2": self.chi2, "n_bands": self.n_bands, "n_limits": self.n_limits, "error_floor": self.floor,
                "n_effective": self.effective, "widening": self.widening, "flags": "; ".join(self.flags)}  # fmt: skip
        row |= {f"residual.{name}": float(value) for name, value in zip(bands, self.residuals, strict=False)}
        return row


def fit(engine: Engine, galaxy: Photometry, floor: float = 0.05, scale: str = "measured") -> Fit:
    """The fit of one galaxy at its redshift, from every model of the grid.

    Args:
        engine: Of the models.
        galaxy: With its redshift.
        floor: Share of each flux that is added to its error.
        scale: How masses follow from upper limits, "measured" or "full", as for `likelihood.agreement`.

    Raises:
        ParameterError: Its redshift or its photometry cannot be fitted.
    """
    models = engine.at(galaxy.z)
    return fitted(engine.grid, models, agreement(models, galaxy, floor, scale=scale), galaxy, floor, scale)


def fitted(
    grid: Grid,
    models: Models,
    found: Agreement,
    galaxy: Photometry,
    floor: float,
    scale: str = "measured",
    prior: NDArray[np.floating[Any]] | None = None,
) -> Fit:
    """What the agreement of all models says of a galaxy; `prior` is that of `posterior`.

    Raises:
        ParameterError: No model agrees with its fluxes at a scale above 0.
    """
    if not (found.scale > 0).any():
        raise ParameterError(
            f"{galaxy.object_id}: no model above 0 agrees with its fluxes, most of which are negative."
        )
    nearer, widening = widened(found, int(galaxy.measured.sum()))
    known = posterior(models, nearer, prior)
    chi2, mass, apart = residuals(models, galaxy, known.best, floor, scale)
    measured = galaxy.measured
    flags = edges(grid, models, known.best)
    if chi2 > BAD * measured.sum():
        flags.append(f"chi2 above {BAD:g} for each band")
    model = mass * models.flux(*known.best)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(measured, galaxy.flux / model, np.nan)
    return Fit(galaxy, dict(known.quantities), chi2, int(measured.sum()), int(galaxy.limits.sum()), floor,
               known.effective, apart, ratios, tuple(flags), model, _which(models, known.best, mass),
               widening)  # fmt: skip


def _which(models: Models, place: tuple[int, int], formed: float) -> Best:
    block, history = place
    redshifts = models.blocks.parameters.get("redshift")
    z = models.z if redshifts is None else float(redshifts[block])
    return Best(z, tuple(models.blocks.index[block].tolist()), int(models.places[history]), formed)


def fit_all(
    engine: Engine,
    galaxies: Iterable[Photometry | Refusal],
    floor: float = 0.05,
    by: Callable[[Photometry, float], Fit] | None = None,
) -> Iterator[Fit | Refusal]:
    """Each galaxy's fit, or why it has none, in their order.

    Args:
        engine: Of the models.
        galaxies: With reasons in place of those that cannot be fitted.
        floor: Share of each flux that is added to its error.
        by: Fits one galaxy; at its redshift, as `fit`, by default.
    """
    for one in galaxies:
        if isinstance(one, Refusal):
            yield one
            continue
        try:
            yield by(one, floor) if by is not None else fit(engine, one, floor)
        except ParameterError as error:
            said = str(error)
            yield Refusal(
                one.object_id, said if said.startswith(one.object_id) else f"{one.object_id}: {said}"
            )
