"""The parts of what is said about one spectrum, as one table: a verb each, and the template that shows its answer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from spectrove.serve.page.look import DRAWN, Look
from spectrove.serve.page.rendering import render
from spectrove.serve.service.asking import TASKS, Item, Question
from spectrove.serve.service.curves import sketches
from spectrove.serve.service.explaining import all_tasks, section
from spectrove.serve.service.limits import Limits
from spectrove.serve.service.readings import readings
from spectrove.serve.service.shelf import Served

if TYPE_CHECKING:
    from spectrove.domain import Domain
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import Batch, SpectrumSet


@dataclass(frozen=True)
class Asked:
    """One spectrum, the base that it is held against, and how.

    Attributes:
        served: The base.
        look: Which spectrum, and how it is to be answered.
        spectra: The spectrum, as a set of one.
        limits: How much may be asked.
    """

    served: Served
    look: Look
    spectra: Batch
    limits: Limits = field(default_factory=Limits)

    def ask(self, verb: str, **options: Any) -> Iterator[Item]:
        """What a verb says about it."""
        return TASKS[verb].run(self.question(TASKS[verb].model, **options))

    def question(self, model: Any, **options: Any) -> Question:
        """A question about it; a redshift that is missing is estimated first."""
        given = {name: value for name, value in options.items() if value is not None and value != ()}
        asked = model(z=self.look.z, missing_z="estimate", **given)
        return Question(self.served, asked, limits=self.limits, spectra=self.spectra)

    @cached_property
    def estimated(self) -> float | None:
        """The redshift estimated from templates, where the spectrum has none and nobody gave one; else None."""
        from spectrove.pipeline import complete_redshifts, domain_of

        with self.served.shown() as base:
            domain = domain_of(base)
            if domain.redshift is None or math.isfinite(self.look.redshift(self.spectra)):
                return None
            completed, _ = complete_redshifts(cast("SpectrumSet", self.spectra), base=base)
        found = float(completed.z[0])
        return found if math.isfinite(found) else None

    @cached_property
    def label(self) -> str:
        """The column of classes that is asked for, else the usual one."""
        from spectrove.pipeline.domains import usual_label

        if self.look.label is not None:
            return self.look.label
        with self.served.shown() as base:
            return usual_label(base)


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        name: In addresses.
        title: Its heading.
        ask: The question, and what is said to it.
        shown: From what was said to what the template shows.
        needs: Whether a base of this kind of light can answer it.
        later: Whether it is asked for only when somebody opens it.
        at_redshift: Whether a redshift enters it, which is said where it is estimated.
    """

    name: str
    title: str
    ask: Callable[[Asked], Iterator[Item]]
    shown: Callable[[Asked, Mapping[str, Any]], Mapping[str, Any]]
    needs: Callable[[KnowledgeBase, Domain], bool] = lambda base, domain: True
    later: bool = False
    at_redshift: bool = True

    def html(self, asked: Asked, items: list[Item]) -> str:
        """The part as a piece of the page."""
        refused = [item.row for item in items if item.kind == "refusal"]
        rows = [item.row for item in items if item.kind == "answer"]
        about: Mapping[str, Any] = next((item.row for item in reversed(items) if item.kind == "about"), {})
        if not rows:
            return render("part-refused.html", part=self, refusals=refused)
        values = self.shown(asked, rows[0])
        z = asked.estimated if self.at_redshift else None
        before = "" if z is None else render("part-estimated.html", z=z)
        return before + render(
            f"part-{self.name}.html", part=self, row=rows[0], about=about, look=asked.look, base=asked.served.name,
            **values,
        )  # fmt: skip


def _twins(asked: Asked) -> Iterator[Item]:
    look = asked.look
    if look.region:
        return asked.ask("search_region", regions=list(look.region), k=look.k, where=look.where)
    return asked.ask("search", k=look.k, where=look.where)


def _twins_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    names = [one["object_id"] for one in row["neighbors"]]
    with asked.served.shown() as base:
        known = rows_of(base, names)
        columns = [name for name in base.info()["labels"] if any(known[one].get(name) for one in known)]
    return {
        "neighbours": [one | {"known": known.get(one["object_id"], {})} for one in row["neighbors"]],
        "columns": columns[:4],
        "drawn": DRAWN,
        "drawings": sketches(asked.served, names),
    }


def rows_of(base: KnowledgeBase, names: list[str]) -> dict[str, dict[str, Any]]:
    """Redshift, labels and position of objects, by id."""
    from spectrove.serve.describing import default_columns

    if not names:
        return {}
    quoted = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    wanted = [name for name in ("ra", "dec") if name in base.columns]
    table = base.rows(f"object_id IN ({quoted})", ["object_id", *wanted, *default_columns(base)])
    return {row["object_id"]: row for row in table.to_pylist()}


def _read(asked: Asked) -> Iterator[Item]:
    found = asked.ask("search", k=asked.look.k, where=asked.look.where)
    near = [one["object_id"] for item in found if item.kind == "answer" for one in item.row["neighbors"]]
    return readings(asked.question(TASKS["search"].model), near)


def _read_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What estimators say with the words for it, and drawings of it."""
    from spectrove.pipeline.domains import domain_of
    from spectrove.serve.page.drawings import corner, spreads

    with asked.served.shown() as base:
        domain = domain_of(base)
    titles = {one.name: one.title for one in domain.measurer.measures} if domain.measurer else {}
    return {
        "readings": row["readings"],
        "titles": titles,
        "names": DRAWN,
        "first": next((one.by for one in row["readings"] if one.posterior is not None), ""),
        "corners": {one.by: corner(one) for one in row["readings"]},
        "spreads": spreads(row, domain.quantities, DRAWN),
    }


def _classes_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    with asked.served.shown() as base:
        labels = list(base.info()["labels"])
    ranked = sorted((row["probabilities"] or {}).items(), key=lambda one: (-one[1], one[0]))
    return {"labels": labels, "label": asked.label, "ranked": ranked, "witnesses": row["witnesses"] or {}}


def _quantities(base: KnowledgeBase) -> list[str]:
    """Numeric columns that the kind of light names as quantities."""
    from spectrove.pipeline.domains import domain_of

    return [name for name in domain_of(base).quantities if name in base.columns and name != "z"]


def _estimated(asked: Asked) -> Iterator[Item]:
    with asked.served.shown() as base:
        quantity = asked.look.quantity or next(iter(_quantities(base)), "z")
    return asked.ask("estimate", quantity=quantity)


def _estimated_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    with asked.served.shown() as base:
        return {"quantities": _quantities(base)}


def _why(asked: Asked) -> Iterator[Item]:
    look = asked.look
    subject = {"target": look.target} if look.target else {"label": asked.label}
    return section(asked.question(all_tasks()["explain"].model, against=look.against, **subject))


def _measured_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Each measured number with the words for it and its unit."""
    from spectrove.pipeline.domains import domain_of

    with asked.served.shown() as base:
        measurer = domain_of(base).measurer
    known = {} if measurer is None else {one.name: one for one in measurer.measures}
    measured = row["measured"]
    return {
        "numbers": [
            (known[name].title if name in known else name, value, measured.get(f"{name}_err"),
             known[name].unit if name in known else "")
            for name, value in measured.items() if not name.endswith("_err") and value is not None
        ]
    }  # fmt: skip


def _joined(asked: Asked) -> Iterator[Item]:
    """What columns that were joined to the object say, or that there is nothing."""
    from spectrove.pipeline.domains import domain_of

    name = str(asked.spectra.object_id[0])
    with asked.served.shown() as base:
        domain, notes = domain_of(base), base.column_notes()
    assert domain.joined is not None  # else the part is not needed
    found = domain.joined.of_row(asked.spectra.rows.to_pylist()[0], notes)
    if found is None:
        where = f"none was joined to this object of {asked.served.name}" if asked.look.object else (
            "it was brought by you, and fits are joined to objects of the base"
        )  # fmt: skip
        yield Item("refusal", {"id": name, "error": f"{name} has no fit of photometry: {where}."})
        return
    yield Item("answer", {"object_id": name, "panel": found})


def _joined_shown(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    from spectrove.explanation.style import png

    return {"panel": row["panel"], "drawn": [(one, png(one.draw(None))) for one in row["panel"].figures]}


def _nothing_more(asked: Asked, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def _has_labels(base: KnowledgeBase, domain: Domain) -> bool:
    return bool(base.info()["labels"])


#: In the order in which they are made and shown.
PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        Part("twins", "Known spectra like it", _twins, _twins_shown),
        Part(
            "read", "Read off the spectrum", _read, _read_shown, lambda base, domain: bool(domain.estimators),
            at_redshift=False,
        ),
        Part(
            "classes", "Class", lambda asked: asked.ask("classify", label=asked.label), _classes_shown, _has_labels
        ),
        Part(
            "redshift", "Redshift", lambda asked: asked.ask("redshift"), _nothing_more,
            lambda base, domain: domain.redshift is not None, at_redshift=False,
        ),
        Part(
            "joined", "Photometry", _joined, _joined_shown,
            lambda base, domain: domain.joined is not None and domain.joined.knows(base.column_notes()),
            at_redshift=False,
        ),
        Part("oddity", "How unusual it is", lambda asked: asked.ask("outliers"), _nothing_more),
        Part(
            "estimate", "Estimated from its neighbours", _estimated, _estimated_shown,
            lambda base, domain: bool(_quantities(base)), later=True,
        ),
        Part(
            "measured", "Measured in the spectrum", lambda asked: asked.ask("measure"), _measured_shown,
            lambda base, domain: domain.measurer is not None, later=True,
        ),
        Part("why", "Why: neighbours, lines, figures", _why, _nothing_more, _has_labels, later=True),
    )
}  # fmt: skip


def parts_of(served: Served) -> list[Part]:
    """The parts that a base can answer."""
    from spectrove.pipeline.domains import domain_of

    with served.shown() as base:
        domain = domain_of(base)
        return [part for part in PARTS.values() if part.needs(base, domain)]
