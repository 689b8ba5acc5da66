"""Encoders, recipes and targets by name, from the homes of all domains."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spectrove.encoders import Encoder, EncoderRecipe, checkpoint
from spectrove.encoders import recipe as recipes
from spectrove.encoders.kinds import Kinds
from spectrove.pipeline.domains import DOMAINS
from spectrove.targets import Target
from spectrove.targets import load_target as load_from
from spectrove.targets import shipped_targets as targets_in
from spectrove.targets import target_of as target_from


def load_encoder(source: str | Path) -> Encoder:
    """Encoder by name ("base", "pca") or from the folder written by `train`.

    Raises:
        RecipeError: If there is none, a file is missing or damaged, or weights and recipe do not fit.
    """
    return checkpoint.load_encoder(source, _folders("weights"), _kinds())


def shipped_encoders() -> list[str]:
    """Names of the encoders that come with Spectrove."""
    return checkpoint.shipped_encoders(_folders("weights"))


def load_recipe(source: str | Path) -> EncoderRecipe:
    """Recipe from a TOML file, or by name if it comes with Spectrove ("base" or "base.toml").

    Raises:
        RecipeError: If there is no such file, it is not TOML, or a key is unknown or out of range.
    """
    return recipes.load_recipe(source, _folders("recipes"), _kinds())


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Spectrove."""
    return recipes.shipped_recipes(_folders("recipes"))


def load_target(name_or_path: str | Path) -> Target:
    """The target of that shipped name, or of that TOML file.

    Raises:
        TargetError: No such name or file, not TOML, or a key or value that a target cannot have.
    """
    return _checked(load_from(name_or_path, _folders("targets")))


def target_of(values: Mapping[str, Any]) -> Target:
    """The target that has these keys, as its TOML file would.

    Raises:
        TargetError: A key or value that a target cannot have.
    """
    return _checked(target_from(values))


def _checked(target: Target) -> Target:
    witnesses = {name for d in DOMAINS.values() for name in d.witnesses}
    target.check_names(sorted(witnesses), sorted({name for d in DOMAINS.values() for name in d.signs}))
    return target


def lasting_name(target: str | Path) -> str:
    """By which a target is found again from any folder: a shipped name, or the whole path of a file."""
    return str(target) if str(target) in shipped_targets() else str(Path(target).absolute())


def shipped_targets() -> list[str]:
    """Names of the targets that come with Spectrove."""
    return targets_in(_folders("targets"))


def _folders(name: str) -> list[Path]:
    return [folder for domain in DOMAINS.values() for folder in domain.folders(name)]


def _kinds() -> Kinds:
    return {name: kind for domain in DOMAINS.values() for name, kind in domain.kinds.items()}
