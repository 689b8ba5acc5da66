"""A base keeps whatever a batch writes: pixels of optical spectra, or counts in channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.schema import spectrum_keys
from spectrove.spectra import PIXEL_COLUMNS, Batch


@dataclass(frozen=True)
class Counts:
    """Counts in channels, an exposure and a response each: the members of `Batch` and no more."""

    object_id: Any
    rows: pa.Table
    counts: pa.Array
    exposure: pa.Array
    response: pa.Array

    def __len__(self):
        return len(self.object_id)

    def take(self, index):
        index = pa.array(np.arange(len(self))[index])
        parts = {name: getattr(self, name).take(index) for name in ("rows", "counts", "exposure", "response")}
        return Counts(self.object_id[index.to_numpy()], **parts)

    @staticmethod
    def concatenate(parts):
        return Counts.from_arrow(pa.concat_tables([part.to_arrow() for part in parts]))

    def to_arrow(self):
        own = {"object_id": self.object_id.tolist(), "counts": self.counts, "exposure": self.exposure}
        own["response"] = self.response
        return pa.table(own | {name: self.rows.column(name) for name in self.rows.column_names})

    @staticmethod
    def from_arrow(table):
        own = [table.column(name).combine_chunks() for name in ("counts", "exposure", "response")]
        ids = np.array(table.column("object_id").to_pylist(), dtype=str)
        return Counts(ids, table.drop_columns(["object_id", "counts", "exposure", "response"]), *own)


def counted(ids) -> Counts:
    n = len(ids)
    rows = pa.table({"ra": np.arange(n) * 10.0, "dec": np.zeros(n), "obsid": np.arange(n) // 2})
    counts = pa.array([[i, 0, 3] for i in range(n)], pa.list_(pa.int32()))
    return Counts(np.array(ids), rows, counts, pa.array(np.full(n, 1e4)), pa.array([b"\x00rmf"] * n))


@pytest.fixture
def counts() -> Batch:
    return counted([f"src{i}" for i in range(6)])


@pytest.fixture
def xray(tmp_path, counts, make_vectors):
    views = {"shape": make_vectors(counts.object_id.tolist())}
    return KnowledgeBase.create(tmp_path / "x.kb", counts, views, encoder="hardness", domain="xray")


def test_counts_come_back_as_they_went_in(xray, counts):
    """In the order of the ids, with exposure, response and catalog values."""
    base = KnowledgeBase.open(xray.path, batch=Counts)
    for opened in (xray, base):
        given = opened.spectra(["src4", "src1"])
        assert isinstance(given, Counts)
        assert given.counts.to_pylist() == [[4, 0, 3], [1, 0, 3]]
        assert given.exposure.to_pylist() == [1e4, 1e4]
        assert given.response.to_pylist() == [b"\x00rmf"] * 2
        assert given.rows.column("obsid").to_pylist() == [2, 0]


def test_counts_are_searched_like_spectra(xray, counts, make_vectors):
    """A query does not find itself, nor sources of its own observation."""
    some = counts.take(np.array([0, 1]))
    found = xray.search(
        make_vectors(counts.object_id.tolist()).take([0, 1]), 3, spectra=some, exclude_column="obsid"
    )
    assert not np.isin(found.object_id, ["src0", "src1"]).any()


def test_more_counts_are_added_and_equal_ones_are_stored_once(xray, make_vectors):
    more = replace(counted(["a", "b"]), rows=pa.table({"obsid": [7, 8], "grating": ["none", "HETG"]}))
    assert xray.add(more, {"shape": make_vectors(["a", "b"])}) == 2
    assert xray.spectra(["b", "src0"]).rows.column("grating").to_pylist() == ["HETG", None]
    assert xray._store.spectra.count_rows() == 6


def test_spectra_of_another_kind_are_refused(xray, make_spectra, make_vectors):
    with pytest.raises(
        KnowledgeError, match="columns counts, exposure, response, these have wavelength, flux"
    ):
        xray.add(make_spectra(["a"]), {"shape": make_vectors(["a"])})
    assert len(xray) == 6


def test_a_base_says_its_kind_of_light(xray, base):
    assert (xray.domain, xray.info()["domain"], base.domain) == ("xray", "xray", "galaxies")
    about = base._store.about
    del about["domain"]  # as in bases of older versions
    assert base.domain == base.info()["domain"] == "galaxies"


def test_keys_of_spectra_are_those_of_older_bases(make_spectra):
    """The hash of the pixels in the order of the columns, so that a spectrum that is there is not stored again."""
    spectra = make_spectra(["a", "b", "c"]).take([2, 0])
    for i, key in enumerate(spectrum_keys(spectra)):
        digest = blake2b(digest_size=16)
        for name, kind in PIXEL_COLUMNS.items():
            digest.update(getattr(spectra[i], name).astype(kind.to_pandas_dtype()).tobytes())
        assert key == digest.hexdigest()


def test_each_value_of_a_measurement_counts(counts):
    """A change of counts, exposure or response is another spectrum."""
    first = spectrum_keys(counts)
    assert len(set(first)) == len(first)
    others = (
        replace(counts, exposure=pa.array(np.full(6, 2e4))),
        replace(counts, response=pa.array([b"other"] * 6)),
        replace(counts, counts=pa.array([[i, 1, 3] for i in range(6)], pa.list_(pa.int32()))),
    )
    for other in others:
        assert not set(first) & set(spectrum_keys(other))
    assert_array_equal(spectrum_keys(counts.take(np.array([3, 1]))), [first[3], first[1]])
