"""Where an estimated redshift is open, every redshift that it may be has its say in the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove import pipeline
from spectrove.explanation.argument import left_open
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.inference.open_redshift import over_redshifts
from spectrove.redshift_estimate import Candidate, RedshiftEstimate
from spectrove.targets import Target

TARGET = Target(
    name="sf", label="class_derived", positive="SF", classes={"SF": ["SF"], "other": ["*"]}, metric="none"
)


@pytest.fixture(scope="module")
def survey():
    return make_survey(60, recipe=load_recipe("train"), seed=18)


@pytest.fixture(scope="module")
def base(survey):
    return pipeline.create("memory://base", [survey.take(np.arange(50))], "pca", views={})[0]


def at(spectra, z):
    place = spectra.rows.column_names.index("z")
    return spectra.with_rows(spectra.rows.set_column(place, "z", pa.array(z, pa.float64())))


def estimate(name, z, other, dchi2=2.0, confident=False, unit=1.0):
    candidates = (Candidate(z, 100.0, dchi2), Candidate(other, 100.0 + dchi2, dchi2))
    return RedshiftEstimate(str(name), z, 1e-4, None, confident, candidates, unit=unit)


def test_weights_fall_with_chi2_and_what_is_excluded_has_none():
    assert estimate("a", 0.1, 0.2, confident=True).plausible() == ((0.1, 1.0),)
    assert estimate("a", 0.1, 0.2, dchi2=50.0).plausible() == ((0.1, 1.0),)
    (z, first), (other, second) = estimate("a", 0.1, 0.2, dchi2=4.0, unit=2.0).plausible()
    assert (z, other) == (0.1, 0.2)
    assert_allclose(second / first, np.exp(-0.5))
    assert_allclose(first + second, 1)
    assert RedshiftEstimate("a", np.nan, np.nan, None, False).plausible() == ()


@pytest.mark.parametrize("ask", ["hunt", "classify"])
def test_the_answer_is_the_mean_over_the_redshifts(survey, base, ask):
    queries = survey.take(np.arange(50, 60))
    wrong = (queries.z + 0.05).tolist()
    redshifts = {
        str(n): estimate(n, float(z), w)
        for n, z, w in zip(queries.object_id, queries.z, wrong, strict=True)
        if str(n) != str(queries.object_id[3])
    }

    def answers(spectra, **more):
        what = TARGET if ask == "hunt" else "class_derived"
        return getattr(pipeline, ask)(base, spectra, what, encoder=None, **more).predictions

    here, there = answers(queries), answers(at(queries, wrong))
    mixed = answers(queries, redshifts=redshifts)
    weight = 1 / (1 + np.exp(-0.5))
    changed = 0
    for p, q, m in zip(here, there, mixed, strict=True):
        if p.object_id not in redshifts:
            assert m == p
            assert m.redshifts is None
            continue
        for name in set(p.probabilities) | set(q.probabilities):
            expected = weight * p.probabilities.get(name, 0) + (1 - weight) * q.probabilities.get(name, 0)
            assert_allclose(m.probabilities[name], expected, atol=1e-9)
        assert [o["z"] for o in m.redshifts] == [
            p.z or pytest.approx(m.redshifts[0]["z"]),
            m.redshifts[1]["z"],
        ]
        assert m.probabilities[m.value] == pytest.approx(max(m.probabilities.values()))
        assert m.to_dict()["redshifts"] == list(m.redshifts)
        changed += m.probabilities != p.probabilities
    assert changed


def test_the_threshold_applies_to_the_mean_and_the_page_says_so(survey, base):
    query = survey.take([51])
    name = str(query.object_id[0])
    redshifts = {name: estimate(name, float(query.z[0]), float(query.z[0]) + 0.07, dchi2=0.1)}
    found = pipeline.hunt(base, query, TARGET, redshifts=redshifts)
    said = found.predictions[0]
    assert said.is_target == (said.probability >= TARGET.threshold)
    low, high = said.interval
    assert low <= said.probability <= high
    sentence = left_open(pipeline.explain(base, found, target=TARGET))
    assert "is estimated and ambiguous" in sentence
    assert f"z = {query.z[0]:.4f}" in sentence


def test_an_interval_is_that_of_the_class_it_stands_by(survey, base):
    """Where another class wins at the other redshift, its interval is not that of the first."""
    query = survey.take([52])
    name = str(query.object_id[0])
    found = estimate(name, float(query.z[0]), 0.4, dchi2=0.05)
    p = pipeline.classify(base, query, "class_derived").predictions[0]
    options = {0.4: replace(p, value="other class", probabilities={"other class": 1.0}, interval=(0.97, 1.0))}

    def ask(spectra):
        return [options[float(spectra.z[0])]]

    (mixed,) = over_redshifts([p], query, {name: found}, ask)
    alone = mixed.probabilities[mixed.value]
    assert mixed.interval[0] <= 0.0 + 1e-9
    assert mixed.interval[0] <= alone <= mixed.interval[1]


def test_a_redshift_without_an_answer_is_said_to_have_none(survey, base):
    query = survey.take([53])
    name = str(query.object_id[0])
    p = pipeline.hunt(base, query, TARGET).predictions[0]
    (mixed,) = over_redshifts([p], query, {name: estimate(name, float(query.z[0]), 1.5)}, lambda _: [], 0.5)
    assert mixed.probabilities == pytest.approx(p.probabilities)
    assert mixed.redshifts[1]["probability"] is None
    assert mixed.redshifts[0]["weight"] < 0.8


def test_a_known_redshift_is_not_overruled(survey, base):
    """Estimates of spectra that came with another redshift have no say."""
    query = survey.take([54])
    name = str(query.object_id[0])
    other = {name: estimate(name, float(query.z[0]) + 0.1, float(query.z[0]) + 0.2)}
    plain = pipeline.hunt(base, query, TARGET).predictions
    assert pipeline.hunt(base, query, TARGET, redshifts=other).predictions == plain


def test_a_confident_redshift_changes_nothing(survey, base):
    queries = survey.take(np.arange(50, 54))
    sure = {
        str(n): estimate(n, float(z), 0.9, confident=True)
        for n, z in zip(queries.object_id, queries.z, strict=True)
    }
    plain = pipeline.hunt(base, queries, TARGET).predictions
    assert pipeline.hunt(base, queries, TARGET, redshifts=sure).predictions == plain
