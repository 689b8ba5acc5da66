"""Estimators of quantities: fitted once on the objects of the base and stored in KB/calibrations/."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, astuple, dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.domain import Measurer
from spectrove.errors import KnowledgeError
from spectrove.inference.kept import Arrays, Content, contents, fitted_once
from spectrove.inference.numbers.columns import numbers
from spectrove.inference.numbers.conformal import Conformal, signal_to_noise
from spectrove.inference.numbers.mixture import Mixture, fit_mixture
from spectrove.inference.numbers.quantities import Quantity, error_column, filled_errors
from spectrove.inference.numbers.regression import LabelledObjects, Regressed, regress, with_own
from spectrove.inference.numbers.trend import Scale, Trend, choose_scale, fit_trend
from spectrove.inference.sample import TRENDS, stratified
from spectrove.knowledge import KnowledgeBase, Searched
from spectrove.knowledge.schema import sky_positions
from spectrove.knowledge.search import Snapshot, first_by_hash, hashes_of
from spectrove.provenance import canonical_json
from spectrove.spectra import SpectrumSet
from spectrove.statistics import folds_by_group
from spectrove.targets import label_text
from spectrove.work import counted

#: Increased whenever the same values and vectors give other estimates.
VERSION = 3

#: Folds of groups; an object is answered by a trend fitted without its fold.
FOLDS = 10

#: Objects on which intervals are calibrated, chosen by a hash of their ids; their spectra are read.
MOST_ASKED = 3000

#: Spectra read at once.
BATCH = 500

#: Arrays that are stored.
KEPT = (
    "coefficients", "offset", "trend_residual", "spread", "label_error", "reach",
    "residual", "error", "sn", "nearest",
)  # fmt: skip

#: How own measurements are weighed, kept where they are used: the numbers of a `Mixture`.
WEIGHED = "weighing"

#: As `VERSION`, of estimates that rest on own measurements.
WEIGHED_VERSION = 2

Array = NDArray[np.float64]

#: Those arrays by name, and the scale of the values.
Kept = tuple[dict[str, Array], Scale]


@dataclass(frozen=True)
class Estimator:
    """Trend, scale and residuals from which one quantity is estimated, for one version of a base."""

    quantity: Quantity
    known: LabelledObjects
    conformal: Conformal
    weighing: Mixture | None = None


@dataclass(frozen=True)
class Setting:
    """What an estimator is fitted for.

    Attributes:
        base: The base.
        quantity: The column.
        k: Neighbours of an estimate, for which the intervals are calibrated.
        where: SQL condition on the objects used.
        group: Objects with equal values in this column are not neighbours of each other while intervals are
            calibrated; "" where objects stand alone.
        measurer: What measures the quantity in spectra themselves; None where estimates rest on neighbours alone.
    """

    base: KnowledgeBase
    quantity: Quantity
    k: int
    where: str | None = None
    group: str = ""
    measurer: Measurer | None = None

    @property
    def name(self) -> str:
        """What is fitted, in one base, as text."""
        return canonical_json([asdict(self.quantity), self.where, self.group])

    @property
    def condition(self) -> str | None:
        """SQL condition on the objects with a measured value."""
        return self.quantity.condition(self.where)


def estimator_for(
    base: KnowledgeBase,
    quantity: Quantity,
    *,
    k: int,
    where: str | None = None,
    group: str = "",
    measurer: Measurer | None = None,
) -> Estimator:
    """The estimator of a quantity; one fitted before on this version is read from the folder of the base.

    Args:
        base, quantity, k, where, group, measurer: As in `Setting`.
    """
    setting = Setting(base, quantity, k, where, group, measurer)
    objects, n_objects = base.remember(("contents", setting.name), partial(_contents, setting))
    key = canonical_json(
        {
            "regression": VERSION,
            "objects": objects,
            "quantity": asdict(quantity),
            "k": k,
            "where": where,
            "views": [[view, base.fingerprints[view]] for view in base.space().views],
            **({} if measurer is None else {"measurer": measurer.version, "weighed": WEIGHED_VERSION}),
            **({"sample": TRENDS} if n_objects > TRENDS else {}),
        }
    )
    return base.remember(("estimator", key), partial(_estimator, setting, key))


def _contents(setting: Setting) -> tuple[list[Any], int]:
    """What the estimator depends on of the base: valued objects, their values, groups and errors; their number."""
    base, name = setting.base, setting.quantity.name
    known = base.searched(where=setting.condition, labelled=name, group=setting.group)
    errors = _label_errors(base, setting.quantity, known.object_id)
    return contents(base, known.object_id, known.values, known.groups, errors), len(known.object_id)


def own_models(base: KnowledgeBase, known: LabelledObjects, queries: SpectrumSet) -> NDArray[np.int64]:
    """Trend model fitted without each query: 0 if it is no object of the base, (n_queries,)."""
    model = np.zeros(len(queries), dtype=np.int64)
    for i, found in enumerate(_same(base, queries)):
        places = known.places(found)
        if (places >= 0).any():
            model[i] = known.model[places[places >= 0][0]]
    return model


def known_as(base: KnowledgeBase, queries: SpectrumSet) -> NDArray[np.str_]:
    """Id of the object of the base that each query is, by its id or its place in the sky, (n_queries,); "" if none."""
    return np.array([found[0] if len(found) else "" for found in _same(base, queries)], dtype=str)


def _same(base: KnowledgeBase, queries: SpectrumSet) -> Iterator[NDArray[np.str_]]:
    """Ids of the objects of the base that each query is."""
    objects = base.remember("places of objects", partial(_places, base))
    ra, dec = sky_positions(queries.rows)
    for i, object_id in enumerate(queries.object_id.tolist()):
        yield objects.object_id[objects.same_object(object_id, float(ra[i]), float(dec[i]))]


def _places(base: KnowledgeBase) -> Snapshot:
    """Ids and positions of all objects, without their vectors."""
    table = base.rows(None, ["ra", "dec"])
    n, (ra, dec) = table.num_rows, sky_positions(table)
    ids = np.array(table.column("object_id").to_pylist(), dtype=str)
    return Snapshot(np.zeros(n, np.uint64), ids, np.zeros((n, 0), np.float32), np.zeros((n, 2)), ra, dec)


@dataclass(frozen=True)
class _Values:
    """Objects with a value: ids, vectors (n_objects, n_dimensions), values in their unit, and folds."""

    object_id: NDArray[np.str_]
    vectors: NDArray
    value: Array
    fold: NDArray[np.int64]


def _values(setting: Setting) -> _Values:
    searched = setting.base.searched(
        where=setting.condition, labelled=setting.quantity.name, group=setting.group
    )
    values = np.array([_number(v) for v in searched.values])
    keep = np.isfinite(values)
    if len(set(values[keep].tolist())) < 2:
        raise KnowledgeError(
            f"{setting.base.path}: {int(keep.sum())} searchable objects with measured {setting.quantity.name}, all of "
            "equal value. Loosen the condition, or add measured objects."
        )
    fold = fold_of(searched, keep, setting.group)
    return _Values(searched.object_id[keep], searched.vectors[keep], values[keep], fold)


def _estimator(setting: Setting, key: str) -> Estimator:
    values = _values(setting)
    arrays, scale = fitted_once(
        setting.base, "calibrations", key, partial(_fit, setting, values), _to_arrays, _from_arrays,
        doing=f"fitting estimates of {setting.quantity.name}",
    )  # fmt: skip
    trend = Trend(*(arrays[a] for a in ("coefficients", "offset", "trend_residual", "spread")))
    known = LabelledObjects(
        object_id=values.object_id,
        value=scale.forward(values.value),
        error=arrays["label_error"],
        scale=scale,
        trend=trend,
        reach=float(arrays["reach"][0]),
        model=1 + values.fold,
    )
    conformal = Conformal(*(arrays[a] for a in ("residual", "error", "sn", "nearest")))
    weighing = Mixture(*arrays[WEIGHED].tolist()) if WEIGHED in arrays else None
    return Estimator(setting.quantity, known, conformal, weighing)


def _fit(setting: Setting, values: _Values) -> Kept:
    """The trend, and the residuals of the objects of the base; and the scale of the values."""
    ids, scale = values.object_id, choose_scale(values.value, setting.quantity.logarithm)
    errors = scale.errors(values.value, _label_errors(setting.base, setting.quantity, ids))
    scaled = scale.forward(values.value)
    hashes = hashes_of(ids)
    learned = stratified(hashes, [""] * len(ids), TRENDS)
    trend = fit_trend(values.vectors, scaled, errors, values.fold, learned)
    chosen = np.sort(first_by_hash(hashes, MOST_ASKED))
    near, far, sn, unit = _neighbors(setting, ids[chosen])
    finite = np.isfinite(far)
    mean = np.where(finite, far, 0).sum(axis=1) / np.maximum(finite.sum(axis=1), 1)
    reach = float(np.percentile(mean[finite.any(axis=1)], 90)) if finite.any() else 0.0
    known = LabelledObjects(ids, scaled, errors, scale, trend, reach, 1 + values.fold)
    result = regress(known, values.vectors[chosen], near, far, known.model[chosen], unit_distance=unit)
    result, weighing = _weighed(setting, result, ids[chosen], scaled[chosen], scale)
    ok = np.isfinite(result.value) & (result.error > 0)
    arrays = {
        "coefficients": trend.coefficients, "offset": trend.offset, "trend_residual": trend.residual,
        "spread": trend.spread, "label_error": errors, "reach": np.array([reach]),
        "residual": (scaled[chosen] - result.value)[ok], "error": result.error[ok], "sn": sn[ok],
        "nearest": result.nearest[ok],
    }  # fmt: skip
    return arrays | weighing, scale


def _weighed(
    setting: Setting, result: Regressed, ids: NDArray[np.str_], truth: Array, scale: Scale
) -> tuple[Regressed, dict[str, Array]]:
    """Estimates of known objects with their own measurements, and how these are weighed; as they are without any."""
    if setting.measurer is None:
        return result, {}
    table = setting.measurer.of_base(setting.base, ids.tolist())
    own = own_measurements(scale, setting.quantity.name, table)
    weighing = fit_mixture(truth, own, (result.value, result.error))
    return with_own(result, own, weighing), {WEIGHED: np.array(astuple(weighing))}


def own_measurements(scale: Scale, name: str, table: pa.Table) -> tuple[Array, Array]:
    """A measurer's values of a quantity and their errors on its scale, NaN where unknown or a limit."""
    value, error = numbers(table, name), numbers(table, f"{name}_err")
    known = np.isfinite(value) & np.isfinite(error) & (error > 0)
    known &= np.isfinite(scale.forward(np.where(known, value, np.nan)))
    if "flags" in table.column_names:
        known &= np.array([f"limit_{name}" not in flags for flags in table.column("flags").to_pylist()], bool)
    value, error = np.where(known, value, np.nan), np.where(known, error, np.nan)
    return scale.forward(value), scale.errors(value, error)


def _neighbors(setting: Setting, ids: NDArray[np.str_]) -> tuple[NDArray[np.str_], Array, Array, float]:
    """Ids and distances of neighbours from other groups, for some objects; S/N of the objects; unit of distance."""
    base = setting.base
    view = base.space().views[0]
    group = setting.group if setting.group in base.columns else None
    near, far, sn, unit = [], [], [], 1.0
    for start in counted("comparing known objects with each other", len(ids), BATCH):
        part = ids[start : start + BATCH]
        spectra = base.spectra(part)
        found = base.search(
            base.vectors_of(part.tolist(), view),
            setting.k,
            spectra=spectra,
            where=setting.condition,
            labelled=setting.quantity.name,
            exclude_column=group,
        )
        near.append(found.object_id)
        far.append(found.distance)
        sn.append(signal_to_noise(spectra))
        unit = found.scale
    return np.concatenate(near), np.concatenate(far), np.concatenate(sn), unit


def fold_of(searched: Searched, keep: NDArray[np.bool_], group: str) -> NDArray[np.int64]:
    """Fold of each object, from 0: groups are divided into `FOLDS` parts, as are objects without a group."""
    ids = searched.object_id[keep].tolist()
    groups = [label_text(g) for g, chosen in zip(searched.groups, keep, strict=True) if chosen]
    names = [f"{group} {g}" if g is not None else i for g, i in zip(groups, ids, strict=True)]
    if len(set(names)) == 1:  # one group: leave out single objects
        names = ids
    # In turn, not by hash alone: a fold with all objects would leave none for its trend.
    return folds_by_group(names, FOLDS, "in turn")


def _label_errors(base: KnowledgeBase, quantity: Quantity, ids: NDArray[np.str_]) -> Array:
    """One-sigma errors of the values; estimated where one is unknown, 0 where all are."""
    column = error_column(quantity.name, base.columns)
    if column is None:
        return np.zeros(len(ids))
    table = base.rows(None, [column])
    found = dict(zip(table.column("object_id").to_pylist(), table.column(column).to_pylist(), strict=True))
    errors = np.array([_number(found.get(i)) for i in ids.tolist()])
    return filled_errors(errors)[0]  # catalogs write negative errors for lines that were not fitted


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _to_arrays(kept: Kept) -> Content:
    arrays, scale = kept
    return arrays, {"scale": json.dumps(asdict(scale))}


def _from_arrays(arrays: Arrays, texts: Mapping[str, str]) -> Kept:
    names = [*KEPT, *([WEIGHED] if WEIGHED in arrays else [])]
    return {name: arrays[name] for name in names}, Scale(**json.loads(texts["scale"]))
