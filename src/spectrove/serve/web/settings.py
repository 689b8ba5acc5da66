"""How the server is reached, and by whom."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from spectrove.errors import SpectroveError
from spectrove.serve.exits import UsageError
from spectrove.serve.service.limits import Limits

#: Names of this machine for itself.
LOOPBACK = ("localhost", "127.0.0.1", "::1")

#: The shortest token that is not guessed, characters.
SHORTEST = 16


@dataclass(frozen=True)
class Settings:
    """What `spectrove serve` is told.

    Attributes:
        host, port: Where it listens.
        token: Whoever asks has to know it; "" for anybody on this machine.
        hosts: Further names under which the server is known.
        limits: How much one question may ask for.
        threads: Questions that are answered at one time.
        write: Whether marks may be written to the bases, as new versions.
        marks: Folder in which marks are kept; None keeps them with each base.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str = ""
    hosts: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    threads: int = 2
    write: bool = False
    marks: Path | None = None

    def __post_init__(self) -> None:
        if not is_loopback(self.host) and not self.token:
            raise UsageError(
                SpectroveError(
                    f"--host {self.host}: others than this machine could ask, so a token is needed. Give one with "
                    "--token or SPECTROVE_TOKEN, or leave --host out."
                )
            )
        if self.token and (
            len(self.token) < SHORTEST or not self.token.isascii() or not self.token.isprintable()
        ):
            raise UsageError(
                SpectroveError(
                    f"--token has {len(self.token)} characters, expected {SHORTEST} or more that can be typed. Take a "
                    "longer one, as of: openssl rand -hex 16"
                )
            )

    def knows(self, host: str) -> bool:
        """Whether a request may call the server so; a page of another name that leads here may not (DNS rebinding).

        Beyond this machine without further names any will do: a page that does not know the token gets nothing.
        """
        name = bare(host).lower()
        if name in (*LOOPBACK, self.host.lower(), *(other.lower() for other in self.hosts)):
            return True
        return not is_loopback(self.host) and not self.hosts


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bare(host: str) -> str:
    """A name without its port, and an address of version 6 without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host
