"""The metric of a base: whose labels it sees, where it is kept, and what an answer may depend on with it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from numpy.testing import assert_allclose

from spectrove.conditions import Condition
from spectrove.domain import Quantity
from spectrove.embeddings import Embeddings
from spectrove.errors import KnowledgeError
from spectrove.galaxies.domain import GALAXIES
from spectrove.galaxies.lenses.signs import residuals_key
from spectrove.inference import classify, metric_for
from spectrove.inference.calibration import of_base as calibrating
from spectrove.inference.metric import of_base as fitting
from spectrove.inference.metric.of_base import FittedMetric
from spectrove.inference.numbers import of_base
from spectrove.inference.numbers.condition_of_base import ConditionSetting
from spectrove.inference.outlier_score import reference_of
from spectrove.inference.pool import Pool
from spectrove.inference.terms import Terms
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.joining import Source
from spectrove.pipeline.shipped import load_target
from spectrove.spectra import Spectrum, SpectrumSet
from spectrove.targets import Target

N = 120
CLASSES = ("SF", "LINER", "quiescent")
RNG = np.random.default_rng(7)
LABELS = [CLASSES[i % 3] for i in range(N)]
TOLD = np.array([{"SF": (0, 0), "LINER": (3, 0), "quiescent": (0, 3)}[c] for c in LABELS], float)
VECTORS = np.hstack([TOLD + 0.4 * RNG.normal(size=(N, 2)), 3 * RNG.normal(size=(N, 10))]).astype(np.float32)
IDS = np.array([f"{i:04d}-51602-0001" for i in range(N)])
NEW = np.array([f"new-{i}" for i in range(12)])
NEW_VECTORS = (VECTORS[:12] + 0.3 * RNG.normal(size=(12, 12))).astype(np.float32)


def embedded(ids, vectors, fingerprint="f"):
    return Embeddings(vectors, np.asarray(ids), fingerprint, np.tile([3700.0, 8700.0], (len(ids), 1)), "made")


def spectra_of(ids, rows):
    pixels = (np.arange(3) + 4000.0, *(np.ones(3, kind) for kind in ("f4", "f4", "i4", "f4")))
    return SpectrumSet.from_spectra(
        [Spectrum(str(i), *pixels, row=row) for i, row in zip(ids, rows, strict=True)]
    )


def rows(labels=LABELS):
    return [
        {
            "ra": 3.0 * i,
            "dec": 0.5 * i,
            "class_derived": c,
            "plate": i // 6,
            "survey": "sdss",
            "split": "test" if i < 20 else "train",
        }
        for i, c in enumerate(labels)
    ]


def make(path, labels=LABELS):
    return KnowledgeBase.create(
        path, spectra_of(IDS, rows(labels)), {"shape": embedded(IDS, VECTORS)}, encoder="made"
    )


@pytest.fixture(scope="module", autouse=True)
def one_repetition():
    """What is tested here does not need the figures to be precise."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spectrove.inference.metric.linear.MOST_REPEATS", 1)
        yield


@pytest.fixture
def base(tmp_path):
    return make(tmp_path / "x.kb")


def fail(*_args, **_more):
    raise AssertionError("fitted again")


def test_auto_takes_the_metric_where_it_helps_and_says_so(base):
    fitted = metric_for(Pool.of(base, "class_derived"), group="plate")
    assert fitted.about["name"] == "linear"
    assert fitted.about["f1"] > fitted.about["plain_f1"]
    assert fitted.sentence.startswith("distances in a metric fitted on class_derived (macro F1 ")
    found = base.search(embedded(NEW, NEW_VECTORS), 3, labelled="class_derived", metric=fitted.metrics)
    assert [p.value for p in classify(found, "class_derived")] == LABELS[:12]
    assert {p.metric for p in classify(found, "class_derived")} == {"linear"}


def test_none_fits_nothing(base, monkeypatch):
    monkeypatch.setattr(fitting, "fit_metric", fail)
    assert metric_for(Pool.of(base, "class_derived"), "none", group="plate") == fitting.FittedMetric()
    assert not (base.path / "metrics").exists()


def test_a_metric_that_does_not_help_is_left_out_unless_asked_for(base, monkeypatch):
    real = fitting.fit_metric

    def useless(*args, **more):
        metric, report = real(*args, **more)
        return metric, fitting.MetricReport(**{**report.to_dict(), "helps": False})

    monkeypatch.setattr(fitting, "fit_metric", useless)
    assert metric_for(Pool.of(base, "class_derived"), "auto", group="plate").metrics == ()
    assert metric_for(Pool.of(base, "class_derived"), "auto", group="plate").about["name"] == "none"
    assert metric_for(Pool.of(base, "class_derived"), "linear", group="plate").metric is not None


def test_a_hunt_among_the_same_objects_has_the_metric_of_the_classification(base, monkeypatch):
    """And one among others has its own."""
    first = metric_for(Pool.of(base, "class_derived"), group="plate")
    known = sorted({label for label in LABELS if label})
    classes = {"this": [known[0]], "other": ["*"]}
    target = Target(name="one of them", label="class_derived", positive="this", classes=classes)
    monkeypatch.setattr(fitting, "fit_metric", fail)
    again = metric_for(Pool.of(base, target=target), group="plate")
    assert [m.fingerprint for m in again.metrics] == [m.fingerprint for m in first.metrics]
    some = target.model_copy(update={"filter": f"object_id != '{IDS[-1]}'"})
    with pytest.raises(AssertionError, match="fitted again"):
        metric_for(Pool.of(base, target=some), group="plate")


def test_it_is_kept_with_the_base_and_fitted_again_when_the_base_changes(base, monkeypatch):
    first = metric_for(Pool.of(base, "class_derived"), group="plate")
    monkeypatch.setattr(fitting, "fit_metric", fail)
    again = metric_for(Pool.of(KnowledgeBase.open(base.path), "class_derived"), group="plate")
    assert [m.fingerprint for m in again.metrics] == [m.fingerprint for m in first.metrics]
    assert again.report == first.report
    monkeypatch.undo()
    kept = list((base.path / "metrics").iterdir())
    base.delete("split = 'test'")
    changed = metric_for(Pool.of(base, "class_derived"), group="plate")
    assert changed.metric.fingerprint != first.metric.fingerprint
    assert not kept[0].exists()


def test_a_torn_file_is_fitted_again(base):
    first = metric_for(Pool.of(base, "class_derived"), group="plate")
    [path] = (base.path / "metrics").iterdir()
    path.write_bytes(path.read_bytes()[:40])
    again = metric_for(Pool.of(KnowledgeBase.open(base.path), "class_derived"), group="plate")
    assert again.metric.fingerprint == first.metric.fingerprint


def test_a_base_that_may_only_be_read_is_fitted_once_a_session(base, monkeypatch):
    def refuse(*_):
        raise OSError("read-only file system")

    monkeypatch.setattr("spectrove.knowledge.files.Folder.write", refuse)
    first = metric_for(Pool.of(base, "class_derived"), group="plate")
    monkeypatch.setattr(fitting, "fit_metric", fail)
    assert metric_for(Pool.of(base, "class_derived"), group="plate").metrics is first.metrics


def test_linear_without_labels_is_refused_with_the_reason(base):
    with pytest.raises(KnowledgeError, match=r"no metric can be fitted on survey\. Fewer than two classes"):
        metric_for(Pool.of(base, "survey"), "linear", group="plate")


def test_only_objects_that_are_searched_are_seen():
    """Lies in the labels of the test split change nothing where the train split is searched."""
    lies = [CLASSES[(i + 1) % 3] if i < 20 else c for i, c in enumerate(LABELS)]
    prints = {
        where: [
            metric_for(
                Pool.of(base, "class_derived", where=where), "linear", group="plate"
            ).metric.fingerprint
            for base in (
                make("memory://base"),
                make("memory://base", lies),
            )
        ]
        for where in ("split = 'train'", None)
    }
    assert prints["split = 'train'"][0] == prints["split = 'train'"][1]
    assert prints[None][0] != prints[None][1]


def test_the_label_of_an_object_of_the_base_has_no_part_in_its_own_answer():
    """The settings apart, which all labels choose together: its metric is that of its fold, by id and by place."""
    query, lies = embedded(IDS[:1], VECTORS[:1]), ["LINER", *LABELS[1:]]
    here = spectra_of(["elsewhere"], [{"ra": 0.0, "dec": 1.0 / 3600}])
    told = []
    for labels in (LABELS, lies):
        base = make("memory://base", labels)
        known = base.searched(labelled="class_derived")
        report = metric_for(Pool.of(make("memory://base"), "class_derived"), group="plate").report
        metrics = [
            metric_for(Pool.of(base, "class_derived"), "linear", group="plate").metric,
            *fitting.fold_metrics(known.vectors, known.values, known.fold, fitting.FOLDS, report),
        ]
        by_id = base.search(query, 5, labelled="class_derived", metric=metrics)
        by_place = base.search(
            embedded(["elsewhere"], VECTORS[:1]), 5, spectra=here, labelled="class_derived", metric=metrics
        )
        told.append((by_id.object_id.tolist(), by_id.distance / by_id.scale, metrics[0].fingerprint))
        assert by_place.object_id.tolist() == by_id.object_id.tolist()
    assert told[0][0] == told[1][0]
    assert_allclose(told[0][1], told[1][1], rtol=1e-12)
    assert told[0][2] != told[1][2]


def test_answers_with_a_metric_depend_on_nobody_else(base):
    """Alone, in any batch and order, known and unknown together; and never on the queries' catalog values."""
    metrics = metric_for(Pool.of(base, "class_derived"), group="plate").metrics
    ids, vectors = np.concatenate([IDS[:20], NEW]), np.vstack([VECTORS[:20], NEW_VECTORS])
    lie = [{"class_derived": "LINER", "plate": 0, "z": 5.0} for _ in ids]

    def told(index, spectra=None):
        query = embedded(ids[index], vectors[index])
        found = base.search(query, 5, spectra=spectra, labelled="class_derived", metric=metrics)
        return {p.object_id: p.to_dict() for p in classify(found, "class_derived")}

    everybody = np.random.default_rng(3).permutation(len(ids))
    together = told(everybody)
    for i in range(0, len(ids), 5):
        assert told(np.array([i]))[ids[i]] == together[ids[i]]
    assert told(everybody, spectra_of(ids, lie)) == together


def test_a_hunt_is_judged_by_its_classes_and_fitted_on_the_values(base):
    fitted = metric_for(Pool.of(base, target=load_target("liner")), group="plate")
    assert fitted.report.classes == ("LINER", "SF", "quiescent")
    assert fitted.label == "class_derived"
    other = load_target("liner").model_copy(update={"filter": "plate > 3"})
    assert (
        metric_for(Pool.of(base, target=other), "linear", group="plate").metric.fingerprint
        != fitted.metric.fingerprint
    )


def joined(base, **columns):
    """The base with these columns, whose given values win."""
    base.add_columns(pa.table({"object_id": IDS.tolist(), **columns}), Source("t"), existing="replace")


def keys(base):
    """What identifies a metric, a calibration, an estimate, a condition, common residuals and outliers of a base."""
    pool = Pool.of(base, "class_derived", where="use > 0")
    reference_of(base, {"shape": 1.0}, "plate")
    return {
        "metric": fitting._identity(pool, "plate"),
        "calibration": calibrating._identity(pool, FittedMetric(), Terms(group="plate")),
        "estimate": of_base._contents(of_base.Setting(base, Quantity("age"), 3, None, "plate")),
        "condition": ConditionSetting(base, Condition.parse("age > 3"), GALAXIES).key(),
        "residuals": residuals_key(base, None, "use > 0"),
        "outliers": set(base.files.names("outliers")),
    }


LABELLED = {"metric", "calibration"}
NUMBERS = {"estimate", "condition"}


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ({"extra": [1.0] * N}, set()),
        ({"age_err": [0.2] * N}, NUMBERS),
        ({"age": [float(i % 7) for i in range(N)]}, NUMBERS),
        ({"class_derived": ["SF", *LABELS[1:-1], "SF"]}, LABELLED),
        ({"use": [0, *[1] * (N - 1)]}, {*LABELLED, "residuals"}),
        ({"plate": [i // 8 for i in range(N)]}, {*LABELLED, *NUMBERS, "outliers"}),
    ],
    ids=["unread", "errors", "values", "labels", "where", "groups"],
)
def test_a_joined_column_renews_the_fits_that_read_it_and_no_other(changed, again):
    base = make("memory://base")
    joined(base, use=[1] * N, age=[float(i % 5) for i in range(N)], age_err=[0.1] * N)
    before = keys(base)
    joined(base, **changed)
    after = keys(base)
    assert {name for name in before if after[name] != before[name]} == again


def test_joined_labels_give_the_metric_of_a_base_that_always_had_them(base, monkeypatch):
    """And before any is joined that it reads, the metric is read from its file."""
    first = metric_for(Pool.of(base, "class_derived"), group="plate")
    joined(base, extra=[1.0] * N)
    with monkeypatch.context() as patch:
        patch.setattr(fitting, "fit_metric", fail)
        same = metric_for(Pool.of(KnowledgeBase.open(base.path), "class_derived"), group="plate")
    assert same.metric.fingerprint == first.metric.fingerprint
    others = ["SF" if label == "LINER" and i < 60 else label for i, label in enumerate(LABELS)]
    joined(base, class_derived=others)
    again = metric_for(Pool.of(base, "class_derived"), group="plate")
    fresh = metric_for(Pool.of(make("memory://fresh", others), "class_derived"), group="plate")
    assert again.metric.fingerprint == fresh.metric.fingerprint != first.metric.fingerprint


def test_order_of_rows_another_column_and_writing_again_change_nothing(base):
    """Neither folds nor fits know in which order, or how often, the objects were written."""
    order = np.random.default_rng(1).permutation(N)
    more = [row | {"extra": float(i)} for i, row in enumerate(rows())]
    shuffled = (
        spectra_of(IDS[order], [more[i] for i in order]),
        {"shape": embedded(IDS[order], VECTORS[order])},
    )
    other = KnowledgeBase.in_memory(*shuffled, encoder="made")
    again = make("memory://base")
    again.upsert(*shuffled)
    query = embedded(NEW, NEW_VECTORS)
    answers = []
    for one in (base, other, again):
        fitted = metric_for(Pool.of(one, "class_derived"), "linear", group="plate")
        found = one.search(query, 3, labelled="class_derived", metric=fitted.metrics)
        known = one.searched(labelled="class_derived")
        answers.append((fitted.metric.matrix, known.fold, found.object_id, found.distance))
    for answer in answers[1:]:
        for value, expected in zip(answer, answers[0], strict=True):
            np.testing.assert_array_equal(value, expected)


def test_what_is_fitted_is_shown_in_a_line():
    """No arrays: what it is of, or why there is none."""
    from spectrove.inference.calibration.of_base import FittedCalibration
    from spectrove.inference.metric.of_base import FittedMetric
    from spectrove.inference.numbers.estimate import Estimate

    assert repr(FittedMetric()) == "<FittedMetric: none was requested>"
    assert (
        repr(FittedCalibration(reason="3 objects are too few."))
        == "<FittedCalibration none, 3 objects are too few.>"
    )
    estimate = Estimate("a", "d4000n", 1.25, (1.2, 1.3), "", 0.68, True, "", 0.5, 1.2, (), ())
    assert repr(estimate) == "<Estimate a: d4000n 1.25 [1.2 1.3]>"
    unsure = Estimate("a", "vdisp", None, None, "km/s", 0.68, False, "few.", 0.5, None, (), ())
    assert repr(unsure) == "<Estimate a: vdisp unknown>"
