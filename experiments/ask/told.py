"""What hunts by example say of themselves beside the truth: share, expected purity, probability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.inference.examples.model import ExampleModel

#: Answers whose purity is expected.
FIRST = 20

#: Probabilities that are neither clearly one nor the other, and the bins of reliability among them.
UNCLEAR, BINS = (0.05, 0.95), np.linspace(0, 1, 6)


def told(
    model: ExampleModel, score: NDArray, truth: NDArray, share: float, expected_and_true: dict[str, Any]
) -> dict[str, Any]:
    """A row: what a hunt said of its queries (score, truth, (n,) each), and of the share of the base.

    Args:
        share: The true one.
        expected_and_true: What else the row holds.
    """
    best = np.argsort(-score, kind="stable")[:FIRST]
    purity, true = model.purity_at(score[best]), float(truth[best].mean())
    p = model.probability_at(score)
    low, high = model.interval_at(score)
    unclear = (p > UNCLEAR[0]) & (p < UNCLEAR[1])
    place = np.clip(np.digitize(p, BINS) - 1, 0, len(BINS) - 2)
    counts = [[np.bincount(place[m], w[m], len(BINS) - 1).tolist() for w in (np.ones(len(p)), p, truth, low, high)]
              for m in (np.ones(len(p), bool), unclear)]  # fmt: skip
    return expected_and_true | {
        "share_inside": bool(model.share.low <= share <= model.share.high), "expected": purity.value,
        "low": purity.low, "high": purity.high, "true": true, "all": counts[0], "unclear": counts[1],
    }  # fmt: skip


def tables(
    rows: Sequence[dict[str, Any]], settings: Sequence[tuple[int, int]]
) -> tuple[list[dict[str, Any]], str]:
    """Figures of each setting and kind, and their Markdown."""
    figures, parts = [], []
    for n_yes, n_no in settings:
        own = [row for row in rows if (row["yes"], row["no"]) == (n_yes, n_no)]
        if not own:
            continue
        parts += [
            f"\n### What a hunt says of itself, {n_yes} positives"
            + (f" and {n_no} negatives" if n_no else ""),
            "",
            f"| kind | share within its 68% | expected purity of the first {FIRST}, mean | true, mean "
            "| interval, mean ends | true inside | true below | ECE | ECE, unclear |",
            "|" + "---|" * 9,
        ]
        names = [*dict.fromkeys(row["kind"] for row in own), "all kinds"]
        for name in names:
            said = _figures([row for row in own if name in (row["kind"], "all kinds")])
            figures.append({"kind": name, "yes": n_yes, "no": n_no, "method": "told", **said})
            parts.append(
                f"| {name} | {said['share_inside']:.2f} | {said['expected']:.2f} | {said['true']:.2f} | "
                f"{said['low']:.2f} to {said['high']:.2f} | {said['inside']:.2f} of {said['n']} | "
                f"{said['below']:.2f} | {said['ece']:.3f} | {said['ece_unclear']:.3f} |"
            )
        parts += ["", "Reliability of the unclear objects, all kinds:", "", *_reliability(own)]
    return figures, "\n".join(parts)


def _figures(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    columns = {
        name: np.array([row[name] for row in rows], float) for name in ("expected", "low", "high", "true")
    }
    true, low, high = columns["true"], columns["low"], columns["high"]
    return {name: float(values.mean()) for name, values in columns.items()} | {
        "n": len(rows), "share_inside": float(np.mean([row["share_inside"] for row in rows])),
        "inside": float(((low <= true) & (true <= high)).mean()), "below": float((true < low).mean()),
        "ece": _ece(rows, "all"), "ece_unclear": _ece(rows, "unclear"),
    }  # fmt: skip


def _ece(rows: Sequence[dict[str, Any]], which: str) -> float:
    """Expected calibration error over the bins."""
    count, p, truth, *_ = np.sum([row[which] for row in rows], axis=0)
    return float(np.abs(p - truth).sum() / max(count.sum(), 1))


def _reliability(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Mean P, its mean interval and the true share of each bin."""
    lines = ["| objects | mean P | mean 68% interval | true share |", "|---|---|---|---|"]
    for count, p, truth, low, high in np.sum([row["unclear"] for row in rows], axis=0).T:
        if count:
            of = [v / count for v in (p, low, high, truth)]
            lines.append(f"| {count:.0f} | {of[0]:.2f} | {of[1]:.2f} to {of[2]:.2f} | {of[3]:.2f} |")
    return lines
