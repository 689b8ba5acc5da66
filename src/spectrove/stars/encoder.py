"""The encoder of stars: principal components of their lines at rest, at the velocity that their own pixels have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from spectrove.domain import Trainer
from spectrove.encoders import Encoder, EncoderRecipe
from spectrove.encoders.base import Weights, check_shapes
from spectrove.encoders.pca import scores
from spectrove.errors import RecipeError, Refusal
from spectrove.preprocess import Prepared
from spectrove.spectra import SpectrumSet
from spectrove.stars.grid import N_PIXELS, log_wavelength
from spectrove.stars.oddities.evidence import Ordinary
from spectrove.stars.velocity import velocities

KIND = "star_lines"

#: Raised whenever the same spectrum gives other lines.
VERSION = 2


class StarLinesRecipe(BaseModel):
    """The table [star_lines] of an encoder recipe.

    Attributes:
        n_components: Principal components.
        iterations: Of their fit.
        whitening: Power by which components are brought to equal scatter.
        version: Of the preparation of spectra.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_components: int = Field(24, ge=1)
    iterations: int = Field(12, ge=1)
    whitening: float = Field(0.5, ge=0, le=1)
    version: int = VERSION


class StarLinesEncoder(Encoder):
    """Scores of lines over the continuum on principal components, by least squares with the errors of the pixels.

    Weights: mean (n_pixels,), components (n_components, n_pixels), deviation (n_components,) of the scores of the
    stars that it was trained on.
    """

    def __init__(self, recipe: EncoderRecipe, weights: Weights, **more: Any) -> None:
        super().__init__(recipe, weights, **more)
        self.settings = StarLinesRecipe.model_validate(self.recipe.own)
        k = self.settings.n_components
        check_shapes(
            recipe, self.weights, {"mean": (N_PIXELS,), "components": (k, N_PIXELS), "deviation": (k,)}
        )
        self._mean, self._components = (self.weights[name].astype(float) for name in ("mean", "components"))
        self._scale = self.weights["deviation"].astype(float) ** -self.settings.whitening

    @classmethod
    def complete(cls, recipe: EncoderRecipe) -> EncoderRecipe:
        """The recipe with all defaults in its table."""
        own = StarLinesRecipe.model_validate(recipe.own or {}).model_dump()
        return recipe.model_copy(update={"own": own})

    @property
    def n_dimensions(self) -> int:
        return len(self._components)

    @property
    def ordinary(self) -> Ordinary:
        """What lines of ordinary stars are made of, by which oddities are found."""
        return Ordinary(self._mean, self._components, self.weights["deviation"].astype(float))

    @property
    def frame(self) -> str:
        """Of the spectrum: no redshift is needed, the velocity is measured."""
        return "observed"

    @property
    def preparation(self) -> str:
        """Fingerprint of the preparation."""
        return f"{KIND}-{self.settings.version}"

    def prepare(self, spectra: SpectrumSet) -> tuple[Prepared, list[Refusal]]:
        """Lines at rest; refused is what has too few pixels, or no velocity."""
        if not isinstance(spectra, SpectrumSet):
            none, _ = lines_at_rest(SpectrumSet.from_spectra([]), self.preparation)
            return none, [
                Refusal(
                    str(name),
                    f"{name}: no flux on wavelengths, which this encoder needs. Ask a base of its own kind.",
                )
                for name in spectra.object_id
            ]
        return lines_at_rest(spectra, self.preparation)

    def _vectors(self, batch: Prepared) -> NDArray:
        return (
            scores(batch.flux.astype(float) - self._mean, batch.ivar.astype(float), self._components)
            * self._scale
        )


def lines_at_rest(spectra: SpectrumSet, fingerprint: str = "") -> tuple[Prepared, list[Refusal]]:
    """Lines over the continuum of each star at rest, and a sentence for each without a velocity."""
    from spectrove.stars.measuring import rest

    found, refusals = velocities(spectra)
    failed = [
        Refusal(name, f"{name}: no radial velocity. {one.reason}")
        for name, one in found.items()
        if one.failed
    ]
    grid, _, few = rest(spectra, found)
    lines, ivar = grid.lines()
    valid, wavelength = ivar > 0, 10 ** log_wavelength()
    z = np.array([found[str(name)].z for name in grid.object_id])
    return Prepared(
        grid.object_id, wavelength, lines.astype(np.float32), ivar.astype(np.float32), valid, z,
        _coverage(valid, wavelength), tuple(("low_coverage",) * bool(v.mean() < 0.5) for v in valid), fingerprint,
        ("moved to rest at the velocity of the star's own lines", "lines over the mean of 61 pixels"),
    ), [*refusals, *failed, *few]  # fmt: skip


def train_star_lines(
    recipe: EncoderRecipe, datasets: Sequence[SpectrumSet], /, *, source: str, workers: int, tell: Any
) -> tuple[StarLinesEncoder, dict[str, Any]]:
    """The encoder fitted to spectra of stars, and a report; see `domain.Trainer`.

    Raises:
        RecipeError: There are fewer spectra than components.
    """
    from spectrove.training.empca import empca

    del workers
    settings = StarLinesRecipe.model_validate(recipe.own or {})
    prepared = [lines_at_rest(part)[0] for part in datasets]
    flux, ivar = (
        np.concatenate([getattr(p, name) for p in prepared]).astype(float) for name in ("flux", "ivar")
    )
    if len(flux) <= settings.n_components:
        raise RecipeError(
            f"recipe {recipe.name}: {len(flux)} spectra with a velocity for {settings.n_components} components, "
            "expected more. Give more spectra of stars with --from, or lower star_lines.n_components."
        )
    mean, components, deviation = empca(
        flux, ivar, settings.n_components, settings.iterations, tell("components")
    )
    names = frozenset(str(name) for p in prepared for name in p.object_id)
    weights = {"mean": mean, "components": components, "deviation": deviation}
    return StarLinesEncoder(recipe, weights, training_ids=names, source=source), {"n_spectra": len(flux)}


def _coverage(valid: NDArray[np.bool_], wavelength: NDArray) -> NDArray[np.float64]:
    """First and last wavelength that is used, of each; NaN where none is; (n_spectra, 2)."""
    ends = np.full((len(valid), 2), np.nan)
    for i, row in enumerate(valid):
        if row.any():
            ends[i] = wavelength[np.flatnonzero(row)[[0, -1]]]
    return ends


TRAINER: Trainer = train_star_lines
