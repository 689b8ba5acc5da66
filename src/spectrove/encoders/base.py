"""The contract of every encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import FingerprintError, RecipeError
from spectrove.preprocess import Prepared, PreprocessRecipe
from spectrove.provenance import fingerprint

#: Weights by name, as stored and fingerprinted.
Weights = Mapping[str, NDArray]


class Encoder(ABC):
    """Vectors from prepared spectra.

    A subclass defines the shapes of its weights and `_vectors`. This class checks that the input was prepared with the
    recipe of the encoder, divides it into batches, and computes the fingerprint of recipe and weights.
    """

    #: Spectra per call of `_vectors`; affects memory and speed only.
    batch_size = 256

    def __init__(
        self,
        recipe: EncoderRecipe,
        weights: Weights,
        *,
        training_ids: frozenset[str] = frozenset(),
        source: str = "",
    ) -> None:
        """
        Args:
            recipe: Definition of the encoder.
            weights: Arrays by name. Floating-point arrays are rounded to float16, the precision of the file, so that a
                saved encoder gives the same vectors.
            training_ids: Ids of all objects used in training.
            source: Name or folder for `load_encoder`.
        """
        self.recipe = recipe
        self.weights = {name: _as_stored(name, array) for name, array in weights.items()}
        self.training_ids = training_ids
        self.source = source or recipe.name
        self.fingerprint = fingerprint(self.weights, recipe.identity())

    @property
    def name(self) -> str:
        """Name of a shipped encoder, or folder, for `load_encoder`."""
        return self.source

    @property
    def preprocess(self) -> PreprocessRecipe:
        """Recipe for the preparation of its input."""
        return self.recipe.preprocess

    @property
    def frame(self) -> str:
        """ "rest" or "observed"."""
        return self.recipe.preprocess.frame

    def encode(self, prepared: Prepared) -> Embeddings:
        """Vectors of prepared spectra, shape (n_spectra, n_dimensions).

        Raises:
            FingerprintError: If the spectra were prepared by another recipe.
        """
        if prepared.fingerprint != self.preprocess.fingerprint:
            raise FingerprintError(
                f"encoder {self.name}: spectra were prepared with recipe {prepared.fingerprint}, expected "
                f"{self.preprocess.fingerprint}. Prepare them with preprocess.prepare(spectra, encoder.preprocess)."
            )
        spans = [slice(i, i + self.batch_size) for i in range(0, len(prepared), self.batch_size)]
        parts = self._each([(prepared.flux[span], prepared.ivar[span]) for span in spans])
        return Embeddings(
            np.concatenate([np.zeros((0, self.n_dimensions)), *parts]).astype(np.float32),
            prepared.object_id,
            self.fingerprint,
            prepared.coverage,
            self.name,
            self.dtype,
        )

    @property
    def dtype(self) -> str:
        """Number format of the computation; provenance only."""
        return "float32"

    @property
    @abstractmethod
    def n_dimensions(self) -> int:
        """Length of a vector."""

    def _each(self, batches: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]) -> list[NDArray]:
        """`_vectors` of each batch."""
        return [self._vectors(flux, ivar) for flux, ivar in batches]

    @abstractmethod
    def _vectors(self, flux: NDArray[np.float32], ivar: NDArray[np.float32]) -> NDArray:
        """Vectors of one batch; flux and ivar have shape (n_spectra, n_pixels) and are 0 if unknown."""


def check_shapes(recipe: EncoderRecipe, weights: Weights, expected: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse weights unless they are those of the recipe.

    Raises:
        RecipeError: Naming the arrays that are missing, unknown or of another shape.
    """
    missing, unknown = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
    wrong = [
        f"{n} is {weights[n].shape}, expected {s}"
        for n, s in expected.items()
        if n in weights and weights[n].shape != s
    ]
    if missing or unknown or wrong:
        found = "; ".join(
            [f"missing {', '.join(missing[:4])}"] * bool(missing)
            + [f"unknown {', '.join(unknown[:4])}"] * bool(unknown)
            + wrong[:4]
        )
        raise RecipeError(
            f"encoder {recipe.name}: weights do not fit the recipe: {found}. Train it again, or restore both files."
        )


def _as_stored(name: str, array: NDArray) -> NDArray:
    """Weights in the precision of the file; `float32.` in a name marks arrays that need more than float16."""
    array = np.ascontiguousarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        return array
    return array.astype(np.float32 if name.startswith("float32.") else np.float16)
