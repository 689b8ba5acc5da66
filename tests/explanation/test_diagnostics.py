"""Line ratios, limits and distances against hand calculations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.galaxies.diagram.bpt import Ratio, bpt, log_ratio, sigma_to_line
from spectrove.galaxies.lines import kauffmann03


def test_a_ratio_of_two_detected_lines_has_a_propagated_error():
    """10% and 5% errors: sqrt(0.1^2 + 0.05^2) / ln 10 = 0.04856 dex."""
    found = log_ratio(200.0, 20.0, 100.0, 5.0)
    assert found.kind == "measured"
    assert_allclose([found.value, found.error], [0.30103, 0.0485556], rtol=1e-5)


def test_the_error_of_a_ratio_is_what_noisy_fluxes_scatter_by():
    rng = np.random.default_rng(1)
    draws = np.log10(rng.normal(200, 8, 200_000) / rng.normal(100, 3, 200_000))
    assert_allclose(log_ratio(200, 8, 100, 3).error, draws.std(), rtol=0.02)


def test_turning_a_ratio_over_changes_its_sign_and_keeps_its_error():
    a, b = log_ratio(30, 2, 70, 4), log_ratio(70, 4, 30, 2)
    assert_allclose([a.value, a.error], [-b.value, b.error])


def test_the_unit_of_the_fluxes_does_not_matter():
    assert_allclose(log_ratio(30, 2, 70, 4).error, log_ratio(3e-16, 2e-17, 7e-16, 4e-17).error)


@pytest.mark.parametrize(
    ("fluxes", "kind", "value"),
    [
        ((1.0, 1.0, 100.0, 1.0), "upper", math.log10(4 / 100)),  # 1 + 3 x 1 over 100
        ((-5.0, 1.0, 100.0, 1.0), "upper", math.log10(3 / 100)),  # a negative flux counts as none
        ((100.0, 1.0, 2.0, 1.0), "lower", math.log10(100 / 5)),
    ],
)
def test_an_undetected_line_gives_a_three_sigma_limit(fluxes, kind, value):
    found = log_ratio(*fluxes)
    assert found.kind == kind
    assert_allclose(found.value, value)
    assert math.isnan(found.error)


@pytest.mark.parametrize(
    ("fluxes", "kind", "text"),
    [
        ((1.0, 1.0, 1.0, 1.0), "undetected", "undetected"),
        ((math.nan, 1.0, 9.0, 1.0), "uncovered", "not covered"),
        ((9.0, 0.0, 9.0, 1.0), "uncovered", "not covered"),
        ((1.0, 1.0, 100.0, 1.0), "upper", "< −1.40"),
        ((100.0, 1.0, 2.0, 1.0), "lower", "> 1.30"),
        ((100.0, 1.0, 100.4, 1.0), "measured", "0.00 ± 0.01"),
    ],
)
def test_a_ratio_is_printed_as_what_it_is(fluxes, kind, text):
    found = log_ratio(*fluxes)
    assert (found.kind, found.text()) == (kind, text)


def test_distance_to_the_straight_line_is_the_hand_formula():
    """(y - 1.18 x - 0.77) / sqrt(sy^2 + 1.18^2 sx^2)."""
    x, y = Ratio(0.1, 0.03, "measured"), Ratio(0.5, 0.05, "measured")
    by_hand = (0.5 - 1.18 * 0.1 - 0.77) / math.hypot(0.05, 1.18 * 0.03)
    assert_allclose(sigma_to_line("1.18x+0.77", x, y), by_hand, rtol=1e-6)


def test_distance_to_a_curve_is_the_smallest_over_its_points():
    x, y = Ratio(-0.6, 0.05, "measured"), Ratio(-0.3, 0.1, "measured")
    along = np.linspace(-3, 0.049, 400_000)
    brute = np.hypot((along + 0.6) / 0.05, (kauffmann03(along) + 0.3) / 0.1).min()
    assert_allclose(sigma_to_line("Kauffmann 2003", x, y), -brute, rtol=1e-4)


def test_far_right_of_a_curve_counts_as_above_it():
    x, y = Ratio(0.3, 0.05, "measured"), Ratio(-0.9, 0.1, "measured")
    assert sigma_to_line("Kauffmann 2003", x, y) > 0


def test_four_detected_lines_give_one_class_and_three_distances(make_lines):
    found = bpt(make_lines(ha=100, nii=130, hb=30, oiii=60))
    assert found.own_class == "LINER"
    assert found.sigma["Kewley 2001"] > 0 > found.sigma["1.18x+0.77"]
    assert found.border() == ("1.18x+0.77", found.sigma["1.18x+0.77"])


def test_kewley_s_line_is_named_where_noise_could_cross_it(make_lines):
    assert bpt(make_lines(noise=9, ha=100, nii=100, hb=90, oiii=95)).border()[0] == "Kewley 2001"


def test_a_limit_decides_where_every_allowed_point_is_in_one_region(make_lines):
    """[O III] undetected and low [N II]/Ha: star-forming however faint [O III] is."""
    found = bpt(make_lines(ha=500, nii=50, hb=150, oiii=1))
    assert (found.oiii_hb.kind, found.own_class, found.sigma) == ("upper", "SF", {})


def test_a_limit_leaves_open_what_it_cannot_decide(make_lines):
    found = bpt(make_lines(ha=100, nii=130, hb=1, oiii=20))
    assert found.own_class == ""
    assert set(found.possible) == {"LINER", "Seyfert"}
    assert found.missing() == ["H beta"]


def test_no_detected_line_is_told_from_no_coverage(make_lines):
    assert bpt(make_lines()).no_lines
    gone = bpt(make_lines(missing=("ha", "nii"), hb=30, oiii=60))
    assert not gone.no_lines
    assert gone.uncovered() == ["H alpha", "[N II] 6583"]
    assert gone.nii_ha.kind == "uncovered"
