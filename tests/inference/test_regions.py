"""Regions: their names, and neighbours that are like the query in one part of the spectrum whatever the noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove import pipeline
from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import PcaRecipe
from spectrove.errors import SpectroveError
from spectrove.galaxies.lines import LINES
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.inference.regions import (
    KeptStretches,
    Region,
    Stretches,
    check_regions,
    cut_out,
    parse_region,
    ranked,
    region_distances,
)
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.spectra import Mask, Spectrum, SpectrumSet
from spectrove.training import fit_pca

N_BROAD = 5
HALPHA = Region(6525, 6605)


# --- names ----------------------------------------------------------------------------------------------------------


def there(found):
    """The distances in the regions, (n_queries, k); infinite where there are fewer neighbours."""
    distance = np.full(found.neighbors.distance.shape, np.inf)
    for i, match in enumerate(found):
        distance[i, : len(match.neighbors)] = [near["region_distance"] for near in match.neighbors]
    return distance


def test_a_range_is_taken_as_it_is():
    assert parse_region(" 6500 : 6800.5 ", LINES) == Region(6500, 6800.5)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("Halpha", 6564.614 - 40, 6564.614 + 40),
        ("H alpha", 6564.614 - 40, 6564.614 + 40),
        ("ha", 6564.614 - 40, 6564.614 + 40),
        ("Hα", 6564.614 - 40, 6564.614 + 40),
        ("h-beta", 4862.683 - 40, 4862.683 + 40),
        ("[OIII]", 4960.295 - 40, 5008.240 + 40),
        ("[O III] 5007", 5008.240 - 40, 5008.240 + 40),
        ("[OIII]4363", 4364.436 - 40, 4364.436 + 40),
        ("NaD", 5891.58 - 40, 5897.56 + 40),
        ("oii", 3727.092 - 40, 3729.875 + 40),
        ("[SII]", 6718.29 - 40, 6732.68 + 40),
        ("CaHK", 3934.777 - 40, 3969.588 + 40),
        ("Mg b", 5176.63 - 40, 5176.63 + 40),
    ],
)
def test_a_line_stands_for_forty_angstrom_around_it_however_it_is_spelt(text, low, high):
    region = parse_region(text, LINES)
    assert_allclose((region.low, region.high), (low, high))


def test_an_unknown_name_is_answered_with_the_nearest_ones():
    with pytest.raises(SpectroveError, match="did you mean halpha"):
        parse_region("Halfa", LINES)
    with pytest.raises(SpectroveError, match="6500:6800"):
        parse_region("", LINES)


@pytest.mark.parametrize(
    "text", ["6800:6500", "6500:", "a:b", "1:2:3", "-5:100", "6500:6505", "nan:7000", "5000:inf"]
)
def test_a_range_that_is_none_is_refused(text):
    with pytest.raises(SpectroveError, match="region"):
        parse_region(text, LINES)


def test_a_region_must_lie_in_what_the_encoder_sees():
    recipe = PreprocessRecipe(wave_min=3700, wave_max=7000, n_pixels=500)
    check_regions([HALPHA], recipe)
    with pytest.raises(SpectroveError, match="3700-7000 A"):
        check_regions([Region(6900, 7100)], recipe)
    check_regions([Region(6900, 7100)], recipe.model_copy(update={"frame": "observed"}))


# --- distances ------------------------------------------------------------------------------------------------------


def stretches(flux, sigma, good=None):
    """Pixels with white noise of a known sigma on top of `flux`."""
    flux = np.atleast_2d(flux).astype(np.float32)
    good = np.ones(flux.shape, bool) if good is None else good
    variance = np.broadcast_to(np.asarray(sigma, float).reshape(-1, 1) ** 2, flux.shape).astype(np.float32)
    names = np.array([f"s{i}" for i in range(len(flux))])
    return Stretches(names, np.where(good, flux, 0), variance, good, np.zeros(flux.shape[1], int))


def test_without_noise_the_distance_is_the_rms_difference():
    query = stretches(np.ones(80), 0.0)
    square, error = region_distances(query, 0, stretches(np.full((1, 80), 1.1), 0.0))
    assert_allclose(square, 0.1**2, rtol=1e-4)
    assert_allclose(error, 0, atol=1e-9)


def test_noise_makes_no_neighbour_near_or_far():
    """The mean of many noisy copies is the true squared difference, at every noise level."""
    rng = np.random.default_rng(3)
    x = np.arange(80)
    shape = 1 + np.exp(-0.5 * ((x - 40) / 8) ** 2)
    other = 1 + 0.6 * np.exp(-0.5 * ((x - 40) / 8) ** 2)
    query = stretches(shape, 0.0)
    true = region_distances(query, 0, stretches(other, 0.0))[0][0]
    for sigma in (0.02, 0.1, 0.4):
        many = stretches(other + rng.normal(0, sigma, (3000, 80)), np.full(3000, sigma))
        square, error = region_distances(query, 0, many)
        assert abs(square.mean() - true) < 4 * square.std() / np.sqrt(3000)
        assert_allclose(square.std(), error.mean(), rtol=0.25)


def test_a_neighbour_that_says_nothing_stands_in_the_middle():
    """Whatever its noise threw: neither first nor last; the well measured keep their order and nearly their place."""
    clean = np.linspace(0.001, 0.1, 21)
    for luck in (-3.0, 3.0):
        squares = np.append(clean, luck)
        after = ranked(squares, np.append(np.full(21, 1e-4), 5.0))
        assert_allclose(after[:-1], clean, rtol=0.02, atol=1e-4)
        assert np.argsort(np.argsort(after))[-1] in range(7, 15)


def test_nothing_shared_gives_no_distance():
    query = stretches(np.ones(20), 0.1)
    square, error = region_distances(query, 0, stretches(np.ones(20), 0.1, np.zeros((1, 20), bool)))
    assert np.isnan(square[0])
    assert np.isinf(error[0])
    assert_allclose(query.shared(stretches(np.ones(20), 0.1, np.arange(20)[None] < 5), 0), 0.25)


# --- the whole path -------------------------------------------------------------------------------------------------


def with_broad_line(spectrum: Spectrum, name: str, strength: float = 1.0) -> Spectrum:
    """H alpha of gas at 1,200 km/s (sigma) on top of what is there."""
    centre = 6564.614 * (1 + spectrum.z)
    profile = np.exp(-0.5 * ((spectrum.wavelength - centre) / (centre * 1200 / 299792.458)) ** 2)
    level = np.median(spectrum.flux[np.abs(spectrum.wavelength - centre) < 300])
    flux = (spectrum.flux + strength * level * profile).astype(np.float32)
    return replace(spectrum, object_id=name, flux=flux, row={**spectrum.row, "ra": None, "dec": None})


@pytest.fixture(scope="module")
def survey():
    shares = {"quiescent": 0.5, "SF": 0.5}
    recipe = load_recipe().model_copy(update={"shares": shares})
    return make_survey(60, recipe=recipe, seed=41)


@pytest.fixture(scope="module")
def base(survey):
    """Sixty ordinary galaxies, five of which have a twin with a broad H alpha."""
    broad = [with_broad_line(survey[i], f"broad-{i}", 0.8 + 0.1 * i) for i in range(N_BROAD)]
    known = SpectrumSet.concatenate([survey, SpectrumSet.from_spectra(broad)])
    recipe = EncoderRecipe(
        name="small", kind="pca", preprocess=PreprocessRecipe(n_pixels=300, scale="median"),
        pca=PcaRecipe(n_components=4, iterations=3),
    )  # fmt: skip
    encoder = fit_pca(recipe, prepare(survey, recipe.preprocess)[0])
    return pipeline.create("memory://base", [known], encoder, views={})[0], encoder


@pytest.fixture(scope="module")
def queries(survey):
    """Other galaxies, fainter and brighter, with the same broad line."""
    return SpectrumSet.from_spectra([with_broad_line(survey[i], f"query-{i}") for i in (20, 33, 47)])


def test_who_has_a_broad_halpha_is_found_by_its_region(base, queries):
    """By the embedding few are; by the region the first three are, whatever the narrow lines of their hosts."""
    knowledge, encoder = base
    found = pipeline.search_region(knowledge, queries, ["Halpha"], encoder=encoder)
    for i in range(len(queries)):
        assert all(name.startswith("broad-") for name in found.neighbors.object_id[i])
        assert (np.diff(there(found)[i]) >= 0).all()
        assert found.neighbors.flags[i] == ()
    plain = pipeline.search(knowledge, queries, encoder=encoder)
    share = np.mean([name.startswith("broad-") for name in plain.neighbors.object_id.ravel()])
    assert share < 0.7


def test_elsewhere_the_broad_line_does_not_count(base, queries, survey):
    """In another region a query is nearest to its own galaxy without the line."""
    knowledge, encoder = base
    found = pipeline.search_region(knowledge, queries, ["4000:4600", "Mgb"], k=1, encoder=encoder)
    assert found.neighbors.object_id[:, 0].tolist() == [survey.object_id[i] for i in (20, 33, 47)]
    assert (there(found) < 0.02).all()


def test_answers_do_not_depend_on_company_or_on_the_catalog(base, queries):
    knowledge, encoder = base
    together = pipeline.search_region(knowledge, queries, ["Halpha"], encoder=encoder)
    alone = pipeline.search_region(knowledge, queries.take([1]), [(6524.614, 6604.614)], encoder=encoder)
    assert alone.neighbors.object_id[0].tolist() == together.neighbors.object_id[1].tolist()
    assert_allclose(there(alone)[0], there(together)[1], rtol=1e-9)
    said = together.to_dicts()[1]
    assert list(said) == ["object_id", "neighbors", "flags", "regions"]
    assert list(said["neighbors"][0]) == ["object_id", "distance", "region_distance"]


def test_who_shares_too_little_of_the_region_comes_last_and_is_flagged(base, queries):
    """Even a perfect match elsewhere; and a query that lacks the region itself is refused by name."""
    knowledge, encoder = base
    rest = queries[0].wavelength / (1 + queries[0].z)
    hidden = np.where(abs(rest - 6564.6) < 30, int(Mask.BADPIXEL), 0).astype(np.int32)
    blind = replace(queries[0], object_id="blind", mask=queries[0].mask | hidden)
    refused = pipeline.search_region(
        knowledge, SpectrumSet.from_spectra([blind]), ["Halpha"], encoder=encoder
    )
    assert not len(refused.spectra)
    assert "region Halpha" in refused.refusals[0].error
    few = knowledge.count() + 5
    found = pipeline.search_region(
        knowledge, queries.take([0]), ["7300:7500"], k=few, shortlist=1, encoder=encoder
    )
    assert "few_neighbors" in found.neighbors.flags[0]
    measured = np.isfinite(there(found)[0])
    assert not measured[measured.argmin() :].any()


def test_half_masked_neighbours_are_said_to_be(base, queries, survey):
    _, encoder = base
    rest = survey[5].wavelength / (1 + survey[5].z)
    hidden = np.where(abs(rest - 6564.6) < 30, int(Mask.BADPIXEL), 0).astype(np.int32)
    blind = replace(survey[5], mask=survey[5].mask | hidden)
    known = SpectrumSet.from_spectra([blind, survey[6], survey[7]])
    small = pipeline.create("memory://base", [known], encoder, views={})[0]
    found = pipeline.search_region(small, queries, ["Halpha"], encoder=encoder)
    assert (found.neighbors.object_id[:, -1] == survey[5].object_id).all()
    assert np.isinf(there(found)[:, -1]).all()
    assert all(flags == ("region_coverage",) for flags in found.neighbors.flags)


def test_a_noisy_copy_neither_wins_nor_loses_by_its_noise(survey):
    """Copies of ordinary galaxies with five times the noise take the places that the clean ones take."""
    rng = np.random.default_rng(8)
    noisy = []
    for i in range(1, 40):
        s = survey[i]
        extra = np.where(s.ivar > 0, 24 / np.where(s.ivar > 0, s.ivar, 1), 0)
        flux = (s.flux + rng.normal(size=len(s.flux)) * np.sqrt(extra)).astype(np.float32)
        noisy.append(replace(s, object_id=f"noisy-{i}", flux=flux, ivar=(s.ivar / 25).astype(np.float32)))
    cut, _ = cut_out(survey.take(np.arange(1, 40)), [Region(5000, 5600)])
    faint, _ = cut_out(SpectrumSet.from_spectra(noisy), [Region(5000, 5600)])
    query, _ = cut_out(survey.take([0]), [Region(5000, 5600)])
    clean_square, _ = region_distances(query, 0, cut)
    noisy_square, error = region_distances(query, 0, faint)
    assert abs(np.median((noisy_square - clean_square) / error)) < 0.7


def test_a_second_question_reads_nothing_again_and_is_answered_as_the_first(base, queries, monkeypatch):
    knowledge, encoder = base
    first = pipeline.search_region(knowledge, queries, ["Halpha"], encoder=encoder).to_json()
    monkeypatch.setattr(type(knowledge), "spectra", lambda *_: pytest.fail("read again"))
    assert pipeline.search_region(knowledge, queries, ["Halpha"], encoder=encoder).to_json() == first


def test_stretches_are_kept_up_to_a_number(base):
    knowledge, _ = base
    ids = knowledge.rows(None, []).column("object_id").to_pylist()
    some, others = np.array(ids[:3]), np.array(ids[2:6])
    kept = KeptStretches((HALPHA,), most=4)
    whole = cut_out(knowledge.spectra(np.array(ids[:6])), [HALPHA], least=0.0)[0]
    for names, rows in ((some, range(3)), (others, range(2, 6)), (some, range(3))):
        found = kept.of(knowledge, names)
        assert found.object_id.tolist() == names.tolist()
        assert_allclose(found.flux, whole.flux[list(rows)])
    assert len(kept.of(knowledge, np.array([], dtype=str))) == 0
