"""Vectors of stars from the network on tokens: what it makes of coefficients of Gaia's BP, whatever the velocity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from spectrove.encoders import Encoder, EncoderRecipe
from spectrove.encoders.base import Weights, check_shapes
from spectrove.errors import RecipeError, Refusal
from spectrove.spectra import SpectrumSet
from spectrove.stars.tokens.infer import NETWORK, StarTokens, on_scale
from spectrove.stars.tokens.spectra import BLUE, RED, seen_by_bp, tokens_of

KIND = "star_tokens"

#: Raised whenever the same spectrum gives other coefficients or other errors.
VERSION = 2

#: Norm of the coefficients over the error that all of them are shown with. With errors of their own, the neighbours of
#: a star were those as bright as it (correlation of their signal-to-noise ratios with its own .94; so .07), and its own
#: second spectrum came first for .14 of 600 mock stars; with this for .61, with 300 for .38, with 1,000 for .25.
STEADY = 100.0

#: Fewer stars say nothing of the scatter of vectors.
_LEAST = 10


class StarTokensRecipe(BaseModel):
    """The table [star_tokens] of an encoder recipe.

    Attributes:
        version: Of the preparation of spectra.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = VERSION


@dataclass(frozen=True)
class SeenByBp:
    """Coefficients of N stars, as the network sees them; an `encoders.base.Input`.

    Attributes:
        value, error: All tokens on the scale of the network, NaN where unknown; (n_spectra, n_tokens).
    """

    object_id: NDArray[np.str_]
    value: NDArray[np.float64]
    error: NDArray[np.float64]
    fingerprint: str

    @property
    def flags(self) -> tuple[tuple[str, ...], ...]:
        """None: what does not cover BP is refused."""
        return ((),) * len(self)

    @property
    def coverage(self) -> NDArray[np.float64]:
        """That of BP, vacuum angstrom."""
        return np.tile([BLUE, RED], (len(self), 1))

    def __len__(self) -> int:
        return len(self.object_id)

    def take(self, index: NDArray, /) -> SeenByBp:
        """The chosen rows."""
        return SeenByBp(self.object_id[index], self.value[index], self.error[index], self.fingerprint)


class StarTokensEncoder(Encoder):
    """What the network makes of known tokens, averaged over them, each number in standard deviations of stars.

    Weights: mean and deviation (n_dimensions,) of the stars that it was fitted to. The network is the package's.
    """

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        n = StarTokens.load().network.recipe.width
        check_shapes(recipe, self.weights, {"mean": (n,), "deviation": (n,)})
        self._mean, self._deviation = (self.weights[name].astype(float) for name in ("mean", "deviation"))

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        """The recipe with all defaults in its table."""
        own = StarTokensRecipe.model_validate(recipe.own or {}).model_dump()
        return recipe.model_copy(update={"own": own})

    def identity(self) -> dict[str, Any]:
        """With the sum of the network."""
        return super().identity() | {"network": _network_sum()}

    @property
    def n_dimensions(self) -> int:
        return len(self._mean)

    @property
    def frame(self) -> str:
        """Of the spectrum: BP does not resolve velocities."""
        return "observed"

    @property
    def preparation(self) -> str:
        """Fingerprint of the preparation."""
        return f"{KIND}-{VERSION}"

    def prepare(self, spectra: SpectrumSet) -> tuple[SeenByBp, list[Refusal]]:
        """Coefficients of BP; refused is what is not calibrated in flux or does not cover the band.

        Raises:
            ParameterError: GaiaXPy's files are not there.
        """
        if isinstance(spectra, SpectrumSet):
            return seen(spectra)
        none, _ = seen(SpectrumSet.from_spectra([]))
        said = "no flux on wavelengths, which this encoder needs. Ask a base of its own kind."
        return none, [Refusal(str(name), f"{name}: {said}") for name in spectra.object_id]

    def _vectors(self, batch: SeenByBp) -> NDArray:
        found = StarTokens.load().embed(batch.value, batch.error)
        return (found - self._mean) / self._deviation


def seen(spectra: SpectrumSet) -> tuple[SeenByBp, list[Refusal]]:
    """What the network sees of spectra, as well known in all, and a sentence for each that it cannot."""
    found, refused = seen_by_bp(spectra)
    value, error = tokens_of(found)
    norm = np.sqrt(np.nansum(value**2, axis=1, keepdims=True))
    value, error = on_scale(value, np.where(np.isfinite(error), norm / STEADY, np.nan))
    return SeenByBp(found.object_id, value, error, f"{KIND}-{VERSION}"), refused


def train_star_tokens(
    recipe: EncoderRecipe, datasets: Sequence[SpectrumSet], /, *, source: str, workers: int, tell: Any
) -> tuple[StarTokensEncoder, dict[str, Any]]:
    """The encoder with the mean and scatter of vectors of spectra of stars, and a report; see `domain.Trainer`.

    Raises:
        RecipeError: There are too few spectra.
    """
    del workers
    prepared = [seen(part)[0] for part in datasets]
    vectors = [StarTokens.load().embed(part.value, part.error) for part in prepared]
    n = sum(map(len, vectors))
    if n < _LEAST:
        raise RecipeError(
            f"recipe {recipe.name}: {n} calibrated spectra that cover Gaia's BP, expected {_LEAST} or more. Give more "
            "spectra of stars with --from."
        )
    whole = np.concatenate(vectors)
    tell("vectors")(n, n)
    weights = {"mean": whole.mean(axis=0), "deviation": np.maximum(whole.std(axis=0), 1e-2)}
    names = frozenset(str(name) for part in prepared for name in part.object_id)
    return StarTokensEncoder(recipe, weights, training_ids=names, source=source), {"n_spectra": n}


@cache
def _network_sum() -> str:
    content = (files("spectrove.stars") / "data" / NETWORK).read_bytes()
    return hashlib.blake2b(content, digest_size=16).hexdigest()
