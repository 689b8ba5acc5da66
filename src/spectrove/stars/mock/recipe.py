"""What mock stars are like, as data: a TOML file read into frozen models."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.recipes import Recipes
from spectrove.stars.labels import ELEMENTS

#: Recipes that come with the package: what `load_recipe` takes by name.
RECIPES = ("default", "train", "test", "real")

_RECIPES = Recipes(Path(__file__).parent, RECIPES)

#: Least and largest.
Limits = tuple[float, float]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kiel(_Model):
    """A group of stars in the plane of temperature and gravity."""

    share: float = Field(gt=0, description="of all stars; shares need not sum to one")
    teff: Limits = Field(description="K, uniform between")
    logg: Limits = Field(description="of unevolved stars at the two temperatures, dex; linear between")
    evolved: float = Field(ge=0, description="mean of an exponential by which gravity is lower, dex")
    spread: float = Field(ge=0, description="one sigma of gravity, dex")
    least_logg: float = Field(description="no star below this")
    metal_shift: float = Field(0.0, description="dex of gravity lost per dex of [Fe/H]")


class Metals(_Model):
    """Iron and the elements beside it."""

    disc_share: float = Field(ge=0, le=1, description="of stars with [Fe/H] from a normal distribution")
    disc: tuple[float, float] = Field(description="its mean and standard deviation, dex")
    poor: Limits = Field(description="of the others, uniform, dex")
    fe_h: Limits = Field(description="no star beyond, dex")
    alpha_slope: float = Field(description="[alpha/Fe] gained per dex of [Fe/H] lost below 0")
    alpha_limit: float = Field(description="largest [alpha/Fe] of the trend")
    follows: dict[str, float] = Field(description="share of the trend in [X/Fe], by element")
    scatter: dict[str, float] = Field(description="one sigma of [X/Fe] about it, dex, by element")
    x_fe: Limits = Field(description="no [X/Fe] beyond, dex")


class Nuisances(_Model):
    """What a spectrum depends on beside the star."""

    microturbulence: tuple[float, float, float] = Field(
        description="km/s at 5500 K and log g 4; gained per 1000 K; lost per dex of log g"
    )
    microturbulence_spread: float = Field(ge=0, description="one sigma, km/s")
    microturbulence_limits: Limits
    broadening: Limits = Field(description="one sigma, km/s, uniform between")
    velocity: float = Field(ge=0, description="residual radial velocity, one sigma, km/s")
    continuum_modes: int = Field(ge=0, description="cosines that each setting's continuum is off by")
    continuum: float = Field(ge=0, description="one sigma of each, of the continuum")
    signal_to_noise: Limits = Field(description="of a pixel of .1 A, uniform in the logarithm")


class MockRecipe(_Model):
    """Everything that decides mock stars, except their number and the seed."""

    version: int = Field(1, ge=1, description="raised whenever the recipe's stars change")
    stream: int = Field(0, ge=0, description="with the seed it decides the random numbers")
    line_mismatch: float = Field(
        0.0, ge=0, description="one sigma of the logarithm of errors in line depth, drawn for each star"
    )
    mismatch_length: float = Field(0.6, gt=0, description="angstrom over which these are alike")
    solar_correction: bool = Field(
        False, description="whether line depths are scaled to those of the real Sun"
    )
    groups: dict[str, Kiel]
    metals: Metals
    nuisances: Nuisances

    @model_validator(mode="after")
    def _known_elements(self) -> MockRecipe:
        for name in ("follows", "scatter"):
            found = set(getattr(self.metals, name))
            if found != set(ELEMENTS):
                raise ValueError(f"metals.{name} has {sorted(found)}, expected {sorted(ELEMENTS)}")
        return self


def load_recipe(name_or_path: Path | str | None = None) -> MockRecipe:
    """A recipe by name or from a TOML file; without either, the default.

    "train" and "test" are the default with other random numbers; "real" has the real Sun's line depths, off by 15%. A
    file needs to give only what differs from the default.

    Raises:
        RecipeError: If the file cannot be read, or holds a key or value that a recipe cannot have.
    """
    return _RECIPES.load(MockRecipe, name_or_path)
