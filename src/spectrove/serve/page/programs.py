"""Addresses of other programs on this machine: connected by SAMP, sent tables and spectra, and what they sent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import RedirectResponse, Response

from spectrove.serve.page.bases import frame
from spectrove.serve.page.hunts import Hunting, written
from spectrove.serve.page.look import Looking
from spectrove.serve.page.rendering import address, page
from spectrove.serve.service.hunting import Searches
from spectrove.serve.service.looking import of_spectra
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.samp import SPECTRUM, Samp
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.settings import is_loopback


def router(desk: Desk, trays: Trays, searches: Searches) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}/programs", include_in_schema=False)
    samp = Samp(trays, desk.settings.limits)
    desk.closing.append(samp.disconnect)

    @made.get("", response_model=None)
    async def programs(name: str) -> Response:
        return await looked_up(_page, desk, desk.shelf.named(name), samp)

    @made.post("/connect", response_model=None)
    async def connect(name: str) -> Response:
        served = _here(desk, name)
        await looked_up(samp.connect, served)
        return RedirectResponse(address(name, "programs"), 303)

    @made.post("/disconnect", response_model=None)
    async def disconnect(name: str) -> Response:
        _here(desk, name)
        await looked_up(samp.disconnect)
        return RedirectResponse(address(name, "programs"), 303)

    @made.post("/send/hunt", response_model=None)
    async def send_hunt(name: str, hunt: Hunting) -> Response:
        served = _here(desk, name)
        job = await looked_up(searches.found, hunt.verb, served, hunt)
        document = await looked_up(written, desk, trays, served, hunt, job, "votable", None)
        return said(
            {
                "sent_to": await looked_up(
                    _connected(samp).send_table, document.content, f"{hunt.title} in {name}"
                )
            }
        )

    @made.post("/send/spectrum", response_model=None)
    async def send_spectrum(name: str, look: Looking) -> Response:
        served = _here(desk, name)
        spectra = await looked_up(look.spectra, served, trays)
        document = await looked_up(of_spectra, spectra)
        sent = await looked_up(_connected(samp).send_spectrum, document.content, str(spectra.object_id[0]))
        return said({"sent_to": sent})

    @made.get("/received", response_model=None)
    async def received(name: str, n: Annotated[int, Query(ge=0, le=1000)] = 0) -> Response:
        served = desk.shelf.named(name)
        return await looked_up(_received, desk, served, samp, n)

    return made


def _here(desk: Desk, name: str) -> Served:
    """The base, if the programs of this machine are those of whoever asks.

    Raises:
        Problem: Others than this machine reach the server.
    """
    if not is_loopback(desk.settings.host):
        raise Problem(
            403,
            "Programs are connected where the server listens on this machine alone. Start it without --host.",
        )
    return desk.shelf.named(name)


def _connected(samp: Samp) -> Samp:
    if not samp.is_connected:
        raise Problem(409, "The server is not connected to a SAMP hub. Connect it on the page Programs.")
    return samp


def _page(desk: Desk, served: Served, samp: Samp) -> Response:
    takers = {"tables": samp.programs("table.load.votable"), "spectra": samp.programs(SPECTRUM)}
    return page(
        "programs.html", is_here=is_loopback(desk.settings.host), is_connected=samp.is_connected,
        programs=samp.programs(), takers=takers, received=list(samp.received), section="programs",
        **frame(desk, served),
    )  # fmt: skip


def _received(desk: Desk, served: Served, samp: Samp, n: int) -> Response:
    kept = [one for one in samp.received if one.number == n and one.base == served.name]
    if not kept:
        raise Problem(404, "This table is no longer kept. Send it once more.")
    return page("received.html", one=kept[0], section="programs", **frame(desk, served))
