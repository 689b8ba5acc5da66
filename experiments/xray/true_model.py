"""Fits of the model that a mock source really has, by maximum likelihood: what its counts allow at best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from spectrove.xray.counts import Counts
from spectrove.xray.fitting.bins import Binned, binned
from spectrove.xray.fitting.levels import best_levels
from spectrove.xray.mock.instruments import folding
from spectrove.xray.mock.recipe import MODELS
from spectrove.xray.mock.sources import LIMITS, TWO, WITH_GAMMA, WITH_KT, make_sources
from spectrove.xray.response import Response

Floats = NDArray[np.float64]

#: What is fitted, each with the models that have it and the first step. Abundance, redshift, reflection, iron and leak
#: are known to the fit.
FREE: Mapping[str, tuple[tuple[str, ...], float]] = {
    "log_nh": (MODELS, 0.2),
    "gamma": (WITH_GAMMA, 0.2),
    "log_kt": (tuple(m for m in MODELS if m in WITH_KT), 0.1),
    "log_kt_second": (("two_plasmas",), 0.1),
    "log_ratio": (TWO, 0.2),
}

#: Most calls of the likelihood, and precision of parameters and of the statistic.
CALLS, PRECISION = 200, 0.01


def fitted_truth(one: Counts, kind: int, model: int, values: Mapping[str, float]) -> dict[str, float]:
    """Parameters of largest likelihood (W) of the source's own model, by name as in `FREE`.

    The search starts at the truth, so that no fit ends in a maximum far from it: a real one does no better.

    Args:
        one: The spectrum.
        kind, model, values: Of the source, as `mock.sources.parameters` gives them.
    """
    data = binned(one)
    through = _to_bins(one.response, data)
    names = [name for name, (models, _) in FREE.items() if MODELS[model] in models]
    start = np.array([values[name] for name in names])

    def loss(point: Floats) -> float:
        tried = dict(zip(names, point.tolist(), strict=True))
        if not all(LIMITS[name][0] <= x <= LIMITS[name][1] for name, x in tried.items()):
            return 1e9
        rows: dict[str, Any] = {name: np.array([tried.get(name, value)]) for name, value in values.items()}
        photons = make_sources(np.array([kind]), np.array([model]), rows).photons.astype(float)
        shape = np.maximum(photons @ through, 1e-300) * data.exposure
        return float(best_levels(data, shape).statistic[0])

    steps = np.array([FREE[name][1] for name in names])
    simplex = np.vstack([start, start + np.diag(np.where(start + steps > _most(names), -steps, steps))])
    found = minimize(
        loss, start, method="Nelder-Mead",
        options={"initial_simplex": simplex, "xatol": PRECISION, "fatol": PRECISION, "maxfev": CALLS},
    )  # fmt: skip
    return dict(zip(names, found.x.tolist(), strict=True))


def _most(names: list[str]) -> Floats:
    return np.array([LIMITS[name][1] for name in names])


def _to_bins(response: Response, data: Binned) -> Floats:
    """Counts per second in each bin of a photon / (cm2 s) in each bin of the mock survey's energies."""
    whole, bin_of = _folding(response), data.folding.bin_of
    inside = np.flatnonzero(bin_of >= 0)
    order = inside[np.argsort(bin_of[inside], kind="stable")]
    starts = np.searchsorted(bin_of[order], np.arange(len(data.folding.width)))
    return np.add.reduceat(whole[:, order], starts, axis=1)


_KNOWN: dict[str, Floats] = {}


def _folding(response: Response) -> Floats:
    if response.fingerprint not in _KNOWN:
        _KNOWN[response.fingerprint] = folding(response).astype(float)
    return _KNOWN[response.fingerprint]
