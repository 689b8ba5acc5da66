"""Addresses of the map of a base: its page and image, what a lasso encloses, what is nearest, where a spectrum lies."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from spectrove.serve.page.bases import frame
from spectrove.serve.page.look import Look, Looking
from spectrove.serve.page.rendering import page
from spectrove.serve.service import looking
from spectrove.serve.service.curves import sketches
from spectrove.serve.service.map import charts
from spectrove.serve.service.map.charts import MOST_CORNERS, MOST_NAMED, Charts
from spectrove.serve.service.map.drawing import MOST_SIDE, Window
from spectrove.serve.service.questions import LONGEST, Data
from spectrove.serve.service.shelf import Served
from spectrove.serve.service.tray import Trays
from spectrove.serve.web.bases import said
from spectrove.serve.web.desk import Desk, looked_up
from spectrove.serve.web.verbs import told

#: Objects of a lasso that are listed with their spectra; all are named.
LISTED = 60

Column = Annotated[str, Query(max_length=LONGEST)]
Where = Annotated[str, Query(max_length=2000)]
Pixels = Annotated[int, Query(ge=1, le=MOST_SIDE)]


class Lasso(Data):
    """A closed line around a part of a map.

    Attributes:
        corners: In units of the map.
        color: Column whose values are listed.
        where: SQL condition on the objects inside.
    """

    corners: list[tuple[float, float]] = Field(max_length=MOST_CORNERS)
    color: str = Field("", max_length=LONGEST)
    where: str = Field("", max_length=2000)


def _window(
    left: float, right: float, bottom: float, top: float, width: Pixels, height: Pixels,
    ratio: Annotated[float, Query(ge=0.5, le=4)] = 1.0,
) -> Window:  # fmt: skip
    """The part of a map that an address says."""
    return Window(left, right, bottom, top, width, height, ratio)


def router(desk: Desk, trays: Trays) -> APIRouter:
    """The addresses."""
    made = APIRouter(prefix="/kb/{name}", include_in_schema=False)
    known = Charts()
    _add_look(made, desk, known)

    @made.get("/map", response_model=None)
    async def whole(name: str, look: Looking, color: Column = "", where: Where = "") -> Response:
        served = desk.shelf.named(name)
        return await looked_up(_map_page, desk, known, served, look, color, where)

    @made.get("/map/making", response_model=None)
    async def making(request: Request, name: str) -> Response:
        served = desk.shelf.named(name)
        # Whoever asks for it while it is made follows the same question, and holds no thread beside it.
        now = await looked_up(looking.version, served)
        job = desk.jobs.joined(("map", name, now["version"]), "map", name, partial(known.make, served))
        return await told(job, request, desk.metrics, owned=True)

    @made.post("/map/inside", response_model=None)
    async def inside(name: str, lasso: Lasso) -> Response:
        served = desk.shelf.named(name)
        return said(await looked_up(_inside, known, served, lasso))

    @made.get("/map/place", response_model=None)
    async def place(name: str, look: Looking) -> Response:
        served = desk.shelf.named(name)
        return said(await looked_up(_place, known, served, look, trays))

    return made


def _add_look(made: APIRouter, desk: Desk, known: Charts) -> None:
    """Addresses that are asked while somebody moves over the map."""

    @made.get("/map/about", response_model=None)
    async def about(name: str, color: Column = "", where: Where = "") -> Response:
        served = desk.shelf.named(name)
        return said(await looked_up(lambda: charts.about(served, known.needed(served), color, where)))

    @made.get("/map/image", response_model=None)
    async def image(
        name: str, window: Annotated[Window, Depends(_window)], color: Column = "", where: Where = ""
    ) -> Response:
        served = desk.shelf.named(name)
        drawn = await looked_up(lambda: charts.image(served, known.needed(served), window, color, where))
        return Response(drawn, media_type="image/png")

    @made.get("/map/nearest", response_model=None)
    async def nearest(
        name: str,
        x: float,
        y: float,
        within: Annotated[float, Query(gt=0)],
        color: Column = "",
        where: Where = "",
    ) -> Response:
        served = desk.shelf.named(name)
        return said(
            await looked_up(lambda: charts.nearest(served, known.needed(served), x, y, within, color, where))
        )


def _map_page(desk: Desk, known: Charts, served: Served, look: Look, color: str, where: str) -> Response:
    """The page: the frame at once; whether the map has to be made first stands in it."""
    from spectrove.serve.service.map.colours import columns_of

    there = known.of(served) is not None
    with served.shown() as base:
        columns, making, names = columns_of(base), charts.made_of(base), base.columns
        usual = charts.usual_column(base)
    asked = look.object is not None or look.tray is not None
    return page(
        "map.html", there=there, columns=columns, making=making, look=look, asked=asked, caution=charts.CAUTION,
        color=color or usual, where=where, names=[name for name in names if name != "labels"], section="map",
        **frame(desk, served),
    )  # fmt: skip


def _inside(known: Charts, served: Served, lasso: Lasso) -> dict[str, Any]:
    chart = known.needed(served)
    found = charts.inside(served, chart, lasso.corners, lasso.where, MOST_NAMED)
    listed = charts.values_of(served, chart, found["objects"][:LISTED], lasso.color)
    drawings = sketches(served, [one["object_id"] for one in listed])
    return found | {"listed": [one | {"points": drawings.get(one["object_id"], "")} for one in listed]}


def _place(known: Charts, served: Served, look: Look, trays: Trays) -> dict[str, Any]:
    chart = known.needed(served)
    if look.object is not None and look.tray is None and look.z is None:
        there = charts.place_of_object(chart, look.object)
        if there is not None:
            return there
    [there] = charts.place_of_spectra(served, chart, look.spectra(served, trays), look.z)
    return there
