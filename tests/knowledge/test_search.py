"""Who is found, who must not be, and that company does not matter."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError, TargetError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.index.spaces import Computed
from spectrove.knowledge.search import Snapshot, _approximate, nearest, separation_arcsec
from spectrove.targets import Target

LINER = Target(
    name="liner", label="class_derived", classes={"LINER": ("LINER",), "other": ("*",)}, positive="LINER"
)


def snapshot_of(vectors, ids=None, ra=None, dec=None):
    n = len(vectors)
    unknown = np.full(n, np.nan)
    return Snapshot(
        np.arange(n, dtype=np.uint64),
        np.array(ids or [f"{i:04d}" for i in range(n)]),
        np.asarray(vectors, np.float32),
        np.zeros((n, 2)),
        unknown if ra is None else np.asarray(ra, float),
        unknown if dec is None else np.asarray(dec, float),
    )


def by_sorting(snapshot, query, k):
    """The slow way: every distance in float64, Python's own sort by distance and id."""
    distances = [
        float(np.sqrt(np.sum((v.astype(float) - query.astype(float)) ** 2))) for v in snapshot.vectors
    ]
    order = sorted(range(len(distances)), key=lambda i: (distances[i], snapshot.object_id[i]))[:k]
    return order, [distances[i] for i in order]


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 60),
    dimensions=st.integers(1, 20),
    k=st.integers(1, 8),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    repeats=st.booleans(),
)
def test_the_nearest_are_those_that_sorting_every_distance_gives(seed, n, dimensions, k, offset, repeats):
    """Also far from the origin, where a matrix product rounds badly, and among exact copies."""
    rng = np.random.default_rng(seed)
    vectors = (offset + rng.normal(size=(n, dimensions))).astype(np.float32)
    if repeats:
        vectors = vectors[rng.integers(0, max(1, n // 3), n)]
    snapshot = snapshot_of(vectors)
    queries = np.concatenate([vectors[:2], (offset + rng.normal(size=(3, dimensions))).astype(np.float32)])
    positions, distances = nearest(snapshot, queries, k)
    for query, found, distance in zip(queries, positions, distances, strict=True):
        order, expected = by_sorting(snapshot, query, k)
        assert found[found >= 0].tolist() == order
        assert_allclose(distance[: len(expected)], expected, rtol=1e-12, atol=0)
        assert np.isinf(distance[len(expected) :]).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=5))
def test_an_answer_is_the_same_to_the_last_bit_in_any_batch(seed, sizes):
    rng = np.random.default_rng(seed)
    snapshot = snapshot_of(100 + rng.normal(size=(300, 33)))
    queries = (100 + rng.normal(size=(sum(sizes), 33))).astype(np.float32)
    together = nearest(snapshot, queries, 4)
    ends = np.cumsum([0, *sizes])
    parts = [nearest(snapshot, queries[a:b], 4) for a, b in pairwise(ends)]
    for j in range(2):
        assert np.array_equal(together[j], np.concatenate([part[j] for part in parts]))


def test_small_blocks_give_the_same_answer(monkeypatch):
    rng = np.random.default_rng(4)
    snapshot, queries = snapshot_of(rng.normal(size=(500, 8))), rng.normal(size=(20, 8)).astype(np.float32)
    whole = nearest(snapshot, queries, 5)
    monkeypatch.setattr("spectrove.knowledge.search.BLOCK_DISTANCES", 1500)
    monkeypatch.setattr("spectrove.knowledge.search.BLOCK_ROWS", 7)
    blocked = nearest(snapshot_of(snapshot.vectors), queries, 5)
    assert np.array_equal(whole[0], blocked[0])
    assert np.array_equal(whole[1], blocked[1])


def test_equal_distances_are_ordered_by_id():
    snapshot = snapshot_of(np.ones((6, 3)), ids=["f", "b", "e", "a", "d", "c"])
    positions, _ = nearest(snapshot, np.zeros((1, 3), np.float32), 4)
    assert snapshot.object_id[positions[0]].tolist() == ["a", "b", "c", "d"]


def test_rounding_far_from_the_origin_hides_nobody():
    """200 objects all exactly 1 away from a query of squared length about 2e16: the first ids are found.

    A matrix product cannot tell their squared distances apart from 0 or 4 there.
    """
    centre = np.random.default_rng(4).integers(10**7, 16 * 10**6, 100).astype(float)
    around = np.concatenate([centre + np.eye(100), centre - np.eye(100)])
    ids = [f"{i:03d}" for i in np.random.default_rng(3).permutation(200)]
    far = snapshot_of(around, ids=ids)
    squared, doubt = _approximate(far.vectors, far.squared_norms, centre[None])
    assert 1 < np.ptp(squared) < doubt[0]
    positions, distances = nearest(far, centre[None].astype(np.float32), 5)
    assert far.object_id[positions[0]].tolist() == ["000", "001", "002", "003", "004"]
    assert distances.tolist() == [[1.0] * 5]


@settings(max_examples=100, deadline=None)
@given(
    ra=st.floats(0, 360, exclude_max=True),
    dec=st.floats(-90, 90),
    angle=st.floats(0, 2 * np.pi),
    arcsec=st.floats(0.01, 4),
)
def test_separations_agree_with_astropy_everywhere(ra, dec, angle, arcsec):
    """Poles and the seam at 360 degrees included."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    here = SkyCoord(ra * u.deg, dec * u.deg)
    there = here.directional_offset_by(angle * u.rad, arcsec * u.arcsec)
    measured = separation_arcsec(ra, dec, np.array([there.ra.deg]), np.array([there.dec.deg]))
    assert_allclose(measured, here.separation(there).arcsec, rtol=1e-5, atol=1e-7)


@settings(max_examples=40, deadline=None)
@given(ra=st.floats(0, 360, exclude_max=True), dec=st.floats(-90, 90), seed=st.integers(0, 2**31))
def test_the_same_place_on_the_sky_is_the_same_object(ra, dec, seed):
    """1.9 arcsec away is the same, 2.1 is not, in every direction, at the poles and across the seam too."""
    import astropy.units as u
    from astropy.coordinates import SkyCoord

    angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, 12)
    steps = np.tile([1.9, 2.1], 6)
    there = SkyCoord(ra * u.deg, dec * u.deg).directional_offset_by(angles * u.rad, steps * u.arcsec)
    snapshot = snapshot_of(np.zeros((12, 2)), ra=there.ra.deg, dec=there.dec.deg)
    assert snapshot.same_object("nobody", ra, dec).tolist() == list(range(0, 12, 2))


def test_an_object_is_never_its_own_neighbour(base, ids, make_spectra, make_vectors):
    """Neither under its id, nor as another observation 1 arcsec away; unless that is allowed."""
    query = make_vectors(ids).take(np.arange(3))
    first = make_spectra(ids).column("ra")[0], make_spectra(ids).column("dec")[0]
    again = make_spectra(["again"], ra=[first[0]], dec=[first[1] + 1 / 3600])
    base.add(
        again,
        {"shape": Embeddings(query.vectors[:1], np.array(["again"]), query.fingerprint, query.coverage[:1])},
    )
    found = base.search(query, 40, spectra=make_spectra(ids))
    for i, own in enumerate(query.object_id):
        assert own not in found.object_id[i]
    assert "again" not in found.object_id[0]
    assert "again" in found.object_id[1]
    assert "again" in base.search(query, 1).object_id[0]  # without a position only the id is known
    assert base.search(query, 1, spectra=make_spectra(ids), allow_self=True).distance[0, 0] == 0
    assert (base.search(query, 1, allow_self=True).distance == 0).all()


def test_a_query_under_another_id_at_the_same_place_does_not_find_itself(
    base, ids, make_spectra, make_vectors
):
    spectra = make_spectra(ids).take([0])
    renamed = make_spectra(["other"], ra=spectra.column("ra"), dec=spectra.column("dec"))
    query = Embeddings(
        make_vectors(ids).vectors[:1], np.array(["other"]), "0123456789abcdef", np.array([[3700.0, 8700]])
    )
    assert base.search(query, 40, spectra=renamed).object_id.tolist()[0].count(ids[0]) == 0
    assert base.search(query, 1).object_id[0, 0] == ids[0]


def test_exclude_column_leaves_out_the_querys_plate(base, ids, make_spectra, make_vectors):
    query, spectra = make_vectors(ids).take(np.arange(8)), make_spectra(ids)
    found = base.search(query, 30, spectra=spectra, exclude_column="plate")
    plates = found.column("plate")
    for i in range(8):
        assert 1000 + i % 4 not in [p for p in plates[i] if p is not None]
        assert (found.object_id[i] != "").sum() == 30
    short = base.search(query, 31, spectra=spectra, exclude_column="plate")
    assert all("few_neighbors" in flags for flags in short.flags)


def test_a_plate_written_as_float_or_text_is_still_left_out(base, ids, make_spectra, make_vectors):
    query = make_vectors(ids).take(np.arange(1))
    expected = base.search(query, 30, spectra=make_spectra(ids), exclude_column="plate").object_id
    for kind in (float, str):
        spectra = make_spectra(ids[:1], plate=[kind(1000)])
        assert np.array_equal(
            base.search(query, 30, spectra=spectra, exclude_column="plate").object_id, expected
        )
    with pytest.raises(KnowledgeError, match=r"'plate': the queries have string"):
        base.search(query, 3, spectra=make_spectra(ids[:1], plate=["P1"]), exclude_column="plate")
    with pytest.raises(KnowledgeError, match="the queries lack it"):
        base.search(query, 3, exclude_column="plate")
    with pytest.raises(KnowledgeError, match="no column 'plat'"):
        base.search(query, 3, spectra=make_spectra(ids), exclude_column="plat")


def test_only_position_and_the_excluded_column_of_a_query_are_read(base, ids, make_spectra, make_vectors):
    """Every other catalog value may be false or absent: the answer is the same."""
    query = make_vectors(ids).take(np.arange(5))
    spectra = make_spectra(ids)
    lies = make_spectra(
        ids, seed=0, class_derived=["LINER"] * 40, z=[9.0] * 40, split=["x"] * 40, plate=[0] * 40
    )
    bare = spectra.with_rows(spectra.rows.select(["ra", "dec", "z", "z_source"]))
    expected = base.search(query, 5, spectra=spectra, target=LINER)
    for other in (lies, bare):
        got = base.search(query, 5, spectra=other, target=LINER)
        assert np.array_equal(got.object_id, expected.object_id)
        assert np.array_equal(got.distance, expected.distance)
        assert got.rows == expected.rows


def test_labelled_searches_only_objects_with_a_label(base, make_vectors):
    found = base.search(make_vectors(["q"]), 40, labelled="class_derived")
    assert (found.object_id[0] != "").sum() == 32
    assert None not in found.column("class_derived")[0][:32]
    assert found.pool == {"Composite": 8, "LINER": 8, "SF": 8, "quiescent": 8}
    with pytest.raises(KnowledgeError, match=r"no column 'class_derive'; did you mean class_derived"):
        base.search(make_vectors(["q"]), 3, labelled="class_derive")


def test_conditions_restrict_what_is_searched(base, make_vectors):
    query = make_vectors(["q"])
    found = base.search(query, 40, where="split = 'train' AND z > 0.12")
    values = base.rows("split = 'train' AND z > 0.12").column("object_id").to_pylist()
    assert set(found.object_id[0]) - {""} == set(values)
    with pytest.raises(KnowledgeError, match=r"no object is left to search.*z > 99"):
        base.search(query, 3, where="z > 99")
    with pytest.raises(KnowledgeError, match=r"No field named zz; did you mean z\?"):
        base.search(query, 3, where="zz > 99")
    with pytest.raises(KnowledgeError, match="k is 0"):
        base.search(query, 0)


def test_a_target_searches_its_classes_filter_and_composition(base, make_vectors):
    query = make_vectors(["q"])
    assert base.search(query, target=LINER).k == 3
    three = LINER.model_copy(
        update={"classes": {"SF": ("SF",), "LINER": ("LINER",)}, "k": 40, "filter": "split = 'train'"}
    )
    found = base.search(query, target=three)
    assert set(found.column("class_derived")[0]) == {"SF", "LINER", None}
    assert set(found.column("split")[0]) == {"train", None}
    assert found.pool == {"SF": 4, "LINER": 4}


def test_a_kept_choice_of_objects_ends_with_its_version(base, ids, make_spectra, make_vectors):
    """The same target asked again after a change, and after that is taken back."""
    query, before = make_vectors(["q"]), base.version
    assert base.search(query, target=LINER).pool == {"LINER": 8, "other": 24}
    base.upsert(make_spectra(ids[:1], class_derived=["LINER"]), {"shape": make_vectors(ids[:1])})
    assert base.search(query, target=LINER).pool == {"LINER": 9, "other": 23}
    assert base.search(query, where="plate = 1000", target=LINER).pool == {"LINER": 3, "other": 5}
    base.rollback(before)
    assert base.search(query, target=LINER).pool == {"LINER": 8, "other": 24}


def test_composition_caps_classes_the_same_way_for_every_order_of_rows(
    base, tmp_path, ids, make_spectra, make_vectors
):
    capped = Target(**{**LINER.model_dump(), "k": 40, "composition": {"maximum": {"LINER": 3, "other": 10}}})
    found = base.search(make_vectors(["q"]), target=capped)
    assert found.pool == {"LINER": 3, "other": 10}
    order = np.random.default_rng(1).permutation(40)
    shuffled = KnowledgeBase.create(
        tmp_path / "y.kb", make_spectra(ids).take(order), {"shape": make_vectors(ids)}, encoder=""
    )
    assert np.array_equal(shuffled.search(make_vectors(["q"]), target=capped).object_id, found.object_id)
    share = Target(**{**LINER.model_dump(), "k": 40, "composition": {"share": {"LINER": 0.5, "other": 0.5}}})
    assert base.search(make_vectors(["q"]), target=share).pool == {"LINER": 8, "other": 8}


def test_a_target_that_names_what_is_not_there_is_refused_not_empty(base, make_vectors):
    query = make_vectors(["q"])
    misspelt = LINER.model_copy(update={"label": "class_dervied"})
    with pytest.raises(TargetError, match="near names: class_derived"):
        base.search(query, target=misspelt)
    absent = Target(**{**LINER.model_dump(), "classes": {"LINER": ("Liner",), "other": ("*",)}})
    with pytest.raises(
        TargetError, match=r"no object of the base is LINER.*the column holds: Composite, LINER"
    ):
        base.search(query, target=absent)
    with pytest.raises(KnowledgeError, match="nope"):
        base.search(query, target=LINER.model_copy(update={"filter": "nope = 1"}))


def test_fewer_neighbours_than_asked_for_are_padded_and_flagged(base, make_vectors):
    found = base.search(make_vectors(["q"]), 50)
    assert found.object_id.shape == found.distance.shape == (1, 50)
    assert (found.object_id[0, 40:] == "").all()
    assert np.isinf(found.distance[0, 40:]).all()
    assert len(found.rows[0]) == 40
    assert found.flags == (("few_neighbors",),)


def test_neighbours_that_share_less_than_half_of_the_range_are_flagged(tmp_path, make_spectra, make_vectors):
    """A query over 1000 angstrom: 600 shared is enough, 400 is not, unknown says nothing."""
    ids = ["enough", "short", "apart", "unknown"]
    vectors = make_vectors(ids)
    coverage = np.array([[4400.0, 9000], [4600, 9000], [8000, 9000], [np.nan, np.nan]])
    known = Embeddings(vectors.vectors, vectors.object_id, vectors.fingerprint, coverage)
    base = KnowledgeBase.create(tmp_path / "x.kb", make_spectra(ids), {"shape": known}, encoder="")
    query = Embeddings(
        vectors.vectors[:1], np.array(["q"]), vectors.fingerprint, np.array([[4000.0, 5000.0]])
    )
    flags = {name: base.search(query, 1, where=f"object_id = '{name}'").flags[0] for name in ids}
    assert flags == {
        "enough": (), "short": ("neighbor_coverage",), "apart": ("neighbor_coverage",), "unknown": (),
    }  # fmt: skip


def test_the_scale_is_the_median_distance_to_the_nearest_other(base, ids, make_vectors):
    vectors = make_vectors(ids).vectors.astype(float)
    squared = ((vectors[:, None] - vectors[None]) ** 2).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    assert_allclose(base.scale, np.median(np.sqrt(squared.min(axis=1))), rtol=1e-12)
    assert base.scale_of("shape") == base.scale == base.search(make_vectors(["q"]), 1).scale


def test_the_scale_belongs_to_a_version(base, ids, make_spectra, make_vectors):
    first, version = base.scale, base.version
    more = [f"n{i}" for i in range(200)]
    base.add(make_spectra(more), {"shape": make_vectors(more, seed=8)})
    assert base.scale < first
    base.rollback(version)
    assert base.scale == first
    (base.path / "scales.json").write_text("{ torn")
    assert KnowledgeBase.open(base.path).scale == first


def test_a_scale_that_cannot_be_kept_is_measured_again(base, make_vectors, monkeypatch):
    """As on a disk that may only be read: the search goes on."""

    def refuse(*_):
        raise OSError("read-only file system")

    expected = base.scale
    (base.path / "scales.json").unlink()
    monkeypatch.setattr("spectrove.knowledge.store.Store.write_json", refuse)
    assert KnowledgeBase.open(base.path).scale == expected
    assert not (base.path / "scales.json").exists()


def test_copies_do_not_make_the_scale_zero(tmp_path, make_spectra, make_vectors):
    ids = [f"{i}" for i in range(6)]
    vectors = make_vectors(ids)
    vectors.vectors[:] = vectors.vectors[:1]
    base = KnowledgeBase.create(tmp_path / "x.kb", make_spectra(ids), {"shape": vectors}, encoder="")
    assert base.scale == 1.0


def test_no_query_gives_no_answer(base, make_vectors):
    found = base.search(make_vectors([]), 3)
    assert (len(found), found.object_id.shape, found.rows, found.to_dicts()) == (0, (0, 3), [], [])


def test_queries_are_matched_to_their_spectra_by_id(base, ids, make_spectra, make_vectors):
    """Spectra in another order, or more of them than queries, change nothing; a missing one is named."""
    query, spectra = make_vectors(ids).take(np.arange(4)), make_spectra(ids)
    expected = base.search(query, 5, spectra=spectra.take(np.arange(4)), exclude_column="plate")
    shuffled = base.search(query, 5, spectra=spectra.take(np.arange(40)[::-1]), exclude_column="plate")
    assert np.array_equal(expected.object_id, shuffled.object_id)
    with pytest.raises(KnowledgeError, match=f"{ids[3]}: this query has no spectrum"):
        base.search(query, 5, spectra=spectra.take(np.arange(3)))


def test_what_search_prints_has_the_documented_shape(base, make_vectors):
    found = base.search(make_vectors(["q"]), 2)
    line = found.to_dicts()[0]
    assert list(line) == ["object_id", "neighbors", "flags"]
    assert line["neighbors"][0] == {
        "object_id": str(found.object_id[0, 0]),
        "distance": float(found.distance[0, 0]),
    }


def test_taking_queries_keeps_their_neighbours(base, ids, make_vectors):
    found = base.search(make_vectors(ids), 3)
    part = found.take(np.array([5, 2]))
    assert part.query_id.tolist() == [ids[5], ids[2]]
    assert part.rows == [found.rows[5], found.rows[2]]
    assert np.array_equal(part.distance, found.distance[[5, 2]])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**31), k=st.integers(1, 6))
def test_through_the_base_one_at_a_time_equals_all_at_once(base, ids, make_spectra, make_vectors, seed, k):
    query = make_vectors([*ids[:3], "x", "y"], seed=seed)
    spectra = make_spectra([*ids, "x", "y"])
    together = base.search(query, k, spectra=spectra, target=LINER)
    for i in range(len(query)):
        alone = base.search(query.take(np.array([i])), k, spectra=spectra, target=LINER)
        assert alone.object_id.tolist() == together.object_id[[i]].tolist()
        assert alone.distance.tolist() == together.distance[[i]].tolist()
        assert alone.rows == [together.rows[i]]


def test_single_precision_chooses_the_same_neighbours(monkeypatch):
    """Far from zero, where it rounds to a thousandth of the distances; of arrays that are computed row by row, too."""
    rng = np.random.default_rng(4)
    vectors = (100 + rng.normal(size=(500, 6))).astype(np.float32)
    vectors[300:] = vectors[:200] + rng.normal(scale=1e-4, size=(200, 6)).astype(np.float32)
    known = snapshot_of(vectors)
    computed = replace(known, vectors=Computed([(vectors, None)], lambda parts: parts[0]))
    queries = vectors[::7] + np.float32(1e-5)
    expected = nearest(known, queries, 4)
    monkeypatch.setattr("spectrove.knowledge.search.MANY", 100)
    for snapshot in (known, computed):
        found = nearest(snapshot, queries, 4)
        assert np.array_equal(found[0], expected[0])
        assert np.array_equal(found[1], expected[1])
