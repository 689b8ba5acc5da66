"""Tables of retrieval over links that were left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from spectrove.literature.retrieval import Floats, Ranks, interval, recall


def median_place(ranks: Ranks) -> Floats:
    """Median over parts of their median place, in both directions."""
    parts = np.unique(ranks.part)
    return np.median([np.median(ranks.place[ranks.part == p], axis=0) for p in parts], axis=0)


def table(found: Mapping[str, Sequence[Ranks]], base: str) -> tuple[list[dict[str, object]], list[str]]:
    """Rows of figures, and lines of a table: recall at 1% and 5%, median place, and the difference to the base line.

    Args:
        found: Ranks of each method, one for each seed; seeds are averaged before the bootstrap.
        base: The method that others are compared with.
    """
    rows: list[dict[str, object]] = []
    lines = [
        "| method | direction | recall @1% | recall @5% | median place | @5% less that of the base line |",
        "|---|---|---|---|---|---|",
    ]
    five = {name: np.mean([recall(r, 0.05) for r in ranks], axis=0) for name, ranks in found.items()}
    for name, ranks in found.items():
        one = np.mean([recall(r, 0.01) for r in ranks], axis=0)
        middle = np.mean([median_place(r) for r in ranks], axis=0)
        for side, direction in enumerate(("spectrum to text", "text to spectrum")):
            at1, at5 = interval(one[:, side]), interval(five[name][:, side])
            less = interval(five[name][:, side] - five[base][:, side])
            n = ranks[0].sizes[side]
            rows.append({"method": name, "direction": direction, "at1": at1, "at5": at5, "median": middle[side],
                         "of": n, "less": less})  # fmt: skip
            difference = "" if name == base else f"{less[0]:+.3f} [{less[1]:+.3f} {less[2]:+.3f}]"
            lines.append(
                f"| {name} | {direction} | {_said(at1)} | {_said(at5)} | {middle[side]:.0f} of {n} | {difference} |"
            )
    return rows, lines


def _said(value: tuple[float, float, float]) -> str:
    return f"{value[0]:.3f} [{value[1]:.3f} {value[2]:.3f}]"
