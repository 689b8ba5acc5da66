"""Hunts by example over a base: which examples are used, what is answered, and that no label is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import KnowledgeError
from spectrove.galaxies.mock import make_survey
from spectrove.pipeline import create, hunt_like
from spectrove.pipeline.base import Base
from spectrove.pipeline.given import given_examples
from spectrove.pipeline.verbs import VERBS


@pytest.fixture(scope="module")
def survey():
    return make_survey(120, seed=8)


@pytest.fixture(scope="module")
def base(survey, tmp_path_factory):
    """Of all of them but the last twenty, without labels in its rows but those of the survey."""
    path = tmp_path_factory.mktemp("by example") / "some.kb"
    create(path, [survey.take(np.arange(100))], "pca")
    return Base.open(path)


def red(survey, n):
    """Ids of the first n quiescent galaxies of the base."""
    found = [i for i, c in enumerate(survey.column("class_derived")[:100]) if c == "quiescent"]
    return survey.object_id[found[:n]].tolist()


def test_the_most_alike_come_first_and_no_example_is_among_them(base, survey):
    like = red(survey, 3)
    answers = base.hunt(survey, like=like)
    assert len(answers) == len(survey) - 3
    assert not set(like) & set(answers.spectra.object_id.tolist())
    scores = [a.score for a in answers]
    assert scores == sorted(scores, reverse=True)
    assert set(like) <= set(base.hunt(survey, like=like, allow_self=True).spectra.object_id.tolist())


def test_red_galaxies_are_found_from_three(base, survey):
    """Against their share of the survey."""
    answers = base.hunt(survey, like=red(survey, 3))
    is_red = np.array([c == "quiescent" for c in answers.spectra.column("class_derived")])
    assert is_red[:10].mean() > 2 * is_red.mean()


def test_the_base_alone_can_be_hunted(base, survey):
    """With the vectors that it has: the same scores as for the same spectra, encoded again."""
    like = red(survey, 3)
    own = base.hunt(like=like, top=10)
    asked = base.hunt(base.spectra(own.spectra.object_id), like=like)
    assert len(own) == 10
    assert_allclose([a.score for a in own], [a.score for a in asked], rtol=1e-3)


def test_answers_have_the_columns_of_hunt_like(base, survey):
    """Those of its verb; the distance in regions only where regions were asked for."""
    verb = VERBS["hunt_like"]
    plain = base.hunt(like=red(survey, 3), top=5).to_dicts()
    regions = base.hunt(like=red(survey, 3), region=["Halpha"], top=5).to_dicts()
    assert set(plain[0]) == set(verb.columns) - {"region_distance"}
    assert set(regions[0]) == set(verb.columns)


def test_labels_of_the_base_are_not_read(survey, tmp_path):
    """Shuffled, they change nothing."""
    some = survey.take(np.arange(60))
    order = np.random.default_rng(0).permutation(60)
    place = some.rows.column_names.index("class_derived")
    column = some.rows.column("class_derived").take(order)
    other = some.with_rows(some.rows.set_column(place, "class_derived", column))
    like, asked = red(survey, 3), survey.take(np.arange(100, 120))
    found = []
    for i, spectra in enumerate((some, other)):
        base, _ = create(tmp_path / f"{i}.kb", [spectra], "pca")
        found.append([a.to_dict() for a in hunt_like(base, asked, like)])
    assert found[0] == found[1]


def test_examples_that_cannot_be_used_are_named_and_the_rest_goes_on(base, survey):
    a, b, c, d = red(survey, 4)
    answers = base.hunt(like=[a, b, c, d, "no-such-object"], unlike=[d], top=5)
    said = " ".join(answers.examples.cautions)
    assert "no-such-object: neither a file" in said
    assert f"{d}: given as like and as unlike" in said
    assert answers.examples.given.yes_id == (a, b, c)
    assert answers.examples.given.no_id == ()


def test_examples_among_the_spectra_are_named_and_a_file_is_what_it_holds(base, survey, tmp_path):
    """The same path with another spectrum is another example; one given twice counts once."""
    ids = red(survey, 3)
    some = survey.take(np.flatnonzero(np.isin(survey.object_id, ids)))
    answers = base.hunt(survey, like=[*ids, ids[0]])
    assert answers.provenance["not_ranked"].split(",") == some.object_id.tolist()
    assert f"{ids[0]}: given more than once" in " ".join(answers.examples.cautions)
    assert not answers.examples.unused
    path, scores = tmp_path / "example.txt", []
    for one in (some[0], survey[next(i for i, c in enumerate(survey.column("class_derived")) if c == "SF")]):
        table = np.column_stack([one.wavelength, one.flux, 1 / np.sqrt(np.maximum(one.ivar, 1e-9))])
        np.savetxt(path, table, header="wavelength flux error")
        like = replace(base.spectra([ids[0]]), object_id=np.array(["x"]))
        scores.append(identity_of(base, [str(path), like]))
    assert scores[0] != scores[1]
    assert identity_of(base, [str(path), like]) == scores[1]


def identity_of(base, like):
    return given_examples(base, like).identity


def test_nothing_usable_is_refused_with_the_reasons(base):
    with pytest.raises(KnowledgeError, match="no positive example could be used: example nowhere: neither"):
        base.hunt(like="nowhere")


def test_one_example_and_identical_ones_are_said_so(base, survey):
    first = red(survey, 1)[0]
    one = base.hunt(like=first, top=3)
    assert "cannot say what matters" in one.examples.cautions[0]
    twin = base.spectra([first])
    copies = replace(twin, object_id=np.array(["copy"]))
    same = base.hunt(like=[first, copies], top=3)
    assert "the same spectrum" in " ".join(same.examples.cautions)


def test_an_example_like_nothing_known_is_said_so(base, survey):
    """A spectrum with waves that none has; ordinary ones of the base are not."""
    first = red(survey, 3)
    odd = base.spectra([first[0]])
    turned = replace(odd, object_id=np.array(["odd"]), flux=odd.flux * (1 + 3 * np.sin(odd.wavelength / 40)))
    said = " ".join(base.hunt(like=[*first[1:], turned], top=3).examples.cautions)
    assert "odd is farther from everything known" in said
    assert "farther from everything" not in " ".join(base.hunt(like=first, top=3).examples.cautions)


def test_unlike_pushes_away(base, survey):
    """The best answer, called unlike, takes those like it down."""
    like = red(survey, 3)
    best = base.hunt(like=like, top=1).spectra.object_id[0]
    before = {a.object_id: a.score for a in base.hunt(survey, like=like)}
    after = {a.object_id: a.score for a in base.hunt(survey, like=like, unlike=[best], allow_self=True)}
    assert after[best] < before[best]


def test_a_target_and_examples_together_are_refused(base, survey):
    with pytest.raises(KnowledgeError, match="2 were given"):
        base.hunt(survey, "liner", like=red(survey, 1))
    with pytest.raises(KnowledgeError, match="none was given"):
        base.hunt(survey)


def test_a_prevalence_replaces_the_share(base, survey):
    like = red(survey, 3)
    answers = base.hunt(like=like, prevalence=0.4, top=3)
    share = answers.examples.model.share
    assert share.value == share.low == share.high == pytest.approx(0.4)
    model = answers.examples.model
    every = model.background.of(np.arange(len(model.background)))
    assert model.probability(every).mean() == pytest.approx(0.4, abs=0.03)


def test_an_answer_is_explained(base, survey):
    answers = base.hunt(like=red(survey, 3), top=2)
    evidence = answers.explain(0)
    assert evidence.object_id == answers[0].object_id
    assert {n.label for n in evidence.neighbors} == {"like"}


def test_own_lines_find_a_class_of_the_diagram_that_vectors_hardly_show(base, survey):
    """Composites from three: more among the first ten than without their lines; pixels alone decide, not the row."""
    classes = np.array([c or "" for c in survey.column("bpt_class")])
    like = survey.object_id[np.flatnonzero(classes[:100] == "Composite")[:3]].tolist()
    found = {}
    for witness in ("auto", "none"):
        answers = base.hunt(survey, like=like, witness=witness)
        found[witness] = np.mean([c == "Composite" for c in answers.spectra.column("bpt_class")[:10]])
    assert found["auto"] > found["none"]
    bare = survey.with_rows(survey.rows.select(["flags", "z"]))
    told = {a.object_id: a.score for a in base.hunt(bare, like=like)}
    assert_allclose(
        [told[a.object_id] for a in base.hunt(survey, like=like)], sorted(told.values(), reverse=True)
    )


def test_an_unknown_witness_is_named(base, survey):
    with pytest.raises(
        KnowledgeError, match="witness is 'radio', expected one of those of galaxies: bpt_nii"
    ):
        base.hunt(survey, like=red(survey, 3), witness="radio")
