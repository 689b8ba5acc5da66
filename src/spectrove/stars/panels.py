"""What stars have to say in an explanation: `StarPanels` is the `PanelMaker` of their domain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spectrove.domain import Diagram, OwnEstimator
from spectrove.explanation.panel import Column, Comparison, FigurePanel, Measurement, Names, Panels
from spectrove.explanation.tables import Table, with_error
from spectrove.plain import plain
from spectrove.spectra import FLAGS, SpectrumSet
from spectrove.stars.quantities import LABELS, QUANTITIES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrove.explanation.diagram import Known, Place
    from spectrove.explanation.evidence import Evidence
    from spectrove.explanation.measured import Measured
    from spectrove.explanation.readings import ReadOff
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import Spectrum

#: Effective temperature and gravity, in the way that stars are drawn: hot to the left, giants above.
KIEL = Diagram("Kiel diagram", "teff", "logg", "Effective temperature", "log g", falling=("teff", "logg"))

FOOTER = (
    "Velocities and labels are read off the pixels by Spectrove unless a column says “catalog”; they explain an answer "
    "and never decide it. Wavelengths are at rest at that velocity, in vacuum."
)

COLUMNS = (
    Column(("Velocity", "(km/s)")),
    Column(("Teff", "(K)")),
    Column(("log g",)),
    Column(("[Fe/H]",)),
    Column(("Catalog:", "Teff / log g / [Fe/H]")),
)
COLUMNS_NOTE = (
    "All but the last are read off each stored spectrum, labels by the networks that learned from MILES."
)

#: How labels read in a sentence, and the decimals of one without an error.
_WORDS = {"teff": ("Teff", " K", 0), "logg": ("log g", "", 2), "fe_h": ("[Fe/H]", "", 2)}

#: Neighbours in the figure of strong lines.
DRAWN = 3


@dataclass(frozen=True)
class Star:
    """What is measured in one star: values and one-sigma errors by name, NaN where unknown, and names of flags."""

    values: Mapping[str, tuple[float, float]]
    flags: tuple[str, ...]

    def known(self, name: str) -> bool:
        """Whether a number was measured."""
        return math.isfinite(self.values[name][0])


class StarPanels:
    """Velocity and labels of each star, its strong lines over its neighbours', and the Kiel diagram.

    Args:
        estimators: What reads labels off spectra, by name.
    """

    def __init__(self, estimators: Mapping[str, OwnEstimator]) -> None:
        self._estimators = estimators

    #: Catalog columns of a neighbour worth showing beside our own measurement.
    catalog = ("star", "spectral_type", "spectral_class", "subclass", "teff", "logg", "fe_h", "sn_median")
    footer = FOOTER

    @property
    def names(self) -> Names:
        """Types of stars are called what they are."""
        return {}

    def measure(self, spectrum: Spectrum | None, z: float) -> Measurement:
        """Velocity and labels of a star, or the reason why there are none; the redshift has no part in it."""
        from spectrove.lines import SPEED_OF_LIGHT
        from spectrove.stars.measuring import MEASURES, StarMeasurer

        if spectrum is None:
            return Measurement(reason="its spectrum is no longer in the base")
        [row] = StarMeasurer().measure(SpectrumSet.from_spectra([spectrum])).to_pylist()
        values = {m.name: (_number(row[m.name]), _number(row[m.error])) for m in MEASURES}
        star = Star(values, tuple(row["flags"]))
        velocity = values["velocity"][0]
        reason = "" if any(star.known(name) for name in values) else "it has no radial velocity"
        return Measurement(
            star,
            reason=reason,
            cells=(*(with_error(*values[name]) for name in values), _catalog_cell(spectrum)),
            json={
                "measured": {
                    name: {"value": plain(value), "error": plain(error)} for name, (value, error) in values.items()
                },
                "measured_flags": list(star.flags),
            },
            z=velocity / SPEED_OF_LIGHT,
        )  # fmt: skip

    def answer(self, evidence: Evidence) -> Panels:
        """What the star's own velocity and labels add to an explanation."""
        from spectrove.explanation.readings import read_off
        from spectrove.stars.drawing import CLOSE, DRAWING
        from spectrove.stars.works import OF_LABELS, OF_VELOCITIES

        own = evidence.query.measurement.values
        spectrum = evidence.query.spectrum
        asked = None if spectrum is None else SpectrumSet.from_spectra([spectrum])
        readings = () if asked is None else read_off(self._estimators, QUANTITIES, asked)
        return Panels(
            drawing=DRAWING,
            own=_own(readings),
            cautions=tuple(FLAGS[flag] for flag in own.flags if flag in FLAGS) if own else (),
            facts=tuple(_facts(own)) if own else (),
            columns=COLUMNS,
            columns_note=COLUMNS_NOTE,
            row_notes=(*_unmeasured(evidence), *_unread(readings)),
            figures=tuple(_figures(evidence, readings)),
            tables=tuple(_tables(readings)),
            close=CLOSE,
            cited=OF_LABELS if own and own.known(LABELS[0]) else OF_VELOCITIES,
            footer=self.footer,
        )

    def compare(self, query: Measured, other: Measured) -> Comparison:
        """The labels of the query beside those of another star."""
        first, second = query.measurement.values, other.measurement.values
        if not first or not second:
            return Comparison()
        rows, apart = [], []
        for name in LABELS:
            (a, da), (b, db) = first.values[name], second.values[name]
            sigma = abs(a - b) / math.hypot(da, db) if math.hypot(da, db) > 0 else math.nan
            said = "–" if math.isnan(sigma) else f"{sigma:.1f}"
            rows.append((_WORDS[name][0], with_error(a, da), with_error(b, db), said))
            apart += [(sigma, _WORDS[name][0])] if math.isfinite(sigma) else []
        most, name = max(apart, default=(0.0, ""))
        text = f"They differ most in {name}, by {most:.1f} sigma." if name else ""
        header = ("", query.object_id, other.object_id, "sigma")
        table = Table("Read off both", header, rows, numeric=(1, 2, 3))
        found = {"differs_most": name or None, "sigma": plain(most)}
        return Comparison((text,) if text else (), (table,), found)

    def background(self, base: KnowledgeBase) -> Known | None:
        """Stars of the base on the Kiel diagram, by the base's own columns."""
        from spectrove.explanation.diagram import known_places

        return known_places(base, KIEL, QUANTITIES)

    def overview(self, hits: Sequence[Evidence], truth: Mapping[str, bool] | None) -> tuple[FigurePanel, ...]:
        """The Kiel diagram of the best hits."""
        caption = (
            "The best hits on the Kiel diagram, numbered by rank; labels as read off their spectra here."
        )

        def draw(background: Any) -> Figure:
            from spectrove.explanation.diagram_plot import Point, diagram_figure
            from spectrove.explanation.style import color_of

            wrong = [truth is not None and truth.get(hit.object_id) is False for hit in hits]
            points = [
                Point(
                    hit.object_id, _place(hit.query), color_of(0 if bad else 1), "X" if bad else "o", 6.0, str(i + 1)
                )
                for i, (hit, bad) in enumerate(zip(hits, wrong, strict=True))
            ]  # fmt: skip
            absent = [p.number for p in points if p.place is None]
            notes = [f"not on the diagram: {', '.join(absent)}"] if absent else []
            notes += ["cross: truly not the target"] if any(wrong) else []
            return diagram_figure(KIEL, QUANTITIES, background, points, notes=notes, names=False)

        return (FigurePanel("kiel", caption, draw, caption),)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _catalog_cell(spectrum: Spectrum) -> str:
    """The labels of its row: "5777 / 4.44 / 0.00"."""
    said = [spectrum.row.get(name) for name in LABELS]
    if not any(isinstance(value, int | float) and math.isfinite(value) for value in said):
        return "–"
    texts = [
        f"{value:.{_WORDS[name][2]}f}" if isinstance(value, int | float) and math.isfinite(value) else "–"
        for name, value in zip(LABELS, said, strict=True)
    ]
    return " / ".join(texts).replace("-", "−")


def _own(readings: Sequence[ReadOff]) -> str:
    """The last clause of the main sentence: the labels of the first estimator that can read the star."""
    found = next((one for one in readings if one.posterior is not None), None)
    if found is None:
        return ""
    numbers = {one.quantity: one for one in found.numbers()}
    parts = [
        f"{_WORDS[name][0]} {numbers[name].value} ± {numbers[name].sigma}{_WORDS[name][1]}"
        for name in LABELS
        if name in numbers
    ]
    return f"its own spectrum says {', '.join(parts)} (by {found.by})" if parts else ""


def _facts(own: Star) -> Iterator[tuple[str, str]]:
    value, error = own.values["velocity"]
    yield "Radial velocity", f"{with_error(value, error)} km/s" if math.isfinite(value) else "none"


def _tables(readings: Sequence[ReadOff]) -> Iterator[Table]:
    """A table for each estimator that can read the star."""
    for reading in readings:
        if reading.posterior is None:
            continue
        title = f"Read off its spectrum by {reading.by}: {reading.title}"
        rows = [(one.quantity, one.value, one.narrow, one.wide, one.unit) for one in reading.numbers()]
        header = ("Quantity", "Value", "68%", "90%", "Unit")
        yield Table(title, header, rows, " ".join(reading.notes), numeric=(1, 2, 3))


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    for item in (evidence.query, *evidence.neighbors):
        if item.measurement.reason:
            yield f"{item.object_id}: labels not read, {item.measurement.reason}."


def _unread(readings: Sequence[ReadOff]) -> Iterator[str]:
    for one in readings:
        if one.refusal:
            yield f"By {one.by} ({one.title}): {one.refusal}"


def _place(item: Measured) -> Place | None:
    """Where a star lies by what is measured in its own pixels."""
    import numpy as np

    from spectrove.explanation.diagram import Place

    star = item.measurement.values
    if not star or not (star.known(KIEL.x) and star.known(KIEL.y)):
        return None
    (x, dx), (y, dy) = star.values[KIEL.x], star.values[KIEL.y]
    return Place(x, y, np.diag([dx**2, dy**2]))


def _figures(evidence: Evidence, readings: Sequence[ReadOff]) -> Iterator[FigurePanel]:
    """Strong lines over those of the neighbours, and the Kiel diagram."""
    from spectrove.stars.drawing import WINDOWS
    from spectrove.stars.lines import LINES

    def draw_lines(background: Any) -> Figure:
        from spectrove.explanation.windows_plot import covered, windows_figure

        return windows_figure(evidence, covered(evidence.query, WINDOWS), LINES, max_neighbors=DRAWN)

    def draw_diagram(background: Any) -> Figure:
        return _kiel(evidence, readings, background)

    if _covers(evidence):
        alt = f"Strong lines of {evidence.object_id} at rest, over those of its nearest known stars"
        yield FigurePanel(
            "lines", alt, draw_lines,
            "Each spectrum over the straight line that fits it best in the panel, at rest at its velocity. Band: ±1σ.",
        )  # fmt: skip
    alt = f"Kiel diagram with {evidence.object_id} and its neighbours"
    yield FigurePanel("kiel", alt, draw_diagram, kind="middle")


def _covers(evidence: Evidence) -> bool:
    from spectrove.explanation.windows_plot import covered
    from spectrove.stars.drawing import WINDOWS

    return math.isfinite(evidence.query.z) and bool(covered(evidence.query, WINDOWS))


def _kiel(evidence: Evidence, readings: Sequence[ReadOff], background: Known | None) -> Figure:
    """The star by each estimator that reads it, its neighbours by their catalog labels."""
    from spectrove.explanation.diagram import place_of_row
    from spectrove.explanation.diagram_plot import Point, diagram_figure
    from spectrove.explanation.style import QUERY_COLOR, color_of, marker_of, short

    read = [(one, one.place(KIEL)) for one in readings]
    name = short(evidence.object_id)
    points = [
        Point(f"query {name}, by {one.by}", place, QUERY_COLOR, "*d"[min(i, 1)], size=13 - 5 * min(i, 1))
        for i, (one, place) in enumerate(read)
        if place is not None
    ] or [Point(f"query {name}", None, QUERY_COLOR, "*", absent="no estimator can read it")]
    for i, n in enumerate(evidence.neighbors):
        place = place_of_row(n.catalog, KIEL)
        points.append(
            Point(
                f"{short(n.object_id)} ({n.label or 'no label'})", place, color_of(i), marker_of(i),
                number=str(i + 1), absent="" if place else "no Teff or no log g in the base",
            )
        )  # fmt: skip
    notes = ["Contours: 68% and 90%.", "Neighbours by their catalog labels."]
    notes += ["Grey: stars of the base."] if background is not None else []
    return diagram_figure(KIEL, QUANTITIES, background, points, notes=notes)
