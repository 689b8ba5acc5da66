"""Targets: what is hunted, as TOML files. A new science goal is a new file, never a retraining."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from spectrove.errors import TargetError
from spectrove.reach import reachable
from spectrove.targets.target import Composition, MetricMode, Target, label_text

__all__ = [
    "Composition",
    "MetricMode",
    "Target",
    "condition_target",
    "diagram_of",
    "label_text",
    "load_target",
    "shipped_targets",
    "target_of",
]


def diagram_of(witness: str, target: Target | None, label: str, columns: Mapping[str, str]) -> str | None:
    """Name of the witness, as `Domain.witnesses` has it, that tells the classes of a question apart; None without one.

    Args:
        witness: "auto" lets the target say, or `columns` for a label without one; "none" leaves it out; a name holds
            whatever they say.
        target: What is hunted, if anything.
        label: The label column.
        columns: Label columns to the witness of their values, see `Domain.columns`.
    """
    if witness != "auto":
        return None if witness == "none" else witness
    if target is not None and target.lines is not None:
        return target.lines
    return columns.get(label)


def shipped_targets(folders: Sequence[Path]) -> list[str]:
    """Names of the targets in these folders, each a file NAME.toml."""
    return sorted(file.stem for folder in folders for file in folder.glob("*.toml"))


def load_target(name_or_path: str | Path, folders: Sequence[Path] = ()) -> Target:
    """The target of that name in one of these folders, or of that TOML file.

    `spectrove.load_target` looks in the folders of all domains.

    Raises:
        TargetError: No such name or file, not TOML, or a key or value that a target cannot have.
    """
    text, shipped = str(name_or_path), shipped_targets(folders)
    path = Path(name_or_path)
    if text in shipped:
        path = next(file for folder in folders if (file := folder / f"{text}.toml").is_file())
    elif not (reachable(path) and path.is_file()):
        near = get_close_matches(text, shipped, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise TargetError(
            f"{text}: neither a shipped target ({', '.join(shipped)}) nor a file. {hint}"
            "Name one of these, or give the path of a TOML file."
        )
    try:
        content = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TargetError(f"{text}: cannot be read as UTF-8 text ({error}). Give a TOML file.") from error
    return parse_target(content, text)


def condition_target(condition: str, name: str = "condition") -> Target:
    """A target that is a condition over measured columns.

    Raises:
        TargetError: It cannot be read, or has no probability.
    """
    try:
        return Target.model_validate({"name": name, "where": condition, "positive": "as asked"})
    except ValidationError as error:
        raise TargetError("; ".join(_sentence(e) for e in error.errors()) + ".") from error


def parse_target(content: str, origin: str) -> Target:
    """The target that TOML text describes; `origin` names it in messages."""
    try:
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{origin}: not valid TOML ({error}). Correct that line.") from error
    return target_of(values, origin)


def target_of(values: Mapping[str, Any], origin: str = "target") -> Target:
    """The target that has these keys; `origin` names it in messages.

    Raises:
        TargetError: A key or value that a target cannot have.
    """
    try:
        return Target.model_validate(values)
    except ValidationError as error:
        raise TargetError(f"{origin}: " + "; ".join(_sentence(e) for e in error.errors()) + ".") from error


def _sentence(problem: ErrorDetails) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = list(Composition.model_fields if key.startswith("composition.") else Target.model_fields)
        near = get_close_matches(key.split(".")[-1], known, n=1)
        hint = f"the nearest is `{near[0]}`" if near else f"keys are {', '.join(known)}"
        return f"unknown key `{key}`, {hint}"
    if problem["type"] == "missing":
        return f"key `{key}` is missing"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"`{key}`: {message} (found {problem['input']!r})" if key else message
