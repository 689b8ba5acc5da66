"""An active nucleus in models, and gas of another metallicity than its stars."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.sed import agn
from spectrove.sed.attenuation import Calzetti
from spectrove.sed.bound import best_model
from spectrove.sed.catalog import fit
from spectrove.sed.constants import LIGHT, MILLIJANSKY, SOLAR_LUMINOSITY, epoch
from spectrove.sed.engine import Engine
from spectrove.sed.filters import Filter
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.posterior import edges
from spectrove.sed.tables import trapezoid_weights

SMALL = Grid(DelayedBurst((0.3, 3.0), (0.3, 1.0, 3.0), (0.0,)), law=Calzetti((0.0, 0.2), (0.0,)))


def made(engine: Engine, **levels: tuple[float, ...]) -> Engine:
    return Engine(engine.populations, engine.filters, replace(SMALL, **levels), engine.nebula, engine.dust)


def test_a_nucleus_has_the_share_of_the_light_that_it_is_given(populations):
    """A band that holds all light measures energies: f is nucleus over nucleus and stars, whatever the history."""
    z = 0.3
    wave = np.geomspace(912, 1.6e6, 40000) * (1 + z)
    every = Filter("all", wave, 1 / wave)
    grid = replace(SMALL, law=Calzetti((0.0,), (0.0,)), metallicity=(0.02,), agn_fraction=(0.0, 0.25, 0.5))
    models = Engine(populations, (every,), grid).at(z)
    energy = (models.histories.weights @ models.light)[..., 0] * LIGHT * np.trapezoid(1 / wave**2, wave)
    energy /= SOLAR_LUMINOSITY / epoch(z).sphere * MILLIJANSKY
    share = 1 - energy[0] / energy
    assert_allclose(share, np.broadcast_to([[0], [0.25], [0.5]], share.shape), atol=3e-3)


def test_disc_and_torus_radiate_the_same_energy_and_the_torus_no_visible_light():
    weights = trapezoid_weights(agn.WAVELENGTH)
    for part in (agn.disc(), agn.torus(), agn.spectra(np.zeros(1))[0]):
        assert_allclose(part @ weights, 1)
    visible = agn.WAVELENGTH < 5000
    assert (agn.torus() @ (weights * visible)) < 1e-3
    middle = (agn.WAVELENGTH > 4e4) & (agn.WAVELENGTH < 2e5)
    flat = (agn.WAVELENGTH * agn.torus())[middle]
    assert flat.max() / flat.min() < 1.4


def test_reddening_takes_the_disc_and_leaves_the_torus():
    bare, hidden = agn.spectra(np.array([0.0, 3.0]))
    blue, red = np.searchsorted(agn.WAVELENGTH, [4000.0, 1e5])
    assert hidden[blue] < 1e-3 * bare[blue]
    assert hidden[red] > 0.95 * bare[red]
    assert_allclose(-2.5 * np.log10(agn.reddened(np.array([1.0]))[0, blue]), 1.39 * 0.4**-1.2, rtol=0.02)


def test_models_without_a_nucleus_are_there_once_and_as_they_were(engine):
    """Its reddening means nothing then, and nothing else changes."""
    plain, active = made(engine), made(engine, agn_fraction=(0.0, 0.2), agn_ebv=(0.0, 1.0))
    assert len(active.blocks.prior) == 3 * len(plain.blocks.prior)
    assert_allclose(active.blocks.prior.sum(), 1)
    none = active.blocks.parameters["agn_fraction"] == 0
    assert none.sum() == len(plain.blocks.prior)
    assert_allclose(active.blocks.prior[none], plain.blocks.prior / 2)
    assert_allclose(active.at(0.5).light[none], plain.at(0.5).light)
    assert "agn_fraction" not in plain.blocks.parameters


def test_a_nucleus_is_found_where_there_is_one(engine):
    active = made(engine, agn_fraction=(0.0, 0.1, 0.3, 0.5), agn_ebv=(0.0, 0.5))
    models = active.at(0.6)
    levels = active.blocks.parameters
    block = int(np.flatnonzero((levels["agn_fraction"] == 0.3) & (levels["agn_ebv"] == 0.5))[5])
    flux = 1e10 * models.flux(block, 2)
    galaxy = Photometry("a", 0.6, flux, flux / 100)
    known = fit(active, galaxy, 0.0).quantities
    assert_allclose([known["agn_fraction"].mean, known["agn_ebv"].mean], [0.3, 0.5], atol=0.02)
    assert fit(made(engine), galaxy, 0.0).chi2 > 30
    assert_allclose(
        best_model(models, galaxy, 0.02).chi2, agreement(models, galaxy, 0.02).chi2.min(), atol=1e-3
    )
    dark = int(np.flatnonzero(levels["agn_fraction"] == 0)[0])
    assert not [f for f in edges(active.grid, models, (dark, 0)) if f.startswith("agn")]
    assert "agn_fraction high" in edges(active.grid, models, (int(np.argmax(levels["agn_fraction"])), 0))


def test_gas_has_its_own_metallicity_where_it_is_given_one(engine):
    """The same levels one by one as those of the stars give the same light as gas that follows them."""
    richer = engine.nebula.lines * np.array([1.0, 3.0])[:, None, None]
    gas = Engine(engine.populations, engine.filters, SMALL, replace(engine.nebula, lines=richer), engine.dust)
    apart = made(gas, metallicity=(0.001, 0.02), gas_metallicity=(0.001, 0.02))
    follows = made(gas, metallicity=(0.001, 0.02))
    levels = apart.blocks.parameters
    alike = levels["metallicity"] == levels["gas_metallicity"]
    assert len(apart.blocks.prior) == 2 * len(follows.blocks.prior)
    one, other = apart.at(0.4), follows.at(0.4)
    assert_allclose(one.light[alike], other.light, rtol=1e-6)
    assert_allclose(one.absorbed[alike], other.absorbed, rtol=1e-6)
    assert (abs(one.light[~alike] / other.light - 1) > 1e-4).any()
    assert "gas_metallicity" not in follows.blocks.parameters
    assert_allclose(apart.blocks.prior.sum(), 1)


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        ({"agn_fraction": (0.0, 1.0)}, "agn_fraction 1: expected a share of all light"),
        ({"agn_fraction": (0.1,), "agn_ebv": (-0.1,)}, "agn_ebv -0.1: expected"),
        ({"gas_metallicity": (0.001, 0.1)}, r"gas_metallicity 0.1: the tables of gas go from 0.001 to 0.04"),
    ],
)
def test_levels_that_cannot_be_are_refused(engine, levels, said):
    with pytest.raises(ParameterError, match=said):
        made(engine, **levels)
