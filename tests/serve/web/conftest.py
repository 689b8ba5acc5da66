"""Two served bases, of galaxies and of X-ray counts, with the files that are asked about."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from tests.xray.ogip_files import (
    expected_counts,
    power_law,
    smeared,
    smooth_area,
    write_arf,
    write_pha,
    write_rmf,
)
from typer.testing import CliRunner

from spectrove.serve.cli import app as command_line
from spectrove.serve.service.shelf import Shelf
from spectrove.serve.web.app import create_app
from spectrove.serve.web.settings import Settings

#: Sources in the X-ray base, and those asked about.
SOURCES, ASKED = 24, 3


@dataclass(frozen=True)
class Counts:
    """A base of X-ray counts, and files of sources that it does not hold, with their response."""

    base: Path
    files: list[Path]
    response: list[Path]


@pytest.fixture(scope="session")
def counts(tmp_path_factory) -> Counts:
    """Two kinds of sources, told apart by their colour."""
    root = tmp_path_factory.mktemp("counts")
    known, asked = root / "known", root / "asked"
    rng = np.random.default_rng(3)
    rows = ["path,class"]
    for folder, numbers in ((known, range(SOURCES)), (asked, range(SOURCES, SOURCES + ASKED))):
        folder.mkdir()
        write_arf(folder / "r.arf", smooth_area())
        write_rmf(folder / "r.rmf", smeared())
        for i in numbers:
            kind, index = (("AGN", 1.7), ("LM-STAR", 2.8))[i % 2]
            photons = power_law(index + rng.normal(0, 0.2), 10 ** rng.uniform(-4.5, -3.5))
            counted = rng.poisson(expected_counts(photons, smooth_area(), smeared(), 5e4))
            write_pha(folder / f"s{i:02d}.pi", counted, OBS_ID=str(100 + i // 6), EXPOSURE=5e4)
            rows.append(f"s{i:02d}.pi,{kind}")
    (root / "classes.csv").write_text("\n".join(rows) + "\n")
    for words in (
        ("ingest", known, "-o", root / "all.lance", "--catalog", root / "classes.csv"),
        ("kb", "create", root / "xray.kb", "--from", root / "all.lance", "--encoder", "hardness"),
    ):
        done = CliRunner().invoke(command_line, [str(word) for word in words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    return Counts(root / "xray.kb", sorted(asked.glob("*.pi")), [asked / "r.arf", asked / "r.rmf"])


@pytest.fixture(scope="session")
def shelf(survey, counts) -> Shelf:
    """Both bases, as a server has them."""
    return Shelf.of([survey.base, counts.base], 2)


@pytest.fixture(scope="session")
def served(shelf) -> Iterator[TestClient]:
    """A client of both bases."""
    with TestClient(create_app(shelf, Settings()), base_url="http://localhost:8765") as client:
        yield client


@pytest.fixture(scope="session")
def asked_files(survey) -> list[Path]:
    """Files of galaxies that the base does not hold."""
    from spectrove.readers import read_dataset

    spectra = read_dataset(survey.dataset, "split = 'test'")
    return sorted(Path(path) for path in spectra.column("path"))[:2]


def uploads(files: list[Path], part: str = "spectra") -> list[tuple[str, tuple[str, bytes]]]:
    """Files as parts of a form."""
    return [(part, (path.name, path.read_bytes())) for path in files]


@pytest.fixture
def serve(shelf) -> Callable[..., TestClient]:
    """A client of a server with other settings."""

    def made(**settings: Any) -> TestClient:
        return TestClient(create_app(shelf, Settings(**settings)), base_url="http://localhost:8765")

    return made


def problem(response: Any, status: int, kind: str | None = None) -> dict[str, Any]:
    """The problem that an answer is; it has the one shape that all have."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    said = json.loads(response.text)
    assert set(said) >= {"type", "title", "status", "detail", "instance", "request_id"}
    assert said["status"] == status
    assert said["request_id"] == response.headers["x-request-id"]
    assert said["detail"].strip()
    assert said["title"].strip()
    if kind is not None:
        assert said["type"] == (f"/v1/problems#{kind}" if kind else "about:blank")
    return said


def until(true, seconds: float = 10.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
