"""The map as a program sees it: made with progress, drawn in parts, asked about."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image
from tests.serve.web.conftest import problem
from tests.serve.web.page.test_addresses import BROWSER, brought, events


@pytest.fixture(scope="module")
def made(served):
    """The maps of both bases, and what was said while that of galaxies was made."""
    said = {
        name: events(served.get(f"/kb/{name}/map/making", headers={"accept": "text/event-stream"}).text)
        for name in ("mock", "xray")
    }
    return said["mock"]


@pytest.fixture
def about(served, made):
    return served.get("/kb/mock/map/about?color=class_derived").json()


def window(about, **other):
    return about["bounds"] | {"width": 300, "height": 200} | other


def test_before_it_is_made_its_page_says_so(serve):
    """A fresh server of a base whose map nobody has made; it offers to make it, and nothing else is answered."""
    client = serve()
    page = client.get("/kb/mock/map", headers=BROWSER)
    assert page.status_code == 200
    if 'data-there="no"' in page.text:
        problem(client.get("/kb/mock/map/about"), 409)


def test_making_it_tells_how_far_it_is_and_ends(made):
    assert made[-1][0] == "end"
    assert made[-1][1]["state"] == "done"
    assert [data["objects"] for kind, data in made if kind == "answer"] != []


def test_its_page_names_what_the_script_asks_for(served, made):
    page = served.get("/kb/mock/map?color=z&where=z<0.2", headers=BROWSER)
    assert page.status_code == 200
    assert 'data-there="yes"' in page.text
    assert "<option selected>z</option>" in page.text
    assert "axes have no meaning" in page.text
    for script in ("map.js", "map.css"):
        assert f"/static/{script}?" in page.text


def test_an_image_of_every_kind_of_column(served, about):
    for color in ("", "class_derived", "z", "lens"):
        answer = served.get("/kb/mock/map/image", params=window(about, color=color))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/png"
        drawn = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
        assert drawn.shape == (200, 300, 4)
        assert drawn[..., 3].any()


def test_a_lasso_around_all_finds_all_with_their_values(served, about):
    left, right, bottom, top = (about["bounds"][name] for name in ("left", "right", "bottom", "top"))
    corners = [(left - 1, bottom - 1), (right + 1, bottom - 1), (right + 1, top + 1), (left - 1, top + 1)]
    found = served.post(
        "/kb/mock/map/inside", json={"corners": corners, "color": "z", "where": "z < 0.1"}
    ).json()
    listed = served.get(
        "/v1/bases/mock/objects", params={"where": "z < 0.1", "columns": "z", "limit": 1000}
    ).json()
    assert found["total"] == listed["total"] == len(found["objects"])
    assert {one["object_id"]: one["value"] for one in found["listed"]} == {
        one["object_id"]: one["z"]
        for one in listed["objects"]
        if one["object_id"] in {o["object_id"] for o in found["listed"]}
    }


def test_what_is_nearest_to_the_place_of_an_object_is_that_object(served, about):
    name = served.get("/v1/bases/mock/objects").json()["objects"][3]["object_id"]
    there = served.get("/kb/mock/map/place", params={"object": name}).json()
    assert there["name"] == name
    found = served.get(
        "/kb/mock/map/nearest", params={"x": there["x"], "y": there["y"], "within": 0.5, "color": "z"}
    ).json()
    assert found["object_id"] == name
    far = {"x": there["x"] + 1e5, "y": 0, "within": 1}
    assert served.get("/kb/mock/map/nearest", params=far).json() is None


def test_a_file_that_was_brought_has_its_place(served, about, asked_files):
    tray = brought(served, asked_files[:1]).json()
    there = served.get("/kb/mock/map/place", params={"tray": tray["tray"], "i": 0}).json()
    assert there["name"] == tray["names"][0]
    assert about["bounds"]["left"] - 1 <= there["x"] <= about["bounds"]["right"] + 1
    page = served.get("/kb/mock/map", params={"tray": tray["tray"], "i": 0}, headers=BROWSER)
    assert "data-place=" in page.text


def test_counts_have_a_map_too(served, made):
    """Another kind of light: no word of it is about galaxies."""
    about = served.get("/kb/xray/map/about", params={"color": "class"}).json()
    assert {entry["name"] for entry in about["legend"]["classes"]} >= {"AGN", "LM-STAR"}
    name = served.get("/v1/bases/xray/objects").json()["objects"][0]["object_id"]
    assert served.get("/kb/xray/map/place", params={"object": name}).json()["name"] == name


def test_its_pages_lead_to_each_other(served, made):
    name = served.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    spectrum = served.get("/kb/mock/spectrum", params={"object": name}, headers=BROWSER).text
    assert f'href="/kb/mock/map?object={name}"' in spectrum


@pytest.mark.parametrize(
    ("address", "said", "status"),
    [
        ("about", {"color": "nothing"}, 422),
        ("about", {"where": "no such thing ("}, 422),
        ("image", {"left": 1, "right": 0, "bottom": 0, "top": 1, "width": 10, "height": 10}, 422),
        ("image", {"left": 0, "right": 1, "bottom": 0, "top": 1, "width": 4000, "height": 4000}, 422),
        ("image", {"left": "nan", "right": 1, "bottom": 0, "top": 1, "width": 10, "height": 10}, 422),
        ("nearest", {"x": 0, "y": 0, "within": -1}, 422),
        ("place", {"object": "nobody"}, 404),
        ("place", {}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(served, made, address, said, status):
    answer = served.get(f"/kb/mock/map/{address}", params=said)
    assert answer.status_code == status, answer.text
    assert json.loads(answer.text)["detail"].strip()


def test_a_lasso_of_too_few_corners_or_of_nonsense_is_refused(served, made):
    for corners in ([], [[0, 0], [1, 1]], [["a", 0]], [[0, 0]] * 1001):
        assert served.post("/kb/mock/map/inside", json={"corners": corners}).status_code == 422
