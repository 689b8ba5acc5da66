"""The demo on photometry runs without populations of anybody, over what an earlier run left, and says what it used."""

from __future__ import annotations

import re

import numpy as np
import pytest

from experiments.demo_sed import main, populations_of
from experiments.toy_populations import NAME, toy_populations
from spectrove.knowledge import KnowledgeBase


def test_a_galaxy_is_explained_with_its_photometry(tmp_path_factory, monkeypatch, capsys):
    monkeypatch.delenv("SPECTROVE_DATA", raising=False)
    folder = tmp_path_factory.mktemp("demo")
    (folder / "sed").mkdir()
    (folder / "sed" / "left.txt").write_text("of an earlier run")
    assert main(["-n", "40", "-o", str(folder)]) == 0
    page = (folder / "sed.html").read_text()
    assert "Masses, rates and dust from photometry" in page
    assert NAME in page
    assert not re.search(r'src="https?:', page)
    assert (folder / "sed-photometry.png").stat().st_size > 5000
    assert not (folder / "sed" / "left.txt").exists()
    said = capsys.readouterr().err
    assert "no stellar populations at hand" in said
    base = KnowledgeBase.open(folder / "sed-base.kb")
    assert "photometry" in base.views
    assert base.count("sed_chi2 IS NOT NULL") >= 0.9 * base.count()


def test_the_users_populations_go_before_the_toy(maraston_like, monkeypatch):
    monkeypatch.setenv("SPECTROVE_DATA", str(maraston_like))
    assert populations_of(None).name == "Maraston 2005"
    assert populations_of(maraston_like / "sed" / "cigale_db" / "maraston2005").name == "Maraston 2005"
    monkeypatch.delenv("SPECTROVE_DATA")
    assert populations_of(None).name == NAME


@pytest.fixture
def maraston_like(tmp_path):
    """A folder of tables in the form of Maraston's."""
    folder = tmp_path / "sed" / "cigale_db" / "maraston2005"
    folder.mkdir(parents=True)
    masses = []
    for name, metals in (("0001", -1.35), ("001", -0.33), ("002", 0.0), ("004", 0.35)):
        rows = [
            (age, metals, wave, 1e30) for age in (0.001, 0.1, 10.0) for wave in (100.0, 1000.0, 1e4, 1.6e6)
        ]
        np.savetxt(folder / f"sed.krz{name}.rhb", rows)
        masses += [(metals, age, 0.8) for age in (0.001, 0.1, 10.0)]
    np.savetxt(folder / "stellarmass.kroupa", masses)
    return tmp_path


def test_the_toy_is_of_the_right_kind():
    """Light fades and reddens with age, a solar mass of it gives what it should, and stars die."""
    toy = toy_populations()
    total = np.trapezoid(toy.luminosity, toy.wavelength, axis=-1)
    assert (np.diff(total[:, toy.ages > 1e7]) < 0).all()
    blue, red = (toy.luminosity[..., np.searchsorted(toy.wavelength, w)] for w in (4400, 9000))
    old, young = np.searchsorted(toy.ages, [1e10, 2e7])
    assert (blue[:, old] / red[:, old] < blue[:, young] / red[:, young]).all()
    assert (np.diff(toy.surviving) <= 1e-12).all()
    assert toy.surviving[:, 0] == pytest.approx(1, abs=0.02)
    assert 0.3 < toy.surviving[0, -1] < 0.8
    assert "toy" in toy.name
    assert 1 / 30 < total[1, old] < 1.5  # Lsun a solar mass at 10 Gyr; real ones have about .3
