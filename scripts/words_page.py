"""Write the tables of docs/words.md anew from the vocabularies: `python scripts/words_page.py`."""

from __future__ import annotations

from pathlib import Path

from spectrove.pipeline.domains import DOMAINS
from spectrove.words.table import vocabulary_tables

PAGE = Path(__file__).parents[1] / "docs" / "words.md"
MARK = "<!-- tables, written by scripts/words_page.py -->\n"


def page(text: str) -> str:
    """The page with the tables of every kind of light after the mark."""
    tables = [
        f"## Words for {domain.name}\n\n{vocabulary_tables(domain.words)}"
        for domain in DOMAINS.values()
        if domain.words
    ]
    return text.partition(MARK)[0] + MARK + "\n" + "\n".join(tables)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
