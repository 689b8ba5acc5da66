"""Sets of counts: what is kept, and that counts stay whole numbers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from tests.xray.ogip_files import CHANNELS, smooth_area, write_pha, write_source

from spectrove.errors import ShapeError
from spectrove.xray.counts import CountSet
from spectrove.xray.ogip import read_counts

N = len(CHANNELS) - 1


@pytest.fixture
def three(tmp_path):
    """Two spectra of one response, and one of another."""
    rng = np.random.default_rng(0)
    write_source(tmp_path, "a", rng.poisson(3, N), background=rng.poisson(1, N))
    write_pha(tmp_path / "b.pi", rng.poisson(2, N), RESPFILE="a.rmf", ANCRFILE="a.arf")
    write_source(tmp_path, "c", rng.poisson(1, N), area=smooth_area(300))
    spectra, refusals = read_counts([tmp_path / f"{name}.pi" for name in "abc"])
    assert not refusals
    return spectra


def same(one, other):
    return one.to_arrow().equals(other.to_arrow())


def test_a_table_gives_the_same_spectra_back(three):
    table = three.to_arrow()
    again = CountSet.from_arrow(table)
    assert same(again, three)
    assert len(again.responses) == 2
    assert table.schema.field("counts").type == pa.large_list(pa.int32())
    assert again.counts.dtype == np.int32
    photons = np.linspace(1, 2, len(three.responses[1].area))
    assert_array_equal(again[2].response.fold(photons), three[2].response.fold(photons))


def test_taking_and_joining_are_inverse(three):
    parts = [three.take([i]) for i in range(3)]
    assert [len(p.responses) for p in parts] == [1, 1, 1]
    assert same(CountSet.concatenate(parts), three)
    assert same(three.take(np.array([False, True, True])), three.take([1, 2]))
    assert three.take([2, 0]).object_id.tolist() == ["c", "a"]
    assert_array_equal(three.take([2, 0])[1].counts, three[0].counts)


def test_no_spectra_are_a_set_too(three):
    empty = three.take([])
    assert len(empty) == 0
    assert len(CountSet.from_arrow(empty.to_arrow())) == 0
    assert len(CountSet.concatenate([])) == 0
    assert same(CountSet.concatenate([empty, three]), three)


def test_no_redshift_is_no_number(three):
    assert np.isnan(three.z).all()


def test_rows_can_be_replaced(three):
    labelled = three.with_rows(three.rows.append_column("class", pa.array(["AGN", "YSO", None])))
    assert labelled.column("class") == ["AGN", "YSO", None]
    assert labelled[1].row["class"] == "YSO"
    with pytest.raises(ShapeError, match="rows"):
        three.with_rows(three.rows.slice(1))


def test_noise_is_added_to_whole_numbers(three):
    """As many counts on average, their scatter that of the counts; the same for the same trial."""
    many = CountSet.concatenate([three.take([0])] * 30)
    many = CountSet(**{**vars(many), "object_id": np.array([f"o{i}" for i in range(30)])})
    again = many.noisier(0)
    assert again.counts.dtype == np.int32
    steps = (again.counts - many.counts).reshape(30, N)
    bright = three[0].counts >= 3
    assert abs(steps.mean()) < 0.1
    assert 0.8 < (steps[:, bright].var(axis=0) / three[0].counts[bright]).mean() < 1.2
    assert_array_equal(many.noisier(0).counts, again.counts)
    assert (many.noisier(1).counts != again.counts).any()


def test_quality_is_signal_to_noise_of_all_counts(three):
    both, behind = three[0].counts.sum(), three[0].background_scale * three[0].background.sum()
    expected = np.log10((both - behind) / np.sqrt(both))
    assert three.measured_quality().shape == (3, 2)
    assert abs(three.measured_quality()[0, 0] - expected) < 1e-12
    assert three.measured_quality()[0, 1] == 1
