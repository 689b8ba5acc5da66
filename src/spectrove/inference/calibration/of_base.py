"""Calibration of a base: fitted once on its own labels and kept with it, in KB/calibrations/."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from spectrove.domain import ClassWitness, Residuals
from spectrove.inference.calibration.classes import MOST_CLASSES, hunted, kinds_of, prior_of
from spectrove.inference.calibration.features import NEAREST, for_classes, quality_of
from spectrove.inference.calibration.logistic import Logistic
from spectrove.inference.calibration.model import Calibration, CalibrationReport, fit_calibration
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.inference.metric.of_base import FittedMetric
from spectrove.inference.pool import Pool
from spectrove.inference.sample import CALIBRATED, Sample
from spectrove.inference.terms import Terms
from spectrove.knowledge.classwise import Among
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.statistics import thinned
from spectrove.targets import Target, label_text
from spectrove.targets.target import id_hash
from spectrove.work import counted

#: Calibrate probabilities on the labels of the base if there are enough of them, or never.
CalibrationMode = Literal["auto", "none"]

#: Increased whenever the same labels and vectors give another calibration.
CALIBRATION_VERSION = 4

#: Least number of objects of the hunted class (without a target, of each of two classes), and of groups.
FEWEST_OBJECTS = 30
FEWEST_GROUPS = 5

#: A question requires the measurement of its witness unless a larger fraction of the labelled objects lacks it.
MOST_UNCOVERED = 0.05

#: Objects measured to decide this in a base without a calibration.
FEW = 60

#: Most objects used in the fit; of a larger base each class contributes an equal part.
MOST_OBJECTS = 4000

#: Spectra read at once.
BLOCK = 512


@dataclass(frozen=True)
class FittedCalibration:
    """The calibration used for a question, or the reason why there is none.

    Attributes:
        calibration: None if probabilities are plain vote shares.
        reason: Why there is no calibration, a sentence; "" if there is one or none was requested.
        pool: The objects searched; the threshold of its target is a number.
        metric: The metric in which distances are measured.
        terms: The witness and signs that the question may use, whatever its classes.
        witness: The same witness for the classes of this question.
        required: Whether the question requires these measurements: nearly all labelled objects of the base have them.
        residuals: The terms of the hunted class, if the calibration uses them.
    """

    calibration: Calibration | None = None
    reason: str = ""
    pool: Pool | None = None
    metric: FittedMetric | None = None
    terms: Terms = field(default_factory=Terms)
    witness: ClassWitness | None = None
    required: bool = False
    residuals: Residuals | None = None

    def __repr__(self) -> str:
        known = self.calibration
        what = f"of {', '.join(known.classes)}" if known else f"none, {self.reason or 'as was requested'}"
        return f"<FittedCalibration {what}>"

    def searching(self, pool: Pool) -> FittedCalibration:
        """The same calibration, among other objects."""
        return self if self.calibration is None else replace(self, pool=pool)

    def measure(self, spectra: SpectrumSet) -> NDArray[np.float64] | None:
        """The measurement of each spectrum for the witness, (n_spectra, n_values); None without a witness."""
        if self.witness is None or self.terms.witness is None:
            return None
        return self.terms.witness.measure(spectra)

    def settled(self, target: Target) -> Target:
        """The target with a numerical threshold: "f1" becomes the threshold of largest expected F1 in the population.

        It becomes 0.5 if nothing is calibrated.
        """
        if target.threshold != "f1":
            return target
        known = self.calibration
        limit = (
            target.limit
            if known is None
            else known.best_f1(hunted(known.kinds, known.classes, target), prior_of(known, target))
        )
        return target.model_copy(update={"threshold": limit})

    def prevalence(self, target: Target) -> float | None:
        """The prevalence of the hunted class assumed by the probabilities; None if nothing is calibrated."""
        known = self.calibration
        if known is None:
            return None
        prior = prior_of(known, target)
        shares = known.base_prior if prior is None else prior
        return float(shares[hunted(known.kinds, known.classes, target)].sum())

    @property
    def about(self) -> dict[str, Any]:
        """Plain values: whether probabilities are calibrated, and the measures of the calibration."""
        if self.calibration is None:
            return {"calibrated": False, **({"reason": self.reason} if self.reason else {})}
        report = asdict(self.calibration.report)
        report.pop("reason")
        return {"calibrated": True, "label": self.pool.column if self.pool else "", **report}

    @property
    def sentence(self) -> str:
        """The same as a sentence; "" if no calibration was requested."""
        if self.calibration is None:
            return f"plain vote shares, not calibrated: {self.reason}" if self.reason else ""
        report = self.calibration.report
        form = " and ".join([report.form, *self.terms.titles(report.witnesses)])
        return (
            f"probabilities calibrated on {report.n_objects} objects of {report.n_groups} {self.terms.groups} by "
            f"{form} (log-loss {report.log_loss:.3f}, five votes {report.vote_log_loss:.3f}, own "
            f"{self.terms.group_noun} left out)"
        )


def calibration_for(
    pool: Pool,
    mode: CalibrationMode = "auto",
    *,
    metric: FittedMetric | None = None,
    terms: Terms | None = None,
) -> FittedCalibration:
    """The calibration of a vote on a label column or of a hunt.

    It is fitted on the searched objects. Each is answered without itself and its group, in a metric fitted without
    its fold. The evidence for a class does not depend on the number of its objects in the base. The few parameters are
    fitted to all objects, so an object of the base that is classified again has contributed to them as one of many.

    Args:
        pool: The objects searched; a calibration fitted before on this version of the base is kept with it.
        mode: "auto" calibrates if there are enough labels, "none" never.
        metric: From `metric_for` with the same pool.
        terms: The witness and signs that the question uses, from `terms_of`.
    """
    if mode == "none":
        return FittedCalibration()
    metric, terms = metric or FittedMetric(), terms or Terms()
    key = _identity(pool, metric, terms)
    fit = partial(_fit, pool, metric, terms)
    made = fitted_once(
        pool.base, "calibrations", key, fit, _to_arrays, _from_arrays, doing=f"fitting probabilities {_of(pool)}"
    )  # fmt: skip
    if isinstance(made, str):
        witness, required = pool.base.remember(("witness of", key), partial(_witness_alone, pool, terms))
        return FittedCalibration(reason=made, terms=terms, witness=witness, required=required)
    witness = terms.witness.of_classes(made.kinds) if terms.witness else None
    used = any(witness is None or name != witness.name for name in made.report.witnesses)
    calibrated = FittedCalibration(
        made, "", pool, metric, terms, witness, made.report.needs_lines,
        terms.residuals(pool) if used else None,
    )  # fmt: skip
    if pool.target is None:
        return calibrated
    return replace(calibrated, pool=replace(pool, target=calibrated.settled(pool.target)))


def _of(pool: Pool) -> str:
    return (
        f"of {pool.target.positive} ({pool.target.name})"
        if pool.target
        else f"of the classes of {pool.label}"
    )


def _identity(pool: Pool, metric: FittedMetric, terms: Terms) -> str:
    """Everything the calibration depends on, as text.

    Bases that were calibrated before a target could name its signs must find their calibrations: whether it names any
    is written as it was then, and which ones is in the key of the residuals.
    """
    target, described = pool.target, None
    if target is not None:
        kept = {"label", "classes", "positive", "composition", "filter"}
        described = target.model_dump(mode="json", include=kept) | {"second_redshift": bool(target.signs)}
    return canonical_json(
        {
            "calibration_version": CALIBRATION_VERSION,
            "objects": pool.contents(terms.group),
            "views": pool.view_identity,
            "metric": [m.fingerprint for m in metric.metrics],
            "label": pool.label or None,
            "target": described,
            "where": pool.where,
            "residuals": terms.key_of_residuals(pool),
            "lines": terms.identity,
            **pool.learned(terms.group),
            **({"calibrated": CALIBRATED} if pool.learned(terms.group) else {}),
        }
    )


@dataclass(frozen=True)
class _Objects:
    """The labelled objects that a calibration is fitted on.

    Attributes:
        object_id: Shape (n_objects,).
        kind: Subclass of each, and `kinds` the subclass of each label value.
        group: Number of the group of each; objects of one group are never compared.
        among: The objects to which their distances are measured; None for all of the base.
        counts: Objects of each subclass in the whole base.
    """

    object_id: list[str]
    kind: NDArray[np.str_]
    kinds: Mapping[str, str]
    group: NDArray[np.int64]
    among: Among | None
    counts: Mapping[str, int]


def _fit(pool: Pool, metric: FittedMetric, terms: Terms) -> Calibration | str:
    """The calibration, or a report with the reason why there is none."""
    objects = _objects(pool, terms)
    if isinstance(objects, str):
        return objects
    residuals = terms.residuals(pool)
    blocks = _blocks(pool, metric, terms, objects, residuals)
    classes = blocks[0].classes
    truth = np.array([classes.index(name) for name in objects.kind.tolist()])
    features: dict[str, NDArray[np.float64]] = {}
    witness = terms.witness.of_classes(objects.kinds) if terms.witness else None
    measured = None
    if witness is not None and terms.witness is not None:
        measured = terms.witness.of_base(pool.base, objects.object_id)
        features[witness.name] = witness.support(measured)
    if residuals is not None and pool.target is not None:
        signs = np.concatenate([part.signs for part in blocks])
        spoken = for_classes(signs, hunted(objects.kinds, classes, pool.target))
        features |= {name: spoken[:, :, j] for j, name in enumerate(residuals.names)}
    # One thread: its matrices are small, and threads that wait for each other on a busy machine take ten times as long.
    with threadpool_limits(1, user_api="blas"):
        made = fit_calibration(
            np.concatenate([part.distance for part in blocks]), truth, objects.group,
            np.concatenate([part.quality for part in blocks]), classes,
            np.array([objects.counts[name] for name in classes]), witnesses=features,
        )  # fmt: skip
    required = measured is not None and _required(measured)
    report = replace(made.report, needs_lines=required)
    return replace(made, kinds=objects.kinds, report=report, among=objects.among)


def _objects(pool: Pool, terms: Terms) -> _Objects | str:
    """The objects to fit on, or why they are too few."""
    target, sample = pool.target, pool.sample(terms.group)
    known = sample.known
    values = [label_text(v) or "" for v in known.values]
    classes = _classes(target, sample) if target else None
    named = [classes[value] for value in values] if classes else values
    texts = np.array([label_text(g) or f"\x00{i}" for i, g in enumerate(known.groups)], dtype=str)
    if reason := _too_few(np.array(named, dtype=str), texts, target, terms.groups):
        return reason
    kinds = kinds_of(sample.counts, classes)
    names = np.array([kinds[value] for value in values], dtype=str)
    chosen = _thin(names, known.object_id, MOST_OBJECTS if sample.complete else CALIBRATED)
    _, group = np.unique(texts[chosen], return_inverse=True)
    counts: Counter[str] = Counter()
    for value, n in sample.counts.items():
        counts[kinds[value]] += n
    among = None if sample.complete else Among(known.object_id)
    return _Objects(known.object_id[chosen].tolist(), names[chosen], kinds, group, among, counts)


def _classes(target: Target, sample: Sample) -> dict[str, str]:
    """Class of each label value in the target, "" for none."""
    values = list(sample.counts)
    return {value: name or "" for value, name in zip(values, target.classes_of(values), strict=True)}


@dataclass(frozen=True)
class _Features:
    """What a block of objects is judged by.

    Attributes:
        classes: The subclasses.
        distance: To the nearest objects of each subclass, (n_objects, n_kinds, n_nearest).
        quality: Of the spectra, from `features.quality_of`.
        signs: Terms of the hunted class, (n_objects, n_terms); empty without any.
    """

    classes: tuple[str, ...]
    distance: NDArray[np.float64]
    quality: NDArray[np.float64]
    signs: NDArray[np.float64]


def _blocks(
    pool: Pool, metric: FittedMetric, terms: Terms, objects: _Objects, residuals: Residuals | None
) -> list[_Features]:
    """The features of the objects, each without itself and its group, in blocks."""
    base, ids = pool.base, objects.object_id
    exclude = terms.group if terms.group in base.columns else None
    blocks = []
    for start in counted("comparing labelled objects with each other", len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        spectra = base.spectra(part)
        query = {view: base.vectors_of(part, view) for view in pool.space.views}
        found = base.search_by_class(
            query, NEAREST, spectra=spectra, exclude_column=exclude, metric=metric.metrics, kinds=objects.kinds,
            among=objects.among, where=pool.where, **pool.arguments,
        )  # fmt: skip
        signs = residuals.signs(spectra) if residuals is not None else np.zeros((len(part), 0))
        blocks.append(_Features(found.classes, found.distance, quality_of(spectra), signs))
    return blocks


def _to_arrays(made: Calibration | str) -> Content | None:
    """Arrays and texts of a calibration; None for the reason why there is none."""
    if isinstance(made, str):
        return None
    models = (made.model, *made.resampled)
    arrays = {
        "counts": made.counts, "known": made.known, "quality": made.quality, "own": made.own,
        "coef": np.stack([m.coef for m in models]), "intercept": np.stack([m.intercept for m in models]),
        "left_out": made.left_out, "truth": made.truth,
    }  # fmt: skip
    if made.among is not None:
        arrays["among"] = np.frombuffer(json.dumps(made.among.object_id.tolist()).encode(), dtype=np.uint8)
    return arrays, {
        "classes": json.dumps(made.classes),
        "kinds": json.dumps(dict(made.kinds)),
        "far": repr(made.far),
        "report": json.dumps(asdict(made.report)),
    }


def _from_arrays(arrays: Arrays, texts: Mapping[str, str]) -> Calibration | str:
    """The calibration from the output of `_to_arrays`."""
    models = [Logistic(c, i) for c, i in zip(arrays["coef"], arrays["intercept"], strict=True)]
    report: dict[str, Any] = json.loads(texts["report"])
    report["witnesses"] = tuple(report["witnesses"])
    among = Among(np.array(json.loads(arrays["among"].tobytes()), dtype=str)) if "among" in arrays else None
    return Calibration(
        tuple(json.loads(texts["classes"])), arrays["counts"], arrays["known"], models[0], tuple(models[1:]),
        arrays["quality"], arrays["left_out"], arrays["truth"], arrays["own"],
        float(texts["far"]), CalibrationReport(**report), json.loads(texts["kinds"]), among,
    )  # fmt: skip


def _witness_alone(pool: Pool, terms: Terms) -> tuple[ClassWitness | None, bool]:
    """The witness of a question without a calibration, and whether the question requires its measurement."""
    if terms.witness is None:
        return None, False
    known = pool.searched()
    witness = terms.witness.of_classes({text: text for v in known.values if (text := label_text(v))})
    if witness is None:
        return None, False
    order = np.argsort([id_hash(name) for name in known.object_id.tolist()], kind="stable")
    return witness, _required(terms.witness.of_base(pool.base, known.object_id[order[:FEW]].tolist()))


def _required(measured: NDArray[np.float64]) -> bool:
    return bool(np.mean(np.isnan(measured).any(axis=1)) <= MOST_UNCOVERED)


def _too_few(names: NDArray[np.str_], groups: NDArray[np.str_], target: Target | None, noun: str) -> str:
    """Why the labels are too few for a calibration; "" if they suffice."""
    counted, sizes = np.unique(names, return_counts=True)
    counts = dict(zip(counted.tolist(), sizes.tolist(), strict=True))
    if target and counts.get(target.positive, 0) < FEWEST_OBJECTS:
        n = counts.get(target.positive, 0)
        return f"{n} known objects are {target.positive}, a calibration needs {FEWEST_OBJECTS}."
    if sum(n >= FEWEST_OBJECTS for n in counts.values()) < 2:
        return f"a calibration needs two classes of {FEWEST_OBJECTS} known objects each."
    if len(counts) > MOST_CLASSES:
        return f"{len(counts)} different labels are known, a calibration takes {MOST_CLASSES} at most."
    if len(np.unique(groups)) < FEWEST_GROUPS:
        return (
            f"the known objects are of {len(np.unique(groups))} {noun}, a calibration needs {FEWEST_GROUPS}."
        )
    return ""


def _thin(names: NDArray[np.str_], object_id: NDArray[np.str_], most: int) -> NDArray[np.int64]:
    """Positions of at most `most` objects, in order, with an equal limit for each class.

    Objects are chosen by a hash of their ids, not by row order.
    """
    if len(names) <= most:
        return np.arange(len(names))
    order = np.argsort([id_hash(name) for name in object_id.tolist()], kind="stable")
    return thinned(names, order, most // len(np.unique(names)))
