"""The demo on stars runs over what an earlier run left, and says what it is worth against the truth of the mocks."""

from __future__ import annotations

import re

import numpy as np
import pytest

from experiments.demo_stars import main, scatter


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    pytest.importorskip("numba")
    folder = tmp_path_factory.mktemp("demo")
    (folder / "stars").mkdir()
    (folder / "stars" / "left.txt").write_text("of an earlier run")
    assert main(["-n", "64", "-o", str(folder)]) == 0
    return folder


def test_a_star_is_explained_with_its_figures(ran):
    page = (ran / "stars.html").read_text()
    assert "Radial velocity" in page
    assert (ran / "stars-kiel.png").stat().st_size > 5000
    assert not re.search(r'src="https?:', page)
    assert not (ran / "stars" / "left.txt").exists()


def test_scatter_leaves_out_what_is_unknown_and_is_that_of_a_normal_distribution():
    off = np.append(np.random.default_rng(0).normal(3, 2, 4000), np.nan)
    assert abs(scatter(off) - 2) < 0.15
    assert np.isnan(scatter(np.array([np.nan])))
