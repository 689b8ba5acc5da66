"""Conformal intervals: they hold the truth as often as they say, in every bin of signal-to-noise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.inference.numbers.conformal import FEWEST, SN_BORDERS, Conformal, signal_to_noise, sn_bins
from spectrove.spectra import Spectrum, SpectrumSet

RNG = np.random.default_rng(11)


def drawn(n):
    """Residuals whose size depends on the S/N in a way that the claimed error knows nothing of."""
    sn, error = RNG.uniform(2, 50, n), RNG.uniform(0.5, 2, n)
    return RNG.laplace(size=n) * error * (1 + 20 / sn), error, sn, RNG.uniform(0, 1, n)


@pytest.mark.parametrize("level", [0.68, 0.9])
def test_intervals_hold_the_truth_at_their_level_in_every_bin(level: float):
    """20,000 new objects: within the spread that 4,000 calibrated ones allow."""
    known = Conformal(*drawn(4000))
    residual, error, sn, _ = drawn(20_000)
    inside = np.abs(residual) <= known.half_width(error, sn, level)
    edges = [0, *SN_BORDERS, np.inf]
    for low, high in pairwise(edges):
        members = (sn >= low) & (sn < high)
        n_known = ((known.sn >= low) & (known.sn < high)).sum()
        expected = np.sqrt(level * (1 - level) * (1 / n_known + 1 / members.sum()))
        assert abs(inside[members].mean() - level) < 3.5 * expected


def test_half_widths_are_order_statistics():
    """By hand: of 99 scores 1..99 the 90.5% interval reaches to the 91st, ceil(.905 x 100)."""
    known = Conformal(np.arange(1.0, 100), np.ones(99), np.full(99, 60.0), np.ones(99))
    assert_allclose(known.half_width(np.array([1.0, 2.0]), np.array([60.0, 3.0]), 0.905), [91, 182])


def test_a_level_beyond_the_base_has_no_end():
    """60 objects say nothing of 99.9%."""
    known = Conformal(*(a for a in drawn(60)))
    assert np.isinf(known.half_width(np.ones(1), np.full(1, 20.0), 0.999)).all()


def test_too_few_objects_give_a_reason():
    """A sentence with both numbers."""
    assert Conformal(*drawn(FEWEST)).reason == ""
    assert str(FEWEST) in Conformal(*drawn(FEWEST - 1)).reason
    assert str(FEWEST - 1) in Conformal(*drawn(FEWEST - 1)).reason


def test_poor_bins_are_joined():
    """Every bin has enough, and borders are kept where there are."""
    assert sn_bins(np.full(1000, 12.0)) == ()
    sn = np.concatenate([np.full(10, 3.0), np.full(90, 7.0), np.full(200, 15.0), np.full(20, 45.0)])
    borders = sn_bins(sn, fewest=80)
    assert borders == (10.0,)
    counts = np.bincount(np.searchsorted(borders, sn, side="right"))
    assert (counts >= 80).all()


def test_distance_p_values_are_uniform_for_objects_like_the_base():
    """And the farthest of all has the smallest possible, never 0."""
    known = Conformal(*drawn(2000))
    p = known.p_distance(RNG.uniform(0, 1, 5000))
    assert_allclose(np.quantile(p, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.04)
    assert known.p_distance(np.array([9.0]))[0] == 1 / 2001


def test_signal_to_noise_is_that_of_the_good_pixels():
    """Masked pixels and those without error do not count; a spectrum without a good one has 0."""
    n = 9
    flux, ivar = np.full(n, 4.0, np.float32), np.full(n, 25.0, np.float32)
    flux[:3], ivar[3:5] = 1e4, 0
    mask = np.where(np.arange(n) < 3, 1, 0).astype(np.int32)
    wave, lsf = np.arange(n) + 4000.0, np.ones(n, np.float32)
    both = SpectrumSet.from_spectra(
        [Spectrum("a", wave, flux, ivar, mask, lsf, {}), Spectrum("b", wave, flux, 0 * ivar, mask, lsf, {})]
    )
    assert_allclose(signal_to_noise(both), [20, 0])
