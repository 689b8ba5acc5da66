"""Whatever is wrong is said in one shape: application/problem+json."""

from __future__ import annotations

import json
import logging

import pytest
from fastapi.testclient import TestClient
from tests.serve.web.conftest import problem, uploads

from spectrove.serve.service.limits import Limits
from spectrove.serve.web.guard import LOG, JsonLines

MOCK = "/v1/bases/mock"


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "kind", "words"),
    [
        ("GET", "/nothing", {}, 404, "", "nothing at this address"),
        ("GET", "/v1/bases/other", {}, 404, "", "expected mock, xray"),
        ("POST", "/v1/bases/other/search", {"json": {}}, 404, "", "expected mock, xray"),
        ("GET", f"{MOCK}/objects/nobody", {}, 404, "", "no object of mock"),
        ("GET", f"{MOCK}/objects/nobody/spectrum", {}, 404, "", "no object of mock"),
        ("GET", "/v1/jobs/nobody", {}, 404, "", "no question"),
        ("GET", f"{MOCK}/search", {}, 405, "", "method"),
        ("DELETE", MOCK, {}, 405, "", "method"),
        ("POST", f"{MOCK}/search", {"content": b"<x/>", "headers": {"content-type": "text/xml"}}, 415, "", "text/xml"),
        ("POST", f"{MOCK}/search", {"content": b"{}"}, 415, "", "no type"),
        ("POST", f"{MOCK}/search", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "", "JSON"),
        ("POST", f"{MOCK}/search", {"json": [1]}, 422, "Invalid", "list"),
        ("POST", f"{MOCK}/search", {"json": {"k": 0}}, 422, "Invalid", "k: "),
        ("POST", f"{MOCK}/search", {"json": {"kk": 1}}, 422, "Invalid", "kk: "),
        ("POST", f"{MOCK}/search", {"json": {"view": "a=x"}}, 422, "Invalid", "view"),
        ("POST", f"{MOCK}/search", {"json": {"spectra": [{"wavelength": [1, 2], "flux": [1]}]}}, 422, "ShapeError", ""),
        ("POST", f"{MOCK}/search", {"json": {}}, 422, "DatasetError", "no spectra were given"),
        ("POST", f"{MOCK}/search", {"json": {"objects": ["nobody"]}}, 422, "KnowledgeError", "no object of mock.kb"),
        ("POST", f"{MOCK}/search_text", {"json": {}}, 422, "Invalid", "text: "),
        ("POST", f"{MOCK}/search_text", {"json": {"text": "flurble"}}, 422, "WordsError", "flurble"),
        ("POST", f"{MOCK}/hunt_like", {"json": {"like": []}}, 422, "KnowledgeError", "no positive example"),
        ("GET", f"{MOCK}/objects?limit=0", {}, 422, "Invalid", "limit"),
        ("GET", f"{MOCK}/objects?where=nothing>1", {}, 422, "KnowledgeError", "nothing"),
        ("GET", f"{MOCK}/objects/x/spectrum?format=exe", {}, 422, "Invalid", "format"),
    ],
)  # fmt: skip
def test_every_refusal_has_the_one_shape(served, method, path, sent, status, kind, words):
    said = problem(served.request(method, path, **sent), status, kind)
    assert words in said["detail"]
    assert said["instance"] == path.partition("?")[0]
    if kind == "Invalid" and status == 422 and sent.get("json") != [1]:
        assert all(set(one) == {"pointer", "detail"} for one in said["errors"])


def test_nothing_that_is_accepted_is_a_problem(served, asked_files):
    ask = {"files": uploads(asked_files[:1]), "headers": {"accept": "image/png"}}
    problem(served.post(f"{MOCK}/search", **ask), 406, "")


def test_every_kind_is_explained_where_its_type_points(served):
    """A type is an address at this server."""
    known = {one["kind"]: one["what"] for one in served.get("/v1/problems").json()["problems"]}
    assert {"KnowledgeError", "TargetError", "FormatError", "Invalid"} <= set(known)
    assert all(known.values())


def test_what_nobody_foresaw_says_nothing_of_its_inside(serve, monkeypatch, caplog):
    """The log has it, under the id that the client gets."""
    from spectrove.serve.service import looking

    def fail(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(looking, "versions", fail)
    with serve() as client, caplog.at_level(logging.INFO, logger="spectrove.serve"):
        said = problem(client.get(f"{MOCK}/versions", headers={"x-request-id": "mine-1"}), 500, "")
    assert "secret" not in json.dumps(said)
    assert said["request_id"] == "mine-1"
    assert any(record.exc_info and "mine-1" in record.getMessage() for record in caplog.records)


def test_a_failure_inside_a_question_is_a_problem_in_every_form(serve, monkeypatch, caplog):
    """As an answer, as the last line, and as the last event."""
    from spectrove.serve.service import given

    def fail(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(given, "read", fail)
    with serve() as client:
        ask = {"json": {"objects": ["x"]}}
        problem(client.post(f"{MOCK}/search", **ask), 500, "")
        lines = client.post(f"{MOCK}/search", **ask, headers={"accept": "application/x-ndjson"}).text
        assert json.loads(lines.splitlines()[-1])["problem"]["status"] == 500
        events = client.post(f"{MOCK}/search", **ask, headers={"accept": "text/event-stream"}).text
        assert "event: problem\n" in events
        assert "secret" not in lines + events


# --- who may ask ------------------------------------------------------------------------------------

TOKEN = "0123456789abcdef"


def test_a_token_is_asked_for_everywhere_but_at_healthz(serve):
    with serve(token=TOKEN) as client:
        assert client.get("/healthz").status_code == 200
        for path in ("/v1/bases", "/metrics", "/openapi.json", "/ssap?REQUEST=queryData", "/nothing"):
            refused = client.get(path)
            problem(refused, 401, "")
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for wrong in ("Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer é".encode()):
            problem(client.get("/v1/bases", headers={"authorization": wrong}), 401, "")
        assert client.get("/v1/bases", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_another_name_that_leads_here_is_refused(served, host):
    """So that a page whose name is bound to this machine learns nothing (DNS rebinding)."""
    problem(served.get("/v1/bases", headers={"host": host}), 421, "")


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:1", "[::1]:8765", "LOCALHOST"])
def test_names_of_this_machine_are_known(served, host):
    assert served.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:1", "http://localhost:8765.evil.example"]
)
def test_a_page_from_elsewhere_may_not_ask(served, origin):
    """Neither read nor write (CSRF)."""
    for method, path in (("GET", "/v1/bases"), ("POST", f"{MOCK}/search")):
        problem(served.request(method, path, headers={"origin": origin}), 403, "")


def test_a_page_of_this_server_may_ask(served):
    assert served.get("/v1/bases", headers={"origin": "http://localhost:8765"}).status_code == 200
    problem(served.post(f"{MOCK}/search", json={}, headers={"sec-fetch-site": "cross-site"}), 403, "")


def test_a_further_name_is_told_at_the_start(serve):
    with serve(hosts=("spectra.example",)) as client:
        assert client.get("/healthz", headers={"host": "spectra.example"}).status_code == 200


def test_answers_tell_browsers_to_trust_nothing(served):
    headers = served.get("/v1/bases").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


# --- how much may be asked ----------------------------------------------------------------------------


def test_what_is_too_large_is_refused(serve, asked_files):
    """By its length if that is said, else as soon as too much has come."""
    with serve(limits=Limits(upload=1000)) as client:
        problem(client.post(f"{MOCK}/search", files=uploads(asked_files[:1])), 413, "")
        pieces = (b" " * 400 for _ in range(5))
        headers = {"content-type": "application/json"}
        problem(client.post(f"{MOCK}/search", content=pieces, headers=headers), 413, "")


def test_what_is_large_once_it_is_unpacked_is_refused(serve):
    """A bomb is not unpacked."""
    import bz2
    import gzip
    import lzma

    with serve(limits=Limits(unpacked=100_000)) as client:
        for name, pack in (("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.xz", lzma.compress)):
            said = problem(
                client.post(f"{MOCK}/search", files=[("spectra", (name, pack(b"1 2\n" * 100_000)))]), 413, ""
            )
            assert "unpacked" in said["detail"]


def test_files_that_are_large_together_are_refused(serve, asked_files):
    """Each of them alone would be taken; so it is where there is room for both."""
    import gzip

    files = [("spectra", (f"{i}.txt.gz", gzip.compress(b"1 2\n" * 20_000))) for i in range(2)]
    with serve(limits=Limits(unpacked=100_000)) as client:
        for place in (f"{MOCK}/search", "/kb/mock/bring"):
            said = problem(client.post(place, files=files), 413, "")
            assert (
                "1.txt.gz: more than 0.1 MB when unpacked, together with the files before it"
                in said["detail"]
            )
            assert client.post(place, files=files[:1]).status_code != 413
    with serve(limits=Limits(unpacked=200_000)) as client:
        assert client.post(f"{MOCK}/search", files=files).status_code != 413


def test_too_many_spectra_or_files_are_refused(serve, served, asked_files):
    names = [one["object_id"] for one in served.get(f"{MOCK}/objects").json()["objects"]]
    with serve(limits=Limits(spectra=1, files=1)) as client:
        problem(client.post(f"{MOCK}/search", json={"objects": names[:2]}), 413, "")
        problem(client.post(f"{MOCK}/search", files=uploads(asked_files[:2])), 400, "")
        one = _spectrum()
        problem(client.post(f"{MOCK}/search", json={"spectra": [one, one | {"object_id": "b"}]}), 413, "")


def _spectrum() -> dict:
    return {"wavelength": [4000.0 + i for i in range(50)], "flux": [1.0] * 50, "object_id": "a", "z": 0.1}


def test_files_come_under_one_name_each_and_where_they_belong(served, asked_files):
    file = uploads(asked_files[:1])
    problem(served.post(f"{MOCK}/search", files=file * 2), 422, "Invalid")
    problem(served.post(f"{MOCK}/search", files=uploads(asked_files[:1], "like")), 422, "Invalid")
    problem(served.post(f"{MOCK}/search_text", files=file, data={"text": "z < 1"}), 422, "Invalid")


# --- what is told of it -------------------------------------------------------------------------------


def test_a_line_of_the_log_is_json_with_the_id_of_the_request(served, caplog):
    with caplog.at_level(logging.INFO, logger="spectrove.serve"):
        served.post(f"{MOCK}/search", json={"objects": ["nobody"]}, headers={"x-request-id": "bad id"})
    [record] = [one for one in caplog.records if one.getMessage() == "request"]
    line = json.loads(JsonLines().format(record))
    assert line["status"] == 422
    assert line["method"] == "POST"
    assert line["path"] == f"{MOCK}/search"
    assert line["route"].endswith("/search")
    assert line["task"] == "search"
    assert len(line["request_id"]) == 32  # a given id of another form is not taken into the log
    assert LOG.name == "spectrove.serve"


def test_numbers_for_prometheus(serve, asked_files):
    with serve() as client:
        client.post(f"{MOCK}/search", files=uploads(asked_files[:1]))
        client.get("/nothing")
        page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert 'spectrove_answers_total{task="search"} 1.0' in page.text
    assert 'status="404"} 1.0' in page.text
    assert "spectrove_questions 0.0" in page.text
    assert "/nothing" not in page.text  # an address that is not there is no label of its own


def test_the_application_needs_no_lifespan_to_answer(shelf):
    """As some servers run it."""
    from spectrove.serve.web.app import create_app
    from spectrove.serve.web.settings import Settings

    client = TestClient(create_app(shelf, Settings()), base_url="http://localhost:8765")
    assert client.get("/healthz").json()["status"] == "ok"
