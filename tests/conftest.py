"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from spectrove import work

# The same examples on every run: a red test is red for everyone.
settings.register_profile("fixed", derandomize=True, deadline=None)  # a busy machine fails no test
settings.load_profile("fixed")

# What a command prints does not depend on how fast the machine is: no work is so long that a note says so.
work.LONG = 1e6


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The real spectra, catalogs and templates; tests that need them are skipped where they are absent."""
    folder = os.environ.get("SPECTROVE_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SPECTROVE_DATA does not name a folder with the real spectra")
    return Path(folder)
