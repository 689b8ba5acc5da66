"""Models fitted to counts: likelihoods against hand calculations, parameters against what counts were drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize_scalar
from tests.xray.ogip_files import CHANNELS, ENERGIES, smeared, smooth_area

from spectrove.errors import SpectrumError
from spectrove.inference.numbers.of_base import own_measurements
from spectrove.inference.numbers.trend import Scale
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.fitting.bins import Binned, binned, runs
from spectrove.xray.fitting.families import BLACK_BODY, FAMILIES, POWER_LAW
from spectrove.xray.fitting.fit import best_of, fit, interval_of
from spectrove.xray.fitting.levels import best_levels
from spectrove.xray.fitting.likelihood import best_background, c_statistic, w_statistic
from spectrove.xray.fitting.templates import templates_of
from spectrove.xray.measuring import XrayMeasurer
from spectrove.xray.models.absorption import transmission
from spectrove.xray.models.continuum import power_law
from spectrove.xray.response import Response

#: Background in the source's region per count of the background region.
SCALE = 0.1


@pytest.fixture(scope="module")
def response():
    """Of a CCD with an effective area like Chandra's."""
    return Response.of(1, CHANNELS[:-1], CHANNELS[1:], ENERGIES, smooth_area(), smeared())


def drawn(response, seed, n_counts, *, gamma=1.7, nh=0.5, behind=0.2):
    """Counts of an absorbed power law, a part of them background that does not change with energy."""
    rng = np.random.default_rng(seed)
    edges = response.energy.astype(float)
    shape = response.fold(power_law(edges, gamma) * transmission(edges, nh))
    middle = (response.e_min + response.e_max) / 2
    inside = (middle > 0.5) & (middle < 7)
    source = shape * n_counts / shape[inside].sum()
    flat = np.full(len(shape), behind * n_counts / inside.sum())
    return Counts(
        f"drawn-{seed}",
        rng.poisson(source + flat).astype(np.int32),
        rng.poisson(flat / SCALE).astype(np.int32),
        np.zeros(len(shape), np.int16),
        SCALE if behind else 0.0,
        1e4,
        response,
        {"flags": []},
    )


def test_c_is_that_of_cash_by_hand():
    """2 (m - n + n ln(n / m)), and 2 m where nothing was counted."""
    assert_allclose(c_statistic([3, 0, 5], [2, 1.5, 5]), [2 * (2 - 3 + 3 * np.log(1.5)), 3.0, 0.0])


@pytest.mark.parametrize(("counts", "background"), [(4, 6), (0, 3), (5, 0), (1, 0), (0, 0), (30, 2)])
def test_w_has_the_background_that_fits_best(counts, background):
    """Against a search over the background's rate, also where one of the regions has no counts."""
    source, ratio = 1.3, 1 / SCALE

    def both(rate):
        return float(c_statistic(counts, source + rate) + c_statistic(background, ratio * rate))

    searched = minimize_scalar(both, bounds=(0, 40), method="bounded", options={"xatol": 1e-10})
    rate = best_background(counts, background, source, SCALE)
    assert both(rate) <= searched.fun + 1e-7
    assert_allclose(w_statistic(counts, background, source, SCALE), both(max(float(rate), 1e-15)), atol=1e-7)


def test_without_a_background_w_is_c():
    assert_allclose(w_statistic([3, 0], [0, 0], [2.5, 1.0], 0.0), c_statistic([3, 0], [2.5, 1.0]))


def test_where_every_bin_has_its_own_background_the_best_levels_are_those_of_w(response):
    """Newton's method in all levels at once, against the formula of W and a search over the amplitude."""
    data = binned(drawn(response, 3, 300))
    n = len(data.counts)
    behind = np.random.default_rng(0).poisson(6, n).astype(float)
    data = Binned("x", data.counts, behind, np.eye(n), np.ones(n), SCALE, data.exposure, data.folding)
    shape = POWER_LAW.counts(data.folding, 21.5, 1.7) * data.exposure

    def w(log_amplitude):
        return float(w_statistic(data.counts, behind, np.exp(log_amplitude) * shape, SCALE).sum())

    start = np.log(data.counts.sum() / shape.sum())
    searched = minimize_scalar(w, bounds=(start - 3, start + 3), method="bounded", options={"xatol": 1e-9})
    found = best_levels(data, shape[None])
    assert_allclose(found.statistic[0], searched.fun, rtol=1e-6)
    assert_allclose(found.log_amplitude[0], searched.x, atol=1e-4)
    step = 0.02
    bend = (w(searched.x + step) - 2 * searched.fun + w(searched.x - step)) / step**2 / 2
    assert_allclose(found.curvature[0], bend, rtol=1e-2)


def test_runs_share_a_background_until_they_have_counts_enough():
    assert runs(np.array([1.0, 0, 2, 0, 5, 1, 1])).argmax(axis=1).tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert runs(np.zeros(4)).shape == (4, 1)
    assert runs(np.full(3, 9.0)).tolist() == np.eye(3).tolist()


def test_templates_between_points_of_the_grid_are_those_of_the_model(response):
    """To a thousandth of the counts."""
    folding = binned(drawn(response, 1, 100)).folding
    for family, column, value in ((POWER_LAW, 22.13, 1.61), (BLACK_BODY, 21.47, -0.33)):
        counts, _ = templates_of(family, folding).on(np.array([column, 23.0]), np.array([value, 0.1]))
        exact = family.counts(folding, column, value)
        assert np.abs(counts[0, 0] - exact).sum() < 2e-3 * exact.sum()


def test_intervals_hold_what_counts_were_drawn_from(response):
    """60 spectra of 150 counts: about 41 of 68% intervals hold the truth, of index, column and flux alike."""
    fits = [fit(binned(drawn(response, seed, 150)), POWER_LAW) for seed in range(60)]
    held = np.array(
        [
            [f.parameter.low < 1.7 < f.parameter.high, f.column.low < 21.7 < f.column.high]
            for f in fits
        ]
    )  # fmt: skip
    assert (np.abs(held.sum(axis=0) - 41) < 10).all()
    off = np.array([f.parameter.value - 1.7 for f in fits])
    assert abs(off.mean()) < 3 * off.std() / np.sqrt(len(off))
    off = np.array([(f.parameter.value - 1.7) / f.parameter.error for f in fits])
    assert 0.7 < off.std() < 1.3


def test_the_flux_is_that_of_the_photons(response):
    """Of ten thousand counts, within its error of the energy of the photons that they were drawn from."""
    spectrum = drawn(response, 7, 10_000)
    edges = response.energy.astype(float)
    photons = power_law(edges, 1.7) * transmission(edges, 0.5)
    middle = (edges[1:] + edges[:-1]) / 2
    shape = response.fold(photons)
    channel = (response.e_min + response.e_max) / 2
    norm = 10_000 / shape[(channel > 0.5) & (channel < 7)].sum() / spectrum.exposure
    true = norm * (photons * middle)[(middle > 0.5) & (middle < 7)].sum() * 1.602e-9
    found = fit(binned(spectrum), POWER_LAW)
    assert abs(found.flux.value - true) < 3 * found.flux.error
    assert found.flux.error < 0.03 * true
    assert found.statistic < found.freedom + 5 * np.sqrt(2 * found.freedom)


def test_the_family_that_counts_were_drawn_from_has_the_largest_evidence(response):
    data = binned(drawn(response, 11, 3000, gamma=2.4))
    assert best_of([fit(data, family) for family in FAMILIES]).family is POWER_LAW


def test_a_column_that_counts_do_not_show_is_a_limit(response):
    """Hardly any gas: the posterior runs to the end of the grid, and says so."""
    columns = [fit(binned(drawn(response, seed, 400, nh=1e-3)), POWER_LAW).column for seed in range(6, 11)]
    assert sum(column.limited == "upper" for column in columns) >= 4
    assert all(20 < column.high < 21.7 for column in columns)
    flat = interval_of(np.linspace(0, 1, 11), np.ones(11), np.array([0.0, 1.0]))
    assert flat.limited == ""


def test_what_runs_to_the_end_of_the_grid_is_flagged_and_no_estimate_rests_on_it(response):
    """A hard source without gas has no temperature and an upper limit of its column; a soft one behind gas has both."""
    hard = drawn(response, 7, 60, gamma=0.9, nh=1e-3)
    soft = Counts(**{**vars(drawn(response, 8, 3000, gamma=2.4, nh=1.0)), "object_id": "soft"})
    table = XrayMeasurer().measure(CountSet.from_counts([hard, soft]))
    flags = table.column("flags").to_pylist()
    assert "limit_kt" in flags[0]
    assert "limit_nh" in flags[0]
    assert table.column("kt")[0].as_py() is None
    assert table.column("nh")[0].as_py() < 0.5
    assert [flag for flag in flags[1] if flag.startswith("limit")] == []
    value, error = own_measurements(Scale("linear"), "nh", table)
    assert np.isfinite(value).tolist() == np.isfinite(error).tolist() == [False, True]


def test_a_spectrum_of_background_alone_is_refused(response):
    nothing = drawn(response, 2, 50)
    background = np.full(len(nothing.counts), 20, np.int32)
    with pytest.raises(SpectrumError, match="expected more than the background"):
        binned(Counts(**{**vars(nothing), "background": background}))
