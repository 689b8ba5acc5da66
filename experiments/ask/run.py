"""python -m experiments ask: every way of asking, measured on plates left out."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from experiments.ask.bench import Bench, Section
from experiments.code import code_hash
from spectrove.errors import SpectroveError
from spectrove.provenance import canonical_json

DONE, FAILED = 0, 1


class Part(NamedTuple):
    """Where a part is written, and what it measures."""

    module: str
    sentence: str


#: The parts; `run(bench)` of a module measures it.
PARTS: dict[str, Part] = {
    "numbers": Part("experiments.ask.numbers", "conditions over measured columns: how well P is calibrated"),
    "measured": Part("experiments.ask.measured", "how far the errors of measurements hold"),
    "words": Part("experiments.ask.words", "Sentences that the grammar reads as they were meant."),
    "review": Part(
        "experiments.ask.review",
        "looks through candidates: targets found, and how complete they are said to be",
    ),
    "examples": Part(
        "experiments.ask.examples",
        "hunts by example beside kNN, logistic regression and isolation forest + clicks",
    ),
    "differences": Part(
        "experiments.ask.differences",
        "where sets differ, the direction between them, and epochs of one object",
    ),
}

README = Path(__file__).with_name("README.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the parts; exit code 1 if one of them failed."""
    given = _parser().parse_args(arguments)
    names = list(dict.fromkeys(given.only.split(","))) if given.only else list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        print(f"{', '.join(unknown)}: no part of ask; there are {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    data = os.environ.get("SPECTROVE_DATA")
    bench = Bench(
        given.output, Path(data) if data else None, given.draws, given.seed, workers=given.workers, say=say
    )
    bench.folder.mkdir(parents=True, exist_ok=True)
    if bench.data is None:
        say("no real spectra (set SPECTROVE_DATA): only mock parts can run")
    return max([measure(name, bench, given.again, given.keep) for name in names], default=DONE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments ask", description=__doc__)
    parser.add_argument("--only", metavar="NAMES", help=f"parts, with commas: {', '.join(PARTS)}")
    parser.add_argument("--draws", type=int, default=30, metavar="N", help="random draws of each setting")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="from which all seeds are derived")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    parser.add_argument("--keep", action="store_true", help="put the tables into experiments/ask/README.md")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("experiments/out/ask"), metavar="DIR",
        help="where everything is kept: a run that was stopped goes on with the next part",
    )  # fmt: skip
    return parser


def measure(name: str, bench: Bench, again: bool, keep: bool) -> int:
    """Print the section of a part, from its file if nothing changed since; a part that fails stops no other."""
    key = canonical_json([bench.settings, code_hash(_code(name))])
    section = None if again else kept(name, bench, key)
    if section is None:
        say(f"{name}: {PARTS[name].sentence}")
        start = time.monotonic()
        try:
            section = import_module(PARTS[name].module).run(bench)
        except SpectroveError as error:
            say(f"{name}: {error}")
            return FAILED
        say(f"{name}: {time.monotonic() - start:.0f} s")
        write(name, bench, key, section)
    print(f"## {section.title}\n\n{section.text}\n")
    if keep:
        README.write_text(with_section(README.read_text("utf-8"), name, section), "utf-8")
    return DONE


def _code(name: str) -> list[Path]:
    """The files whose code a part depends on: its own and the bench. The package is not among them: use --again."""
    own = Path(__file__).parents[2] / Path(*PARTS[name].module.split("."))
    return [Path(__file__).with_name("bench.py"), own if own.is_dir() else own.with_suffix(".py")]


def kept(name: str, bench: Bench, key: str) -> Section | None:
    """The section as it was written, if it was made in the same way."""
    path = bench.folder / f"{name}.json"
    if not path.exists():
        return None
    content = json.loads(path.read_text("utf-8"))
    if content["key"] != key:
        return None
    return Section(content["title"], tuple(content["rows"]), content["text"])


def write(name: str, bench: Bench, key: str, section: Section) -> None:
    """Write NAME.md and, last and in one step, NAME.json."""
    (bench.folder / f"{name}.md").write_text(f"## {section.title}\n\n{section.text}\n", "utf-8")
    content = {"key": key, "title": section.title, "text": section.text, "rows": list(section.rows)}
    part = bench.folder / f"{name}.json.part"
    part.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    os.replace(part, bench.folder / f"{name}.json")


def with_section(page: str, name: str, section: Section) -> str:
    """The page with the section between the marks of its part, which are added at the end if there are none."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = f"{begin}\n## {section.title}\n\n{section.text}\n{end}"
    found = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", page, flags=re.DOTALL)
    return page[: found.start()] + text + page[found.end() :] if found else f"{page.rstrip()}\n\n{text}\n"


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)
