"""Lines from behind lenses that no detector is told of are seen where they should be, and nowhere else."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spectrove.errors import RecipeError
from spectrove.galaxies.mock import inject_lens, load_recipe, make_survey
from spectrove.galaxies.mock.distant import LYMAN_ALPHA, REDSHIFTS, UV_LINES
from spectrove.spectra import Spectrum


@pytest.fixture(scope="module")
def host() -> Spectrum:
    """A red galaxy."""
    return make_survey(1, recipe=load_recipe().model_copy(update={"shares": {"red": 1.0}}), seed=5)[0]


def added(host: Spectrum, lensed: Spectrum) -> np.ndarray:
    """Added light in units of the host's errors."""
    return (lensed.flux - host.flux) * np.sqrt(host.ivar) * host.good


def test_lyman_alpha_is_one_line_longer_to_the_red(host):
    lensed = inject_lens(host, np.random.default_rng(1), z_source=3.9, line_sn=60.0, background="lyman_alpha")
    velocity = 299792.458 * np.log(host.wavelength / (LYMAN_ALPHA * 4.9))
    light = added(host, lensed)
    assert light[np.abs(velocity) < 300].max() > 8
    assert np.abs(light[np.abs(velocity) > 2500]).max() < 1e-3
    blue, red = (
        light[(velocity < 0) & (velocity > -900)].sum(),
        light[(velocity > 0) & (velocity < 900)].sum(),
    )
    assert red > 1.3 * blue


def test_the_uv_lines_stand_at_their_wavelengths(host):
    lensed = inject_lens(host, np.random.default_rng(2), z_source=2.2, line_sn=60.0, background="uv_lines")
    rest, light = host.wavelength / 3.2, added(host, lensed)
    near = np.zeros(len(rest), bool)
    for lines in UV_LINES.values():
        here = np.abs(rest - np.mean(lines)) < 9
        near |= here
        assert light[here].max() > 3
    assert np.abs(light[~near]).max() < 1e-3


@pytest.mark.parametrize("kind", ["lyman_alpha", "uv_lines"])
def test_the_signal_to_noise_is_the_one_asked_for(host, kind):
    """Independent route: the host's own noise against the added light of the strongest stretch."""
    quiet = dataclasses.replace(host, ivar=host.ivar)
    lensed = inject_lens(quiet, np.random.default_rng(3), line_sn=12.0, background=kind)
    light = added(host, lensed)
    total = np.sqrt(np.sum(light**2))
    assert 9 < total < 26
    assert lensed.row["truth_line_sn"] == 12.0
    assert lensed.row["truth_background"] == kind
    assert lensed.row["lens"] == "lens"
    assert lensed.z == host.z


@pytest.mark.parametrize("kind", ["lyman_alpha", "uv_lines"])
def test_drawn_redshifts_keep_the_line_on_good_pixels(host, kind):
    low, high = REDSHIFTS[kind]
    for seed in range(12):
        lensed = inject_lens(host, np.random.default_rng(seed), line_sn=20.0, background=kind)
        assert low <= lensed.row["truth_z_source"] <= high
        assert np.isfinite(lensed.flux).all()
        assert np.sum(added(host, lensed) ** 2) > 200


def test_other_backgrounds_are_refused(host):
    with pytest.raises(RecipeError, match="uv_lines"):
        inject_lens(host, np.random.default_rng(0), background="quasar")


def test_a_line_outside_the_spectrum_adds_nothing(host):
    lensed = inject_lens(host, np.random.default_rng(0), z_source=9.0, background="lyman_alpha")
    assert np.abs(added(host, lensed)).max() < 1e-3
