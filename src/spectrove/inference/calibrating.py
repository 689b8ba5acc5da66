"""The calibration of a base: fitted once on its own labels, kept with it in KB/calibrations/; and answers with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.inference.calibration import Calibration, fit_calibration, interval
from spectrove.inference.calibration_file import read_calibration, write_calibration
from spectrove.inference.class_features import NEAREST, quality_of
from spectrove.inference.fitting import GROUP, Fitted
from spectrove.inference.keeping import forget_older, kept_path
from spectrove.inference.prediction import Prediction
from spectrove.inference.voting import TIE
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.classwise import ClassDistances
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target, label_text

if TYPE_CHECKING:  # it needs torch, which most questions do without
    from spectrove.inference.signs import CommonResiduals

#: Whether probabilities are calibrated on the base's own labels: where it has enough of them, or never.
CalibrationMode = Literal["auto", "none"]

#: Raised whenever the same labels and vectors give another calibration.
CALIBRATION_VERSION = 3

#: What a base needs: objects of the hunted class (of each of two classes, where none is hunted), and plates.
FEWEST_OBJECTS = 30
FEWEST_GROUPS = 5

#: Values of a label column beyond which it is no list of classes: neighbours are looked for in each of them.
MOST_CLASSES = 100

#: Objects that it is fitted on; of more, each class gets an equal part of these.
MOST_OBJECTS = 4000

#: Spectra that are read at once.
BLOCK = 512

#: Queries farther from everything known than all but this share of the known objects are flagged `far_from_all`.
FAR = 0.01


@dataclass(frozen=True)
class Calibrated:
    """The calibration that a question uses, if any, and why not.

    Attributes:
        calibration: None where probabilities are plain vote shares.
        reason: Why there is none, as a sentence; "" where there is one, or where nobody asked.
        label: The column whose values or classes it tells apart.
        asked: The arguments of the search; a target's threshold is a number.
        metric: In what distances are.
        residuals: What the galaxies searched leave of their reconstructions in common, where second redshifts count.
    """

    calibration: Calibration | None = None
    reason: str = ""
    label: str = ""
    asked: Mapping[str, Any] | None = None
    metric: Fitted | None = None
    residuals: CommonResiduals | None = None

    def settled(self, target: Target) -> Target:
        """The target with a number for its threshold: where that is "f1", the best for the population hunted through.

        A half where nothing is calibrated.
        """
        if target.threshold != "f1":
            return target
        known = self.calibration
        limit = target.limit if known is None else known.best_f1(_prior(known, target))
        return target.model_copy(update={"threshold": limit})

    @property
    def about(self) -> dict[str, Any]:
        """Plain values: whether calibrated, and the figures."""
        if self.calibration is None:
            return {"calibrated": False, **({"reason": self.reason} if self.reason else {})}
        report = asdict(self.calibration.report)
        report.pop("reason")
        return {"calibrated": True, "label": self.label, **report}

    @property
    def sentence(self) -> str:
        """The same for people; "" where nobody asked."""
        if self.calibration is None:
            return f"plain vote shares, not calibrated: {self.reason}" if self.reason else ""
        report = self.calibration.report
        form = f"{report.form} and second redshift" if report.signs else report.form
        return (
            f"probabilities calibrated on {report.n_objects} objects of {report.n_groups} plates by {form} "
            f"(log-loss {report.log_loss:.3f}, of five votes {report.vote_log_loss:.3f}, own plate left out)"
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
) -> Calibrated:
    """The calibration of a vote on a label column or of a hunt.

    Fitted on the objects that the search may find, each asked about with itself and its plate left out, in a metric
    that has not seen its fold. It says what the neighbours tell of each class, however many of it the base holds. Its
    few numbers are those of all objects: one that is asked about again had a part in them, as one of all.

    Args:
        base: The base; a calibration that was fitted before on this version is taken from its folder.
        mode: "auto" calibrates where there are enough labels, "none" never.
        metric: From `metric_for` with the same arguments.
        labelled, target, view, where: As in `KnowledgeBase.search`.
    """
    if mode == "none":
        return Calibrated()
    metric = metric or Fitted()
    label = labelled or (target.label if target else "")
    asked: dict[str, Any] = {"labelled": labelled, "target": target, "view": view, "where": where}
    key = _identity(base, metric, **asked)
    made = base.remember(("calibration", key), partial(_kept_or_fitted, base, key, asked, metric))
    if isinstance(made, str):
        return Calibrated(reason=made, label=label)
    residuals = _residuals(base, target, where) if made.report.signs else None
    found = Calibrated(made, "", label, asked, metric, residuals)
    return replace(found, asked=asked | {"target": found.settled(target)}) if target else found


def answer(
    predictions: Sequence[Prediction],
    using: Calibrated,
    base: KnowledgeBase,
    views: Mapping[str, Embeddings],
    spectra: SpectrumSet,
) -> list[Prediction]:
    """The predictions with calibrated probabilities in the place of vote shares.

    Args:
        predictions: Of the vote, one for each spectrum.
        using: From `calibration_for`; without a calibration the predictions are given back.
        base, views, spectra: What was searched, with which vectors of which spectra.
    """
    calibration = using.calibration
    if calibration is None or using.asked is None or not predictions:
        return list(predictions)
    metrics = using.metric.metrics if using.metric else ()
    target: Target | None = using.asked["target"]
    found = base.search_by_class(views, NEAREST, spectra=spectra, metric=metrics, **using.asked)
    distance = _aligned(found, calibration.classes)
    signs = using.residuals.signs(spectra) if using.residuals else None
    evidence = calibration.evidence(distance, quality_of(spectra), signs)
    prior = _prior(calibration, target)
    probability = calibration.probabilities(evidence, prior)
    p_distance = calibration.p_distance(distance)
    sets = calibration.sets(evidence[0])
    return [
        p
        if p.value is None
        else _calibrated(p, calibration.classes, probability[:, i], float(p_distance[i]), sets[i], target)
        for i, p in enumerate(predictions)
    ]


def _prior(calibration: Calibration, target: Target | None) -> NDArray[np.float64] | None:
    """Fraction of each class among what is hunted through; None where it is that of the base."""
    counts = dict(zip(calibration.classes, calibration.counts.tolist(), strict=True))
    population = target.population(counts) if target else None
    return np.array([population[name] for name in calibration.classes]) if population else None


def _aligned(found: ClassDistances, classes: tuple[str, ...]) -> NDArray[np.float64]:
    """Distances to the classes of the calibration; a search that leaves out an object may lack one of them."""
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
    inside: tuple[str, ...],
    target: Target | None,
) -> Prediction:
    """One prediction; `probability` is (1 + n_resampled, n_classes)."""
    shares = dict(zip(classes, probability[0].tolist(), strict=True))
    best = max(shares, key=lambda name: (shares[name] > max(shares.values()) - TIE, name == prediction.value))
    told = classes.index(target.positive if target else best)
    low, high = interval(probability[0, [told]], probability[1:, [told]])
    flags = prediction.flags
    if p_distance <= FAR and "far_from_all" not in flags:
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


def _identity(base: KnowledgeBase, metric: Fitted, **asked: Any) -> str:
    """Everything that the calibration depends on, as text."""
    target: Target | None = asked["target"]
    space, prints = base.space(asked["view"], target), base.fingerprints
    hunted = {"label", "classes", "positive", "composition", "filter", "second_redshift"}
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
        }
    )


def _kept_or_fitted(
    base: KnowledgeBase, key: str, asked: dict[str, Any], metric: Fitted
) -> Calibration | str:
    path = kept_path(base.path / "calibrations", key)
    if (kept := read_calibration(path, key)) is not None:
        return kept
    fitted = _fit(base, asked, metric)
    if isinstance(fitted, str):
        return fitted
    with suppress(OSError):  # a base that may only be read: fit again next time
        write_calibration(path, key, fitted)
        forget_older(path)
    return fitted


def _fit(base: KnowledgeBase, asked: dict[str, Any], metric: Fitted) -> Calibration | str:
    """The calibration, or why there is none."""
    target: Target | None = asked["target"]
    known = base.searched(**asked, group=GROUP)
    named = target.classes_of(known.values) if target else [label_text(v) for v in known.values]
    names = np.array([n or "" for n in named], dtype=str)
    texts = np.array([label_text(g) or f"\x00{i}" for i, g in enumerate(known.groups)], dtype=str)
    if reason := _too_few(names, texts, target):
        return reason
    chosen = _thin(names, MOST_OBJECTS)
    ids = known.object_id[chosen].tolist()
    views = base.space(asked["view"], target).views
    exclude = GROUP if GROUP in base.columns else None
    vectors = {view: base.embeddings(view) for view in views}
    places = {view: {name: i for i, name in enumerate(e.object_id.tolist())} for view, e in vectors.items()}
    residuals = _residuals(base, target, asked["where"]) if target and target.second_redshift else None
    distance, quality, signs = [], [], []
    classes: tuple[str, ...] = ()
    counts = np.zeros(0, dtype=np.int64)
    for start in range(0, len(ids), BLOCK):
        part = ids[start : start + BLOCK]
        spectra = base.spectra(part)
        query = {v: e.take(np.array([places[v][name] for name in part])) for v, e in vectors.items()}
        found = base.search_by_class(
            query, NEAREST, spectra=spectra, exclude_column=exclude, metric=metric.metrics, **asked
        )
        classes, counts = found.classes, found.counts
        distance.append(found.distance)
        quality.append(quality_of(spectra))
        if residuals:
            signs.append(residuals.signs(spectra))
    truth = np.array([classes.index(name) for name in names[chosen].tolist()])
    _, group = np.unique(texts[chosen], return_inverse=True)
    return fit_calibration(
        np.concatenate(distance), truth, group, np.concatenate(quality), classes, counts,
        signs=(residuals.names, np.concatenate(signs)) if residuals else None,
        positive=classes.index(target.positive) if target else 0,
    )  # fmt: skip


def _residuals_key(base: KnowledgeBase, target: Target | None, where: str | None) -> str | None:
    if target is None or not target.second_redshift:
        return None
    from spectrove.inference.signs import residuals_key

    return residuals_key(base, target, where)


def _residuals(base: KnowledgeBase, target: Target | None, where: str | None) -> CommonResiduals:
    from spectrove.inference.signs import common_residuals_for

    return common_residuals_for(base, target=target, where=where)


def _too_few(names: NDArray[np.str_], groups: NDArray[np.str_], target: Target | None) -> str:
    """Why the labels do not carry a calibration; "" where they do."""
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


def _thin(names: NDArray[np.str_], most: int) -> NDArray[np.int64]:
    """Positions of at most so many objects, in order; no class has more than its equal part."""
    if len(names) <= most:
        return np.arange(len(names))
    order = np.random.default_rng(0).permutation(len(names))
    classes = np.unique(names)
    return np.sort(np.concatenate([order[names[order] == c][: most // len(classes)] for c in classes]))
