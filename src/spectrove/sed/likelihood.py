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
        chi2: Of measured bands at the best scale, and of upper limits at that scale.
        scale: Mass formed, Msun; the best one for the measured bands, in closed form. 0 where none above 0 is best.
        weight: Inverse variance of the scale times scale squared: the squared significance of the scale.
    """

    chi2: Single
    scale: Single
    weight: Single


def agreement(models: Models, galaxy: Photometry, floor: float = 0.05, chunk: int = CHUNK) -> Agreement:
    """chi2 and scale of every model.

    The scale follows from the measured bands; limits are then held against it, -2 ln of the probability that a
    measurement stays below the limit, as CIGALE does without a fit of the scale to limits.

    Args:
        models: At the redshift of the galaxy.
        galaxy: Its photometry.
        floor: Share of each flux that is added to its error in quadrature.
        chunk: Numbers of fluxes made at once; results do not depend on it.

    Raises:
        ParameterError: No band is measured.
    """
    measured, limits = galaxy.measured, galaxy.limits
    if not measured.any():
        raise ParameterError(f"{galaxy.object_id}: no band is measured. A fit needs fluxes with errors.")
    used = measured | limits
    sigma = galaxy.sigma(floor)
    inverse = np.where(used, 1 / np.where(used, sigma, 1), 0)
    data = (np.where(used, galaxy.flux, 0) * inverse)[used]
    # Per 10^10 solar masses, so that single precision is far from its limits.
    scale = (inverse * UNIT).astype(np.float32)
    is_measured = measured[used]
    found = Agreement(*(np.empty(models.shape, np.float32) for _ in range(3)))
    total = float(data[is_measured] @ data[is_measured])
    seen = _only(models, used)
    for block, fluxes in seen.fluxes(scale[used], chunk):
        _compare(found, block, fluxes, data.astype(np.float32), is_measured, total)
    return found


#: Mass for which fluxes are compared, Msun.
UNIT = 1e10


def _only(models: Models, bands: NDArray[np.bool_]) -> Models:
    from dataclasses import replace

    return models if bands.all() else replace(models, light=np.ascontiguousarray(models.light[..., bands]))


def _compare(
    found: Agreement, block: slice, fluxes: Single, data: Single, measured: NDArray[np.bool_], total: float
) -> None:
    """Fill one block of what is found."""
    seen = fluxes if measured.all() else fluxes[..., measured]
    cross = seen @ data[measured]
    square = np.einsum("bhn,bhn->bh", seen, seen)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(square > 0, np.maximum(cross, 0) / square, 0)
    chi2 = total - scale * cross
    if not measured.all():
        for i in np.flatnonzero(~measured):
            chi2 = chi2 - 2 * log_ndtr(data[i] - scale * fluxes[..., i])
    found.chi2[block] = chi2
    found.scale[block] = scale * UNIT
    found.weight[block] = scale * cross


def residuals(
    models: Models, galaxy: Photometry, place: tuple[int, int], floor: float
) -> tuple[float, float, Array]:
    """chi2, scale (Msun) and residuals of one model in double precision.

    Returns:
        chi2, mass formed, and (flux - model) / sigma of each band, NaN where it is missing, (n_bands,).
    """
    flux = models.flux(*place)
    sigma, measured = galaxy.sigma(floor), galaxy.measured
    data, model = galaxy.flux[measured] / sigma[measured], flux[measured] / sigma[measured]
    scale = max(float(data @ model), 0.0) / float(model @ model)
    apart = np.where(measured | galaxy.limits, (galaxy.flux - scale * flux) / sigma, np.nan)
    chi2 = float((apart[measured] ** 2).sum() - 2 * log_ndtr(apart[galaxy.limits]).sum())
    return chi2, scale, apart
