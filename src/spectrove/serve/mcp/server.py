"""The server: tools for every task, resources about the bases, on stdin and stdout."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

import anyio
from mcp import MCPError
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)
from pydantic import ValidationError

from spectrove.errors import SpectroveError
from spectrove.serve.mcp.tools import failed, result_of, split, tool_of
from spectrove.serve.output import json_line
from spectrove.serve.service import looking
from spectrove.serve.service.asking import Item, Question
from spectrove.serve.service.explaining import all_tasks
from spectrove.serve.service.given import Files
from spectrove.serve.service.jobs import Job, Jobs
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.problems import Problem, problem_of
from spectrove.serve.service.shelf import Shelf
from spectrove.version import __version__
from spectrove.work import listening

#: What a model is told of the whole.
INSTRUCTIONS = (
    "Knowledge bases of astronomical spectra. Each tool asks a base about spectra: name objects of the base by their "
    "ids (objects), or give arrays of wavelength and flux (spectra). Read the resource of a base first: it lists the "
    "label columns, numbers and objects. Wavelengths are vacuum angstrom in the observed frame. Spectra without an "
    "answer are listed under refusals with the reason."
)

#: Addresses of resources.
BASES = "spectrove://bases/"

JSON = "application/json"


class Desk:
    """What the handlers of the protocol need: bases, tasks, and the questions that run.

    Args:
        shelf: The bases.
        limits: How much one question may ask for.
    """

    def __init__(self, shelf: Shelf, limits: Limits) -> None:
        self.shelf, self.limits, self.tasks = shelf, limits, all_tasks()
        self.jobs = Jobs(1, limits.waiting, limits.seconds)
        self.bases = list(shelf)

    async def list_tools(self, context: Any, params: PaginatedRequestParams | None) -> ListToolsResult:
        """Every task."""
        return ListToolsResult(tools=[tool_of(task, self.bases) for task in self.tasks.values()])

    async def call_tool(self, context: ServerRequestContext, params: CallToolRequestParams) -> CallToolResult:
        """What a task says. A client that goes away or cancels stops it."""
        if params.name not in self.tasks:
            raise MCPError(INVALID_PARAMS, f"{params.name}: no such tool, expected {', '.join(self.tasks)}.")
        task = self.tasks[params.name]
        try:
            name, asked = split(task, params.arguments, self.bases)
            question = Question(self.shelf.named(name), asked, Files(), self.limits)
            job = self.jobs.begin(task.name, name, partial(task.run, question))
        except (Problem, SpectroveError, ValidationError) as error:
            return failed(problem_of(error))
        try:
            await _told(job, context)
        finally:
            job.stop()
        return result_of(job)

    async def list_resources(
        self, context: Any, params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        """What each base holds."""
        listed = [
            Resource(
                name=name, uri=f"{BASES}{quote(name, safe='')}", mime_type=JSON,
                description=f"What the base {name} holds: objects, label columns with their values, numbers, views.",
            )
            for name in self.bases
        ]  # fmt: skip
        return ListResourcesResult(resources=listed)

    async def list_templates(
        self, context: Any, params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        """Objects of a base, and one of them."""
        templates = {
            "{base}/objects": ("objects", "The first objects of a base by id, with their labels."),
            "{base}/objects/{id}": ("object", "What a base holds about an object."),
            "{base}/versions": ("versions", "Versions of a base."),
        }
        listed = [
            ResourceTemplate(name=name, uri_template=f"{BASES}{rest}", description=text, mime_type=JSON)
            for rest, (name, text) in templates.items()
        ]
        return ListResourceTemplatesResult(resource_templates=listed)

    async def read_resource(self, context: Any, params: ReadResourceRequestParams) -> ReadResourceResult:
        """A resource as JSON."""
        address = str(params.uri)
        try:
            what = self._resource(address)
            value = await anyio.to_thread.run_sync(_quietly, what)
        except (Problem, SpectroveError) as error:
            raise MCPError(INVALID_PARAMS, problem_of(error).detail) from error
        text = TextResourceContents(uri=address, text=json_line(value), mime_type=JSON)
        return ReadResourceResult(contents=[text])

    def _resource(self, address: str) -> Callable[[], Any]:
        """What reads the resource of an address.

        Raises:
            Problem: There is none.
        """
        name, *rest = [unquote(part) for part in address.removeprefix(BASES).split("/")]
        served = self.shelf.named(name)
        if not rest:
            return partial(looking.about_base, served)
        if rest == ["versions"]:
            return partial(looking.versions, served)
        if rest == ["objects"]:
            return partial(looking.objects, served, None, None, looking.PAGE, 0)
        if rest[0] == "objects":
            return partial(looking.about_object, served, "/".join(rest[1:]))
        raise Problem(404, f"{address}: no such resource.")


async def _told(job: Job, context: ServerRequestContext) -> None:
    """Wait until a question is answered, and tell the client how far it is."""
    steps = 0.0
    async with aclosing(job.follow()) as said:
        async for one in said:
            if isinstance(one, Item):
                continue
            steps += 1  # progress has to rise, and the work is of several pieces
            of = f" ({one['done']} of {one['total']})" if one["total"] else ""
            await context.session.report_progress(steps, None, f"{one['doing']}{of}")


def _quietly(what: Callable[[], Any]) -> Any:
    with listening(lambda work: None):
        return what()


def create_server(shelf: Shelf, limits: Limits | None = None) -> Server:
    """The server of some bases."""
    desk = Desk(shelf, limits or Limits())
    return Server(
        "spectrove", version=__version__, instructions=INSTRUCTIONS,
        on_list_tools=desk.list_tools, on_call_tool=desk.call_tool,
        on_list_resources=desk.list_resources, on_list_resource_templates=desk.list_templates,
        on_read_resource=desk.read_resource,
    )  # fmt: skip


def run(shelf: Shelf, limits: Limits) -> None:
    """Speak the protocol on stdin and stdout until the client closes them."""
    server = create_server(shelf, limits)

    async def speak() -> None:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(speak)
