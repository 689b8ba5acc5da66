"""Curves of the page: no line is drawn where a spectrum, or one beside it, has no pixels."""

from __future__ import annotations

import numpy as np

from spectrove.serve.service.curves import curves
from spectrove.spectra import Spectrum


def spectrum(name: str, wavelength: np.ndarray) -> Spectrum:
    return Spectrum(wavelength, np.ones(len(wavelength)), error=np.full(len(wavelength), 0.1), object_id=name)


WHOLE = np.arange(5000.0, 6000.0)
TWO = np.concatenate([np.arange(5000.0, 5200.0), np.arange(5800.0, 6000.0)])


def test_a_hole_between_two_settings_has_a_point_without_flux():
    drawn = curves(spectrum("two", TWO), 0.0, [], ())
    places, flux = np.array(drawn["wavelength"]), drawn["flux"]
    assert len(flux) == 401
    assert [i for i, one in enumerate(flux) if one is None] == [200]
    assert 5199 < places[200] < 5800
    assert (np.diff(places) > 0).all()


def test_one_beside_it_is_not_drawn_across_its_own_hole():
    drawn = curves(spectrum("whole", WHOLE), 0.0, [spectrum("two", TWO)], ())
    assert None not in drawn["flux"]
    [beside] = drawn["others"]
    unknown = WHOLE[[one is None for one in beside["flux"]]]
    assert unknown.min() >= 5199
    assert unknown.max() <= 5800
    assert len(unknown) > 590


def test_few_missing_pixels_are_no_hole():
    few = np.delete(WHOLE, np.arange(300, 310))
    assert None not in curves(spectrum("few", few), 0.0, [], ())["flux"]
