"""Calibrated probabilities on classes whose true posterior is known, and what they may depend on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from spectrove.domain import Domain
from spectrove.embeddings import Embeddings
from spectrove.errors import TargetError
from spectrove.inference import answer, calibration_for, hunt
from spectrove.inference import classify as vote_classes
from spectrove.inference.calibration import of_base as calibrating
from spectrove.inference.calibration.features import quality_of
from spectrove.inference.calibration.logistic import fit_logistic
from spectrove.inference.calibration.model import fit_calibration
from spectrove.inference.metric.of_base import FittedMetric
from spectrove.inference.pool import Pool
from spectrove.inference.question import Question
from spectrove.inference.terms import Terms
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets import Target
from spectrove.targets import parse_target as parse

TARGET = Target(name="t", label="kind", positive="a", classes={"a": ("a",), "b": ("b",)}, k=5, metric="none")
#: The objects of a plate are never compared with each other.
TERMS = Terms(group="plate", groups="plates")
#: Two Gaussian classes in three dimensions, 2.5 sigma apart: the log-likelihood ratio is 2.5 x - 3.125.
APART = 2.5


def true_posterior(vectors, prevalence):
    ratio = APART * vectors[:, 0] - APART**2 / 2
    return 1 / (1 + np.exp(-ratio) * (1 - prevalence) / prevalence)


def draw(n, share, seed):
    """Vectors and labels of n objects, so many of class a."""
    rng = np.random.default_rng(seed)
    labels = np.where(np.arange(n) < round(n * share), "a", "b")
    rng.shuffle(labels)
    vectors = rng.normal(size=(n, 3))
    vectors[:, 0] += APART * (labels == "a")
    return vectors.astype(np.float32), labels


def embedded(ids, vectors):
    return Embeddings(vectors, np.asarray(ids), "f", np.tile([3700.0, 8700.0], (len(ids), 1)), "made")


def spectra_of(ids, labels=None, plates=None):
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    pixels[3][:] = 0
    rows = [{} for _ in ids]
    for i, row in enumerate(rows):
        if labels is not None:
            row["kind"] = str(labels[i])
        if plates is not None:
            row["plate"] = int(plates[i])
    return SpectrumSet.from_spectra(
        [Spectrum(str(i), *pixels, row=row) for i, row in zip(ids, rows, strict=True)]
    )


def make(path, n=700, share=0.3, seed=1, labels=None, plates=None):
    vectors, drawn = draw(n, share, seed)
    labels = drawn if labels is None else labels
    ids = np.array([f"o{i:05d}" for i in range(n)])
    plates = np.arange(n) % 20 if plates is None else plates
    return KnowledgeBase.create(
        path, spectra_of(ids, labels, plates), {"shape": embedded(ids, vectors)}, encoder="made"
    )


def ask(base, vectors, target=TARGET, ids=None, mode="auto", spectra=None):
    ids = [f"q{i:05d}" for i in range(len(vectors))] if ids is None else ids
    spectra = spectra_of(ids) if spectra is None else spectra
    query = {"shape": embedded(ids, vectors)}
    using = calibration_for(Pool.of(base, target=target), mode, terms=TERMS)
    votes = hunt(base.search(query, target=target, spectra=spectra), target)
    return answer(votes, using, query, spectra)


def p_of(answers):
    return np.array([a.probability for a in answers])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make(tmp_path_factory.mktemp("calibration") / "x.kb")


QUERIES, TRUTH = draw(800, 0.3, 99)


def test_probabilities_are_close_to_the_true_posterior(base):
    answers = ask(base, QUERIES)
    found, true = p_of(answers), true_posterior(QUERIES, 0.3)
    assert all(a.calibrated for a in answers)
    assert np.mean((found - true) ** 2) < 0.006
    votes = p_of(ask(base, QUERIES, mode="none"))
    assert np.mean((found - true) ** 2) < 0.5 * np.mean((votes - true) ** 2)


def test_one_in_a_thousand_means_one_in_a_thousand(base):
    """Vote shares never say less than a few percent here; log-odds follow the truth over nine e-folds."""
    rare = TARGET.model_copy(update={"prevalence": 1e-3})
    found, true = p_of(ask(base, QUERIES, rare)), true_posterior(QUERIES, 1e-3)
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    slope = np.polyfit(logit(true), logit(found), 1)[0]
    assert 0.6 < slope < 1.4
    assert abs(np.median(logit(found) - logit(true))) < 0.7
    assert 0.3 * true.mean() < found.mean() < 1.3 * true.mean()


def test_the_composition_of_the_base_does_not_bias_a_hunt_with_a_prevalence():
    """One percent, ten or half of the base are targets: the same answers within noise, where votes differ widely."""
    target = TARGET.model_copy(update={"prevalence": 0.05})
    logits, votes = [], []
    for share, n in ((0.01, 3100), (0.1, 700), (0.5, 500)):
        base = make("memory://base", n, share, seed=round(100 * share))
        p = p_of(ask(base, QUERIES, target))
        logits.append(np.log(p / (1 - p)))
        plain = TARGET.model_copy(update={"prevalence": None})
        votes.append(p_of(ask(base, QUERIES, plain, mode="none")).mean())
    assert votes[2] > 3 * votes[0]
    true = true_posterior(QUERIES, 0.05)
    for found in logits:
        assert np.corrcoef(found, np.log(true / (1 - true)))[0, 1] > 0.9
    chance = [np.mean(1 / (1 + np.exp(-found))) for found in logits]
    assert_allclose(chance, true.mean(), atol=0.04)
    assert max(chance) - min(chance) < 0.03


def test_labels_that_mean_nothing_give_the_base_rate():
    labels = np.random.default_rng(5).permutation(draw(700, 0.3, 1)[1])
    found = p_of(ask(make("memory://base", labels=labels), QUERIES))
    assert_allclose(found.mean(), 0.3, atol=0.05)
    assert found.std() < 0.08


def test_the_label_of_a_query_is_never_read(base):
    ids = [f"q{i}" for i in range(60)]
    plain = ask(base, QUERIES[:60], ids=ids)
    for lie in ("a", "b"):
        told = spectra_of(ids, [lie] * 60)
        assert ask(base, QUERIES[:60], ids=ids, spectra=told) == plain


def test_an_object_of_the_base_does_not_answer_for_itself(base):
    """Asked about one of its own objects, with its own id, the base does not find it at distance zero."""
    vectors, _ = draw(700, 0.3, 1)
    own = ask(base, vectors[:50], ids=[f"o{i:05d}" for i in range(50)])
    assert all(a.p_distance < 1 for a in own)
    other = ask(base, vectors[:50])
    assert all(a.p_distance == 1 for a in other)


def test_a_plate_does_not_answer_for_itself():
    """Labels that only repeat within a plate, as calibration faults do, are worth nothing: the base rate."""
    rng = np.random.default_rng(3)
    plates = np.arange(600) // 30
    place, label = rng.normal(size=(20, 3)), np.where(rng.random(20) < 0.5, "a", "b")
    vectors = (place[plates] + 0.05 * rng.normal(size=(600, 3))).astype(np.float32)
    ids = np.array([f"o{i:05d}" for i in range(600)])
    views = {"shape": embedded(ids, vectors)}
    base = KnowledgeBase.in_memory(spectra_of(ids, label[plates], plates), views, encoder="made")
    found = p_of(ask(base, rng.normal(size=(200, 3)).astype(np.float32)))
    votes = p_of(ask(base, rng.normal(size=(200, 3)).astype(np.float32), mode="none"))
    assert found.std() < 0.5 * votes.std()


def test_a_query_alone_and_among_others_has_the_same_answer_to_the_last_bit(base):
    ids = [f"q{i}" for i in range(40)]
    together = ask(base, QUERIES[:40], ids=ids)
    for i in range(0, 40, 7):
        assert ask(base, QUERIES[i : i + 1], ids=ids[i : i + 1]) == [together[i]]


def test_conformal_sets_hold_the_true_class_in_nine_of_ten_of_each_class(base):
    answers = ask(base, QUERIES)
    for name in ("a", "b"):
        held = [name in a.set for a, t in zip(answers, TRUTH, strict=True) if t == name]
        assert 0.84 < np.mean(held) < 0.96
    assert np.mean([len(a.set) for a in answers]) < 1.5


def test_what_is_far_from_all_is_flagged(base):
    near, far = ask(base, np.array([[0, 0, 0], [40, 40, 40]], np.float32))
    assert near.p_distance > 0.3
    assert far.p_distance < 0.01
    assert "far_from_all" in far.flags
    assert "far_from_all" not in near.flags


def test_the_interval_holds_the_probability_and_is_narrower_with_more_plates():
    widths = []
    for n in (300, 2000):
        base = make("memory://base", n=n, plates=np.arange(n) // 15)
        answers = ask(base, QUERIES[:200])
        assert all(a.interval[0] <= a.probability <= a.interval[1] for a in answers)
        widths.append(np.mean([a.interval[1] - a.interval[0] for a in answers]))
    assert widths[1] < widths[0]


def test_it_is_kept_with_the_base_and_fitted_again_when_the_base_changes(tmp_path, monkeypatch):
    base = make(tmp_path / "x.kb", n=300)
    first = p_of(ask(base, QUERIES[:20]))
    [kept] = (base.path / "calibrations").iterdir()

    def fail(*_args, **_more):
        raise AssertionError("fitted again")

    monkeypatch.setattr(calibrating, "fit_calibration", fail)
    assert_array_equal(p_of(ask(KnowledgeBase.open(base.path), QUERIES[:20])), first)
    rare = TARGET.model_copy(update={"prevalence": 1e-3})
    assert p_of(ask(base, QUERIES[:20], rare)).mean() < first.mean()
    monkeypatch.undo()
    base.delete("object_id < 'o00030'")
    assert not np.array_equal(p_of(ask(base, QUERIES[:20])), first)
    assert not kept.exists()
    [torn] = (base.path / "calibrations").iterdir()
    torn.write_bytes(b"torn")
    assert all(a.calibrated for a in ask(KnowledgeBase.open(base.path), QUERIES[:5]))


@pytest.mark.parametrize(
    ("n", "share", "plates", "reason"),
    [
        (300, 0.05, 20, "15 known objects are a, a calibration needs 30"),
        (300, 0.4, 3, "of 3 plates, a calibration needs 5"),
        (300, 0.95, 20, "two classes of 30 known objects"),
    ],
)
def test_too_few_labels_leave_the_shares_and_say_why(n, share, plates, reason):
    base = make("memory://base", n, share, plates=np.arange(n) % plates)
    using = calibration_for(Pool.of(base, target=TARGET), terms=TERMS)
    assert reason in using.sentence
    assert using.about["calibrated"] is False
    assert ask(base, QUERIES[:20]) == ask(base, QUERIES[:20], mode="none")
    assert not ask(base, QUERIES[:1])[0].calibrated


def test_a_column_of_too_many_values_is_not_calibrated(base, monkeypatch):
    """Neighbours of each of them would be looked for, and held."""
    monkeypatch.setattr(calibrating, "MOST_CLASSES", 1)
    monkeypatch.setattr(KnowledgeBase, "search_by_class", None)
    using = calibration_for(Pool.of(base, "kind", where="kind IS NOT NULL"), terms=TERMS)
    assert "2 different labels are known, a calibration takes 1 at most" in using.sentence


def test_none_computes_nothing(base, monkeypatch):
    monkeypatch.setattr(calibrating, "_fit", None)
    assert (
        calibration_for(Pool.of(base, target=TARGET), "none", terms=TERMS) == calibrating.FittedCalibration()
    )


def test_a_class_of_a_few_objects_has_its_share_of_the_base():
    vectors, labels = draw(600, 0.3, 1)
    labels = labels.astype("U4")
    labels[:3] = "rare"
    base = make("memory://base", 600, labels=labels)
    spectra = spectra_of(["q"])
    query = {"shape": embedded(["q"], vectors[:1])}
    using = calibration_for(Pool.of(base, "kind"), terms=TERMS)
    votes = vote_classes(base.search(query, labelled="kind", spectra=spectra), "kind")
    [told] = answer(votes, using, query, spectra)
    assert_allclose(told.probabilities["rare"], 3 / 600)
    assert_allclose(sum(told.probabilities.values()), 1)
    assert "rare" in told.set


def test_prevalence_moves_plain_shares_as_the_same_prior_does(base):
    query = {"shape": embedded(["q"], QUERIES[:1])}
    found = base.search(query, target=TARGET, spectra=spectra_of(["q"]))
    by_prior = hunt(found, TARGET.model_copy(update={"prior": {"a": 0.01, "b": 0.99}}))
    by_prevalence = hunt(found, TARGET.model_copy(update={"prevalence": 0.01}))
    assert by_prior == by_prevalence


def test_prior_and_prevalence_together_are_an_error():
    text = 'name="t"\nlabel="kind"\npositive="a"\nprevalence=0.1\n[classes]\na=["a"]\nb=["*"]\n'
    assert parse(text, "t").population({"a": 3, "b": 7}) == {"a": 0.1, "b": 0.9}
    with pytest.raises(TargetError, match="both prior and prevalence"):
        parse(text + "[prior]\na=0.1\nb=0.9\n", "t")


def test_other_classes_keep_their_proportions_under_a_prevalence():
    target = Target(
        name="t", label="l", positive="a", classes={"a": ("a",), "b": ("b",), "c": ("c",)}, prevalence=0.1
    )
    assert_allclose(list(target.population({"a": 50, "b": 30, "c": 10}).values()), [0.1, 0.675, 0.225])


def test_the_logistic_model_finds_the_evidence_whatever_the_sample_holds():
    """Features that are the log-likelihoods themselves: weight 1 and no intercepts, at any composition."""
    for share in (0.05, 0.5):
        vectors, labels = draw(40_000, share, 8)
        ratio = APART * vectors[:, 0].astype(float) - APART**2 / 2
        x = np.stack([ratio, np.zeros_like(ratio)], axis=1)[:, :, None]
        model = fit_logistic(x, (labels == "b").astype(int))
        assert_allclose(model.coef, 1, atol=0.06)
        assert_allclose(model.intercept[0] - model.intercept[1], 0, atol=0.15)


def test_quality_is_read_from_pixels_alone():
    [one] = spectra_of(["q"], ["a"])
    good = replace(one, ivar=np.array([4, 0, 4], "f4"), flux=np.array([3, 9, 5], "f4"))
    sn, valid = quality_of(SpectrumSet.from_spectra([good]))[0]
    assert_allclose([10**sn, valid], [8, 2 / 3], rtol=1e-6)
    blind = replace(one, ivar=np.zeros(3, "f4"))
    assert_array_equal(quality_of(SpectrumSet.from_spectra([blind])), [[0, 0]])


def test_infinite_distances_are_no_obstacle():
    """A class whose every object is on the query's plate is far, not an error."""
    rng = np.random.default_rng(0)
    distance = np.sort(rng.gamma(2.0, size=(200, 2, 50)), axis=2)
    distance[::9, 0] = np.inf
    truth = rng.integers(0, 2, 200)
    made = fit_calibration(
        distance, truth, np.arange(200) % 10, np.ones((200, 2)), ["a", "b"], np.array([100, 100])
    )
    evidence = made.evidence(distance, np.ones((200, 2)))
    assert np.isfinite(evidence).all()
    assert_allclose(made.probabilities(evidence[0]).sum(axis=1), 1)


def test_a_thinned_class_stands_for_all_of_its_objects_in_p_distance():
    """Half of those given are far off, one in ten of the base: as many of the base's distances are."""
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], 100)
    distance = np.sort(rng.gamma(2.0, size=(200, 2, 50)), axis=2) + 100.0 * (truth == 1)[:, None, None]
    made = fit_calibration(
        distance, truth, np.arange(200) % 10, np.ones((200, 2)), ["a", "b"], np.array([9000, 1000])
    )
    assert np.mean(made.own > 50) == pytest.approx(0.1)
    whole = fit_calibration(
        distance, truth, np.arange(200) % 10, np.ones((200, 2)), ["a", "b"], np.array([100, 100])
    )
    assert_array_equal(whole.own, np.sort(distance[:, :, 0].min(axis=1)))


# --- the threshold with the largest expected F1 --------------------------------------------------------------

BEST = TARGET.model_copy(update={"threshold": "f1"})


def f1(found, true):
    return 2 * (found & true).sum() / (found.sum() + true.sum())


def settled(base, target):
    return calibration_for(Pool.of(base, target=target), terms=TERMS).settled(target).threshold


def best_of(posterior, truth):
    """The threshold with the largest F1, found by trying all."""
    order = np.argsort(-posterior)
    hits = np.cumsum(truth[order])
    f1s = 2 * hits / (np.arange(1, len(order) + 1) + truth.sum())
    return posterior[order][f1s.argmax()], f1s.max()


@pytest.mark.parametrize("prevalence", [0.3, 0.1, 0.03])
def test_it_is_where_true_posteriors_have_their_largest_f1(base, prevalence):
    target = BEST.model_copy(update={"prevalence": prevalence})
    vectors, labels = draw(200_000, prevalence, 5)
    where, largest = best_of(true_posterior(vectors, prevalence), labels == "a")
    assert settled(base, target) == pytest.approx(where, abs=0.05)
    assert settled(base, target) == pytest.approx(largest / 2, abs=0.05)


def test_answers_keep_to_it_and_find_no_fewer_than_at_a_half(base):
    plain, best = ask(base, QUERIES), ask(base, QUERIES, BEST)
    limit = settled(base, BEST)
    assert 0.2 < limit < 0.5
    assert p_of(best) == pytest.approx(p_of(plain))
    assert [a.is_target for a in best] == [p >= limit for p in p_of(best)]
    assert sum(a.is_target for a in best) > sum(a.is_target for a in plain)


def test_it_finds_rare_classes_better_than_a_half(base):
    """Of true posteriors at 3% prevalence, where most of what is one lies below a half."""
    target = BEST.model_copy(update={"prevalence": 0.03})
    vectors, labels = draw(200_000, 0.03, 6)
    p, true = true_posterior(vectors, 0.03), labels == "a"
    assert f1(p >= settled(base, target), true) > f1(p >= 0.5, true) + 0.02


def test_it_is_the_same_from_a_base_that_is_opened_again(base):
    again = KnowledgeBase.open(base.path)
    assert settled(again, BEST) == settled(base, BEST)
    assert list((base.path / "calibrations").glob("*.safetensors"))


def test_without_a_calibration_a_half_decides(base):
    assert calibration_for(Pool.of(base, target=BEST), "none", terms=TERMS).settled(BEST).threshold == 0.5
    votes = ask(base, QUERIES, BEST, mode="none")
    assert [a.is_target for a in votes] == [a.probability >= 0.5 for a in votes]


def test_a_number_stays_what_it_is(base):
    target = TARGET.model_copy(update={"threshold": 0.9})
    assert settled(base, target) == 0.9
    found = [a.is_target for a in ask(base, QUERIES, target)]
    assert f1(np.array(found), TRUTH == "a") < f1(p_of(ask(base, QUERIES)) >= 0.5, TRUTH == "a")


def test_a_target_file_may_ask_for_it():
    text = 'name = "t"\nlabel = "kind"\npositive = "a"\nthreshold = "f1"\n[classes]\na = ["a"]\nb = ["b"]\n'
    target = parse(text, "t.toml")
    assert (target.threshold, target.limit) == ("f1", 0.5)


def test_bases_calibrated_before_targets_named_signs_find_their_calibrations():
    """The key writes what a target says of its signs as it was written then."""
    base = make("memory://base", n=40)
    for signs in ((), ("second_redshift",)):
        target = TARGET.model_copy(update={"signs": signs})
        key = json.loads(calibrating._identity(Pool.of(base, target=target), FittedMetric(), TERMS))
        assert set(key["target"]) == {
            "label", "classes", "positive", "composition", "filter", "second_redshift",
        }  # fmt: skip
        assert key["target"]["second_redshift"] is bool(signs)


def test_a_kind_of_light_without_the_signs_of_a_target_answers_without_them():
    """As a hunt for lenses in a base of X-ray sources."""
    base, target = make("memory://base", n=40), TARGET.model_copy(update={"signs": ("second_redshift",)})
    vectors, _ = draw(20, 0.5, seed=3)
    ids = [f"q{i:05d}" for i in range(20)]
    spectra = spectra_of(ids)
    votes = hunt(base.search({"shape": embedded(ids, vectors)}, target=target, spectra=spectra), target)
    assert any(p.is_target for p in votes)
    question = Question(Pool.of(base, target=target), Domain("stars"), {})
    assert question.with_signs(votes, spectra) == list(votes)
