"""Archives as servers of ours on this machine: real layouts of addresses, and the faults that real ones have."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LOGIN = (
    b"<!DOCTYPE html>\n<html><head><title>SDSS &amp; friends: Login</title></head><body>Log in</body></html>"
)


class Loopback(ThreadingHTTPServer):
    """Files by path, and answers by functions.

    Attributes:
        files: Content by path.
        answers: Functions of (path, query, body), by the start of a path; they give (code, content type, content).
        faults: What goes wrong with the next requests, in order: "ok", a code as 500 or "429 7" (with Retry-After),
            "cut" (half of the bytes), "stall" (no answer), "login", "empty", "other" (a wrong byte, with the sum of the
            right ones), "close".
        asked: Path, query, headers and method of every request.
        ranges: Whether parts are served.
        etag: Whether files have one.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, Callable[..., tuple[int, str, bytes]]] = {}
        self.faults: deque[str] = deque()
        self.asked: list[dict[str, Any]] = []
        self.ranges, self.etag, self.sums = True, True, False
        self.stop = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def paths(self) -> list[str]:
        """What was asked for so far."""
        return [one["path"] for one in self.asked]


class Handler(BaseHTTPRequestHandler):
    server: Loopback

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self, body: bytes = b"") -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        headers = {k.lower(): v for k, v in self.headers.items()}
        self.server.asked.append(
            {"path": path, "query": query, "headers": headers, "method": self.command, "body": body}
        )
        fault = self.server.faults.popleft() if self.server.faults else "ok"
        if fault == "stall":
            self.server.stop.wait(20)
            return
        if fault == "close":
            self.connection.close()
            return
        if fault[0].isdigit():
            code, _, after = fault.partition(" ")
            self._send(int(code), "text/plain", b"busy", {"Retry-After": after} if after else {})
            return
        if fault == "login":
            self._send(200, "text/html", LOGIN)
            return
        answer = next((f for start, f in self.server.answers.items() if path.startswith(start)), None)
        if answer is not None:
            code, kind, content = answer(path, query, body)
            self._send(code, kind, b"" if fault == "empty" else content, cut=fault == "cut")
            return
        if path not in self.server.files:
            self._send(404, "text/html", b"<html><title>404 Not Found</title></html>")
            return
        self._file(self.server.files[path], headers, fault)

    def do_POST(self) -> None:
        self.do_GET(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _file(self, content: bytes, headers: dict[str, str], fault: str) -> None:
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        more = {"ETag": tag} if self.server.etag else {}
        if self.server.sums:
            digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
            more["Repr-Digest"] = f"sha-256=:{digest}:"
        if fault == "other":
            content = content[:-1] + bytes([content[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        if fault == "empty":
            self._send(200, "application/fits", b"", more)
        elif asked and self.server.ranges and headers.get("if-range", tag) == tag:
            begun = int(asked[1])
            if begun >= len(content):
                self._send(416, "text/plain", b"", more)
                return
            more["Content-Range"] = f"bytes {begun}-{len(content) - 1}/{len(content)}"
            self._send(206, "application/fits", content[begun:], more, cut=fault == "cut")
        else:
            self._send(200, "application/fits", content, more, cut=fault == "cut")

    def _send(
        self, code: int, kind: str, content: bytes, more: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self.send_response(code)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            **(more or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(ConnectionError):  # who asked has given up
            self.wfile.write(content[: len(content) // 2] if cut else content)


@contextmanager
def loopback() -> Iterator[Loopback]:
    """A server on this machine."""
    server = Loopback()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.stop.set()
        server.shutdown()
        thread.join()
        server.server_close()


def skyserver(table: str) -> Callable[..., tuple[int, str, bytes]]:
    """SkyServer with one table, as CSV under the name that it gives all tables; refuses what is no SELECT."""

    def answer(path: str, query: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        if not query["cmd"].lstrip().upper().startswith("SELECT"):
            said = {
                "Error Code": 400,
                "Error Type": "BadRequest",
                "Error Message": "Incorrect syntax near 'SELEKT'.",
            }
            return 500, "application/json", json.dumps(said).encode()
        return 200, "text/plain", f"#Table1\n{table}".encode()

    return answer


def sas_files(folder: Path, names: list[str], run2d: str = "26") -> dict[str, bytes]:
    """Files of spectra under the addresses that SDSS has for them in dr17."""
    tree = "sdss" if run2d.isdigit() else "eboss"
    return {
        f"/sas/dr17/{tree}/spectro/redux/{run2d}/spectra/lite/{name.split('-')[1]}/{name}": (
            folder / name
        ).read_bytes()
        for name in names
    }
