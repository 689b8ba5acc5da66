"""Neighbours written by hand, and a base small enough to follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from spectrove.knowledge import Neighbors


def build_neighbors(
    distance: list[list[float]], values: list[list[Any]], column: str = "class_derived", **fields: Any
) -> Neighbors:
    """One query per row; a neighbour's id says its place."""
    n, k = len(distance), max((len(row) for row in distance), default=0)
    padded = np.full((n, k), np.inf)
    names = np.full((n, k), "", dtype="<U12")
    for i, row in enumerate(distance):
        padded[i, : len(row)] = row
        names[i, : len(row)] = [f"n{i}-{j}" for j in range(len(row))]
    rows = [
        [{"object_id": f"n{i}-{j}", column: value} for j, value in enumerate(found)]
        for i, found in enumerate(values)
    ]
    given: dict[str, Any] = {"scale": 1.0, "flags": ((),) * n} | fields
    return Neighbors(
        query_id=np.array([f"q{i}" for i in range(n)]),
        query_vectors=np.zeros((n, 2), np.float32),
        object_id=names,
        distance=padded,
        rows=rows,
        **given,
    )


@pytest.fixture(scope="session")
def make_neighbors() -> Callable[..., Neighbors]:
    return build_neighbors
