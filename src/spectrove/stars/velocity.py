"""Radial velocities: templates are moved and compared with the star, which stays where it is.

Moving the star smooths its noise by half a pixel at some velocities and not at others, and the least residual lies
where noise is smoothed most: 40 km/s for nearly every star of LAMOST. Templates have no noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.resources import files
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError, Refusal
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.redshift_estimate import WARNINGS
from spectrove.spectra import SpectrumSet
from spectrove.stars.grid import LOG_STEP, N_PIXELS, OnGrid, log_wavelength, on_grid

Floats = NDArray[np.float64]

#: The file of the templates.
TEMPLATES = "templates.npz"

#: Step of the templates in log10 of the wavelength, 34.5 km/s.
STEP = 5e-5

#: Velocities that are tried, km/s, and how far apart: of all templates, then of the best.
FASTEST, COARSE, FINE = 700.0, 20.0, 5.0

#: A velocity is refused where the best template explains less of the variance of the lines than this, noise left out,
#: or where chi2 is lower than at the best other velocity by less than this, in units of the reduced chi2.
LEAST_SHARE, LEAST_GAIN = 0.2, 16.0

#: No velocity is better known than this, km/s: stars of MILES, at rest, scatter so at S/N 100. Templates of mean
#: stars have neither the blends nor the asymmetries of one; a template itself is found within .6 km/s.
FLOOR = 6.0

#: Templates that are looked at closely, and velocities that are one minimum, km/s.
_CLOSELY, _ONE_MINIMUM = 3, 150.0


@dataclass(frozen=True)
class Velocity:
    """The radial velocity of one spectrum.

    Attributes:
        value, error: km/s, in the frame and medium (vacuum) of the spectrum; the error is one sigma.
        template: Which template is most like it.
        share: How much of the variance of its lines the template explains, noise left out.
        gain: By how much chi2 is lower than at the best other velocity, in units of the reduced chi2.
        chi2: At the best velocity, no pixel being trusted better than `grid.SYSTEMATIC`.
        warning: Why the value is not to be used, a name of `redshift_estimate.WARNINGS`; "" if it may be.
    """

    value: float
    error: float
    template: int
    share: float
    gain: float
    chi2: float = 0.0
    warning: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is not to be used."""
        return bool(self.warning)

    @property
    def reason(self) -> str:
        """Why not, a sentence; "" if it may be used."""
        return WARNINGS[self.warning] if self.warning else ""

    @property
    def z(self) -> float:
        """As a redshift, v / c."""
        return self.value / SPEED_OF_LIGHT


def common_edges() -> Floats:
    """log10 of the edges of the common pixels, (n_pixels + 1,)."""
    return log_wavelength()[0] - LOG_STEP / 2 + LOG_STEP * np.arange(N_PIXELS + 1)


class Movable(Protocol):
    """Templates as a search asks for them."""

    def moved(self, velocity: float, which: slice = slice(None)) -> Floats:
        """Those chosen at a velocity in km/s on the pixels of the stars, (n_templates, n_pixels)."""


@dataclass(frozen=True)
class Templates:
    """Spectra of stars of one kind each, at rest, as lines over their continuum.

    Attributes:
        log_first: log10 of the first wavelength, vacuum angstrom; pixels follow in steps of `step`.
        lines: (n_templates, n_pixels).
        teff: Mean effective temperature of each, K.
        edges: log10 of the edges of the pixels that stars are on, even, a whole number of steps apart,
            (n_pixels_of_stars + 1,).
        step: In log10 of the wavelength.
    """

    log_first: float
    lines: Floats
    teff: Floats
    edges: Floats
    step: float = STEP

    def moved(self, velocity: float, which: slice = slice(None)) -> Floats:
        """Templates at a velocity in km/s, means over pixels of stars; (n_templates, n_pixels), 0 beyond their ends.

        A star is the mean of the light in each of its pixels. A template that were taken at their centres would draw
        velocities by up to 7 km/s towards those that are whole pixels.
        """
        place = (self.edges[0] - np.log10(1 + velocity / SPEED_OF_LIGHT) - self.log_first) / self.step
        wide, last = self._wide, self.lines.shape[1] - 1
        first = max(0, math.ceil(-place / wide))  # the first edge that lies on the templates, and the last
        final = min(len(self.edges) - 1, math.floor((last - place) / wide))
        out = np.zeros((len(range(len(self.lines))[which]), len(self.edges) - 1))
        if final <= first:
            return out
        begin = math.floor(place + wide * first)
        part, n = place + wide * first - begin, final - first + 1
        summed, here, above = (
            kept[which, at % wide, at // wide : at // wide + n]
            for kept, at in ((self._sums, begin), (self._pixels, begin), (self._pixels, begin + 1))
        )
        # The integral to each edge: between pixels of the templates are straight lines.
        whole = summed + (part - part**2 / 2) * here + part**2 / 2 * above
        out[:, first:final] = np.diff(whole, axis=1) / wide
        return out

    @cached_property
    def _wide(self) -> int:
        """Pixels of the templates in one of the stars."""
        found = float(self.edges[1] - self.edges[0]) / self.step
        if abs(found - round(found)) * len(self.edges) > 1e-3:
            raise ParameterError(
                f"a pixel of stars is {found:.6f} of the templates; expected a whole number."
            )
        return round(found)

    def _every(self, values: Floats) -> Floats:
        """Values of pixels that are a pixel of stars apart, one after the other, (n_templates, wide, n)."""
        more = -(values.shape[1] + 1) % self._wide + 1
        padded = np.pad(values, ((0, 0), (0, more)))
        return np.ascontiguousarray(padded.reshape(len(values), -1, self._wide).transpose(0, 2, 1))

    @cached_property
    def _pixels(self) -> Floats:
        return self._every(self.lines)

    @cached_property
    def _sums(self) -> Floats:
        """The integral to each pixel by the trapezoidal rule."""
        steps = (self.lines[:, 1:] + self.lines[:, :-1]) / 2
        return self._every(np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1))


@cache
def templates() -> Templates:
    """Those of the package, see data/README.md."""
    with (files("spectrove.stars") / "data" / TEMPLATES).open("rb") as file, np.load(file) as stored:
        return Templates(
            float(stored["log_first"]),
            stored["lines"].astype(float),
            stored["teff"].astype(float),
            common_edges(),
        )


@dataclass(frozen=True, eq=False)
class Search:
    """How velocities are looked for: of all templates in wide steps, then of the best in narrow ones.

    Attributes:
        templates: What is moved.
        fastest, coarse, fine: Velocities that are tried, km/s, and how far apart, first and then.
        floor: No velocity is better known than this, km/s.
        apart: Velocities that are one minimum, km/s.
        closely: Templates that are looked at in narrow steps.
        reach: How far on both sides these go from the vertex of a parabola through the wide steps, km/s. None: a wide
            step from the best of these, for steps too wide for a parabola.
    """

    templates: Movable
    fastest: float = FASTEST
    coarse: float = COARSE
    fine: float = FINE
    floor: float = FLOOR
    apart: float = _ONE_MINIMUM
    closely: int = _CLOSELY
    reach: float | None = None

    @cached_property
    def _all_moved(self) -> tuple[Floats, NDArray[np.float32], NDArray[np.float32]]:
        """Velocities, all templates at each of them, and their squares: (n_velocities * n_templates, n_pixels)."""
        velocity = np.arange(-self.fastest, self.fastest + 1, self.coarse)
        moved = np.concatenate([self.templates.moved(v) for v in velocity]).astype(np.float32)
        return velocity, moved, moved**2

    def __call__(self, star: Floats, weight: Floats) -> list[Velocity]:
        """The velocity of each star.

        Args:
            star: Lines over the continuum, (n_spectra, n_pixels).
            weight: Their inverse variance, 0 where a pixel is not used, same shape.
        """
        velocity, moved, squares = self._all_moved
        across = (weight * star).astype(np.float32) @ moved.T
        size = weight.astype(np.float32) @ squares.T
        # Lines upside down explain nothing.
        gain = np.where(across > 0, across**2 / np.maximum(size, 1e-12), 0.0)
        gain = gain.reshape(len(star), len(velocity), len(moved) // len(velocity))
        return [self._closely(s, w, velocity, g) for s, w, g in zip(star, weight, gain, strict=True)]

    def _closely(self, star: Floats, weight: Floats, velocity: Floats, gain: Floats) -> Velocity:
        """The velocity of one spectrum from what templates gain at each velocity, (n_velocities, n_templates)."""
        total, n = float(weight @ star**2), int((weight > 0).sum())
        tried = np.argsort(-gain.max(axis=0), kind="stable")[: self.closely]
        weighted = weight * star
        found = [
            self._maximum(
                partial(self._gain, weighted, weight, int(i)), int(i), self._near(velocity, gain[:, i])
            )
            for i in tried
        ]
        best, error, reached, template = max(found, key=lambda one: one[2])
        unit = max((total - reached) / max(n - 2, 1), 1.0)
        elsewhere = gain[abs(velocity - best) > self.apart].max(initial=0.0)
        share = reached / max(total - n, 1e-3 * total, 1e-12)
        gained = float(reached - elsewhere) / unit
        return Velocity(
            best, float(np.hypot(error * unit**0.5, self.floor)), template, float(share), gained, total - reached,
            self._warning(best, share, gained),
        )  # fmt: skip

    def _warning(self, value: float, share: float, gain: float) -> str:
        """Why a velocity is not to be used, a name of `WARNINGS`; "" if it may be."""
        if abs(value) >= self.fastest:
            return "Z_FITLIMIT"
        if share < LEAST_SHARE:
            return "NO_FEATURES"
        return "SMALL_DELTA_CHI2" if gain < LEAST_GAIN else ""

    def _maximum(
        self, gain_at: Callable[[float], float], template: int, near: float
    ) -> tuple[float, float, float, int]:
        """Where a template gains most near a velocity, its error, the gain there, and the template."""
        reach = self.coarse if self.reach is None else self.reach
        velocity = np.arange(near - reach, near + reach + 0.5 * self.fine, self.fine)
        gain = np.array([gain_at(v) for v in velocity])
        i = int(np.clip(gain.argmax(), 1, len(gain) - 2))
        below, here, above = gain[i - 1 : i + 2]
        curvature = max(2 * here - below - above, 1e-12) / self.fine**2
        step = float(np.clip(0.5 * (above - below) / self.fine / curvature, -self.fine, self.fine))
        best = float(velocity[i]) + step
        return best, float((2 / curvature) ** 0.5), gain_at(best), template

    def _near(self, velocity: Floats, gain: Floats) -> float:
        """Where the narrow steps begin, from what a template gains in wide ones."""
        i = int(gain.argmax())
        if self.reach is None or not 0 < i < len(gain) - 1:
            return float(velocity[i])
        below, here, above = gain[i - 1 : i + 2].astype(float)
        bent = max(2 * here - below - above, 1e-12)
        return float(velocity[i] + self.coarse * np.clip(0.5 * (above - below) / bent, -0.5, 0.5))

    def _gain(self, weighted: Floats, weight: Floats, template: int, velocity: float) -> float:
        moved = self.templates.moved(velocity, slice(template, template + 1))[0]
        across = float(weighted @ moved)
        return across**2 / max(float(weight @ moved**2), 1e-12) if across > 0 else 0.0


@cache
def _search() -> Search:
    return Search(templates())


def velocities(spectra: SpectrumSet) -> tuple[dict[str, Velocity], list[Refusal]]:
    """The radial velocity of each spectrum by its id, and a sentence for each that has too few pixels.

    Args:
        spectra: Flux on wavelengths; nothing but pixels is read.
    """
    grid, refusals = on_grid(spectra, "observed")
    return dict(zip(map(str, grid.object_id), velocities_on_grid(grid), strict=True)), refusals


def velocities_on_grid(grid: OnGrid) -> list[Velocity]:
    """The same for spectra in the observed frame on the common pixels."""
    return _search()(*grid.lines())
