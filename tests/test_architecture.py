"""ARCHITECTURE.md is a map of what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAP = ROOT / "ARCHITECTURE.md"

#: A path: letters, digits and separators, with a slash or a suffix that files here have.
PATH = re.compile(r"[\w.\-]+(/[\w.\-]+)*/?")
SUFFIXES = (".py", ".md", ".toml", ".json", ".npz", ".txt", ".cff", ".safetensors")


def named_paths() -> list[str]:
    """Everything in backticks outside code blocks that looks like a path of this project."""
    text = re.sub(r"```.*?```", "", MAP.read_text("utf-8"), flags=re.DOTALL) if MAP.is_file() else ""
    words = [word.strip() for word in re.findall(r"`([^`\n]+)`", text)]
    return sorted({w for w in words if PATH.fullmatch(w) and ("/" in w or w.endswith(SUFFIXES))})


def exists(path: str) -> bool:
    """In the project, or in its package."""
    return any((base / path).exists() for base in (ROOT, ROOT / "src", ROOT / "src" / "spectrove"))


def test_the_map_names_paths():
    """Otherwise the test below would hold nothing."""
    assert len(named_paths()) >= 10


@pytest.mark.parametrize("path", named_paths())
def test_every_path_on_the_map_exists(path: str):
    """The map was changed together with the code."""
    assert exists(path)


def test_every_package_is_on_the_map():
    """A newcomer finds each part there."""
    packages = [p.name for p in (ROOT / "src" / "spectrove").iterdir() if (p / "__init__.py").is_file()]
    text = MAP.read_text("utf-8")
    assert [name for name in packages if name not in text] == []
