"""spectrove search: the nearest known spectra."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from spectrove.serve.cli import options, text
from spectrove.serve.cli.asking import Asked, Tally, about, answered, encoders_of, open_base
from spectrove.serve.cli.output import check_output, print_json, say, write_table

if TYPE_CHECKING:
    from spectrove.pipeline import Answers
    from spectrove.spectra import SpectrumSet


def search(
    kb: options.Base,
    spectra: options.Spectra,
    k: options.K = 3,
    where: options.Where = None,
    queries: options.Queries = None,
    encoder: options.QueryEncoder = None,
    allow_self: options.AllowSelf = False,
    as_json: options.Json = False,
    output: options.Output = None,
) -> None:
    """The nearest known spectra of each spectrum."""
    check_output(output)
    asked = Asked(spectra, queries)
    base = open_base(kb, where)
    networks = encoders_of(base, encoder)
    from spectrove import pipeline

    def ask(batch: SpectrumSet) -> Answers:
        return pipeline.search(base, batch, k=k, where=where, allow_self=allow_self, encoder=networks)

    tally = Tally(asked)
    rows: list[dict[str, Any]] = []
    for answers in answered(asked, ask, tally):
        found = answers.neighbors.to_dicts()
        rows += found if output else []
        if as_json:
            for row in found:
                print_json(row)
            sys.stdout.flush()
        else:
            for line in text.neighbor_table(answers.neighbors)[1 if tally.answered > len(found) else 0 :]:
                say(line)
    if output:
        write_table(output, rows, about(base, networks, k=k))
    wrote = f"   wrote {output}" if output else ""
    summary = f" searched {len(base)} known spectra for {text.count(tally.answered, 'spectrum', 'spectra')}"
    say(summary + tally.cautions() + wrote, as_json=as_json)
    raise typer.Exit(tally.exit_code)
