"""The command without its script."""

from __future__ import annotations

import subprocess
import sys

from spectrove import __version__


def test_the_package_runs_as_a_module_like_the_command():
    """Where the script is not on the path, python -m spectrove does the same."""
    done = subprocess.run(
        [sys.executable, "-m", "spectrove", "--version"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert __version__ in done.stdout
