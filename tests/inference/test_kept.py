"""What is fitted once on a base and kept with it, wherever the base is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal

from spectrove.embeddings import Embeddings
from spectrove.inference import kept
from spectrove.inference.kept import fitted_once, measured_once
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.provenance import canonical_json
from spectrove.spectra import Spectrum, SpectrumSet

IDS = ["a", "b", "c"]


def small(path, ids=IDS):
    pixels = 4000.0 + np.arange(5), np.ones(5, "f4"), np.ones(5, "f4"), np.zeros(5, "i4"), np.ones(5, "f4")
    spectra = SpectrumSet.from_spectra([Spectrum(i, *pixels, {"z": 0.1}) for i in ids])
    cover = np.tile([3700.0, 8700.0], (len(ids), 1))
    vectors = Embeddings(np.eye(len(ids), 4, dtype="f4"), np.array(ids), "0123456789abcdef", cover)
    return KnowledgeBase.create(path, spectra, {"shape": vectors}, encoder="made-up")


@pytest.fixture
def base(tmp_path):
    return small(tmp_path / "a.kb")


class Fit:
    """Something to fit, which counts how often it is fitted."""

    def __init__(self):
        self.times = 0

    def __call__(self, base, kind="metrics", key=""):
        key = key or canonical_json({"version": base.version, "what": "a line"})
        return fitted_once(base, kind, key, self.fit, self.to_arrays, lambda a, t: (a["slope"], t["unit"]))

    def fit(self):
        self.times += 1
        return np.array([0.1, np.pi, self.times]).reshape(1, 3).T, "dex"

    def to_arrays(self, result):
        return {"slope": result[0]}, {"unit": result[1]}


def test_it_is_fitted_once_and_read_by_the_next_session(base):
    """To the last bit, whatever the strides of an array."""
    fit = Fit()
    slope, _ = fit(base)
    assert fit(base)[0] is slope
    again, unit = fit(KnowledgeBase.open(base.path))
    assert_array_equal(again, slope)
    assert (unit, fit.times) == ("dex", 1)


def test_each_version_has_its_own_and_the_older_one_is_forgotten(base):
    fit = Fit()
    fit(base)
    [first] = base.files.names("metrics")
    base.delete("object_id = 'c'")
    fit(base)
    [second] = base.files.names("metrics")
    assert fit.times == 2
    assert (first.split("-")[0], second.split("-")[0]) == ("1", str(base.version))


def test_results_of_earlier_labels_stay_until_they_are_too_many(base, monkeypatch):
    """Columns are joined: spectra and vectors are as they were, and what did not read the column is read again."""
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    fit, newer = Fit(), Fit()
    for i in range(4):
        fit(base)  # a key of the version
        newer(base, key="of no column")
        base.add_columns(pa.table({"object_id": IDS, f"n{i}": [1.0, 2.0, float(i)]}), Source("t"))
    assert (fit.times, newer.times) == (4, 2)
    names = base.files.names("metrics")
    assert len(names) == 3
    assert {name.split("-")[0] for name in names} == {"1"}
    base.delete("object_id = 'c'")
    fit(base)
    assert len(base.files.names("metrics")) == 1


@pytest.mark.parametrize("older", ["{digest}", "1-regression-{digest}"])
def test_files_named_in_the_older_ways_are_read(base, older):
    """Outliers had no version in their names, estimators a word more."""
    fit = Fit()
    slope, _ = fit(base)
    [path] = (base.path / "metrics").iterdir()
    path.rename(path.with_name(older.format(digest=path.name.split("-")[-1])))
    assert_array_equal(fit(KnowledgeBase.open(base.path))[0], slope)
    assert fit.times == 1


def test_a_torn_file_is_fitted_and_written_again(base):
    fit = Fit()
    fit(base)
    [path] = (base.path / "metrics").iterdir()
    path.with_name("0-older-" + path.name.split("-")[-1]).write_bytes(path.read_bytes()[:30])
    path.write_bytes(b"")
    fit(KnowledgeBase.open(base.path))
    fit(KnowledgeBase.open(base.path))
    assert fit.times == 2
    assert base.files.names("metrics") == [path.name]


def test_what_is_not_worth_a_file_is_kept_in_memory(base):
    fit = Fit()
    fit.to_arrays = lambda result: None
    assert fit(base) is fit(base)
    assert not (base.path / "metrics").exists()


def test_measurements_of_further_objects_are_added(base):
    """Each object is measured once, in whatever order it is named."""
    measured = []

    def measure(names):
        measured.extend(names)
        return np.array([[ord(name), 0.5] for name in names])

    key = canonical_json({"version": base.version})
    measured_once(base, "lines", key, ["b"], measure)
    values = measured_once(KnowledgeBase.open(base.path), "lines", key, ["c", "b", "c", "a"], measure)
    assert_array_equal(values, [[99, 0.5], [98, 0.5], [99, 0.5], [97, 0.5]])
    assert measured == ["b", "c", "a"]
