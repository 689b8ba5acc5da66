"""Counts in a knowledge base: kept, given back and searched as any other spectra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from numpy.testing import assert_array_equal
from tests.xray.ogip_files import CHANNELS, smooth_area, write_pha, write_source
from typer.testing import CliRunner

import spectrove
from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_dataset
from spectrove.readers.writing import write_files
from spectrove.serve.cli import app
from spectrove.xray.counts import CountSet
from spectrove.xray.files import PhaFiles
from spectrove.xray.ogip import read_counts

N = len(CHANNELS) - 1


@pytest.fixture
def three(tmp_path):
    """Two spectra of one response, and one of another."""
    rng = np.random.default_rng(0)
    write_source(tmp_path, "a", rng.poisson(3, N), background=rng.poisson(1, N))
    write_pha(tmp_path / "b.pi", rng.poisson(2, N), RESPFILE="a.rmf", ANCRFILE="a.arf")
    write_source(tmp_path, "c", rng.poisson(1, N), area=smooth_area(300))
    return read_counts([tmp_path / f"{name}.pi" for name in "abc"])[0]


def vectors(ids):
    made = np.arange(4.0 * len(ids), dtype=np.float32).reshape(len(ids), 4)
    return Embeddings(made, np.array(ids), "0123456789abcdef", np.tile([0.5, 7.0], (len(ids), 1)), "hardness")


def test_counts_come_back_with_background_exposure_and_response(three, tmp_path):
    """From memory, and from a folder that is opened again."""
    views = {"shape": vectors(three.object_id.tolist())}
    KnowledgeBase.create(tmp_path / "x.kb", three, views, encoder="hardness", domain="xray")
    for base in (
        KnowledgeBase.open(tmp_path / "x.kb", batch=CountSet),
        KnowledgeBase.in_memory(three, views, encoder="hardness", domain="xray"),
    ):
        again = base.spectra(["c", "a", "b"])
        assert isinstance(again, CountSet)
        assert base.domain == "xray"
        assert len(again.responses) == 2
        for name in ("counts", "background", "quality", "background_scale", "exposure"):
            assert_array_equal(getattr(again, name), getattr(three.take([2, 0, 1]), name))
        photons = np.linspace(1, 2, len(three.responses[1].area))
        assert_array_equal(again[0].response.fold(photons), three[2].response.fold(photons))


def test_more_counts_are_added(three):
    """One spectrum that is there under another id is stored once."""
    base = KnowledgeBase.in_memory(three.take([0, 2]), {"shape": vectors(["a", "c"])}, encoder="hardness")
    base.add(three.take([1]), {"shape": vectors(["b"])})
    assert base.spectra(["b"]).rows.column("path").to_pylist() == three.take([1]).column("path")
    found = base.search(vectors(["b"]), 2, spectra=three.take([1]))
    assert set(found.object_id[0].tolist()) == {"a", "c"}


def test_counts_are_written_as_files_that_give_the_same_spectra(three, tmp_path):
    """And each response once: counts, background and its scale, quality, grouping, exposure and response come back."""
    grouped = np.tile(np.array([1, -1, -1, 1], np.int16), len(three.counts) // 4)
    spectra = replace(three, grouping=grouped, quality=np.where(three.counts > 4, 2, 0).astype(np.int16))
    (tmp_path / "out").mkdir()
    written = write_files(tmp_path / "out", spectra, PhaFiles())
    assert sorted(path.suffix for path in written) == [
        ".arf",
        ".arf",
        ".pha",
        ".pha",
        ".pha",
        ".pha",
        ".rmf",
        ".rmf",
    ]
    again, refusals = read_counts(written)
    assert not refusals
    for name in ("object_id", "counts", "background", "quality", "grouping", "exposure"):
        assert_array_equal(getattr(again, name), getattr(spectra, name))
    assert np.allclose(again.background_scale, spectra.background_scale, rtol=1e-12)
    assert [r.digest for r in again.responses] == [r.digest for r in spectra.responses]


def test_written_responses_have_the_cards_that_the_memos_demand(three, tmp_path):
    """OGIP/92-007 and CAL/GEN/92-002: telescope, instrument, filter; channels and their kind of an RMF."""
    written = write_files(tmp_path, three, PhaFiles())
    common = {"HDUCLASS", "HDUCLAS1", "HDUVERS", "TELESCOP", "INSTRUME", "FILTER"}
    for path in written:
        with fits.open(path) as hdus:
            for hdu in hdus[1:]:
                wanted = common if path.suffix == ".arf" else common | {"CHANTYPE", "DETCHANS"}
                assert wanted <= set(hdu.header), path.name


def test_a_base_of_counts_knows_its_kind_of_light_from_its_spectra(three, tmp_path):
    """And says it where regions of wavelengths are asked for."""
    base, _ = spectrove.create(tmp_path / "x.kb", three)
    assert base.domain == "xray"
    assert base.info()["encoder"] == "sources8"
    with pytest.raises(KnowledgeError, match=r"x\.kb: a base of xray has no flux on wavelengths"):
        base.search_region(three, (0.5, 2.0))
    with pytest.raises(KnowledgeError, match="no flux on wavelengths"):
        base.search_region(three, "Fe K")


def test_objects_that_would_be_one_file_are_not_exported_to_files(three, tmp_path):
    """The second would be written over the first; nothing is written."""
    twins = replace(three, object_id=np.array(["a#1", "a_1", "c"]))
    base, _ = spectrove.create(tmp_path / "x.kb", twins)
    done = CliRunner().invoke(app, ["kb", "export", str(base.path), str(tmp_path / "out")])
    assert done.exit_code != 0
    assert "a#1 and a_1 would both be the file a_1" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_base_of_counts_is_shown_listed_and_exported(three, tmp_path):
    base, _ = spectrove.create(tmp_path / "x.kb", three)
    show = CliRunner().invoke(app, ["kb", "show", str(base.path), "a"])
    counts, behind = three[0].counts.sum(), three[0].background_scale * three[0].background.sum()
    assert (
        f"{counts} counts, of which {behind:.1f} expected of the background, in 10000 s; 200 channels"
        in show.stdout
    )
    listed = CliRunner().invoke(app, ["kb", "list", str(base.path), "--columns", "n_counts,exposure_s"])
    assert str(counts) in listed.stdout
    for place, n in (("out", 3), ("out.lance", 3)):
        done = CliRunner().invoke(app, ["kb", "export", str(base.path), str(tmp_path / place)])
        assert done.exit_code == 0, done.output
        assert f"{n} spectra" in done.output
    assert read_dataset(tmp_path / "out.lance", light=PhaFiles()).counts.sum() == three.counts.sum()
    again, _ = read_counts(sorted((tmp_path / "out").iterdir()))
    assert again.counts.sum() == three.counts.sum()
