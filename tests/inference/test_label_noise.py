"""Confident learning finds planted flips, counts them, and never asks a label about itself."""

from __future__ import annotations

import numpy as np
import pytest

from spectrove import pipeline
from spectrove.errors import KnowledgeError, ShapeError
from spectrove.galaxies import line_classes as line_check
from spectrove.galaxies.mock import make_survey
from spectrove.inference.labels.noise import Hidden, LabelNoise, label_votes, neighbor_votes
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet

N, CLASSES = 240, ("a", "b", "c")


def clusters(seed: int = 0, flips: int = 12):
    """Vectors in three clusters, their true classes, labels of which some are flipped, and plates."""
    rng = np.random.default_rng(seed)
    truth = np.arange(N) % 3
    vectors = 6 * np.eye(3)[truth] + rng.normal(size=(N, 3))
    given = truth.copy()
    flipped = rng.permutation(N)[:flips]
    given[flipped] = (given[flipped] + rng.integers(1, 3, flips)) % 3
    return vectors, truth, given, rng.integers(0, 30, N)


def hidden(plate: np.ndarray) -> Hidden:
    return Hidden(plate, np.full((len(plate), 3), np.nan))


def test_planted_flips_are_found_and_little_else():
    """All of them, at nine in ten or better, each with the right class suggested."""
    vectors, truth, given, plate = clusters()
    share, _ = neighbor_votes(vectors, given, 3, hidden(plate), 15, np.zeros(N, int))
    noise = LabelNoise(given, share)
    found = noise.suspects()
    wrong = np.flatnonzero(given != truth)
    assert set(wrong) <= set(found)
    assert len(found) <= len(wrong) / 0.9
    assert (noise.best_other[wrong] == truth[wrong]).all()
    assert noise.n_wrong == pytest.approx(len(wrong), abs=4)


def test_clean_labels_leave_nothing_to_find():
    """The number of findings is bounded by what the joint counts."""
    vectors, truth, _, plate = clusters(flips=0)
    share, _ = neighbor_votes(vectors, truth, 3, hidden(plate), 15, np.zeros(N, int))
    assert len(LabelNoise(truth, share).suspects()) <= 2


def test_the_joint_by_hand():
    """Four objects: thresholds .7 and .75; the third is labelled 0 and confidently 1."""
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])
    noise = LabelNoise(np.array([0, 0, 0, 1]), p)
    # Class 1 needs .8, which the third does not reach: it is counted nowhere, and its row is scaled up.
    assert noise.joint.tolist() == [[3.0, 0.0], [0.0, 1.0]]
    surer = LabelNoise(np.array([0, 0, 0, 1]), np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]))
    assert surer.joint.tolist() == [[2.0, 1.0], [0.0, 1.0]]
    assert surer.suspects().tolist() == [2]
    assert surer.n_wrong == 1


def test_objects_without_evidence_are_no_suspects():
    """All neighbours on the own plate: nobody may vote."""
    vectors, _, given, _ = clusters()
    share, near = neighbor_votes(vectors, given, 3, hidden(np.zeros(N, int)), 15, np.zeros(N, int))
    assert np.isnan(share).all()
    assert (near == -1).all()
    assert len(LabelNoise(given, share).suspects()) == 0


def test_plate_and_place_have_no_vote():
    """Neither who shares the plate, nor who lies within 2 arcsec, nor the object itself."""
    vectors, _, given, plate = clusters()
    place = np.random.default_rng(1).normal(size=(N, 3))
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    place[7] = place[3]
    _, near = neighbor_votes(vectors, given, 3, Hidden(plate, place), N, np.zeros(N, int))
    assert 7 not in near[3]
    assert 3 not in near[7]
    assert 7 in near[4]
    for i in range(N):
        voters = near[i][near[i] >= 0]
        assert i not in voters
        assert not (plate[voters] == plate[i]).any()


def test_the_own_label_changes_nothing_for_itself():
    """Flip one label: its own probabilities stay to the last bit."""
    vectors, _, given, plate = clusters()
    other = given.copy()
    other[5] = (other[5] + 1) % 3
    shares = [neighbor_votes(vectors, g, 3, hidden(plate), 15, np.zeros(N, int))[0] for g in (given, other)]
    assert np.array_equal(shares[0][5], shares[1][5])


def test_wrong_shapes_are_refused():
    """One label, one row."""
    with pytest.raises(ShapeError):
        LabelNoise(np.zeros(3, int), np.zeros((2, 2)))


def tiny(i: int, label: str | None, plate: int) -> Spectrum:
    n = 4
    arrays = (4000 + 10 * np.arange(n, dtype=float), np.ones(n, np.float32), np.ones(n, np.float32))
    row = {"ra": 0.5 * i, "dec": 0.0, "z": 0.1, "z_source": "catalog", "kind": label, "plate": plate}
    return Spectrum(f"o{i:03d}", *arrays, np.zeros(n, np.int32), np.full(n, np.nan, np.float32), row=row)


@pytest.mark.parametrize("metric", ["none", "auto"])
def test_votes_on_the_labels_of_a_base(metric):
    """Through a real base, plain and in the folds' metrics."""
    from spectrove.embeddings import Embeddings

    vectors, truth, given, plate = clusters()
    spectra = SpectrumSet.from_spectra([tiny(i, CLASSES[c], int(plate[i])) for i, c in enumerate(given)])
    views = Embeddings(
        vectors.astype(np.float32), spectra.object_id, "f" * 16, np.tile([3700.0, 8700.0], (N, 1)), "x"
    )
    base = KnowledgeBase.in_memory(spectra, {"shape": views}, encoder="x")
    votes = label_votes(base, "kind", group="plate", metric=metric)
    assert votes.classes == CLASSES
    assert votes.given.tolist() == given.tolist()
    found = set(LabelNoise(votes.given, votes.probability).suspects().tolist())
    assert set(np.flatnonzero(given != truth).tolist()) <= found
    where = pipeline.trusted(base, "kind", metric=metric, where="plate < 20")
    assert where is not None
    kept = set(base.rows(where).column("object_id").to_pylist())
    of_plates = [i for i in range(N) if plate[i] < 20]
    assert not {f"o{i:03d}" for i in of_plates if given[i] != truth[i]} & kept
    assert len(kept) >= len(of_plates) - 12
    with pytest.raises(KnowledgeError, match="expected at least"):
        label_votes(base, "kind", group="plate", where="kind = 'a'")


# --- lines --------------------------------------------------------------------------------------------------

FIVE = ("Composite", "LINER", "SF", "Seyfert2-like", "quiescent")


@pytest.fixture(scope="module")
def measured():
    """Fits of a few mock galaxies that have a class, with it."""
    survey = make_survey(40, seed=11)
    pairs = [(line_check.measured(s), s.row["class_derived"]) for s in survey if s.row["class_derived"]]
    return [(fit, label) for fit, label in pairs if fit is not None and label in FIVE]


def test_lines_never_exclude_what_the_catalog_measured_from_them(measured):
    """The label and the check come from the same spectrum; a wrong class is excluded in most of them."""
    assert len(measured) > 10
    shares = [(line_check.line_probability(fit, FIVE), FIVE.index(label)) for fit, label in measured]
    assert not any(line_check.excludes(share, FIVE, own) for share, own in shares)
    others = [line_check.excludes(share, FIVE, (own + 2) % 5) for share, own in shares]
    assert np.mean(others) > 0.6


def test_lines_that_say_nothing_leave_all_classes_equal(measured):
    """No fit, or classes that are none of the diagram's."""
    fit = measured[0][0]
    assert line_check.line_probability(None, FIVE).tolist() == [0.2] * 5
    assert line_check.line_probability(fit, ("disc", "bulge")).tolist() == [0.5] * 2
    assert not line_check.judged(("Seyfert", "Seyfert2-like"))


def test_wider_errors_exclude_less(measured):
    """Error bars three hundred times as wide let every class of the diagram be."""
    from dataclasses import replace

    fit = next(fit for fit, label in measured if label == "SF")
    sharp = line_check.line_probability(fit, FIVE)
    wide = {k: 300 * v for k, v in fit.error.items()}
    blurred = line_check.line_probability(
        replace(fit, error=wide, ew_error={k: 300 * v for k, v in fit.ew_error.items()}), FIVE
    )
    assert line_check.excludes(sharp, FIVE, 1)
    assert not line_check.excludes(blurred, FIVE, 1)


def test_a_class_that_lines_cannot_judge_is_never_excluded(measured):
    """Broad lines are not measured here."""
    classes = (*FIVE, "broad-line AGN")
    for fit, _ in measured:
        assert not line_check.excludes(line_check.line_probability(fit, classes), classes, 5)


def test_a_shifted_redshift_conflicts_with_strong_lines():
    """Off by 330 km/s it shows; the right one does not."""
    survey = make_survey(40, seed=11)
    strong = next(s for s in survey if s.row["class_derived"] == "SF" and (s.row["ha_ew"] or 0) > 20)
    from spectrove.galaxies.line_fit import measure_lines

    z = strong.row["z"]
    assert line_check.redshift_conflict(measure_lines(strong, z)) is None
    conflict = line_check.redshift_conflict(measure_lines(strong, z - (1 + z) * 330 / 299792.458))
    assert conflict is not None
    assert conflict.velocity == pytest.approx(330, abs=60)
