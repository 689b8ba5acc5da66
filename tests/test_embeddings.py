"""Embeddings keep vectors, ids and ranges together."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from spectrove.embeddings import Embeddings
from spectrove.errors import ShapeError


def embeddings(n=5, d=3, **more):
    return Embeddings(
        np.arange(n * d, dtype=np.float32).reshape(n, d), np.array([f"s{i}" for i in range(n)], dtype=str), "f" * 16,
        np.stack([3700.0 + np.arange(n), 8700.0 + np.arange(n)], axis=1), **more,
    )  # fmt: skip


@settings(deadline=None)
@given(
    st.integers(1, 6).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(-n, n - 1), max_size=8)))
)
def test_taking_keeps_vector_id_and_range_together(case):
    n, index = case
    whole = embeddings(n, encoder="base", dtype="bfloat16")
    taken = whole.take(np.array(index, dtype=int))
    assert len(taken) == len(index)
    for row, i in enumerate(index):
        assert_array_equal(taken.vectors[row], whole.vectors[i])
        assert taken.object_id[row] == whole.object_id[i]
        assert_array_equal(taken.coverage[row], whole.coverage[i])
    assert (taken.fingerprint, taken.encoder, taken.dtype) == (whole.fingerprint, "base", "bfloat16")


def test_a_mask_takes_what_it_marks():
    assert embeddings().take(np.array([True, False, False, True, False])).object_id.tolist() == ["s0", "s3"]


def test_no_vectors_are_vectors_too():
    assert len(embeddings(0)) == 0
    assert embeddings(0).vectors.shape == (0, 3)


@pytest.mark.parametrize("wrong", ["vectors", "object_id", "coverage", "flat"])
def test_parts_of_different_length_are_refused(wrong):
    good = embeddings()
    parts = {name: getattr(good, name) for name in ("vectors", "object_id", "coverage")}
    if wrong == "flat":
        parts["vectors"] = parts["vectors"].ravel()
    else:
        parts[wrong] = parts[wrong][:-1]
    with pytest.raises(ShapeError, match="ids, vectors"):
        Embeddings(fingerprint="f", **parts)


def test_embeddings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        embeddings().fingerprint = "other"
