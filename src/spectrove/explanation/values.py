"""What is known of the columns of a condition, in words and as a figure against its cuts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spectrove.explanation.panel import FigurePanel, Panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrove.inference import Prediction
    from spectrove.targets import Target

#: Columns drawn in one figure.
MOST_DRAWN = 6


def in_words(values: Sequence[Mapping[str, Any]]) -> str:
    """ "hdelta_a 5.1 ± .4, ha_ew 1.2 ± .3, from own pixels"; where they differ, each says what it is from."""
    origins = list(dict.fromkeys(v["from"] for v in values))
    if len(origins) == 1:
        return f"{', '.join(_number(v) for v in values)}, from {origins[0]}"
    return ", ".join(f"{_number(v)} ({v['from']})" for v in values)


def with_values(panels: Panels, prediction: Prediction, target: Target | None) -> Panels:
    """The panels with the columns of a condition: a sentence, facts, and a figure against the cuts."""
    values = prediction.values
    if values is None:
        return panels
    cuts = target.condition.cuts if target is not None and target.condition is not None else {}
    facts = tuple((v["name"], f"{_number(v, named=False)} {v['unit']}".strip() + _parts(v)) for v in values)
    figure = FigurePanel(
        "values",
        f"What is known of the columns of the condition for {prediction.object_id}, against its cuts",
        lambda background: values_figure(values, cuts),
        "Each column: its own pixels alone with their error, the neighbours alone, and together the value that the "
        "catalog of the base would list, with 68% intervals; the cuts of the condition dashed.",
        kind="middle",
        first=True,
    )
    figures = (figure, *panels.figures) if any(v["interval"] for v in values) else panels.figures
    own = "; ".join(part for part in (in_words(values), panels.own) if part)
    return replace(panels, own=own, facts=(*facts, *panels.facts), figures=figures)


def values_figure(values: Sequence[Mapping[str, Any]], cuts: Mapping[str, Sequence[float]]) -> Figure:
    """A row for each column: measured, from neighbours and together, with 68% intervals, and the cuts."""
    from spectrove.explanation.style import new_figure

    drawn = [v for v in values if v["interval"] is not None][:MOST_DRAWN]
    height = 0.2 + 1.45 * len(drawn)
    figure = new_figure(6.4, height)
    axes = figure.subplots(len(drawn), 1, squeeze=False)[:, 0]
    figure.subplots_adjust(0.16, 0.5 / height, 0.97, 1 - 0.1 / height, hspace=0.65)
    for axis, value in zip(axes, drawn, strict=True):
        _draw(axis, value, cuts.get(value["name"], ()))
    return figure


def _draw(axis: Any, value: Mapping[str, Any], cuts: Sequence[float]) -> None:
    """One column on one axis."""
    from spectrove.explanation.style import DECIDES, QUERY_COLOR, tidy

    rows = [("together", value["value"], *value["interval"])]
    for key, name in (("neighbours", "neighbours"), ("measured", "own pixels")):
        if value[key] is not None:
            middle, error = value[key]
            rows.append((name, middle, middle - error, middle + error))
    for y, (name, middle, low, high) in enumerate(rows):
        color = QUERY_COLOR if name == "together" else "0.55"
        axis.plot(
            [low, high], [y, y], color=color, lw=2.5 if name == "together" else 1.5, solid_capstyle="round"
        )
        axis.plot([middle], [y], "o", color=color, ms=5)
    for cut in cuts:
        axis.axvline(cut, color=DECIDES, ls="--", lw=1)
    axis.set_yticks(range(len(rows)), [row[0] for row in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    tidy(axis, minor=False)
    axis.set_xlabel(f"{value['name']}{f' ({unit})' if (unit := value['unit']) else ''}")


def _number(value: Mapping[str, Any], named: bool = True) -> str:
    """A value with its error, to two digits of the error."""
    name = f"{value['name']} " if named else ""
    if value["value"] is None:
        return f"{name}unknown"
    if value["interval"] is None:
        return f"{name}{value['value']:.4g}"
    error = (value["interval"][1] - value["interval"][0]) / 2
    digits = max(0, 1 - math.floor(math.log10(error))) if error > 0 else 2
    return f"{name}{value['value']:.{min(digits, 6)}f} ± {error:.{min(digits, 6)}f}".replace("-", "−")


def _parts(value: Mapping[str, Any]) -> str:
    """What pixels and neighbours say alone, in brackets."""
    named = (("measured", "own pixels"), ("neighbours", "neighbours"))
    said = [
        f"{name} {value[key][0]:.3g} ± {value[key][1]:.2g}" for key, name in named if value[key] is not None
    ]
    return f" ({'; '.join(said)})" if said else ""
