"""Like these but not like those: spectra along the direction from one set to another, and where the sets differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrove.embeddings import Embeddings
from spectrove.encoders import Encoder
from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.inference.differences.contrast import Contrast
from spectrove.inference.differences.direction import find_direction
from spectrove.inference.differences.sets import SetDifference, own_differences, set_difference
from spectrove.inference.embed import embed_queries
from spectrove.knowledge import KnowledgeBase
from spectrove.pipeline.answers import Answers, own_flags, provenance_of
from spectrove.pipeline.domains import domain_of
from spectrove.pipeline.encoders import Encoders, encoders_of
from spectrove.pipeline.given import GivenExamples, given_examples, listed, vectors_of
from spectrove.pipeline.options import ContrastOptions, options_of
from spectrove.pipeline.queries import READING, Spectra, check_where, one_version, queries
from spectrove.spectra import SpectrumSet

#: Known spectra near each example, whose scatter stands for that of small sets.
NEAR_EACH = 8

#: Objects of the base that are given if no spectra are and nothing else is said.
OF_THE_BASE = 50

#: Why the answers have no probability.
NO_PROBABILITY = (
    "A place along a direction is no probability: the examples do not say how common their kind is. "
    "hunt --like --unlike gives one."
)


@dataclass(frozen=True)
class ContrastAnswer:
    """One spectrum on the way from the unlike to the like.

    Attributes:
        object_id: The spectrum.
        score: The higher, the nearer to the like and the farther from the unlike.
        along: 0 at the mean of the unlike, 1 at that of the like, and `along_error` its error from the choice of
            examples; None with one example in each set.
        off_line: Distance from the line between both means, 1 for a typical object of the base.
        regions: Where the sets differ: ends in rest angstrom, lines, `sets` the difference of the sets in percent of
            the continuum, `own` what this spectrum has more than the unlike, and `own_error` its photon noise.
        agrees: In how many of the regions the spectrum is on the side of the like.
        flags: Names of flags, see `spectra.FLAGS`.
    """

    object_id: str
    score: float
    along: float
    along_error: float | None
    off_line: float
    regions: tuple[dict[str, Any], ...] = ()
    agrees: int = 0
    flags: tuple[str, ...] = ()

    @property
    def rank(self) -> float:
        """The best has the highest."""
        return self.score

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `contrast --json` prints them."""
        return {
            "object_id": self.object_id, "score": self.score, "along": self.along, "along_error": self.along_error,
            "off_line": self.off_line, "agrees": self.agrees, "regions": [dict(region) for region in self.regions],
            "flags": list(self.flags), "reason_no_probability": NO_PROBABILITY,
        }  # fmt: skip


@one_version
def contrast(
    base: KnowledgeBase, spectra: Spectra = None, like: Any = (), unlike: Any = (), **options: Any
) -> Answers:
    """Spectra ranked from the unlike to the like; `answers.contrast` says at which wavelengths the sets differ.

    Args:
        base: The base.
        spectra: What is ranked, without the examples (those among the spectra are named in the provenance, as
            `not_ranked`); None for the objects of the base.
        like, unlike: Examples: ids of objects of the base, files, or spectra in any form.
        options: See `options.ContrastOptions`, and `pipeline.queries.READING` for files.

    Raises:
        SpectroveError: No example of a set can be used, or the sets cannot be compared.
    """
    reading = {name: options.pop(name) for name in READING if name in options}
    chosen = options_of(ContrastOptions, "contrast", {"like": like, "unlike": unlike, **options})
    check_where("contrast", spectra, chosen.where)
    encoders = encoders_of(base, base.space().views, chosen.encoder)
    made = contrast_of(base, chosen.like, chosen.unlike, encoders=encoders, chance=chosen.chance)
    left: list[str] = []
    if spectra is None:
        ranked, vectors, refusals = _of_base(base, made, chosen.top, chosen.where)
    else:
        read, unread = (
            queries(base, spectra, **reading) if not isinstance(spectra, SpectrumSet) else (spectra, ())
        )
        left = read.object_id[np.isin(read.object_id, made.object_id)].tolist()
        ranked, vectors, refused = _of_spectra(_only_fluxes(base, read), made, encoders)
        if chosen.top is not None:
            best = np.argsort(-made.direction.score(vectors), kind="stable")[: chosen.top]
            ranked, vectors = ranked.take(best), vectors[best]
        refusals = (*unread, *refused)
    about = {name: listed(part) for name, part in (("like", chosen.like), ("unlike", chosen.unlike))}
    said = {n: ",".join(map(_name, part)) for n, part in about.items()}
    said |= {"not_ranked": ",".join(left)} if left else {}
    provenance = provenance_of(base, encoders, **said)
    predictions = _answers(made, ranked, vectors)
    return Answers(
        "contrast", base, ranked, predictions, tuple(refusals), provenance=provenance, contrast=made
    )


def _name(example: Any) -> str:
    """How an example is called in a provenance."""
    return str(getattr(example, "object_id", example))


def contrast_of(
    base: KnowledgeBase, like: Any, unlike: Any, *, encoders: Encoders = None, chance: float
) -> Contrast:
    """The direction between two sets of examples, and where they differ; kept in memory for the next batch.

    Raises:
        SpectroveError: No example of a set can be used, or the sets cannot be compared.
    """
    for name, some in (("like", like), ("unlike", unlike)):
        if not listed(some):
            raise SpectrumError(f"contrast: no --{name}, expected one example at least. Name ids or files.")
    given = given_examples(base, like, unlike)
    _check(given)
    encoders = encoders_of(base, base.space().views, encoders)
    key = ("contrast", given.identity, *(e.fingerprint for e in encoders.values()), chance)
    return base.remember(key, lambda: _contrast(base, given, encoders, chance))


def _check(given: GivenExamples) -> None:
    """Refuse sets unless one example of each can be used."""
    for name, part in (("like", given.yes), ("unlike", given.no)):
        if not len(part):
            raise SpectrumError(f"contrast: no example of --{name} can be used: {given.reasons}")


def _only_fluxes(base: KnowledgeBase, spectra: Any) -> SpectrumSet:
    """Refuse spectra without wavelengths to compare."""
    if not isinstance(spectra, SpectrumSet):
        raise KnowledgeError(
            f"contrast: {base.path.name} holds spectra of {base.domain} as {type(spectra).__name__}, expected "
            "fluxes over wavelengths. Hunt with examples instead."
        )
    return spectra


def _contrast(
    base: KnowledgeBase, given: GivenExamples, encoders: Mapping[str, Encoder], chance: float
) -> Contrast:
    view = base.space().views[0]
    known = base.embeddings(view)
    first = {view: encoders[view]}
    yes, like_vectors, refused = vectors_of(given.yes, known.object_id, {view: known.vectors}, first)
    no, unlike_vectors, more = vectors_of(given.no, known.object_id, {view: known.vectors}, first)
    given = replace(given, yes=yes, no=no, refused=(*given.refused, *refused, *more))
    _check(given)
    like, unlike = (_only_fluxes(base, part.spectra) for part in (yes, no))
    vectors = like_vectors[view], unlike_vectors[view]
    taken = {*yes.object_id, *no.object_id}
    near = tuple(base.spectra(nearest_known(part, known, taken)) for part in vectors)
    sets = set_difference(like, unlike, domain_of(base).lines, chance, near)  # type: ignore[arg-type]
    others = ~np.isin(known.object_id, list(taken))
    direction = find_direction(vectors[0], vectors[1], known.vectors[others])
    return Contrast(direction, sets, tuple(sorted(taken)), given.refused)


def nearest_known(vectors: NDArray, known: Embeddings, taken: set[str]) -> list[str]:
    """Ids of the known objects nearest to each example, the examples themselves left out."""
    free = np.flatnonzero(~np.isin(known.object_id, list(taken)))
    found: dict[str, None] = {}
    for vector in vectors:
        apart = ((known.vectors[free].astype(float) - vector) ** 2).sum(axis=1)
        found |= dict.fromkeys(known.object_id[free[np.argsort(apart, kind="stable")[:NEAR_EACH]]].tolist())
    return list(found)


def _of_spectra(
    spectra: SpectrumSet, made: Contrast, encoders: Any
) -> tuple[SpectrumSet, NDArray, tuple[Refusal, ...]]:
    """The spectra that are no examples, with their vectors, and those that have none."""
    kept = spectra.take(~np.isin(spectra.object_id, made.object_id))
    if not len(kept):
        return kept, np.zeros((0, len(made.direction.whiten))), ()
    embedded = embed_queries(kept, encoders)
    return embedded.spectra, embedded.embeddings.vectors, embedded.refusals


def _of_base(
    base: KnowledgeBase, made: Contrast, top: int | None, where: str | None
) -> tuple[SpectrumSet, NDArray, tuple[Refusal, ...]]:
    """The best objects of the base that are no examples, best first, with their vectors."""
    known = base.embeddings(base.space().views[0], where)
    free = ~np.isin(known.object_id, made.object_id)
    names, vectors = known.object_id[free], known.vectors[free]
    best = np.argsort(-made.direction.score(vectors), kind="stable")[: top or OF_THE_BASE]
    return base.spectra(names[best]), vectors[best], ()


def _answers(made: Contrast, spectra: SpectrumSet, vectors: NDArray) -> tuple[ContrastAnswer, ...]:
    along, off = made.direction.along(vectors), made.direction.off_line(vectors)
    score, error = made.direction.score(vectors), made.direction.error
    own, flags = own_differences(made.sets, spectra), own_flags(spectra)
    answers = []
    for i, name in enumerate(spectra.object_id.tolist()):
        regions = _regions(made.sets, own.get(name, ()))
        agrees = sum(
            r["own"] is not None and r["own"] * r["sets"] > 0 and abs(r["own"]) > abs(r["sets"]) / 2
            for r in regions
        )
        answers.append(
            ContrastAnswer(
                name, float(score[i]), float(along[i]), error if np.isfinite(error) else None, float(off[i]),
                regions, agrees, tuple(flags[i]),
            )
        )  # fmt: skip
    return tuple(answers)


def _regions(sets: SetDifference, own: Sequence[tuple[float, float]]) -> tuple[dict[str, Any], ...]:
    """Where the sets differ, with what one spectrum has there."""
    values = own or ((np.nan, np.nan),) * len(sets.regions)
    return tuple(
        {
            "low": region.low, "high": region.high, "lines": list(region.lines), "more": region.more,
            "sets": region.percent, "sets_error": region.percent_error, "sigma": region.sigma,
            "p_value": region.p_value, "own": value if np.isfinite(value) else None,
            "own_error": error if np.isfinite(error) else None,
        }
        for region, (value, error) in zip(sets.regions, values, strict=True)
    )  # fmt: skip
