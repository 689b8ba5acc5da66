"""Target: what is hunted, as data. One frozen model, read from a TOML file."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from spectrove.conditions import Condition
from spectrove.errors import ConditionError, TargetError

#: The value that stands for every labelled value that no other class names.
REST = "*"

#: Names of the weight functions; `inference.neighbors.voting.WEIGHTS` implements each.
Weighting = Literal["inverse", "inverse_square", "negative", "exp"]

#: How weights become shares of a vote: over their sum, or softmax of the weights.
Normalise = Literal["sum", "softmax"]

#: Whether a metric is fitted on the base's own labels.
MetricMode = Literal["auto", "linear", "none"]

Share = Annotated[float, Field(ge=0, le=1)]

#: A threshold on the probability: a number, or the one that a base's calibration expects to make F1 largest.
Threshold = float | Literal["f1"]

#: More probable than not: what "f1" amounts to where nothing is calibrated.
EVEN = 0.5

LabelValue = str | bool | int | float

#: What a target with a condition calls objects that do not meet it.
OTHER = "other"

#: Neighbours that a condition's columns are estimated from, where a target names no number.
CONDITION_VOTERS = 10

#: Keys that have no part in a target with a condition.
USELESS = ("lines", "signs", "composition", "optional_views", "views", "metric", "weighting", "normalise")


def label_text(value: Any) -> str | None:
    """One spelling of a label: text as it is, true or false, 3 for 3.0; None where null, NaN or ""."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def check_where(text: str) -> Condition:
    """The condition of a target; refused unless a measured number with an error can be said to meet it.

    Raises:
        ValueError: It cannot be read, or asks for equality or for a missing value.
    """
    try:
        condition = Condition.parse(text)
    except ConditionError as error:
        raise ValueError(str(error)) from error
    if condition.operations & {"EQ", "NEQ"}:
        raise ValueError(
            f"condition {text!r}: =, != and IN have no probability for a number with an error; use BETWEEN, < or >"
        )
    if "IsNull" in condition.operations:
        raise ValueError(
            f"condition {text!r}: IS NULL asks what was measured, not what a value is; put it into `filter`, an SQL "
            "condition on the objects of the base"
        )
    return condition


class Composition(BaseModel):
    """How much of each class the searched part of the base may hold. At most one of the two is given.

    Attributes:
        maximum: At most so many objects of a class; classes not named are kept whole.
        share: The fraction of the searched part that each class makes up; it must name every class and
            sum to one. The largest part with these shares is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    maximum: dict[str, Annotated[int, Field(ge=0)]] = {}
    share: dict[str, Share] = {}

    def sizes(self, counts: Mapping[str, int]) -> dict[str, int]:
        """How many objects of each class are kept, of the `counts` there are."""
        if self.share:
            # The class that runs out first sets the size. The small term keeps 0.3 * 10 from becoming 2.
            whole = min(counts.get(name, 0) / part for name, part in self.share.items() if part > 0)
            return {name: math.floor(whole * self.share[name] + 1e-9) for name in counts}
        return {name: min(n, self.maximum.get(name, n)) for name, n in counts.items()}


class Target(BaseModel):
    """What is hunted: which column says it, which of its values are what, and how neighbours vote.

    Attributes:
        name: Short name, as `hunt --target` takes it.
        description: One or two sentences for people.
        where: A condition over measured columns, such as "a > 4 AND b < 3", in place of `label`, `classes` and
            `positive`; see `conditions.Condition`. Then `label` is its text, `positive` what sentences call the objects
            that meet it (the name of the target if left out), and all others are `OTHER`.
        label: Column of the knowledge base that holds the labels.
        classes: Class name to the label values that mean it. `"*"` takes every other labelled value.
            Objects whose value belongs to no class do not vote.
        positive: The class that is hunted.
        k: Neighbours per query.
        weighting: Weight of a neighbour at scaled distance x; see `inference.neighbors.voting.WEIGHTS`.
        normalise: "sum" divides weights by their sum, "softmax" takes the softmax of the weights.
        views: Views to search, with the weight of each in the squared distance; a list weighs them equally.
        optional_views: Those of `views` that are left out where the base does not have them.
        metric: Whether distances are in a metric fitted on the base's own labels: "auto" where that helps,
            "linear" always, "none" never.
        threshold: An object is a target where its probability reaches this. "f1": the number that makes the expected
            F1 of the hunt largest, which each base's calibration says; see `Calibration.best_f1`.
        prior: Fraction of each class among the objects to be hunted through. Where given, it replaces the
            fraction the class has in the base.
        prevalence: Fraction of the positive class alone among them; the other classes keep the proportions that
            they have in the base. At most one of `prior` and `prevalence` is given.
        composition: Caps or shares of the classes in the part of the base that is searched.
        filter: SQL condition on the base's columns.
        lines: Name of a witness (`Domain.witnesses`), such as the diagram of line ratios whose regions the classes
            are; then an object's own lines count in a calibrated probability beside its neighbours.
        anything: Whether spectra that are like nothing in the base may be targets: a star among galaxies, or one with
            nothing near. Else they are none of the classes, and their probability is the prevalence.
        signs: Log-likelihood terms of the domain that a calibrated probability uses where they help, by name, such as
            "second_redshift"; what they found is shown with the answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    where: str | None = None
    label: Annotated[str, Field(min_length=1)]
    classes: dict[str, tuple[LabelValue, ...]]
    positive: str
    k: Annotated[int, Field(ge=1)] = 3
    weighting: Weighting = "exp"
    normalise: Normalise = "sum"
    views: Annotated[dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=1)] = {
        "shape": 1.0
    }
    optional_views: tuple[str, ...] = ()
    metric: MetricMode = "auto"
    threshold: Threshold = EVEN
    prior: dict[str, Annotated[float, Field(gt=0, lt=1)]] | None = None
    prevalence: Annotated[float, Field(gt=0, lt=1)] | None = None
    composition: Composition = Composition()
    filter: str | None = None
    lines: str | None = None
    anything: bool = False
    signs: tuple[str, ...] = ()

    def __repr__(self) -> str:
        if self.where is not None:
            return f"<Target {self.name}: {self.positive}, where {self.where}>"
        others = ", ".join(name for name in self.classes if name != self.positive)
        return f"<Target {self.name}: {self.positive} among {others} in {self.label}, views {', '.join(self.views)}>"

    @model_validator(mode="before")
    @classmethod
    def _renamed(cls, values: Any) -> Any:
        """`second_redshift = true`, the key of version 0.1, as `signs`."""
        if not isinstance(values, dict) or "second_redshift" not in values:
            return values
        warnings.warn(
            f"target {values.get('name', '')}: `second_redshift` is now a name in `signs`. "
            'Write signs = ["second_redshift"] instead of second_redshift = true.',
            FutureWarning,
            stacklevel=2,
        )
        values = dict(values)
        chosen = values.pop("second_redshift")
        if not isinstance(chosen, bool):
            raise ValueError(f"second_redshift is {chosen!r}, expected true or false")
        signs = tuple(values.get("signs", ()))
        if chosen and "second_redshift" not in signs:
            values["signs"] = (*signs, "second_redshift")
        return values

    @model_validator(mode="before")
    @classmethod
    def _by_condition(cls, values: Any) -> Any:
        """A target with `where` has two classes: what meets the condition, and the rest."""
        if not isinstance(values, dict):
            return values
        where = values.get("where")
        if where is None:
            if not {"label", "classes"} & set(values):
                raise ValueError(
                    "there is neither `where`, a condition over measured columns, nor `label` with `classes` and "
                    "`positive`; give one of the two"
                )
            return values
        if not isinstance(where, str) or values.get("label", where) != where:
            raise ValueError(
                f"both `where` and `label` are given ({where!r}, {values.get('label')!r}), expected one of the two: a "
                "condition over measured columns, or a column of labels with `classes`"
            )
        positive = values.get("positive", values.get("name", ""))
        classes = {positive: ("true",), OTHER: ("false",)}
        given = {name: tuple(v) for name, v in values.get("classes", classes).items()}
        if given != classes:
            raise ValueError("both `where` and `classes` are given, expected one of the two")
        if positive == OTHER:
            raise ValueError(f"the hunted objects are called {OTHER!r}, as the rest are; give `positive`")
        return {"k": CONDITION_VOTERS, **values, "label": where, "positive": positive, "classes": classes}

    @field_validator("where")
    @classmethod
    def _readable(cls, value: str | None) -> str | None:
        if value is not None:
            check_where(value)
        return value

    @field_validator("views", mode="before")
    @classmethod
    def _weighed(cls, value: Any) -> Any:
        return dict.fromkeys(value, 1.0) if isinstance(value, list | tuple) else value

    @field_validator("threshold", mode="before")
    @classmethod
    def _decides(cls, value: Any) -> Any:
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        if not number and value != "f1":
            raise ValueError('expected a number between 0 and 1, or "f1"')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Target:
        fields = type(self).model_fields
        useless = [k for k in USELESS if self.where is not None and getattr(self, k) != fields[k].default]
        if useless:
            raise ValueError(f"`{useless[0]}` has no part in a target with `where`; leave it out")
        if len(self.classes) < 2:
            raise ValueError(f"classes has {len(self.classes)} entry, expected two or more to tell apart")
        if self.positive not in self.classes:
            raise ValueError(
                f"positive is {self.positive!r}, expected one of the classes {list(self.classes)}"
            )
        values = [label_text(v) for values in self.classes.values() for v in values]
        if twice := sorted({v for v in values if v is not None and values.count(v) > 1}):
            raise ValueError(
                f"label values {twice} are listed more than once, expected once over all classes"
            )
        if empty := [name for name, values in self.classes.items() if not values]:
            raise ValueError(f"classes {empty} list no label value, expected one or more")
        for what, table in (("prior", self.prior or {}), ("composition.share", self.composition.share)):
            if table and set(table) != set(self.classes):
                raise ValueError(
                    f"{what} names {sorted(table)}, expected every class: {sorted(self.classes)}"
                )
            if table and not math.isclose(total := sum(table.values()), 1, abs_tol=1e-6):
                raise ValueError(f"{what} sums to {total:g}, expected 1")
        if self.prior and self.prevalence is not None:
            raise ValueError("the target gives both prior and prevalence, expected one of them")
        if unknown := sorted(set(self.composition.maximum) - set(self.classes)):
            raise ValueError(f"composition.maximum names {unknown}, expected some of {sorted(self.classes)}")
        if self.composition.maximum and self.composition.share:
            raise ValueError("composition gives both maximum and share, expected one of them")
        if unknown := sorted(set(self.optional_views) - set(self.views)):
            raise ValueError(f"optional_views names {unknown}, expected some of views: {list(self.views)}")
        if set(self.views) <= set(self.optional_views):
            raise ValueError("optional_views names every view, expected one or more that is always searched")
        return self

    def class_of(self, value: Any) -> str | None:
        """The class a label value means; None where it is unknown or belongs to no class."""
        return self._table().get(text, self._rest()) if (text := label_text(value)) is not None else None

    def classes_of(self, values: Iterable[Any]) -> list[str | None]:
        """`class_of` for many values."""
        table, rest = self._table(), self._rest()
        return [None if (text := label_text(v)) is None else table.get(text, rest) for v in values]

    def population(self, counts: Mapping[str, int]) -> dict[str, float] | None:
        """The fraction of each class among what is hunted through, given how many of each the base holds.

        None where the target expects the composition of the base itself.
        """
        if self.prevalence is None:
            return self.prior
        others = {name: counts.get(name, 0) for name in self.classes if name != self.positive}
        total = sum(others.values())
        # A base without any other object says nothing of their proportions.
        shares = {name: n / total if total else 1 / len(others) for name, n in others.items()}
        rest = {name: (1 - self.prevalence) * share for name, share in shares.items()}
        return {self.positive: self.prevalence, **rest}

    @property
    def condition(self) -> Condition | None:
        """The condition of `where`, read; None without one."""
        return None if self.where is None else Condition.parse(self.where)

    @property
    def limit(self) -> float:
        """The threshold as a number; a half where it is "f1" and no calibration has said which."""
        return EVEN if self.threshold == "f1" else self.threshold

    def check_names(self, witnesses: Iterable[str], signs: Iterable[str]) -> None:
        """Refuse the target unless a domain has the witness and the signs that it names.

        Args:
            witnesses, signs: Names in `Domain.witnesses` and `Domain.signs`.

        Raises:
            TargetError: Naming those that there are.
        """
        witnesses, signs = list(witnesses), list(signs)
        if self.lines is not None and self.lines not in witnesses:
            raise TargetError(
                f"target {self.name}: `lines` is {self.lines!r}, expected one of {', '.join(witnesses) or 'none'}. "
                "Correct the name, or leave `lines` out."
            )
        if unknown := [name for name in self.signs if name not in signs]:
            raise TargetError(
                f"target {self.name}: `signs` names {unknown}, expected some of {', '.join(signs) or 'none'}. "
                "Correct the name, or leave it out."
            )

    def weights(self, have: Iterable[str]) -> dict[str, float]:
        """The views to search in a base that has these, with their weights.

        Raises:
            TargetError: The base lacks a view that is not optional.
        """
        have = list(have)
        if missing := [v for v in self.views if v not in have and v not in self.optional_views]:
            raise TargetError(
                f"target {self.name}: the base has no view {', '.join(missing)}, only {', '.join(have)}. Add it "
                f"with kb reencode KB --view {missing[0]}=ENCODER, or name other `views`."
            )
        return {view: weight for view, weight in self.views.items() if view in have}

    def check(self, columns: Iterable[str], values: Iterable[Any] | None = None) -> None:
        """Refuse the target unless the label column exists and the positive class occurs.

        Args:
            columns: Names of the columns that the base has.
            values: Values of the label column, or their set; not checked where None.

        Raises:
            TargetError: The column is absent (the message names the nearest), or no value of the positive
                class is among `values`.
        """
        if self.where is not None:  # what can be measured is no column; `condition_fit` names what is missing
            return
        columns = sorted(columns)
        if self.label not in columns:
            near = get_close_matches(self.label, columns, n=3, cutoff=0.5)
            hint = f"near names: {', '.join(near)}" if near else f"columns: {', '.join(columns)}"
            raise TargetError(
                f"target {self.name}: the base has no column {self.label!r} to read labels from ({hint}). "
                "Add the column with kb label, or set `label` to another that holds such labels; docs/targets.md "
                "says where labels for lenses and outliers come from."
            )
        if values is None:
            return
        found = {text for v in values if (text := label_text(v)) is not None}
        if not any(self.class_of(v) == self.positive for v in found):
            shown = ", ".join(sorted(found)[:12]) or "no value at all"
            raise TargetError(
                f"target {self.name}: no object of the base is {self.positive} "
                f"({self.label} = {', '.join(map(str, self.classes[self.positive]))}); the column holds: "
                f"{shown}. Add labelled objects of that class, or correct `classes`."
            )

    def compose(self, object_id: Sequence[str], classes: Sequence[str | None]) -> list[bool]:
        """Which objects the composition keeps; those without a class are never kept.

        The choice within a class goes by a hash of the object's id: it never depends on the order of the
        rows, and a smaller part is contained in a larger one.
        """
        from collections import Counter

        counts = Counter(c for c in classes if c is not None)
        sizes = self.composition.sizes({name: counts.get(name, 0) for name in self.classes})
        keep = [c is not None for c in classes]
        for name, size in sizes.items():
            if size == counts.get(name, 0):
                continue
            members = [i for i, c in enumerate(classes) if c == name]
            members.sort(key=lambda i: (id_hash(object_id[i]), object_id[i]))
            for i in members[size:]:
                keep[i] = False
        return keep

    def _table(self) -> dict[str, str]:
        """Label text to class, without the rest class."""
        return {
            text: name
            for name, values in self.classes.items()
            for value in values
            if value != REST and (text := label_text(value)) is not None
        }

    def _rest(self) -> str | None:
        return next((name for name, values in self.classes.items() if REST in values), None)


def id_hash(object_id: str) -> int:
    """A number that shuffles ids the same way on every machine."""
    from hashlib import blake2b

    return int.from_bytes(blake2b(str(object_id).encode(), digest_size=8).digest(), "big")
