"""What the lines of a galaxy say of an answer, in sentences."""

from __future__ import annotations

import math

from spectrove.explanation.evidence import Evidence
from spectrove.explanation.line_labels import pretty
from spectrove.explanation.panel import one
from spectrove.galaxies.diagram.bpt import DETECTION, Bpt, is_detected
from spectrove.galaxies.diagram.measured import bpt_of, lines_of
from spectrove.galaxies.lines import LINE

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
#: Closer to a dividing line than this many sigma, a class is a matter of noise.
NEAR_LINE = 2.0

#: Rest-frame H alpha equivalent width, angstrom, below which LINER-like lines need no active nucleus.
#: Source: Cid Fernandes et al. 2011, MNRAS 413, 1687.
RETIRED_EW = 3.0
#: log [N II]/Ha and log [O III]/Hb that galaxies take; beyond them a measurement is suspect.
RANGE = ((-2.0, 0.9), (-1.6, 1.6))
#: The dividing line of the diagram between two adjacent regions.
_BETWEEN = {
    frozenset(("SF", "Composite")): "Kauffmann 2003",
    frozenset(("Seyfert", "LINER")): "1.18x+0.77",
}


def own_lines(evidence: Evidence) -> str:
    """The line ratios measured in the query and their region of the diagram, without a full stop."""
    b, reason, asked = bpt_of(evidence.query), evidence.query.measurement.reason, evidence.asked
    if b is None:
        return f"its own lines could not be measured because {reason}" if reason else ""
    if asked in ("lens", "outlier", "none"):
        return (
            f"{_ratios(b)} (they are those of the brightest galaxy in the fibre and do not test the answer)"
        )
    denied = evidence.is_hunt and not evidence.prediction.is_target
    return f"{_ratios(b)}{_side(b, asked, denied)}"


def facts(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """The two ratios of the query and its class by them; empty if its lines are not measured."""
    b = bpt_of(evidence.query)
    if b is None:
        return ()
    own = "no line detected" if b.no_lines else b.own_class or " or ".join(b.possible) or "unknown"
    return (
        ("log [N II]/Hα", b.nii_ha.text()),
        ("log [O III]/Hβ", b.oiii_hb.text()),
        ("Class by its own lines", own),
    )


def cautions(evidence: Evidence, single: str = "") -> list[str]:
    """What to be careful about in measured lines: neighbours that disagree, borders, strange values, old stars.

    Args:
        single: A sentence on a single line that the answer rests on; the next to come is that on its redshift.
    """
    own = (single or one_line(evidence), _near_line(evidence), _off_diagram(evidence), _retired(evidence))
    return [*_disagreement(evidence), *(text for text in own if text)]


def excludes(evidence: Evidence) -> dict[str, str]:
    """Class of the diagram to whether the query's own lines exclude it, without a full stop; empty if not measured."""
    clauses = {label: _excluded(evidence, label) for label in DIAGRAM}
    return {label: clause for label, clause in clauses.items() if clause}


def one_line(evidence: Evidence) -> str:
    """A sentence if an estimated redshift has only a single emission line; otherwise ""."""
    lines = lines_of(evidence.query)
    if evidence.z_source != "estimated" or lines is None:
        return ""
    seen = [key for key in lines.flux if key in LINE and is_detected(lines, key)]
    if len(seen) != 1:
        return ""
    return (
        f"The redshift was estimated and only one emission line, {pretty(LINE[seen[0]].name)}, is detected: "
        "otherwise it rests on the shape of the continuum and its absorption lines."
    )


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
        b = bpt_of(n)
        own = b.own_class if b else ""
        if own and n.label in DIAGRAM and own not in DIAGRAM[n.label]:
            found.append(
                f"Neighbour {n.object_id} is labelled {n.label}, but its own lines, as we measure them, "
                f"lie in the {_region(own)} region."
            )
    return found


def _near_line(evidence: Evidence) -> str:
    b = bpt_of(evidence.query)
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
    b = bpt_of(evidence.query)
    if b is None or b.nii_ha.kind != "measured" or b.oiii_hb.kind != "measured":
        return ""
    x, y = b.nii_ha.value, b.oiii_hb.value
    if RANGE[0][0] <= x <= RANGE[0][1] and RANGE[1][0] <= y <= RANGE[1][1]:
        return ""
    return "Its line ratios lie outside the range of galaxies: check the line fit first."


def _retired(evidence: Evidence) -> str:
    lines = lines_of(evidence.query)
    b = bpt_of(evidence.query)
    if evidence.asked not in ("LINER", "AGN") or lines is None or b is None:
        return ""
    ew, error = lines.ew.get("ha", math.nan), lines.ew_error.get("ha", math.nan)
    if not ("ha" in b.detected and ew < RETIRED_EW):
        return ""
    return (
        f"Its Hα equivalent width is {ew:.1f} ± {error:.1f} Å: below {RETIRED_EW:.0f} Å old stars alone "
        "can produce such lines (Cid Fernandes et al. 2011), so a weak active nucleus is not proven."
    )


def line_name(name: str) -> str:
    """A dividing line as it is cited."""
    return name if name[0].isdigit() else name.replace(" ", " et al. ")


def _region(name: str) -> str:
    return {"SF": "star-forming", "Composite": "composite"}.get(name, name)


def sigmas(sigma: float) -> str:
    """A distance in sigma, without its sign: "2.4σ"."""
    return "more than 100σ" if abs(sigma) > 100 else f"{abs(sigma):.1f}σ"


def _excluded(evidence: Evidence, label: str) -> str:
    """Whether the query's own lines exclude another class, without a full stop; "" if they are not measured."""
    b = bpt_of(evidence.query)
    if b is None or not b.possible:
        return ""
    regions = set(DIAGRAM[label])
    if regions & set(b.possible):
        return f"its own lines would allow {one(label, PHRASES)}"
    border = _BETWEEN.get(frozenset((b.own_class, *regions)), "Kewley 2001")
    if border not in b.sigma or ("SF" in (b.own_class, *regions) and border == "Kewley 2001"):
        return f"its own lines exclude {one(label, PHRASES)}"
    far_side = f"{sigmas(b.sigma[border])} on the other side of the {line_name(border)} line"
    if abs(b.sigma[border]) < NEAR_LINE:
        return f"its own lines do not exclude {one(label, PHRASES)}: they lie only {far_side}"
    return f"its own lines speak against {one(label, PHRASES)}, {far_side}"
