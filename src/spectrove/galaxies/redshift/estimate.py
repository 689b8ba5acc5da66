"""Redshifts of spectra by a scan over templates: the best few, how sure, and what to beware of.

The scan reads flux, ivar, mask, wavelength and LSF. Table rows never reach it, so a redshift that came with a spectrum
has no part in its estimate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from spectrove.galaxies.redshift.scan import LOG_RANGE, Z_RANGE, Fit, Fitter, Pixels, minima, n_pixels, scan
from spectrove.galaxies.redshift.templates import BROAD, EMISSION, GROUPS, LOG_STEP, WIDTHS, Basis, basis
from spectrove.galaxies.redshift.type_scan import TypeFit, type_fits
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.preprocess.prepare import CHUNK
from spectrove.preprocess.quality import cosmic_rays
from spectrove.preprocess.resample import pixels_of, resample
from spectrove.redshift_estimate import FATAL, Candidate, RedshiftEstimate, ZWarn
from spectrove.spectra import SpectrumSet

#: Candidates lie further apart than this, km/s.
SEPARATION = 1000.0


#: Least delta chi2, in units of the reduced chi2 where that exceeds one, that a confident redshift needs.
MIN_DELTA_CHI2 = 25.0
#: The same against the median of all redshifts.
MIN_FEATURES = 60.0

#: How much better, in units of the reduced chi2, another type than a galaxy has to be (a quasar twice that).
#: Galaxies of the development set (SDSS, BOSS) lie on the other side by 29 and more but one, a broad-line nucleus.
TYPE_MARGIN = 25.0
#: At less than this from rest a fit of stellar populations that leaves a star less than this share is a star.
STAR_LIMIT, STAR_SHARE = 0.003, 0.1
#: There is no signal where the best redshift explains less than this (as MIN_FEATURES), or where several do and the
#: median S/N of a pixel is smaller than that.
NO_SIGNAL, NO_SIGNAL_SN = 35.0, 0.5
#: Least error of a quasar's redshift, in 1 + z: its lines are shifted against one another.
QUASAR_FLOOR = 2e-3
#: How much of what a galaxy explains narrow lines have to, for a quasar's redshift to be confident.
NARROW_SHARE = 0.4
#: A step that would lower chi2 by more than this share of what the templates do, and `MIN_STEP` more, is fitted: the
#: redshift is confident if it stays the best, by `MIN_DELTA_CHI2`, where the spectrum may have that step.
STEP_SHARE = 0.02
MIN_STEP = 60.0

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
_OXYGEN = 60  # pixels on either side of [O II]: 4100 km/s, as wide as Ly alpha with its absorption
_STEPS_APART, _MOST_STEPS = 100, 2  # pixels between steps, and steps that are fitted at once
_EDGE = 6  # good pixels at either end of a spectrum that are left out


def estimate_redshifts(spectra: SpectrumSet, *, n: int = 5, level: float = 0.68) -> list[RedshiftEstimate]:
    """The redshift of each spectrum, with its n best candidates.

    Args:
        spectra: In vacuum. Only pixels are read, never a row.
        n: Candidates that are listed.
        level: Of the intervals, between 0 and 1.
    """
    return [
        _estimate(name, pixels, width, n, level, _floor(spectra, i))
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
    object_id: str, pixels: Pixels | None, width: float, n: int, level: float, floor: float
) -> RedshiftEstimate:
    if pixels is None or np.count_nonzero(pixels.weight) < 100:
        return RedshiftEstimate(object_id, np.nan, np.nan, None, False, (), ("z_uncertain",), level=level)
    n_compared = max(n, _COMPARED)
    first = _look(pixels, width, n_compared)
    steps = _steps(first)
    look = _corrected(first, width, n_compared)
    stepped = bool(steps) and not _holds(look, replace(pixels, steps=steps), width, n_compared)
    pixels, chi2, fitter, found, others = look.pixels, look.chi2, look.fitter, look.found, look.others
    best, err, clean = found[0]
    residual = fitter.residual(best)
    least = min(best.chi2, others[0].chi2)
    unit = max(1.0, least / max(len(residual) - len(best.coefficients), 1))
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
    if _only_oxygen(look, features, unit):
        bits |= ZWarn.ONE_FEATURE
    if np.mean(np.abs(residual) > 5) > 0.03:
        bits |= ZWarn.MANY_OUTLIERS
    if stepped:
        bits |= ZWarn.ARM_STEP
    galaxies = tuple(_candidate(found, i, unit, bits) for i in range(len(found)))
    sn = float(np.median(pixels.flux[fitter.position] * fitter.root))
    seen = Seen(
        galaxies,
        tuple(others),
        float(np.hypot(err * np.sqrt(unit), floor * (1 + best.z))),
        features,
        unit,
        sn,
    )
    decided = decide(object_id, seen, level)
    return replace(decided, candidates=decided.candidates[:n])


@dataclass(frozen=True)
class Seen:
    """What the scans of one spectrum found.

    Attributes:
        galaxies: The best redshifts as a galaxy, warnings included.
        others: The best stars and quasars, the best first.
        err: One sigma of the best galaxy's redshift.
        features: By how much chi2 of the best galaxy lies below the median of all redshifts.
        unit: Reduced chi2 of the best fit, at least 1.
        sn: Median S/N of a pixel.
    """

    galaxies: tuple[Candidate, ...]
    others: tuple[TypeFit, ...]
    err: float
    features: float
    unit: float
    sn: float

    def best(self, kind: str) -> TypeFit:
        """The best star or quasar."""
        return next(fit for fit in self.others if fit.type == kind)

    @property
    def margins(self) -> dict[str, float]:
        """By how much chi2 of each type exceeds the smallest, in units."""
        chi2 = {"galaxy": self.galaxies[0].chi2} | {kind: self.best(kind).chi2 for kind in ("quasar", "star")}
        least = min(chi2.values())
        return {kind: (value - least) / self.unit for kind, value in chi2.items()}

    @property
    def type(self) -> str:
        """Which type the spectrum is of.

        A star has to be better than the best galaxy, or, at a star's velocity, nearly as good: sums of stellar
        populations have more freedom than a star. A quasar has to be better by `TYPE_MARGIN`, or a galaxy whose fit
        broad emission carries.
        """
        galaxy, margins = self.galaxies[0], self.margins
        worse = margins["star"] - margins["galaxy"]
        if worse <= -TYPE_MARGIN or (worse < 0 and margins["quasar"] > TYPE_MARGIN):
            kind = "star"
        elif margins["quasar"] - margins["galaxy"] < -2 * TYPE_MARGIN:
            kind = "quasar"
        else:
            kind = "galaxy"
        if kind == "quasar" and margins["star"] < margins["quasar"]:
            kind = "star"
        if (self._no_signal and kind == "galaxy") or (self._noise and kind != "star"):
            return "none"
        if kind == "galaxy" and abs(galaxy.z) < STAR_LIMIT and worse * self.unit < STAR_SHARE * self.features:
            return "star"
        return "quasar" if kind == "galaxy" and "BROAD_LINES" in galaxy.warnings else kind

    @property
    def _no_signal(self) -> bool:
        """Whether no redshift is better than chance, or hardly any and the spectrum is noise."""
        return self._noise or self.features < NO_SIGNAL * self.unit

    @property
    def _noise(self) -> bool:
        return "SMALL_DELTA_CHI2" in self.galaxies[0].warnings and self.sn < NO_SIGNAL_SN


def decide(object_id: str, seen: Seen, level: float) -> RedshiftEstimate:
    """The estimate of the type that the spectrum is of, the candidates of the other types behind it."""
    made = {"galaxy": _as_galaxy, "star": _as_other, "quasar": _as_quasar, "none": _as_nothing}[seen.type](
        seen
    )
    candidates, err = made
    margins = {kind: round(value, 2) for kind, value in seen.margins.items()}
    z = np.nan if seen.type == "none" else candidates[0].z
    estimate = RedshiftEstimate(
        object_id,
        z,
        err,
        None,
        False,
        candidates,
        level=level,
        unit=seen.unit,
        type=seen.type,
        type_margins=margins,
    )
    return _judged(estimate)


def _as_galaxy(seen: Seen) -> tuple[tuple[Candidate, ...], float]:
    first = seen.galaxies[0]
    rivals = [_other(fit, first.chi2) for fit in seen.others if abs(fit.z - first.z) > 0.01 * (1 + first.z)]
    rivals = [r for r in rivals if r.chi2 - first.chi2 < MIN_DELTA_CHI2 * seen.unit]
    first = _warned(first, ["WEAK_TYPE"] if rivals else [])
    behind = sorted([*seen.galaxies[1:], *rivals], key=lambda c: c.chi2)
    return (first, *behind), seen.err


def _as_nothing(seen: Seen) -> tuple[tuple[Candidate, ...], float]:
    first, *behind = seen.galaxies
    return (_warned(first, ["NO_SIGNAL"]), *behind), np.nan


def _as_other(seen: Seen, kind: str = "star") -> tuple[tuple[Candidate, ...], float]:
    """Stars, or quasars, as the best candidates; what another type says elsewhere within reach is a rival."""
    own = [fit for fit in seen.others if fit.type == kind]
    best = own[0]
    rest = [fit for fit in seen.others if fit.type != kind]
    behind = [_other(fit, best.chi2) for fit in [*own[1:], *rest] if _apart_by(fit.z, best.z) > 0.01]
    behind += [
        replace(c, dchi2=abs(c.chi2 - best.chi2)) for c in seen.galaxies if _apart_by(c.z, best.z) > 0.01
    ]
    behind.sort(key=lambda c: c.chi2)
    margin = behind[0].chi2 - best.chi2 if behind else np.inf
    names = [n for n in seen.galaxies[0].warnings if n in ("LITTLE_COVERAGE", "ARM_STEP", "MANY_OUTLIERS")]
    if margin < 2 * MIN_DELTA_CHI2 * seen.unit:
        names.append("SMALL_DELTA_CHI2")
    first = Candidate(best.z, best.chi2, float(abs(margin)) if behind else 0.0, tuple(names), kind)
    floor = Z_FLOOR_UNKNOWN if kind == "star" else QUASAR_FLOOR
    return (first, *behind), float(np.hypot(best.z_err * np.sqrt(seen.unit), floor * (1 + best.z)))


def _as_quasar(seen: Seen) -> tuple[tuple[Candidate, ...], float]:
    galaxy, best = seen.galaxies[0], seen.best("quasar")
    if seen.margins["quasar"] > seen.margins["galaxy"]:
        candidates, err = _as_galaxy(seen)
        return (replace(candidates[0], type="quasar"), *candidates[1:]), float(
            np.hypot(err, QUASAR_FLOOR * (1 + galaxy.z))
        )
    (first, *behind), err = _as_other(seen, "quasar")
    # Narrow lines say the redshift; Ly alpha with C IV nearly as well; other broad lines are off by 1000 km/s and more.
    narrow = (
        best.z < 0.9
        and _apart_by(galaxy.z, best.z) < 0.0015
        and galaxy.dchi2 > NARROW_SHARE * seen.features
        and "ONE_FEATURE" not in galaxy.warnings
    )
    ultraviolet = best.z > 2.2 and first.dchi2 > 10 * MIN_DELTA_CHI2 * seen.unit
    return (_warned(first, [] if narrow or ultraviolet else ["BROAD_LINES"]), *behind), err


def _apart_by(z: float, other: float) -> float:
    return abs(z - other) / (1 + other)


def _warned(candidate: Candidate, names: Sequence[str]) -> Candidate:
    return replace(candidate, warnings=tuple(dict.fromkeys([*candidate.warnings, *names])))


def _other(fit: TypeFit, least: float) -> Candidate:
    return Candidate(fit.z, fit.chi2, float(abs(fit.chi2 - least)), (), fit.type)


Found = tuple[Fit, float, bool]


@dataclass(frozen=True)
class Look:
    """What the scan of some pixels gave: chi2 at each redshift, the best galaxies, and the other types."""

    pixels: Pixels
    chi2: NDArray[np.float64]
    fitter: Fitter
    found: list[Found]
    others: list[TypeFit]

    @property
    def residual(self) -> NDArray[np.float64]:
        """What the best model of any type leaves, in sigma, (n_used,)."""
        galaxy, other = self.found[0][0], self.others[0]
        return self.fitter.residual(galaxy) if galaxy.chi2 <= other.chi2 else other.residual

    @property
    def unit(self) -> float:
        """Reduced chi2 of the best model, at least 1."""
        residual = self.residual
        return max(
            1.0, float(residual @ residual) / max(len(residual) - len(self.found[0][0].coefficients), 1)
        )


def _look(pixels: Pixels, width: float, n: int) -> Look:
    chi2, fitter, found = _candidates(pixels, basis(width), n)
    return Look(pixels, chi2, fitter, found, type_fits(pixels, fitter, width))


def _corrected(look: Look, width: float, n: int) -> Look:
    """The same with errors as large as what the best model leaves says, where that is much larger than stated."""
    excess = _excess(look.residual)
    if excess.max() <= _TOO_SMALL:
        return look
    weight = look.pixels.weight.copy()
    weight[look.fitter.position] /= np.maximum(excess, 1)
    return _look(replace(look.pixels, weight=weight), width, n)


def _steps(look: Look) -> tuple[int, ...]:
    """Where a step in the spectrum would explain much of what the best redshifts leave, in pixels of the grid."""
    best = look.found[0][0]
    limit = STEP_SHARE * max(look.fitter.total - best.chi2, 0) + MIN_STEP
    seen = sorted((look.fitter.step(look.fitter.residual(fit)) for fit, _, _ in look.found), reverse=True)
    out: list[int] = []
    for gain, place in seen:
        if gain > limit and all(abs(place - other) > _STEPS_APART for other in out):
            out.append(place)
    return tuple(out[:_MOST_STEPS])


def _holds(look: Look, pixels: Pixels, width: float, n: int) -> bool:
    """Whether the best redshift stays the best, and clearly, if the spectrum may have steps."""
    free = _corrected(_look(pixels, width, n), width, n)
    best, others = free.found[0][0], free.found[1:]
    if look.others[0].chi2 < look.found[0][0].chi2:
        return True
    if _apart_by(best.z, look.found[0][0].z) > SEPARATION / SPEED_OF_LIGHT:
        return False
    return all(fit.chi2 - best.chi2 > MIN_DELTA_CHI2 * free.unit for fit, _, _ in others)


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


def _only_oxygen(look: Look, features: float, unit: float) -> bool:
    """Whether nothing but [O II] speaks for the best redshift: Ly alpha beyond 1.9 looks the same."""
    best, fitter = look.found[0][0], look.fitter
    if fitter.loss(best, len(best.pull) - len(GROUPS) + GROUPS.index("[O II]")) < 0.3 * features:
        return False
    centre = round((np.log10(3728.5 * (1 + best.z)) - LOG_RANGE[0]) / LOG_STEP)
    weight = look.pixels.weight.copy()
    weight[max(centre - _OXYGEN, 0) : centre + _OXYGEN] = 0
    rest = replace(look.pixels, weight=weight)
    _, chi2 = scan(rest, fitter.basis)
    return bool(np.median(chi2) - Fitter(rest, fitter.basis)(best.z).chi2 < MIN_FEATURES * unit)


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
    if not np.isfinite(estimate.z):
        return replace(estimate, confident=False, interval=None, flags=("z_uncertain",))
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
