"""Hunts by a condition over measured columns: what P means, what it rests on, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

import spectrove
from spectrove.conditions import Condition
from spectrove.errors import KnowledgeError, TargetError, WordsError
from spectrove.galaxies.mock import make_survey
from spectrove.inference.numbers.columns import quantity_values, source_of, values_from
from spectrove.inference.numbers.joint import Column, Residuals, chance
from spectrove.inference.numbers.own import Told, Weighing, fit_weighing, weigh
from spectrove.inference.numbers.quantities import Quantity
from spectrove.inference.numbers.recalibrated import at_prevalence, best_threshold, fit_curve
from spectrove.inference.numbers.trend import Scale
from spectrove.pipeline.by_condition import fit_of
from spectrove.pipeline.domains import domain_of
from spectrove.targets import Target, condition_target

N, N_BASE = 180, 160


def gaussian(independent: bool = False) -> Residuals:
    none = np.full(1, np.nan)
    return Residuals(none, none, independent)


# --- the parts, held against what is known in closed form ----------------------------------------------------


def test_a_gaussian_number_meets_a_cut_as_often_as_its_error_says():
    """P of x > 4 is the normal tail, to the spacing of the quantiles."""
    told = {"x": Told(np.array([3.0, 4.0, 4.5, 9.0]), np.array([1.0, 0.5, 0.5, 0.1]), np.ones(4))}
    found = chance(Condition.parse("x > 4"), {"x": Column(Quantity("x"), Scale(), gaussian())}, told)
    expected = norm.sf(4, [3, 4, 4.5, 9], [1, 0.5, 0.5, 0.1])
    assert_allclose(found.probability, expected, atol=2e-3)
    assert_allclose(found.quantiles["x"][0], [2.0056, 3, 3.9945], atol=0.01)


def test_independent_columns_multiply_and_joint_residuals_do_not():
    """Two columns whose residuals are one and the same meet two cuts as often as one of them."""
    told = {n: Told(np.zeros(1), np.ones(1), np.ones(1)) for n in ("x", "y")}
    both = Condition.parse("x > 0 AND y > 0")
    apart = {n: Column(Quantity(n), Scale(), gaussian()) for n in told}
    assert_allclose(chance(both, apart, told).probability, [0.25], atol=0.03)
    same = norm.ppf((np.arange(400) + 0.5) / 400)
    together = {n: Column(Quantity(n), Scale(), Residuals(same, same, True)) for n in told}
    assert_allclose(chance(both, together, told).probability, [0.5], atol=0.01)


def test_an_unknown_column_leaves_open_what_depends_on_it_and_nothing_else():
    nan = np.full(2, np.nan)
    told = {"x": Told(np.array([-9.0, 9.0]), np.full(2, 0.1), np.ones(2)), "y": Told(nan, nan, np.zeros(2))}
    columns = {n: Column(Quantity(n), Scale(), gaussian()) for n in told}
    found = chance(Condition.parse("x > 0 AND y > 0"), columns, told)
    assert found.probability[0] == 0
    assert np.isnan(found.probability[1])
    assert found.unknown.tolist() == [0, 1]


def test_a_spectrum_takes_no_residual_from_its_own_group():
    """All residuals of the other group are large, so that P differs between the groups."""
    residuals = np.r_[np.full(60, -1.0), np.full(60, 1.0)]
    group = np.array(["a"] * 60 + ["b"] * 60)
    told = {"x": Told(np.zeros(2), np.ones(2), np.ones(2))}
    columns = {"x": Column(Quantity("x"), Scale(), Residuals(residuals, residuals, True))}
    found = chance(Condition.parse("x > 0"), columns, told, groups=(np.array(["a", "b"]), group))
    assert found.probability.tolist() == [1, 0]


def test_measurement_and_neighbours_are_weighed_by_their_variances():
    """The inverse-variance mean, computed by hand; either alone where the other is unknown."""
    weighing = Weighing(offset=0.5, slope=0.0, floor=0.0, factor=2.0, near_factor=1.0)
    nan = np.nan
    own = np.array([1.0, nan, 1.0, nan]), np.array([0.5, nan, 0.5, nan])
    near = np.array([3.0, 3.0, nan, nan]), np.array([1.0, 1.0, nan, nan])
    told = weigh(weighing, own, near)
    assert_allclose(told.centre, [2.25, 3, 1.5, nan])
    assert_allclose(told.width, [np.sqrt(0.5), 1, 1, nan])
    assert_allclose(told.share, [0.5, 0, 1, 0])


def test_the_weighing_is_recovered_from_objects():
    """Offset, slope, error factor and floor of simulated measurements; the neighbours' factor beside."""
    rng = np.random.default_rng(3)
    n = 4000
    truth, error = rng.normal(size=n), rng.uniform(0.02, 0.2, n)
    measured = (truth - 0.3 + rng.normal(size=n) * np.hypot(0.05, 1.5 * error)) / 1.2
    near = truth + rng.normal(size=n) * 0.8, np.full(n, 0.4)
    found = fit_weighing(truth, (measured, error), near, independent=True)
    assert_allclose([found.offset, 1 + found.slope], [0.3, 1.2], atol=0.06)
    # Tails of Student's t are wider than a Gaussian's, so that its scale is about .77 of sigma.
    assert_allclose([found.factor, found.near_factor], [0.77 * 1.5, 0.77 * 2], atol=0.12)


def test_measured_columns_have_the_error_of_their_measurement_and_no_other():
    """Where the base's values are the same measurements, there is no offset to learn and the prior is deconvolved."""
    rng = np.random.default_rng(4)
    truth = rng.normal(size=3000)
    error = np.full(3000, 1.0)
    measured = truth + rng.normal(size=3000)
    found = fit_weighing(measured, (measured, error), (truth, np.full(3000, 0.1)), independent=False)
    assert (found.offset, found.slope, found.floor, found.factor) == (0, 0, 0, 1)
    assert (
        found.near_factor < 2
    )  # the scatter of measured about the estimate is the error of the measurements


def test_a_curve_mends_overconfident_probabilities():
    rng = np.random.default_rng(5)
    true = 1 / (1 + np.exp(-rng.normal(size=6000) * 1.5))
    truth = (rng.random(6000) < true).astype(float)
    stated = 1 / (1 + np.exp(-2 * np.log(true / (1 - true))))
    curve = fit_curve(stated, truth, rng.integers(0, 40, 6000))
    assert_allclose([curve.offset[0], curve.slope[0]], [0, 0.5], atol=0.06)
    assert np.abs(curve.at(stated)[0] - true).max() < 0.05
    assert len(curve.offset) == 41
    ends = curve.at(np.array([0.0, 1e-9, 1e-3, 1 - 1e-3, 1.0]))[0]
    assert ends[0] == 0
    assert ends[-1] == 1
    assert (np.diff(ends) > 0).all()


def test_few_objects_leave_the_curve_near_the_straight_line():
    """Two objects are no reason to change a probability much."""
    curve = fit_curve(np.array([0.4, 0.6]), np.array([1.0, 0.0]), np.array(["a", "b"]))
    assert_allclose(curve.at(np.array([0.2, 0.8]))[0], [0.2, 0.8], atol=0.06)


def test_a_prevalence_changes_odds_and_a_threshold_is_half_the_best_f1():
    assert_allclose(at_prevalence(np.array([0.5]), 0.5, 0.1), [0.1])
    assert_allclose(best_threshold(np.array([1.0, 1.0, 0.0, 0.0])), 0.5)


# --- on a base of mock galaxies, whose catalog is written here -----------------------------------------------


@pytest.fixture(scope="module")
def survey():
    """Mock galaxies on 12 plates, with catalog columns: D4000 and H delta of the truth with errors, and a mass."""
    spectra = make_survey(N, seed=11)
    rng = np.random.default_rng(0)
    rows = spectra.rows
    truth = {name: truth_of(spectra, f"truth_{name}") for name in ("d4000n", "hdelta_a")}
    columns = {
        "d4000n": truth["d4000n"] + rng.normal(size=N) * 0.02,
        "hdelta_a": truth["hdelta_a"] + rng.normal(size=N) * 0.3,
        "logmass": 9 + truth["d4000n"] + rng.normal(size=N) * 0.1,
        "plate": np.arange(N) % 12,
    }
    for name, values in columns.items():
        if name in rows.column_names:
            rows = rows.drop_columns([name])
        rows = rows.append_column(name, pa.array(values))
    return spectra.with_rows(rows)


@pytest.fixture(scope="module")
def base(survey, tmp_path_factory):
    path = tmp_path_factory.mktemp("numbers") / "base.kb"
    return spectrove.create(path, survey.take(np.arange(N_BASE)), "pca", views={})[0]


@pytest.fixture(scope="module")
def asked(survey):
    return survey.take(np.arange(N_BASE, N))


def truth_of(spectra, name):
    return np.asarray(spectra.rows.column(name).to_numpy(zero_copy_only=False), float)


def test_values_come_from_the_catalog_first_and_else_are_measured(base):
    domain = domain_of(base)
    found = quantity_values(base, ["d4000n", "measured_d4000n", "lick_mgb", "z"], domain)
    assert [v.source for v in found.values()] == ["catalog", "measured", "measured", "redshift"]
    rows = base.rows(None, ["d4000n", "z"])
    assert_allclose(found["d4000n"].value, rows.column("d4000n").to_numpy())
    assert_allclose(found["z"].value, rows.column("z").to_numpy())
    measured = domain.measurer.of_base(base, rows.column("object_id").to_pylist())
    assert_allclose(found["lick_mgb"].value, measured.column("lick_mgb").to_numpy(zero_copy_only=False))
    assert_allclose(
        found["measured_d4000n"].error, measured.column("d4000n_err").to_numpy(zero_copy_only=False)
    )
    assert found["hdelta_a" if "hdelta_a" in found else "lick_mgb"].unit == "angstrom"


def test_errors_that_a_catalog_lacks_are_those_of_the_measurement_where_asked(base):
    """Value of the catalog, error of the pixels; a hunt, which calibrates on the catalog, does not ask."""
    domain = domain_of(base)
    ids = base.rows(None, []).column("object_id").to_pylist()
    measured = domain.measurer.of_base(base, ids).column("d4000n_err").to_numpy(zero_copy_only=False)
    sources = {"d4000n": "catalog", "logmass": "catalog"}
    found = values_from(base, sources, domain, own_errors=True)
    rows = base.rows(None, ["d4000n"])
    assert_allclose(found["d4000n"].value, rows.column("d4000n").to_numpy())
    good = (measured > 0) & np.isfinite(found["d4000n"].value)
    assert good.any()
    assert_allclose(found["d4000n"].error[good], measured[good])
    assert found["d4000n"].error_column == "measured d4000n_err"
    assert not found["logmass"].error_column
    assert not values_from(base, sources, domain)["d4000n"].error_column
    some = ids[5:2:-1]
    part = values_from(base, sources, domain, some, own_errors=True)["d4000n"]
    assert_allclose(part.error, found["d4000n"].error[5:2:-1])


def test_a_sentence_uses_the_measured_errors_and_says_so(base):
    """An object just above a limit is not certain: P is the Gaussian tail of catalog value and measured error."""
    domain = domain_of(base)
    known = values_from(base, {"d4000n": "catalog"}, domain, own_errors=True)["d4000n"]
    i = int(np.nanargmax(known.error))
    limit = round(float(known.value[i] - known.error[i] / 2), 4)
    answers = base.search_text(f"D4000 > {limit}", threshold=0.0, top=N)
    ids = base.rows(None, []).column("object_id").to_pylist()
    [match] = [m for m in answers if m.object_id == ids[i]]
    expected = norm.cdf((known.value[i] - limit) / known.error[i])
    assert_allclose(match.probability, expected, atol=0.005)
    assert 0.6 < match.probability < 0.8
    assert any("of its measurement" in n for n in answers.provenance["notes"])


def test_a_hunt_in_words_is_the_hunt_by_its_condition(base, asked):
    """Quantiles of the base are numbers first; the class is its condition, and the parse is in the provenance."""
    limit = np.nanquantile(base.rows(None, ["d4000n"]).column("d4000n").to_numpy(), 0.75)
    said = base.hunt(asked, text="high D4000, z < 0.3")
    assert said.target.where == f"(d4000n > {limit:.4g}) AND (z < 0.3)"
    assert [a.probability for a in said] == [
        a.probability for a in base.hunt(asked, condition=said.target.where)
    ]
    assert said.provenance["read"][0] == ["high D4000", f"d4000n > {limit:.4g}   (upper 25% of the base)"]
    quiescent = base.hunt(asked.take([0]), text="quiescent")
    assert quiescent.target.where == "ha_ew < 3"
    assert "as new spectra have no label class_derived" in quiescent.provenance["read"][0][1]


def test_a_hunt_in_words_with_examples_is_the_hunt_by_them(base, asked):
    ids = base.embeddings().object_id[:2].tolist()
    said = base.hunt(asked, text=f"like {ids[0]} but unlike {ids[1]}")
    like = base.hunt(asked, like=[ids[0]], unlike=[ids[1]])
    assert [a.score for a in said] == [a.score for a in like]
    with pytest.raises(KnowledgeError, match="threshold"):
        base.hunt(asked, text=f"like {ids[0]}", threshold=0.3)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("spirals", "no number defines this class.*--target.*classify --label morph"),
        ("the 20 strongest Halpha", "asks for an order by ha_ew"),
        ("top 5 with D4000 > 1.5", "asks for 5, and every spectrum is answered"),
        ("Halpha emission", "how well a number is measured"),
        ("D4000 > 1.5, like {id}", "a condition and examples"),
        ("unlike {id}", "only counterexamples"),
    ],
)
def test_a_sentence_that_is_no_hunt_is_refused(base, asked, text, why):
    with pytest.raises(WordsError, match=why):
        base.hunt(asked.take([0]), text=text.format(id=base.embeddings().object_id[0]))


def test_a_sentence_stands_alone(base, asked):
    for other in ({"target": "liner"}, {"condition": "z > 1"}, {"like": ["a"]}):
        with pytest.raises(KnowledgeError, match="2 were given"):
            base.hunt(asked, text="z < 1", **other)
    with pytest.raises(TargetError, match="a text and a condition"):
        spectrove.hunt(base, asked, text="z < 1", condition="z > 1")
    with pytest.raises(KnowledgeError, match="search_text asks the base's own"):
        base.hunt(text="z < 1")


def test_an_unknown_name_is_refused_with_those_near_it(base):
    with pytest.raises(KnowledgeError, match=r"'hdelta': there is no such column.*did you mean hdelta_a"):
        base.hunt(base.spectra(base.embeddings().object_id[:1]), condition="hdelta > 4")
    with pytest.raises(KnowledgeError, match="describes the observation"):
        source_of(base, "plate", domain_of(base))


def test_a_hunt_by_numbers_answers_with_values_and_calibrated_probabilities(base, asked):
    """P goes with the catalog's own columns, which it never saw, and what is known of each column is told."""
    answers = base.hunt(asked, condition="d4000n > 1.4")
    value = truth_of(asked, "d4000n")
    p = np.array([a.probability for a in answers])
    known = np.isfinite(value)
    clear = [a for a in answers if not a.none_of_these]
    assert len(clear) > 12
    assert all(a.calibrated and a.interval[0] <= a.probability <= a.interval[1] for a in clear)
    assert np.mean((p - (value > 1.4))[known] ** 2) < 0.1
    for answer, listed in zip(answers.take(np.flatnonzero(known)), value[known].tolist(), strict=True):
        [told] = answer.values
        assert told["name"] == "d4000n"
        assert told["from"].startswith("own pixels")
        assert told["interval"][0] < told["value"] < told["interval"][1]
        assert abs(told["value"] - listed) < 0.25
    assert answers.target.where == "d4000n > 1.4"
    assert "meet the condition" in answers.calibration.sentence


def test_an_answer_reads_nothing_of_a_query_but_pixels_and_redshift(base, asked):
    """Catalog values of a query are changed, and nothing else changes."""
    rows = asked.rows
    for name in ("d4000n", "hdelta_a", "logmass"):
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, pa.array(np.full(len(asked), -99.0)))
    question = "d4000n > 1.4 AND hdelta_a < 4 AND logmass > 10"
    first, second = base.hunt(asked, condition=question), base.hunt(asked.with_rows(rows), condition=question)
    assert first.to_json() == second.to_json()


def test_a_column_that_pixels_do_not_give_comes_from_neighbours(base, asked):
    answers = base.hunt(asked, condition="logmass > 10.4")
    assert {v["from"] for a in answers for v in a.values} == {"neighbours"}
    assert {v["measured"] for a in answers for v in a.values} == {None}
    p = np.array([a.probability for a in answers])
    value = truth_of(asked, "logmass")
    assert p[value > 10.4].mean() > p[value <= 10.4].mean() + 0.3


def test_a_measured_column_has_no_calibration_and_says_why(base, asked):
    answers = base.hunt(asked, condition="lick_mgb > 2")
    assert not any(a.calibrated for a in answers)
    reasons = [a.reason_no_interval for a in answers if a.probability is not None and not a.none_of_these]
    assert reasons
    assert all("no catalog of the base has lick_mgb" in reason for reason in reasons)


def test_too_few_objects_on_one_side_leave_it_uncalibrated_with_the_numbers(base, asked):
    answers = base.hunt(asked, condition="d4000n > 50")
    assert "0 objects of the base meet the condition" in answers[0].reason_no_interval
    assert max(a.probability for a in answers) < 0.01
    with pytest.raises(TargetError, match="a prevalence is given, and no object"):
        base.hunt(asked, condition="d4000n > 50", prevalence=0.1)


def test_a_redshift_is_known_exactly_and_its_absence_is_no_false(base, asked):
    """z stands in conditions; the spectrum without one is refused by name, never false."""
    z = float(np.median(asked.z))
    answers = base.hunt(asked, condition=f"z > {z} AND d4000n > 0")
    assert [a.probability > 0.5 for a in answers] == (asked.z > z).tolist()
    rows = asked.rows
    place = rows.column_names.index("z")
    without = asked.with_rows(rows.set_column(place, "z", pa.array([None] * len(asked), pa.float64())))
    refused = base.hunt(without, condition="d4000n > 1.4")
    assert len(refused) == 0
    assert {r.name for r in refused.refusals} == set(asked.object_id.tolist())


def test_a_line_that_is_not_covered_is_estimated_from_neighbours(base, asked):
    """The red half is cut off: the break is measured, and a line there comes from neighbours with a wide error."""
    spectrum = asked[0]
    rest = spectrum.wavelength / (1 + spectrum.z)
    blind = replace(spectrum, ivar=np.where(rest > 6000, 0.0, spectrum.ivar))
    [answer] = base.hunt(blind, condition="d4000n > 1.4 AND ha_ew > 5")
    told = {v["name"]: v for v in answer.values}
    assert told["d4000n"]["measured"] is not None
    assert told["ha_ew"]["measured"] is None
    assert told["ha_ew"]["from"] in ("neighbours", "nothing")


def test_prevalence_threshold_and_k_are_honoured_and_metric_and_witness_refused(base, asked):
    plain = base.hunt(asked, condition="d4000n > 1.4")
    share = fit_of(base, condition_target("d4000n > 1.4")).share
    rare = base.hunt(asked, condition="d4000n > 1.4", prevalence=0.05)
    expected = at_prevalence(np.array([a.probability for a in plain]), share, 0.05)
    assert_allclose([a.probability for a in rare], expected, rtol=1e-9)
    at = base.hunt(asked, condition="d4000n > 1.4", threshold="f1").target.threshold
    assert 0 < at <= 0.5
    assert {len(a.neighbors) for a in base.hunt(asked, condition="d4000n > 1.4", k=4)} == {4}
    with pytest.raises(KnowledgeError, match="metric is 'linear'"):
        base.hunt(asked, condition="d4000n > 1.4", metric="linear")
    with pytest.raises(KnowledgeError, match="witness is 'bpt_nii'"):
        base.hunt(asked, condition="d4000n > 1.4", witness="bpt_nii")


def test_a_target_or_a_condition_is_given_not_both(base, asked):
    with pytest.raises(TargetError, match="both a target and a condition"):
        spectrove.hunt(base, asked, "liner", condition="d4000n > 1.4")
    with pytest.raises(TargetError, match="neither a target nor a condition"):
        spectrove.hunt(base, asked)
    with pytest.raises(KnowledgeError, match="2 were given"):
        base.hunt(asked, "liner", condition="d4000n > 1.4")


def test_the_answer_is_the_same_from_what_is_kept_and_in_another_order(base, asked, survey, tmp_path):
    """A base in a folder is asked, opened again and asked again."""
    spectrove.create(tmp_path / "kept.kb", survey.take(np.arange(N_BASE)), "pca", views={})
    first = spectrove.open(tmp_path / "kept.kb").hunt(asked, condition="d4000n > 1.4 AND lick_mgb > 1")
    again = spectrove.open(tmp_path / "kept.kb")
    second = again.hunt(asked.take(np.arange(len(asked))[::-1]), condition="d4000n > 1.4 AND lick_mgb > 1")
    assert [a.to_dict() for a in first] == [a.to_dict() for a in reversed(second.predictions)]


def test_an_object_of_the_base_is_answered_without_its_own_value(base):
    """It is none of its own neighbours."""
    name = base.embeddings().object_id[0]
    [plain] = base.hunt([name], condition="logmass > 10.4")
    assert name not in {vote.object_id for vote in plain.neighbors}


def test_an_object_of_the_base_is_answered_without_what_its_group_taught(base, asked):
    """Residuals and truth of its plate are made absurd: its answer stays, that of a new spectrum does not."""
    name = str(base.embeddings().object_id[0])
    answers = base.hunt([name], condition="logmass > 10.4")
    question = answers.question
    fit = question.fit
    own = fit.groups == fit.groups[fit.object_id == name][0]
    assert 1 < own.sum() < len(own) / 2
    columns = {}
    for key, column in fit.columns.items():
        part = column.column.residuals
        moved = replace(part, both=np.where(own, 9.0, part.both), near=np.where(own, 9.0, part.near))
        columns[key] = replace(column, column=replace(column.column, residuals=moved))
    false = replace(fit, columns=columns, truth=np.where(own, 1 - fit.truth, fit.truth))
    told = replace(question, fit=false, calibration=replace(question.calibration, fit=false))
    same, other = answers.spectra, asked.take([0])
    assert told.answer(same)[2][0].probability == answers[0].probability
    assert told.answer(other)[2][0].probability != question.answer(other)[2][0].probability


def test_values_whose_errors_are_missing_are_named_in_the_answer(survey, asked, tmp_path):
    """Every third mass has no error in a column that has some: a typical one is taken, and the answer says so."""
    rows, n = survey.rows, N_BASE
    errors = pa.array([None if i % 3 == 0 else 0.1 + 0.001 * (i % 7) for i in range(N)])
    some = survey.with_rows(rows.append_column("logmass_err", errors)).take(np.arange(n))
    base = spectrove.create(tmp_path / "errors.kb", some, "pca", views={})[0]
    found = quantity_values(base, ["logmass"], domain_of(base))["logmass"]
    without = base.rows(None, ["logmass_err"]).column("logmass_err").is_null().to_numpy()
    assert found.estimated.tolist() == (without & np.isfinite(found.value)).tolist()
    assert_allclose(found.error[found.estimated], np.nanquantile(found.given_error, 0.84))
    answers = base.hunt(asked.take([0]), condition="logmass > 10.4")
    assert f"logmass has no error for {found.estimated.sum()} of" in answers.calibration.sentence
    assert answers.calibration.about["notes"]


def test_an_answer_can_be_explained_and_written(base, asked):
    answers = base.hunt(asked, condition="d4000n > 1.4")
    evidence = answers.explain(0)
    assert "values" in evidence.to_dict()["answer"]
    assert evidence.panels.figures[0].name == "values"
    assert evidence.panels.figures[0].draw(None).axes
    assert "d4000n" in evidence.panels.own
    row = json.loads(answers.to_json().splitlines()[0])
    assert set(row["values"][0]) == {"name", "value", "interval", "unit", "from", "measured", "neighbours"}
    assert len(answers.to_table()) == len(asked)


def test_targets_with_a_condition_are_read_from_files(tmp_path):
    (tmp_path / "mine.toml").write_text('name = "mine"\nwhere = "a > 4 AND b < 3"\npositive = "strong one"\n')
    target = spectrove.load_target(tmp_path / "mine.toml")
    assert (target.positive, target.k, target.label) == ("strong one", 10, "a > 4 AND b < 3")
    assert Target.model_validate(target.model_dump()) == target


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x"', "neither `where`"),
        ('name = "x"\nwhere = "a > 1"\nlabel = "b"', "both `where` and `label`"),
        ('name = "x"\nwhere = "a > 1"\nclasses = { a = ["1"] }', "both `where` and `classes`"),
        ('name = "x"\nwhere = "a >"', "'>' at character 3"),
        ('name = "x"\nwhere = "a = 1"', "no probability for a number with an error"),
        ('name = "x"\nwhere = "a IS NULL"', "put it into `filter`"),
        ('name = "x"\nwhere = "a > 1"\nlines = "bpt_nii"', "`lines` has no part"),
        ('name = "other"\nwhere = "a > 1"', "give `positive`"),
    ],
)
def test_a_wrong_target_says_what_is_wrong(tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(TargetError, match=said):
        spectrove.load_target(tmp_path / "mine.toml")


def test_stored_measurements_are_used_and_change_nothing(survey, asked, tmp_path):
    """`kb measure` beforehand: the same answers."""
    plain, _ = spectrove.create(tmp_path / "plain.kb", survey.take(np.arange(60)), "pca", views={})
    stored, _ = spectrove.create(tmp_path / "stored.kb", survey.take(np.arange(60)), "pca", views={})
    table = domain_of(stored).measurer.of_base(stored, stored.rows(None, []).column("object_id").to_pylist())
    named = ["object_id", *(f"measured_{name}" for name in table.column_names[1:])]
    stored.add_columns(table.rename_columns(named), "measured")
    question = "d4000n > 1.4 AND lick_mgb > 1"
    first, second = (b.hunt(asked, condition=question).to_dicts() for b in (plain, stored))
    assert_allclose([a["probability"] for a in first], [a["probability"] for a in second])
