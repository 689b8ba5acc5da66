"""The tools of the Model Context Protocol, asked by the client of the official SDK in memory."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, MCPError, StdioServerParameters

from spectrove.pipeline.verbs import VERBS
from spectrove.serve.mcp.server import create_server
from spectrove.serve.service import asking
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.shelf import Shelf
from spectrove.work import counted


@pytest.fixture(scope="module")
def shelf(survey) -> Shelf:
    return Shelf.of([survey.base])


@pytest.fixture
def ask(shelf) -> Callable[[Callable[[Client], Awaitable[Any]]], Any]:
    """Runs what a client does, joined to a server of the base in memory; with the protocol of today or of 2025."""

    def asked(what: Callable[[Client], Awaitable[Any]], mode: str = "auto") -> Any:
        async def run() -> Any:
            async with Client(create_server(shelf), mode=mode) as client:
                return await what(client)

        return anyio.run(run)

    return asked


@pytest.fixture(scope="module")
def some(shelf) -> list[str]:
    """Ids of a few objects."""
    with shelf["mock"].shown() as base:
        return base.rows(None, []).column("object_id").to_pylist()[:3]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_every_verb_is_a_typed_tool(ask, mode):
    """With options, a base to choose, and the keys of its answers."""
    tools = {tool.name: tool for tool in ask(lambda client: client.list_tools(), mode).tools}
    assert set(tools) == {*VERBS, "explain"}
    for name, tool in tools.items():
        Draft202012Validator.check_schema(tool.input_schema)
        Draft202012Validator.check_schema(tool.output_schema)
        fields = tool.input_schema["properties"]
        own = set(all_tasks()[name].model.model_fields)
        assert set(fields) <= {"base", *own}
        assert fields["base"]["enum"] == ["mock"]
        assert {"objects", "spectra"} <= set(fields) or VERBS[name].of_base
        assert tool.description
        assert set(tool.output_schema["properties"]["answers"]["items"]["properties"]) == set(
            all_tasks()[name].columns
        )


QUESTIONS: dict[str, dict[str, Any]] = {
    "search": {"k": 2},
    "search_region": {"regions": ["Halpha", [5000.0, 5100.0]]},
    "search_text": {"text": "z < 0.1", "top": 3},
    "hunt": {"target": "liner"},
    "classify": {"label": "class_derived"},
    "estimate": {"quantity": "d4000n"},
    "measure": {"measures": "d4000n"},
}


@pytest.mark.parametrize("verb", QUESTIONS)
def test_a_tool_says_what_python_says(verb, ask, some, shelf):
    """The same values as structured content, which its own schema holds."""
    options = QUESTIONS[verb]
    of_base = VERBS[verb].of_base
    arguments = options if of_base else {"objects": some, **options}

    async def both(client: Client) -> Any:
        schema = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}[verb]
        return schema, await client.call_tool(verb, arguments)

    schema, result = ask(both)
    assert not result.is_error, result.content
    Draft202012Validator(schema).validate(result.structured_content)
    keywords = dict(options)
    subject = [
        keywords.pop(name) for name in ("regions", "text", "target", "label", "quantity") if name in keywords
    ]
    with shelf["mock"].asked() as base:
        spectra = [] if of_base else [base.spectra(some)]
        said = VERBS[verb].ask(base, *spectra, *subject, **keywords)
    assert result.structured_content["answers"] == [json.loads(line) for line in said.to_json().splitlines()]


def test_spectra_are_given_as_arrays(ask, shelf, some):
    with shelf["mock"].asked() as base:
        [one] = base.spectra(some[:1])
    inline = {"wavelength": one.wavelength.tolist(), "flux": one.flux.astype(float).tolist(),
              "ivar": one.ivar.astype(float).tolist(), "z": float(one.z), "object_id": "mine"}  # fmt: skip
    result = ask(lambda client: client.call_tool("search", {"spectra": [inline], "k": 1}))
    [answer] = result.structured_content["answers"]
    assert answer["object_id"] == "mine"
    assert answer["neighbors"][0]["object_id"] == some[0]


def test_figures_of_an_explanation_are_images(ask, some):
    result = ask(lambda client: client.call_tool("explain", {"objects": some[:1]}))
    images = [one for one in result.content if one.type == "image"]
    assert len(images) >= 2
    assert all(
        base64.b64decode(one.data).startswith(b"\x89PNG") and one.mime_type == "image/png" for one in images
    )
    assert result.structured_content["answers"][0]["neighbors"]


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("search", {"objects": ["nobody"]}, "no object of mock.kb"),
        ("search", {"k": 0}, "k: input should be"),
        ("search", {}, "no spectra were given"),
        ("search", {"objects": [], "survey": "sdss"}, "option of reading files"),
        ("search", {"base": "other"}, "no base of this name"),
        ("classify", {"objects": ["x"]}, "label: field required"),
        ("hunt", {"target": "/etc/passwd"}, "neither a shipped target"),
        ("search_text", {"text": "flurble"}, "flurble"),
    ],
)
def test_what_is_refused_is_told_to_the_model(name, arguments, words, ask):
    """So that it can correct its question."""
    result = ask(lambda client: client.call_tool(name, arguments))
    assert result.is_error
    assert words in result.content[0].text


def test_an_unknown_tool_or_resource_is_an_error_of_the_protocol(ask):
    for what in (
        lambda client: client.call_tool("drop", {}),
        lambda client: client.read_resource("spectrove://bases/other"),
        lambda client: client.read_resource("file:///etc/passwd"),
    ):
        error = ask(_alone(what))
        assert isinstance(error, MCPError)
        assert "expected" in str(error)


def _alone(what: Callable[[Client], Awaitable[Any]]) -> Callable[[Client], Awaitable[Any]]:
    """What a client does, with its error in place of the group of tasks that it was raised in."""

    async def run(client: Client) -> Any:
        try:
            return await what(client)
        except MCPError as error:
            return error

    return run


def test_resources_say_what_a_base_holds(ask, some):
    listed = ask(lambda client: client.list_resources()).resources
    assert [one.uri for one in listed] == ["spectrove://bases/mock"]
    assert ask(lambda client: client.list_resource_templates()).resource_templates

    def read(rest: str) -> Any:
        said = ask(lambda client: client.read_resource(f"spectrove://bases/mock{rest}"))
        return json.loads(said.contents[0].text)

    about = read("")
    assert about["rows"] == read("/objects")["total"]
    assert "class_derived" in about["labels"]
    assert read(f"/objects/{some[0]}")["object_id"] == some[0]
    assert read("/versions")[0]["version"] == 1


@pytest.fixture
def slow(monkeypatch):
    """A search of a thousand steps; `steps` counts them."""
    steps: list[int] = []
    gate = threading.Event()

    def spectra_of(*_):
        for step in counted("looking at everything", 1000):
            steps.append(step)
            gate.wait(0.01)
        raise AssertionError("nobody stopped it")

    monkeypatch.setattr(asking, "spectra_of", spectra_of)
    return steps


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_progress_is_told_and_a_cancelled_question_is_stopped(ask, slow, mode):
    """Progress rises, with what is done in words; after the cancellation no step is made."""
    told: list[tuple[float, str]] = []

    async def cancelled(client: Client) -> None:
        async def progress(done: float, total: float | None, message: str | None) -> None:
            told.append((done, message or ""))
            if len(told) == 3:
                scope.cancel()

        with anyio.CancelScope() as scope:
            await client.call_tool("search", {"objects": ["x"]}, progress_callback=progress)
        made = len(slow)
        await anyio.sleep(0.3)
        assert len(slow) <= made + 30

    ask(cancelled, mode)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[0][1].startswith("looking at everything")
    assert len(slow) < 900


def test_the_command_speaks_the_protocol_on_stdin_and_stdout(survey):
    """As the programs that start it do; nothing else is on stdout."""
    code = f"import sys; sys.argv[1:] = ['mcp', {str(survey.base)!r}]; from spectrove.serve.cli import main; main()"
    parameters = StdioServerParameters(command=sys.executable, args=["-c", code], env=_environment())

    async def run() -> Any:
        with anyio.fail_after(120):
            async with Client(parameters) as client:
                return await client.call_tool("search_text", {"text": "z < 0.1", "top": 2})

    assert len(anyio.run(run).structured_content["answers"]) == 2


def _environment() -> dict[str, str]:
    from tests.serve.conftest import environment

    return environment()
