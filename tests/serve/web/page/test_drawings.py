"""Drawings of a page as numbers of SVG: every pair of quantities has a panel, contours lie where the numbers say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.domain import Diagram, Quantity
from spectrove.explanation.diagram import Known, Place
from spectrove.explanation.readings import ReadOff
from spectrove.posterior import Posterior
from spectrove.serve.page.drawings import Corner, corner, correlations, spreads


def reading(n: int = 9, n_draws: int = 0, correlation: float = 0.8) -> ReadOff:
    """A posterior of n quantities, of which the first two go together."""
    names = [f"q{i}" for i in range(n)]
    sigma = 10.0 ** np.arange(n, 0, -1)
    covariance = np.diag(sigma**2)
    covariance[0, 1] = covariance[1, 0] = correlation * sigma[0] * sigma[1]
    mean = 3 * sigma
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(mean, covariance, (1, n_draws)) if n_draws else None
    posterior = Posterior(np.array(["one"]), tuple(names), mean[None], covariance[None], draws, [()])
    return ReadOff("made", "a made one", tuple(Quantity(name) for name in names), posterior)


def numbers(path: str) -> np.ndarray:
    """The points of a path, (n_points, 2)."""
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path), float)


def made(**options: object) -> Corner:
    found = corner(reading(**options))
    assert found is not None
    return found


def test_nine_quantities_have_a_panel_for_each_pair_and_each_alone():
    found = made()
    assert len(found.panels) == 9 + 36
    assert [one.text for one in found.names] == [f"q{i}" for i in range(9)]
    assert found.width < 1100, "a window of 1240 pixels holds it"
    corners = {(panel.x, panel.y) for panel in found.panels}
    assert len(corners) == 45
    assert all(x <= y + 60 for x, y in corners), "none above the diagonal"


@pytest.mark.parametrize("n_draws", [0, 300])
def test_contours_are_centred_on_the_mean_and_tilt_with_the_correlation(n_draws):
    found = made(n=2, n_draws=n_draws)
    pair = next(
        panel for panel in found.panels if {name for name, _ in panel.paths} == {"level-68", "level-90"}
    )
    small, large = (numbers(dict(pair.paths)[name]) for name in ("level-68", "level-90"))
    assert np.ptp(large[:, 0]) > np.ptp(small[:, 0])
    assert np.corrcoef(small[:, 0], small[:, 1])[0, 1] < -0.5, "y runs downwards on a screen"
    assert (large >= 0).all()
    assert (large <= pair.side).all()
    assert bool(pair.dots) == bool(n_draws)
    if n_draws:
        assert pair.dots.count("h0") > 0.95 * n_draws
    else:
        assert_allclose(small[:-1].mean(axis=0), [pair.side / 2] * 2, atol=1.0)


def test_the_band_of_one_quantity_is_its_68_percent_interval():
    """Of a normal distribution that a panel holds to 3.2 sigma and 6% more: 2 of 2 x 3.2 x 1.12 sigma."""
    found = made(n=2)
    band = dict(next(panel for panel in found.panels if panel.paths[0][0] == "band").paths)["band"]
    left, right = float(re.match(r"M([\d.]+)", band)[1]), float(re.search(r"H([\d.]+)", band)[1])
    assert_allclose((right - left) / 150, 2 * 0.9945 / (2 * 3.2 * 1.12), rtol=0.02)


def test_what_goes_together_is_said_in_words():
    assert correlations(reading(3)) == "Correlations: q0 and q1 0.80."
    assert correlations(reading(3, correlation=-0.5)) == "Correlations: q0 and q1 −0.50."
    assert "No two of q0, q1, q2" in correlations(reading(3, correlation=0.1))


def test_what_cannot_be_read_and_one_quantity_alone_have_no_corner():
    assert corner(ReadOff("made", "", (Quantity("q0"),), refusal="No.")) is None
    alone = Posterior(np.array(["one"]), ("q0",), np.ones((1, 1)), np.ones((1, 1, 1)), None, [()])
    assert corner(ReadOff("made", "", (Quantity("q0"),), alone)) is None


DIAGRAM = Diagram("plane", "q0", "q1", "First", "Second", falling=("q1",))


def row(near: dict[str, Place], known: Known | None) -> dict:
    return {"diagram": DIAGRAM, "readings": (reading(2),), "near": near, "known": known}


def test_a_diagram_is_drawn_over_the_base_and_closer():
    rng = np.random.default_rng(0)
    known = Known(rng.normal(0, 5000, 400), rng.normal(0, 500, 400), 800)
    near = {"a": Place(310.0, 29.0), "b": Place(4000.0, -300.0)}
    whole, closer = spreads(row(near, known), {}, closer=1)
    assert (whole.n_known, whole.n_drawn) == (800, 400)
    assert whole.dots.count("h0") > 380
    assert closer.dots.count("h0") < 100
    assert closer.window is None
    left, top, width, height = whole.window
    [(_, x, y, _)] = whole.read
    assert left < x < left + width
    assert top < y < top + height
    assert width < whole.width / 2
    assert [one.name for one in whole.near] == ["a", "b"]
    assert "its nearest known spectrum there, a" in whole.said


def test_a_falling_quantity_falls_upwards():
    high, low = Place(300.0, 60.0), Place(300.0, 10.0)
    [drawn] = spreads(row({"high": high, "low": low}, None), {}, closer=5)
    assert drawn.near[0].y > drawn.near[1].y, "the high value is below, where y of a screen is large"


def test_without_a_diagram_or_a_place_there_is_none():
    assert spreads(row({}, None) | {"diagram": None}, {}, 5) == []
    unread = ReadOff("made", "", (Quantity("q0"), Quantity("q1")), refusal="No.")
    assert spreads(row({}, None) | {"readings": (unread,)}, {}, 5) == []
