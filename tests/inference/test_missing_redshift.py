"""Spectra without a redshift get one, say that it was estimated, and then enter a rest-frame base."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove import pipeline
from spectrove.errors import ShapeError
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.spectra import FLAGS


@pytest.fixture(scope="module")
def survey():
    return make_survey(14, recipe=load_recipe("test"), seed=8)


def without(spectra, rows):
    """The spectra, some of them without redshift."""
    z = [None if i in rows else v for i, v in enumerate(spectra.column("z"))]
    place = spectra.rows.column_names.index("z")
    return spectra.with_rows(spectra.rows.set_column(place, "z", pa.array(z, pa.float64())))


def test_only_what_is_missing_is_filled_in(survey):
    filled, estimates = pipeline.complete_redshifts(without(survey, {2, 5}))
    assert set(estimates) == {survey.object_id[2], survey.object_id[5]}
    assert filled.column("z_source")[2] == "estimated"
    kept = [i for i in range(len(survey)) if i not in (2, 5)]
    assert_allclose(filled.z[kept], survey.z[kept])
    assert [filled.column("z_source")[i] for i in kept] == [survey.column("z_source")[i] for i in kept]
    for i in (2, 5):
        estimate = estimates[str(survey.object_id[i])]
        assert filled.z[i] == estimate.z
        assert filled.column("z_err")[i] == estimate.z_err
        assert ("z_uncertain" in filled.column("flags")[i]) == (not estimate.confident)


def test_a_redshift_that_is_there_now_is_not_said_to_be_missing(survey):
    """Estimated or given, the caution of the file no longer holds."""
    flags = pa.array([["no_redshift", "air_assumed"]] * len(survey), pa.list_(pa.string()))
    place = survey.rows.column_names.index("flags")
    bare = without(survey, {0})
    bare = bare.with_rows(bare.rows.set_column(place, "flags", flags)).take([0])
    assert "no_redshift" not in pipeline.complete_redshifts(bare)[0].column("flags")[0]
    assert pipeline.at_redshift(bare, 0.1).column("flags")[0] == ["air_assumed"]


def test_nothing_to_do_does_nothing(survey):
    filled, estimates = pipeline.complete_redshifts(survey)
    assert filled is survey
    assert estimates == {}


def test_what_cannot_be_estimated_stays_without(survey):
    from dataclasses import replace

    dark = replace(survey, ivar=np.zeros_like(survey.ivar))
    filled, _ = pipeline.complete_redshifts(without(dark, {0}))
    assert np.isnan(filled.z[0])
    assert filled.column("z_source")[0] != "estimated"


def test_estimates_of_other_spectra_are_refused(survey):
    with pytest.raises(ShapeError, match="in another order"):
        pipeline.with_redshifts(survey, [])


def test_a_base_names_neighbours_and_changes_no_redshift(survey):
    base, _ = pipeline.create("memory://base", [survey.take(np.arange(4, 14))], "pca", views={})
    asked = survey.take([1, 2])
    alone = pipeline.redshift(None, asked)
    beside = pipeline.redshift(base, asked, k=2)
    assert [e.z for e in beside] == [e.z for e in alone]
    assert all(len(e.neighbors) == 2 for e in beside)
    assert {"object_id", "distance", "z"} == set(beside[0].neighbors[0])


def test_the_redshift_that_came_along_changes_nothing_with_a_base(survey):
    base, _ = pipeline.create("memory://base", [survey.take(np.arange(4, 14))], "pca", views={})
    asked = survey.take([1, 2])
    honest = [e.to_dict() for e in pipeline.redshift(base, asked)]
    assert [e.to_dict() for e in pipeline.redshift(base, without(asked, {0, 1}))] == honest


def test_the_json_is_that_of_every_estimate(survey):
    said = pipeline.redshift(None, survey.take([3]))[0].to_dict()
    keys = {"object_id", "quantity", "value", "interval", "unit", "level", "confident", "neighbors", "flags"}
    assert keys <= set(said)
    assert said["quantity"] == "z"
    assert set(said["z_candidates"][0]) == {"z", "chi2", "dchi2", "warnings", "type"}
    assert set(said["flags"]) <= set(FLAGS)
