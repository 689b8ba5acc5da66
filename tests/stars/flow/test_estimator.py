"""Posteriors of the shipped flows: right within bounds for mock stars, refused or flagged where they cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from tests.stars.giraffe import as_spectra, mocks
from tests.stars.made import star

from spectrove.pixels.air import air_to_vacuum
from spectrove.spectra import FLAGS, Spectrum, SpectrumSet
from spectrove.stars.domain import STARS
from spectrove.stars.flow import estimator
from spectrove.stars.flow.estimator import DOUBTS, _without
from spectrove.stars.labels import ASKED

N = 100


@pytest.fixture(scope="module")
def lte():
    return STARS.estimators["flow_lte"]


@pytest.fixture(scope="module")
def answered(lte):
    drawn = mocks(N, ratio=50.0)
    true = np.random.default_rng(2).uniform(-150, 150, N)
    return drawn, lte.posterior(as_spectra(drawn, true, unit=3e-16), n_draws=200)


def test_labels_of_mock_stars_are_found(answered):
    drawn, found = answered
    assert len(found.object_id) == N
    assert not found.refusals
    off = found.mean - drawn.labels[:, : len(ASKED)]
    assert (np.sqrt((off**2).mean(axis=0)) < [45, 0.08, 0.04, 0.08, 0.04, 0.03, 0.045, 0.045, 0.05]).all()


def test_intervals_hold_what_they_say(answered):
    drawn, found = answered
    truth = drawn.labels[:, : len(ASKED)]
    for level, least, most in ((0.68, 0.53, 0.83), (0.90, 0.8, 0.995)):
        low, high = np.quantile(found.draws, [0.5 - level / 2, 0.5 + level / 2], axis=1)
        share = ((truth >= low) & (truth <= high)).mean(axis=0)
        assert (share > least).all()
        assert (share < most).all()


def test_draws_have_the_mean_and_the_width_of_the_covariance(answered):
    _, found = answered
    sigma = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    assert (abs((found.draws.mean(axis=1) - found.mean) / sigma).mean(axis=0) < 0.3).all()
    low, high = np.quantile(found.draws, [0.1587, 0.8413], axis=1)
    assert_allclose(((high - low) / 2 / sigma).mean(axis=0), 1, atol=0.25)


def test_the_spectrum_of_the_mean_explains_the_star(answered):
    _, found = answered
    assert_allclose((found.chi2 / found.n_pixels).mean(), 1, atol=0.1)
    assert not any("poor_fit" in flags for flags in found.flags)


def test_company_the_unit_and_the_velocity_do_not_matter(lte):
    drawn = mocks(5)
    here, there = (lte.posterior(as_spectra(drawn, v, unit=u)) for v, u in ((0.0, 1.0), (95.0, 1e4)))
    sigma = np.sqrt(np.diagonal(here.covariance, axis1=1, axis2=2))
    assert (abs(here.mean - there.mean) < 0.5 * sigma).all()
    alone = lte.posterior(as_spectra(drawn).take([3]))
    assert (abs(alone.mean[0] - here.mean[3]) < 0.01 * sigma[3]).all()


def test_samples_are_a_spectrum_s_own_in_any_company(lte):
    drawn = mocks(6)
    together = lte.posterior(as_spectra(drawn), n_draws=200)
    alone = lte.posterior(as_spectra(drawn).take([4]), n_draws=200)
    sigma = np.sqrt(np.diagonal(together.covariance, axis1=1, axis2=2))
    assert (abs(alone.draws[0] - together.draws[4]) < 0.05 * sigma[4]).all()
    off = (together.draws - together.draws.mean(axis=1, keepdims=True)) / sigma[:, None]
    assert abs(np.corrcoef(off[:, :, 0])[np.triu_indices(6, 1)]).max() < 0.35, "not those of another star"


def test_samples_of_spectra_that_are_all_too_noisy_are_refusals(lte):
    found = lte.posterior(as_spectra(mocks(2, ratio=2.0)), n_draws=10)
    assert not len(found.object_id)
    assert len(found.refusals) == 2
    from spectrove.stars.flow.estimator import shipped

    assert shipped("flow_lte").draws(torch.zeros((0, 156)), 7, []).shape == (0, 7, len(ASKED))


def test_many_spectra_are_read_in_parts_as_they_are_together(lte, monkeypatch):
    blunt = [star(14, 20.0, name=f"blunt-{i}") for i in range(3)]
    spectra = SpectrumSet.from_spectra([*as_spectra(mocks(5)), *blunt])
    whole = lte.posterior(spectra, n_draws=16)
    monkeypatch.setattr(estimator, "TOGETHER", 3)
    parts = lte.posterior(spectra, n_draws=16)
    assert parts.object_id.tolist() == whole.object_id.tolist() == [f"mock-{i}" for i in range(5)]
    assert [one.name for one in parts.refusals] == [f"blunt-{i}" for i in range(3)]
    assert parts.flags == whole.flags
    sigma = np.sqrt(np.diagonal(whole.covariance, axis1=1, axis2=2))
    assert (abs(parts.mean - whole.mean) < 0.01 * sigma).all()
    assert (abs(parts.draws - whole.draws) < 0.05 * sigma[:, None]).all()
    assert_allclose(parts.chi2, whole.chi2, rtol=1e-3)
    assert_allclose(parts.n_pixels, whole.n_pixels)
    assert len(lte.posterior(spectra.take([5, 6, 7]), n_draws=16).refusals) == 3
    assert len(lte.posterior(spectra.take([])).object_id) == 0


@pytest.mark.parametrize("setting", [0, 1])
def test_one_setting_alone_is_answered_with_larger_errors(lte, setting):
    drawn = mocks(30)
    both, one = lte.posterior(as_spectra(drawn)), lte.posterior(as_spectra(drawn, setting=setting))
    assert all("one_setting" in flags for flags in one.flags)
    assert (one.covariance[:, 0, 0] > both.covariance[:, 0, 0]).mean() > 0.9
    pull = (one.mean - drawn.labels[:, : len(ASKED)]) / np.sqrt(np.diagonal(one.covariance, axis1=1, axis2=2))
    assert (np.sqrt((pull**2).mean(axis=0)) < 1.6).all()


def test_what_the_mocks_do_not_explain_is_flagged_or_refused(lte):
    drawn = mocks(3, ratio=100.0)
    spectra = [drawn.flux[i].numpy().astype(float) for i in range(3)]
    whole = list(as_spectra(drawn))
    other = np.interp(np.arange(7850) - 25, np.arange(7850), spectra[0])
    odd = {
        "binary": 0.5 * (spectra[0] + other),
        "emission": spectra[1] + 1.5 * np.exp(-0.5 * ((whole[1].wavelength - 8544.4) / 2.5) ** 2),
        "upside down": 2 - spectra[2],
    }
    made = [
        Spectrum(whole[0].wavelength, flux, ivar=whole[0].ivar, lsf=whole[0].lsf, object_id=name)
        for name, flux in odd.items()
    ]
    found = lte.posterior(SpectrumSet.from_spectra(made))
    answered = dict(zip(found.object_id, found.flags, strict=True))
    refused = {one.name for one in found.refusals}
    for name in odd:
        assert name in refused or DOUBTS & set(answered[name])


def test_low_resolution_noise_and_other_ranges_are_refused_with_reasons(lte):
    rng = np.random.default_rng(0)
    wavelength = np.arange(5320.0, 5620.0, 0.05)
    noise = Spectrum(
        wavelength,
        1 + rng.normal(0, 0.05, len(wavelength)),
        error=np.full(len(wavelength), 0.05),
        object_id="noise",
    )
    faint = Spectrum(
        wavelength,
        1 + rng.normal(0, 2.0, len(wavelength)),
        error=np.full(len(wavelength), 2.0),
        object_id="faint",
    )
    found = lte.posterior(SpectrumSet.from_spectra([star(14, 20.0, name="blunt"), noise, faint]))
    assert len(found.object_id) == 0
    assert found.mean.shape == (0, len(ASKED))
    assert found.draws is None
    reasons = {one.name: one.error for one in found.refusals}
    assert set(reasons) == {"blunt", "noise", "faint"}
    assert "resolution" in reasons["blunt"]
    assert "velocity" in reasons["noise"]


def test_air_taken_for_vacuum_is_doubted(lte):
    [one] = as_spectra(mocks(1))
    wrong = Spectrum(
        2 * one.wavelength - air_to_vacuum(one.wavelength),
        one.flux,
        ivar=one.ivar,
        lsf=one.lsf,
        object_id="wrong",
    )
    found = lte.posterior(SpectrumSet.from_spectra([wrong]))
    assert "medium_doubtful" in found.flags[0]


def test_flags_have_sentences():
    for flag in (*DOUBTS, "one_setting"):
        assert FLAGS[flag].endswith(".")


@pytest.mark.real
def test_the_sun_is_found_by_the_flow_for_real_stars():
    """Its line depths corrected the mocks: this tests the path of a real spectrum, not what it is worth elsewhere."""
    wavelength, flux = np.loadtxt(
        Path(os.environ["SPECTROVE_DATA"]) / "stars" / "UVES_Sun-1_cleaned_norm.txt", unpack=True
    )
    rising = np.concatenate([[True], np.diff(np.maximum.accumulate(wavelength)) > 0])
    sun = Spectrum(wavelength[rising], flux[rising], medium="air", object_id="Sun")
    found = STARS.estimators["flow"].posterior(SpectrumSet.from_spectra([sun]))
    assert abs(found.mean[0, 0] - 5777) < 150
    assert abs(found.mean[0, 1] - 4.44) < 0.3
    assert abs(found.mean[0, 2]) < 0.15
    assert "poor_fit" not in found.flags[0]


def test_every_spectrum_is_answered_or_refused_by_name(lte):
    """A flux that is nowhere above zero has no continuum: it was neither answered nor refused."""
    [one] = as_spectra(mocks(1))
    fluxes = {"right": one.flux, "negative": -one.flux, "zero": 0 * one.flux, "shaded": one.flux - 2.0}
    made = [
        Spectrum(one.wavelength, flux, ivar=one.ivar, lsf=one.lsf, object_id=name)
        for name, flux in fluxes.items()
    ]
    masked = Spectrum(
        one.wavelength,
        one.flux,
        ivar=one.ivar,
        lsf=one.lsf,
        mask=np.ones(len(one.flux), bool),
        object_id="masked",
    )
    found = lte.posterior(SpectrumSet.from_spectra([*made, masked]))
    assert found.object_id.tolist() == ["right"]
    reasons = {one.name: one.error for one in found.refusals}
    assert set(reasons) == {"negative", "zero", "shaded", "masked"}
    assert "the flux is nowhere above zero" in reasons["negative"]
    assert "no good pixel in HR10" in reasons["masked"]


def test_a_noisy_setting_is_taken_for_missing_and_the_spectra_stay_as_they_are(lte):
    [one] = as_spectra(mocks(1))
    blue = one.wavelength < 7000
    ivar = np.where(blue, one.ivar, 1e-4 * one.ivar)
    made = SpectrumSet.from_spectra(
        [Spectrum(one.wavelength, one.flux, ivar=ivar, lsf=one.lsf, object_id="half")]
    )
    first, again = lte.posterior(made), lte.posterior(made)
    assert "one_setting" in first.flags[0]
    assert first.n_pixels[0] < blue.sum() + 1
    assert_allclose(first.mean, again.mean)
    rest, _, _ = lte.rest(made)
    before = rest.has.copy()
    lost = _without(rest, np.array([[False, True]]))
    assert lost.has.tolist() == [[True, False]]
    assert (rest.has == before).all()


def test_a_resolution_that_no_file_says_is_flagged(lte):
    [one] = as_spectra(mocks(1))
    made = SpectrumSet.from_spectra(
        [Spectrum(one.wavelength, one.flux, ivar=one.ivar, object_id="a", flags=["lsf_unknown"])]
    )
    assert "lsf_unknown" in lte.posterior(made).flags[0]
