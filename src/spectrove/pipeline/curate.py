"""Review of a base: labels that may be wrong, wrong redshifts and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from spectrove.domain import OwnEvidence, Reviewer
from spectrove.inference.kept import once
from spectrove.inference.labels.noise import LabelNoise, LabelVotes, label_votes
from spectrove.inference.labels.review import Review, Words, label_findings, redshift_findings
from spectrove.knowledge import KnowledgeBase
from spectrove.knowledge.duplicates import duplicates
from spectrove.pipeline.domains import domain_of
from spectrove.targets import MetricMode
from spectrove.work import doing

#: Spectra read together.
BATCH = 256

#: Called with the number of objects examined since the last call.
Progress = Callable[[int], None]


def curate(
    base: KnowledgeBase,
    label: str,
    *,
    where: str | None = None,
    view: str | Mapping[str, float] | None = None,
    metric: MetricMode = "auto",
    lines: bool = True,
    copies: bool = True,
    progress: Progress | None = None,
) -> Review:
    """Labels in conflict with neighbours or the spectrum itself, wrong redshifts, duplicates; nothing is written.

    Args:
        base: The base.
        label: Column of classes.
        where, view, metric: As in `classify`.
        lines: Also measure each stored spectrum, where its kind of light has a reviewer: of galaxies the emission lines
            (10 ms each), which test labels and redshifts.
        copies: Also search all objects for duplicates and repeated observations.
        progress: Called while spectra are measured.

    Raises:
        KnowledgeError: The column or condition is wrong, or there are fewer than two classes of two objects.
    """
    domain = domain_of(base)
    reviewer = domain.review if lines else None
    votes = label_votes(base, label, group=domain.group, view=view, where=where, metric=metric)
    neighborhood = LabelNoise(votes.given, votes.probability)
    own = _own_evidence(base, votes, reviewer, progress)
    words = Words(domain.groups, reviewer.name if reviewer else "spectrum")
    findings = label_findings(votes, label, own, words)
    findings += redshift_findings(votes, label, own)
    findings += duplicates(base, label) if copies else []
    judged = reviewer is not None and reviewer.judges(votes.classes)
    return Review(
        tuple(findings), label, base.version, len(votes.given), neighborhood.n_wrong, votes.metric, judged
    )


def _own_evidence(
    base: KnowledgeBase, votes: LabelVotes, reviewer: Reviewer | None, progress: Progress | None
) -> OwnEvidence:
    """What the stored spectra themselves say about the labels, in the order of the votes."""
    if reviewer is None:
        return OwnEvidence.none(len(votes.given), len(votes.classes))
    parts = []
    for start in range(0, len(votes.object_id), BATCH):
        batch = base.spectra(votes.object_id[start : start + BATCH])
        parts.append(reviewer.examine(batch, votes.classes))
        if progress:
            progress(len(batch))
    return OwnEvidence.concatenate(parts)


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
    group = domain_of(base).group

    def find() -> str | None:
        with doing(f"looking for labels of {label} in conflict with their neighbours, {once(base)}"):
            votes = label_votes(base, label, group=group, view=view, where=where, metric=metric)
        doubted = votes.object_id[LabelNoise(votes.given, votes.probability).suspects()]
        if not len(doubted):
            return where
        names = ", ".join("'" + str(name).replace("'", "''") + "'" for name in doubted)
        kept = f"object_id NOT IN ({names})"
        return f"({where}) AND {kept}" if where else kept

    return base.remember(("trusted", label, where, str(view), metric), find)
