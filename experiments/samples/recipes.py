"""Recipes: what an experiment is run on and with, read from a TOML file; unknown keys are errors."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from experiments.samples.surveys import FOLDS, GROUP, MOCK_SEED, REPETITIONS
from spectrove.errors import RecipeError
from spectrove.pipeline.shipped import load_target
from spectrove.targets import Target
from spectrove.targets.target import Normalise, Weighting

SampleName = Literal["mock", "real", "lenses", "outliers", "archive"]
R = TypeVar("R", bound="Recipe")


class Model(BaseModel):
    """Frozen; a key it does not have is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Mock(Model):
    """Mock surveys: each seed is a repetition, its plates split into base and queries."""

    recipe: str = "test"
    n: int = 2000
    seeds: tuple[int, ...] = tuple(MOCK_SEED + i for i in range(REPETITIONS))


class Real(Model):
    """Real spectra: grouped cross-validation, repeated with other folds (and other injections)."""

    folds: int = FOLDS
    seeds: int = REPETITIONS
    group: str = GROUP
    limit: int | None = None


class Archive(Model):
    """A dataset of archive spectra: which of its rows count. Folds are those of `real`."""

    where: str | None = None


class Way(Model):
    """One way of asking. What is left out is as the target's file says it; `calibrated`: as `hunt` asks."""

    name: str
    changes: dict[str, Any] = {}
    calibrated: bool = False


class Recipe(Model):
    """What every experiment has; those with more keys extend it.

    Spectra keep their `pixels` only where that is said: votes need none, calibrated answers do, and a million spectra
    would not fit.
    """

    title: str
    samples: tuple[SampleName, ...] = ("mock", "real")
    encoder: str = "base"
    views: dict[str, str] | None = None
    k: int = 3
    pixels: bool = False
    weighting: Weighting = "exp"
    readings: tuple[Normalise, ...] = ("sum", "softmax")
    mock: Mock = Mock()
    real: Real = Real()
    archive: Archive = Archive()
    changes: dict[str, Any] = {}
    target_changes: dict[str, dict[str, Any]] = {}

    def target(self, name: str, **changes: Any) -> Target:
        """A shipped target with the recipe's K and weights, what the recipe changes of it, and `changes`."""
        own = {"k": self.k, "weighting": self.weighting} | self.changes | self.target_changes.get(name, {})
        return Target.model_validate(load_target(name).model_dump() | own | changes)


def read_recipe(path: Path, kind: type[R], *, fast: bool = False) -> R:
    """The recipe in a TOML file; its table `fast` holds what replaces values in a quick run.

    Raises:
        RecipeError: It cannot be read, or holds a key or value that it cannot have.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: not a readable TOML file ({error}).") from error
    quick = values.pop("fast", {})
    if fast:
        values = merged(values, quick)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors())
        raise RecipeError(f"{path}: {found}. Known keys: {', '.join(kind.model_fields)}.") from error


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `change`, table by table."""
    both = {key: merged(base[key], value) if _tables(base.get(key), value) else value
            for key, value in change.items()}  # fmt: skip
    return base | both


def _tables(a: Any, b: Any) -> bool:
    return isinstance(a, dict) and isinstance(b, dict)
