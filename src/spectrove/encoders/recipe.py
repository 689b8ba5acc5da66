"""EncoderRecipe: the complete definition of an encoder and its training, a TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from spectrove.errors import RecipeError
from spectrove.preprocess import PreprocessRecipe

_NO_KINDS: Mapping[str, Callable[[], Any]] = MappingProxyType({})


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PcaRecipe(_Table):
    """EM-PCA: number of components, iterations, and the power of whitening (0 none, .5 half, 1 full)."""

    n_components: int = Field(20, ge=1)
    iterations: int = Field(15, ge=1)
    whitening: float = Field(0.5, ge=0, le=1)


class NetworkRecipe(_Table):
    """A network from spectra to vectors: a Transformer over patches, a CNN, or a CNN followed by a Transformer.

    Attributes:
        patch: Pixels per patch: a token of the Transformer, and the unit that is hidden in training.
        stride: Pixels from one patch to the next; less than `patch` overlaps.
        width: Width of a token.
        depth: Number of Transformer layers.
        heads: Attention heads per layer; `width` must be divisible by it.
        mlp_ratio: Width of the feed-forward part over `width`.
        channels: Of the convolutions of a "cnn" or "hybrid", one stage each: the first takes every fourth pixel, each
            further one halves the length.
        squeeze: Channels kept at each position if the positions of a spectrum are concatenated to make the vector.
        pooling: "mean" of the tokens, or "places": tokens squeezed and concatenated, so that the vector keeps the
            wavelengths of features. For Transformers; convolutions always concatenate their positions.
        dropout: In training.
        inputs: "flux" alone; "flux+valid" with a channel for observed pixels; "flux+valid+ivar" with one more for
            log(1 + ivar).
        bottleneck: 0 is the published form: the mean of the tokens is the vector, and each hidden token decodes its
            own patch. Otherwise the mean is projected to a vector of this length, and the whole spectrum is decoded
            from this vector alone.
        decoder_width: Hidden units of the decoder after a bottleneck.
        measurements: Names from `Domain.measurements`, predicted from the vector by a linear map.
        norm: Layer norm before ("pre") or after ("post") each part.
        whitening: Power by which the principal axes of the pooled vectors are whitened, measured on the training
            spectra; 0 leaves the mean of the tokens unchanged.
    """

    patch: int = Field(40, ge=1)
    stride: int = Field(40, ge=1)
    width: int = Field(128, ge=2)
    depth: int = Field(4, ge=1)
    heads: int = Field(4, ge=1)
    mlp_ratio: float = Field(4.0, gt=0)
    channels: tuple[int, ...] = (32, 48, 64)
    squeeze: int = Field(16, ge=1)
    pooling: Literal["mean", "places"] = "mean"
    dropout: float = Field(0.0, ge=0, lt=1)
    inputs: Literal["flux", "flux+valid", "flux+valid+ivar"] = "flux+valid"
    bottleneck: int = Field(0, ge=0)
    decoder_width: int = Field(256, ge=1)
    measurements: tuple[str, ...] = ()
    norm: Literal["pre", "post"] = "pre"
    whitening: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _divides(self) -> NetworkRecipe:
        if self.width % self.heads:
            raise ValueError(f"width ({self.width}) must be divisible by heads ({self.heads})")
        if self.measurements and not self.bottleneck:
            raise ValueError("measurements are predicted from the vector; they need a bottleneck")
        return self


class MaskRecipe(_Table):
    """Patches hidden in training: a fraction of all, singly or in runs of `span` patches."""

    ratio: float = Field(0.25, gt=0, lt=1)
    shape: Literal["patch", "span"] = "patch"
    span: int = Field(3, ge=1)


class ObjectivesRecipe(_Table):
    """Weight of each objective of `training.objectives`; 0 leaves it out.

    Attributes:
        reconstruction: The whole spectrum from its visible part.
        measurements: Line strengths, ratios and indices from a catalog or the truth of a mock, weighted by their
            errors. Never a class.
        consistency: Equal vectors for a spectrum and a noisier copy.
        distillation: The vector of another, larger encoder (`training.teacher`), by a linear map from the vector.
    """

    reconstruction: float = Field(1.0, ge=0)
    measurements: float = Field(0.0, ge=0)
    consistency: float = Field(0.0, ge=0)
    distillation: float = Field(0.0, ge=0)


class AugmentRecipe(_Table):
    """Changes to training spectra, to imitate noise, gaps and redshift errors of other surveys.

    Attributes:
        noisier: Fraction of the spectra with noise added, ...
        noise: ... up to this factor times their own.
        gaps: Number of gaps, each made with a probability of one half.
        gap: Largest length of a gap, pixels.
        shift: Largest simulated redshift error, in pixels of the grid.
    """

    noisier: float = Field(0.0, ge=0, le=1)
    noise: float = Field(3.0, ge=0)
    gaps: int = Field(0, ge=0)
    gap: int = Field(80, ge=1)
    shift: int = Field(0, ge=0)


class TrainingRecipe(_Table):
    """Settings of the training.

    Attributes:
        objectives: Objectives and their weights.
        augment: Changes to the training spectra.
        mock_recipe: The mock survey: a name that the mock of the domain knows, or a file.
        teacher: Encoder whose vectors are the aim of `objectives.distillation`; a name or folder.
        loss: "mse" with equal weights for all observed masked pixels, or "ivar" weighted by inverse variance.
        n_mock: Number of mock spectra for training, made from `mock_seed`, beside the given datasets.
        repeat_data: Number of repetitions of each spectrum of the datasets, ...
        real_share: ... or, if given, the fraction of the training sample that they make up by repetition.
        start_from: Encoder of the same network with the initial weights and units; a name or folder.
        validation: Fraction of the spectra kept for validation.
        schedule: Total steps, of which `warmup` raise the learning rate; then a cosine to zero.
    """

    objectives: ObjectivesRecipe = ObjectivesRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    mock_recipe: str = "default"
    teacher: str | None = None
    loss: Literal["mse", "ivar"] = "ivar"
    n_mock: int = Field(10_000, ge=0)
    mock_seed: int = 1000
    repeat_data: int = Field(1, ge=1)
    real_share: float | None = Field(None, gt=0, lt=1)
    start_from: str | None = None
    validation: float = Field(0.05, gt=0, lt=1)
    steps: int = Field(5_000, ge=1)
    warmup: int = Field(200, ge=0)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    checkpoint_every: int = Field(500, ge=1)
    seed: int = 0


#: The tables that each general kind needs. The kind of a domain needs one of its own name.
TABLES: dict[str, frozenset[str]] = {
    "pca": frozenset({"pca"}),
    **dict.fromkeys(("masked_transformer", "cnn", "hybrid"), frozenset({"network", "mask"})),
}


class EncoderRecipe(_Table):
    """An encoder: its kind, its input, its shape and its training.

    Attributes:
        kind: A general kind, see `TABLES`, or one that a domain brings.
        preprocess: Preparation of flux on a grid. Where the kind of a domain leaves it out, its input is something
            else, which its own table defines.
        own: The table of the kind of a domain, which is named like the kind in a file; parsed by `Encoder.complete`.
    """

    name: str
    kind: str
    description: str = ""
    preprocess: PreprocessRecipe | None = PreprocessRecipe()
    pca: PcaRecipe | None = None
    network: NetworkRecipe | None = None
    mask: MaskRecipe | None = None
    own: dict[str, Any] | None = None
    training: TrainingRecipe = TrainingRecipe()

    @model_validator(mode="before")
    @classmethod
    def _own_table(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(kind := values.get("kind"), str) or kind in TABLES:
            return values
        values = {"preprocess": None, **values}
        if kind in values and kind not in cls.model_fields:
            own = values.pop(kind)
            values["own"] = own.model_dump() if isinstance(own, BaseModel) else own
        return values

    @model_validator(mode="after")
    def _tables_fit_kind(self) -> EncoderRecipe:
        needed = TABLES.get(self.kind, frozenset({self.kind}))
        given = {t for t in ("pca", "network", "mask") if getattr(self, t) is not None}
        if self.own is not None:
            given |= {self.kind if self.kind not in TABLES else "own"}
        if given != needed:
            raise ValueError(f"kind {self.kind!r} needs the tables {sorted(needed)}, found {sorted(given)}")
        if self.kind in TABLES and self.preprocess is None:
            raise ValueError(f"kind {self.kind!r} needs preprocess")
        if self.kind in ("cnn", "hybrid") and not self.network.bottleneck:  # type: ignore[union-attr]
            raise ValueError(f"kind {self.kind!r} needs network.bottleneck, the length of its vectors")
        return self

    @property
    def on_grid(self) -> PreprocessRecipe:
        """Recipe for the preparation of flux on a grid.

        Raises:
            RecipeError: If the input of this kind is something else.
        """
        if self.preprocess is None:
            raise RecipeError(
                f"recipe {self.name}: an encoder of kind {self.kind} prepares its own input, expected one with "
                "flux on a grid of wavelengths. Use encoder.prepare(spectra), or another encoder."
            )
        return self.preprocess

    def identity(self) -> dict[str, Any]:
        """Settings that affect the vectors, beside the weights: not the name or the training."""
        own = {} if self.own is None else {self.kind: self.own}
        return self.model_dump(include={"kind", "preprocess", "pca", "network"}) | own


def load_recipe(
    source: Path | str, folders: Sequence[Path] = (), kinds: Mapping[str, Callable[[], Any]] = _NO_KINDS
) -> EncoderRecipe:
    """Recipe from a TOML file, or by name ("base" or "base.toml") from one of the folders of shipped recipes.

    Args:
        folders: Where recipes are looked for by name, best first.
        kinds: Kinds of domains, by name: functions that give the class of the encoder.

    Raises:
        RecipeError: If there is no such file, it is not TOML, or a key is unknown or out of range.
    """
    path = Path(source)
    if not path.is_file():
        shipped = (folder / (path.name.removesuffix(".toml") + ".toml") for folder in folders)
        path = next((file for file in shipped if file.is_file()), path)
    if not path.is_file():
        known = ", ".join(shipped_recipes(folders))
        raise RecipeError(f"{source}: no such recipe file, and not one of the shipped recipes ({known}).")
    try:
        return _parsed(tomllib.loads(path.read_text()), kinds)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{source}: not TOML: {error}.") from error
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors())
        raise RecipeError(f"{source}: {what}. Correct the recipe.") from error
    except ValueError as error:
        raise RecipeError(f"{source}: {error}. Correct the recipe.") from error


def _parsed(values: dict[str, Any], kinds: Mapping[str, Callable[[], Any]]) -> EncoderRecipe:
    """The recipe with all defaults, those of the table of its kind as well."""
    kind = values.get("kind")
    if isinstance(kind, str) and kind not in TABLES and kind not in kinds:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(sorted({*TABLES, *kinds}))}")
    recipe = EncoderRecipe.model_validate(values)
    if recipe.own is None:
        return recipe
    try:
        return kinds[recipe.kind]().complete(recipe)
    except ValidationError as error:
        what = "; ".join(
            f"{'.'.join(map(str, (recipe.kind, *e['loc'])))}: {e['msg']}" for e in error.errors()
        )
        raise ValueError(what) from error


def shipped_recipes(folders: Sequence[Path]) -> list[str]:
    """Names of the recipes in these folders."""
    return sorted(file.stem for folder in folders for file in folder.glob("*.toml"))


def recipe_toml(recipe: EncoderRecipe) -> str:
    """The full recipe as TOML, with all defaults."""
    values = recipe.model_dump(exclude_none=True)
    values = {recipe.kind if name == "own" else name: value for name, value in values.items()}
    return "\n".join(_table_lines(values, "")) + "\n"


def _table_lines(values: dict[str, Any], name: str) -> list[str]:
    lines = [f"{k} = {_toml(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for table, content in values.items():
        if isinstance(content, dict):
            whole = f"{name}.{table}" if name else table
            lines += ["", f"[{whole}]", *_table_lines(content, whole)]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    return repr(value)
