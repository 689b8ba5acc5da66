"""An answer in words: one sentence with its reason, and a sentence for each caution."""

from __future__ import annotations

import math
from collections import Counter

from spectrove.explanation.deciding import one_line
from spectrove.explanation.evidence import Evidence, NeighborEvidence
from spectrove.explanation.line_labels import pretty
from spectrove.galaxies.diagram.bpt import DETECTION, Bpt
from spectrove.spectra import FLAGS

#: How a class reads in a sentence: one of them (after "is called"), and many.
PHRASES: dict[str, tuple[str, str]] = {
    "LINER": ("a LINER", "LINERs"),
    "SF": ("star-forming", "star-forming galaxies"),
    "star-forming": ("star-forming", "star-forming galaxies"),
    "Composite": ("a composite galaxy", "composites"),
    "Seyfert": ("a Seyfert", "Seyferts"),
    "Seyfert2-like": ("Seyfert 2-like", "Seyfert 2-like galaxies"),
    "AGN": ("an AGN", "AGN"),
    "quiescent": ("quiescent", "quiescent galaxies"),
    "normal": ("a normal galaxy", "normal galaxies"),
    "lens": ("a strong lens", "strong lenses"),
    "outlier": ("an outlier", "outliers"),
    "none": ("ordinary", "ordinary spectra"),
    "other": ("something else", "something else"),
}
#: Classes that are defined by line ratios, and the regions of the diagram that agree with each.
DIAGRAM: dict[str, tuple[str, ...]] = {
    "LINER": ("LINER",),
    "SF": ("SF",),
    "star-forming": ("SF",),
    "Composite": ("Composite",),
    "Seyfert": ("Seyfert",),
    "Seyfert2-like": ("Seyfert",),
    "AGN": ("Seyfert", "LINER"),
}
_LINELESS = ("quiescent", "normal")
#: A neighbour farther than this many times the base's usual neighbour distance is a poor analogue.
FAR = 2.0
#: Closer to a dividing line than this many sigma, a class is a matter of noise.
NEAR_LINE = 2.0

#: Rest-frame H alpha equivalent width, angstrom, below which LINER-like lines need no active nucleus.
#: Source: Cid Fernandes et al. 2011, MNRAS 413, 1687.
RETIRED_EW = 3.0
#: log [N II]/Ha and log [O III]/Hb that galaxies take; beyond them a measurement is suspect.
RANGE = ((-2.0, 0.9), (-1.6, 1.6))


def one(name: str | None) -> str:
    """A class after "is called": "a LINER"."""
    return PHRASES[name][0] if name in PHRASES else f"“{name}”"


def many(name: str | None) -> str:
    """Several objects of a class: "LINERs"."""
    return PHRASES[name][1] if name in PHRASES else f"“{name}”"


def why(evidence: Evidence) -> str:
    """The sentence with the reason for the answer.

    The answer with its probability, then the votes and distances of the neighbours, then what the object's own
    lines say, whether they agree or not.
    """
    if not evidence.voters():
        reason = evidence.prediction.reason_no_interval or "No labelled neighbour was found."
        own = own_lines(evidence)
        return f"{evidence.object_id} gets no answer: {_lower(reason).rstrip('.')}" + (
            f"; {own}." if own else "."
        )
    if evidence.prediction.none_of_these:
        return f"{_verdict(evidence)}; its nearest known spectrum is {_nearest(evidence)}."
    parts = [f"{_verdict(evidence)}: {voted(evidence)}", own_lines(evidence)]
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
    found += _disagreement(evidence)
    found += [
        text
        for text in (one_line(evidence), _near_line(evidence), _off_diagram(evidence), _retired(evidence))
        if text
    ]
    return list(dict.fromkeys(found))


def own_lines(evidence: Evidence) -> str:
    """The line ratios measured in the query and their region of the diagram, without a full stop."""
    query, asked = evidence.query, evidence.asked
    if query.bpt is None:
        return f"its own lines could not be measured because {query.reason}" if query.reason else ""
    b = query.bpt
    if asked in ("lens", "outlier", "none"):
        return (
            f"{_ratios(b)} (they are those of the brightest galaxy in the fibre and do not test the answer)"
        )
    denied = evidence.is_hunt and not evidence.prediction.is_target
    return f"{_ratios(b)}{_side(b, asked, denied)}"


def _verdict(evidence: Evidence) -> str:
    p = evidence.prediction
    text = "P unknown" if p.probability is None else f"P {p.probability:.2f}"
    if p.none_of_these:
        about = f" (P {p.probability:.2f}, the prevalence)" if p.probability is not None else ""
        return f"{evidence.object_id} is none of these{about}: {p.none_of_these}"
    if not evidence.is_hunt:
        return f"{evidence.object_id} is called {one(p.value)} ({text})"
    if p.is_target:
        return f"{evidence.object_id} is called {one(p.positive)} ({text})"
    limit = f", below {evidence.threshold:.2f}" if math.isfinite(evidence.threshold) else ""
    return f"{evidence.object_id} is not called {one(p.positive)} ({text}{limit})"


def _nearest(evidence: Evidence) -> str:
    nearest = evidence.voters()[0]
    return f"{nearest.object_id} ({nearest.label}), at {distance_of(evidence, nearest)}"


def voted(evidence: Evidence) -> str:
    """The votes: "3 of its 3 nearest known spectra are LINERs, the closest (...) at ..."."""
    voters, backers = evidence.voters(), evidence.supporters()
    n = len(voters)
    nearest = voters[0]
    if n == 1:
        who = f"its one labelled neighbour, {nearest.object_id} ({nearest.label}),"
        return f"{who} is at {distance_of(evidence, nearest)}"
    if backers:
        verb = "is" if len(backers) == 1 else "are"
        what = one(evidence.asked) if len(backers) == 1 else many(evidence.asked)
        text = f"{len(backers)} of its {n} nearest known spectra {verb} {what}"
    else:
        text = f"none of its {n} nearest known spectra is {one(evidence.asked)}"
    if len(backers) < n:
        text += f" ({_others(voters, backers)})"
    label = "" if nearest in backers else f", {nearest.label}"
    return f"{text}, the closest ({nearest.object_id}{label}) at {distance_of(evidence, nearest)}"


def _others(voters: list[NeighborEvidence], backers: list[NeighborEvidence]) -> str:
    counts = Counter(n.label for n in voters if n not in backers)
    kept = [f"{c} labelled {label}" for label, c in counts.most_common()]
    share = sum(n.weight for n in backers)
    return f"{', '.join(kept)}, with {100 * (1 - share):.0f}% of the vote"


def distance_of(evidence: Evidence, n: NeighborEvidence) -> str:
    """The distance of a neighbour, in words."""
    return far(evidence, n.distance)


def _ratios(b: Bpt) -> str:
    if b.no_lines:
        return f"none of its four diagnostic lines is detected at {DETECTION:.0f}σ"
    if not (b.nii_ha.known or b.oiii_hb.known):
        return _unknown(b)
    pairs = (("log [N II]/Hα", b.nii_ha), ("log [O III]/Hβ", b.oiii_hb))
    known = [f"{name} {'= ' if r.kind == 'measured' else ''}{r.text()}" for name, r in pairs if r.known]
    text = "its own lines, " + ", ".join(known)
    reasons = [f"{', '.join(pretty(v) for v in b.missing())} undetected"] if b.missing() else []
    reasons += [f"{', '.join(pretty(v) for v in b.uncovered())} not covered"] if b.uncovered() else []
    return text + (f" ({'; '.join(reasons)})" if reasons else "")


def _unknown(b: Bpt) -> str:
    if b.uncovered():
        return f"its own line ratios are unknown: {', '.join(pretty(v) for v in b.uncovered())} not covered"
    return f"its own line ratios are unknown: {', '.join(pretty(v) for v in b.missing())} undetected"


def _side(b: Bpt, asked: str | None, denied: bool) -> str:
    """The region of the ratios, and whether it contradicts the answer (`denied`: the answer is "not `asked`")."""
    if asked in _LINELESS:
        where = ", as for a galaxy without line emission" if b.no_lines else _place(b)
        against = b.no_lines if denied else len(b.detected) == 4
    elif asked in DIAGRAM:
        where = _place(b)
        could_be = bool(set(b.possible) & set(DIAGRAM[asked]))
        against = (could_be and bool(b.own_class)) if denied else (bool(b.possible) and not could_be)
        if b.no_lines and not denied:
            where, against = ", so they do not support the answer", False
    else:
        where, against = _place(b), False
    return where + (", which contradicts the answer" if against else "")


def _place(b: Bpt) -> str:
    """The region allowed by ratios or limits, with the distance to the nearest border in sigma."""
    if b.no_lines or not b.possible:
        return ""
    if not b.own_class:
        return f", allow {' or '.join(_region(c) for c in b.possible)}"
    line, sigma = b.border()
    if not line:
        return f", allow only the {_region(b.own_class)} region"
    if b.own_class == "Composite" or line == "Kewley 2001":
        return f", lie in the {_region(b.own_class)} region, {sigmas(sigma)} from the {line_name(line)} line"
    return f", lie on the {_region(b.own_class)} side of the {line_name(line)} line by {sigmas(sigma)}"


def _disagreement(evidence: Evidence) -> list[str]:
    """Sentences on neighbours whose label differs from our measurement of their lines."""
    found = []
    for n in evidence.voters():
        own = n.bpt.own_class if n.bpt else ""
        if own and n.label in DIAGRAM and own not in DIAGRAM[n.label]:
            found.append(
                f"Neighbour {n.object_id} is labelled {n.label}, but its own lines, as we measure them, "
                f"lie in the {_region(own)} region."
            )
    return found


def _near_line(evidence: Evidence) -> str:
    b = evidence.query.bpt
    if b is None or not b.sigma or evidence.asked not in DIAGRAM:
        return ""
    line, sigma = b.border()
    if abs(sigma) >= NEAR_LINE:
        return ""
    return (
        f"The query lies {sigmas(sigma)} from the {line_name(line)} line: noise alone could move it "
        "to the other side."
    )


def _off_diagram(evidence: Evidence) -> str:
    b = evidence.query.bpt
    if b is None or b.nii_ha.kind != "measured" or b.oiii_hb.kind != "measured":
        return ""
    x, y = b.nii_ha.value, b.oiii_hb.value
    if RANGE[0][0] <= x <= RANGE[0][1] and RANGE[1][0] <= y <= RANGE[1][1]:
        return ""
    return "Its line ratios lie outside the range of galaxies: check the line fit first."


def _retired(evidence: Evidence) -> str:
    lines = evidence.query.lines
    if evidence.asked not in ("LINER", "AGN") or lines is None or evidence.query.bpt is None:
        return ""
    ew, error = lines.ew.get("ha", math.nan), lines.ew_error.get("ha", math.nan)
    if not ("ha" in evidence.query.bpt.detected and ew < RETIRED_EW):
        return ""
    return (
        f"Its Hα equivalent width is {ew:.1f} ± {error:.1f} Å: below {RETIRED_EW:.0f} Å old stars alone "
        "can produce such lines (Cid Fernandes et al. 2011), so a weak active nucleus is not proven."
    )


def far(evidence: Evidence, distance: float) -> str:
    """A distance in words: in units of the base's usual neighbour distance where that is known."""
    if not evidence.scale > 0:
        return f"distance {distance:.2f}"
    return f"{distance / evidence.scale:.1f} times the base's usual neighbour distance"


def line_name(name: str) -> str:
    """A dividing line as it is cited."""
    return name if name[0].isdigit() else name.replace(" ", " et al. ")


def _region(name: str) -> str:
    return {"SF": "star-forming", "Composite": "composite"}.get(name, name)


def sigmas(sigma: float) -> str:
    """A distance in sigma, without its sign: "2.4σ"."""
    return "more than 100σ" if abs(sigma) > 100 else f"{abs(sigma):.1f}σ"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
