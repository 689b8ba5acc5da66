"""Kept figures and tables: what was measured last stands in this folder, and in the README between its marks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from spectrove.explanation.style import save

BEGIN, END = "<!-- figures: written by --keep -->", "<!-- end of figures -->"


def keep(out: Path, here: Path, names: Sequence[str], order: Sequence[str]) -> None:
    """Copies pages of these ablations to `here/results`, and all pages there, in `order`, to the README."""
    kept = here / "results"
    for name in names:
        for suffix in ("png", "md", "json"):
            if (out / f"{name}.{suffix}").exists():
                save((out / f"{name}.{suffix}").read_bytes(), kept / f"{name}.{suffix}")
    readme = here / "README.md"
    text = readme.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    body = "\n\n".join(_section(path) for path in pages_in(kept, order))
    save(f"{head}{BEGIN}\n\n{body}\n\n{END}{rest.split(END, 1)[1]}".encode(), readme)


def pages_in(kept: Path, order: Sequence[str]) -> list[Path]:
    """The kept pages."""
    return [path for name in order if (path := kept / f"{name}.md").exists()]


def _section(page: Path) -> str:
    """A page as a section of the README, with its figure."""
    text = re.sub(r"^# ", "### ", page.read_text("utf-8").strip())
    picture = page.with_suffix(".png")
    shown = f"\n\n![{page.stem}](results/{picture.name})" if picture.exists() else ""
    return text + shown
