"""What a condition over measured columns needs of a base: fitted once and kept with it, in KB/calibrations/."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.conditions import Condition
from spectrove.domain import Domain
from spectrove.errors import KnowledgeError
from spectrove.inference.kept import Arrays, Content, contents, fitted_once
from spectrove.inference.numbers.columns import (
    MEASURED,
    ColumnValues,
    measure_name,
    measures,
    numbers,
    quantity_values,
    source_of,
)
from spectrove.inference.numbers.estimate import VOTERS
from spectrove.inference.numbers.joint import Column, Residuals, chance
from spectrove.inference.numbers.own import Told, Weighing, fit_weighing, weigh
from spectrove.inference.numbers.quantities import Quantity
from spectrove.inference.numbers.recalibrated import Curve, fit_curve
from spectrove.inference.numbers.regression import LabelledObjects, regress
from spectrove.inference.numbers.trend import Scale, Trend, choose_scale, fit_trend
from spectrove.inference.sample import TRENDS, stratified
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.search import first_by_hash, hashes_of
from spectrove.provenance import canonical_json
from spectrove.statistics import folds_by_group
from spectrove.targets import label_text

#: Increased whenever the same values and vectors give other probabilities.
VERSION = 2

#: Folds of groups; an object is answered by a trend fitted without its fold.
FOLDS = 10

#: Objects whose residuals are kept and on which probabilities are calibrated, chosen by a hash of their ids.
MOST_ASKED = 3000

#: Spectra read at once.
BATCH = 500

#: Least number of objects with a value in a column for its trend.
FEWEST_VALUES = 20

#: Beyond this mean distance of its neighbours, in units of the usual nearest neighbour, the error of an estimate grows.
REACH = 3.0

#: Least number of objects that meet a condition, of those that do not, and of groups, for a calibration.
FEWEST_OBJECTS, FEWEST_GROUPS = 30, 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ColumnFit:
    """How one column of a condition is predicted.

    Attributes:
        column: Its name, scale, limits and residuals.
        known: Values of the base with their trend; None where too few objects have one for neighbours to say anything.
        weighing: Of measurement and neighbours.
        is_measured: Whether the values are Spectrove's own measurements, and no catalog's.
    """

    column: Column
    known: LabelledObjects | None
    weighing: Weighing
    is_measured: bool


@dataclass(frozen=True)
class ConditionFit:
    """What a base knows of a condition.

    Attributes:
        condition: The condition.
        columns: By name; the redshift has none.
        object_id, groups: Objects with residuals and their groups, (n_objects,).
        truth: Whether the base's values meet the condition, (n_objects,): 1, 0 or NaN.
        raw: The probability of each of them before the calibration, from other groups, (n_objects,).
        curve: The calibration; None without one.
        reason: Why there is none, a sentence.
        share: Fraction of the base's objects with values that meet the condition; NaN without any.
        notes: What is assumed of values whose errors the base does not give, sentences.
    """

    condition: Condition
    columns: Mapping[str, ColumnFit]
    object_id: NDArray[np.str_]
    groups: NDArray[np.str_]
    truth: Floats
    raw: Floats
    curve: Curve | None
    reason: str
    share: float
    notes: tuple[str, ...] = ()

    @property
    def left_out(self) -> Floats:
        """Probabilities of the objects, each from other groups, (n_objects,)."""
        return self.raw if self.curve is None else self.curve.at(self.raw)[0]

    def calibrated(self, probability: Floats, groups: NDArray[np.str_] | None = None) -> Floats:
        """Probabilities on the curve and on those of its bootstrap samples, (1 + n_resampled, n).

        Args:
            probability: Before the calibration, (n,); NaN where unknown.
            groups: Of objects of the base, "" of other spectra, (n,): each is on a curve fitted without its own.
        """
        assert self.curve is not None
        found = self.curve.at(probability)
        known = np.isfinite(self.raw) & np.isfinite(self.truth)
        for group in (
            () if groups is None else sorted(set(groups.tolist()) & set(self.groups[known].tolist()))
        ):
            rest, own = known & (self.groups != group), groups == group  # type: ignore[operator]
            curve = fit_curve(self.raw[rest], self.truth[rest], self.groups[rest])
            found[:, own] = curve.at(probability[own])
        return np.where(np.isfinite(probability), found, np.nan)


@dataclass(frozen=True)
class ConditionSetting:
    """What a condition is fitted for.

    Attributes:
        base: The base.
        condition: The condition.
        domain: The kind of light.
        where: SQL condition on the objects used.
        k: Neighbours of an estimate.
    """

    base: KnowledgeBase
    condition: Condition
    domain: Domain
    where: str | None = None
    k: int = VOTERS

    @property
    def columns(self) -> list[str]:
        """The columns that have to be predicted: all but the redshift."""
        sources = {n: source_of(self.base, n, self.domain) for n in self.condition.columns}
        return [name for name, source in sources.items() if source != "redshift"]

    @property
    def view(self) -> str:
        """The view whose vectors and neighbours are used."""
        return self.base.space().views[0]

    def key(self, progress: Callable[[int], None] | None = None) -> str:
        """Everything that the fit depends on, as text."""
        measurer = self.domain.measurer
        known = ("contents", self.condition.text, self.where, self.view)
        objects, n_objects = self.base.remember(known, partial(_contents, self, progress))
        return canonical_json(
            {
                "condition": [VERSION, self.condition.text],
                "objects": objects,
                "where": self.where,
                "k": self.k,
                "measurer": measurer.version if measurer else None,
                "view": [self.view, self.base.fingerprints[self.view]],
                **({"sample": TRENDS} if n_objects > TRENDS else {}),
            }
        )


def condition_fit(setting: ConditionSetting, progress: Callable[[int], None] | None = None) -> ConditionFit:
    """What the base knows of the condition; one fitted before on this version is read from the folder of the base.

    Args:
        setting: The condition and the objects.
        progress: Called with the number of the base's spectra that were measured since the last call.

    Raises:
        KnowledgeError: A column is unknown, or too few objects have a value in it.
    """
    key = setting.key(progress)
    fit = partial(_fit, setting, progress)
    made = partial(_from_arrays, setting.condition, setting.domain)
    return setting.base.remember(
        ("condition", key),
        lambda: fitted_once(setting.base, "calibrations", key, fit, _to_arrays, made),
    )


def _contents(setting: ConditionSetting, progress: Callable[[int], None] | None) -> tuple[list[Any], int]:
    """What the fit depends on of the base: objects, their groups, values, errors, measurements; and their number."""
    ids = setting.base.embeddings(setting.view, setting.where).object_id
    asked = [measure_name(name) for name in setting.columns]
    stored = [f"{MEASURED}{name}" for name in asked if name in measures(setting.domain)]
    names = list(dict.fromkeys([*setting.condition.columns, *stored]))
    values = quantity_values(setting.base, names, setting.domain, ids.tolist(), progress)
    parts = [part for one in values.values() for part in ([one.source], one.value, one.error, one.estimated)]
    return contents(setting.base, ids, groups_of(setting.base, setting.domain, ids), *parts), len(ids)


def own_numbers(table: pa.Table | None, name: str, scale: Scale, n: int) -> tuple[Floats, Floats]:
    """Measurements of a column and their errors on its scale, NaN where there is none, (n,) each."""
    measured = measure_name(name)
    if table is None or measured not in table.column_names:
        return np.full(n, np.nan), np.full(n, np.nan)
    value, error = numbers(table, measured), numbers(table, f"{measured}_err")
    return scale.forward(value), scale.errors(value, error)


def _fit(setting: ConditionSetting, progress: Callable[[int], None] | None) -> ConditionFit:
    base, condition = setting.base, setting.condition
    every = base.embeddings(setting.view, setting.where)
    ids = every.object_id
    values = quantity_values(base, condition.columns, setting.domain, ids.tolist(), progress)
    groups = groups_of(setting.base, setting.domain, ids)
    if len(set(groups.tolist())) == 1:
        groups = ids  # one group: single objects are left out
    asked = np.sort(first_by_hash(hashes_of(ids), MOST_ASKED))
    kept = ("condition", setting.where, setting.k, setting.view)
    near, far, unit = base.remember(("neighbours", *kept), partial(_neighbors, setting, ids[asked]))
    table = _measured(setting, ids[asked], progress)
    fold = folds_by_group(groups, FOLDS, "in turn")
    fits, told = {}, {}
    for name in setting.columns:
        scale = _scale(setting, values[name])
        vectors = _Vectors(ids, every.vectors, fold)
        known = base.remember(("trend", name, *kept), partial(_known, setting, values[name], scale, vectors))
        said = estimates(known, every.vectors[asked], (near, far), 1 + fold[asked], unit)
        own = own_numbers(table, name, scale, len(asked))
        fits[name], told[name] = _column(setting, values[name], (known, scale), asked, own, said)
    for name in condition.columns:
        if name not in told:
            exact = values[name].value[asked]
            told[name] = Told(exact, np.zeros(len(exact)), np.ones(len(exact)))
    columns = {name: fit.column for name, fit in fits.items()}
    raw = chance(condition, columns, told, groups=(groups[asked], groups[asked])).probability
    every_truth = condition.holds({name: values[name].value for name in condition.columns})
    measured = [name for name, fit in fits.items() if fit.is_measured]
    curve = _calibrated(setting, raw, every_truth[asked], groups[asked], measured)
    return ConditionFit(
        condition, fits, ids[asked], groups[asked], every_truth[asked], raw,
        None if isinstance(curve, str) else curve, curve if isinstance(curve, str) else "",
        float(np.nanmean(every_truth)) if np.isfinite(every_truth).any() else float("nan"),
        tuple(v.error_note for v in values.values() if v.estimated.any()),
    )  # fmt: skip


def groups_of(base: KnowledgeBase, domain: Domain, ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Group of each object; the object itself where it has none."""
    column = domain.group
    if column not in base.columns:
        return ids
    of = base.remember("groups of objects", partial(_every_group, base, column))
    return np.array([of[name] for name in ids.tolist()], dtype=str)


def _every_group(base: KnowledgeBase, column: str) -> dict[str, str]:
    table = base.rows(None, [column])
    texts = [label_text(value) for value in table.column(column).to_pylist()]
    ids = table.column("object_id").to_pylist()
    return {i: i if text is None else f"{column} {text}" for i, text in zip(ids, texts, strict=True)}


def _neighbors(setting: ConditionSetting, ids: NDArray[np.str_]) -> tuple[NDArray[np.str_], Floats, float]:
    """Ids and distances of the neighbours of objects in other groups, and the unit of distance."""
    base, view = setting.base, setting.view
    every = base.embeddings(view)
    place = {name: i for i, name in enumerate(every.object_id.tolist())}
    group = setting.domain.group if setting.domain.group in base.columns else None
    near, far, unit = [], [], 1.0
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        query = every.take(np.array([place[i] for i in part.tolist()]))
        found = base.search(
            query, setting.k, spectra=base.spectra(part), where=setting.where, exclude_column=group, view=view
        )
        near.append(found.object_id)
        far.append(found.distance)
        unit = found.scale
    return np.concatenate(near), np.concatenate(far), unit


def _measured(
    setting: ConditionSetting, ids: NDArray[np.str_], progress: Callable[[int], None] | None
) -> pa.Table | None:
    """Measurements of objects, stored ones where there are any; None if no column of the condition is measured."""
    asked = sorted({measure_name(name) for name in setting.columns} & set(measures(setting.domain)))
    if not asked:
        return None
    stored = [f"{MEASURED}{name}" for name in asked]
    found = quantity_values(setting.base, stored, setting.domain, ids.tolist(), progress)
    columns: dict[str, Floats] = {}
    for name, values in zip(asked, found.values(), strict=True):
        columns |= {name: values.value, f"{name}_err": values.error}
    return pa.table(columns)


@dataclass(frozen=True)
class _Vectors:
    """Ids, vectors and folds of the objects of a base."""

    object_id: NDArray[np.str_]
    vectors: NDArray
    fold: NDArray[np.int64]


def estimates(
    known: LabelledObjects | None,
    vectors: NDArray,
    neighbors: tuple[NDArray[np.str_], Floats],
    model: NDArray[np.int64],
    unit: float,
) -> tuple[Floats, Floats]:
    """What neighbours say of a column, and its error, on its scale; NaN where they say nothing.

    Args:
        known: Objects with a value.
        vectors: Of the spectra, (n_spectra, n_dimensions).
        neighbors: Ids and distances, (n_spectra, n_neighbors) each.
        model: Trend model for each spectrum, see `regress`.
        unit: Of the distances.
    """
    if known is None:
        return np.full(len(vectors), np.nan), np.full(len(vectors), np.nan)
    found = regress(known, vectors, *neighbors, model, unit_distance=unit)
    return found.value, found.error


def _scale(setting: ConditionSetting, values: ColumnValues) -> Scale:
    """The scale of a column.

    Raises:
        KnowledgeError: It is a catalog's, and too few objects have a value.
    """
    value = values.value[np.isfinite(values.value)]
    enough = len(value) >= FEWEST_VALUES and len(np.unique(value)) > 1
    if not enough and values.source == "catalog":
        raise KnowledgeError(
            f"{setting.base.path}: condition {setting.condition.text!r}: {len(value)} of {len(values.value)} objects "
            f"have a value of {values.name}, expected {FEWEST_VALUES} that differ. Add measured objects, or leave it "
            "out."
        )
    return choose_scale(value) if enough else Scale()


def _known(
    setting: ConditionSetting, values: ColumnValues, scale: Scale, objects: _Vectors
) -> LabelledObjects | None:
    """The objects with a value, their trend, and its models without each fold; None if they are too few."""
    keep = np.isfinite(values.value)
    if keep.sum() < FEWEST_VALUES or len(np.unique(values.value[keep])) < 2:
        return None
    scaled, error = scale.forward(values.value[keep]), scale.errors(values.value[keep], values.error[keep])
    ids, fold = objects.object_id[keep], objects.fold[keep]
    learned = stratified(hashes_of(ids), [""] * len(ids), TRENDS)
    trend = fit_trend(objects.vectors[keep], scaled, error, fold, learned)
    reach = REACH * setting.base.scale_of(setting.view)
    return LabelledObjects(ids, scaled, error, scale, trend, reach, 1 + fold)


def _column(
    setting: ConditionSetting,
    values: ColumnValues,
    fitted: tuple[LabelledObjects | None, Scale],
    asked: NDArray[np.int64],
    own: tuple[Floats, Floats],
    near: tuple[Floats, Floats],
) -> tuple[ColumnFit, Told]:
    """The fit of a column, and what is known of it for the objects asked, each from other groups."""
    known, scale = fitted
    truth = scale.forward(values.value[asked])
    independent = values.source == "catalog"
    weighing = fit_weighing(truth, own, near, independent=independent)
    told, alone = weigh(weighing, own, near), weigh(weighing, (np.full(len(truth), np.nan),) * 2, near)
    with np.errstate(all="ignore"):
        both = np.where(told.measured, (truth - told.centre) / told.width, np.nan)
        residuals = Residuals(both, (truth - alone.centre) / alone.width, independent)
    quantity = setting.domain.quantities.get(values.name) or Quantity(values.name, values.unit)
    column = Column(quantity, scale, residuals)
    return ColumnFit(column, known, weighing, not independent), told


def _calibrated(
    setting: ConditionSetting, raw: Floats, truth: Floats, groups: NDArray[np.str_], measured: Sequence[str]
) -> Curve | str:
    """The calibration, or the sentence why there is none."""
    if measured:
        return (
            f"no catalog of the base has {', '.join(measured)}, so there is no value to compare with; P follows from "
            "the errors of the measurements."
        )
    known = np.isfinite(raw) & np.isfinite(truth)
    meet, fail = int((truth[known] == 1).sum()), int((truth[known] == 0).sum())
    if min(meet, fail) < FEWEST_OBJECTS:
        return (
            f"{meet} objects of the base meet the condition and {fail} do not, expected {FEWEST_OBJECTS} of each; P "
            "follows from the residuals of each column."
        )
    n_groups = len(np.unique(groups[known]))
    if n_groups < FEWEST_GROUPS:
        noun = setting.domain.groups or "groups"
        return f"the objects of the base are of {n_groups} {noun}, expected {FEWEST_GROUPS}."
    return fit_curve(raw[known], truth[known], groups[known])


def _to_arrays(fit: ConditionFit) -> Content:
    arrays: dict[str, NDArray] = {"truth": fit.truth, "raw": fit.raw, "share": np.array([fit.share])}
    if fit.curve is not None:
        arrays |= {"offset": fit.curve.offset, "slope": fit.curve.slope}
    about: dict[str, Any] = {}
    for i, (name, column) in enumerate(fit.columns.items()):
        known, residuals = column.known, column.column.residuals
        arrays |= {f"{i} both": residuals.both, f"{i} near": residuals.near}
        about[name] = {
            "scale": asdict(column.column.scale), "weighing": asdict(column.weighing), "measured": column.is_measured,
            "unit": column.column.quantity.unit,
        }  # fmt: skip
        if known is None:
            continue
        about[name] |= {"reach": known.reach, "object_id": known.object_id.tolist()}
        parts = {
            "value": known.value, "error": known.error, "model": known.model, "coefficients": known.trend.coefficients,
            "intercept": known.trend.offset, "residual": known.trend.residual, "spread": known.trend.spread,
        }  # fmt: skip
        arrays |= {f"{i} {part}": array for part, array in parts.items()}
    return arrays, {
        "columns": json.dumps(about), "object_id": json.dumps(fit.object_id.tolist()),
        "groups": json.dumps(fit.groups.tolist()), "reason": fit.reason, "notes": json.dumps(fit.notes),
    }  # fmt: skip


def _from_arrays(
    condition: Condition, domain: Domain, arrays: Arrays, texts: Mapping[str, str]
) -> ConditionFit:
    columns = {}
    for i, (name, about) in enumerate(json.loads(texts["columns"]).items()):
        part = partial(_part, arrays, i)
        scale = Scale(**about["scale"])
        known = None
        if "reach" in about:
            trend = Trend(part("coefficients"), part("intercept"), part("residual"), part("spread"))
            known = LabelledObjects(
                np.array(about["object_id"], dtype=str), part("value"), part("error"), scale, trend, about["reach"],
                part("model"),
            )  # fmt: skip
        residuals = Residuals(part("both"), part("near"), not about["measured"])
        quantity = domain.quantities.get(name) or Quantity(name, about["unit"])
        column = Column(quantity, scale, residuals)
        columns[name] = ColumnFit(column, known, Weighing(**about["weighing"]), about["measured"])
    curve = Curve(arrays["offset"], arrays["slope"]) if "offset" in arrays else None
    return ConditionFit(
        condition, columns, np.array(json.loads(texts["object_id"]), dtype=str),
        np.array(json.loads(texts["groups"]), dtype=str), arrays["truth"], arrays["raw"], curve, texts["reason"],
        float(arrays["share"][0]), tuple(json.loads(texts["notes"])),
    )  # fmt: skip


def _part(arrays: Arrays, i: int, name: str) -> NDArray:
    return arrays[f"{i} {name}"]
