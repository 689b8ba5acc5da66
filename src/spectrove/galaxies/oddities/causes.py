"""Explanations of a residual: the decrease in chi-square from each kind of change to the spectrum of a galaxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lines import LINES
from spectrove.galaxies.oddities.other_redshift import OtherRedshift
from spectrove.galaxies.residual.encoder import UNSURE, Detector
from spectrove.galaxies.residual.features import find_peaks, smoothed, whitened
from spectrove.galaxies.residual.own_lines import MEASURED
from spectrove.galaxies.residual.reconstruction import SODIUM, Residual
from spectrove.galaxies.stellar import age_and_metallicity, broaden, stellar_basis
from spectrove.lines import SPEED_OF_LIGHT

Floats = NDArray[np.floating]

#: Residuals of single pixels are clipped at this, sigma.
_BOUND = 12.0
#: Prior spread of the changes in the scores of the reconstruction, which remain free.
_PRIOR = 3.0
#: Ages of the populations that represent stars unlike those of ordinary galaxies, Gyr.
_AGES = (0.03, 0.2, 0.4, 0.7, 2.0, 9.0)
#: Order of the polynomial for dust and flux calibration.
_ORDER = 5
#: Pixels between the positions of steps, and at the ends without a step.
_STEP_EVERY, _STEP_EDGE = 25, 90
#: Widths of broad features, km/s (one sigma): at the lines of the galaxy, and elsewhere; and pixels between positions.
_BROAD = (900.0, 1500.0, 2500.0, 4000.0)
_BUMP_EVERY = 40
_BALMER = ("hd", "hg", "hb", "ha")
#: Widths of narrow lines, pixels of 69 km/s.
_NARROW = (1.5, 3.0)
#: Emission lines of the galaxy, rest angstrom.
_OWN = tuple(line.wavelength for line in LINES if line.kind == "emission")
#: Fainter lines of its gas, which are no sign of another object: higher Balmer lines, He I, He II, [S II], [O III],
#: [Ar IV], [N I], [N II], [S III], [Ar III], [O II]; rest vacuum angstrom (Osterbrock & Ferland 2006).
_FAINT = (
    3798.98, 3836.48, 3890.16, 3969.0, 4069.75, 4077.50, 4102.89, 4364.44, 4472.73, 4687.02, 4712.7, 4741.5, 4923.3,
    5017.1, 5201.7, 5756.2, 6313.8, 6680.0, 7067.1, 7137.8, 7321.9, 7332.2, 7753.2,
)  # fmt: skip
#: Airglow lines with sky subtraction residuals, observed vacuum angstrom: [O I] 5577, Na D, [O I] 6300 and 6364.
SKY_LINES = (5578.9, 5891.6, 5897.6, 6302.0, 6365.5)
#: OH bands cover all longer wavelengths.
OH_FROM = 7200.0


@dataclass(frozen=True)
class Found:
    """An unresolved emission peak far from the galaxy's own lines.

    Attributes:
        wavelength: Rest angstrom.
        height: Matched-filter S/N.
        beyond: S/N without the four brightest pixels; about zero for a cosmic ray.
    """

    wavelength: float
    height: float
    beyond: float


@dataclass(frozen=True)
class Evidence:
    """Measurements of one spectrum from which the reason is chosen.

    Attributes:
        gain: Decrease in chi-square from a change, beyond that from smooth changes; "smooth" is the latter.
            Keys: smooth, stars (populations at the redshift of the galaxy), step, foreign (stars at redshift 0),
            broad (Balmer lines), bump (a broad feature elsewhere), lines (its narrow lines), shape (their profiles),
            sodium.
        misfit: Chi-square of the residual above its expectation.
        step_at, bump_at: Position, rest angstrom.
        peaks: Strongest first.
        features: The surprise features, in half widths beyond the range of ordinary galaxies.
        redshift: Result of the coarse redshift scan; None if the spectrum could not be scanned.
        covered: Fraction of good pixels among the observed ones.
    """

    gain: dict[str, float]
    misfit: float
    step_at: float
    bump_at: float
    peaks: tuple[Found, ...]
    features: dict[str, float] = field(default_factory=dict)
    redshift: OtherRedshift | None = None
    covered: float = 1.0


class Gains:
    """Decrease in chi-square of one residual from further templates, with the components of the reconstruction free."""

    def __init__(self, left: Residual, components: Floats) -> None:
        self.weight = np.where(left.valid > 0, 1 / np.maximum(left.variance, 1e-12), 0).astype(np.float64)
        bound = np.minimum(1, _BOUND / np.maximum(np.abs(left.sigma), 1e-6))
        self.residual = (left.difference * bound).astype(np.float64)
        self._known: Floats = np.zeros((0, len(self.residual)))
        self._inverse: Floats = np.zeros((0, 0))
        self.add(components.astype(np.float64), prior=_PRIOR**-2)

    def chi2(self) -> float:
        """Chi-square of the present residual."""
        return float((self.weight * self.residual**2).sum())

    def add(self, templates: Floats, prior: float = 0.0) -> float:
        """Decrease in chi-square from these templates together, which are added to the model."""
        before = self.chi2()
        templates = self._independent(templates)
        weighted = templates * self.weight
        normal = weighted @ templates.T
        scale = np.trace(normal) / max(len(normal), 1)
        normal[np.diag_indices(len(normal))] += prior + 1e-6 * scale + 1e-12
        self.residual = self.residual - np.linalg.solve(normal, weighted @ self.residual) @ templates
        self._known = np.concatenate([self._known, templates])
        gram = (self._known * self.weight) @ self._known.T
        gram[np.diag_indices(len(gram))] += 1e-6 * np.trace(gram) / max(len(gram), 1) + 1e-12
        self._inverse = np.linalg.inv(gram)
        return before - self.chi2()

    def _independent(self, templates: Floats) -> Floats:
        if not len(self._known):
            return np.asarray(templates, np.float64)
        return templates - ((templates * self.weight) @ self._known.T) @ self._inverse @ self._known

    def each(self, templates: Floats) -> tuple[Floats, Floats]:
        """Decrease in chi-square from each template alone, and its amplitude in sigma; (n_templates,) each."""
        free = self._independent(templates)
        power = ((free * self.weight) * free).sum(axis=1)
        right = free @ (self.weight * self.residual)
        # A template that is nearly part of the model already cannot improve the fit.
        usable = power > 1e-3 * (templates**2 @ self.weight)
        sigma = np.where(usable, right / np.sqrt(np.maximum(power, 1e-12)), 0)
        return sigma**2, sigma

    def together(self, templates: Floats) -> float:
        """Decrease in chi-square from these templates together; the model is unchanged."""
        free = self._independent(templates)
        weighted = free * self.weight
        normal = weighted @ free.T
        normal[np.diag_indices(len(normal))] += 1e-4 * np.trace(normal) / max(len(normal), 1) + 1e-12
        right = weighted @ self.residual
        return float(right @ np.linalg.solve(normal, right))


class Investigator:
    """Measures the evidence of residuals, one at a time."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self.wavelength = detector.reconstructor.wavelength
        wavelength = self.wavelength
        balmer = [line.wavelength for line in LINES if line.key in _BALMER]
        self._smooth = _polynomials(len(wavelength))
        self._stars = _populations(wavelength)
        self._sodium = _profile(wavelength, float(np.mean(SODIUM)), 5.0)[None]
        self._narrow, self._single = _narrow(wavelength, _NARROW), _narrow(wavelength, _NARROW[:1])
        self._wings = _wings(wavelength)
        self._broad = [np.stack([_velocity(wavelength, w, sigma) for w in balmer]) for sigma in _BROAD]
        self._bumps, self._places = _bumps(wavelength, balmer)

    def gather(self, flux: Floats, ivar: Floats, z: float) -> tuple[Evidence, Residual]:
        """Evidence of one spectrum prepared for the detector, without features and redshift scan; and its residual.

        Args:
            flux, ivar: Shape (n_pixels,).
            z: Redshift used in the preparation.
        """
        left = self._detector.reconstructor.explain(flux[None], ivar[None])
        one = Residual(*(getattr(left, name)[0] for name in Residual.__dataclass_fields__))
        light = np.maximum(one.model, 0.02).astype(np.float64)
        gains = Gains(one, self._detector.reconstructor.ordinary.components)
        misfit = gains.chi2() - np.count_nonzero(one.valid)
        gain = {"smooth": gains.add(self._smooth * light)}
        gain["stars"] = gains.together(self._stars)
        gain["foreign"] = gains.together(_populations(self.wavelength * (1 + z)))
        gain["step"], step_at = self._step(gains, one.valid, light)
        gain["sodium"] = float(gains.each(self._sodium * light)[0][0])
        gain["lines"] = gains.together(self._narrow)
        gain["broad"] = max(gains.together(templates) for templates in self._broad)
        bump, sigma = gains.each(self._bumps * light)
        best = int(np.where(sigma > 0, bump, 0).argmax())
        gain["bump"] = float(bump[best])
        gains.add(self._single)
        gain["shape"] = gains.together(self._wings)
        peaks = self._isolated(left)
        return Evidence(gain, float(misfit), step_at, float(self._places[best]), peaks), left

    def _step(self, gains: Gains, valid: Floats, light: Floats) -> tuple[float, float]:
        """Decrease in chi-square from the best step, and its position, rest angstrom."""
        steps, pixels = _steps(valid)
        if not len(steps):
            return 0.0, float("nan")
        gain = gains.each(steps * light)[0]
        return float(gain.max()), float(self.wavelength[pixels[int(gain.argmax())]])

    def _isolated(self, left: Residual) -> tuple[Found, ...]:
        """Unresolved emission peaks that are not lines of the galaxy."""
        wavelength = self.wavelength
        flat, _ = whitened(left.sigma, left.valid)
        reach = 900 / SPEED_OF_LIGHT
        for low, high in (*UNSURE, *((w * (1 - reach), w * (1 + reach)) for w in (*_OWN, *_FAINT))):
            flat[:, (wavelength > low) & (wavelength < high)] = 0
        strength = smoothed(flat)
        peaks = find_peaks(flat, np.maximum(np.maximum(strength[0], strength[1]), strength[2]), 6)
        order = np.argsort(-peaks.height[0], kind="stable")
        return tuple(
            Found(float(wavelength[peaks.place[0, j]]), float(peaks.height[0, j]), float(peaks.beyond[0, j]))
            for j in order
        )


def _polynomials(n_pixels: int) -> Floats:
    x = np.linspace(-1, 1, n_pixels)
    return np.stack([np.polynomial.Legendre.basis(i)(x) for i in range(1, _ORDER + 1)])


@cache
def _basis() -> tuple[Floats, Floats]:
    wavelength, templates, names = stellar_basis()
    age, metallicity = age_and_metallicity(names)
    chosen = np.isin(age, _AGES) & (metallicity == 0.06)
    return wavelength, broaden(templates[chosen], 70.0).astype(np.float64)


def _populations(wavelength: Floats) -> Floats:
    """Stellar populations of several ages at these rest wavelengths, (n_ages, n_pixels)."""
    own, templates = _basis()
    return np.stack([np.interp(wavelength, own, t, left=0, right=0) for t in templates])


def _steps(valid: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """Steps in the flux level, (n_places, n_pixels), and their pixels."""
    seen = np.flatnonzero(valid)
    if len(seen) < 4 * _STEP_EDGE:
        return np.zeros((0, len(valid))), np.zeros(0, np.int64)
    places = seen[_STEP_EDGE:-_STEP_EDGE:_STEP_EVERY]
    return (np.arange(len(valid)) >= places[:, None]).astype(np.float64) - 0.5, places


def _profile(wavelength: Floats, centre: float, sigma: float) -> Floats:
    """A Gaussian of height 1, sigma in pixels."""
    step = np.log(wavelength[1] / wavelength[0])
    return np.exp(-0.5 * (np.log(wavelength / centre) / step / sigma) ** 2)


def _velocity(wavelength: Floats, centre: float, sigma: float) -> Floats:
    """A Gaussian of height 1, sigma in km/s."""
    return np.exp(-0.5 * (np.log(wavelength / centre) * SPEED_OF_LIGHT / sigma) ** 2)


def _narrow(wavelength: Floats, widths: tuple[float, ...]) -> Floats:
    """Emission lines of the galaxy, each free, in several widths."""
    return np.stack([_profile(wavelength, w, width) for w in _OWN for width in widths])


def _wings(wavelength: Floats) -> Floats:
    """Side peaks and wings of strong lines, on either side."""
    centres = [MEASURED[key] for key in ("hb", "oiii", "ha", "nii")]
    return np.stack(
        [
            _profile(wavelength, w * (1 + side * v / SPEED_OF_LIGHT), 2.0)
            for w in centres
            for side in (-1, 1)
            for v in (200, 380)
        ]
    )


def _bumps(wavelength: Floats, balmer: list[float]) -> tuple[Floats, Floats]:
    """Broad emission features away from the Balmer lines, (n_bumps, n_pixels), and their wavelengths, rest angstrom."""
    places = wavelength[_BUMP_EVERY:-_BUMP_EVERY:_BUMP_EVERY]
    far = np.all([np.abs(np.log(places / w)) * SPEED_OF_LIGHT > 6000 for w in balmer], axis=0)
    chosen = np.tile(places[far], 2)
    sigma = np.repeat([1500.0, 3000.0], far.sum())
    return np.stack([_velocity(wavelength, w, s) for w, s in zip(chosen, sigma, strict=True)]), chosen
