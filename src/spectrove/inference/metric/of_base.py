"""Metric of a base: fitted once on its own labels and stored in KB/metrics/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from spectrove.errors import KnowledgeError
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.inference.metric.linear import LinearMetric, MetricReport, fit_metric, fold_metrics
from spectrove.inference.pool import Pool
from spectrove.inference.sample import METRIC, stratified, taken
from spectrove.knowledge import FOLDS
from spectrove.provenance import canonical_json
from spectrove.targets import MetricMode, label_text

#: Increased whenever the same labels and vectors give another metric.
METRIC_VERSION = 2

#: The same of one that is fitted to a sample.
SAMPLED_VERSION = 1

#: The metric, those of the folds, and their quality.
Kept = tuple[tuple[LinearMetric, ...], MetricReport]


@dataclass(frozen=True)
class FittedMetric:
    """The metric used for a question, if any, and its quality.

    Attributes:
        metrics: For `KnowledgeBase.search`: the metric, then one for each fold of the base, fitted without the
            labels of that fold. Empty if no metric was requested or it would not help.
        report: None if no metric was requested.
        label: The label column.
    """

    metrics: tuple[LinearMetric, ...] = ()
    report: MetricReport | None = None
    label: str = ""

    def __repr__(self) -> str:
        return f"<FittedMetric: {self.sentence or 'none was requested'}>"

    @property
    def metric(self) -> LinearMetric | None:
        """The metric for queries outside the base."""
        return self.metrics[0] if self.metrics else None

    @property
    def about(self) -> dict[str, Any]:
        """Plain values: the metric, its label column and its cross-validated quality."""
        name = "none" if self.metric is None else "linear"
        if self.report is None:
            return {"name": name}
        return {"name": name, "label": self.label, **self.report.to_dict()}

    @property
    def sentence(self) -> str:
        """The same as a sentence; "" if no metric was requested."""
        if self.report is None:
            return ""
        if self.report.reason:
            return f"no metric: {self.report.reason}"
        used = "distances in a metric fitted on" if self.metric else "plain distances; a metric fitted on"
        return (
            f"{used} {self.label} (macro F1 {self.report.f1:.3f} with it, {self.report.plain_f1:.3f} without, "
            f"{self.report.n_folds} folds)"
        )


def metric_for(pool: Pool, mode: MetricMode = "auto", *, group: str) -> FittedMetric:
    """The metric for a vote on a label column or for a hunt.

    It is fitted on the searched objects, and an object of the base is answered in a metric fitted without its label.
    With a target the metric is fitted on the values of its label column, which are finer than its classes, and judged
    by the vote on these values: a hunt and a classification by the same column use the same distances.

    Args:
        pool: The objects searched; a metric fitted before on this version of the base is kept with it.
        mode: "auto" uses a metric if it improves the cross-validated vote, "linear" always, "none" never.
        group: Objects with equal values in this column are never on both sides of a fold; "" where they stand alone.

    Raises:
        KnowledgeError: The mode is "linear" and no metric can be fitted.
    """
    if mode == "none":
        return FittedMetric()
    fit = partial(_fit, pool, group)
    metrics, report = fitted_once(
        pool.base, "metrics", _identity(pool, group), fit, _to_arrays, _from_arrays,
        doing=f"fitting a metric on {pool.column}",
    )  # fmt: skip
    if mode == "linear" and report.reason:
        raise KnowledgeError(
            f"{pool.base.path}: no metric can be fitted on {pool.column}. {report.reason} Ask without a metric, or add "
            "labelled objects."
        )
    use = mode == "linear" or report.helps
    return FittedMetric(metrics if use else (), report, pool.column)


def _identity(pool: Pool, group: str) -> str:
    """Everything the metric depends on, as text.

    The objects with their labels say what was asked about: a hunt and a classification that search the same objects
    have one metric.
    """
    return canonical_json(
        {
            "metric_version": METRIC_VERSION,
            "objects": pool.contents(group),
            "views": pool.view_identity,
            **pool.learned(group, METRIC),
            **({"sampled_version": SAMPLED_VERSION} if pool.learned(group, METRIC) else {}),
        }
    )


def _fit(pool: Pool, group: str) -> Kept:
    known = pool.sample(group).known
    texts = [label_text(value) or "" for value in known.values]
    # Of a small base the metric stays to the last digit what it was.
    if quick := len(texts) > METRIC:
        known = taken(known, stratified(known.hashes, texts, METRIC))
    labels = [label_text(value) for value in known.values]
    groups = [label_text(value) for value in known.groups]
    metric, report = fit_metric(known.vectors, labels, groups, quick=quick)
    if report.reason:
        return (metric,), report
    return (metric, *fold_metrics(known.vectors, labels, known.fold, FOLDS, report, quick=quick)), report


def _to_arrays(kept: Kept) -> Content:
    metrics, report = kept
    arrays = {f"matrix_{i}": m.matrix for i, m in enumerate(metrics)}
    arrays |= {f"mean_{i}": m.mean for i, m in enumerate(metrics)}
    return arrays, {"report": json.dumps(report.to_dict()), "n": str(len(metrics))}


def _from_arrays(arrays: Arrays, texts: Mapping[str, str]) -> Kept:
    pairs = [(arrays[f"matrix_{i}"], arrays[f"mean_{i}"]) for i in range(int(texts["n"]))]
    return tuple(LinearMetric(*pair) for pair in pairs), MetricReport.from_dict(json.loads(texts["report"]))
