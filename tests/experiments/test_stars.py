"""`python -m experiments stars`: its parts, its folds and its scores."""

from __future__ import annotations

import os

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.__main__ import main
from experiments.stars.data import lamost, miles
from experiments.stars.labels import scores, widened
from experiments.stars.run import PARTS
from experiments.stars.types import distance, letter

needs_data = pytest.mark.skipif("SPECTROVE_DATA" not in os.environ, reason="needs SPECTROVE_DATA")


def test_an_unknown_part_is_named(capsys):
    assert main(["stars", "--only", "nothing"]) == 2
    said = capsys.readouterr().err
    assert all(name in said for name in PARTS)


def test_without_data_nothing_is_measured_and_that_is_said(capsys, monkeypatch):
    monkeypatch.delenv("SPECTROVE_DATA", raising=False)
    assert main(["stars"]) == 2
    assert "SPECTROVE_DATA" in capsys.readouterr().err


def test_scores_are_those_of_what_is_known():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 3))
    value = truth + rng.normal(0.5, 0.2, truth.shape)
    value[:10] = np.nan
    one = scores(value, np.full(truth.shape, 0.2), truth)
    assert one.n == 3990
    assert_allclose(one.robust, 0.2, rtol=0.06)
    assert_allclose(one.bias, 0.5, rtol=0.05)


def test_errors_are_widened_to_hold_68_percent():
    rng = np.random.default_rng(0)
    off = rng.normal(0, 2, (5000, 3))
    assert_allclose(widened(off, np.ones((5000, 3)), np.zeros((5000, 3))), 2, rtol=0.05)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("G2V", "G"),
        ("sd:F", "F"),
        ("07Ia", "O"),
        ("08 Ib", "O"),
        ("S?", None),
        ("R...", None),
        ("HB", None),
        ("", None),
        (None, None),
    ],
)
def test_the_class_of_a_spectral_type_is_its_letter(text, kind):
    assert letter(text) == kind


def test_classes_are_as_far_apart_as_their_order_says():
    assert distance(np.array(["O", "G", "M"]), np.array(["B", "G", ""])).tolist() == [1, 0, 7]


@needs_data
def test_a_star_is_in_one_fold_and_labels_are_those_of_the_catalog():
    stars = miles()
    folds = {}
    for star, fold in zip(stars.star, stars.fold, strict=True):
        assert folds.setdefault(star, fold) == fold
    [sun_like] = [i for i, name in enumerate(stars.star) if name == "HD186427"]  # 16 Cygni B
    assert abs(stars.labels[sun_like, 0] - 5750) < 100
    assert stars.spectra.column("teff")[sun_like] == stars.labels[sun_like, 0]


@needs_data
def test_the_wrong_medium_moves_wavelengths_and_nothing_else():
    right, wrong = lamost("vacuum"), lamost("air")
    ratio = wrong.spectra[0].wavelength / right.spectra[0].wavelength
    assert (abs((ratio - 1) * 299792.458 - 83) < 3).all()
    assert (right.labels == wrong.labels).all()
