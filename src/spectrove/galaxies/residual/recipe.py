"""The table [surprise] of an encoder recipe."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spectrove.encoders.recipe import EncoderRecipe


class SurpriseRecipe(BaseModel):
    """Residuals from ordinary galaxies.

    Attributes:
        n_components: Principal components of ordinary galaxies.
        iterations: Of EM-PCA.
        score_groups: Number of Gaussians in the distribution of their scores.
        line_groups: Number of Gaussians in the distribution of their line strengths.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_components: int = Field(20, ge=1)
    iterations: int = Field(10, ge=1)
    score_groups: int = Field(8, ge=1)
    line_groups: int = Field(12, ge=1)


def surprise_of(recipe: EncoderRecipe) -> SurpriseRecipe:
    """The table [surprise] of a recipe.

    Raises:
        ValueError: If it has an unknown key or a wrong value, or the grid of the recipe has no pairs of pixels.
    """
    if recipe.on_grid.grid != "log" or recipe.on_grid.n_pixels % 2:
        raise ValueError("kind 'surprise' needs preprocess.grid 'log' and an even preprocess.n_pixels")
    return SurpriseRecipe.model_validate(recipe.own)
