"""Tasks as tools: their schemas, and what they say as content of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mcp import Tool
from mcp_types import CallToolResult, ImageContent, TextContent, ToolAnnotations

from spectrove.serve.output import json_line
from spectrove.serve.service.asking import Task
from spectrove.serve.service.jobs import Job
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.questions import OF_FILES

#: The field that says which base is asked.
BASE = "base"

#: Answers that the text of a result repeats; all of them are in its structure.
IN_TEXT = 20


def tool_of(task: Task, bases: list[str]) -> Tool:
    """A task as a tool."""
    return Tool(
        name=task.name,
        title=task.name.replace("_", " ").capitalize(),
        description=task.summary,
        input_schema=input_schema(task, bases),
        output_schema=output_schema(task),
        annotations=ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False),
    )


def input_schema(task: Task, bases: list[str]) -> dict[str, Any]:
    """What may be asked, without what is about files, and the base."""
    schema = deepcopy(task.model.model_json_schema())
    for name in OF_FILES:
        schema["properties"].pop(name, None)
    base = {
        "type": "string",
        "enum": bases,
        "default": bases[0],
        "description": "Name of the base that is asked.",
    }
    schema["properties"] = {BASE: base, **schema["properties"]}
    return schema


def output_schema(task: Task) -> dict[str, Any]:
    """What is said: answers with the keys that the command line prints, refusals, and where they come from."""
    rows = {"type": "array", "items": {"type": "object", "properties": {name: {} for name in task.columns}}}
    refusals = {"type": "array", "items": {"type": "object"}}
    return {
        "type": "object",
        "properties": {"answers": rows, "refusals": refusals, "provenance": {"type": "object"}},
        "required": ["answers", "refusals", "provenance"],
    }


def split(task: Task, arguments: Mapping[str, Any] | None, bases: list[str]) -> tuple[str, Any]:
    """The base that is asked, and what is asked of it.

    Raises:
        ValidationError: It asks what cannot be asked.
        Problem: It names options of reading files, and there are none.
    """
    said = dict(arguments or {})
    base = said.pop(BASE, bases[0])
    if unknown := [name for name in OF_FILES if name in said]:
        raise Problem(
            422, f"{unknown[0]}: an option of reading files, and spectra are given as ids or arrays."
        )
    return str(base), task.model.model_validate(said)


def result_of(job: Job) -> CallToolResult:
    """What a task has said: as structure, as text for those who read, and figures as images."""
    if job.problem is not None:
        return failed(job.problem, job.rows("refusal"))
    answers, refusals, about = job.rows("answer"), job.rows("refusal"), job.rows("about")
    structure = {"answers": answers, "refusals": refusals, "provenance": about[-1] if about else {}}
    lines = [json_line(row) for row in answers[:IN_TEXT]]
    if len(answers) > IN_TEXT:
        lines.append(f"... and {len(answers) - IN_TEXT} more in the structured content")
    lines += [f"refused: {row['error']}" for row in refusals[:IN_TEXT]]
    content: list[Any] = [TextContent(type="text", text="\n".join(lines) or "no answer")]
    for figure in job.rows("figure"):
        content.append(TextContent(type="text", text=figure["alt"]))
        content.append(ImageContent(type="image", data=figure["data"], mime_type=figure["media_type"]))
    return CallToolResult(content=content, structured_content=_as_json(structure))


def failed(problem: Problem, refusals: list[dict[str, Any]] | None = None) -> CallToolResult:
    """Why there is no answer, for a model that may correct its question."""
    listed = refusals or problem.more.get("refusals", [])
    lines = [problem.detail, *(f"refused: {row['error']}" for row in listed[:IN_TEXT])]
    return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], is_error=True)


def _as_json(value: Any) -> Any:
    import json

    return json.loads(json_line(value))
