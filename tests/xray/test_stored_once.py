"""A response that many spectra share is stored once, in memory, in a dataset and in a base; old ones are still read."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from tests.xray.ogip_files import CHANNELS, smeared, smooth_area, write_arf, write_pha, write_rmf

from spectrove.embeddings import Embeddings
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import ingest, read_dataset
from spectrove.readers.dataset import iter_dataset
from spectrove.shared import FOLDER, MARK
from spectrove.xray.counts import CountSet
from spectrove.xray.files import PhaFiles
from spectrove.xray.ogip import iter_counts, read_counts

N = len(CHANNELS) - 1
MANY = 70  # more than are read together


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Many spectra of one response, and one of another."""
    place = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(2)
    for name, peak in (("r", 600.0), ("t", 300.0)):
        write_arf(place / f"{name}.arf", smooth_area(peak))
        write_rmf(place / f"{name}.rmf", smeared())
    for i in range(MANY):
        own = "t" if i == 5 else "r"
        write_pha(place / f"s{i:02d}.pi", rng.poisson(1, N), RESPFILE=f"{own}.rmf", ANCRFILE=f"{own}.arf")
    return place


@pytest.fixture(scope="module")
def spectra(folder):
    found, refusals = read_counts(sorted(folder.iterdir()))
    assert not refusals
    return found


@pytest.fixture(scope="module")
def dataset(folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "x.lance"
    ingest(folder, path, light=PhaFiles())
    return path


def vectors(spectra):
    ids = spectra.object_id
    made = np.arange(4.0 * len(ids), dtype=np.float32).reshape(len(ids), 4)
    return {
        "shape": Embeddings(made, ids, "0123456789abcdef", np.tile([0.5, 7.0], (len(ids), 1)), "hardness")
    }


def same(one, other):
    return (
        one.to_arrow()
        .drop_columns(one.rows.column_names)
        .equals(other.to_arrow().drop_columns(other.rows.column_names))
    )


def test_spectra_read_in_parts_share_their_response(spectra):
    assert len(spectra) == MANY
    assert len(spectra.responses) == 2
    assert spectra.to_arrow().column("response").nbytes < 3 * max(len(r.packed) for r in spectra.responses)


def test_a_dataset_holds_each_response_once(dataset, spectra):
    assert len(list((dataset / FOLDER).iterdir())) == 2
    again = read_dataset(dataset, light=PhaFiles())
    assert len(again.responses) == 2
    assert same(again, spectra)
    parts = list(iter_dataset(dataset, batch_size=16, light=PhaFiles()))
    assert same(CountSet.concatenate(parts), spectra)
    chosen = read_dataset(dataset, "object_id = 's05'", light=PhaFiles())
    assert chosen.responses[0].digest == spectra[5].response.digest


def test_a_base_holds_each_response_once_and_gives_the_same_spectra_back(spectra, tmp_path):
    base = KnowledgeBase.create(
        tmp_path / "x.kb",
        spectra.take(range(60)),
        vectors(spectra.take(range(60))),
        encoder="h",
        domain="xray",
    )
    rest = spectra.take(range(60, MANY))
    base.add(rest, vectors(rest))
    assert len(list((tmp_path / "x.kb" / FOLDER).iterdir())) == 2
    opened = KnowledgeBase.open(tmp_path / "x.kb", batch=CountSet)
    assert same(opened.spectra(spectra.object_id.tolist()), spectra)


def packed_in_rows(spectra):
    """The table as it was written before: the response in every row, no column of groups."""
    table = spectra.to_arrow().drop_columns(["grouping"])
    column = table.column("response").cast(pa.large_binary())
    return table.set_column(table.column_names.index("response"), "response", column)


class Before(CountSet):
    """Counts that are written as they were before."""

    def to_arrow(self):
        return packed_in_rows(CountSet(**vars(self)))


def test_what_was_written_before_is_read_and_added_to(spectra, tmp_path):
    few, more = spectra.take([1, 5, 9]), spectra.take([2, 7])
    old = Before(**vars(few))
    assert same(CountSet.from_arrow(packed_in_rows(few)), few)
    base = KnowledgeBase.create(tmp_path / "old.kb", old, vectors(few), encoder="h", domain="xray")
    assert json.loads((tmp_path / "old.kb" / "kb.json").read_text())["format"] == 1
    opened = KnowledgeBase.open(tmp_path / "old.kb", batch=CountSet)
    assert same(opened.spectra(few.object_id.tolist()), few)
    opened.add(more, vectors(more))
    assert json.loads((tmp_path / "old.kb" / "kb.json").read_text())["format"] == 2
    assert same(
        opened.spectra([*few.object_id.tolist(), *more.object_id.tolist()]), CountSet.concatenate([few, more])
    )
    del base


def test_responses_that_nothing_needs_any_more_are_removed(spectra, tmp_path):
    from datetime import timedelta

    few = spectra.take([1, 5, 9])
    base = KnowledgeBase.create(tmp_path / "x.kb", few, vectors(few), encoder="h", domain="xray")
    base.delete("object_id = 's05'")
    base.optimize(forget_older_than=timedelta(0))
    left = [path.name for path in (tmp_path / "x.kb" / FOLDER).iterdir()]
    assert len(left) == 1
    assert_array_equal(
        KnowledgeBase.open(tmp_path / "x.kb", batch=CountSet).spectra(["s01"]).counts, few[0].counts
    )


def test_a_missing_response_is_a_sentence(spectra, tmp_path):
    from spectrove.errors import KnowledgeError

    few = spectra.take([1])
    base = KnowledgeBase.create(tmp_path / "x.kb", few, vectors(few), encoder="h", domain="xray")
    next((tmp_path / "x.kb" / FOLDER).iterdir()).unlink()
    with pytest.raises(KnowledgeError, match=r"shared/[0-9a-f]{32} is missing"):
        base.spectra(["s01"])


def test_packed_responses_are_never_taken_for_references(spectra):
    assert not any(response.packed.startswith(MARK) for response in spectra.responses)


@pytest.mark.parametrize("cluster", [None, "local"])
def test_several_processes_read_the_same(folder, spectra, monkeypatch, cluster):
    """In the same order, with the same refusals, and each response once; and so do the workers of a cluster."""
    monkeypatch.setattr("spectrove.xray.ogip.WORTH_PROCESSES", 10)
    monkeypatch.setattr("spectrove.xray.ogip.TOGETHER", 40)
    write_arf(folder / "zz.arf", smooth_area())
    try:
        parts = list(iter_counts(sorted(folder.iterdir()), workers=2, cluster=cluster))
    finally:
        (folder / "zz.arf").unlink()
    found = CountSet.concatenate([part for part, _, _ in parts])
    assert same(found, spectra)
    assert found.object_id.tolist() == spectra.object_id.tolist()
    assert len(found.responses) == 2
    assert [refusal.name for _, refused, _ in parts for refusal in refused] == [str(folder / "zz.arf")]
