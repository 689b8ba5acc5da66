"""Spectra of Gaia in a base with vectors of the network on tokens: made from their file, searched, and estimated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.readers.gaia_made import row, star, write_csv
from tests.stars.made import run

import spectrove

#: Of the first to the last star of the base.
TEFF = np.linspace(4200.0, 7000.0, 15)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """`xp.csv` and a base of it, by the commands; `again.csv` has two of its stars, fainter and known worse."""
    folder = tmp_path_factory.mktemp("xp")
    write_csv(folder / "xp.csv", [row(100 + i, star(t)) for i, t in enumerate(TEFF)])
    again = [row(900 + i, star(TEFF[i], level=3e-18), seed=1, error=5e-3) for i in (4, 10)]
    write_csv(folder / "again.csv", again)
    create = ("kb", "create", folder / "xp.kb", "--from", folder / "xp.lance")
    for words in (
        ("ingest", folder / "xp.csv", "-o", folder / "xp.lance"),
        (*create, "--domain", "stars", "--encoder", "tokens"),
    ):
        result = run(*words)
        assert result.exit_code == 0, result.output
    return folder


def test_a_fainter_star_finds_its_like(folder: Path):
    base = spectrove.open(folder / "xp.kb")
    found, refused = spectrove.read_spectra(folder / "again.csv")
    assert not refused
    nearest = [one.neighbors[0]["object_id"] for one in base.search(found, k=1)]
    assert nearest == ["gaia-dr3-104", "gaia-dr3-110"]


def test_labels_of_a_file_are_estimated(folder: Path):
    """By the command; and in Python the same, with their errors."""
    result = run(
        *("estimate", folder / "xp.kb", folder / "again.csv", "--by", "tokens"),
        *("--quantity", "teff,logg,fe_h,log_e_bv"),
    )
    assert result.exit_code == 0, result.output
    assert "of 2 of 2 spectra" in result.output
    found, _ = spectrove.read_spectra(folder / "again.csv")
    base = spectrove.open(folder / "xp.kb")
    cool, warm = (one.value for one in base.estimate(found, "teff", by="tokens"))
    assert warm > cool
    alone = base.estimate(found.take([0]), "teff", by="tokens")
    assert_allclose([one.value for one in alone], [cool], rtol=1e-4)


def test_spectra_that_bp_does_not_see_are_refused(folder: Path):
    """RP alone, by a sentence, with the others answered."""
    path = write_csv(folder / "red.csv", [row(901, star(), without="bp"), row(902, star(5000.0))])
    result = run("estimate", folder / "xp.kb", path, "--quantity", "teff", "--by", "tokens")
    assert "gaia-dr3-901" in result.output
    assert "1 spectrum without an answer" in result.output
