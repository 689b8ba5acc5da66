"""spectrove estimate: the redshift or another number, with its interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.errors import KnowledgeError, SpectroveError
from spectrove.serve import text_estimates
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import UsageError, usage_errors
from spectrove.serve.output import WITH_POSITIONS, check_output
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Show, run

if TYPE_CHECKING:
    from spectrove.explanation.followup import Meaning
    from spectrove.knowledge import KnowledgeBase
    from spectrove.pipeline.verbs import Verb

Quantity = Annotated[
    str,
    typer.Option(
        "--quantity",
        metavar="NAME[,NAME]",
        help="Numeric columns of the base with commas between them, or z for the redshift.",
    ),
]
Level = Annotated[float, typer.Option("--level", metavar="P", help="Coverage of the intervals.")]
K = Annotated[
    int | None,
    typer.Option("-k", metavar="N", min=1, help="Neighbours per spectrum; by default 10, and 3 for z."),
]


By = Annotated[
    str,
    typer.Option(
        "--by", metavar="WAY", help="neighbours, or what a kind of light has beside them: network for stars."
    ),
]
Samples = Annotated[
    int,
    typer.Option(
        "--samples", metavar="N", min=0, help="Samples of the posterior of each spectrum; not by neighbours."
    ),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove estimate`."""

    kb: options.Base
    spectra: options.Spectra
    quantity: Quantity
    by: By = "neighbours"
    k: K = None
    level: Level = 0.68
    samples: Samples = 0
    where: options.Where = None
    queries: options.Queries = None
    encoder: options.QueryEncoder = None
    allow_self: options.AllowSelf = False
    as_json: options.Json = False
    output: options.Output = None
    reading: Reading
    redshift: Redshift


@options.grouped
def estimate(typed: Typed) -> None:
    """Estimate the redshift or other numbers of each spectrum.

    What the trend over the base says, corrected by the nearest spectra whose value is known.
    """
    check_output(typed.output, WITH_POSITIONS)
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    from spectrove.pipeline.verbs import VERBS

    is_z = typed.quantity == "z"
    verb = VERBS["redshift" if is_z else "estimate"]
    _check(base, typed)
    encoders = encoders_of(base, typed.encoder)
    request = Request(
        verb, base, queries, encoders, () if is_z else (typed.quantity,), options.given(typed, verb)
    )
    table = text_estimates.redshift_table if is_z else text_estimates.estimate_table
    run(request, Outputs(typed.as_json, typed.output), _show(base, typed, table, verb))


def _show(
    base: KnowledgeBase, typed: Typed, table: Callable[[Sequence[Mapping[str, Any]]], list[str]], verb: Verb
) -> Show:
    """How estimates are shown: by a table of their plain values."""
    k = typed.k or verb.options().k  # type: ignore[attr-defined]
    return Show(
        table=lambda estimates, _: table([e.to_dict() for e in estimates]),
        summary=lambda results: text_estimates.estimate_summary([e.to_dict() for e in results.predictions]),
        notes=lambda _: (
            {"quantity": typed.quantity, "level": typed.level}
            | ({"k": k} if typed.by == "neighbours" else {"by": typed.by})
        ),
        rows=lambda estimates: [_flat(e.to_dict()) for e in estimates],
        meaning=_meanings(base, typed.quantity),
    )


def _meanings(base: KnowledgeBase, quantities: str) -> Callable[[str], Meaning | None]:
    """Units of the columns of a file: of several quantities each has its own, of one they are called value."""
    from spectrove.explanation.followup import Meaning
    from spectrove.pipeline.domains import domain_of

    names = [name.strip() for name in quantities.split(",")]
    known: dict[str, Meaning] = {}
    for name in names:
        quantity = domain_of(base).quantities.get(name)
        if quantity is None or not quantity.unit:
            continue
        alone = {"": "value", "_low": "interval_low", "_high": "interval_high", "_samples": "samples"}
        for end, alone_called in alone.items():
            called = alone_called if len(names) == 1 else f"{name}{end}"
            known[called] = Meaning("", quantity.unit)
    return known.get


def _check(base: KnowledgeBase, typed: Typed) -> None:
    """Refuse what cannot be estimated, and options that have no effect on a redshift."""
    if typed.quantity != "z":
        from spectrove import pipeline

        with usage_errors():
            pipeline.check_quantities(base, typed.quantity, typed.level, typed.by)
            if typed.samples and typed.by == "neighbours":
                raise KnowledgeError(
                    "estimate by neighbours has no --samples: it has intervals but no posterior. Leave it out, or name "
                    "something else with --by."
                )
        return
    useless = {
        "--samples": (typed.samples > 0, "templates decide, and there is no posterior"),
        "--by": (typed.by != "neighbours", "templates decide"),
        "--where": (typed.where is not None, "templates decide, not objects"),
        "--allow-self": (typed.allow_self, "templates decide, not objects"),
        "--missing-z": (typed.redshift.missing_z != "refuse", "it is estimated for every spectrum"),
        "-z": (typed.redshift.z is not None, "no redshift that is known already has a part in it"),
    }
    for option, (was_typed, why) in useless.items():
        if was_typed:
            raise UsageError(SpectroveError(f"estimate --quantity z takes no {option}: {why}. Leave it out."))
    if not 0 < typed.level < 1:
        raise UsageError(SpectroveError(f"level is {typed.level:g}, expected a number between 0 and 1."))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its candidates as columns: candidate_z_1, candidate_chi2_1 and so on."""
    flat = {name: value for name, value in row.items() if name != "z_candidates"}
    for i, candidate in enumerate(row.get("z_candidates", ()), 1):
        flat |= {f"candidate_{name}_{i}": value for name, value in candidate.items()}
    return flat
