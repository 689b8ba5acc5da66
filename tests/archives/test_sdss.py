"""Spectra of SDSS from a server of ours with the addresses of the Science Archive Server."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from tests.archives.loopback import Loopback, sas_files, skyserver

from spectrove.archives import FetchReport, fetch
from spectrove.archives.sdss import spec_of
from spectrove.archives.skyserver import meaning_of_z
from spectrove.errors import ArchiveError
from spectrove.polite import AGENT
from spectrove.readers import read_spectra

QUICK = {"interval": 0.0, "timeout": 60.0, "again": 2}


@pytest.fixture
def names(spectra: Path, server: Loopback) -> list[str]:
    """Ids of the spectra that the server has."""
    files = sorted(p.name for p in spectra.rglob("spec-*.fits*"))
    assert files
    for file in files:
        path = next(spectra.rglob(file))
        plate = file.split("-")[1]
        run2d = "sdss/spectro/redux/26" if int(plate) < 3510 else "eboss/spectro/redux/v5_13_2"
        server.files[f"/sas/dr17/{run2d}/spectra/lite/{plate}/{file}"] = path.read_bytes()
    return [file.removeprefix("spec-").removesuffix(".fits") for file in files]


def get(server: Loopback, folder: Path, ids: Any = (), **asked: Any) -> FetchReport:
    servers = {"sas": f"{server.address}/sas", "skyserver": server.address}
    manners = QUICK | asked.pop("manners", {})
    return fetch("sdss", folder, ids, servers=servers, manners=manners, **asked)


def test_spectra_by_plate_mjd_fibre_are_read_by_ingest_as_they_came(server, names, tmp_path):
    report = get(server, tmp_path / "got", names)
    assert [item.state for item in report.items] == ["fetched"] * len(names)
    assert sorted(read_spectra(tmp_path / "got", workers=1)[0].object_id) == sorted(names)
    assert {one["headers"]["user-agent"] for one in server.asked} == {AGENT}
    for file in report.files:
        assert file.read_bytes() == server.files[next(p for p in server.files if p.endswith(file.name))]


def test_the_manifest_has_the_sum_of_each_file(server, names, tmp_path):
    report = get(server, tmp_path, names)
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text().splitlines()]
    assert {line["file"]: line["sha256"] for line in lines} == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in report.files
    }


def test_what_is_there_and_whole_is_not_fetched_again(server, names, tmp_path):
    get(server, tmp_path, names[:2])
    server.asked.clear()
    report = get(server, tmp_path, names)
    assert [item.state for item in report.items[:3]] == ["there", "there", "fetched"]
    assert len(server.asked) == len(names) - 2


def test_a_file_that_changed_on_the_disk_is_fetched_again_and_named(server, names, tmp_path):
    [file] = get(server, tmp_path, names[0]).files
    good = file.read_bytes()
    file.write_bytes(good[:-1] + b"x")
    [item] = get(server, tmp_path, names[0]).items
    assert (item.state, file.read_bytes()) == ("fetched", good)
    assert "had changed since it was fetched" in item.said


def test_a_file_that_nobody_fetched_is_left_alone(server, names, tmp_path):
    own = tmp_path / f"spec-{names[0]}.fits"
    own.write_bytes(b"mine")
    [item] = get(server, tmp_path, names[0]).items
    assert item.state == "refused"
    assert "is not in manifest.jsonl" in item.said
    assert own.read_bytes() == b"mine"
    assert not server.asked


def test_a_part_goes_on_where_it_broke_off(server, names, tmp_path):
    """The second request asks for the rest of the same version of the file, and the whole is what the server has."""
    server.faults.extend(["cut"])
    [item] = get(server, tmp_path, names[0]).items
    content = next(c for p, c in server.files.items() if names[0] in p)
    assert item.sha256 == hashlib.sha256(content).hexdigest()
    assert server.asked[1]["headers"]["range"] == f"bytes={len(content) // 2}-"
    assert server.asked[1]["headers"]["if-range"] == f'"{hashlib.md5(content).hexdigest()}"'
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["manifest.jsonl", item.file])


def test_a_part_of_an_earlier_run_goes_on(server, names, tmp_path):
    server.faults.extend(["cut"])
    [item] = get(server, tmp_path, names[0], manners={"again": 0}).items
    assert item.state == "refused"
    assert "broke off after" in item.said
    assert len(list(tmp_path.glob("*.part"))) == 1
    [item] = get(server, tmp_path, names[0], manners={"again": 0}).items
    assert item.state == "fetched"
    assert "range" in server.asked[1]["headers"]


@pytest.mark.parametrize("other", ["changed", "no ranges", "no tag"])
def test_a_part_is_not_glued_to_another_file(server, names, tmp_path, other):
    """Where the file is another by now, or the server cannot say, it is fetched from its beginning."""
    path = next(p for p in server.files if names[0] in p)
    server.etag = other != "no tag"
    server.faults.extend(["cut"])
    get(server, tmp_path, names[0], manners={"again": 0})
    server.ranges = other != "no ranges"
    if other == "changed":
        server.files[path] = next(c for p, c in server.files.items() if names[1] in p)
    [item] = get(server, tmp_path, names[0]).items
    assert item.sha256 == hashlib.sha256(server.files[path]).hexdigest()
    assert ("range" in server.asked[1]["headers"]) == (other != "no tag")


@pytest.mark.parametrize("fault", ["500", "503", "cut", "empty", "close"])
def test_faults_that_pass_are_waited_out(server, names, tmp_path, fault):
    server.faults.extend([fault, fault])
    [item] = get(server, tmp_path, names[0], manners={"wait": lambda s: None}).items
    assert item.state == "fetched"
    assert len(server.asked) == 3


def test_a_stalled_answer_ends_after_the_timeout(server, names, tmp_path):
    server.faults.extend(["stall"])
    [item] = get(
        server, tmp_path, names[0], manners={"timeout": 0.5, "again": 40, "wait": lambda s: None}
    ).items
    assert item.state == "fetched"
    server.faults.extend(["stall"] * 9)
    [item] = get(server, tmp_path / "b", names[0], manners={"timeout": 0.2, "wait": lambda s: None}).items
    assert "no answer in time (3 attempts)" in item.said


def test_retry_after_is_kept_to_and_backoff_grows(server, names, tmp_path):
    """Exactly the time that is asked; else 1, 2, 4 seconds, at least half of each."""
    waited: list[float] = []
    server.faults.extend(["429 7", "500", "500", "500"])
    manners = {"wait": waited.append, "draw": lambda: 0.5, "again": 5}
    [item] = get(server, tmp_path, names[0], manners=manners).items
    assert item.state == "fetched"
    assert [s for s in waited if s > 0.5] == [7.0, 1.5, 3.0, 6.0]


def test_too_long_a_wait_is_said_and_not_cut_short(server, names, tmp_path):
    server.faults.extend(["429 86400"])
    [item] = get(server, tmp_path, names[0]).items
    assert "asks to wait 86400 s" in item.said
    assert len(server.asked) == 1


def test_a_login_page_with_code_200_is_no_spectrum(server, names, tmp_path):
    server.faults.extend(["login"])
    first, second = get(server, tmp_path, names[:2]).items
    assert first.state == "refused"
    assert "web page ('SDSS & friends: Login') in place of a FITS file" in first.said
    assert second.state == "fetched"
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["manifest.jsonl", second.file])


def test_a_file_that_differs_from_its_sum_is_fetched_again(server, names, tmp_path):
    server.sums = True
    server.faults.extend(["other"])
    [item] = get(server, tmp_path, names[0], manners={"wait": lambda s: None}).items
    assert item.state == "fetched"
    server.faults.extend(["other"] * 9)
    [item] = get(server, tmp_path / "b", names[0], manners={"wait": lambda s: None}).items
    assert "sha256 of what came is" in item.said


def test_half_a_file_without_a_length_is_noticed_by_its_headers(server, names, tmp_path):
    """A server that sends half a file as if it were whole."""
    path = next(p for p in server.files if names[0] in p)
    server.files[path] = server.files[path][: len(server.files[path]) // 2 // 2880 * 2880]
    [item] = get(server, tmp_path, names[0], manners={"wait": lambda s: None}).items
    assert "the FITS file breaks off after" in item.said


def test_each_that_cannot_be_had_gets_a_sentence_and_the_rest_goes_on(server, names, tmp_path):
    report = get(server, tmp_path, ["9999-59999-0001", names[0], "no id", "2.99e17"])
    assert [item.state for item in report.items] == ["refused", "fetched", "refused", "refused"]
    assert "has no such thing (404)" in report.items[0].said
    assert "/sas/dr17/eboss/spectro/redux/v5_13_2/spectra/lite/9999/" in report.items[0].said
    assert "have lost digits" in report.items[3].said


def test_the_plates_of_segue_are_looked_for_in_its_reductions(server, names, tmp_path):
    content = next(iter(server.files.values()))
    server.files["/sas/dr17/sdss/spectro/redux/103/spectra/lite/1960/spec-1960-53289-0001.fits"] = content
    [item] = get(server, tmp_path, "1960-53289-1").items
    assert item.state == "fetched"
    assert [p.split("/")[6] for p in server.paths] == ["26", "103"]


def test_the_reductions_of_boss_are_those_of_the_release():
    """That of the id if it has one, which then chooses the release."""
    sas, plate = "https://data.sdss.org/sas", "3586/spec-3586-55181-0003.fits"
    assert spec_of("3586-55181-3").urls(sas, "dr16", full=False) == [
        f"{sas}/dr16/eboss/spectro/redux/v5_13_0/spectra/lite/{plate}",
        f"{sas}/dr16/sdss/spectro/redux/v5_13_0/spectra/lite/{plate}",
    ]
    assert spec_of("3586-55181-3").urls(sas, "", full=True)[0].startswith(f"{sas}/dr17/eboss")
    assert spec_of("3586-55181-3").urls(sas, "dr18", full=False) == [
        f"{sas}/dr18/spectro/sdss/redux/v5_13_2/spectra/lite/{plate}"
    ]
    number = (3586 << 50) + (3 << 38) + ((55181 - 50000) << 24) + (1000 << 10)
    assert (
        spec_of(str(number)).urls(sas, "", full=True)[1]
        == f"{sas}/dr15/sdss/spectro/redux/v5_10_0/spectra/{plate}"
    )
    assert spec_of("266-51602-1").urls(sas, "dr16", full=True)[0] == (
        f"{sas}/dr16/sdss/spectro/redux/26/spectra/0266/spec-0266-51602-0001.fits"
    )


def test_a_server_that_is_away_is_not_asked_for_everything(tmp_path):
    servers = {"sas": "http://127.0.0.1:9/sas"}
    report = fetch(
        "sdss", tmp_path, [f"0266-51602-{i:04d}" for i in range(1, 9)], servers=servers, manners=QUICK
    )
    assert len(report.items) == 3
    assert report.not_asked == 5
    assert "cannot be reached" in report.items[0].said


def test_ids_of_objects_say_plate_fibre_mjd_and_reduction():
    """Worked out by hand from the bits; the second is of BOSS."""
    number = (266 << 50) + (1 << 38) + ((51602 - 50000) << 24) + (26 << 10)
    assert (spec_of(str(number)).name, spec_of(str(number)).run2d) == ("0266-51602-0001", "26")
    number = (3586 << 50) + (3 << 38) + ((55181 - 50000) << 24) + (1302 << 10)
    assert (spec_of(str(number)).name, spec_of(str(number)).run2d) == ("3586-55181-0003", "v5_13_2")
    with pytest.raises(ArchiveError, match="no specobjid"):
        spec_of("1237648720693755918")  # an objid of photometry


@pytest.mark.real
def test_ids_of_real_objects_say_their_plates(data_dir):
    with open(data_dir / "galaxies" / "index.csv") as file:
        rows = [row for row in csv.DictReader(file) if row["specobjid"] and row["plate"]]
    assert len(rows) > 1000
    assert all(spec_of(row["specobjid"]).name == row["object_id"] for row in rows)


@pytest.mark.real
def test_real_spectra_in_the_layout_of_the_archive(server, data_dir, tmp_path):
    """Forty of the main survey, whose bytes arrive as they are, through two cuts and a busy server."""
    files = sorted((data_dir / "galaxies" / "sdss").glob("spec-*.fits"))[:40]
    server.files |= sas_files(data_dir / "galaxies" / "sdss", [f.name for f in files])
    server.faults.extend(["ok", "cut", "429 0", "ok", "cut"])
    report = get(server, tmp_path / "got", [f.stem for f in files])
    assert report.count("fetched") == 40
    assert all((tmp_path / "got" / f.name).read_bytes() == f.read_bytes() for f in files)
    assert len(read_spectra(tmp_path / "got", workers=1)[0]) == 40


def test_spectra_of_sdss_v_by_field_mjd_and_catalogid(server, names, tmp_path):
    content = next(iter(server.files.values()))
    new = "/sas/dr19/spectro/boss/redux/v6_1_3/spectra/lite/101077/59146/spec-101077-59146-27021598108289694.fits"
    first = "/sas/dr18/spectro/sdss/redux/v6_0_4/spectra/lite/15000p/59146/spec-15000-59146-04375526244.fits"
    server.files |= {new: content, first: content}
    assert get(server, tmp_path, "101077-59146-27021598108289694").count("fetched") == 1
    assert get(server, tmp_path, "15000-59146-4375526244", release="dr18").count("fetched") == 1
    [item] = get(server, tmp_path, "15000-59146-4375526999", release="dr17").items
    assert "dr17 has no spectra by field and catalogid" in item.said


def table_of(names: list[str], more: str = "") -> str:
    """The rows of a query for spectra."""
    rows = [name.split("-") for name in names]
    lines = [f"{int(p)},{m},{int(f)},0.1,{12 + i}.5" for i, (p, m, f) in enumerate(rows)]
    return "\n".join([f"plate,mjd,fiberid,z,{more or 'logmass'}", *lines, ""])


QUERY = "SELECT s.plate, s.mjd, s.fiberid, s.z, g.lgm_tot_p50 AS logmass FROM SpecObj s JOIN galSpecExtra g ON 1=1"


def test_a_query_gives_its_table_and_its_spectra_joined_by_ingest(server, names, tmp_path):
    from spectrove.readers import ingest, read_dataset

    server.answers["/dr17/SkyServerWS"] = skyserver(table_of(names))
    report = get(server, tmp_path / "got", query=QUERY)
    assert report.count("fetched") == len(names) + 1
    assert server.asked[0]["query"] == {"cmd": QUERY, "format": "csv"}
    [table] = report.tables
    assert table.read_text().startswith("plate,mjd,fiberid,z,logmass\n")
    done = ingest(tmp_path / "got", tmp_path / "a.lance", catalogs=report.tables, workers=1)
    assert not done.refusals
    assert sum(done.join.matched[table.stem].values()) == len(names)
    assert set(read_dataset(tmp_path / "a.lance").column("logmass")) == {12.5 + i for i in range(len(names))}
    server.asked.clear()
    again = get(server, tmp_path / "got", query=f"  {QUERY}\n")
    assert again.count("there") == len(names) + 1
    assert not server.asked


def test_a_table_alone_and_a_limit(server, names, tmp_path):
    server.answers["/dr17/SkyServerWS"] = skyserver(table_of(names))
    assert [i.name for i in get(server, tmp_path, query=QUERY, table_only=True).items] == ["table"]
    assert [i.name for i in get(server, tmp_path, query=QUERY, limit=2).items] == ["table", *names[:2]]


def test_a_query_that_is_refused_says_why_at_once(server, tmp_path):
    """SkyServer answers 500 to wrong SQL; asking again would not help."""
    server.answers["/dr17/SkyServerWS"] = skyserver("")
    with pytest.raises(ArchiveError, match="the query is refused: Incorrect syntax near 'SELEKT'"):
        get(server, tmp_path, query="SELEKT 1")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [("login", "web page"), ("empty", "an empty answer"), ("500", r"cannot answer now \(500\)")],
)
def test_no_table_is_no_empty_table(server, tmp_path, fault, sentence):
    server.answers["/dr17/SkyServerWS"] = skyserver("plate\n1\n")
    server.faults.extend([fault] * 9)
    with pytest.raises(ArchiveError, match=sentence):
        get(server, tmp_path, query=QUERY, manners={"wait": lambda s: None})
    assert not list(tmp_path.glob("catalog-*"))


def test_a_table_without_ids_says_what_to_select(server, tmp_path):
    server.answers["/dr17/SkyServerWS"] = skyserver("ra,dec\n1,2\n3,4\n")
    table, refused = get(server, tmp_path, query="SELECT ra, dec FROM SpecObj").items
    assert table.state == "fetched"
    assert "Select plate, mjd, fiberid" in refused.said


def test_a_magnitude_never_becomes_a_redshift(server, names, tmp_path):
    """astroquery's photometric z: here without u, g, r, i beside it, by which the catalog reader would know it."""
    from spectrove.readers import ingest, read_dataset

    server.answers["/dr17/SkyServerWS"] = skyserver(table_of(names).replace(",0.1,", ",17.09,"))
    query = "SELECT s.plate, s.mjd, s.fiberid, p.z, 1 AS logmass FROM SpecObj s, PhotoObj p"
    report = get(server, tmp_path / "got", query=query)
    assert "z is a magnitude" in report.items[0].said
    ingest(tmp_path / "got", tmp_path / "a.lance", catalogs=report.tables, workers=1)
    spectra = read_dataset(tmp_path / "a.lance")
    assert all(z < 1 for z in spectra.column("z"))
    assert set(spectra.column("z_mag")) == {17.09}


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("SELECT z FROM PhotoObj", "z_mag"),
        ("SELECT TOP 5 p.ra, p.z FROM PhotoPrimary AS p", "z_mag"),
        ("SELECT p.* FROM Galaxy p JOIN SpecObj s ON s.bestobjid = p.objid", "z_mag"),
        ("SELECT p.modelMag_z AS z FROM PhotoObj p", "z_mag"),
        ("SELECT p.z - 0.1 AS z FROM PhotoObj p", "z_mag"),
        ("SELECT q.z FROM Photoz q JOIN SpecObj s ON 1=1", "zphot"),
        ("SELECT s.z FROM SpecObj s JOIN PhotoObj p ON s.bestobjid = p.objid", "z"),
        ("SELECT z FROM SpecObj", "z"),
        ("SELECT * FROM SpecObj", "z"),
        ("SELECT z FROM SpecPhoto", "z"),
        ("SELECT s.plate, s.z AS z, p.z AS zmag FROM dr17.dbo.SpecObj s JOIN PhotoObj p ON 1=1", "z"),
        ("SELECT x.z FROM mydb.mine x", "z"),
        ("no sql", "z"),
    ],
)
def test_where_z_comes_from_is_read_in_the_query(query, name):
    assert meaning_of_z(query)[0] == name


def test_two_processes_do_not_fetch_into_one_folder(server, names, tmp_path):
    from spectrove.archives.folder import Folder
    from spectrove.errors import DatasetError

    with Folder(tmp_path, "sdss"), pytest.raises(DatasetError, match="another process is fetching"):
        get(server, tmp_path, names[0])


def test_a_kill_between_sum_and_name_costs_nothing(server, names, tmp_path):
    """The line is written before the file has its name, and the part is known by it."""
    [file] = get(server, tmp_path, names[0]).files
    file.rename(file.with_name(f"{file.name}.part"))
    with open(tmp_path / "manifest.jsonl", "a") as manifest:
        manifest.write('{"file": "spec-')
    server.asked.clear()
    [item] = get(server, tmp_path, names[0]).items
    assert (item.state, server.asked) == ("there", [])


def test_ctrl_c_keeps_what_came_and_the_next_run_goes_on(server, names, tmp_path):
    def interrupt(item):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(server, tmp_path, names, each=interrupt)
    report = get(server, tmp_path, names)
    assert [item.state for item in report.items] == ["there"] + ["fetched"] * (len(names) - 1)
