"""What is scored was not learned from: folds of plates, a PCA per fold, and training ids left out."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove.encoders import EncoderRecipe, save_encoder
from spectrove.encoders.recipe import PcaRecipe
from spectrove.evaluation import classes
from spectrove.galaxies.mock import make_survey
from spectrove.preprocess import PreprocessRecipe, prepare
from spectrove.training import fit_pca

RECIPE = EncoderRecipe(
    name="small", kind="pca", pca=PcaRecipe(n_components=5, iterations=2),
    preprocess=PreprocessRecipe(n_pixels=200, scale="continuum", continuum_width=0.02, softening=0.3),
)  # fmt: skip
TASK = {"5-class": classes.TASKS["5-class"]}


@pytest.fixture(scope="module")
def survey():
    return make_survey(120, seed=31)


@pytest.fixture(scope="module")
def fitted(survey):
    return fit_pca(RECIPE, prepare(survey, RECIPE.preprocess)[0])


@pytest.fixture
def small(fitted, tmp_path):
    return str(save_encoder(fitted, tmp_path / "small"))


def measure(survey, encoder, **options):
    said = {"folds": 3, "group": "plate", "seeds": 1, "k": 3} | options
    return classes.cross_validate(survey, encoder, TASK, **said)


def test_a_pca_sees_the_plates_of_its_fold_and_no_others(survey, small, monkeypatch):
    """And each base holds those plates alone: what is asked about stood in neither."""
    plates = dict(zip(survey.object_id.tolist(), survey.column("plate"), strict=True))
    learned, held, asked = [], [], []

    def fit(recipe, prepared, **more):
        learned.append({plates[i] for i in prepared.object_id.tolist()})
        return fit_pca(recipe, prepared, **more)

    def outcomes(spectra, prepared, encoder, fold, *more):
        held.append({plates[i] for i in spectra.object_id[fold.base].tolist()})
        asked.append({plates[i] for i in spectra.object_id[fold.queries].tolist()})
        return original(spectra, prepared, encoder, fold, *more)

    original = classes._fold_outcomes
    monkeypatch.setattr(classes, "fit_pca", fit)
    monkeypatch.setattr(classes, "_fold_outcomes", outcomes)
    measure(survey, small)
    assert len(learned) == 3
    assert learned == held
    assert all(not known & queries for known, queries in zip(learned, asked, strict=True))
    assert set.union(*asked) == set(plates.values())


def test_answers_depend_on_the_label_of_no_query(survey, small, monkeypatch):
    """No query has a label when its neighbours are asked for; given a wrong one there, the answers stay."""
    (honest,) = measure(survey, small)[0]["5-class", "votes", "as observed"]
    search = classes.KnowledgeBase.search

    def lied_to(self, query, k=None, *, spectra, **more):
        assert "class_derived" not in spectra.rows.column_names
        lies = spectra.rows.append_column("class_derived", [["LINER"] * len(spectra)])
        return search(self, query, k, spectra=spectra.with_rows(lies), **more)

    monkeypatch.setattr(classes.KnowledgeBase, "search", lied_to)
    (deceived,) = measure(survey, small)[0]["5-class", "votes", "as observed"]
    assert np.array_equal(honest.predicted, deceived.predicted)
    assert len(set(honest.predicted.tolist())) > 1


def test_a_trained_encoder_is_not_asked_about_what_it_was_trained_on(survey, fitted, monkeypatch):
    """Here an encoder of another kind than `pca` is used as it is."""

    class Fixed:
        training_ids = frozenset(survey.object_id[:70].tolist())
        name, fingerprint, preprocess, columns = "net", "f", fitted.preprocess, ()
        prepare, encode = staticmethod(fitted.prepare), staticmethod(fitted.encode)

        class recipe:
            kind = "masked_transformer"

    monkeypatch.setattr(classes, "load_encoder", lambda name: Fixed())
    outcomes, note = measure(survey, "net")
    labelled = sum(c is not None for c in survey.take(np.arange(70, len(survey))).column("class_derived"))
    assert len(outcomes["5-class", "votes", "as observed"][0].truth) == labelled
    assert "70 objects it was trained on are not scored" in note
