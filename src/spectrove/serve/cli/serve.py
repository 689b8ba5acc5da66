"""spectrove serve: bases over HTTP."""

from __future__ import annotations

import webbrowser
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
Write = Annotated[
    bool,
    typer.Option(
        "--write", help="Let the page write marks to the bases, as new versions that can be undone."
    ),
]
MarksFolder = Annotated[
    Path | None,
    typer.Option(
        "--marks", metavar="FOLDER", help="Where marks are kept; by default with each base.", file_okay=False
    ),
]

Open = Annotated[bool, typer.Option("--open", help="Open the page in a browser.")]


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
    open_: Open = False,
    write: Write = False,
    marks: MarksFolder = None,
) -> None:
    """Show bases in a browser, and answer over HTTP.

    Files dropped on the page are answered on it; every verb is an address, with JSON as the commands print it.
    Beside them a Simple Spectral Access service, and numbers for Prometheus. Ctrl-C ends it.
    """
    from spectrove.serve.service.limits import MB, Limits
    from spectrove.serve.service.shelf import Shelf
    from spectrove.serve.web.settings import Settings

    limits = Limits(upload=int(max_upload * MB), spectra=max_spectra, seconds=max_seconds)
    settings = Settings(host, port, token, tuple(allow_host), limits, threads, write, marks)
    shelf = Shelf.of(kb, threads)
    from spectrove.serve.web.start import serve as served

    names = ", ".join(shelf)

    def ready(address: str) -> None:
        say(
            f" {text.count(len(shelf), 'base', 'bases')} ({names}) at {address}; Ctrl-C ends it", as_json=True
        )
        if open_ and not webbrowser.open(address):
            say(f" no browser could be opened; go to {address}", as_json=True)

    served(shelf, settings, ready)
