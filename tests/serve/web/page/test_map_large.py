"""A map of 100,000 objects in a browser: seen, moved and zoomed, with images that the server draws each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from benchmarks import generate
from tests.serve.web.page.conftest import live
from tests.serve.web.page.test_map_browser import drawn, encircle, inked

from spectrove.inference.projection import of_base
from spectrove.knowledge import KnowledgeBase
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.settings import Settings

#: Objects of the base.
OBJECTS = 100_000


def components(base: KnowledgeBase, view: str) -> of_base.Projection:
    """A map of the first two principal components of the vectors: laying 20,000 out takes longer than a test may."""
    known = base.searched(view=view)
    vectors = np.asarray(known.vectors, float)
    centred = vectors - vectors.mean(axis=0)
    _, turn = np.linalg.eigh(centred.T @ centred)
    places = (centred @ turn[:, -2:]).astype(np.float32)
    return of_base.Projection(known.object_id, places, np.arange(len(places)), 1.0, float("inf"), view)


@pytest.fixture(scope="module")
def large(survey, tmp_path_factory) -> Path:
    """A base whose map is kept with it, as a map that was made is."""
    path = tmp_path_factory.mktemp("large") / "large.kb"
    generate.write(path, generate.source_of(survey.base), OBJECTS, width=8, progress=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(of_base, "_made", components)
        of_base.map_of(KnowledgeBase.open(path))
    return path


@pytest.fixture(scope="module")
def serving(large) -> Iterator[str]:
    """The address of a server of it, which finds the map in the files of the base."""
    with live(Shelf.of([large], 1), Settings(port=0)) as address:
        yield address


def test_a_map_of_100_000_objects_is_seen_moved_and_zoomed(look, serving, picture):
    """Each step shows another image; all come back with "Whole map", and a lasso counts every object."""
    page = look("/kb/large/map", at=serving, expect="willReadFrequently")
    n = drawn(page)
    assert page.inner_text("#counts") == "100,000 objects"
    whole = inked(page)
    assert whole > 5000
    picture(page, "map-large")
    for key in ("+", "+", "ArrowRight", "ArrowDown", "-"):
        page.focus("#canvas")
        page.keyboard.press(key)
        n = drawn(page, n)
    box = page.query_selector("#canvas").bounding_box()
    page.mouse.move(box["x"] + 300, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 420, box["y"] + 260, steps=4)
    page.mouse.up()
    n = drawn(page, n)
    page.select_option("#color", "z")
    n = drawn(page, n)
    page.click("#all")
    drawn(page, n)
    page.wait_for_timeout(50)
    assert abs(inked(page) - whole) < 0.2 * whole
    page.check("input[value=lasso]")
    encircle(page)
    assert page.inner_text("#inside-title") == "100,000 objects inside"
    assert len(page.query_selector_all("#inside svg.small polyline")) == 60
