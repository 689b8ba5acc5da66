"""spectrove ask: a question in words, answered by tools; what was done is shown and kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.errors import DatasetError
from spectrove.serve.cli import options
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import in_folder, print_json, say

if TYPE_CHECKING:
    from spectrove.serve.agent.run import Conversation, Planner, Step

Words = Annotated[
    str | None, typer.Argument(metavar="QUESTION", help="In English: which of tonight's spectra are LINERs?")
]
Trace = Annotated[
    Path | None, typer.Option("--trace", metavar="FILE", help="Write what was done, as JSON Lines.")
]
Replay = Annotated[
    Path | None, typer.Option("--replay", metavar="FILE", help="Do again what a trace says, and compare.")
]
Calls = Annotated[int, typer.Option("--calls", metavar="N", min=1, help="Most tools that are called.")]
Spectra = Annotated[
    int, typer.Option("--max-spectra", metavar="N", min=1, help="Most spectra that are asked about.")
]
Seconds = Annotated[float, typer.Option("--max-seconds", metavar="S", min=0, help="No tool is called after.")]


Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="Let this language model plan; without it no model is asked."
    ),
]
Endpoint = Annotated[
    str | None,
    typer.Option("--endpoint", metavar="URL", help="Where it is: any server that speaks OpenAI's protocol."),
]
Tokens = Annotated[int, typer.Option("--max-tokens", metavar="N", min=1, help="Most tokens of the model.")]


def ask(
    kb: options.Base,
    question: Words = None,
    trace: Trace = None,
    replay: Replay = None,
    calls: Calls = 12,
    max_spectra: Spectra = 5000,
    max_seconds: Seconds = 600.0,
    model: Model = None,
    endpoint: Endpoint = None,
    max_tokens: Tokens = 200_000,
    as_json: options.Json = False,
) -> None:
    """Answer a question about the objects of a base.

    The tools are the verbs. The answer names objects and verbs; every figure in it is one of a result.
    """
    if (question is None) == (replay is None):
        raise UsageError(DatasetError("ask: give a question, or a trace with --replay, and not both."))
    if replay is not None and model is not None:
        raise UsageError(
            DatasetError("ask: --replay asks no model: it does what the trace says. Leave out --model.")
        )
    if (model is None) != (endpoint is None):
        raise UsageError(
            DatasetError("ask: a model needs both its name and its address. Give --model and --endpoint.")
        )
    from spectrove.serve.agent.rules import Rules
    from spectrove.serve.agent.run import Budget, Recorded, converse, write_trace
    from spectrove.serve.agent.tools import Tools
    from spectrove.serve.service.limits import Limits
    from spectrove.serve.service.shelf import Shelf

    shelf = Shelf.of([kb])
    tools = Tools(next(iter(shelf.values())), Limits(spectra=max_spectra))
    recorded = None if replay is None else Recorded.read(replay)
    planner: Planner = recorded or (Rules() if model is None else _model(model, endpoint, max_tokens))
    words = recorded.question if recorded else str(question)
    done = converse(planner, words, tools, Budget(calls, max_spectra, max_seconds))
    if trace is not None:
        write_trace(done, in_folder(trace))
    differs = recorded.differences(done) if recorded else []
    _print(done, differs, as_json=as_json, replayed=recorded is not None, trace=trace)
    raise typer.Exit(0 if done.answer and not differs else 1)


def _model(name: str, endpoint: str | None, tokens: int) -> Planner:
    """A language model as planner; its key is read from SPECTROVE_API_KEY, never from the command line."""
    import os

    from spectrove.serve.agent.model import LanguageModel

    with usage_errors():
        return LanguageModel(name, str(endpoint), os.environ.get("SPECTROVE_API_KEY", "none"), tokens)


def _print(
    done: Conversation, differs: list[str], *, as_json: bool, replayed: bool, trace: Path | None
) -> None:
    if as_json:
        print_json(done.to_dict() | ({"differs": differs} if replayed else {}))
    else:
        for line in (done.answer or f"No answer: {done.stopped}").splitlines():
            say(_visible(line))
        for step in done.steps:
            say(f" {_visible(_line(step))}")
    if replayed:
        same = "the same results and the same end as in the trace"
        say(f" {same if not differs else 'not as in the trace: ' + '; '.join(differs)}", as_json=as_json)
    if trace is not None:
        say(f" wrote {trace}", as_json=as_json)


def _visible(text: str) -> str:
    """The text without what a terminal would obey: a model or a name may hold such characters."""
    import unicodedata

    kept = (
        letter if unicodedata.category(letter)[0] != "C" else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
    return "".join(kept)


def _line(step: Step) -> str:
    """What was done, in a line."""
    action = step.action if isinstance(step.action, dict) else {}
    if step.refused:
        return f"refused: {step.refused}"
    if action.get("action") != "call":
        return str(action.get("action", "nothing"))
    told = {
        name: f"{len(value)} objects" if name == "objects" and len(value) > 1 else value
        for name, value in action["arguments"].items()
    }
    asked = " ".join(f"{name}={value}" for name, value in told.items())
    counts = {} if step.result is None else step.result.counts
    found = ", ".join(
        f"{name} {value:.4g}" for name, value in counts.items() if isinstance(value, int | float)
    )
    error = step.result.error if step.result is not None else ""
    return f"{action['tool']} {asked[:150]}: {error or found or 'done'} ({step.seconds:.1f} s)"
