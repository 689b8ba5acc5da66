"""Who has a token stays in by a cookie: a browser sends no header of ours."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response

from spectrove.serve.page.rendering import page

#: The cookie, and what needs none: the form that asks for the token, and its style.
COOKIE = "spectrove-token"
OPEN = ("/enter", "/static/")


def token_of(headers: Headers) -> str:
    """The token in the cookies of a request; "" if there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def router(token: str) -> APIRouter:
    """The form, and what it sends."""
    made = APIRouter(include_in_schema=False)

    @made.get("/enter", response_model=None)
    async def form() -> Response:
        return page("enter.html", wrong=False) if token else RedirectResponse("/", 303)

    @made.post("/enter", response_model=None)
    async def enter(given: Annotated[str, Form(alias="token", max_length=500)] = "") -> Response:
        if not token:
            return RedirectResponse("/", 303)
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            return page("enter.html", status=401, wrong=True)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", max_age=30 * 86400)
        return answer

    return made
