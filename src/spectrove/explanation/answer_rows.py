"""Answers as a table in a notebook: small spectra, values, neighbours; one piece of HTML that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import Any

from spectrove.errors import Refusal
from spectrove.explanation.sketch import HIGH, WIDE

Row = Mapping[str, Any]

#: Neighbours, items of a list and characters of a text that a cell shows; the whole text shows on hovering.
NEAREST, ITEMS, LETTERS = 3, 4, 90
#: Characters from which a text is broken into lines.
ONE_LINE = 32
#: Refusals that are named below the table.
REFUSED = 5
#: What stands above the table once where it is the same in all rows.
COMMON = (
    "target", "label", "quantity", "unit", "level", "metric", "calibrated", "z_source", "set", "reason_no_interval",
    "reason_no_probability", "reason_not_calibrated",
)  # fmt: skip
#: What a notebook does not show: `to_dicts` has it.
LEFT_OUT = ("object_id", "witnesses", "type_margins", "interval", "papers", "covariance", "samples")

_EDGE = "border:0;border-bottom:1px solid rgba(128,128,128,.35)"
_CELL = f"{_EDGE};padding:3px 8px;text-align:left;vertical-align:top;background:none;color:inherit;white-space:nowrap"
_QUIET = "opacity:.7"


def answers_html(
    title: str,
    rows: Sequence[Row],
    curves: Mapping[str, str],
    *,
    headline: Collection[str] = (),
    more: int = 0,
    refusals: Sequence[Refusal] = (),
) -> str:
    """A table with a row for each answer. Colours are those of the page around it, so that dark pages stay dark.

    Args:
        title: A line above it.
        rows: Answers as `Answers.to_dicts` gives them.
        curves: Object id to its small curve, as `sketch.small` gives it: of the queries and of nearest neighbours.
        headline: Of many measurements those that are shown; all if there are none.
        more: Answers that are not among the rows.
        refusals: Spectra without an answer.
    """
    common = _common(rows)
    names = [
        name
        for name in dict.fromkeys(name for row in rows for name in row)
        if name not in LEFT_OUT and name not in common and any(_filled(row.get(name)) for row in rows)
    ]
    if "neighbors" in names:  # the widest stands last
        names = [*(name for name in names if name != "neighbors"), "neighbors"]
    beside = curves and any(_nearest(row) in curves for row in rows)
    heads = [*(["spectrum"] if curves else []), *(["nearest"] if beside else []), "object_id", *names]
    lines = [_line("th", [escape(name.replace("_", " ")) for name in heads])]
    for row in rows:
        cells = [_picture(curves.get(row["object_id"], ""), row["object_id"])] if curves else []
        cells += [_picture(curves.get(_nearest(row), ""), _nearest(row))] if beside else []
        cells += [escape(str(row["object_id"])), *(_cell(name, row, headline) for name in names)]
        lines.append(_line("td", cells))
    about = "".join(f" · {escape(name.replace('_', ' '))}: {_text(value)}" for name, value in common.items())
    style = "border-collapse:collapse;font-size:90%"
    table = f'<table style="{style}">{"".join(lines)}</table>' if rows else ""
    wide = f'<div style="overflow-x:auto">{table}</div>'
    return f"<div><p>{escape(title)}{about}</p>{wide}{_below(more, refusals)}</div>"


def _below(more: int, refusals: Sequence[Refusal]) -> str:
    """How many rows are not shown, and what was refused, with the reasons of the first."""
    parts = [f'<p style="{_QUIET}">and {more:,} more</p>'] if more else []
    if refusals:
        said = "".join(f"<li>{escape(one.error)}</li>" for one in refusals[:REFUSED])
        rest = f"<li>and {len(refusals) - REFUSED:,} more</li>" if len(refusals) > REFUSED else ""
        parts.append(f"<p>Without an answer:</p><ul>{said}{rest}</ul>")
    return "".join(parts)


def _common(rows: Sequence[Row]) -> dict[str, Any]:
    """Values of `COMMON` that all rows share."""
    found = {}
    for name in COMMON:
        values = [row.get(name) for row in rows]
        if len(values) > 1 and _filled(values[0]) and all(value == values[0] for value in values):
            found[name] = values[0]
    return found


def _filled(value: Any) -> bool:
    """Whether there is anything to show."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is not None and value != "" and value not in ((), [], {})


def _nearest(row: Row) -> str:
    """The nearest neighbour of an answer; "" if it has none."""
    neighbors = row.get("neighbors") or ()
    return str(neighbors[0].get("object_id") or "") if neighbors else ""


def _line(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f'<{tag} style="{_CELL}">{cell}</{tag}>' for cell in cells) + "</tr>"


def _picture(points: str, name: str) -> str:
    """A small curve as SVG in the colour of the text."""
    if not points:
        return ""
    return (
        f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE // 2}" height="{HIGH // 2 + 6}" role="img" '
        f'preserveAspectRatio="none" aria-label="{escape(f"spectrum of {name}")}"><polyline points="{points}" '
        'fill="none" stroke="currentColor" stroke-width="1.2"/></svg>'
    )


def _cell(name: str, row: Row, headline: Collection[str]) -> str:
    """One value of an answer as HTML."""
    value = row.get(name)
    if name == "neighbors":
        return "<br>".join(_neighbor(one) for one in (value or ())[:NEAREST])
    if name == "estimates":
        return "<br>".join(
            f"{escape(quantity)} {_in_interval(one['value'], one['interval'])} {escape(one['unit'])}"
            for quantity, one in (value or {}).items()
        )
    if name in ("probability", "value") and _filled(row.get("interval")):
        return _in_interval(value, row["interval"])
    if isinstance(value, Mapping) and headline and not set(headline).isdisjoint(value):
        shown = {key: value[key] for key in headline if key in value}
        return "<br>".join(
            f"{escape(key)} {_with_error(one, value.get(f'{key}_err'))}" for key, one in shown.items()
        )
    return _text(value)


def _in_interval(value: Any, interval: Sequence[float] | None) -> str:
    """ "4812 [4790, 4834]"."""
    if not _filled(interval):
        return _text(value)
    low, high = (_number(end) for end in interval or ())
    return f'{_text(value)} <span style="{_QUIET}">[{low}, {high}]</span>'


def _with_error(value: Any, error: Any) -> str:
    return f"{_text(value)} ± {_number(error)}" if _filled(value) and _filled(error) else _text(value)


def _neighbor(neighbor: Row) -> str:
    """ "0881-52368-0036 spiral, distance 1.2": what the base says of a neighbour, in a line."""
    told = [value for key, value in neighbor.items() if key in ("label", "z") and _filled(value)]
    far = neighbor.get("region_distance", neighbor.get("distance"))
    words = [escape(str(neighbor.get("object_id") or "–")), *(_text(value) for value in told)]
    return " ".join(words) + (
        f', <span style="{_QUIET}">distance {_number(far)}</span>' if _filled(far) else ""
    )


def _text(value: Any) -> str:
    """A value as escaped text; what is long is cut, and whole in the title."""
    whole = _plain(value)
    if len(whole) <= ONE_LINE:
        return escape(whole)
    cut = whole if len(whole) <= LETTERS else f"{whole[: LETTERS - 1]}…"
    style = "display:inline-block;min-width:18em;white-space:normal"
    return f'<span style="{style}" title="{escape(whole)}">{escape(cut)}</span>'


def _plain(value: Any) -> str:
    """A value in words: numbers with few digits, lists and mappings joined."""
    if not _filled(value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items() if _filled(one)) or "–"
    if isinstance(value, list | tuple):
        if all(isinstance(one, int | float) for one in value):
            return "–".join(_number(one) for one in value)
        more = f" and {len(value) - ITEMS} more" if len(value) > ITEMS else ""
        return "; ".join(_plain(one) for one in value[:ITEMS]) + more
    return str(value)


def _number(value: Any) -> str:
    """A number with four digits; what is below one is not rounded to one: no probability is."""
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if 0.99995 <= value < 1:
        return ">0.9999"
    return f"{float(value):.4g}".replace("-", "−")
