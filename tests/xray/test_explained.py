"""Answers about counts, explained and drawn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from tests.xray.ogip_files import CHANNELS, ENERGIES, smeared, smooth_area
from tests.xray.test_fitting import drawn

from spectrove import pipeline
from spectrove.errors import KnowledgeError
from spectrove.explanation.argument import argued
from spectrove.explanation.sentences import cautions, why
from spectrove.xray.counts import Counts, CountSet
from spectrove.xray.fitting.bins import binned
from spectrove.xray.measuring import MEASURES, XrayMeasurer, fitted
from spectrove.xray.plots import bars_of
from spectrove.xray.response import Response

#: Photon index of the two classes of the base.
CLASSES = {"AGN": 1.6, "CV": 3.4}


@pytest.fixture(scope="module")
def response():
    return Response.of(1, CHANNELS[:-1], CHANNELS[1:], ENERGIES, smooth_area(), smeared())


def source(response, seed, kind, n_counts=300, **more):
    one = drawn(response, seed, n_counts, gamma=CLASSES[kind], **more)
    row = {"flags": [], "class": kind, "obsid": str(seed), "survey": "drawn"}
    return Counts(**{**vars(one), "object_id": f"{kind}-{seed}", "row": row})


@pytest.fixture(scope="module")
def base(response, tmp_path_factory):
    spectra = [source(response, 2 * i + (kind == "CV"), kind) for i in range(30) for kind in CLASSES]
    place = tmp_path_factory.mktemp("explained") / "drawn.kb"
    return pipeline.create(place, [CountSet.from_counts(spectra)], domain="xray")[0]


@pytest.fixture(scope="module")
def evidence(base, response):
    query = CountSet.from_counts([source(response, 1001, "AGN", 800)])
    return pipeline.classify(base, query, "class").explain(0, against="CV-1", saliency=True)


def test_the_sentence_ends_with_the_fitted_model(evidence):
    assert "is called an AGN" in why(evidence)
    assert f"its own counts fit best as {evidence.query.measurement.values.best.family.name}, N_H" in why(
        evidence
    )
    assert any("degrees of freedom" in text for text in argued(evidence))


def test_neighbours_are_measured_with_the_response_of_their_own(evidence):
    for item in (evidence.query, *evidence.neighbors):
        gamma = item.measurement.json["measured"]["gamma"]
        assert abs(gamma["value"] - 1.6) < 4 * gamma["error"]
        assert len(item.measurement.cells) == len(evidence.panels.columns)


def test_a_named_object_is_compared_in_what_was_measured(evidence):
    beside = evidence.against
    assert beside.other.object_id == "CV-1"
    assert beside.distance > 0
    assert evidence.against.comparison.json["differs_most"] in ("gamma", "hr_hs", "hr_hm", "hr_ms", "kt")
    assert evidence.against.comparison.json["sigma"] > 5


def test_figures_are_drawn_of_counts(base, evidence):
    """A main panel and a row of residuals for the own model and each neighbour."""
    drawn_ = evidence.panels.spectra.draw(None)
    assert len(drawn_.axes) == 2 + len(evidence.neighbors)
    assert drawn_.axes[0].get_xscale() == "log"
    known = base.remember(("hardness by class",), dict)
    for panel in evidence.panels.figures:
        assert panel.draw(known).axes


def test_answers_plot_counts(base, response):
    answers = pipeline.search(base, CountSet.from_counts([source(response, 1002, "CV")]), k=2)
    assert len(answers.plot().axes) == 4


def test_bars_hold_all_counts_and_enough_each(response):
    """Of 300 counts ten a bar, whatever the response; nothing is lost at the end."""
    data = binned(source(response, 1003, "AGN"))
    bars = bars_of(data)
    assert bars.counts.sum() == data.counts.sum()
    assert (bars.counts >= 10).all()
    assert_allclose(bars.low[1:], bars.high[:-1])
    assert_allclose((bars.per * data.exposure * (bars.member @ data.folding.width)), 1)


def test_cautions_say_what_makes_a_fit_doubtful(base, response):
    query = CountSet.from_counts([source(response, 1004, "AGN", 18, behind=2.0)])
    said = " ".join(cautions(pipeline.classify(base, query, "class").explain(0)))
    assert "net counts: a class rests on little more than a hardness ratio" in said
    assert "counts are background" in said


def test_measures_of_a_set_are_those_of_each_spectrum(response):
    """Columns as the measurer says, nothing where counts are no more than background."""
    spectra = [source(response, 1005, "AGN"), source(response, 1006, "CV")]
    empty = Counts(**{**vars(spectra[0]), "object_id": "empty", "counts": np.zeros_like(spectra[0].counts)})
    table = XrayMeasurer().measure(CountSet.from_counts([*spectra, empty]))
    assert table.column_names == ["object_id", *(n for m in MEASURES for n in (m.name, m.error)), "flags"]
    assert table.column("gamma").to_pylist()[2] is None
    for i, one in enumerate(spectra):
        values = fitted(one).values()
        assert table.column("flux").to_pylist()[i] == values["flux"][0]
    (refused,) = XrayMeasurer().refusals(CountSet.from_counts([*spectra, empty]))
    assert refused.name == "empty"


def test_a_ratio_of_energies_does_not_depend_on_the_response(response):
    """One source seen by detectors of different soft area has one hardness ratio, within a few hundredths."""
    other = Response.of(1, CHANNELS[:-1], CHANNELS[1:], ENERGIES, smooth_area(soft=0.3), smeared())
    found = [fitted(source(r, 1007, "AGN", 30_000, behind=0.0)).ratios["hr_hs"] for r in (response, other)]
    assert abs(found[0][0] - found[1][0]) < 0.03
    assert found[0][1] < 0.01


def test_probabilities_follow_the_prevalence_that_is_expected(base, response):
    """Odds are multiplied by those of the prevalence; the base holds as many of one class as of the other."""
    query = CountSet.from_counts([source(response, 1008, "AGN", 40)])

    def odds(**more):
        p = pipeline.classify(base, query, "class", **more)[0].probabilities
        return p["AGN"] / p["CV"]

    assert_allclose(odds(prevalence="equal"), odds(), rtol=1e-6)
    assert_allclose(odds(prevalence={"AGN": 0.9, "CV": 0.1}), 9 * odds(), rtol=1e-6)
    assert_allclose(odds(prevalence={"CV": 0.9}), odds() / 9, rtol=1e-6)


def test_a_prevalence_that_is_none_is_refused(base, response, tmp_path):
    query = CountSet.from_counts([source(response, 1009, "AGN", 40)])
    (tmp_path / "shares.json").write_text("[0.5]")
    for given, said in (
        ({"QSO": 0.5}, "'QSO' is no class of the base"),
        ({"AGN": 0.9, "CV": 0.3}, "in all 1.2"),
        (str(tmp_path / "shares.json"), "holds a list"),
        ("some", "cannot be read"),
    ):
        with pytest.raises(KnowledgeError, match=said):
            pipeline.classify(base, query, "class", prevalence=given)
    with pytest.raises(KnowledgeError, match="needs calibrated probabilities"):
        pipeline.classify(base, query, "class", prevalence="equal", calibration="none")


@pytest.fixture(scope="module")
def laws(response, tmp_path_factory):
    """A base of power laws with known index and column."""
    rng = np.random.default_rng(5)
    spectra = []
    for seed in range(3000, 3120):
        gamma, nh = float(rng.normal(1.8, 0.4)), float(10 ** rng.normal(-1.2, 0.9))
        one = drawn(response, seed, 250, gamma=gamma, nh=nh)
        spectra.append(
            Counts(**{**vars(one), "row": {"flags": [], "gamma": gamma, "nh": nh, "class": "AGN"}})
        )
    place = tmp_path_factory.mktemp("laws") / "laws.kb"
    return pipeline.create(place, [CountSet.from_counts(spectra)], domain="xray")[0]


def test_estimates_rest_on_neighbours_and_on_the_spectrum_itself(laws, response):
    """Well measured indices far from those of the base: the own fit corrects the neighbours."""
    queries = CountSet.from_counts(
        [drawn(response, seed, 4000, gamma=2.6, nh=0.4) for seed in range(4000, 4008)]
    )
    answers = pipeline.estimate(laws, queries, "gamma")
    off = np.array([p.value - 2.6 for p in answers])
    neighbours = np.array([np.mean([n.adjusted for n in p.neighbors]) - 2.6 for p in answers])
    assert answers.regression.estimator.weighing.factor > 0
    assert abs(off.mean()) < 0.2  # half the scatter of the base, from which they are two deviations away
    assert np.abs(off).mean() < np.abs(neighbours).mean()


def test_a_column_that_is_not_seen_is_an_upper_limit(laws, response):
    queries = CountSet.from_counts([drawn(response, 5000, 60, nh=0.001), drawn(response, 5001, 2000, nh=2.0)])
    faint, seen = pipeline.estimate(laws, queries, "nh")
    assert "upper_limit" in faint.flags
    assert "upper_limit" not in seen.flags
    assert 1.5 < seen.value < 2.6
