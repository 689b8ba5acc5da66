"""What a kind of light says in an explanation: printed and drawn as it comes, and left out where there is none."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spectrove import explanation
from spectrove.explanation.argument import alternative, argued
from spectrove.explanation.citations import citations
from spectrove.explanation.evidence import Evidence
from spectrove.explanation.gallery import gallery_figure
from spectrove.explanation.measured import Measured
from spectrove.explanation.panel import (
    Cited,
    CloseUp,
    Column,
    Comparison,
    Drawing,
    FigurePanel,
    Measurement,
    Panels,
    Window,
)
from spectrove.explanation.plots import spectrum_figure
from spectrove.explanation.report import Hunt, write_hunt_report, write_report
from spectrove.explanation.sentences import cautions, why
from spectrove.explanation.style import new_figure
from spectrove.explanation.tables import Table
from spectrove.explanation.works import article
from spectrove.lines import Line

NAMES = {"blazar": ("a blazar", "blazars")}
DRAWING = Drawing(lines=(Line("fe", "Fe K alpha", 6500.0),), zooms=(Window("Fe K", 6400.0, 6600.0),))


#: Words of galaxies; a sign of their science in rooms that every kind of light shares.
GALAXIES = re.compile(
    r"H[αβγδ]|H alpha|H beta|\[(N|O|S|Ne) I+\]|LINER|Seyfert|bpt|\bplates?\b|galax|\blens|stellar",
    re.IGNORECASE,
)


def draw(background: Any):
    figure = new_figure(3, 2)
    figure.text(0.5, 0.5, str(background))
    return figure


class Counts:
    """A domain that counts photons."""

    names, catalog, footer = NAMES, ("hardness",), "Counts are in keV."

    def measure(self, spectrum, z):
        if spectrum is None:
            return Measurement(reason="no photon was seen", cells=("–",), json={"counts": None})
        n = int(spectrum.good.sum())
        return Measurement(n, cells=(str(n),), json={"counts": n})

    def answer(self, evidence):
        work = article("Photon, P.", "On counts", "ApJ", 2020, "1", "1")
        return Panels(
            names=NAMES,
            drawing=DRAWING,
            own=f"its own {evidence.query.measurement.values} counts agree",
            excludes={"star": "its counts exclude a star"},
            arguments=("It varies.",),
            cautions=("It is faint.",),
            facts=(("Counts", str(evidence.query.measurement.values)),),
            columns=(Column(("Counts", "in all")),),
            figures=(FigurePanel("hardness", "Hardness of the counts", draw),),
            tables=(Table("Counts by band", ("Band", "Counts"), [("soft", "3")], numeric=(1,)),),
            close=CloseUp(Window("the soft band", 6400.0, 6600.0)),
            cited=(Cited("photon2020", work, "counts"),),
            footer=self.footer,
        )

    def compare(self, query, other):
        return Comparison(("It has fewer counts.",), (), {"fewer": 3})

    def background(self, base):
        return None

    def overview(self, hits, truth):
        return (FigurePanel("hardness", "Hardness", draw, "Hardness of the hits"),)


def with_panels(evidence: Evidence, maker: Any) -> Evidence:
    """The same answer, with what another domain measures and says."""

    def measured(item: Measured) -> Any:
        return replace(item, measurement=maker.measure(item.spectrum, item.z) if maker else Measurement())

    neighbors = tuple(measured(n) for n in evidence.neighbors)
    changed = replace(evidence, query=measured(evidence.query), neighbors=neighbors, panels=Panels())
    return replace(changed, panels=maker.answer(changed)) if maker else changed


@pytest.fixture(scope="module")
def counted(liner):
    return with_panels(liner, Counts())


def test_sentences_hold_what_the_domain_says(counted):
    """In the places of its clauses, and with its names of classes; others are quoted."""
    assert why(counted).endswith(" counts agree.")
    assert "is called “LINER”" in why(counted)
    assert "It varies." in argued(counted)
    assert cautions(counted)[-1] == "It is faint."
    rival = tuple(replace(n, label="star", group="star") for n in counted.neighbors[1:])
    assert alternative(replace(counted, neighbors=(counted.neighbors[0], *rival))).endswith(
        "; its counts exclude a star."
    )


def test_the_json_holds_what_the_domain_measured_and_nothing_else(counted):
    answer = json.loads(json.dumps(counted.to_dict(), allow_nan=False))
    assert answer["query"]["counts"] == counted.query.measurement.values
    assert "lines" not in answer["query"]
    assert all("counts" in n for n in answer["neighbors"])


def test_the_page_holds_its_tables_figures_facts_and_works(counted, tmp_path):
    page = write_report(counted, tmp_path / "why.html", background="grey dots", figures=True).read_text(
        "utf-8"
    )
    for text in (
        "Counts by band",
        "Counts<br>in all",
        "Hardness of the counts",
        "Counts are in keV.",
        "Photon 2020",
    ):
        assert text in page
    assert "Hα" not in page
    assert "[N II]" not in page
    assert (tmp_path / "why-hardness.png").is_file()
    assert "photon2020" in {c.key for c in citations(counted)}


def test_figures_mark_its_lines_and_zoom_where_it_says(counted):
    figure = spectrum_figure(counted)
    shown = " ".join(t.get_text() for ax in figure.axes for t in ax.texts)
    assert "Fe Kα" in shown
    assert "Hα" not in shown
    assert figure.axes[-1].get_xlim() == (6400.0, 6600.0)
    assert gallery_figure([counted]).axes[1].get_xlim() == (6400.0, 6600.0)


def test_a_hunt_has_the_domains_figure_of_its_hits(counted, tmp_path):
    hunt = Hunt("blazar", [counted.prediction], [counted], panels=Counts())
    html = write_hunt_report(hunt, tmp_path / "hunt.html").read_text("utf-8")
    assert "Hardness of the hits" in html
    assert "whole spectrum and the soft band" in html


def test_a_base_whose_light_has_nothing_to_say_is_explained_by_its_neighbours(liner, tmp_path):
    """Spectra, votes and distances stand; no line, no diagram, no class by anything else."""
    bare = with_panels(liner, None)
    assert why(bare).endswith("times the base's usual neighbour distance.")
    assert np.isfinite(bare.neighbors[0].distance)
    html = write_report(bare, tmp_path / "bare.html").read_text("utf-8")
    assert html.count("<figure") == 1
    assert "Hα" not in html
    hunt = write_hunt_report(Hunt("liner", [bare.prediction], [bare]), tmp_path / "hunt.html").read_text(
        "utf-8"
    )
    assert "ranked: whole spectrum." in hunt
    assert set(bare.to_dict()["query"]) == {"object_id", "z", "links", "not_measured_because", "z_source"}


@pytest.mark.parametrize(
    "path", sorted(Path(explanation.__file__).parent.rglob("*.*")), ids=lambda path: path.name
)
def test_no_file_here_has_a_word_of_galaxies(path: Path):
    """Not a line, a class, a plate or a diagram."""
    if path.suffix in (".py", ".html"):
        assert [match.group() for match in GALAXIES.finditer(path.read_text("utf-8"))] == []
