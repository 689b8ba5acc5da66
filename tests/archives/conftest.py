"""A server that plays all archives, and spectra for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.archives.loopback import Loopback, loopback


@pytest.fixture(scope="session")
def spectra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six mock galaxies in the format and under the names of SDSS."""
    from spectrove.galaxies.mock import write_survey

    folder = tmp_path_factory.mktemp("mock")
    write_survey(6, folder, seed=5)
    return folder


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made
