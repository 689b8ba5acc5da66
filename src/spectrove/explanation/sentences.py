"""An answer in words: one sentence with its reason, and a sentence for each caution."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from spectrove.explanation.evidence import Evidence, NeighborEvidence
from spectrove.explanation.panel import Names, many, one
from spectrove.inference import Vote
from spectrove.spectra import FLAGS

#: A neighbour farther than this many times the base's usual neighbour distance is a poor analogue.
FAR = 2.0


def why(evidence: Evidence) -> str:
    """The sentence with the reason for the answer.

    The answer with its probability, then the votes and distances of the neighbours, then what was measured in the
    object itself, whether it agrees or not.
    """
    unknown = evidence.prediction.probability is None and not evidence.prediction.none_of_these
    if not evidence.voters() or unknown:
        reason = evidence.prediction.reason_no_interval or "No labelled neighbour was found."
        own = evidence.panels.own
        return f"{evidence.object_id} gets no answer: {_lower(reason).rstrip('.')}" + (
            f"; {own}." if own else "."
        )
    if evidence.prediction.none_of_these:
        return f"{_verdict(evidence)}; its nearest known spectrum is {_nearest(evidence)}."
    if evidence.prediction.values is not None:
        parts = [f"{_verdict(evidence)}: {evidence.panels.own}", _alike(evidence)]
    else:
        parts = [f"{_verdict(evidence)}: {voted(evidence)}", evidence.panels.own]
    return "; ".join(part for part in parts if part) + "."


def cautions(evidence: Evidence) -> list[str]:
    """The cautions about the answer, one sentence each; empty if there are none."""
    found = [FLAGS.get(flag, f"Flag: {flag}.") for flag in evidence.flags]
    voters = evidence.voters()
    if voters and evidence.scale > 0 and voters[0].distance > FAR * evidence.scale:
        found.append(
            f"The nearest known spectrum is {voters[0].distance / evidence.scale:.1f} times the base's usual "
            "neighbour distance away: the base holds no similar object."
        )
    return list(dict.fromkeys([*found, *evidence.panels.cautions]))


def _verdict(evidence: Evidence) -> str:
    p, names = evidence.prediction, evidence.panels.names
    text = "P unknown" if p.probability is None else f"P {p.probability:.2f}"
    if p.none_of_these:
        about = f" (P {p.probability:.2f}, the prevalence)" if p.probability is not None else ""
        return f"{evidence.object_id} is none of these{about}: {p.none_of_these}"
    if p.values is not None:
        limit = f", expected {evidence.threshold:.2f}" if math.isfinite(evidence.threshold) else ""
        return f"{evidence.object_id} {'meets' if p.is_target else 'does not meet'} {p.label} ({text}{limit})"
    if not evidence.is_hunt:
        return f"{evidence.object_id} is called {one(p.value, names)} ({text})"
    if p.is_target:
        return f"{evidence.object_id} is called {one(p.positive, names)} ({text})"
    limit = f", below {evidence.threshold:.2f}" if math.isfinite(evidence.threshold) else ""
    return f"{evidence.object_id} is not called {one(p.positive, names)} ({text}{limit})"


def _alike(evidence: Evidence) -> str:
    """How many neighbours meet the condition too."""
    voters = evidence.voters()
    n = sum(v.group == evidence.asked for v in voters)
    return f"{n or 'none'} of its {len(voters)} nearest known spectra {'meet' if n > 1 else 'meets'} it"


def _nearest(evidence: Evidence) -> str:
    nearest = evidence.voters()[0]
    return f"{nearest.object_id} ({nearest.label}), at {distance_of(evidence, nearest)}"


def voted(evidence: Evidence) -> str:
    """The votes: "3 of its 3 nearest known spectra are quasars, the closest (...) at ..."."""
    return votes(evidence.voters(), evidence.asked, evidence.scale, evidence.panels.names)


def votes(
    voters: Sequence[NeighborEvidence] | Sequence[Vote], asked: str | None, scale: float, names: Names
) -> str:
    """How many of the voters, at least one and nearest first, have the class asked for, and how near the nearest is."""
    backers = [v for v in voters if v.group == asked]
    n, nearest = len(voters), voters[0]
    if n == 1:
        who = f"its one labelled neighbour, {nearest.object_id} ({nearest.label}),"
        return f"{who} is at {far(scale, nearest.distance)}"
    if backers:
        verb = "is" if len(backers) == 1 else "are"
        what = one(asked, names) if len(backers) == 1 else many(asked, names)
        text = f"{len(backers)} of its {n} nearest known spectra {verb} {what}"
    else:
        text = f"none of its {n} nearest known spectra is {one(asked, names)}"
    if len(backers) < n:
        counts = Counter(v.label for v in voters if v.group != asked)
        others = [f"{c} labelled {label}" for label, c in counts.most_common()]
        share = sum(v.weight for v in backers)
        text += f" ({', '.join(others)}, with {100 * (1 - share):.0f}% of the vote)"
    label = "" if nearest.group == asked else f", {nearest.label}"
    return f"{text}, the closest ({nearest.object_id}{label}) at {far(scale, nearest.distance)}"


def distance_of(evidence: Evidence, n: NeighborEvidence) -> str:
    """The distance of a neighbour, in words."""
    return far(evidence.scale, n.distance)


def far(scale: float, distance: float) -> str:
    """A distance in words: in units of the base's usual neighbour distance where that is known."""
    if not scale > 0:
        return f"distance {distance:.2f}"
    return f"{distance / scale:.1f} times the base's usual neighbour distance"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
