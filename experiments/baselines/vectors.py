"""What encoders are measured against: classifiers trained on the labels, and vectors that were never learned well.

Two contracts. A `Classifier` is fitted to prepared spectra with labels and gives the probability of each label. A
`VectorMethod` is fitted to prepared spectra without labels and gives vectors for a knowledge base.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import RecipeError, ShapeError
from spectrove.pipeline.shipped import load_recipe
from spectrove.preprocess import Prepared, PreprocessRecipe
from spectrove.training import fit_pca

#: What the published networks are shown: the observed frame, a linear grid, divided by the median.
OBSERVED = load_recipe("galspecencoder").on_grid

#: What the shipped encoders are shown: the rest frame, a log grid, divided by the continuum.
REST = load_recipe("pca").on_grid

#: A label with fewer objects than this is not learned.
FEWEST = 2

Vectors = Callable[[Prepared], NDArray[np.float32]]


class Fitted(Protocol):
    """A trained classifier."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels, in the order of the columns of `probabilities`."""
        ...

    def probabilities(self, asked: Prepared) -> NDArray[np.float64]:
        """Of every label for each spectrum, (n_spectra, n_labels); rows sum to one."""
        ...


class Classifier(ABC):
    """A supervised method.

    Attributes:
        name: As the tables have it.
        note: What it is, how it departs from what was published.
        preprocess: What it is shown.
    """

    name: str
    note: str
    preprocess: PreprocessRecipe

    def fit(
        self, prepared: Prepared, labels: NDArray[np.str_], groups: NDArray[np.str_], seed: int
    ) -> Fitted:
        """The classifier after training.

        Args:
            prepared: Spectra, prepared by `preprocess`.
            labels: The label of each, (n_spectra,); those with "" take no part.
            groups: The plate (or other group) of each; what is kept for validation shares none with the rest.
            seed: Of every choice by chance.

        Raises:
            RecipeError: If fewer than two labels occur, or the spectra were prepared for another method.
        """
        if not len(prepared) == len(labels) == len(groups):
            raise ShapeError(
                f"{self.name}: {len(prepared)} spectra, {len(labels)} labels, {len(groups)} groups."
            )
        if prepared.fingerprint != self.preprocess.fingerprint:
            raise RecipeError(f"{self.name}: spectra were prepared for another method. Use its `preprocess`.")
        names, counts = np.unique(labels[labels != ""], return_counts=True)
        names = names[counts >= FEWEST]
        if len(names) < 2:
            raise RecipeError(
                f"{self.name}: labels with {FEWEST} objects or more are {names.tolist()}, expected two or more. "
                "Give more labelled spectra."
            )
        known = np.flatnonzero(np.isin(labels, names))
        code = np.searchsorted(names, labels[known])
        return self._fit(prepared.take(known), code, tuple(names.tolist()), groups[known], seed)

    @abstractmethod
    def _fit(
        self,
        prepared: Prepared,
        code: NDArray[np.int64],
        labels: tuple[str, ...],
        groups: NDArray[np.str_],
        seed: int,
    ) -> Fitted:
        """Trained on spectra of which the i-th has the label `labels[code[i]]`; every label occurs."""


class RandomForest(Classifier):
    """Decision trees on the pixels."""

    name = "random forest"
    note = "300 trees on rest-frame pixels divided by the continuum; balanced classes."
    preprocess = REST

    def __init__(self, n_trees: int = 300) -> None:
        self.n_trees = n_trees

    def _fit(
        self,
        prepared: Prepared,
        code: NDArray[np.int64],
        labels: tuple[str, ...],
        groups: NDArray[np.str_],
        seed: int,
    ) -> Fitted:
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            self.n_trees, min_samples_leaf=2, class_weight="balanced_subsample", random_state=seed, n_jobs=1
        )
        return FittedForest(labels, forest.fit(prepared.flux, code))


@dataclass(frozen=True)
class FittedForest:
    """A trained random forest."""

    labels: tuple[str, ...]
    forest: Any

    def probabilities(self, asked: Prepared) -> NDArray[np.float64]:
        """Of every label for each spectrum: the share of the trees."""
        return self.forest.predict_proba(asked.flux)


class VectorMethod(ABC):
    """Vectors without labels, fitted to the spectra of a base."""

    name: str
    note: str
    preprocess: PreprocessRecipe

    @abstractmethod
    def fit(self, prepared: Prepared, seed: int) -> Vectors:
        """A function from prepared spectra to vectors, (n_spectra, n_dimensions)."""


class RawPixels(VectorMethod):
    """The pixels themselves."""

    def __init__(self, preprocess: PreprocessRecipe, name: str, note: str) -> None:
        self.preprocess, self.name, self.note = preprocess, name, note

    def fit(self, prepared: Prepared, seed: int) -> Vectors:
        return lambda asked: asked.flux


class HalfWhitenedPca(VectorMethod):
    """Scores on principal components over the square root of their deviations; gaps count as 0."""

    name = "PCA"
    note = "50 components of rest-frame pixels divided by the continuum, half-whitened; fitted to the base."
    preprocess = REST

    def __init__(self, n_components: int = 50) -> None:
        self.n_components = n_components

    def fit(self, prepared: Prepared, seed: int) -> Vectors:
        from sklearn.decomposition import PCA

        k = min(self.n_components, len(prepared) - 1)
        pca = PCA(k, svd_solver="randomized", random_state=seed).fit(prepared.flux)
        scale = np.maximum(pca.explained_variance_, 1e-12) ** -0.25
        return lambda asked: (pca.transform(asked.flux) * scale).astype(np.float32)


class EmPca(VectorMethod):
    """Our own `pca` encoder, fitted to the base from its recipe."""

    name = "EM-PCA"
    note = "the shipped recipe `pca`: 20 components by inverse variance, half-whitened; fitted to the base."
    preprocess = REST

    def fit(self, prepared: Prepared, seed: int) -> Vectors:
        encoder = fit_pca(load_recipe("pca"), prepared, source="pca")
        return lambda asked: encoder.encode(asked).vectors


#: Vectors that every base can have without training.
VECTOR_METHODS: tuple[VectorMethod, ...] = (
    RawPixels(OBSERVED, "raw pixels", "observed frame, 3,688 pixels over their median; no metric is fitted."),
    RawPixels(REST, "raw pixels, rest frame", "1,898 pixels divided by the continuum; no metric is fitted."),
    HalfWhitenedPca(),
    EmPca(),
)
