"""Objects linked to the abstracts that speak of them, by name and by the positions that names hold.

A link is weak evidence: a text may name an object only to compare another with it, one name may be that of a galaxy and
of a source in it, and digits of a position are cut off. `confidence` orders links; it is no probability.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spectrove.literature.abstracts import Abstracts
from spectrove.literature.names import Beginnings, Place, candidates, canonical, place_in, spellings, words_of
from spectrove.literature.sentences import sentences_of, shortened
from spectrove.work import counted

Floats = NDArray[np.float64]

#: Objects nearer than this are one, arcsec, and so far may a named position lie off beyond its own digits.
SAME, RADIUS = 5.0, 2.0

#: Confidence of a name in the title and in the abstract, and of a position by the size of its last digit, arcsec.
IN_TITLE, IN_TEXT = 0.95, 0.85
BY_POSITION = ((3.0, 0.8), (20.0, 0.6), (math.inf, 0.4))


@dataclass(frozen=True)
class Objects:
    """The objects of a base, as links are made to them.

    Attributes:
        object_id: Ids, (n_objects,).
        names: Every name of each object, its id among them.
        ra, dec: Positions, degrees, J2000, (n_objects,); NaN if unknown.
    """

    object_id: Sequence[str]
    names: Sequence[Sequence[str]]
    ra: Floats
    dec: Floats


@dataclass(frozen=True)
class Link:
    """An abstract that speaks of an object.

    Attributes:
        object_id, paper_id: What is linked.
        name: The name as the text has it.
        sentence: The sentence that has it.
        how: "name", "position" or "list" (a table of links that came with the abstracts).
        confidence: 0 to 1, a rule of thumb that orders links: it is no probability.
    """

    object_id: str
    paper_id: str
    name: str
    sentence: str
    how: str
    confidence: float


@dataclass
class Linked:
    """All links, and what could not be linked.

    Attributes:
        links: Sorted by paper and object.
        ambiguous: A name of several objects that are not at one place, to the ids of these; each is linked, with the
            confidence divided by their number.
        crowded: A position with digits cut off, to the number of objects that it fits; none of them is linked.
        unnamed: Objects none of whose names says enough to be looked for.
        strangers: Rows of a table of links whose object or paper is not there.
    """

    links: list[Link] = field(default_factory=list)
    ambiguous: dict[str, tuple[str, ...]] = field(default_factory=dict)
    crowded: dict[str, int] = field(default_factory=dict)
    unnamed: int = 0
    strangers: int = 0


def link(abstracts: Abstracts, objects: Objects, listed: Sequence[tuple[str, str, str]] = ()) -> Linked:
    """Every link between the abstracts and the objects.

    Args:
        abstracts: The papers.
        objects: Of a base.
        listed: Further links, as `abstracts.read_links` gives them.
    """
    finder = _Finder(objects)
    found = Linked(unnamed=finder.unnamed)
    best: dict[tuple[str, str], Link] = {}
    columns = [abstracts.table.column(name).to_pylist() for name in ("paper_id", "title", "abstract")]
    step = 256
    for start in counted("looking for names in abstracts", len(abstracts), step):
        for paper, title, text in zip(*(c[start : start + step] for c in columns), strict=True):
            if not finder.may_speak(title) and not finder.may_speak(text):
                continue
            parts = [(title, True), *((sentence, False) for sentence in sentences_of(text))]
            for sentence, in_title in parts:
                for one in finder.links(paper, sentence, in_title, found):
                    key = one.object_id, one.paper_id
                    if key not in best or _better(one, best[key]):
                        best[key] = one
    _add_listed(best, listed, abstracts, finder, found)
    found.links = [best[key] for key in sorted(best, key=lambda k: (k[1], k[0]))]
    return found


def _better(one: Link, other: Link) -> bool:
    """Whether a link says more of the same object and paper; a sentence says more than a title as good."""
    return one.confidence > other.confidence


class _Finder:
    """Names and positions of objects, as they are looked up."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.by_name: dict[str, list[int]] = defaultdict(list)
        self.unnamed = 0
        for i, names in enumerate(objects.names):
            forms = {form for name in names if name for form in spellings(name)}
            self.unnamed += not forms and not math.isfinite(objects.ra[i])
            for form in forms:
                self.by_name[form].append(i)
        self.begins = Beginnings(self.by_name)
        self.order = np.argsort(np.where(np.isfinite(objects.dec), objects.dec, np.inf), kind="stable")
        self.sorted = objects.dec[self.order]

    def may_speak(self, text: str) -> bool:
        """Whether a text has a word that may begin a name or a position; most have none."""
        return any(self.begins[word] for word in words_of(text))

    def links(self, paper: str, sentence: str, in_title: bool, told: Linked) -> list[Link]:
        """The links of one sentence."""
        words = words_of(sentence)
        taken = np.zeros(len(words), bool)
        found: list[Link] = []
        for i, end, form in candidates(words, self.begins):
            if taken[i:end].any() or form not in self.by_name:
                continue
            taken[i:end] = True
            name = _trimmed(words[i:end])
            places = self.by_name[form]
            share = 1.0
            if len(places) > 1 and not self._one_place(places):
                told.ambiguous[name] = tuple(self.objects.object_id[p] for p in places)
                share = 1 / len(places)
            confidence = (IN_TITLE if in_title else IN_TEXT) * share
            found += [self._link(p, paper, name, sentence, "name", confidence) for p in places]
        for i in range(len(words)):
            if not taken[i] and "J" in words[i] and (place := place_in(words[i])) is not None:
                found += self._at(place, _trimmed(words[i : i + 1]), paper, sentence, told)
        return found

    def named(self, name: str) -> list[int]:
        """Objects of this id or name."""
        same = [i for i, one in enumerate(self.objects.object_id) if one == name]
        return same or self.by_name.get(canonical(name), [])

    def _at(self, place: Place, name: str, paper: str, sentence: str, told: Linked) -> list[Link]:
        near = self._near(place)
        if not len(near):
            return []
        confidence = next(value for size, value in BY_POSITION if place.size <= size)
        if len(near) > 1 and not self._one_place(near):
            told.crowded[name] = len(near)
            return []
        return [self._link(int(i), paper, name, sentence, "position", confidence) for i in near]

    def _near(self, place: Place) -> NDArray[np.int64]:
        """Objects that a named position may mean."""
        margin = RADIUS / 3600
        low, high = np.searchsorted(
            self.sorted, [place.dec - place.dec_error - margin, place.dec + place.dec_error + margin]
        )
        rows = self.order[low:high]
        apart = (self.objects.ra[rows] - place.ra + 180) % 360 - 180
        apart = np.abs(apart) * math.cos(math.radians(place.dec))
        return np.sort(rows[apart <= place.ra_error + margin])

    def _one_place(self, places: Sequence[int] | NDArray[np.int64]) -> bool:
        """Whether objects are the same source several times over."""
        ra, dec = self.objects.ra[np.asarray(places)], self.objects.dec[np.asarray(places)]
        if not np.isfinite(ra).all():
            return False
        apart = np.hypot(((ra - ra[0] + 180) % 360 - 180) * np.cos(np.radians(dec[0])), dec - dec[0])
        return bool((3600 * apart <= SAME).all())

    def _link(self, i: int, paper: str, name: str, sentence: str, how: str, confidence: float) -> Link:
        cut = shortened(sentence, name.split()[0])
        return Link(self.objects.object_id[i], paper, name, cut, how, round(confidence, 3))


def _trimmed(words: Sequence[str]) -> str:
    return " ".join(words).strip("()[]{},;:.!?'\"").removesuffix("'s")


def _add_listed(
    best: dict[tuple[str, str], Link],
    listed: Sequence[tuple[str, str, str]],
    abstracts: Abstracts,
    finder: _Finder,
    found: Linked,
) -> None:
    """Add the links of a table where reading the text did not find them; their sentence is that of the name."""
    if not listed:
        return
    columns = (abstracts.table.column(name).to_pylist() for name in ("paper_id", "title", "abstract"))
    texts: Mapping[str, tuple[str, str]] = {
        paper: (title, text) for paper, title, text in zip(*columns, strict=True)
    }
    ids = {name: i for i, name in enumerate(finder.objects.object_id)}
    for paper, name, in_text in listed:
        places = [ids[name]] if name in ids else finder.by_name.get(canonical(name), [])
        if paper not in texts or not places:
            found.strangers += 1
            continue
        sentence = _sentence_with(in_text or name, *texts[paper])
        for p in places:
            key = finder.objects.object_id[p], paper
            if key not in best:
                best[key] = finder._link(p, paper, in_text or name, sentence, "list", IN_TEXT / len(places))


def _sentence_with(name: str, title: str, text: str) -> str:
    """The first sentence that has the name in some spelling; "" if none has."""
    wanted = canonical(name)
    for sentence in (*sentences_of(text), title):
        if wanted in canonical(sentence):
            return sentence
    return ""
