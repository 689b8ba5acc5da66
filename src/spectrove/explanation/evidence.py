"""Evidence: an answer with everything a reader needs to check it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from spectrove.errors import KnowledgeError, SpectrumError
from spectrove.explanation.measured import Measured
from spectrove.explanation.mentions import Mention
from spectrove.explanation.panel import Comparison, FigurePanel, Measurement, Names, Panels
from spectrove.explanation.values import with_values
from spectrove.plain import plain
from spectrove.spectra import FLAGS, Spectrum
from spectrove.version import __version__

if TYPE_CHECKING:
    from spectrove.explanation.against import Against
    from spectrove.explanation.influence import Influence, Rival
    from spectrove.explanation.saliency import Saliency
    from spectrove.inference import Prediction, Vote
    from spectrove.knowledge import KnowledgeBase, Neighbors
    from spectrove.targets import Target


@dataclass(frozen=True)
class NeighborEvidence(Measured):
    """A neighbour: its spectrum and measurement, its distance, and its vote.

    Attributes:
        distance: Euclidean distance of the vectors.
        weight: Its share of all votes, 0-1; 0 if it did not vote.
        label: Its value in the label column; None if unknown.
        group: The class of that value; None if it did not vote.
        catalog: Its values from a catalog; shown as such, not measured here.
    """

    distance: float = math.nan
    weight: float = 0.0
    label: str | None = None
    group: str | None = None
    catalog: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, without the pixels."""
        own = {
            "distance": plain(self.distance), "weight": plain(self.weight), "label": self.label,
            "class": self.group, "catalog": plain(self.catalog),
        }  # fmt: skip
        return super().to_dict() | own


@dataclass(frozen=True)
class Provenance:
    """The provenance of an answer: all that is needed to reproduce it."""

    encoder: str = ""
    fingerprint: str = ""
    base: str = ""
    base_version: int = 0
    base_size: int = 0
    view: str = "shape"
    view_weights: Mapping[str, float] = field(default_factory=dict)
    metric: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    label_column: str = ""
    k: int = 0
    weighting: str = ""
    prevalence: float | None = None
    spectrove_version: str = __version__


@dataclass(frozen=True)
class Evidence:
    """An answer for one spectrum, and the evidence for it.

    Attributes:
        prediction: The answer. The attributes below explain it and did not affect it.
        query: The classified spectrum, with what was measured in it.
        neighbors: Nearest first.
        scale: Median nearest-neighbour distance of the base, the natural unit of distances.
        provenance: Encoder, base, target and settings of the answer.
        z_source: Where the redshift came from: "file", "catalog", "estimated" or "".
        threshold: Probability from which a hunted object counts as found; NaN if unknown.
        influence: The answer without each neighbour, nearest first; empty if it could not be computed.
        rival: The nearest object of another class; None if none is near.
        saliency: Contributions to the distance to each neighbour, nearest first; empty unless requested.
        against: Comparison with a named object; None if none was named.
        panels: What the kind of light of the base adds: sentences, tables, figures.
        papers: Papers that speak of the neighbours, a few; None where the base has no papers.
        column_notes: What the base notes of the columns that were joined to it, see `KnowledgeBase.column_notes`.
    """

    prediction: Prediction
    query: Measured
    neighbors: tuple[NeighborEvidence, ...]
    scale: float
    provenance: Provenance
    z_source: str = ""
    threshold: float = math.nan
    influence: tuple[Influence, ...] = ()
    rival: Rival | None = None
    saliency: tuple[Saliency, ...] = ()
    against: Against | None = None
    panels: Panels = field(default_factory=Panels)
    papers: tuple[Mention, ...] | None = None
    column_notes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        p = self.prediction.probability
        asked = (
            "no answer" if self.asked is None else f"{self.asked} {'' if p is None else f'{p:.2f}'}".strip()
        )
        return f"<Evidence for {self.object_id}: {asked}, {len(self.neighbors)} neighbours>"

    @property
    def object_id(self) -> str:
        """Id of the query."""
        return self.query.object_id

    @property
    def is_hunt(self) -> bool:
        """Whether the question was "is it the target?" rather than "which class is it?"."""
        return self.prediction.target is not None

    @property
    def asked(self) -> str | None:
        """The hunted class, or in a classification the class of the answer; None if nobody voted."""
        return self.prediction.positive if self.is_hunt else self.prediction.value

    @property
    def flags(self) -> tuple[str, ...]:
        """Flags of the answer and of the query's own row, each once."""
        row = (self.query.spectrum.row.get("flags") or []) if self.query.spectrum else []
        return tuple(dict.fromkeys([*self.prediction.flags, *row]))

    def voters(self) -> list[NeighborEvidence]:
        """Neighbours whose label counts."""
        return [n for n in self.neighbors if n.group is not None]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pixels, as plain values for JSON."""
        p = self.prediction
        return {
            "object_id": self.object_id,
            "answer": {
                "label": p.label,
                "value": p.value,
                "target": p.target,
                "positive": p.positive,
                "is_target": p.is_target,
                "probability": plain(p.probability),
                "probabilities": {k: plain(v) for k, v in p.probabilities.items()},
                "interval": None if p.interval is None else [plain(v) for v in p.interval],
                "reason_no_interval": p.reason_no_interval or None,
                "witnesses": p.witnesses,
                "none_of_these": p.none_of_these or None,
                **({} if p.values is None else {"values": [dict(value) for value in p.values]}),
            },
            "query": self.query.to_dict() | {"z_source": self.z_source or None},
            "neighbors": [n.to_dict() for n in self.neighbors],
            "influence": [i.to_dict() for i in self.influence],
            "rival": None if self.rival is None else self.rival.to_dict(),
            "saliency": [s.to_dict() for s in self.saliency],
            "against": None if self.against is None else self.against.to_dict(),
            "scale": plain(self.scale),
            "flags": {name: FLAGS.get(name, name) for name in self.flags},
            "provenance": asdict(self.provenance),
            **({} if self.papers is None else {"papers": [p.to_dict() for p in self.papers]}),
        }


class PanelMaker(Protocol):
    """What a domain provides for explanations (`Domain.panels`).

    Attributes:
        names: How classes read in a sentence.
        catalog: Catalog columns of a neighbour worth showing beside what is measured here.
        footer: The last sentences of a page.
    """

    @property
    def names(self) -> Names: ...
    @property
    def catalog(self) -> tuple[str, ...]: ...
    @property
    def footer(self) -> str: ...

    def measure(self, spectrum: Spectrum | None, z: float) -> Measurement:
        """What is measured in a spectrum at redshift z, from its pixels alone; the reason where it is None."""

    def answer(self, evidence: Evidence) -> Panels:
        """The panels of one answer, whose spectra have been measured."""

    def compare(self, query: Measured, other: Measured) -> Comparison:
        """The measurements of the query beside those of another object."""

    def background(self, base: KnowledgeBase) -> Any:
        """What figures draw behind the objects, from the base; only figures of the domain read it."""

    def overview(self, hits: Sequence[Evidence], truth: Mapping[str, bool] | None) -> Sequence[FigurePanel]:
        """Figures of the best hits of a hunt together, from their evidence and, where known, the truth by id."""


def build_evidence(
    kb: KnowledgeBase,
    spectrum: Spectrum,
    prediction: Prediction,
    neighbors: Neighbors,
    index: int | None = None,
    *,
    target: Target | None = None,
    panels: PanelMaker | None = None,
) -> Evidence:
    """The evidence for one answer: stored spectra of the neighbours, measurements, origin noted.

    The query and each neighbour are measured here, from flux, ivar and mask alone; the query's catalog row is never
    read for it.

    Args:
        kb: The base that was searched; gives the neighbours' spectra.
        spectrum: The query.
        prediction: The answer to explain.
        neighbors: The search result that the answer was made from.
        index: Which of its queries this is; found by id if None.
        target: The target of a hunt, for its threshold and weighting.
        panels: What the kind of light of the base has to say; nothing is measured if None.

    Raises:
        SpectrumError: If the spectrum is not among the queries of the search, or not the one answered.
    """
    _check(spectrum, prediction, neighbors, index)
    query = measured(spectrum.object_id, spectrum, panels)
    z_source = prediction.z_source or str(spectrum.row.get("z_source") or "")
    evidence = Evidence(
        prediction=prediction,
        query=query,
        neighbors=_neighbors(kb, prediction, panels),
        scale=float(neighbors.scale),
        provenance=_provenance(kb, prediction, neighbors, target),
        z_source="estimated" if math.isfinite(query.measurement.z) else z_source,
        threshold=target.limit if target else math.nan,
        column_notes=kb.column_notes(),
    )
    shown = Panels() if panels is None else panels.answer(evidence)
    return replace(evidence, panels=with_values(shown, prediction, target))


def measured(object_id: str, spectrum: Spectrum | None, panels: PanelMaker | None) -> Measured:
    """An object with what is measured in its spectrum at its redshift, or the reason why nothing is.

    Its redshift is the one that was measured, where that is part of the measurement.
    """
    z = math.nan if spectrum is None else spectrum.z
    measurement = Measurement() if panels is None else panels.measure(spectrum, z)
    return Measured(object_id, spectrum, measurement.z if math.isfinite(measurement.z) else z, measurement)


def _neighbors(
    kb: KnowledgeBase, prediction: Prediction, panels: PanelMaker | None
) -> tuple[NeighborEvidence, ...]:
    stored = _stored(kb, list(dict.fromkeys(vote.object_id for vote in prediction.neighbors)))
    return tuple(_neighbor(vote, stored.get(vote.object_id), panels) for vote in prediction.neighbors)


def _stored(kb: KnowledgeBase, ids: list[str]) -> dict[str, Spectrum]:
    """The neighbours' spectra; one that was deleted since the search is left out, and the others stay."""
    try:
        return {s.object_id: s for s in kb.spectra(ids)} if ids else {}
    except KnowledgeError:
        return {k: v for one in ids for k, v in _stored(kb, [one]).items()} if len(ids) > 1 else {}


def _neighbor(vote: Vote, spectrum: Spectrum | None, panels: PanelMaker | None) -> NeighborEvidence:
    item = measured(vote.object_id, spectrum, panels)
    row = spectrum.row if spectrum else {}
    columns = panels.catalog if panels else ()
    return NeighborEvidence(
        item.object_id, item.spectrum, item.z, item.measurement,
        distance=vote.distance, weight=vote.weight, label=vote.label, group=vote.group,
        catalog={k: row[k] for k in columns if row.get(k) is not None},
    )  # fmt: skip


def _check(spectrum: Spectrum, prediction: Prediction, neighbors: Neighbors, index: int | None) -> None:
    queries = [str(v) for v in neighbors.query_id]
    asked = queries if index is None else queries[index : index + 1]
    if spectrum.object_id not in asked or prediction.object_id != spectrum.object_id:
        raise SpectrumError(
            f"{spectrum.object_id}: the answer is about {prediction.object_id} and the search about "
            f"{', '.join(asked[:3])}{' ...' if len(asked) > 3 else ''}. Pass the answer and the neighbours "
            "of this spectrum."
        )


def _provenance(
    kb: KnowledgeBase, prediction: Prediction, neighbors: Neighbors, target: Target | None
) -> Provenance:
    return Provenance(
        encoder=", ".join(kb.encoders.get(view, "") for view in neighbors.weights) or kb.encoder,
        fingerprint=neighbors.fingerprint,
        base=kb.path.name,
        base_version=neighbors.version,
        base_size=kb.count(),
        view=neighbors.view,
        view_weights=dict(neighbors.weights),
        metric=dict(neighbors.metric) or {"name": "none"},
        target=prediction.target or "",
        label_column=prediction.label,
        k=neighbors.k,
        weighting=f"{target.weighting}, {target.normalise}" if target else "",
        prevalence=_prevalence(target),
    )


def _prevalence(target: Target | None) -> float | None:
    """The prevalence of the hunted class used for the answer; None if it is that of the base."""
    if target is None or target.prior is None:
        return None if target is None else target.prevalence
    return target.prior[target.positive]
