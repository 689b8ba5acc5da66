"""spectrove mcp: bases as tools of the Model Context Protocol."""

from __future__ import annotations

import typer

from spectrove.errors import SpectroveError
from spectrove.serve.cli.serve import Bases, Seconds, Spectra
from spectrove.serve.exits import UsageError


def mcp(kb: Bases, max_spectra: Spectra = 2000, max_seconds: Seconds = 600.0) -> None:
    """Answer a language model: every verb as a tool.

    Speaks the Model Context Protocol on stdin and stdout, as the programs that start it expect.
    """
    from spectrove.serve.service.limits import Limits
    from spectrove.serve.service.shelf import Shelf

    try:
        from spectrove.serve.mcp.server import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("mcp", "mcp_types"):
            raise
        raise UsageError(
            SpectroveError("mcp: the package mcp is not installed. Install it: pip install 'spectrove[mcp]'")
        ) from error
    run(Shelf.of(kb), Limits(spectra=max_spectra, seconds=max_seconds))
    raise typer.Exit
