"""The pages as a program sees them: every address answers, forms lead on, what is wrong is said on a page."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from tests.serve.web.conftest import problem, uploads

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
TOKEN = "0123456789abcdef0123"


@pytest.fixture
def ids(served, survey) -> list[str]:
    """Objects of the base of galaxies."""
    listed = served.get("/v1/bases/mock/objects").json()["objects"]
    return [one["object_id"] for one in listed]


def brought(client: TestClient, files: Any, base: str = "mock", **fields: str) -> Any:
    """What comes back of files that were dropped."""
    return client.post(
        f"/kb/{base}/bring", files=uploads(files), data=fields, headers={"accept": "application/json"}
    )


def events(text: str) -> list[tuple[str, dict[str, Any]]]:
    """Server-sent events: kind and data."""
    found = re.findall(r"event: (\w+)\ndata: (.*)\n\n", text)
    return [(kind, json.loads(data)) for kind, data in found]


def parts(client: TestClient, query: str, base: str = "mock") -> dict[str, str]:
    """The HTML of each part."""
    said = events(client.get(f"/kb/{base}/parts?{query}").text)
    assert said[-1] == ("end", {})
    return {data["part"]: data["html"] for kind, data in said if kind == "part"}


@pytest.mark.parametrize(
    "place", ["/", "/kb/mock", "/kb/xray", "/kb/mock/about", "/kb/mock/find", "/kb/xray/find?q=s0"]
)
def test_every_page_is_there(served, place):
    """And no script or style of elsewhere is named on it."""
    page = served.get(place, headers=BROWSER)
    assert page.status_code == 200, page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for address in re.findall(r"(?:src|<link[^>]*href)=\"([^\"]+)\"", page.text):
        assert address.startswith("/")
        assert served.get(address).status_code == 200


def test_files_come_and_are_answered(served, asked_files):
    """Twins, class, redshift and oddity of a file that the base does not hold; then the figure's numbers."""
    said = brought(served, asked_files).json()
    assert len(said["names"]) == len(asked_files)
    assert served.get(said["page"], headers=BROWSER).status_code == 200
    made = parts(served, f"tray={said['tray']}&i=1")
    assert set(made) >= {"twins", "classes", "redshift", "oddity"}
    assert "data-draw=" in made["twins"]
    curves = served.get(f"/kb/mock/curves?tray={said['tray']}&i=1").json()
    assert curves["name"] == said["names"][1]
    assert len(curves["wavelength"]) == len(curves["flux"]) == len(curves["error"])


def test_parts_are_the_answers_of_rest(served, ids):
    """The same verbs: neighbours on the page are those that the REST address gives."""
    asked = served.post("/v1/bases/mock/search", json={"objects": ids[:1], "k": 12}).json()["answers"][0]
    drawn = re.findall(r'data-draw="([^"]+)"', parts(served, f"object={ids[0]}&part=twins")["twins"])
    assert drawn == [one["object_id"] for one in asked["neighbors"]]


def test_a_redshift_and_a_region_that_are_given_are_used(served, ids):
    """And a redshift that cannot be is refused in a sentence."""
    whole = parts(served, f"object={ids[0]}&part=twins")["twins"]
    region = parts(served, f"object={ids[0]}&part=twins&region=4800:5050")["twins"]
    assert "Compared in 4800:5050" in region
    assert re.findall("data-draw", region)
    assert region != whole
    said = problem(served.get(f"/kb/mock/parts?object={ids[0]}&part=twins&z=99"), 422, "Invalid")
    assert "expected a redshift from" in said["detail"]


def test_counts_are_shown_through_their_domain(served, counts):
    """A figure, small curves of its neighbours, and no curve of flux."""
    said = brought(served, [*counts.files, *counts.response], "xray").json()
    query = f"tray={said['tray']}&i=0"
    assert served.get(f"/kb/xray/figure?{query}").content[:8] == b"\x89PNG\r\n\x1a\n"
    assert "<polyline" in parts(served, f"{query}&part=twins", "xray")["twins"]
    assert served.get(f"/kb/xray/curves?{query}").status_code == 406
    assert "AGN" in parts(served, f"{query}&part=classes", "xray")["classes"]


def test_broken_files_are_sentences(served, tmp_path, asked_files):
    """Alone they are refused; beside a good one they stand below it."""
    bad = tmp_path / "broken.fits"
    bad.write_bytes(b"SIMPLE  =                    T" + b"\0" * 400)
    alone = brought(served, [bad])
    assert alone.status_code == 422
    assert "broken.fits" in alone.json()["detail"]
    assert str(tmp_path) not in alone.text
    both = brought(served, [bad, asked_files[0]]).json()
    assert "broken.fits" in both["refusals"][0]["error"]
    assert "broken.fits" in served.get(both["page"], headers=BROWSER).text


def test_spectra_of_another_kind_are_refused(served, counts, asked_files):
    """As soon as they come, and not part by part."""
    for files, base in (([*counts.files, *counts.response], "mock"), (asked_files, "xray")):
        answer = brought(served, files, base)
        assert answer.status_code == 422
        assert "same kind of light" in answer.json()["detail"]


def test_names_are_text_and_never_markup(served, tmp_path, asked_files):
    """A file with a tag in its name, and a search for one."""
    page = served.get(
        "/kb/mock/find", params={"q": "<script>alert(1)</script>", "how": "id"}, headers=BROWSER
    )
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


@pytest.mark.parametrize(
    ("query", "how", "sentence"),
    [
        ("z < 0.1", "auto", "objects with z &lt; 0.1"),
        ("150.1 2.2", "auto", "objects within 5′ of 150.10000 +2.20000"),
        ("10:00:24.0 +02:12:00", "position", "objects within 5′ of 150.10000 +2.20000"),
        ("5100", "id", "objects whose name holds 5100"),
    ],
)
def test_the_field_takes_what_people_type(served, query, how, sentence):
    """A condition, positions in both forms, a part of a name."""
    page = served.get("/kb/mock/find", params={"q": query, "how": how}, headers=BROWSER)
    assert page.status_code == 200
    assert sentence in page.text


def test_an_id_leads_to_its_object(served, ids):
    """At once, without a list of one."""
    answer = served.get("/kb/mock/find", params={"q": ids[0]}, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"object={ids[0]}")


@pytest.mark.parametrize(
    ("place", "status", "word"),
    [
        ("/kb/nowhere", 404, "no base of this name"),
        ("/kb/mock/spectrum?object=nobody", 404, "no object of mock"),
        ("/kb/mock/spectrum?tray=gone", 404, "no longer kept"),
        ("/kb/mock/spectrum", 422, "No spectrum is named"),
        ("/kb/mock/find?q=z+%3C%3C+1&how=condition", 422, "z &lt;&lt; 1"),
        ("/kb/mock/spectrum?object=x&z=red", 422, "z"),
        ("/nothing", 404, "nothing at this address"),
    ],
)
def test_what_is_wrong_is_said_on_a_page(served, place, status, word):
    """A browser gets a page, a program the problem as JSON."""
    page = served.get(place, headers=BROWSER)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert word in page.text
    assert served.get(place).headers["content-type"] == "application/problem+json"


def test_a_token_is_typed_once(serve):
    """Without it a browser is led to the form; with it a cookie opens every page; a wrong one says so."""
    client = serve(token=TOKEN)
    assert client.get("/", headers=BROWSER, follow_redirects=False).headers["location"] == "/enter"
    assert client.get("/enter", headers=BROWSER).status_code == 200
    assert client.post("/enter", data={"token": "another"}).status_code == 401
    entered = client.post("/enter", data={"token": TOKEN}, follow_redirects=False)
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/", headers=BROWSER).status_code == 200
    assert serve(token=TOKEN).get("/v1/bases").status_code == 401


QUESTION = "/kb/mock/hunt?by=label&value=class_derived%3DSF&among=z+%3C+0.1&text=%C3%A9&go=1"


def test_the_question_is_asked_when_the_token_was_typed(serve):
    """A bookmark leads through the form to the question, with all of its query; also after a wrong token."""
    client = serve(token=TOKEN)
    way = client.get(QUESTION, headers=BROWSER, follow_redirects=False).headers["location"]
    form = client.get(way, headers=BROWSER).text
    wanted = html.unescape(re.search(r'name="next" value="([^"]+)"', form)[1])
    assert wanted == QUESTION
    wrong = client.post("/enter", data={"token": "another", "next": wanted})
    assert html.unescape(re.search(r'name="next" value="([^"]+)"', wrong.text)[1]) == QUESTION
    entered = client.post("/enter", data={"token": TOKEN, "next": wanted}, follow_redirects=False)
    assert entered.status_code == 303
    assert entered.headers["location"] == QUESTION
    sent = client.post("/kb/mock/hunt/stop", headers=BROWSER, follow_redirects=False)
    assert sent.status_code == 303  # the cookie is there
    other = serve(token=TOKEN).post("/kb/mock/hunt/stop?by=like", headers=BROWSER, follow_redirects=False)
    assert other.headers["location"] == "/enter"  # what was sent is not sent again


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/", "//evil.example", "///evil.example", "\\\\evil.example", "/\\evil.example",
        "javascript:alert(1)", "evil.example", "/\t/evil.example", "/\n/evil.example", "http:evil", "//[", "",
        "/" + "x" * 5000, " //evil.example", "?next=/", "https:///evil.example",
    ],
)  # fmt: skip
def test_nobody_is_led_elsewhere(serve, elsewhere):
    """Only to a page of this server: with a token, without one, and where the form is shown."""
    for client in (serve(token=TOKEN), serve()):
        data = {"token": TOKEN, "next": elsewhere}
        assert client.post("/enter", data=data, follow_redirects=False).headers["location"] == "/"
    form = client.get("/enter", params={"next": elsewhere}, headers=BROWSER, follow_redirects=False)
    assert form.headers["location"] == "/"
    form = serve(token=TOKEN).get("/enter", params={"next": elsewhere}, headers=BROWSER)
    assert 'name="next"' not in form.text
