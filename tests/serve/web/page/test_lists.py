"""Finished lists: what is read for a view, spectra that are no longer kept, and bases that change meanwhile."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from tests.serve.web.conftest import problem
from tests.serve.web.page.test_addresses import BROWSER, brought
from tests.serve.web.page.test_hunts import (
    HUNT,
    answered,
    client_of,
    copied,
    hunted,
    mark,
    rows,
    where,
    writing,
)

from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.files import Folder, Memory
from spectrove.serve.page import listing
from spectrove.serve.service import shelf
from spectrove.serve.service.marks import Mark, Marks
from spectrove.serve.service.tray import Trays

__all__ = ["copied", "writing"]


@pytest.fixture
def read(monkeypatch) -> list[list[str]]:
    """The objects whose spectra are read from a base, call by call."""
    calls: list[list[str]] = []
    spectra = KnowledgeBase.spectra

    def noted(self: KnowledgeBase, names: Any) -> Any:
        calls.append([str(name) for name in names])
        return spectra(self, names)

    monkeypatch.setattr(KnowledgeBase, "spectra", noted)
    return calls


@pytest.mark.parametrize(("place", "query"), [("hunt", HUNT), ("outliers", {})])
def test_a_view_reads_the_spectra_of_its_page_once(survey, read, monkeypatch, place, query):
    """Nothing of the other pages; a second view reads nothing, and its rows are drawn in it."""
    monkeypatch.setattr(listing, "PAGE", 5)
    client = client_of(survey.base)
    first = rows(answered(client, f"/kb/mock/{place}", **query))
    assert len(first) == 5
    read.clear()
    second = rows(answered(client, f"/kb/mock/{place}", **{**query, "offset": "5"}))
    assert [sorted(names) for names in read] == [sorted(row["id"] for row in second)]
    read.clear()
    again = answered(client, f"/kb/mock/{place}", **query)
    assert [row["id"] for row in rows(again)] == [row["id"] for row in first]
    assert again.count("<polyline") == 5
    assert read == []


def test_spectra_in_memory_are_those_of_the_newest_version_and_no_more_than_there_is_room_for(
    writing, copied, read, monkeypatch
):
    """What is corrected in the base is seen; with little room they are read again."""
    monkeypatch.setattr(shelf, "ROOM", 1)
    small = client_of(copied)
    names = [one["object_id"] for one in small.get("/v1/bases/mock/objects").json()["objects"]][:2]
    for name in [*names, *names]:
        assert small.get("/kb/mock/curves", params={"object": name}).status_code == 200
    assert read == [names[:1], names[1:], names[:1], names[1:]]
    gone = names[0]
    assert writing.get("/kb/mock/curves", params={"object": gone}).status_code == 200
    assert KnowledgeBase.open(copied).delete(f"object_id = '{gone}'") == 1
    said = problem(writing.get("/kb/mock/curves", params={"object": gone}), 404)
    assert said["detail"] == f"{gone}: no object of mock."


def test_who_reads_spectra_does_not_keep_others_from_looking_things_up(writing):
    """And a list that was answered waits for nobody who answers."""
    page = hunted(writing)
    served = writing.app.state.desk.shelf["mock"]
    go, began = threading.Event(), threading.Event()

    def hold() -> None:
        with served.reading():
            began.set()
            assert go.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    began.wait(10)
    try:
        assert writing.get("/v1/bases/mock/objects?limit=1").status_code == 200
        assert writing.get("/kb/mock/find?q=z<0.1&how=id", headers=BROWSER).status_code == 200
    finally:
        go.set()
        thread.join()
    with served.asked(), served.asked():
        assert rows(hunted(writing)) == rows(page)


def test_a_finished_hunt_is_seen_without_its_spectra(writing, asked_files, monkeypatch):
    """It says so, its answers and marks stay, and nothing leads to what is gone; asked again it is refused in words."""
    client = writing
    tray = brought(client, asked_files).json()
    hunt = {"tray": tray["tray"]}
    before = rows(hunted(client, **hunt))
    answered(client, "/kb/mock/outliers", **hunt)
    monkeypatch.setattr(Trays, "found", lambda *_: None)
    for text in (hunted(client, **hunt), answered(client, "/kb/mock/outliers", **hunt)):
        assert "no longer kept" in text
        found = rows(text)
        assert sorted(row["id"] for row in found) == sorted(row["id"] for row in before)
        assert {row["page"] for row in found} == {""}
        assert f"small?tray={tray['tray']}" not in text
    mark(client, where(hunted(client, **hunt)), {"object_id": before[0]["id"], "who": "Ann", "mark": "yes"})
    assert "yes" in hunted(client, **hunt)
    file = client.get("/kb/mock/hunt/file", params={**HUNT, **hunt, "format": "desi"})
    assert before[0]["id"] in file.text
    again = client.get("/kb/mock/hunt", params={**HUNT, **hunt, "again": "1"}, headers=BROWSER)
    assert again.status_code == 404
    assert "drop the files once more" in again.text.lower()
    form = client.get("/kb/mock/hunt", params=hunt, headers=BROWSER)
    assert form.status_code == 404
    assert "What is hunted" in form.text


def test_an_open_list_says_that_the_base_has_changed(writing, copied):
    """When something is marked in it, and when it is looked at again; asked anew it is of the new version."""
    text = hunted(writing)
    note = 'id="changed" class="caution" role="status" hidden'
    assert note in text
    version = writing.get("/kb/mock/version").json()["version"]
    assert f'data-version="{version}"' in text
    base = KnowledgeBase.open(copied)
    gone = rows(text)[-1]["id"]
    base.delete(f"object_id = '{gone}'")
    kept = writing.post(where(text), json={"title": "liner", "marks": [
        {"object_id": rows(text)[0]["id"], "who": "Ann", "mark": "yes", "version": version}
    ]}).json()  # fmt: skip
    assert kept["version"] == writing.get("/kb/mock/version").json()["version"] == base.version > version
    new = hunted(writing)
    assert f'data-version="{base.version}"' in new
    assert note in new
    assert gone not in [row["id"] for row in rows(new)]


def test_a_list_of_another_version_than_the_base_says_so(writing, monkeypatch):
    """As where the base changed while it was answered."""
    from spectrove.serve.service.hunting import Candidates

    of = Candidates.of
    monkeypatch.setattr(
        Candidates, "of",
        lambda *given: Candidates((made := of(*given)).rows, (), {**made.about, "version": made.about["version"] - 1}),
    )  # fmt: skip
    text = hunted(writing)
    assert 'id="changed" class="caution" role="status">mock has changed since' in text


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_journal_is_read_again_only_when_it_has_changed(tmp_path, monkeypatch, in_memory):
    """Also when another server wrote to it, and when a mark was taken away by hand."""
    files = Memory() if in_memory else Folder(tmp_path)
    marks, times = Marks(files), list[int]()
    parsed = Marks._parsed
    monkeypatch.setattr(Marks, "_parsed", staticmethod(lambda content: times.append(1) or parsed(content)))
    name = "liner-01234567"
    assert marks.read(name).now() == []
    marks.add(name, "liner", [Mark(object_id="a", who="Ann", mark="yes")])
    for _ in range(3):
        assert [one.object_id for one in marks.read(name).now()] == ["a"]
    assert len(times) == 1
    Marks(files).add(name, "liner", [Mark(object_id="b", who="Ben", mark="no")])
    assert [one.object_id for one in marks.read(name).now()] == ["a", "b"]
    assert marks.read(name).people == ["Ann", "Ben"]
    assert len(times) == 2
    files.remove(f"marks/{name}.jsonl")
    assert marks.read(name).now() == []


@pytest.mark.parametrize("z", ["-1", "-3", "25", "1e300", "nan", "inf", "one"])
@pytest.mark.parametrize("what", ["spectrum", "curves", "parts", "figure"])
def test_a_redshift_that_cannot_be_is_a_sentence(served, z, what):
    """Before anything is read or drawn."""
    said = problem(served.get(f"/kb/mock/{what}", params={"object": "any", "z": z}), 422, "Invalid")
    assert said["detail"].startswith("z: ")
    if z in ("-1", "-3", "25", "1e300"):
        assert said["detail"].endswith(f"found {float(z):g}, expected a redshift from -0.02 to 20")
