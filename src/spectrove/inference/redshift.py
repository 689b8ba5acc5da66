"""Redshifts of spectra by a scan over templates: the best few, how sure, and what to beware of.

The scan reads flux, ivar, mask, wavelength and LSF. Table rows never reach it, so a redshift that came with a spectrum
has no part in its estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import IntFlag
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from spectrove.inference.redshift_basis import BROAD, EMISSION, GROUPS, LOG_STEP, WIDTHS, Basis, basis
from spectrove.inference.redshift_scan import LOG_RANGE, Z_RANGE, Fit, Fitter, Pixels, minima, n_pixels, scan
from spectrove.preprocess.prepare import CHUNK
from spectrove.preprocess.quality import cosmic_rays
from spectrove.preprocess.resample import pixels_of, resample
from spectrove.spectra import SpectrumSet
from spectrove.stellar import SPEED_OF_LIGHT


class ZWarn(IntFlag):
    """Why a redshift is not to be trusted, or why to look twice; `WARNINGS` has a sentence for each."""

    NODATA = 1
    LITTLE_COVERAGE = 2
    SMALL_DELTA_CHI2 = 4
    NO_FEATURES = 8
    BAD_MINFIT = 16
    Z_FITLIMIT = 32
    NEGATIVE_EMISSION = 64
    MANY_OUTLIERS = 128
    BROAD_LINES = 256
    ONE_FEATURE = 512


#: Name of each bit to its sentence.
WARNINGS: dict[str, str] = {
    "NODATA": "No pixel is usable between 3490 and 10590 angstrom.",
    "LITTLE_COVERAGE": "Less than 0.1 dex of the spectrum is usable.",
    "SMALL_DELTA_CHI2": "Another redshift fits nearly as well.",
    "NO_FEATURES": "This redshift explains hardly more than any other: no lines or breaks stand out of the noise.",
    "BAD_MINFIT": "chi2 has no clean minimum at this redshift.",
    "Z_FITLIMIT": "The minimum of chi2 lies at the edge of the redshifts that are tried.",
    "NEGATIVE_EMISSION": "The spectrum dips where this redshift puts an emission line.",
    "MANY_OUTLIERS": "More than 3% of the pixels lie over 5 sigma from the model.",
    "ONE_FEATURE": "It beats the other redshifts by a single narrow feature, which may be a cosmic ray or sky.",
    "BROAD_LINES": "Broad emission carries the fit: a quasar, whose redshift may lie beyond those that are tried.",
}

#: With any of these no redshift is confident.
FATAL = (
    ZWarn.NODATA | ZWarn.LITTLE_COVERAGE | ZWarn.SMALL_DELTA_CHI2 | ZWarn.NO_FEATURES | ZWarn.BAD_MINFIT
    | ZWarn.ONE_FEATURE | ZWarn.Z_FITLIMIT | ZWarn.NEGATIVE_EMISSION | ZWarn.BROAD_LINES
)  # fmt: skip

#: Candidates lie further apart than this, km/s.
SEPARATION = 1000.0

#: Redshifts that it may be are weighed by e^(-delta chi2 / TEMPER). Measured on 341 open estimates of real SDSS spectra
#: with noise added to S/N .7, 1.2 and 2: with 4 a weight of .75 was right in .74 and one of .98 in .99; with 2, the
#: likelihood, .77 in .42 and .99 in .92.
TEMPER = 4.0

#: Least delta chi2, in units of the reduced chi2 where that exceeds one, that a confident redshift needs.
MIN_DELTA_CHI2 = 25.0
#: The same against the median of all redshifts.
MIN_FEATURES = 60.0

#: Share of what the best redshift explains, from which broad emission is said to carry it.
BROAD_SHARE = 0.1

#: Relative error of templates and calibration, of the median flux: no pixel is trusted better than this.
SYSTEMATIC = 0.02

#: Least error of a redshift, in 1 + z: templates and wavelength calibration are no better.
Z_FLOOR = 3e-5
#: The same where the file does not say the resolution: nothing vouches for its wavelengths then. Those of FORS2, whose
#: air wavelengths are a guess, are off by 2.4e-4 in the median of the development set, which this was chosen on.
Z_FLOOR_UNKNOWN = 3e-4

#: Observed vacuum angstrom where night sky or air leave their mark in most spectra; errors are tripled there.
_SKY = ((5572.0, 5586.0), (6866.0, 6950.0), (7594.0, 7690.0))

_FEATURE = 15  # pixels: what a cosmic ray, a sky line or one narrow line of a galaxy may fill
_COMPARED = 5  # candidates that confidence and interval are judged by, however few are listed
_FEWEST = 1000  # pixels of the common grid, else LITTLE_COVERAGE
_BLOCK = 120  # used pixels over which errors are compared with the residuals
_TOO_SMALL = (
    2.0  # excess of variance over the stated one, from which errors are corrected and the scan made again
)
_EDGE = 6  # good pixels at either end of a spectrum that are left out


@dataclass(frozen=True)
class Candidate:
    """One of the best redshifts: chi2, how much worse than the best, and names of its warnings."""

    z: float
    chi2: float
    dchi2: float
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"z": self.z, "chi2": self.chi2, "dchi2": self.dchi2, "warnings": list(self.warnings)}


@dataclass(frozen=True)
class RedshiftEstimate:
    """The redshift of one spectrum.

    Attributes:
        object_id: Which spectrum.
        z: The best redshift; NaN where nothing could be fitted.
        z_err: One sigma, if this is the right minimum.
        interval: At `level`. Where the redshift is not confident it spans every candidate that cannot be excluded; None
            where nothing could be fitted.
        confident: Whether the redshift may be used as it is: fewer than one in a hundred of these are wrong.
        candidates: The best first; `dchi2` of the first is how much worse the second is.
        flags: Names from `spectra.FLAGS`: "z_uncertain" where not confident.
        neighbors: The known spectra nearest at the best redshift (object_id, distance, z), where a base was given. They
            have no say.
        level: Of the interval.
    """

    object_id: str
    z: float
    z_err: float
    interval: tuple[float, float] | None
    confident: bool
    candidates: tuple[Candidate, ...] = ()
    flags: tuple[str, ...] = ()
    neighbors: tuple[dict[str, Any], ...] = ()
    level: float = 0.68
    #: Reduced chi2 of the best fit, at least 1; what delta chi2 is measured in.
    unit: float = field(default=1.0, repr=False)

    def plausible(self, most: int = 4, least: float = 0.01) -> tuple[tuple[float, float], ...]:
        """Redshifts that it may be and the weight of each, summing to 1; the best alone where confident.

        Weights are e^(-delta chi2 / 4), delta chi2 in units of the best fit's reduced chi2: templates are not so good
        that chi2 differences mean what noise alone makes of them. `interval` spans every candidate up to
        `MIN_DELTA_CHI2`.

        Args:
            most: How many at most.
            least: Who has less than this, the best having 1, is left out.
        """
        if not np.isfinite(self.z):
            return ()
        others = () if self.confident else self.candidates[1:]
        found = [(self.z, 1.0)]
        for other in others:
            weight = float(np.exp(-other.dchi2 / TEMPER / self.unit))
            if weight >= least:
                found.append((other.z, weight))
        total = sum(weight for _, weight in found[:most])
        return tuple((z, weight / total) for z, weight in found[:most])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Names of the bits of the best redshift."""
        return self.candidates[0].warnings if self.candidates else ("NODATA",)

    @property
    def zwarn(self) -> int:
        """The same as an integer, 0 where there is none."""
        return int(sum(ZWarn[name] for name in self.warnings))

    def to_dict(self) -> dict[str, Any]:
        """What `estimate --quantity z --json` prints."""
        return {
            "object_id": self.object_id,
            "quantity": "z",
            "value": self.z if np.isfinite(self.z) else None,
            "interval": None if self.interval is None else list(self.interval),
            "unit": "",
            "level": self.level,
            "confident": self.confident,
            "neighbors": list(self.neighbors),
            "flags": list(self.flags),
            "warnings": list(self.warnings),
            "z_candidates": [candidate.to_dict() for candidate in self.candidates],
        }


def estimate_redshifts(spectra: SpectrumSet, *, n: int = 5, level: float = 0.68) -> list[RedshiftEstimate]:
    """The redshift of each spectrum, with its n best candidates.

    Args:
        spectra: In vacuum. Only pixels are read, never a row.
        n: Candidates that are listed.
        level: Of the intervals, between 0 and 1.
    """
    return [
        _estimate(name, pixels, basis(width), n, level, _floor(spectra, i))
        for i, (name, (pixels, width)) in enumerate(
            zip(spectra.object_id.tolist(), gridded(spectra), strict=True)
        )
    ]


def _floor(spectra: SpectrumSet, i: int) -> float:
    lsf = spectra.lsf[int(spectra.offsets[i]) : int(spectra.offsets[i + 1])]
    return Z_FLOOR if np.isfinite(lsf).any() else Z_FLOOR_UNKNOWN


def gridded(spectra: SpectrumSet) -> Iterator[tuple[Pixels | None, float]]:
    """Each spectrum on the grid of the scan, None where no pixel is usable, and the width of its instrument."""
    for start in range(0, len(spectra), CHUNK):
        stop = min(start + CHUNK, len(spectra))
        for i, pixels in enumerate(_on_grid(spectra, start, stop), start):
            span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
            yield pixels, _width(spectra.wavelength[span], spectra.lsf[span])


def _on_grid(spectra: SpectrumSet, start: int, stop: int) -> list[Pixels | None]:
    """Spectra on the common grid with median flux 1, None where no pixel is usable."""
    raw = pixels_of(spectra, start, stop)
    raw.good[~np.isfinite(raw.flux)] = False
    for a, b in pairwise(raw.offsets):
        ends = np.flatnonzero(raw.good[a:b])
        # Detectors' edges hold half-illuminated pixels whose errors do not say so.
        raw.good[a + np.concatenate([ends[:_EDGE], ends[-_EDGE:]])] = False
    raw.good[cosmic_rays(raw.flux, raw.ivar, raw.good, raw.offsets)] = False
    filled = np.flatnonzero(raw.last >= raw.first)
    raw = raw.take(filled.tolist())
    edges = np.asarray(
        10.0 ** (LOG_RANGE[0] + LOG_STEP * (np.arange(n_pixels() + 1) - 0.5)), dtype=np.float64
    )
    values, weight, covered = resample(raw, edges, np.ones(len(filled)))
    out: list[Pixels | None] = [None] * (stop - start)
    for row, i in enumerate(filled.tolist()):
        out[i] = _scaled(values[row], np.where(covered[row] >= 0.5, weight[row], 0))
    return out


def _scaled(flux: NDArray, ivar: NDArray) -> Pixels | None:
    used = ivar > 0
    if not used.any():
        return None
    level = float(np.median(np.abs(flux[used]))) or float(np.abs(flux[used]).max())
    if level == 0:
        return None
    variance = 1 / np.where(used, ivar * level**2, 1) + SYSTEMATIC**2
    wavelength = 10 ** (LOG_RANGE[0] + LOG_STEP * np.arange(len(flux)))
    for low, high in _SKY:
        variance[(wavelength > low) & (wavelength < high)] *= 9
    return Pixels(np.where(used, flux / level, 0), np.where(used, 1 / variance, 0))


def _width(wavelength: NDArray, lsf: NDArray) -> float:
    """The instrument's width, one sigma in km/s, as near as templates have it."""
    known = np.isfinite(lsf) & (lsf > 0)
    if known.sum() > 10:
        sigma = float(np.median(lsf[known] / wavelength[known])) * SPEED_OF_LIGHT
    elif len(wavelength) > 2:
        # Spectrographs put two to three pixels, or four of a slit that is opened wide, on a resolution element.
        sigma = 1.7 * float(np.median(np.diff(wavelength) / wavelength[1:])) * SPEED_OF_LIGHT
    else:
        sigma = WIDTHS[0]
    return min(WIDTHS, key=lambda width: abs(np.log(width / max(sigma, 1.0))))


def _estimate(
    object_id: str, pixels: Pixels | None, templates: Basis, n: int, level: float, floor: float
) -> RedshiftEstimate:
    if pixels is None or np.count_nonzero(pixels.weight) < 100:
        return RedshiftEstimate(object_id, np.nan, np.nan, None, False, (), ("z_uncertain",), level=level)
    chi2, fitter, found = _candidates(pixels, templates, max(n, _COMPARED))
    excess = _excess(fitter.residual(found[0][0]))
    if excess.max() > _TOO_SMALL:
        weight = pixels.weight.copy()
        weight[fitter.position] /= np.maximum(excess, 1)
        chi2, fitter, found = _candidates(replace(pixels, weight=weight), templates, max(n, _COMPARED))
    best, err, clean = found[0]
    residual = fitter.residual(best)
    unit = max(1.0, best.chi2 / max(len(residual) - len(best.coefficients), 1))
    bits = ZWarn(0) if clean else ZWarn.BAD_MINFIT
    if len(residual) < _FEWEST:
        bits |= ZWarn.LITTLE_COVERAGE
    features = float(np.median(chi2) - chi2.min())
    if features < MIN_FEATURES * unit:
        bits |= ZWarn.NO_FEATURES
    if fitter.loss(best, BROAD) > max(BROAD_SHARE * features, MIN_DELTA_CHI2 * unit):
        bits |= ZWarn.BROAD_LINES
    if (
        len(found) > 1
        and _without_best_feature(residual, fitter.residual(found[1][0])) < MIN_DELTA_CHI2 * unit
    ):
        bits |= ZWarn.ONE_FEATURE
    if np.mean(np.abs(residual) > 5) > 0.03:
        bits |= ZWarn.MANY_OUTLIERS
    candidates = tuple(_candidate(found, i, unit, bits) for i in range(len(found)))
    err = float(np.hypot(err * np.sqrt(unit), floor * (1 + best.z)))
    judged = _judged(
        RedshiftEstimate(object_id, best.z, err, None, False, candidates, level=level, unit=unit)
    )
    return replace(judged, candidates=judged.candidates[:n])


Found = tuple[Fit, float, bool]


def _candidates(pixels: Pixels, templates: Basis, n: int) -> tuple[NDArray[np.float64], Fitter, list[Found]]:
    """chi2 of the scan, what fits closely, and the best minima: fit, error, whether it is clean."""
    z, chi2 = scan(pixels, templates)
    fitter = Fitter(pixels, templates)
    places = minima(z, chi2, SEPARATION / SPEED_OF_LIGHT)
    rough = sorted((fitter(z[i]) for i in places), key=lambda fit: fit.chi2)[: n + 3]
    refined = sorted((_refine(fitter, fit) for fit in rough), key=lambda found: found[0].chi2)
    return chi2, fitter, _apart(refined)[:n]


def _without_best_feature(residual: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """By how much chi2 of another redshift is higher, the stretch of pixels left out that says so the loudest."""
    gain = other**2 - residual**2
    sums = np.convolve(gain, np.ones(min(_FEATURE, len(gain))), mode="valid")
    return float(gain.sum() - sums.max())


def _excess(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much the variance exceeds the stated one, (n_used,): from medians of blocks, which no line moves."""
    n_blocks = max(1, len(residual) // _BLOCK)
    blocks = np.array_split(residual**2, n_blocks)
    return np.concatenate([np.full(len(b), np.median(b) / 0.455) for b in blocks])


def _refine(fitter: Fitter, rough: Fit) -> Found:
    """The minimum near a redshift of the scan, its one-sigma error, and whether it is a clean minimum."""
    centre, curvature, clean = rough, 0.0, False
    for step in (1.0e-4, 0.5e-4):
        delta = step * np.log(10) * (1 + centre.z)
        below, above = fitter(centre.z - delta), fitter(centre.z + delta)
        for _ in range(3):  # the scan's pixels are wider than a step
            if above.chi2 < centre.chi2 and above.chi2 <= below.chi2:
                below, centre, above = centre, above, fitter(above.z + delta)
            elif below.chi2 < centre.chi2:
                below, centre, above = fitter(below.z - delta), below, centre
            else:
                break
        curvature = (above.chi2 + below.chi2 - 2 * centre.chi2) / delta**2
        clean = curvature > 0 and centre.chi2 <= min(above.chi2, below.chi2)
        if not clean:
            return centre, delta, False
        offset = 0.5 * (below.chi2 - above.chi2) / delta / curvature
        moved = fitter(centre.z + offset)
        centre = moved if moved.chi2 <= centre.chi2 else centre
    return centre, float(np.sqrt(2 / curvature)), clean


def _apart(found: Sequence[Found]) -> list[Found]:
    out: list[Found] = []
    for item in found:
        if all(
            abs(item[0].z - o[0].z) > SEPARATION / SPEED_OF_LIGHT * (1 + o[0].z) * (1 - 1e-9) for o in out
        ):
            out.append(item)
    return out


def _candidate(found: list[Found], i: int, unit: float, of_best: ZWarn) -> Candidate:
    fit, _, clean = found[i]
    bits = of_best if i == 0 else ZWarn(0) if clean else ZWarn.BAD_MINFIT
    others = [other.chi2 for j, (other, _, _) in enumerate(found) if j != i]
    rival = min(others, default=np.inf) if i == 0 else found[0][0].chi2
    if abs(rival - fit.chi2) < MIN_DELTA_CHI2 * unit:
        bits |= ZWarn.SMALL_DELTA_CHI2
    edge = 2 * LOG_STEP * np.log(10) * (1 + fit.z) * 2
    if min(fit.z - Z_RANGE[0], Z_RANGE[1] - fit.z) < edge:
        bits |= ZWarn.Z_FITLIMIT
    emission = [len(fit.pull) - len(GROUPS) + GROUPS.index(name) for name in EMISSION]
    if fit.pull[emission].min() < -8 * np.sqrt(unit):
        bits |= ZWarn.NEGATIVE_EMISSION
    worse = rival if i == 0 and len(found) > 1 else fit.chi2
    return Candidate(fit.z, fit.chi2, float(abs(worse - found[0][0].chi2)), tuple(str(b.name) for b in bits))


def _judged(estimate: RedshiftEstimate) -> RedshiftEstimate:
    """The estimate with what its warnings mean: confidence, interval and flag."""
    first = estimate.candidates[0]
    confident = not any(ZWarn[name] & FATAL for name in first.warnings)
    half = estimate.z_err * float(norm.ppf(0.5 + estimate.level / 2))
    ends = [estimate.z - half, estimate.z + half]
    if not confident:
        limit = MIN_DELTA_CHI2 * estimate.unit
        ends += [c.z for c in estimate.candidates[1:] if c.dchi2 <= limit]
    return replace(
        estimate,
        confident=confident,
        interval=(min(ends), max(ends)),
        flags=() if confident else ("z_uncertain",),
    )
