"""The page under load: how long a dropped file takes until it is drawn over its neighbours, and fifty people at once.

    python benchmarks/page.py --base KB                      # both; the base stays as it is
    python benchmarks/page.py --base KB --users 50 --seconds 120 --look 20

The server is a process of its own. Files are mock galaxies of a seed that no base here is made of. A person of the
second part drops a file, waits for every part of the answer, looks at it for `--look` seconds (half to one and a half
times that), and drops the next. Times are those of the person: from the drop to the curves with neighbours in a
browser; without one, from the request to the answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx
import numpy as np

JSON = {"accept": "application/json"}


@contextmanager
def served(base: Path, threads: int) -> Iterator[str]:
    """The address of a server of the base."""
    command = [
        sys.executable,
        "-m",
        "spectrove",
        "serve",
        str(base),
        "--port",
        "0",
        "--threads",
        str(threads),
    ]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://[\w.:]+", line):
                break
        else:
            raise SystemExit("the server did not start")
        import threading

        threading.Thread(target=lambda: [None for _ in server.stderr], daemon=True).start()
        yield found[0]
    finally:
        server.terminate()
        server.wait(20)


def files(n: int, folder: Path) -> list[Path]:
    """So many mock galaxies, a FITS file each."""
    from spectrove.galaxies.mock import write_survey

    write_survey(n, folder, seed=90210)
    return sorted(folder.glob("*.fits*"))


def quantiles(seconds: list[float]) -> str:
    """Median and 95th percentile."""
    return f"p50 {np.percentile(seconds, 50):.2f} s, p95 {np.percentile(seconds, 95):.2f} s ({len(seconds)})"


def in_a_browser(address: str, name: str, paths: list[Path]) -> list[float]:
    """Seconds from the drop to the curves with neighbours, for each file."""
    from playwright.sync_api import sync_playwright
    from tests.serve.web.page.conftest import NAMES, carried, let_go

    found = next(filter(None, map(shutil.which, NAMES)))
    took = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(120_000)
        for path in paths:
            page.goto(f"{address}/kb/{name}")
            held = carried(page, [path])  # the file is in the browser before it is let go, as with a desktop
            begun = time.perf_counter()
            let_go(page, held)
            page.wait_for_url(re.compile("/spectrum"))
            page.wait_for_selector("#part-twins[data-state=done]")
            page.wait_for_selector("#plot[data-others]:not([data-others='0'])")
            took.append(time.perf_counter() - begun)
            page.wait_for_selector("#part-oddity[data-state=done]")
        browser.close()
    return took


class People:
    """Those who use the page at one time, and what they saw."""

    def __init__(self, address: str, name: str, paths: list[Path], look: float) -> None:
        self.address, self.name, self.paths, self.look = address, name, paths, look
        self.took: dict[str, list[float]] = defaultdict(list)
        self.faults: list[str] = []

    async def run(self, users: int, seconds: float) -> None:
        """So many for so long; whoever has begun an answer waits for it."""
        limits = httpx.Limits(max_connections=users * 2, max_keepalive_connections=users * 2)
        async with httpx.AsyncClient(base_url=self.address, timeout=120, limits=limits) as client:
            end = time.perf_counter() + seconds
            await asyncio.gather(*(self._one(client, random.Random(i), end) for i in range(users)))

    async def together(self, users: int) -> None:
        """One answer for each of so many at the same time."""
        async with httpx.AsyncClient(base_url=self.address, timeout=600) as client:
            await asyncio.gather(*(self._answer(client, self.paths[i]) for i in range(users)))

    async def _one(self, client: httpx.AsyncClient, chance: random.Random, end: float) -> None:
        await asyncio.sleep(chance.uniform(0, self.look))
        while time.perf_counter() < end:
            try:
                await self._answer(client, chance.choice(self.paths))
            except Exception as error:
                self.faults.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(self.look * chance.uniform(0.5, 1.5))

    async def _answer(self, client: httpx.AsyncClient, path: Path) -> None:
        begun = time.perf_counter()
        came = await client.post(
            f"/kb/{self.name}/bring", files={"spectra": (path.name, path.read_bytes())}, headers=JSON
        )
        came.raise_for_status()
        place = came.json()["page"]
        (await client.get(place, headers={"accept": "text/html"})).raise_for_status()
        others: list[str] = []
        async with client.stream("GET", place.replace("/spectrum", "/parts")) as stream:
            stream.raise_for_status()
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                said = json.loads(line[6:])
                if "html" not in said:
                    continue
                self.took[said["part"]].append(time.perf_counter() - begun)
                if 'role="alert"' in said["html"]:
                    self.faults.append(f"{said['part']}: {said['html'][:200]}")
                if said["part"] == "twins":
                    others = re.findall(r'data-draw="([^"]+)"', said["html"])[:5]
                    drawn = await client.get(
                        "&".join(
                            [
                                place.replace("/spectrum", "/curves"),
                                *(f"other={quote(one)}" for one in others),
                            ]
                        )
                    )
                    drawn.raise_for_status()
                    self.took["drawn"].append(time.perf_counter() - begun)
        self.took["everything"].append(time.perf_counter() - begun)


def main() -> None:
    """Measure, and say it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True)
    parser.add_argument("--drops", type=int, default=40)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--look", type=float, default=20)
    parser.add_argument("--threads", type=int, default=2)
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(said.base, said.threads) as address:
        paths = files(60, Path(folder))
        name = httpx.get(f"{address}/v1/bases").json()["bases"][0]["name"]
        people = People(address, name, paths, said.look)
        for _ in range(2):  # fits that are made once, and what each copy of the base reads of them
            asyncio.run(people.together(said.threads))
        if said.drops:
            took = in_a_browser(address, name, paths[: said.drops])
            print(f"drop to drawn, one person, browser: {quantiles(took)}", flush=True)
        people = People(address, name, paths, said.look)
        asyncio.run(people.run(said.users, said.seconds))
        print(
            f"{said.users} people for {said.seconds:g} s, looking {said.look:g} s: {len(people.faults)} faults"
        )
        for what, seconds in people.took.items():
            print(f"  {what:12} {quantiles(seconds)}")
        for one in sorted(set(people.faults))[:5]:
            print(f"  {one}")


if __name__ == "__main__":
    main()
