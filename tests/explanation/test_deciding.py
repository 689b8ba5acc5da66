"""The line that decides: marked, magnified, and named where nothing else backs it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spectrove.explanation.gallery import gallery_figure
from spectrove.explanation.report import write_report
from spectrove.explanation.sentences import cautions
from spectrove.explanation.style import DECIDES
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.lenses.behind import behind_figure, one_line
from spectrove.galaxies.oddities.page import DrawnOutlier, outlier_figure, rests_on
from spectrove.galaxies.residual.reconstruction import Residual
from spectrove.inference.outlier_score import OutlierAnswer

FIRST = {"name": "[O II] 3729", "wavelength": 6500.0, "sn": 9.0}
SECOND = {"name": "H beta", "wavelength": 8480.0, "sn": 4.0}


def lens(evidence, *, beyond, lines=(FIRST,)):
    """The same answer in a hunt for lenses, with lines of a galaxy behind."""
    candidate = {"z": 0.7436, "score": 9.5, "beyond": beyond, "lines": list(lines)}
    told = replace(
        evidence.prediction, target="strong_lens", positive="lens", is_target=True,
        probabilities={"lens": 0.9, "none": 0.1}, second_redshift=(candidate,),
    )  # fmt: skip
    changed = replace(evidence, prediction=told)
    return replace(changed, panels=GALAXIES.panels.answer(changed))


def marks(ax):
    return [float(a.get_xdata()[0]) for a in ax.lines if a.get_color() == DECIDES and a.get_marker() == "v"]


def test_the_card_of_a_lens_zooms_on_the_line_that_decides_and_marks_it(liner):
    wide, close = gallery_figure([lens(liner, beyond=6.0)]).axes
    rest = 6500 / (1 + liner.query.z)
    assert marks(wide) == marks(close) == pytest.approx([rest])
    assert np.mean(close.get_xlim()) == pytest.approx(rest)


def test_other_hunts_keep_the_window_on_h_alpha(liner):
    wide, close = gallery_figure([liner]).axes
    assert marks(wide) == marks(close) == []
    assert close.get_xlim() == (6480, 6760)


def test_each_line_of_the_galaxy_behind_has_a_panel_strongest_first(liner):
    axes = behind_figure(lens(liner, beyond=6.0, lines=(FIRST, SECOND))).axes
    assert [marks(ax) for ax in axes] == [[6500.0], [8480.0]]
    assert axes[0].get_title() == "[O II] 3729, S/N 9.0: adds most"
    assert behind_figure(liner) is None


def test_a_lens_that_rests_on_one_line_says_so(liner, tmp_path):
    alone = lens(liner, beyond=1.3)
    assert "rests on one line, [O II] 3729 at 6,500 Å" in one_line(alone)
    assert one_line(alone) in cautions(alone)
    assert one_line(alone) in write_report(alone, tmp_path / "lens.html").read_text("utf-8")
    assert one_line(lens(liner, beyond=6.0, lines=(FIRST, SECOND))) == ""


def test_an_estimated_redshift_with_one_line_says_so(make_answer, make_lines, fill):
    one = make_answer(["SF"], lines=make_lines(ha=30))
    [caution] = cautions(fill(replace(one, z_source="estimated")))
    assert "only one emission line, Hα, is detected" in caution
    assert cautions(one) == []
    two = make_answer(["SF"], lines=make_lines(ha=30, oiii=30))
    assert cautions(fill(replace(two, z_source="estimated"))) == []


@pytest.mark.parametrize(
    ("regions", "said"),
    [
        ((), False),
        (((6490.0, 6510.0),), True),
        (((6490.0, 6510.0), (7000.0, 7020.0)), False),
        (((6000.0, 6800.0),), False),
    ],
)
def test_an_outlier_that_rests_on_one_line_says_so_and_shows_it_close_up(make_spectrum, regions, said):
    spectrum = make_spectrum("0881-52368-0036", z=0.05)
    answer = OutlierAnswer(
        spectrum.object_id, 2.0, 0.001, "blend or second redshift", "A peak.", regions, (), ("shape",), 0.05
    )
    assert ("rests on one line" in rests_on(answer)) == said
    wavelength = spectrum.wavelength / 1.05
    flux, one = spectrum.flux / 10, np.ones((1, len(wavelength)))
    left = Residual(
        model=flux[None], difference=0 * one, sigma=0 * one, valid=one, variance=one, scores=one[:, :1]
    )
    figure = outlier_figure(DrawnOutlier(answer, spectrum, wavelength, flux, left))
    narrow = bool(regions) and regions[0][1] - regions[0][0] < 90
    assert len(figure.axes) == (3 if narrow else 2)
    if narrow:
        assert marks(figure.axes[2]) == [6500.0]
