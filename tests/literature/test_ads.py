"""The Astrophysics Data System, as a server of ours on this machine plays it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest

from spectrove.errors import CatalogError
from spectrove.literature.ads import PAGE, Ads

#: Papers on each object that the server knows.
KNOWN = {"NGC 1068": 230, "Cyg X-3": 2}


class Server(ThreadingHTTPServer):
    """Answers like the search of ADS; refuses the first `busy` requests for now."""

    daemon_threads = True
    busy = 0
    asked: list[dict[str, Any]]
    answer: bytes | None = None


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        """Silent."""

    def do_GET(self) -> None:
        query = {k: v[0] for k, v in parse_qs(urlparse(self.path).query).items()}
        self.server.asked.append(query | {"token": self.headers["Authorization"]})
        code, body = 200, b"{}"
        if self.headers["Authorization"] != "Bearer right":
            code = 401
        elif self.server.busy > 0:
            self.server.busy -= 1
            code = 429
        else:
            name = query["q"].removeprefix('object:"').removesuffix('"')
            n, start = KNOWN.get(name, 0), int(query["start"])
            rows = range(start, min(n, start + min(int(query["rows"]), PAGE)))
            docs = [
                {"bibcode": f"2020ApJ...{900 + i // 100}...{i % 100:02d}{name[0]}", "title": [f"On {name}, {i}"],
                 "abstract": f"We observe {name}.", "year": "2020"}
                for i in rows
            ]  # fmt: skip
            body = json.dumps({"response": {"numFound": n, "docs": docs}}).encode()
        body = body if self.server.answer is None else self.server.answer
        self.send_response(code)
        if code == 429:
            self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ads(server: Server, **more: Any) -> Ads:
    return Ads(
        **{"token": "right", "address": f"http://127.0.0.1:{server.server_port}/v1", "timeout": 5.0} | more
    )


def test_every_page_of_a_long_list_is_read_and_no_more_than_wanted(server):
    assert len(ads(server).papers_on("NGC 1068", 1000)) == 230
    assert [q["start"] for q in server.asked] == ["0", str(PAGE)]
    assert len(ads(server).papers_on("NGC 1068", 30)) == 30
    assert server.asked[-1]["rows"] == "30"


def test_papers_become_abstracts_with_links_to_the_objects_that_were_asked_for(server):
    papers, links = ads(server).abstracts_on(
        [("src0", "NGC 1068"), ("src1", "Cyg X-3"), ("src2", "nobody")], 3
    )
    assert len(papers) == 5
    assert {(name, object_id) for _, object_id, name in links} == {("NGC 1068", "src0"), ("Cyg X-3", "src1")}
    first = papers.table.to_pylist()[0]
    assert first["year"] == 2020
    assert first["url"].startswith("https://ui.adsabs.harvard.edu/abs/2020ApJ")


def test_a_busy_service_is_asked_again_after_the_time_that_it_tells(server):
    server.busy, waited = 2, []
    assert len(ads(server, wait=waited.append).papers_on("Cyg X-3")) == 2
    assert waited == [7.0, 7.0]
    server.busy = 99
    with pytest.raises(CatalogError, match=r"as many requests as it may \(429\)"):
        ads(server, wait=waited.append).papers_on("Cyg X-3")


def test_a_wrong_token_a_broken_answer_and_no_service_are_sentences(server, monkeypatch):
    with pytest.raises(CatalogError, match=r"the token is refused \(401\)"):
        ads(server, token="wrong").papers_on("Cyg X-3")
    for answer, sentence in ((b"<html>", "no JSON"), (b'{"error": 1}', "no list of papers")):
        server.answer = answer
        with pytest.raises(CatalogError, match=sentence):
            ads(server).papers_on("Cyg X-3")
    with pytest.raises(CatalogError, match="cannot be reached"):
        Ads("right", "http://127.0.0.1:9/v1", timeout=1).papers_on("Cyg X-3")
    for name in ("ADS_API_TOKEN", "ADS_DEV_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(CatalogError, match="no token of the Astrophysics Data System"):
        Ads.of_environment()


def test_the_token_is_that_of_the_environment(server, monkeypatch):
    """So is another address."""
    monkeypatch.setenv("ADS_API_TOKEN", "right")
    monkeypatch.setenv("ADS_API_URL", ads(server).address)
    assert len(Ads.of_environment().papers_on("Cyg X-3")) == 2
