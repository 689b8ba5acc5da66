"""The network of the package: what anyone knows of stars, and the estimator and the encoder that use it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.stars.tokens.test_spectra import fine

from spectrove.encoders import load_encoder
from spectrove.errors import RecipeError
from spectrove.pipeline.domains import DOMAINS
from spectrove.readers import read_file
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.tokens.encoder import train_star_tokens
from spectrove.stars.tokens.infer import StarTokens
from spectrove.stars.tokens.vocabulary import LABELS

EXACT = {"teff": (5772.0, 20.0), "logg": (4.44, 0.02), "fe_h": (0.0, 0.02), "log_e_bv": (-2.0, 0.05)}


def test_the_sun_has_its_colour_and_brightness():
    """From labels alone: M_G 4.67, and B-V .65 (Ramirez et al. 2012), of which the mocks are .05 short."""
    found = StarTokens.load().infer({**EXACT, "g_mag": (10.0, 0.001)}, ["b_v", "parallax"])
    assert found.mean[0, 0] == pytest.approx(0.65, abs=0.08)
    assert 10 + 5 * np.log10(found.mean[0, 1] / 100) == pytest.approx(4.7, abs=0.25)


def test_redder_stars_are_cooler_and_nearer_ones_are_dwarfs():
    tokens = StarTokens.load()
    colours = tokens.infer({"b_v": ([0.45, 0.65, 1.0], 0.01), "log_e_bv": (-2.0, 0.1)}, ["teff"])
    assert (np.diff(colours.mean[:, 0]) < -300).all()
    same = {"b_v": (1.05, 0.01), "log_e_bv": (-2.0, 0.1), "g_mag": (10.0, 0.01)}
    near, far = (tokens.infer({**same, "parallax": (p, 0.02)}, ["logg"]) for p in (15.0, 1.0))
    assert near.mean[0, 0] > 4.2
    assert far.mean[0, 0] < 3.2


def test_more_knowledge_is_never_less():
    """The error of Teff from a colour, and from a colour and the reddening."""
    tokens = StarTokens.load()
    one = tokens.infer({"b_v": (0.65, 0.01)}, ["teff"])
    both = tokens.infer({"b_v": (0.65, 0.01), "log_e_bv": (-2.0, 0.05)}, ["teff"])
    assert both.covariance[0, 0, 0] < 0.5 * one.covariance[0, 0, 0]


def test_the_estimator_reads_labels_off_spectra():
    """Those that BP does not see are refused; a spectrum like no star of the mocks is doubted."""
    estimator = DOMAINS["stars"].estimators["tokens"]
    found = estimator.posterior(
        SpectrumSet.from_spectra([fine(5800.0), fine(5800.0, "short", low=4500.0)]), 100
    )
    assert found.object_id.tolist() == ["fine"]
    assert found.quantities == estimator.quantities == LABELS
    assert np.isfinite(found.mean).all()
    assert (np.diagonal(found.covariance, axis1=1, axis2=2) > 0).all()
    assert "Gaia's BP sees" in found.refusals[0].error


def test_the_encoder_gives_vectors_whatever_the_batch():
    encoder = load_encoder("tokens", DOMAINS["stars"].folders("weights"), DOMAINS["stars"].kinds)
    spectra = SpectrumSet.from_spectra([fine(t, f"s{t:.0f}") for t in (4500.0, 4550.0, 6500.0)])
    vectors = encoder.encode(encoder.prepare(spectra)[0]).vectors
    alone = encoder.encode(encoder.prepare(spectra.take(np.array([1])))[0]).vectors
    assert_allclose(alone[0], vectors[1], atol=1e-4)
    near, far = (np.linalg.norm(vectors[i] - vectors[1]) for i in (0, 2))
    assert near < 0.5 * far


def test_a_vector_does_not_depend_on_how_well_a_star_is_known():
    """The same pixels with errors ten times as large."""
    encoder = load_encoder("tokens", DOMAINS["stars"].folders("weights"), DOMAINS["stars"].kinds)
    one = fine(5000.0)
    other = Spectrum(
        one.wavelength, one.flux, error=np.full(len(one.flux), 0.2), object_id="faint", flux_unit="relative"
    )
    near = fine(5100.0, "near")
    spectra = SpectrumSet.from_spectra([one, other, near])
    vectors = encoder.encode(encoder.prepare(spectra)[0]).vectors
    assert_allclose(vectors[1], vectors[0], atol=1e-4)
    assert np.linalg.norm(vectors[2] - vectors[0]) > 0.1


def test_an_encoder_needs_some_stars():
    recipe = load_encoder("tokens", DOMAINS["stars"].folders("weights"), DOMAINS["stars"].kinds).recipe
    with pytest.raises(RecipeError, match="1 calibrated spectra that cover Gaia's BP, expected 10 or more"):
        train_star_tokens(recipe, [SpectrumSet.from_spectra([fine(5800.0)])], source="", workers=1, tell=None)


@pytest.mark.real
def test_real_stars_of_gaia_are_ordinary_and_odd_ones_doubted(data_dir: Path):
    """Three field stars have labels like others; Proxima and a hot star lie beyond the mocks."""
    folder = data_dir / "stars" / "gaiaxpy"
    estimator = DOMAINS["stars"].estimators["tokens"]
    field = estimator.posterior(
        SpectrumSet.from_spectra(list(read_file(folder / "XP_CONTINUOUS_RAW_colour_eq_dr3int6.csv")))
    )
    assert (field.mean[:, 0] > 3700).all()
    assert (field.mean[:, 0] < 6500).all()
    odd = estimator.posterior(SpectrumSet.from_spectra(list(read_file(folder / "XP_CONTINUOUS_RAW.csv"))))
    assert list(odd.flags) == [("outside_labels",)] * 2
