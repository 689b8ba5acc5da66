"""Answers as text: the answer first, then the evidence, then the cautions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectrove.inference import Prediction, Vote
    from spectrove.knowledge import Neighbors
    from spectrove.pipeline.words import TextMatch
    from spectrove.targets import Target


def hunt_table(predictions: Sequence[Prediction], target: Target) -> list[str]:
    """A line per spectrum: probability of the target with its interval, the votes, cautions."""
    rows = [("object", f"P({target.positive})", "evidence")]
    for p in predictions:
        caution = _cautions(_flags(p), _straddles(p, target.limit))
        rows.append((p.object_id, _probability(p), _evidence(p, target.positive) + caution))
    return columns(rows)


def class_table(predictions: Sequence[Prediction]) -> list[str]:
    """A line per spectrum: its class, the probability of the class with its interval, the votes, cautions."""
    rows = [("object", predictions[0].label if predictions else "class", "P", "evidence")]
    for p in predictions:
        evidence = _evidence(p, p.value) + _cautions(_flags(p), _straddles(p, 0.5))
        rows.append((p.object_id, p.value or "-", _probability(p), evidence))
    return columns(rows)


def not_ranked(names: Sequence[str], option: str = "") -> str:
    """A line about spectra that are examples themselves, and so are not in the list; "" without any."""
    if not names:
        return ""
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    are = "is an example itself and is" if len(names) == 1 else "are examples themselves and are"
    how = f"; {option} ranks {'it' if len(names) == 1 else 'them'}" if option else ""
    return f"\n {count(len(names), 'spectrum', 'spectra')} ({shown}) {are} not in the list{how}"


def neighbor_table(neighbors: Neighbors) -> list[str]:
    """A line per spectrum: its neighbours, nearest first, with their distances."""
    rows = [("object", "nearest known spectra (distance)")]
    for i, found in enumerate(neighbors.rows):
        near = [f"{neighbors.object_id[i, j]} ({neighbors.distance[i, j]:.3g})" for j in range(len(found))]
        rows.append((str(neighbors.query_id[i]), ", ".join(near) + _cautions(neighbors.flags[i])))
    return columns(rows)


def region_table(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line per spectrum: its neighbours, most similar in the regions first, with the distance there."""
    rows = [
        ("object", "most similar in the region (distance there relative to the continuum; in the embedding)")
    ]
    for row in found:
        near = [
            f"{n['object_id']} ({_measured(n['region_distance'])}; {n['distance']:.3g})"
            for n in row["neighbors"]
        ]
        rows.append((row["object_id"], ", ".join(near) + _cautions(row["flags"])))
    return columns(rows)


def _measured(distance: float) -> str:
    return f"{distance:.3g}" if math.isfinite(distance) else "not measured"


def hunt_summary(predictions: Sequence[Prediction], target: Target, wanted: Target | None = None) -> str:
    """The number found, the expected number of false ones, the expected purity and completeness.

    `wanted` is the target before its threshold became a number.
    """
    from spectrove.explanation.expectations import expectations

    if not predictions:
        return f"no spectrum could be tested for {target.positive}"
    found = expectations(predictions)
    spectra = "spectrum is" if len(predictions) == 1 else "spectra are"
    why = ""
    if wanted is not None and wanted.threshold == "f1":
        calibrated = any(p.calibrated for p in predictions)
        why = "where expected F1 is largest, " if calibrated else "a half, as nothing is calibrated, "
    none = f"; {none_of_these(predictions)}" if any(p.none_of_these for p in predictions) else ""
    return (
        f"{found.found} of {len(predictions)} {spectra} {target.positive} at P >= {target.limit:.3g} "
        f"({why}expected false ones: {found.false:.1f}); {found.sentence}{none}"
    )


def none_of_these(predictions: Sequence[Prediction]) -> str:
    """The number that belong to none of the classes, with reasons, the most frequent first."""
    counts = Counter(p.none_of_these for p in predictions if p.none_of_these)
    total = sum(counts.values())
    reasons = "; ".join(f"{n}: {reason}" for reason, n in counts.most_common())
    return f"{total} {'is' if total == 1 else 'are'} none of the classes ({reasons}) and not counted"


def class_summary(predictions: Sequence[Prediction]) -> str:
    """The number of spectra of each class."""
    if not predictions:
        return "no spectrum could be classified"
    counts = Counter(p.value or ("none of these" if p.none_of_these else "no answer") for p in predictions)
    each = ", ".join(f"{n} {name}" for name, n in counts.most_common())
    return f"{count(len(predictions), 'spectrum', 'spectra')}" + (f": {each}" if each else "")


def reading_lines(about: Mapping[str, Any]) -> list[str]:
    """How a sentence was read: each of its parts beside its meaning, and what is assumed."""
    width = max((len(words) for words, _ in about["read"]), default=0)
    lines = [f" {words.ljust(width)}  ->  {meaning}" for words, meaning in about["read"]]
    return [*lines, *(f" note: {note}" for note in about["notes"]), ""]


def described_table(matches: Sequence[TextMatch]) -> list[str]:
    """A line per object: probability, distance to the examples, and the values that the sentence turns on."""
    with_distance = any(m.distance is not None for m in matches)
    names = list(matches[0].values) if matches else []
    rows = [["object", "P", *(["distance"] if with_distance else []), *names, ""]]
    for m in matches:
        p = "-" if m.probability is None else f"{m.probability:.2f}"
        far = [] if not with_distance else ["-" if m.distance is None else f"{m.distance:.3g}"]
        rows.append([m.object_id, p, *far, *(_with_error(m.values[name]) for name in names), ""])
    return columns(rows)


def _with_error(known: Mapping[str, Any]) -> str:
    """ "0.31 ± 0.02", with two digits of the error."""
    value, error = known["value"], known["error"]
    if value is None:
        return "?"
    if isinstance(value, str):
        return value
    if not error:
        return f"{value:.4g}"
    digits = max(0, 1 - math.floor(math.log10(error))) if error < 10 else 0
    return f"{value:.{min(digits, 8)}f} ± {error:.{min(digits, 8)}f}"


def described_summary(about: Mapping[str, Any], n_shown: int) -> str:
    """How many objects match, how many are expected to, and how many could not be judged."""
    objects = count(about["objects"], "object", "objects")
    best = (
        ""
        if n_shown >= about["matching"]
        else f"; the best {n_shown} are shown, --top {about['matching']} shows all"
    )
    if about["expected"] is None:
        return f"{about['matching']} of {objects} in order{best}; no condition, so no probability"
    unknown = f"; {about['unknown']} cannot be judged, as a value is unknown" if about["unknown"] else ""
    return (
        f"{about['matching']} of {objects} match at P >= {about['threshold']:g} "
        f"(expected true matches in the base: {about['expected']:.1f}){unknown}{best}"
    )


def lines_alone(about: Mapping[str, Any]) -> list[str]:
    """Where nothing matches: how many objects meet each condition by itself, and of how many it is unknown."""
    return [
        f" {one['condition']!r} alone: {one['matching']} of {count(about['objects'], 'object', 'objects')}"
        + (f"; unknown of {one['unknown']}" if one["unknown"] else "")
        for one in about.get("alone", ())
    ]


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text in aligned columns, except the last column; an empty list if there is only a heading."""
    if len(rows) < 2:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    return [
        " " + "  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def count(n: int, one: str, many: str) -> str:
    """ "1 spectrum", "2 spectra"."""
    return f"{n} {one if n == 1 else many}"


def _probability(p: Prediction) -> str:
    if p.probability is None:
        return "-"
    return f"{p.probability:.2f}" + (
        f" [{_short(p.interval[0])} {_short(p.interval[1])}]" if p.interval else ""
    )


def _short(value: float) -> str:
    text = f"{value:.2f}"
    return text[1:] if text.startswith("0.") else text


def _flags(p: Prediction) -> list[str]:
    """The cautions of an answer, except the one that its evidence already states."""
    from spectrove.inference.verdict import NONE_OF_THESE

    return [flag for flag in p.flags if not (p.none_of_these and flag in NONE_OF_THESE)]


def _evidence(p: Prediction, wanted: str | None) -> str:
    if p.none_of_these:
        return f"none of these: {p.none_of_these}"
    if p.values is not None:
        return _known_values(p)
    voters = [vote for vote in p.neighbors if vote.group is not None]
    if not voters:
        return p.reason_no_interval or "no labelled neighbour"
    support = sum(vote.group == wanted for vote in voters)
    lines = (p.witnesses or {}).get("lines", {}).get(wanted or "")
    own = "" if lines is None else f"; own lines {lines:.2f}"
    return f"{support} of {count(len(voters), 'neighbour', 'neighbours')}; nearest {_name(voters[0])}{own}"


def _known_values(p: Prediction) -> str:
    """The columns of a condition with their errors and what each is from; why there is no answer."""
    from spectrove.explanation.values import in_words

    return p.reason_no_interval if p.probability is None else in_words(p.values or ())


def _name(vote: Vote) -> str:
    return f"{vote.object_id} ({vote.label}, d {vote.distance:.3g})"


def _straddles(p: Prediction, threshold: float) -> bool:
    """Whether the interval includes the threshold."""
    return p.interval is not None and p.interval[0] < threshold <= p.interval[1]


def _cautions(flags: Sequence[str], ambiguous: bool = False) -> str:
    names = [*(["ambiguous"] if ambiguous else []), *flags]
    return f"   ? {', '.join(names)}" if names else ""
