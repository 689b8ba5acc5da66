"""Questions that take long: progress, a way to stop them, a limit of time, and no more than there is room for."""

from __future__ import annotations

import json
import threading
import time

import pytest
from tests.serve.web.conftest import problem, until

from spectrove.serve.service import asking, jobs
from spectrove.serve.service.asking import Item
from spectrove.serve.service.jobs import Jobs, size_of
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.map import charts
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.shelf import Served
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


# ---- what is kept ---------------------------------------------------------------------------------------------------


def test_what_is_kept_is_limited_by_its_size(monkeypatch):
    """What ended first goes first, what runs stays, and so does the last answer, however large it is."""
    monkeypatch.setattr(jobs, "ROOM", 10_000)
    asked = Jobs(4, 20, 60)
    gate = threading.Event()

    def says(n: int, waits: bool = False):
        if waits:
            gate.wait(20)
        yield Item("answer", {"text": "x" * n})

    runs = asked.begin("first", "mock", lambda: says(9_000, waits=True), keep=True)
    ended = []
    for n in (4_000, 4_000, 4_000, 30_000):
        ended.append(asked.begin("next", "mock", lambda n=n: says(n), keep=True))
        until(lambda: ended[-1].is_over and len(asked) == 1)
    for one in ended[:3]:
        with pytest.raises(Problem, match=r"no longer kept.*Ask the question again") as refused:
            asked.kept(one.id)
        assert refused.value.status == 410
    assert asked.kept(ended[3].id).rows("answer") == [{"text": "x" * 30_000}]
    assert asked.kept(runs.id) is runs
    gate.set()
    until(lambda: len(asked) == 0)
    assert asked.kept(runs.id) is runs
    with pytest.raises(Problem, match="no longer kept"):
        asked.kept(ended[3].id)
    with pytest.raises(Problem, match="no question of this name") as refused:
        asked.kept("nothing")
    assert refused.value.status == 404
    asked.close()


def test_an_answer_that_is_no_longer_kept_says_so_over_http(serve, monkeypatch):
    """And is not taken for one that nobody has asked."""
    monkeypatch.setattr(jobs, "ROOM", 1)
    with serve() as client:
        [one] = client.get("/v1/bases/mock/objects?limit=1").json()["objects"]
        places = []
        for _ in range(2):
            begun = client.post(
                SEARCH, json={"objects": [one["object_id"]]}, headers={"prefer": "respond-async"}
            )
            places.append(begun.headers["location"])
            until(lambda: client.get(places[-1]).json()["state"] == "done")
        for what in ("", "/answers"):
            until(lambda what=what: client.get(places[0] + what).status_code == 410)
            problem(client.get(places[0] + what), 410, "")
            assert client.get(places[1] + what).status_code == 200


def test_the_size_of_what_is_said_is_that_of_its_parts():
    """At least its texts, and a value for each number."""
    assert size_of({"a": "x" * 1000, "b": [1.0] * 1000}) > 1000 + 8 * 1000
    assert size_of(None) > 0


# ---- waiting for a base, and for what others have asked for ---------------------------------------------------------


def test_a_look_up_waits_for_a_copy_no_longer_than_it_says(survey):
    """And has one as soon as it is free."""
    served = Served(survey.base, 1)
    with served.asked():
        none = r"answers other questions, and none of them ended in 0\.3 seconds"
        with pytest.raises(Problem, match=none) as no, served.asked(0.3):
            raise AssertionError("there is one copy")
        assert no.value.status == 503
        assert no.value.headers["Retry-After"]
    with served.asked(0.3) as base:
        assert len(base)


def test_a_question_that_waits_for_a_copy_can_be_stopped(serve):
    """It says for what it waits."""
    with serve() as client:
        served = client.app.state.desk.shelf["mock"]
        with served.asked(), served.asked():
            later = {"prefer": "respond-async"}
            place = client.post(SEARCH, json={"objects": ["x"]}, headers=later).headers["location"]
            until(lambda: "waiting for mock" in str(client.get(place).json()["progress"]))
            client.delete(place)
            until(lambda: "spectrove_questions 0.0" in client.get("/metrics").text)


def test_those_who_ask_for_the_same_map_wait_for_one_question(serve, monkeypatch):
    """It holds one thread, others are answered meanwhile, and all are told the end."""
    gate, calls = threading.Event(), []
    made = charts.map_of

    def slow(base):
        calls.append(base)
        for _ in counted("making the map", 1000):
            if gate.wait(0.01):
                return made(base)
        raise AssertionError("nobody let it go on")

    monkeypatch.setattr(charts, "map_of", slow)
    monkeypatch.setattr(charts, "is_made", lambda base: False)
    said: list[str] = []
    with serve(threads=2) as client:
        running = client.app.state.desk.jobs

        def ask() -> None:
            answer = client.get("/kb/mock/map/making", headers={"accept": "text/event-stream"})
            said.append(answer.text)

        waiting = [threading.Thread(target=ask) for _ in range(3)]
        for one in waiting:
            one.start()
        until(lambda: len(running) == 1 and next(iter(running._joined.values())).readers == 3)
        [one] = client.get("/v1/bases/mock/objects?limit=1").json()["objects"]
        assert client.post(SEARCH, json={"objects": [one["object_id"]]}).status_code == 200
        gate.set()
        for one in waiting:
            one.join(60)
    assert len(calls) == 1
    assert len(said) == 3
    assert all("making the map" in one and '"state": "done"' in one for one in said)


def test_a_shared_question_ends_with_the_last_who_waits(serve, slow):
    """Not with the first who goes away."""
    from spectrove.serve.web.verbs import _Reader

    with serve() as client:
        desk = client.app.state.desk
        gate = threading.Event()

        def say():
            for _ in counted("working", 10_000):
                gate.wait(0.01)
                yield from ()

        one = desk.jobs.joined("key", "map", "mock", say)
        assert desk.jobs.joined("key", "map", "mock", say) is one
        assert desk.jobs.joined("other", "map", "mock", say) is not one
        first, second = _Reader(one, desk.metrics, True), _Reader(one, desk.metrics, True)
        with first:
            pass
        assert not one.is_over
        with second:
            pass
        assert one.state == "stopped"
        assert desk.jobs.joined("key", "map", "mock", say) is not one
