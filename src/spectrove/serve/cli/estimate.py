"""spectrove estimate: the redshift or another number, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import SpectroveError
from spectrove.serve.cli import options, text_estimates
from spectrove.serve.cli.asking import Asked, Tally, about, answered, encoders_of, open_base
from spectrove.serve.cli.guard import AskedWronglyError, asking
from spectrove.serve.cli.output import Told, check_output, print_lines, say, write_table
from spectrove.serve.cli.progress import progress_bar

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet

Quantity = Annotated[
    str,
    typer.Option("--quantity", metavar="NAME", help="Numeric column of the base, or z for the redshift."),
]
Level = Annotated[float, typer.Option("--level", metavar="P", help="Coverage of the intervals.")]


#: Redshifts that are listed for each spectrum.
BEST = 5

K = Annotated[
    int | None,
    typer.Option("-k", metavar="N", min=1, help="Neighbours per spectrum; by default 10, and 3 for z."),
]


@options.grouped
def estimate(
    kb: options.Base,
    spectra: options.Spectra,
    quantity: Quantity,
    k: K = None,
    level: Level = 0.68,
    where: options.Where = None,
    queries: options.Queries = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    as_json: options.Json = False,
    output: options.Output = None,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Estimate the redshift or another number of each spectrum.

    What the trend over the base says, corrected by the nearest spectra whose value is known.
    """
    check_output(output)
    asked = Asked(spectra, queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb, where)
    if quantity == "z":
        _refuse_for_z(where, allow_self, redshift)
        return _redshift(base, asked, k or 3, level, encoder, as_json, output)
    from spectrove import pipeline
    from spectrove.pipeline.options import EstimateOptions

    with asking():
        pipeline.check_quantity(base, quantity, level)
    networks = encoders_of(base, encoder)
    voters = k or EstimateOptions().k

    def ask(batch: SpectrumSet) -> Answers:
        return pipeline.estimate(
            base, batch, quantity, k=voters, level=level, where=where, allow_self=allow_self, encoder=networks
        )

    tally = Tally(asked)
    found: list[dict[str, Any]] = []
    for answers in answered(asked, ask, tally):
        found += _told(answers, as_json, output)
    notes = about(base, networks, quantity=quantity, k=voters, level=level)
    _finish(found, text_estimates.estimate_table, tally, as_json, output, notes)


def _refuse_for_z(where: str | None, allow_self: bool, redshift: options.Redshift) -> None:
    """Refuse options that have no effect on a redshift."""
    useless = {
        "--where": (where is not None, "templates decide, not objects"),
        "--allow-self": (allow_self, "templates decide, not objects"),
        "--missing-z": (redshift.missing_z != "refuse", "it is estimated for every spectrum"),
        "-z": (redshift.z is not None, "no redshift that is known already has a part in it"),
    }
    for option, (given, why) in useless.items():
        if given:
            raise AskedWronglyError(
                SpectroveError(f"estimate --quantity z takes no {option}: {why}. Leave it out.")
            )


def _redshift(
    base: KnowledgeBase,
    asked: Asked,
    k: int,
    level: float,
    encoder: str | None,
    as_json: bool,
    output: Path | None,
) -> None:
    """Estimate redshifts, without reading any redshift of the query."""
    import numpy as np

    from spectrove.pipeline.redshift import redshift

    if not 0 < level < 1:
        raise AskedWronglyError(SpectroveError(f"level is {level:g}, expected a number between 0 and 1."))
    networks, tally = encoders_of(base, encoder), Tally(asked)
    found: list[dict[str, Any]] = []
    with progress_bar("answering") as advance:
        for batch in asked:
            estimates = redshift(base, batch, n=BEST, level=level, k=k, encoder=networks)
            found += _told(estimates, as_json, output)
            tally.answered += sum(bool(np.isfinite(e.z)) for e in estimates)
            advance(len(batch))
    notes = about(base, networks, quantity="z", k=k, level=level)
    _finish(found, text_estimates.redshift_table, tally, as_json, output, notes)


def _told(estimates: Iterable[Any], as_json: bool, output: Path | None) -> list[dict[str, Any]]:
    """Plain values of each estimate, printed as JSON if requested."""
    rows = [estimate.to_dict() for estimate in estimates]
    if as_json:
        print_lines(rows, output)
    return rows


def _finish(
    found: list[dict[str, Any]],
    table: Callable[[Sequence[Mapping[str, Any]]], list[str]],
    tally: Tally,
    as_json: bool,
    output: Path | None,
    notes: Mapping[str, Any],
) -> None:
    """Print the table and the summary, write the file, and exit."""
    if output:
        write_table(output, [_flat(row) for row in found], notes)
    if not as_json:
        for line in table(found):
            say(line)
    wrote = f"   wrote {output}" if output else ""
    say(f" {text_estimates.estimate_summary(found)}{tally.cautions()}{wrote}", as_json=as_json)
    raise typer.Exit(tally.exit_code)


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its candidates as columns: candidate_z_1, candidate_chi2_1 and so on."""
    flat = {name: value for name, value in row.items() if name != "z_candidates"}
    for i, candidate in enumerate(row.get("z_candidates", ()), 1):
        flat |= {f"candidate_{name}_{i}": value for name, value in candidate.items()}
    return flat
