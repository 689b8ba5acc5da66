"""Hunts on the page: a question is its own address, people mark its candidates, and marks become files and labels."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io.votable import parse_single_table
from astropy.table import Table
from fastapi.testclient import TestClient
from tests.serve.web.conftest import until
from tests.serve.web.page.test_addresses import BROWSER, brought, events

from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings

HUNT = {"by": "target", "target": "liner", "go": "1"}


@pytest.fixture
def copied(survey, tmp_path) -> Path:
    """A base that a test may write to."""
    return Path(shutil.copytree(survey.base, tmp_path / "mock.kb"))


def client_of(base: Path, **settings: Any) -> TestClient:
    """A client of a server of its own, that of one person."""
    return TestClient(create_app(Shelf.of([base], 2), Settings(**settings)), base_url="http://localhost:8765")


@pytest.fixture
def writing(copied) -> TestClient:
    """A server that may write to the base."""
    return client_of(copied, write=True)


def hunted(client: TestClient, **query: Any) -> str:
    """The page of a hunt when it is answered."""
    asked = {**HUNT, **query}
    page = client.get("/kb/mock/hunt", params=asked, headers=BROWSER)
    assert page.status_code == 200, page.text
    if found := re.search(r'data-events="([^"]+)"', page.text):
        assert events(client.get(found[1].replace("&amp;", "&")).text)[-1][0] == "end"
        page = client.get("/kb/mock/hunt", params=asked, headers=BROWSER)
    assert 'id="running"' not in page.text
    return page.text


def rows(page: str) -> list[dict[str, Any]]:
    """What the script of the page is told of each candidate."""
    import html

    return [json.loads(html.unescape(one)) for one in re.findall(r"data-row='([^']+)'", page)]


def where(page: str) -> str:
    """Where marks of this list are sent."""
    found = re.search(r'data-marks="([^"]+)"', page)
    assert found is not None
    return found[1]


def mark(client: TestClient, place: str, *marks: dict[str, Any], title: str = "liner") -> Any:
    """Marks, sent as the page sends them."""
    answer = client.post(place, json={"title": title, "marks": list(marks)})
    assert answer.status_code == 200, answer.text
    return answer.json()["marks"]


# ---- hunting --------------------------------------------------------------------------------------------------------


def test_a_hunt_is_the_answer_of_rest_ranked(served):
    """The same probabilities, the most probable first; its address leads to the same question again."""
    ids = [one["object_id"] for one in served.get("/v1/bases/mock/objects").json()["objects"]]
    asked = {"objects": ids, "target": "liner", "missing_z": "estimate"}
    said = served.post("/v1/bases/mock/hunt", json=asked).json()["answers"]
    expected = sorted(said, key=lambda one: (-one["probability"], one["object_id"]))
    found = rows(hunted(served))
    assert [one["id"] for one in found] == [one["object_id"] for one in expected][:50]
    assert [one["numbers"]["probability"] for one in found] == [one["probability"] for one in expected][:50]
    asked_before = len(served.app.state.desk.jobs._kept)
    assert rows(hunted(served)) == found
    assert len(served.app.state.desk.jobs._kept) == asked_before


@pytest.mark.parametrize(
    "query",
    [
        {"by": "label", "value": ["class_derived=SF", "class_derived=Composite"], "among": "z < 0.1"},
        {"by": "condition", "condition": "d4000n > 1.5", "among": "z < 0.08"},
        {
            "by": "target",
            "prevalence": "0,02",
            "threshold": "0.3",
            "k": "4",
            "where": "z < 0.3",
            "view": "shape=1",
        },
    ],
)
def test_a_hunt_can_be_described_and_edited(served, query):
    """By labels, by a condition, and with every option."""
    assert rows(hunted(served, **query))


def test_more_like_some_leaves_them_out(served):
    """Examples of the base; those that are not wanted push others down."""
    ids = [one["object_id"] for one in served.get("/v1/bases/mock/objects").json()["objects"]]
    found = rows(hunted(served, by="like", target="", like=" ".join(ids[:2])))
    assert found
    assert not {one["id"] for one in found} & set(ids[:2])


def test_spectra_that_were_brought_are_hunted(served, asked_files):
    """Rows lead to the spectra of the tray."""
    tray = brought(served, asked_files).json()
    page = hunted(served, tray=tray["tray"])
    assert sorted(one["id"] for one in rows(page)) == sorted(tray["names"])
    assert all(f"tray={tray['tray']}" in one["page"] and not one["isKnown"] for one in rows(page))


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ({"target": ""}, 422, "Choose a target"),
        ({"target": "nothing"}, 422, "nothing"),
        ({"by": "label"}, 422, "Choose a column"),
        ({"by": "label", "value": ["class_derived=SF", "split=train"]}, 422, "Values of two columns"),
        ({"by": "text", "text": ""}, 422, "Type a sentence"),
        ({"by": "like", "like": "nobody"}, 200, "no object of mock.kb"),
        ({"among": "z >> 2"}, 422, "z &gt;&gt; 2"),
        ({"among": "z > 90"}, 422, "No object of mock meets"),
        ({"prevalence": "2"}, 422, "prevalence"),
        ({"k": "many"}, 422, "k"),
        ({"tray": "gone"}, 404, "no longer kept"),
        ({"by": "magic"}, 422, "by"),
    ],
)
def test_what_is_wrong_with_a_hunt_is_a_sentence(served, query, status, word):
    """On a page, and nothing is begun."""
    asked = {**HUNT, **query}
    page = served.get("/kb/mock/hunt", params=asked, headers=BROWSER)
    if status == 200:
        found = re.search(r'data-events="([^"]+)"', page.text)
        if found:
            served.get(found[1].replace("&amp;", "&"))
            page = served.get("/kb/mock/hunt", params=asked, headers=BROWSER)
    assert word in page.text
    assert page.status_code == status


def test_more_objects_than_one_question_takes_are_said(survey):
    """With the number, and what to do."""
    from spectrove.serve.service.limits import Limits

    client = client_of(survey.base, limits=Limits(spectra=5))
    page = client.get("/kb/mock/hunt", params=HUNT, headers=BROWSER)
    assert page.status_code == 413
    assert "expected 5 at most" in page.text


def test_a_hunt_can_be_stopped_and_asked_again(served, monkeypatch):
    """What is stopped stays so at its address, until it is asked again."""
    import threading

    from spectrove.serve.service.asking import TASKS, Task
    from spectrove.work import advance, doing

    go = threading.Event()
    hunt = TASKS["hunt"]

    def slow(question: Any) -> Any:
        with doing("waiting", 1000):
            for _ in range(1000):
                go.wait(0.01)
                advance(1)
        yield from hunt.run(question)

    monkeypatch.setitem(
        TASKS, "hunt", Task(hunt.name, hunt.model, hunt.summary, hunt.columns, slow, hunt.files)
    )
    query = {**HUNT, "among": "z < 0.2"}
    assert 'id="running"' in served.get("/kb/mock/hunt", params=query, headers=BROWSER).text
    stopped = served.post("/kb/mock/hunt/stop", params=query, follow_redirects=True, headers=BROWSER)
    assert "The question was stopped" in stopped.text
    assert "The question was stopped" in served.get("/kb/mock/hunt", params=query, headers=BROWSER).text
    go.set()
    again = served.get("/kb/mock/hunt", params={**query, "again": "1"}, headers=BROWSER)
    assert "again=" not in str(again.url)
    monkeypatch.undo()
    until(lambda: 'id="running"' not in served.get("/kb/mock/hunt", params=query, headers=BROWSER).text, 60)


def test_counts_are_hunted_through_their_domain(served):
    """X-ray sources by a label; the picture of their kind of light stands for a curve."""
    query = {"by": "label", "value": "class=AGN", "go": "1"}
    page = served.get("/kb/xray/hunt", params=query, headers=BROWSER)
    assert page.status_code == 200, page.text
    found = re.search(r'data-events="([^"]+)"', page.text)
    if found:
        served.get(found[1].replace("&amp;", "&"))
        page = served.get("/kb/xray/hunt", params=query, headers=BROWSER)
    assert 'data-flux="no"' in page.text
    listed = rows(page.text)
    assert listed
    assert served.get(listed[0]["figure"]).content[:8] == b"\x89PNG\r\n\x1a\n"


# ---- marks and files ------------------------------------------------------------------------------------------------


def test_marks_are_seen_by_whoever_hunts_the_same(writing):
    """With another prevalence, among other objects; a person sees the own mark apart from those of others."""
    page = hunted(writing)
    first = rows(page)[0]["id"]
    mark(writing, where(page), {"object_id": first, "who": "Ann", "mark": "yes", "comment": "broad <b>"})
    mark(writing, where(page), {"object_id": first, "who": "Ben", "mark": "no"})
    writing.cookies.set("spectrove-who", "Ann")
    other = hunted(writing, prevalence="0.05")
    assert where(other) == where(page)
    [row] = [one for one in rows(other) if one["id"] == first]
    assert row["mine"]["mark"] == "yes"
    assert "Ben: no" in other
    writing.cookies.set("spectrove-who", "Ben")
    assert "Ann: yes “broad &lt;b&gt;”" in hunted(writing)
    assert [one["id"] for one in rows(hunted(writing, show="disputed"))] == [first]
    assert first not in [one["id"] for one in rows(hunted(writing, show="open"))]


def test_the_list_is_handed_on_in_every_format(writing):
    """Read back by csv, astropy and the reader of sheets."""
    page = hunted(writing)
    [first, second, third] = [one["id"] for one in rows(page)[:3]]
    mark(
        writing, where(page),
        {"object_id": first, "who": "Ann", "mark": "yes", "quality": 4, "z": 0.1234, "kind": "GALAXY", "z_shown": 0.12,
         "comment": 'weak, "broad"', "probability": 0.5},
        {"object_id": second, "who": "Ann", "mark": "no", "bad": True},
        {"object_id": second, "who": "Ben", "mark": "yes"},
        {"object_id": third, "who": "Ben", "mark": "unsure"},
    )  # fmt: skip
    query = {key: value for key, value in HUNT.items() if key != "go"}

    def file(form: str) -> bytes:
        answer = writing.get("/kb/mock/hunt/file", params={**query, "format": form})
        assert answer.status_code == 200, answer.text
        assert "attachment" in answer.headers["content-disposition"]
        return answer.content

    said = list(csv.DictReader(io.StringIO(file("desi").decode())))
    assert list(said[0])[:16] == [
        "TARGETID", "EXPID", "NIGHT", "TILEID", "Spec_version", "Redrock_version", "Template_version",
        "Redrock_spectype", "Redrock_z", "Redrock_deltachi2", "VI_scanner", "VI_quality", "VI_issue", "VI_z",
        "VI_spectype", "VI_comment",
    ]  # fmt: skip
    assert [(one["object_id"], one["VI_scanner"]) for one in said] == [
        (first, "Ann"), (second, "Ann"), (second, "Ben"), (third, "Ben"),
    ]  # fmt: skip
    assert (
        said[0] | {"VI_quality": "4", "VI_issue": "RC", "VI_z": "0.1234", "VI_spectype": "GALAXY"} == said[0]
    )
    assert said[0]["VI_comment"] == 'weak, "broad"'
    assert said[1]["VI_issue"] == "S"
    assert said[2]["VI_quality"] == "-1"

    ecsv = Table.read(file("ecsv").decode(), format="ascii.ecsv")
    votable = parse_single_table(io.BytesIO(file("votable")))
    for table in (ecsv, votable.to_table()):
        assert len(table) == len(rows(page))
        assert list(table["object_id"][:3]) == [first, second, third]
        assert list(table["mark"][:3]) == ["yes", "disputed", "unsure"]
        assert table["z_vi"][0] == 0.1234
        assert np.all(np.diff(table["probability"]) <= 0)
        assert str(table["ra"].unit) == "deg"
    ucds = {field.name: field.ucd for field in votable.fields}
    assert (ucds["ra"], ucds["z_vi"], ucds["quality"]) == (
        "pos.eq.ra;meta.main",
        "src.redshift",
        "meta.code.qual",
    )

    sheet = list(csv.DictReader(io.StringIO(file("sheet").decode())))
    assert [(one["object_id"], one["mark"], one["target"]) for one in sheet] == [
        (first, "yes", "liner"), (second, "unsure", "liner"), (third, "unsure", "liner"),
    ]  # fmt: skip


def test_the_command_line_goes_on_from_the_sheet(writing, copied, survey, spectrove, tmp_path):
    """And its marks come back to the page, under the name of whoever brings them."""
    page = hunted(writing)
    first = rows(page)[0]["id"]
    mark(writing, where(page), {"object_id": first, "who": "Ann", "mark": "yes"})
    sheet = tmp_path / "review.csv"
    sheet.write_bytes(writing.get(f"{where(page)}/file?format=sheet").content)
    done = spectrove("hunt", copied, survey.dataset, "--target", "liner", "--review", sheet, "--next", "3", "--queries",
                     "split = 'train'")  # fmt: skip
    assert done.exit_code == 0, done.output
    lines = list(csv.DictReader(io.StringIO(sheet.read_text())))
    assert [one["mark"] for one in lines] == ["yes", "", "", ""]
    lines[1]["mark"] = "no"
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    place = f"/kb/mock/marks/{where(page).rpartition('/')[2]}"
    nameless = writing.post(f"{place}/sheet", files={"sheet": ("review.csv", text.getvalue())})
    assert "Type your name" in nameless.json()["detail"]
    writing.cookies.set("spectrove-who", "Cleo")
    assert writing.post(f"{place}/sheet", files={"sheet": ("review.csv", text.getvalue())}).status_code == 200
    kept = {one["object_id"]: one for one in writing.get(where(page), params={"who": "Cleo"}).json()["marks"]}
    assert kept[lines[1]["object_id"]]["mark"] == "no"
    other = text.getvalue().replace("liner", "lens")
    refused = writing.post(f"{place}/sheet", files={"sheet": ("review.csv", other)})
    assert refused.status_code == 422
    assert "marks of lens" in refused.json()["detail"]


# ---- marks as labels ------------------------------------------------------------------------------------------------


def labels_of(client: TestClient, column: str) -> dict[str, Any]:
    """A column of the base, as others see it."""
    said = client.get("/v1/bases/mock/objects", params={"columns": column, "limit": 1000}).json()["objects"]
    return {one["object_id"]: one.get(column) for one in said}


def seal_in(page: str) -> str:
    """What the form that writes says of the changes beside it."""
    found = re.search(r'name="changes" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("column", ["class_derived", "my_label"])
def test_marks_become_labels_and_are_taken_back(writing, copied, column):
    """Shown before; written as one version that other readers see; one click leads back. Also in a new column."""
    reader = client_of(copied)
    before = labels_of(reader, "class_derived")
    names = list(before)
    changed = next(name for name in names if before[name] not in (None, "LINER"))
    disputed, unsure = [name for name in names if name != changed][:2]
    place = where(hunted(writing))
    page = f"/kb/mock/marks/{place.rpartition('/')[2]}"
    mark(
        writing, place, {"object_id": changed, "who": "Ann", "mark": "yes"},
        {"object_id": "stranger", "who": "Ann", "mark": "yes"},
        {"object_id": disputed, "who": "Ann", "mark": "yes"}, {"object_id": disputed, "who": "Ben", "mark": "no"},
        {"object_id": unsure, "who": "Ann", "mark": "unsure"},
    )  # fmt: skip
    query = (
        {"column": column, "yes": "LINER"} if column == "class_derived" else {"other": column, "yes": "LINER"}
    )
    shown = writing.get(page, params=query, headers=BROWSER).text
    assert f"1 label in {column} would change" in shown
    assert "because people differ" in shown
    version = re.search(r'name="version" value="(\d+)"', shown)
    assert version is not None
    form = {"column": column, "yes": "LINER", "no": "", "version": version[1], "changes": seal_in(shown)}
    done = writing.post(f"{page}/apply", data=form, headers=BROWSER)
    assert done.status_code == 200, done.text
    after = labels_of(reader, column)
    assert after[changed] == "LINER"
    same = before if column == "class_derived" else dict.fromkeys(before)
    assert {name: label for name, label in after.items() if name != changed} == {
        name: label for name, label in same.items() if name != changed
    }
    stale = writing.post(f"{page}/apply", data=form)
    assert stale.status_code in (409, 422)
    assert "Undo: back to version" in done.text
    undone = writing.post(f"{page}/undo", headers=BROWSER)
    assert "taken back" in undone.text
    assert labels_of(reader, "class_derived") == before
    assert writing.post(f"{page}/undo").status_code == 409


def test_a_label_that_the_column_does_not_have_is_refused(writing):
    """With those that it has."""
    page = hunted(writing)
    name = rows(page)[0]["id"]
    mark(writing, where(page), {"object_id": name, "who": "Ann", "mark": "yes"})
    place = f"/kb/mock/marks/{where(page).rpartition('/')[2]}"
    version = writing.get("/v1/bases/mock").json()["version"]
    query = {"column": "class_derived", "yes": "Linear"}
    seal = seal_in(writing.get(place, params=query, headers=BROWSER).text)
    refused = writing.post(f"{place}/apply", data=query | {"version": version, "changes": seal})
    assert refused.status_code == 422
    assert "no value of class_derived" in refused.json()["detail"]


def test_a_server_writes_only_where_it_was_told_to(copied):
    """Marks are kept, the base is not changed, and the page says how it would be."""
    client = client_of(copied)
    page = hunted(client)
    mark(client, where(page), {"object_id": rows(page)[0]["id"], "who": "Ann", "mark": "no"})
    place = f"/kb/mock/marks/{where(page).rpartition('/')[2]}"
    assert (
        "Whoever started the server can change that."
        in client.get(place, params={"column": "class_derived", "no": "SF"}, headers=BROWSER).text
    )
    for what, form in (("apply", {"column": "class_derived", "yes": "SF", "version": 1}), ("undo", {})):
        refused = client.post(f"{place}/{what}", data=form)
        assert refused.status_code == 403
        assert "changes no base" in refused.json()["detail"]


def test_another_page_cannot_mark_or_write(writing):
    """A form of another origin, or of another site, is refused before anything is read."""
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        for place in ("/v1/bases/mock/marks/liner-00000000", "/kb/mock/marks/liner-00000000/undo"):
            assert writing.post(place, json={}, headers=headers).status_code == 403


# ---- outliers and the care of labels --------------------------------------------------------------------------------


def answered(client: TestClient, place: str, **query: Any) -> str:
    """The page of a list when its question is answered."""
    page = client.get(place, params={**query, "go": "1"}, headers=BROWSER)
    assert page.status_code == 200, page.text
    if found := re.search(r'data-events="([^"]+)"', page.text):
        client.get(found[1].replace("&amp;", "&"))
        page = client.get(place, params={**query, "go": "1"}, headers=BROWSER)
    return str(page.text)


def test_outliers_are_those_of_rest(served, asked_files):
    """The smallest p-value first; also of spectra that were brought."""
    listed = served.get("/v1/bases/mock/objects", params={"where": "z < 0.05"}).json()["objects"]
    ids = [one["object_id"] for one in listed]
    said = served.post("/v1/bases/mock/outliers", json={"objects": ids}).json()["answers"]
    expected = [one["object_id"] for one in sorted(said, key=lambda one: (one["p_value"], one["object_id"]))]
    page = answered(served, "/kb/mock/outliers", among="z < 0.05")
    assert [one["id"] for one in rows(page)] == expected
    tray = brought(served, asked_files).json()
    page = answered(served, "/kb/mock/outliers", tray=tray["tray"])
    assert sorted(one["id"] for one in rows(page)) == sorted(tray["names"])


def test_doubtful_labels_are_decided_and_corrected(writing, copied, spectrove):
    """The findings of `kb curate`; what everybody accepts is written, and taken back."""
    done = spectrove("kb", "curate", copied, "--label", "class_derived", "--no-lines", "--json")
    expected = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    query = {"label": "class_derived", "lines": "0"}
    page = answered(writing, "/kb/mock/labels", **query)
    assert [one["id"] for one in rows(page)] == [one["object_id"] for one in expected][:50]
    changed = next(one for one in expected if one["action"] == "relabel")
    row = next(one for one in rows(page) if one["id"] == changed["object_id"])
    decision = {"object_id": row["id"], "about": row["about"], "mark": "yes"}
    mark(writing, where(page), {**decision, "who": "Ann"}, title="labels of class_derived")
    before = labels_of(writing, "class_derived")
    mark(writing, where(page), {**decision, "who": "Ben", "mark": "no"}, title="labels of class_derived")
    refused = writing.post("/kb/mock/labels/apply", params=query)
    assert "No finding is accepted" in refused.json()["detail"]
    mark(writing, where(page), {**decision, "who": "Ben"}, title="labels of class_derived")
    shown = answered(writing, "/kb/mock/labels", **query)
    assert "1 finding accepted" in shown
    form = {"changes": seal_in(shown)}
    done = writing.post("/kb/mock/labels/apply", params=query, data=form, follow_redirects=False)
    assert done.status_code == 303
    after = labels_of(writing, "class_derived")
    assert {name for name in before if before[name] != after[name]} == {changed["object_id"]}
    assert after[changed["object_id"]] == changed["suggested"]
    assert "Undo: back to version" in writing.get("/kb/mock/labels", params={**query}, headers=BROWSER).text
    assert writing.post("/kb/mock/labels/undo", params=query, follow_redirects=False).status_code == 303
    assert labels_of(writing, "class_derived") == before
    listed = f"/kb/mock/marks/{where(page).rpartition('/')[2]}"
    wrong = writing.post(f"{listed}/apply", data={"column": "class_derived", "yes": "SF", "version": 1})
    assert "decisions on findings" in wrong.json()["detail"]


@pytest.mark.parametrize(
    ("place", "query", "status", "word"),
    [
        ("labels", {}, 422, "Choose a column"),
        ("labels", {"label": "nothing"}, 422, "nothing"),
        ("labels", {"label": "class_derived", "where": "z > 90"}, 422, "No object of mock meets"),
        ("outliers", {"among": "z > 90"}, 422, "No object of mock meets"),
        ("outliers", {"tray": "gone"}, 404, "no longer kept"),
    ],
)
def test_what_is_wrong_with_a_list_is_a_sentence(served, place, query, status, word):
    """On its page."""
    page = served.get(f"/kb/mock/{place}", params={**query, "go": "1"}, headers=BROWSER)
    assert page.status_code == status
    assert word in page.text
