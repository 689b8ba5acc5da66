"""`python -m experiments sed`: its parts, its halves of galaxies, its mocks and what is learned."""

from __future__ import annotations

import os

import numpy as np
import pytest

from experiments.__main__ import main
from experiments.sed.data import cosmos, split, zcosmos
from experiments.sed.learn import learned_thresholds
from experiments.sed.mocks import FLOOR, SHOWS, WRONG, mock
from experiments.sed.run import PARTS
from experiments.sed.search import Searched, _beats, _scores

needs_data = pytest.mark.skipif("SPECTROVE_DATA" not in os.environ, reason="needs SPECTROVE_DATA")


def test_an_unknown_part_is_named_and_without_data_nothing_is_measured(capsys, monkeypatch):
    assert main(["sed", "--only", "nothing"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in PARTS)
    monkeypatch.delenv("SPECTROVE_DATA", raising=False)
    assert main(["sed"]) == 2
    assert "SPECTROVE_DATA" in capsys.readouterr().err


def test_a_planner_that_is_as_good_does_not_beat_another():
    rng = np.random.default_rng(1)
    own, other = rng.exponential(3, 100), rng.exponential(3, 100)
    _, low, high = _beats(own, other)
    assert low < 0 < high
    gain, low, _ = _beats(own, own + 2)
    assert gain == pytest.approx(2, abs=0.3)
    assert low > 1


def test_scores_are_of_the_end():
    found = [Searched(10.0, (5.0, 3.0, 1.0, above), (0.1, 0.2, 0.3, 0.4)) for above in (0.0, 0.5, 4.0, 0.2)]
    assert _scores(found)["within_1"] == 0.75
    assert _scores(found)["share"] == 0.4


def test_thresholds_leave_plain_mocks_alone_and_choose_the_right_change():
    def row(kind: str, **gained: float) -> dict:
        return {"kind": kind, "gained": gained, "right": True}

    rows = [row("plain", slope=9.0, burst=1.0)] + [row("plain", slope=4.0, burst=4.0)] * 30
    rows += [
        row("slope", slope=30.0, burst=12.0),
        row("burst", slope=3.0, burst=7.0),
        row("agn", agn=9.0, redshift=12.0),
    ]
    thresholds, shares = learned_thresholds(rows)
    assert shares["false"] <= 0.04
    assert shares["right"] == 1.0
    assert thresholds["burst"] < 7
    assert thresholds["redshift"] > 3 + thresholds["agn"]


@needs_data
def test_the_halves_of_galaxies_share_none():
    for sample in (*cosmos(), zcosmos()):
        learned = {one.object_id for one in split(sample, learning=True, count=10_000)}
        judged = {one.object_id for one in split(sample, learning=False, count=10_000)}
        assert learned
        assert judged
        assert not learned & judged


@needs_data
@pytest.mark.parametrize("kind", ["plain", "agn", "band", "redshift"])
def test_a_mock_differs_in_one_thing_that_shows(kind):
    made = mock(zcosmos(), kind, 3)
    assert np.isfinite(made.galaxy.flux[made.galaxy.measured]).all()
    if kind == "plain":
        assert made.excess < 2 * made.galaxy.measured.sum() * FLOOR / 0.05
    else:
        assert made.excess >= SHOWS
    if kind == "redshift":
        assert abs(float(made.detail) - made.galaxy.z) / (1 + float(made.detail)) >= WRONG
    if kind == "band":
        assert made.detail in zcosmos().bands
