"""The night sky as SDSS sees it: airglow and mercury lines, and a continuum, on the SDSS grid."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Airglow lines, observed vacuum angstrom and strength at SDSS resolution, 1e-17 erg/s/cm2/A above the
#: continuum in one fibre, rounded; read off the median sky of SDSS main-survey plates.
SKY_TABLE: tuple[tuple[int, float], ...] = (
    (3831, 7), (3909, 6), (3914, 6), (4048, 18), (4066, 4), (4078, 5), (4359, 30), (4984, 5), (5200, 4),
    (5463, 27), (5578, 395), (5691, 11), (5772, 8), (5792, 8), (5868, 8), (5891, 78), (5898, 53), (5917, 7),
    (5935, 9), (5955, 8), (5979, 6), (6237, 11), (6260, 10), (6289, 8), (6302, 71), (6308, 10), (6331, 8),
    (6358, 5), (6365, 23), (6467, 6), (6500, 10), (6534, 8), (6555, 9), (6564, 5), (6580, 7), (6831, 16),
    (6866, 25), (6891, 6), (6902, 6), (6915, 8), (6925, 15), (6942, 7), (6952, 15), (6981, 10), (7243, 39),
    (7256, 9), (7278, 53), (7286, 20), (7306, 12), (7318, 40), (7332, 18), (7343, 48), (7360, 16), (7372, 35),
    (7394, 12), (7405, 22), (7440, 12), (7475, 10), (7485, 11), (7527, 28), (7574, 20), (7602, 21), (7631,
    16),
    (7718, 54), (7727, 13), (7754, 65), (7762, 24), (7782, 14), (7797, 50), (7811, 21), (7823, 62), (7843,
    20),
    (7856, 64), (7863, 25), (7872, 31), (7881, 20), (7892, 35), (7916, 80), (7923, 36), (7934, 24), (7951,
    15),
    (7967, 56), (7982, 26), (7997, 57), (8017, 18), (8028, 46), (8054, 11), (8065, 24), (8104, 9), (8283, 40),
    (8291, 56), (8300, 61), (8314, 18), (8346, 135), (8356, 42), (8368, 17), (8385, 32), (8402, 93), (8418,
    40),
    (8433, 106), (8455, 35), (8468, 82), (8496, 23), (8507, 47), (8541, 10), (8551, 20), (8632, 38), (8662,
    38),
    (8672, 28), (8684, 13), (8770, 99), (8780, 107), (8794, 32), (8829, 202), (8839, 81), (8853, 23), (8870,
    52),
    (8888, 152), (8906, 63), (8923, 170), (8945, 52), (8960, 124), (8991, 43), (9003, 81), (9041, 20), (9051,
    34),
    (9095, 10), (9105, 18),
)  # fmt: skip

#: The widest SDSS grid: every mock spectrum is a stretch of it. log10 of observed vacuum angstrom.
LOGLAM_MIN, LOGLAM_STEP, N_GRID = 3.5775, 1e-4, 3910

#: Nodes over the SDSS range, angstrom, and what holds there in the median of main-survey spectra: line-spread
#: function (wdisp, pixels), sky continuum, variance per unit of flux, and variance of read-out and dark
#: current.
_NODES = np.array([3780, 4000, 4400, 4800, 5400, 5800, 6000, 6300, 6800, 7200, 7800, 8400, 8800, 9250.0])
_WDISP = np.array([1.13, 1.07, 0.97, 0.89, 0.84, 0.86, 0.94, 0.94, 0.86, 0.81, 0.76, 0.72, 0.70, 0.71])
_CONTINUUM = np.array([5.0, 6.3, 6.5, 6.5, 6.3, 7.2, 7.5, 7.2, 5.6, 5.1, 4.9, 4.6, 4.2, 4.0])
_GAIN = np.array(
    [0.17, 0.11, 0.075, 0.063, 0.052, 0.050, 0.046, 0.040, 0.036, 0.035, 0.038, 0.042, 0.050, 0.075]
)
_READ = np.array([5.5, 2.4, 0.7, 0.4, 0.2, 0.2, 0.15, 0.08, 0.05, 0.06, 0.12, 0.3, 0.5, 1.2])


@cache
def grid() -> NDArray[np.float64]:
    """log10 of wavelength of the widest grid, (N_GRID,)."""
    return LOGLAM_MIN + LOGLAM_STEP * np.arange(N_GRID, dtype=np.float64)


@cache
def wdisp() -> NDArray[np.float64]:
    """Median line-spread function of SDSS, one sigma in pixels, (N_GRID,)."""
    return _curve(_WDISP)


@cache
def gain() -> NDArray[np.float64]:
    """Variance per unit of flux, photons of object and sky alike, (N_GRID,)."""
    return _curve(_GAIN)


@cache
def read_variance() -> NDArray[np.float64]:
    """Variance without any light, (N_GRID,)."""
    return _curve(_READ)


@cache
def sky_continuum() -> NDArray[np.float64]:
    """Sky without lines, 1e-17 erg/s/cm2/A, (N_GRID,)."""
    return _curve(_CONTINUUM)


@cache
def sky_lines() -> NDArray[np.float64]:
    """Line emission of the sky, 1e-17 erg/s/cm2/A, (N_GRID,)."""
    centre, peak = np.array(SKY_TABLE, float).T
    position = (np.log10(centre) - LOGLAM_MIN) / LOGLAM_STEP
    width = np.interp(position, np.arange(N_GRID), wdisp())
    u = (np.arange(N_GRID)[:, None] - position) / width
    return (peak * np.exp(-0.5 * np.minimum(u * u, 60))).sum(axis=1)


@cache
def sky_slope() -> NDArray[np.float64]:
    """Change of the line emission per pixel: what a wavelength error of the sky model leaves, (N_GRID,)."""
    return np.gradient(sky_lines())


def _curve(values: NDArray) -> NDArray[np.float64]:
    return np.interp(10 ** grid(), _NODES, values)
