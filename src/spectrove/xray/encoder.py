"""The encoder of hardness ratios and principal components of counts in energy bins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.pca import scores
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError, Refusal
from spectrove.xray.binned import RATIOS, Binned, HardnessRecipe, bin_counts
from spectrove.xray.counts import CountSet

KIND = "hardness_pca"


class HardnessEncoder(Encoder):
    """Hardness ratios, then scores on principal components: the colour of a spectrum, not its brightness.

    Weights: ratio_mean and ratio_deviation (2,) over the training spectra; mean (n_bins,), components
    (n_components, n_bins) and deviation (n_components,) of the scores.
    """

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        #: Settings of bins and components.
        self.settings = hardness_of(self.recipe)
        n, k, r = self.settings.n_bins, self.settings.n_components, len(RATIOS)
        shapes: dict[str, tuple[int, ...]] = {"mean": (n,), "components": (k, n), "deviation": (k,)}
        check_shapes(recipe, self.weights, shapes | {"ratio_mean": (r,), "ratio_deviation": (r,)})
        self._arrays = {name: array.astype(np.float64) for name, array in self.weights.items()}
        deviation = self._arrays["deviation"]
        self._scale = deviation[0] ** (self.settings.whitening - 1) * deviation**-self.settings.whitening

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        return recipe.model_copy(update={"own": hardness_of(recipe).model_dump()})

    @property
    def frame(self) -> str:
        return "observed"

    @property
    def preparation(self) -> str:
        return self.settings.preparation

    def prepare(self, spectra: Any) -> tuple[Binned, list[Refusal]]:
        """Counts in energy bins, and the reasons for refusing those that are no counts or have none."""
        if not isinstance(spectra, CountSet):
            sentence = (
                "fluxes on wavelengths, expected counts with a response. Use a base of that kind of spectra."
            )
            empty, _ = bin_counts(CountSet.from_counts([]), self.settings)
            return empty, [Refusal(str(name), f"{name}: {sentence}") for name in spectra.object_id]
        return bin_counts(spectra, self.settings)

    @property
    def n_dimensions(self) -> int:
        return len(RATIOS) + self.settings.n_components

    def _vectors(self, batch: Binned) -> NDArray:
        a = self._arrays
        ratios = (batch.ratios - a["ratio_mean"]) / a["ratio_deviation"]
        return np.concatenate([ratios, _scores(batch, a["mean"], a["components"]) * self._scale], axis=1)


def hardness_of(recipe: EncoderRecipe) -> HardnessRecipe:
    """The table [hardness_pca] of a recipe.

    Raises:
        ValueError: If it has an unknown key or a wrong value.
    """
    return HardnessRecipe.model_validate(recipe.own or {})


def fit_hardness(spectra: CountSet, recipe: EncoderRecipe, *, source: str = "") -> HardnessEncoder:
    """The encoder whose components are those of these spectra; no label is read.

    Raises:
        RecipeError: If there are fewer spectra than bins.
    """
    settings = hardness_of(recipe)
    binned, _ = bin_counts(spectra, settings)
    if len(binned) <= settings.n_bins:
        raise RecipeError(
            f"recipe {recipe.name}: {len(binned)} spectra with counts for {settings.n_bins} energy bins; expected more "
            "spectra than bins. Give more spectra, or lower hardness_pca.n_bins."
        )
    seen = binned.weight > 0
    mean = np.where(seen, binned.root, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    residual = np.where(seen, binned.root - mean, 0)
    components = np.linalg.svd(residual, full_matrices=False)[2][: settings.n_components]
    deviation = _scores(binned, mean, components).std(axis=0)
    weights = {
        "mean": mean,
        "components": components,
        "deviation": np.maximum(deviation, 1e-3),
        "ratio_mean": binned.ratios.mean(axis=0),
        "ratio_deviation": np.maximum(binned.ratios.std(axis=0), 1e-3),
    }
    ids = frozenset(binned.object_id.tolist())
    return HardnessEncoder(recipe, weights, training_ids=ids, source=source)


def _scores(binned: Binned, mean: NDArray, components: NDArray) -> NDArray[np.float64]:
    """Scores on components, weighted by how well each bin is measured."""
    top = binned.weight.max(axis=1, keepdims=True, initial=1e-300)
    return scores(binned.root - mean, binned.weight / top, components)
