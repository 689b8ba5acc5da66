"""spectrove serve: bases over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spectrove.serve import text
from spectrove.serve.output import say

Bases = Annotated[list[Path], typer.Argument(metavar="KB...", help="Folders of the knowledge bases.")]
Host = Annotated[
    str, typer.Option("--host", metavar="NAME", help="Where to listen; beyond this machine with a token.")
]
Port = Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535, help="0 for any free one.")]
Token = Annotated[
    str,
    typer.Option(
        "--token", metavar="TEXT", envvar="SPECTROVE_TOKEN", show_envvar=False,
        help="Whoever asks has to know it; better given as SPECTROVE_TOKEN.",
    ),
]  # fmt: skip
Allowed = Annotated[
    list[str],
    typer.Option("--allow-host", metavar="NAME", help="A further name of the server. Repeatable."),
]
Upload = Annotated[
    float, typer.Option("--max-upload", metavar="MB", min=0.001, help="Size of what comes with a question.")
]
Spectra = Annotated[
    int, typer.Option("--max-spectra", metavar="N", min=1, help="Spectra that a question is about.")
]
Seconds = Annotated[
    float, typer.Option("--max-seconds", metavar="S", min=0.1, help="Time that a question may take.")
]
Threads = Annotated[
    int, typer.Option("--threads", metavar="N", min=1, help="Questions that are answered at one time.")
]


def serve(
    kb: Bases,
    host: Host = "127.0.0.1",
    port: Port = 8765,
    token: Token = "",
    allow_host: Allowed = [],  # noqa: B006
    max_upload: Upload = 64.0,
    max_spectra: Spectra = 2000,
    max_seconds: Seconds = 600.0,
    threads: Threads = 2,
) -> None:
    """Answer over HTTP: every verb as an address.

    JSON as the commands print it, a Simple Spectral Access service, numbers for Prometheus. Ctrl-C ends it.
    """
    from spectrove.serve.service.limits import MB, Limits
    from spectrove.serve.service.shelf import Shelf
    from spectrove.serve.web.settings import Settings

    limits = Limits(upload=int(max_upload * MB), spectra=max_spectra, seconds=max_seconds)
    settings = Settings(host, port, token, tuple(allow_host), limits, threads)
    shelf = Shelf.of(kb, threads)
    from spectrove.serve.web.start import serve as served

    names = ", ".join(shelf)
    served(
        shelf, settings,
        lambda address: say(
            f" {text.count(len(shelf), 'base', 'bases')} ({names}) at {address}; Ctrl-C ends it", as_json=True
        ),
    )  # fmt: skip
