"""A browser before a server that listens: Chromium of the system, driven by Playwright."""

from __future__ import annotations

import os
import shutil
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings
from spectrove.serve.web.start import listen

#: Names under which systems install it.
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def live(shelf: Shelf, settings: Settings) -> Iterator[str]:
    """The address of a server of these bases, on a free port."""
    place = listen(settings)
    server = uvicorn.Server(uvicorn.Config(create_app(shelf, settings), log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{place.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    place.close()


@pytest.fixture(scope="session")
def listening(shelf) -> Iterator[str]:
    """The address of a server of both bases."""
    with live(shelf, Settings(port=0)) as address:
        yield address


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser; without one what needs it is skipped. Its loop would be in the way of tests of other files."""
    found = os.environ.get("SPECTROVE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed (make browser)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(chromium, listening, request) -> Iterator[Callable[..., Any]]:
    """Opens a page of the server; whatever it says on the console or cannot load is a failure at the end."""
    contexts, complaints = [], []
    allowed: list[str] = []

    def opened(path: str, width: int = 1280, dark: bool = False, expect: str = "", at: str = "") -> Any:
        """A page, also of a server elsewhere; `expect` is a part of complaints that are meant."""
        if expect:
            allowed.append(expect)
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        page.goto((at or listening) + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [one for one in complaints if not any(part in one for part in allowed)] == []


@pytest.fixture
def picture(request) -> Callable[..., None]:
    """Keeps a screenshot where SPECTROVE_SCREENSHOTS says, for the documents and for whoever looks at them."""
    folder = os.environ.get("SPECTROVE_SCREENSHOTS")

    def keep(page: Any, name: str, whole: bool = True) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)

    return keep


def carried(page: Any, files: list[Path]) -> Any:
    """Files as the browser holds them while somebody drags them from a desktop."""
    contents = [{"name": path.name, "said": b64encode(path.read_bytes()).decode()} for path in files]
    return page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const one of files) {
            transfer.items.add(new File([Uint8Array.from(atob(one.said), (c) => c.charCodeAt(0))], one.name));
          }
          return transfer;
        }""",
        contents,
    )


def let_go(page: Any, transfer: Any) -> None:
    """Let go of what is carried, over the page."""
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def dropped(page: Any, files: list[Path]) -> None:
    """Drop files on the page, as from a desktop."""
    let_go(page, carried(page, files))
