"""A galaxy's own lines as a witness beside its neighbours, and answers that are none of the classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from spectrove import pipeline
from spectrove.galaxies import line_witness as witness
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.line_classes import REGIONS, region_shares
from spectrove.galaxies.line_fit import measure_lines
from spectrove.galaxies.line_witness import line_shares, line_shares_of_base, line_witness
from spectrove.galaxies.mock import make_survey
from spectrove.inference.far import Far, less_noise, noisier
from spectrove.inference.prediction import Prediction
from spectrove.inference.verdict import with_verdicts
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target, diagram_of

LABEL = "class_derived"
COLUMNS = GALAXIES.columns
FIVE = ("SF", "Composite", "Seyfert2-like", "LINER", "quiescent")
COMPOSITE = Target(
    name="c", label=LABEL, positive="Composite", classes={"Composite": ("Composite",), "other": ("*",)},
    views={"shape": 1.0}, lines="bpt_nii",
)  # fmt: skip


@pytest.fixture(scope="module")
def survey():
    return make_survey(420, seed=177)


@pytest.fixture(scope="module")
def base(survey):
    known = survey.take(np.flatnonzero(np.array(survey.column("split")) == "train"))
    return pipeline.create("memory://base", [known], "pca", views={})[0]


@pytest.fixture(scope="module")
def queries(survey, base):
    own = np.isin(survey.object_id, base.embeddings().object_id)
    labelled = np.array([c is not None for c in survey.column(LABEL)])
    return survey.take(np.flatnonzero(~own & labelled))


def without(spectra: SpectrumSet, low: float, high: float) -> SpectrumSet:
    """Zero inverse variance between two rest-frame wavelengths."""
    ivar = spectra.ivar.copy()
    for i in range(len(spectra)):
        span = slice(int(spectra.offsets[i]), int(spectra.offsets[i + 1]))
        rest = spectra.wavelength[span] / (1 + spectra.z[i])
        ivar[span][(rest > low) & (rest < high)] = 0
    return replace(spectra, ivar=ivar)


# --- what lines say --------------------------------------------------------------------------------------------


def test_regions_and_classes_are_matched_by_what_labels_are_called():
    made = line_witness("bpt_nii", {"Star-forming": "young", "AGN": "active", "odd": "odd"})
    assert made.kinds == ("young", "active", "odd")
    assert made.regions == (("SF",), ("Seyfert", "LINER"), ())
    assert line_witness("bpt_nii", {"disc": "disc", "bulge": "bulge"}) is None
    assert line_witness(None, {"SF": "SF", "LINER": "LINER"}) is None


def test_support_is_the_log_of_the_share_in_the_region_and_even_where_nothing_is_covered():
    made = line_witness("bpt_nii", {name: name for name in ("SF", "Composite", "LINER")})
    share = np.array([[0.7, 0.3, 0.0, 0.0, 0.0], [np.nan] * 5])
    assert_allclose(np.exp(made.support(share)), [[0.7, 0.3, witness.LEAST_SHARE], [1, 1, 1]])
    assert_allclose(made.outside(np.array([[0.1, 0.2, 0.5, 0.1, 0.1]])), [0.6])


def test_shares_of_a_base_are_measured_once_and_kept(base, monkeypatch):
    ids = base.embeddings().object_id[:5].tolist()
    measured = line_shares_of_base(base, ids)
    assert_allclose(measured, line_shares(base.spectra(ids)))
    monkeypatch.setattr(witness, "line_shares", lambda _: pytest.fail("measured again"))
    assert_allclose(line_shares_of_base(base, ids[::-1]), measured[::-1])


def test_stronger_noise_spreads_the_shares(queries):
    """A galaxy whose lines put it in one region with certainty is spread over several at a thirtieth of the S/N."""
    shares = [(s, region_shares(measure_lines(s, s.z))[REGIONS.index("SF")]) for s in queries]
    one, sharp = max(shares, key=lambda found: found[1])
    blurred = region_shares(measure_lines(replace(one, ivar=one.ivar / 900), one.z))
    assert sharp > 0.95
    assert blurred.max() < 0.9


def test_which_diagram_a_question_asks_is_said_by_target_label_or_option():
    assert diagram_of("auto", load_target("liner"), LABEL, COLUMNS) == "bpt_nii"
    assert diagram_of("auto", None, LABEL, COLUMNS) == "bpt_nii"
    assert diagram_of("auto", None, "morph", COLUMNS) is None
    assert diagram_of("none", load_target("liner"), LABEL, COLUMNS) is None
    assert diagram_of("bpt_nii", None, "my_classes", COLUMNS) == "bpt_nii"


# --- lines in answers ------------------------------------------------------------------------------------------


def right(answers, queries):
    truth = dict(zip(queries.object_id.tolist(), queries.column(LABEL), strict=True))
    return np.mean([p.value == truth[p.object_id] for p in answers.predictions])


def test_lines_make_classes_better_and_say_for_themselves_what_they_say(base, queries):
    alone = pipeline.classify(base, queries, LABEL, witness="none")
    both = pipeline.classify(base, queries, LABEL)
    assert right(both, queries) > right(alone, queries)
    assert both.calibration.calibration.report.witnesses == ("lines",)
    assert both.calibration.calibration.report.log_loss < alone.calibration.calibration.report.log_loss
    assert all(p.witnesses is None for p in alone.predictions)
    for p in both.predictions:
        assert set(p.witnesses) == {"neighbours", "lines"}
        assert all(sum(said.values()) == pytest.approx(1) for said in p.witnesses.values())
    assert "own lines" in both.calibration.sentence


def test_the_weight_of_lines_is_learned_without_the_label_of_the_query(base, queries):
    """Every label and catalog value of the queries is replaced; the answers stay."""
    rows = queries.rows
    for name in (LABEL, "bpt_class", "ha_flux", "nii_flux"):
        place = rows.column_names.index(name)
        rows = rows.set_column(place, name, rows.column(name).take(list(range(len(rows)))[::-1]))
    honest = pipeline.classify(base, queries, LABEL).predictions
    deceived = pipeline.classify(base, queries.with_rows(rows), LABEL).predictions
    assert [p.probabilities for p in honest] == [p.probabilities for p in deceived]


def test_hunt_and_classify_agree(base, queries):
    hunted = pipeline.hunt(base, queries, COMPOSITE).predictions
    classified = pipeline.classify(base, queries, LABEL).predictions
    for a, b in zip(hunted, classified, strict=True):
        assert a.probability == pytest.approx(b.probabilities["Composite"], abs=1e-9)
        assert a.none_of_these == b.none_of_these


def test_without_the_lines_of_the_diagram_it_is_none_of_the_classes(base, queries):
    blind = without(queries, 6400, 6800)
    hunted = pipeline.hunt(base, blind, COMPOSITE)
    share = hunted.calibration.prevalence(COMPOSITE)
    for p in hunted.predictions:
        assert "lines_not_covered" in p.flags
        assert "not covered" in p.none_of_these
        assert not p.is_target
        assert p.probability == pytest.approx(share)
    for p in pipeline.classify(base, blind, LABEL).predictions:
        assert p.value is None
        assert p.interval is None
        assert p.none_of_these in p.reason_no_interval


def test_lines_of_a_class_that_the_base_lacks_are_none_of_its_classes(base, queries):
    """Asked of a base without star-forming galaxies, one is not called anything with confidence."""
    young = queries.take(np.flatnonzero(np.array(queries.column(LABEL)) == "SF"))
    answers = pipeline.classify(base, young, LABEL, where=f"{LABEL} != 'SF'").predictions
    assert np.mean([bool(p.none_of_these) for p in answers]) > 0.5
    assert np.mean([max(p.probabilities.values()) > 0.9 for p in answers]) <= 0.02


def test_a_question_whose_base_lacks_the_lines_does_not_ask_for_them(base, queries):
    """Where the base's own labelled galaxies have no H alpha, their labels do not rest on it."""
    known = without(base.spectra(base.embeddings().object_id.tolist()), 6400, 6800)
    blind = pipeline.create("memory://base", [known], "pca", views={})[0]
    answers = pipeline.classify(blind, without(queries, 6400, 6800), LABEL).predictions
    assert not any("lines_not_covered" in p.flags for p in answers)


# --- none of these ----------------------------------------------------------------------------------------------


def told(flags=(), target=None, **more):
    return Prediction(
        "q", LABEL, "LINER", {"LINER": 0.8, "SF": 0.2}, (0.7, 0.9), flags=tuple(flags), target=target,
        positive="LINER" if target else None, is_target=bool(target), **more,
    )  # fmt: skip


POOL = {"LINER": 10, "SF": 90}


@pytest.mark.parametrize("flag", ["no_signal", "lines_not_covered", "lines_elsewhere", "far_from_all"])
def test_what_is_none_of_the_classes_has_their_prevalence_and_says_why(flag):
    [answer] = with_verdicts([told([flag])], {}, POOL)
    assert answer.value is None
    assert answer.probabilities == {"LINER": 0.1, "SF": 0.9}
    assert answer.interval is None
    assert answer.to_dict()["none_of_these"] == answer.none_of_these != ""


def test_a_star_is_no_target_and_ranks_behind_every_answer():
    target = load_target("liner")
    [star] = with_verdicts([told(target="liner")], {"q": "star"}, POOL, target)
    assert "star" in star.none_of_these
    assert star.is_target is False
    assert "not_a_galaxy" in star.flags
    doubtful = replace(told(target="liner"), probabilities={"LINER": 0.001, "SF": 0.999})
    assert doubtful.rank > star.rank


def test_where_anything_is_hunted_nothing_is_none_of_the_classes():
    outlier = load_target("outlier")
    assert with_verdicts([told(["far_from_all"], "outlier")], {"q": "star"}, POOL, outlier) == [
        told(["far_from_all"], "outlier")
    ]


def test_noise_that_explains_a_distance_takes_the_caution_back(make_neighbors, queries):
    """A query 5 units away whose noise moves it by 4.9 is near; one that noise moves by 0.1 is far."""
    found = make_neighbors([[5.0], [5.0]], [["SF"], ["SF"]])
    pair = queries.take([0, 1])
    found = replace(found, query_id=pair.object_id)
    flagged = [replace(told(["far_from_all"]), object_id=str(i)) for i in pair.object_id]
    moved = np.array([[4.9, 0.0], [0.1, 0.0]], np.float32)
    far = Far(2.0, lambda: (np.array([5.0, 5.0]), 1.0))
    first, second = less_noise(flagged, found, pair, far, lambda s: (moved, s.object_id))
    assert "far_from_all" not in first.flags
    assert "far_from_all" in second.flags


def test_noise_is_added_with_the_size_that_the_errors_say(queries):
    one = queries.take([0])
    pulls = (noisier(one, 0).flux - one.flux) * np.sqrt(one.ivar)
    assert pulls[one.ivar > 0].std() == pytest.approx(1, abs=0.05)
    assert not pulls[one.ivar == 0].any()
