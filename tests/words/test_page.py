"""docs/words.md holds the vocabulary as it is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from spectrove.conditions import Condition
from spectrove.errors import WordsError
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.quantities import QUANTITIES
from spectrove.words.read import read
from spectrove.xray.domain import XRAY as XRAY_DOMAIN
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


def test_every_quantity_of_galaxies_is_measured_or_a_column_of_catalogs():
    """A name that nothing gives would make its words refused on every base."""
    known = {m.name for m in GALAXIES.measurer.measures} | set(QUANTITIES)
    known |= {"z", "ra", "dec", "sn_median"}  # of every survey's rows
    columns = {number.name for number in GALAXIES.words.numbers} | {kind.by for kind in GALAXIES.words.kinds}
    for line in GALAXIES.words.lines:
        columns |= {*line.columns.values(), line.strength, line.absorption}
    for kind in GALAXIES.words.kinds:
        text = re.sub(r"quantile\((\w+), [\d.]+\)", r"\1", kind.condition)
        columns |= set(Condition.parse(text).columns) if text else set()
    assert {column.removesuffix("_err") for column in columns if column} <= known


def test_another_kind_of_light_has_its_own_words():
    """X-ray sources have classes, counts and columns; lines of galaxies are no words for them."""
    assert read("AGN with more than 500 counts", XRAY).sentence == "AGN and counts > 500"
    assert read("X-ray binaries with exposures above 50 ks", XRAY).to_dict()["where"] == (
        "(class IN ('LMXB', 'HMXB', 'XRB')) AND (exposure_s > 50000)"
    )
    for word in ("luminous", "strong Halpha"):
        with pytest.raises(WordsError, match=word.split()[-1]):
            read(f"AGN, {word}", XRAY)


@pytest.mark.parametrize(
    ("sentence", "where"),
    [
        (
            "heavily absorbed X-ray binary with an iron line",
            "(nh > 10) AND (class IN ('LMXB', 'HMXB', 'XRB')) AND (fe_ew > 0.1)",
        ),
        ("hard AGN", "(hr_hs > quantile(hr_hs, 0.75)) AND (class IN ('AGN'))"),
        ("N_H > 5e22 cm-2", "nh > 5"),
        ("CVs with kT > 5 keV and EW(Fe) > 200 eV", "(class IN ('CV')) AND (kt > 5) AND (fe_ew > 0.2)"),
        ("flux above 1e-13 erg/s/cm2", "flux > 1e-13"),
    ],
)
def test_words_of_x_ray_astronomy_are_conditions(sentence, where):
    assert read(sentence, XRAY).to_dict()["where"] == where


def test_every_quantity_of_x_ray_sources_is_measured_or_in_the_header():
    known = {m.name for m in XRAY_DOMAIN.measurer.measures} | {"ra", "dec", *XRAY_DOMAIN.files.rows}
    columns = {number.name for number in XRAY.numbers} | {kind.by for kind in XRAY.kinds if kind.by}
    for kind in XRAY.kinds:
        columns |= set(Condition.parse(kind.condition).columns) if kind.condition else set()
    assert columns <= known
