"""The baselines find what is plainly odd, and the study's table of right reasons is whole."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.baselines.outlier_scores import OUTLIER_BASELINES
from experiments.studies.outliers.study import RIGHT, _share
from spectrove.galaxies.mock import OUTLIER_KINDS
from spectrove.galaxies.oddities.reasons import DESIGNED_ON, REASONS


def spectra(n, seed, odd=False):
    """Slopes of one shape with 2% noise; odd ones bend the other way where ordinary ones are straight."""
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 60)
    flux = 1 + rng.normal(0, 0.3, (n, 1)) * x + rng.normal(0, 0.02, (n, 60))
    flux += 0.5 * np.cos(6 * x) * odd
    ivar = np.full((n, 60), 0.02**-2)
    ivar[:, :5] = 0  # never observed
    return flux, ivar


@pytest.mark.parametrize("name", sorted(OUTLIER_BASELINES))
def test_every_baseline_scores_the_odd_above_the_ordinary(name):
    """And the same twice, whatever is in pixels without weight."""
    method = OUTLIER_BASELINES[name]()
    method.fit(*spectra(120, 1), seed=0)
    ordinary, odd = method.score(*spectra(40, 2)), method.score(*spectra(40, 3, odd=True))
    assert np.median(odd) > np.quantile(ordinary, 0.9)
    flux, ivar = spectra(40, 2)
    flux[:, :5] = 99.0
    assert np.allclose(method.score(flux, ivar), ordinary)


def test_every_kind_has_right_reasons_and_half_of_them_were_held_out():
    assert set(RIGHT) == set(OUTLIER_KINDS)
    assert {reason for reasons in RIGHT.values() for reason in reasons} <= set(REASONS)
    assert set(DESIGNED_ON) < set(OUTLIER_KINDS)
    assert 2 * len(DESIGNED_ON) == len(OUTLIER_KINDS)


def test_a_share_of_nothing_has_no_value():
    assert _share(np.zeros(0, bool), np.zeros(0, str))["value"] is None
    row = _share(np.array([True] * 8 + [False] * 2), np.arange(10).astype(str))
    assert row["low"] < row["value"] == 0.8 < row["high"]


def test_hosts_that_are_asked_about_thrice_narrow_no_interval():
    hit, host = np.arange(40) < 9, np.arange(40).astype(str)
    assert _share(np.tile(hit, 3), np.tile(host, 3)) == pytest.approx(_share(hit, host))
