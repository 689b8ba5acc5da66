"""Search by words: a sentence read by a grammar, and the objects of a base that it describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.errors import KnowledgeError, WordsError
from spectrove.inference.numbers.words import Asked, ask
from spectrove.knowledge import KnowledgeBase
from spectrove.literature.library import has_papers
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.domains import domain_of, needed
from spectrove.pipeline.given import given_examples
from spectrove.pipeline.options import TextOptions, options_of
from spectrove.pipeline.paper_search import search_papers
from spectrove.pipeline.queries import one_version
from spectrove.pipeline.regions import search_region
from spectrove.words.read import read
from spectrove.words.reading import Reading

#: Objects given where neither the sentence nor an option says how many.
SHOWN = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TextMatch:
    """An object of the base that a sentence describes.

    Attributes:
        object_id: The object.
        probability: That the conditions hold, given the errors of its numbers; None where there are none, with
            `reason_no_probability`.
        distance: To the examples, in median nearest-neighbour distances of the base (in regions: as a fraction of the
            continuum); None without examples.
        values: The numbers and labels that the sentence turns on: `value`, `error` and the column it came from.
        rank: The place, from 1.
    """

    object_id: str
    probability: float | None
    distance: float | None
    values: Mapping[str, Mapping[str, Any]]
    rank: int
    reason_no_probability: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `search --text --json` prints them."""
        return {
            "object_id": self.object_id,
            "rank": self.rank,
            "probability": self.probability,
            "reason_no_probability": self.reason_no_probability,
            "distance": self.distance,
            "values": {name: dict(value) for name, value in self.values.items()},
        }


def read_text(base: KnowledgeBase, text: str) -> Reading:
    """A sentence as the vocabulary of the base's kind of light reads it.

    Raises:
        WordsError: It cannot be read, or names an example that the base does not have.
    """
    reading = _as_read(base, text)
    _check_examples(base, reading)
    return reading


def _as_read(base: KnowledgeBase, text: str) -> Reading:
    domain = domain_of(base)
    return read(text, needed(domain.words, domain, "search --text", "vocabulary"))


@one_version
def search_text(base: KnowledgeBase, text: str, **options: Any) -> Answers:
    """The objects of the base that a sentence describes, the best first, each with the probability that it does.

    Ranked by the order that the sentence asks for, else by the distance to its examples, else by probability. How the
    sentence was read, how many match and how many cannot be judged is in `provenance`.

    Args:
        base: The base.
        text: The sentence: "classes, adjectives, lines and numbers, like ID", see docs/words.md.
        options: See `TextOptions`.

    Raises:
        WordsError: The sentence cannot be read, or asks what the base does not hold.
    """
    chosen = options_of(TextOptions, "search_text", options)
    if chosen.papers:
        return search_papers(base, text, chosen.top, chosen.where)
    try:
        reading = _as_read(base, text)
    except (WordsError, KnowledgeError) as error:
        if not has_papers(base):
            raise
        return search_papers(base, text, chosen.top, chosen.where, because=str(error))
    _check_examples(base, reading)
    try:
        asked = ask(base, domain_of(base), reading, chosen.where, chosen.progress)
    except WordsError as error:
        if not has_papers(base):
            raise
        return search_papers(base, text, chosen.top, chosen.where, because=str(error))
    distance = _distances(base, reading, asked, chosen.where)
    order = _ranked(reading, asked, distance, chosen.threshold)
    top = chosen.top or reading.limit or SHOWN
    names = asked.object_id[order[:top]]
    matches = tuple(_match(asked, reading, distance, i, rank) for rank, i in enumerate(order[:top], 1))
    return Answers(
        "search_text", base, base.spectra(names), matches,
        provenance=_provenance(base, reading, asked, len(order), chosen),
    )  # fmt: skip


def _check_examples(base: KnowledgeBase, reading: Reading) -> None:
    """Refuse examples unless all can be used, and are objects of the base."""
    for given in (
        given_examples(base, list(reading.like), list(reading.unlike)),
        given_examples(base, list(dict.fromkeys(reading.compared))),
    ):
        unused = [one.error for one in given.refused if not one.partial]
        files = [
            f"{name}: no object of {base.path.name}, which a sentence asks about. Hunt with --like."
            for part in (given.yes, given.no)
            for name, known in zip(part.object_id, part.of_base.tolist(), strict=True)
            if not known
        ]
        if wrong := [*unused, *files]:
            raise WordsError(f"{reading.text!r}: {wrong[0]}")


def _match(asked: Asked, reading: Reading, distance: Floats, i: int, rank: int) -> TextMatch:
    known = np.isfinite(asked.probability[i])
    reason = (
        None
        if reading.demands is not None
        else "the sentence sets no condition, a distance is no probability"
    )
    return TextMatch(
        str(asked.object_id[i]), float(asked.probability[i]) if known else None,
        float(distance[i]) if np.isfinite(distance[i]) else None, asked.values_of(i), rank, reason,
    )  # fmt: skip


def _ranked(reading: Reading, asked: Asked, distance: Floats, threshold: float) -> NDArray[np.int64]:
    """Places of the objects that match, the best first; objects at equal places are ordered by id."""
    match = np.ones(len(asked.object_id), bool)
    if reading.demands is not None:
        with np.errstate(invalid="ignore"):
            match &= asked.probability >= threshold
    match &= ~np.isin(asked.object_id, [*reading.like, *reading.unlike])
    keys: list[Floats] = [-np.nan_to_num(asked.probability, nan=0.0)]
    if reading.like or reading.unlike:
        keys.append(np.nan_to_num(distance, nan=np.inf))
        if not reading.order:
            match &= np.isfinite(distance)
    if reading.order:
        value = asked.column(reading.order.column)
        keys.append(np.nan_to_num(-value if reading.order.descending else value, nan=np.inf))
        match &= np.isfinite(value)
    found = np.lexsort((asked.object_id, *keys))
    return found[match[found]]


def _distances(base: KnowledgeBase, reading: Reading, asked: Asked, where: str | None) -> Floats:
    """The mean distance of each object to the examples, less that to the counterexamples; NaN without examples."""
    if not reading.like and not reading.unlike:
        return np.full(len(asked.object_id), np.nan)
    total = np.zeros(len(asked.object_id))
    for names, sign in ((reading.like, 1.0), (reading.unlike, -1.0)):
        if names:
            total = total + sign * _mean_distance(base, names, reading.regions, asked.object_id, where)
    return total


def _mean_distance(
    base: KnowledgeBase,
    names: Sequence[str],
    regions: Sequence[str],
    object_id: NDArray[np.str_],
    where: str | None,
) -> Floats:
    """The mean distance of each object to some objects of the base, (n_objects,); NaN where it has none."""
    if regions:
        ranges = [name.replace("-", ":") if name[0].isdigit() else name for name in regions]
        spectra = base.spectra(list(names))
        answers = search_region(base, spectra, ranges, k=len(base), shortlist=len(base), where=where)
        found = [{n["object_id"]: n["region_distance"] for n in match.neighbors} for match in answers]
    else:
        space = base.space()
        vectors = {view: base.embeddings(view) for view in space.views}
        queries = {view: v.take(_places(v.object_id, names)) for view, v in vectors.items()}
        near = base.search(queries, len(base), where=where, view=space.weights)
        found = [
            dict(zip(ids.tolist(), far.tolist(), strict=True))
            for ids, far in zip(near.object_id, near.distance / near.scale, strict=True)
        ]
    rows = np.array([[one.get(name, np.nan) for name in object_id.tolist()] for one in found], dtype=float)
    return rows.mean(axis=0)


def _places(object_id: NDArray[np.str_], names: Sequence[str]) -> NDArray[np.int64]:
    place = {name: i for i, name in enumerate(object_id.tolist())}
    if missing := [name for name in names if name not in place]:
        raise WordsError(f"{missing[0]}: this example has no vector in the base. Take another one.")
    return np.array([place[name] for name in names])


def _provenance(
    base: KnowledgeBase, reading: Reading, asked: Asked, matching: int, chosen: TextOptions
) -> dict[str, Any]:
    """What a reader of the answers has to know of the sentence and of the base."""
    grounded = asked.reading
    known = asked.probability[np.isfinite(asked.probability)]
    none = reading.demands is None
    return {
        "base": base.path.name,
        "version": base.version,
        "text": reading.text,
        "sentence": reading.sentence,
        "read": [list(pair) for pair in grounded.lines()],
        "notes": [*reading.notes, *asked.notes],
        "objects": len(asked.object_id),
        "matching": matching,
        "expected": None if none else float(known.sum()),
        "unknown": 0 if none else int((~np.isfinite(asked.probability)).sum()),
        "threshold": chosen.threshold,
        **({"where": chosen.where} if chosen.where else {}),
        **({"alone": alone} if not matching and (alone := _alone(asked, chosen.threshold)) else {}),
    }


def _alone(asked: Asked, threshold: float) -> list[dict[str, Any]]:
    """Of each condition of a sentence that nothing matches: how many objects meet it, and of how many it is unknown."""
    return [
        {
            "condition": words,
            "matching": int((np.nan_to_num(probability, nan=-1.0) >= threshold).sum()),
            "unknown": int(np.isnan(probability).sum()),
        }
        for words, probability in asked.alone()
    ]
