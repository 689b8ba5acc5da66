"""The loop of every command that answers: batches in; JSON lines, a table, files, a summary and an exit code out.

What differs between commands is handed over as functions, see `Show`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer

from spectrove.serve.batches import Counts, QueryBatches
from spectrove.serve.output import in_folder, print_lines, printing, say, write_table
from spectrove.serve.placing import needs_positions, positions_in, positions_of, with_positions
from spectrove.serve.progress import progress_bar
from spectrove.serve.text_papers import paper_summary
from spectrove.version import __version__

if TYPE_CHECKING:
    from spectrove.encoders import Encoder
    from spectrove.explanation.followup import Meaning
    from spectrove.explanation.mentions import Mention
    from spectrove.inference import FittedCalibration, FittedMetric
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.pipeline.verbs import Verb
    from spectrove.spectra import SpectrumSet
    from spectrove.targets import Target


@dataclass(frozen=True)
class Request:
    """What a command asks: a verb of a base, about the spectra of `queries`.

    Attributes:
        base: None where the verb needs none.
        subject: What the verb is asked about, such as the target; empty where it needs nothing.
        options: Options of the verb; those that are None are left to the verb.
        cluster: Whose workers answer a hunt; None for this process.
    """

    verb: Verb
    base: KnowledgeBase | None
    queries: QueryBatches
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    subject: tuple[Any, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    cluster: str | None = None

    def __post_init__(self) -> None:
        self.queries.base = self.base

    def answers(self, batches: Iterable[SpectrumSet]) -> Iterator[tuple[SpectrumSet, Answers]]:
        """Each batch and the answers to it."""
        options = {name: value for name, value in self.options.items() if value is not None}
        if "encoder" in self.verb.options.model_fields:
            options["encoder"] = self.encoders
        if self.cluster is not None:
            from spectrove.pipeline.hunts import hunted_among

            [target], base = self.subject, self.base
            assert base is not None
            given = ((batch, self.queries.redshifts) for batch in batches)
            yield from hunted_among(base, given, target, self.cluster, **options)
            return
        for batch in batches:
            if "redshifts" in self.verb.options.model_fields:
                options["redshifts"] = self.queries.redshifts
            yield batch, self.verb.ask(self.base, batch, *self.subject, **options)

    def provenance(self, metric: FittedMetric | None = None, **notes: Any) -> dict[str, Any]:
        """What a file says of its answers: base, version, encoder, metric, and these notes."""
        report = metric.report if metric else None
        if metric and report and not report.reason:
            notes |= {"metric": metric.about["name"], "metricf1": report.f1, "plainf1": report.plain_f1}
        if self.base is None:
            return {"creator": f"spectrove {__version__}", **notes}
        return {
            "creator": f"spectrove {__version__}",
            "base": self.base.path.name,
            "version": self.base.version,
            "encoder": ",".join(self.base.encoders[view] for view in self.encoders),
            "fprint": ",".join(encoder.fingerprint for encoder in self.encoders.values()),
            **notes,
        }


@dataclass(frozen=True)
class Outputs:
    """Where answers go: --json, the file of a table, that of a page, and how many of the best alone."""

    as_json: bool = False
    table: Path | None = None
    page: Path | None = None
    top: int | None = None

    @property
    def files(self) -> list[Path]:
        """The files to write."""
        return [path for path in (self.table, self.page) if path]


@dataclass
class Results:
    """The answers so far: predictions of all batches, and the answers of the last batch.

    Attributes:
        refused: Names of spectra without an answer, each with its sentence.
        pictured: The best answers with their spectra, one in each, for a page.
        papers: What papers say of the neighbours of each spectrum, by id; empty where the base has no papers.
        positions: Position of each spectrum, by id, if the table needs them.
    """

    counts: Counts
    predictions: list[Any] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    pictured: list[Answers] = field(default_factory=list)
    last: Answers | None = None
    papers: dict[str, tuple[Mention, ...]] = field(default_factory=dict)
    positions: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)

    def row(self, prediction: Any, row: dict[str, Any] | None = None) -> dict[str, Any]:
        """A prediction as plain values, with the papers of its neighbours; `row` if it is one already."""
        row = prediction.to_dict() if row is None else row
        if (told := self.papers.get(prediction.object_id)) is None:
            return row
        return row | {"papers": [one.to_dict() for one in told]}

    @property
    def metric(self) -> FittedMetric | None:
        """Of the distances."""
        return self.last.metric if self.last else None

    @property
    def calibration(self) -> FittedCalibration | None:
        """Of the probabilities."""
        return self.last.calibration if self.last else None


@dataclass(frozen=True)
class Show:
    """How the answers of a verb are shown: what differs between commands.

    Attributes:
        table: Lines of the screen from predictions, the best first if they have a rank, and the last answers.
        summary: The last sentence.
        notes: What the file of a table says beside base, version and encoder.
        rows: Rows of the file from predictions.
        meaning: Unit and description of a column of the file.
        order: Which `rank` of a prediction is the best; "" if they have none.
        page: Writes a page.
        pictures: Number of answers that the page keeps the spectra of, unless --top says another.
        each: Called with the answers of each batch.
        at_once: Print the lines of a batch as soon as it is answered, and keep no prediction that is not written.
        target: The target of the probabilities, as it was asked for.
    """

    table: Callable[[list[Any], Answers], list[str]]
    summary: Callable[[Results], str]
    notes: Callable[[Results], Mapping[str, Any]] = lambda results: {}
    rows: Callable[[Sequence[Any]], list[dict[str, Any]]] = lambda predictions: [
        prediction.to_dict() for prediction in predictions
    ]
    meaning: Callable[[str], Meaning | None] | None = None
    order: Literal["", "lowest rank", "highest rank"] = ""
    page: Callable[[Path, Results], None] | None = None
    pictures: int = 0
    each: Callable[[Answers], None] | None = None
    at_once: bool = False
    target: Target | None = None


def run(request: Request, outputs: Outputs, show: Show) -> None:
    """Answer every query, print and write what was asked for, and end with the exit code."""
    results = Results(Counts(request.queries))
    for answers in answered(request, request.queries, results.counts):
        _add(results, answers, outputs, show)
        _print_batch(results, answers, outputs, show)
    finish(request, outputs, show, results)


def finish(request: Request, outputs: Outputs, show: Show, results: Results) -> None:
    """Print and write what waits for all answers, and end with the exit code."""
    best = ranked(results.predictions, show.order)[: outputs.top]
    if outputs.as_json and outputs.top is not None:
        print_lines((results.row(prediction) for prediction in best), *outputs.files)
    if outputs.table:
        written = results.predictions if outputs.top is None else best
        rows = [results.row(p, row) for p, row in zip(written, show.rows(written), strict=True)]
        if needs_positions(outputs.table):
            rows = with_positions(rows, results.positions or _of_the_base(request))
        notes = request.provenance(results.metric, **show.notes(results))
        write_table(outputs.table, rows, notes, show.meaning)
    if outputs.page and show.page:
        show.page(in_folder(outputs.page), results)
    if not outputs.as_json and not show.at_once and results.last is not None:
        for line in show.table(best, results.last):
            say(line)
    if not outputs.as_json:
        for line in paper_summary(results.papers, [p.object_id for p in best]):
            say(line)
    files = ", ".join(map(str, outputs.files))
    wrote = f"   wrote {files}" if files else ""
    say(f" {show.summary(results)}{results.counts.cautions()}{wrote}", as_json=outputs.as_json)
    print_methods(results.last, show.target)
    raise typer.Exit(results.counts.exit_code)


def _of_the_base(request: Request) -> dict[str, tuple[float | None, float | None]]:
    """Positions of the objects of the base, about which answers without spectra are."""
    return positions_in(request.base) if request.base is not None else {}


def answered(request: Request, batches: Iterable[SpectrumSet], counts: Counts) -> Iterator[Answers]:
    """Answers batch by batch; refusals are counted and printed."""
    try:
        with progress_bar("answering") as advance:
            for batch, answers in request.answers(batches):
                counts.add(answers, batch)
                advance(len(batch))
                yield answers
    finally:
        request.queries.refusals.flush()


def _add(results: Results, answers: Answers, outputs: Outputs, show: Show) -> None:
    """Keep of the answers of a batch what is shown or written at the end."""
    results.last = answers
    told = ((name, answers.papers(i)) for i, name in enumerate(answers.spectra.object_id.tolist()))
    results.papers |= {name: papers for name, papers in told if papers is not None}
    if needs_positions(outputs.table):
        results.positions |= positions_of(answers.spectra)
    if not show.at_once or outputs.table:
        results.predictions += answers.predictions
    if outputs.page:
        results.refused += [(r.name, results.counts.queries.with_advice(r).error) for r in answers.refusals]
        results.pictured = best_of([*results.pictured, answers], outputs.top or show.pictures, show.order)
    if show.each:
        show.each(answers)


def _print_batch(results: Results, answers: Answers, outputs: Outputs, show: Show) -> None:
    """Print what need not wait for the other batches."""
    if outputs.as_json:
        if outputs.top is None:
            print_lines(answers.to_dicts(), *outputs.files)
    elif show.at_once:
        lines = show.table(list(answers.predictions), answers)
        heading_was_printed = results.counts.answered > len(answers)
        with printing(*outputs.files):
            for line in lines[1 if heading_was_printed else 0 :]:
                say(line)


def ranked(predictions: Sequence[Any], order: str) -> list[Any]:
    """The predictions, the best first; in their order if they have no rank."""
    return (
        sorted(predictions, key=lambda p: p.rank, reverse=order == "highest rank")
        if order
        else list(predictions)
    )


def best_of(kept: Sequence[Answers], n: int, order: str) -> list[Answers]:
    """The n best answers, one in each, so that the memory of all others can be released."""
    pool = [(answers, i) for answers in kept for i in range(len(answers))]
    pool.sort(key=lambda one: one[0].predictions[one[1]].rank, reverse=order == "highest rank")
    return [answers if len(answers) == 1 else answers.take([i]) for answers, i in pool[:n]]


def columns_of(answers: Answers) -> tuple[str, ...]:
    """The catalog columns that took part in answers."""
    from spectrove.pipeline.column_views import columns_in

    if answers.base is None:
        return ()
    view = answers.target.views if answers.target else answers.provenance.get("view") or ()
    return columns_in(answers.base, (view,) if isinstance(view, str) else tuple(view))


def print_methods(answers: Answers | None, target: Target | None = None) -> None:
    """Print on stderr the metric of the distances, and how probabilities were obtained for which prevalence."""
    for sentence in methods_of(answers, target):
        say(f" {sentence}", as_json=True)


def methods_of(answers: Answers | None, target: Target | None = None) -> list[str]:
    """Sentences on the metric of the distances, and on how probabilities were obtained for which prevalence."""
    if answers is None:
        return []
    said = []
    if columns := columns_of(answers):
        n = sum("columns_unknown" in prediction.flags for prediction in answers.predictions)
        unknown = f" (none is known of {n} of {len(answers)} spectra)" if n else ""
        said.append(f"with columns {', '.join(columns)} of the catalog{unknown}, not by spectra alone")
    calibration = answers.calibration
    said += [sentence for sentence in (answers.metric.sentence, calibration.sentence) if sentence]
    share = None if target is None or not calibration.sentence else calibration.prevalence(target)
    if target is not None and share is not None:
        given = target.prior is not None or target.prevalence is not None
        whose = "expected" if given else "of the base; give another with --prevalence"
        said.append(f"prevalence of {target.positive} {share:.3g}, {whose}")
    return said
