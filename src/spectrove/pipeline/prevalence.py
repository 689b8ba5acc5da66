"""The shares of the classes that are expected among what is classified."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from spectrove.errors import KnowledgeError
from spectrove.reach import reachable


def prevalence_of(given: Any) -> Mapping[str, float] | Literal["equal"] | None:
    """Shares by class, "equal", or None for those of the base.

    Args:
        given: None or "base", "equal", shares by class, or the path of a JSON file with them.

    Raises:
        KnowledgeError: It is none of these.
    """
    if given is None or given == "base":
        return None
    if given == "equal":
        return "equal"
    shares = given if isinstance(given, Mapping) else _read(Path(str(given)))
    wrong = [
        name
        for name, share in shares.items()
        if isinstance(share, bool) or not isinstance(share, int | float) or not math.isfinite(share)
    ]
    if wrong or not shares:
        found = f"{wrong[0]!r} has {shares[wrong[0]]!r}" if wrong else "no class is named"
        raise KnowledgeError(
            f'prevalence: {found}; expected a number for each class, as {{"AGN": 0.5, "CV": 0.1}}.'
        )
    return {str(name): float(share) for name, share in shares.items()}


def _read(path: Path) -> Mapping[str, Any]:
    try:
        if not reachable(path):
            raise OSError("no file of this request")
        shares = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise KnowledgeError(
            f'prevalence: {path} is neither "base" nor "equal", and cannot be read as a JSON file ({error}).'
        ) from error
    if not isinstance(shares, dict):
        raise KnowledgeError(
            f"prevalence: {path} holds a {type(shares).__name__}, expected an object of classes and shares."
        )
    return shares
