"""The shipped table of lines, and the script that makes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.stars.settings import SETTINGS
from spectrove.stars.synthesis.lines import shipped_lines, shipped_partition

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_star_lines", SCRIPTS / "make_star_lines.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_lines_are_ordered_and_lie_in_the_settings():
    lines = shipped_lines()
    assert np.all(np.diff(lines.wavelength) >= 0)
    inside = [(lines.wavelength > s.low - 6) & (lines.wavelength < s.high + 6) for s in SETTINGS.values()]
    assert np.all(np.any(inside, axis=0))
    assert all(one.sum() > 1000 for one in inside)


def test_every_line_has_an_element_with_partition_functions():
    lines, known = shipped_lines(), shipped_partition().symbols
    assert {name.split()[0] for name in lines.names()} <= set(known)
    assert {"H", "He", "C", "Na", "Mg", "Si"} <= set(known)


def test_elements_that_are_asked_for_have_lines():
    names = [name.split()[0] for name in shipped_lines().names()]
    assert all(names.count(x) >= 4 for x in ("Fe", "Al", "Mg", "Ca", "Ni", "Ti", "Si"))


def test_damping_is_known_of_every_line():
    lines = shipped_lines()
    assert np.all((lines.cross_section > 0) != (lines.van_der_waals < 0))
    assert np.all((lines.radiative >= 1e6) & (lines.radiative < 1e10))
    assert np.all((lines.stark < -2.5) & (lines.stark > -9))


def test_a_line_of_the_list_is_read_as_it_is_written(script):
    """Lines of the format, with numbers made up: a cross section, a width, a factor to Unsoeld's, and an isotope."""
    text = [
        "'  12.000            '    1         2",
        "'Mg I    NLTE'",
        "  5528.405  4.346 -0.500 1461.312    5.0  5.00E+08 'p' 'd'   0.0    1.0 'Mg I'",
        "  4000.000  4.346 -0.500 1461.312    5.0  5.00E+08 'p' 'd'   0.0    1.0 'Mg I'",
        "'  60.142            '    2         1",
        "'Nd II   LTE'",
        "  5400.000  0.500 -1.000    2.500    5.0  1.00E+05 'x' 'x'   0.0    1.0 'Nd II'",
    ]
    partition = shipped_partition()
    lines = script.lines_of(text, partition)
    assert lines.names() == ["Nd II 5401.50", "Mg I 5529.94"]
    assert_allclose(lines.cross_section, [0, 1461])
    assert_allclose(lines.exponent, [0, 0.312], atol=1e-9)
    assert_allclose(lines.log_gf, [-1 + np.log10(0.272), -0.5])
    assert_allclose(lines.radiative, [0.2223e16 / 5400**2, 5e8])
    assert -8.5 < lines.van_der_waals[0] < -7


def test_damping_by_hydrogen_is_that_of_unsoeld(script):
    """Sodium D by hand (Gray 2005, chapter 11): C6 = .3e-30 (1 / 3.037^2 - 1 / 5.139^2) = 2.12e-32."""
    row = SimpleNamespace(wavelength=5890.0, lower=0.0, stage=0, radiative=6e7, stark=0.0, collisions=1.0)
    script.complete(row, 5.139)
    by_hand = 19.6 + 0.4 * np.log10(0.3e-30 * (1 / (5.139 - 2.105) ** 2 - 1 / 5.139**2))
    by_hand += np.log10(1.380649e-16 * 1e4) - 0.7 * 4
    assert_allclose(row.van_der_waals, by_hand, atol=1e-3)
