"""One LINER, chosen by rule: asked about with all objects of other plates as the base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from experiments.paper.scoring import called_class, search
from experiments.samples.recipes import Recipe
from experiments.samples.vectors import take
from experiments.samples.workshop import Part, Workshop
from spectrove.errors import DatasetError
from spectrove.explanation.evidence import Evidence, build_evidence
from spectrove.galaxies.diagram.background import LINES, background
from spectrove.galaxies.domain import GALAXIES
from spectrove.inference import Prediction, hunt
from spectrove.inference.neighbors.voting import neighbor_weights
from spectrove.knowledge import KnowledgeBase
from spectrove.readers import read_dataset
from spectrove.spectra import SpectrumSet
from spectrove.targets import Target

#: The paper's object, its neighbours that we know by name, and its vote share.
PAPER_OBJECT, PAPER_SHARE = "spec-0881-52368-0036", 0.6812


class CaseRecipe(Recipe):
    """Which kind of object is looked for, and how it voted."""

    target_name: str = "liner"
    agreeing: int = 2
    line_least: float = 5.0


@dataclass(frozen=True)
class Case:
    """The chosen object with everything behind its answer, and the grey dots of its diagram."""

    sample: str
    evidence: Evidence
    target: Target
    sn: float
    dots: tuple | None
    rule: str

    def weights(self, reading: str) -> list[float]:
        """Each neighbour's share of the votes under a reading of the normalisation."""
        distance = np.array([[n.distance for n in self.evidence.neighbors]])
        voting = np.array([[n.group is not None for n in self.evidence.neighbors]])
        return neighbor_weights(distance, voting, normalise=reading, scale=self.evidence.scale)[0].tolist()

    def share(self, reading: str) -> float:
        """The share of votes for what is hunted."""
        pairs = zip(self.weights(reading), self.evidence.neighbors, strict=True)
        return sum(w for w, n in pairs if n.group == self.target.positive)


def choose(workshop: Workshop, recipe: CaseRecipe, samples: Sequence[str]) -> Case:
    """The case: from real spectra where there are some.

    Of the first repetition's queries that are the target: found by the hunt, as many agreeing neighbours as in the
    paper, four good lines, and then the highest S/N; what comes first counts more where nothing has it all.
    """
    name = "real" if "real" in samples else samples[0]
    target = recipe.target(recipe.target_name)
    asked = [
        c for part in workshop.sample(name, recipe).repeats[0] for c in candidates(part, target, workshop)
    ]
    if not asked:
        raise DatasetError(f"{name}: no {target.positive} among the queries, so there is no case to show.")
    best = min(
        asked,
        key=lambda c: (not c.found, abs(c.agreeing - recipe.agreeing), c.weakest < recipe.line_least, -c.sn),
    )
    rule = (
        f"Chosen by rule: of the {sum(c.found for c in asked)} {target.positive}s that the hunt finds among "
        f"{len(asked)} in this "
        f"sample, those with {recipe.agreeing} of {target.k} neighbours that are {target.positive}s (as in "
        "the paper; here "
        f"{best.agreeing}) and the diagram's four lines above {recipe.line_least:g} sigma in the catalog; "
        "of these the highest "
        f"S/N ({best.sn:.0f} per pixel)."
    )
    evidence = evidence_for(workshop, recipe, name, best.part, best.row, target)
    return Case(name, evidence, target, best.sn, background(workshop.base(best.part)), rule)


@dataclass(frozen=True)
class Candidate:
    """A target: where it stands, was it found, how many neighbours agree, its S/N, and that of its weakest line."""

    part: Part
    row: int
    found: bool
    agreeing: int
    sn: float
    weakest: float


def candidates(part: Part, target: Target, workshop: Workshop) -> list[Candidate]:
    """The targets among the queries of a split."""
    spectra = part.queries.spectra
    rows = np.flatnonzero([c == target.positive for c in target.classes_of(spectra.column(target.label))])
    if not len(rows):
        return []
    asked = take(part.queries, rows)
    neighbors = search(workshop.base(part), asked, target, target.k)
    sn = spectra.column("sn_median")
    return [
        Candidate(
            part,
            int(row),
            called_class(p, target) == target.positive,
            agreeing(p, target),
            float(sn[row] or 0),
            weakest_line(spectra, int(row)),
        )
        for row, p in zip(rows, hunt(neighbors, target), strict=True)
    ]


def weakest_line(spectra: SpectrumSet, row: int) -> float:
    """Catalog S/N of the weakest of the diagram's four lines; 0 where one is unknown. It only helps to choose."""
    known = spectra.rows.column_names
    ratios = []
    for line in LINES:
        flux, error = (
            spectra.column(f"{line}_{what}")[row] if f"{line}_{what}" in known else None
            for what in ("flux", "err")
        )
        ratios.append(flux / error if flux and error and error > 0 else 0.0)
    return float(min(ratios))


def agreeing(prediction: Prediction, target: Target) -> int:
    """How many neighbours voted for what is hunted."""
    return sum(vote.group == target.positive for vote in prediction.neighbors)


@dataclass(frozen=True)
class Shelf:
    """A base of an experiment, which holds no pixels, with whole spectra beside it: all that `build_evidence` needs."""

    base: KnowledgeBase
    whole: SpectrumSet
    name: str

    @property
    def path(self) -> Path:
        """The base's name, for the provenance."""
        return Path(self.name)

    @property
    def encoder(self) -> str:
        """The base's encoder."""
        return self.base.encoder

    @property
    def encoders(self) -> dict[str, str]:
        """The encoders of the base's views."""
        return self.base.encoders

    def count(self) -> int:
        """How many objects the base holds."""
        return self.base.count()

    def column_notes(self) -> dict[str, dict[str, Any]]:
        """What the base notes of its columns."""
        return self.base.column_notes()

    def spectra(self, object_ids: Sequence[str]) -> SpectrumSet:
        """Whole spectra, in the order asked for."""
        place = {str(object_id): i for i, object_id in enumerate(self.whole.object_id)}
        return self.whole.take([place[i] for i in object_ids])


def evidence_for(
    workshop: Workshop, recipe: Recipe, name: str, part: Part, row: int, target: Target
) -> Evidence:
    """The evidence for the hunt's answer about one query of a split."""
    base = workshop.base(part)
    asked = take(part.queries, np.array([row]))
    neighbors = search(base, asked, target, target.k)
    prediction = hunt(neighbors, target, spectra=asked.spectra)[0]
    ids = [str(asked.spectra.object_id[0]), *dict.fromkeys(v.object_id for v in prediction.neighbors)]
    shelf = Shelf(base, with_pixels(workshop, recipe, name, ids), f"{name}, other plates")
    return build_evidence(
        cast(KnowledgeBase, shelf),
        shelf.whole[0],
        prediction,
        neighbors,
        0,
        target=target,
        panels=GALAXIES.panels,
    )


def with_pixels(workshop: Workshop, recipe: Recipe, name: str, ids: Sequence[str]) -> SpectrumSet:
    """These objects' whole spectra, in this order."""
    if name == "archive":
        quoted = ", ".join("'" + i.replace("'", "''") + "'" for i in ids)
        every = read_dataset(workshop.archive or "", f"object_id IN ({quoted})")
    else:
        every = workshop.whole(name, recipe, 0)
    place = {str(object_id): i for i, object_id in enumerate(every.object_id)}
    return every.take([place[i] for i in ids])
