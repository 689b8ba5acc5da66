"""Tables of VizieR and of the Chandra Source Catalog, by the real client of TAP, from a service of ours."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import numpy as np
import pytest
from astropy.io.votable import from_table, writeto
from astropy.table import Table
from tests.archives.loopback import Loopback

from spectrove.archives import FetchReport, fetch
from spectrove.catalog import read_catalog

pytest.importorskip("pyvo")

LENSES, OUTLIERS = "J/MNRAS/502/4617", "J/MNRAS/465/4530"

REFUSED = """<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results"><INFO name="QUERY_STATUS" value="ERROR">Unknown column RAJ3000</INFO></RESOURCE></VOTABLE>"""


def votable(table: Table, status: str = "OK") -> bytes:
    """A table as a service of TAP sends it."""
    made = from_table(table)
    made.resources[0].type = "results"
    from astropy.io.votable.tree import Info

    made.resources[0].infos.append(Info(name="QUERY_STATUS", value=status))
    for field in made.get_first_table().fields:
        field.ucd = table[field.name].meta.get("ucd")
    out = io.BytesIO()
    writeto(made, out, tabledata_format="binary2")
    return out.getvalue()


def tap(tables: Mapping[str, Table], status: str = "OK") -> Callable[..., tuple[int, str, bytes]]:
    """A service with these tables, which knows `SELECT *` and the list of its tables."""

    def answer(path: str, query: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        asked = query | {k: v[0] for k, v in parse_qs(body.decode()).items()}
        adql = asked["QUERY"]
        if "tap_schema.tables" in adql:
            return 200, "application/x-votable+xml", votable(Table({"table_name": list(tables)}))
        name = next((name for name in tables if f'"{name}"' in adql or adql == name), None)
        if name is None:
            return 400, "application/x-votable+xml", REFUSED.encode()
        rows = tables[name][: int(asked["MAXREC"])] if "MAXREC" in asked else tables[name]
        return 200, "application/x-votable+xml", votable(rows, status)

    return answer


@pytest.fixture
def tables() -> dict[str, Table]:
    lenses = Table(
        {
            "recno": np.arange(3, dtype="i4"),
            "RAJ2000": [10.0, 20.0, 30.0],
            "DEJ2000": [-1.0, 0.0, 1.0],
            "Plate": np.array([3586, 3587, 3588], "i4"),
            "MJD": np.array([55181, 55182, 55183], "i4"),
            "Fiber": np.array([3, 4, 5], "i4"),
            "objID": np.array([1237648720693755918, 1237648720693755919, 1237648720693755920]),
            "z": [0.3, 0.4, 0.5],
            "Grade": ["A", "B", "C"],
        }
    )
    lenses["RAJ2000"].unit = lenses["DEJ2000"].unit = "deg"
    lenses["z"].meta["ucd"] = "src.redshift"
    odd = Table({"RAJ2000": [10.0], "DEJ2000": [-1.0], "z": [17.09], "Score": [0.9]})
    odd["z"].meta["ucd"] = "phot.mag;em.opt.I"
    return {f"{LENSES}/table2": lenses, f"{OUTLIERS}/table1": odd, "J/MNRAS/502/46170/x": odd}


def get(server: Loopback, folder: Path, ids: Any = (), **asked: Any) -> FetchReport:
    manners = {"interval": 0.0, "timeout": 60.0, "again": 2, "wait": lambda s: None} | asked.pop(
        "manners", {}
    )
    return fetch("vizier", folder, ids, servers={"tap": f"{server.address}/tap"}, manners=manners, **asked)


def test_all_tables_of_a_catalog_come_and_are_catalogs(server, tables, tmp_path):
    """Ids of 19 digits, units and the names of the columns survive."""
    server.answers["/tap"] = tap(tables)
    [item] = get(server, tmp_path, LENSES).items
    assert (item.state, item.file) == ("fetched", "catalog-J_MNRAS_502_4617_table2.vot")
    read = read_catalog(tmp_path / item.file)
    assert read["objid"].to_pylist() == ["1237648720693755918", "1237648720693755919", "1237648720693755920"]
    assert read["z"].to_pylist() == [0.3, 0.4, 0.5]
    assert read["ra"].to_pylist() == [10.0, 20.0, 30.0]
    assert Table.read(tmp_path / item.file)["RAJ2000"].unit == "deg"
    assert {one["headers"]["user-agent"].split("/")[0] for one in server.asked} == {"spectrove"}


def test_a_table_is_not_fetched_twice_and_a_part_of_it_is_another_file(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables)
    get(server, tmp_path, f"{LENSES}/table2", limit=1)
    [item] = get(server, tmp_path, f"{LENSES}/table2").items
    assert item.state == "fetched"
    assert len(read_catalog(tmp_path / item.file)) == 3
    [item] = get(server, tmp_path, LENSES).items
    assert item.state == "there"


def test_a_magnitude_that_its_ucd_names_is_no_redshift(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables)
    [item] = get(server, tmp_path, OUTLIERS).items
    assert "z is a magnitude (phot.mag;em.opt.I)" in item.said
    read = read_catalog(tmp_path / item.file)
    assert "z" not in read.column_names
    assert read["z_mag"].to_pylist() == [17.09]


def test_what_vizier_does_not_have_gets_a_sentence_and_the_rest_comes(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables)
    report = get(server, tmp_path, ["J/MNRAS/1/1", "; DROP", LENSES])
    assert [item.state for item in report.items] == ["refused", "refused", "fetched"]
    assert "VizieR has no table of this catalog" in report.items[0].said
    assert "no id of a catalog" in report.items[1].said


def test_a_query_that_is_refused_says_why(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables)
    [item] = get(server, tmp_path, query="SELECT RAJ3000 FROM x").items
    assert "Unknown column RAJ3000" in item.said
    assert len(server.asked) == 1


def test_a_table_that_the_service_cut_is_no_whole_table(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables, "OVERFLOW")
    [item] = get(server, tmp_path, f"{LENSES}/table2", query=None).items
    assert item.state == "refused"
    assert "the service cut the table after" in item.said


@pytest.mark.parametrize("fault", ["500", "429 0", "cut", "empty", "close", "stall"])
def test_faults_that_pass_are_waited_out(server, tables, tmp_path, fault):
    server.answers["/tap"] = tap(tables)
    server.faults.extend(["ok", fault])
    [item] = get(
        server, tmp_path, LENSES, manners={"timeout": 0.5, "again": 40} if fault == "stall" else {}
    ).items
    assert item.state == "fetched"
    assert len(read_catalog(tmp_path / item.file)) == 3


def test_a_login_page_is_no_table(server, tables, tmp_path):
    server.answers["/tap"] = tap(tables)
    server.faults.extend(["login"])
    [item] = get(server, tmp_path, LENSES).items
    assert "a web page in place of a table" in item.said
    assert len(server.asked) == 1


def test_a_service_that_is_away_is_a_sentence(tmp_path):
    report = fetch(
        "vizier", tmp_path, LENSES, servers={"tap": "http://127.0.0.1:9/tap"}, manners={"interval": 0.0}
    )
    assert "cannot be reached" in report.items[0].said
    assert not report.items[0].reached


def test_without_pyvo_a_sentence_says_how_to_get_it(monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "pyvo.dal", None)
    monkeypatch.setitem(sys.modules, "pyvo", None)
    [item] = fetch("vizier", tmp_path, LENSES).items
    assert "pip install 'spectrove[archive]'" in item.said
