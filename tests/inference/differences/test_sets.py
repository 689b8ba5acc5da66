"""Where two sets of spectra differ: a change put in is found there and nowhere else, and no change shows nothing."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.errors import SpectrumError
from spectrove.galaxies.lines import LINE, LINES
from spectrove.inference.differences.scan import Samples, chance_of_best, compare, with_prior
from spectrove.inference.differences.sets import own_differences, set_difference
from spectrove.spectra import Spectrum, SpectrumSet

WAVE = 10 ** np.arange(np.log10(4000), np.log10(7200), 2e-4)


def galaxies(n: int, seed: int, sigma: float = 0.02, **lines: float) -> SpectrumSet:
    """Flat spectra with H alpha of scattered strength, and lines by key with a height over the continuum."""
    rng = np.random.default_rng(seed)
    spectra = []
    for i in range(n):
        z = rng.uniform(0.02, 0.1)
        flux = (1 + 0.1 * rng.normal() * (WAVE / 5500 - 1)) * 50.0
        heights = {"ha": 0.5 * 10 ** rng.normal(0, 0.2), **lines}
        for key, height in heights.items():
            flux = flux * (1 + height * np.exp(-0.5 * ((WAVE / LINE[key].wavelength - 1) / 4e-4) ** 2))
        flux = flux + 50 * sigma * rng.normal(size=len(WAVE))
        error = np.full(len(WAVE), 50 * sigma)
        spectra.append(Spectrum(WAVE * (1 + z), flux, error=error, z=z, object_id=f"{seed}-{i}"))
    return SpectrumSet.from_spectra(spectra)


@pytest.mark.parametrize("n", [4, 12])
def test_a_line_made_stronger_is_found_and_nothing_else(n: int):
    """With members to shuffle and without; sign, size and name are right."""
    found = set_difference(galaxies(n, 1, oiii=0.15), galaxies(n, 2), LINES)
    assert len(found.regions) == 1
    region = found.regions[0]
    assert "[O III] 5007" in region.lines
    assert region.more == "like"
    assert region.low < 5008.24 < region.high < region.low + 40
    # The equivalent width of the line: height times width times sqrt(2 pi).
    assert region.width == pytest.approx(0.15 * 4e-4 * 5008.24 * np.sqrt(2 * np.pi), rel=0.3)
    assert found.null == ("shuffles" if n > 10 else "Student")
    assert "[O III] 5007" in found.sentence


def test_exchanged_sets_give_the_opposite_sign():
    a, b = galaxies(8, 3, oiii=0.15), galaxies(8, 4)
    one, other = set_difference(a, b, LINES), set_difference(b, a, LINES)
    assert [r.more for r in one.regions] == ["like"]
    assert [r.more for r in other.regions] == ["unlike"]
    assert one.regions[0].percent == pytest.approx(-other.regions[0].percent)


def test_sets_of_one_kind_show_regions_at_the_stated_rate():
    """60 pairs of sets at a chance of 0.05: more than 8 has a probability below 0.005."""
    shown = [
        bool(set_difference(galaxies(5, 100 + i), galaxies(5, 500 + i), LINES).regions) for i in range(60)
    ]
    assert sum(shown) <= 8
    assert "No wavelength differs" in set_difference(galaxies(5, 100), galaxies(5, 500), LINES).sentence


def test_two_single_spectra_are_compared_by_photon_noise_and_say_so():
    found = set_difference(galaxies(1, 5, oiii=0.5), galaxies(1, 6), LINES)
    assert found.null == "photon noise"
    assert any("[O III] 5007" in region.lines for region in found.regions)
    assert "photon noise alone" in found.sentence


def test_what_a_single_spectrum_has_more_is_measured_in_the_regions():
    found = set_difference(galaxies(12, 1, oiii=0.15), galaxies(12, 2), LINES)
    more = own_differences(found, galaxies(1, 9, oiii=0.3))["9-0"]
    less = own_differences(found, galaxies(1, 10))["10-0"]
    assert more[0][0] > 1.5 * found.regions[0].percent
    assert abs(less[0][0]) < 4 * less[0][1]


def test_sets_that_cannot_be_compared_are_refused_in_a_sentence():
    a, b = galaxies(3, 1), galaxies(3, 2)
    with pytest.raises(SpectrumError, match=r"1-0.*in both sets"):
        set_difference(a, SpectrumSet.concatenate([b, a.take([0])]), LINES)
    with pytest.raises(SpectrumError, match="no spectrum, expected at least one"):
        set_difference(a.take([]), b, LINES)
    far = SpectrumSet.from_spectra(
        [Spectrum(WAVE * 9, np.ones(len(WAVE)), error=np.ones(len(WAVE)), z=0.1, object_id="far")]
    )
    with pytest.raises(SpectrumError, match="wavelengths in common"):
        set_difference(a, far, LINES)
    nowhere = SpectrumSet.from_spectra(
        [Spectrum(WAVE, np.ones(len(WAVE)), error=np.ones(len(WAVE)), object_id="nowhere")]
    )
    with pytest.raises(SpectrumError, match="nowhere: no redshift"):
        set_difference(a, nowhere, LINES)


def samples(values: np.ndarray) -> Samples:
    """Equally good values without photon noise."""
    return Samples(
        values, np.zeros_like(values), np.ones(values.shape, bool), np.ones(len(values)), values.shape[1]
    )


def test_a_single_test_is_the_t_test_of_two_samples():
    """Against scipy."""
    from scipy import stats

    rng = np.random.default_rng(0)
    values, first = rng.normal(size=(9, 40)), np.arange(9) < 4
    got = compare(samples(values), first)
    expected = stats.ttest_ind(values[:4], values[4:])
    np.testing.assert_allclose(got.p, expected.pvalue, rtol=0.02)
    np.testing.assert_allclose(np.sign(got.z), np.sign(expected.statistic))


@pytest.mark.parametrize("n", [4, 14])
def test_the_best_of_many_tests_is_corrected(n: int):
    """Of sets alike, the best of 200 tests is below 0.05 in one of twenty cases."""
    best = []
    for seed in range(40):
        values = np.random.default_rng(seed).normal(size=(2 * n, 200))
        first = np.arange(2 * n) < n
        z = compare(samples(values), first).z
        p, null = chance_of_best(samples(values), first, z, seed)
        best.append(p.min())
        assert null == ("shuffles" if n > 5 else "Student")
    assert np.sum(np.array(best) <= 0.05) <= 6


def test_a_prior_of_the_same_scatter_narrows_few_values():
    """Three values in each set say little of the scatter; a hundred similar ones say much."""
    rng = np.random.default_rng(1)
    scale = 10 ** rng.uniform(-1, 1, 300)
    values, near = rng.normal(size=(6, 300)) * scale, rng.normal(size=(60, 300)) * scale
    first, near_first = np.arange(6) < 3, np.arange(60) < 30
    known = with_prior(samples(values), first, samples(near), near_first)
    assert known.prior is not None
    assert known.prior_freedom > 8
    np.testing.assert_allclose(np.median(known.prior / scale**2), 1, atol=0.3)
    # The tests stay tests: p is uniform.
    assert np.mean(compare(known, first).p < 0.1) == pytest.approx(0.1, abs=0.06)
