"""Figures, by what is drawn in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from spectrove.explanation.gallery import gallery_figure, probability_figure
from spectrove.explanation.line_labels import line_labels, pretty
from spectrove.explanation.panel import Measurement
from spectrove.explanation.plots import make_trace, spectrum_figure
from spectrove.explanation.style import GHOST_COLOR, png
from spectrove.galaxies.diagram.measured import bpt_of
from spectrove.galaxies.diagram.plot import bpt_figure, hits_bpt_figure
from spectrove.galaxies.drawing import DRAWING
from spectrove.galaxies.lines import LINES


def texts(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if t.get_text()]


def boxes_overlap(figure: Figure, wanted: set[str]) -> list[tuple[str, str]]:
    """Pairs of the wanted texts that lie on each other."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    found = [
        (t.get_text(), t.get_window_extent(renderer)) for t in figure.findobj(Text) if t.get_text() in wanted
    ]
    return [
        (a, b)
        for i, (a, one) in enumerate(found)
        for b, two in found[i + 1 :]
        if one.x0 < two.x1 and two.x0 < one.x1 and one.y0 < two.y1 and two.y0 < one.y1
    ]


def test_every_covered_line_is_marked_and_named(liner):
    figure = spectrum_figure(liner)
    shown = " ".join(texts(figure))
    ax = figure.axes[0]
    marked = {round(float(line.get_xdata()[0]), 2) for line in ax.lines if len(line.get_xdata()) == 2}
    low, high = ax.get_xlim()
    inside = [line for line in LINES if low < line.wavelength < high]
    assert len(inside) >= 22
    for line in inside:
        assert round(line.wavelength, 2) in marked, line.name
        ion, _, number = pretty(line.name).rpartition(" ")
        assert ion in shown, line.name
        assert number in shown, line.name


def test_no_two_line_names_overlap(liner):
    figure = spectrum_figure(liner)
    names = {item.text for item in line_labels(3000, 10000, LINES)}
    assert boxes_overlap(figure, names) == []


def test_names_of_the_spectra_do_not_overlap(liner):
    figure = spectrum_figure(liner)
    assert boxes_overlap(figure, {t for t in texts(figure) if "\n" in t}) == []


def test_masked_pixels_are_gaps(liner):
    trace = make_trace(liner.query, DRAWING.norm)
    assert np.isnan(trace.flux[2000:2040]).all()
    assert np.isfinite(trace.flux).sum() == len(trace.flux) - 40
    drawn = [a for a in spectrum_figure(liner).axes[0].lines if len(a.get_xdata()) > 1000]
    assert np.isnan(drawn[0].get_ydata()).any()


def test_each_neighbour_has_the_query_s_copy_behind_it(liner):
    ghosts = [a for a in spectrum_figure(liner).axes[0].lines if a.get_color() == GHOST_COLOR]
    assert len(ghosts) == len(liner.neighbors)


def test_lines_stand_at_their_rest_wavelength(liner):
    """H alpha and [N II] blend; the peak lies at [N II] 6583, the stronger."""
    near = make_trace(liner.query, DRAWING.norm).within(6500, 6650)
    assert abs(near.wavelength[np.nanargmax(near.flux)] - 6585.27) < 1.5


def test_without_a_redshift_the_observed_frame_is_drawn_and_no_line_is_named(liner):
    figure = spectrum_figure(
        replace(liner, query=replace(liner.query, z=float("nan"), measurement=Measurement()))
    )
    assert any("Observed wavelength" in t for t in texts(figure))
    assert not any("[O III]" in t for t in texts(figure))


def test_a_query_without_good_pixels_gives_a_figure_that_says_so(liner):
    s = liner.query.spectrum
    bad = replace(liner.query, spectrum=replace(s, ivar=s.ivar * 0), measurement=Measurement())
    assert any("no good pixel" in t for t in texts(spectrum_figure(replace(liner, query=bad))))


def test_the_diagram_names_lines_regions_and_objects(liner):
    figure = bpt_figure(liner)
    found = texts(figure)
    assert {"Kauffmann+ 2003", "Kewley+ 2001", "1.18x + 0.77", "1", "2", "3"} <= set(found)
    assert {"Star-forming", "Composite", "Seyfert", "LINER"} <= set(found)
    assert any("0881-52368-0036" in t for t in found)
    assert boxes_overlap(figure, {"1", "2", "3"}) == []


def test_the_query_is_a_star_at_its_measured_ratios(liner):
    ax = bpt_figure(liner).axes[0]
    stars = [line for line in ax.lines if line.get_marker() == "*"]
    b = bpt_of(liner.query)
    assert len(stars) == 1
    np.testing.assert_allclose(stars[0].get_xydata()[0], [b.nii_ha.value, b.oiii_hb.value])


def test_the_axes_widen_for_a_point_outside_them(make_answer, make_lines):
    answer = make_answer(["SF"], lines=make_lines(ha=10, nii=500, hb=30, oiii=60))
    assert bpt_figure(answer).axes[0].get_xlim()[1] > np.log10(50)


def test_objects_off_the_diagram_are_named_with_the_reason(make_answer, make_lines):
    found = texts(bpt_figure(make_answer(["SF", "SF"], lines=make_lines(), neighbor_lines=make_lines(hb=30))))
    assert "Not on the diagram" in found
    assert any("no line detected" in t and "undetected: [O III] 5007, Hα, [N II] 6583" in t for t in found)


def test_the_contact_sheet_ranks_every_hit(liner):
    figure = gallery_figure([liner, liner, liner])
    assert sum("0881-52368-0036   P 0." in t for t in texts(figure)) == 3


@pytest.mark.parametrize("truth", [None, {"0881-52368-0036": True}])
def test_the_histogram_counts_everybody_and_shows_the_threshold(liner, truth):
    figure = probability_figure([liner.prediction] * 4, threshold=0.5, truth=truth)
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert "threshold 0.50" in labels
    assert any(label.endswith(": 4") for label in labels)


def test_hits_that_are_wrong_are_crossed(liner):
    found = texts(hits_bpt_figure([liner], truth={liner.object_id: False}))
    assert "cross: truly not the target" in found


def test_equal_evidence_gives_equal_bytes(liner):
    assert png(bpt_figure(liner)) == png(bpt_figure(liner))
    assert png(spectrum_figure(liner)).startswith(b"\x89PNG")


def test_no_global_state_of_matplotlib_is_touched(liner):
    import sys

    bpt_figure(liner)
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
