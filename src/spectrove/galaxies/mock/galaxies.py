"""Mock galaxies without noise: stars, dust, motion and gas of one galaxy, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.lines import LINE
from spectrove.galaxies.mock.dust import balmer_reddening, calzetti, cardelli
from spectrove.galaxies.mock.emission import LineRatios, LineSet, draw_lines, draw_ratios, emission_class
from spectrove.galaxies.mock.recipe import ClassRecipe, MockRecipe
from spectrove.galaxies.stellar import age_and_metallicity, broaden, stellar_basis
from spectrove.lines import SPEED_OF_LIGHT

#: Ages (Gyr) that part young from middle-aged from old light.
_YOUNG, _OLD = 0.8, 4.0


def _bursts(ages: NDArray) -> NDArray[np.float64]:
    """Dirichlet concentrations over ages: A stars alone, without younger or older ones, are rare."""
    return np.select(
        [ages < 0.15, ages < 0.3, ages < 0.8, ages < 1.2, ages < 1.7], [0.9, 0.5, 0.3, 0.3, 0.5], 0.8
    )


@dataclass(frozen=True)
class Galaxy:
    """One galaxy before it is observed; flux relative to its continuum at 5300-5850 rest angstrom.

    Attributes:
        name: One of `recipe.GALAXY_CLASSES`.
        z: True redshift.
        light: Share of each stellar population in the light, (n_templates,); `hot` that of stars too young
            for the populations, or of a nucleus.
        strength: Relative depth of the stellar absorption lines (1 = as the populations have it).
        sodium: Equivalent width of interstellar Na D, angstrom.
        ebv: Stellar reddening; `milky_way` says which attenuation curve.
        vdisp: km/s.
        lines: Relative to H alpha.
        ha_ew: Rest equivalent width of H alpha, angstrom.
        ratios: As in `lines`.
        class_of_lines: The class whose line ratios it has.
    """

    name: str
    z: float
    light: NDArray[np.float32]
    hot: float
    strength: float
    sodium: float
    ebv: float
    milky_way: bool
    vdisp: float
    lines: LineSet
    ha_ew: float
    ratios: LineRatios
    class_of_lines: str


def draw_galaxy(name: str, recipe: MockRecipe, rng: np.random.Generator) -> Galaxy:
    """A galaxy of the named class, with a redshift of its sample."""
    c = recipe.classes[name]
    tail = rng.random() < c.tail_share
    median, width = (c.tail_ha_ew, c.tail_sigma_dex) if tail else (c.ha_ew, c.ha_ew_sigma_dex)
    ha_ew = float(np.clip(median * 10 ** rng.normal(0, width), 0.02, 2000))
    logit = np.log(c.young / (1 - c.young)) + c.young_slope * np.log10(ha_ew / c.ha_ew)
    young = 1 / (1 + np.exp(-(logit + rng.normal(0, c.young_sigma))))
    metallicity = rng.normal(c.metallicity, c.metallicity_sigma)
    vdisp = float(np.clip(c.vdisp * 10 ** rng.normal(0, c.vdisp_sigma_dex), 25, 400))
    lines_of = emission_class(name, rng)
    ratios = _matching_ratios(lines_of, ha_ew, c, recipe, rng)
    gas = c.gas * 10 ** rng.normal(0, 0.13) * vdisp
    hot = young * np.clip(c.hot + c.hot_slope * np.log10(ha_ew / c.ha_ew) + rng.normal(0, 0.12), 0, 0.85)
    ebv = 0.44 * balmer_reddening(ratios.log_ha_hb) * rng.uniform(0.4, 1.2) if ha_ew > 3 else 0.0
    return Galaxy(
        name=name,
        z=draw_redshift(name, recipe, rng),
        hot=float(hot),
        light=(1 - hot)
        * draw_populations((young - hot) / (1 - hot), c.middle, metallicity, recipe.populations, rng),
        strength=float(np.clip(rng.normal(c.depth, recipe.noise.line_strength), 0.6, 1.5)),
        sodium=float(c.sodium * rng.exponential()),
        ebv=float(ebv + c.dust * rng.exponential()),
        milky_way=bool(rng.random() < 0.3),
        vdisp=vdisp,
        lines=draw_lines(lines_of, ratios, float(np.clip(gas, 20, 350)), rng),
        ha_ew=ha_ew,
        ratios=ratios,
        class_of_lines=lines_of,
    )


def _matching_ratios(
    lines_of: str, ha_ew: float, c: ClassRecipe, recipe: MockRecipe, rng: np.random.Generator
) -> LineRatios:
    """Line ratios; with a `metal_slope`, those of six draws that suit the equivalent width best.

    The fitted mixture counts galaxies in a volume, most of them small; a flux-limited sample has more
    metal-rich ones, and the strongest lines belong to the metal-poor.
    """
    scatter, cells = recipe.lines.ratio_scatter, recipe.line_cells
    if c.metal_slope is None:
        return draw_ratios(lines_of, rng, scatter, cells)
    wanted = c.metal_median + c.metal_slope * np.log10(ha_ew / c.ha_ew) + rng.normal(0, 0.22)
    drawn = (draw_ratios(lines_of, rng, scatter, cells) for _ in range(6))
    return min(drawn, key=lambda r: abs(r.log_nii_ha - wanted))


def draw_redshift(name: str, recipe: MockRecipe, rng: np.random.Generator) -> float:
    """A redshift of the main sample, or of red galaxies and the lenses among them."""
    r = recipe.redshift
    if name == "red":
        # Luminous red galaxies are picked from a narrow range: few at its ends.
        return float(r.red[0] + (r.red[1] - r.red[0]) * rng.beta(2.0, 2.0))
    for _ in range(100):
        z = r.minimum + rng.gamma(r.shape, r.scale)
        if z < r.maximum:
            return float(z)
    return float(r.maximum)


@cache
def _populations() -> tuple[NDArray, NDArray]:
    return age_and_metallicity(stellar_basis()[2])


@cache
def allowed(populations: str) -> NDArray[np.bool_]:
    """Which populations a survey may use, (n_templates,): all, or one of two halves that share none.

    The halves alternate in age and, from one metallicity to the next, in phase: both cover the whole range.
    """
    age, metallicity = _populations()
    rank = np.searchsorted(np.unique(age), age) + np.searchsorted(np.unique(metallicity), metallicity)
    return {"all": np.ones(len(age), bool), "even": rank % 2 == 0, "odd": rank % 2 == 1}[populations]


def draw_populations(
    young: float, middle: float, metallicity: float, populations: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Shares of light, (n_templates,), summing to one: bursts within three spans of age."""
    age, metal = _populations()
    ages = np.unique(age)
    share = np.zeros(len(ages))
    # In the middle, the mean share `middle` of what is not young, spread as a Beta distribution.
    between = (1 - young) * rng.beta(4 * middle, 4 * (1 - middle))
    spans = (ages < _YOUNG, (ages > _YOUNG) & (ages < _OLD), ages > _OLD)
    for span, amount in zip(spans, (young, between, 1 - young - between), strict=True):
        share[span] = amount * rng.dirichlet(_bursts(ages[span]))
    near = np.exp(-0.5 * ((metal - np.clip(metallicity, -1.2, 0.26)) / 0.18) ** 2) * allowed(populations)
    light = near * share[np.searchsorted(ages, age)]
    return (light / light.sum()).astype(np.float32)


def observe_continuum(galaxy: Galaxy, loglam: NDArray) -> NDArray[np.float64]:
    """Stellar continuum on an observed log grid of step 1e-4, median about 1 at rest 5300-5850 angstrom."""
    wavelength, templates, _ = stellar_basis()
    rest = galaxy.light @ templates
    if galaxy.strength != 1:
        rest = rest + (galaxy.strength - 1) * (rest - _local_level(rest))
    start = (loglam[0] - np.log10(1 + galaxy.z) - np.log10(wavelength[0])) / 1e-4
    first = int(np.floor(start))
    shifted = broaden(rest, galaxy.vdisp, shift=first - start)
    observed = 10**loglam
    at_rest = observed / (1 + galaxy.z)
    flux = shifted[first : first + len(loglam)] + galaxy.hot * _hot_light(at_rest)
    return flux * _attenuation(galaxy, at_rest) * _sodium(galaxy, at_rest)


def _hot_light(rest: NDArray) -> NDArray[np.float64]:
    """Light of stars of some 35,000 K with their nebula, or of a nucleus: featureless, 1 at 5500 angstrom."""
    return (rest / 5500.0) ** -2.4


def _sodium(galaxy: Galaxy, rest: NDArray) -> NDArray[np.float64]:
    """Transmission through neutral gas that moves as the stars do."""
    out = np.ones(len(rest))
    for key, share in (("nad_5890", 0.56), ("nad_5896", 0.44)):
        centre = LINE[key].wavelength
        width = centre * np.hypot(galaxy.vdisp, 69.0) / SPEED_OF_LIGHT
        low, high = np.searchsorted(rest, [centre - 5 * width, centre + 5 * width])
        u = (rest[low:high] - centre) / width
        out[low:high] -= np.minimum(galaxy.sodium * share / (np.sqrt(2 * np.pi) * width), 0.8) * np.exp(
            -0.5 * u * u
        )
    return np.maximum(out, 0.05)


def _local_level(rest: NDArray) -> NDArray:
    """A running mean over 200 pixels: what absorption lines are deep against."""
    sums = np.cumsum(np.pad(rest.astype(float), (101, 100), mode="edge"))
    return (sums[201:] - sums[:-201]) / 201


def _attenuation(galaxy: Galaxy, rest: NDArray) -> NDArray[np.float64]:
    coarse = np.linspace(rest[0], rest[-1], 120)
    k = cardelli(np.maximum(coarse, 3000)) if galaxy.milky_way else calzetti(coarse)
    dimmed = 10 ** (-0.4 * galaxy.ebv * (k - (3.1 if galaxy.milky_way else 4.05)))
    return np.interp(rest, coarse, dimmed)


def observe_lines(galaxy: Galaxy, wavelength: NDArray, lsf: NDArray, ha_level: float) -> NDArray[np.float64]:
    """Emission on observed pixels, where `ha_level` is the continuum (observed flux density) at H alpha."""
    return galaxy.lines.paint(wavelength, lsf, galaxy.z, galaxy.ha_ew * ha_level * (1 + galaxy.z))


def age_of_light(galaxy: Galaxy) -> tuple[float, float]:
    """Light-weighted means of log10 age (Gyr) and [M/H] (dex) over the populations; hot light has neither."""
    age, metallicity = _populations()
    share = galaxy.light / galaxy.light.sum()
    return float(share @ np.log10(age)), float(share @ metallicity)


def ha_level(galaxy: Galaxy, loglam: NDArray, continuum: NDArray) -> float:
    """Continuum under H alpha; from the red end where H alpha has left the spectrum."""
    centre = np.log10(LINE["ha"].wavelength * (1 + galaxy.z))
    i = int(np.clip(np.searchsorted(loglam, centre), 3, len(loglam) - 4))
    return float(np.median(continuum[i - 3 : i + 4]))
