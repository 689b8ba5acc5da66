"""Several views and the metric through the whole path, on a small survey whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spectrove import pipeline
from spectrove.encoders import EncoderRecipe
from spectrove.encoders.recipe import PcaRecipe
from spectrove.errors import FingerprintError
from spectrove.galaxies.mock import load_recipe, make_survey
from spectrove.pipeline.shipped import load_target
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.targets import Target
from spectrove.training import fit_pca

SURVEY = load_recipe().model_copy(
    update={"shares": {"SF": 0.3, "LINER": 0.35, "Seyfert": 0.1, "quiescent": 0.25}}
)


def small_encoder(spectra, name, n_pixels, n_components=8):
    recipe = EncoderRecipe(
        name=name,
        kind="pca",
        preprocess=PreprocessRecipe(
            n_pixels=n_pixels, scale="continuum", continuum_width=0.02, softening=0.3
        ),
        pca=PcaRecipe(n_components=n_components, iterations=4),
    )
    return fit_pca(recipe, prepare(spectra, recipe.preprocess)[0])


@pytest.fixture(scope="module")
def survey():
    return make_survey(120, recipe=SURVEY, seed=31)


@pytest.fixture(scope="module")
def queries():
    return make_survey(40, recipe=SURVEY, seed=32)


@pytest.fixture(scope="module")
def encoders(survey):
    return {"shape": small_encoder(survey, "fine", 400), "coarse": small_encoder(survey, "coarse", 100, 4)}


@pytest.fixture(scope="module")
def base(tmp_path_factory, survey, encoders):
    path = tmp_path_factory.mktemp("views") / "survey.kb"
    views = {"coarse": encoders["coarse"]}
    return pipeline.create(path, pipeline.in_batches(survey, 50), encoders["shape"], views=views)[0]


LINER = Target(**{**load_target("liner").model_dump(), "views": {"shape": 1.0, "coarse": 0.5}})


class Picky:
    """An encoder that gives no finite vector for some objects."""

    def __init__(self, encoder, refused):
        self.encoder, self.refused = encoder, refused

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def encode(self, prepared):
        made = self.encoder.encode(prepared)
        made.vectors[np.isin(made.object_id, self.refused)] = np.nan
        return made


def test_a_base_has_the_views_it_was_made_with(base, survey, encoders):
    views = base.info()["views"]
    assert {name: view["rows"] for name, view in views.items()} == {"shape": 120, "coarse": 120}
    assert base.fingerprints == {view: encoder.fingerprint for view, encoder in encoders.items()}
    assert base.encoders == {"shape": "fine", "coarse": "coarse"}


def test_a_hunt_in_two_views_embeds_both_and_says_which(base, queries, encoders):
    answers = pipeline.hunt(base, queries, LINER, encoder=encoders, metric="none")
    assert answers.neighbors.weights == {"shape": 1.0, "coarse": 0.5}
    evidence = pipeline.explain(base, answers, 0, target=LINER)
    said = json.loads(json.dumps(evidence.to_dict()["provenance"]))
    assert (said["view"], said["view_weights"]) == ("shape + coarse", {"shape": 1.0, "coarse": 0.5})
    assert said["metric"] == {"name": "none"}
    with pytest.raises(FingerprintError, match="view coarse"):
        pipeline.hunt(base, queries, LINER, encoder=encoders | {"coarse": encoders["shape"]})


def test_the_metric_and_its_figures_are_told_with_the_answer(base, queries, encoders):
    answers = pipeline.classify(base, queries, "class_derived", encoder=encoders, metric="linear")
    assert {p.to_dict()["metric"] for p in answers.predictions} == {"linear"}
    metric = pipeline.explain(base, answers).to_dict()["provenance"]["metric"]
    assert metric["name"] == "linear"
    assert metric["label"] == "class_derived"
    assert 0 < metric["plain_f1"] < 1
    plain = pipeline.classify(base, queries, "class_derived", encoder=encoders, metric="none")
    assert {p.to_dict()["metric"] for p in plain.predictions} == {"none"}
    truth = dict(zip(queries.object_id.tolist(), queries.column("class_derived"), strict=True))
    right = [
        sum(p.value == truth[p.object_id] for p in a.predictions if truth[p.object_id])
        for a in (answers, plain)
    ]
    assert right[0] >= right[1] - 3


def test_a_spectrum_that_a_further_view_refuses_is_kept_and_flagged_but_not_asked_with(
    survey, encoders, tmp_path
):
    """In the base it lacks that view; as a query of that view it is refused by name."""
    names = survey.object_id[[2, 5]].tolist()
    picky = Picky(encoders["coarse"], names)
    base, refused = pipeline.create(
        tmp_path / "x.kb", [survey.take(np.arange(60))], encoders["shape"], views={"coarse": picky}
    )
    assert not refused
    assert len(base) == 60
    assert sorted(base.rows("array_has(flags, 'view_missing')").column("object_id").to_pylist()) == sorted(
        names
    )
    asked = survey.take(np.arange(10))
    answers = pipeline.hunt(base, asked, LINER, encoder={"shape": encoders["shape"], "coarse": picky})
    assert [r.name for r in answers.refusals] == names
    assert "view coarse: " in answers.refusals[0].error
    assert len(answers.predictions) == 8
    assert not set(names) & set(answers.neighbors.object_id.ravel())
    assert len(pipeline.classify(base, asked, "class_derived", encoder=encoders).predictions) == 10


def test_a_view_added_from_the_stored_spectra_is_as_if_it_had_been_there(
    base, survey, queries, encoders, tmp_path
):
    """And other encoders for both views come and go with the versions."""
    later, _ = pipeline.create(tmp_path / "x.kb", [survey], encoders["shape"], views={})
    before = later.version
    told = []
    assert pipeline.reencode(later, {"coarse": encoders["coarse"]}, progress=told.append) == []
    assert told == [120]
    ask = {"encoder": encoders, "metric": "none"}
    first, second = (pipeline.hunt(b, queries, LINER, **ask) for b in (base, later))
    assert [p.to_dict() for p in first.predictions] == [p.to_dict() for p in second.predictions]
    pipeline.reencode(later, {"shape": encoders["coarse"]})
    assert later.encoders == {"shape": "coarse", "coarse": "coarse"}
    later.rollback(before)
    assert later.encoders == {"shape": "fine"}
    assert later.fingerprints == {"shape": encoders["shape"].fingerprint}


def test_an_interrupted_reencode_goes_on_where_it_was(survey, encoders, tmp_path, monkeypatch, caplog):
    """Blocks that are done are not encoded again, until an object goes; the views are as if nothing had happened."""
    from spectrove.pipeline import build

    monkeypatch.setattr(build, "BATCH", 50)
    encode, asked = build.vectors_of, []

    def counted(spectra, encoder):
        asked.append(len(spectra))
        if len(asked) == 3:
            raise KeyboardInterrupt
        return encode(spectra, encoder)

    part = survey.take(np.arange(119))
    once, _ = pipeline.create(tmp_path / "once.kb", [part], encoders["shape"], views={})
    pipeline.reencode(once, {"coarse": encoders["coarse"]})
    base, _ = pipeline.create(tmp_path / "x.kb", [part], encoders["shape"], views={})
    monkeypatch.setattr(build, "vectors_of", counted)
    with pytest.raises(KeyboardInterrupt):
        pipeline.reencode(base, {"coarse": encoders["coarse"]})
    assert base.views == ("shape",)
    told = []
    pipeline.reencode(base, {"coarse": encoders["coarse"]}, progress=told.append)
    assert asked == [50, 50, 19, 19]
    assert told == [50, 50, 19]
    assert not caplog.records
    for view in ("shape", "coarse"):
        np.testing.assert_array_equal(base.embeddings(view).vectors, once.embeddings(view).vectors)
    assert base.files.names("reencode") == []

    asked.clear()
    with pytest.raises(KeyboardInterrupt):
        pipeline.reencode(base, {"coarse": encoders["coarse"]})
    base.delete(f"object_id = '{part.object_id[0]}'")
    pipeline.reencode(base, {"coarse": encoders["coarse"]})
    assert asked[3:] == [50, 50, 18]
    assert "the base has changed since" in caplog.text
