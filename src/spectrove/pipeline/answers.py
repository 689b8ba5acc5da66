"""Answers: what every verb gives back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from spectrove.errors import KnowledgeError, Refusal, SpectrumError
from spectrove.explanation.answer_rows import answers_html
from spectrove.explanation.evidence import Evidence, build_evidence
from spectrove.explanation.mentions import FEW, Mention
from spectrove.explanation.question import with_against, with_influence, with_saliency
from spectrove.explanation.sketch import sketch
from spectrove.flat import flat_table
from spectrove.inference import FittedCalibration, FittedMetric
from spectrove.inference.differences.contrast import Contrast
from spectrove.inference.embed import Embedded
from spectrove.inference.numbers.several import AtLevels
from spectrove.inference.question import Question
from spectrove.knowledge import KnowledgeBase, Neighbors
from spectrove.literature.library import current
from spectrove.pipeline.domains import DOMAINS, domain_of
from spectrove.pipeline.kinds import kind_of_set
from spectrove.plain import plain
from spectrove.spectra import CATALOG_FLAGS, SpectrumSet
from spectrove.targets import Target

if TYPE_CHECKING:
    import pandas as pd
    from astropy.table import QTable
    from matplotlib.figure import Figure
#: Of verbs that search no neighbours.
NO_NEIGHBORS = Neighbors(
    np.zeros(0, dtype=str),
    np.zeros((0, 0), np.float32),
    np.zeros((0, 0), dtype=str),
    np.zeros((0, 0)),
    [],
    1.0,
    (),
)

#: Rows of a table that a notebook shows.
SHOWN = 20


class Answer(Protocol):
    """What is said of one spectrum: a `Match`, `Prediction`, `Estimate`, `RedshiftEstimate` or `OutlierAnswer`."""

    @property
    def object_id(self) -> str:
        """The spectrum."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as the command prints them with --json."""


@dataclass(frozen=True)
class Match:
    """The known spectra nearest to one query.

    Attributes:
        object_id: The query.
        neighbors: Nearest first: `object_id` and `distance` of each, and in a search by regions `region_distance`.
        flags: Names of flags, see `spectra.FLAGS`.
        regions: The regions compared, rest angstrom; empty in a search of whole spectra.
    """

    object_id: str
    neighbors: tuple[dict[str, Any], ...]
    flags: tuple[str, ...] = ()
    regions: tuple[tuple[float, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `search --json` prints them."""
        compared = {"regions": [list(ends) for ends in self.regions]} if self.regions else {}
        neighbors = [dict(neighbor) for neighbor in self.neighbors]
        return {"object_id": self.object_id, "neighbors": neighbors, "flags": list(self.flags), **compared}


@dataclass(frozen=True)
class Answers:
    """One batch of answers: spectra and what is said of each, in one order, and the spectra that were refused.

    Iterating gives the predictions: `for p in base.hunt(spectra, "liner")`.

    Attributes:
        verb: "search", "classify", "hunt", "estimate", "redshift", "outliers", "search_region".
        base: The base that was asked; None where a verb needs none.
        spectra: The spectra answered, with the redshifts that were used; after `redshift` with those of their rows.
        predictions: One for each spectrum: a `Match` after a search, else a `Prediction`, `Estimate`,
            `JointEstimate`, `RedshiftEstimate` or `OutlierAnswer`.
        refusals: Spectra without an answer, each with the reason.
        neighbors: The nearest known spectra; empty where the verb searches none.
        metric, calibration: Of distances and of probabilities.
        question: The question, which can be asked again; None unless probabilities were asked for.
        target: The target of a hunt, with a numerical threshold.
        provenance: Base, version, encoders and options, as plain values.
        regression: What estimates were made from, see `at`; else None.
        examples: The examples of a hunt by example with their model, a `pipeline.examples.ExampleHunt`; else None.
        contrast: The two sets of examples compared: `contrast.sets.regions`; else None.
    """

    verb: str
    base: KnowledgeBase | None
    spectra: SpectrumSet
    predictions: tuple[Any, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    neighbors: Neighbors = field(default_factory=lambda: NO_NEIGHBORS, repr=False)
    metric: FittedMetric = field(default_factory=FittedMetric)
    calibration: FittedCalibration = field(default_factory=FittedCalibration)
    question: Question | None = field(default=None, repr=False)
    target: Target | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    regression: AtLevels | None = field(default=None, repr=False)
    examples: Any = field(default=None, repr=False)
    contrast: Contrast | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.predictions)

    def __getitem__(self, i: int) -> Any:
        return self.predictions[i]

    def take(self, index: Sequence[int]) -> Answers:
        """The answers at these places, in the order of `index`; refusals are kept."""
        rows = np.asarray(index, dtype=np.int64)
        return replace(
            self,
            spectra=self.spectra.take(rows),
            predictions=tuple(self.predictions[i] for i in rows),
            neighbors=self.neighbors.take(rows) if len(self.neighbors) else self.neighbors,
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """One plain dictionary for each answer, as the command prints it with --json.

        Of a base with papers each has `papers`: those that speak of its neighbours, none where nothing does.
        """
        rows = [prediction.to_dict() for prediction in self.predictions]
        told = (self.papers(i) for i in range(len(rows)))
        return [
            row if p is None else row | {"papers": [one.to_dict() for one in p]}
            for row, p in zip(rows, told, strict=True)
        ]

    def papers(self, i: int = 0) -> tuple[Mention, ...] | None:
        """Papers that speak of the neighbours of the i-th answer, the nearest neighbour's first, a few.

        None where the base has no papers or the verb searches no neighbours. They are found by names in abstracts,
        which is weak evidence, and have no part in the answer.
        """
        if self.base is None or not len(self.neighbors) or (library := current(self.base)) is None:
            return None
        return library.mentions([str(name) for name in self.neighbors.object_id[i] if name], FEW)

    def to_json(self) -> str:
        """JSON Lines: the lines that the command prints with --json; NaN becomes null."""
        return "".join(f"{json.dumps(plain(row), ensure_ascii=False)}\n" for row in self.to_dicts())

    def to_table(self) -> QTable:
        """An astropy `QTable` with a row for each answer and one value in each column; meta holds the provenance.

        Measurements and estimated quantities have their units, and what is missing is masked. As ECSV it keeps
        everything: `answers.to_table().write("answers.ecsv")`.
        """
        from spectrove.pipeline.answer_table import answer_table, units_of

        rows = self.to_dicts()
        return answer_table(rows, units_of(rows, self.predictions), self.provenance)

    def to_pandas(self) -> pd.DataFrame:
        """The same as a pandas data frame."""
        return flat_table(self.to_dicts()).to_pandas()

    def explain(
        self, i: int = 0, *, saliency: bool = False, against: str | None = None, target: Target | None = None
    ) -> Evidence:
        """The reasons for the i-th answer: neighbours, weights, measurements, provenance.

        Args:
            i: Place of the answer.
            saliency: Also find the wavelengths that contribute to the distance of each neighbour; about a second.
            against: Id of an object of the base, to see why it is not a neighbour.
            target: For answers that do not hold their target.

        Raises:
            SpectrumError: Only the answers of classify and hunt can be explained.
        """
        if (self.question is None and self.examples is None) or not self.predictions:
            raise SpectrumError("explain: these answers hold no prediction; call classify or hunt first.")
        i = self._place(i)
        base = self.question.base if self.question else self.examples.base
        query, panels = self.spectra.take([i]), domain_of(base).panels
        if panels is None:
            _need_fluxes(self.spectra, "explain")
        evidence = build_evidence(
            base, query[0], self.predictions[i], self.neighbors, i,
            target=self.target or target, panels=panels,
        )  # fmt: skip
        evidence = replace(evidence, papers=self.papers(i))
        if self.question is None:
            return evidence
        evidence = with_influence(evidence, self.question, query)
        if saliency:
            evidence = with_saliency(evidence, self.question, query)
        return with_against(evidence, self.question, query, against, panels) if against else evidence

    def plot(self, i: int = 0) -> Figure:
        """A figure of the i-th spectrum over its neighbours, if it has any."""
        from spectrove.explanation.overlay import overlay_figure

        own = None if self.base is None else domain_of(self.base).overlay
        if own is None:
            _need_fluxes(self.spectra, "plot")
        i = self._place(i)
        title = f"{self.spectra.object_id[i]}: {self.verb}"
        return (own or overlay_figure)(self.spectra[i], self._neighbors_of(i), title)

    def specviz(self, i: int = 0, app: Any = None) -> Any:
        """Specviz of jdaviz with the i-th spectrum and its neighbours, these scaled and shifted to its redshift.

        Args:
            i: Place of the answer.
            app: A Specviz, or an application of jdaviz that loads spectra; a new Specviz if None.

        Returns:
            The application; `.show()` displays it.

        Raises:
            SpectrumError: These spectra have no fluxes; or there is no application, and jdaviz is not installed.
        """
        from spectrove.explanation.specviz import open_in_specviz

        _need_fluxes(self.spectra, "specviz")
        i = self._place(i)
        return open_in_specviz(self.spectra[i], self._neighbors_of(i), app)

    def _neighbors_of(self, i: int) -> list[Any]:
        """The spectra of the neighbours of the i-th answer, nearest first."""
        names = [str(n) for n in self.neighbors.object_id[i] if n] if len(self.neighbors) else []
        return list(self.base.spectra(names)) if self.base is not None and names else []

    def at(self, level: float) -> Answers:
        """The same estimates with intervals at another level.

        Raises:
            KnowledgeError: These are no estimates, or the level is not between 0 and 1.
        """
        if self.regression is None:
            raise KnowledgeError(f"at: these are answers of {self.verb}, expected those of estimate.")
        return replace(self, predictions=self.regression.estimates(level))

    def _place(self, i: Any) -> int:
        """The place of an answer, from 0; negative numbers count from the end.

        Raises:
            SpectrumError: There is no such answer.
        """
        if not isinstance(i, int | np.integer) or not -len(self) <= i < len(self):
            raise SpectrumError(
                f"answer {i!r}: there are {len(self)}, expected a place from 0 to {len(self) - 1}; "
                "spectra.object_id lists who stands where."
            )
        return int(i) % len(self)

    def __repr__(self) -> str:
        about = f" {self.target.positive}" if self.target else ""
        refused = f", {len(self.refusals)} refused" if self.refusals else ""
        found = sum(getattr(p, "is_target", None) is True for p in self.predictions)
        hits = f", {found} of them {self.target.positive}" if self.target else ""
        spectra = "spectrum" if len(self) == 1 else "spectra"
        return f"<Answers of {self.verb}{about}: {len(self)} {spectra}{hits}{refused}>"

    def _repr_html_(self) -> str:
        """The first rows as a table with small spectra, for a notebook; escaped, and needing nothing but itself."""
        shown = self.take(range(min(len(self), SHOWN)))
        measurer = domain_of(self.base).measurer if self.base is not None else None
        return answers_html(
            repr(self)[1:-1], shown.to_dicts(), shown._curves(),
            headline=measurer.headline if measurer else (), more=len(self) - len(shown), refusals=self.refusals,
        )  # fmt: skip

    def _curves(self) -> dict[str, str]:
        """Small curves of the spectra and of the nearest neighbour of each, by object id; of those that have any."""
        domain = domain_of(self.base) if self.base is not None else DOMAINS[kind_of_set(self.spectra)]
        if domain.sketch is None and not isinstance(self.spectra, SpectrumSet):
            return {}
        nearest = (
            [str(name) for name in self.neighbors.object_id[:, 0] if name] if len(self.neighbors) else []
        )
        known = self.base.spectra(list(dict.fromkeys(nearest))) if self.base is not None and nearest else ()
        drawn = (*known, *self.spectra)  # a query has its own curve where a neighbour has the same name
        return {one.object_id: sketch(one, domain.sketch) for one in drawn}


def _need_fluxes(spectra: Any, verb: str) -> None:
    """Refuse what is drawn over wavelengths for spectra that have none."""
    if not isinstance(spectra, SpectrumSet):
        raise SpectrumError(
            f"{verb}: these spectra have no fluxes, expected some to draw. The neighbours and their weights are in "
            "the answers themselves: to_dicts(), or --json."
        )


def matches_of(neighbors: Neighbors) -> tuple[Match, ...]:
    """A `Match` for each query of a search."""
    return tuple(
        Match(row["object_id"], tuple(row["neighbors"]), tuple(row["flags"])) for row in neighbors.to_dicts()
    )


def described(embedded: Embedded, neighbors: Neighbors, metric: FittedMetric | None = None) -> Neighbors:
    """The neighbours, with the flags of the queries' own rows first, and what is known of the metric."""
    merged = [[*own, *of] for own, of in zip(own_flags(embedded.spectra), neighbors.flags, strict=True)]
    return replace(
        neighbors,
        flags=tuple(tuple(dict.fromkeys(flags)) for flags in merged),
        metric=neighbors.metric | (metric or FittedMetric()).about,
    )


def own_flags(spectra: SpectrumSet) -> list[list[str]]:
    """Flags in the rows of spectra, except those that only a catalog gives."""
    return [[f for f in flags or () if f not in CATALOG_FLAGS] for flags in spectra.column("flags")]


def provenance_of(base: KnowledgeBase, encoders: Mapping[str, Any], **options: Any) -> dict[str, Any]:
    """Base, version, encoders and options of answers, as plain values; options that are None are left out."""
    return {
        "base": base.path.name,
        "version": base.version,
        "encoder": ",".join(base.encoders[view] for view in encoders),
        "fprint": ",".join(encoder.fingerprint for encoder in encoders.values()),
        **{name: value for name, value in options.items() if value is not None},
    }
