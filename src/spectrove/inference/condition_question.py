"""A hunt by a condition over measured columns: what each spectrum's columns are, and so the probability that it holds.

Each column is estimated from the spectrum's own pixels, where they give it, and from its neighbours, each with its
error; `numbers/own.py` weighs the two, `numbers/joint.py` makes the probability. Nothing is read of a query but its
pixels and its redshift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError, TargetError
from spectrove.inference.calibration.of_base import FittedCalibration
from spectrove.inference.embed import Embedded, embed_queries
from spectrove.inference.neighbors.voting import LEVEL, TIE, neighbor_weights
from spectrove.inference.numbers.columns import REDSHIFT, measure_name, measures
from spectrove.inference.numbers.condition_of_base import (
    ColumnFit,
    ConditionFit,
    estimates,
    groups_of,
    own_numbers,
)
from spectrove.inference.numbers.joint import Chance, chance
from spectrove.inference.numbers.of_base import known_as, own_models
from spectrove.inference.numbers.own import Told, weigh
from spectrove.inference.numbers.recalibrated import at_prevalence, best_threshold
from spectrove.inference.prediction import Prediction, Vote
from spectrove.inference.question import Question
from spectrove.inference.verdict import with_verdicts
from spectrove.knowledge import Neighbors
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target
from spectrove.targets.target import OTHER

Floats = NDArray[np.float64]

#: Quantiles of the columns that are shown: the ends of the 68% interval and the median.
LEVELS = ((1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2)

#: A condition without a value in a larger fraction of what the columns may be has no probability.
MOST_UNKNOWN = 0.5


@dataclass(frozen=True)
class ConditionCalibration(FittedCalibration):
    """What is known of the probabilities of a condition, in the words of every hunt.

    Attributes:
        fit: On the base; None where the question was not asked.
        used: Whether the calibration of the fit is applied.
    """

    fit: ConditionFit | None = None
    used: bool = True

    @property
    def is_calibrated(self) -> bool:
        """Whether probabilities are calibrated on the values of the base."""
        return self.used and self.fit is not None and self.fit.curve is not None

    def settled(self, target: Target) -> Target:
        """The target with a numerical threshold, see `FittedCalibration.settled`."""
        if target.threshold != "f1" or self.fit is None:
            return target
        known = self.fit.left_out if self.is_calibrated else self.fit.raw
        share = self.prevalence(target)
        if share is not None and share != self.fit.share:
            known = at_prevalence(known, self.fit.share, share)
        limit = best_threshold(known) if self.is_calibrated else target.limit
        return target.model_copy(update={"threshold": limit})

    def prevalence(self, target: Target) -> float | None:
        """The fraction that meets the condition which the probabilities assume."""
        if target.prior is not None:
            return target.prior[target.positive or ""]
        if target.prevalence is not None:
            return target.prevalence
        return self.fit.share if self.is_calibrated and self.fit else None

    @property
    def about(self) -> dict[str, Any]:
        """Plain values: whether probabilities are calibrated, on how many objects, or why not."""
        notes = {"notes": list(self.fit.notes)} if self.fit and self.fit.notes else {}
        if self.fit is None or not self.is_calibrated:
            return {"calibrated": False, **({"reason": self.reason} if self.reason else {}), **notes}
        return {"calibrated": True, "label": self.fit.condition.text, "n_objects": self._tested[0], **notes}

    @property
    def sentence(self) -> str:
        """The same as a sentence, and what is assumed of values without errors."""
        notes = "".join(f"; {note}" for note in self.fit.notes) if self.fit else ""
        if self.fit is None or not self.is_calibrated:
            return f"not calibrated: {self.reason}{notes}" if self.reason else notes.removeprefix("; ")
        n, meet, groups = self._tested
        return (
            f"probabilities calibrated on {n} objects of {groups} {self.terms.groups}, {meet} of which meet the "
            f"condition by the base's own columns (own {self.terms.group_noun} left out){notes}"
        )

    @property
    def _tested(self) -> tuple[int, int, int]:
        """Objects, those that meet the condition, and groups."""
        assert self.fit is not None
        known = np.isfinite(self.fit.raw) & np.isfinite(self.fit.truth)
        return int(known.sum()), int(self.fit.truth[known].sum()), len(set(self.fit.groups[known].tolist()))


@dataclass(frozen=True)
class ConditionQuestion(Question):
    """A hunt by a condition, which can be asked again with another K, or without an object.

    Attributes:
        hunted: The target, whose threshold is a number.
        fit: What the base knows of the condition.
    """

    hunted: Target | None = None
    fit: ConditionFit | None = field(default=None, repr=False)

    @property
    def target(self) -> Target | None:
        """What is hunted."""
        return self.hunted

    def _answer_at(
        self, spectra: SpectrumSet, k: int | None, without: str
    ) -> tuple[Embedded, Neighbors, list[Prediction]]:
        """Embedded spectra, neighbours and predictions at the redshifts that the spectra have."""
        assert self.fit is not None
        assert self.hunted is not None
        pool = self.pool.without(without)
        embedded = embed_queries(spectra, self.encoders)
        neighbors = self.base.search(
            embedded.views, max(k or 0, self.hunted.k), spectra=embedded.spectra, where=pool.where,
            allow_self=pool.allow_self, view=pool.space.weights,
        )  # fmt: skip
        heard = self._heard(embedded.spectra, neighbors)
        groups = self._groups(embedded.spectra)
        found = chance(
            self.fit.condition, {n: c.column for n, c in self.fit.columns.items()}, heard.told, LEVELS,
            None if groups is None else (groups, self.fit.groups),
        )  # fmt: skip
        predictions = self._predictions(embedded.spectra, neighbors, heard, (found, groups))
        types = self.domain.types(self.base, embedded.spectra) if self.domain.types else {}
        return embedded, neighbors, with_verdicts(predictions, types, self._counts, self.hunted)

    def _groups(self, spectra: SpectrumSet) -> NDArray[np.str_] | None:
        """Groups of the spectra that are objects of the base, "" of others; None where nothing is to be left out."""
        assert self.fit is not None
        if self.pool.allow_self:
            return None
        alone = bool((self.fit.groups == self.fit.object_id).all())
        found = known_as(self.base, spectra)
        ids = np.unique(found[found != ""])
        groups = ids if alone else groups_of(self.base, self.domain, ids)
        of = dict(zip(ids.tolist(), groups.tolist(), strict=True))
        return np.array([of.get(name, "") for name in found.tolist()], dtype=str)

    @property
    def _counts(self) -> dict[str, int]:
        """Objects of the base that meet the condition, and that do not."""
        assert self.fit is not None
        assert self.hunted is not None
        truth = self.fit.truth[np.isfinite(self.fit.truth)]
        return {str(self.hunted.positive): int(truth.sum()), OTHER: int((truth == 0).sum())}

    def _heard(self, spectra: SpectrumSet, neighbors: Neighbors) -> Heard:
        """What pixels and neighbours say of each column."""
        assert self.fit is not None
        assert self.hunted is not None
        table = self._measured(spectra)
        told: dict[str, Told] = {}
        own: dict[str, tuple[Floats, Floats]] = {}
        near: dict[str, tuple[Floats, Floats]] = {}
        for name in self.fit.condition.columns:
            if name == REDSHIFT:
                told[name] = Told(spectra.z.astype(float), np.zeros(len(spectra)), np.ones(len(spectra)))
                continue
            column = self.fit.columns[name]
            own[name] = own_numbers(table, name, column.column.scale, len(spectra))
            near[name] = self._regressed(column, spectra, neighbors)
            told[name] = weigh(column.weighing, own[name], near[name])
        return Heard(told, own, near)

    def _measured(self, spectra: SpectrumSet) -> pa.Table | None:
        assert self.fit is not None
        wanted = {measure_name(name) for name in self.fit.columns} & set(measures(self.domain))
        return self.domain.measurer.measure(spectra) if self.domain.measurer and wanted else None

    def _regressed(
        self, column: ColumnFit, spectra: SpectrumSet, neighbors: Neighbors
    ) -> tuple[Floats, Floats]:
        """The estimate from the neighbours that the fit was made with, on the scale of the column."""
        assert self.hunted is not None
        n, k = len(spectra), self.hunted.k
        alone = self.pool.allow_self or column.known is None
        model = np.zeros(n, np.int64) if alone else own_models(self.base, column.known, spectra)  # type: ignore[arg-type]
        near = neighbors.object_id[:, :k], neighbors.distance[:, :k]
        return estimates(column.known, neighbors.query_vectors, near, model, neighbors.scale)

    def _predictions(
        self,
        spectra: SpectrumSet,
        neighbors: Neighbors,
        heard: Heard,
        asked: tuple[Chance, NDArray[np.str_] | None],
    ) -> list[Prediction]:
        """The answer for each spectrum, before it is said which are none of these."""
        assert self.fit is not None
        assert self.hunted is not None
        found, groups = asked
        calibrated = isinstance(self.calibration, ConditionCalibration) and self.calibration.is_calibrated
        probability = found.probability[None, :]
        if calibrated and self.fit.curve is not None:
            probability = self.fit.calibrated(found.probability, groups)
        probability = self._in_population(probability)
        votes = self._votes(neighbors)
        redshifts, sources = spectra.z.astype(float), spectra.column("z_source")
        abouts = [
            {
                "object_id": str(name), "z": _plain(redshifts[i]), "z_source": sources[i],
                "flags": neighbors.flags[i], "calibrated": calibrated, "values": self._values(heard, found, i),
            }
            for i, name in enumerate(spectra.object_id.tolist())
        ]  # fmt: skip
        return [
            self._prediction(votes[i], probability[:, i], self._unknown(heard, found, i), about)
            for i, about in enumerate(abouts)
        ]

    def _prediction(
        self, votes: tuple[Vote, ...], p: Floats, unknown: str, about: Mapping[str, Any]
    ) -> Prediction:
        assert self.hunted is not None
        hunted = self.hunted
        base = {
            "label": hunted.label, "target": hunted.name, "positive": hunted.positive, "neighbors": votes, **about,
        }  # fmt: skip
        if unknown:
            return Prediction(
                value=None, probabilities={}, interval=None, reason_no_interval=unknown, is_target=False,
                **{**base, "calibrated": False},
            )  # fmt: skip
        chance_ = float(p[0])
        ends = np.quantile(p[1:], [LEVELS[0], LEVELS[2]]) if len(p) > 1 else None
        return Prediction(
            value=hunted.positive if chance_ > 0.5 else OTHER,
            probabilities={str(hunted.positive): chance_, OTHER: 1 - chance_},
            interval=None if ends is None else (float(min(ends[0], chance_)), float(max(ends[1], chance_))),
            reason_no_interval="" if ends is not None else f"Not calibrated: {self.calibration.reason}",
            is_target=chance_ >= hunted.limit - TIE,
            **base,
        )

    def _in_population(self, probability: Floats) -> Floats:
        """The probabilities for the prevalence that the target or an option gives."""
        assert self.fit is not None
        assert self.hunted is not None
        given = self.hunted.prior is not None or self.hunted.prevalence is not None
        share = self.calibration.prevalence(self.hunted) if given else None
        return probability if share is None else at_prevalence(probability, self.fit.share, share)

    def _unknown(self, heard: Heard, found: Chance, i: int) -> str:
        """Why there is no probability, a sentence; "" if there is one."""
        if np.isfinite(found.probability[i]) and found.unknown[i] <= MOST_UNKNOWN:
            return ""
        missing = [name for name, told in heard.told.items() if not np.isfinite(told.centre[i])]
        if missing:
            what = "the redshift" if missing == [REDSHIFT] else ", ".join(missing)
            return f"{what} is unknown: these pixels do not give it, and no neighbour has a value."
        return (
            f"the condition has no value in {found.unknown[i]:.0%} of what its columns may be (a logarithm or ratio of "
            "what is not above zero)."
        )

    def _values(self, heard: Heard, found: Chance, i: int) -> tuple[dict[str, Any], ...]:
        """What is known of each column of one spectrum, as plain values."""
        assert self.fit is not None
        made: list[dict[str, Any]] = []
        for name, told in heard.told.items():
            low, middle, high = (_plain(x) for x in found.quantiles[name][i].tolist())
            if name == REDSHIFT:
                exact = {"name": name, "value": _plain(told.centre[i]), "interval": None, "unit": ""}
                made.append(exact | {"from": "its redshift", "measured": None, "neighbours": None})
                continue
            column = self.fit.columns[name].column
            made.append(
                {
                    "name": name,
                    "value": middle,
                    "interval": None if low is None else [low, high],
                    "unit": column.quantity.unit,
                    "from": _origin(float(told.share[i]), middle is not None),
                    "measured": _pair(column.scale, heard.own[name], i),
                    "neighbours": _pair(column.scale, heard.near[name], i),
                }
            )
        return tuple(made)

    def _votes(self, neighbors: Neighbors) -> list[tuple[Vote, ...]]:
        """The neighbours of each spectrum with their values, and whether these meet the condition."""
        assert self.fit is not None
        assert self.hunted is not None
        values = {name: _of_neighbors(c, neighbors.object_id) for name, c in self.fit.columns.items()}
        if REDSHIFT in self.fit.condition.columns:
            z = neighbors.column(REDSHIFT)
            values[REDSHIFT] = np.array([np.nan if v is None else float(v) for v in z.ravel()]).reshape(
                z.shape
            )
        holds = self.fit.condition.holds(values)
        known = np.isfinite(holds) & np.isfinite(neighbors.distance)
        weight = neighbor_weights(neighbors.distance, known, scale=neighbors.scale)
        groups = {1.0: str(self.hunted.positive), 0.0: OTHER}
        return [
            tuple(
                Vote(
                    str(neighbors.object_id[i, j]), float(neighbors.distance[i, j]), float(weight[i, j]),
                    ", ".join(f"{name} {_shown(v[i, j])}" for name, v in values.items()),
                    groups[float(holds[i, j])] if known[i, j] else None, neighbors.view,
                )
                for j in range(len(neighbors.rows[i]))
            )
            for i in range(len(neighbors))
        ]  # fmt: skip


@dataclass(frozen=True)
class Heard:
    """What is known of the columns of some spectra.

    Attributes:
        told: Of each column, from both.
        own, near: Measurements and estimates from neighbours with their errors, on the scale of each column.
    """

    told: Mapping[str, Told]
    own: Mapping[str, tuple[Floats, Floats]]
    near: Mapping[str, tuple[Floats, Floats]]


def check_hunt(target: Target, fit: ConditionFit, metric: str | None, witness: str) -> None:
    """Refuse options that have no part in a hunt by a condition.

    Raises:
        KnowledgeError: A metric or a witness is asked for.
        TargetError: A prevalence is given, and no object of the base, or every one, meets the condition.
    """
    if metric not in (None, "auto", "none"):
        raise KnowledgeError(
            f"metric is {metric!r}: a metric is fitted on classes, and target {target.name} is a condition over "
            "numbers. Leave it out."
        )
    if witness not in ("auto", "none"):
        raise KnowledgeError(
            f"witness is {witness!r}: the columns of target {target.name} are measured themselves. Leave it out."
        )
    given = target.prevalence is not None or target.prior is not None
    if given and not 0 < fit.share < 1:
        many = "no object" if not fit.share > 0 else "every object"
        raise TargetError(
            f"target {target.name}: a prevalence is given, and {many} of the base is known to meet the condition, so "
            "that there is none to change from. Leave it out, or search a base that has both."
        )


def _of_neighbors(column: ColumnFit, object_id: NDArray[np.str_]) -> Floats:
    """The base's values of neighbours in the unit of the column, NaN where unknown."""
    if column.known is None:
        return np.full(object_id.shape, np.nan)
    places = column.known.places(object_id)
    values = column.column.scale.inverse(column.known.value)
    return np.where(places >= 0, values[np.maximum(places, 0)], np.nan)


def _origin(share: float, known: bool) -> str:
    """What a value is from, by the weight of the measurement."""
    if not known:
        return "nothing"
    if share == 0:
        return "neighbours"
    return "own pixels" if share > 0.9 else "own pixels and neighbours"


def _pair(scale: Any, told: tuple[Floats, Floats], i: int) -> list[float] | None:
    """Value and error in the unit of the column; None if unknown."""
    value, error = float(told[0][i]), float(told[1][i])
    if not (np.isfinite(value) and np.isfinite(error)):
        return None
    ends = scale.inverse(np.array([value - error, value, value + error]))
    return [float(ends[1]), float((ends[2] - ends[0]) / 2)]


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shown(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "unknown"
