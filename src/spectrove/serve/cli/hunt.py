"""spectrove hunt: which spectra are what a target describes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import Asked, Tally, about, answered, encoder_of, open_base
from spectrove.serve.cli.output import check_output, print_json, say, write_table

if TYPE_CHECKING:
    from spectrove.inference import Prediction
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet

TargetName = Annotated[
    str,
    typer.Option("--target", metavar="NAME|FILE", help="What to hunt: a name or a TOML file."),
]
Top = Annotated[
    int | None, typer.Option("--top", metavar="N", min=1, help="Only the N most probable, best first.")
]
Report = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.html", help="Write a page with the evidence for the best."),
]

#: Objects that a report explains where --top does not say how many.
IN_REPORT = 20


def hunt(
    kb: options.Base,
    spectra: options.Spectra,
    target: TargetName,
    top: Top = None,
    k: options.TargetK = None,
    where: options.Where = None,
    queries: options.Queries = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    as_json: options.Json = False,
    output: options.Output = None,
    report: Report = None,
) -> None:
    """Which spectra are what a target describes.

    With probability and evidence, best first; --json keeps the order of the input.
    """
    check_output(output)
    check_output(report, (".html",))
    from spectrove.targets import load_target

    wanted = load_target(target)
    asked = Asked(spectra, queries)
    base = open_base(kb, where)
    wanted.check(base.columns)
    wanted.check(base.columns, base.label_values(wanted.label))
    network = encoder_of(base, encoder)
    from spectrove import pipeline

    def ask(batch: SpectrumSet) -> Answers:
        return pipeline.hunt(base, batch, wanted, k=k, where=where, allow_self=allow_self, encoder=network)

    tally = Tally(asked)
    predictions: list[Prediction] = []
    kept: list[Answers] = []
    for answers in answered(asked, ask, tally):
        predictions += answers.predictions
        kept += [answers] if report else []
        if as_json and top is None:
            for prediction in answers.predictions:
                print_json(prediction.to_dict())
            sys.stdout.flush()
    best = ranked(predictions)[:top]
    if as_json and top is not None:
        for prediction in best:
            print_json(prediction.to_dict())
    if output:
        chosen = predictions if top is None else best
        write_table(output, [p.to_dict() for p in chosen], about(base, target=wanted.name, k=k or wanted.k))
    if report:
        write_report(report, kept, best[: top or IN_REPORT])
    if not as_json:
        for line in text.hunt_table(best, wanted):
            say(line)
    files = ", ".join(str(path) for path in (output, report) if path)
    wrote = f"   wrote {files}" if files else ""
    say(f" {text.hunt_summary(predictions, wanted)}{tally.cautions()}{wrote}", as_json=as_json)
    raise typer.Exit(tally.exit_code)


def ranked(predictions: list[Prediction]) -> list[Prediction]:
    """Most probable first; those without an answer last; equals in the order they came."""
    return sorted(predictions, key=lambda p: -1.0 if p.probability is None else p.probability, reverse=True)


def write_report(path: Path, answers: list[Answers], best: list[Prediction]) -> None:
    raise NotImplementedError
