"""Questions that take long: progress, a way to stop them, a limit of time, and no more than there is room for."""

from __future__ import annotations

import json
import threading
import time

import pytest
from tests.serve.web.conftest import problem, until

from spectrove.serve.service import asking
from spectrove.serve.service.limits import Limits
from spectrove.work import counted

SEARCH = "/v1/bases/mock/search"


@pytest.fixture
def slow(monkeypatch):
    """A search of a thousand steps that can be stopped at each; `steps` counts them."""
    steps: list[int] = []
    gate = threading.Event()

    def spectra_of(*_):
        for step in counted("looking at everything", 1000):
            steps.append(step)
            gate.wait(0.01)
        raise AssertionError("nobody stopped it")

    monkeypatch.setattr(asking, "spectra_of", spectra_of)
    return steps


def test_events_tell_how_far_it_is_and_end_with_the_answer(served):
    [one] = served.get("/v1/bases/mock/objects?limit=1").json()["objects"]
    asked = {"json": {"objects": [one["object_id"]]}, "headers": {"accept": "text/event-stream"}}
    events = [part.split("\n") for part in served.post(SEARCH, **asked).text.strip().split("\n\n")]
    kinds = [event[0].removeprefix("event: ") for event in events]
    assert kinds[0] == "progress"
    assert [kind for kind in kinds if kind != "progress"] == ["answer", "about", "end"]
    first = json.loads(events[0][1].removeprefix("data: "))
    assert first == {"doing": "answering 1 spectrum", "done": 0, "total": 1}


def test_a_question_goes_on_after_its_request(served):
    [one] = served.get("/v1/bases/mock/objects?limit=1").json()["objects"]
    asked = {"json": {"objects": [one["object_id"]]}}
    begun = served.post(SEARCH, **asked, headers={"prefer": "respond-async"})
    assert begun.status_code == 202
    place = begun.headers["location"]
    until(lambda: served.get(place).json()["state"] == "done")
    now = served.post(SEARCH, **asked).json()
    assert served.get(f"{place}/answers").json() == now
    lines = served.get(f"{place}/answers", headers={"accept": "application/x-ndjson"}).text
    assert [json.loads(line) for line in lines.splitlines()] == now["answers"]


def test_a_question_is_stopped(serve, slow):
    with serve() as client:
        place = client.post(SEARCH, json={"objects": ["x"]}, headers={"prefer": "respond-async"}).headers[
            "location"
        ]
        until(lambda: (client.get(place).json()["progress"] or {}).get("doing") == "looking at everything")
        problem(client.get(f"{place}/answers"), 409, "")
        assert client.delete(place).json()["state"] == "stopped"
        said = len(slow)
        time.sleep(0.2)
        assert len(slow) <= said + 2
        problem(client.get(f"{place}/answers"), 409, "")


def test_a_question_that_never_began_leaves_no_files(serve, slow, tmp_path, monkeypatch):
    """Stopped while it waits for another one."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    later = {"prefer": "respond-async"}
    with serve(threads=1) as client:
        first = client.post(SEARCH, json={"objects": ["x"]}, headers=later).headers["location"]
        until(lambda: client.get(first).json()["state"] == "running")
        waits = client.post(SEARCH, files=[("spectra", ("a.txt", b"1 2"))], headers=later).headers["location"]
        assert len(list(tmp_path.glob("spectrove-*"))) == 1
        client.delete(waits)
        client.delete(first)
        until(lambda: not list(tmp_path.glob("spectrove-*")))


def test_a_question_has_a_limit_of_time(serve, slow):
    with serve(limits=Limits(seconds=0.3)) as client:
        said = problem(client.post(SEARCH, json={"objects": ["x"]}), 503, "")
        assert "longer than 0.3 seconds" in said["detail"]
        stopped = len(slow)
        time.sleep(0.2)
        assert len(slow) <= stopped + 2


def test_what_cannot_be_stopped_does_not_keep_anybody_waiting(serve, monkeypatch):
    """Work that says nothing of itself ends when it ends; the answer does not wait for it."""
    gate = threading.Event()
    monkeypatch.setattr(asking, "spectra_of", lambda *_: gate.wait(20))
    with serve(limits=Limits(seconds=0.2)) as client:
        begun = time.monotonic()
        problem(client.post(SEARCH, json={"objects": ["x"]}), 503, "")
        assert time.monotonic() - begun < 5
        gate.set()


def test_no_more_questions_than_there_is_room_for(serve, slow):
    with serve(limits=Limits(waiting=1)) as client:
        place = client.post(SEARCH, json={"objects": ["x"]}, headers={"prefer": "respond-async"}).headers[
            "location"
        ]
        refused = client.post(SEARCH, json={"objects": ["x"]})
        problem(refused, 503, "")
        assert refused.headers["retry-after"]
        client.delete(place)
        until(lambda: "spectrove_questions 0.0" in client.get("/metrics").text)


def test_who_goes_away_stops_a_question(serve, slow):
    """A stream that nobody reads any more."""
    import anyio

    with serve() as client:
        jobs = client.app.state.desk.jobs

        async def ask() -> None:
            sent: list[dict] = []
            body = json.dumps({"objects": ["x"]}).encode()
            gone = anyio.Event()

            async def receive() -> dict:
                if not sent:
                    sent.append({})
                    return {"type": "http.request", "body": body, "more_body": False}
                await gone.wait()
                return {"type": "http.disconnect"}

            async def send(message: dict) -> None:
                if message["type"] == "http.response.body":
                    gone.set()

            headers = [
                (b"host", b"localhost"),
                (b"content-type", b"application/json"),
                (b"accept", b"text/event-stream"),
            ]
            scope = {
                "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
                "path": SEARCH, "raw_path": SEARCH.encode(), "query_string": b"", "headers": headers, "root_path": "",
                "server": ("localhost", 80), "client": ("127.0.0.1", 1),
            }  # fmt: skip
            await client.app(scope, receive, send)

        anyio.run(ask)
        until(lambda: len(jobs) == 0)
        assert 0 < len(slow) < 1000
