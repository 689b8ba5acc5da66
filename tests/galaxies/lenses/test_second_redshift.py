"""The lines of a galaxy behind are found at its redshift; the host's own, the sky's and cosmic rays are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove.galaxies.lenses.second_redshift import RATIOS, candidates, explain, find_in
from spectrove.galaxies.mock import inject_lens, load_recipe, make_survey
from spectrove.galaxies.residual.encoder import BEHIND
from spectrove.spectra import SpectrumSet

Z_SOURCE = (0.52, 0.61, 0.68, 0.75)


@pytest.fixture(scope="module")
def hosts():
    recipe = load_recipe("train").model_copy(update={"shares": {"red": 1.0}})
    return make_survey(12, recipe=recipe, seed=1950)


@pytest.fixture(scope="module")
def lenses(hosts):
    rng = np.random.default_rng(4)
    near = [host for host in hosts if host.z < 0.35][: len(Z_SOURCE)]
    assert len(near) == len(Z_SOURCE)
    return [inject_lens(h, rng, z_source=z, line_sn=25.0) for h, z in zip(near, Z_SOURCE, strict=True)]


def test_every_ratio_table_has_a_number_for_every_line():
    assert all(len(ratios) == len(BEHIND) for ratios in RATIOS.values())


def test_the_redshift_of_the_galaxy_behind_comes_first(lenses):
    for lens, z in zip(lenses, Z_SOURCE, strict=True):
        first = candidates(lens)[0]
        assert abs(first["z"] - z) < 0.003 * (1 + z)
        assert first["score"] > 15
        brightest = first["lines"][0]
        assert brightest["sn"] > 12
        rest = brightest["wavelength"] / (1 + z)
        assert min(abs(rest - line) for line in BEHIND) < 8


def test_candidates_are_different_redshifts_best_first(lenses):
    found = candidates(lenses[0], k=4)
    assert len(found) == 4
    scores = [c["score"] for c in found]
    assert scores == sorted(scores, reverse=True)
    z = np.sort([c["z"] for c in found])
    assert (np.diff(z) / (1 + z[1:]) > 0.001).all()


def test_without_a_galaxy_behind_the_score_is_noise(hosts, lenses):
    alone = find_in(hosts)
    assert np.median([alone[name][0].score for name in hosts.object_id.tolist()]) < 6
    for lens in lenses:
        assert candidates(lens)[0]["score"] > 1.5 * alone[lens.object_id][0].score


def spiked(spectrum, centre, sn, pixels):
    """Flux in some pixels around a wavelength, of a matched-filter S/N."""
    at = int(np.searchsorted(spectrum.wavelength, centre))
    span = slice(at - pixels // 2, at - pixels // 2 + pixels)
    sigma = 1 / np.sqrt(np.maximum(spectrum.ivar[span], 1e-9))
    flux = spectrum.flux.copy()
    flux[span] += (sn / np.sqrt(pixels) * sigma).astype(np.float32)
    return replace(spectrum, flux=flux)


def test_a_cosmic_ray_and_the_hosts_own_line_make_no_second_redshift(hosts):
    host = next(h for h in hosts if h.z < 0.3)
    plain = candidates(host)[0]["score"]
    struck = candidates(spiked(host, 6500.0, 25, 2))[0]["score"]
    own = candidates(spiked(host, 5008.24 * (1 + host.z), 15, 6))[0]["score"]
    assert struck < plain + 4
    assert own < plain + 4


def test_an_answer_does_not_depend_on_the_company_or_the_brightness(lenses):
    together = find_in(SpectrumSet.from_spectra(lenses))
    brighter = replace(lenses[2], flux=lenses[2].flux * 7, ivar=lenses[2].ivar / 49)
    for spectrum in (lenses[2], brighter):
        alone = candidates(spectrum)
        for one, other in zip(alone, together[spectrum.object_id], strict=True):
            assert_allclose(one["score"], other.score, rtol=1e-3)
            assert_allclose(one["z"], other.z, atol=1e-4)


def test_who_has_no_redshift_has_no_candidates(hosts):
    unknown = replace(hosts[0], row={**hosts[0].row, "z": None})
    assert candidates(unknown) == []


def test_a_candidate_can_be_said_as_a_sentence(lenses):
    first = candidates(lenses[1])[0]
    text = explain(first)
    assert f"second redshift z = {first['z']:.4f}" in text
    assert "S/N" in text
    assert " A (" in text
