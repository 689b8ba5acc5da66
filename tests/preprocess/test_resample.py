"""Resampling keeps the integral of the flux and the information in the spectrum."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.preprocess.resample import pixel_edges, resample


def test_the_same_grid_gives_the_same_spectrum():
    edges = np.linspace(4000, 4100, 51)
    rng = np.random.default_rng(1)
    flux, ivar = rng.normal(5, 1, 50), rng.uniform(1, 2, 50)
    out_flux, out_ivar, covered = resample(edges, flux, ivar, edges)
    assert_allclose(out_flux, flux, rtol=1e-9)
    assert_allclose(out_ivar, ivar, rtol=1e-9)
    assert_allclose(covered, 1)


def test_two_pixels_joined_are_the_mean_flux_and_the_summed_information():
    flux, ivar, _ = resample(
        np.array([0.0, 1, 2]), np.array([1.0, 3.0]), np.array([4.0, 6.0]), np.array([0.0, 2.0])
    )
    assert_allclose(flux, [2.0])
    assert_allclose(ivar, [10.0])


@settings(max_examples=60, deadline=None)
@given(shift=st.floats(-3, 3), n_out=st.integers(5, 200), seed=st.integers(0, 1000))
def test_flux_and_information_are_conserved_on_any_covering_grid(shift, n_out, seed):
    rng = np.random.default_rng(seed)
    edges = np.sort(rng.uniform(100, 200, 80))
    flux, ivar = rng.uniform(0, 9, 79), rng.uniform(0.1, 5, 79)
    out_edges = np.linspace(edges[0] - 5 + shift, edges[-1] + 5 + shift, n_out + 1)
    out_flux, out_ivar, covered = resample(edges, flux, ivar, out_edges)
    assert_allclose((out_flux * covered * np.diff(out_edges)).sum(), (flux * np.diff(edges)).sum(), rtol=1e-4)
    assert_allclose(out_ivar.sum(), ivar.sum(), rtol=1e-4)


def test_a_masked_pixel_leaves_no_trace():
    edges = np.arange(11.0)
    flux, ivar = np.ones(10), np.ones(10)
    spoiled = flux.copy()
    spoiled[4], ivar[4] = 1e9, 0.0
    assert_allclose(*(resample(edges, f, ivar, np.arange(0, 11, 2.5))[0] for f in (flux, spoiled)))


def test_outside_the_spectrum_nothing_is_invented():
    flux, ivar, covered = resample(
        np.array([10.0, 11, 12]), np.ones(2), np.ones(2), np.array([0.0, 5, 11, 20])
    )
    assert_allclose(covered, [0, 1 / 6, 1 / 9])
    assert flux[0] == ivar[0] == 0


def test_edges_lie_half_way_between_centres():
    assert_allclose(pixel_edges(np.array([1.0, 2, 4])), [0.5, 1.5, 3, 5])
