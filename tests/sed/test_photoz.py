"""Redshifts found in photometry of mock galaxies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError
from spectrove.sed.catalog import fit
from spectrove.sed.likelihood import Photometry, agreement
from spectrove.sed.photoz import Scan, scan, steps, without_redshift


@pytest.fixture(scope="module")
def scanned(engine) -> Scan:
    return scan(engine, steps(0.1, 3.0)[::6])


def test_redshifts_are_found_in_mock_galaxies(engine, scanned):
    """Drawn between the steps; none is read."""
    rng = np.random.default_rng(4)
    off, inside = [], 0
    for _ in range(25):
        z = rng.uniform(0.2, 2.0)
        models = engine.at(z)
        flux = 1e10 * models.flux(int(rng.integers(models.shape[0])), int(rng.integers(models.shape[1])))
        galaxy = Photometry("a", 99.0, flux * (1 + 0.03 * rng.normal(size=8)), 0.03 * flux)
        found = scanned.fit(without_redshift(galaxy), 0.02).quantities["redshift"]
        off.append((found.mean - z) / (1 + z))
        inside += found.low <= z <= found.high
    assert np.median(np.abs(off)) < 0.05
    assert inside >= 12


def test_models_of_a_scan_are_those_of_each_redshift(engine, scanned):
    """chi2 at one of its redshifts is that of the models there, and what is older than the universe is not allowed."""
    z = float(scanned.models.blocks.parameters["redshift"][0])
    flux = engine.at(z).flux(3, 4) * 1e10
    galaxy = Photometry("a", z, flux, flux / 20)
    there = np.isclose(scanned.models.blocks.parameters["redshift"], z)
    assert_allclose(
        agreement(scanned.models, galaxy).chi2[there],
        agreement(engine.at(z), galaxy).chi2,
        rtol=1e-4,
        atol=1e-2,
    )
    last = scanned.models.blocks.parameters["redshift"] > 2.9
    old = scanned.models.histories.age > 2.5e9
    assert not scanned.allowed[np.ix_(last, old)].any()
    assert scanned.allowed[~last].any()


def test_a_prior_that_is_learned_has_the_shares_of_the_galaxies(engine, scanned):
    """Galaxies of two kinds, dusty or not: their shares come back, and redshifts are nearer with them."""
    rng = np.random.default_rng(8)
    levels = engine.blocks.parameters
    kinds = [
        np.flatnonzero((levels["ebv"] == ebv) & (levels["slope"] == levels["slope"].min()))
        for ebv in (0.4, 0.1)
    ]

    def drawn(n: int) -> list[Photometry]:
        galaxies = []
        for i in range(n):
            z = rng.uniform(0.3, 1.5)
            flux = 1e10 * engine.at(z).flux(int(rng.choice(kinds[i % 4 > 0])), 3)
            galaxies.append(Photometry("a", z, flux * (1 + 0.05 * rng.normal(size=8)), 0.05 * flux))
        return galaxies

    learned = scanned.learned(drawn(120), 0.02)
    share = learned.prior.reshape(len(scanned.redshifts), -1, scanned.models.shape[1])
    of_kind = [share[:, kind].sum() for kind in kinds]
    grid = (scanned.models.blocks.prior[:, None] * scanned.models.prior * scanned.allowed).reshape(
        share.shape
    )
    assert_allclose(share.sum(), 1, rtol=1e-5)
    assert_allclose(share.sum((1, 2)), grid.sum((1, 2)), rtol=1e-3)
    assert 1.5 < of_kind[1] / of_kind[0] < 6  # three to one
    assert of_kind[1] > 2 * grid[:, kinds[1]].sum()
    judged = drawn(40)
    off = [
        np.mean(
            [
                abs(one.fit(without_redshift(g), 0.02).quantities["redshift"].mean - g.z) / (1 + g.z)
                for g in judged
            ]
        )
        for one in (scanned, learned)
    ]
    assert off[1] < off[0]


def test_few_galaxies_teach_no_prior(scanned):
    with pytest.raises(
        ParameterError, match=r"0 of 1 galaxies have a redshift from 0.1 to .* Give more galaxies"
    ):
        scanned.learned([Photometry("a", 9.0, np.ones(8), np.ones(8))])


def test_every_redshift_has_its_prior_whatever_histories_it_has_room_for(scanned):
    """Flat in redshift."""
    prior = scanned.models.blocks.prior[:, None] * scanned.models.prior * scanned.allowed
    z = scanned.models.blocks.parameters["redshift"]
    each = np.array([prior[z == one].sum() for one in np.unique(z)])
    assert_allclose(each.sum(), 1)
    assert_allclose(each[1:-1] / np.gradient(np.unique(z))[1:-1] * np.ptp(z), 1, rtol=1e-6)


def test_a_best_model_of_a_scan_is_never_older_than_the_universe(scanned, engine):
    flux = engine.at(2.0).flux(0, 0) * 1e10
    one = scanned.fit(Photometry("a", np.nan, flux, flux / 50))
    assert one.quantities["age_main"].best < 4
    assert fit(engine, Photometry("a", 2.0, flux, flux / 50)).chi2 < 1


def test_a_range_of_redshifts_has_two_ends():
    with pytest.raises(ParameterError, match="expected a lower end above 0"):
        steps(1.0, 0.5)
    with pytest.raises(ParameterError, match="expected a lower end above 0"):
        steps(0.1, np.inf)
