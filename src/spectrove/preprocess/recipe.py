"""PreprocessRecipe: everything that decides what an encoder is shown."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from spectrove.provenance import PREPROCESS_VERSION, canonical_json, hash_arrays


class PreprocessRecipe(BaseModel):
    """How spectra are made comparable; the `[preprocess]` table of an encoder's recipe.

    Attributes:
        frame: "rest" shifts by the redshift first (and so needs one); "observed" does not.
        grid: Spacing of the pixel centres, "log" or "linear", between `wave_min` and `wave_max` (vacuum
            angstrom, in `frame`), `n_pixels` of them.
        scale: "median" divides by the median flux in `scale_window`; "continuum" divides by a running
            median and subtracts one, which leaves lines and breaks; "none" leaves the flux unit.
        scale_window: Rest-frame angstrom. Where no good pixel lies in it, all good pixels are used and
            the spectrum is flagged.
        continuum_width: Width of the running median, in dex (log grid) or angstrom (linear grid).
        softening: `x -> s * asinh(x / s)`, so that a strong line does not outweigh all else; 0 is off.
        clip: Values below the first or above the second are clipped, after scaling, before softening.
        systematic: A relative error added in quadrature: no pixel is trusted better than this.
        min_coverage: Fraction of the grid that needs good pixels; with less the spectrum is refused.
        cosmics: Whether spikes narrower than the LSF are masked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frame: Literal["rest", "observed"] = "rest"
    grid: Literal["log", "linear"] = "log"
    wave_min: float = Field(3630.0, gt=0)
    wave_max: float = Field(8696.0, gt=0)
    n_pixels: int = Field(1898, ge=8)
    scale: Literal["median", "continuum", "none"] = "median"
    scale_window: tuple[float, float] = (5300.0, 5850.0)
    continuum_width: float = Field(0.01, gt=0)
    softening: float = Field(0.0, ge=0)
    clip: tuple[float, float] = (-1.0, 50.0)
    systematic: float = Field(0.03, ge=0)
    min_coverage: float = Field(0.1, ge=0, le=1)
    cosmics: bool = True

    @model_validator(mode="after")
    def _ordered(self) -> PreprocessRecipe:
        if self.wave_max <= self.wave_min:
            raise ValueError(f"wave_max ({self.wave_max}) must be greater than wave_min ({self.wave_min})")
        return self

    @property
    def wavelength(self) -> NDArray[np.float64]:
        """Pixel centres, vacuum angstrom in `frame`, shape (n_pixels,)."""
        space = np.geomspace if self.grid == "log" else np.linspace
        return space(self.wave_min, self.wave_max, self.n_pixels)

    @property
    def needs_redshift(self) -> bool:
        """The rest frame does, and so does a scale measured in a rest-frame window."""
        return self.frame == "rest" or self.scale == "median"

    @property
    def fingerprint(self) -> str:
        """Equal for equal recipes of one preprocessing version; 16 hexadecimal digits."""
        text = canonical_json([self.model_dump(), PREPROCESS_VERSION])
        return hash_arrays({"recipe": np.frombuffer(text.encode(), dtype=np.uint8)})[:16]
