"""The version of this program, as `--version`, files and citations say it."""

from __future__ import annotations

__version__ = "0.1.0"
