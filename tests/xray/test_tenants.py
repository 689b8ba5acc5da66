"""Kinds of light live in one house without knowing each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "spectrove"


@pytest.mark.parametrize(("one", "other"), [("xray", "galaxies"), ("galaxies", "xray")])
def test_one_domain_does_not_name_the_other(one, other):
    for path in (SOURCE / one).rglob("*.py"):
        assert f"spectrove.{other}" not in path.read_text("utf-8"), path


def test_reading_counts_loads_nothing_of_galaxies():
    code = "import spectrove.xray.ogip, spectrove.xray.binned, sys; print([m for m in sys.modules if 'galaxies' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
