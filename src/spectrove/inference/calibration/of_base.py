"""Calibration of a base: fitted once on its own labels and stored in KB/calibrations/; and calibrated answers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.galaxies.line_witness import (
    LINES_VERSION,
    LineWitness,
    line_shares,
    line_shares_of_base,
    line_witness,
)
from spectrove.inference.calibration.features import NEAREST, for_classes, quality_of
from spectrove.inference.calibration.logistic import Logistic
from spectrove.inference.calibration.model import Calibration, CalibrationReport, fit_calibration, interval
from spectrove.inference.kept import Arrays, Content, fitted_once
from spectrove.inference.metric.of_base import GROUP, Fitted
from spectrove.inference.neighbors.voting import TIE
from spectrove.inference.prediction import Prediction
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.classwise import ClassDistances
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.statistics import thinned
from spectrove.targets import Target, diagram_of, label_text
from spectrove.targets.target import id_hash

if TYPE_CHECKING:  # it needs torch, which most questions do not
    from spectrove.galaxies.lenses.signs import CommonResiduals

#: Calibrate probabilities on the labels of the base if there are enough of them, or never.
CalibrationMode = Literal["auto", "none"]

#: Increased whenever the same labels and vectors give another calibration.
CALIBRATION_VERSION = 4

#: Least number of objects of the hunted class (without a target, of each of two classes), and of plates.
FEWEST_OBJECTS = 30
FEWEST_GROUPS = 5

#: Largest number of classes of a label column; neighbours are searched in each class.
MOST_CLASSES = 100

#: A label value with at least this many objects is a subclass of its own in a hunt.
FEWEST_OF_KIND = 5

#: A question requires the lines of its diagram unless a larger fraction of the labelled objects lacks them.
MOST_UNCOVERED = 0.05

#: Objects measured to decide this in a base without a calibration.
FEW = 60

#: A spectrum belongs to none of the classes if a larger fraction of its line draws lies outside their regions.
ELSEWHERE = 0.9

#: Name of the calibration feature measured from the emission lines of the object.
LINES = "lines"

#: Most objects used in the fit; of a larger base each class contributes an equal part.
MOST_OBJECTS = 4000

#: Spectra read at once.
BLOCK = 512

#: A query is `far_from_all` if its nearest neighbour is farther than this factor times the distance that all but this
#: fraction of the known objects stay within, beyond the effect of its noise. A factor of 1.0 flags 1 to 2% of SDSS
#: galaxies of other plates and 3 to 4% of their rare classes; 1.3 flags .7%, and 0 of 174 LINERs.
FAR, FAR_TIMES = 0.01, 1.3


@dataclass(frozen=True)
class Calibrated:
    """The calibration used for a question, or the reason why there is none.

    Attributes:
        calibration: None if probabilities are plain vote shares.
        reason: Why there is no calibration, a sentence; "" if there is one or none was requested.
        label: The label column.
        asked: The arguments of the search; the threshold of a target is a number.
        metric: The metric in which distances are measured.
        residuals: Residuals common to the galaxies searched, if the target uses second redshifts.
        lines: Line evidence for the classes, if label or target name a diagram.
        needs_lines: Whether the question requires the lines: nearly all labelled objects of the base have them.
    """

    calibration: Calibration | None = None
    reason: str = ""
    label: str = ""
    asked: Mapping[str, Any] | None = None
    metric: Fitted | None = None
    residuals: CommonResiduals | None = None
    lines: LineWitness | None = None
    needs_lines: bool = False

    def searching(self, where: str | None) -> Calibrated:
        """The same calibration, among the objects that meet another SQL condition."""
        return self if self.asked is None else replace(self, asked={**self.asked, "where": where})

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
            else known.best_f1(_hunted(known.kinds, known.classes, target), _prior(known, target))
        )
        return target.model_copy(update={"threshold": limit})

    def prevalence(self, target: Target) -> float | None:
        """The prevalence of the hunted class assumed by the probabilities; None if nothing is calibrated."""
        known = self.calibration
        if known is None:
            return None
        prior = _prior(known, target)
        shares = known.base_prior if prior is None else prior
        return float(shares[_hunted(known.kinds, known.classes, target)].sum())

    @property
    def about(self) -> dict[str, Any]:
        """Plain values: whether probabilities are calibrated, and the measures of the calibration."""
        if self.calibration is None:
            return {"calibrated": False, **({"reason": self.reason} if self.reason else {})}
        report = asdict(self.calibration.report)
        report.pop("reason")
        return {"calibrated": True, "label": self.label, **report}

    @property
    def sentence(self) -> str:
        """The same as a sentence; "" if no calibration was requested."""
        if self.calibration is None:
            return f"plain vote shares, not calibrated: {self.reason}" if self.reason else ""
        report = self.calibration.report
        form = " and ".join([report.form, *_named(report.witnesses)])
        return (
            f"probabilities calibrated on {report.n_objects} objects of {report.n_groups} plates by {form} "
            f"(log-loss {report.log_loss:.3f}, five votes {report.vote_log_loss:.3f}, own plate left out)"
        )


def calibration_for(
    base: KnowledgeBase,
    mode: CalibrationMode = "auto",
    *,
    metric: Fitted | None = None,
    labelled: str | None = None,
    target: Target | None = None,
    view: str | Mapping[str, float] | None = None,
    where: str | None = None,
    witness: str = "auto",
) -> Calibrated:
    """The calibration of a vote on a label column or of a hunt.

    It is fitted on the searched objects. Each is answered without itself and its plate, in a metric fitted without
    its fold. The evidence for a class does not depend on the number of its objects in the base. The few parameters are
    fitted to all objects, so an object of the base that is classified again has contributed to them as one of many.

    Args:
        base: The base; a calibration fitted before on this version is read from its folder.
        mode: "auto" calibrates if there are enough labels, "none" never.
        metric: From `metric_for` with the same arguments.
        labelled, target, view, where: As in `KnowledgeBase.search`.
        witness: Use of the object's own lines as evidence: "auto" if target or label column name a diagram, "none"
            never, or the name of a diagram.
    """
    if mode == "none":
        return Calibrated()
    metric = metric or Fitted()
    label = labelled or (target.label if target else "")
    asked: dict[str, Any] = {"labelled": labelled, "target": target, "view": view, "where": where}
    diagram = diagram_of(witness, target, label)
    key = _identity(base, metric, diagram, **asked)
    fit = partial(_fit, base, asked, metric, diagram)
    made = fitted_once(base, "calibrations", key, fit, _to_arrays, _from_arrays)
    if isinstance(made, str):
        lines, needed = base.remember(("lines of", key), partial(_lines_alone, base, asked, diagram))
        return Calibrated(reason=made, label=label, lines=lines, needs_lines=needed)
    second = any(name != LINES for name in made.report.witnesses)
    residuals = _residuals(base, target, where) if second else None
    lines = line_witness(diagram, made.kinds)
    found = Calibrated(made, "", label, asked, metric, residuals, lines, made.report.needs_lines)
    return replace(found, asked=asked | {"target": found.settled(target)}) if target else found


def answer(
    predictions: Sequence[Prediction],
    using: Calibrated,
    base: KnowledgeBase,
    views: Mapping[str, Embeddings],
    spectra: SpectrumSet,
) -> list[Prediction]:
    """The predictions with calibrated probabilities instead of vote shares.

    Args:
        predictions: From the vote, one for each spectrum.
        using: From `calibration_for`; without a calibration the predictions are returned unchanged.
        base, views, spectra: The base searched, and vectors and spectra of the queries.
    """
    calibration = using.calibration
    if not predictions:
        return []
    if calibration is None or using.asked is None:
        return (
            list(predictions) if using.lines is None else _by_lines(predictions, using, line_shares(spectra))
        )
    metrics = using.metric.metrics if using.metric else ()
    target: Target | None = using.asked["target"]
    found = base.search_by_class(
        views, NEAREST, spectra=spectra, metric=metrics, kinds=calibration.kinds, **using.asked
    )
    distance = _aligned(found, calibration.classes)
    share = line_shares(spectra) if using.lines else None
    signs = using.residuals.signs(spectra) if using.residuals else None
    witness = _witness(calibration, target, using.lines, share, signs)
    evidence = calibration.evidence(distance, quality_of(spectra), witness)
    prior = _prior(calibration, target)
    into = _classes(calibration, target)
    probability = calibration.probabilities(evidence, prior) @ into.matrix
    if using.lines and share is not None:
        # Line draws in regions of no class of the base are evidence for none of its classes.
        elsewhere = using.lines.outside(share)[:, None]
        expected = (calibration.base_prior if prior is None else prior) @ into.matrix
        probability = (1 - elsewhere) * probability + elsewhere * expected
    told = _told_apart(calibration, evidence[0], witness, prior)
    p_distance = calibration.p_distance(distance)
    far = distance[:, :, 0].min(axis=1) > far_limit(calibration)
    sets = calibration.sets(evidence[0])
    answers = [
        p
        if p.value is None
        else _calibrated(
            p, into.names, probability[:, i], float(p_distance[i]), bool(far[i]), into.among(sets[i]), target
        )
        for i, p in enumerate(predictions)
    ]
    if told is not None:
        answers = [
            replace(p, witnesses={name: into.shares(said[i]) for name, said in told.items()})
            for i, p in enumerate(answers)
        ]
    return answers if share is None else _by_lines(answers, using, share)


def _witness(
    calibration: Calibration,
    target: Target | None,
    lines: LineWitness | None,
    share: NDArray[np.float64] | None,
    signs: NDArray[np.float64] | None,
) -> NDArray[np.float64] | None:
    """Features from the spectra themselves, (n_queries, n_kinds, n_witnesses); None without any."""
    parts = []
    if LINES in calibration.report.witnesses and lines is not None and share is not None:
        parts.append(lines.support(share)[:, :, None])
    if signs is not None and target is not None:
        parts.append(for_classes(signs, _hunted(calibration.kinds, calibration.classes, target)))
    return np.concatenate(parts, axis=2) if parts else None


def far_limit(calibration: Calibration) -> float:
    """The scaled nearest-neighbour distance beyond which a query is `far_from_all`."""
    return FAR_TIMES * float(np.quantile(calibration.own, 1 - FAR)) if len(calibration.own) else np.inf


@dataclass(frozen=True)
class _Classes:
    """The classes of an answer, and the subclasses ("kinds") of a calibration that belong to each.

    Attributes:
        names: The classes.
        kinds: The subclasses.
        matrix: 1 where a subclass belongs to a class, (n_kinds, n_classes).
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    matrix: NDArray[np.float64]

    def shares(self, of_kinds: NDArray[np.float64]) -> dict[str, float]:
        """Probability of each class, from the probabilities of the subclasses, (n_kinds,)."""
        return dict(zip(self.names, (of_kinds @ self.matrix).tolist(), strict=True))

    def among(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """The classes of these subclasses."""
        inside = np.isin(self.kinds, list(kinds)) @ self.matrix
        return tuple(name for name, n in zip(self.names, inside.tolist(), strict=True) if n)


def _classes(calibration: Calibration, target: Target | None) -> _Classes:
    kinds = calibration.classes
    if target is None:
        return _Classes(kinds, kinds, np.eye(len(kinds)))
    of = class_of_kind(calibration.kinds, target)
    names = tuple(target.classes)
    return _Classes(names, kinds, np.array([[of.get(k) == n for n in names] for k in kinds], dtype=float))


def class_of_kind(kinds: Mapping[str, str], target: Target) -> dict[str, str]:
    """Class of each subclass in the target.

    Args:
        kinds: Subclass of each label value.
    """
    classes = dict(zip(kinds, target.classes_of(kinds), strict=True))
    return {kind: name for value, kind in kinds.items() if (name := classes[value]) is not None}


def _hunted(kinds: Mapping[str, str], names: Sequence[str], target: Target) -> NDArray[np.bool_]:
    """Mask of the subclasses that belong to the hunted class, (n_kinds,)."""
    of = class_of_kind(kinds, target)
    return np.array([of.get(name) == target.positive for name in names])


def _told_apart(
    calibration: Calibration,
    evidence: NDArray[np.float64],
    witness: NDArray[np.float64] | None,
    prior: NDArray[np.float64] | None,
) -> dict[str, NDArray[np.float64]] | None:
    """Probabilities by neighbours alone and by lines alone, (n_queries, n_kinds); None if lines are not used."""
    if witness is None or calibration.report.witnesses != (LINES,):
        return None
    lines = calibration.witnessed(witness)
    return {
        "neighbours": calibration.probabilities(evidence - lines, prior),
        LINES: calibration.probabilities(lines, prior),
    }


def _by_lines(
    predictions: Sequence[Prediction], using: Calibrated, share: NDArray[np.float64]
) -> list[Prediction]:
    """The predictions, flagged if the lines are not covered or belong to a class that the base lacks."""
    assert using.lines is not None
    covered = np.isfinite(share).all(axis=1)
    elsewhere = using.lines.outside(share) > ELSEWHERE
    flags = np.where(covered, np.where(elsewhere, "lines_elsewhere", ""), "")
    flags = np.where(covered | (not using.needs_lines), flags, "lines_not_covered")
    return [
        replace(p, flags=(*p.flags, flag)) if flag else p
        for p, flag in zip(predictions, flags.tolist(), strict=True)
    ]


def _prior(calibration: Calibration, target: Target | None) -> NDArray[np.float64] | None:
    """Prior of each subclass in the population hunted; None if it is that of the base."""
    if target is None:
        return None
    of = class_of_kind(calibration.kinds, target)
    counts = dict(zip(calibration.classes, calibration.counts.tolist(), strict=True))
    total = {name: sum(n for kind, n in counts.items() if of.get(kind) == name) for name in target.classes}
    population = target.population(total)
    if population is None:
        return None
    return np.array([population[of[kind]] * n / max(total[of[kind]], 1) for kind, n in counts.items()])


def _aligned(found: ClassDistances, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Distances to the classes of the calibration; infinite for a class that the search did not find."""
    if found.classes == classes:
        return found.distance
    distance = np.full((len(found.distance), len(classes), found.distance.shape[2]), np.inf)
    for j, name in enumerate(classes):
        if name in found.classes:
            distance[:, j] = found.distance[:, found.classes.index(name)]
    return distance


def _calibrated(
    prediction: Prediction,
    classes: tuple[str, ...],
    probability: NDArray[np.float64],
    p_distance: float,
    far: bool,
    inside: tuple[str, ...],
    target: Target | None,
) -> Prediction:
    """One prediction; `probability` is (1 + n_resampled, n_classes)."""
    shares = dict(zip(classes, probability[0].tolist(), strict=True))
    best = max(shares, key=lambda name: (shares[name] > max(shares.values()) - TIE, name == prediction.value))
    told = classes.index(target.positive if target else best)
    low, high = interval(probability[0, [told]], probability[1:, [told]])
    flags = prediction.flags
    if far and "far_from_all" not in flags:
        flags = (*flags, "far_from_all")
    return replace(
        prediction,
        value=best,
        probabilities=shares,
        interval=(float(low[0]), float(high[0])),
        is_target=None if target is None else shares[target.positive] >= target.limit - TIE,
        flags=flags,
        calibrated=True,
        p_distance=p_distance,
        set=inside,
    )


# --- fitting on a base ----------------------------------------------------------------------------------------


def _identity(base: KnowledgeBase, metric: Fitted, diagram: str | None, **asked: Any) -> str:
    """Everything the calibration depends on, as text."""
    target: Target | None = asked["target"]
    space, prints = base.space(asked["view"], target), base.fingerprints
    hunted = {"label", "classes", "positive", "composition", "filter", "signs"}
    return canonical_json(
        {
            "calibration_version": CALIBRATION_VERSION,
            "version": base.version,
            "views": [[name, weight, prints[name]] for name, weight in space.weights.items()],
            "metric": [m.fingerprint for m in metric.metrics],
            "label": asked["labelled"],
            "target": target.model_dump(mode="json", include=hunted) if target else None,
            "where": asked["where"],
            "residuals": _residuals_key(base, target, asked["where"]),
            "lines": [diagram, LINES_VERSION] if diagram else None,
        }
    )


def _fit(
    base: KnowledgeBase, asked: dict[str, Any], metric: Fitted, diagram: str | None
) -> Calibration | str:
    """The calibration, or a report with the reason why there is none."""
    target: Target | None = asked["target"]
    known = base.searched(**asked, group=GROUP)
    values = [label_text(v) or "" for v in known.values]
    named = [name or "" for name in target.classes_of(values)] if target else values
    texts = np.array([label_text(g) or f"\x00{i}" for i, g in enumerate(known.groups)], dtype=str)
    if reason := _too_few(np.array(named, dtype=str), texts, target):
        return reason
    kinds = _kinds(values, named if target else None)
    names = np.array([kinds[value] for value in values], dtype=str)
    chosen = _thin(names, known.object_id, MOST_OBJECTS)
    ids = known.object_id[chosen].tolist()
    views = base.space(asked["view"], target).views
    exclude = GROUP if GROUP in base.columns else None
    vectors = {view: base.embeddings(view) for view in views}
    places = {view: {name: i for i, name in enumerate(e.object_id.tolist())} for view, e in vectors.items()}
    residuals = _residuals(base, target, asked["where"]) if target and target.signs else None
    lines = line_witness(diagram, kinds)
    share = line_shares_of_base(base, ids) if lines else None
    distance, quality, signs = [], [], []
    classes: tuple[str, ...] = ()
    counts = np.zeros(0, dtype=np.int64)
    for start in range(0, len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        spectra = base.spectra(part)
        query = {v: e.take(np.array([places[v][name] for name in part])) for v, e in vectors.items()}
        found = base.search_by_class(
            query,
            NEAREST,
            spectra=spectra,
            exclude_column=exclude,
            metric=metric.metrics,
            kinds=kinds,
            **asked,
        )
        classes, counts = found.classes, found.counts
        distance.append(found.distance)
        quality.append(quality_of(spectra))
        if residuals:
            signs.append(residuals.signs(spectra))
    truth = np.array([classes.index(name) for name in names[chosen].tolist()])
    _, group = np.unique(texts[chosen], return_inverse=True)
    witnesses: dict[str, NDArray[np.float64]] = {}
    if lines and share is not None:
        witnesses[LINES] = lines.support(share)
    if residuals and target:
        spoken = for_classes(np.concatenate(signs), _hunted(kinds, classes, target))
        witnesses |= {name: spoken[:, :, j] for j, name in enumerate(residuals.names)}
    made = fit_calibration(
        np.concatenate(distance), truth, group, np.concatenate(quality), classes, counts, witnesses=witnesses
    )
    needed = share is not None and _needed(share)
    return replace(made, kinds=kinds, report=replace(made.report, needs_lines=needed))


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
    return Calibration(
        tuple(json.loads(texts["classes"])), arrays["counts"], arrays["known"], models[0], tuple(models[1:]),
        arrays["quality"], arrays["left_out"], arrays["truth"], arrays["own"],
        float(texts["far"]), CalibrationReport(**report), json.loads(texts["kinds"]),
    )  # fmt: skip


def _lines_alone(
    base: KnowledgeBase, asked: dict[str, Any], diagram: str | None
) -> tuple[LineWitness | None, bool]:
    """Line evidence for a question without a calibration, and whether the question requires the lines."""
    known = base.searched(**asked)
    lines = line_witness(diagram, {text: text for v in known.values if (text := label_text(v))})
    if lines is None:
        return None, False
    order = np.argsort([id_hash(name) for name in known.object_id.tolist()], kind="stable")
    share = line_shares_of_base(base, known.object_id[order[:FEW]].tolist())
    return lines, _needed(share)


def _needed(share: NDArray[np.float64]) -> bool:
    return bool(np.mean(np.isnan(share).any(axis=1)) <= MOST_UNCOVERED)


def _residuals_key(base: KnowledgeBase, target: Target | None, where: str | None) -> str | None:
    if target is None or not target.signs:
        return None
    from spectrove.galaxies.lenses.signs import residuals_key

    return residuals_key(base, target, where)


def _residuals(base: KnowledgeBase, target: Target | None, where: str | None) -> CommonResiduals:
    from spectrove.galaxies.lenses.signs import common_residuals_for

    return common_residuals_for(base, target=target, where=where)


def _too_few(names: NDArray[np.str_], groups: NDArray[np.str_], target: Target | None) -> str:
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
            f"the known objects are of {len(np.unique(groups))} plates, a calibration needs {FEWEST_GROUPS}."
        )
    return ""


def _kinds(values: Sequence[str], classes: Sequence[str] | None) -> dict[str, str]:
    """Subclass of each label value: the value itself, or one subclass for all rare values of a hunted class.

    A hunt then gives the same probabilities as a classification by the same column.

    Args:
        values: Label values of the objects, (n_objects,).
        classes: Their classes in the target, (n_objects,); None without a target.
    """
    counts = Counter(values)
    if classes is None:
        return {value: value for value in sorted(counts)}
    of = dict(zip(values, classes, strict=True))
    kinds = {v: v if counts[v] >= FEWEST_OF_KIND else f"other {of[v]}" for v in sorted(counts)}
    return kinds if len(set(kinds.values())) <= MOST_CLASSES else {v: of[v] for v in sorted(counts)}


def _named(witnesses: Sequence[str]) -> list[str]:
    """Names of the further evidence beside the neighbours, to print."""
    return list(dict.fromkeys("own lines" if name == LINES else "second redshift" for name in witnesses))


def _thin(names: NDArray[np.str_], object_id: NDArray[np.str_], most: int) -> NDArray[np.int64]:
    """Positions of at most `most` objects, in order, with an equal limit for each class.

    Objects are chosen by a hash of their ids, not by row order.
    """
    if len(names) <= most:
        return np.arange(len(names))
    order = np.argsort([id_hash(name) for name in object_id.tolist()], kind="stable")
    return thinned(names, order, most // len(np.unique(names)))
