"""What the search libraries call "distance", against what we do."""

from __future__ import annotations

import lancedb
import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet

K = 5


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Vectors, queries, our neighbours of them, and the folder of the base."""
    rng = np.random.default_rng(11)
    vectors = rng.normal(size=(300, 16)).astype(np.float32)
    queries = rng.normal(size=(7, 16)).astype(np.float32)
    ids = [f"{i:04d}" for i in range(300)]
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    spectra = SpectrumSet.from_spectra([Spectrum(i, *pixels, row={}) for i in ids])
    coverage = np.tile([3700.0, 8700.0], (300, 1))
    path = tmp_path_factory.mktemp("contract") / "x.kb"
    base = KnowledgeBase.create(
        path, spectra, {"shape": Embeddings(vectors, np.array(ids), "f", coverage)}, encoder=""
    )
    names = np.array([f"q{i}" for i in range(7)])
    return vectors, queries, base.search(Embeddings(queries, names, "f", coverage[:7]), K), path


def test_distance_is_euclidean(found):
    """By hand: the root of the summed squares."""
    vectors, queries, neighbors, _ = found
    for query, names, distances in zip(queries, neighbors.object_id, neighbors.distance, strict=True):
        by_hand = [np.linalg.norm(vectors[int(n)].astype(float) - query.astype(float)) for n in names]
        assert_allclose(distances, by_hand, rtol=1e-12)


def test_lancedb_l2_is_the_square_of_our_distance(found, tmp_path):
    vectors, queries, neighbors, _ = found
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 16)
    names = pa.array([f"{i:04d}" for i in range(300)])
    table = lancedb.connect(str(tmp_path)).create_table("t", pa.table({"object_id": names, "v": column}))
    for query, ids, distances in zip(queries, neighbors.object_id, neighbors.distance, strict=True):
        search = table.search(query, vector_column_name="v").distance_type("l2").bypass_vector_index()
        result = search.limit(K).to_arrow()
        assert result.column("object_id").to_pylist() == ids.tolist()
        assert_allclose(result.column("_distance").to_numpy(), distances**2, rtol=1e-5)


def test_lancedb_searches_the_bases_own_table_alike(found):
    """The vectors lie in the base in the form that LanceDB searches, so its indexes can be used on them."""
    _, queries, neighbors, path = found
    table = lancedb.connect(str(path)).open_table("objects")
    for query, ids in zip(queries, neighbors.object_id, strict=True):
        search = table.search(query, vector_column_name="vector_shape").distance_type("l2").limit(K)
        assert search.to_arrow().column("object_id").to_pylist() == ids.tolist()


def test_faiss_l2_is_the_square_of_our_distance(found):
    faiss = pytest.importorskip("faiss", reason="faiss is not installed")
    vectors, queries, neighbors, _ = found
    index = faiss.IndexFlatL2(16)
    index.add(vectors)
    squared, positions = index.search(queries, K)
    assert [[f"{p:04d}" for p in row] for row in positions] == neighbors.object_id.tolist()
    assert_allclose(squared, neighbors.distance**2, rtol=1e-4)
