"""A review of labels: those in conflict with the neighbours or with the spectra themselves, and wrong redshifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import OwnEvidence
from spectrove.inference.labels.noise import SUSPECT, LabelNoise, LabelVotes
from spectrove.knowledge.curation import Finding, counted

#: Least probability by neighbours or by the own spectrum before the two are multiplied.
IGNORANCE = 0.01

#: Neighbours named in a finding.
NAMED = 5

#: Kind of a finding that the spectrum itself decides, see `knowledge.curation.KINDS`.
OWN = "lines"


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
        lines: Whether the spectra were measured and can test the values of the label.
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


@dataclass(frozen=True)
class Words:
    """Nouns of the sentences of a review.

    Attributes:
        groups: The groups whose objects have no vote on each other; "" where objects stand alone.
        own: What is measured in each spectrum.
    """

    groups: str = ""
    own: str = "spectrum"


def combined(votes: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class probabilities by neighbours and by the own spectrum, (n_objects, n_classes); equal ones have no effect."""
    even = np.ptp(own, axis=1, keepdims=True) < 1e-9
    both = (votes + IGNORANCE) * (own + IGNORANCE)
    # Without a voter the own spectrum alone decides.
    both = np.where(np.isnan(votes), own + IGNORANCE, both)
    both = np.where(even, votes, both)
    return both / both.sum(axis=1, keepdims=True)


def label_findings(
    votes: LabelVotes, label: str, own: OwnEvidence, words: Words, *, limit: float = SUSPECT
) -> list[Finding]:
    """Labels in conflict with neighbours, the own spectrum or both, the least probable first.

    Args:
        votes: From `label_votes`.
        label: The column.
        own: What the spectra themselves say, in the order of the votes.
        words: Of the sentences.
        limit: Labels with a larger combined probability are not suspect.
    """
    noise = LabelNoise(votes.given, combined(votes.probability, own.probability))
    suspected = set(noise.suspects(limit).tolist())
    excluded = set(np.flatnonzero(own.excluded[np.arange(len(votes.given)), votes.given]).tolist())
    ranked = sorted(suspected | excluded, key=lambda i: (noise.self_confidence[i], noise.margin[i], i))
    return [_label_finding(votes, label, noise, own, i, words) for i in ranked]


def _label_finding(
    votes: LabelVotes, label: str, noise: LabelNoise, own: OwnEvidence, i: int, words: Words
) -> Finding:
    given, new = votes.classes[votes.given[i]], votes.classes[noise.best_other[i]]
    near = votes.neighbors[i][votes.neighbors[i] >= 0]
    of_new = int((votes.given[near] == noise.best_other[i]).sum())
    of_own = int((votes.given[near] == votes.given[i]).sum())
    elsewhere = f" on other {words.groups}" if words.groups else ""
    reason = f"of its {len(near)} nearest neighbours{elsewhere} {of_new} are {new}, {of_own} {given}"
    probability, excluded = own.probability[i], bool(own.excluded[i, votes.given[i]])
    if own.measurements[i] and np.ptp(probability) > 1e-9:
        verdict = f"exclude {given}" if excluded else f"fit {given} at {probability[votes.given[i]]:.2f}"
        reason += f"; its own {words.own} {verdict} ({own.measurements[i]})"
    return Finding(
        object_id=str(votes.object_id[i]), kind=OWN if excluded else "label", label=label, current=given,
        action="relabel", suggested=new, confidence=float(1 - noise.self_confidence[i]), reason=reason,
        neighbors=_named(votes, i),
    )  # fmt: skip


def redshift_findings(votes: LabelVotes, label: str, own: OwnEvidence) -> list[Finding]:
    """Objects whose spectrum contradicts their redshift; removal is suggested."""
    return [
        Finding(
            str(votes.object_id[i]), "redshift", label, votes.classes[votes.given[i]], "remove", None, 0.5,
            conflict, _named(votes, i),
        )
        for i, conflict in enumerate(own.conflict)
        if conflict
    ]  # fmt: skip


def _named(votes: LabelVotes, i: int) -> tuple[str, ...]:
    """Ids of the nearest neighbours of an object."""
    near = votes.neighbors[i][votes.neighbors[i] >= 0][:NAMED]
    return tuple(str(name) for name in votes.object_id[near])
