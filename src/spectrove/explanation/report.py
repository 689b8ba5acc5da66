"""Reports: one self-contained HTML page for an answer, or for whole hunts, and the figures as PNG files."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from spectrove.explanation.argument import argued, why_not
from spectrove.explanation.citations import Citation, citations, gathered, used
from spectrove.explanation.evidence import Evidence, PanelMaker, Provenance
from spectrove.explanation.expectations import expectations
from spectrove.explanation.gallery import gallery_figure, probability_figure
from spectrove.explanation.links import NAMES
from spectrove.explanation.mentions import mention_table
from spectrove.explanation.pages import MOST_FOUND, render
from spectrove.explanation.panel import FigurePanel, many
from spectrove.explanation.plots import spectrum_figure
from spectrove.explanation.rows import influence_rows, neighbor_rows
from spectrove.explanation.saliency_plot import saliency_figure
from spectrove.explanation.scores import Score, score
from spectrove.explanation.sentences import cautions, why
from spectrove.explanation.style import png, save
from spectrove.explanation.tables import Table
from spectrove.inference import Prediction
from spectrove.inference.neighbors.voting import LEVEL

#: Number of neighbours in the figure of contributing wavelengths.
_DRAWN = 5
#: What the figure of a spectrum shows, where its domain does not say.
_SPECTRA_ALT = "{name} and its nearest known spectra in the rest frame, with spectral lines marked"


@dataclass(frozen=True)
class Hunt:
    """One hunt, with all that its page shows.

    Attributes:
        target: Name of the target.
        predictions: Every answer, in any order.
        evidence: Evidence of the hits that get a section of their own; those not among the predictions are ignored.
        description: The target, in a sentence or two.
        threshold: Probability from which an object counts as found.
        truth: Whether each object, by id, truly is the target, if known.
        tables: Further tables, such as the results of other encoders.
        notes: Further sentences, for instance that objects were injected into real ones.
        refused: Names of spectra that could not be used, each with its sentence.
        table: Name of the file with every answer; "" if there is none.
        panels: Those of the domain: names of classes, and figures of the hits together.
        background: What these figures draw behind the objects, see `PanelMaker.background`.
    """

    target: str
    predictions: Sequence[Prediction]
    evidence: Sequence[Evidence] = ()
    description: str = ""
    threshold: float = 0.5
    truth: Mapping[str, bool] | None = None
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    refused: Sequence[tuple[str, str]] = ()
    table: str = ""
    panels: PanelMaker | None = field(default=None, repr=False)
    background: Any = field(default=None, repr=False)

    def ranked(self) -> list[Prediction]:
        """All answers, most probable first; equal ones by id; those without a probability last."""
        return sorted(self.predictions, key=_rank)

    def hits(self) -> list[Prediction]:
        """The answers that count as found, most probable first."""
        return [p for p in self.ranked() if p.is_target]

    def listed(self, others: int) -> tuple[list[Prediction], list[str]]:
        """The answers listed on the page, and sentences with the number of all others and where to find them.

        Args:
            others: Number of answers listed that were not found, most probable first.
        """
        ranked = self.ranked()
        found, rest = ([p for p in ranked if bool(p.is_target) == said] for said in (True, False))
        shown = {id(p) for p in (*found[:MOST_FOUND], *rest[:others])}
        where = f"every answer is in {self.table}" if self.table else "-o FILE writes a table of every answer"
        more = (
            (len(found) - MOST_FOUND, "found"),
            (len(rest) - others, "not found, less probable"),
        )
        left = [f"Not listed here: {n:,} more, {what}; {where}." for n, what in more if n > 0]
        return [p for p in ranked if id(p) in shown], left

    def score(self) -> Score | None:
        """Precision, recall and F1 against the truth; None if it is not known."""
        if self.truth is None:
            return None
        pairs = [(bool(p.is_target), self.truth.get(p.object_id)) for p in self.predictions]
        return score([(found, is_true) for found, is_true in pairs if is_true is not None])


def write_report(
    evidence: Evidence, path: Path | str, *, background: Any = None, figures: bool = False
) -> Path:
    """Write the page that explains one answer; returns its path.

    The file is self-contained: no script, no network. It is either complete or not written.

    Args:
        evidence: The answer to report.
        path: The HTML file to write; an older one is replaced.
        background: What figures of the domain draw behind the objects, see `PanelMaker.background`.
        figures: Also write the figures beside the page, as NAME-spectra.png and so on.

    Raises:
        DatasetError: If the file cannot be written.
    """
    path = Path(path)
    section = section_of(evidence, background)
    title = f"{evidence.object_id}: {_answer(evidence)}"
    html = render("report.html", title=title, item=section, footer=evidence.panels.footer)
    if figures:
        for picture in _pictures(section):
            save(picture.png, path.with_name(f"{path.stem}-{picture.name}.png"))
    return save(html.encode(), path)


@dataclass(frozen=True)
class Picture:
    """A drawn figure: its name, what it shows in words, and the bytes of a PNG file."""

    name: str
    alt: str
    png: bytes


def pictures_of(evidence: Evidence, background: Any = None) -> list[Picture]:
    """The figures of the page that explains one answer, in its order; `background` as in `write_report`."""
    return _pictures(section_of(evidence, background))


def _pictures(section: Mapping[str, Any]) -> list[Picture]:
    alts = {
        "spectra": section["spectra_alt"],
        "saliency": f"Wavelengths that contribute to the distances of {section['id']} to its neighbours",
        "against": f"Wavelengths that contribute to the distance of {section['id']} to the other object",
    }
    drawn = [Picture(name, alt, section[f"{name}_png"]) for name, alt in alts.items()]
    drawn += [
        Picture(one["name"], one["alt"], one["png"]) for one in (*section["first"], *section["figures"])
    ]
    return [picture for picture in drawn if picture.png is not None]


def write_hunt_report(
    hunts: Hunt | Sequence[Hunt],
    path: Path | str,
    *,
    title: str = "",
    intro: Sequence[str] = (),
    top: int = 12,
    others: int = 20,
    figures: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write the page of one hunt, or of several; returns its path.

    Args:
        hunts: The hunts to report.
        path: The HTML file to write; an older one is replaced.
        title: Heading of the page; composed from the targets if "".
        intro: Sentences under the heading.
        top: Number of objects per hunt with a section of their own and a panel in the contact sheet.
        others: Number of objects per hunt that the table lists after those found.
        figures: Also write the figures of the hunts beside the page.
        progress: Called with 1 for each section drawn.

    Raises:
        DatasetError: If the file cannot be written.
    """
    path = Path(path)
    several = [hunts] if isinstance(hunts, Hunt) else list(hunts)
    parts = [_hunt(hunt, i, top, others, progress) for i, hunt in enumerate(several)]
    heading = title or "Hunt for " + ", ".join(_many(hunt) for hunt in several)
    cited = gathered(one for hunt in several for e in hunt.evidence[:top] for one in used(e))
    footer = next((hunt.panels.footer for hunt in several if hunt.panels), "")
    html = render(
        "hunt.html",
        title=heading,
        intro=intro,
        hunts=parts,
        cited=_cited(cited),
        level=f"{LEVEL:.0%}",
        footer=footer,
    )
    if figures:
        for part in parts:
            for figure in part["figures"]:
                save(figure["png"], path.with_name(f"{path.stem}-{part['target']}-{figure['name']}.png"))
    return save(html.encode(), path)


def section_of(evidence: Evidence, background: Any) -> dict[str, Any]:
    """What the template needs to show one answer, its figures drawn; `background` as in `write_report`."""
    panels, against = evidence.panels, evidence.against
    figures = [(figure, _panel(figure, background)) for figure in panels.figures]
    return {
        "id": evidence.object_id,
        "answer": _answer(evidence),
        "why": why(evidence),
        "argued": argued(evidence),
        "links": named_links(evidence.query.links),
        "cautions": cautions(evidence),
        "facts": _facts(evidence),
        "first": [drawn for figure, drawn in figures if figure.first],
        "spectra_png": png(_spectra(evidence, background)),
        "spectra_alt": panels.spectra.alt if panels.spectra else _SPECTRA_ALT.format(name=evidence.object_id),
        "saliency_png": _saliency(evidence),
        "against_png": _against(evidence),
        "why_not": why_not(evidence),
        "differences": against.comparison.tables if against else (),
        "influence": influence_rows(evidence),
        "cited": _cited(citations(evidence)),
        "figures": [drawn for figure, drawn in figures if not figure.first],
        "neighbors": neighbor_rows(evidence),
        "columns": panels.columns,
        "columns_note": panels.columns_note,
        "row_notes": panels.row_notes,
        "papers": mention_table(evidence.papers),
        "tables": panels.tables,
        "provenance": _provenance(evidence),
    }


def _spectra(evidence: Evidence, background: Any) -> Figure:
    """The query with its neighbours: as its domain draws it, else as fluxes."""
    own = evidence.panels.spectra
    return spectrum_figure(evidence) if own is None else own.draw(background)


def _panel(figure: FigurePanel, background: Any) -> dict[str, Any]:
    """A figure of the domain as the template needs it, drawn."""
    return {
        "name": figure.name, "alt": figure.alt, "caption": figure.caption, "kind": figure.kind,
        "png": png(figure.draw(background)),
    }  # fmt: skip


def _cited(cited: Sequence[Citation]) -> dict[str, Any]:
    works = [(", ".join(c.reasons), c.work.short, c.work.url) for c in cited]
    return {"works": works, "bibtex": "\n\n".join(c.bibtex for c in cited)}


def named_links(links: Mapping[str, str]) -> list[tuple[str, str]]:
    """Printed name and address of each link."""
    return [(NAMES[key], address) for key, address in links.items()]


def _saliency(evidence: Evidence) -> bytes | None:
    if not evidence.saliency:
        return None
    return png(
        saliency_figure(
            evidence.saliency[:_DRAWN], evidence.panels.drawing, known_z=math.isfinite(evidence.query.z)
        )
    )


def _against(evidence: Evidence) -> bytes | None:
    beside = evidence.against
    if beside is None or beside.saliency is None:
        return None
    title = f"Wavelengths that contribute to the distance to {beside.other.object_id}"
    known_z = math.isfinite(evidence.query.z)
    return png(saliency_figure([beside.saliency], evidence.panels.drawing, known_z=known_z, title=title))


def _hunt(
    hunt: Hunt, number: int, top: int, others: int, progress: Callable[[int], None] | None
) -> dict[str, Any]:
    place = {p.object_id: i for i, p in enumerate(hunt.ranked())}
    shown = sorted((e for e in hunt.evidence if e.object_id in place), key=lambda e: place[e.object_id])[:top]
    sections = []
    for evidence in shown:
        sections.append(
            section_of(evidence, hunt.background) | {"anchor": _anchor(number, evidence.object_id, place)}
        )
        if progress:
            progress(1)
    anchors = {section["id"]: section["anchor"] for section in sections}
    listed, left_out = hunt.listed(others)
    places = {section["id"]: section["links"] for section in sections}
    return {
        "anchor": f"hunt-{number + 1}",
        "target": hunt.target,
        "positive": _many(hunt),
        "description": hunt.description,
        "summary": _summary(hunt),
        "score": hunt.score(),
        "tables": list(hunt.tables),
        "notes": list(hunt.notes),
        "refused": list(hunt.refused),
        "figures": _hunt_figures(hunt, shown),
        "ranked": [
            _ranked_row(hunt, p, place[p.object_id] + 1, anchors) | {"links": places.get(p.object_id, [])}
            for p in listed
        ],
        "left_out": left_out,
        "has_truth": hunt.truth is not None,
        "sections": sections,
    }


def _hunt_figures(hunt: Hunt, shown: Sequence[Evidence]) -> list[dict[str, Any]]:
    made: list[tuple[str, str, bool, Figure]] = []
    if shown and not any(e.panels.spectra for e in shown):
        made.append(("gallery", f"The best hits, ranked: {_seen(shown)}.", True, gallery_figure(shown)))
    made.append(
        ("probabilities", "Probabilities of all spectra.", False,
         probability_figure(hunt.predictions, threshold=hunt.threshold, truth=hunt.truth))
    )  # fmt: skip
    if shown and hunt.panels:
        for one in hunt.panels.overview(shown, hunt.truth):
            made.append((one.name, one.caption, False, one.draw(hunt.background)))
    return [{"name": n, "caption": c, "wide": wide, "png": png(figure)} for n, c, wide, figure in made]


def _seen(shown: Sequence[Evidence]) -> str:
    """What the contact sheet shows of each spectrum: "whole spectrum and deciding line"."""
    close = [e.panels.close for e in shown if e.panels.close is not None]
    close.sort(key=lambda c: c.decides is None)
    return f"whole spectrum and {close[0].window.title}" if close else "whole spectrum"


def _ranked_row(hunt: Hunt, p: Prediction, rank: int, anchors: Mapping[str, str]) -> dict[str, Any]:
    voters = [vote for vote in p.neighbors if vote.group is not None]
    nearest = voters[0] if voters else None
    known = None if hunt.truth is None else hunt.truth.get(p.object_id)
    return {
        "rank": rank,
        "id": p.object_id,
        "anchor": anchors.get(p.object_id),
        "found": bool(p.is_target),
        "probability": number(p.probability),
        "interval": _interval(p),
        "z": number(p.z, 4),
        "votes": f"{sum(v.group == p.positive for v in voters)} of {len(voters)}",
        "nearest": "–"
        if nearest is None
        else f"{nearest.object_id} ({nearest.label}, d {nearest.distance:.2f})",
        "flags": ", ".join(p.flags),
        "truth": {True: "target", False: "not", None: "–"}[known],
        "wrong": known is not None and known != bool(p.is_target),
    }


def _summary(hunt: Hunt) -> str:
    """The number of spectra found, and the expected number of false ones among them."""
    hits, n = hunt.hits(), len(hunt.predictions)
    found = expectations(hunt.predictions)
    verb = "is" if len(hits) == 1 else "are"
    expected = (
        f" (false ones expected from the probabilities: {found.false:.1f}); {found.sentence}" if hits else ""
    )
    plural = "spectrum" if n == 1 else "spectra"
    what = _many(hunt)
    return f"{len(hits)} of {n} {plural} {verb} called {what} at P ≥ {hunt.threshold:.2f}{expected}."


def _answer(evidence: Evidence) -> str:
    """The answer as a headline: "quasar, P 0.93"."""
    p = evidence.prediction
    if p.none_of_these:
        return "none of these"
    if p.probability is None:
        return "no answer"
    name = p.value if not evidence.is_hunt else (p.positive if p.is_target else f"not {p.positive}")
    about = f" of {p.positive}" if evidence.is_hunt and not p.is_target else ""
    return f"{name}, P{about} {p.probability:.2f}"


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    p, query = evidence.prediction, evidence.query
    others = sorted(p.probabilities.items(), key=lambda item: (-item[1], item[0]))
    facts = [("Probabilities", ", ".join(f"{name} {value:.2f}" for name, value in others) or "none")]
    facts.append(
        (
            f"{LEVEL:.0%} interval",
            f"{_interval(p)} ({'of the calibration' if p.calibrated else 'counts votes; not calibrated'})"
            if p.interval
            else (p.reason_no_interval or "none"),
        )
    )
    source = f" ({evidence.z_source})" if evidence.z_source else ""
    facts.append(("Redshift", number(query.z, 5) + source if math.isfinite(query.z) else "none"))
    return [*facts, *evidence.panels.facts]


def _provenance(evidence: Evidence) -> list[tuple[str, str]]:
    p, limit = evidence.provenance, evidence.threshold
    size = f", {p.base_size:,} objects" if p.base_size else ""
    rows = [
        ("Encoder", p.encoder), ("Fingerprint", p.fingerprint),
        ("Knowledge base", f"{p.base}, version {p.base_version}{size}"),
        ("Expected prevalence", "" if p.prevalence is None else f"{p.prevalence:g}"),
        ("View", _views(p)), ("Metric", _metric(p)), ("Target", p.target),
        ("Threshold", f"{limit:.3g}" if math.isfinite(limit) else ""),
        ("Probabilities", "calibrated" if evidence.prediction.calibrated else "shares of the vote"),
        ("Label column", p.label_column),
        ("Neighbours (K)", str(p.k)), ("Weights", p.weighting), ("Spectrove", p.spectrove_version),
    ]  # fmt: skip
    return [(name, value) for name, value in rows if value]


def _views(p: Provenance) -> str:
    if len(p.view_weights) < 2:
        return p.view
    return " + ".join(f"{view} (weight {weight:g})" for view, weight in p.view_weights.items())


def _metric(p: Provenance) -> str:
    known, used = p.metric, p.metric.get("name") == "linear"
    if known.get("f1") is None:
        return "linear" if used else ""
    figures = f"macro F1 {known['f1']:.3f} with it, {known['plain_f1']:.3f} without, {known['n_folds']} folds"
    return f"{'linear' if used else 'none; a linear one was tried'}, fitted on {known['label']} ({figures})"


def _interval(p: Prediction) -> str:
    return "–" if p.interval is None else f"{p.interval[0]:.2f} – {p.interval[1]:.2f}"


def number(value: float | None, digits: int = 2) -> str:
    """A number as printed, or a dash."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}".replace("-", "−")


def _rank(p: Prediction) -> tuple[float, float, str]:
    probability, nearness = p.rank
    return (-probability, -nearness, p.object_id)


def _positive(hunt: Hunt) -> str:
    return next((p.positive for p in hunt.predictions if p.positive), hunt.target)


def _many(hunt: Hunt) -> str:
    """The hunted objects, as in "3 of 5 spectra are called quasars"."""
    return many(_positive(hunt), hunt.panels.names if hunt.panels else {})


def _anchor(number: int, object_id: str, place: Mapping[str, int]) -> str:
    """By rank, so that no id needs to be made fit for a link."""
    return f"hunt-{number + 1}-object-{place[object_id] + 1}"
