"""Spectra of DESI from a server of ours that answers like SPARCL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.archives.loopback import Loopback

from spectrove.archives import FetchReport, fetch
from spectrove.errors import ArchiveError
from spectrove.readers import read_spectra

#: Grid of DESI, vacuum angstrom.
WAVELENGTH = 3600 + 0.8 * np.arange(7781)

#: Names of fields outside and inside, as SPARCL has them for a release.
FIELDS = {"sparcl_id": "id", "targetid": "targetid", "ra": "ra", "dec": "dec", "redshift": "z", "redshift_err": "zerr",
          "redshift_warning": "zwarn", "spectype": "spectype", "data_release": "data_release_id",
          "specprimary": "zcat_primary", "wavelength": "wavelength", "flux": "flux", "ivar": "ivar",
          "mask": "mask"}  # fmt: skip
RELEASES = ("DESI-DR1", "DESI-EDR")


class Sparcl:
    """Spectra by their ids; each target has two, of which the second is the best."""

    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(3)
        self.records: dict[str, dict[str, Any]] = {}
        self.posts: list[tuple[str, dict[str, str], Any]] = []
        self.withheld: set[str] = set()
        for i in range(n):
            for best in (False, True):
                mask = np.zeros(len(WAVELENGTH), int)
                mask[100:110] = 1
                self.records[f"{i:08d}-{best:d}"] = {
                    "sparcl_id": f"{i:08d}-{best:d}",
                    "targetid": 39633321176011000 + i,
                    "ra": 150.0 + i,
                    "dec": 2.0,
                    "redshift": 0.1 + 0.01 * i,
                    "redshift_err": 1e-4,
                    "redshift_warning": 4 if i == 1 else 0,
                    "spectype": "GALAXY" if i % 2 == 0 else "QSO",
                    "data_release": "DESI-DR1",
                    "specprimary": best,
                    "wavelength": WAVELENGTH.round(1).tolist(),
                    "flux": (rng.normal(5, 0.5, len(WAVELENGTH)) + 100 * best).round(4).tolist(),
                    "ivar": np.full(len(WAVELENGTH), 4.0).tolist(),
                    "mask": mask.tolist(),
                }

    def answer(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        if path == "/api/datafields/":
            listed = [
                {"data_release": r, "newdp": new, "origdp": old}
                for r in RELEASES
                for new, old in FIELDS.items()
            ]
            return 200, "application/json", json.dumps(listed).encode()
        asked = json.loads(body)
        self.posts.append((path, query, asked))
        if path == "/api/find/":
            return 200, "application/json", json.dumps([{"status": {}}, *self._find(asked, query)]).encode()
        assert path == "/api/spectras/"
        assert query["format"] == "json"
        found = [
            self._inside(self.records[i], query["include"].split(","))
            for i in asked
            if i not in self.withheld
        ]
        return 200, "application/json", json.dumps([{"status": {}}, *found]).encode()

    def _find(self, asked: dict[str, Any], query: dict[str, str]) -> list[dict[str, Any]]:
        outer = {inside: name for name, inside in FIELDS.items()}
        found = list(self.records.values())
        for inside, *values in asked["search"]:
            name = outer[inside]
            if name == "redshift":
                found = [r for r in found if values[0] <= r[name] <= values[1]]
            else:
                found = [r for r in found if r[name] in values]
        return [self._inside(r, asked["outfields"]) for r in found[: int(query["limit"])]]

    def _inside(self, record: dict[str, Any], names: list[str]) -> dict[str, Any]:
        outer = {inside: name for name, inside in FIELDS.items()}
        return {"_dr": "DESI-DR1", **{inside: record[outer[inside]] for inside in names}}


@pytest.fixture
def sparcl(server: Loopback) -> Sparcl:
    made = Sparcl(4)
    server.answers["/api"] = made.answer
    return made


def target(i: int) -> str:
    return str(39633321176011000 + i)


def get(server: Loopback, folder: Path, ids: Any = (), **asked: Any) -> FetchReport:
    wait: Callable[[float], None] = lambda s: None  # noqa: E731
    manners = {"interval": 0.0, "timeout": 60.0, "again": 2, "wait": wait}
    return fetch("desi", folder, ids, servers={"sparcl": server.address}, manners=manners, **asked)


def test_spectra_by_targetid_are_read_as_desi_with_all_that_sparcl_says(server, sparcl, tmp_path):
    """The best spectrum of each target, its mask, redshift, position and errors."""
    report = get(server, tmp_path, [target(0), target(1)])
    assert report.count("fetched") == 2
    spectra, refusals = read_spectra(tmp_path, workers=1)
    assert not refusals
    assert list(spectra.column("survey")) == ["desi", "desi"]
    assert list(spectra.column("targetid")) == [target(0), target(1)]
    assert list(spectra.column("z")) == pytest.approx([0.1, 0.11])
    assert list(spectra.column("ra")) == pytest.approx([150.0, 151.0])
    assert list(spectra.column("zwarning")) == [0, 4]
    assert list(spectra.column("class")) == ["GALAXY", "QSO"]
    assert list(spectra.column("z_err")) == pytest.approx([1e-4, 1e-4])
    one = spectra[0]
    np.testing.assert_allclose(one.wavelength, WAVELENGTH, atol=1e-6)
    np.testing.assert_allclose(one.flux, sparcl.records["00000000-1"]["flux"], rtol=1e-6)
    np.testing.assert_allclose(one.ivar[~np.isin(np.arange(7781), range(100, 110))], 4.0)
    assert not one.good[100:110].any()
    assert one.good[:100].all()
    assert one.row["flux_unit"] == spectra.column("flux_unit")[1]


def test_ids_are_found_and_fetched_in_few_requests(server, sparcl, tmp_path, monkeypatch):
    """The list of fields, one search, and a request for each batch, in JSON."""
    monkeypatch.setattr("spectrove.archives.desi.BATCH", 3)
    report = get(server, tmp_path, [target(i) for i in range(4)])
    assert report.count("fetched") == 4
    assert server.paths == ["/api/datafields/", "/api/find/", "/api/spectras/", "/api/spectras/"]
    assert {query["format"] for path, query, _ in sparcl.posts if "spectras" in path} == {"json"}


def test_what_is_there_is_not_asked_for_again(server, sparcl, tmp_path):
    get(server, tmp_path, target(0))
    server.asked.clear()
    report = get(server, tmp_path, target(0))
    assert [i.state for i in report.items] == ["there"]
    assert not server.asked
    report = get(server, tmp_path, [target(0), target(1)])
    assert sparcl.posts[-1][2] == ["00000001-1"]


def test_conditions_choose_spectra(server, sparcl, tmp_path):
    report = get(server, tmp_path, where=["spectype=GALAXY", "redshift=0.11:0.2"])
    assert [i.name for i in report.items] == [target(2)]
    with pytest.raises(ArchiveError, match="redshfit: DESI-DR1 has no such field; did you mean redshift"):
        get(server, tmp_path, where=["redshfit=0.1:0.2"])
    with pytest.raises(ArchiveError, match="expected FIELD=VALUE"):
        get(server, tmp_path, where=["redshift"])


def test_each_that_cannot_be_had_gets_a_sentence(server, sparcl, tmp_path):
    sparcl.withheld.add("00000001-1")
    report = get(server, tmp_path, ["3.96e16", target(99), target(0), target(1)])
    said = {item.name: item.said for item in report.items if item.state == "refused"}
    assert "has lost digits" in said["3.96e16"]
    assert "in SPARCL has no such target" in said[target(99)]
    assert "found it and did not send it" in said[target(1)]
    assert report.count("fetched") == 1


def test_a_spectrum_whose_arrays_are_broken_is_refused(server, sparcl, tmp_path):
    sparcl.records["00000000-1"]["flux"] = sparcl.records["00000000-1"]["flux"][:-1]
    sparcl.records["00000001-1"]["ivar"] = None
    sparcl.records["00000002-1"]["targetid"] = 5
    report = get(server, tmp_path, [target(0), target(1), target(3)])
    assert "differ in shape" in report.items[0].said
    assert "ivar is missing" in report.items[1].said
    assert report.items[2].state == "fetched"


def test_an_unknown_release_names_those_that_there_are(server, sparcl, tmp_path):
    with pytest.raises(
        ArchiveError, match="DESI-DR9: SPARCL has no such data set; it has DESI-DR1, DESI-EDR"
    ):
        get(server, tmp_path, target(0), release="DESI-DR9")


@pytest.mark.parametrize("fault", ["500", "429 0", "cut", "empty", "close"])
def test_faults_that_pass_are_waited_out(server, sparcl, tmp_path, fault):
    server.faults.extend(["ok", fault, "ok", fault])
    assert get(server, tmp_path, target(0)).count("fetched") == 1


def test_a_login_page_is_a_sentence(server, sparcl, tmp_path):
    server.faults.extend(["ok", "ok", "login"])
    [item] = get(server, tmp_path, target(0)).items
    assert "web page" in item.said
