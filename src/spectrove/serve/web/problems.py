"""Problems over HTTP: application/problem+json, or a page for a browser, whatever went wrong and wherever."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from spectrove.serve.page.entering import way
from spectrove.serve.page.rendering import page
from spectrove.serve.page.wording import for_page
from spectrove.serve.service.problems import Problem, pointer, problem_of

MEDIA = "application/problem+json"


def answer(problem: Problem, scope: Scope) -> Response:
    """The problem as an answer, with the id of the request and its address; in the words of the page where it asks."""
    about = {"instance": scope.get("path", ""), "request_id": scope.get("state", {}).get("request_id", "")}
    told = problem.to_dict() | about
    if asks_the_page(scope):
        told = in_words_of_the_page(told)
    if wants_page(scope):
        if problem.status == 401:
            return RedirectResponse(way(scope), 303)
        return page("problem.html", status=problem.status, problem=told, **frame_of(problem, scope))
    return Response(json.dumps(told, ensure_ascii=False), problem.status, dict(problem.headers), MEDIA)


def in_words_of_the_page(told: dict[str, Any]) -> dict[str, Any]:
    """The members of a problem, with what can be done on the page in place of options and commands."""
    refusals = [{**one, "error": for_page(str(one.get("error", "")))} for one in told.get("refusals", ())]
    return {**told, "detail": for_page(told["detail"]), **({"refusals": refusals} if refusals else {})}


#: What is refused before anything of a base may be said.
UNSEEN = (401, 403, 421)


def frame_of(problem: Problem, scope: Scope) -> dict[str, Any]:
    """What the frame of a page needs, where the problem is about a base that is served."""
    _, first, *rest = f"{scope.get('path', '')}//".split("/")
    app = scope.get("app")
    if first != "kb" or app is None or problem.status in UNSEEN or rest[0] not in app.state.desk.shelf:
        return {"base": None}
    return {"base": rest[0], "bases": list(app.state.desk.shelf)}


#: Addresses of programs, whatever they accept.
PROGRAMS = ("/v1/", "/ssap", "/metrics", "/healthz", "/openapi.json")


def wants_page(scope: Scope) -> bool:
    """Whether a person looks at a page: a browser asks, and not for an address of programs."""
    accepted = Headers(scope=scope).get("accept", "")
    return "text/html" in accepted and not scope.get("path", "").startswith(PROGRAMS)


def asks_the_page(scope: Scope) -> bool:
    """Whether the page asks, or a script of it, which browsers say in the address that they come from."""
    path = scope.get("path", "")
    if path.startswith(PROGRAMS):
        return urlsplit(Headers(scope=scope).get("referer", "")).path.startswith("/kb/")
    return True


def of_http(error: HTTPException) -> Problem:
    """What the framework refused: an address or a method that is not there, a body that is none."""
    sentences = {
        404: "There is nothing at this address. /openapi.json lists every address.",
        405: "This address does not take this method. /openapi.json lists what it takes.",
    }
    detail = sentences.get(error.status_code) or str(error.detail or HTTPStatus(error.status_code).phrase)
    return Problem(error.status_code, detail, headers=dict(error.headers or {}))


def of_request(error: RequestValidationError) -> Problem:
    """Parameters of an address that cannot be."""
    found = [{"pointer": pointer(one["loc"]), "detail": str(one["msg"])} for one in error.errors()]
    detail = f"{found[0]['pointer'].strip('/').replace('/', '.')}: {found[0]['detail']}"
    return Problem(422, detail, "Invalid", more={"errors": found})


def register(app: FastAPI) -> None:
    """Let the application answer every error so."""

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return answer(of_http(error), request.scope)

    async def on_request(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(of_request(error), request.scope)

    async def on_ours(request: Request, error: Exception) -> Response:
        return answer(problem_of(error), request.scope)

    handlers: dict[Any, Any] = {HTTPException: on_http, RequestValidationError: on_request}
    from pydantic import ValidationError

    from spectrove.errors import SpectroveError

    handlers |= dict.fromkeys((Problem, SpectroveError, ValidationError), on_ours)
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
