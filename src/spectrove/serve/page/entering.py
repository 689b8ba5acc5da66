"""Who has a token stays in by a cookie: a browser sends no header of ours."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from typing import Annotated
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Form, Query
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from spectrove.serve.page.rendering import page

#: The cookie, and what needs none: the form that asks for the token, and its style.
COOKIE = "spectrove-token"
OPEN = ("/enter", "/static/")


#: Longest address that somebody is led back to.
LONGEST = 4000


def local(place: str) -> str:
    """The address of a page of this server that somebody wanted; of its first page where it leads elsewhere."""
    try:
        parts = urlsplit(place)
    except ValueError:
        return "/"
    elsewhere = parts.scheme or parts.netloc or not place.startswith("/") or place.startswith("//")
    if elsewhere or "\\" in place or not place.isprintable() or len(place) > LONGEST:
        return "/"
    return place


def way(scope: Scope) -> str:
    """The form that asks for the token, which then leads on to what was asked for, with its query."""
    place = quote(scope.get("path", "/"))
    if query := scope.get("query_string", b"").decode("latin-1"):
        place = f"{place}?{query}"
    is_page = scope.get("method") in ("GET", "HEAD") and local(place) not in ("/", "")
    return f"/enter?{urlencode({'next': place})}" if is_page else "/enter"


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
    async def form(wanted: Annotated[str, Query(alias="next")] = "") -> Response:
        if not token:
            return RedirectResponse(local(wanted), 303)
        return page("enter.html", wrong=False, wanted=local(wanted))

    @made.post("/enter", response_model=None)
    async def enter(
        given: Annotated[str, Form(alias="token", max_length=500)] = "",
        wanted: Annotated[str, Form(alias="next")] = "",
    ) -> Response:
        if not token:
            return RedirectResponse(local(wanted), 303)
        if not hmac.compare_digest(given.strip().encode(), token.encode()):
            return page("enter.html", status=401, wrong=True, wanted=local(wanted))
        answer = RedirectResponse(local(wanted), 303)
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", max_age=30 * 86400)
        return answer

    return made
