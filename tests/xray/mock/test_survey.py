"""Mock surveys as files: what is written is read back, and what is odd is odd in the counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.xray.mock import CLASSES, load_recipe, make_survey
from spectrove.xray.mock.oddities import GRADE, NONE, piled_up
from spectrove.xray.mock.recipe import ODDITIES
from spectrove.xray.mock.survey import CATALOG, TRUTH, write_survey
from spectrove.xray.ogip import read_counts


@pytest.fixture(scope="module")
def recipe():
    """Many oddities, so that a small survey has all of them."""
    return load_recipe("test").model_copy(update={"oddities": dict.fromkeys(ODDITIES, 0.08)})


@pytest.fixture(scope="module")
def survey(recipe):
    return make_survey(240, recipe=recipe, seed=5, responses="own")


@pytest.fixture(scope="module")
def folder(recipe, tmp_path_factory):
    made = tmp_path_factory.mktemp("mock")
    write_survey(240, made, recipe=recipe, seed=5, responses="own")
    return made


def test_every_row_has_its_truth(survey):
    assert set(survey.column("class")) == set(CLASSES)
    assert set(survey.column("oddity")) == {*ODDITIES, NONE}
    assert set(TRUTH) <= set(survey.rows.column_names)
    nh, flux = (np.array(survey.column(name), float) for name in ("nh", "flux"))
    assert (nh > 0).all()
    assert ((flux > 1e-17) & (flux < 1e-8)).all()


def test_files_hold_the_survey_that_is_made_in_memory(survey, folder):
    """Counts, backgrounds, exposures and responses, read as any other PHA files."""
    read, refused = read_counts(sorted(folder.glob("*.pha")))
    assert not refused
    place = {name: i for i, name in enumerate(survey.object_id.tolist())}
    same = survey.take([place[name] for name in read.object_id.tolist()])
    assert_array_equal(read.counts, same.counts)
    assert_array_equal(read.background, same.background)
    assert_allclose(read.background_scale, same.background_scale, rtol=1e-6)
    assert_allclose(read.exposure, same.exposure, rtol=1e-6)
    photons = np.ones(len(same[0].response.area))
    assert_allclose(read[0].response.fold(photons), same[0].response.fold(photons), rtol=2e-3, atol=1e-4)
    assert_allclose([s.row["ra"] for s in read], same.column("ra"))


def test_the_catalog_names_every_spectrum(survey, folder):
    lines = (folder / CATALOG).read_text().splitlines()
    names = lines[0].split(",")
    assert {"object_id", "ra", "dec", *TRUTH} <= set(names)
    assert {line.split(",")[0] for line in lines[1:]} == set(survey.object_id.tolist())


def test_the_same_seed_gives_the_same_survey_and_another_does_not(survey, recipe):
    again = make_survey(240, recipe=recipe, seed=5, responses="own")
    assert_array_equal(again.counts, survey.counts)
    other = make_survey(240, recipe=recipe, seed=6, responses="own")
    assert not np.array_equal(other.counts, survey.counts)


def test_a_flare_is_seen_in_the_background(survey):
    """More background counts per second and region than in quiet observations."""
    odd = np.array(survey.column("oddity"))
    rate = np.array(survey.column("n_background")) / survey.exposure
    assert np.median(rate[odd == "flare"]) > 5 * np.median(rate[odd == NONE])


def test_pile_up_moves_photons_to_higher_energies_and_loses_some():
    """All photons in one channel: singles stay, pairs are at twice the energy, one event less and GRADE of them."""
    rate = np.zeros(100, np.float32)
    rate[10] = 0.3
    found = piled_up(rate)
    load = 0.3 * 3.2
    assert_allclose(found[10], np.exp(-load) * 0.3, rtol=1e-5)
    assert_allclose(found[20] / found[10], GRADE * load / 2, rtol=1e-5)
    assert found.sum() < rate.sum()


def test_a_faint_source_is_not_piled():
    rate = np.full(50, 1e-7, np.float32)
    assert_allclose(piled_up(rate)[:50], rate, rtol=1e-3)
