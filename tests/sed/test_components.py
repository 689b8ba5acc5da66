"""The best model by what its light comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.sed import intergalactic
from spectrove.sed.attenuation import Calzetti, CharlotFall
from spectrove.sed.catalog import fit
from spectrove.sed.components import PARTS, components
from spectrove.sed.constants import LIGHT
from spectrove.sed.engine import Engine
from spectrove.sed.grid import Grid
from spectrove.sed.histories import DelayedBurst
from spectrove.sed.likelihood import Photometry
from spectrove.sed.photoz import scan, steps

SMALL = Grid(
    DelayedBurst((0.3, 3.0), (0.3, 1.0, 3.0), (0.0, 0.1), age_burst=(0.005,)),
    law=Calzetti((0.0, 0.3), (-0.3, 0.0)),
    alpha=(1.0, 2.0),
    gas_metallicity=(0.001, 0.02),
    agn_fraction=(0.0, 0.3),
    agn_ebv=(0.0, 0.5),
)


def made(engine: Engine, grid: Grid = SMALL) -> Engine:
    return Engine(engine.populations, engine.filters, grid, engine.nebula, engine.dust)


def of_model(engine: Engine, z: float, place: tuple[int, int]) -> Photometry:
    flux = 3e10 * engine.at(z).flux(*place)
    return Photometry("a", z, flux, flux / 1000)


@pytest.mark.parametrize("grid", [SMALL, replace(SMALL, law=CharlotFall((0.5,), (0.3, 0.6)))])
@pytest.mark.parametrize("z", [0.3, 2.6])
def test_parts_of_a_model_add_up_to_its_fluxes(engine, grid, z):
    """By sums over spectra of one model, against those of the grid."""
    own = made(engine, grid)
    count = own.at(z).shape[0]
    for block in (0, count // 3, count - 1):
        found = fit(own, of_model(own, z, (block, 2)), 0.0)
        parts = components(own, found)
        assert_allclose(sum(parts.bands[name] for name in PARTS), found.model, rtol=1e-5)
        assert (parts.bands["stars"] <= parts.bands["stars_unattenuated"] * (1 + 1e-9)).all()
        assert (parts.bands["gas"] <= parts.bands["gas_unattenuated"] * (1 + 1e-9)).all()


def test_the_spectrum_seen_through_the_filters_is_the_fluxes(engine):
    """Lines are drawn with a width there, which changes little in broad bands."""
    own = made(engine)
    found = fit(own, of_model(own, 0.4, (own.at(0.4).shape[0] - 1, 5)), 0.0)
    parts = components(own, found)
    for one, flux in zip(own.filters, found.model, strict=True):
        fine = np.linspace(one.wavelength[0], one.wavelength[-1], 40001)
        f_nu = np.interp(fine, parts.wavelength, parts.total)
        passed = np.interp(fine, one.wavelength, one.transmission)
        seen = np.trapezoid(f_nu * passed / fine, fine) / np.trapezoid(passed / fine, fine)
        assert_allclose(seen, flux, rtol=5e-3)


def test_what_is_not_in_a_model_has_no_light(engine):
    plain = Engine(engine.populations, engine.filters, replace(SMALL, agn_fraction=(0.0,)))
    parts = components(plain, fit(plain, of_model(plain, 0.3, (0, 0)), 0.0))
    assert not any(parts.bands[name].any() for name in ("gas", "dust", "agn"))
    assert not any(parts.spectra[name].any() for name in ("gas", "dust", "agn"))
    assert parts.bands["stars"].all()


def test_dust_radiates_what_is_missing_from_stars_and_gas(engine):
    """In the spectra themselves: energies of the galaxy, before hydrogen between galaxies takes its share."""
    own = made(engine, replace(SMALL, law=Calzetti((0.3,), (0.0,))))
    parts = components(own, fit(own, of_model(own, 0.3, (3, 1)), 0.0))
    nu = LIGHT / parts.wavelength
    passed = intergalactic.transmission(parts.wavelength, 0.3)
    energy = {name: -np.trapezoid(f / passed, nu) for name, f in parts.spectra.items()}
    lost = energy["stars_unattenuated"] - energy["stars"] + energy["gas_unattenuated"] - energy["gas"]
    assert_allclose(energy["dust"], lost, rtol=5e-3)


def test_a_fit_of_the_redshift_has_parts_too(engine):
    own = made(engine)
    scanned = scan(own, steps(0.2, 0.6)[::8])
    found = scanned.fit(of_model(own, 0.4, (5, 2)), 0.02)
    assert_allclose(sum(components(own, found).bands[name] for name in PARTS), found.model, rtol=1e-5)
