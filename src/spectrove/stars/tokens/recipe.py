"""The numbers that decide mock stars, a network on tokens, and how it learns."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

Limits = tuple[float, float]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MockRecipe(_Model):
    """Mock stars through real ones.

    Attributes:
        teff: Stars between, K.
        clip: Stars whose spectrum differs from the model's by more than this (rms, mag) are left out.
        components: Of what spectra differ from the model, kept to draw from.
        share: Of that difference in a mock spectrum.
        jitter: One sigma by which labels differ from those of a real star: of ln Teff, dex, dex.
        e_bv: Reddening, mag, uniform in the logarithm; the law is that of Gordon et al. 2023 with R(V) = 3.1.
        signal_to_noise: Norm of the coefficients over the error of one, uniform in the logarithm.
        error_slope: Errors of the last coefficients are lower by up to e to this, as in real spectra.
        error_spread: One sigma of the logarithm of single errors about that.
        colour_error: mag, uniform in the logarithm.
        label_error: Errors of known labels, in standard deviations of the stars; uniform in the logarithm.
        parallax_error: Of the product of parallax and 10^(G/5), relative; uniform in the logarithm.
    """

    teff: Limits = (3700.0, 7500.0)
    clip: float = Field(0.15, gt=0)
    components: int = Field(6, ge=1)
    share: float = Field(0.5, ge=0)
    jitter: tuple[float, float, float] = (0.02, 0.15, 0.12)
    e_bv: Limits = (0.005, 1.0)
    signal_to_noise: Limits = (300.0, 10_000.0)
    error_slope: float = Field(1.0, ge=0)
    error_spread: float = Field(0.2, ge=0)
    colour_error: Limits = (0.003, 0.05)
    label_error: Limits = (0.001, 0.5)
    parallax_error: Limits = (0.003, 0.5)


class TokensRecipe(_Model):
    """A network on tokens, and its training.

    Attributes:
        width: Numbers that stand for a token.
        heads: Of attention.
        encoder: Layers in which known tokens look at each other.
        decoder: Layers in which a wanted token looks at the known ones.
        components: Of the mixture of Gaussians that the network starts from; 1 for a single one.
        fitted: Mock stars that it is fitted to.
        stars: Mock stars; their noise is drawn anew at every step.
        batch: Stars in a step.
        wanted: Tokens asked of each in a step: coefficients, then others.
        steps: Of training.
        learning_rate, weight_decay: Of AdamW; the rate rises over 200 steps, and falls to nothing in the last
            three tenths.
        seed: Of everything.
    """

    width: int = Field(64, ge=4)
    heads: int = Field(4, ge=1)
    encoder: int = Field(1, ge=0)
    decoder: int = Field(2, ge=1)
    components: int = Field(24, ge=1)
    fitted: int = Field(20_000, ge=1)
    stars: int = Field(200_000, ge=1)
    batch: int = Field(128, ge=2)
    wanted: tuple[int, int] = (6, 5)
    steps: int = Field(2_500, ge=1)
    learning_rate: float = Field(1.5e-3, gt=0)
    weight_decay: float = Field(1e-3, ge=0)
    seed: int = 0
    mock: MockRecipe = MockRecipe()
