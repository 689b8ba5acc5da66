"""How well models agree with the photometry of a galaxy: chi2 of measured bands, and of upper limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from spectrove.errors import ParameterError
from spectrove.sed.engine import CHUNK, Models

Array = NDArray[np.float64]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class Photometry:
    """Fluxes of one galaxy.

    Attributes:
        object_id: Its name.
        z: Its redshift; NaN if it is to be found.
        flux: mJy, NaN where it is missing, (n_bands,).
        error: One sigma, mJy, (n_bands,). Negative for an upper limit: the flux is then the limit and the error without
            its sign one sigma, as in CIGALE's tables.
        carried: Its position and other ids, which a fit does not read and its row repeats.
    """

    object_id: str
    z: float
    flux: Array
    error: Array
    carried: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> NDArray[np.bool_]:
        """Which bands have a flux with an error."""
        return np.isfinite(self.flux) & np.isfinite(self.error) & (self.error > 0)

    @property
    def limits(self) -> NDArray[np.bool_]:
        """Which bands have an upper limit."""
        return np.isfinite(self.flux) & np.isfinite(self.error) & (self.error < 0)

    def sigma(self, floor: float) -> Array:
        """Errors with a share `floor` of the flux added in quadrature, mJy, (n_bands,)."""
        return np.asarray(np.hypot(np.abs(self.error), floor * np.abs(self.flux)))


@dataclass(frozen=True)
class Agreement:
    """How well each model of a grid agrees with one galaxy; arrays are (n_blocks, n_histories).

    Attributes:
        chi2: Of measured bands and of upper limits, at the scale.
        scale: Mass formed, Msun; the best one for the measured bands, in closed form, or for limits, too. 0 where none
            above 0 is best.
        weight: Inverse variance of the scale times scale squared: the squared significance of the scale.
    """

    chi2: Single
    scale: Single
    weight: Single


#: How the scale of a model is found: from measured bands alone, or from upper limits, too.
SCALES = ("measured", "full")


def agreement(
    models: Models, galaxy: Photometry, floor: float = 0.05, chunk: int = CHUNK, scale: str = "measured"
) -> Agreement:
    """chi2 and scale of every model.

    Limits count -2 ln of the probability that a measurement stays below the limit. By "measured" the scale follows from
    the measured bands, and limits are then held against it, as CIGALE's "noscaling"; by "full" the scale is that of the
    least chi2 of both, as its "full", and the error of the scale is that of both.

    Args:
        models: At the redshift of the galaxy.
        galaxy: Its photometry.
        floor: Share of each flux that is added to its error in quadrature.
        chunk: Numbers of fluxes made at once; results do not depend on it.
        scale: One of `SCALES`.

    Raises:
        ParameterError: No band is measured, or no such scale.
    """
    check_scale(scale)
    measured, limits = galaxy.measured, galaxy.limits
    if not measured.any():
        raise ParameterError(f"{galaxy.object_id}: no band is measured. A fit needs fluxes with errors.")
    used = measured | limits
    sigma = galaxy.sigma(floor)
    inverse = np.where(used, 1 / np.where(used, sigma, 1), 0)
    data = (np.where(used, galaxy.flux, 0) * inverse)[used]
    # Per 10^10 solar masses, so that single precision is far from its limits.
    per_unit = (inverse * UNIT).astype(np.float32)
    is_measured = measured[used]
    found = Agreement(*(np.empty(models.shape, np.float32) for _ in range(3)))
    total = float(data[is_measured] @ data[is_measured])
    seen = _only(models, used)
    for block, fluxes in seen.fluxes(per_unit[used], chunk):
        _compare(found, block, fluxes, (data.astype(np.float32), is_measured, total), full=scale == "full")
    return found


def check_scale(scale: str) -> None:
    """Refuse what is none of `SCALES`."""
    if scale not in SCALES:
        raise ParameterError(f"scale {scale}: expected {' or '.join(SCALES)}.")


def widened(found: Agreement, n_bands: int) -> tuple[Agreement, float]:
    """The agreement with errors made so large that the best model fits, and the factor of the errors, 1 or more.

    Where the least chi2 is above the number of bands, models or errors are wrong by more than is said, be it that a
    galaxy lies between the models of a grid, and its quantities would be told too surely: chi2 of every model comes as
    far nearer to the least as errors that make it the number of bands would bring it.

    Args:
        found: Of all models.
        n_bands: Measured ones.
    """
    least = float(np.where(found.scale > 0, found.chi2, np.inf).min())
    factor = max(1.0, least / n_bands)
    if not 1 < factor < np.inf:
        return found, 1.0
    nearer = (least + (found.chi2.astype(float) - least) / factor).astype(np.float32)
    return Agreement(nearer, found.scale, found.weight / np.float32(factor)), float(np.sqrt(factor))


#: Mass for which fluxes are compared, Msun.
UNIT = 1e10


def _only(models: Models, bands: NDArray[np.bool_]) -> Models:
    from dataclasses import replace

    return models if bands.all() else replace(models, light=np.ascontiguousarray(models.light[..., bands]))


def _compare(
    found: Agreement,
    block: slice,
    fluxes: Single,
    galaxy: tuple[Single, NDArray[np.bool_], float],
    *,
    full: bool,
) -> None:
    """Fill one block of what is found; `galaxy` is data in sigma, which are measured, and the sum of their squares."""
    data, measured, total = galaxy
    seen = fluxes if measured.all() else fluxes[..., measured]
    cross = seen @ data[measured]
    square = np.einsum("bhn,bhn->bh", seen, seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(square > 0, np.maximum(cross, 0) / square, 0)
    below = None if measured.all() else fluxes[..., ~measured]
    curvature = square
    if full and below is not None:
        scale, curvature = _with_limits(scale, square, cross, below, data[~measured])
    chi2 = total - scale * (2 * cross - scale * square)
    if below is not None:
        for i, limit in enumerate(data[~measured]):
            chi2 = chi2 - 2 * log_ndtr(limit - scale * below[..., i])
    found.chi2[block] = chi2
    found.scale[block] = scale * UNIT
    found.weight[block] = scale**2 * curvature


#: Steps of Newton's method; each is nearer, from above, as the derivative is convex.
STEPS = 12

#: Limits that lie this many sigma above a model do not move its scale.
LOOSE = 6.0


def _with_limits(
    scale: Array | Single,
    square: Array | Single,
    cross: Array | Single,
    below: Array | Single,
    limits: Array | Single,
) -> tuple[Array, Array]:
    """The scale of least chi2 of measured bands and limits, and half of the second derivative of chi2 there.

    Args:
        scale: That of measured bands alone, of any shape.
        square: Sum of squared models in measured bands, likewise.
        cross: Sum of models times data there, likewise.
        below: Models in bands with limits, with these as a last axis, in sigma.
        limits: In sigma, (n_limits,).
    """
    solved, curvature = np.array(scale, float), np.array(square, float)
    moved = (scale > 0) & (limits - scale[..., None] * below < LOOSE).any(-1)
    s, q, c = solved[moved], curvature[moved], np.asarray(cross, float)[moved]
    model, limits = np.asarray(below, float)[moved], np.asarray(limits, float)
    for _ in range(STEPS):
        apart = limits - s[:, None] * model
        hazard = np.exp(-(apart**2) / 2 - log_ndtr(apart)) / np.sqrt(2 * np.pi)
        bent = q + (model**2 * hazard * (hazard + apart)).sum(1)
        step = (s * q - c + (model * hazard).sum(1)) / bent
        s = np.maximum(s - step, 0)
        if not (np.abs(step) > 1e-7 * s).any():
            break
    apart = limits - s[:, None] * model
    hazard = np.exp(-(apart**2) / 2 - log_ndtr(apart)) / np.sqrt(2 * np.pi)
    solved[moved], curvature[moved] = s, q + (model**2 * hazard * (hazard + apart)).sum(1)
    return solved, curvature


def residuals(
    models: Models, galaxy: Photometry, place: tuple[int, int], floor: float, scale: str = "measured"
) -> tuple[float, float, Array]:
    """chi2, scale (Msun) and residuals of one model in double precision.

    Returns:
        chi2, mass formed, and (flux - model) / sigma of each band, NaN where it is missing, (n_bands,).
    """
    flux = models.flux(*place) * UNIT
    sigma, measured = galaxy.sigma(floor), galaxy.measured
    data, model = galaxy.flux[measured] / sigma[measured], flux[measured] / sigma[measured]
    square, cross = float(model @ model), float(data @ model)
    best = max(cross, 0.0) / square
    if scale == "full" and galaxy.limits.any():
        beyond = galaxy.limits
        solved, _ = _with_limits(np.array([best]), np.array([square]), np.array([cross]),
                                 (flux / sigma)[None, beyond], (galaxy.flux / sigma)[beyond])  # fmt: skip
        best = float(solved[0])
    apart = np.where(measured | galaxy.limits, (galaxy.flux - best * flux) / sigma, np.nan)
    chi2 = float((apart[measured] ** 2).sum() - 2 * log_ndtr(apart[galaxy.limits]).sum())
    return chi2, best * UNIT, apart
