"""Reasons of unusual stars: what is put into a star is what its reason says, with the numbers that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from tests.stars.made import star, stars

import spectrove
from spectrove.errors import KnowledgeError
from spectrove.pipeline.outliers import write_outlier_page
from spectrove.pipeline.shipped import load_encoder
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.stars.measuring import StarMeasurer
from spectrove.stars.oddities.evidence import FLAGS, LEAST
from spectrove.stars.oddities.reasons import (
    NAMED,
    REASONS,
    evidence_of,
    ordinary_of,
    reason_of,
    strengths,
)

SUN, NOISE = 12, 0.015


@pytest.fixture(scope="module")
def ordinary():
    return load_encoder("lines").ordinary


def changed(one: Spectrum, flux, ivar=None) -> Spectrum:
    return Spectrum(
        one.wavelength, flux, ivar=one.ivar if ivar is None else ivar, object_id="odd", flux_unit="relative"
    )


def evidence(one: Spectrum, ordinary):
    return evidence_of(SpectrumSet.from_spectra([one]), ordinary)[one.object_id]


def gauss(one: Spectrum, centre: float, sigma: float):
    return np.exp(-0.5 * ((one.wavelength - centre) / sigma) ** 2)


def test_an_ordinary_star_exceeds_no_limit(ordinary):
    for velocity, seed in ((0.0, 1), (150.0, 2), (-220.0, 3)):
        one = evidence(star(SUN, velocity, NOISE, seed=seed), ordinary)
        assert max(v for v in strengths(one).values() if np.isfinite(v)) < 1
        assert reason_of(one).name == "unlike anything"


def test_emission_is_found_at_the_star_s_own_velocity_with_its_height(ordinary):
    one = star(SUN, 100.0, NOISE)
    odd = changed(one, one.flux + 100 * 0.8 * gauss(one, 6564.614 * (1 + 100 / 299792.458), 3.5))
    found = evidence(odd, ordinary)
    reason = reason_of(found)
    assert (reason.name, found.line) == ("emission lines", "H alpha")
    assert abs(found.height - 0.8) < 0.15
    low, high = reason.regions[0]
    assert low < 6566.8 < high
    assert "H alpha is brighter" in reason.sentence


def test_bands_of_carbon_are_a_reason(ordinary):
    one = star(SUN, 0.0, NOISE)
    depth = sum(
        np.where(one.wavelength <= head, np.exp(-(head - one.wavelength) / 40), 0.0)
        for head in (4738.9, 5166.6, 5637.1)
    )
    reason = reason_of(evidence(changed(one, one.flux * np.exp(-0.8 * depth)), ordinary))
    assert reason.name == "carbon star"
    assert len(reason.regions) == 3


@pytest.mark.parametrize("apart", [260.0, -320.0])
def test_a_second_star_is_found_at_its_velocity(ordinary, apart):
    one, other = star(SUN, 0.0, NOISE), star(SUN + 1, apart, NOISE, seed=5)
    found = evidence(changed(one, one.flux + 0.7 * other.flux, one.ivar / 1.49), ordinary)
    assert reason_of(found).name == "two sets of lines"
    assert min(abs(found.apart - apart), abs(found.apart + apart)) < 50


@pytest.mark.parametrize("factor", [1.25, 0.8])
def test_a_jump_is_found_where_it_is_with_its_size(ordinary, factor):
    one = star(SUN, 0.0, NOISE)
    odd = changed(one, np.where(one.wavelength > 5850, factor * one.flux, one.flux))
    found = evidence(odd, ordinary)
    assert reason_of(found).name == "artefact: jump"
    assert abs(found.step.at - 5850) < 25
    assert abs(np.exp(found.jump) - factor) < 0.06


def test_wrong_wavelengths_are_a_wrong_velocity(ordinary):
    fast = reason_of(evidence(star(SUN, 520.0, NOISE), ordinary))
    assert fast.name == "wrong velocity"
    assert "+519 km/s" in fast.sentence or "+520 km/s" in fast.sentence
    still, moving = star(SUN, 0.0, NOISE), star(SUN, 240.0, NOISE, seed=4)
    found = evidence(changed(still, np.where(still.wavelength > 5300, moving.flux, still.flux)), ordinary)
    assert reason_of(found).name == "wrong velocity"
    assert abs(found.halves[1] - 240) < 60


def test_residuals_of_airglow_spikes_and_gaps_are_artefacts(ordinary):
    one = star(SUN, 180.0, NOISE)
    sky = changed(one, one.flux + 100 * (0.5 * gauss(one, 5578.9, 1.5) + 0.3 * gauss(one, 6302.0, 1.5)))
    assert reason_of(evidence(sky, ordinary)).name == "artefact: sky residual"
    spikes = one.flux.astype(float).copy()
    spikes[[500, 900, 1400, 2100, 2600]] += 250
    found = evidence(changed(one, spikes), ordinary)
    assert reason_of(found).name == "artefact: cosmic ray"
    assert found.spikes.value >= 4
    missing = one.ivar.copy()
    missing[(one.wavelength > 4500) & (one.wavelength < 5300)] = 0
    gaps = evidence(changed(one, one.flux, missing), ordinary)
    assert reason_of(gaps).name == "artefact: gaps"
    assert 0.2 < gaps.gaps < 0.35


def test_every_number_has_a_limit_and_a_reason_with_a_meaning():
    assert set(LEAST) == set(NAMED)
    assert set(NAMED.values()) <= set(REASONS)


def test_outliers_of_a_base_have_reasons_and_a_page(tmp_path):
    known = stars(27)
    base, _ = spectrove.create(tmp_path / "stars.kb", [known], domain="stars", views={})
    one = star(SUN, 60.0, NOISE, name="odd")
    flux = one.flux + 100 * 1.2 * (gauss(one, 6565.9, 4) + 0.5 * gauss(one, 4863.7, 3))
    both = SpectrumSet.from_spectra(
        [
            Spectrum(one.wavelength, flux, ivar=one.ivar, object_id="odd", flux_unit="relative"),
            star(SUN, name="fine"),
        ]
    )
    answers = {a.object_id: a for a in base.outliers(both, explained=1.0)}
    assert answers["odd"].reason == "emission lines"
    page = tmp_path / "odd.html"
    write_outlier_page(page, base, both.take([0]), [answers["odd"]], list(answers.values()))
    text = page.read_text("utf-8")
    assert "a Balmer line is in emission" in text
    assert "data:image/png" in text


def test_another_kind_of_encoder_gives_no_reasons():
    with pytest.raises(KnowledgeError, match="expected kind star_lines"):
        ordinary_of({"shape": load_encoder("pca")})


def test_measured_stars_are_flagged_for_emission_and_second_stars():
    fine, other = star(SUN, 0.0, NOISE, name="fine"), star(SUN + 1, 280.0, NOISE, seed=5)
    bright = Spectrum(
        fine.wavelength, fine.flux + 100 * 0.8 * gauss(fine, 6564.614, 3.5), ivar=fine.ivar, object_id="bright",
        flux_unit="relative",
    )  # fmt: skip
    double = Spectrum(
        fine.wavelength,
        fine.flux + 0.7 * other.flux,
        ivar=fine.ivar / 1.49,
        object_id="double",
        flux_unit="relative",
    )
    rows = StarMeasurer().measure(SpectrumSet.from_spectra([fine, bright, double])).to_pylist()
    flags = {row["object_id"]: set(row["flags"]) & set(FLAGS.values()) for row in rows}
    assert flags == {"fine": set(), "bright": {"emission_lines"}, "double": {"two_sets_of_lines"}}
