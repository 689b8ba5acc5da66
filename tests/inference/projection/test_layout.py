"""Places in a plane for vectors: near ones stay near, the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.inference.projection.layout import layout, memberships
from spectrove.inference.projection.placing import nearest_others, place


def kinds(n=60, groups=3, dimensions=20, seed=1):
    """Vectors of some kinds, ten times as far from each other as they are wide."""
    rng = np.random.default_rng(seed)
    middles = rng.normal(0, 10, (groups, dimensions))
    kind = np.arange(n) % groups
    return (middles[kind] + rng.normal(0, 1, (n, dimensions))).astype(np.float32), kind


def laid_out(vectors, k=15):
    distance, near = nearest_others(vectors, k)
    return layout(vectors, near, distance)


@pytest.fixture(scope="module")
def three():
    vectors, kind = kinds()
    return vectors, kind, laid_out(vectors)


def test_objects_of_a_kind_lie_together_and_apart_from_others(three):
    _, kind, places = three
    _, near = nearest_others(places, 10)
    assert (kind[near] == kind[:, None]).all()


def test_neighbours_are_kept_far_better_than_by_components():
    """A roll of a sheet: the two widest directions put its layers on each other."""
    rng = np.random.default_rng(0)
    along, across = rng.uniform(1.5 * np.pi, 4.5 * np.pi, 500), rng.uniform(0, 20, 500)
    vectors = np.stack([along * np.cos(along), across, along * np.sin(along)], 1).astype(np.float32)
    truth = nearest_others(vectors, 10)[1]

    def kept(places):
        found = nearest_others(places, 10)[1]
        return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)])

    turned = vectors - vectors.mean(0)
    components = (turned @ np.linalg.svd(turned, full_matrices=False)[2][:2].T).astype(np.float32)
    assert kept(laid_out(vectors)) > kept(components) + 0.2


def test_it_is_the_same_each_time(three):
    vectors, _, places = three
    assert_array_equal(laid_out(vectors), places)


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_few_objects_have_places_too(n):
    places = laid_out(kinds(8)[0][:n])
    assert places.shape == (n, 2)
    assert np.isfinite(places).all()
    assert len(np.unique(places, axis=0)) == n


def test_equal_vectors_and_vectors_of_one_number_have_finite_places():
    assert np.isfinite(laid_out(np.ones((40, 5), np.float32))).all()
    assert np.isfinite(laid_out(np.arange(40, dtype=np.float32)[:, None])).all()


def test_the_nearest_counts_fully_and_all_together_as_the_paper_says():
    """Sum of memberships log2(k + 1), as algorithm 3 of McInnes et al. asks with the object itself among its k + 1."""
    distance = np.sort(np.random.default_rng(2).uniform(1, 3, (50, 15)), axis=1)
    found = memberships(distance)
    assert_allclose(found[:, 0], 1)
    assert_allclose(found.sum(1), 4, atol=1e-6)
    assert (np.diff(found, axis=1) <= 0).all()


def test_no_object_is_its_own_neighbour_among_equal_ones():
    _, near = nearest_others(np.ones((30, 4), np.float32), 10)
    assert near.shape == (30, 10)
    assert not (near == np.arange(30)[:, None]).any()


def test_a_copy_of_a_known_vector_lies_on_it(three):
    vectors, _, places = three
    found = place(vectors, places, 1.0, vectors[:5])
    assert_allclose(found.places, places[:5], atol=0.3)
    assert_allclose(found.distance, 0, atol=1e-2)


def test_between_two_kinds_it_lies_in_one_of_them_and_says_so(three):
    """The mean of their places would lie where no object is."""
    vectors, kind, places = three
    middle = (vectors[kind == 0].mean(0) + vectors[kind == 1].mean(0)) / 2
    found = place(vectors, places, 0.3, middle[None].astype(np.float32), limit=8.0)
    to_known = np.sqrt(((places - found.places) ** 2).sum(1))
    apart = np.sqrt(((places[kind == 0].mean(0) - places[kind == 1].mean(0)) ** 2).sum())
    assert to_known.min() < 0.2 * apart
    assert found.far[0]
    assert "farther from every known spectrum" in " ".join(found.cautions(0))


def test_a_place_within_a_kind_has_no_caution(three):
    vectors, kind, places = three
    found = place(vectors, places, 0.3, vectors[kind == 2].mean(0)[None], limit=8.0)
    assert found.cautions(0) == ()
