"""Reasons for X-ray spectra unlike a base's, on counts of which it is known what is odd."""

from __future__ import annotations

import numpy as np
import pytest
from tests.xray.ogip_files import CHANNELS, ENERGIES, smeared, smooth_area
from tests.xray.test_fitting import drawn

from spectrove import pipeline
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.measuring import fitted
from spectrove.xray.models.absorption import transmission
from spectrove.xray.models.continuum import power_law
from spectrove.xray.oddities import REASONS, reason_of, strongest_line
from spectrove.xray.response import Response
from spectrove.xray.vectors.energies import EnergyBins, energy_counts


@pytest.fixture(scope="module")
def response():
    return Response.of(1, CHANNELS[:-1], CHANNELS[1:], ENERGIES, smooth_area(), smeared())


def changed(response, seed, change, n_counts=600, exposure=1e5):
    """Counts of an ordinary power law whose photons are changed, without background."""
    edges = response.energy.astype(float)
    photons = change((edges[1:] + edges[:-1]) / 2, power_law(edges, 1.7) * transmission(edges, 0.3))
    shape = response.fold(photons)
    counts = np.random.default_rng(seed).poisson(shape * n_counts / shape.sum()).astype(np.int32)
    one = drawn(response, seed, n_counts, behind=0)
    return Counts(**{**vars(one), "counts": counts, "exposure": exposure})


def line(energy, photons):
    peak = np.exp(-0.5 * ((energy - 3.2) / 0.03) ** 2)
    return photons + 0.25 * photons.sum() * peak / peak.sum()


def edge(energy, photons):
    return photons * np.exp(-np.where(energy > 2.0, 3.0 * (2.0 / energy) ** 3, 0))


def test_a_line_is_named_with_its_energy(response):
    reason = reason_of(changed(response, 1, line))
    assert reason.name == "unexpected line"
    found = strongest_line(fitted(changed(response, 1, line)))
    assert abs(found.energy - 3.2) < 0.15
    assert found.gain > 40


def test_an_edge_is_no_cold_gas(response):
    reason = reason_of(changed(response, 2, edge, 3000))
    assert reason.name == "absorption edge"
    assert "An edge at" in reason.sentence


def test_what_spoils_a_spectrum_comes_first(response):
    """Few counts, photons that fall together, and background are named with their numbers."""
    few = reason_of(drawn(response, 3, 9, behind=0))
    assert few.name == "few counts"
    bright = reason_of(changed(response, 4, lambda _, photons: photons, 5000, exposure=1e4))
    assert bright.name == "pile-up"
    assert "which is assumed as the header does not say" in bright.sentence
    behind = reason_of(drawn(response, 5, 60, behind=3.0))
    assert behind.name == "background dominates"


def test_measurements_and_vectors_of_piled_up_sources_carry_the_flag(response):
    """By the rule of outliers, and not where another telescope, whose frames are shorter, is named."""
    bright = changed(response, 4, lambda _, photons: photons, 5000, exposure=1e4)
    elsewhere = Counts(**{**vars(bright), "object_id": "b", "row": {"flags": [], "survey": "xmm_epn"}})
    faint = Counts(**{**vars(drawn(response, 3, 300)), "object_id": "c"})
    spectra = CountSet.from_counts([bright, elsewhere, faint])
    expected = [("pile_up",), (), ()]
    assert [found.flags for found in pipeline.measure(None, spectra)] == expected
    bins = EnergyBins(low=0.5, high=7.0, n_bins=48)
    assert list(energy_counts(spectra, bins)[0].flags) == expected


def test_strong_absorption_is_a_reason(response):
    def absorbed(energy, photons):
        return photons * transmission(np.append(energy - 0.025, energy[-1] + 0.025), 60.0)

    assert reason_of(changed(response, 6, absorbed)).name == "strong absorption"


def test_ordinary_spectra_have_none_of_these_reasons(response):
    """Of 30 power laws, at most one is called odd by itself."""
    names = [reason_of(drawn(response, seed, 300)).name for seed in range(100, 130)]
    assert names.count("unlike anything") >= 29
    assert set(names) <= set(REASONS)


def test_outliers_of_a_base_have_reasons_and_a_page(response, tmp_path):
    """A source with a line, asked of a base of power laws."""
    known = [drawn(response, seed, 400) for seed in range(200, 260)]
    base = pipeline.create(tmp_path / "laws.kb", [CountSet.from_counts(known)], domain="xray")[0]
    query = CountSet.from_counts([changed(response, 7, line, 3000)])
    answers = pipeline.outliers(base, query, explained=1.0)
    assert answers[0].reason == "unexpected line"
    page = pipeline.write_outlier_page(tmp_path / "odd.html", base, query, list(answers), list(answers))
    text = page.read_text()
    assert "unexpected line" in text
    assert text.count("data:image/png") == 1
