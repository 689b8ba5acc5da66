"""spectrove classify: the class of each spectrum, from its nearest known spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import (
    Asked,
    Tally,
    about,
    answered,
    encoders_of,
    open_base,
    tell_calibration,
    tell_metric,
)
from spectrove.serve.cli.guard import asking
from spectrove.serve.cli.output import Told, check_output, print_lines, say, write_table

if TYPE_CHECKING:
    from spectrove.inference import Prediction
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet

Label = Annotated[
    str,
    typer.Option("--label", metavar="COLUMN", help="Column of the base with the classes."),
]

Trusted = Annotated[
    bool, typer.Option("--trusted", help="Only objects whose label agrees with their neighbours vote.")
]


@options.grouped
def classify(
    kb: options.Base,
    spectra: options.Spectra,
    label: Label,
    k: options.K = 3,
    where: options.Where = None,
    queries: options.Queries = None,
    metric: options.Metric = "auto",
    calibration: options.Calibration = "auto",
    witness: options.WitnessOption = "auto",
    trusted: Trusted = False,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    as_json: options.Json = False,
    output: options.Output = None,
    *,
    reading: options.Reading,
    redshift: options.Redshift,
) -> None:
    """Classify each spectrum.

    Its nearest labelled neighbours vote; near ones have more weight.
    """
    check_output(output)
    asked = Asked(spectra, queries, reading=reading, redshift=redshift, told=Told(as_json))
    base = open_base(kb, where)
    from spectrove import pipeline

    with asking():
        pipeline.check_label(base, label)
    networks = encoders_of(base, encoder)
    if trusted:
        where = pipeline.trusted(base, label, where=where, metric=metric)

    def ask(batch: SpectrumSet) -> Answers:
        return pipeline.classify(
            base,
            batch,
            label,
            k=k,
            where=where,
            metric=metric,
            calibration=calibration,
            witness=witness,
            allow_self=allow_self,
            encoder=networks,
            redshifts=asked.redshifts,
        )

    tally = Tally(asked)
    predictions: list[Prediction] = []
    fitted = calibrated = None
    for answers in answered(asked, ask, tally):
        predictions += answers.predictions
        fitted, calibrated = answers.metric, answers.calibration
        if as_json:
            print_lines((p.to_dict() for p in answers.predictions), output)
    if output:
        write_table(
            output, [p.to_dict() for p in predictions], about(base, networks, fitted, label=label, k=k)
        )
    if not as_json:
        for line in text.class_table(predictions):
            say(line)
    wrote = f"   wrote {output}" if output else ""
    say(f" {text.class_summary(predictions)}{tally.cautions()}{wrote}", as_json=as_json)
    tell_metric(fitted)
    tell_calibration(calibrated)
    raise typer.Exit(tally.exit_code)
