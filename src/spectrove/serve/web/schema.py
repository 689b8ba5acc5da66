"""The OpenAPI document: the framework's, with the bodies and answers of every task, which it cannot know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from spectrove.serve.service.asking import Task
from spectrove.serve.web.uploads import FORM, JSON
from spectrove.serve.web.verbs import EVENTS, LINES

REFERENCE = "#/components/schemas/"

PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "What was refused or went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string"}, "instance": {"type": "string"}, "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object"}},
        "refusals": {"type": "array", "items": {"$ref": f"{REFERENCE}Refusal"}},
    },
    "required": ["type", "title", "status", "detail"],
}  # fmt: skip

REFUSAL: dict[str, Any] = {
    "type": "object",
    "description": "A file or spectrum without an answer, and why.",
    "properties": {
        "path": {"type": ["string", "null"]}, "object_id": {"type": ["string", "null"]}, "error": {"type": "string"},
    },
    "required": ["path", "object_id", "error"],
}  # fmt: skip


def answer_schema(task: Task) -> dict[str, Any]:
    """What a task says: its answers with their keys, refusals, and where they come from."""
    row = {"type": "object", "properties": {name: {} for name in task.columns}}
    return {
        "type": "object",
        "properties": {
            "answers": {"type": "array", "items": row},
            "refusals": {"type": "array", "items": {"$ref": f"{REFERENCE}Refusal"}},
            "figures": {"type": "array", "items": {"type": "object"}},
            "provenance": {"type": "object"},
        },
        "required": ["answers", "refusals", "provenance"],
    }


def document(app: FastAPI, tasks: Mapping[str, Task], bases: Sequence[str]) -> dict[str, Any]:
    """The whole document, with the names of the bases that are served."""
    made = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes,
        openapi_version="3.1.0",
    )  # fmt: skip
    models: list[tuple[Any, Any]] = [(task.model, "validation") for task in tasks.values()]
    keys, definitions = models_json_schema(models, ref_template=f"{REFERENCE}{{model}}")
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas |= definitions.get("$defs", {}) | {"Problem": PROBLEM, "Refusal": REFUSAL}
    for path in made["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                if (parameter["in"], parameter["name"]) == ("path", "name"):
                    parameter["schema"] |= {"enum": list(bases)}
            operation["responses"]["4XX"] = _problem("What the server refuses.")
            operation["responses"].pop("422", None)
            if (name := operation.pop("x-task", None)) is not None:
                _describe(operation, tasks[name], keys[(tasks[name].model, "validation")], schemas)
    made["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return made


def _describe(
    operation: dict[str, Any], task: Task, reference: Mapping[str, Any], schemas: Mapping[str, Any]
) -> None:
    """Body and answers of a task."""
    model = schemas[reference["$ref"].removeprefix(REFERENCE)]
    operation["requestBody"] = {
        "required": bool(model.get("required")),
        "content": {JSON: {"schema": reference}, FORM: {"schema": _form(model, task)}},
    }
    row = {"type": "object", "properties": {name: {} for name in task.columns}}
    operation["responses"]["200"] = {
        "description": "Answers as the command line prints them with --json, and refusals beside them.",
        "content": {
            JSON: {"schema": answer_schema(task)}, LINES: {"schema": row}, EVENTS: {"schema": {"type": "string"}},
        },
    }  # fmt: skip
    operation["responses"]["202"] = {
        "description": "Asked with Prefer: respond-async; Location says where it goes on."
    }


def _form(model: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """The fields of a form: options as text, and files."""
    form = deepcopy({name: value for name, value in model.items() if name != "title"})
    file = {"type": "string", "format": "binary"}
    for part in task.files:
        form["properties"][part] = {
            "type": "array", "items": file, "description": "Files: FITS, text or CSV, plain or compressed.",
        }  # fmt: skip
    form["required"] = [name for name in form.get("required", ()) if name not in task.files]
    return form


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": {"$ref": f"{REFERENCE}Problem"}}},
    }
