"""The study of label care as rows, as figures and as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t

from experiments.studies.curation.votes import KINDS, LEVELS, VOTES
from spectrove.evaluation.rates import exact_limits

#: Ratios of counts: name, what is counted, and of what.
RATIOS = (
    ("recall", "found", "wrong"), ("precision", "found", "reported"), ("right suggestion", "right", "found"),
)  # fmt: skip

FIGURES = ("macro F1", "LINER F1")

Row = dict[str, Any]


def finding_rows(found: dict[tuple[str, ...], list[Row]]) -> list[Row]:
    """Rows of the findings, from the counts of each draw by (part, task, flips, evidence)."""
    rows: list[Row] = []
    for (part, task, flips, evidence), draws in found.items():
        total = {name: sum(d[name] for d in draws) for name in ("found", "wrong", "reported", "right", "n")}
        about = {"part": part, "task": task, "flips": flips, "evidence": evidence, "draws": len(draws)}
        for name, top, bottom in RATIOS:
            shares = [d[top] / d[bottom] for d in draws if d[bottom]]
            limits = interval(shares, total[top], total[bottom])
            value = float(np.mean(shares)) if shares else float("nan")
            rows.append(_row(about, name, value, limits, total[bottom]))
        precision = [d["average_precision"] for d in draws]
        share = [d["estimated"] / d["n"] for d in draws]
        for name, values in (("average precision", precision), ("estimated wrong share", share)):
            rows.append(_row(about, name, float(np.mean(values)), interval(values), total["n"]))
        pairs = [pair for d in draws for _, pair in d["unflipped"]]
        ranked = sorted(set(pairs), key=lambda pair: (-pairs.count(pair), pair))
        common = "; ".join(f"{pair} ({pairs.count(pair) / len(draws):.1f})" for pair in ranked[:5])
        rest = _row(about, "findings not flipped", len(pairs) / len(draws), (None, None), len(draws))
        rows.append({**rest, "what": common})
    return rows


def _row(about: Row, name: str, value: float, limits: tuple[Any, Any], n: int) -> Row:
    return {**about, "figure": name, "value": value, "low": limits[0], "high": limits[1], "n": n}


def interval(values: Sequence[float], hits: int = 0, of: int = 0) -> tuple[float, float]:
    """95% limits of a mean share of three or more repetitions (Student's t); else of the count (Clopper-Pearson).

    Repetitions over the same real spectra share them: the interval is that over flips, not over other galaxies.
    """
    if len(values) > 2:
        reach = float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
        return max(0.0, float(np.mean(values)) - reach), min(1.0, float(np.mean(values)) + reach)
    return exact_limits(hits, of) if of else (float("nan"), float("nan"))


def vote_rows(votes: Sequence[Row]) -> list[Row]:
    """Rows of the votes, each the mean over the seeds with the mean limits of their bootstraps over plates."""
    rows = []
    for part, flips, level, vote in dict.fromkeys(
        (v["part"], v["flips"], v["level"], v["vote"]) for v in votes
    ):
        own = [
            v for v in votes if (v["part"], v["flips"], v["level"], v["vote"]) == (part, flips, level, vote)
        ]
        for name in FIGURES:
            scores = [v[name] for v in own]
            value, low, high = (
                float(np.mean([getattr(s, x) for s in scores])) for x in ("value", "low", "high")
            )
            about = {"part": part, "task": "5-class", "flips": flips, "wrong labels": level, "vote": vote}
            row = _row(about, name, value, (low, high), scores[0].n)
            rows.append({**row, "k": own[0]["k"], "draws": len(own)})
    return rows


def draw_figures(rows: Sequence[Row], folder: Path) -> None:
    """Votes against the share of wrong labels, as curation-mock.png and curation-real.png."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    flips = next(iter(KINDS))
    own = [r for r in rows if "vote" in r and r["flips"] == flips]
    for part in dict.fromkeys(r["part"] for r in own):
        drawn = Figure(figsize=(8.4, 3.4), layout="constrained")
        FigureCanvasAgg(drawn)
        axes = drawn.subplots(1, 2)
        for axis, name in zip(axes, FIGURES, strict=True):
            for i, vote in enumerate(VOTES):
                line = [r for r in own if (r["part"], r["figure"], r["vote"]) == (part, name, vote)]
                x = [100 * r["wrong labels"] + 0.25 * (i - 1) for r in line]
                y = np.array([r["value"] for r in line])
                error = [y - [r["low"] for r in line], [r["high"] for r in line] - y]
                axis.errorbar(x, y, np.maximum(error, 0), marker="os^"[i], capsize=2, label=vote)
            axis.set(ylabel=f"{name}, five classes", xlabel="wrong labels in the base, %")
        axes[0].legend(fontsize=8)
        drawn.suptitle(f"{part} galaxies, labels flipped to {flips}", fontsize=10)
        drawn.savefig(folder / f"curation-{part}.png", dpi=130)


def text(rows: Sequence[Row], sizes: dict[str, str], *, seeds: int, draws: int, k: int) -> str:
    """Both tables, with what they rest on."""
    head = [
        "Label care: labels are flipped on purpose, and what `kb curate` reports is compared with what was flipped.",
        f"{', '.join(f'{name} {n}' for name, n in sizes.items())}. Mocks are of the recipe `test`, {seeds} seed(s);",
        f"real spectra SDSS galaxies, the same for each seed; {draws} draws of flips a seed. A label is judged by",
        "neighbours on other plates. Limits are 95%: over draws of flips; of the votes, bootstrap over plates.",
        "Real labels hold errors of their own, and mock ones noise of the measurement: findings that were not flipped",
        "count against precision, although some are right. The last column says how many a draw, and the commonest.",
        "The number of voters and the limit of suspicion were chosen looking at these real galaxies.",
        "",
    ]
    return "\n".join([*head, *_finding_lines(rows), "", *_vote_lines(rows, k)])


def _finding_lines(rows: Sequence[Row]) -> list[str]:
    names = ("recall", "precision", "average precision", "right suggestion")
    lines = [f"{'part':<5} {'task':<8} {'flips':<17} {'evidence':<21} " + "".join(f"{n:<19}" for n in names)]
    lines[0] += "not flipped"
    own = [r for r in rows if "evidence" in r]
    for key in dict.fromkeys((r["part"], r["task"], r["flips"], r["evidence"]) for r in own):
        of = {r["figure"]: r for r in own if (r["part"], r["task"], r["flips"], r["evidence"]) == key}
        begin = "{:<5} {:<8} {:<17} {:<21} ".format(*key)
        rest = of["findings not flipped"]
        cells = "".join(f"{_cell(of[name]):<19}" for name in names)
        lines.append(f"{begin}{cells}{rest['value']:.1f}: {rest['what']}")
    return lines


def _vote_lines(rows: Sequence[Row], k: int) -> list[str]:
    lines = [f"Votes of {k} neighbours on five classes; queries are scored by the labels they had."]
    own = [r for r in rows if "vote" in r]
    for part, name, flips in dict.fromkeys((r["part"], r["figure"], r["flips"]) for r in own):
        levels = [level for level in LEVELS if level in KINDS.get(flips, ())]
        lines += ["", f"{f'{part}, {name}, flips to {flips}':<46}" + "".join(f"{x:<19.0%}" for x in levels)]
        for vote in VOTES:
            of = {
                r["wrong labels"]: r
                for r in own
                if (r["part"], r["figure"], r["flips"], r["vote"]) == (part, name, flips, vote)
            }
            lines.append(f"{vote:<46}" + "".join(f"{_cell(of[x]):<19}" for x in levels if x in of))
    return lines


def _cell(row: Row) -> str:
    return f"{row['value']:.3f} [{row['low']:.2f} {row['high']:.2f}]"
