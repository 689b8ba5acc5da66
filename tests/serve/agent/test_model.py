"""A language model as planner, at an endpoint of ours on loopback that says what it is told to say."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from spectrove.serve.agent.run import Budget, converse
from spectrove.serve.agent.tools import Tools
from spectrove.serve.service.shelf import Shelf

pytest.importorskip("pydantic_ai")
from spectrove.serve.agent.model import LanguageModel


@pytest.fixture(scope="module")
def tools(survey):
    return Tools(next(iter(Shelf.of([survey.base]).values())))


class Endpoint:
    """Answers request by request from a script, the last line again and again; keeps what it was asked."""

    def __init__(self, script: list[Any]) -> None:
        self.script, self.asked = script, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                outer.asked.append(json.loads(self.rfile.read(length)))
                said = outer.script[min(len(outer.asked), len(outer.script)) - 1]
                place = said.address if isinstance(said, Endpoint) else ""
                plain = b"" if place else said
                body = plain if isinstance(plain, bytes) else json.dumps(_completion(plain)).encode()
                self.send_response(307 if place else 500 if said == b"broken" else 200)
                if place:
                    self.send_header("Location", f"{place}/chat/completions")
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                return None

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/v1"


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "1", "object": "chat.completion", "created": 1, "model": "made-up",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", **message}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }  # fmt: skip


def call(name: str, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    function = {"name": name, "arguments": text}
    return {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}


def say(text: str) -> dict[str, Any]:
    return {"content": text}


@pytest.fixture
def endpoint() -> Iterator[Any]:
    made: list[Endpoint] = []

    def make(*script: Any) -> Endpoint:
        made.append(Endpoint(list(script)))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


def asked(tools, server, **budget):
    return converse(LanguageModel("made-up", server.address), "how many objects?", tools, Budget(**budget))


def test_a_call_is_done_and_the_reply_is_given(tools, endpoint):
    n = tools.call("contents", tools.checked("contents", {})).rows[0]["objects"]
    server = endpoint(call("contents", {}), say(f"The base holds {n} objects."))
    done = asked(tools, server)
    assert done.answer == f"The base holds {n} objects."
    assert {one["function"]["name"] for one in server.asked[0]["tools"]} == set(tools)
    assert f'"objects": {n}' in server.asked[1]["messages"][-1]["content"]
    assert done.planner == "model made-up"


def test_calls_that_cannot_be_are_refused_and_the_model_is_told(tools, endpoint):
    server = endpoint(
        call("delete_everything", {}),
        call("objects", "{broken"),
        call("objects", {"limit": "many"}),
        say("I cannot say."),
    )
    done = asked(tools, server)
    assert [bool(step.refused) for step in done.steps] == [True, True, True, False]
    assert "delete_everything" in server.asked[1]["messages"][-1]["content"]
    assert not done.results
    assert done.answer == "I cannot say."


def test_a_made_up_figure_is_refused_and_may_be_mended(tools, endpoint):
    server = endpoint(call("contents", {}), say("It holds 987654321 objects."), say("It holds some objects."))
    done = asked(tools, server)
    assert done.answer == "It holds some objects."
    assert "987654321" in server.asked[2]["messages"][-1]["content"]


def test_a_model_that_never_ends_is_stopped_by_the_budget(tools, endpoint):
    server = endpoint(call("contents", {}))
    done = asked(tools, server, calls=4, refusals=2)
    assert len(done.results) == 4
    assert "were refused" in done.stopped
    assert len(server.asked) == 7
    few = converse(LanguageModel("made-up", server.address, tokens=10), "?", tools)
    assert "tokens are used" in few.stopped, "also where an endpoint says that it used none"


def test_tokens_are_counted_before_they_are_asked_for(tools, endpoint):
    """No request is sent that would go beyond, and an answer may be as long as what is left."""
    server = endpoint(call("contents", {}))
    most = 30_000
    model = LanguageModel("made-up", server.address, tokens=most)
    done = converse(model, "?", tools, Budget(calls=1000, refusals=1000))
    assert "the next request needs more" in done.stopped
    assert server.asked
    assert model.spent <= most
    for request in server.asked:
        assert 0 < request.get("max_completion_tokens", request.get("max_tokens")) < most


def test_nothing_goes_to_an_address_that_the_endpoint_names(tools, endpoint):
    """A server that sends the question elsewhere gets no second request, and nobody else the first."""
    elsewhere = endpoint(say("Got it."))
    server = endpoint(elsewhere)
    done = asked(tools, server)
    assert "no answer that can be read" in done.stopped
    assert len(server.asked) == 1
    assert elsewhere.asked == []


@pytest.mark.parametrize("said", [b"broken", b"{}", b"no json"])
def test_an_endpoint_that_is_broken_ends_the_question_with_a_sentence(tools, endpoint, said):
    done = asked(tools, endpoint(said))
    assert "no answer that can be read" in done.stopped


def test_hostile_replies_change_nothing_and_end_in_a_sentence(tools, endpoint):
    """Files, statements, escapes, thousands of calls in one reply, and depth without end."""
    deep = "[" * 20_000 + "]" * 20_000
    many = call("contents", {})
    many["tool_calls"] = [{**many["tool_calls"][0], "id": f"c{i}"} for i in range(500)]
    for said in (
        call("hunt", {"objects": ["a"], "target": "/etc/passwd"}),
        call("hunt", {"objects": ["a"], "target": "../../secret.toml"}),
        call("objects", {"where": "1=1; DROP TABLE objects"}),
        call("objects", {"columns": ["no such"], "order": "labels"}),
        call("objects", deep),
        call("search", {"objects": ["a"], "survey": "/etc/passwd"}),
        {"content": "\x1b[2J" * 100_000},
        {"content": "1e999 and " + "9" * 6000},
        many,
    ):
        server = endpoint(said)
        done = asked(tools, server, calls=3, refusals=3)
        assert len(done.results) <= 3
        assert done.answer or done.stopped
        assert all(
            not result.rows or step_tool in ("contents", "objects") for result, step_tool in _made(done)
        )


def _made(done) -> list[tuple[Any, str]]:
    return [(step.result, step.action["tool"]) for step in done.steps if step.result is not None]


def test_the_command_asks_the_model_that_is_named(spectrove, survey, endpoint):
    server = endpoint(say("No tool was needed."))
    said = spectrove("ask", survey.base, "well?", "--model", "made-up", "--endpoint", server.address)
    assert said.exit_code == 0, said.output
    assert said.output.startswith("No tool was needed.")
    alone = spectrove("ask", survey.base, "well?", "--model", "made-up")
    assert alone.exit_code == 2
    assert "--endpoint" in alone.output
