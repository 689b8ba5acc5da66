"""The decision in sentences: the alternative and why it lost, how stable the answer is, and which wavelengths count."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.panel import Names, one
from spectrove.explanation.sentences import cautions, distance_of, far, votes, why
from spectrove.explanation.values import in_words

if TYPE_CHECKING:
    from spectrove.explanation.against import Against, Change
    from spectrove.explanation.saliency import RegionShare, Saliency
    from spectrove.inference import Prediction

#: Fraction of a distance due to gaps from which they are mentioned.
_LEAST_GAPS = 0.1
#: Probability from which the second most probable class is mentioned: below it would read 0.00.
_LEAST_SAID = 0.005


def argued(evidence: Evidence) -> list[str]:
    """The sentences after the main one: own evidence, redshifts, the alternative, stability, wavelengths."""
    nearest = evidence.saliency[:1]
    if evidence.prediction.none_of_these:  # there is no answer to argue for
        return [text for text in (left_open(evidence), *(carried(s) for s in nearest)) if text]
    found = [
        witnessed(evidence),
        left_open(evidence),
        *evidence.panels.arguments,
        alternative(evidence),
        stability(evidence),
        *(carried(s) for s in nearest),
    ]
    return [text for text in found if text]


def told(evidence: Evidence) -> list[str]:
    """All of it in sentences: the answer, the argument, cautions, and why another object is no neighbour."""
    return [why(evidence), *argued(evidence), *cautions(evidence), *why_not(evidence)]


def witnessed(evidence: Evidence) -> str:
    """The probabilities from neighbours alone and from what the spectrum itself says, as a sentence; "" without the
    latter.
    """
    said, asked = evidence.prediction.witnesses, evidence.asked
    if said is None:
        return ""
    each = []
    for name in said:
        who = "the neighbours" if name == "neighbours" else f"its own {name}"
        best = max(said[name], key=lambda c: said[name][c])
        of = f"P of {asked} {said[name][asked]:.2f}" if asked in said[name] else ""
        each.append(
            f"{who} say {best} ({said[name][best]:.2f})" + (f", {of}" if of and best != asked else "")
        )
    text = "; ".join(each)
    p = evidence.prediction.probability
    return f"{text[:1].upper()}{text[1:]}; together P is {'unknown' if p is None else format(p, '.2f')}."


def left_open(evidence: Evidence) -> str:
    """The probability at each possible redshift, as a sentence; "" if the redshift is known."""
    options = evidence.prediction.redshifts or ()
    if not options:
        return ""
    each = [
        f"{'no answer' if o['probability'] is None else format(o['probability'], '.2f')} at z = {o['z']:.4f} "
        f"({100 * o['weight']:.0f}%)"
        for o in options
    ]
    return f"The redshift is estimated and ambiguous: P is {', '.join(each)}."


def alternative(evidence: Evidence) -> str:
    """The second most probable answer and why it lost, as a sentence; "" if nobody voted."""
    voters, asked, names = evidence.voters(), evidence.asked, evidence.panels.names
    if not voters:
        return ""
    denied = evidence.is_hunt and not evidence.prediction.is_target
    rivals = [n for n in voters if (n.group == asked) == denied]
    if not rivals:
        nearest = evidence.rival.label if evidence.rival else None
        return _and_second(_unopposed(evidence, denied), evidence, nearest)
    label = asked if denied else max(Counter(n.label for n in rivals).items(), key=lambda item: item[1])[0]
    mine = [n for n in rivals if denied or n.label == label]
    share = sum(n.weight for n in mine)
    p = evidence.prediction.probabilities.get(str(label))
    text = (
        f"The alternative, {one(label, names)}{'' if p is None else f' (P {p:.2f})'}, has {len(mine)} of "
        f"{len(voters)} votes "
        f"and {100 * share:.0f}% of their weight, the nearest ({mine[0].object_id}) at {distance_of(evidence, mine[0])}"
    )
    return _and_second(_with_exclusion(text, evidence, label), evidence, label)


def _and_second(text: str, evidence: Evidence, named: str | None) -> str:
    """The sentence about the alternative, and one about the second most probable class where that is another."""
    p = evidence.prediction.probabilities
    others = [name for name in p if name != evidence.asked]
    if evidence.is_hunt or not others:
        return text
    second = max(others, key=lambda name: p[name])
    if second == named or not p[second] >= _LEAST_SAID:
        return text
    said = f"The second most probable class is {one(second, evidence.panels.names)} (P {p[second]:.2f})."
    return f"{text} {said}" if text else said


def stability(evidence: Evidence) -> str:
    """How the answer changes if one neighbour is left out, as a sentence; "" if that is not known."""
    tried = [i for i in evidence.influence if i.probability is not None]
    if not tried:
        return ""
    turned = [i for i in tried if i.overturns]
    p = [i.probability for i in tried if i.probability is not None]
    span = f"{min(p):.2f}" if f"{min(p):.2f}" == f"{max(p):.2f}" else f"{min(p):.2f} to {max(p):.2f}"
    if not turned:
        who = "its one neighbour" if len(tried) == 1 else "any one neighbour"
        return f"The answer does not change if {who} is left out (P {span})."
    first = max(turned, key=lambda i: abs(i.change or 0))
    instead = f" ({first.instead} takes its place)" if first.instead else ""
    then = one(first.value, evidence.panels.names) if not evidence.is_hunt else f"P {first.probability:.2f}"
    more = f"; {len(turned)} of {len(tried)} neighbours can change it" if len(tried) > 1 else ""
    return f"The answer depends on {first.object_id}: without it{instead} it would be {then}{more}."


def carried(saliency: Saliency, *, who: str = "") -> str:
    """The regions that contribute most to a distance, by both methods, as a sentence; then the part due to gaps."""
    best = [r for r in saliency.leading() if r.mean > 0][:3]
    name = who or saliency.object_id
    if not best:
        return unobserved(saliency, name)
    agreed = [r for r in best if not r.opposed] or best[:1]
    parts = [f"{r.band.name} ({_shares(r)})" for r in agreed]
    text = f"The distance to {name} comes mostly from {_listed(parts)}"
    if _known(best[0].gradient):
        text += (
            "; shares are by integrated gradients, then by how much replacing the region reduces the distance"
        )
    else:
        text += "; shares are by how much replacing the region reduces the distance"
    if _known(saliency.correlation):
        text += f"; the rank correlation of the two methods is {_signed(saliency.correlation)}"
    opposed = [r.band.name for r in best if r.opposed and r not in agreed]
    if opposed:
        text += f". The two methods disagree in sign on {_listed(opposed)}"
    return " ".join(part for part in (f"{text}.", unobserved(saliency, name)) if part)


def unobserved(saliency: Saliency, name: str) -> str:
    """The fraction of a distance due to wavelengths that only one spectrum covers, as a sentence; "" if it is small."""
    share = saliency.gaps / saliency.distance if saliency.distance > 0 else 0.0
    if share < _LEAST_GAPS:
        return ""
    lacking = []
    for who, in_query in ((name, True), ("the query", False)):
        places = [f"{low:,.0f}–{high:,.0f} Å" for low, high, query in saliency.unseen if query == in_query][
            :2
        ]
        lacking += [f"{who} was not observed at {_listed(places)}"] if places else []
    why = ", ".join(lacking) or "scattered pixels are masked in one of them"
    return f"{share:.0%} of the distance is due to gaps, not to differences in flux: {why}."


def _shares(r: RegionShare) -> str:
    return f"{_percent(r.gradient)}, {_percent(r.occlusion)}" if _known(r.gradient) else _percent(r.occlusion)


def why_not(evidence: Evidence) -> list[str]:
    """Why a named object is not among the neighbours, in sentences; empty if no object was named."""
    a = evidence.against
    if a is None:
        return []
    name = f"{a.other.object_id} ({a.label or 'no label'})"
    found = [_where(evidence, a, name)]
    if a.group is not None and a.group == evidence.asked:
        found.append(f"It has the class of the answer, {one(a.group, evidence.panels.names)}.")
    if a.saliency is not None:
        found.append(carried(a.saliency))
    found += a.comparison.sentences
    if a.change is not None:
        found.append(_needed(evidence, a.change, a.k))
    return [text for text in found if text]


def reason(prediction: Prediction, scale: float, names: Names) -> str:
    """What an answer of a hunt rests on, as a sentence, from it alone: the votes, or the columns of a condition."""
    if prediction.values is not None and prediction.probability is not None:
        return f"{in_words(prediction.values)}."
    voters = [vote for vote in prediction.neighbors if vote.group is not None]
    if not voters:
        return prediction.reason_no_interval or "No labelled neighbour was found."
    asked = prediction.positive if prediction.target is not None else prediction.value
    text = votes(voters, asked, scale, names)
    return f"{text[:1].upper()}{text[1:]}."


def _unopposed(evidence: Evidence, denied: bool) -> str:
    """The sentence for a unanimous vote: how far away the nearest object of another class is."""
    rival = evidence.rival
    if rival is None:
        return "No neighbour and no other nearby spectrum has another class." if evidence.influence else ""
    nearest = evidence.voters()[0].distance
    times = f", {rival.distance / nearest:.1f} times as far away as the closest" if nearest > 0 else ""
    what = "the hunted class" if denied else "another class"
    text = (
        f"No neighbour has another class: the nearest spectrum of {what}, {rival.object_id} ({rival.label}), "
        f"is number {rival.rank}{times}"
    )
    return _with_exclusion(text, evidence, rival.label)


def _with_exclusion(text: str, evidence: Evidence, label: str | None) -> str:
    """A sentence, with the clause on whether the query's own measurement excludes a class."""
    clause = evidence.panels.excludes.get(label or "", "")
    return f"{text}; {clause}." if clause else f"{text}."


def _where(evidence: Evidence, a: Against, name: str) -> str:
    """The distance of the named object, and its rank."""
    away = far(evidence.scale, a.distance)
    if not a.searched:
        return f"The distance to {name} cannot be computed in the space that was searched."
    if a.rank is None:
        return f"{name} is not among the {a.searched} spectra that were searched; it is at {away}."
    if a.is_neighbor:
        return f"{name} is neighbour {a.rank} of {a.k}, at {away}."
    reach = f"{a.reach / evidence.scale:.1f}" if evidence.scale > 0 else f"{a.reach:.2f}"
    return f"{name} is number {a.rank} of {a.searched}, at {away}; the {a.k} neighbours lie within {reach}."


def _needed(evidence: Evidence, change: Change, k: int) -> str:
    names, away = _listed(list(change.regions)), far(evidence.scale, change.distance)
    if change.enough:
        return f"With its pixels in {names} it would be at {away}, among the {k} nearest."
    return f"Even with its pixels in {names} it would not be among the {k} nearest, but at {away}."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def _known(value: float) -> bool:
    return math.isfinite(value)
