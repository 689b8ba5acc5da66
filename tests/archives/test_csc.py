"""Spectra of the Chandra Source Catalog from a server of ours with the addresses of its archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table
from tests.archives.loopback import Loopback
from tests.archives.test_tables import votable

from spectrove.archives import FetchReport, fetch
from spectrove.errors import ArchiveError

NAME = "2CXO J122906.6+020308"
KINDS = {"spectrum": "pha3", "arf": "arf3", "rmf": "rmf3"}


class Files:
    """The interface that lists and gives files of detections."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.name: str | None = None

    def answer(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        assert query["version"] == "rel2.1"
        if path == "/csccli/browse":
            detection, kind, _band = query["packageset"].split("/")
            obsid, obi, region = (int(part) for part in detection.split("."))
            start, end = f"acisf{obsid:05d}_{obi:03d}", f"_r{region:04d}_{KINDS[kind]}.fits"
            found = [f.removesuffix(".gz") for f in self.files if f.startswith(start) and end in f]
            listed = [{"filename": self.name or f} for f in found]
            return 200, "application/json", json.dumps(listed).encode()
        return 200, "application/octet-stream", self.files[f"{query['filename']}.gz"]


@pytest.fixture
def files(server: Loopback, data_dir: Path) -> Files:
    """A real detection of the catalog."""
    folder = data_dir / "xray" / "pha" / "sherpa_datastack"
    found = sorted(folder.glob("acisf07867_000N001_r0002_*3.fits.gz"))
    if len(found) != 3:
        pytest.skip("SPECTROVE_DATA has no spectrum of the Chandra Source Catalog")
    made = Files({p.name: p.read_bytes() for p in found})
    server.answers["/csccli"] = made.answer
    rows = Table(
        {"name": [NAME], "ra": [187.28], "dec": [2.05], "obsid": [7867], "obi": [0], "region_id": [2]}
    )
    server.answers["/csc21tap"] = lambda *_: (200, "application/x-votable+xml", votable(rows))
    return made


def get(server: Loopback, folder: Path, ids: Any = (), **asked: Any) -> FetchReport:
    servers = {"tap": f"{server.address}/csc21tap", "files": f"{server.address}/csccli"}
    manners = {"interval": 0.0, "timeout": 60.0, "again": 2, "wait": lambda s: None}
    return fetch("csc", folder, ids, servers=servers, manners=manners, **asked)


@pytest.mark.real
def test_a_detection_comes_with_its_responses_and_is_read_as_counts(server, files, tmp_path):
    from spectrove.pipeline.kinds import domain_of_spectra
    from spectrove.readers import ingest

    report = get(server, tmp_path / "got", "7867.0.2")
    assert report.count("fetched") == 3
    assert all((tmp_path / "got" / name).read_bytes() == content for name, content in files.files.items())
    light = domain_of_spectra([tmp_path / "got"]).files
    done = ingest(tmp_path / "got", tmp_path / "x.lance", light=light, workers=1)
    assert (done.n_spectra, list(done.refusals)) == (1, [])
    server.asked.clear()
    assert get(server, tmp_path / "got", "7867.0.2").count("there") == 3
    assert not server.asked


@pytest.mark.real
def test_a_source_is_looked_up_by_name_and_its_table_is_a_catalog(server, files, tmp_path):
    pytest.importorskip("pyvo")
    report = get(server, tmp_path, NAME)
    assert [i.state for i in report.items] == ["fetched"] * 4
    [table] = report.tables
    assert "csc21.master_source" in server.asked[0]["body"].decode().replace("%2C", ",")
    from spectrove.catalog import read_catalog

    assert read_catalog(table)["name"].to_pylist() == [NAME]


@pytest.mark.real
def test_names_of_files_that_would_leave_the_folder_are_refused(server, files, tmp_path):
    files.name = "../../evil.fits"
    report = get(server, tmp_path / "got", "7867.0.2", products=["pha"])
    assert "no name that a file can get here" in report.items[0].said
    assert not list(tmp_path.glob("*.fits*"))


@pytest.mark.real
def test_what_the_archive_does_not_have_is_a_sentence(server, files, tmp_path):
    report = get(server, tmp_path, ["7867.0.99", "3C 273", "7867.0.2"], products=["pha"])
    said = [i.said for i in report.items if i.state == "refused"]
    assert "expected obsid.obi.region" in said[0]
    assert "the archive has no such file" in said[1]
    assert report.count("fetched") == 1


def test_an_unknown_kind_of_file_names_those_that_there_are(server, tmp_path):
    with pytest.raises(
        ArchiveError, match="jpg: no kind of file that is fetched; name some of pha, arf, rmf"
    ):
        get(server, tmp_path, "1.0.1", products=["jpg"])
