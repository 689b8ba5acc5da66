"""The contract of every encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders.recipe import EncoderRecipe
from spectrove.errors import FingerprintError, RecipeError, Refusal
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.provenance import fingerprint
from spectrove.spectra import SpectrumSet

#: Weights by name, as stored and fingerprinted.
Weights = Mapping[str, NDArray]


class Input(Protocol):
    """Prepared spectra: what `Encoder.prepare` gives and `Encoder.encode` takes.

    General code reads only what is named here. The pixels, counts or tokens beside it are the encoder's own:
    `preprocess.Prepared` holds flux and inverse variance on a grid.
    """

    @property
    def object_id(self) -> NDArray[np.str_]:
        """Ids, (n_spectra,), in the order of the spectra."""

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """Names from `spectra.FLAGS` that the preparation adds to each spectrum."""

    @property
    def coverage(self) -> NDArray[np.float64]:
        """First and last wavelength used of each spectrum, vacuum angstrom, (n_spectra, 2)."""

    @property
    def fingerprint(self) -> str:
        """Of all settings of the preparation; `encode` compares it with `Encoder.preparation`."""

    def __len__(self) -> int:
        """Number of spectra."""

    def take(self, index: NDArray, /) -> Input:
        """Spectra at these positions, or where a mask is true."""


class Encoder(ABC):
    """Vectors from prepared spectra.

    A subclass defines the shapes of its weights and `_vectors`. This class checks that the input was prepared as the
    encoder prepares it, divides it into batches, and computes the fingerprint of recipe and weights. A subclass whose
    input is not flux on a grid also defines `prepare`, `preparation` and `frame`, and its recipe has no `preprocess`.
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
        self.recipe = self.complete(recipe)
        self.weights = {name: _as_stored(name, array) for name, array in weights.items()}
        self.training_ids = training_ids
        self.source = source or recipe.name
        self.fingerprint = fingerprint(self.weights, self.identity())

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        """The recipe with all defaults in the table of this kind.

        Raises:
            ValueError: If the table has an unknown key or a wrong value, or does not fit the rest of the recipe.
        """
        return recipe

    def identity(self) -> dict[str, Any]:
        """Settings that affect the vectors, beside the weights."""
        return self.recipe.identity()

    @property
    def name(self) -> str:
        """Name of a shipped encoder, or folder, for `load_encoder`."""
        return self.source

    @property
    def preprocess(self) -> PreprocessRecipe:
        """Recipe for the preparation of flux on a grid.

        Raises:
            RecipeError: If the input of this kind is something else.
        """
        return self.recipe.on_grid

    @property
    def columns(self) -> tuple[str, ...]:
        """Catalog columns that the vectors are made of; those of nearly all encoders are made of spectra alone."""
        return ()

    @property
    def frame(self) -> str:
        """ "rest" or "observed"."""
        return self.preprocess.frame

    @property
    def preparation(self) -> str:
        """Fingerprint of the preparation of its input."""
        return self.preprocess.fingerprint

    def prepare(self, spectra: SpectrumSet) -> tuple[Any, list[Refusal]]:
        """Input for `encode`, an `Input`, of all spectra that it can take; and the reasons for refusing the others."""
        if not isinstance(spectra, SpectrumSet):
            none = prepare(SpectrumSet.from_spectra([]), self.preprocess)[0]
            return none, [Refusal(name, _no_fluxes(name)) for name in spectra.object_id.tolist()]
        return prepare(spectra, self.preprocess)

    def encode(self, prepared: Input) -> Embeddings:
        """Vectors of prepared spectra, shape (n_spectra, n_dimensions).

        Raises:
            FingerprintError: If the spectra were prepared otherwise.
        """
        self._check(prepared)
        parts = self._each(lambda rows: self._vectors(prepared.take(rows)), self._batches(len(prepared)))
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

    def _check(self, prepared: Input) -> None:
        """Refuse spectra that were not prepared as this encoder prepares them."""
        if prepared.fingerprint != self.preparation:
            raise FingerprintError(
                f"encoder {self.name}: spectra were prepared with recipe {prepared.fingerprint}, expected "
                f"{self.preparation}. Prepare them with encoder.prepare(spectra)."
            )

    def _batches(self, n: int) -> list[NDArray[np.int64]]:
        """Positions of n spectra, in batches."""
        return [np.arange(i, min(i + self.batch_size, n)) for i in range(0, n, self.batch_size)]

    def _each(
        self, vectors: Callable[[NDArray[np.int64]], NDArray], batches: Sequence[NDArray[np.int64]]
    ) -> list[NDArray]:
        """The vectors of each batch."""
        return [vectors(rows) for rows in batches]

    @abstractmethod
    def _vectors(self, batch: Any) -> NDArray:
        """Vectors of one batch, a part of what `prepare` gave; (n_spectra, n_dimensions)."""


def _no_fluxes(name: str) -> str:
    return f"{name}: no flux on wavelengths, which this encoder needs. Ask a base of its own kind of spectra."


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
