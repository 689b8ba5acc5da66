"""Looking through the candidates of a hunt: marks are read and learned from, the next spectra are proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from spectrove.encoders import Encoder
from spectrove.errors import CatalogError, KnowledgeError
from spectrove.inference.embed import embed_queries
from spectrove.inference.inspection.completeness import Completeness, Scored, estimate
from spectrove.inference.inspection.proposals import propose
from spectrove.inference.inspection.ranking import Candidates, Marks, Ranking
from spectrove.inference.inspection.sheet import Marked, Sheet, marked, read_sheet, write_sheet
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline import hunt, hunt_like
from spectrove.pipeline.answers import Answers
from spectrove.pipeline.column_views import spectral_views
from spectrove.pipeline.encoders import encoders_of
from spectrove.pipeline.options import NEXT, ReviewOptions, options_of
from spectrove.pipeline.queries import one_version
from spectrove.targets import Target

#: Objects named in a caution.
NAMED = 3


@dataclass(frozen=True)
class Proposed:
    """A spectrum to look at next.

    Attributes:
        object_id: The spectrum.
        because: "likely", "informative" (near the border between yes and no) or "random".
        probability: With which it was proposed; 1 unless by chance.
        score: Of the ranking at that time.
        round: Number of times that proposals had been made, with this one.
    """

    object_id: str
    because: str
    probability: float
    score: float
    round: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `hunt --review --json` prints them."""
        return {
            "object_id": self.object_id, "proposed_because": self.because,
            "proposal_probability": self.probability, "score": self.score, "round": self.round,
        }  # fmt: skip


@dataclass(frozen=True)
class Inspection:
    """How far the look through the candidates is.

    Attributes:
        marks: "yes", "no" or "unsure" by object id, as far as the object is among the candidates.
        open: Objects proposed earlier that have no mark yet.
        next: The spectra newly proposed; none if the list is complete, nothing is left or enough are open.
        completeness: Of the objects marked yes among all targets.
        ranking: Every candidate's id and score, the best first.
        cautions: Sentences about marks that could not be used.
        sheet: The table with the new proposals, see `write`.
    """

    marks: Mapping[str, str]
    open: tuple[str, ...]
    next: tuple[Proposed, ...]
    completeness: Completeness
    ranking: tuple[tuple[str, float], ...] = field(repr=False)
    cautions: tuple[str, ...] = ()
    sheet: Sheet = field(default_factory=Sheet, repr=False)

    def write(self, path: str | PathLike[str]) -> None:
        """Write the sheet: everything that was in it as it was, and the new proposals at its end.

        Raises:
            DatasetError: The file was changed since it was read, or cannot be written.
        """
        if self.next or self.sheet.content is None:
            write_sheet(Path(path), self.sheet)


@one_version
def review(
    base: KnowledgeBase,
    spectra: Any,
    target: Target | str | None = None,
    *,
    sheet: str | PathLike[str],
    **options: Any,
) -> Inspection:
    """The state of a look through the candidates of a hunt; the next proposals are added to its sheet.

    Args:
        base: The base.
        spectra: The candidates.
        target: What is hunted, as for `hunt`; or None if there are examples.
        sheet: The CSV table with the marks; it is made if it does not exist.
        options: See `options.ReviewOptions`; the others are as for `hunt` or `hunt_like`. Examples are no candidates.

    Raises:
        CatalogError: The sheet cannot be read, or belongs to another hunt or other spectra.
        DatasetError: It cannot be written.
        KnowledgeError: Neither a target nor examples are given, or both.
    """
    own = {name: options.pop(name) for name in ReviewOptions.model_fields if name in options}
    chosen = options_of(ReviewOptions, "review", own)
    if (target is None) == (chosen.like is None):
        raise KnowledgeError(
            "review: a target or examples (like=[...]) say what is hunted. Give one of them."
        )
    path = Path(sheet)
    before = read_sheet(path) if path.exists() else Sheet()
    answers = (
        hunt_like(base, spectra, chosen.like, **options)
        if target is None
        else hunt(base, spectra, target, **options)
    )
    views = answers.question.pool.space.views if answers.question else spectral_views(base)
    candidates = candidates_of(answers, encoders_of(base, views, options.get("encoder")))
    found = inspect(before, candidates, hunted(answers), chosen.n, known_of(answers))
    found.write(path)
    return found


def hunted(answers: Answers) -> str:
    """What is hunted, as the sheet says it: the name of a target, or the examples."""
    if answers.target:
        return answers.target.name
    given = answers.examples.given
    return examples_named(given.yes_id, given.no_id)


def examples_named(like: Sequence[str], unlike: Sequence[str] = ()) -> str:
    """Examples by their ids, as the sheet says what is hunted."""
    no = f" unlike {_some(unlike)}" if unlike else ""
    return f"like {_some(like)}{no}"


def known_of(answers: Answers) -> Marks:
    """The examples of a hunt by example as marks, with their vectors; none of a hunt for a target."""
    none = np.zeros(0, np.int64)
    if answers.examples is None:
        return Marks(none, none)
    model = answers.examples.model
    yes, no = ({view: given[view] for view in model.background.views} for given in (model.yes, model.no))
    return Marks(none, none, yes, no)


def candidates_of(answers: Answers, encoders: Mapping[str, Encoder]) -> Candidates:
    """The spectra of answers as candidates: their vectors, and the rank of their answers."""
    embedded = embed_queries(answers.spectra, encoders)
    place = {name: i for i, name in enumerate(answers.spectra.object_id.tolist())}
    ranks = [answers.predictions[place[name]].rank for name in embedded.spectra.object_id.tolist()]
    order = {rank: i for i, rank in enumerate(sorted(set(ranks)))}
    vectors = {view: found.vectors for view, found in embedded.views.items()}
    return Candidates(
        embedded.spectra.object_id, vectors, np.array([order[rank] for rank in ranks], dtype=float)
    )


def inspect(
    sheet: Sheet, candidates: Candidates, target: str, n: int = NEXT, examples: Marks | None = None
) -> Inspection:
    """The state of a look through candidates.

    Args:
        sheet: The table with the marks; an empty one to begin.
        candidates: All spectra that may be targets.
        target: What is looked for, in a word.
        n: Spectra that shall be open.
        examples: Known ones that nobody has to look at: places among the candidates, and vectors of others.

    Raises:
        CatalogError: The sheet belongs to another hunt or other spectra.
    """
    said = _of_this_hunt(sheet, candidates, target)
    given = examples or Marks(np.zeros(0, np.int64), np.zeros(0, np.int64))
    place = {name: i for i, name in enumerate(candidates.object_id.tolist())}
    marks, chance = _marks(said, place, given)
    ranking = Ranking(candidates)
    scores = ranking.scores(marks)
    completeness = _completeness(ranking, scores, marks, chance, said, place, given)
    looked = np.array([place[name] for name in (*said.marks, *said.open) if name in place], np.int64)
    unseen = np.setdiff1d(np.arange(len(candidates)), np.concatenate([looked, marks.places]))
    waiting = tuple(name for name in said.open if name in place)
    wanted = 0 if completeness.reached else max(n - len(waiting), 0)
    chosen = propose(scores, unseen, wanted, len(sheet.rows), border=bool(len(marks.no)))
    proposed = tuple(
        Proposed(str(candidates.object_id[p.place]), p.because, p.probability, p.score, said.rounds + 1)
        for p in chosen
    )
    order = np.argsort(-scores, kind="stable")
    return Inspection(
        {name: mark for name, mark in said.marks.items() if name in place}, waiting, proposed, completeness,
        tuple((str(candidates.object_id[i]), float(scores[i])) for i in order), said.cautions,
        sheet.with_rows([_row(one, target) for one in proposed]),
    )  # fmt: skip


def _of_this_hunt(sheet: Sheet, candidates: Candidates, target: str) -> Marked:
    """The marks of a sheet; refuse one of another hunt or of other spectra, and name its objects that are missing."""
    said = marked(sheet)
    others = sorted({word for word in sheet.column("target") if word} - {target})
    if others:
        raise CatalogError(
            f"the sheet holds marks of {others[0]}, this hunt is for {target}. Give another file, or hunt for "
            f"{others[0]}."
        )
    names = list(dict.fromkeys((*said.marks, *said.open)))
    there = set(candidates.object_id.tolist())
    missing = [name for name in names if name not in there]
    if not missing:
        return said
    if len(missing) == len(names):
        raise CatalogError(
            f"none of the {len(names)} objects of the sheet ({_some(names)}) is among the {len(candidates)} spectra. "
            "Give the spectra that it was made of, or another file."
        )
    caution = f"{len(missing)} objects of the sheet are not among the spectra, not used: {_some(missing)}"
    return replace(said, cautions=(*said.cautions, caution))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _marks(said: Marked, place: Mapping[str, int], given: Marks) -> tuple[Marks, np.ndarray]:
    """Places marked yes and no, given examples first, and whether each was proposed by chance."""
    known = set(given.places.tolist())

    def places(mark: str) -> list[int]:
        return [
            place[name]
            for name, m in said.marks.items()
            if m == mark and name in place and place[name] not in known
        ]

    names = {i: name for name, i in place.items()}
    yes, no = [*given.yes.tolist(), *places("yes")], [*given.no.tolist(), *places("no")]
    chance = np.array([said.because.get(names[i]) == "random" for i in (*yes, *no)], dtype=bool)
    return Marks(np.array(yes, np.int64), np.array(no, np.int64), given.known_yes, given.known_no), chance


def _completeness(
    ranking: Ranking,
    scores: np.ndarray,
    marks: Marks,
    chance: np.ndarray,
    said: Marked,
    place: Mapping[str, int],
    given: Marks,
) -> Completeness:
    """How complete the positives are; given examples count as found, and say nothing of how frequent targets are."""
    looked = np.array([place[name] for name in said.marks if name in place], np.int64)
    rest = np.setdiff1d(np.arange(len(place)), np.concatenate([looked, marks.places]))
    own = ~np.isin(marks.places, given.places)
    scored = Scored(ranking.left_out(marks)[own], marks.truth[own], chance[own], scores[rest])
    return estimate(scored, len(marks.yes))


def _row(one: Proposed, target: str) -> dict[str, str]:
    return {
        "object_id": one.object_id, "round": str(one.round), "proposed_because": one.because,
        "proposal_probability": f"{one.probability:.4g}", "score": f"{one.score:.4g}", "target": target,
    }  # fmt: skip
