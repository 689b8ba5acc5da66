"""An explanation of a star: what its own pixels say, strong lines that it covers, and the Kiel diagram."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.stars.made import star

from spectrove.explanation.windows_plot import covered, windows_figure
from spectrove.lines import SPEED_OF_LIGHT
from spectrove.spectra import SpectrumSet
from spectrove.stars.domain import STARS
from spectrove.stars.drawing import WINDOWS
from spectrove.stars.lines import LINES


@pytest.fixture(scope="module")
def evidence(base):
    moving = star(14, 120.0, name="moving", seed=5)
    return base.classify(SpectrumSet.from_spectra([moving]), "spectral_class").explain(0)


def test_a_star_is_drawn_at_the_velocity_of_its_pixels(evidence):
    """It came without a redshift; 120 km/s are in its lines."""
    assert abs(evidence.query.z * SPEED_OF_LIGHT - 120) < 10
    assert evidence.z_source == "estimated"
    assert all(math.isfinite(n.z) for n in evidence.neighbors)
    assert any(name == "Radial velocity" and "km/s" in said for name, said in evidence.panels.facts)


def test_the_sentence_says_what_its_own_spectrum_says(evidence):
    assert "its own spectrum says Teff" in evidence.panels.own
    assert "(by network)" in evidence.panels.own
    [table, *_] = evidence.panels.tables
    assert [row[0] for row in table.rows] == ["teff", "logg", "fe_h"]
    assert len(evidence.query.measurement.cells) == len(evidence.panels.columns)


def test_every_estimator_of_stars_is_asked(evidence):
    """What it reads is a table, and why it cannot a note."""
    said = [table.title for table in evidence.panels.tables] + list(evidence.panels.row_notes)
    for name in STARS.estimators:
        assert any(f"by {name}" in one or f"By {name}" in one for one in said), name


def test_the_lines_that_it_covers_have_a_panel_each_and_the_others_none(evidence):
    """Its wavelengths end before the calcium triplet, at 7350 angstrom."""
    shown = covered(evidence.query, WINDOWS)
    names = [window.title for window in shown]
    assert {"Hβ", "Mg b", "Na D", "Hα"} <= set(names)
    assert "Ca II triplet" not in names
    figure = windows_figure(evidence, shown, LINES)
    assert len(figure.axes) == len(shown)
    texts = {text.get_text() for ax in figure.axes for text in ax.texts}
    assert {"Hβ", "Hα", "Mg b 5167–5183", "Na D 5890, 5896"} <= texts


def test_the_kiel_diagram_has_giants_above_and_the_hot_on_the_left(base, evidence):
    known = STARS.panels.background(base)
    assert known is not None
    assert known.n_objects == 120
    kiel = next(figure for figure in evidence.panels.figures if figure.name == "kiel")
    [ax] = kiel.draw(known).axes
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_a_star_that_cannot_be_read_is_not_on_the_diagram_and_says_why(evidence):
    gone = replace(evidence, query=replace(evidence.query, spectrum=None))
    figure = next(one for one in STARS.panels.answer(gone).figures if one.name == "kiel").draw(None)
    assert any("no estimator can read it" in text.get_text() for text in figure.texts)


def test_two_stars_are_compared_label_by_label(evidence):
    compared = STARS.panels.compare(evidence.query, evidence.neighbors[0])
    assert [row[0] for row in compared.tables[0].rows] == ["Teff", "log g", "[Fe/H]"]
    assert compared.json["sigma"] >= 0
