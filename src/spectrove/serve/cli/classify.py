"""spectrove classify: the class of each spectrum, from its nearest known spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from spectrove.serve import text
from spectrove.serve.bases import encoders_of, open_base
from spectrove.serve.cli import options
from spectrove.serve.exits import usage_errors
from spectrove.serve.output import WITH_POSITIONS, check_output
from spectrove.serve.reading import Reading, Redshift
from spectrove.serve.run import Outputs, Request, Show, run

Label = Annotated[
    str,
    typer.Option("--label", metavar="COLUMN", help="Column of the base with the classes."),
]

Trusted = Annotated[
    bool, typer.Option("--trusted", help="Only objects whose label agrees with their neighbours vote.")
]


Prevalence = Annotated[
    str | None,
    typer.Option(
        "--prevalence",
        metavar="base|equal|FILE",
        help="Shares of the classes among SPECTRA: those of the base, equal, or of a JSON file {class: share}.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """Arguments and options of `spectrove classify`."""

    kb: options.Base
    spectra: options.Spectra
    label: Label
    k: options.K = 3
    where: options.Where = None
    view: options.Views = None
    queries: options.Queries = None
    metric: options.Metric = "auto"
    calibration: options.Calibration = "auto"
    witness: options.WitnessOption = "auto"
    prevalence: Prevalence = None
    trusted: Trusted = False
    encoder: options.QueryEncoder = None
    allow_self: options.AllowSelf = False
    as_json: options.Json = False
    output: options.Output = None
    reading: Reading
    redshift: Redshift


@options.grouped
def classify(typed: Typed) -> None:
    """Classify each spectrum.

    Its nearest labelled neighbours vote; near ones have more weight.
    """
    check_output(typed.output, WITH_POSITIONS)
    queries = options.query_batches(typed)
    base = open_base(typed.kb, typed.where)
    from spectrove import pipeline
    from spectrove.pipeline.options import weights_of
    from spectrove.pipeline.verbs import VERBS

    label, where, verb = typed.label, typed.where, VERBS["classify"]
    with usage_errors():
        pipeline.check_label(base, label)
    encoders = encoders_of(base, typed.encoder, options.searched(base, typed.view))
    if typed.trusted:
        where = pipeline.trusted(base, label, where=where, metric=typed.metric, view=weights_of(typed.view))
    show = Show(
        table=lambda predictions, _: text.class_table(predictions),
        summary=lambda results: text.class_summary(results.predictions),
        notes=lambda _: {"label": label, "k": typed.k},
    )
    request = Request(verb, base, queries, encoders, (label,), options.given(typed, verb, where=where))
    run(request, Outputs(typed.as_json, typed.output), show)
