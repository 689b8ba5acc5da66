"""Mock X-ray sources of simple shapes, folded through real responses with Poisson source and background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.response import Response, in_bands

Floats = NDArray[np.float64]

#: Upper energy, keV, and coefficients of the photoelectric cross-section per hydrogen atom, 1e-24 cm2, which is
#: (c0 + c1 E + c2 E^2) / E^3. Morrison & McCammon 1983, ApJ 270, 119, table 2.
CROSS_SECTION = np.array([
    [0.100, 17.3, 608.1, -2150.0], [0.284, 34.6, 267.9, -476.1], [0.400, 78.1, 18.8, 4.3],
    [0.532, 71.4, 66.8, -51.4], [0.707, 95.5, 145.8, -61.1], [0.867, 308.9, -380.6, 294.0],
    [1.303, 120.6, 169.3, -47.7], [1.840, 141.3, 146.8, -31.5], [2.471, 202.7, 104.7, -17.0],
    [3.210, 342.7, 18.7, 0.0], [4.038, 352.2, 18.7, 0.0], [7.111, 433.9, -2.4, 0.75],
    [8.331, 629.0, 30.9, 0.0], [10.000, 701.2, 25.2, 0.0],
])  # fmt: skip

#: Energies within which counts are counted, keV.
RANGE = np.array([0.5, 7.0])

#: Exposure, s, and size of the background region in units of the source's.
EXPOSURE, BACKGROUND_REGION = 5e4, 20.0


def transmission(energy: Floats, column: float) -> Floats:
    """Share of photons of an energy, keV, that a column of hydrogen, 1e22 / cm2, lets through."""
    row = np.minimum(np.searchsorted(CROSS_SECTION[:, 0], energy), len(CROSS_SECTION) - 1)
    c0, c1, c2 = CROSS_SECTION[row, 1:].T
    return np.exp(-0.01 * column * (c0 + c1 * energy + c2 * energy**2) / energy**3)


def photons(edges: Floats, rng: np.random.Generator) -> Floats:
    """Photons in each energy of a source of a random kind: power law with or without iron, thermal, black body."""
    energy, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    kind = rng.integers(4)
    if kind < 2:
        shape = energy ** -rng.uniform(0.8, 3.0)
        strength = kind * rng.uniform(0.1, 0.6)  # equivalent width, keV
        line = np.exp(-0.5 * ((energy - 6.4) / 0.05) ** 2) / (0.05 * np.sqrt(2 * np.pi))
        shape = shape + strength * np.interp(6.4, energy, shape) * line
    elif kind == 2:
        temperatures = np.exp(rng.uniform(np.log(0.3), np.log(10), 2))
        shape = sum(np.exp(-energy / t) / energy / np.sqrt(t) for t in temperatures)
    else:
        shape = energy**2 / np.expm1(energy / np.exp(rng.uniform(np.log(0.08), np.log(2))))
    return shape * transmission(energy, 10 ** rng.uniform(-2, 1.3)) * width


def mock_counts(n: int, responses: Sequence[Response], seed: int) -> CountSet:
    """n sources with 30 to 30,000 counts, 1 to 30% of them background, seen through one of the responses each."""
    return CountSet.from_counts([_source(i, responses, np.random.default_rng([seed, i])) for i in range(n)])


def _source(i: int, responses: Sequence[Response], rng: np.random.Generator) -> Counts:
    response = responses[int(rng.integers(len(responses)))]
    shape = response.fold(photons(response.energy.astype(float), rng))
    n, behind = (
        np.exp(rng.uniform(np.log(30), np.log(30_000))),
        np.exp(rng.uniform(np.log(0.01), np.log(0.3))),
    )
    expected = shape * n * (1 - behind) / in_bands(response, shape, RANGE)[0]
    flat = (response.e_max - response.e_min).astype(float)
    background = flat * n * behind / in_bands(response, flat, RANGE)[0]
    return Counts(
        f"xmock-{i:05d}",
        rng.poisson(expected + background).astype(np.int32),
        rng.poisson(background * BACKGROUND_REGION).astype(np.int32),
        np.zeros(response.n_channels, np.int16),
        1 / BACKGROUND_REGION,
        EXPOSURE,
        response,
        {"survey": "mock", "flags": []},
    )
