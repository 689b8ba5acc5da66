"""Recipes in TOML files that give only what differs from a default, as those of simulated surveys do."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from spectrove.errors import RecipeError

R = TypeVar("R", bound=BaseModel)


class Recipes:
    """The recipes of one folder, "default" among them, and files of users over that default.

    Args:
        folder: Where `default.toml` and the others are.
        names: Of those that come with the package.
        whole: Keys of tables that are replaced whole, so that what one leaves out is not there.
    """

    def __init__(self, folder: Path, names: Collection[str], whole: Collection[str] = ()) -> None:
        self._folder, self._names, self._whole = folder, tuple(names), frozenset(whole)
        self._packaged = cache(self._read_packaged)

    def load(self, model: type[R], name_or_path: Path | str | None) -> R:
        """The recipe of a name or of a TOML file; the default if None.

        Raises:
            RecipeError: The file cannot be read, or holds a key or value that the recipe cannot have.
        """
        if name_or_path is None or name_or_path in self._names:
            return cast("R", self._packaged(model, str(name_or_path or "default")))
        return self._checked(model, Path(name_or_path), str(name_or_path))

    def _read_packaged(self, model: type[BaseModel], name: str) -> BaseModel:
        return self._checked(model, self._folder / f"{name}.toml", f"{name}.toml")

    def _checked(self, model: type[R], path: Path, name: str) -> R:
        values = self._merged(_read(self._folder / "default.toml"), _read(path))
        try:
            return model.model_validate(values)
        except ValidationError as error:
            found = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'recipe'}: {e['msg']}" for e in error.errors()
            )
            place = self._folder.name
            raise RecipeError(
                f"{name}: {found}. default.toml beside {place}/recipe.py shows every key."
            ) from error

    def _merged(self, base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        """`base` with the values of `change`."""
        out = dict(base)
        for key, value in change.items():
            nested = isinstance(value, dict) and isinstance(out.get(key), dict) and key not in self._whole
            out[key] = self._merged(out[key], value) if nested else value
        return out


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"{path}: not a readable TOML file ({error}).") from error
