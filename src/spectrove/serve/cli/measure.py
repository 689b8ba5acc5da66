"""spectrove measure: numbers measured in each spectrum, with their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.serve import text_measures
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import WITH_POSITIONS, check_output, print_json, say
from spectrove.serve.progress import progress_bar
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Results, Show, run
from spectrove.serve.text import count

if TYPE_CHECKING:
    from spectrove.domain import Measure
    from spectrove.explanation.followup import Meaning
    from spectrove.pipeline.measure import MeasuredSpectrum

Measures = Annotated[
    str | None,
    typer.Option("--measures", metavar="NAME,...", help="What to measure; by default everything."),
]

Stored = Annotated[
    str | None,
    typer.Option("--measures", metavar="NAME,...", help="What to store; by default everything."),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove measure`."""

    spectra: options.Spectra
    measures: Measures = None
    queries: options.Queries = None
    domain: options.Kind = None
    as_json: options.Json = False
    output: options.Output = None
    reading: Reading
    redshift: Redshift


@options.grouped
def measure(typed: Typed) -> None:
    """Measure lines, widths, indices and colours of each spectrum, with errors.

    No base is needed. Errors are one sigma of everything known: noise, continuum, profile, calibration.
    """
    check_output(typed.output, WITH_POSITIONS)
    queries = options.query_batches(typed)
    from spectrove.pipeline.measure import chosen_measures, measurer_of, provenance_of
    from spectrove.pipeline.verbs import VERBS

    verb = VERBS["measure"]
    with usage_errors():
        measurer = measurer_of(queries.domain)
        chosen_measures(measurer, typed.measures)
    request = Request(verb, None, queries, options=options.given(typed, verb))
    headline = None if typed.measures else measurer.headline
    show = Show(
        table=lambda found, _: _lines(found, headline),
        summary=_summary,
        notes=lambda _: provenance_of(measurer, queries.domain),
        meaning=_meanings(measurer.measures),
    )
    run(request, Outputs(typed.as_json, typed.output), show)


def store(
    kb: options.Base,
    where: options.Where = None,
    measures: Stored = None,
    as_json: options.Json = False,
) -> None:
    """Measure the objects of a base and store the numbers as its columns.

    They are measured_NAME and measured_NAME_err, one new version; nothing is encoded again. An interrupted command goes
    on where it stopped when it is repeated.
    """
    base = open_base(kb, where)
    from spectrove import pipeline
    from spectrove.pipeline.measure import chosen_measures, measurer_of

    with usage_errors():
        chosen_measures(measurer_of(pipeline.domain_of(base)), measures)
    before = base.version
    with progress_bar("measuring", base.count(where)) as advance:
        done = pipeline.store_measures(base, measures, where=where, progress=advance)
    if as_json:
        print_json(asdict(done))
    objects = count(done.measured, "object", "objects")
    without = (
        f", {done.unmeasured} without any (no redshift, no good pixel, or no fit)" if done.unmeasured else ""
    )
    changed = f"; go back with kb rollback {kb} {before}" if done.version != before else "; nothing changed"
    say(
        f" {objects} measured{without}: {len(done.columns)} columns with their errors, such as {done.columns[0]}; "
        f"version {done.version}{changed}",
        as_json=as_json,
    )


def _lines(found: Sequence[MeasuredSpectrum], headline: Sequence[str] | None) -> list[str]:
    """One spectrum in full, many in a table."""
    return text_measures.one(found[0]) if len(found) == 1 else text_measures.many(found, headline)


def _summary(results: Results) -> str:
    return text_measures.summary(results.predictions)


def _meanings(measures: Sequence[Measure]) -> Callable[[str], Meaning | None]:
    """Units and words of the columns of a file."""
    from spectrove.explanation.followup import Meaning, meaning
    from spectrove.inference.numbers.columns import MEASURED

    known: dict[str, Meaning] = {}
    for one in measures:
        known[f"{MEASURED}{one.name}"] = Meaning(one.title, one.unit)
        known[f"{MEASURED}{one.error}"] = Meaning(f"One-sigma error: {one.title}", one.unit, "stat.error")
    return lambda name: known.get(name) or meaning(name)
