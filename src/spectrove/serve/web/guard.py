"""Before anything is answered: who asks, under which name, and how much; and a line in the log of every request."""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spectrove.serve.page import entering
from spectrove.serve.service.problems import Problem
from spectrove.serve.web.metrics import Metrics
from spectrove.serve.web.problems import answer
from spectrove.serve.web.settings import Settings

LOG = logging.getLogger("spectrove.serve")

#: Addresses that need no token: they say nothing but that the server is there.
OPEN = ("/healthz", *entering.OPEN)

#: Methods that are counted by their names.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

#: An id that a client may give its request.
GIVEN_ID = re.compile(r"[\w.-]{1,64}")

#: What every answer says to browsers: guess no type, load nothing from elsewhere, be in nobody's frame.
HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings, metrics: Metrics) -> None:
        self.app, self.settings, self.metrics = app, settings, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or refuse it; both with an id and a line in the log."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope.setdefault("state", {})["request_id"] = request_id(headers)
        seen = _Seen(scope, send)
        try:
            if (problem := refused(scope, headers, self.settings)) is not None:
                await answer(problem, scope)(scope, receive, seen)
                return
            await self.app(scope, self._counted(receive), seen)
        except Exception as error:
            LOG.error("request %s failed", scope["state"]["request_id"], exc_info=error)
            if not seen.status:
                await answer(Problem(500, "The server failed. Its log says more under the id of the request."), scope)(
                    scope, receive, seen
                )  # fmt: skip
        finally:
            self._note(scope, seen)

    def _counted(self, receive: Receive) -> Receive:
        """The body of a request, refused as soon as it is too large."""
        came, most = 0, self.settings.limits.upload

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise too_large(most)
            return message

        return counted

    def _note(self, scope: Scope, seen: _Seen) -> None:
        """Count a request, and write its line."""
        route = getattr(scope.get("route"), "path", "") or "none"
        took = time.monotonic() - seen.begun
        method = scope["method"] if scope["method"] in METHODS else "other"  # a client may invent any
        self.metrics.requests.labels(route, method, str(seen.status)).inc()
        self.metrics.seconds.labels(route).observe(took)
        about = scope["state"]
        LOG.info(
            "request",
            extra={
                "request_id": about["request_id"], "method": scope["method"], "path": scope["path"], "route": route,
                "status": seen.status, "seconds": round(took, 4), "bytes": seen.sent,
                "client": (scope.get("client") or ("",))[0], **about.get("note", {}),
            },
        )  # fmt: skip


class _Seen:
    """Passes an answer on, with the headers that all have, and keeps its status and size."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status, self.sent, self.begun = 0, 0, time.monotonic()
        self._scope, self._send = scope, send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._scope["state"]["request_id"]
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        self.sent += len(message.get("body", b""))
        await self._send(message)


def request_id(headers: Headers) -> str:
    """The id that a request gives itself, if it is one, or a new one."""
    given = headers.get("x-request-id", "")
    return given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex


def refused(scope: Scope, headers: Headers, settings: Settings) -> Problem | None:
    """Why a request is not let in; None if it is."""
    host = headers.get("host", "")
    if not settings.knows(host):
        return Problem(
            421,
            f"{host}: this server is not known under that name. Call it localhost, or start it with --allow-host.",
        )
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2] != host:
        return Problem(403, f"{origin}: a page from elsewhere may not ask this server.")
    led = scope["method"] in ("GET", "HEAD") and headers.get("sec-fetch-mode", "navigate") == "navigate"
    if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not led:
        return Problem(403, "A page from elsewhere may not ask this server.")
    if settings.token and not scope["path"].startswith(OPEN) and not _knows(headers, settings.token):
        return Problem(
            401, "A token is needed, as the header Authorization: Bearer TOKEN, or typed at /enter in a browser.",
            headers={"WWW-Authenticate": 'Bearer realm="spectrove"'},
        )  # fmt: skip
    length = headers.get("content-length", "0")
    if not length.isdigit():
        return Problem(400, "Content-Length is no number.")
    return too_large(settings.limits.upload) if int(length) > settings.limits.upload else None


def _knows(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        given = entering.token_of(headers)
    return hmac.compare_digest(given.strip().encode(), token.encode())


def too_large(most: int) -> Problem:
    """More was sent than is taken."""
    return Problem(
        413,
        f"More than {most / 1e6:g} MB were sent, expected less. Send fewer spectra at a time, or start the server "
        "with a larger --max-upload.",
    )


class JsonLines(logging.Formatter):
    """A line of the log as JSON: when, how bad, what, and whatever else is known of it."""

    _OWN = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in self._OWN}
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)
