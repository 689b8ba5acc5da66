"""The numbers that decide what a flow is and how it learns."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FlowRecipe(BaseModel):
    """A flow from spectra to labels, and its training.

    Attributes:
        mocks: Recipe of the mock stars that it learns: "train" or "real".
        components: Of each setting, in the order of `settings.SETTINGS`.
        hidden: Units of the blocks between components and context.
        blocks: Number of these, each with a way around.
        context: Numbers that the flow is told of a spectrum.
        transforms: Couplings of the flow.
        units: Of each of the two hidden layers of a coupling.
        bins: Of its splines.
        pool: Mock spectra without noise that are drawn, in all.
        compared: Computed stars: what the emulator of the mock spectra is off by at them is noise to the flow.
        checked: Further computed stars, by which widths are corrected.
        steps: Of training of the normal distributions; then ...
        shaping: ... of the flow, while these stay as they are.
        batch: Spectra of a step; each has other noise every time ...
        shaped: ... and of a step of the flow.
        learning_rate, weight_decay: Of AdamW; the rate rises over the first steps and falls to nothing as a cosine.
        averaging: Share of the old in the running mean of weights, which are those that are kept.
        signal_to_noise: Of the continuum in a pixel of .1 A, least and largest, even in the logarithm.
        unlike: One sigma of the logarithm by which a setting's ratio differs from that of the spectrum.
        alone: Share of the spectra with one setting alone, of each setting.
        seed: Of weights and noise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mocks: str = "train"
    components: tuple[int, ...] = (80, 72)
    hidden: int = Field(224, ge=1)
    blocks: int = Field(2, ge=0)
    context: int = Field(64, ge=1)
    transforms: int = Field(3, ge=1)
    units: int = Field(64, ge=1)
    bins: int = Field(8, ge=2)
    pool: int = Field(320_000, ge=1)
    compared: int = Field(2_000, ge=1, le=2_000)
    checked: int = Field(2_000, ge=1)
    steps: int = Field(20_000, ge=1)
    shaping: int = Field(6_000, ge=1)
    batch: int = Field(384, ge=2)
    shaped: int = Field(192, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-3, ge=0)
    averaging: float = Field(0.999, ge=0, lt=1)
    signal_to_noise: tuple[float, float] = (8.0, 220.0)
    unlike: float = Field(0.15, ge=0)
    alone: tuple[float, ...] = (0.15, 0.1)
    seed: int = 0
