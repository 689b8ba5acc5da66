"""Hunts by example: a ranked list from a few spectra that are like what is wanted, and a few that are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal, SpectroveError
from spectrove.inference.embed import embed_queries
from spectrove.inference.examples.answer import ExampleAnswer, Given, answers_of, cautions_of
from spectrove.inference.examples.background import Background, Vectors, background_of
from spectrove.inference.examples.model import ExampleModel, fit_examples
from spectrove.inference.examples.regions import region_terms
from spectrove.inference.regions import Region, check_regions
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.pipeline.answers import Answers, own_flags, provenance_of
from spectrove.pipeline.encoders import encoders_of
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
class Examples:
    """Examples of one kind, as far as they could be used.

    Attributes:
        spectra: With their pixels.
        vectors: By view, in the same order.
        refused: Why others could not be used.
    """

    spectra: SpectrumSet
    vectors: Vectors
    refused: tuple[Refusal, ...] = ()

    @property
    def object_id(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(self.spectra.object_id.tolist())


@dataclass(frozen=True)
class ExampleHunt:
    """A hunt by example, ready for spectra.

    Attributes:
        model: Fitted on the examples.
        given: Their ids, and what is to be said of them.
        yes: The positives.
        regions: Regions that count.
        refused: Examples that could not be used.
    """

    base: KnowledgeBase
    encoders: Mapping[str, Encoder]
    model: ExampleModel
    given: Given
    yes: Examples
    regions: tuple[Region, ...] = ()
    refused: tuple[Refusal, ...] = field(default_factory=tuple)

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences on the examples, those left out first."""
        return (*(refusal.error for refusal in self.refused), *self.given.cautions)

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
    key = _key(like, chosen)
    made = lambda: _example_hunt(base, like, chosen)  # noqa: E731
    return made() if key is None else base.remember(("hunt_like", key), made)


def _key(like: Any, chosen: ExampleOptions) -> str | None:
    """What identifies examples that are named by text; None where one is an object in memory."""
    items = [*_listed(like), *_listed(chosen.unlike)]
    if chosen.encoder is not None and not isinstance(chosen.encoder, str):
        prints = [encoder.fingerprint for encoder in chosen.encoder.values()]
    else:
        prints = [chosen.encoder]
    plain = all(isinstance(item, str) for item in items)
    return (
        repr([_listed(like), prints, chosen.model_dump(exclude={"top", "allow_self", "where"})])
        if plain
        else None
    )


def _example_hunt(base: KnowledgeBase, like: Any, chosen: ExampleOptions) -> ExampleHunt:
    regions = parse_regions(base, chosen.region or ())
    views = tuple(base.space(chosen.view).views) if chosen.view else base.views
    encoders = encoders_of(base, views, chosen.encoder)
    if regions:
        check_regions(regions, encoders[views[0]].preprocess)
    background = background_of(base, views)
    yes, no = (_examples(base, items, encoders, background) for items in (like, chosen.unlike))
    yes, no, both = _apart(yes, no)
    refused = (*yes.refused, *no.refused, *both)
    if not len(yes.spectra):
        why = "; ".join(refusal.error for refusal in refused) or "none was given."
        raise KnowledgeError(f"no positive example could be used: {why}")
    own = background.rows(list(yes.object_id))
    model = fit_examples(background, yes.vectors, no.vectors, own, prevalence=chosen.prevalence)
    scales = {view: base.scale_of(view) for view in views}
    cautions = cautions_of(yes.vectors, yes.object_id, background, model, scales)
    given = Given(yes.object_id, no.object_id, scales, tuple(cautions))
    return ExampleHunt(base, encoders, model, given, yes, regions, refused)


def _listed(items: Any) -> list[Any]:
    if items is None:
        return []
    return list(items) if isinstance(items, list | tuple) else [items]


def _examples(
    base: KnowledgeBase, items: Any, encoders: Mapping[str, Encoder], background: Background
) -> Examples:
    """The examples that can be read and have vectors; objects of the base keep those they have."""
    parts, refused = [], []
    for item in (
        dict.fromkeys(_listed(items)) if all(isinstance(i, str) for i in _listed(items)) else _listed(items)
    ):
        try:
            read, unread = queries(base, item)
        except SpectroveError as error:
            refused.append(Refusal(str(item), f"example {error}"))
            continue
        refused += [replace(r, error=f"example {r.error}") for r in unread]
        parts.append((read, isinstance(item, str) and item in read.object_id.tolist()))
    found = [_with_vectors(read, known, encoders, background) for read, known in parts if len(read)]
    refused += [replace(r, error=f"example {r.error}") for part in found for r in part.refused]
    whole = [part for part in found if len(part.spectra)]
    if not whole:
        empty = base.spectra(background.object_id[:1]).take(np.zeros(0, int))
        return Examples(empty, {v: x[:0] for v, x in background.vectors.items()}, tuple(refused))
    vectors = {v: np.concatenate([part.vectors[v] for part in whole]) for v in background.views}
    return Examples(type(whole[0].spectra).concatenate([p.spectra for p in whole]), vectors, tuple(refused))


def _with_vectors(
    spectra: SpectrumSet, known: bool, encoders: Mapping[str, Encoder], background: Background
) -> Examples:
    """The spectra with their vectors: those of the base where they are its objects."""
    rows = background.rows(spectra.object_id.tolist())
    if known and (rows >= 0).all():
        return Examples(spectra, {view: x[rows] for view, x in background.vectors.items()})
    embedded = embed_queries(spectra, encoders)
    return Examples(
        embedded.spectra, {view: e.vectors for view, e in embedded.views.items()}, embedded.refusals
    )


def _apart(yes: Examples, no: Examples) -> tuple[Examples, Examples, list[Refusal]]:
    """Both kinds without what was given as both, and a refusal of each of these."""
    both = sorted(set(yes.object_id) & set(no.object_id))
    said = [
        Refusal(name, f"example {name}: given as like and as unlike, so it is used as neither. Choose one.")
        for name in both
    ]
    return _without(yes, both), _without(no, both), said


def _without(examples: Examples, names: Sequence[str]) -> Examples:
    keep = ~np.isin(examples.spectra.object_id, list(names))
    vectors = {view: x[keep] for view, x in examples.vectors.items()}
    return replace(examples, spectra=examples.spectra.take(keep), vectors=vectors)


def _of_spectra(asked: ExampleHunt, spectra: SpectrumSet, chosen: ExampleOptions) -> Answers:
    """Answers to spectra, which are embedded; examples among them are left out unless asked for."""
    kept = spectra if chosen.allow_self else spectra.take(~asked.is_example(spectra.object_id))
    if not len(kept):
        return _made(asked, kept, [], (), chosen)
    embedded = embed_queries(kept, asked.encoders)
    vectors = {view: e.vectors for view, e in embedded.views.items()}
    answers = _answered(asked, embedded.spectra, vectors, None)
    return _made(asked, embedded.spectra, answers, embedded.refusals, chosen)


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
    vectors = {view: x[rows] for view, x in background.vectors.items()}
    return _made(asked, spectra, _answered(asked, spectra, vectors, score[rows]), (), chosen, top)


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
) -> Answers:
    """The answers, the most alike first."""
    order = sorted(range(len(answers)), key=lambda i: answers[i].rank, reverse=True)[: top or chosen.top]
    answers, spectra = [answers[i] for i in order], spectra.take(np.array(order, dtype=int))
    share = asked.model.share
    first = asked.model.purity_at(np.array([answer.score for answer in answers[:FIRST]]))
    about = {
        "like": ",".join(asked.given.yes_id), "unlike": ",".join(asked.given.no_id), "share": share.value,
        "share_low": share.low, "share_high": share.high, "purity_of": first.count,
        "purity_low": first.low, "purity_high": first.high, "cautions": " ".join(asked.cautions),
    }  # fmt: skip
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
