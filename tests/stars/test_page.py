"""The page of a star: what is read off its pixels, with drawings in words and links, or why nothing is."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import pytest
from fastapi.testclient import TestClient

from spectrove.galaxies.domain import GALAXIES
from spectrove.serve.page.parts import PARTS
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings
from spectrove.stars.domain import STARS


@pytest.fixture(scope="module")
def served(base):
    with TestClient(
        create_app(Shelf.of([base.path], 2), Settings()), base_url="http://localhost:8765"
    ) as one:
        yield one


def part(client, name, **query):
    """The HTML of a part."""
    said = client.get("/kb/stars/parts", params={"part": name, **query}).text
    [data] = re.findall(r"event: part\ndata: (.*)", said)
    return json.loads(data)["html"]


@pytest.fixture(scope="module")
def read(served):
    return part(served, "read", object="star-014")


def test_every_quantity_has_its_intervals(read):
    for name in ("teff", "logg", "fe_h"):
        assert re.search(rf'<th scope="row">{name}\b', read)
    quantities = 3 + 4 * (find_spec("gaiaxpy") is not None)  # by the network, and by tokens of Gaia's BP
    assert len(re.findall(r">[−\d.]+ to [−\d.]+<", read)) == 2 * quantities, "68 and 90% of each"
    assert "effective temperature" in read


def test_the_drawings_are_there_in_words_and_their_neighbours_are_links(read):
    assert re.search(r'class="corner"[^>]*role="img" aria-label="[^"]*teff', read)
    assert "Kiel diagram: by network teff" in read
    assert len(re.findall(r'aria-label="Neighbour \d+: star-', read)) == 24, "twelve, in both drawings"
    assert read.count('tabindex="-1"') == 12, "a keyboard meets each once"
    assert "<script" not in read


def test_the_base_lies_behind(read):
    dots = max(re.findall(r'class="known" d="([^"]*)"', read), key=len)
    assert 100 < dots.count("h0") <= 120


def test_a_kind_of_light_without_estimators_has_no_such_part():
    assert not PARTS["read"].needs(None, GALAXIES)
    assert PARTS["read"].needs(None, STARS)


def test_a_spectrum_that_cannot_be_read_says_why(served, monkeypatch):
    from spectrove.errors import SpectrumError
    from spectrove.stars.estimators import NetworkEstimator

    def refuse(self, spectra, n_draws=0):
        raise SpectrumError(f"{spectra.object_id[0]}: no radial velocity.")

    monkeypatch.setattr(NetworkEstimator, "posterior", refuse)
    shown = part(served, "read", object="star-014")
    assert "No radial velocity." in shown
    assert "Kiel diagram" in shown, "its neighbours still have places"
