"""What a mock X-ray survey contains, as data: a TOML file read into frozen models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.recipes import Recipes

#: Classes of sources, those of MUWCLASS; each has a table [classes.NAME] in the recipe.
CLASSES = ("AGN", "YSO", "LM-STAR", "HM-STAR", "NS", "LMXB", "HMXB", "CV")

#: Recipes that come with the package: what `load_recipe` takes by name.
RECIPES = ("default", "train", "test")

#: Rare things that are put into a source: see `oddities.py`.
ODDITIES = ("line", "edge", "flare", "wrong_response", "pile_up")

#: Spectral models: see `sources.make_sources`.
MODELS = (
    "reflected", "power_law", "plasma", "two_plasmas", "bremsstrahlung", "black_body", "black_body_power_law", "disc",
    "disc_power_law",
)  # fmt: skip

_RECIPES = Recipes(Path(__file__).parent, RECIPES, whole=("shares", "oddities"))

#: Mean and standard deviation of a normal distribution, cut at three standard deviations.
Normal = tuple[float, float]

#: Values at `PROBABILITIES` of a distribution that is none of the usual ones; between them it is normal.
Quantiles = tuple[float, float, float, float, float, float, float]
PROBABILITIES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Population(_Model):
    """Sources of one class with one spectral model. Distributions are given as (mean, standard deviation)."""

    share: float = Field(1.0, gt=0, description="of the class; the shares of a class need not sum to one")
    model: Literal[MODELS]  # type: ignore[valid-type]
    log_nh: Normal = Field(
        description="log10 of the column in front of the source, 1e22 / cm2, at redshift 0"
    )
    log_leak: Normal | None = Field(
        None, description="log10 of the share of the light that passes beside that column; none if not given"
    )
    leak_nh: float = Field(0.02, ge=0, description="column in front of that light, 1e22 / cm2")
    gamma: Normal = Field((1.8, 0.2), description="photon index of power laws")
    log_kt: Normal = Field(
        (0.0, 0.2), description="log10 of the temperature, keV, of the first component that has one"
    )
    log_kt_second: Normal = Field(
        (0.4, 0.2), description="the same of a second plasma, hotter than the first"
    )
    log_ratio: Normal = Field(
        (0.0, 0.3), description="log10 of the .5-7 keV energy of the second component over that of the first"
    )
    abundance: Normal = Field((-0.4, 0.15), description="log10 of the plasma's, solar")
    reflection: Normal = Field((0.0, 0.0), description="solid angle of the reflecting slab over 2 pi, from 0")
    log_iron: Normal = Field(
        (-9.0, 0.0), description="log10 of the equivalent width of Fe K lines, keV; -9 for none"
    )
    z: Normal = Field(
        (0.0, 0.0), description="redshift of the source: mean of the logarithm log10, and its deviation"
    )
    brighter: float = Field(0.0, description="dex by which its sources are brighter than the class")


class ClassRecipe(_Model):
    """How sources of one class are drawn."""

    log_flux: Quantiles = Field(description="log10 of the .5-7 keV flux with absorption, erg / (cm2 s)")
    log_sn: Normal = Field(
        description="log10 of the signal-to-noise of the .5-7 keV counts at the median flux"
    )
    sn_slope: float = Field(0.0, description="dex of signal-to-noise gained per dex of flux")
    populations: tuple[Population, ...] = Field(min_length=1)


class ObservationRecipe(_Model):
    """What the telescope does."""

    log_background: Normal = Field(
        description="log10 of background counts per second, .5-7 keV, in a source's region"
    )
    log_region: Normal = Field(description="log10 of the size of the background region over the source's")
    log_exposure: tuple[float, float] = Field(description="limits of the exposure, log10 seconds")
    min_sn: float = Field(
        ge=0, description="least expected signal-to-noise of a source that is in the survey"
    )


class MockRecipe(_Model):
    """Everything that decides a mock survey, except its size, its seed and the responses."""

    version: int = Field(1, ge=1, description="raised whenever the recipe's sources change")
    stream: int = Field(
        0, ge=0, description="with the seed it decides the random numbers: other recipes, other sources"
    )
    responses: Literal["all", "even", "odd"] = Field(
        "all", description="which of the responses at hand are used"
    )
    shares: dict[str, float]
    oddities: dict[str, float] = Field(description="shares of all sources, by kind")
    observation: ObservationRecipe
    classes: dict[str, ClassRecipe]

    @model_validator(mode="after")
    def _known_names(self) -> MockRecipe:
        for name, known in (("shares", CLASSES), ("classes", CLASSES), ("oddities", ODDITIES)):
            unknown = set(getattr(self, name)) - set(known)
            if unknown:
                raise ValueError(f"{name} names {sorted(unknown)}, known are {list(known)}")
        missing = {name for name, share in self.shares.items() if share > 0} - set(self.classes)
        if missing:
            raise ValueError(f"classes lacks {sorted(missing)}")
        if min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) <= 0:
            raise ValueError(f"shares are {self.shares}, expected none below 0 and a sum above 0")
        if min(self.oddities.values(), default=0) < 0 or sum(self.oddities.values()) > 1:
            raise ValueError(f"oddities are {self.oddities}, expected none below 0 and a sum of at most 1")
        return self


def load_recipe(name_or_path: Path | str | None = None) -> MockRecipe:
    """A recipe by name or from a TOML file; without either, the default.

    "train" and "test" are the default with other random numbers, disjoint halves of the responses, and oddities in
    "test" alone. A file needs to give only what differs from the default.

    Raises:
        RecipeError: If the file cannot be read, or holds a key or value that a recipe cannot have.
    """
    return _RECIPES.load(MockRecipe, name_or_path)
