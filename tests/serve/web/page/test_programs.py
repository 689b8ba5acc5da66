"""Tables and spectra to and from other programs: a hub of this machine, a program at it, and the page."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from astropy.io.votable import parse_single_table
from astropy.table import Table
from fastapi.testclient import TestClient
from tests.serve.web.conftest import until
from tests.serve.web.page.test_addresses import BROWSER
from tests.serve.web.page.test_hunts import HUNT, client_of, hunted

from spectrove.serve.service.limits import Limits
from spectrove.serve.service.problems import Problem
from spectrove.serve.service.samp import fetched

samp = pytest.importorskip("pyvo.samp")

pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


class Program:
    """A program that takes tables and spectra, as TOPCAT does."""

    def __init__(self, *kinds: str) -> None:
        self.client = samp.SAMPIntegratedClient(
            name="Topcat", addr="127.0.0.1", metadata={"samp.name": "Topcat"}
        )
        self.client.connect()
        self.came: list[dict[str, Any]] = []
        for kind in kinds:
            self.client.bind_receive_notification(kind, self._take)

    def _take(self, key: str, sender: str, kind: str, said: dict[str, Any], extra: Any) -> None:
        self.came.append({"kind": kind, **said})

    def send(self, kind: str, **said: Any) -> None:
        self.client.notify_all({"samp.mtype": kind, "samp.params": said})

    def table(self) -> Any:
        """The table that came."""
        until(lambda: bool(self.came))
        return parse_single_table(self.came[-1]["url"].removeprefix("file://"))


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Iterator[Any]:
    """A hub on loopback, without pages of the web, found by the file that it writes."""
    place = tmp_path / "hub.samp"
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{place.as_uri()}")
    with samp.conf.set_temp("use_internet", False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = samp.SAMPHubServer(addr="127.0.0.1", lockfile=str(place), web_profile=False)
        made.start()
        yield made
        made.stop()


@pytest.fixture
def client(survey) -> Iterator[TestClient]:
    """A server of its own; it leaves the hub when it ends."""
    with client_of(survey.base) as made:
        yield made


def page_of(client: TestClient) -> str:
    """The page of the programs."""
    return str(client.get("/kb/mock/programs", headers=BROWSER).text)


def test_without_a_hub_a_sentence_says_what_to_start(client, tmp_path, monkeypatch):
    """And whoever sends is led to the page."""
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:{(tmp_path / 'none').as_uri()}")
    refused = client.post("/kb/mock/programs/connect")
    assert refused.status_code == 503
    assert "Start TOPCAT or Aladin" in refused.json()["detail"]
    name = client.get("/v1/bases/mock/objects").json()["objects"][0]["object_id"]
    sent = client.post(f"/kb/mock/programs/send/spectrum?object={name}")
    assert sent.status_code == 409
    assert "Programs" in sent.json()["detail"]


def test_candidates_and_spectra_reach_another_program(client, hub):
    """As VOTables that it reads; it is named to whoever sent them."""
    assert client.post("/kb/mock/programs/connect", headers=BROWSER).status_code == 200
    found = hunted(client)
    query = {key: value for key, value in HUNT.items() if key != "go"}
    lonely = client.post("/kb/mock/programs/send/hunt", params=query)
    assert lonely.status_code == 409
    assert "No program at the hub takes tables" in lonely.json()["detail"]
    topcat = Program("table.load.votable", "spectrum.load.ssa-generic")
    assert "Topcat" in page_of(client)
    assert client.post("/kb/mock/programs/send/hunt", params=query).json() == {"sent_to": ["Topcat"]}
    table = topcat.table().to_table()
    assert all(name in found for name in table["object_id"][:10])
    assert str(table["ra"].unit) == "deg"
    name = str(table["object_id"][0])
    assert client.post(f"/kb/mock/programs/send/spectrum?object={name}").json() == {"sent_to": ["Topcat"]}
    until(lambda: len(topcat.came) == 2)
    assert topcat.came[1]["kind"] == "spectrum.load.ssa-generic"
    assert topcat.table().to_table().colnames == ["wavelength", "flux", "error"]
    topcat.client.disconnect()


def test_what_another_program_sends_is_held_against_the_base(client, hub, asked_files, tmp_path):
    """A spectrum becomes one that was brought; of a table the known objects and positions are listed."""
    client.post("/kb/mock/programs/connect")
    topcat = Program()
    topcat.send("spectrum.load.ssa-generic", url=asked_files[0].as_uri(), name="a galaxy")
    until(lambda: "a galaxy" in page_of(client), 30)
    assert "look at it" in page_of(client)
    names = [one["object_id"] for one in client.get("/v1/bases/mock/objects").json()["objects"]][:2]
    table = Table({"object_id": [*names, "stranger"], "ra": [10.0, 20.0, 30.0], "dec": [-1.0, 0.0, 1.0]})
    table.write(tmp_path / "list.vot", format="votable")
    topcat.send("table.load.votable", **{"url": (tmp_path / "list.vot").as_uri(), "table-id": "mine"})
    until(lambda: "3 rows" in page_of(client), 30)
    import re

    place = re.search(r'href="(/kb/mock/programs/received[^"]+)"', page_of(client))
    assert place is not None
    shown = client.get(place[1], headers=BROWSER).text
    assert "2 of the 3 that are shown are objects of mock" in shown
    assert "q=30.000000+1.000000" in shown
    (tmp_path / "broken.vot").write_text("no table")
    topcat.send("table.load.votable", url=(tmp_path / "broken.vot").as_uri(), name="broken")
    until(lambda: "no table of the kind votable" in page_of(client), 30)
    assert str(tmp_path) not in page_of(client)
    topcat.client.disconnect()


def test_nothing_is_fetched_from_elsewhere(tmp_path):
    """Nor more than may come."""
    for url in ("http://archive.example/x.vot", "ftp://127.0.0.1/x", "file://elsewhere/x", "x.vot"):
        with pytest.raises(Problem, match="lies elsewhere"):
            fetched(url, tmp_path, Limits())
    large = tmp_path / "in" / "large.vot"
    large.parent.mkdir()
    large.write_bytes(b"x" * 2000)
    with pytest.raises(Problem, match="more than"):
        fetched(large.as_uri(), tmp_path, Limits(upload=1000))


def test_beyond_this_machine_no_program_is_connected(survey):
    """They would be those of the server, not of whoever asks."""
    client = client_of(survey.base, host="0.0.0.0", token="0123456789abcdef0123")
    headers = {"authorization": "Bearer 0123456789abcdef0123"}
    refused = client.post("/kb/mock/programs/connect", headers=headers)
    assert refused.status_code == 403
    assert "this machine alone" in refused.json()["detail"]
    assert (
        "this one is reached from others, too"
        in client.get("/kb/mock/programs", headers=headers | BROWSER).text
    )
