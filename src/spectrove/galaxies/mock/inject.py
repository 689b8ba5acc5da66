"""Rare things put into any host spectrum, real or mock."""

from __future__ import annotations

import numpy as np

from spectrove.errors import RecipeError
from spectrove.galaxies.mock.lenses import inject_lens
from spectrove.galaxies.mock.outliers import OUTLIER_KINDS, OUTLIERS
from spectrove.galaxies.mock.signal import host_redshift, with_row
from spectrove.galaxies.mock.truth import UNTRUE, forget
from spectrove.spectra import Spectrum

__all__ = ["inject_lens", "inject_outlier"]


def inject_outlier(spectrum: Spectrum, kind: str, rng: np.random.Generator) -> Spectrum:
    """The host turned into an outlier of one kind; its row says which and keeps the host's redshift.

    Only "wrong_redshift" touches the row's z: there the light is the host's and the catalog is what errs;
    `truth_z` keeps the right value. Of a mock host, what the spectrum no longer shows becomes null in the
    columns `truth_*`.

    Args:
        spectrum: Host with a redshift, real or mock.
        kind: One of `OUTLIER_KINDS`.
        rng: Source of all randomness.

    Raises:
        RecipeError: If there is no such kind.
        RedshiftError: If the host has no redshift.
    """
    if kind not in OUTLIERS:
        raise RecipeError(f"There is no outlier kind {kind!r}; known are {', '.join(OUTLIER_KINDS)}.")
    z = host_redshift(spectrum)
    marked = with_row(spectrum, outlier="outlier", outlier_kind=kind, truth_z=spectrum.row.get("truth_z", z))
    return forget(OUTLIERS[kind](marked, z, rng), UNTRUE[kind])
