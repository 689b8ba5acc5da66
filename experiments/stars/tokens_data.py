"""Mock stars for the network on tokens, after stars of MILES: those to learn from, and others to test with."""

from __future__ import annotations

import zlib
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments.stars.data import Labelled, miles
from spectrove.provenance import hash_arrays
from spectrove.stars.tokens.mock import MockStars, Parents, fit_model, on_model_pixels
from spectrove.stars.tokens.recipe import MockRecipe

#: One star in so many is tested with, by its name.
ONE_IN = 5


class Mocks(NamedTuple):
    """Two sources of mock stars that share no star of MILES.

    Attributes:
        learn: The model of spectra is fitted to these stars alone.
        test: After the other stars.
        n_learn, n_test: Numbers of stars of MILES.
        left_out: Number of stars that the model does not explain.
    """

    learn: MockStars
    test: MockStars
    n_learn: int
    n_test: int
    left_out: int


def is_test(star: tuple[str, ...]) -> NDArray[np.bool_]:
    """Whether stars are tested with, by their names."""
    return np.array([zlib.crc32(name.encode()) % ONE_IN == 0 for name in star])


@cache
def mocks(recipe: MockRecipe) -> Mocks:
    """Both sources."""
    stars = miles().take_labelled()
    teff = stars.labels[:, 0]
    stars = stars.take(np.asarray((teff >= recipe.teff[0]) & (teff <= recipe.teff[1])))
    flux = spectra_of(stars)
    fine = np.asarray((flux > 0).all(axis=1))
    stars, flux = stars.take(fine), flux[fine]
    test = is_test(stars.star)
    model, _ = fit_model(flux[~test], stars.labels[~test], recipe)
    scores = model.scores(flux, stars.labels)
    left = model.residual(flux, stars.labels)
    explained = left < recipe.clip
    parents = [Parents(stars.labels[s & explained], scores[s & explained]) for s in (~test, test)]
    return Mocks(
        MockStars(model, parents[0], recipe), MockStars(model, parents[1], recipe), len(parents[0].labels),
        len(parents[1].labels), int((~explained).sum()),
    )  # fmt: skip


def spectra_of(stars: Labelled) -> NDArray[np.float64]:
    """Spectra of MILES on the pixels of the model."""
    spectra = [stars.spectra[i] for i in range(len(stars.spectra))]
    flux = np.stack([one.flux for one in spectra]).astype(float)
    return on_model_pixels(np.asarray(spectra[0].wavelength), flux)


def drawn(source: MockStars, n: int, seed: int) -> NDArray[np.float64]:
    """True values of all tokens of n mock stars, (n, n_tokens)."""
    rng = np.random.default_rng(seed)
    labels = source.labels(n, rng)
    return source.tokens(labels, source.scores(n, rng))


def fingerprint(tokens: NDArray[np.float64]) -> str:
    """Of mock stars."""
    return hash_arrays({"tokens": tokens})
