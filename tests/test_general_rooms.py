"""The rooms that stand below the domains know no domain: no line of galaxies, no plate, no diagram of theirs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from spectrove.galaxies.lines import LINES

SOURCE = Path(__file__).parents[1] / "src" / "spectrove"


def _order() -> tuple[set[str], ...]:
    spec = importlib.util.spec_from_file_location("order", Path(__file__).with_name("test_imports.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.ORDER


#: Files that read what a survey of galaxies or stars writes: its header says plate, and its catalog names lines.
SURVEYS = {
    "catalog/__init__.py", "catalog/lookup.py", "catalog/matching.py", "catalog/merge.py", "catalog/tables.py",
    "readers/columns.py", "readers/mastar.py", "readers/sdss.py", "readers/spspec.py",
}  # fmt: skip

#: Names of lines as people write them: "H alpha", "Halpha", "[O III] 5007", "[O III]".
LINE_NAMES = {line.name for line in LINES} | {line.name.replace(" ", "") for line in LINES}
LINE_NAMES |= {re.sub(r" \d+$", "", line.name) for line in LINES}
WORDS = re.compile(
    "|".join(
        [r"\bplates?\b", r"\bbpt", *(rf"(?<!\w){re.escape(name)}(?!\w)" for name in sorted(LINE_NAMES))]
    ),
    re.IGNORECASE,
)


def general_files() -> list[Path]:
    """Every file of a room below the domains, but those that read surveys."""
    order = _order()
    height = next(i for i, parts in enumerate(order) if "galaxies" in parts)
    # Photometry of galaxies has a room of its own, which galaxies build on.
    rooms = set().union(*order[:height]) - {"sed"}
    files = [p for p in SOURCE.rglob("*") if p.suffix in (".py", ".html")]
    chosen = [p for p in files if p.relative_to(SOURCE).parts[0].removesuffix(".py") in rooms]
    return sorted(p for p in chosen if str(p.relative_to(SOURCE)) not in SURVEYS)


@pytest.mark.parametrize("path", general_files(), ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_general_room_names_nothing_of_a_domain(path: Path):
    """Neither in code nor in words: another kind of light could not move in."""
    wrong = [
        f"line {i}: {match[0]}"
        for i, text in enumerate(path.read_text("utf-8").splitlines(), 1)
        for match in [WORDS.search(text)]
        if match
    ]
    assert not wrong, "\n".join(wrong)


def test_the_words_are_found():
    """The test above can fail."""
    assert all(
        WORDS.search(word) for word in ("on other plates", "Halpha", "[O III] 5007", "bpt_nii", "H beta")
    )
    assert not WORDS.search("a template of emission")
    assert len(general_files()) > 100
