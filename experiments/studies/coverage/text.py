"""The text of the study `coverage`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

#: Levels that are scored.
LEVELS = (0.68, 0.90)

#: What the figures are.
ABOUT = (
    "mock: recipe test, another survey for each seed; the value is the one measured on the noisy mock, as a catalog",
    "would (column of that name). 'truth': how often the same interval held what is true before noise.",
    "real: SDSS galaxies; the value is the catalog's. Seeds are other folds of the same objects; n counts objects.",
    "The form of the regression was chosen by its errors on these galaxies and on mocks, the S/N bins on mocks.",
    "Coverage with 95% binomial (Wilson) intervals; sigma is the distance from the level in binomial sigma; width is",
    "the median one. Errors with 95% intervals from resampled plates.",
)


def table_text(rows: Sequence[Row], about: str, parts: Sequence[str], quantities: Sequence[str]) -> str:
    """What people read: what it rests on, then a table for each part and quantity."""
    lines = [about, *ABOUT]
    for part in parts:
        for name in quantities:
            lines += ["", f"{part}, {name}: coverage", _header()]
            chosen = [r for r in rows if r["part"] == part and r["quantity"] == name]
            bins = list(dict.fromkeys(r["bin"] for r in chosen if r["figure"] == "coverage"))
            for label in bins:
                two = [r for r in chosen if r["figure"] == "coverage" and r["bin"] == label]
                lines.append(f"  {label:<10} {two[0]['n']:>6}" + "".join(_cell(r) for r in two))
            lines.append(f"  {'error':<24}{'RMSE':<30}NMAD")
            for method in dict.fromkeys(r["method"] for r in chosen):
                pair = [r for r in chosen if r["method"] == method and r["figure"] in ("rmse", "nmad")]
                lines.append(f"    {method:<22}" + "".join(f"{_interval(r):<30}" for r in pair).rstrip())
            sure = next(r["value"] for r in chosen if r["figure"] == "confident")
            lines.append(f"    {sure:.0%} confident")
    return "\n".join(lines)


def _header() -> str:
    each = "".join(f"   {f'{level:.0%}':<21} sigma   width  truth" for level in LEVELS)
    return f"  {'bin':<10} {'n':>6}{each}"


def _cell(r: Row) -> str:
    truth = "    -" if r["of_truth"] is None else f"{r['of_truth']:.3f}"
    return f"   {r['value']:.3f} [{r['low']:.3f} {r['high']:.3f}] {r['sigma']:>+6.1f} {r['width']:>7.3g}  {truth}"


def _interval(r: Row) -> str:
    return f"{r['value']:.4g} [{r['low']:.4g} {r['high']:.4g}]"
