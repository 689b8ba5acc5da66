"""Hunts by example: a ranked list from a few spectra that are like what is wanted, and a few that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.domain import Witness
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal
from spectrove.inference.embed import embed_queries
from spectrove.inference.examples.answer import ExampleAnswer, Given, answers_of, cautions_of
from spectrove.inference.examples.background import Vectors, background_of
from spectrove.inference.examples.model import ExampleModel, fit_examples
from spectrove.inference.examples.regions import region_terms
from spectrove.inference.regions import Region, check_regions
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.answers import Answers, own_flags, provenance_of
from spectrove.pipeline.column_views import spectral_views
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.given import Examples, GivenExamples, given_examples, vectors_of
from spectrove.pipeline.options import ExampleOptions, options_of
from spectrove.pipeline.queries import READING, check_where, one_version, queries
from spectrove.pipeline.regions import parse_regions
from spectrove.spectra import SpectrumSet

#: Objects of the base that are answered if no spectra are given and nothing else is said.
OF_THE_BASE = 100

#: Answers whose expected purity is told.
FIRST = 20

#: The least number of them that are compared in the regions.
SHORTLIST = 200


@dataclass(frozen=True)
class ExampleHunt:
    """A hunt by example, ready for spectra.

    Attributes:
        model: Fitted on the examples.
        given: Their ids, and what is to be said of them.
        yes: The positives.
        own: What is measured in the spectra themselves; None where vectors alone are compared.
        regions: Regions that count.
        refused: Examples that could not be used, and those given twice.
    """

    base: KnowledgeBase
    encoders: Mapping[str, Encoder]
    model: ExampleModel
    given: Given
    yes: Examples
    own: Witness | None = None
    regions: tuple[Region, ...] = ()
    refused: tuple[Refusal, ...] = field(default_factory=tuple)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences on the examples, those left out first."""
        return (*(refusal.error for refusal in self.refused), *self.given.cautions)

    @property
    def unused(self) -> tuple[Refusal, ...]:
        """Examples that have no part in the answer."""
        return tuple(refusal for refusal in self.refused if not refusal.partial)

    def is_example(self, object_id: NDArray[np.str_]) -> NDArray[np.bool_]:
        """Which of these ids are examples."""
        return np.isin(object_id, [*self.given.yes_id, *self.given.no_id])


@one_version
def hunt_like(base: KnowledgeBase, spectra: Any, like: Any, **options: Any) -> Answers:
    """How much each spectrum is like some examples, the most alike first; nothing labelled is needed.

    Args:
        base: The background that the examples are compared with; its labels are not read.
        spectra: The queries in any form; None for the objects of the base, of which the `top` best are answered.
        like: Ids of the base, files or spectra, as one or a list.
        options: See `options.ExampleOptions`, and those of reading, `queries.READING`.

    Raises:
        KnowledgeError: No example can be used, the base has too few objects, or a condition on them has no part.
    """
    reading = {name: options.pop(name) for name in READING if name in options}
    chosen = options_of(ExampleOptions, "hunt_like", options)
    check_where("hunt_like", spectra, chosen.where)
    asked = example_hunt(base, like, chosen)
    if spectra is None:
        return _of_base(asked, chosen)
    read, unread = queries(base, spectra, **reading)
    answers = _of_spectra(asked, read, chosen)
    return replace(answers, refusals=(*unread, *answers.refusals))


def example_hunt(base: KnowledgeBase, like: Any, chosen: ExampleOptions) -> ExampleHunt:
    """The model of the examples, and what is to be said of them; fitted once for all batches of spectra."""
    read = given_examples(base, like, chosen.unlike)
    views = _views(base, chosen)
    prints = [encoder.fingerprint for encoder in encoders_of(base, views, chosen.encoder).values()]
    asked = chosen.model_dump(exclude={"top", "allow_self", "where", "unlike"})
    key = ("hunt_like", read.identity, repr([prints, asked]))
    return base.remember(key, lambda: _example_hunt(base, read, chosen))


def _views(base: KnowledgeBase, chosen: ExampleOptions) -> tuple[str, ...]:
    """The views compared: those named, else all that are made of spectra."""
    return tuple(base.space(chosen.view).views) if chosen.view else spectral_views(base)


def _example_hunt(base: KnowledgeBase, read: GivenExamples, chosen: ExampleOptions) -> ExampleHunt:
    regions = parse_regions(base, chosen.region or ())
    views = _views(base, chosen)
    encoders = encoders_of(base, views, chosen.encoder)
    if regions:
        check_regions(regions, encoders[views[0]].preprocess)
    own = _own(base, chosen.witness)
    background = background_of(base, views, own)
    known = background.object_id, background.vectors
    yes, yes_vectors, yes_refused = vectors_of(read.yes, *known, encoders)
    no, no_vectors, no_refused = vectors_of(read.no, *known, encoders)
    read = replace(read, yes=yes, no=no, refused=(*read.refused, *yes_refused, *no_refused))
    if not len(yes):
        raise KnowledgeError(f"no positive example could be used: {read.reasons or 'none was given.'}")
    rows = background.rows(list(yes.object_id))
    compared = (_compared(yes_vectors, yes.spectra, own), _compared(no_vectors, no.spectra, own))
    model = fit_examples(background, *compared, rows, prevalence=chosen.prevalence)
    scales = {view: base.scale_of(view) for view in views}
    cautions = cautions_of(yes_vectors, yes.object_id, background, model, scales)
    given = Given(yes.object_id, no.object_id, scales, tuple(cautions))
    return ExampleHunt(base, encoders, model, given, yes, own, regions, read.refused)


def _own(base: KnowledgeBase, witness: str) -> Witness | None:
    """What is measured in spectra themselves to compare them: the witness named, or that of the kind of light."""
    domain = domain_of(base)
    name = {"auto": domain.likeness, "none": ""}.get(witness, witness)
    if name and name not in domain.witnesses:
        known = ", ".join(domain.witnesses) or "none"
        raise KnowledgeError(f"witness is {name!r}, expected one of those of {domain.name}: {known}.")
    return domain.witnesses.get(name)


def _compared(vectors: Vectors, spectra: SpectrumSet, own: Witness | None) -> Vectors:
    """What spectra are compared in: their vectors, and what is measured in them."""
    return vectors if own is None else {**vectors, own.title: own.measure(spectra)}


def _of_spectra(asked: ExampleHunt, spectra: SpectrumSet, chosen: ExampleOptions) -> Answers:
    """Answers to spectra, which are embedded; examples among them are left out unless asked for."""
    own = asked.is_example(spectra.object_id) & (not chosen.allow_self)
    kept, left = spectra.take(~own), spectra.object_id[own].tolist()
    if not len(kept):
        return _made(asked, kept, [], (), chosen, left=left)
    embedded = embed_queries(kept, asked.encoders)
    vectors = {view: e.vectors for view, e in embedded.views.items()}
    compared = _compared(vectors, embedded.spectra, asked.own)
    answers = _answered(asked, embedded.spectra, compared, None)
    return _made(asked, embedded.spectra, answers, embedded.refusals, chosen, left=left)


def _of_base(asked: ExampleHunt, chosen: ExampleOptions) -> Answers:
    """Answers to the base's own objects, the best alone, with the vectors that they have."""
    background, score = asked.model.background, asked.model.background_score
    may = np.ones(len(background), bool)
    if not chosen.allow_self:
        may &= ~asked.is_example(background.object_id)
    if chosen.where:
        names = asked.base.rows(chosen.where, []).column("object_id").to_pylist()
        may &= np.isin(background.object_id, names)
    top = chosen.top or OF_THE_BASE
    rows = np.flatnonzero(may)
    order = np.argsort(-score[rows], kind="stable")
    rows = rows[order[: max(top, SHORTLIST) if asked.regions else top]]
    spectra = asked.base.spectra(background.object_id[rows])
    return _made(asked, spectra, _answered(asked, spectra, background.of(rows), score[rows]), (), chosen, top)


def _answered(
    asked: ExampleHunt, spectra: SpectrumSet, vectors: Vectors, score: NDArray[np.float64] | None
) -> list[ExampleAnswer]:
    terms = distance = None
    if asked.regions and len(spectra):
        background = asked.model.background
        terms, distance = region_terms(asked.base, background, asked.yes.spectra, spectra, asked.regions)
    answers = answers_of(spectra.object_id.tolist(), vectors, asked.model, asked.given, terms, score)
    flags, z = own_flags(spectra), spectra.z
    return [
        replace(
            answer,
            flags=tuple(dict.fromkeys(flags[i])),
            z=float(z[i]) if np.isfinite(z[i]) else None,
            region_distance=None if distance is None else float(distance[i]),
        )
        for i, answer in enumerate(answers)
    ]


def _made(
    asked: ExampleHunt,
    spectra: SpectrumSet,
    answers: Sequence[ExampleAnswer],
    refusals: Sequence[Refusal],
    chosen: ExampleOptions,
    top: int | None = None,
    left: Sequence[str] = (),
) -> Answers:
    """The answers, the most alike first; `left` are examples among the spectra, which have none."""
    order = sorted(range(len(answers)), key=lambda i: answers[i].rank, reverse=True)[: top or chosen.top]
    answers, spectra = [answers[i] for i in order], spectra.take(np.array(order, dtype=int))
    share = asked.model.share
    first = asked.model.purity_at(np.array([answer.score for answer in answers[:FIRST]]))
    about = {
        "like": ",".join(asked.given.yes_id), "unlike": ",".join(asked.given.no_id), "share": share.value,
        "share_low": share.low, "share_high": share.high, "purity_of": first.count,
        "purity_low": first.low, "purity_high": first.high, "cautions": " ".join(asked.cautions),
    }  # fmt: skip
    if left:
        about["not_ranked"] = ",".join(left)
    options = chosen.model_dump(exclude={"unlike", "region"})
    if asked.regions:
        options["region"] = ", ".join(map(str, asked.regions))
    return Answers(
        "hunt_like", asked.base, spectra, tuple(answers), tuple(refusals), _neighbors(asked, answers),
        provenance=provenance_of(asked.base, asked.encoders, **options, **about), examples=asked,
    )  # fmt: skip


def _neighbors(asked: ExampleHunt, answers: Sequence[ExampleAnswer]) -> Neighbors:
    """The nearest examples of each answer, as other verbs give nearest objects."""
    votes = [answer.neighbors for answer in answers]
    k = max(map(len, votes), default=0)
    ids = np.array([[v.object_id for v in row] + [""] * (k - len(row)) for row in votes], dtype=str)
    distance = np.array([[v.distance for v in row] + [np.inf] * (k - len(row)) for row in votes], dtype=float)
    base = asked.base
    prints = ",".join(base.fingerprints[view] for view in asked.encoders)
    return Neighbors(
        np.array([a.object_id for a in answers], dtype=str), np.zeros((len(answers), 0), np.float32),
        ids.reshape(len(answers), k), distance.reshape(len(answers), k),
        [[{"object_id": v.object_id, "label": v.label} for v in row] for row in votes], 1.0,
        tuple(a.flags for a in answers), " + ".join(asked.encoders), prints, base.version,
        weights=dict.fromkeys(asked.encoders, 1.0),
    )  # fmt: skip
