"""The linear metric: what it finds, what it must not see, and what it says of itself."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.errors import ShapeError
from spectrove.inference import LinearMetric, MetricReport, fit_metric
from spectrove.inference.metric.linear import FEWEST, fold_metrics


def hidden_classes(n=240, n_noise=15, seed=0):
    """Three classes told apart in two directions, among many wider ones that say nothing; plates of ten."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(["SF", "LINER", "quiescent"], n)
    centres = {"SF": (0.0, 0.0), "LINER": (3.0, 0.0), "quiescent": (0.0, 3.0)}
    told = np.array([centres[c] for c in labels]) + 0.5 * rng.normal(size=(n, 2))
    vectors = np.hstack([told, 4 * rng.normal(size=(n, n_noise))])
    turn = np.linalg.qr(rng.normal(size=(n_noise + 2, n_noise + 2)))[0]
    return (vectors @ turn).astype(np.float32), labels, np.arange(n) // 10


EVERYTHING, TRUTH, PLATES = hidden_classes(n=340)


@pytest.fixture(scope="module", autouse=True)
def one_repetition():
    """What is tested here does not need the figures to be precise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spectrove.inference.metric.linear.MOST_REPEATS", 1)
        yield


@pytest.fixture(scope="module")
def hidden():
    """The first 240; the others have not been seen."""
    vectors, labels, groups = EVERYTHING[:240], TRUTH[:240], PLATES[:240]
    return vectors, labels, groups, *fit_metric(vectors, labels, groups)


def test_classes_that_noise_hides_are_found_again(hidden):
    """Neighbours in the plain vectors are little better than chance; in the metric nearly all are right."""
    *_, report = hidden
    assert report.helps
    assert report.plain_f1 < 0.65 < 0.85 < report.f1
    assert (report.n_objects, report.n_folds, report.reason) == (240, 5, "")
    assert report.classes == ("LINER", "SF", "quiescent")


def test_what_it_promises_is_kept_on_objects_it_has_not_seen(hidden):
    """The nearest neighbours of new objects, counted by hand, come out as often right as the report says."""
    vectors, labels, _, metric, report = hidden
    places, new = metric.transform(vectors), metric.transform(EVERYTHING[240:])
    squared = ((new[:, None].astype(float) - places[None]) ** 2).sum(axis=2)
    right = labels[squared.argmin(axis=1)] == TRUTH[240:]
    assert right.mean() > report.f1 - 0.1


def test_labels_that_mean_nothing_are_not_flattered():
    """The best of 25 settings on the same objects would look better than chance."""
    vectors, labels, groups = EVERYTHING, TRUTH, PLATES
    shuffled = np.random.default_rng(4).permutation(labels)
    _, report = fit_metric(vectors, shuffled, groups)
    assert abs(report.f1 - 1 / 3) < 0.07


def test_a_vector_has_the_same_place_in_any_company(hidden):
    vectors, _, _, metric, _ = hidden
    together = metric.transform(vectors)
    for i in (0, 7, 239):
        assert_array_equal(metric.transform(vectors[i : i + 1])[0], together[i])
    assert_array_equal(metric.transform(vectors[::-1])[::-1], together)
    assert together.dtype == np.float32


def test_similar_spectra_stay_near_within_a_class(hidden):
    """The vector itself stands behind the scores: a step that no class cares for still is a distance."""
    vectors, _, _, metric, report = hidden
    scores = metric.matrix[:, : -vectors.shape[1]]
    step = np.linalg.svd(scores.T)[2][-1]
    assert_allclose(step @ scores, 0, atol=1e-8)
    moved = metric.transform((vectors[:1] + step).astype(np.float32))
    assert np.linalg.norm(moved - metric.transform(vectors[:1])) > 0.01
    assert report.blend > 0


def test_unlabelled_objects_have_no_part(hidden):
    vectors, labels, groups, metric, _ = hidden
    strange = np.vstack([vectors, 1000 + vectors[:20]])
    more, _ = fit_metric(strange, [*labels, *[None, ""] * 10], [*groups, *range(20)])
    assert_array_equal(more.matrix, metric.matrix)


def test_the_same_objects_give_the_same_metric(hidden):
    vectors, labels, groups, metric, report = hidden
    again, other = fit_metric(vectors, list(labels), [str(g) for g in groups])
    assert (again.fingerprint, other.to_dict()) == (metric.fingerprint, report.to_dict())
    assert fit_metric(vectors[:200], labels[:200], groups[:200])[0].fingerprint != metric.fingerprint


def test_vectors_of_another_batch_give_the_same_metric(hidden):
    """Encoded again they differ by 1e-7; distances then differ by no more than ten times that."""
    vectors, labels, groups, *_ = hidden
    moved = vectors * (1 + 1e-7 * np.random.default_rng(4).normal(size=vectors.shape))
    first, second = (fit_metric(v.astype(float), labels, groups)[0] for v in (vectors, moved))
    assert_allclose(second.transform(vectors), first.transform(vectors), atol=5e-6)


def test_classes_of_a_few_objects_do_not_decide_whether_a_metric_helps(hidden):
    """Eight objects labelled at random among the others lower the macro F1 of any vote; the metric stays."""
    vectors, labels, groups, *_ = hidden
    labels = labels.copy().astype("<U12")
    labels[np.random.default_rng(5).permutation(len(labels))[:8]] = "odd"
    assert fit_metric(vectors, labels, groups)[1].helps


def test_finer_labels_serve_a_coarser_question():
    """A class on both sides of another: no direction tells it apart, the directions of its halves do."""
    rng = np.random.default_rng(1)
    fine = rng.choice(["low", "middle", "high"], 300)
    place = np.array([{"low": -3.0, "middle": 0.0, "high": 3.0}[f] for f in fine])
    vectors = np.column_stack([place + 0.5 * rng.normal(size=300), 4 * rng.normal(size=(300, 10))])
    coarse = np.where(fine == "middle", "inside", "outside")
    _, by_fine = fit_metric(vectors, fine, np.arange(300) // 10, classes=coarse)
    _, by_coarse = fit_metric(vectors, coarse, np.arange(300) // 10)
    assert by_fine.f1 > by_coarse.f1 + 0.1
    assert_allclose(by_fine.plain_f1, by_coarse.plain_f1)


@pytest.mark.parametrize(
    ("labels", "groups", "reason"),
    [
        (["SF"] * 240, range(240), "Fewer than two classes"),
        (["SF"] * 237 + ["LINER"] * 3, range(240), f"have {FEWEST} objects"),
        ([None] * 240, range(240), "Fewer than two classes"),
        (["SF", "LINER"] * 120, [1] * 240, "share 1 group"),
    ],
)
def test_where_nothing_can_be_learnt_nothing_changes(hidden, labels, groups, reason):
    vectors = hidden[0]
    metric, report = fit_metric(vectors, labels, list(groups))
    assert reason in report.reason
    assert not report.helps
    assert_array_equal(metric.transform(vectors), vectors)
    json.dumps(report.to_dict(), allow_nan=False)


def test_the_metric_of_a_fold_has_not_seen_its_labels(hidden):
    """Every label in the fold turned to another: its metric is the same, those of the other folds are not."""
    vectors, labels, _, _, report = hidden
    fold = np.arange(240) % 3
    before = fold_metrics(vectors, labels, fold, 3, report)
    lies = np.where(fold == 1, np.roll(labels, 1), labels)
    after = fold_metrics(vectors, lies, fold, 3, report)
    same = [a.fingerprint == b.fingerprint for a, b in zip(before, after, strict=True)]
    assert same == [False, True, False]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_quick_metric_of_a_large_base_is_the_same_to_five_digits(n_classes):
    """Its settings, its distances, and what its folds have not seen."""
    keep = np.isin(TRUTH, ["SF", "LINER", "quiescent"][:n_classes])
    vectors, labels, groups = EVERYTHING[keep], TRUTH[keep], PLATES[keep]
    (usual, report), (quick, other) = (fit_metric(vectors, labels, groups, quick=q) for q in (False, True))
    assert (other.strength, other.blend, other.helps) == (report.strength, report.blend, report.helps)
    places, same = usual.transform(vectors).astype(float), quick.transform(vectors).astype(float)
    assert_allclose(
        np.linalg.norm(same - same[0], axis=1), np.linalg.norm(places - places[0], axis=1), rtol=1e-5
    )
    fold = np.arange(len(labels)) % 3
    lies = np.where(fold == 1, np.roll(labels, 1), labels)
    before, after = (fold_metrics(vectors, told, fold, 3, other, quick=True) for told in (labels, lies))
    assert [a.fingerprint == b.fingerprint for a, b in zip(before, after, strict=True)] == [
        False,
        True,
        False,
    ]
    usual = fold_metrics(vectors, labels, fold, 3, other)[1].transform(vectors)
    assert_allclose(before[1].transform(vectors), usual, atol=1e-5 * np.abs(usual).max())


def test_a_report_reads_back_what_it_wrote(hidden):
    report = hidden[4]
    assert MetricReport.from_dict(json.loads(json.dumps(report.to_dict()))) == report


def test_arrays_that_do_not_belong_together_are_refused(hidden):
    vectors, labels, groups, metric, _ = hidden
    with pytest.raises(ShapeError, match="240 vectors, 239 labels"):
        fit_metric(vectors, labels[1:], groups)
    with pytest.raises(ShapeError, match=r"expected \(n, 17\)"):
        metric.transform(vectors[:, 1:])
    with pytest.raises(ShapeError, match="LinearMetric"):
        LinearMetric(np.eye(3), np.zeros(2))
