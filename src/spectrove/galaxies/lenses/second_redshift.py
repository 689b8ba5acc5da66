"""Search for emission lines of a second, more distant galaxy in the residual of a spectrum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d

from spectrove.galaxies.lines import LINES
from spectrove.galaxies.residual.common import CommonResidual
from spectrove.galaxies.residual.encoder import BEHIND, UNSURE, Detector, shipped
from spectrove.galaxies.residual.features import find_peaks, smoothed, whitened
from spectrove.galaxies.residual.reconstruction import Residual, near
from spectrove.readers.sky import SKY_LINES
from spectrove.spectra import Spectrum, SpectrumSet

Floats = NDArray[np.floating]

#: Fluxes of the lines of `residual.encoder.BEHIND`, H beta 1, of galaxies from metal-poor to metal-rich.
#: Source: typical places along the star-forming sequence of the [N II] diagram (Kewley et al. 2013, ApJ 774, 100), with
#: case B Balmer lines behind moderate dust.
RATIOS: dict[str, tuple[float, ...]] = {
    "high ionisation": (1.2, 0.45, 0.46, 1.0, 1.85, 5.5, 3.0, 0.1),
    "metal-poor": (2.4, 0.25, 0.45, 1.0, 1.05, 3.1, 3.2, 0.4),
    "ordinary": (2.4, 0.10, 0.44, 1.0, 0.45, 1.3, 3.5, 1.0),
    "metal-rich": (1.4, 0.03, 0.42, 1.0, 0.15, 0.45, 4.0, 1.6),
}
#: Redshifts nearer to each other than this, in 1 + z, are one candidate; a line is searched within so many pixels.
APART = 0.003
REACH = 2
#: Least S/N of a listed line.
LEAST_SN = 2.5
#: Number of the highest peaks checked against cosmic rays, and their half width, pixels.
CHECKED, PEAK_REACH = 12, 12
#: Factor on the S/N of a peak within so many km/s of a line of the host, or on a bright sky line (a range narrower than
#: so many angstrom); and in the OH bands, whose residuals are smaller.
DOUBTED, OWN_REACH, NARROW_SKY, SKY_TRUST = 0.4, 300.0, 25.0, 0.8
#: Relative error of the depth of stellar absorption lines, and width of the envelope in pixels (about 100 angstrom),
#: used if the residuals common to the galaxies of a base are unknown. Real galaxies differ from ordinary ones at 3925,
#: 5269 or 6908 angstrom more than mocks do. Chosen on the real red galaxies of the development set.
STARS_ERROR, ENVELOPE = 0.3, 101
#: Least ratio of 1 + z of the background galaxy to that of the host.
BEHIND_BY = 1.03


@dataclass(frozen=True)
class LineSeen:
    """A line of a candidate: name, wavelength (observed vacuum angstrom) and matched-filter S/N."""

    name: str
    wavelength: float
    sn: float


@dataclass(frozen=True)
class SecondRedshift:
    """A candidate redshift of a background galaxy.

    Attributes:
        z: Of the background galaxy.
        score: Joint S/N of the lines at that redshift, for the best-fitting line ratios; possible cosmic rays have
            low weight.
        beyond: The same without the strongest line; large if the redshift is based on more than one line.
        lines: The lines detected, strongest first.
    """

    z: float
    score: float
    beyond: float
    lines: tuple[LineSeen, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        lines = [{"name": line.name, "wavelength": line.wavelength, "sn": line.sn} for line in self.lines]
        return {"z": self.z, "score": self.score, "beyond": self.beyond, "lines": lines}


def find(
    flux: Floats,
    ivar: Floats,
    z: NDArray[np.float64],
    k: int = 3,
    detector: Detector | None = None,
    common: CommonResidual | None = None,
) -> list[list[SecondRedshift]]:
    """The k best candidates for a second redshift of each spectrum, best first; evidence, not a decision.

    Args:
        flux, ivar: From `prepare` with the recipe of the encoder `surprise`, (n_spectra, n_pixels).
        z: Of the hosts, (n_spectra,).
        detector: That of the shipped encoder if None.
        common: Residuals common to galaxies like the hosts, which are subtracted.
    """
    detector = detector or shipped().detector
    found = []
    for start in range(0, len(flux), 16):
        rows = slice(start, start + 16)
        left = detector.reconstructor.explain(flux[rows], ivar[rows])
        variance = left.variance
        if common is not None:
            left = common.taken_off(left)
        else:
            variance = variance + (STARS_ERROR * _absorbed(left.model)) ** 2 * left.valid
        flat, _ = whitened(left.difference / np.sqrt(np.where(left.valid > 0, variance, 1)), left.valid)
        wavelength = detector.reconstructor.wavelength
        for low, high in UNSURE:
            flat[:, (wavelength > low) & (wavelength < high)] = 0
        strength, trust = _borne_out(flat), _trust(wavelength, z[rows])
        depth = _depth(variance, left.valid, wavelength)
        found += [
            _candidates(s, t, q, wavelength, float(host), k)
            for s, t, q, host in zip(strength, trust, depth, z[rows], strict=True)
        ]
    return found


def find_in(
    spectra: SpectrumSet, k: int = 3, common: CommonResidual | None = None
) -> dict[str, list[SecondRedshift]]:
    """The same for unprepared spectra, by object id; spectra that cannot be prepared have no entry."""
    encoder = shipped()
    prepared, _ = encoder.prepare(spectra)
    found = find(prepared.flux, prepared.ivar, prepared.z, k, encoder.detector, common)
    return dict(zip(prepared.object_id.tolist(), found, strict=True))


def residuals_of(spectra: SpectrumSet) -> tuple[Residual, list[str]]:
    """Residuals of spectra from their reconstruction, and the ids of those that can be prepared."""
    encoder = shipped()
    prepared, _ = encoder.prepare(spectra)
    left = encoder.detector.reconstructor.explain(prepared.flux, prepared.ivar)
    return left, prepared.object_id.tolist()


def candidates(spectrum: Spectrum, k: int = 3) -> list[dict[str, Any]]:
    """The k best candidates for a second redshift of one spectrum, as plain values; [] if it cannot be prepared."""
    found = find_in(SpectrumSet.from_spectra([spectrum]), k)
    return [candidate.to_dict() for candidate in found.get(spectrum.object_id, [])]


def explain(candidate: Mapping[str, Any]) -> str:
    """Sentence on one entry of `candidates`."""
    lines = [f"{n['name']} at {n['wavelength']:.0f} A (S/N {n['sn']:.1f})" for n in candidate["lines"]]
    seen = ", ".join(lines) if lines else "no line by itself"
    return (
        f"a second redshift z = {candidate['z']:.4f}, joint S/N {candidate['score']:.1f} "
        f"({candidate['beyond']:.1f} without the strongest line): {seen}"
    )


def _trust(wavelength: NDArray[np.float64], host: NDArray[np.float64]) -> Floats:
    """Weight of a peak at each pixel, (n_spectra, n_pixels): low on lines of the host and of the sky."""
    trust = np.ones((len(host), len(wavelength)))
    for line in LINES:
        if line.kind == "emission":
            trust[:, near(wavelength, line.wavelength, OWN_REACH)] = DOUBTED
    observed = wavelength * (1 + host[:, None])
    for low, high in SKY_LINES:
        trust[(observed > low) & (observed < high)] *= DOUBTED if high - low < NARROW_SKY else SKY_TRUST
    return trust


def _borne_out(flat: Floats) -> Floats:
    """Matched-filter S/N at every pixel, reduced for high peaks that are as narrow as a cosmic ray."""
    strength = np.max(smoothed(flat)[:3], axis=0)
    peaks = find_peaks(flat, strength, CHECKED)
    pixel = np.arange(strength.shape[1])
    for place, safe in zip(peaks.place.T, peaks.safe.T, strict=True):
        around = np.abs(pixel - place[:, None]) <= PEAK_REACH
        strength = np.where(around, np.minimum(strength, safe[:, None]), strength)
    return strength


def _absorbed(model: Floats) -> Floats:
    """Depth of stellar absorption: envelope minus reconstruction, (n_spectra, n_pixels)."""
    envelope = uniform_filter1d(maximum_filter1d(model, ENVELOPE, axis=1), ENVELOPE, axis=1)
    return np.maximum(envelope - model, 0)


def _depth(variance: Floats, valid: Floats, wavelength: Floats) -> Floats:
    """S/N of a line of unit flux, up to a factor; 0 if not observed."""
    seen = uniform_filter1d(valid.astype(float), 9, axis=1)
    mean = uniform_filter1d((variance * valid).astype(float), 9, axis=1) / np.maximum(seen, 1e-9)
    return np.where(seen > 0.6, 1 / np.sqrt(np.maximum(mean, 1e-12)) / wavelength, 0)


def _candidates(
    strength: Floats, trust: Floats, depth: Floats, wavelength: Floats, host: float, k: int
) -> list[SecondRedshift]:
    step = float(np.log(wavelength[1] / wavelength[0]))
    offsets = np.round(np.log(np.array(BEHIND) / BEHIND[0]) / step).astype(int)
    first = int(np.ceil(np.log(BEHIND[0] * BEHIND_BY / wavelength[0]) / step))
    places = np.arange(first, len(wavelength))
    highest = np.maximum(maximum_filter1d(strength * trust, 3), 0)  # redshifts fall between pixels
    at = places[:, None] + offsets
    inside = at < len(wavelength)
    at = np.minimum(at, len(wavelength) - 1)
    score, beyond = _joint(np.where(inside, highest[at], 0), np.where(inside, depth[at], 0))
    taken, apart = np.zeros(len(places), bool), max(1, round(APART / step))
    chosen: list[int] = []
    for j in np.argsort(-score, kind="stable").tolist():
        if len(chosen) == k or score[j] <= 0:
            break
        if not taken[j]:
            chosen.append(j)
            taken[max(j - apart, 0) : j + apart + 1] = True
    return [_described(places[j] + offsets, strength, wavelength, host, score[j], beyond[j]) for j in chosen]


def _joint(s: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Joint S/N of lines for the best of `RATIOS`, (n_places,), and without the strongest contribution."""
    best, beyond = np.zeros(len(s)), np.zeros(len(s))
    for ratios in RATIOS.values():
        weight = np.array(ratios) * q
        gain, norm = weight * s, weight**2
        total = gain.sum(axis=1) / np.sqrt(np.maximum(norm.sum(axis=1), 1e-30))
        top = gain.argmax(axis=1)[:, None]
        rest = gain.sum(axis=1) - np.take_along_axis(gain, top, 1)[:, 0]
        rest_norm = norm.sum(axis=1) - np.take_along_axis(norm, top, 1)[:, 0]
        without = np.where(
            rest_norm > 1e-6 * norm.sum(axis=1), rest / np.sqrt(np.maximum(rest_norm, 1e-30)), 0
        )
        better = total > best
        best, beyond = np.where(better, total, best), np.where(better, without, beyond)
    return best, beyond


def _described(
    at: NDArray[np.int64], strength: Floats, wavelength: Floats, host: float, score: float, beyond: float
) -> SecondRedshift:
    """A candidate with its lines, and its redshift refined from their wavelengths."""
    lines, shifts, weights = [], [], []
    for line, place in zip(BEHIND, at.tolist(), strict=True):
        low, high = max(place - REACH, 0), min(place + REACH + 1, len(wavelength))
        if low >= high or place >= len(wavelength):
            continue
        top = low + int(strength[low:high].argmax())
        sn = float(strength[top])
        if sn >= LEAST_SN:
            lines.append(LineSeen(_name(line), float(wavelength[top] * (1 + host)), sn))
            shifts.append(float(np.log(wavelength[top] / line)))
            weights.append(sn**2)
    shift = (
        float(np.average(shifts, weights=weights)) if lines else float(np.log(wavelength[at[0]] / BEHIND[0]))
    )
    ordered = tuple(sorted(lines, key=lambda seen: -seen.sn))
    return SecondRedshift(float((1 + host) * np.exp(shift) - 1), float(score), float(beyond), ordered)


def _name(wavelength: float) -> str:
    return min(LINES, key=lambda line: abs(line.wavelength - wavelength)).name
