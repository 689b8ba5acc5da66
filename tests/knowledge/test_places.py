"""A base in a folder, in memory, and at an address answers alike and keeps what is fitted on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pyarrow import fs
from typer.testing import CliRunner

from spectrove.errors import KnowledgeError
from spectrove.inference.kept import fitted_once, measured_once
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import Folder, Memory, ObjectStore, Uri, place_of
from spectrove.serve.cli import app
from spectrove.targets import Target

TARGET = Target(
    name="liner", label="class_derived", classes={"LINER": ["LINER"], "other": ["SF", "quiescent"]},
    positive="LINER", k=4,
)  # fmt: skip


class Upside:
    """A metric that measures distances in reversed and stretched coordinates."""

    fingerprint = "upside"

    def transform(self, vectors):
        return (vectors[:, ::-1] * np.arange(1, vectors.shape[1] + 1)).astype(np.float32)

    roughly = transform


@pytest.fixture(params=["folder", "memory", "object store"])
def files(request, tmp_path):
    if request.param == "folder":
        (tmp_path / "a.kb").mkdir()
        return Folder(tmp_path / "a.kb")
    if request.param == "memory":
        return Memory()
    return ObjectStore(*fs.FileSystem.from_uri("mock://bucket/a.kb"))


@pytest.fixture
def in_memory(ids, make_spectra, make_vectors):
    return KnowledgeBase.in_memory(
        make_spectra(ids), {"shape": make_vectors(ids), "own": make_vectors(ids, 5, 3)}, encoder="made-up"
    )


@pytest.fixture
def on_disk(tmp_path, ids, make_spectra, make_vectors):
    views = {"shape": make_vectors(ids), "own": make_vectors(ids, 5, 3)}
    return KnowledgeBase.create(tmp_path / "a.kb", make_spectra(ids), views, encoder="made-up")


# --- files ------------------------------------------------------------------------------------------------


def test_what_was_written_is_read(files):
    """In folders too; the newer content replaces the older."""
    files.write("kb.json", b"{}")
    files.write("metrics/1-a.safetensors", b"old")
    files.write("metrics/1-a.safetensors", b"\x00new")
    assert files.read("metrics/1-a.safetensors") == b"\x00new"
    assert files.names("") == ["kb.json"]
    assert files.names("metrics") == ["1-a.safetensors"]
    assert files.names("lines") == []
    assert files.size() == 6


def test_what_was_removed_is_gone(files):
    files.write("metrics/1-a", b"a")
    files.remove("metrics/1-a")
    files.remove("metrics/1-a")
    assert files.names("metrics") == []
    with pytest.raises(FileNotFoundError):
        files.read("metrics/1-a")
    files.write("kb.json", b"{}")
    files.clear()
    assert files.names("") == []


def test_lines_follow_each_other(files):
    with files.locked():
        files.append("log", b"one")
        files.append("log", b"two")
    assert files.read("log") == b"one\ntwo\n"


def test_an_address_is_told_from_a_folder():
    """`Path` takes one of its two slashes; a drive of Windows is none."""
    assert place_of("s3://bucket/a.kb") == place_of(Path("s3://bucket/a.kb")) == Uri("s3://bucket/a.kb")
    assert isinstance(place_of("memory://"), Uri)
    assert place_of("s3://bucket/a.kb/").name == "a.kb"
    assert place_of("file:///data/a%20b.kb") == Path("/data/a b.kb")
    for folder in ("a.kb", "C:/a.kb", "some/s3:/a.kb", "/data/a.kb"):
        assert place_of(folder) == Path(folder)


# --- a base in memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"target": TARGET},
        {"target": TARGET, "metric": Upside()},
        {"where": "plate > 1000", "labelled": "class_derived"},
        {"view": {"shape": 1.0, "own": 0.3}},
        {"exclude_column": "plate"},
    ],
    ids=lambda how: "+".join(how) or "plain",
)
def test_a_base_in_memory_finds_what_one_in_a_folder_finds(
    in_memory, on_disk, ids, make_spectra, make_vectors, how
):
    """To the last bit."""
    asked = [*ids[:5], "new"]
    queries = {"shape": make_vectors(asked, 1), "own": make_vectors(asked, 2, 3)}
    mine, theirs = (b.search(queries, 6, spectra=make_spectra(asked), **how) for b in (in_memory, on_disk))
    assert_array_equal(mine.object_id, theirs.object_id)
    assert_array_equal(mine.distance, theirs.distance)
    assert (mine.scale, mine.flags, mine.pool) == (theirs.scale, theirs.flags, theirs.pool)
    assert mine.rows == theirs.rows


def test_a_base_in_memory_changes_as_one_in_a_folder_does(in_memory, on_disk, make_spectra, make_vectors):
    """Each change is a version that can be restored."""
    views = {"shape": make_vectors(["x", "y"]), "own": make_vectors(["x", "y"], 5, 3)}
    for base in (in_memory, on_disk):
        base.add(make_spectra(["x", "y"]), views)
        base.upsert(make_spectra(["x"], 3), {name: v.take([0]) for name, v in views.items()})
        base.delete("plate = 1001")
        base.rollback(2)
        base.optimize()
    summaries = []
    for base in (in_memory, on_disk):
        summary = base.info()
        assert summary.pop("bytes") > 1000
        del summary["path"], summary["created"]
        summaries.append((summary, [(v["version"], v["operation"], v["rows"]) for v in base.versions()]))
    assert summaries[0] == summaries[1]
    names = in_memory.rows(columns=[]).column("object_id").to_pylist()
    mine, theirs = in_memory.spectra(names), on_disk.spectra(names)
    assert_array_equal(mine.flux, theirs.flux)
    assert mine.rows == theirs.rows


def test_a_base_in_memory_leaves_nothing_on_the_disk(ids, make_spectra, make_vectors, tmp_path, monkeypatch):
    """And two of them share nothing."""
    monkeypatch.chdir(tmp_path)
    content = make_spectra(ids), {"shape": make_vectors(ids)}
    one, other = (KnowledgeBase.in_memory(*content, encoder="made-up") for _ in range(2))
    other.delete("true")
    fitted_once(one, "metrics", "{}", lambda: 1.0, lambda _: ({"a": np.ones(3)}, {}), lambda *_: 1.0)
    assert one.scale > 0
    assert (len(one), len(other)) == (40, 0)
    assert one.files.names("metrics")
    assert not other.files.names("metrics")
    assert not list(tmp_path.iterdir())


def test_a_base_in_memory_cannot_be_opened_again():
    with pytest.raises(KnowledgeError, match="memory://base: no such knowledge base"):
        KnowledgeBase.open("memory://base")


# --- a base in an object store ----------------------------------------------------------------------------


def test_a_base_in_an_object_store_answers_and_keeps_what_is_fitted_on_it(
    store, on_disk, ids, make_spectra, make_vectors
):
    """Tables, log, scales and fitted results: written by one session, read by the next, as in a folder."""
    address, views = "s3://bucket/a.kb", {"shape": make_vectors(ids), "own": make_vectors(ids, 5, 3)}
    KnowledgeBase.create(address, make_spectra(ids), views, encoder="made-up")
    with pytest.raises(KnowledgeError, match=r"s3://bucket/a\.kb: something is there already"):
        KnowledgeBase.create(address, make_spectra(ids), views, encoder="made-up")
    fits = []
    for _ in range(2):
        base = KnowledgeBase.open(address)
        fitted_once(
            base, "metrics", "a key", lambda: fits.append(1) or np.pi,
            lambda value: ({"value": np.array([value])}, {}), lambda arrays, _: float(arrays["value"][0]),
        )  # fmt: skip
        measured_once(base, "lines", "a key", ids, lambda names: fits.append(2) or np.ones((len(names), 2)))
        queries = make_vectors(["q"], 1)
        assert_array_equal(base.search(queries, 5).distance, on_disk.search(queries, 5).distance)
        assert base.scale == on_disk.scale
    assert fits == [1, 2]
    assert set(json.loads(store["bucket/a.kb/scales.json"])) == {"1:shape"}
    assert [name for name in store if "/metrics/1-" in name]
    base.delete("plate = 1001")
    assert [v["operation"] for v in KnowledgeBase.open(address).versions()] == ["create", "delete"]
    assert (str(base.path), base.path.name) == (address, "a.kb")
    assert base.info()["bytes"] > 1000


def test_the_command_line_takes_the_address_of_a_base(store, ids, make_spectra, make_vectors):
    KnowledgeBase.create(
        "s3://bucket/b.kb", make_spectra(ids), {"shape": make_vectors(ids)}, encoder="made-up"
    )
    told = CliRunner().invoke(app, ["kb", "info", "s3://bucket/b.kb", "--json"])
    assert json.loads(told.output)["path"] == "s3://bucket/b.kb"
    told = CliRunner().invoke(app, ["kb", "info", "s3://bucket/absent.kb"])
    assert told.exit_code == 2
    assert "s3://bucket/absent.kb: no such knowledge base" in " ".join(told.output.split())


def test_columns_join_a_base_in_an_object_store(store, ids, make_spectra, make_vectors):
    """By Python and by the command, with rollback; the next session reads them."""
    import pyarrow as pa

    address = "s3://bucket/labels.kb"
    KnowledgeBase.create(address, make_spectra(ids), {"shape": make_vectors(ids)}, encoder="made-up")
    base = KnowledgeBase.open(address)
    base.add_columns(pa.table({"object_id": ids[:2], "lens": [True, False]}), "lenses")
    opened = KnowledgeBase.open(address)
    assert opened.label_values("lens") == {"true": 1, "false": 1}
    assert opened.measured_version == 1
    assert opened.versions()[-1]["about"] == "lens from lenses"
    shown = CliRunner().invoke(app, ["kb", "labels", address, "--json"])
    assert [json.loads(line)["column"] for line in shown.stdout.splitlines()] == [
        "class_derived",
        "split",
        "lens",
    ]
    opened.rollback(1)
    assert "lens" not in KnowledgeBase.open(address).columns
