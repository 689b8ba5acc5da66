"""The table of encoders: every method answers the same queries, nothing leaks, and a stopped run goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from experiments.encoders import cells, methods, rows
from experiments.encoders import run as encoders
from experiments.encoders.cells import Job, list_jobs, make_cell
from experiments.encoders.rows import Row, Trained
from experiments.encoders.run import QUESTIONS, evaluate_encoders, table_text
from experiments.encoders.voters import SUPERVISED, called_by_probability, class_probabilities
from experiments.samples.problems import COPY, Data, Sizes
from experiments.samples.surveys import MOCK_SEED
from spectrove.errors import DatasetError, LeakError, RecipeError
from spectrove.evaluation.metrics import class_scores, resampled
from spectrove.evaluation.noise import degrade
from spectrove.evaluation.protocol import Fold
from spectrove.pipeline.shipped import load_target

SIZES = Sizes(n_mock=100, n_hosts=60)


class Oracle(Row):
    """Knows the truth, and counts how often it was asked."""

    name, note, variants = "oracle", "knows the truth", (SUPERVISED,)
    asked = 0
    version = "1"

    def identity(self, trained):
        return self.version

    def answer(self, problem, trained, k):
        Oracle.asked += 1
        return {
            (task, SUPERVISED): problem.truth(task)[np.concatenate(problem.queries(task))]
            for task in problem.tasks
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("table")


@pytest.fixture(scope="module")
def data(folder):
    return Data(folder / "data", None, SIZES)


@pytest.fixture(scope="module")
def lens(data):
    return data.problem("mock", "lens", 0)


@pytest.fixture
def with_oracle(monkeypatch):
    """The table with one more method."""
    known = (*methods.ROWS, Oracle())
    for module in (methods, encoders):
        monkeypatch.setattr(module, "ROWS", known)
    monkeypatch.setattr(cells, "row_named", lambda name: next(r for r in known if r.name == name))
    monkeypatch.setattr(encoders, "row_named", cells.row_named)
    Oracle.asked, Oracle.version = 0, "1"
    return known


def measure(folder, **options):
    said = {"n_mock": SIZES.n_mock, "seeds": 1, "workers": 1, "only": ["oracle", "EM-PCA", "random forest"]}
    return evaluate_encoders(folder, **(said | options))


def test_the_table_has_every_method_and_every_task(folder, with_oracle):
    """Each figure with its interval; the oracle is never wrong, and everybody answers the same queries."""
    table = measure(folder)
    tasks = ["3-class", "5-class", "LINER", "lens", "lens, other lines", "outlier"]
    for method, metric in (("EM-PCA", "none"), ("EM-PCA", "auto"), ("random forest", ""), ("oracle", "")):
        own = [r for r in table.rows if (r["method"], r["metric"]) == (method, metric)]
        assert [r["task"] for r in own] == tasks
        assert all(r["f1_low"] <= r["f1"] <= r["f1_high"] for r in own)
        assert {r["part"] for r in own} == {"mock"}
    called = [r["task"] for r in table.rows if (r["method"], r["metric"]) == ("EM-PCA", "f1")]
    assert called == ["LINER", "lens", "lens, other lines", "outlier"]  # where one class is hunted
    for task in tasks:
        assert len({(r["n"], r["class"]) for r in table.rows if r["task"] == task}) == 1
    perfect = [r for r in table.rows if r["method"] == "oracle" and r["task"].startswith("lens")]
    assert [r["f1"] for r in perfect] == [1.0, 1.0]
    pca = {(r["task"], r["metric"]): r for r in table.rows if r["method"] == "EM-PCA"}
    assert pca["lens", "none"]["minus_pca"] is None
    for r in perfect:
        assert_allclose(r["minus_pca"], 1 - pca[r["task"], "none"]["f1"])
        assert r["minus_cnn"] is None
    text = table_text(table)
    assert "EM-PCA + metric" in text
    assert "real half" not in text
    page = (folder / "encoders.md").read_text()
    assert "F1 less that of EM-PCA" in page
    assert "knows the truth" in page
    assert (folder / "encoders.png").stat().st_size > 5000


def test_a_stopped_run_goes_on_and_only_what_changed_is_measured_again(folder, with_oracle):
    """Answers are kept by what decides them: the method, the problem, and K where neighbours vote."""
    first = measure(folder, only=["oracle"])
    asked = Oracle.asked
    assert asked <= 3
    (folder / "cells" / "oracle_mock_lens_0.json").unlink()
    again = measure(folder, only=["oracle"])
    assert Oracle.asked == asked + 1
    assert [r["f1"] for r in again.rows] == [r["f1"] for r in first.rows]
    measure(folder, only=["oracle"], k=5)
    assert Oracle.asked == asked + 1
    Oracle.version = "2"
    measure(folder, only=["oracle"], k=5)
    assert Oracle.asked == asked + 4


@pytest.mark.parametrize(("row", "same"), [("PCA", False), ("random forest", True)])
def test_k_matters_where_neighbors_vote(folder, row, same):
    three, five = (Job(row, "mock", "classes", 0, folder, None, SIZES, k).key() for k in (3, 5))
    assert (three == five) is same


def test_the_methods_of_the_issue_are_all_there():
    """Baselines, our encoders in three kinds of training, and supervised ones; for each a job in each problem."""
    names = {row.name for row in methods.ROWS}
    assert names >= {
        "raw pixels", "PCA", "EM-PCA", "galspecencoder_small", "spender-style", "self-supervised", "base",
        "base + real measurements", "random forest", "GalSpecNet", "supervised Transformer", "supervised CNN",
    }  # fmt: skip
    problems, _ = QUESTIONS["encoders"]
    template = Job("", "", "", 0, None, None, SIZES, 3)
    mock = list_jobs(methods.ROWS, template, problems, 3)
    assert {job.part for job in mock} == {"mock"}
    both = list_jobs(methods.ROWS, replace(template, real="folder"), problems, 3)
    for row in methods.ROWS:
        wanted = {(p, n, s) for p, n in problems for s in range(3) if row.answers(p, n)}
        assert {(j.part, j.name, j.seed) for j in both if j.row == row.name} == wanted
    assert all(set(row.needs) <= set(methods.TRAININGS) for row in methods.ROWS)
    assert set(methods.NOISE_ROWS) <= names


def test_an_unknown_method_and_an_absent_folder_are_refused_first(tmp_path):
    with pytest.raises(RecipeError, match="EM-PCA; "):
        measure(tmp_path, only=["no such"])
    with pytest.raises(DatasetError, match=r"galaxies/index\.csv"):
        measure(tmp_path, only=["EM-PCA"], real=tmp_path)
    with pytest.raises(DatasetError, match="SPECTROVE_DATA"):
        measure(tmp_path, what="noise", only=["EM-PCA"])
    assert not (tmp_path / "cells").exists()


def test_an_encoder_that_is_not_there_is_left_out_with_a_sentence(folder, with_oracle, monkeypatch):
    """The other methods are measured."""
    row = rows.EncoderRow("absent", "not shipped", {"shape": "no_such_encoder"})
    monkeypatch.setattr(methods, "ROWS", (*with_oracle, row))
    monkeypatch.setattr(cells, "row_named", lambda name: next(r for r in methods.ROWS if r.name == name))
    table = measure(folder, only=["oracle", "absent"])
    assert {r["method"] for r in table.rows} == {"oracle"}
    [sentence] = table.absent
    assert "spectrove train no_such_encoder.toml" in sentence


def test_an_encoder_that_learned_from_a_query_stops_the_table(data, lens):
    """Also from the galaxy that a query was made of."""
    query = str(lens.spectra.object_id[lens.queries("lens, other lines")[0][0]])
    assert query.endswith(COPY)
    with pytest.raises(LeakError, match="were trained on"):
        rows.refuse_trained("x", frozenset({query.removesuffix(COPY)}), lens)
    rows.refuse_trained("x", frozenset(lens.spectra.object_id[lens.folds[0].base].tolist()), lens)
    fold = lens.folds[0]
    with pytest.raises(LeakError, match="groups"):
        replace(lens, folds=(Fold(np.append(fold.base, fold.queries[:1]), fold.queries),))


def test_what_is_refined_or_fitted_sees_the_base_of_its_fold_alone(lens, monkeypatch, tmp_path):
    """A query has no part in PCA, nor in a classifier's training, nor in refining."""
    base = set(lens.spectra.object_id[lens.folds[0].base].tolist())
    seen = []

    class Method:
        name, note, preprocess = "spy", "", methods.VECTOR_METHODS[2].preprocess

        def fit(self, prepared, *more):
            seen.append(set(prepared.object_id.tolist()))
            raise InterruptedError

    for row in (rows.FittedVectorsRow(Method()), rows.ClassifierRow(Method())):
        with pytest.raises(InterruptedError):
            row.answer(lens, Trained(tmp_path), 3)
    assert all(ids <= base for ids in seen)
    assert len(seen) == 2

    class Start(rows.NetworkEncoder):
        def __init__(self):
            self.training_ids = frozenset()

    def refine(start, spectra, **more):
        assert set(spectra.object_id.tolist()) <= base
        start.training_ids = frozenset(lens.spectra.object_id[lens.folds[0].queries[:1]].tolist())
        return start

    monkeypatch.setattr(Trained, "encoder", lambda self, name: Start())
    monkeypatch.setattr(rows, "refine", refine)
    monkeypatch.setattr(rows, "mock_share", lambda start, **more: None)
    with pytest.raises(LeakError, match="refined on"):
        rows.RefinedRow().views(lens, Trained(tmp_path))(0)


def test_lens_hunts_have_matched_controls(lens):
    """Lenses and controls are galaxies of one kind; the second task has the same hosts with other lines."""
    (expected,), (other,) = lens.queries("lens"), lens.queries("lens, other lines")
    hosts = [i.removesuffix(COPY) for i in lens.spectra.object_id[other].tolist()]
    assert hosts == lens.spectra.object_id[expected].tolist()
    assert np.array_equal(lens.truth("lens")[expected], lens.truth("lens")[other])
    assert set(np.array(lens.spectra.column("truth_class"))[expected]) == {"red"}
    share = (lens.truth("lens") == "lens").mean()
    assert 0.3 < share < 0.7
    behind = lens.spectra.column("truth_background")
    assert {behind[i] for i in other if lens.truth("lens")[i] == "lens"} <= {"lyman_alpha", "uv_lines"}
    assert {behind[i] for i in lens.folds[0].base if lens.truth("lens")[i] == "lens"} == {"galaxy"}
    assert not any(i.endswith(COPY) for i in lens.spectra.object_id[lens.folds[0].base].tolist())


def test_mock_problems_leave_out_what_spoils_their_labels(data):
    """Lines of lenses and outliers are not those of the host; and a lens is no ordinary galaxy."""
    classes, outlier = data.problem("mock", "classes", 0), data.problem("mock", "outlier", 0)
    assert set(classes.spectra.column("lens")) == set(classes.spectra.column("outlier")) == {"none"}
    assert set(outlier.spectra.column("lens")) == {"none"}
    assert set(outlier.truth("outlier")) == {"outlier", "none"}
    assert MOCK_SEED not in range(1000, 2000)


def test_a_difference_is_paired():
    """Two methods that err on the same objects differ by nothing, with no uncertainty; a better one is above it."""
    rng = np.random.default_rng(0)
    truth, groups = rng.choice(["a", "b"], 400), np.repeat(np.arange(40), 10)
    wrong = np.where(rng.random(400) < 0.3, "a", truth)
    better = np.where(rng.random(400) < 0.5, truth, wrong)
    one, same, two = (resampled([truth], [p], [groups], ["a", "b"]) for p in (wrong, wrong, better))
    zero = one.minus(same, "macro")
    assert (zero.value, zero.low, zero.high) == (0, 0, 0)
    gain = two.minus(one, "macro")
    assert gain.low > 0
    assert_allclose(gain.value, two.score("macro", "f1").value - one.score("macro", "f1").value)
    alone = [class_scores([truth], [p], [groups], ["a", "b"])["macro"]["f1"] for p in (wrong, better)]
    assert gain.high - gain.low < sum(s.high - s.low for s in alone)


def test_labels_are_summed_to_the_classes_of_a_target():
    """Composites belong to no class of the first and are "other" in the second."""
    labels = ("Composite", "LINER", "SF", "Seyfert2-like", "quiescent")
    probability = np.array([[0.5, 0.2, 0.1, 0.15, 0.05]])
    three = load_target("star_forming_agn_normal")
    assert_allclose(class_probabilities(probability, labels, three), [[0.1, 0.35, 0.05]])
    assert_allclose(class_probabilities(probability, labels, load_target("liner")), [[0.2, 0.8]])
    assert called_by_probability(probability, labels, three) == ["AGN"]


def test_the_most_probable_label_decides_between_two_classes():
    """A LINER at .4 among four others is one, though not by half; a label of no class is not heard."""
    labels = ("LINER", "SF", "none")
    spread = np.array([[0.4, 0.35, 0.25], [0.3, 0.6, 0.1], [0.2, 0.1, 0.7]])
    assert called_by_probability(spread, labels, load_target("liner")).tolist() == ["LINER", "other", "other"]
    outlier = load_target("outlier")
    assert called_by_probability(spread[:, 1:], ("outlier", "ignored"), outlier).tolist() == ["outlier"] * 3


def test_degraded_spectra_have_the_noise_that_their_ivar_says(lens):
    """Median S/N as asked for, residuals of one sigma, labels and fainter spectra as they were."""
    good = lens.spectra
    noisy = degrade(good, 5.0, seed=1)
    assert noisy.rows.equals(good.rows)
    for i in range(0, len(good), 7):
        before, after = good[i], noisy[i]
        ratio = [np.median(s.flux[s.good] * np.sqrt(s.ivar[s.good])) for s in (before, after)]
        if ratio[0] <= 5:
            assert np.array_equal(before.flux, after.flux)
            continue
        assert_allclose(ratio[1], 5, rtol=0.12)
        kept = before.good
        added = (after.flux - before.flux)[kept] / np.sqrt(1 / after.ivar[kept] - 1 / before.ivar[kept])
        assert_allclose(added.std(), 1, rtol=0.06)
    again = degrade(good.take(np.arange(3, 9)), 5.0, seed=1)
    assert np.array_equal(again.flux, noisy.take(np.arange(3, 9)).flux)


def test_a_cell_survives_its_file(folder, with_oracle):
    """What is read is what was written."""
    job = Job("oracle", "mock", "outlier", 0, folder, None, SIZES, 3)
    made = make_cell(job)
    kept = make_cell(job)
    assert json.dumps(vars(made)) == json.dumps(vars(kept))
    truth, predicted, groups = kept.outcome("outlier", SUPERVISED)
    assert np.array_equal(truth, predicted)
    assert len(groups) == len(truth)
