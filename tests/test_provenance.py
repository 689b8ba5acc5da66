"""A fingerprint is equal when and only when the answers are."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrove import provenance
from spectrove.provenance import canonical_json, file_hash, fingerprint, hash_arrays

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECIPE = {"kind": "pca", "preprocess": {"n_pixels": 300, "clip": (-1.0, 50.0)}}


def weights():
    return {"mean": np.arange(4, dtype=np.float16), "axes": np.ones((2, 4), np.float16)}


def test_a_fingerprint_is_sixteen_hexadecimal_digits():
    text = fingerprint(weights(), RECIPE)
    assert len(text) == 16
    assert set(text) <= set("0123456789abcdef")


@settings(deadline=None)
@given(st.dictionaries(st.text(), PLAIN, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(recipe, random):
    items = list(recipe.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(recipe)


@settings(deadline=None)
@given(PLAIN, PLAIN)
def test_different_values_are_spelled_differently(one, other):
    """Lists and tuples, and 1 and True aside: those that json itself tells apart."""
    if one != other:
        assert canonical_json(one) != canonical_json(other)


def test_the_order_of_arrays_does_not_matter():
    assert hash_arrays(weights()) == hash_arrays(dict(reversed(weights().items())))


def test_the_layout_in_memory_does_not_matter():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert hash_arrays({"a": array}) == hash_arrays({"a": np.asfortranarray(array)})
    assert hash_arrays({"a": array[::2]}) == hash_arrays({"a": array[::2].copy()})


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.arange(4, dtype=np.float32)},
        {"mean": np.array([0, 1, 2, 3.002], np.float16)},
        {"axes": np.ones((4, 2), np.float16)},
        {"axes": np.ones(8, np.float16)},
        {"more": np.zeros(1, np.float16)},
    ],
    ids=["another number format", "one value", "transposed", "flattened", "one more array"],
)
def test_any_other_weights_have_another_fingerprint(change):
    assert fingerprint(weights() | change, RECIPE) != fingerprint(weights(), RECIPE)


def test_names_of_arrays_matter():
    first, second = weights(), weights()
    second["average"] = second.pop("mean")
    assert hash_arrays(first) != hash_arrays(second)


def test_any_other_recipe_has_another_fingerprint():
    changed = {"kind": "pca", "preprocess": {"n_pixels": 301, "clip": (-1.0, 50.0)}}
    assert fingerprint(weights(), changed) != fingerprint(weights(), RECIPE)


def test_a_new_version_of_the_preprocessing_has_another_fingerprint(monkeypatch):
    before = fingerprint(weights(), RECIPE)
    monkeypatch.setattr(provenance, "PREPROCESS_VERSION", provenance.PREPROCESS_VERSION + 1)
    assert fingerprint(weights(), RECIPE) != before


def test_a_fingerprint_is_the_same_in_another_process():
    """No hash seed, no memory address, no path."""
    code = (
        "import numpy as np; from spectrove.provenance import fingerprint; "
        "print(fingerprint({'mean': np.arange(4, dtype=np.float16), 'axes': np.ones((2, 4), np.float16)}, "
        f"{RECIPE!r}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == fingerprint(weights(), RECIPE)


def test_a_files_hash_is_its_sha256(tmp_path):
    """Longer than one block that is read at a time."""
    content = b"spectrum" * 200_000
    path = tmp_path / "x"
    path.write_bytes(content)
    assert file_hash(path) == hashlib.sha256(content).hexdigest()
