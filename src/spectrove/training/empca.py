"""EM-PCA: principal components of spectra with gaps and unequal errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders.pca import PcaEncoder, scores
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.preprocess import Prepared

Progress = Callable[[int, int], None]


def fit_pca(
    recipe: EncoderRecipe, prepared: Prepared, *, source: str = "", progress: Progress | None = None
) -> PcaEncoder:
    """A PCA encoder fitted to prepared spectra; their ids become its training ids.

    Raises:
        RecipeError: If there are fewer spectra than components.
    """
    assert recipe.pca is not None  # the recipe's own validation
    k = recipe.pca.n_components
    if len(prepared) <= k:
        raise RecipeError(
            f"recipe {recipe.name}: {len(prepared)} spectra for {k} components; expected more spectra than components. "
            "Give more data, or lower pca.n_components."
        )
    mean, components, deviation = empca(
        prepared.flux.astype(np.float64), prepared.ivar.astype(np.float64), k, recipe.pca.iterations, progress
    )
    weights = {"mean": mean, "components": components, "deviation": deviation}
    return PcaEncoder(recipe, weights, training_ids=frozenset(prepared.object_id.tolist()), source=source)


def empca(
    flux: NDArray[np.float64],
    ivar: NDArray[np.float64],
    k: int,
    iterations: int,
    progress: Progress | None = None,
) -> tuple[NDArray, NDArray, NDArray]:
    """Mean, k orthonormal components in order of variance, and the scores' standard deviations.

    Args:
        flux: Shape (n_spectra, n_pixels); ignored where ivar is 0.
        ivar: Inverse variance, same shape.
        k: Number of components.
        iterations: Of expectation (scores) and maximisation (components), from a plain SVD.

    Source:
        Bailey 2012, PASP 124, 1015: weighted least squares for scores and components in turn.
    """
    weight = ivar.sum(axis=0)
    mean = np.divide((ivar * flux).sum(axis=0), weight, out=np.zeros(flux.shape[1]), where=weight > 0)
    residual = np.where(ivar > 0, flux - mean, 0.0)
    components = _leading_axes(residual, k)
    for i in range(iterations):
        c = scores(residual, ivar, components)
        products = (c[:, :, None] * c[:, None, :]).reshape(len(c), k * k)
        normal = (ivar.T @ products).reshape(-1, k, k)
        right = (ivar * residual).T @ c
        information = np.trace(normal, axis1=1, axis2=2)[:, None, None] / k
        pixels = np.linalg.solve(normal + (1e-6 * information + 1e-9) * np.eye(k), right[..., None])[..., 0]
        components = np.linalg.qr(pixels)[0].T
        if progress:
            progress(i + 1, iterations)
    c = scores(residual, ivar, components)
    _, _, rotation = np.linalg.svd(c - c.mean(axis=0), full_matrices=False)
    components = rotation @ components
    # The sign of a component means nothing; fix it, so that equal data give equal weights.
    components *= np.sign(components[np.arange(k), np.abs(components).argmax(axis=1)])[:, None]
    return mean, components, scores(residual, ivar, components).std(axis=0)


def _leading_axes(residual: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """The first k right singular vectors, through the smaller of the two Gram matrices."""
    n, n_pixels = residual.shape
    if n < n_pixels:
        _, axes = np.linalg.eigh(residual @ residual.T)
        return np.linalg.qr(residual.T @ axes[:, ::-1][:, :k])[0].T
    _, axes = np.linalg.eigh(residual.T @ residual)
    return axes[:, ::-1][:, :k].T
