"""Texts as vectors, without a network and without anything that was trained elsewhere.

Words are weighted by how rare they are (TF-IDF) and reduced to a few hundred numbers by a truncated
singular value decomposition of the abstracts themselves (latent semantic analysis, Deerwester et al. 1990).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.literature.names import plain_text
from spectrove.work import doing

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

Floats = NDArray[np.float32]

#: Numbers of a vector, words at most, and texts that must have one. Pairs of words make vectors worse, not better.
DIMENSIONS, MOST_TERMS, LEAST_TEXTS = 256, 30_000, 3

#: Texts from which vectors are fitted; of more, as many at equal steps.
MOST_FITTED = 20_000

#: Fewest texts from which vectors can be made.
FEWEST = 8

_TOKEN = r"(?u)\b[a-z0-9][a-z0-9+\-]*[a-z0-9]\b"


class TextEncoder(Protocol):
    """What makes vectors of texts: unit length, so that the product of two is the cosine of their angle."""

    @property
    def fingerprint(self) -> str:
        """Of everything that the vectors depend on."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """Vectors, (n_texts, n_dimensions); zero for a text without a known word."""


@dataclass(frozen=True)
class SemanticEncoder:
    """Vectors by TF-IDF and a truncated singular value decomposition.

    Attributes:
        terms: Words, in the order of `weight`.
        weight: Inverse document frequency of each term, (n_terms,).
        components: Right singular vectors, (n_dimensions, n_terms).
    """

    terms: tuple[str, ...]
    weight: Floats
    components: Floats

    @property
    def fingerprint(self) -> str:
        digest = blake2b(json.dumps(self.terms).encode(), digest_size=8)
        digest.update(self.weight.tobytes())
        digest.update(self.components.tobytes())
        return digest.hexdigest()

    def encode(self, texts: Sequence[str]) -> Floats:
        counted = _vectorizer(vocabulary={term: i for i, term in enumerate(self.terms)})
        counted.idf_ = self.weight.astype(np.float64)
        sparse = counted.transform([_prepared(text) for text in texts])
        return unit(np.asarray(sparse @ self.components.T.astype(np.float64), np.float32))

    def known(self, text: str) -> bool:
        """Whether a text has a word that the abstracts have."""
        return bool(np.any(self.encode([text])))


def fit_texts(texts: Sequence[str], dimensions: int = DIMENSIONS, seed: int = 1) -> SemanticEncoder:
    """An encoder fitted on texts.

    Args:
        texts: Titles and abstracts.
        dimensions: Numbers of a vector; fewer where there are fewer texts or terms.
        seed: Of the randomized decomposition.

    Raises:
        KnowledgeError: There are too few texts, or they have no words in common.
    """
    from sklearn.utils.extmath import randomized_svd

    if len(texts) < FEWEST:
        raise KnowledgeError(
            f"{len(texts)} abstracts, expected {FEWEST} or more to make vectors from. Attach more abstracts."
        )
    with doing(f"fitting vectors of {len(texts):,} texts"):
        texts = [texts[i] for i in np.linspace(0, len(texts) - 1, min(len(texts), MOST_FITTED)).astype(int)]
        least = LEAST_TEXTS if len(texts) > 200 else 1
        counted = _vectorizer(max_features=MOST_TERMS, min_df=least, max_df=0.5)
        try:
            sparse = counted.fit_transform([_prepared(text) for text in texts])
        except ValueError as error:
            raise KnowledgeError(
                f"{len(texts)} abstracts have no words in common ({error}). Attach abstracts in English."
            ) from error
        n = min(dimensions, min(sparse.shape) - 1)
        _, _, components = randomized_svd(
            sparse.astype(np.float32), n, n_iter=1, n_oversamples=20, random_state=seed
        )
        # Half precision is what is kept: vectors are then the same before and after the base was closed.
        kept = components.astype(np.float16).astype(np.float32)
    return SemanticEncoder(
        tuple(map(str, counted.get_feature_names_out())), counted.idf_.astype(np.float32), kept
    )


def unit(vectors: NDArray[Any]) -> Floats:
    """Vectors of length one, (n, d); a zero stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0).astype(np.float32)


def _vectorizer(**options: Any) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        token_pattern=_TOKEN, stop_words="english", sublinear_tf=True, dtype=np.float64,
        **options,
    )  # fmt: skip


def _prepared(text: str) -> str:
    """A text in lower case without TeX, in which "X-ray" is one word and NGC 1068 is another than NGC 1052."""
    plain = plain_text(text).lower()
    plain = re.sub(r"\b(ngc|ic|mrk|3c|4u|m) (\d+)", r"\1\2", plain)
    return re.sub(r"[$\\{}^_]", " ", plain)
