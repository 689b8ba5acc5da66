"""The map as people use it: seen, moved, coloured, encircled, with their spectrum on it; by keyboard, dark, narrow."""

from __future__ import annotations

from urllib.parse import quote

import pytest


@pytest.fixture
def map_of(look):
    """Opens a map, which is made where nobody has made it."""

    def opened(query: str = "", base: str = "mock", **how):
        page = look(f"/kb/{base}/map{query}", **how)
        if page.is_visible("#make"):
            page.click("#make")
        drawn(page)
        return page

    return opened


def drawn(page, after: int = 0) -> int:
    """Wait for a further image of the server; how many came."""
    for _ in range(600):
        n = int(page.get_attribute("#canvas", "data-drawn") or 0)
        if n > after:
            return n
        page.wait_for_timeout(100)
    raise AssertionError(f"{after} images came, and no further one in a minute")


def inked(page) -> int:
    """Pixels of the canvas that are not empty."""
    return page.evaluate(
        """() => { const c = document.getElementById("canvas");
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
        for (let i = 3; i < d.length; i += 4) if (d[i]) n += 1; return n; }"""
    )


def encircle(page) -> None:
    """A lasso around all that is seen."""
    box = page.query_selector("#canvas").bounding_box()
    corners = [(4, 4), (box["width"] - 5, 4), (box["width"] - 5, box["height"] - 5), (4, box["height"] - 5)]
    page.mouse.move(box["x"] + corners[0][0], box["y"] + corners[0][1])
    page.mouse.down()
    for x, y in corners[1:]:
        page.mouse.move(box["x"] + x, box["y"] + y, steps=4)
    page.mouse.up()
    page.wait_for_selector("#inside tbody tr")


def test_it_is_seen_with_its_legend(map_of, picture):
    page = map_of()
    assert inked(page) > 500
    assert "objects" in page.inner_text("#counts")
    assert page.query_selector("#legend .swatch") is not None
    picture(page, "map")


def test_colours_change_with_the_column_and_stand_in_the_address(map_of):
    page = map_of()
    n = drawn(page)
    page.select_option("#color", "z")
    drawn(page, n)
    page.wait_for_selector("#scale:not([hidden])")
    assert page.inner_text("#low").startswith("≤ ")
    assert "color=z" in page.url


def test_a_condition_leaves_the_others_pale_and_a_wrong_one_is_a_sentence(map_of):
    page = map_of(expect="422")
    page.fill("#where", "z < 0.1")
    page.click("#choice button:has-text('Show')")
    page.wait_for_selector("#counts >> text=meet the condition")
    page.fill("#where", "no such thing (")
    page.click("#choice button:has-text('Show')")
    page.wait_for_selector("#refused:not([hidden])")
    assert "cannot be used" in page.inner_text("#refused")


def test_moving_and_zooming_shows_at_once_what_is_there_and_asks_for_more(map_of):
    page = map_of(expect="willReadFrequently")  # this test reads the canvas twice, the page never
    n, before = drawn(page), inked(page)
    for _ in range(3):
        page.click("#closer")
    n = drawn(page, n)
    box = page.query_selector("#canvas").bounding_box()
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 140, steps=3)
    page.mouse.up()
    n = drawn(page, n)
    page.mouse.wheel(0, 200)
    n = drawn(page, n)
    page.click("#all")
    drawn(page, n)
    page.wait_for_timeout(50)
    assert abs(inked(page) - before) < 0.2 * before


def test_a_lasso_lists_what_it_encloses(map_of, picture):
    page = map_of()
    page.check("input[value=lasso]")
    encircle(page)
    total = int(page.inner_text("#counts").split()[0].replace(",", ""))
    assert page.inner_text("#inside-title") == f"{total} objects inside"
    with page.expect_download() as kept:
        page.click("#export")
    assert len(kept.value.path().read_text().splitlines()) == total + 1
    picture(page, "map-lasso")
    page.click("#forget")
    assert not page.is_visible("#inside")


def test_what_a_lasso_encloses_are_examples_of_a_hunt(map_of):
    """Those nearest to its middle; the form of the hunt holds their ids."""
    page = map_of()
    page.check("input[value=lasso]")
    encircle(page)
    first = page.inner_text("#inside tbody tr:first-child a")
    page.click("#hunt-like")
    page.wait_for_url("**/hunt?by=like&like=*")
    assert first in page.input_value("#hunt-form input[name=like]").split()
    assert page.is_checked("#hunt-form input[value=like]")


def test_a_click_opens_the_object_below_the_pointer(map_of):
    page = map_of()
    place = page.evaluate(
        """async () => { const c = document.getElementById("canvas");
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
        for (let i = 3; i < d.length; i += 4) if (d[i] > 200) { const p = (i - 3) / 4, r = c.width / c.clientWidth;
          return [(p % c.width) / r, Math.floor(p / c.width) / r]; } }"""
    )
    box = page.query_selector("#canvas").bounding_box()
    page.mouse.move(box["x"] + place[0], box["y"] + place[1] + 2)
    page.wait_for_selector("#near:not([hidden])")
    name = page.inner_text("#near").split(":")[0]
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(f"**/spectrum?object={quote(name)}")


def test_by_keyboard_alone(map_of, served):
    """Moved, zoomed, listed, and an object opened."""
    page = map_of()
    page.focus("#canvas")
    n = drawn(page)
    page.keyboard.press("l")
    page.wait_for_selector("#inside tbody tr")
    page.focus("#canvas")
    page.keyboard.press("Escape")
    assert not page.is_visible("#inside")
    for key in ("+", "ArrowLeft", "ArrowUp", "-"):
        page.keyboard.press(key)
        n = drawn(page, n)
    name = served.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    page = map_of(f"?object={quote(name)}")
    page.wait_for_selector("#query-says a")
    page.click("#to-query")
    page.focus("#canvas")
    page.keyboard.press("Enter")
    page.wait_for_url("**/spectrum?object=*")


def test_enter_opens_what_is_in_the_middle_and_not_what_the_pointer_is_over(map_of, served):
    """The pointer rests on another object; where nothing is near the middle, nothing is opened."""
    name = served.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    page = map_of(f"?object={quote(name)}")
    page.wait_for_selector("#query-says a")
    n = drawn(page)
    page.click("#to-query")
    drawn(page, n)
    page.focus("#canvas")
    for _ in range(4):
        page.keyboard.press("-")
    drawn(page, n + 1)
    page.wait_for_selector("#near:not([hidden])")
    middle = page.inner_text("#near").split(":")[0]
    place = page.evaluate(
        """() => { const c = document.getElementById("canvas"), r = c.width / c.clientWidth;
        const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data, found = [];
        for (let i = 3; i < d.length; i += 4) if (d[i] > 200) {
          const p = (i - 3) / 4, x = (p % c.width) / r, y = Math.floor(p / c.width) / r;
          if (Math.abs(y - c.clientHeight / 2) > 60) found.push([x, y]); }
        return found[0]; }"""
    )
    box = page.query_selector("#canvas").bounding_box()
    page.mouse.move(box["x"] + place[0], box["y"] + place[1] + 2)
    page.wait_for_selector(f"#near:not([hidden]):not(:has-text('{middle}'))")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/spectrum?object={quote(middle)}")
    page = map_of()
    page.focus("#canvas")
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_selector("#said >> text=Nothing lies near the middle.")
    assert "/map" in page.url


def test_a_part_is_enclosed_by_numbers(map_of):
    page = map_of()
    page.click("#by-fields summary")
    page.click("#enclose button")
    page.wait_for_selector("#inside tbody tr")
    page.fill("#enclose input[name=left]", "1e6")
    page.click("#enclose button")
    page.wait_for_selector("#refused >> text=Left has to be less than right")


def test_a_spectrum_is_marked_with_what_is_said_of_its_place(map_of, served, picture):
    name = served.get("/v1/bases/xray/objects").json()["objects"][0]["object_id"]
    page = map_of(f"?object={quote(name)}", base="xray", dark=True)
    page.wait_for_selector("#query-says a")
    assert name in page.inner_text("#query-says")
    picture(page, "map-dark")


def test_on_a_telephone_nothing_is_wider_than_the_screen(map_of, picture):
    page = map_of(width=380)
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    picture(page, "map-380")


def test_no_serious_fault_for_those_who_see_it_otherwise(map_of):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = map_of()
    page.focus("#canvas")
    page.keyboard.press("l")
    page.wait_for_selector("#inside tbody tr")
    found = axe.Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
