"""Embeddings: vectors, the ids they belong to, and the fingerprint of what made them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import ShapeError


@dataclass(frozen=True, repr=False)
class Embeddings:
    """N vectors made by one encoder from one preprocessing.

    Attributes:
        vectors: Shape (n_spectra, n_dimensions), float32.
        object_id: Shape (n_spectra,), strings.
        fingerprint: Of weights, recipe and preprocessing (`provenance.fingerprint`); a knowledge base
            accepts no vectors with another one.
        coverage: Rest-frame (or observed, as the encoder's frame says) wavelength range that held good
            pixels, vacuum angstrom, shape (n_spectra, 2).
        encoder: The name or folder the encoder was loaded from, for people; never compared.
        dtype: Number format the encoder computed in; provenance only.
    """

    vectors: NDArray[np.float32]
    object_id: NDArray[np.str_]
    fingerprint: str
    coverage: NDArray[np.float64]
    encoder: str = ""
    dtype: str = field(default="float32", compare=False)

    def __post_init__(self) -> None:
        n = len(self.object_id)
        if self.vectors.ndim != 2 or len(self.vectors) != n or self.coverage.shape != (n, 2):
            raise ShapeError(
                f"Embeddings: {n} ids, vectors {self.vectors.shape}, coverage {self.coverage.shape}; "
                f"expected ({n}, n_dimensions) and ({n}, 2)."
            )

    def __len__(self) -> int:
        return len(self.object_id)

    def __repr__(self) -> str:
        by = f" by {self.encoder}" if self.encoder else ""
        n, dimensions = self.vectors.shape
        return f"<Embeddings of {n} spectra in {dimensions} dimensions{by}, fingerprint {self.fingerprint}>"

    def take(self, index: NDArray) -> Embeddings:
        """The chosen rows, in the order asked for."""
        return Embeddings(
            self.vectors[index], self.object_id[index], self.fingerprint, self.coverage[index],
            self.encoder, self.dtype,
        )  # fmt: skip
