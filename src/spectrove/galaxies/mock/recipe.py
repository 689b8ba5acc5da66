"""What a mock survey contains, as data: a TOML file read into frozen models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.recipes import Recipes

#: Kinds of host galaxy; each has a table [classes.KIND] in the recipe.
GALAXY_CLASSES = ("SF", "Composite", "Seyfert", "LINER", "quiescent", "red")

#: Kinds of object, which the recipe gives shares.
KINDS = (*GALAXY_CLASSES, "lens", "outlier")

#: Recipes that come with the package: what `load_recipe` takes by name.
RECIPES = ("default", "train", "test")

_RECIPES = Recipes(Path(__file__).parent, RECIPES, whole=("shares",))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClassRecipe(_Model):
    """How galaxies of one class are drawn. Widths called `sigma_dex` are of the logarithm."""

    ha_ew: float = Field(gt=0, description="median H alpha equivalent width, rest angstrom")
    ha_ew_sigma_dex: float = Field(ge=0)
    tail_share: float = Field(0.0, ge=0, le=1, description="share of galaxies with far stronger lines")
    tail_ha_ew: float = Field(200.0, gt=0)
    tail_sigma_dex: float = Field(0.3, ge=0)
    young: float = Field(gt=0, lt=1, description="median share of light at 5500 angstrom from below 1 Gyr")
    young_sigma: float = Field(ge=0, description="scatter of its logit")
    young_slope: float = Field(0.0, description="logit gained per dex of equivalent width above the median")
    middle: float = Field(gt=0, lt=1, description="mean share of the other light that is 1 to 3 Gyr old")
    metallicity: float
    metallicity_sigma: float = Field(gt=0)
    vdisp: float = Field(gt=0, description="median stellar velocity dispersion, km/s")
    vdisp_sigma_dex: float = Field(ge=0)
    dust: float = Field(ge=0, description="mean stellar E(B-V) beyond what the Balmer decrement says")
    hot: float = Field(0.0, ge=0, le=1, description="share of hot stars or a nucleus in the young light")
    hot_slope: float = Field(
        0.0, description="gain of that share per dex of equivalent width above the median"
    )
    sodium: float = Field(0.0, ge=0, description="mean extra Na D absorption, angstrom")
    depth: float = Field(
        1.0, gt=0, description="mean depth of stellar absorption lines relative to the populations'"
    )
    gas: float = Field(0.75, gt=0, description="median width of the emission lines relative to the stars'")
    brightness: float = Field(1.0, gt=0, description="S/N relative to the sample's")
    metal_slope: float | None = Field(
        None,
        description="log [N II]/H alpha gained per dex of equivalent width; None if they are independent",
    )
    metal_median: float = Field(
        -0.5, description="log [N II]/H alpha at the median equivalent width, with metal_slope"
    )


class RedshiftRecipe(_Model):
    """Main sample: minimum plus a gamma distribution; red galaxies and lenses: a range."""

    minimum: float = Field(gt=0)
    shape: float = Field(gt=0)
    scale: float = Field(gt=0)
    maximum: float = Field(gt=0, le=0.6)
    red: tuple[float, float]
    error: float = Field(gt=0, description="median one sigma of the measured redshift")


class NoiseRecipe(_Model):
    """What the telescope and the pipeline do to a spectrum."""

    sn: float = Field(gt=0, description="median S/N per pixel of the bright part of the main sample")
    sn_sigma: float = Field(gt=0)
    faint_share: float = Field(ge=0, le=1, description="share drawn from the faint tail instead")
    faint_sn: float = Field(gt=0)
    faint_sigma_dex: float = Field(ge=0)
    red_sn: float = Field(gt=0)
    red_sigma_dex: float = Field(ge=0)
    correlation: float = Field(ge=0, le=0.45, description="of neighbouring pixels' noise")
    sky_residual: float = Field(ge=0, description="share of the sky lines left in the spectrum")
    calibration: float = Field(ge=0, description="relative error of flux calibration over long ranges")
    ripple: float = Field(
        0.0,
        ge=0,
        description="relative scatter over some 60 angstrom: flat field, and stars unlike the templates",
    )
    cosmics: float = Field(ge=0, description="cosmic rays per spectrum that no mask marks")
    bad_columns: float = Field(ge=0, description="masked stretches per spectrum")
    line_strength: float = Field(ge=0, description="relative scatter of stellar absorption depth")
    overstated: float = Field(
        ge=0, lt=1, description="how much the pipeline's errors exceed the true ones at most"
    )
    foreground: float = Field(ge=0, description="mean E(B-V) of the Milky Way in front")


class LinesRecipe(_Model):
    """Emission-line ratios."""

    ratio_scatter: float = Field(ge=0, description="dex added to every ratio of the fitted distribution")


class LensRecipe(_Model):
    """Background galaxies behind lenses."""

    line_sn: tuple[float, float] = Field(description="S/N of the strongest background line, log-uniform")
    z_source_max: float = Field(gt=0)


class MockRecipe(_Model):
    """Everything that decides a mock survey, except its size and seed."""

    version: int = Field(1, ge=1, description="raised whenever the recipe's galaxies change")
    shares: dict[str, float]
    test_share: float = Field(ge=0, le=1, description="share of the plates whose split is test")
    populations: Literal["all", "even", "odd"] = Field(
        description="which stellar populations galaxies are made of: every one, or one of two disjoint halves"
    )
    line_cells: Literal["all", "even", "odd"] = Field(
        "all",
        description="which cells of .1 dex of the [N II] diagram line ratios come from: a checkerboard's halves",
    )
    redshift: RedshiftRecipe
    noise: NoiseRecipe
    lines: LinesRecipe
    lens: LensRecipe
    classes: dict[str, ClassRecipe]

    @model_validator(mode="after")
    def _known_names(self) -> MockRecipe:
        for field, known in (("shares", KINDS), ("classes", GALAXY_CLASSES)):
            unknown = set(getattr(self, field)) - set(known)
            if unknown:
                raise ValueError(f"{field} names {sorted(unknown)}, known are {list(known)}")
        missing = set(GALAXY_CLASSES) - set(self.classes)
        if missing:
            raise ValueError(f"classes lacks {sorted(missing)}")
        if min(self.shares.values(), default=0) < 0 or sum(self.shares.values()) <= 0:
            raise ValueError(f"shares are {self.shares}, expected none below 0 and a sum above 0")
        return self


def load_recipe(name_or_path: Path | str | None = None) -> MockRecipe:
    """A recipe by name or from a TOML file; without either, the default.

    "train" and "test" are the default with disjoint halves of its stellar populations and line ratios. A
    file needs to give only what differs from the default.

    Raises:
        RecipeError: If the file cannot be read, or holds a key or value that a recipe cannot have.
    """
    return _RECIPES.load(MockRecipe, name_or_path)
