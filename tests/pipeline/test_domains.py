"""A kind of light that brings its name and encoders: every verb answers without galaxies, or says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spectrove import pipeline
from spectrove.domain import Domain
from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline.domains import DOMAINS, domain_called, domain_of


@pytest.fixture(scope="module")
def survey():
    return make_survey(60, seed=5)


@pytest.fixture(scope="module")
def base(survey, tmp_path_factory):
    return pipeline.create(tmp_path_factory.mktemp("bare") / "x.kb", [survey.take(range(50))], "pca")[0]


@pytest.fixture
def bare(monkeypatch):
    """The domain of every base, as of somebody who has only begun to write one."""
    monkeypatch.setitem(DOMAINS, "galaxies", Domain(name="sources", home="spectrove.galaxies"))
    return DOMAINS["galaxies"]


def test_a_base_without_a_domain_is_one_of_galaxies(base):
    assert domain_of(base).name == domain_of(None).name == "galaxies"


def test_an_unknown_kind_of_light_is_named_with_those_that_are_known():
    with pytest.raises(KnowledgeError, match=r"'gravity'.*expected one of galaxies"):
        domain_called("gravity")


def test_a_redshift_needs_an_estimator(base, survey, bare):
    with pytest.raises(KnowledgeError, match="a base of sources has no redshift estimator"):
        pipeline.redshift(base, survey)


def test_outliers_have_scores_but_no_reasons(base, survey, bare):
    """In the default view alone; and there is no page, but a sentence."""
    queries = survey.take(range(50, 60))
    answers = list(pipeline.outliers(base, queries, explained=1.0))
    assert [a.object_id for a in answers] == queries.object_id.tolist()
    assert {a.reason for a in answers} == {"unexplained"}
    assert all(a.views == ("shape",) and 0 < a.p_value <= 1 and np.isfinite(a.score) for a in answers)
    with pytest.raises(KnowledgeError, match="has no page of outliers"):
        pipeline.write_outlier_page(Path("odd.html"), base, queries, answers, answers)


def test_no_line_has_a_name_but_ranges_are_regions(base, survey, bare):
    assert pipeline.search_region(base, survey.take([55]), ["6500:6620"], k=2).spectra.object_id.tolist()
    with pytest.raises(SpectroveError, match="no line of that name"):
        pipeline.search_region(base, survey.take([55]), ["Halpha"])


def test_labels_are_reviewed_by_neighbours_alone(base, bare):
    review = pipeline.curate(base, "class_derived")
    assert not review.lines
    assert not [f for f in review.findings if f.kind in ("lines", "redshift")]
    assert all("plates" not in f.reason for f in review.findings)


def test_a_quantity_has_neither_unit_nor_limits_and_folds_are_single_objects(base, survey, bare):
    """The columns of a survey's bookkeeping are numbers like others then."""
    assert pipeline.check_quantity(base, "d4000n").low is None
    assert pipeline.check_quantity(base, "plate").name == "plate"
    assert len(list(pipeline.estimate(base, survey.take(range(50, 60)), "d4000n"))) == 10


def test_a_new_base_needs_an_encoder_where_its_kind_of_light_names_none(survey, bare, tmp_path):
    assert pipeline.standard_views() == {}
    made, _ = pipeline.create(tmp_path / "y.kb", [survey.take(range(5))], "pca")
    assert list(made.encoders) == ["shape"]
    with pytest.raises(KnowledgeError, match="sources names no encoder"):
        pipeline.create(tmp_path / "z.kb", [survey.take(range(5))])
