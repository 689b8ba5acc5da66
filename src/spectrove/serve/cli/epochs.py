"""spectrove epochs: spectra of one object at different times, and whether its lines changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve import text
from spectrove.serve.batches import Counts
from spectrove.serve.cli import options
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import check_output, in_folder, print_lines, say, write_table
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift

if TYPE_CHECKING:
    from spectrove.inference.differences.epochs import EpochPair
    from spectrove.pipeline import Answers

PAGE = ".html"

#: Rows on the screen, and pairs that the page draws.
ON_SCREEN, PICTURES = 30, 12

By = Annotated[
    str | None, typer.Option("--by", metavar="COLUMN", help="Column that names the object of each spectrum.")
]
Changed = Annotated[
    bool, typer.Option("--changed", help="Only pairs that changed at a corrected probability of 0.05.")
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with a figure of each pair."),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove epochs`."""

    spectra: options.Spectra
    by: By = None
    changed: Changed = False
    queries: options.Queries = None
    as_json: options.Json = False
    output: options.Output = None
    report: Report = None
    reading: Reading
    redshift: Redshift


@options.grouped
def epochs(typed: Typed) -> None:
    """Compare spectra of one object at different times, and rank those whose lines changed.

    Spectra belong to one object within 2 arcsec on the sky, if their redshifts agree. No base is needed.
    """
    check_output(typed.output)
    check_output(typed.report, (PAGE,))
    queries = options.query_batches(typed)
    from spectrove import pipeline
    from spectrove.spectra import SpectrumSet
    from spectrove.version import __version__

    spectra = SpectrumSet.concatenate(list(queries))
    with usage_errors(), progress_bar("comparing objects") as advance:
        answers = pipeline.epochs(None, spectra, by=typed.by, changed=typed.changed, tell=advance)
    counts = Counts(queries)
    counts.add(answers, spectra)
    queries.refusals.flush()
    files = [path for path in (typed.output, typed.report) if path]
    if typed.as_json:
        print_lines(answers.to_dicts(), *files)
    if typed.output:
        write_table(
            typed.output, answers.to_dicts(), {"creator": f"spectrove {__version__}", **answers.provenance}
        )
    if typed.report:
        write_page(in_folder(typed.report), spectra, answers)
    if not typed.as_json:
        for line in table(answers.predictions):
            say(line)
    wrote = f"   wrote {', '.join(map(str, files))}" if files else ""
    say(f" {summary(answers)}{counts.cautions()}{wrote}", as_json=typed.as_json)
    raise typer.Exit(counts.exit_code if answers.predictions else 0)


def table(pairs: Sequence[EpochPair]) -> list[str]:
    """A line per pair, the most significant first."""
    if not pairs:
        return []
    rows = [("object", "earlier", "p", "corrected", "evidence")]
    for pair in pairs[:ON_SCREEN]:
        best = f" ({pair.changes[0].width:+.2g} ± {pair.changes[0].error:.1g} A)" if pair.changes else ""
        doubt = f"   ? {', '.join(pair.flags)}" if pair.flags else ""
        evidence = pair.what + (best if pair.what != "no change" else "")
        rows.append(
            (pair.object_id, pair.earlier, f"{pair.p_value:.2g}", f"{pair.p_corrected:.2g}", evidence + doubt)
        )
    lines = text.columns(rows)
    rest = len(pairs) - ON_SCREEN
    return [*lines, f" ... and {rest} more"] if rest > 0 else lines


def summary(answers: Answers) -> str:
    """How many pairs changed, and how many would by chance."""
    n, objects = answers.provenance["pairs"], answers.provenance["objects"]
    changed = sum(pair.p_corrected <= 0.05 for pair in answers)
    return (
        f"{changed} of {text.count(n, 'pair', 'pairs')} of {text.count(objects, 'object', 'objects')} changed at "
        "corrected p <= 0.05"
    )


def write_page(path: Path, spectra: Any, answers: Answers) -> None:
    """Write the page: every pair ranked, with figures of the first."""
    from spectrove.explanation.epochs_page import write_epochs_page
    from spectrove.pipeline import domain_of

    about = domain_of(None).variability
    assert about is not None  # the verb needed it
    write_epochs_page(path, spectra, list(answers), about, summary=summary(answers), pictures=PICTURES)
