"""The PCA encoder, the baseline for every network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders.base import Encoder, Weights, check_shapes
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.preprocess import Prepared

#: Regularisation for spectra with fewer good pixels than components, relative to their mean information.
RIDGE = 1e-3


class PcaEncoder(Encoder):
    """Scores on principal components by inverse-variance weighted least squares, then whitened.

    Weights: mean (n_pixels,), components (n_components, n_pixels), deviation (n_components,) of the
    scores over the training spectra.
    """

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more) -> None:
        super().__init__(recipe, weights, **more)
        n, k = recipe.on_grid.n_pixels, recipe.pca.n_components  # type: ignore[union-attr]
        check_shapes(recipe, self.weights, {"mean": (n,), "components": (k, n), "deviation": (k,)})
        self._mean = self.weights["mean"].astype(np.float64)
        self._components = self.weights["components"].astype(np.float64)
        self._scale = self.weights["deviation"].astype(np.float64) ** -recipe.pca.whitening  # type: ignore[union-attr]

    @property
    def n_dimensions(self) -> int:
        return len(self._components)

    def _vectors(self, batch: Prepared) -> NDArray:
        residual = batch.flux.astype(np.float64) - self._mean
        return scores(residual, batch.ivar.astype(np.float64), self._components) * self._scale


def scores(residual: NDArray, ivar: NDArray, components: NDArray) -> NDArray[np.float64]:
    """Weighted least-squares scores of spectra on components.

    Args:
        residual: Flux minus the mean spectrum, (n_spectra, n_pixels); ignored if ivar is 0.
        ivar: Inverse variance, same shape.
        components: Shape (n_components, n_pixels).

    Returns:
        Scores, (n_spectra, n_components).
    """
    k = len(components)
    products = (components[:, None] * components[None]).reshape(k * k, -1)
    normal = (ivar @ products.T).reshape(-1, k, k)
    right = (ivar * residual) @ components.T
    information = np.trace(normal, axis1=1, axis2=2)[:, None, None] / k
    return np.linalg.solve(normal + (RIDGE * information + 1e-12) * np.eye(k), right[..., None])[..., 0]
