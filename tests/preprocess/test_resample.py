"""Resampling keeps the integral of the flux and the information in the spectrum."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.preprocess.resample import Pixels, pixel_edges, resample


def resampled(centers, flux, ivar, edges_out, stretch=1.0):
    """One spectrum alone: flux, ivar, covered fraction."""
    ends = np.array([0]), np.array([len(centers) - 1])
    pixels = Pixels(
        np.asarray(centers, float), np.asarray(flux), np.asarray(ivar), np.asarray(ivar) > 0, *ends
    )
    return tuple(rows[0] for rows in resample(pixels, np.asarray(edges_out, float), np.array([stretch])))


def test_the_same_grid_gives_the_same_spectrum():
    centers = np.linspace(4000, 4100, 51)
    rng = np.random.default_rng(1)
    flux, ivar = rng.normal(5, 1, 51), rng.uniform(1, 2, 51)
    out_flux, out_ivar, covered = resampled(centers, flux, ivar, pixel_edges(centers))
    assert_allclose(out_flux, flux, rtol=1e-9)
    assert_allclose(out_ivar, ivar, rtol=1e-9)
    assert_allclose(covered, 1)


def test_two_pixels_joined_are_the_mean_flux_and_the_summed_information():
    flux, ivar, _ = resampled([0.5, 1.5], [1.0, 3.0], [4.0, 6.0], [1e-9, 2.0])
    assert_allclose(flux, [2.0])
    assert_allclose(ivar, [10.0])


@settings(max_examples=60, deadline=None)
@given(
    shift=st.floats(-3, 3),
    n_out=st.integers(5, 200),
    stretch=st.floats(0.5, 2),
    kind=st.sampled_from(["uneven", "log", "linear"]),
    seed=st.integers(0, 1000),
)
def test_flux_and_information_are_conserved_on_any_covering_grid(shift, n_out, stretch, kind, seed):
    rng = np.random.default_rng(seed)
    space = {"log": np.geomspace, "linear": np.linspace}.get(kind)
    uneven = np.linspace(100, 200, 79) + rng.uniform(-0.2, 0.2, 79)
    centers = uneven if space is None else space(100, 200, 79)
    edges = pixel_edges(centers)
    flux, ivar = rng.uniform(0, 9, 79), rng.uniform(0.1, 5, 79)
    out_edges = np.linspace(edges[0] - 5 + shift, edges[-1] + 5 + shift, n_out + 1) / stretch
    out_flux, out_ivar, covered = resampled(centers, flux, ivar, out_edges, stretch)
    integral = (out_flux * covered * np.diff(out_edges * stretch)).sum()
    assert_allclose(integral, (flux * np.diff(edges)).sum(), rtol=1e-4)
    assert_allclose(out_ivar.sum(), ivar.sum(), rtol=1e-4)


@pytest.mark.parametrize(("uneven", "bent"), [(0.0, 0.0), (0.002, 0.0), (0.1, 0.5)])
def test_overlaps_are_those_of_cumulative_sums_on_even_and_uneven_grids(uneven, bent):
    """0.002 of a pixel is how uneven a grid in float32 is; 0.1 on steps that grow defeats any guess from logarithms."""
    rng = np.random.default_rng(3)
    place = np.arange(900) * (1 + bent * np.linspace(-1, 0, 900)) + uneven * rng.uniform(-0.5, 0.5, 900)
    centers = np.exp(8.2 + 2.3e-4 * place)
    flux, ivar = rng.normal(5, 1, 900), rng.uniform(0, 2, 900) * (rng.random(900) > 0.1)
    out = np.geomspace(3300, 4600, 801)
    got_flux, got_ivar, got_covered = resampled(centers, flux, ivar, out, 1.07)
    edges = pixel_edges(centers)

    def share(values):
        return np.diff(np.interp(out * 1.07, edges, np.concatenate([[0], np.cumsum(values)])))

    covered = share(np.diff(edges) * (ivar > 0))
    seen = covered > 0.01 * np.diff(out * 1.07)
    integral = share(np.diff(edges) * flux * (ivar > 0))
    assert_allclose(got_flux[seen], (integral / np.where(seen, covered, 1))[seen], rtol=1e-7)
    assert_allclose(got_ivar[seen], share(ivar)[seen], rtol=1e-7, atol=1e-9)
    assert_allclose(got_covered[seen], (covered / np.diff(out * 1.07))[seen], rtol=1e-7)


def test_a_masked_pixel_leaves_no_trace():
    flux, ivar = np.ones(10), np.ones(10)
    spoiled = flux.copy()
    spoiled[4], ivar[4] = 1e9, 0.0
    out = np.arange(1, 11, 2.25)
    assert_allclose(*(resampled(np.arange(0.5, 10), f, ivar, out)[0] for f in (flux, spoiled)))


def test_outside_the_spectrum_nothing_is_invented():
    flux, ivar, covered = resampled([10.5, 11.5], np.ones(2), np.ones(2), [1.0, 5, 11, 20])
    assert_allclose(covered, [0, 1 / 6, 1 / 9])
    assert flux[0] == ivar[0] == 0


def test_a_neighbour_in_the_same_array_leaves_no_trace():
    """Two spectra end to end: what lies beyond the end of one is not the beginning of the other."""
    flux, ivar = np.array([1.0, 1, 1, 9e9, 9e9, 9e9]), np.array([1.0, 1, 1, 9e9, 9e9, 9e9])
    centers = np.array([1.5, 2.5, 3.5, 1.5, 2.5, 3.5])
    pixels = Pixels(centers, flux, ivar, ivar > 0, np.array([0, 3]), np.array([2, 5]))
    rows = resample(pixels, np.arange(1.0, 8.0), np.ones(2))[0]
    assert_allclose(rows, [[1, 1, 1, 0, 0, 0], [9e9, 9e9, 9e9, 0, 0, 0]])


def test_edges_lie_half_way_between_centres():
    assert_allclose(pixel_edges(np.array([1.0, 2, 4])), [0.5, 1.5, 3, 5])
