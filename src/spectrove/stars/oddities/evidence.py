"""What is odd about the spectrum of a star, as numbers: each is what one kind of oddity changes most.

An ordinary star is what the components of the encoder can make of its lines. Where one looks for emission, its pixels
are left out of that fit; where one looks for a second star, templates are added to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.pixels.masks import Mask
from spectrove.spectra import Spectrum
from spectrove.stars.grid import LOG_STEP, N_PIXELS, OnGrid, log_wavelength
from spectrove.stars.lines import LINES
from spectrove.stars.velocity import Velocity, templates, velocities_on_grid

Floats = NDArray[np.float64]

#: Lines in which stars show emission: the Balmer series.
BALMER = tuple(line for line in LINES if line.key in ("hd", "hg", "hb", "ha"))
#: Pixels of 69 km/s on either side of a line that are left out of the fit, and one sigma of the emission looked for.
AROUND, EMISSION_WIDTH = 9, 2.0

#: Heads of the bands of C2 (Swan) and CN (violet), which degrade to the blue, vacuum angstrom, with how far they reach.
BANDS = ((4738.9, 90.0), (5166.6, 130.0), (5637.1, 130.0), (4217.2, 60.0))

#: Shallower bands are none: 20 stars of MILES that are no carbon stars reach the limit in sigma with .02 to .053 of the
#: continuum; HD 187216, its carbon star, has .28.
CARBON_DEPTH = 0.06

#: Separations of two stars that are tried, km/s: nearer ones blend at 69 km/s a pixel.
APART, FARTHEST, EVERY = 130.0, 600.0, 20.0

#: Wavelengths on either side of which velocities are compared, vacuum angstrom, and pixels that each needs.
MIDDLE, LEAST_PIXELS = 5200.0, 400

#: Airglow with residuals of sky subtraction, vacuum angstrom: [O I] 5577, 6300, 6364, Na D.
SKY = (5578.9, 6302.0, 6365.5, 5891.6, 5897.6)

#: Pixels on either side of a step of the continuum that must be seen, and how far apart steps are that are tried.
STEP_WIDTH, STEP_EVERY = 30, 4

#: Bands of molecules look like steps: one counts over this quantile of those elsewhere in the same spectrum.
STEP_COMMON = 0.75

#: Steps are looked for redward of this, vacuum angstrom at rest: the Balmer jump, CN and Ca H and K lie blueward.
STEP_FROM = 3990.0

#: A shape is looked for where the ordinary star leaves this share of its power.
LEAST_POWER = 0.1

#: Height of a spike over the median of the pixels around, as a share of it: MILES has no errors, and edges of its lines
#: are as steep as spikes of an assumed one.
SPIKE, SPIKE_AROUND = 0.2, 5

#: No fit of an ordinary star: components are held by this spread of their scores in the stars they were made of.
PRIOR = 3.0

#: What is measured for each reason, and the value from which on it holds. 1% of a fifth of MILES, or of files of
#: LAMOST, reach it, whichever is more (`limits` in experiments/stars/odd.py), but for the velocity: 1% of LAMOST are
#: beyond 150 km/s, and stars of the halo reach 300.
LEAST: Mapping[str, float] = {
    "gaps": 0.1, "spikes": 4.0, "sky": 9.0, "step": 9.9, "velocity": 400.0, "halves": 4.4, "emission": 8.4,
    "carbon": 4.1, "second": 11.8,
}  # fmt: skip

#: Flags of `spectra.FLAGS` that stand for some of these.
FLAGS: Mapping[str, str] = {
    "emission": "emission_lines",
    "carbon": "carbon_bands",
    "second": "two_sets_of_lines",
}


@dataclass(frozen=True)
class Place:
    """A number and where it was found, vacuum angstrom in the observed frame."""

    value: float
    at: float = float("nan")


@dataclass(frozen=True)
class Evidence:
    """Measurements of one spectrum from which its reason is chosen; all grow with what they look for.

    Attributes:
        velocity: Of the spectrum.
        halves: Difference of the velocities blueward and redward of `MIDDLE` in sigma, and itself in km/s; NaN where
            one of them is not known.
        emission: The strongest emission in a Balmer line above an ordinary star, in sigma, and the line's wavelength.
        height: Its height, as a share of the continuum.
        line: Its name.
        carbon: How much deeper than in an ordinary star the bands of C2 and CN are together, in sigma; 0 where they are
            shallower than `CARBON_DEPTH`.
        depth: Their mean depth, as a share of the continuum.
        second: By how much another star at another velocity lowers chi2, in units of the reduced chi2: the root of it.
        apart: The velocity of that star over the other's, km/s.
        light: Its share of the lines' strength, about that of the light.
        sky: The strongest residual at airglow, in sigma, and its wavelength.
        step: The largest step of the continuum over those elsewhere in the spectrum, its wavelength, and `jump` its
            size, natural logarithm.
        spikes: Pixels that are too narrow for lines, as a number, and the wavelength of the first.
        gaps: Share of the pixels between the first and the last that are missing.
        misfit: Reduced chi2 of an ordinary star.
    """

    velocity: Velocity
    halves: tuple[float, float]
    emission: Place
    height: float
    line: str
    carbon: float
    depth: float
    second: float
    apart: float
    light: float
    sky: Place
    step: Place
    jump: float
    spikes: Place
    gaps: float
    misfit: float


@dataclass(frozen=True)
class Ordinary:
    """What lines of ordinary stars are made of: a mean, components, and the spread of their scores.

    Attributes:
        mean: (n_pixels,).
        components: (n_components, n_pixels).
        deviation: (n_components,).
    """

    mean: Floats
    components: Floats
    deviation: Floats

    def fit(self, lines: Floats, weight: Floats) -> tuple[Floats, Floats]:
        """The ordinary star most like these lines, and the inverse of the normal matrix; one spectrum."""
        weighted = self.components * weight
        normal = weighted @ self.components.T
        normal[np.diag_indices(len(normal))] += (PRIOR * self.deviation) ** -2
        inverse = np.asarray(np.linalg.inv(normal), float)
        return self.mean + (inverse @ (weighted @ (lines - self.mean))) @ self.components, inverse


def gather(
    spectrum: Spectrum, observed: OnGrid, rest: OnGrid, velocity: Velocity, ordinary: Ordinary
) -> Evidence:
    """The evidence of one spectrum.

    Args:
        spectrum: As it was read.
        observed, rest: On the common pixels in both frames, one row each.
        velocity: Of the spectrum.
        ordinary: What lines of ordinary stars are made of.
    """
    (lines,), (weight,) = rest.lines()
    left, inverse, unit = _fitted(lines, weight, ordinary)
    emission, height, line = _emission(lines, weight, unit, ordinary, velocity.z)
    carbon, depth = _carbon(lines, weight, unit, ordinary)
    second, apart, light = _second(left, weight, unit, ordinary, inverse)
    step, jump = _step(left, weight, unit, ordinary, inverse, velocity.z)
    return Evidence(
        velocity, _halves(observed), emission, height, line, carbon, depth, second, apart, light,
        _sky(observed, left, weight, velocity.z), step, jump, _spikes(spectrum), _gaps(observed), unit,
    )  # fmt: skip


def flags_of(rest: OnGrid, ordinary: Ordinary) -> list[str]:
    """Which of `FLAGS` a star has, one spectrum at rest."""
    (lines,), (weight,) = rest.lines()
    left, inverse, unit = _fitted(lines, weight, ordinary)
    found = {
        "emission": _emission(lines, weight, unit, ordinary, 0.0)[0].value,
        "carbon": _carbon(lines, weight, unit, ordinary)[0],
        "second": _second(left, weight, unit, ordinary, inverse)[0],
    }
    return [flag for key, flag in FLAGS.items() if found[key] >= LEAST[key]]


def _fitted(lines: Floats, weight: Floats, ordinary: Ordinary) -> tuple[Floats, Floats, float]:
    """What an ordinary star leaves of the lines, the inverse of its normal matrix, and the reduced chi2, 1 at least."""
    model, inverse = ordinary.fit(lines, weight)
    left = lines - model
    n = int((weight > 0).sum()) - len(inverse)
    return left, inverse, max(float(weight @ left**2) / max(n, 1), 1.0)


def _emission(
    lines: Floats, weight: Floats, unit: float, ordinary: Ordinary, z: float
) -> tuple[Place, float, str]:
    """The strongest emission in a Balmer line over the ordinary star that the other pixels make."""
    at = [_pixel(line.wavelength) for line in BALMER]
    outside = weight.copy()
    for i in at:
        outside[max(i - AROUND, 0) : i + AROUND + 1] = 0
    model, _ = ordinary.fit(lines, outside)
    left = lines - model
    best = (Place(0.0), 0.0, "")
    for line, i in zip(BALMER, at, strict=True):
        span = slice(max(i - AROUND, 0), i + AROUND + 1)
        shape = np.exp(-0.5 * ((np.arange(N_PIXELS)[span] - i) / EMISSION_WIDTH) ** 2)
        power = float(weight[span] @ shape**2)
        if power <= 0 or (weight[span] > 0).mean() < 0.5:
            continue
        height = float(weight[span] @ (shape * left[span])) / power
        sigma = height * (power / unit) ** 0.5
        if sigma > best[0].value:
            best = Place(sigma, line.wavelength * (1 + z)), height, line.name
    return best


def _carbon(lines: Floats, weight: Floats, unit: float, ordinary: Ordinary) -> tuple[float, float]:
    """How much deeper the bands of carbon are than in the ordinary star that the other pixels make, and their depth."""
    shapes = _bands()
    inside = shapes.any(axis=0)
    model, _ = ordinary.fit(lines, np.where(inside, 0.0, weight))
    left = lines - model
    flat = _over_means(shapes)
    power = (flat**2) @ weight
    seen = power > 0
    if not seen.any():
        return 0.0, 0.0
    depth = -(flat @ (weight * left))[seen] / power[seen]
    sigma, mean = depth * (power[seen] / unit) ** 0.5, float(depth.mean())
    return float(sigma.sum() / seen.sum() ** 0.5) if mean >= CARBON_DEPTH else 0.0, mean


def _second(
    left: Floats, weight: Floats, unit: float, ordinary: Ordinary, inverse: Floats
) -> tuple[float, float, float]:
    """What a template at another velocity takes off chi2 beside the ordinary star: root of it, velocity, amplitude.

    It counts twice what it takes off in that half of the spectrum where this is less: lines of a star are in both,
    while an arm that is calibrated differently has other velocities in one.
    """
    velocity, moved = _displaced()
    shapes = moved.reshape(-1, N_PIXELS)
    across, power = _beside(shapes, left, weight, ordinary, inverse)
    amplitude = np.maximum(across, 0) / np.maximum(power, 1e-9)
    i = int((across * amplitude).argmax())
    free = shapes[i] - (inverse @ (ordinary.components @ (weight * shapes[i]))) @ ordinary.components
    blue = 10 ** log_wavelength() < MIDDLE
    gains = []
    for half in (blue, ~blue):
        if (weight[half] > 0).sum() >= LEAST_PIXELS:
            common = max(float((weight * free * left)[half].sum()), 0.0)
            gains.append(common**2 / max(float((weight * free**2)[half].sum()), 1e-9))
    gain = 2 * min(gains) if len(gains) == 2 else float(across[i] * amplitude[i])
    return (
        (gain / unit) ** 0.5,
        float(velocity[i // moved.shape[1]]),
        float(np.clip(amplitude[i], 0, 1)),
    )


def _halves(observed: OnGrid) -> tuple[float, float]:
    """Velocities blueward and redward of `MIDDLE` compared: in sigma, and in km/s."""
    blue = 10 ** log_wavelength() < MIDDLE
    found = []
    for half in (blue, ~blue):
        used = observed.used & half
        if used.sum() < LEAST_PIXELS:
            return float("nan"), float("nan")
        part = OnGrid(
            observed.object_id, np.where(used, observed.flux, 0.0), np.where(used, observed.ivar, 0.0), used
        )
        found += velocities_on_grid(part)
    one, other = found
    if one.failed or other.failed:
        return float("nan"), float("nan")
    off = other.value - one.value
    return abs(off) / float(np.hypot(one.error, other.error)), off


def _sky(observed: OnGrid, left: Floats, weight: Floats, z: float) -> Place:
    """The strongest residual of the star within two pixels of airglow, in sigma of its pixel."""
    shift = round(float(np.log10(1 + z)) / LOG_STEP)
    sigma = abs(left) * weight**0.5
    best = Place(0.0)
    for wavelength in SKY:
        i = _pixel(wavelength) - shift
        span = sigma[max(i - 2, 0) : max(i + 3, 0)]
        if len(span) and float(span.max()) > best.value:
            best = Place(float(span.max()), wavelength)
    return best


def _step(
    left: Floats, weight: Floats, unit: float, ordinary: Ordinary, inverse: Floats, z: float
) -> tuple[Place, float]:
    """The step of the flux that takes most off chi2, over those elsewhere in the spectrum; where; and its size."""
    shapes = _sawteeth()
    across, power = _beside(shapes, left, weight, ordinary, inverse)
    size = across / np.maximum(power, 1e-9)
    sigma = np.where(power > 0, abs(across) / np.sqrt(np.maximum(power, 1e-9) * unit), 0.0)
    seen = (weight > 0).astype(float)
    half = np.ones(STEP_WIDTH)
    behind, ahead = (np.convolve(seen, part, "full") for part in (half, half))
    edge = STEP_EVERY * np.arange(len(shapes))
    enough = (behind[np.maximum(edge - 1, 0)] > 0.6 * STEP_WIDTH) & (
        ahead[np.minimum(edge + STEP_WIDTH - 1, len(ahead) - 1)] > 0.6 * STEP_WIDTH
    )
    enough &= edge >= _pixel(STEP_FROM)
    sigma = np.where(enough, sigma, 0.0)
    i = int(sigma.argmax())
    far = enough & (abs(edge - edge[i]) > 2 * STEP_WIDTH)
    common = max(float(np.quantile(sigma[far], STEP_COMMON)), 1.0) if far.any() else 1.0
    at = 10 ** (log_wavelength()[int(edge[i])] - LOG_STEP / 2) * (1 + z)
    return Place(float(sigma[i]) / common, float(at)), float(size[i])


def _beside(
    shapes: NDArray[np.float32], left: Floats, weight: Floats, ordinary: Ordinary, inverse: Floats
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What shapes have in common with a residual, and their power, the ordinary star free: (n_shapes,) each.

    Shapes that the ordinary star has itself have no power.
    """
    w, components = weight.astype(np.float32), ordinary.components.astype(np.float32)
    shared, whole = shapes @ (components * w).T, (shapes**2) @ w
    power = whole - np.einsum("ij,jk,ik->i", shared, inverse.astype(np.float32), shared)
    usable = power > LEAST_POWER * whole
    return np.where(usable, shapes @ (w * left.astype(np.float32)), 0.0), np.where(usable, power, 0.0)


def _spikes(spectrum: Spectrum) -> Place:
    """How many pixels are spikes narrower than the lines of a star can be."""
    from spectrove.preprocess.quality import flag_cosmics

    found = np.flatnonzero(flag_cosmics(spectrum) & int(Mask.COSMIC))
    around = [spectrum.flux[max(i - SPIKE_AROUND, 0) : i + SPIKE_AROUND + 1] for i in found]
    high = [
        spectrum.flux[i] > (1 + SPIKE) * float(np.median(part)) for i, part in zip(found, around, strict=True)
    ]
    found = found[np.array(high, bool)]
    return Place(float(len(found)), float(spectrum.wavelength[found[0]]) if len(found) else float("nan"))


def _gaps(observed: OnGrid) -> float:
    """Share of the common pixels between the first and the last that are missing."""
    at = np.flatnonzero(observed.used[0])
    return float(1 - len(at) / (at[-1] - at[0] + 1)) if len(at) else 1.0


def _pixel(wavelength: float) -> int:
    return round((float(np.log10(wavelength)) - float(log_wavelength()[0])) / LOG_STEP)


@cache
def _bands() -> Floats:
    """The bands of carbon, deepest at their heads, (n_bands, n_pixels)."""
    wavelength = 10 ** log_wavelength()
    made = []
    for head, reach in BANDS:
        far = (head - wavelength) / reach
        made.append(np.where((far >= 0) & (far < 1), 1 - far, 0.0))
    return np.stack(made)


@cache
def _displaced() -> tuple[Floats, NDArray[np.float32]]:
    """Velocities of a second star, and all templates at each of them, (n_velocities, n_templates, n_pixels)."""
    one = np.arange(APART, FARTHEST + 1, EVERY)
    velocity = np.concatenate([-one[::-1], one])
    return velocity, np.stack([templates().moved(v) for v in velocity]).astype(np.float32)


@cache
def _sawteeth() -> NDArray[np.float32]:
    """Steps of height 1 in lines over running means, one every `STEP_EVERY` pixels, (n_steps, n_pixels)."""
    edge = STEP_EVERY * np.arange(N_PIXELS // STEP_EVERY)
    steps = (np.arange(N_PIXELS) >= edge[:, None]).astype(float)
    return _over_means(steps).astype(np.float32)


def _over_means(shapes: Floats) -> Floats:
    """Shapes as they look in lines over running means, where a wide band lifts what is beside it."""
    from spectrove.stars.continuum import means

    everywhere = np.ones(shapes.shape, bool)
    return np.asarray(shapes - means(shapes, everywhere), float)
