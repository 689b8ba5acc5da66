"""Synthetic spectra: what theory asks of lines, numbers that stay, and the real Sun."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.pixels.air import air_to_vacuum
from spectrove.stars.settings import SETTINGS, setting_of
from spectrove.stars.synthesis.broadening import broaden
from spectrove.stars.synthesis.lines import LineList, shipped_lines
from spectrove.stars.synthesis.spectrum import synthesise
from spectrove.stars.synthesis.star import Star

SUN = Star(5777, 4.44, 0.0, 1.0)
AT = np.arange(5498.0, 5502.0, 0.02)
FROZEN = Path(__file__).with_name("frozen.json")


def line(log_gf: float, **changes: float) -> LineList:
    """A line of neutral iron at 5500 A, alone."""
    values = {
        "wavelength": 5500.0, "number": 26, "stage": 0, "log_gf": log_gf, "lower": 3.0, "radiative": 1e8, "stark": -5.5,
        "cross_section": 0.0, "exponent": 0.0, "van_der_waals": -7.5,
    } | changes  # fmt: skip
    return LineList(*(np.array([values[f.name]]) for f in fields(LineList)))


def width(star: Star, lines: LineList, at: np.ndarray = AT) -> float:
    """Equivalent width, angstrom."""
    return float(np.sum(1 - synthesise(star, at, lines=lines).flux) * (at[1] - at[0]))


def test_the_curve_of_growth_has_its_three_slopes():
    """Weak lines grow as their strength, saturated ones hardly, and damped ones as its square root."""
    wide = np.arange(5400.0, 5600.0, 0.05)
    slope = {}
    for name, at in (("weak", -5.3), ("saturated", -1.2), ("damped", 3.0)):
        low, high = (width(SUN, line(at + step), wide if at > 0 else AT) for step in (-0.1, 0.1))
        slope[name] = np.log10(high / low) / 0.2
    assert_allclose(slope["weak"], 1.0, atol=0.03)
    assert slope["saturated"] < 0.4
    assert_allclose(slope["damped"], 0.5, atol=0.03)


def test_abundance_and_strength_are_the_same_to_a_line():
    """[Ni/Fe] of .1 and log gf of .1 more: hydrostatics and electrons hardly know of nickel."""
    nickel = line(-3.0, number=28)
    stronger = line(-2.9, number=28)
    assert_allclose(width(replace(SUN, x_fe={"Ni": 0.1}), nickel), width(SUN, stronger), rtol=2e-3)


def test_microturbulence_widens_saturated_lines_alone():
    windy = replace(SUN, microturbulence=3.0)
    assert_allclose(width(windy, line(-5.0)), width(SUN, line(-5.0)), rtol=0.02)
    assert width(windy, line(-1.2)) > 1.3 * width(SUN, line(-1.2))


def test_ions_fade_with_gravity_and_atoms_with_temperature():
    ion, atom = line(-4.0, stage=1), line(-4.5)
    giant = replace(SUN, logg=2.5)
    assert width(giant, ion) / width(giant, atom) > 2 * width(SUN, ion) / width(SUN, atom)
    assert width(replace(SUN, teff=6500), atom) < 0.6 * width(SUN, atom)


def test_wings_of_strong_lines_grow_with_gravity_in_cool_stars():
    """Damping by hydrogen: magnesium at 5528 A (air), whose core hardly changes."""
    at = np.arange(5526.0, 5534.0, 0.02)
    magnesium = shipped_lines().take(shipped_lines().number == 12)
    cool = Star(4800, 4.6, 0.0, 1.0)
    assert width(cool, magnesium, at) > 1.6 * width(replace(cool, logg=2.5), magnesium, at)


def test_one_element_changes_its_own_lines_alone():
    """Aluminium in HR21: what changes lies within 1 A of one of its lines."""
    at = setting_of("HR21").pixels(0.05)
    change = np.abs(synthesise(replace(SUN, x_fe={"Al": 0.3}), at).flux - synthesise(SUN, at).flux)
    lines = shipped_lines()
    near = np.abs(at[:, None] - lines.wavelength[lines.number == 13]).min(axis=1) < 1.5
    assert change[near].max() > 0.03
    assert change[~near].max() < 4e-3  # wings of calcium: aluminium gives electrons, too


def test_the_calcium_triplet_and_iron_stand_where_they_are_seen():
    """8542.09, 8662.14 and 5429.70 A in air."""
    for name, places in {"HR21": (8542.09, 8662.14), "HR10": (5429.70,)}.items():
        at = setting_of(name).pixels(0.05)
        flux = synthesise(SUN, at).flux
        for place in air_to_vacuum(np.array(places)):
            near = np.abs(at - place) < 2
            assert_allclose(at[near][np.argmin(flux[near])], place, atol=0.05)


def test_paschen_lines_are_those_of_warm_stars():
    """P12 at 8750.5 A (air); oscillator strength of P10 and its place are those of NIST."""
    at = np.arange(8735.0, 8772.0, 0.05)
    nothing = shipped_lines().take(np.zeros(len(shipped_lines()), bool))
    depth = {
        teff: 1 - synthesise(Star(teff, 4.0, 0.0, 1.5), at, lines=nothing).flux for teff in (4500, 5777, 7500)
    }
    assert depth[4500].max() < 3e-3
    assert depth[4500].max() < depth[5777].max() < depth[7500].max()
    assert depth[7500].max() > 0.1
    assert_allclose(at[np.argmax(depth[7500])], air_to_vacuum(np.array([8750.46])), atol=0.1)


def test_continuum_alone_is_one_and_bluer_in_hotter_stars():
    at = np.array([5340.0, 8900.0])
    nothing = shipped_lines().take(np.zeros(len(shipped_lines()), bool))
    cool, hot = (synthesise(Star(teff, 4.0, 0.0, 1.5), at, lines=nothing) for teff in (4500, 6500))
    assert_allclose(cool.flux[0], 1.0, atol=1e-9)
    assert hot.continuum[0] / hot.continuum[1] > 1.5 * cool.continuum[0] / cool.continuum[1]


def test_a_spectrum_is_the_same_in_parts():
    """Pixels do not know of each other, but for nodes of the continuum."""
    at = setting_of("HR10").pixels(0.05)
    whole = synthesise(SUN, at).flux
    assert_allclose(synthesise(SUN, at[1000:2000]).flux, whole[1000:2000], atol=5e-4)


def test_spectra_are_what_they_were():
    """Every hundredth pixel of four stars; what changes them changes `frozen.json` and all that was trained."""
    kept = json.loads(FROZEN.read_text())
    for entry in kept:
        star = Star(**entry["star"])
        for name, expected in entry["flux"].items():
            flux = synthesise(star, SETTINGS[name].pixels(0.05)).flux[::100]
            assert_allclose(flux, expected, atol=2e-4, err_msg=f"{star} {name}")


@pytest.mark.parametrize("at", [np.array([5500.0]), np.array([5500.0, 5499.0]), np.array([3000.0, 5000.0])])
def test_wavelengths_that_cannot_be_computed_are_refused(at):
    with pytest.raises(ParameterError, match="wavelengths"):
        synthesise(SUN, at)


@pytest.mark.real
def test_the_real_sun_is_computed_to_two_and_a_half_percent(data_dir):
    """HR10 of a spectrum of the Sun by UVES, at R = 20,000; its own spread is 9.6%."""
    path = data_dir / "stars" / "UVES_Sun-1_cleaned_norm.txt"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    wavelength, flux = np.loadtxt(path, unpack=True)
    wavelength = air_to_vacuum(wavelength)
    at = setting_of("HR10").pixels(0.1)[20:-20]
    ours = synthesise(SUN, setting_of("HR10").pixels(0.05))
    computed = broaden(ours.wavelength, ours.flux, at=at, resolution=20_000, gaussian=2.5)
    observed = broaden(wavelength, flux, at=at, resolution=20_000)
    off = computed - observed
    assert np.sqrt(np.mean(off**2)) < 0.025
    assert 1.4826 * np.median(np.abs(off)) < 0.012
    assert abs(off.mean()) < 0.003
