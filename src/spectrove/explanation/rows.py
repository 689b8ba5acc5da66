"""Rows of a page's tables: the neighbours, and the answer without each of them."""

from __future__ import annotations

import math
from typing import Any

from spectrove.explanation.evidence import Evidence, NeighborEvidence
from spectrove.explanation.links import NAMES
from spectrove.explanation.measured import Measured


def neighbor_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Rows of the neighbour table: the query first, then each neighbour."""
    query = _object_row(evidence.query) | {
        "number": "query", "distance": "", "scaled": "", "weight": "", "label": "", "agrees": None,
    }  # fmt: skip
    return [query, *(_neighbor_row(evidence, n, i + 1) for i, n in enumerate(evidence.neighbors))]


def influence_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """The answer without each neighbour; empty if that is not known."""
    return [
        {
            "number": str(i + 1),
            "id": one.object_id,
            "instead": one.instead or "none",
            "value": one.value or "no answer",
            "probability": "–" if one.probability is None else f"{one.probability:.2f}",
            "change": "–" if one.change is None else _change(one.change),
            "overturns": one.overturns,
        }
        for i, one in enumerate(evidence.influence)
    ]


def _change(value: float) -> str:
    text = f"{value:+.2f}".replace("-", "−")
    return "0.00" if float(f"{value:.2f}") == 0 else text


def _neighbor_row(evidence: Evidence, n: NeighborEvidence, number: int) -> dict[str, Any]:
    scaled = f"{n.distance / evidence.scale:.2f}" if evidence.scale > 0 else "–"
    return _object_row(n) | {
        "number": str(number),
        "distance": f"{n.distance:.3f}",
        "scaled": scaled,
        "weight": "no vote" if n.group is None else f"{n.weight:.3f}",
        "label": n.label or "–",
        "agrees": None if n.group is None else n.group == evidence.asked,
    }


def _object_row(item: Measured) -> dict[str, Any]:
    return {
        "id": item.object_id,
        "links": [(NAMES[key], address) for key, address in item.links.items()],
        "z": f"{item.z:.4f}".replace("-", "−") if math.isfinite(item.z) else "–",
        "cells": item.measurement.cells,
    }
