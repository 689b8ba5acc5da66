"""Requests to services of others: slowly enough, again after what passes, and by a name that says who asks.

One `Polite` stands for all requests to one service. Between two of them it lets some time pass; what may pass (a busy
server, a timeout, an answer that breaks off) it waits out, longer each time and by a random part so that many clients
do not come back at once, or for as long as the service says (`Retry-After`). What does not pass is an `ArchiveError`.
"""

from __future__ import annotations

import http.client
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from spectrove.errors import ArchiveError
from spectrove.version import __version__

#: By what name Spectrove asks.
AGENT = f"spectrove/{__version__}"

#: Answers that say "not now": they are asked again.
PASSING = (408, 425, 429, 500, 502, 503, 504)

#: Bytes that are read at a time, and the longest time between requests that refusals lead to, seconds.
BLOCK, SLOWEST = 1 << 18, 10.0

T = TypeVar("T")


class Passing(Exception):
    """A fault that may pass.

    Attributes:
        after: Seconds that the service asks to wait; None if it does not say.
        code: Its answer, as 503; None if there was none.
    """

    def __init__(self, said: str, after: float | None = None, code: int | None = None) -> None:
        super().__init__(said)
        self.after, self.code = after, code


@dataclass(frozen=True)
class Answer:
    """A whole answer: its bytes, and the headers in lower case."""

    body: bytes
    headers: Mapping[str, str]


@dataclass
class Polite:
    """How one service is asked.

    Attributes:
        timeout: Seconds without a byte until a request is given up.
        interval: Least seconds between the starts of two requests; it grows when the service says "too many".
        again: How often a request is made again after what may pass.
        longest: Longest wait, seconds. A service that asks for a longer one is not asked again.
        wait: Called with the seconds to wait.
        draw: Gives random numbers from 0 to 1, for the random part of waits.
        final: The sentence of a refusal (code and start of its body) that will be the same again, whatever its code;
            None of any other.
    """

    timeout: float = 60.0
    interval: float = 0.2
    again: int = 5
    longest: float = 300.0
    wait: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random
    final: Callable[[int, bytes], str | None] = lambda code, body: None
    _last: float = field(default=float("-inf"), repr=False)

    def until_it_passes(self, once: Callable[[], T]) -> T:
        """What a function gives, called again while it raises `Passing`.

        Raises:
            ArchiveError: It did not pass, or the service asks for more patience than `longest`.
        """
        for attempt in range(self.again + 1):
            try:
                return once()
            except Passing as fault:
                if fault.code == 429:
                    self.interval = min(max(2 * self.interval, 0.1), SLOWEST)
                if fault.after is not None and fault.after > self.longest:
                    raise ArchiveError(
                        f"{fault}, and asks to wait {fault.after:.0f} s. Run the same command again after that.",
                        code=fault.code,
                    ) from fault
                if attempt == self.again:
                    tried = f" ({attempt + 1} attempts)" if attempt else ""
                    raise ArchiveError(f"{fault}{tried}. Try again later.", code=fault.code) from fault
                backoff = min(2.0**attempt, self.longest) * (0.5 + 0.5 * self.draw())
                seconds = backoff if fault.after is None else fault.after
                self.wait(seconds)
                if seconds >= self.interval:
                    self._last = float("-inf")  # the time between two requests is over
        raise AssertionError("the last attempt returns or raises")

    def read(self, url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
        """The whole answer to a request; a POST if there are data.

        Raises:
            ArchiveError: The service cannot be reached, or refuses.
        """

        def once() -> Answer:
            with self.opened(url, data, headers) as response:
                return Answer(b"".join(blocks(response)), lower(response.headers))

        return self.until_it_passes(once)

    @contextmanager
    def opened(
        self, url: str, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Any]:
        """The response to one request, of which nothing has been read yet.

        Raises:
            Passing: The service is busy, or does not answer in time.
            ArchiveError: It cannot be reached, or refuses.
        """
        host = urlsplit(url).netloc or url
        if urlsplit(url).scheme not in ("http", "https"):
            raise ArchiveError(f"{url}: no address of a service, which begins with https:// or http://.")
        self.pace()
        request = Request(url, data, {"User-Agent": AGENT, **(headers or {})})
        with passing(host, self.final):
            response = urlopen(request, timeout=self.timeout)
        with response:
            yield response

    def pace(self) -> None:
        """Let the time between two requests pass."""
        left = self._last + self.interval - time.monotonic()
        if left > 0:
            self.wait(left)
        self._last = time.monotonic()


@contextmanager
def passing(host: str, final: Callable[[int, bytes], str | None] = lambda code, body: None) -> Iterator[None]:
    """Faults of the network inside become `Passing`, or an `ArchiveError` where they will not pass."""
    try:
        yield
    except HTTPError as error:
        with error:
            if said := final(error.code, _start(error)):
                raise ArchiveError(f"{host}: {said}", code=error.code) from error
            raise refusal(host, error.code, lower(error.headers)) from error
    except (URLError, http.client.HTTPException, OSError) as error:
        raise broken(host, error) from error


def refusal(host: str, code: int, headers: Mapping[str, str]) -> Passing | ArchiveError:
    """What an answer that is none means."""
    if code in PASSING:
        what = "has had too many requests" if code == 429 else "cannot answer now"
        return Passing(f"{host}: the service {what} ({code})", retry_after(headers), code)
    why = {401: "asks for a login", 403: "does not allow it", 404: "has no such thing", 410: "has it no more"}
    return ArchiveError(f"{host}: the service {why.get(code, 'refuses the request')} ({code}).", code=code)


def broken(host: str, error: BaseException) -> Passing | ArchiveError:
    """What a fault of the network means: a slow or broken line may pass, a missing server does not within seconds."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return Passing(f"{host}: no answer in time")
    if isinstance(cause, ssl.SSLCertVerificationError):
        said = cause.verify_message
        return ArchiveError(f"{host}: its certificate cannot be verified ({said}).", reached=False)
    if isinstance(cause, ConnectionRefusedError | socket.gaierror):
        return ArchiveError(
            f"{host}: cannot be reached ({cause}). Check the network and the address.", reached=False
        )
    return Passing(f"{host}: the connection broke off ({cause})")


def blocks(response: Any) -> Iterator[bytes]:
    """The bytes of a response as they come.

    Raises:
        Passing: They break off before the length that was promised.
    """
    host, length, done = urlsplit(response.url).netloc, response.headers.get("Content-Length"), 0
    while True:
        with passing(host):
            block = response.read(BLOCK)
        if not block:
            break
        done += len(block)
        yield block
    if length is not None and length.isdecimal() and done != int(length):
        raise Passing(f"{host}: the answer broke off after {done:,} of {int(length):,} bytes")


def _start(error: HTTPError) -> bytes:
    """The start of what a service says with a refusal, as far as it comes."""
    try:
        return bytes(error.read(BLOCK))
    except (OSError, http.client.HTTPException):
        return b""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a service asks to wait, given as a number or a date; None if it does not say."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        return float(said)
    try:
        date = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def lower(headers: Any) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {name.lower(): str(value) for name, value in headers.items()}
