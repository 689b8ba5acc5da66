"""Stars with known labels, seen by Gaia's BP: a model of real spectra, and what differs from it among real stars.

The model is a cubic polynomial in labels for the logarithm of each pixel, fitted to labelled spectra. A mock star has
labels close to a real star's, and a share of what two other real stars differ from the model by. Absolute magnitudes
are a relation of labels (`absolute_g`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ParameterError
from spectrove.readers.gaia.instrument import band
from spectrove.stars.tokens.recipe import MockRecipe
from spectrove.stars.tokens.vocabulary import BP, COLOURS, LABELS, N_BP, NAMES, PARALLAX_G, PLACE, THETA

Floats = NDArray[np.float64]

#: Pixels of the model: vacuum angstrom.
WAVELENGTH = np.arange(3550.0, 7400.0, 5.0)

#: Bluer light is taken to be as bright as the mean up to here, angstrom: BP begins at 3300, spectra of MILES at 3541.
_BLUE = 3650.0

#: Filters of the colours, and what is added to the difference of AB magnitudes (Vega: Blanton & Roweis 2007, table 1).
FILTERS = {"b_v": ("bessell-B", "bessell-V", 0.11), "g_r": ("sdss2010-g", "sdss2010-r", 0.0)}

#: The Sun.
_SUN_TEFF, _SUN_LOGG, _SUN_BOLOMETRIC = 5772.0, 4.438, 4.74

#: Magnitudes in a natural logarithm.
_MAGNITUDE = 2.5 / np.log(10)

#: Stars that are computed together.
_TOGETHER = 4000


@dataclass(frozen=True)
class SpectralModel:
    """What spectra of stars are, given labels, and what single stars differ by.

    Attributes:
        centre, spread: Of 5040 K / Teff, log g and [Fe/H], (3,).
        polynomial: Of the logarithm of flux, (n_terms, n_pixels).
        components: Directions in which stars differ, (n_components, n_pixels).
    """

    centre: Floats
    spread: Floats
    polynomial: Floats
    components: Floats

    def __call__(self, labels: Floats, scores: Floats) -> Floats:
        """Flux, (n_stars, n_pixels), from Teff, log g, [Fe/H] (n_stars, 3) and scores on the components."""
        return np.exp(self._terms(labels) @ self.polynomial + scores @ self.components)

    def _terms(self, labels: Floats) -> Floats:
        return cubic((_theta(labels) - self.centre) / self.spread)

    def scores(self, flux: Floats, labels: Floats) -> Floats:
        """What spectra differ by, on the components."""
        return (_log(flux) - self._terms(labels) @ self.polynomial) @ self.components.T

    def residual(self, flux: Floats, labels: Floats) -> Floats:
        """By how much spectra differ from the polynomial, rms in mag; (n_stars,)."""
        left = _log(flux) - self._terms(labels) @ self.polynomial
        return np.asarray(_MAGNITUDE * np.sqrt((left**2).mean(axis=1)))


@dataclass(frozen=True)
class Parents:
    """Real stars that mock stars are made after.

    Attributes:
        labels: Teff, log g, [Fe/H]; (n_parents, 3).
        scores: What their spectra differ from the model by, (n_parents, n_components).
    """

    labels: Floats
    scores: Floats


def fit_model(flux: Floats, labels: Floats, recipe: MockRecipe) -> tuple[SpectralModel, NDArray[np.bool_]]:
    """A model of spectra on `WAVELENGTH`, and which stars it was fitted to: those that it explains.

    Args:
        flux: Above zero, in any unit, (n_stars, n_pixels).
        labels: Teff in K, log g, [Fe/H].
        recipe: How.
    """
    theta, log = _theta(labels), _log(flux)
    kept = np.ones(len(flux), bool)
    for _ in range(5):
        centre, spread = theta[kept].mean(axis=0), theta[kept].std(axis=0)
        terms = cubic((theta - centre) / spread)
        polynomial = np.asarray(np.linalg.lstsq(terms[kept], log[kept], rcond=None)[0], float)
        left = log - terms @ polynomial
        kept = _MAGNITUDE * np.sqrt((left**2).mean(axis=1)) < recipe.clip
    vectors = np.asarray(np.linalg.svd(left[kept], full_matrices=False)[2], float)
    return SpectralModel(
        np.asarray(centre, float), np.asarray(spread, float), polynomial, vectors[: recipe.components]
    ), kept


def on_model_pixels(wavelength: Floats, flux: Floats) -> Floats:
    """Spectra averaged over the pixels of the model, (n_stars, n_pixels); wavelengths are vacuum angstrom."""
    width = WAVELENGTH[1] - WAVELENGTH[0]
    edges = np.append(WAVELENGTH, WAVELENGTH[-1] + width) - width / 2
    ends = np.interp(edges, wavelength, np.arange(len(wavelength)))
    total = np.concatenate([np.zeros((len(flux), 1)), np.cumsum(flux, axis=1)], axis=1)
    low = np.floor(ends + 0.5).astype(int)
    return (total[:, low[1:]] - total[:, low[:-1]]) / np.diff(low)


def absolute_g(labels: Floats) -> Floats:
    """The absolute magnitude in G of stars of these labels without extinction: a simple relation, for mock stars.

    The luminosity of a mass, a temperature and a gravity. The mass is that of the main sequence, (Teff / 5772 K)^1.6,
    above log g 3.8 and 1.2 solar ones for giants, with a smooth step; bolometric corrections are those of Andrae et al.
    2018 (A&A 616, A8).
    """
    teff, logg = labels[:, 0], labels[:, 1]
    dwarf = 1 / (1 + np.exp(-(logg - 3.8) / 0.15))
    log_mass = dwarf * 1.6 * np.log10(teff / _SUN_TEFF) + (1 - dwarf) * np.log10(1.2)
    log_luminosity = log_mass + 4 * np.log10(teff / _SUN_TEFF) - (logg - _SUN_LOGG)
    off = teff - _SUN_TEFF
    warm = np.polynomial.Polynomial([6.000e-2, 6.731e-5, -6.647e-8, 2.859e-11, -7.197e-15])(off)
    cool = np.polynomial.Polynomial([1.749, 1.977e-3, 3.737e-7, -8.966e-11, -4.183e-14])(off)
    correction = np.where(teff > 4000, warm, cool)
    return np.asarray(_SUN_BOLOMETRIC - 2.5 * log_luminosity - correction)


def extinction(wavelength: Floats) -> Floats:
    """Magnitudes of extinction for E(B-V) = 1 on wavelengths in angstrom: Gordon et al. 2023, R(V) = 3.1.

    Raises:
        ParameterError: dust_extinction is not installed.
    """
    try:
        from astropy import units
        from dust_extinction.parameter_averages import G23
    except ImportError as error:
        raise ParameterError(
            "mock stars need dust_extinction, which is not installed. pip install 'spectrove[gaia]'."
        ) from error
    return 3.1 * np.asarray(G23(Rv=3.1)(np.asarray(wavelength) * units.AA))


class MockStars:
    """Draws mock stars after real ones.

    Args:
        model: Of spectra.
        parents: Real stars: of those to learn from, or of those to test with.
        recipe: How.
    """

    def __init__(self, model: SpectralModel, parents: Parents, recipe: MockRecipe) -> None:
        self.model, self.parents, self.recipe = model, parents, recipe
        blue = np.arange(3250.0, WAVELENGTH[0], 5.0)
        self._matrix = band("bp").project(np.concatenate([blue, WAVELENGTH]) / 10)
        self._n_blue, self._total = len(blue), band("bp").total
        self._law = extinction(WAVELENGTH)
        self._colours = _colour_weights()

    def labels(self, n: int, rng: np.random.Generator) -> Floats:
        """Teff, log g, [Fe/H] and log10 E(B-V) of n stars, (n, 4)."""
        after = self.parents.labels[rng.integers(len(self.parents.labels), size=n)]
        teff, logg, fe_h = self.recipe.jitter
        low, high = (float(np.log10(limit)) for limit in self.recipe.e_bv)
        labels = np.stack(
            [
                np.clip(after[:, 0] * np.exp(teff * rng.normal(size=n)), *self.recipe.teff),
                after[:, 1] + logg * rng.normal(size=n),
                after[:, 2] + fe_h * rng.normal(size=n),
                rng.uniform(low, high, size=n),
            ],
            axis=1,
        )
        return labels

    def scores(self, n: int, rng: np.random.Generator) -> Floats:
        """What n stars differ from the model by: a share of what two real stars do, at a random angle."""
        first, second = self.parents.scores[rng.integers(len(self.parents.scores), size=(2, n))]
        angle = rng.uniform(0, 2 * np.pi, size=(n, 1))
        return self.recipe.share * (np.cos(angle) * first + np.sin(angle) * second)

    def tokens(
        self, labels: Floats, scores: Floats, progress: Callable[[int, int], None] | None = None
    ) -> Floats:
        """The true values of all tokens in their units, (n, n_tokens).

        Args:
            labels: As `labels` gives them.
            scores: As `scores` gives them.
            progress: Told how many stars are done.
        """
        out = np.empty((len(labels), len(NAMES)))
        for start in range(0, len(labels), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            out[part] = self._some(labels[part], scores[part])
            if progress is not None:
                progress(min(start + _TOGETHER, len(labels)), len(labels))
        return out

    def _some(self, labels: Floats, scores: Floats) -> Floats:
        e_bv = 10 ** labels[:, 3:]
        flux = self.model(labels[:, :3], scores) * 10 ** (-0.4 * e_bv * self._law)
        out = np.empty((len(labels), len(NAMES)))
        coefficients = self.coefficients(flux)
        out[:, [PLACE[name] for name in BP]] = coefficients[:, :N_BP]
        for name in COLOURS:
            blue, red, constant = self._colours[name]
            out[:, PLACE[name]] = -2.5 * np.log10((flux @ blue) / (flux @ red)) + constant
        out[:, [PLACE[name] for name in LABELS]] = labels
        dimmed = 3.1 * 0.86 * e_bv[:, 0]  # A(G), at 6200 angstrom
        out[:, PLACE[PARALLAX_G]] = 10 ** (0.2 * (absolute_g(labels) + dimmed) + 2)
        return out

    def coefficients(self, flux: Floats) -> Floats:
        """Coefficients of BP over the flux of the band, (n, 55), of flux on `WAVELENGTH`."""
        blue = flux[:, WAVELENGTH < _BLUE].mean(axis=1, keepdims=True).repeat(self._n_blue, axis=1)
        found = np.concatenate([blue, flux], axis=1) @ self._matrix
        return found / (found @ self._total)[:, None]


def cubic(values: Floats) -> Floats:
    """All products of up to three of the columns, (n, n_terms)."""
    n = values.shape[1]
    terms = [np.ones(len(values))]
    for order in (1, 2, 3):
        terms += [values[:, list(c)].prod(axis=1) for c in combinations_with_replacement(range(n), order)]
    return np.stack(terms, axis=1)


def _theta(labels: Floats) -> Floats:
    return np.stack([THETA / labels[:, 0], labels[:, 1], labels[:, 2]], axis=1)


def _log(flux: Floats) -> Floats:
    log = np.log(flux)
    return np.asarray(log - log.mean(axis=1, keepdims=True))


def _colour_weights() -> dict[str, tuple[Floats, Floats, float]]:
    """Weights of pixels for the photons in each filter over those of a flat spectrum (AB), by colour."""
    try:
        from speclite.filters import load_filter
    except ImportError as error:
        raise ParameterError(
            "mock stars need speclite, which is not installed. pip install 'spectrove[gaia]'."
        ) from error

    def weights(name: str) -> Floats:
        found = load_filter(name)
        response = np.interp(WAVELENGTH, found.wavelength, found.response, left=0, right=0)
        return response * WAVELENGTH / (response / WAVELENGTH).sum()

    return {name: (weights(blue), weights(red), constant) for name, (blue, red, constant) in FILTERS.items()}
