"""Labels of stars, pixels of both settings, and what is computed for them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.errors import ParameterError, ShapeError
from spectrove.stars import labels as labels_of_stars
from spectrove.stars.labels import (
    ASKED,
    ELEMENTS,
    LABELS,
    PIXEL,
    kept_lte_spectra,
    lte_spectra,
    lte_spectrum,
    pixels,
    star_of,
)  # fmt: skip
from spectrove.stars.settings import SETTINGS, setting_of

SUN = np.array([5777, 4.44, 0.0, 0, 0.0, 0, 0, 0, 0, 1.0, 3.0])


def test_pixels_are_those_of_the_settings():
    at = pixels()
    assert_allclose(len(at), sum((s.high - s.low) / PIXEL for s in SETTINGS.values()))
    assert np.all(np.diff(at) > 0)
    assert_allclose(np.diff(at)[[0, -1]], PIXEL)


def test_what_is_asked_leaves_nuisances_out():
    assert set(LABELS) - set(ASKED) == {"microturbulence", "broadening"}
    assert {"teff", "logg", "fe_h", *ELEMENTS} == set(ASKED)


def test_a_star_has_the_abundances_of_its_labels():
    """Elements without a label follow the mean of magnesium, calcium, titanium and silicon."""
    row = SUN.copy()
    row[[4, 5, 7, 8]] = 0.1, 0.2, 0.3, 0.4
    star = star_of(row)
    assert star.x_fe["Mg"] == 0.1
    assert_allclose(star.alpha_fe, 0.25)
    assert_allclose(star.atmosphere_alpha, 0.25)
    with pytest.raises(ShapeError, match="expected \\(11,\\)"):
        star_of(row[:5])


def test_broadening_is_a_label():
    sharp, wide = lte_spectra(np.stack([SUN, np.concatenate([SUN[:-1], [9.0]])]))
    assert wide.min() > sharp.min() + 0.02
    assert_allclose(np.mean(1 - wide), np.mean(1 - sharp), rtol=2e-3)


def test_a_star_beyond_the_atmospheres_is_refused():
    row = SUN.copy()
    row[0] = 9000
    with pytest.raises(ParameterError, match="teff is 9000"):
        lte_spectrum(row)


def test_a_setting_that_is_not_there_is_refused():
    with pytest.raises(ParameterError, match="HR10, HR21"):
        setting_of("HR15")


def test_spectra_are_computed_once_and_read_from_their_file(tmp_path, monkeypatch):
    calls = []

    def fake(labels, progress):
        calls.append(len(labels))
        return np.full((len(labels), len(pixels())), 0.5, np.float32)

    monkeypatch.setattr(labels_of_stars, "lte_spectra", fake)
    stars = np.zeros((3, len(LABELS)))
    for _ in range(2):
        assert kept_lte_spectra(tmp_path / "some.npy", stars).shape == (3, len(pixels()))
    assert calls == [3]
    assert [one.name for one in tmp_path.iterdir()] == ["some.npy"]
    with pytest.raises(ShapeError, match=r"some\.npy: spectra have shape"):
        kept_lte_spectra(tmp_path / "some.npy", stars[:2])
