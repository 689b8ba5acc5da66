"""EncoderRecipe: a TOML file that says all there is to say about an encoder and its training."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spectrove.errors import RecipeError
from spectrove.preprocess import PreprocessRecipe


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PcaRecipe(_Table):
    """EM-PCA: number of components, iterations, and the power of whitening (0 none, .5 half, 1 full)."""

    n_components: int = Field(20, ge=1)
    iterations: int = Field(15, ge=1)
    whitening: float = Field(0.5, ge=0, le=1)


class NetworkRecipe(_Table):
    """A Transformer over patches.

    Attributes:
        patch: Pixels per patch.
        stride: Pixels from one patch to the next; less than `patch` overlaps.
        width: Width of a token.
        depth: Number of layers.
        heads: Attention heads a layer; `width` must be divisible by it.
        mlp_ratio: Width of the feed-forward part over `width`.
        dropout: In training.
        inputs: "flux" alone, or "flux+valid" with a channel that says which pixels were observed.
        bottleneck: 0 is the published form: the mean of the tokens is the vector, and each hidden token decodes its
            own patch. Otherwise the mean is projected to a vector of this length, from which alone the whole
            spectrum is decoded: what is not in the vector cannot help.
        decoder_width: Hidden units of the decoder behind a bottleneck.
        norm: Layer norm before ("pre") or after ("post") each part.
        whitening: Power by which the pooled vectors' principal axes are whitened, measured on the training
            spectra: 0 leaves the mean of the tokens as it is.
    """

    patch: int = Field(40, ge=1)
    stride: int = Field(40, ge=1)
    width: int = Field(128, ge=2)
    depth: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    mlp_ratio: float = Field(4.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    inputs: Literal["flux", "flux+valid"] = "flux+valid"
    bottleneck: int = Field(0, ge=0)
    decoder_width: int = Field(256, ge=1)
    norm: Literal["pre", "post"] = "pre"
    whitening: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _divides(self) -> NetworkRecipe:
        if self.width % self.heads:
            raise ValueError(f"width ({self.width}) must be divisible by heads ({self.heads})")
        return self


class MaskRecipe(_Table):
    """Which patches are hidden in training: a share of them, one by one or in runs of `span` patches."""

    ratio: float = Field(0.25, gt=0, lt=1)
    shape: Literal["patch", "span"] = "patch"
    span: int = Field(3, ge=1)


class TrainingRecipe(_Table):
    """How the weights are found.

    Attributes:
        loss: "mse" on every observed masked pixel alike, or "ivar": weighted by inverse variance.
        n_mock: Mock spectra to train on, made from `mock_seed`, besides the datasets that are given.
        repeat_data: How many times each spectrum of the datasets counts beside the mocks.
        validation: Share of the spectra kept for validation.
        schedule: Steps in all, of which `warmup` raise the learning rate; then a cosine to zero.
    """

    loss: Literal["mse", "ivar"] = "ivar"
    n_mock: int = Field(10_000, ge=0)
    mock_seed: int = 1000
    repeat_data: int = Field(1, ge=1)
    validation: float = Field(0.05, gt=0, lt=1)
    steps: int = Field(5_000, ge=1)
    warmup: int = Field(200, ge=0)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    checkpoint_every: int = Field(500, ge=1)
    seed: int = 0


class EncoderRecipe(_Table):
    """An encoder: its kind, what it is shown, its shape, and how it is trained."""

    name: str
    kind: Literal["pca", "masked_transformer"]
    description: str = ""
    preprocess: PreprocessRecipe = PreprocessRecipe()
    pca: PcaRecipe | None = None
    network: NetworkRecipe | None = None
    mask: MaskRecipe | None = None
    training: TrainingRecipe = TrainingRecipe()

    @model_validator(mode="after")
    def _tables_fit_kind(self) -> EncoderRecipe:
        needed = {"pca": {"pca"}, "masked_transformer": {"network", "mask"}}[self.kind]
        given = {t for t in ("pca", "network", "mask") if getattr(self, t) is not None}
        if given != needed:
            raise ValueError(f"kind {self.kind!r} needs the tables {sorted(needed)}, found {sorted(given)}")
        return self

    def identity(self) -> dict[str, Any]:
        """What decides the vectors beside the weights: not the name, nor how it was trained."""
        return self.model_dump(include={"kind", "preprocess", "pca", "network"})


def load_recipe(source: Path | str) -> EncoderRecipe:
    """A recipe from a TOML file, or one that comes with Spectrove, by name ("base" or "base.toml").

    Raises:
        RecipeError: If there is no such file, it is not TOML, or a key is unknown or out of range.
    """
    path = Path(source)
    if path.is_file():
        text = path.read_text()
    else:
        shipped = (
            resources.files("spectrove.encoders") / "recipes" / (path.name.removesuffix(".toml") + ".toml")
        )
        if not shipped.is_file():
            known = ", ".join(shipped_recipes())
            raise RecipeError(
                f"{source}: no such recipe file, and not one of those that come along ({known})."
            )
        text = shipped.read_text()
    try:
        return EncoderRecipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: not TOML: {error}.") from error
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors())
        raise RecipeError(f"{source}: {what}. Correct the recipe.") from error


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Spectrove."""
    folder = resources.files("spectrove.encoders") / "recipes"
    return sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml"))


def recipe_toml(recipe: EncoderRecipe) -> str:
    """The full recipe as TOML, every default spelled out."""
    values = recipe.model_dump(exclude_none=True)
    lines = [f"{k} = {_toml(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for table, content in values.items():
        if isinstance(content, dict):
            lines += ["", f"[{table}]"] + [f"{k} = {_toml(v)}" for k, v in content.items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
