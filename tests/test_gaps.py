"""A removed pixel is a pixel without weight: no answer may tell the two apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.galaxies.line_fit import measure_lines
from spectrove.gaps import fillers
from spectrove.knowledge.duplicates import difference
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.preprocess.quality import flag_cosmics
from spectrove.spectra import Spectrum, SpectrumSet

N = 900
GRIDS = {
    "log": np.geomspace(4000, 7500, N),
    "linear": np.linspace(4000, 7500, N),
    # A prism's step shrinks to a quarter along the spectrum.
    "prism": 4000 + 3500 * (np.linspace(0.05, 1, N) ** 0.6 - 0.05**0.6) / (1 - 0.05**0.6),
    "two arms": np.concatenate([np.arange(4000, 5700, 2.5), np.arange(5702, 8000, 7.0)]),
}
SMOOTH = ("log", "linear")


def gaps_of(wavelength):
    return fillers(wavelength, np.zeros(1, np.int64), np.array([len(wavelength) - 1]))[1]


def spectrum_on(wavelength, seed=0, name="one"):
    rng = np.random.default_rng(seed)
    flux = (10 + np.sin(wavelength / 60) + rng.normal(0, 0.3, len(wavelength))).astype(np.float32)
    n = len(wavelength)
    row = {"object_id": name, "z": 0.02}
    return Spectrum(
        name,
        wavelength,
        flux,
        np.full(n, 11, np.float32),
        np.zeros(n, np.int32),
        np.full(n, 1.5, np.float32),
        row,
    )


def only(spectrum, kept):
    arrays = (getattr(spectrum, key)[kept] for key in ("wavelength", "flux", "ivar", "mask", "lsf"))
    return Spectrum(spectrum.object_id, *arrays, spectrum.row)


def without_weight(spectrum, kept):
    return replace(spectrum, ivar=np.where(kept, spectrum.ivar, 0).astype(np.float32))


@st.composite
def some_kept(draw, n=N):
    """Pixels that stay: long and short gaps, near and far, single pixels lost or left alone between two gaps."""
    kept = np.ones(n, bool)
    for _ in range(draw(st.integers(1, 5))):
        start, length = draw(st.integers(3, n - 4)), draw(st.sampled_from([1, 1, 2, 3, 10, 80, 250]))
        kept[start : min(start + length, n - 3)] = False
    for i in draw(st.lists(st.integers(3, n - 4), max_size=25)):
        kept[i] = not kept[i]
    return kept


@settings(max_examples=60, deadline=None)
@given(kept=some_kept(), kind=st.sampled_from(SMOOTH), frame=st.sampled_from(["rest", "observed"]))
def test_removed_pixels_and_pixels_without_weight_prepare_alike(kept, kind, frame):
    whole = spectrum_on(GRIDS[kind])
    recipe = PreprocessRecipe(
        frame=frame, wave_min=3900, wave_max=7400, n_pixels=700, scale="median", min_coverage=0.0
    )
    both = [
        prepare(SpectrumSet.from_spectra([one]), recipe)[0]
        for one in (only(whole, kept), without_weight(whole, kept))
    ]
    assert_array_equal(both[0].valid, both[1].valid)
    assert_allclose(both[0].flux, both[1].flux, atol=1e-6)
    assert_allclose(both[0].ivar, both[1].ivar, rtol=1e-6)


@pytest.mark.parametrize("kind", GRIDS)
def test_a_whole_grid_has_no_gap_and_only_what_is_missing_is_put_back(kind):
    """Also where the step changes along the spectrum, or from arm to arm, and whichever way it goes."""
    for grid in (GRIDS[kind], (9e7 / GRIDS[kind])[::-1]):
        assert len(gaps_of(grid)) == 0
        kept = np.ones(len(grid), bool)
        kept[[150, *range(340, 370), 372, 500, 501]] = False
        found = gaps_of(grid[kept])
        assert len(found) == pytest.approx(np.count_nonzero(~kept), abs=1)
        assert_allclose(found[0], grid[150], rtol=1e-4)


def test_wavelengths_rounded_to_single_precision_or_two_digits_have_no_gap():
    for grid in (
        10 ** np.float32(np.arange(3.58, 3.96, 1e-4)).astype(float),
        np.round(np.geomspace(3800, 9200, 3800), 1),
    ):
        assert len(gaps_of(np.asarray(grid, float))) == 0


def test_alternating_pixels_of_two_arms_are_no_gap():
    assert len(gaps_of(np.sort(np.concatenate([np.arange(4000.0, 5000), np.arange(4900.1, 6000)])))) == 0


def test_far_between_two_parts_of_other_sampling_neither_reaches_over():
    """A photometric point appended to a spectrum does not count for half of what lies between."""
    grid = np.concatenate([np.arange(4000.0, 5000), np.arange(6000.0, 20000, 1000)])
    found = gaps_of(grid)
    assert 5000 <= found.min() <= 5001.5
    recipe = PreprocessRecipe(
        frame="observed",
        scale="none",
        wave_min=4500,
        wave_max=5600,
        n_pixels=1101,
        grid="linear",
        min_coverage=0.0,
    )
    valid = prepare(SpectrumSet.from_spectra([spectrum_on(grid)]), recipe)[0].valid[0]
    assert valid[:500].all()
    assert not valid[503:980].any()


def test_no_line_is_measured_where_pixels_are_removed():
    """Nor break nor H delta: a line has to lie on pixels, also at the end of a spectrum."""
    whole = spectrum_on(10 ** np.arange(3.58, 3.86, 1e-4))
    rest = whole.wavelength / 1.02
    kept = ~((rest > 6480) & (rest < 6800)) & ~((rest > 4010) & (rest < 4060))
    both = [measure_lines(one, 0.02) for one in (only(whole, kept), without_weight(whole, kept))]
    for key in both[0].flux:
        assert_allclose(both[0].flux[key], both[1].flux[key], rtol=1e-5, atol=1e-5, err_msg=key)
    assert np.isnan([both[0].flux["ha"], both[0].ew["ha"], both[0].d4000n]).all()
    assert len(both[0].continuum) == np.count_nonzero(kept)
    cut = measure_lines(only(whole, rest < 6563), 0.02)
    assert np.isnan(cut.flux["ha"])
    assert np.isfinite(cut.flux["hb"])


def test_a_pixel_beside_a_gap_is_no_cosmic_ray():
    whole = spectrum_on(GRIDS["log"])
    whole.flux[400] = 90
    kept = np.ones(N, bool)
    kept[401:420] = False
    assert not flag_cosmics(only(whole, kept)).any()
    assert flag_cosmics(whole)[400]


def test_no_repeat_is_found_in_what_lies_between_pixels():
    """A second spectrum of few pixels far apart shares only these with the first."""
    whole = spectrum_on(GRIDS["log"])
    kept = np.arange(N) < 90
    kept[-3:] = True
    assert difference(whole, only(whole, kept))[0] == np.inf
    assert np.isfinite(difference(whole, only(whole, np.arange(N) < 300))[0])
