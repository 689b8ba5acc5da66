"""chi2 of one spectrum against stars and quasars: linear families of templates, each scanned over its own redshifts.

The vectors come from principal components and may have any sign, as in redrock; the polynomial of the galaxy scan
(`scan`) stands beside them, so that chi2 of the three types can be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sfft

from spectrove.galaxies.redshift.scan import LOG_RANGE, Fitter, Pixels, gains_without_sign, minima
from spectrove.galaxies.redshift.templates import LOG_STEP, WIDTHS, Basis
from spectrove.galaxies.stellar import broaden
from spectrove.lines import SPEED_OF_LIGHT

#: Redshifts that are tried of stars, and of the two quasar families: as far as their templates reach.
STAR_RANGE = (-0.005, 0.005)
QUASAR_RANGE = {"LOZ": (0.1, 1.6), "HIZ": (1.4, 4.3)}

#: Quasar candidates lie further apart than this, km/s.
SEPARATION = 4000.0

_STAR_BINS, _QUASAR_BINS = 2, 4  # pixels of the common grid that a scan joins
_STORED = "type_basis.npz"


@dataclass(frozen=True)
class Family:
    """Templates of one kind of star or quasar, of which any linear combination is a spectrum.

    Attributes:
        type: "star" or "quasar".
        name: Spectral class of stars; LOZ or HIZ of quasars.
        basis: The templates, on pixels of `bins` of the common grid.
        bins: Pixels of the common grid in one of the scan.
        z_range: Redshifts that are tried.
    """

    type: str
    name: str
    basis: Basis
    bins: int
    z_range: tuple[float, float]

    def shifts(self) -> NDArray[np.int64]:
        """Scan pixels that templates are moved by, one for each redshift."""
        low, high = np.log10(1 + np.array(self.z_range)) / (LOG_STEP * self.bins)
        return np.arange(int(np.ceil(low)), int(high) + 1)

    def at(self, z: float, position: NDArray) -> NDArray[np.float64]:
        """Templates moved to z at pixels of the common grid, (n_templates, n_used)."""
        pixel = (LOG_RANGE[0] + LOG_STEP * position - self.basis.log_min - np.log10(1 + z)) / (
            LOG_STEP * self.bins
        ) - (0.5 - 0.5 / self.bins)
        whole = np.clip(np.floor(pixel).astype(int), 0, self.basis.templates.shape[1] - 2)
        part = np.clip(pixel - whole, 0, 1)
        t = self.basis.templates
        return t[:, whole] * (1 - part) + t[:, whole + 1] * part


@dataclass(frozen=True)
class TypeFit:
    """The best model of one type near one redshift: which kind, how well, and what it leaves, in sigma."""

    type: str
    name: str
    z: float
    z_err: float
    chi2: float
    residual: NDArray[np.float64]
    n_parameters: int


@cache
def families(width: float) -> tuple[Family, ...]:
    """All kinds, stars as an instrument of this width (one sigma, km/s; one of `WIDTHS`) shows them."""
    with (
        (files("spectrove.galaxies") / "data" / _STORED).open("rb") as file,
        np.load(file, allow_pickle=False) as stored,
    ):
        arrays = {name: stored[name] for name in stored.files}
    own = float(arrays["dispersion"])
    out = []
    for name in "AFGKM":
        sharp = _unpacked(arrays[f"star_{name}"])
        vectors = broaden(sharp, float(np.sqrt(max(width, WIDTHS[0]) ** 2 - own**2))).astype(float)
        log_min = float(arrays["star_log_min"])
        out.append(
            Family("star", name, _basis(log_min, _binned(vectors, _STAR_BINS)), _STAR_BINS, STAR_RANGE)
        )
    for name, z_range in QUASAR_RANGE.items():
        vectors, log_min = _unpacked(arrays[f"quasar_{name}"]), float(arrays[f"quasar_{name}_log_min"])
        # Stored by the centres of pixels that are as wide as those of the scan.
        log_min -= LOG_STEP * (_QUASAR_BINS - 1) / 2
        out.append(Family("quasar", name, _basis(log_min, vectors), _QUASAR_BINS, z_range))
    return tuple(out)


def _unpacked(steps: NDArray) -> NDArray[np.float64]:
    vectors = np.cumsum(steps.astype(np.int32), axis=1).astype(float)
    return np.asarray(vectors / np.sqrt(np.mean(vectors**2, axis=1, keepdims=True)), float)


def _binned(vectors: NDArray, bins: int) -> NDArray[np.float64]:
    n = vectors.shape[1] // bins * bins
    return np.asarray(vectors[:, :n].reshape(len(vectors), -1, bins).mean(axis=2), float)


def _basis(log_min: float, vectors: NDArray) -> Basis:
    """Templates with the transforms that correlations need; `log_min` is the first pixel's of the common grid."""
    n = sfft.next_fast_len(vectors.shape[1], real=True)
    padded = np.pad(vectors, ((0, 0), (0, n - vectors.shape[1])))
    pairs = np.array(list(combinations_with_replacement(range(len(vectors)), 2)))
    waves = [sfft.rfft(a).astype(np.complex64) for a in (padded, padded[pairs[:, 0]] * padded[pairs[:, 1]])]
    return Basis(log_min, vectors, len(vectors), waves[0], waves[1], pairs, n)


def type_fits(pixels: Pixels, fitter: Fitter, width: float, n: int = 3) -> list[TypeFit]:
    """The best star of each class and the n best quasars of each family, chi2 the smallest first.

    Args:
        pixels: Of the common grid.
        fitter: Of the same pixels.
        width: Of the instrument, one of `WIDTHS`.
        n: Quasars.
    """
    found = []
    for family in families(width):
        first = round((LOG_RANGE[0] - family.basis.log_min) / (LOG_STEP * family.bins))
        shifts = family.shifts()
        z = 10.0 ** (shifts * LOG_STEP * family.bins) - 1
        gain = gains_without_sign(pixels, family.basis, family.bins, first - shifts)
        apart = SEPARATION / SPEED_OF_LIGHT if family.type == "quasar" else 1.0
        places = minima(z, -gain, apart, n if family.type == "quasar" else 1)
        found += [_refined(fitter, family, float(z[i])) for i in places]
    return sorted(found, key=lambda fit: fit.chi2)


def _refined(fitter: Fitter, family: Family, z: float) -> TypeFit:
    """The minimum of chi2 near a redshift of the scan, on all pixels."""
    centre, (chi2, _) = z, _fit(fitter, family, z)
    for fraction in (0.5, 0.25):
        step = fraction * family.bins * LOG_STEP * np.log(10) * (1 + z)
        below, above = (_fit(fitter, family, centre + sign * step)[0] for sign in (-1, 1))
        curvature = (above + below - 2 * chi2) / step**2
        offset = 0.5 * (below - above) / step / curvature if curvature > 0 else 0.0
        centre += float(np.clip(offset, -2 * step, 2 * step))
        chi2, residual = _fit(fitter, family, centre)
    error = float(np.sqrt(2 / curvature)) if curvature > 0 else step
    return TypeFit(family.type, family.name, centre, error, chi2, residual, len(family.basis.templates))


def _fit(fitter: Fitter, family: Family, z: float) -> tuple[float, NDArray[np.float64]]:
    design = family.at(z, fitter.position) * fitter.root
    design -= (design @ fitter.frame) @ fitter.frame.T
    gram, right = design @ design.T, design @ fitter.data
    gram[np.diag_indices(len(gram))] += 1e-9 * np.trace(gram) + 1e-30
    residual = fitter.data - np.linalg.solve(gram, right) @ design
    return float(residual @ residual), residual
