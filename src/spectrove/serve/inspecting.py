"""hunt --review: marks are read from a sheet, and the spectra to look at next are added to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from spectrove.serve import text
from spectrove.serve.batches import Counts
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import check_output, print_lines, printing, say, write_table
from spectrove.serve.placing import needs_positions, positions_of, with_positions
from spectrove.serve.run import Outputs, Request, Results, answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from spectrove.inference.inspection.sheet import Sheet
    from spectrove.pipeline import Answers
    from spectrove.pipeline.inspection import Inspection

#: What is said of each reason for a proposal on the screen.
BECAUSE = {
    "likely": "likely", "informative": "near the border between yes and no", "random": "by chance, for the count",
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """A look through candidates, as it was asked for.

    Attributes:
        path: Of the sheet.
        n: Spectra that shall be open.
        page: Writes a page of the spectra to look at from their answers.
    """

    path: Path
    n: int
    page: Callable[[Path, Results], None] | None = None


def sheet_before(path: Path) -> Sheet:
    """The sheet as it is; an empty one if there is none. Whatever is wrong with it is said before the work begins."""
    check_output(path, (".csv",))
    from spectrove.inference.inspection.sheet import Sheet, read_sheet

    if not path.exists():
        return Sheet()
    with usage_errors():
        return read_sheet(path)


def look(request: Request, outputs: Outputs, asked: Look) -> None:
    """Answer every query, read the marks, propose the next spectra, and end with the exit code."""
    before = sheet_before(asked.path)
    from spectrove.inference.inspection.ranking import Candidates
    from spectrove.pipeline.inspection import candidates_of, hunted, inspect, known_of

    results = Results(Counts(request.queries))
    parts, kept = [], []
    for answers in answered(request, request.queries, results.counts):
        results.last = answers
        results.predictions += answers.predictions
        kept += [answers] if outputs.page or needs_positions(outputs.table) else []
        if len(answers):
            parts.append(candidates_of(answers, request.encoders))
    candidates = Candidates.concatenate(parts)
    assert results.last is not None
    with usage_errors():
        found = inspect(before, candidates, hunted(results.last), asked.n, known_of(results.last))
    found.write(asked.path)
    _write_files(request, outputs, asked, found, results, kept)
    _show(found, outputs, asked.path)
    raise typer.Exit(results.counts.exit_code)


def _write_files(
    request: Request,
    outputs: Outputs,
    asked: Look,
    found: Inspection,
    results: Results,
    kept: Sequence[Answers],
) -> None:
    """The ranking as a table, and the page of the spectra to look at."""
    if outputs.table:
        rows = [
            {"object_id": name, "rank": i + 1, "score": score, "mark": found.marks.get(name, "")}
            for i, (name, score) in enumerate(found.ranking)
        ]
        if needs_positions(outputs.table):
            own = (positions_of(answers.spectra).items() for answers in kept)
            rows = with_positions(rows, {name: where for items in own for name, where in items})
        write_table(outputs.table, rows, request.provenance(results.metric))
    if outputs.page and asked.page:
        wanted = [*found.open, *(one.object_id for one in found.next)]
        place = {p.object_id: (answers, i) for answers in kept for i, p in enumerate(answers.predictions)}
        results.pictured = [place[name][0].take([place[name][1]]) for name in wanted if name in place]
        asked.page(outputs.page, results)


def _show(found: Inspection, outputs: Outputs, path: Path) -> None:
    """The spectra to look at, what could not be used, and how complete the found ones are."""
    as_json = outputs.as_json
    if as_json:
        lines = [*(one.to_dict() for one in found.next), {"completeness": found.completeness.to_dict()}]
        print_lines(lines, *outputs.files)
    else:
        rows = [("look at", "score", "why")]
        rows += [(one.object_id, f"{one.score:.2f}", BECAUSE[one.because]) for one in found.next]
        with printing(*outputs.files):
            for line in text.columns(rows):
                say(line)
    for caution in found.cautions:
        say(f" {caution}", as_json=True)
    say(f" {found.completeness.sentence}", as_json=as_json)
    say(f" {_what_next(found, path)}", as_json=as_json)


def _what_next(found: Inspection, path: Path) -> str:
    """What the person does now, a sentence."""
    unsure = sum(mark == "unsure" for mark in found.marks.values())
    said = f"{unsure} unsure, counted neither as found nor as missing; " if unsure else ""
    new, waiting = len(found.next), len(found.open)
    if not new and not waiting:
        why = "the list is complete" if found.completeness.reached else "every spectrum was looked at"
        return f"{said}nothing is proposed: {why}"
    added = f"{text.count(new, 'spectrum', 'spectra')} added to {path}" if new else f"nothing added to {path}"
    open_ = f", {waiting} proposed before and still without a mark" if waiting else ""
    return (
        f"{said}{added}{open_}: write yes, no or unsure in the column mark, then run the same command again"
    )


def need_review(given: int | None, path: Path | None) -> None:
    """Refuse --next without --review."""
    if given is not None and path is None:
        from spectrove.errors import CatalogError

        raise UsageError(
            CatalogError("--next says how many spectra --review proposes. Give --review FILE.csv too.")
        )
