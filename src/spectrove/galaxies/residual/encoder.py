"""The surprise encoder: features of the residual of a spectrum from ordinary galaxies, in sigma."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.checkpoint import load_encoder
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.galaxies.residual.features import (
    Blocks,
    block_means,
    find_peaks,
    joint_evidence,
    largest_step,
    smoothed,
    whitened,
)
from spectrove.galaxies.residual.own_lines import MEASURED, LineMeter, Mixture
from spectrove.galaxies.residual.recipe import surprise_of
from spectrove.galaxies.residual.reconstruction import SODIUM, Ordinary, Reconstructor, Residual, near
from spectrove.preprocess import Prepared

Floats = NDArray[np.floating]

#: Edges of the regions with separate features, rest angstrom.
REGIONS = (2400.0, 3600.0, 4200.0, 4750.0, 5300.0, 5870.0, 6450.0, 7100.0, 8900.0)
#: Emission lines of a background galaxy, searched jointly, rest angstrom; [O II] first.
BEHIND = (3728.8, 3869.860, 4341.684, 4862.683, 4960.295, 5008.240, 6564.614, 6585.27)
#: Stellar absorption lines, for a second object at another redshift, rest angstrom; Ca K first.
STARS = (3934.777, 3969.588, 4102.892, 4305.61, 4341.684, 4862.683, 5176.63, 5894.57, 6564.614)
#: Lines of the galaxy with separate features, rest angstrom.
OWN = {
    "oii": 3728.8, "neiii": 3869.860, "hb": 4862.683, "oiii": 5008.240, "hei": 5877.29, "oi": 6302.046,
    "ha": 6564.614, "nii": 6585.27, "sii": 6725.5,
}  # fmt: skip
#: Ranges where stellar templates are known to be wrong, rest angstrom: interstellar absorption, and telluric bands left
#: in the stellar spectra of the templates. No peak is searched here. (Excluding the iron lines at 4256, 5269 and 5325,
#: where real galaxies differ from the templates most often, was tried without improvement.)
UNSURE = ((5884.0, 5904.0), (6860.0, 6895.0), (7590.0, 7650.0))
#: Error of the equivalent width of sodium, angstrom, at which its weight is one half.
_SODIUM_ERROR = 1.5
#: Numbers of peaks checked and reported.
N_CHECKED, N_PEAKS = 6, 3

#: Features of a vector, and their weights in a distance.
FEATURES: dict[str, float] = {
    "peak_1": 2.0, "peak_2": 1.5, "peak_3": 1.0, "beyond_cosmic": 1.5, "broad_peak": 0.6,
    "joint_beyond": 2.0, "joint": 1.0, "absorption": 0.6, "broad_absorption": 0.6, "second_stars": 1.2,
    "misfit": 1.0, "score_distance": 1.5, "largest_score": 0.7,
    "slow": 0.6, "slowest": 0.6, "step": 1.2, "continuum": 0.8,
    "sodium": 2.5, "line_distance": 2.0, "double_peak": 1.5,
    **{f"line_{key}": 0.3 for key in OWN},
    **{f"misfit_{low:.0f}": 0.3 for low in REGIONS[:-1]},
}  # fmt: skip
#: Features for which low values are unusual too.
TWO_SIDED = frozenset({"sodium", *(f"line_{key}" for key in OWN)})
#: Fraction of ordinary galaxies on either side of the ordinary range of a feature.
BEYOND_BAND = 0.15
#: Weight of a feature within its ordinary range.
_WITHIN = 0.3


class SurpriseEncoder(Encoder):
    """Features of the residual of a spectrum from its best reconstruction from ordinary galaxies.

    The reconstruction consists of a mean spectrum and principal components at flux level. `FEATURES` describe the
    residual, in sigma, and the distance of the reconstruction itself from ordinary galaxies.

    Weights: mean (n_pixels,), components (n_components, n_pixels) scaled by the spread of their scores, noise
    (n_pixels,) the relative width of residuals, band (3, n_features) low end, centre and high end of each feature for
    ordinary galaxies, and the Gaussian mixtures of ordinary scores and lines, `score_*` and `line_*`.
    """

    batch_size = 16  # measured: larger batches exceed the cache and are a quarter slower

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more) -> None:
        super().__init__(recipe, weights, **more)
        settings = surprise_of(recipe)
        n, k = recipe.on_grid.n_pixels, settings.n_components
        shapes: dict[str, tuple[int, ...]] = {"mean": (n,), "components": (k, n), "noise": (n,)}
        shapes |= {"band": (3, len(FEATURES))}
        for name, m, d in (
            ("score", settings.score_groups, k),
            ("line", settings.line_groups, len(MEASURED)),
        ):
            shapes |= {f"float32.{name}_mean": (m, d), f"float32.{name}_covariance": (m, d, d)}
        check_shapes(recipe, self.weights, shapes)
        arrays = {name.removeprefix("float32."): self.weights[name].astype(np.float32) for name in shapes}
        ordinary = Ordinary(arrays["mean"], arrays["components"])
        #: Detector of the features, used to find their wavelengths in a spectrum.
        self.detector = Detector(
            Reconstructor(recipe.on_grid.wavelength, ordinary, arrays["noise"]),
            Mixture(arrays["score_mean"], arrays["score_covariance"]),
            Mixture(arrays["line_mean"], arrays["line_covariance"]),
        )
        self._band = arrays["band"]

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        return recipe.model_copy(update={"own": surprise_of(recipe).model_dump()})

    def identity(self) -> dict[str, Any]:
        """Without the table [surprise]: the shapes of the weights say what of it affects the vectors."""
        return self.recipe.model_copy(update={"own": None}).identity()

    @property
    def n_dimensions(self) -> int:
        return len(FEATURES)

    def _vectors(self, batch: Prepared) -> NDArray:
        return excess(self.detector.features(batch.flux, batch.ivar), self._band)


@cache
def shipped() -> SurpriseEncoder:
    """The encoder `surprise` that comes with Spectrove."""
    folder = Path(__file__).parents[1] / "weights"
    return cast(SurpriseEncoder, load_encoder("surprise", [folder], {"surprise": lambda: SurpriseEncoder}))


class Detector:
    """Features of spectra: from their residuals, and from their scores and lines relative to ordinary galaxies."""

    def __init__(self, reconstructor: Reconstructor, scores: Mixture, lines: Mixture) -> None:
        self.reconstructor, self.scores, self.lines = reconstructor, scores, lines
        wavelength = reconstructor.wavelength
        self.meter = LineMeter(wavelength)
        self._unsure = np.zeros(len(wavelength), bool)
        for low, high in UNSURE:
            self._unsure |= (wavelength > low) & (wavelength < high)
        self._own = [near(wavelength, line, 700) for line in OWN.values()]
        self._regions = np.clip(np.searchsorted(wavelength, REGIONS), 0, len(wavelength) - 1)
        self._sodium = slice(*np.searchsorted(wavelength, SODIUM).tolist())
        step = float(np.log(wavelength[1] / wavelength[0]))
        self._behind, self._stars = _offsets(BEHIND, step), _offsets(STARS, step)
        self._first = int(np.searchsorted(wavelength, BEHIND[0] * 1.03))

    def features(self, flux: Floats, ivar: Floats) -> Floats:
        """The columns of `FEATURES`, compressed but not relative to ordinary galaxies, (n_spectra, n_features)."""
        left = self.reconstructor.explain(flux, ivar)
        flat, slow = whitened(left.sigma, left.valid)
        flat[:, self._unsure] = 0
        strength = smoothed(flat)
        square = np.minimum(left.sigma**2, 30)
        columns = [
            *self._peaks(flat, strength),
            _log_mean(square, left.valid),
            np.log(self.scores.distance(left.scores) + 0.5),
            np.log(np.abs(left.scores).max(axis=1) + 0.2),
            *_slow(slow),
            np.arcsinh(largest_step(*_relative(left), left.valid) / 4),
            _continuum(left),
            *self._lines(left),
            *(np.arcsinh(_extreme(strength[1][:, span]) / 4) for span in self._own),
            *self._misfits(square, left.valid),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    def _peaks(self, flat: Floats, strength: list[Floats]) -> list[Floats]:
        unresolved = np.maximum(np.maximum(strength[0], strength[1]), strength[2])
        dips = -np.minimum(strength[1], strength[2])
        peaks = find_peaks(flat, unresolved, N_CHECKED)
        beyond, together = joint_evidence(unresolved, self._behind, self._first)
        return [
            *np.arcsinh((peaks.safe[:, :N_PEAKS] - 3.5) / 2).T,
            np.arcsinh(peaks.beyond.max(axis=1) / 2),
            np.arcsinh(strength[3].max(axis=1) / 4),
            np.arcsinh(beyond / 2),
            np.arcsinh(together / 4),
            np.arcsinh(dips.max(axis=1) / 4),
            np.arcsinh(-strength[3].min(axis=1) / 4),
            np.arcsinh(joint_evidence(dips, self._stars, 0)[0] / 3),
        ]

    def _lines(self, left: Residual) -> list[Floats]:
        flux = (left.model + left.difference) * left.valid
        values, errors = self.meter.widths(flux, left.variance, left.valid, left.model)
        valley = self.meter.valley(flux, left.variance, left.valid, left.model)
        level = np.maximum(left.model[:, self._sodium].mean(axis=1), 0.05)
        width = self.meter.width[self._sodium]
        sodium = -(left.difference[:, self._sodium] * width).sum(axis=1) / level
        noise = (left.variance[:, self._sodium] * width**2).sum(axis=1) / level**2
        return [
            4 * np.arcsinh(sodium / (1 + noise / _SODIUM_ERROR**2) / 4),
            np.log(self.lines.distance(values, errors) + 0.5),
            np.arcsinh(valley / 3),
        ]

    def _misfits(self, square: Floats, valid: Floats) -> list[Floats]:
        spans = [slice(a, b) for a, b in zip(self._regions[:-1], self._regions[1:], strict=True)]
        return [_log_mean(square[:, span], valid[:, span]) for span in spans]


def excess(features: Floats, band: Floats) -> Floats:
    """Excess of features over the range of ordinary galaxies, in half widths of the range, compressed and weighted.

    Differences within the range have little weight: they are described by other views, and would hide a single unusual
    feature.

    Args:
        features: Shape (n_spectra, n_features).
        band: Low end, centre and high end, (3, n_features).
    """
    low, middle, high = band
    from_middle = features - middle
    half_width = np.maximum(np.where(from_middle > 0, high - middle, middle - low), 1e-3)
    scaled = from_middle / half_width
    beyond = np.sign(scaled) * np.maximum(np.abs(scaled) - 1, 0)
    two_sided = np.array([name in TWO_SIDED for name in FEATURES])
    beyond = np.where(two_sided | (beyond > 0), beyond, 0)
    compressed = 2 * np.arcsinh(beyond / 2) + _WITHIN * np.clip(scaled, -3, 3)
    return (compressed * np.array(list(FEATURES.values()), np.float32)).astype(np.float32)


def _offsets(lines: tuple[float, ...], step: float) -> NDArray[np.int64]:
    """Pixels from the first line to each."""
    return np.round(np.log(np.array(lines) / lines[0]) / step).astype(int)


def _extreme(strength: Floats) -> Floats:
    """The value with the largest modulus in each row, with its sign."""
    high, low = strength.max(axis=1), strength.min(axis=1)
    return np.where(high > -low, high, low)


def _log_mean(square: Floats, valid: Floats) -> Floats:
    """log of the mean over good pixels, shrunk to 0 if there are few."""
    return np.log((square.sum(axis=1) + 20) / (valid.sum(axis=1) + 20))


def _relative(left: Residual) -> tuple[Floats, Floats]:
    scale = 1 / np.maximum(left.model, 0.05)
    return left.difference * scale, left.variance * scale**2


def _slow(slow: Blocks) -> list[Floats]:
    """Broad misfit: rms and largest value, in sigma."""
    sigma = np.where(slow.known, slow.level * np.sqrt(slow.count), 0)
    rms = np.sqrt((sigma**2).sum(axis=1) / np.maximum(slow.known.sum(axis=1), 1))
    return [np.log(rms + 0.3), np.arcsinh(np.abs(sigma).max(axis=1, initial=0) / 4)]


def _continuum(left: Residual) -> Floats:
    """log of the rms broad misfit relative to the flux of the galaxy."""
    blocks = block_means(np.clip(left.difference, -1, 1), left.valid)
    level = np.where(blocks.known, blocks.level, 0)
    return 0.5 * np.log((level**2).sum(axis=1) / np.maximum(blocks.known.sum(axis=1), 1) + 1e-5)
