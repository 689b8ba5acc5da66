"""The numbers that decide what a network of labels is and how it learns."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LabelsRecipe(BaseModel):
    """A network from spectra to labels, and its training.

    Attributes:
        channels: Of the convolutions, of which the first takes every fourth pixel and the others every second, and all
            but the first the larger of two neighbours.
        hidden: Units between convolutions and labels.
        dropout: In training, before and after these.
        members: Networks that are trained apart; their mean is the answer.
        epochs: Times that each star is shown.
        batch: Stars together.
        learning_rate, weight_decay: Of AdamW; the rate rises over a tenth of the steps and falls to nothing.
        signal_to_noise: Noise is added so that each pixel has a ratio between these, drawn evenly in the logarithm ...
        tilt: Noise may grow towards the blue end by up to e to this, and fall as much towards the red.
        ripple: Largest amplitude of waves that flux calibration leaves in the continuum.
        noiseless: ... but to this fraction of the stars none.
        shapeless: Fraction of the stars whose continuum is not shown.
        shift: Largest error of velocity, in pixels.
        blur: Largest share of its neighbours in a pixel, on each side.
        cut: Pixels at the blue end that may be missing, for one star in three.
        bad: Largest fraction of single pixels that are missing.
        gaps, gap: Number of gaps, and their largest length in pixels.
        seed: Of the first member.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channels: tuple[int, ...] = (16, 32, 32, 32)
    hidden: int = Field(128, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    members: int = Field(4, ge=1)
    epochs: int = Field(120, ge=1)
    batch: int = Field(64, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    signal_to_noise: tuple[float, float] = (5.0, 100.0)
    tilt: float = Field(1.2, ge=0)
    ripple: float = Field(0.02, ge=0)
    noiseless: float = Field(0.2, ge=0, le=1)
    shapeless: float = Field(0.4, ge=0, le=1)
    shift: float = Field(0.6, ge=0)
    blur: float = Field(0.25, ge=0, lt=0.5)
    cut: int = Field(200, ge=0)
    bad: float = Field(0.1, ge=0, lt=1)
    gaps: int = Field(3, ge=0)
    gap: float = Field(60.0, ge=0)
    seed: int = 0
