"""Zero points of bands, from galaxies of known redshift: corrections that are held small."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.sed.catalog import BAD, Fit, fit_all
from spectrove.sed.engine import Engine
from spectrove.sed.likelihood import Photometry
from spectrove.work import advance

Array = NDArray[np.float64]

#: Prior of a zero point, mag, and how far models themselves may be wrong in a band: without the latter, corrections
#: drift by what templates lack.
PRIOR, MODELS = 0.1, 0.05

ROUNDS = 3

#: Fewest galaxies with a good fit that measure a zero point.
FEWEST = 10


def corrected(galaxy: Photometry, zero_points: Array) -> Photometry:
    """The galaxy with magnitudes made fainter by `zero_points`, (n_bands,); errors keep their share of the flux."""
    factor = 10 ** (-0.4 * zero_points)
    return replace(galaxy, flux=galaxy.flux * factor, error=galaxy.error * factor)


def zero_points(engine: Engine, galaxies: Sequence[Photometry], anchor: int, floor: float = 0.05) -> Array:
    """Magnitudes by which data are brighter than models in each band, shrunk by their prior, (n_bands,).

    In each of three rounds the galaxies are fitted, and the median of measured over best-fit flux of those whose fit is
    not bad moves the zero points. The band of the anchor keeps 0, as a common factor is mass.

    Args:
        engine: Of the models.
        galaxies: Of known redshift; others than those that are judged with the result.
        anchor: Place of the band whose zero point is 0.
        floor: Share of each flux that is added to its error.

    Raises:
        ParameterError: Too few galaxies have a good fit.
    """
    found = np.zeros(len(engine.filters))
    for _ in range(ROUNDS):
        fits = []
        for one in fit_all(engine, (corrected(g, found) for g in galaxies), floor):
            fits += [one] if isinstance(one, Fit) and one.chi2 < BAD * one.n_bands else []
            advance()
        if len(fits) < FEWEST:
            raise ParameterError(
                f"zero points: {len(fits)} of {len(galaxies)} galaxies have a fit with chi2 below {BAD:g} "
                f"for each band, "
                f"expected {FEWEST}. Give more galaxies to --zero-points."
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = 2.5 * np.log10(np.array([one.ratios for one in fits]))
        found = _moved(found, apart, anchor)
    return found


def _moved(now: Array, apart: Array, anchor: int) -> Array:
    """Zero points after one more round of residuals (mag, (n_galaxies, n_bands))."""
    apart = np.where(np.isfinite(apart), apart, np.nan)
    count = np.isfinite(apart).sum(0)
    enough = count >= FEWEST
    middle = np.zeros(now.size)
    middle[enough] = np.nanmedian(apart[:, enough], 0)
    scatter = np.full(now.size, np.inf)
    scatter[enough] = (
        1.4826 * np.nanmedian(abs(apart[:, enough] - middle[enough]), 0) / np.sqrt(count[enough])
    )
    share = PRIOR**2 / (PRIOR**2 + MODELS**2 + scatter**2)
    moved = share * (now + middle - (middle[anchor] if enough[anchor] else 0.0))
    moved[anchor] = 0.0
    return np.where(enough, moved, 0.0)
