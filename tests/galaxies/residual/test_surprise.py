"""What a spectrum holds beyond ordinary galaxies is found where it is, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.galaxies.residual.encoder import BEHIND, FEATURES, REGIONS, Detector, excess
from spectrove.galaxies.residual.features import find_peaks, joint_evidence, largest_step, smoothed, whitened
from spectrove.galaxies.residual.own_lines import MEASURED, LineMeter, Mixture
from spectrove.galaxies.residual.reconstruction import Ordinary, Reconstructor

WAVE = np.geomspace(2400.0, 8900.0, 5692)
STEP = np.log(WAVE[1] / WAVE[0])
SN = 20.0
NAMES = list(FEATURES)


@pytest.fixture(scope="module")
def detector():
    """Ordinary galaxies are a slope and a bend away from a flat spectrum, and differ in sodium."""
    x = np.linspace(-1, 1, len(WAVE))
    components = np.stack([0.3 * x, 0.3 * (x**2 - 0.5), line(5894, 20, 3)]).astype(np.float32)
    ordinary = Ordinary(np.ones(len(WAVE), np.float32), components)
    anywhere = Mixture(np.zeros((1, 3), np.float32), np.eye(3, dtype=np.float32)[None])
    no_lines = np.zeros((1, len(MEASURED)), np.float32)
    lines = Mixture(no_lines, 0.1 * np.eye(len(MEASURED), dtype=np.float32)[None])
    return Detector(Reconstructor(WAVE, ordinary), anywhere, lines)


def spectra(n=1, seed=0, seen=(3800.0, 7000.0)):
    """Flat spectra with white noise, observed between two wavelengths."""
    rng = np.random.default_rng(seed)
    ivar = np.where((seen[0] < WAVE) & (seen[1] > WAVE), SN**2, 0).astype(np.float32) * np.ones(
        (n, 1), np.float32
    )
    flux = (1 + rng.normal(0, 1 / SN, (n, len(WAVE)))).astype(np.float32)
    return np.where(ivar > 0, flux, 0), ivar


def line(centre, sn, width=2.0, shift=0.0):
    """A Gaussian of a width in pixels whose matched-filter S/N is `sn`."""
    at = np.log(centre / WAVE[0]) / STEP + shift
    profile = np.exp(-0.5 * ((np.arange(len(WAVE)) - at) / width) ** 2)
    return (sn / SN / np.sqrt((profile**2).sum()) * profile).astype(np.float32)


def of(detector, flux, ivar):
    return dict(zip(NAMES, detector.features(flux, ivar)[0].tolist(), strict=True))


def test_a_line_that_nothing_explains_is_the_first_peak(detector):
    flux, ivar = spectra()
    plain = of(detector, flux, ivar)
    lined = of(detector, flux + line(5400, 15), ivar)
    assert lined["peak_1"] > plain["peak_1"] + 0.7
    assert lined["beyond_cosmic"] > plain["beyond_cosmic"] + 0.5
    assert abs(lined["peak_2"] - plain["peak_1"]) < 0.3  # what came first is second now


def test_a_line_raises_the_misfit_of_its_own_region_alone(detector):
    flux, ivar = spectra()
    plain, lined = of(detector, flux, ivar), of(detector, flux + line(5000, 40, width=3), ivar)
    for low in REGIONS[:-1]:
        rise = lined[f"misfit_{low:.0f}"] - plain[f"misfit_{low:.0f}"]
        assert rise > 0.2 if low == 4750 else abs(rise) < 0.05


def test_what_fills_three_detector_pixels_is_not_taken_for_a_line(detector):
    """Same S/N, but all of it in three pixels."""
    flux, ivar = spectra()
    spike = np.zeros(len(WAVE), np.float32)
    spike[3500:3503] = 15 / SN / np.sqrt(3)
    plain, struck = of(detector, flux, ivar), of(detector, flux + spike, ivar)
    lined = of(detector, flux + line(5400, 15), ivar)
    assert struck["peak_1"] < plain["peak_1"] + 0.3
    assert struck["joint_beyond"] < plain["joint_beyond"] + 0.7
    assert lined["peak_1"] > struck["peak_1"] + 0.7


def test_pixels_behind_the_mask_cannot_surprise(detector):
    flux, ivar = spectra()
    ivar[0, 3000:3060] = 0
    spoiled = flux.copy()
    spoiled[0, 3000:3060] = 1e4
    assert_allclose(detector.features(spoiled, ivar), detector.features(flux, ivar), atol=1e-5)


def test_a_gap_is_no_feature(detector):
    """Over many spectra a gap of 200 pixels moves the middle of no feature by much."""
    flux, ivar = spectra(40)
    gapped = ivar.copy()
    gapped[:, 3000:3200] = 0
    whole, cut = detector.features(flux, ivar), detector.features(flux, gapped)
    spread = np.maximum(whole.std(axis=0), 0.05)
    assert (np.abs(np.median(cut, axis=0) - np.median(whole, axis=0)) < 1.5 * spread).all()


def test_a_batch_is_its_spectra_one_by_one(detector):
    flux, ivar = spectra(5)
    whole = detector.features(flux, ivar)
    for i in range(5):
        assert_allclose(detector.features(flux[i : i + 1], ivar[i : i + 1])[0], whole[i], atol=1e-4)


def test_ordinary_galaxies_are_explained(detector):
    rng = np.random.default_rng(1)
    flux, ivar = spectra(20)
    truth = rng.normal(0, 1, (20, 3)).astype(np.float32)
    truth[:, 2] = 0  # sodium is not fitted
    components = detector.reconstructor.ordinary.components
    left = detector.reconstructor.explain(flux + truth @ components, ivar)
    assert_allclose(left.scores[:, :2], truth[:, :2], atol=0.15)
    assert left.sigma[left.valid > 0].std() == pytest.approx(1, abs=0.02)


def test_a_strong_line_does_not_bend_the_reconstruction(detector):
    flux, ivar = spectra()
    plain = detector.reconstructor.explain(flux, ivar).model
    assert_allclose(detector.reconstructor.explain(flux + line(5400, 200, 4), ivar).model, plain, atol=0.02)


def test_deep_sodium_surprises(detector):
    """Though ordinary galaxies differ in it: it takes no part in the fit."""
    flux, ivar = spectra()
    assert of(detector, flux - line(5894, 40, 3), ivar)["sodium"] > of(detector, flux, ivar)["sodium"] + 1
    assert of(detector, flux - line(5700, 40, 3), ivar)["sodium"] < of(detector, flux, ivar)["sodium"] + 0.2


def test_lines_at_one_redshift_add_up_and_others_do_not(detector):
    """[O II], H beta and [O III] of a galaxy behind at five sigma each, against the same lines set apart at random."""
    flux, ivar = spectra()
    places = [w * 1.25 for w in (3728.8, 4862.683, 5008.240)]
    together = flux + sum(line(w, 6, 1.5) for w in places)
    apart = flux + sum(line(w, 6, 1.5, shift) for w, shift in zip(places, (0, 31, 57), strict=True))
    seen, unseen = of(detector, together, ivar), of(detector, apart, ivar)
    assert seen["joint_beyond"] > unseen["joint_beyond"] + 0.4


def test_joint_evidence_by_hand():
    """Two lines 100 pixels apart at 6 and 5 sigma: 4 + 3 above two sigma, of which 3 beyond the stronger."""
    strength = np.zeros((1, 600), np.float32)
    strength[0, 200], strength[0, 300] = 6, 5
    beyond, together = joint_evidence(strength, np.array([0, 100]), 10)
    assert (beyond[0], together[0]) == (3, 7)
    strength[0, 200] = 90  # no single peak counts for more than six
    assert joint_evidence(strength, np.array([0, 100]), 10)[1][0] == 9


def test_two_peaks_leave_a_valley_and_one_broad_peak_does_not():
    meter = LineMeter(WAVE)
    _, ivar = spectra()
    valid, variance = (ivar > 0).astype(np.float32), np.where(ivar > 0, 1 / SN**2, 0)
    flat = np.ones((1, len(WAVE)), np.float32)

    def valley(shifts, width):
        lines = sum(line(w, 40, width, s) for w in (4862.683, 5008.240, 6564.614) for s in shifts)
        return meter.valley((flat + lines) * valid, variance, valid, flat)[0]

    assert valley((-4, 4), 1.5) > 8
    assert valley((0,), 1.5) < 2
    assert valley((0,), 4.0) < 2


def test_equivalent_widths_are_angstroms():
    """A line with 10 angstrom of continuum's worth of light, and its error by hand."""
    meter = LineMeter(WAVE)
    profile = line(5008.240, 1, 1.5)
    profile *= 10 / (profile * np.gradient(WAVE)).sum()
    flat = np.ones((1, len(WAVE)), np.float32)
    values, errors = meter.widths(flat + profile, flat / SN**2, flat, flat)
    i = list(MEASURED).index("oiii")
    assert np.sinh(values[0, i]) == pytest.approx(10, rel=0.01)
    n_pixels = 2 * 380 / 299792.458 / STEP
    by_hand = np.sqrt(n_pixels) * 5008 * STEP / SN / np.sqrt(101)
    assert errors[0, i] == pytest.approx(by_hand, rel=0.1)


def test_a_line_out_of_reach_is_unknown():
    meter = LineMeter(WAVE)
    flux, ivar = spectra(seen=(3800.0, 6000.0))
    errors = meter.widths(flux, np.where(ivar > 0, 1 / SN**2, 0), (ivar > 0) * 1.0, np.ones_like(flux))[1]
    known = dict(zip(MEASURED, np.isfinite(errors[0]), strict=True))
    assert known["oiii"]
    assert not known["ha"]
    assert not known["oii"]


def test_distance_from_groups_by_hand():
    """Two groups at 0 and 10 with sigma 1 and 2: 13 is 1.5 sigma from the second; unknown values do not count."""
    groups = Mixture(np.array([[0.0, 0.0], [10.0, 0.0]]), np.array([np.eye(2), 4 * np.eye(2)]))
    assert_allclose(groups.distance(np.array([[13.0, 0.0]])), [1.5**2 / 2], rtol=1e-6)
    unknown = groups.distance(np.array([[13.0, 99.0]]), np.array([[0.0, np.inf]]))
    assert_allclose(unknown, [1.5**2], rtol=1e-4)
    blurred = groups.distance(np.array([[13.0, 0.0]]), np.array([[np.sqrt(5.0), 0.0]]))
    assert_allclose(blurred, [9 / 9 / 2], rtol=1e-6)


def test_a_step_is_found_and_a_slope_is_not():
    _, ivar = spectra()
    valid, variance = (ivar > 0).astype(np.float32), np.where(ivar > 0, 1 / SN**2, 0).astype(np.float32)
    x = np.linspace(-1, 1, len(WAVE), dtype=np.float32)
    slope = 0.2 * x * valid
    step = 0.2 * np.sign(x - 0.2) * valid
    assert largest_step(step, variance, valid)[0] > 10
    assert largest_step(slope, variance, valid)[0] < 2


def test_smoothing_keeps_white_noise_at_one_sigma():
    noise = np.random.default_rng(0).normal(size=(20, 4000)).astype(np.float32)
    for smooth in smoothed(noise):
        assert smooth[:, 100:-100].std() == pytest.approx(1, abs=0.02)


def test_a_line_cannot_hide_in_the_scatter_that_it_makes():
    """The scatter of its block is its neighbours': S/N 40 stays near 40."""
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(1, len(WAVE))).astype(np.float32) + SN * line(5400, 40, 5)
    flat, _ = whitened(residual, np.ones_like(residual))
    assert smoothed(flat)[2].max() > 33


def test_wider_noise_than_told_is_no_surprise():
    """Errors understated by two: peaks stay those of noise."""
    residual = 2 * np.random.default_rng(0).normal(size=(10, len(WAVE))).astype(np.float32)
    flat, _ = whitened(residual, np.ones_like(residual))
    strength = smoothed(flat)[1]
    assert strength.std() == pytest.approx(1, abs=0.2)
    assert find_peaks(flat, strength, 3).height.max() < 6


def test_within_the_band_features_hardly_count():
    band = np.array([-1.0, 0.0, 2.0])[:, None] * np.ones(len(NAMES))
    middle = np.zeros((1, len(NAMES)))
    weight = np.array(list(FEATURES.values()))
    assert_array_equal(excess(middle, band), 0 * middle)
    assert_allclose(excess(middle + 2, band)[0], 0.3 * weight, rtol=1e-6)
    assert_allclose(excess(middle + 8, band)[0], (2 * np.arcsinh(1.5) + 0.9) * weight, rtol=1e-6)
    low = dict(zip(NAMES, excess(middle - 3, band)[0] / weight, strict=True))
    assert low["peak_1"] == pytest.approx(-0.9)  # that there is no peak at all is no surprise
    assert low["sodium"] == pytest.approx(-0.9 - 2 * np.arcsinh(1))


def test_lines_that_are_looked_for_start_with_the_bluest():
    """The sums over lines count pixels from the first one redwards."""
    assert BEHIND[0] == min(BEHIND)
