"""A hunt for lenses counts the lines of a second galaxy, with what the base's galaxies leave in common taken off."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove import pipeline
from spectrove.evaluation.injected import with_lenses
from spectrove.inference import calibration_for, metric_for, signs
from spectrove.inference.signs import SECOND_REDSHIFT, common_residuals_for
from spectrove.mock import load_recipe, make_survey
from spectrove.targets import load_target

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
    without = TARGET.model_copy(update={"second_redshift": False})
    answers = [pipeline.hunt(base, q, TARGET) for q in queries]
    plain = [pipeline.hunt(base, q, without) for q in queries]
    assert answers[0].calibration.calibration.report.signs == SECOND_REDSHIFT
    assert "second redshift" in answers[0].calibration.sentence
    assert plain[0].calibration.calibration.report.signs == ()
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
    np.testing.assert_array_equal(again.whole.mean, first.whole.mean)
    assert again.fold_of == first.fold_of


def test_an_object_of_the_base_is_asked_with_what_others_have_in_common(base):
    residuals = common_residuals_for(base, target=TARGET)
    name, fold = next(iter(residuals.fold_of.items()))
    spectra = base.spectra([name])
    own = residuals.second_redshifts(spectra)[name][0].score
    alone = signs.find_in(spectra, 3, residuals.folds[fold])[name][0].score
    assert own == alone


def test_no_label_of_a_query_has_a_part(base, queries):
    _, lenses = queries
    said = pipeline.hunt(base, lenses, TARGET)
    bare = (
        lenses.with_columns({"lens": ["none"] * len(lenses)}) if hasattr(lenses, "with_columns") else lenses
    )
    np.testing.assert_array_equal(probabilities(pipeline.hunt(base, bare, TARGET)), probabilities(said))


def test_a_base_of_few_galaxies_still_answers(hosts, tmp_path):
    known = with_lenses(hosts.take(np.arange(40)), 3, line_sn_range=(8.0, 40.0))
    small = pipeline.create(tmp_path / "small.kb", pipeline.in_batches(known), "base")[0]
    residuals = common_residuals_for(small, target=TARGET)
    assert residuals.whole is None
    assert len(residuals.signs(hosts.take(np.arange(3)))) == 3
    using = calibration_for(small, metric=metric_for(small, target=TARGET), target=TARGET)
    assert using.reason
    answers = pipeline.hunt(small, hosts.take(np.arange(40, 44)), TARGET)
    assert len(answers.predictions) == 4
