"""Counts in energy bins: nothing is lost, nothing is divided out, and what cannot be used is said."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.mock.instruments import acis_like
from spectrove.xray.vectors.energies import EnergyBins, energy_counts

BINS = EnergyBins(n_bins=16)


@pytest.fixture(scope="module")
def responses():
    return acis_like("back", 2009, 0.0), acis_like("front", 2001, 6.0)


def spectrum(name, response, counts, background=0, quality=None, scale=0.1):
    n = response.n_channels
    return Counts(
        name, np.broadcast_to(np.asarray(counts, np.int32), n).copy(), np.full(n, background, np.int32),
        np.zeros(n, np.int16) if quality is None else quality, scale, 2e4, response, {},
    )  # fmt: skip


def test_all_counts_of_the_range_are_in_the_bins(responses):
    rng = np.random.default_rng(0)
    drawn = [rng.poisson(0.3, r.n_channels) for r in responses]
    made = [spectrum(f"s{i}", r, c) for i, (r, c) in enumerate(zip(responses, drawn, strict=True))]
    found, refusals = energy_counts(CountSet.from_counts(made), BINS)
    assert not refusals
    for i, response in enumerate(responses):
        middle = (response.e_min.astype(float) + response.e_max) / 2
        assert found.counts[i].sum() == drawn[i][(middle >= 0.5) & (middle < 7)].sum()
    assert_allclose(found.coverage, [[0.5, 7.0]] * 2)


def test_the_background_is_scaled_and_the_area_exposed(responses):
    found, _ = energy_counts(CountSet.from_counts([spectrum("a", responses[0], 3, background=2)]), BINS)
    assert_allclose(found.behind, found.counts / 3 * 2 * 0.1, rtol=1e-6)
    good = np.ones(responses[0].n_channels, bool)
    assert_allclose(found.exposed[0], responses[0].band_areas(BINS.edges, good) * 2e4, rtol=1e-6)


def test_bad_channels_are_neither_counted_nor_exposed(responses):
    response = responses[0]
    middle = (response.e_min.astype(float) + response.e_max) / 2
    bad = (middle > BINS.edges[5]) & (middle < BINS.edges[6])
    one = spectrum("a", response, np.where(bad, 999, 2), quality=np.where(bad, 5, 0).astype(np.int16))
    found, _ = energy_counts(CountSet.from_counts([one]), BINS)
    assert found.counts[0, 5] == found.exposed[0, 5] == 0
    assert (np.delete(found.exposed[0], 5) > 0).all()


def test_company_and_order_do_not_matter(responses):
    rng = np.random.default_rng(1)
    made = [spectrum(f"s{i}", responses[i % 2], rng.poisson(0.2, 1024)) for i in range(6)]
    together, _ = energy_counts(CountSet.from_counts(made), BINS)
    alone, _ = energy_counts(CountSet.from_counts([made[3]]), BINS)
    assert_array_equal(together.counts[3], alone.counts[0])
    assert_array_equal(together.exposed[3], alone.exposed[0])
    assert together.take(np.array([3])).object_id.tolist() == ["s3"]


def test_no_more_counts_than_background_is_refused_with_the_numbers(responses):
    made = [spectrum("dark", responses[0], 1, background=20), spectrum("bright", responses[0], 3)]
    found, refusals = energy_counts(CountSet.from_counts(made), BINS)
    assert found.object_id.tolist() == ["bright"]
    assert "dark: 445 counts from 0.5 to 7 keV, of which the background is 890.0" in refusals[0].error


def test_few_counts_are_flagged(responses):
    few = np.zeros(1024, np.int32)
    few[100:110] = 1
    found, _ = energy_counts(CountSet.from_counts([spectrum("a", responses[0], few)]), BINS)
    assert found.flags == (("few_counts",),)


def test_limits_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="must be greater than low"):
        EnergyBins(low=3, high=2)
