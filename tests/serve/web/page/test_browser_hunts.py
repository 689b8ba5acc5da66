"""A hunt in a browser, from its form to labels that are written and taken back; on a telephone and by keys alone."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serve.web.page.conftest import live

from spectrove.knowledge import KnowledgeBase
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.settings import Settings


@pytest.fixture
def writing(survey, tmp_path) -> Iterator[str]:
    """The address of a server that may write to a copy of the base."""
    base = Path(shutil.copytree(survey.base, tmp_path / "mock.kb"))
    with live(Shelf.of([base], 2), Settings(port=0, write=True)) as address:
        yield address


def hunted(page: Any) -> list[str]:
    """Ids of the candidates, as soon as they are listed."""
    page.wait_for_selector("#listing tr[data-row]")
    return [row.inner_text() for row in page.query_selector_all("#listing tr[data-row] .id a")]


def called(page: Any, name: str) -> None:
    """Type a name, upon which the list comes anew with that person's marks."""
    with page.expect_navigation():
        page.fill("#who", name)
        page.press("#who", "Tab")
    hunted(page)
    page.focus("#listing tr[data-row]")


def version(address: str) -> int:
    """The version of the base."""
    return int(httpx.get(f"{address}/v1/bases").json()["bases"][0]["version"])


def test_a_hunt_is_marked_handed_on_applied_and_undone(writing, look, tmp_path, picture):
    """Marks by keys; the file of visual inspections; a new column of labels as a new version, and back again."""
    page = look("/kb/mock/hunt", at=writing)
    page.select_option("select[name=target]", "liner")
    page.click("#hunt-form button.main")
    candidates = hunted(page)
    called(page, "Ada")
    for key, said in (("y", "yes"), ("n", "no"), ("u", "unsure")):
        page.keyboard.press(key)
        page.wait_for_selector(f"#listing tr[data-mark={said}]")
    picture(page, "hunt")

    with page.expect_download() as waiting:
        page.click("a[href*='format=desi']")
    saved = tmp_path / "inspected.csv"
    waiting.value.save_as(saved)
    with saved.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["object_id"] for row in rows} <= set(candidates)
    assert sorted(row["mark"] for row in rows) == ["no", "unsure", "yes"]
    assert {row["VI_scanner"] for row in rows} == {"Ada"}

    page.click("a[href*='/marks/']:has-text('compare')")
    before = version(writing)
    page.fill("input[name=other]", "inspected")
    page.fill("form[action*='/marks/'] input[name=yes]", "LINER")
    page.click("button:has-text('Show what would change')")
    page.click("button:has-text('Write them as a new version')")
    page.wait_for_selector("button:has-text('Undo')")
    assert version(writing) > before
    info = httpx.get(f"{writing}/v1/bases/mock").json()
    assert info["labels"]["inspected"] == {"LINER": 1}
    page.click("button:has-text('Undo')")
    page.wait_for_selector("text=taken back")
    assert "inspected" not in httpx.get(f"{writing}/v1/bases/mock").json()["labels"]


def test_letters_mark_in_the_list_alone_and_can_be_turned_off(writing, look):
    """A letter that is typed or spoken elsewhere does nothing; arrows go on where letters are off."""
    page = look("/kb/mock/hunt?by=target&target=liner&go=1", at=writing)
    hunted(page)
    called(page, "Ada")
    page.focus(".brand a")
    page.keyboard.press("y")
    page.focus("#card-page")
    page.keyboard.press("y")
    page.wait_for_timeout(300)
    assert page.query_selector("#listing tr[data-mark]") is None
    page.uncheck("#letters")
    page.reload()
    hunted(page)
    assert not page.is_checked("#letters")
    page.focus("#listing tr[data-row]")
    page.keyboard.press("y")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert page.query_selector("#listing tr[data-mark]") is None
    assert page.get_attribute("#listing tr[data-row] >> nth=1", "aria-selected") == "true"
    page.check("#letters")
    page.focus("#listing tr[aria-selected=true]")
    page.keyboard.press("y")
    page.wait_for_selector("#listing tr[data-mark=yes]")


def test_a_list_takes_the_keys_when_it_comes(writing, look):
    """Its first row has the focus, and its end is said aloud; spectra are drawn in the list itself."""
    page = look("/kb/mock/hunt", at=writing)
    page.select_option("select[name=target]", "liner")
    page.click("#hunt-form button.main")
    hunted(page)
    assert page.query_selector(":focus").get_attribute("aria-selected") == "true"
    drawn = page.query_selector_all("#listing tr[data-row] svg.small polyline")
    assert len(drawn) == len(page.query_selector_all("#listing tr[data-row]"))


def test_more_like_those_marked(writing, look):
    """The marked candidates are examples of the next hunt."""
    page = look("/kb/mock/hunt?by=target&target=liner&go=1", at=writing)
    first = hunted(page)
    called(page, "Ada")
    page.keyboard.press("y")
    page.wait_for_selector("#listing tr[data-mark=yes]")
    page.click("#more-like")
    page.wait_for_url("**by=like**")
    assert first[0] not in hunted(page)


def test_a_telephone_shows_a_hunt(writing, look, picture):
    """Nothing but the list itself scrolls sideways."""
    page = look("/kb/mock/hunt?by=target&target=liner&go=1", at=writing, width=380)
    hunted(page)
    assert page.evaluate_handle("document.documentElement").get_property("scrollWidth").json_value() <= 380
    picture(page, "hunt-narrow")


def test_a_list_says_that_the_base_has_changed(writing, look, tmp_path):
    """As soon as something is marked in it; one click asks again."""
    page = look("/kb/mock/hunt?by=target&target=liner&go=1", at=writing)
    candidates = hunted(page)
    called(page, "Ada")
    page.keyboard.press("n")
    page.wait_for_selector("#listing tr[data-mark=no]")
    assert page.is_hidden("#changed")
    KnowledgeBase.open(tmp_path / "mock.kb").delete(f"object_id = '{candidates[-1]}'")
    page.keyboard.press("y")
    page.wait_for_selector("#changed", state="visible")
    with page.expect_navigation():
        page.click("#changed a")
    assert candidates[-1] not in hunted(page)
    assert page.is_hidden("#changed")


def test_what_another_person_marked_meanwhile_is_shown_before_it_is_written(writing, look):
    """The form of an open page is refused with the new list, and writes that."""
    page = look("/kb/mock/hunt?by=target&target=liner&go=1", at=writing, expect="409")
    first, second = hunted(page)[:2]
    called(page, "Ada")
    page.keyboard.press("y")
    page.wait_for_selector("#listing tr[data-mark=yes]")
    place = page.get_attribute("#listing", "data-marks")
    page.click("a[href*='/marks/']:has-text('compare')")
    page.fill("input[name=other]", "inspected")
    page.fill("form[action*='/marks/'] input[name=yes]", "LINER")
    page.click("button:has-text('Show what would change')")
    page.wait_for_selector("text=1 label in inspected would change")
    marks = [{"object_id": second, "who": "Ben", "mark": "yes"}]
    assert httpx.post(writing + place, json={"title": "liner", "marks": marks}).status_code == 200
    before = version(writing)
    page.click("button:has-text('Write them as a new version')")
    page.wait_for_selector("text=Somebody has marked since these changes were shown")
    assert version(writing) == before
    shown = page.inner_text("[aria-label='What would change']")
    assert first in shown
    assert second in shown
    page.click("button:has-text('Write them as a new version')")
    page.wait_for_selector("button:has-text('Undo')")
    assert httpx.get(f"{writing}/v1/bases/mock").json()["labels"]["inspected"] == {"LINER": 2}
