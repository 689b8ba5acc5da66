"""What galaxies have to say in an explanation: `GalaxyPanels` is the `PanelMaker` of their domain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from spectrove.explanation.panel import Comparison, FigurePanel, Measurement, Names, Panels, RowPanel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spectrove.explanation.evidence import Evidence
    from spectrove.explanation.measured import Measured
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import Spectrum


#: The last sentences of a page.
FOOTER = (
    "Line fluxes and ratios are measured by Spectrove from the stored spectra unless a column says “catalog”; "
    "they explain an answer and never decide it. Wavelengths are in vacuum."
)


class GalaxyPanels:
    """Lines measured in each spectrum, the [N II] diagram, and the lines of a galaxy behind."""

    #: Catalog columns of a neighbour worth showing beside our own measurement.
    catalog = (
        "class",
        "subclass",
        "bpt_class",
        "class_derived",
        "lens",
        "outlier",
        "outlier_kind",
        "sn_median",
    )
    footer = FOOTER

    @property
    def names(self) -> Names:
        """How classes of galaxies read in a sentence."""
        from spectrove.galaxies.diagram.sentences import PHRASES

        return PHRASES

    def measure(self, spectrum: Spectrum | None, z: float) -> Measurement:
        """The lines of a spectrum at redshift z, or the reason why there are none."""
        from spectrove.galaxies.diagram.measured import measure

        return measure(spectrum, z)

    def answer(self, evidence: Evidence) -> Panels:
        """What measured lines, and those of a galaxy behind, add to an explanation."""
        from spectrove.galaxies.diagram import measured, sentences, tables
        from spectrove.galaxies.drawing import CLOSE, DRAWING
        from spectrove.galaxies.lenses import behind
        from spectrove.galaxies.works import of_lines, of_surveys

        seen, joined = behind.sentence(evidence), _joined(evidence)
        cautions = sentences.cautions(evidence, behind.one_line(evidence))
        return Panels(
            names=sentences.PHRASES,
            drawing=DRAWING,
            own=sentences.own_lines(evidence),
            excludes=sentences.excludes(evidence),
            arguments=(seen,) if seen else (),
            cautions=tuple(cautions),
            facts=sentences.facts(evidence),
            columns=measured.COLUMNS,
            columns_note=measured.COLUMNS_NOTE,
            row_notes=tuple(_unmeasured(evidence)),
            figures=(*_figures(evidence), *(joined.figures if joined else ())),
            tables=(*tables.line_tables(evidence), *(joined.tables if joined else ())),
            close=behind.close_up(evidence) or CLOSE,
            surveys=tuple(of_surveys(evidence)),
            cited=tuple(of_lines(evidence, cautions)),
            footer=self.footer,
        )

    def compare(self, query: Measured, other: Measured) -> Comparison:
        """The lines of the query beside those of another object."""
        from spectrove.galaxies.diagram.tables import compare

        return compare(query, other)

    def background(self, base: KnowledgeBase) -> Any:
        """The objects of the base on the [N II] diagram."""
        from spectrove.galaxies.diagram.background import background

        return background(base)

    def overview(self, hits: Sequence[Evidence], truth: Mapping[str, bool] | None) -> tuple[FigurePanel, ...]:
        """The [N II] diagram of the best hits."""
        caption = "The best hits on the [N II] diagram, numbered by rank; lines as measured here."

        def draw(background: Any) -> Figure:
            from spectrove.galaxies.diagram.plot import hits_bpt_figure

            return hits_bpt_figure(hits, background=background, truth=truth)

        return (FigurePanel("bpt", caption, draw, caption),)


def _joined(evidence: Evidence) -> RowPanel | None:
    """The fit of photometry that was joined to the object."""
    from spectrove.sed.joined_panel import PhotometryPanel

    spectrum = evidence.query.spectrum
    return None if spectrum is None else PhotometryPanel().of_row(spectrum.row, evidence.column_notes)


def _unmeasured(evidence: Evidence) -> Iterator[str]:
    for item in (evidence.query, *evidence.neighbors):
        if item.measurement.reason:
            yield f"{item.object_id}: lines not measured, {item.measurement.reason}."


def _figures(evidence: Evidence) -> Iterator[FigurePanel]:
    """The lines of a galaxy behind, if there is one, and the diagram with the query and its neighbours."""
    from spectrove.galaxies.lenses.behind import behind

    def draw_behind(background: Any) -> Figure:
        from spectrove.galaxies.lenses.behind import behind_figure

        figure = behind_figure(evidence)
        assert figure is not None  # there is a candidate and a spectrum
        return figure

    def draw_diagram(background: Any) -> Figure:
        from spectrove.galaxies.diagram.plot import bpt_figure

        return bpt_figure(evidence, background=background)

    spectrum = evidence.query.spectrum
    if behind(evidence) is not None and spectrum is not None and spectrum.good.any():
        alt = f"Lines of a second galaxy in {evidence.object_id}, magnified, the deciding line first"
        yield FigurePanel("behind", alt, draw_behind, first=True)
    alt = f"[N II] diagram with {evidence.object_id} and its neighbours"
    yield FigurePanel("bpt", alt, draw_diagram, kind="middle")
