"""The classes of an answer, and the subclasses ("kinds") of a calibration that belong to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError
from spectrove.inference.calibration.model import Calibration
from spectrove.targets import Target

#: Largest number of classes of a label column; neighbours are searched in each class.
MOST_CLASSES = 100

#: A label value with at least this many objects is a subclass of its own in a hunt.
FEWEST_OF_KIND = 5


@dataclass(frozen=True)
class Classes:
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


def classes_of(calibration: Calibration, target: Target | None) -> Classes:
    """The classes of the target; without one, the subclasses themselves."""
    kinds = calibration.classes
    if target is None:
        return Classes(kinds, kinds, np.eye(len(kinds)))
    of = class_of_kind(calibration.kinds, target)
    names = tuple(target.classes)
    return Classes(names, kinds, np.array([[of.get(k) == n for n in names] for k in kinds], dtype=float))


def class_of_kind(kinds: Mapping[str, str], target: Target) -> dict[str, str]:
    """Class of each subclass in the target.

    Args:
        kinds: Subclass of each label value.
    """
    classes = dict(zip(kinds, target.classes_of(kinds), strict=True))
    return {kind: name for value, kind in kinds.items() if (name := classes[value]) is not None}


def hunted(kinds: Mapping[str, str], names: Sequence[str], target: Target) -> NDArray[np.bool_]:
    """Mask of the subclasses that belong to the hunted class, (n_kinds,)."""
    of = class_of_kind(kinds, target)
    return np.array([of.get(name) == target.positive for name in names])


def prior_of(
    calibration: Calibration,
    target: Target | None,
    prevalence: Mapping[str, float] | Literal["equal"] | None = None,
) -> NDArray[np.float64] | None:
    """Prior of each subclass in the population hunted or classified; None if it is that of the base.

    Args:
        calibration, target: Of the question.
        prevalence: Without a target: the share of each class, or "equal". Classes that are not named divide what is
            left as in the base.

    Raises:
        KnowledgeError: A class is none of the base's, or the shares are no shares.
    """
    if target is None:
        return None if prevalence is None else _expected(calibration, prevalence)
    of = class_of_kind(calibration.kinds, target)
    counts = dict(zip(calibration.classes, calibration.counts.tolist(), strict=True))
    total = {name: sum(n for kind, n in counts.items() if of.get(kind) == name) for name in target.classes}
    population = target.population(total)
    if population is None:
        return None
    return np.array([population[of[kind]] * n / max(total[of[kind]], 1) for kind, n in counts.items()])


def _expected(
    calibration: Calibration, prevalence: Mapping[str, float] | Literal["equal"]
) -> NDArray[np.float64]:
    names = calibration.classes
    if prevalence == "equal":
        return np.full(len(names), 1 / len(names))
    given = dict(prevalence)  # type: ignore[arg-type]
    total = sum(given.values())
    if unknown := [name for name in given if name not in names]:
        raise KnowledgeError(
            f"prevalence: {unknown[0]!r} is no class of the base; expected some of {', '.join(names)}."
        )
    whole = set(given) == set(names)
    if min(given.values(), default=0.0) < 0 or total > 1 + 1e-6 or (whole and abs(total - 1) > 1e-6):
        raise KnowledgeError(
            f"prevalence: the shares of {', '.join(given)} are {list(given.values())}, in all {total:g}; expected none "
            "below 0 and a sum of 1, or less where classes are left out."
        )
    rest = np.array(
        [0.0 if name in given else float(n) for name, n in zip(names, calibration.counts, strict=True)]
    )
    rest = rest * (1 - total) / rest.sum() if rest.sum() > 0 else rest
    # A class that is expected nowhere keeps a trace: log 0 would hide what a spectrum says of it.
    return np.maximum([given.get(name, rest[i]) for i, name in enumerate(names)], 1e-9)


def kinds_of(counts: Mapping[str, int], classes: Mapping[str, str] | None) -> dict[str, str]:
    """Subclass of each label value: the value itself, or one subclass for all rare values of a hunted class.

    A hunt then gives the same probabilities as a classification by the same column.

    Args:
        counts: Objects of each label value.
        classes: Class of each label value in the target; None without a target.
    """
    if classes is None:
        return {value: value for value in sorted(counts)}
    kinds = {v: v if counts[v] >= FEWEST_OF_KIND else f"other {classes[v]}" for v in sorted(counts)}
    return kinds if len(set(kinds.values())) <= MOST_CLASSES else {v: classes[v] for v in sorted(counts)}
