"""Evidence from asking again: with more neighbours, without one, or about an object of the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spectrove.explanation.against import Against, needed_change, rank_of
from spectrove.explanation.evidence import Evidence, PanelMaker, measured
from spectrove.explanation.influence import find_rival, influences
from spectrove.explanation.panel import Comparison
from spectrove.explanation.saliency import Saliency, saliency
from spectrove.explanation.space import Coordinates, coordinates
from spectrove.inference import Prediction
from spectrove.inference.question import Question
from spectrove.knowledge import Neighbors
from spectrove.spectra import SpectrumSet
from spectrove.targets import label_text

#: Neighbours among which the nearest of another class is looked for.
RIVALS = 64


def with_influence(evidence: Evidence, question: Question, query: SpectrumSet) -> Evidence:
    """The evidence with what each neighbour's leaving changes, and the nearest object of another class."""
    prediction = evidence.prediction
    if not prediction.neighbors or prediction.none_of_these:
        return evidence
    k = len(prediction.neighbors)

    def again(without: str) -> tuple[Neighbors, Prediction]:
        _, neighbors, answers = question.answer(query, k, without)
        return neighbors, answers[0]

    alike = evidence.asked if not evidence.is_hunt or prediction.is_target else prediction.value
    more = question.answer(query, max(k + 1, RIVALS))[2][0]
    return replace(
        evidence,
        influence=influences(prediction, again),
        rival=find_rival(alike, more.neighbors),
    )


def with_saliency(evidence: Evidence, question: Question, query: SpectrumSet) -> Evidence:
    """The evidence with where the distance to each neighbour comes from, where that is told by wavelengths."""
    if not isinstance(query, SpectrumSet):
        return evidence
    near = stored(evidence, question)
    space = space_of(evidence, question, query, near)
    if space is None:
        return evidence
    return replace(evidence, saliency=saliency(space, query, near, evidence.panels.drawing.bands))


def with_against(
    evidence: Evidence,
    question: Question,
    query: SpectrumSet,
    object_id: str,
    panels: PanelMaker | None = None,
) -> Evidence:
    """The evidence with the query beside an object of the base, measured by the domain's `panels`.

    Raises:
        KnowledgeError: There is no such object in the base.
    """
    other = question.base.spectra([object_id])
    near = stored(evidence, question)
    space = space_of(evidence, question, query, near)
    beside = _beside(evidence, question, other, panels)
    if space is not None:
        beside = _placed(beside, space, question, query, other, evidence.panels.drawing.bands)
    return replace(evidence, against=beside)


def stored(evidence: Evidence, question: Question) -> SpectrumSet:
    """The neighbours' spectra that the base still holds, nearest first."""
    return question.base.spectra([n.object_id for n in evidence.neighbors if n.spectrum is not None])


def space_of(
    evidence: Evidence, question: Question, query: SpectrumSet, near: SpectrumSet
) -> Coordinates | None:
    """The coordinates in which distances were measured; None if they cannot be computed again."""
    base, weights = question.base, question.pool.space.weights
    factors = {view: weight**0.5 / base.scale_of(view) for view, weight in weights.items()}
    factors = factors if len(weights) > 1 else dict.fromkeys(weights, 1.0)
    distance = {n.object_id: n.distance for n in evidence.neighbors}
    if not len(near):
        return None
    return coordinates(question.encoders, factors, question.metric.metrics, query, near, distance)


def _beside(evidence: Evidence, question: Question, other: SpectrumSet, panels: PanelMaker | None) -> Against:
    item = measured(other[0].object_id, other[0], panels)
    label = label_text(other[0].row.get(evidence.prediction.label))
    group = question.target.classes_of([label])[0] if question.target else label
    return Against(
        item, label, group, float("nan"), None, 0, max((n.distance for n in evidence.neighbors), default=float("nan")),
        len(evidence.neighbors), comparison=panels.compare(evidence.query, item) if panels else Comparison(),
    )  # fmt: skip


def _placed(
    beside: Against,
    space: Coordinates,
    question: Question,
    query: SpectrumSet,
    other: SpectrumSet,
    bands: Sequence[tuple[str, float, float]],
) -> Against:
    own, theirs = space.prepared(query), space.prepared(other)
    if not len(theirs):
        return beside
    searched, name = question.pool.searched(), beside.other.object_id
    known = saliency(space, query, other, bands) if isinstance(query, SpectrumSet) else ()
    why: Saliency | None = known[0] if known else None
    placed = replace(
        beside,
        distance=float(space.distances(own, theirs)[0]),
        rank=rank_of(space, own, searched, name, query.object_id.tolist()),
        searched=len(searched.object_id),
        saliency=why,
    )
    if placed.is_neighbor or why is None:
        return placed
    return replace(placed, change=needed_change(space, own, theirs, why, placed.reach))
