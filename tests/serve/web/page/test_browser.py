"""The page as people use it, in a browser without a screen: drop, drag, click, type; dark, narrow, by keyboard."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from tests.serve.web.page.conftest import dropped

#: Everything that has been made at once.
DONE = ".part[data-state=done]"


def answered(page: Any) -> None:
    """Wait until the curves with the neighbours and every part are there."""
    page.wait_for_selector("#plot[data-drawn]")
    page.wait_for_selector("#part-twins[data-state=done]")
    page.wait_for_selector("#part-oddity[data-state=done]")


def neighbours(page: Any) -> list[str]:
    """Ids in the list of known spectra."""
    return [one.get_attribute("data-draw") for one in page.query_selector_all("[data-draw]")]


@pytest.fixture
def one(served, survey) -> str:
    """The page of an object of the base of galaxies."""
    name = served.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    return f"/kb/mock/spectrum?object={quote(name)}"


@pytest.fixture
def source(served) -> str:
    """The page of an X-ray source."""
    name = served.get("/v1/bases/xray/objects").json()["objects"][0]["object_id"]
    return f"/kb/xray/spectrum?object={quote(name)}"


def test_a_dropped_file_is_drawn_over_its_neighbours(look, asked_files, picture):
    """And classified, with its redshift and its oddity, on one page."""
    page = look("/kb/mock")
    dropped(page, asked_files[:1])
    page.wait_for_url(re.compile("/spectrum"))
    answered(page)
    assert page.query_selector("#plot canvas") is not None
    assert len(neighbours(page)) == 12
    assert page.inner_text("#part-redshift .answer").startswith("z = ")
    assert page.query_selector("#part-classes meter") is not None
    picture(page, "dropped")


def test_dragging_over_wavelengths_changes_the_list(look, one, picture):
    """The region stands in the field and in the address."""
    page = look(one)
    answered(page)
    before = neighbours(page)
    page.check("#choose")
    box = page.query_selector("#plot .u-over").bounding_box()
    page.mouse.move(box["x"] + 0.62 * box["width"], box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 90, steps=5)
    page.mouse.up()
    page.wait_for_selector("#part-twins >> text=Compared in")
    assert re.fullmatch(r"\d{4}\.\d:\d{4}\.\d", page.input_value("#regions input[name=region]"))
    assert "region=" in page.url
    assert neighbours(page) != before
    picture(page, "region")


def test_dragging_otherwise_looks_closer(look, one):
    """And "Whole range" goes back; the list stays."""
    page = look(one)
    answered(page)
    whole = page.inner_text("#plot .u-legend")
    box = page.query_selector("#plot .u-over").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 80, steps=5)
    page.mouse.up()
    page.click("#whole")
    assert "region=" not in page.url
    assert page.inner_text("#plot .u-legend") == whole


def test_controls_draw_again(look, one):
    """Axis, smoothing, error band, distance between curves, elements, a redshift by hand, a candidate by a click."""
    page = look(one)
    answered(page)

    def times() -> int:
        return int(page.get_attribute("#plot", "data-drawn"))

    for act in (
        lambda: page.select_option("#axis", "observed"),
        lambda: page.select_option("#axis", "velocity"),
        lambda: page.select_option("#axis", "rest"),
        lambda: page.uncheck("#band"),
        lambda: page.check("#apart"),
        lambda: page.select_option("#elements", "O"),
        lambda: page.fill("#z", "0.2"),
        lambda: page.click("#part-redshift [data-z] >> nth=1"),
    ):
        before = times()
        act()
        page.wait_for_selector(f"#plot:not([data-drawn='{before}'])")
    candidate = page.get_attribute("#part-redshift [data-z] >> nth=1", "data-z")
    assert float(page.input_value("#z")) == pytest.approx(float(candidate), abs=1e-5)


def test_a_line_that_is_clicked_gives_the_redshift(look, one):
    """H alpha at its peak, which is found near the click; the page then asks with it."""
    page = look(one)
    answered(page)
    own = float(page.input_value("#z"))
    page.fill("#z", "0")
    page.select_option("#axis", "observed")
    page.select_option("#named", label="H alpha")
    box = page.query_selector("#plot .u-over").bounding_box()
    low, high = (float(page.get_attribute("#plot", f"data-{end}")) for end in ("low", "high"))
    at = (6564.61 * (1 + own) - low) / (high - low)
    page.mouse.click(box["x"] + at * box["width"], box["y"] + 100)
    assert float(page.input_value("#z")) == pytest.approx(own, abs=3e-3)
    page.click("#ask-z")
    page.wait_for_url(re.compile("z="))


def test_reasons_come_when_they_are_opened(look, one, picture):
    """With the figures of the domain, none of them broken."""
    page = look(one)
    answered(page)
    page.click("#part-why summary")
    page.wait_for_selector("#part-why img")
    assert "Neighbours" in page.inner_text("#part-why")
    broken = "[...document.querySelectorAll('#part-why img')].filter((one) => one.complete && !one.naturalWidth).length"
    assert page.query_selector("#part-why").evaluate(f"() => {broken}") == 0
    picture(page, "why")


def test_a_second_kind_of_light(look, source, picture):
    """Counts are drawn by their own domain, in the same place."""
    page = look(source)
    answered(page)
    assert page.query_selector("#plot img") is not None
    assert "AGN" in page.inner_text("#part-classes")
    page.click("#part-measured summary")
    page.wait_for_selector("#part-measured table")
    picture(page, "xray")


def test_a_broken_file_is_a_sentence(look, tmp_path):
    """On the same page, for those who see and for those who hear it."""
    bad = tmp_path / "broken.fits"
    bad.write_bytes(b"no spectrum at all")
    page = look("/kb/mock", expect="422")
    dropped(page, [bad])
    told = page.wait_for_selector(".refused")
    assert "broken.fits" in told.inner_text()
    assert told.get_attribute("role") == "alert"
    assert page.url.endswith("/kb/mock")


def test_columns_are_completed(look):
    """A click puts the name of a column in the place of its beginning."""
    page = look("/kb/mock")
    field = page.query_selector("main input[data-complete]")
    field.type("zwarn")
    page.click(".completions button >> text=zwarning")
    assert field.input_value() == "zwarning "


PLACES = [
    "/",
    "/kb/mock",
    "/kb/mock/find?q=z+%3E+0",
    "/kb/mock/about",
    "/kb/mock/find?q=nothing+like+it&how=id",
    "/enter",
]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_hinders_those_who_do_not_see_or_point(look, one, source, dark, picture):
    """axe-core finds no serious fault on any page, in either colours."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = []
    for place in (*PLACES, one, source):
        page = look(place, dark=dark)
        if "spectrum" in place:
            answered(page)
            for name in ("estimate", "measured", "why"):
                if page.query_selector(f"#part-{name}"):
                    page.click(f"#part-{name} > summary")
                    page.wait_for_selector(f"#part-{name}[data-state=done]")
        said = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        found += [
            (place, fault["id"], fault["impact"], [node["target"] for node in fault["nodes"]][:3])
            for fault in said
            if fault["impact"] in ("serious", "critical")
        ]
        picture(page, f"{'dark' if dark else 'light'}-{re.sub(r'[^a-z]+', '-', place)[:40].strip('-')}")
    assert found == []


@pytest.mark.parametrize("place", PLACES)
def test_a_telephone_shows_everything(look, place):
    """At 380 pixels the page itself does not scroll sideways."""
    page = look(place, width=380)
    assert page.evaluate_handle("document.documentElement").get_property("scrollWidth").json_value() <= 380


def test_a_telephone_shows_a_spectrum(look, one, picture):
    """The same with curves, lists and figures."""
    page = look(one, width=380)
    answered(page)
    assert page.evaluate_handle("document.documentElement").get_property("scrollWidth").json_value() <= 380
    picture(page, "narrow")


def test_keys_lead_everywhere(look, one):
    """The first stop leaps over the header; lists and details take the focus."""
    page = look(one)
    answered(page)
    page.keyboard.press("Tab")
    assert page.query_selector(":focus").inner_text() == "To the content"
    page.keyboard.press("Enter")
    page.focus("#part-why > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector("#part-why img")
