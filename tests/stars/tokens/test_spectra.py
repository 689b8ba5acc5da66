"""Coefficients of Gaia's BP, from spectra of Gaia and from finer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.readers.gaia_made import FINE, coefficients, row, star, write_csv

from spectrove.readers import read_file
from spectrove.readers.gaia.instrument import band
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.tokens.spectra import seen_by_bp, tokens_of
from spectrove.stars.tokens.vocabulary import N_BP


def truth(teff: float) -> np.ndarray:
    found = coefficients(star(teff), "bp")
    return found / (found @ band("bp").total)


def fine(
    teff: float, name: str = "fine", low: float = 3500.0, high: float = 7400.0, **more: object
) -> Spectrum:
    wavelength = np.arange(low, high, 1.0)
    flux = np.interp(wavelength, 10 * FINE, star(teff, level=1.0))
    rng = np.random.default_rng(0)
    noisy = flux + 0.02 * rng.normal(size=len(flux))
    return Spectrum(
        wavelength, noisy, error=np.full_like(flux, 0.02), object_id=name, flux_unit="relative", **more
    )


def test_spectra_of_gaia_give_back_their_coefficients(tmp_path: Path):
    path = write_csv(
        tmp_path / "xp.csv", [row(i, star(t), error=1e-3) for i, t in enumerate((4500.0, 6500.0))]
    )
    found, refused = seen_by_bp(SpectrumSet.from_spectra(list(read_file(path))))
    assert not refused
    for value, error, teff in zip(found.value, found.error, (4500.0, 6500.0), strict=True):
        size = truth(teff)[0]
        assert_allclose(value[:N_BP], truth(teff)[:N_BP], atol=2e-3 * abs(size))
        assert 0.5e-3 * size < np.median(error[:N_BP]) < 4e-3 * size  # errors were 1 to 2 thousandths


def test_finer_spectra_give_what_bp_would_see():
    """Within a few of their errors, which are those of their pixels; bluer light than 3500 angstrom is guessed."""
    found, _ = seen_by_bp(SpectrumSet.from_spectra([fine(5800.0)]))
    off = (found.value[0] - truth(5800.0))[:N_BP]
    assert abs(off).max() < 0.01 * truth(5800.0)[0]
    assert np.median(abs(off) / found.error[0, :N_BP]) < 2.5
    assert (found.error > 0).all()


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (fine(5800.0, calibrated=False), "its flux is not calibrated"),
        (fine(5800.0, low=4000.0), "its good pixels reach from 4000 to 7399 angstrom"),
        (fine(5800.0, high=6000.0), "its good pixels reach from 3500 to 5999 angstrom"),
        (fine(5800.0, low=8000.0, high=9000.0), "its good pixels reach from 8000"),
    ],
    ids=["uncalibrated", "no blue", "no red", "elsewhere"],
)
def test_spectra_that_do_not_show_what_bp_sees_are_refused(one: Spectrum, said: str):
    found, refused = seen_by_bp(SpectrumSet.from_spectra([one, fine(5000.0, "other")]))
    assert found.object_id.tolist() == ["other"]
    assert said in refused[0].error


def test_gaps_are_bridged_and_too_many_refused():
    whole, holed = fine(5800.0, "whole"), fine(5800.0, "holed")
    ivar = holed.ivar.copy()
    ivar[1000:1040] = 0
    few = Spectrum(holed.wavelength, holed.flux, ivar=ivar, object_id="few", flux_unit="relative")
    ivar[1000:2000] = 0
    many = Spectrum(holed.wavelength, holed.flux, ivar=ivar, object_id="many", flux_unit="relative")
    seen = ivar > 0
    gone = Spectrum(
        holed.wavelength[seen], holed.flux[seen], ivar=ivar[seen], object_id="gone", flux_unit="relative"
    )
    found, refused = seen_by_bp(SpectrumSet.from_spectra([whole, few, many, gone]))
    assert found.object_id.tolist() == ["whole", "few"]
    assert_allclose(found.value[1, :N_BP], found.value[0, :N_BP], atol=5e-3 * found.value[0, 0])
    assert "67% of its pixels" in refused[0].error
    assert "67% of its pixels" in refused[1].error, "pixels that were taken away are missing, too"


def test_only_coefficients_are_known():
    found, _ = seen_by_bp(SpectrumSet.from_spectra([fine(5800.0)]))
    value, error = tokens_of(found)
    assert np.isfinite(value[:, :N_BP]).all()
    assert np.isnan(value[:, N_BP:]).all()
    assert np.isnan(error[:, N_BP:]).all()
