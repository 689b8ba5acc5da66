"""Fluxes of models against integrals done another way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.integrate import quad

from spectrove.errors import ParameterError
from spectrove.sed.attenuation import Calzetti, CharlotFall, starburst, transmission
from spectrove.sed.constants import LIGHT, LYMAN_LIMIT, MILLIJANSKY, SOLAR_LUMINOSITY, epoch
from spectrove.sed.engine import Engine
from spectrove.sed.grid import Grid, cells
from spectrove.sed.histories import Bins, DelayedBurst
from spectrove.sed.intergalactic import transmission as passed
from spectrove.sed.tables import trapezoid_weights


def test_weights_of_a_history_are_its_integrals_along_straight_lines(populations):
    """Against adaptive quadrature of the rate times the hat of each age."""
    nodes = populations.ages
    made = DelayedBurst((0.7,), (3.0,), (0.2,), (0.05,), (0.3,))
    found = made.made(made.models(), nodes).weights[0]
    main = lambda t: t * np.exp(-t / 0.7e9)  # noqa: E731
    burst = lambda t: np.exp(-t / 0.05e9)  # noqa: E731
    whole = quad(main, 0, 3e9)[0], quad(burst, 0, 0.3e9)[0]

    def rate(age):
        return 0.8 * main(3e9 - age) * (age < 3e9) / whole[0] + (
            0.2 * burst(0.3e9 - age) / whole[1] if age < 0.3e9 else 0
        )

    for k in (3, 10, 15, 18, 20):
        low, high = nodes[k - 1], nodes[k + 1]
        hat = lambda a: rate(a) * np.interp(a, [low, nodes[k], high], [0, 1, 0])  # noqa: B023, E731
        points = [p for p in (nodes[k], 0.3e9, 3e9) if low < p < high]
        assert_allclose(found[k], quad(hat, low, high, points=points, limit=500)[0], rtol=2e-5, atol=1e-9)


@pytest.mark.parametrize("histories", [DelayedBurst(), Bins()])
def test_every_history_forms_one_solar_mass(histories, populations):
    made = histories.made(histories.models(), populations.ages)
    assert_allclose(made.weights.sum(1), 1, atol=1e-9)
    assert (made.weights >= -1e-12).all()
    assert_allclose(made.weights @ populations.ages, made.mean_age, rtol=2e-3)


def test_a_constant_rate_is_the_mass_over_the_time(populations):
    made = Bins((0.0, 2.0), 1).made(np.zeros((1, 1)), populations.ages)
    assert_allclose([made.rates["sfr10"][0], made.rates["sfr100"][0]], 1 / 2e9)


def test_dust_radiates_what_it_absorbs(engine):
    """The energies given to dust are those that leave the spectrum, to a thousandth; templates have unit energy."""
    models = engine.at(0.5)
    wave, stars = engine.populations.wavelength, engine.populations.luminosity
    block = int(
        np.flatnonzero(
            (engine.blocks.parameters["ebv"] == 0.4) & (engine.blocks.parameters["metallicity"] == 0.02)
        )[0]
    )
    a, z, u = engine.blocks.index[block][:3]
    curve = transmission(engine.grid.law.magnitudes(wave, engine.attenuations[a : a + 1])[0][0])
    weights = models.histories.weights
    spectrum = weights @ (stars[z] * (wave > LYMAN_LIMIT))
    photons = weights @ engine.populations.ionising()[z]
    lines, continuum = engine.nebula.at(engine.populations.metallicities, engine.log_u, wave)
    spectrum = spectrum + photons[:, None] * continuum[z, u]
    at_lines = np.interp(engine.nebula.line_wavelength, wave, curve)
    lost = np.trapezoid(spectrum * (1 - curve), wave) + photons * (lines[z, u] @ (1 - at_lines))
    assert_allclose(models.absorbed[block], lost, rtol=1e-3)
    assert_allclose(engine.dust.luminosity @ trapezoid_weights(engine.dust.wavelength), 1, rtol=1e-12)


def test_light_of_dust_in_a_band_that_holds_all_of_it_is_the_absorbed_energy(populations, nebula, dust):
    """A band as wide as the spectrum of dust measures its energy: balance by the fluxes themselves, to a thousandth."""
    from spectrove.sed.filters import Filter

    z = 0.3
    wave = np.geomspace(2e4, 1e7, 4000) * (1 + z)
    every = Filter("all", wave, 1 / wave)  # energies, not photons
    grid = Grid(DelayedBurst((1.0,), (3.0,), (0.0,)), law=Calzetti((0.3,), (0.0,)), alpha=(1.0, 2.0))
    with_dust, without = (Engine(populations, (every,), grid, nebula, d).at(z) for d in (dust, None))
    norm = LIGHT * np.trapezoid(1 / wave**2, wave)
    shift = SOLAR_LUMINOSITY / epoch(z).sphere * MILLIJANSKY
    n = len(without.light)
    light = (with_dust.histories.weights @ with_dust.light)[..., 0].reshape(n, 2, -1)
    alone = (without.histories.weights @ without.light)[..., 0][:, None]
    assert_allclose(
        (light - alone) * norm / shift,
        np.broadcast_to(with_dust.absorbed.reshape(n, 2, -1), light.shape),
        rtol=1e-3,
    )


def test_a_flux_is_the_integral_over_the_band(engine):
    """By direct integration of one model on a fine grid, without gas and dust."""
    plain = Engine(engine.populations, engine.filters, engine.grid)
    z = 0.8
    models = plain.at(z)
    block = int(
        np.flatnonzero((plain.blocks.parameters["ebv"] == 0.2) & (plain.blocks.parameters["slope"] == -0.3))[
            0
        ]
    )
    a, m = plain.blocks.index[block, :2]
    wave = plain.populations.wavelength
    curve = transmission(plain.grid.law.magnitudes(wave, plain.attenuations[a : a + 1])[0][0])
    spectrum = models.histories.weights[5] @ plain.populations.luminosity[m] * curve
    for i, one in enumerate(plain.filters):
        fine = np.linspace(one.wavelength[0], one.wavelength[-1], 20001)
        f = np.interp(fine / (1 + z), wave, spectrum) / (1 + z) * SOLAR_LUMINOSITY / epoch(z).sphere
        expected = np.trapezoid(f * fine, fine) / (LIGHT * np.trapezoid(1 / fine, fine)) * MILLIJANSKY
        assert_allclose(models.flux(block, 5)[i], expected, rtol=1e-3)


def test_histories_older_than_the_universe_are_dropped(engine):
    """Not clipped: at z = 3 the universe is 2.2 Gyr old."""
    models = engine.at(3.0)
    assert models.histories.age.max() < 2.2e9
    assert len(models.prior) < len(engine.histories.weights)
    assert_allclose(models.prior.sum(), 1)
    with pytest.raises(
        ParameterError,
        match=r"the universe is 0\.2. Gyr old there and the youngest history of the grid 0\.30",
    ):
        engine.at(15.0)
    with pytest.raises(ParameterError, match="expected one above 0"):
        engine.at(0.0)


def test_models_that_are_the_same_are_there_once(engine):
    """No burst has no age, and no dust no slope."""
    assert len(engine.histories.weights) == 3 * 5 * (1 + 2)
    assert len(engine.attenuations) == 1 + 3 * 2
    assert_allclose(engine.blocks.prior.sum(), 1)
    made = engine.histories.parameters
    quiet = made["f_burst"] == 0
    assert (
        len(np.unique(np.stack([made["tau_main"], made["age_main"]], 1)[quiet], axis=0)) == quiet.sum() == 15
    )


def test_cells_are_half_as_wide_at_the_ends():
    assert_allclose(cells(np.array([0.0, 1.0, 3.0]), "linear"), np.array([0.5, 1.5, 1.0]) / 3)
    assert_allclose(cells(np.array([1.0, 10.0, 100.0]), "log"), [0.25, 0.5, 0.25])
    assert_allclose(cells(np.array([0.0, 0.1, 0.3]), "half none"), [0.5, 0.25, 0.25])
    assert_allclose(cells(np.array([0.0]), "half none"), [1.0])
    with pytest.raises(ParameterError, match="above the one before"):
        cells(np.array([1.0, 1.0]), "linear")


def test_the_law_of_starbursts_has_its_published_values():
    """k(V) = 4.05, and E(B-V) is kept for any slope."""
    assert_allclose(starburst(np.array([5500.0])), 4.05, atol=0.02)
    assert_allclose(starburst(np.array([1500.0])), 10.3, atol=0.2)
    models = np.array([[0.3, -0.5], [0.3, 0.0], [0.3, 0.4]])
    old, _, gas = Calzetti().magnitudes(np.array([4400.0, 5500.0]), models)
    assert_allclose(old[:, 0] - old[:, 1], 0.3, rtol=1e-9)
    assert_allclose(old, gas)


def test_young_stars_lose_more_light_than_old_ones_behind_clouds():
    old, young, gas = CharlotFall().magnitudes(np.array([5500.0]), np.array([[0.6, 0.3]]))
    assert_allclose([old[0, 0], young[0, 0], gas[0, 0]], [0.6, 2.0, 2.0])


def test_hydrogen_between_galaxies_takes_what_inoue_et_al_say():
    """Their figure 4: at z = 3 the forest takes about .3 below Lyman alpha, and nothing above."""
    z = 3.0
    above, forest, limit = passed(np.array([1220.0, 1150.0, 850.0]) * (1 + z), z)
    assert above == 1
    assert 0.6 < forest < 0.8
    assert limit < 0.45
    wave = np.linspace(900, 1210, 50)
    assert (passed(wave * 6, 5.0) < passed(wave * 4, 3.0)).all()
    jumps = np.abs(
        np.diff([passed(np.array([880.0 * (1 + z)]), z)[0] for z in (1.199, 1.201, 4.699, 4.701)])
    )[::2]
    assert (jumps < 0.02).all()


def test_fluxes_do_not_depend_on_chunks(engine):
    models = engine.at(0.4)
    scale = np.full(8, 1e10, "f4")
    whole = np.concatenate([f for _, f in models.fluxes(scale)])
    pieces = np.concatenate([f for _, f in models.fluxes(scale, chunk=1)])
    assert_allclose(pieces, whole, rtol=1e-6)


def test_young_and_old_are_told_apart_in_the_light(populations, filters):
    """With clouds of birth an old galaxy is as with the interstellar medium alone."""
    grid = Grid(DelayedBurst((0.3,), (6.0,), (0.0,)), law=CharlotFall((0.5,), (0.3, 0.9999)))
    models = Engine(populations, filters, grid).at(0.3)
    flux = np.array([models.flux(b, 0) for b in (0, 4)])
    assert_allclose(flux[0], flux[1], rtol=1e-3)
    burst = Engine(populations, filters, replace(grid, histories=DelayedBurst((0.3,), (0.1,), (0.0,)))).at(
        0.3
    )
    flux = np.array([burst.flux(b, 0) for b in (0, 4)])
    assert (flux[0] < 0.97 * flux[1]).any()
