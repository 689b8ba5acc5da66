"""The study of label care: flips are counted as they were made, and the tiny study has every row."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.measure import measure
from experiments.studies.curation import report
from experiments.studies.curation import study as curation
from experiments.studies.curation.study import average_precision, wrong_labels
from experiments.studies.setting import Setting


def test_flips_are_as_many_as_asked_and_never_stay():
    """Unlabelled objects are left alone; confusable flips go to the neighbours named."""
    truth = np.array(["SF", "Composite", "quiescent", "LINER", ""] * 40)
    rng = np.random.default_rng(0)
    any_class = wrong_labels(truth, 0.1, "any class", rng)
    assert (any_class != truth).sum() == 16
    assert (any_class[truth == ""] == "").all()
    near = wrong_labels(truth, 1.0, "confusable class", rng)
    assert set(near[truth == "SF"]) == {"Composite"}
    assert set(near[truth == "quiescent"]) == {"LINER"}
    assert (near[truth != ""] != truth[truth != ""]).all()


def test_average_precision_by_hand():
    """Wrong labels at ranks 1 and 3: the mean of 1 and 2/3."""
    score, wrong = np.array([0.9, 0.5, 0.4, 0.1]), np.array([True, False, True, False])
    assert average_precision(score, wrong) == pytest.approx(5 / 6)


def test_one_repetition_has_the_interval_of_a_count():
    """Clopper-Pearson of 8 in 10; of several, Student's t around their mean."""
    assert report.interval([0.8], 8, 10) == pytest.approx((0.4439, 0.9748), abs=1e-4)
    low, high = report.interval([0.49, 0.5, 0.51])
    assert (low + high) / 2 == pytest.approx(0.5)
    assert high - low == pytest.approx(2 * 4.3027 * 0.01 / 3**0.5, rel=1e-3)


def test_a_tiny_study_has_findings_votes_and_a_figure(tmp_path, monkeypatch):
    """Mock alone, one draw, one level."""
    monkeypatch.setattr(curation, "DRAWS", 1)
    monkeypatch.setattr(curation, "FLIPS", ("any class",))
    for module in ("votes", "report"):
        monkeypatch.setattr(f"experiments.studies.curation.{module}.KINDS", {"any class": (0.2,)})
    made = measure("curation", Setting(tmp_path, seeds=1, n_mock=120))
    figures = {(r["task"], r.get("evidence") or r["vote"], r["figure"]) for r in made.rows}
    assert ("5-class", "neighbours and lines", "recall") in figures
    assert ("3-class", "neighbours", "precision") in figures
    assert ("5-class", "metric, pruned", "LINER F1") in figures
    recall = next(
        r for r in made.rows if r.get("evidence") == "neighbours and lines" and r["figure"] == "recall"
    )
    assert recall["part"] == "mock"
    assert recall["value"] > 0.5
    assert (tmp_path / "curation-mock.png").stat().st_size > 1000
    assert "20%" in made.text
    assert "not flipped" in made.text
