"""Review of a base: labels that may be wrong, wrong redshifts and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.galaxies.line_classes import (
    excludes,
    judged,
    line_probability,
    lines_say,
    measured,
    redshift_conflict,
)
from spectrove.galaxies.line_fit import LineFit
from spectrove.inference.labels.noise import SUSPECT, VOTERS, LabelNoise, LabelVotes, label_votes
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.curation import Finding, counted
from spectrove.knowledge.duplicates import duplicates
from spectrove.targets import MetricMode

#: Spectra read together.
BATCH = 256

#: Least probability by neighbours or by lines before the two are multiplied.
IGNORANCE = 0.01

#: Neighbours named in a finding.
NAMED = 5

#: Called with the number of objects examined since the last call.
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Review:
    """Findings of a review.

    Attributes:
        findings: Labels first, the most certain first; then redshifts, duplicates and repeats.
        label: The label column.
        version: Of the base.
        n_labelled: Number of labels examined.
        n_wrong: Number of wrong labels among these, estimated by confident learning from the neighbours alone.
        metric: Whether distances are in a metric fitted on the label.
        lines: Whether lines were measured and can test the values of the label.
    """

    findings: tuple[Finding, ...]
    label: str
    version: int
    n_labelled: int
    n_wrong: float
    metric: bool
    lines: bool

    def to_dicts(self) -> list[dict[str, Any]]:
        """One row for each finding, with an empty decision."""
        return [finding.to_dict(self.version) for finding in self.findings]

    @property
    def counts(self) -> dict[str, int]:
        """Number of findings of each kind."""
        return counted(self.findings)


def curate(
    base: KnowledgeBase,
    label: str,
    *,
    k: int = VOTERS,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    metric: MetricMode = "auto",
    lines: bool = True,
    copies: bool = True,
    progress: Progress | None = None,
) -> Review:
    """Labels in conflict with neighbours or emission lines, wrong redshifts, duplicates; nothing is written.

    Args:
        base: The base.
        label: Column of classes.
        k: Neighbours that vote on each label; the object, its sky position and its plate have no vote.
        where, view, metric: As in `classify`.
        lines: Also measure the emission lines of each stored spectrum (10 ms each). They test classes of the [N II]
            diagram, "quiescent", and redshifts.
        copies: Also search all objects for duplicates and repeated observations.
        progress: Called while lines are measured.

    Raises:
        KnowledgeError: The column or condition is wrong, or there are fewer than two classes of two objects.
    """
    votes = label_votes(base, label, k=k, view=view, where=where, metric=metric)
    neighborhood = LabelNoise(votes.given, votes.probability)
    fits: list[LineFit | None] = [None] * len(votes.given)
    if lines:
        fits = _fits(base, votes, progress)
    by_lines = lines and judged(votes.classes)
    line_share = np.stack([line_probability(fit, votes.classes) for fit in fits])
    findings = label_findings(votes, label, line_share, fits)
    findings += _redshift_findings(votes, label, fits)
    findings += duplicates(base, label) if copies else []
    return Review(
        tuple(findings), label, base.version, len(votes.given), neighborhood.n_wrong, votes.metric, by_lines
    )


def trusted(
    base: KnowledgeBase,
    label: str,
    *,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    metric: MetricMode = "auto",
) -> str | None:
    """SQL condition `where` without the objects whose label is in conflict with their neighbours.

    Only neighbours are used, so that it works for any label. Voting among the remaining objects is better if a tenth or
    more of the labels are wrong, and slightly worse if all are right: `spectrove evaluate curation` measures both.
    """

    def find() -> str | None:
        votes = label_votes(base, label, view=view, where=where, metric=metric)
        doubted = votes.object_id[LabelNoise(votes.given, votes.probability).suspects()]
        if not len(doubted):
            return where
        names = ", ".join("'" + str(name).replace("'", "''") + "'" for name in doubted)
        kept = f"object_id NOT IN ({names})"
        return f"({where}) AND {kept}" if where else kept

    return base.remember(("trusted", label, where, str(view), metric), find)


def _fits(base: KnowledgeBase, votes: LabelVotes, progress: Progress | None) -> list[LineFit | None]:
    fits: list[LineFit | None] = []
    for start in range(0, len(votes.object_id), BATCH):
        batch = base.spectra(votes.object_id[start : start + BATCH])
        fits += [measured(spectrum) for spectrum in batch]
        if progress:
            progress(len(batch))
    return fits


def joined(votes: NDArray[np.float64], line_share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class probabilities by neighbours and lines combined, (n_objects, n_classes); equal shares have no effect."""
    even = np.ptp(line_share, axis=1, keepdims=True) < 1e-9
    both = (votes + IGNORANCE) * (line_share + IGNORANCE)
    # Without a voter the lines alone decide.
    both = np.where(np.isnan(votes), line_share + IGNORANCE, both)
    both = np.where(even, votes, both)
    return both / both.sum(axis=1, keepdims=True)


def label_findings(
    votes: LabelVotes,
    label: str,
    line_share: NDArray[np.float64],
    fits: list[LineFit | None],
    *,
    limit: float = SUSPECT,
) -> list[Finding]:
    """Labels in conflict with neighbours, lines or both, the least probable first.

    Args:
        votes: From `label_votes`.
        label: The column.
        line_share: Probabilities from lines, (n_objects, n_classes); equal in a row without information.
        fits: Line fits, quoted in the reasons.
        limit: Labels with a larger combined probability are not suspect.
    """
    noise = LabelNoise(votes.given, joined(votes.probability, line_share))
    suspected = set(noise.suspects(limit).tolist())
    excluded = {
        i for i, share in enumerate(line_share) if excludes(share, votes.classes, int(votes.given[i]))
    }
    ranked = sorted(suspected | excluded, key=lambda i: (noise.self_confidence[i], noise.margin[i], i))
    return [_label_finding(votes, label, noise, i, line_share[i], fits[i], i in excluded) for i in ranked]


def _label_finding(
    votes: LabelVotes,
    label: str,
    noise: LabelNoise,
    i: int,
    line_share: NDArray[np.float64],
    fit: LineFit | None,
    excluded: bool,
) -> Finding:
    given, new = votes.classes[votes.given[i]], votes.classes[noise.best_other[i]]
    near = votes.neighbors[i][votes.neighbors[i] >= 0]
    of_new = int((votes.given[near] == noise.best_other[i]).sum())
    of_own = int((votes.given[near] == votes.given[i]).sum())
    reason = f"of its {len(near)} nearest neighbours on other plates {of_new} are {new}, {of_own} {given}"
    if fit is not None and np.ptp(line_share) > 1e-9:
        verdict = f"exclude {given}" if excluded else f"fit {given} at {line_share[votes.given[i]]:.2f}"
        reason += f"; its own lines {verdict} ({lines_say(fit)})"
    return Finding(
        object_id=str(votes.object_id[i]), kind="lines" if excluded else "label", label=label, current=given,
        action="relabel", suggested=new, confidence=float(1 - noise.self_confidence[i]), reason=reason,
        neighbors=tuple(str(name) for name in votes.object_id[near[:NAMED]]),
    )  # fmt: skip


def _redshift_findings(votes: LabelVotes, label: str, fits: list[LineFit | None]) -> list[Finding]:
    """Objects with strong lines at wavelengths in conflict with their redshift; removal is suggested."""
    findings = []
    for i, fit in enumerate(fits):
        if conflict := redshift_conflict(fit):
            reason = (
                f"lines at S/N {conflict.sn:.0f} are {conflict.velocity:+.0f} km/s off the redshift: add it again "
                "with the right redshift"
            )
            near = votes.neighbors[i][votes.neighbors[i] >= 0][:NAMED]
            ids = tuple(str(name) for name in votes.object_id[near])
            findings.append(
                Finding(
                    str(votes.object_id[i]), "redshift", label, votes.classes[votes.given[i]], "remove", None,
                    0.5, reason, ids,
                )
            )  # fmt: skip
    return findings
