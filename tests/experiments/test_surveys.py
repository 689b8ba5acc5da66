"""What all samples share: a survey is made once, split by plate, and has no class where a lens or outlier spoils it."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.samples import surveys
from experiments.samples.recipes import Mock, Real
from spectrove.evaluation.protocol import check_groups, group_names
from spectrove.galaxies.mock import load_recipe


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    path = tmp_path_factory.mktemp("kept") / "survey.lance"
    return path, surveys.kept_survey(path, 90, load_recipe("test"), surveys.MOCK_SEED)


def test_a_survey_is_made_once(kept, monkeypatch):
    """The second time it is read, and nothing of its making is left beside it."""
    path, first = kept
    monkeypatch.setattr(surveys, "make_survey", lambda *_, **__: pytest.fail("made again"))
    again = surveys.kept_survey(path, 90, load_recipe("test"), surveys.MOCK_SEED)
    assert np.array_equal(again.flux, first.flux)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_its_own_split_keeps_plates_apart_and_leaves_nobody_out(kept):
    spectra = kept[1]
    fold = surveys.own_split(spectra)
    groups = group_names(spectra, surveys.GROUP)
    check_groups(groups[fold.base].tolist(), groups[fold.queries].tolist())
    assert sorted([*fold.base, *fold.queries]) == list(range(len(spectra)))
    assert set(np.array(spectra.column("split"))[fold.base]) == {"train"}


def test_only_lenses_and_outliers_lose_their_class(kept):
    spectra = kept[1]
    ordinary, before = surveys.is_ordinary(spectra), np.array(spectra.column("class_derived"), dtype=object)
    after = np.array(surveys.plain_classes(spectra).column("class_derived"), dtype=object)
    assert (after[ordinary] == before[ordinary]).all()
    assert all(name is None for name in after[~ordinary])
    assert {*np.array(spectra.column("lens"))[ordinary], *np.array(spectra.column("outlier"))[ordinary]} == {
        "none"
    }
    assert 0 < (~ordinary).sum() < len(spectra) / 2


def test_the_pixel_that_is_left_is_the_first(kept):
    spectra = kept[1]
    bare = surveys.without_pixels(spectra)
    assert np.array_equal(bare.flux, spectra.flux[spectra.offsets[:-1]])
    assert bare.rows.equals(spectra.rows)


def test_recipes_take_the_shared_seeds_and_folds():
    """As published: three surveys, five folds by plate, three times."""
    assert Mock().seeds == (7001, 7002, 7003)
    assert (Real().folds, Real().seeds, Real().group) == (5, 3, "plate")
