"""Answers as people read them: the answer first, then the evidence, then the cautions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spectrove.inference import Prediction, Vote
    from spectrove.knowledge import Neighbors
    from spectrove.targets import Target


def hunt_table(predictions: Sequence[Prediction], target: Target) -> list[str]:
    """A line per spectrum: probability of the target with its interval, who voted for it, cautions."""
    rows = [("object", f"P({target.positive})", "evidence")]
    for p in predictions:
        caution = _cautions(p.flags, _straddles(p, target.threshold))
        rows.append((p.object_id, _probability(p), _evidence(p, target.positive) + caution))
    return columns(rows)


def class_table(predictions: Sequence[Prediction]) -> list[str]:
    """A line per spectrum: its class, the class's probability with interval, who voted for it, cautions."""
    rows = [("object", predictions[0].label if predictions else "class", "P", "evidence")]
    for p in predictions:
        evidence = _evidence(p, p.value) + _cautions(p.flags, _straddles(p, 0.5))
        rows.append((p.object_id, p.value or "-", _probability(p), evidence))
    return columns(rows)


def neighbor_table(neighbors: Neighbors) -> list[str]:
    """A line per spectrum: its neighbours, nearest first, with their distances."""
    rows = [("object", "nearest known spectra (distance)")]
    for i, found in enumerate(neighbors.rows):
        near = [f"{neighbors.object_id[i, j]} ({neighbors.distance[i, j]:.3g})" for j in range(len(found))]
        rows.append((str(neighbors.query_id[i]), ", ".join(near) + _cautions(neighbors.flags[i])))
    return columns(rows)


def hunt_summary(predictions: Sequence[Prediction], target: Target) -> str:
    """How many were found, and how many of them are expected to be false."""
    hits = [p.probability or 0.0 for p in predictions if p.is_target]
    false = sum(1 - p for p in hits)
    spectra = "spectrum is" if len(predictions) == 1 else "spectra are"
    return (
        f"{len(hits)} of {len(predictions)} {spectra} {target.positive} at P >= {target.threshold:g} "
        f"(expected false ones: {false:.1f})"
    )


def class_summary(predictions: Sequence[Prediction]) -> str:
    """How many of each class."""
    counts = Counter(p.value or "no answer" for p in predictions)
    return f"{count(len(predictions), 'spectrum', 'spectra')}: " + ", ".join(
        f"{n} {name}" for name, n in counts.most_common()
    )


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text in aligned columns, one space of margin; the last column runs free."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        " " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def count(n: int, one: str, many: str) -> str:
    """ "1 spectrum", "2 spectra"."""
    return f"{n} {one if n == 1 else many}"


def _probability(p: Prediction) -> str:
    if p.probability is None:
        return "-"
    return f"{p.probability:.2f}" + (
        f" [{_short(p.interval[0])} {_short(p.interval[1])}]" if p.interval else ""
    )


def _short(value: float) -> str:
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") else text


def _evidence(p: Prediction, wanted: str | None) -> str:
    voters = [vote for vote in p.neighbors if vote.group is not None]
    if not voters:
        return p.reason_no_interval or "no labelled neighbour"
    support = sum(vote.group == wanted for vote in voters)
    return f"{support} of {count(len(voters), 'neighbour', 'neighbours')}; nearest {_name(voters[0])}"


def _name(vote: Vote) -> str:
    return f"{vote.object_id} ({vote.label}, d {vote.distance:.3g})"


def _straddles(p: Prediction, threshold: float) -> bool:
    """Whether the interval holds probabilities on both sides of the threshold."""
    return p.interval is not None and p.interval[0] < threshold <= p.interval[1]


def _cautions(flags: Sequence[str], ambiguous: bool = False) -> str:
    names = [*(["ambiguous"] if ambiguous else []), *flags]
    return f"   ? {', '.join(names)}" if names else ""
