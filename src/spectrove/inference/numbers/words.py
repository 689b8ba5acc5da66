"""Demands of a sentence held against the objects of a base: the probability that they hold, given all errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.conditions import Condition
from spectrove.domain import Domain
from spectrove.errors import WordsError
from spectrove.inference.numbers.columns import ColumnValues, known_source, values_from
from spectrove.knowledge import KnowledgeBase
from spectrove.targets.target import label_text
from spectrove.words.reading import All, Any_, Demand, Not, Reading, Tree, leaves

Floats = NDArray[np.float64]

#: Draws of the errors of each object: points of a Sobol sequence, which fill the space more evenly than random
#: ones.
DRAWS = 1024
#: Objects drawn together.
BLOCK = 2000
#: Part of the draws that may be unknown in a probability.
UNKNOWN = 0.01

_FUNCTION = re.compile(r"quantile\((\w+), ([\d.]+)\)|value_of\((\w+), '([^']*)'\)")


@dataclass(frozen=True)
class Asked:
    """The demands of a sentence, answered for each object.

    Attributes:
        reading: The sentence with numbers in place of `quantile` and `value_of`, and one label column or none.
        object_id: Objects of the base, (n_objects,).
        probability: That all demands hold; NaN where it cannot be told, or nothing is demanded.
        quantities: By name, those that the sentence turns on.
        labels: Label columns that it turns on; "" where unknown.
        notes: What is assumed.
        alone: Gives each condition that must hold, in words, and its own probability as above; none unless there are
            several.
    """

    reading: Reading
    object_id: NDArray[np.str_]
    probability: Floats
    quantities: Mapping[str, ColumnValues] = field(default_factory=dict)
    labels: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    alone: Callable[[], list[tuple[str, Floats]]] = list

    def column(self, name: str) -> Floats:
        """The values of a quantity."""
        return self.quantities[name].value

    def values_of(self, i: int) -> dict[str, dict[str, Any]]:
        """What the sentence turns on, of one object."""
        found: dict[str, dict[str, Any]] = {}
        for name, known in self.quantities.items():
            value, error = known.value[i], known.given_error[i]
            found[name] = {
                "value": float(value) if np.isfinite(value) else None,
                "error": float(error) if np.isfinite(error) else None,
                "column": known.column,
            }
        for name, labels in self.labels.items():
            found[name] = {"value": str(labels[i]) or None, "error": None, "column": name}
        return found


def ask(
    base: KnowledgeBase,
    domain: Domain,
    reading: Reading,
    where: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Asked:
    """The probability that the demands of a sentence hold, for each object of a base.

    Errors of numbers are taken as Gaussian and independent of each other, an error that is missing in a column with
    errors as a large one of these; numbers of a column without errors, and labels, are exact. Nothing is assumed about
    how frequent values are (no prior).

    Args:
        base: The base.
        domain: Its kind of light, whose measurer gives what the base does not hold.
        reading: The sentence.
        where: SQL condition on the objects.
        progress: Called with the number of spectra that were measured, where some have to be.

    Raises:
        WordsError: A quantity or label is known of no object.
    """
    if reading.demands is not None:
        reading = replace(reading, demands=_with_labels(base, reading.demands))
    demands = [] if reading.demands is None else list(leaves(reading.demands))
    names = _quantities(demands, reading)
    everything = base.rows(None, []).column("object_id").to_pylist()
    quantities = _values(base, domain, names, progress)
    _refuse_unknown(base, reading, quantities)
    examples: dict[str, ColumnValues] = {}
    held: Tree | None = None
    if reading.demands is not None:
        held = _with_numbers(reading.demands, quantities, everything, examples)
        reading = replace(reading, demands=_with_numbers(reading.demands, quantities, everything))
    chosen = _chosen(base, everything, where)
    quantities = {name: known.take(chosen) for name, known in quantities.items()}
    columns = {d.labels[0][0] for d in demands if d.labels}
    labels = {name: _labels(base, name)[chosen] for name in sorted(columns)}
    object_id = np.array(everything, dtype=str)[chosen]
    probability = np.full(len(object_id), np.nan)
    if held is not None:
        probability = _probability(held, quantities, examples, labels, len(object_id))
    parts = held.parts if isinstance(held, All) else ()

    def alone() -> list[tuple[str, Floats]]:
        n = len(object_id)
        return [(_said(part), _probability(part, quantities, examples, labels, n)) for part in parts]

    return Asked(reading, object_id, probability, quantities, labels, _notes(quantities, labels), alone)


def _said(tree: Tree) -> str:
    """A part of a sentence in its own words."""
    if isinstance(tree, Not):
        return f"not {_said(tree.part)}"
    if isinstance(tree, All | Any_):
        return (" and " if isinstance(tree, All) else " or ").join(_said(part) for part in tree.parts)
    return tree.written or tree.words


def grounded(
    base: KnowledgeBase, domain: Domain, reading: Reading, progress: Callable[[int], None] | None = None
) -> Reading:
    """A sentence about spectra that are not in the base: in numbers alone, with those of the base in their place.

    Labels, which a new spectrum does not have, give way to the condition that defines the class.

    Raises:
        WordsError: A class has no such condition, a number is compared with its own error, or a quantity is known of no
            object.
    """
    if reading.demands is None:
        return reading
    other = domain.words.hunted if domain.words is not None else {}
    reading = replace(reading, demands=_without_labels(reading.demands, other))
    assert reading.demands is not None
    demands = list(leaves(reading.demands))
    quantities = _values(base, domain, _quantities(demands, replace(reading, order=None)), progress)
    _refuse_unknown(base, reading, quantities)
    everything = base.rows(None, []).column("object_id").to_pylist()
    return replace(reading, demands=_with_numbers(reading.demands, quantities, everything))


def _without_labels(tree: Tree, other: Mapping[str, tuple[str, str]]) -> Tree:
    """The tree with conditions alone, in the form of `Vocabulary.hunted` where it has one."""
    if isinstance(tree, Not):
        return Not(_without_labels(tree.part, other))
    if isinstance(tree, All | Any_):
        return type(tree)(tuple(_without_labels(part, other) for part in tree.parts))
    said = tree.written or tree.words
    condition, source = other.get(tree.condition, (tree.condition, tree.source))
    if not condition:
        raise WordsError(
            f"{said!r}: no number defines this class, a label does, and new spectra have none. Hunt it with --target, "
            f"ask for it with classify --label {tree.labels[0][0]}, or say it in numbers."
        )
    compared = [
        name for name in Condition.parse(_FUNCTION.sub("0", condition)).columns if name.endswith("_err")
    ]
    if compared:
        raise WordsError(
            f"{said!r} is read as {condition}, which asks how well a number is measured, not what it is; a hunt has no "
            f"probability for that. Give a limit: {compared[0].removesuffix('_err')} above a number."
        )
    if tree.labels:
        told = f"by its numbers, as new spectra have no label {tree.labels[0][0]}"
        source = f"{source}; {told}" if source else told
    return replace(tree, labels=(), condition=condition, source=source)


# --- numbers of the base ------------------------------------------------------------------------------


def _values(
    base: KnowledgeBase,
    domain: Domain,
    names: Sequence[str],
    progress: Callable[[int], None] | None,
) -> dict[str, ColumnValues]:
    """The quantities of all objects, in the order of `base.rows`; unknown everywhere where nothing gives one."""
    sources = {name: known_source(base, name, domain) for name in names}
    known = {name: source for name, source in sources.items() if source is not None}
    own_errors = domain.words is None or domain.words.own_errors
    found = values_from(base, known, domain, None, progress, own_errors=own_errors)
    return {name: found.get(name) or ColumnValues.unknown(name, "catalog", "", len(base)) for name in names}


def _labels(base: KnowledgeBase, column: str) -> NDArray[np.str_]:
    values = base.rows(None, [column]).column(column).to_pylist()
    return np.array([label_text(v) or "" for v in values], dtype=str)


def _chosen(base: KnowledgeBase, everything: Sequence[str], where: str | None) -> NDArray[np.int64]:
    if where is None:
        return np.arange(len(everything))
    kept = set(base.rows(where, []).column("object_id").to_pylist())
    return np.array([i for i, name in enumerate(everything) if name in kept], dtype=np.int64)


# --- demands ------------------------------------------------------------------------------------------


def _quantities(demands: Sequence[Demand], reading: Reading) -> list[str]:
    """Names of the quantities of conditions and of the order; the error of one is not another."""
    conditions = [_FUNCTION.sub("0", d.condition) for d in demands if d.condition and not d.labels]
    names = [c for text in conditions for c in Condition.parse(text).columns]
    functions = [m[1] or m[3] for d in demands if not d.labels for m in _FUNCTION.finditer(d.condition)]
    order = [reading.order.column] if reading.order else []
    return list(dict.fromkeys(name.removesuffix("_err") for name in [*names, *functions, *order]))


def _with_labels(base: KnowledgeBase, tree: Tree) -> Tree:
    """The tree with one label column of the base in each demand, or with the condition alone."""
    if isinstance(tree, Not):
        return Not(_with_labels(base, tree.part))
    if isinstance(tree, All | Any_):
        return type(tree)(tuple(_with_labels(base, part) for part in tree.parts))
    for column, values in tree.labels:
        if column in base.columns and (held := set(base.label_values(column))) and held & set(values):
            return replace(
                tree, labels=((column, values),), condition="", source=f"the label column {column}"
            )
    if tree.labels and not tree.condition:
        names = " or ".join(column for column, _ in tree.labels)
        raise WordsError(
            f"{tree.written or tree.words}: the base has no object labelled so (column {names}). Add labels with a "
            "catalog, or say it in numbers."
        )
    return replace(tree, labels=())


def _with_numbers(
    tree: Tree,
    quantities: Mapping[str, ColumnValues],
    object_id: Sequence[str],
    examples: dict[str, ColumnValues] | None = None,
) -> Tree:
    """The tree with numbers in place of `quantile` and `value_of`.

    Args:
        examples: If given, `value_of` becomes the name of a column, whose value and error are put here, (1,) each.
    """
    if isinstance(tree, Not):
        return Not(_with_numbers(tree.part, quantities, object_id, examples))
    if isinstance(tree, All | Any_):
        return type(tree)(tuple(_with_numbers(part, quantities, object_id, examples) for part in tree.parts))

    def number(found: re.Match[str]) -> str:
        if found[1]:
            return f"{np.nanquantile(quantities[found[1]].value, float(found[2])):.4g}"
        known, place = quantities[found[3]], list(object_id).index(found[4])
        if not np.isfinite(known.value[place]):
            raise WordsError(
                f"{tree.written or tree.words}: {found[4]} has no {found[3]}. Take another example."
            )
        if examples is None:
            return f"{known.value[place]:.6g}"
        name = f"example_{place}_{found[3]}"
        examples[name] = known.take([place])
        return name

    return replace(tree, condition=_FUNCTION.sub(number, tree.condition))


def _refuse_unknown(base: KnowledgeBase, reading: Reading, quantities: Mapping[str, ColumnValues]) -> None:
    """Refuse a sentence unless each of its quantities is known of an object of the base."""
    for name, known in quantities.items():
        if np.isfinite(known.value).any():
            continue
        demands = [] if reading.demands is None else list(leaves(reading.demands))
        said = [d.written or d.words for d in demands if re.search(rf"\b{name}(_err)?\b", d.condition)]
        said += [reading.order.written] if reading.order and reading.order.column == name else []
        raise WordsError(
            f"{(said or [name])[0]!r} needs {name}, which neither a column nor a measurement gives for any of the "
            f"{len(base)} objects of {base.path.name}. Say it in other numbers, or add the column with a catalog."
        )


def _notes(quantities: Mapping[str, ColumnValues], labels: Mapping[str, NDArray[np.str_]]) -> tuple[str, ...]:
    notes = []
    for name, known in quantities.items():
        there = np.isfinite(known.value)
        if missing := int((~there).sum()):
            notes.append(f"{name} is unknown for {missing} of {len(there)} objects")
        if note := known.error_note:
            notes.append(note)
    for name, label in labels.items():
        if missing := int((label == "").sum()):
            notes.append(
                f"{missing} of {len(label)} objects have no {name} label; they cannot be judged unless another "
                "condition decides"
            )
    if labels:
        notes.append("labels are taken as right")
    return tuple(notes)


# --- probability --------------------------------------------------------------------------------------


def _probability(
    tree: Tree,
    quantities: Mapping[str, ColumnValues],
    examples: Mapping[str, ColumnValues],
    labels: Mapping[str, NDArray[np.str_]],
    n: int,
) -> Floats:
    """The part of the draws of the errors in which the demands hold, (n,); NaN where it cannot be told."""
    normal = _normal(len(quantities) + len(examples))
    drawn = {
        name: one.value + normal[:, len(quantities) + j :][:, :1] * one.error
        for j, (name, one) in enumerate(examples.items())
    }
    out = np.full(n, np.nan)
    for start in range(0, n, BLOCK):
        block = slice(start, min(start + BLOCK, n))
        columns: dict[str, Floats] = {}
        width = block.stop - start
        columns |= {name: np.broadcast_to(values, (DRAWS, width)) for name, values in drawn.items()}
        for j, (name, known) in enumerate(quantities.items()):
            value, error = known.value[block], known.error[block]
            columns[name] = value[None, :] + normal[:, j : j + 1] * error[None, :]
            # What compares a number with an error that is not given cannot be told.
            columns[f"{name}_err"] = np.broadcast_to(known.given_error[block], columns[name].shape)
        held = _held(tree, columns, {name: known[block] for name, known in labels.items()})
        held = np.broadcast_to(held, (DRAWS, block.stop - start))
        unknown = np.isnan(held).mean(axis=0)
        with np.errstate(invalid="ignore"):
            share = np.nansum(held, axis=0) / np.maximum((~np.isnan(held)).sum(axis=0), 1)
        out[block] = np.where(unknown > UNKNOWN, np.nan, share)
    return out


def _normal(n: int) -> Floats:
    """Draws of n independent standard normal numbers, (DRAWS, n)."""
    from scipy.stats import norm, qmc

    return norm.ppf(qmc.Sobol(max(n, 1), seed=1).random(DRAWS)) if n else np.zeros((DRAWS, 0))


def _held(tree: Tree, columns: Mapping[str, Floats], labels: Mapping[str, NDArray[np.str_]]) -> Floats:
    """1 where the demands hold, 0 where not, NaN where unknown; (n_draws, n_objects), or one that broadcasts to it."""
    if isinstance(tree, Not):
        return 1 - _held(tree.part, columns, labels)
    if isinstance(tree, Demand):
        if tree.labels:
            column, values = tree.labels[0]
            return np.where(labels[column] == "", np.nan, np.isin(labels[column], values).astype(float))
        condition = Condition.parse(tree.condition)
        return condition.holds({name: columns[name] for name in condition.columns})
    parts = [_held(part, columns, labels) for part in tree.parts]
    decided = 0.0 if isinstance(tree, All) else 1.0
    out = parts[0]
    for part in parts[1:]:
        a, b = np.broadcast_arrays(out, part)
        either = (a == decided) | (b == decided)
        out = np.where(either, decided, np.where(np.isnan(a) | np.isnan(b), np.nan, 1 - decided))
    return out
