"""docs/words.md holds the vocabulary as it is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from spectrove.errors import WordsError
from spectrove.words.read import read
from spectrove.xray.words import WORDS as XRAY

ROOT = Path(__file__).parents[2]


def test_the_tables_of_the_page_are_those_of_the_vocabulary():
    """Written anew by `python scripts/words_page.py`."""
    spec = importlib.util.spec_from_file_location("words_page", ROOT / "scripts" / "words_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "docs" / "words.md").read_text("utf-8")
    assert text == module.page(text)


def test_another_kind_of_light_has_its_own_words():
    """X-ray sources have classes and counts; hardness is no column, and is refused."""
    assert read("AGN with more than 500 counts", XRAY).sentence == "AGN and counts > 500"
    assert read("X-ray binaries with exposures above 50 ks", XRAY).to_dict()["where"] == (
        "(class IN ('LMXB', 'HMXB', 'XRB')) AND (exposure_s > 50000)"
    )
    for word in ("hard", "strong Halpha"):
        with pytest.raises(WordsError, match=word.split()[-1]):
            read(f"AGN, {word}", XRAY)
