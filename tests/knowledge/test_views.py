"""Bases with several views: one distance in all of them, views added later, objects that lack one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.embeddings import Embeddings
from spectrove.errors import FingerprintError, KnowledgeError, TargetError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.classwise import Among
from spectrove.targets import Target

BOTH = {"shape": 1.0, "surprise": 1.0}
TARGET = Target(
    name="hunt",
    label="class_derived",
    positive="LINER",
    classes={"LINER": ["LINER"], "other": ["*"]},
    views={"shape": 2.0, "surprise": 0.5},
)


@pytest.fixture
def surprise(make_vectors):
    """Vectors of a second view, for any ids."""

    def make(ids, seed=1, fingerprint="surprise00000000"):
        return make_vectors(ids, seed=seed, dimensions=3, fingerprint=fingerprint)

    return make


@pytest.fixture
def two(tmp_path, ids, make_spectra, make_vectors, surprise):
    """Forty objects in two views; the last three have no vector in the second."""
    views = {"shape": make_vectors(ids), "surprise": surprise(ids[:37])}
    return KnowledgeBase.create(tmp_path / "two.kb", make_spectra(ids), views, encoder="made-up")


def queries(make_vectors, surprise, n=5):
    names = [f"q{i}" for i in range(n)]
    return {"shape": make_vectors(names, seed=8), "surprise": surprise(names, seed=9)}


def by_hand(base, query, weights):
    """Distances (n_queries, n_objects) of the objects that have every view, in the order of their ids."""
    known = {view: base.embeddings(view) for view in weights}
    shared = sorted(set.intersection(*(set(e.object_id.tolist()) for e in known.values())))
    total = np.zeros((len(query["shape"]), len(shared)))
    for view, weight in weights.items():
        index = np.searchsorted(known[view].object_id, shared)
        step = query[view].vectors[:, None].astype(float) - known[view].vectors[index].astype(float)
        total += weight * (step**2).sum(axis=2) / base.scale_of(view) ** 2
    return np.array(shared), np.sqrt(total)


# --- searching several ---------------------------------------------------------------------------------------


def test_reference_objects_are_placed_by_the_weights_of_each_question(two, ids, make_vectors, surprise):
    """Two questions with other weights in one process: the second is not measured in the space of the first."""
    query, among = queries(make_vectors, surprise), Among(np.array(ids[:20]))

    def distances(base, weights):
        return base.search_by_class(query, 3, labelled="class_derived", view=weights, among=among).distance

    distances(two, BOTH)
    other = {"shape": 1.0, "surprise": 9.0}
    assert_array_equal(distances(two, other), distances(KnowledgeBase.open(two.path), other))


@pytest.mark.parametrize("weights", [BOTH, {"shape": 2.0, "surprise": 0.5}, {"surprise": 3.0, "shape": 1.0}])
def test_squared_distances_add_up_by_weight_in_units_of_each_views_scale(
    two, make_vectors, surprise, weights
):
    query = queries(make_vectors, surprise)
    found = two.search(query, 4, view=weights)
    shared, distance = by_hand(two, query, weights)
    order = np.argsort(distance, axis=1)[:, :4]
    assert_array_equal(found.object_id, shared[order])
    assert_allclose(found.distance, np.take_along_axis(distance, order, axis=1), rtol=1e-5)
    assert found.view == " + ".join(weights)
    assert found.weights == weights


def test_the_scale_is_that_of_the_distance_that_was_used(two, make_vectors, surprise):
    """The median nearest-neighbour distance among the objects that have both views."""
    found = two.search(queries(make_vectors, surprise), 2, view=BOTH)
    known = {view: two.embeddings(view).take(np.arange(37)) for view in BOTH}
    _, distance = by_hand(two, known, BOTH)
    np.fill_diagonal(distance, np.inf)
    assert_allclose(found.scale, np.median(distance.min(axis=1)), rtol=1e-5)


def test_a_weight_says_nothing_where_there_is_one_view(two, make_vectors):
    query = make_vectors(["q"], seed=8)
    alone, weighed = two.search(query, 5), two.search({"shape": query}, 5, view={"shape": 7.0})
    assert_array_equal(alone.object_id, weighed.object_id)
    assert_allclose(alone.distance / alone.scale, weighed.distance / weighed.scale)


def test_company_does_not_matter_in_several_views_either(two, make_vectors, surprise):
    query = queries(make_vectors, surprise, n=30)
    together = two.search(query, 5, view=BOTH)
    for index in ([0], [17, 3], list(range(29, 9, -1))):
        part = two.search({v: e.take(np.array(index)) for v, e in query.items()}, 5, view=BOTH)
        assert_array_equal(part.distance, together.distance[index])
        assert_array_equal(part.object_id, together.object_id[index])
        assert_array_equal(part.query_vectors, together.query_vectors[index])


def test_the_views_of_a_target_are_searched_with_its_weights(two, make_vectors, surprise):
    query = queries(make_vectors, surprise)
    found = two.search(query, 3, target=TARGET)
    assert found.weights == {"shape": 2.0, "surprise": 0.5}
    assert_array_equal(found.distance, two.search(query, 3, view=TARGET.views, target=TARGET).distance)


def test_a_view_that_the_base_lacks_is_an_error_unless_it_is_optional(base, make_vectors):
    query = make_vectors(["q"])
    with pytest.raises(TargetError, match=r"no view surprise, only shape.*kb reencode KB --view surprise="):
        base.search(query, 3, target=TARGET)
    with pytest.raises(KnowledgeError, match=r"no view 'texture'; it has shape.*kb reencode"):
        base.search(query, 3, view="texture")
    optional = TARGET.model_copy(update={"optional_views": ("surprise",)})
    assert base.search(query, 3, target=optional).weights == {"shape": 2.0}


def test_queries_must_have_the_views_and_be_the_same_in_each(two, make_vectors, surprise):
    query = queries(make_vectors, surprise)
    with pytest.raises(KnowledgeError, match=r"the queries have shape\. Give vectors of surprise too"):
        two.search(query["shape"], 3, view=BOTH)
    turned = query | {"surprise": query["surprise"].take(np.arange(5)[::-1])}
    with pytest.raises(KnowledgeError, match="not of the same queries in the same order"):
        two.search(turned, 3, view=BOTH)
    with pytest.raises(FingerprintError, match="view surprise holds vectors with fingerprint surprise0"):
        two.search(query | {"surprise": surprise(["q0"], fingerprint="other")}, 3, view=BOTH)
    with pytest.raises(KnowledgeError, match="weight -1, expected a positive number"):
        two.search(query, 3, view={"shape": -1})


def test_an_object_is_not_its_own_neighbour_in_several_views(two, ids, make_vectors, surprise):
    query = {"shape": make_vectors(ids), "surprise": surprise(ids)}
    first = {view: vectors.take(np.arange(10)) for view, vectors in query.items()}
    assert not (two.search(first, 3, view=BOTH).object_id == np.array(ids[:10])[:, None]).any()
    own = two.search(first, 1, view=BOTH, allow_self=True)
    assert_array_equal(own.object_id[:, 0], ids[:10])
    assert_array_equal(own.distance, 0)


# --- objects without a view ----------------------------------------------------------------------------------


def test_an_object_without_a_view_stays_is_flagged_and_is_found_in_the_others_only(
    two, ids, make_vectors, surprise
):
    names = ids[37:]
    assert two.rows("array_has(flags, 'view_missing')").column("object_id").to_pylist() == names
    query = queries(make_vectors, surprise)
    assert set(names) <= set(two.search(query["shape"], 40).object_id[0])
    found = two.search(query, 40, view=BOTH)
    assert not set(names) & set(found.object_id[0])
    assert (found.object_id[0] != "").sum() == 37
    assert two.info()["views"]["surprise"]["rows"] == 37


def test_a_view_made_anew_takes_the_flag_away_where_there_is_a_vector_now(two, ids, surprise):
    two.reencode({"surprise": surprise(ids[1:])}, since=two.version)
    assert two.rows("array_has(flags, 'view_missing')").column("object_id").to_pylist() == ids[:1]
    assert two.count("array_has(flags, 'lsf_unknown')") == 40


def test_an_object_is_replaced_without_a_long_vector(tmp_path, make_spectra):
    """LanceDB takes a missing vector of ten or more numbers for a bad one."""

    def vectors(names):
        numbers = np.ones((len(names), 12), np.float32)
        return Embeddings(
            numbers, np.array(names), "p", np.tile([3700.0, 8700.0], (len(names), 1)), "made-up"
        )

    both = {"shape": vectors(["x", "y"]), "more": vectors(["x", "y"])}
    base = KnowledgeBase.create(tmp_path / "long.kb", make_spectra(["x", "y"]), both, encoder="made-up")
    assert base.upsert(make_spectra(["x", "y"]), {"shape": vectors(["x", "y"]), "more": vectors(["x"])}) == (
        0,
        2,
    )
    assert base.rows("array_has(flags, 'view_missing')").column("object_id").to_pylist() == ["y"]


def test_adding_needs_vectors_of_every_view_but_not_of_every_object(
    two, make_spectra, make_vectors, surprise
):
    fresh = make_spectra(["x", "y"])
    with pytest.raises(KnowledgeError, match="the base has the views shape, surprise, found shape"):
        two.add(fresh, {"shape": make_vectors(["x", "y"])})
    two.add(fresh, {"shape": make_vectors(["x", "y"]), "surprise": surprise(["x"])})
    assert two.rows("array_has(flags, 'view_missing') AND object_id = 'y'").num_rows == 1
    two.upsert(fresh.take([1]), {"shape": make_vectors(["y"]), "surprise": surprise(["y"])})
    assert two.rows("array_has(flags, 'view_missing') AND object_id = 'y'").num_rows == 0


# --- views made anew -----------------------------------------------------------------------------------------


def encoded(vectors, name):
    return Embeddings(vectors.vectors, vectors.object_id, vectors.fingerprint, vectors.coverage, name)


def test_a_view_that_is_added_is_one_new_version_and_can_be_rolled_back(base, ids, surprise):
    before = base.version
    after = base.reencode({"surprise": encoded(surprise(ids), "novelty")}, since=before)
    assert base.views == ("shape", "surprise")
    assert base.encoders == {"shape": "made-up", "surprise": "novelty"}
    assert [v["operation"] for v in base.versions()] == ["create", "reencode"]
    assert KnowledgeBase.open(base.path).embeddings("surprise").object_id.tolist() == ids
    base.rollback(before)
    assert base.views == ("shape",)
    base.rollback(after)
    assert base.encoders["surprise"] == "novelty"


def test_rolling_back_brings_back_the_encoder_too(base, ids, make_vectors):
    """The queries are encoded by what the base names: an old version must name its own."""
    before, other = base.version, make_vectors(ids, seed=4, dimensions=9, fingerprint="other")
    base.reencode({"shape": encoded(other, "better")}, since=before)
    assert (base.encoder, base.fingerprints, base.dimensions) == ("better", {"shape": "other"}, {"shape": 9})
    assert_array_equal(base.embeddings().vectors, other.vectors)
    base.rollback(before)
    assert (base.encoder, base.dimensions) == ("made-up", {"shape": 6})
    assert_array_equal(base.embeddings().vectors, make_vectors(ids).vectors)


def test_everything_else_stays_as_it_was(base, ids, surprise, make_vectors):
    rows, found = base.rows(), base.search(make_vectors(["q"]), 5)
    pixels = base.spectra(ids[:3])
    base.reencode({"surprise": surprise(ids)}, since=base.version)
    base.optimize()
    assert base.rows().equals(rows)
    assert_array_equal(base.search(make_vectors(["q"]), 5).distance, found.distance)
    assert_array_equal(base.spectra(ids[:3]).flux, pixels.flux)


def test_a_base_that_changed_while_it_was_encoded_is_left_alone(
    base, ids, surprise, make_spectra, make_vectors
):
    since = base.version
    base.add(make_spectra(["new"]), {"shape": make_vectors(["new"])})
    with pytest.raises(KnowledgeError, match=r"changed while it was encoded \(version 1 then, 2 now\)"):
        base.reencode({"surprise": surprise(ids)}, since=since)
    assert base.views == ("shape",)


def test_vectors_of_nothing_and_of_strangers_are_refused(base, ids, surprise):
    for vectors, said in (
        (surprise([]), "no vectors for view surprise"),
        (surprise(["?"]), "belong to none"),
    ):
        with pytest.raises(KnowledgeError, match=said):
            base.reencode({"surprise": vectors}, since=base.version)
    assert base.views == ("shape",)


def test_a_base_from_before_there_were_several_views_still_opens(base, ids, surprise):
    """Its vector column names no encoder: kb.json does."""
    table = base._store.objects.to_arrow()
    place = table.schema.get_field_index("vector_shape")
    plain = table.schema.field(place).with_metadata({"fingerprint": "0123456789abcdef"})
    base._store.objects.add(table.set_column(place, plain, table.column(place)), mode="overwrite")
    old = KnowledgeBase.open(base.path)
    assert json.loads((base.path / "kb.json").read_text())["encoder"] == "made-up"
    assert old.encoders == {"shape": "made-up"}
    old.reencode({"surprise": encoded(surprise(ids), "novelty")}, since=old.version)
    assert old.encoders == {"shape": "made-up", "surprise": "novelty"}


def test_an_object_without_one_of_its_long_vectors_is_kept_by_create_and_by_every_rewrite(
    tmp_path, ids, make_spectra, make_vectors
):
    """LanceDB takes columns of ten and more numbers for vectors, and one that is missing for a bad one."""
    rng = np.random.default_rng(1)
    shape = make_vectors(ids)
    long = replace(shape, vectors=rng.normal(size=(len(ids), 12)).astype(np.float32), fingerprint="f" * 16)
    views = {"shape": shape, "long": long.take(np.arange(1, len(ids)))}
    base = KnowledgeBase.create(tmp_path / "long.kb", make_spectra(ids), views, encoder="made-up")
    assert not base.has_vector(ids[:1], "long")[0]
    base.reencode({"long": long.take(np.arange(2, len(ids)))}, since=base.version)
    assert base.has_vector(ids[:3], "long").tolist() == [False, False, True]
