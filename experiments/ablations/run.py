"""Measure ablations: python -m experiments ablations k sn_noise ... | all | shipped | trained

Every point is kept in OUT/points and not measured again for the same encoder, data and way of asking, so that a run
that was stopped goes on where it was. Each ablation gives OUT/NAME.png, NAME.md and NAME.json; progress goes to stderr.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from experiments.ablations import keeping, pages, transfer
from experiments.ablations.measured import Measured, known, measure
from experiments.ablations.plans import ABLATIONS, INFERENCE, TRAINED
from experiments.ablations.points import Ablation
from experiments.samples.bench import Bench, Sizes
from spectrove.errors import SpectroveError

HERE = Path(__file__).resolve().parent
NAMES = (*ABLATIONS, transfer.NAME)
GROUPS = {
    "all": NAMES,
    "shipped": (*(a.name for a in INFERENCE), transfer.NAME),
    "trained": tuple(a.name for a in TRAINED),
}


def sizes_of(ablation: Ablation | None, fast: bool) -> Sizes:
    """How much is measured of it, from recipe.toml."""
    table = tomllib.loads((HERE / "recipe.toml").read_text("utf-8"))
    return Sizes.model_validate(
        table["fast" if fast else "trained" if ablation and ablation.trained else "shipped"]
    )


def bench_of(ablation: Ablation | None, options: argparse.Namespace, benches: dict[str, Bench]) -> Bench:
    """One for each size, so that samples are made once."""
    sizes = sizes_of(ablation, options.fast)
    return benches.setdefault(sizes.model_dump_json(), Bench(options.out, options.data, sizes, say))


def run(ablation: Ablation, bench: Bench, options: argparse.Namespace, until: float) -> None:
    """Measure what is missing, and write the pages of what there is."""
    how = {"encoder": options.encoder, "fast": options.fast}
    todo = [(p, s) for p in ablation.points for s in bench.samples if p.sample in ("", s)]
    found: list[Measured] = []
    missing: list[str] = []
    for i, (point, sample) in enumerate(todo):
        had = None if options.again else known(bench, ablation, point, sample, **how)
        left_out = options.pages or time.time() > until or options.line not in (None, point.line)
        if had is None and left_out:
            missing.append(f"{point.x}{', ' + point.line if point.line else ''} ({sample})")
            continue
        if had is None:
            say(f"  {i + 1}/{len(todo)} {point.x} {point.line} {sample}")
        found.append(had or measure(bench, ablation, point, sample, again=options.again, **how))
    pages.write(ablation, found, missing, options.out)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    os.environ.setdefault("RUST_LOG", "error")
    options = _parser().parse_args(arguments)
    names = list(dict.fromkeys(n for name in options.names for n in GROUPS.get(name, (name,))))
    until = time.time() + 60 * options.minutes if options.minutes else float("inf")
    benches: dict[str, Bench] = {}
    try:
        for i, name in enumerate(names):
            say(f"[{i + 1}/{len(names)}] {name}")
            ablation = ABLATIONS.get(name)
            bench = bench_of(ablation, options, benches)
            if ablation is None:
                transfer.run(bench, options.encoder, options.out, fast=options.fast)
            else:
                run(ablation, bench, options, until)
            page = options.out / f"{name}.md"
            print(page.read_text("utf-8") if page.exists() else f"{name}: nothing could be measured here")
        if options.keep:
            keeping.keep(options.out, HERE, names, NAMES)
    except SpectroveError as error:
        say(f"{type(error).__name__}: {error}")
        return 1
    return 0


def say(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    data = os.environ.get("SPECTROVE_DATA")
    parser = argparse.ArgumentParser(
        "python -m experiments ablations", description=(__doc__ or "").splitlines()[0]
    )
    choices = [*NAMES, *GROUPS]
    parser.add_argument("names", nargs="+", choices=choices, metavar="NAME", help=", ".join(choices))
    parser.add_argument(
        "--data", type=Path, default=Path(data) if data else None, help="folder with real spectra"
    )
    parser.add_argument("--no-data", dest="data", action="store_const", const=None, help="mock spectra only")
    parser.add_argument("--encoder", default="base", help="the encoder of ablations that train none")
    parser.add_argument(
        "--out", type=Path, default=HERE.parent / "out" / "ablations", help="folder to write to"
    )
    parser.add_argument("--minutes", type=float, help="begin no further point after so many minutes")
    parser.add_argument("--line", help="measure the points of this curve alone, such as 'metric none'")
    parser.add_argument(
        "--pages", action="store_true", help="measure nothing, write pages of what was measured"
    )
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument(
        "--fast", action="store_true", help="tiny samples: does it run, not what does it find"
    )
    parser.add_argument(
        "--keep", action="store_true", help="copy figures and tables here, and into README.md"
    )
    return parser
