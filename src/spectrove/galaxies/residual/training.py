"""Fitting the surprise encoder: what ordinary galaxies look like, and how much of them is left unexplained."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from spectrove.domain import Progress
from spectrove.encoders.pca import scores
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import RecipeError
from spectrove.galaxies.mock import load_recipe as load_mock_recipe
from spectrove.galaxies.mock import make_survey
from spectrove.galaxies.mock.recipe import GALAXY_CLASSES, MockRecipe
from spectrove.galaxies.residual.encoder import BEYOND_BAND, Detector, SurpriseEncoder
from spectrove.galaxies.residual.own_lines import LineMeter, Mixture
from spectrove.galaxies.residual.recipe import surprise_of
from spectrove.galaxies.residual.reconstruction import (
    Ordinary,
    Reconstructor,
    fitted,
    joined_pairs,
    with_line_error,
)
from spectrove.preprocess import Prepared, prepare
from spectrove.spectra import SpectrumSet
from spectrove.training.data import join_prepared
from spectrove.training.empca import empca

#: Mock spectra made at a time.
_CHUNK = 2000
#: Lines enter the picture of ordinary galaxies where they are known this well (asinh of angstrom).
_LINE_ERROR = 0.5
#: Least width of a group of ordinary galaxies, in scores' sigma and in asinh of angstrom.
_WIDTH = 0.1


def train_surprise(
    recipe: EncoderRecipe,
    datasets: Sequence[SpectrumSet] = (),
    /,
    *,
    source: str,
    workers: int,
    tell: Callable[[str], Progress],
) -> tuple[SurpriseEncoder, dict[str, Any]]:
    """A surprise encoder of the recipe's mock galaxies and the datasets, and a report; see `domain.Trainer`."""
    galaxies = ordinary_spectra(recipe, datasets, workers=workers, progress=tell("mock spectra"))
    encoder = fit_surprise(recipe, galaxies, source=source, progress=tell("EM-PCA"))
    return encoder, {"n_spectra": len(galaxies)}


def ordinary_spectra(
    recipe: EncoderRecipe,
    datasets: Sequence[SpectrumSet] = (),
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> Prepared:
    """The recipe's mock galaxies, without lenses and outliers, and the datasets; prepared.

    Nothing is left out by a label: a survey is made that holds ordinary galaxies only. Datasets are taken whole.

    Raises:
        RecipeError: If nothing is left to learn from.
    """
    plan = recipe.training
    survey = ordinary_survey(load_mock_recipe(plan.mock_recipe))
    parts = [prepare(d, recipe.on_grid)[0] for d in datasets]
    for i, done in enumerate(range(0, plan.n_mock, _CHUNK)):
        n = min(_CHUNK, plan.n_mock - done)
        mocks = make_survey(n, recipe=survey, seed=plan.mock_seed + i, workers=workers)
        parts.append(prepare(mocks, recipe.on_grid)[0])
        if progress:
            progress(done + n, plan.n_mock)
    parts = [p for p in parts if len(p)]
    if not parts:
        raise RecipeError(
            f"recipe {recipe.name}: nothing to train on. Set training.n_mock, or give a dataset."
        )
    return join_prepared(parts)


def ordinary_survey(recipe: MockRecipe) -> MockRecipe:
    """The same survey of galaxies alone."""
    return recipe.model_copy(
        update={"shares": {k: v for k, v in recipe.shares.items() if k in GALAXY_CLASSES}}
    )


def fit_surprise(
    recipe: EncoderRecipe, prepared: Prepared, *, source: str = "", progress: Progress | None = None
) -> SurpriseEncoder:
    """A surprise encoder that takes these spectra for ordinary; their ids become its training ids.

    Raises:
        RecipeError: If there are fewer spectra than components.
    """
    plan = surprise_of(recipe)
    k = plan.n_components
    if len(prepared) <= k:
        raise RecipeError(
            f"recipe {recipe.name}: {len(prepared)} spectra for {k} components; expected more spectra than components. "
            "Give more data, or lower surprise.n_components."
        )
    ordinary = _ordinary(prepared, k, plan.iterations, progress)
    noise = _typical_noise(Reconstructor(prepared.wavelength, ordinary), prepared)
    reconstructor = Reconstructor(prepared.wavelength, ordinary, noise)
    scores, lines = _groups(
        reconstructor, prepared, plan.score_groups, plan.line_groups, recipe.training.seed
    )
    weights = {
        "mean": ordinary.mean, "components": ordinary.components, "noise": noise,
        "float32.score_mean": scores.mean, "float32.score_covariance": scores.covariance,
        "float32.line_mean": lines.mean, "float32.line_covariance": lines.covariance,
        "band": _band(Detector(reconstructor, scores, lines), prepared),
    }  # fmt: skip
    return SurpriseEncoder(
        recipe, weights, training_ids=frozenset(prepared.object_id.tolist()), source=source
    )


def _ordinary(prepared: Prepared, k: int, iterations: int, progress: Progress | None) -> Ordinary:
    """Mean and components: found on pairs of pixels, then solved for at every pixel with the scores held."""
    weight = with_line_error(prepared.ivar, prepared.flux - 1.5)
    used = weight * fitted(prepared.wavelength).astype(np.float32)
    flux, ivar = (a.astype(np.float64) for a in joined_pairs(prepared.flux, used))
    mean, components, deviation = empca(flux, ivar, k, iterations, progress)
    known = np.concatenate(
        [np.ones((len(flux), 1)), scores(flux - mean, ivar, components) / deviation], axis=1
    )
    coarse = np.concatenate([mean[None], components * deviation[:, None]])
    fine = _at_every_pixel(prepared.flux, weight, known, np.repeat(coarse, 2, axis=1))
    return Ordinary(fine[0].astype(np.float32), fine[1:].astype(np.float32))


def _at_every_pixel(
    flux: NDArray, ivar: NDArray, known: NDArray, first_guess: NDArray
) -> NDArray[np.float64]:
    """Spectra that, mixed by known amounts, come nearest to those observed; (n_amounts, n_pixels).

    Weighted least squares at each pixel, drawn to a first guess where few spectra say anything.
    """
    m = known.shape[1]
    products = (known[:, :, None] * known[:, None, :]).reshape(len(known), m * m)
    out = np.empty((m, flux.shape[1]))
    for start in range(0, flux.shape[1], 512):
        span = slice(start, start + 512)
        normal = (ivar[:, span].T.astype(np.float64) @ products).reshape(-1, m, m)
        right = (ivar[:, span] * flux[:, span]).T.astype(np.float64) @ known
        pull = 1e-4 * np.trace(normal, axis1=1, axis2=2)[:, None] / m + 1e-6
        right = right + pull * first_guess[:, span].T
        out[:, span] = np.linalg.solve(normal + pull[..., None] * np.eye(m), right[..., None])[..., 0].T
    return out


def _typical_noise(reconstructor: Reconstructor, prepared: Prepared) -> NDArray[np.float32]:
    """How much wider than elsewhere residuals of these spectra are at each pixel, at least 1; (n_pixels,)."""
    total, count = np.zeros(len(prepared.wavelength)), np.zeros(len(prepared.wavelength))
    for span in _batches(len(prepared)):
        left = reconstructor.explain(prepared.flux[span], prepared.ivar[span])
        total += np.minimum(left.sigma**2, 9).sum(axis=0)
        count += left.valid.sum(axis=0)
    seen = count >= 30
    rms = np.sqrt(total / np.maximum(count, 1))
    return np.where(seen, np.maximum(rms / np.median(rms[seen]), 1), 1).astype(np.float32)


def _groups(
    reconstructor: Reconstructor, prepared: Prepared, n_score: int, n_line: int, seed: int
) -> tuple[Mixture, Mixture]:
    """Where scores and lines of these spectra lie."""
    scores, lines, errors = [], [], []
    meter = LineMeter(prepared.wavelength)
    for span in _batches(len(prepared)):
        left = reconstructor.explain(prepared.flux[span], prepared.ivar[span])
        flux = (left.model + left.difference) * left.valid
        value, error = meter.widths(flux, left.variance, left.valid, left.model)
        scores.append(left.scores)
        lines.append(value)
        errors.append(error)
    well = np.concatenate(errors).max(axis=1) < _LINE_ERROR
    return _mixture(np.concatenate(scores), n_score, seed), _mixture(
        np.concatenate(lines)[well], n_line, seed
    )


def _mixture(values: NDArray[np.float32], n: int, seed: int) -> Mixture:
    """Gaussians that follow the values, wide enough to hold what a small sample leaves out."""
    if len(values) <= n * values.shape[1]:
        raise RecipeError(
            f"{n} groups of galaxies in {values.shape[1]} dimensions: {len(values)} spectra show what they need well; "
            f"expected more than {n * values.shape[1]}. Give more data, or lower surprise.score_groups and line_groups."
        )
    found = GaussianMixture(n, reg_covar=_WIDTH**2, random_state=seed).fit(values.astype(np.float64))
    return Mixture(found.means_.astype(np.float32), found.covariances_.astype(np.float32))


def _band(detector: Detector, prepared: Prepared) -> NDArray[np.float32]:
    """Low end, middle and high end of each feature among these spectra, (3, n_features)."""
    parts = [detector.features(prepared.flux[s], prepared.ivar[s]) for s in _batches(len(prepared))]
    return np.quantile(np.concatenate(parts), [BEYOND_BAND, 0.5, 1 - BEYOND_BAND], axis=0).astype(np.float32)


def _batches(n: int) -> list[slice]:
    return [slice(i, min(i + SurpriseEncoder.batch_size, n)) for i in range(0, n, SurpriseEncoder.batch_size)]
