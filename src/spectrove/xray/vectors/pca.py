"""Principal components of counts in energy bins, the baseline of every network of X-ray spectra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from spectrove.domain import Progress
from spectrove.encoders.base import Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.xray.counts import CountSet
from spectrove.xray.vectors.base import EnergyEncoder, Singles, rates_between_0_and_1, root_shares
from spectrove.xray.vectors.energies import EnergyBins, EnergyCounts, energy_counts
from spectrove.xray.vectors.survey import training_spectra

KIND = "count_pca"

#: What is analysed, from counts.
SCALINGS: dict[str, Callable[[EnergyCounts], Singles]] = {
    "between_0_and_1": rates_between_0_and_1,
    "root": root_shares,
}


class CountPcaRecipe(EnergyBins):
    """The table [count_pca] of an encoder recipe.

    Attributes:
        n_components: Principal components.
        scaling: "between_0_and_1": count rates, each spectrum from its lowest to its highest bin. "root": square root
            of photon shares.
        whitening: Power by which components are brought to equal scatter.
    """

    n_components: int = Field(8, ge=1)
    scaling: Literal["between_0_and_1", "root"] = "root"
    whitening: float = Field(0.0, ge=0, le=1)


class CountPcaEncoder(EnergyEncoder):
    """Projections on principal components.

    Weights: mean (n_bins,), components (n_components, n_bins), deviation (n_components,) of the training spectra.
    """

    table = CountPcaRecipe
    settings: CountPcaRecipe

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        n, k = self.settings.n_bins, self.settings.n_components
        check_shapes(recipe, self.weights, {"mean": (n,), "components": (k, n), "deviation": (k,)})
        deviation = self.weights["deviation"].astype(float)
        self._mean = self.weights["mean"].astype(np.float32)
        self._axes = (self.weights["components"].T * deviation**-self.settings.whitening).astype(np.float32)

    @property
    def n_dimensions(self) -> int:
        return self.settings.n_components

    def _vectors(self, batch: EnergyCounts) -> NDArray:
        return (SCALINGS[self.settings.scaling](batch) - self._mean) @ self._axes


def fit_count_pca(spectra: EnergyCounts, recipe: EncoderRecipe, *, source: str = "") -> CountPcaEncoder:
    """The encoder whose components are those of these spectra; no label is read.

    Raises:
        RecipeError: If there are fewer spectra than bins.
    """
    settings = CountPcaRecipe.model_validate(recipe.own or {})
    if len(spectra) <= settings.n_bins:
        raise RecipeError(
            f"recipe {recipe.name}: {len(spectra)} spectra with counts for {settings.n_bins} energy bins; expected "
            f"more spectra than bins. Give more spectra, or lower {KIND}.n_bins."
        )
    shown = SCALINGS[settings.scaling](spectra).astype(float)
    mean = shown.mean(axis=0)
    _, spread, axes = np.linalg.svd(shown - mean, full_matrices=False)
    k = settings.n_components
    deviation = np.maximum(spread[:k] / len(shown) ** 0.5, 1e-3)
    weights = {"mean": mean, "components": axes[:k], "deviation": deviation}
    return CountPcaEncoder(recipe, weights, training_ids=frozenset(spectra.object_id.tolist()), source=source)


def train_count_pca(
    recipe: EncoderRecipe,
    datasets: Sequence[CountSet],
    /,
    *,
    source: str,
    workers: int,
    tell: Callable[[str], Progress],
) -> tuple[CountPcaEncoder, dict[str, Any]]:
    """The encoder of the recipe's mock survey and the datasets, and a report; see `domain.Trainer`."""
    spectra = training_spectra(recipe, datasets, workers=workers, progress=tell("mock spectra"))
    shown, _ = energy_counts(spectra, CountPcaRecipe.model_validate(recipe.own or {}))
    return fit_count_pca(shown, recipe, source=source), {"n_spectra": len(shown)}
