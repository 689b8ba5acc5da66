"""What a kind of light has to say in an explanation, as data: measurements, sentences, tables and figures.

The other modules here print and draw it and know nothing of its science. A domain fills it once for each answer, by the
functions that `explanation.evidence.PanelMaker` lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from spectrove.explanation.line_labels import LineLabel
from spectrove.explanation.tables import Table
from spectrove.explanation.works import Work
from spectrove.lines import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: How a class reads in a sentence: one of them (after "is called"), and many.
Names = Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Measurement:
    """What was measured in one spectrum.

    Attributes:
        values: The measurement itself, which only its domain reads; None where there is none.
        reason: Why there is none, as in "... because it has no redshift".
        model: The fitted curve that measured features stand on, unit of the flux, (n_pixels,); drawn dashed.
        cells: Its cells in the table of neighbours, one for each of `Panels.columns`.
        json: Its entries in the answer as JSON.
        z: The redshift that was measured, at which the spectrum is drawn; NaN where it is drawn at that of its file.
    """

    values: Any = None
    reason: str = ""
    model: NDArray | None = field(default=None, repr=False)
    cells: tuple[str, ...] = ()
    json: Mapping[str, Any] = field(default_factory=dict)
    z: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """What measurements of two spectra say beside each other: sentences, tables, and entries of the JSON."""

    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    json: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Window:
    """A range of wavelengths, rest angstrom, and what it shows."""

    title: str
    low: float
    high: float


@dataclass(frozen=True)
class CloseUp:
    """The narrow panel on the card of a hit.

    Attributes:
        window: Its range, in the frame in which the spectrum is drawn; its title is a caption.
        labels: Names over it.
        decides: Wavelength that the answer rests on, marked in both panels, in the same frame; None if there is none.
        note: An addition to the title of the card.
    """

    window: Window
    labels: tuple[LineLabel, ...] = ()
    decides: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """How spectra of a domain are drawn. Wavelengths are rest angstrom.

    Attributes:
        lines: Marked and named.
        bands: Regions around lines, in order, none upon another: name and both ends.
        norm: The range whose median flux is the unit of the flux axis; None where it is the whole spectrum.
        zooms: Ranges drawn beside the whole spectrum, two at most.
        marked: Names over small panels.
        model: What `Measurement.model` is: "our fit of ...".
    """

    lines: tuple[Line, ...] = ()
    bands: tuple[tuple[str, float, float], ...] = ()
    norm: tuple[float, float] | None = None
    zooms: tuple[Window, ...] = ()
    marked: tuple[LineLabel, ...] = ()
    model: str = "our fit"


@dataclass(frozen=True)
class FigurePanel:
    """A figure of a page.

    Attributes:
        name: As in the name of its file beside the page.
        alt: What it shows, for those who do not see it.
        draw: The figure, from what `PanelMaker.background` gives; called only where a page is written.
        caption: The text under it.
        kind: "middle" for one that is narrower than the page.
        first: Whether it stands above the spectra.
    """

    name: str
    alt: str
    draw: Callable[[Any], Figure]
    caption: str = ""
    kind: str = ""
    first: bool = False


class Column(NamedTuple):
    """A column of the table of neighbours: its heading, line by line, and whether it holds numbers."""

    heading: tuple[str, ...]
    numeric: bool = True


class Cited(NamedTuple):
    """A work that had a part in an answer: its key, the work, and why."""

    key: str
    work: Work
    reason: str


@dataclass(frozen=True)
class Panels:
    """Everything that a domain adds to the explanation of one answer.

    Attributes:
        names: How classes read in a sentence.
        drawing: How spectra are drawn.
        own: What the query's own measurement says of the answer: the last clause of the main sentence.
        excludes: Class to whether the query's own measurement excludes it, a clause.
        arguments: Sentences on what else the answer rests on.
        cautions: A sentence each.
        facts: Name and value.
        columns: Columns of the table of neighbours, for `Measurement.cells`, and a note on them.
        row_notes: Sentences on rows of that table.
        spectra: The figure of the query with its neighbours, where they are no fluxes on wavelengths.
        figures, tables: Of the page.
        close: The narrow panel on the card of a hit.
        surveys: Works on the surveys of the query and its neighbours.
        cited: Works that measurements, figures and sentences rest on.
        footer: The last sentences of the page.
    """

    names: Names = field(default_factory=dict)
    drawing: Drawing = field(default_factory=Drawing)
    own: str = ""
    excludes: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    columns: tuple[Column, ...] = ()
    columns_note: str = ""
    row_notes: tuple[str, ...] = ()
    spectra: FigurePanel | None = None
    figures: tuple[FigurePanel, ...] = ()
    tables: tuple[Table, ...] = ()
    close: CloseUp | None = None
    surveys: tuple[Cited, ...] = ()
    cited: tuple[Cited, ...] = ()
    footer: str = ""


@dataclass(frozen=True)
class RowPanel:
    """What columns that were joined to an object say of it, beside its spectrum. No answer rests on it.

    Attributes:
        title: Heading.
        sentence: The most important of it.
        cautions: What to be careful about, a sentence each.
        figures, tables: As those of `Panels`; figures draw nothing behind.
    """

    title: str
    sentence: str = ""
    cautions: tuple[str, ...] = ()
    figures: tuple[FigurePanel, ...] = ()
    tables: tuple[Table, ...] = ()


def one(name: str | None, names: Names) -> str:
    """A class after "is called": "a quasar"."""
    return names[name][0] if name and name in names else f"“{name}”"


def many(name: str | None, names: Names) -> str:
    """Several objects of a class: "quasars"."""
    return names[name][1] if name and name in names else f"“{name}”"
