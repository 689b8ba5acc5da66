"""A hunt for lenses counts the lines of a second galaxy, with what the base's galaxies leave in common taken off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from experiments.samples.injected import with_lenses
from spectrove import pipeline
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.lenses import signs
from spectrove.galaxies.lenses.signs import SECOND_REDSHIFT, common_residuals_for
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.inference import calibration_for, metric_for
from spectrove.inference.calibration import of_base as calibrating
from spectrove.inference.pool import Pool
from spectrove.inference.terms import terms_of
from spectrove.pipeline.shipped import load_target

TARGET = load_target("strong_lens")


@pytest.fixture(scope="module")
def hosts():
    recipe = load_recipe("train").model_copy(update={"shares": {"red": 1.0}})
    return make_survey(180, recipe=recipe, seed=2950)


@pytest.fixture(scope="module")
def base(hosts, tmp_path_factory):
    known = with_lenses(hosts.take(np.arange(140)), 3, line_sn_range=(5.0, 15.0))
    return pipeline.create(tmp_path_factory.mktemp("signs") / "lens.kb", pipeline.in_batches(known), "base")[
        0
    ]


@pytest.fixture(scope="module")
def queries(hosts):
    controls = hosts.take(np.arange(140, 180))
    lenses = with_lenses(controls, 5, share=1.0, line_sn_range=(12.0, 25.0))
    return controls, lenses.take(np.array(lenses.column("lens")) == "lens")


def probabilities(answers):
    return np.array([p.probabilities["lens"] for p in answers.predictions])


def test_second_redshifts_count_and_find_more(base, queries):
    without = TARGET.model_copy(update={"signs": ()})
    answers = [pipeline.hunt(base, q, TARGET) for q in queries]
    plain = [pipeline.hunt(base, q, without) for q in queries]
    assert answers[0].calibration.calibration.report.witnesses == SECOND_REDSHIFT
    assert "second redshift" in answers[0].calibration.sentence
    assert plain[0].calibration.calibration.report.witnesses == ()
    assert (
        answers[0].calibration.calibration.report.log_loss < plain[0].calibration.calibration.report.log_loss
    )
    assert (probabilities(answers[1]) > 0.5).mean() > 0.8
    assert (probabilities(answers[0]) > 0.5).mean() < 0.1


def test_what_was_learned_is_kept_with_the_base(base, monkeypatch):
    first = common_residuals_for(base, target=TARGET)
    assert first.whole is not None
    assert len(list((base.path / "residuals").glob("*.safetensors"))) == 1
    monkeypatch.setattr(signs, "_learn", lambda *_: pytest.fail("learned again"))
    again = common_residuals_for(type(base).open(base.path), target=TARGET)
    for one, other in zip((first.whole, *first.folds), (again.whole, *again.folds), strict=True):
        for name, array in one.to_arrays().items():
            np.testing.assert_array_equal(other.to_arrays()[name], array)
    np.testing.assert_array_equal(again.object_id, first.object_id)
    np.testing.assert_array_equal(again.fold, first.fold)


def test_a_kept_calibration_answers_as_the_fitted_one(base, queries, monkeypatch):
    said = probabilities(pipeline.hunt(base, queries[1], TARGET))
    monkeypatch.setattr(calibrating, "_fit", lambda *_: pytest.fail("fitted again"))
    again = pipeline.hunt(type(base).open(base.path), queries[1], TARGET)
    assert again.calibration.calibration.report.witnesses == SECOND_REDSHIFT
    np.testing.assert_array_equal(probabilities(again), said)


def test_signs_speak_for_the_hunted_class_wherever_it_stands(base, queries):
    """The first class of the shipped target is the hunted one."""
    turned = TARGET.model_copy(update={"classes": {"none": ("none",), "lens": ("lens",)}})
    np.testing.assert_allclose(
        probabilities(pipeline.hunt(base, queries[1], turned)),
        probabilities(pipeline.hunt(base, queries[1], TARGET)),
        atol=1e-6,
    )


def test_nobody_has_a_part_in_what_it_is_asked_with(base, hosts):
    """With one object's pixels changed the fold without it stays the same, and the others do not."""
    residuals = common_residuals_for(base, target=TARGET)
    changed = str(residuals.object_id[7])
    fold = int(residuals.fold[7])
    known = base.spectra(base.searched(target=TARGET).object_id.tolist())
    i = known.object_id.tolist().index(changed)
    flux = known.flux.copy()
    flux[known.offsets[i] : known.offsets[i + 1]] *= np.linspace(0.5, 1.5, np.diff(known.offsets)[i])
    other = pipeline.create("memory://base", [replace(known, flux=flux)], "base")[0]
    again = common_residuals_for(other, target=TARGET)
    same = [np.array_equal(a.mean, b.mean) for a, b in zip(residuals.folds, again.folds, strict=True)]
    assert same == [f == fold for f in range(len(same))]
    assert not np.array_equal(residuals.whole.mean, again.whole.mean)


def test_an_object_is_known_by_its_id_and_by_its_place(base):
    residuals = common_residuals_for(base, target=TARGET)
    spectra = base.spectra(residuals.object_id[:3].tolist())
    assert_folds = residuals.fold[:3].tolist()
    assert residuals._own_folds(spectra).tolist() == assert_folds
    renamed = replace(spectra, object_id=np.array(["a", "b", "c"]))
    assert residuals._own_folds(renamed).tolist() == assert_folds
    elsewhere = renamed.rows.set_column(
        renamed.rows.column_names.index("dec"), "dec", pa.array([-80.0, -81.0, -82.0], pa.float64())
    )
    assert residuals._own_folds(renamed.with_rows(elsewhere)).tolist() == [-1, -1, -1]


def test_no_label_of_a_query_has_a_part(base, queries):
    rows = queries[1].rows
    for name in rows.column_names:
        if name == "lens" or name.startswith("truth_"):
            place, kind = rows.column_names.index(name), rows.schema.field(name).type
            values = ["none"] * len(rows) if name == "lens" else [None] * len(rows)
            rows = rows.set_column(place, name, pa.array(values, kind))
    assert rows != queries[1].rows
    said = probabilities(pipeline.hunt(base, queries[1], TARGET))
    np.testing.assert_array_equal(
        probabilities(pipeline.hunt(base, queries[1].with_rows(rows), TARGET)), said
    )


def test_one_field_of_the_sky_is_parted_by_object(hosts):
    known = with_lenses(hosts.take(np.arange(80)), 3, line_sn_range=(8.0, 40.0))
    rows = known.rows
    for name in ("ra", "dec"):
        here = 10 + np.arange(len(rows)) * 5e-4
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(here, pa.float64()))
    field = pipeline.create("memory://base", [known.with_rows(rows)], "base")[0]
    residuals = common_residuals_for(field, target=TARGET)
    assert residuals.whole is not None
    assert len(residuals.folds) == len(set(residuals.fold.tolist()))


def test_a_base_of_few_galaxies_still_answers(hosts):
    known = with_lenses(hosts.take(np.arange(55)), 3, line_sn_range=(8.0, 40.0))
    small = pipeline.create("memory://base", pipeline.in_batches(known), "base")[0]
    residuals = common_residuals_for(small, target=TARGET)  # enough for all together, not without a fold
    assert residuals.whole is None
    assert residuals.folds == ()
    assert len(residuals.signs(hosts.take(np.arange(3)))) == 3
    pool = Pool.of(small, target=TARGET)
    using = calibration_for(pool, metric=metric_for(pool, group="plate"), terms=terms_of(GALAXIES, pool))
    assert using.reason
    answers = pipeline.hunt(small, hosts.take(np.arange(55, 59)), TARGET)
    assert len(answers.predictions) == 4
