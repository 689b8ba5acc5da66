"""What reaches an encoder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from pydantic import ValidationError

from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.preprocess.quality import flag_cosmics
from spectrove.preprocess.scale import row_median
from spectrove.spectra import Mask, Spectrum, SpectrumSet

RECIPE = PreprocessRecipe(scale="continuum", softening=0.3)
WAVE = 10 ** (3.58 + 1e-4 * np.arange(3850))


def line_spectrum(name="a", z=0.05, row=None, seed=0, amplitude=5.0):
    """A flat continuum of 10 with H alpha at redshift z and S/N 20 a pixel."""
    rng = np.random.default_rng(seed)
    flux = (
        10
        + amplitude * np.exp(-0.5 * ((WAVE / (6564.614 * (1 + z)) - 1) / 4e-4) ** 2)
        + rng.normal(0, 0.5, len(WAVE))
    )
    none = np.zeros(len(WAVE), np.int32)
    return Spectrum(name, WAVE, flux.astype(np.float32), np.full(len(WAVE), 4.0, np.float32), none,
                    np.full(len(WAVE), np.nan, np.float32), {"z": z} | (row or {}))  # fmt: skip


def prepared(*spectra, recipe=RECIPE):
    return prepare(SpectrumSet.from_spectra(spectra), recipe)


def test_a_line_lands_at_its_rest_wavelength_whatever_the_redshift():
    matrix, _ = prepared(line_spectrum("near", 0.02), line_spectrum("far", 0.2))
    near = np.abs(matrix.wavelength - 6564.614) < 15
    peaks = matrix.wavelength[near][matrix.flux[:, near].argmax(axis=1)]
    assert_allclose(peaks, 6564.6, atol=4)


def test_the_unit_of_flux_does_not_matter():
    spectrum = line_spectrum()
    other = replace(spectrum, object_id="b", flux=spectrum.flux * 1e3, ivar=spectrum.ivar / 1e6)
    for recipe in (RECIPE, PreprocessRecipe(scale="median")):
        matrix, _ = prepared(spectrum, other, recipe=recipe)
        assert_allclose(matrix.flux[0], matrix.flux[1], atol=2e-5)
        assert_allclose(matrix.ivar[0], matrix.ivar[1], rtol=1e-3)


def test_bad_pixels_never_reach_the_encoder_as_values():
    clean = line_spectrum()
    mask, flux = clean.mask.copy(), clean.flux.copy()
    mask[1000:1050] = int(Mask.BADPIXEL)
    flux[1000:1050] = 1e6
    other = line_spectrum("b")
    spoiled = replace(other, mask=mask, flux=flux)
    hidden = replace(clean, mask=mask)
    matrix, _ = prepared(hidden, spoiled)
    assert_array_equal(matrix.flux[0], matrix.flux[1])
    assert not matrix.flux[~matrix.valid].any()


def test_a_catalog_row_cannot_change_the_result():
    told = line_spectrum(
        "b", row={"class": "GALAXY", "subclass": "AGN", "ha_flux": 1e9, "class_derived": "LINER"}
    )
    matrix, _ = prepared(line_spectrum("a"), told)
    assert_array_equal(matrix.flux[0], matrix.flux[1])


def test_a_missing_redshift_is_refused_by_name_and_the_rest_goes_on():
    matrix, refusals = prepared(line_spectrum("good"), line_spectrum("lost", z=0.05, row={"z": None}))
    assert matrix.object_id.tolist() == ["good"]
    assert refusals[0].name == "lost"
    assert "no redshift" in refusals[0].error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ivar": np.zeros(len(WAVE))}, "no good pixel"),
        ({"row": {"z": 40.0}}, "lies outside"),
        ({"row": {"z": 5.0}}, "cover 0%"),
        ({"flux": np.full(len(WAVE), np.nan)}, "no good pixel"),
        ({"flux": np.zeros(len(WAVE))}, "flux is exactly 0 in 100%"),
        ({"flux": np.where(np.arange(len(WAVE)) < 1200, 10.0, 0.0)}, "no continuum to divide by"),
    ],
)
def test_what_cannot_be_prepared_is_refused_with_a_reason(change, words):
    _, refusals = prepared(replace(line_spectrum("x"), **change))
    assert words in refusals[0].error
    assert refusals[0].error.startswith("x: ")


def test_order_and_company_do_not_matter():
    one, two = line_spectrum("a", 0.03, seed=1), line_spectrum("b", 0.1, seed=2)
    together, _ = prepared(one, two)
    alone, _ = prepared(two)
    assert_array_equal(together.flux[1], alone.flux[0])


@pytest.mark.parametrize(
    "recipe", [RECIPE, PreprocessRecipe(), PreprocessRecipe(frame="observed", scale="none")]
)
def test_any_batch_gives_the_same_bits(recipe):
    """More spectra than are worked on together, of different lengths and surveys' grids, some refused."""
    rng = np.random.default_rng(5)
    spectra = []
    for i in range(37):
        single = line_spectrum(f"s{i}", z=float("nan") if i % 9 == 4 else 0.01 * i, seed=i)
        n = int(rng.integers(1500, 3850))
        names = ("wavelength", "flux", "ivar", "mask", "lsf")
        single = replace(single, **{name: getattr(single, name)[-n:] for name in names})
        if i % 3 == 0:
            single = replace(single, wavelength=np.linspace(3900, 9000, n))
        flux = single.flux.copy()
        flux[rng.integers(30, n - 30, 2)] += 300.0
        spectra.append(replace(single, flux=flux))
    survey = SpectrumSet.from_spectra(spectra)
    whole, refused = prepare(survey, recipe)
    parts = [prepare(survey.take(np.arange(a, b)), recipe) for a, b in ((0, 1), (1, 30), (30, 37))]
    for name in ("object_id", "flux", "ivar", "valid", "coverage"):
        assert_array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part, _ in parts]))
    assert [r.name for r in refused] == [r.name for _, some in parts for r in some]


def test_no_spectra_at_all_give_an_empty_matrix():
    matrix, refusals = prepared()
    assert matrix.flux.shape == (0, RECIPE.n_pixels)
    assert not refusals


def test_a_median_with_gaps_is_the_median_of_what_is_left():
    rng = np.random.default_rng(6)
    values, used = rng.normal(size=(40, 9)).astype(np.float32), rng.random((40, 9)) > 0.5
    used[0] = False
    expected = [
        np.median(row[keep]) if keep.any() else np.nan for row, keep in zip(values, used, strict=True)
    ]
    assert_array_equal(row_median(values, used), expected)


def test_a_cosmic_ray_is_masked_and_a_narrow_line_is_not():
    spectrum = line_spectrum(amplitude=200.0)
    flux = spectrum.flux.copy()
    flux[500] += 500.0
    flux[700:702] += 400.0
    found = np.flatnonzero(flag_cosmics(replace(spectrum, flux=flux)) & int(Mask.COSMIC))
    assert found.tolist() == [500, 700, 701]


def test_the_sharpest_line_the_instrument_makes_survives():
    for center in (0.0, 0.25, 0.5):
        pixel = np.arange(len(WAVE))
        flux = 10 + 3000 * np.exp(-0.5 * ((pixel - 2000 - center) / 0.9) ** 2)
        spectrum = replace(line_spectrum(), flux=flux.astype(np.float32))
        assert not (flag_cosmics(spectrum) & int(Mask.COSMIC)).any()


def test_equal_recipes_have_equal_fingerprints_and_others_do_not():
    assert PreprocessRecipe().fingerprint == PreprocessRecipe().fingerprint
    assert PreprocessRecipe().fingerprint != PreprocessRecipe(softening=0.1).fingerprint


def test_an_unknown_key_of_a_recipe_is_an_error():
    with pytest.raises(ValidationError):
        PreprocessRecipe(fram="rest")


def test_the_papers_grid_is_the_papers_grid():
    from spectrove.pipeline.shipped import load_recipe

    recipe = load_recipe("galspecencoder").on_grid
    assert (recipe.wavelength[0], recipe.wavelength[-1], len(recipe.wavelength)) == (3850.0, 9000.0, 3688)
    assert recipe.needs_redshift  # for the window of the median, though the frame is the observed one


def test_softening_changes_errors_as_it_changes_values():
    """Against the numerical slope of x -> s asinh(x / s) at the flux of each pixel."""
    plain, soft = (PreprocessRecipe(scale="none", softening=s, systematic=0.0) for s in (0.0, 0.3))
    before, _ = prepared(line_spectrum(), recipe=plain)
    after, _ = prepared(line_spectrum(), recipe=soft)
    x = before.flux[before.valid].astype(float)
    slope = (0.3 * np.arcsinh((x + 1e-4) / 0.3) - 0.3 * np.arcsinh((x - 1e-4) / 0.3)) / 2e-4
    assert_allclose(after.ivar[after.valid], before.ivar[before.valid] / slope**2, rtol=1e-4)


def test_a_pixel_seen_by_less_than_half_is_not_observed():
    """Pixels of 10 angstrom: of the one at 4030 seven are masked, of the one at 4050 three."""
    recipe = PreprocessRecipe(
        frame="observed",
        grid="linear",
        scale="none",
        wave_min=4000,
        wave_max=4100,
        n_pixels=11,
        cosmics=False,
    )
    wave = np.arange(3990.5, 4110)
    bad = ((wave > 4027) & (wave < 4034)) | ((wave > 4047) & (wave < 4050))
    spectrum = Spectrum("a", wave, np.ones(120), np.ones(120), bad * int(Mask.BADPIXEL), np.ones(120), {})
    matrix, _ = prepared(spectrum, recipe=recipe)
    assert matrix.wavelength[~matrix.valid[0]].tolist() == [4030.0]
