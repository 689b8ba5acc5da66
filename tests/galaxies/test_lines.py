"""Line wavelengths and dividing lines, against published values, hand calculations and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.galaxies.lines import BPT_CLASSES, LINE, LINES, bpt_class, kauffmann03, kewley01, liner_seyfert
from spectrove.pixels.air import air_to_vacuum
from spectrove.readers.sky import SKY_LINES

RATIO = st.floats(-3, 3)

#: Air wavelengths, angstrom. Source: NIST Atomic Spectra Database; Osterbrock & Ferland 2006.
AIR = {
    "oii_3726": 3726.03, "oii_3729": 3728.82, "neiii": 3868.76, "cak": 3933.66, "cah": 3968.47, "hd": 4101.73,
    "hg": 4340.46, "oiii_4363": 4363.21, "heii": 4685.71, "hb": 4861.33, "oiii_4959": 4958.91, "oiii": 5006.84,
    "hei": 5875.62, "nad_5890": 5889.95, "nad_5896": 5895.92, "oi": 6300.30, "oi_6364": 6363.78,
    "nii_6548": 6548.05, "ha": 6562.80, "nii": 6583.45, "sii_6716": 6716.44, "sii_6731": 6730.82,
}  # fmt: skip


@pytest.mark.parametrize("key", AIR)
def test_wavelengths_are_those_of_vacuum(key):
    """The air wavelength of another source, converted: equal within 5 km/s, while air and vacuum differ by 85."""
    vacuum = air_to_vacuum(np.array([AIR[key]]))[0]
    assert abs(LINE[key].wavelength / vacuum - 1) * 299792.458 < 5


@pytest.mark.parametrize(("key", "upper"), [("ha", 3), ("hb", 4), ("hg", 5), ("hd", 6)])
def test_balmer_lines_are_where_rydberg_puts_them(key, upper):
    """1 / wavelength = R_H (1/4 - 1/n^2); fine structure moves the centres by less than 2 km/s."""
    rydberg = 1.0967758e-3  # of hydrogen, per angstrom
    by_hand = 1 / (rydberg * (0.25 - upper**-2))
    assert abs(LINE[key].wavelength / by_hand - 1) * 299792.458 < 5


def test_keys_are_unique_and_lines_in_order():
    wavelengths = [line.wavelength for line in LINES]
    assert len(LINE) == len(LINES)
    assert wavelengths == sorted(wavelengths)
    assert {line.kind for line in LINES} == {"emission", "absorption"}


def test_sky_regions_are_in_order_and_do_not_overlap():
    edges = np.array(SKY_LINES).ravel()
    assert (np.diff(edges) > 0).all()


def test_the_dividing_lines_have_the_published_values():
    """By hand: 0.61 / (-0.5 - 0.05) + 1.3, 0.61 / (-0.5 - 0.47) + 1.19, 1.18 (-0.5) + 0.77."""
    assert_allclose(kauffmann03(-0.5), 0.190909, atol=1e-6)
    assert_allclose(kewley01(-0.5), 0.561134, atol=1e-6)
    assert_allclose(liner_seyfert(-0.5), 0.18, atol=1e-12)


def test_the_dividing_lines_end_where_their_formulas_do():
    """At the asymptote they fall without bound: nothing to the right of it is star-forming."""
    assert kauffmann03(0.05) == -np.inf
    assert kauffmann03(1.0) == -np.inf
    assert kewley01(0.47) == -np.inf
    assert kauffmann03(0.0499) < -1000
    assert_allclose([kauffmann03(-1e9), kewley01(-1e9)], [1.3, 1.19], atol=1e-6)


@settings(deadline=None)
@given(RATIO)
def test_star_forming_galaxies_lie_inside_the_starburst_limit(x):
    assert kauffmann03(x) <= kewley01(x) or x < -1.25  # at -1.28 the two curves cross, where no galaxy is


@pytest.mark.parametrize(
    ("x", "y", "name"),
    [
        (-0.5, 0.0, "SF"), (-1.0, 0.5, "SF"), (-0.5, 0.4, "Composite"), (-0.1, -0.3, "Composite"),
        (0.0, 1.0, "Seyfert"), (0.0, 0.3, "LINER"), (0.6, -2.0, "LINER"), (-0.2, 0.8, "Seyfert"),
    ],
)  # fmt: skip
def test_classes_of_points_worked_out_by_hand(x, y, name):
    assert bpt_class(x, y) == name


def test_a_line_itself_belongs_below():
    """On Kauffmann's curve a galaxy is star-forming, on Kewley's composite, on the last a LINER."""
    assert bpt_class(-0.5, kauffmann03(-0.5)) == "SF"
    assert bpt_class(-0.2, kewley01(-0.2)) == "Composite"
    assert bpt_class(0.1, liner_seyfert(0.1)) == "LINER"


@settings(deadline=None)
@given(RATIO, RATIO)
def test_every_pair_of_ratios_has_one_class(x, y):
    assert str(bpt_class(x, y)) in BPT_CLASSES


@settings(deadline=None)
@given(RATIO, RATIO, st.floats(0, 3))
def test_more_oiii_never_makes_a_galaxy_less_active(x, y, more):
    """Upwards in the diagram: SF, Composite, then LINER, then Seyfert."""
    order = ["SF", "Composite", "LINER", "Seyfert"]
    assert order.index(str(bpt_class(x, y + more))) >= order.index(str(bpt_class(x, y)))


@pytest.mark.parametrize(("x", "y"), [(np.nan, 0.0), (0.0, np.nan), (np.inf, 0.0), (0.0, -np.inf)])
def test_unknown_ratios_have_no_class(x, y):
    assert bpt_class(x, y) == ""


def test_arrays_are_answered_element_by_element():
    x, y = np.array([[-0.5], [0.0]]), np.array([0.0, 1.0, np.nan])
    assert bpt_class(x, y).tolist() == [["SF", "Seyfert", ""], ["LINER", "Seyfert", ""]]
