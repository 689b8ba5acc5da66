"""Experiments of several parts: each part is measured by itself, kept, and put into the experiment's page."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from experiments.code import code_hash
from spectrove.errors import SpectroveError
from spectrove.provenance import canonical_json

DONE, FAILED, ASKED_WRONGLY = 0, 1, 2

#: Sources of a test with `--fast` that names no number.
FAST = 150


class Part(NamedTuple):
    """Where a part is written, and what it measures; `run(bench)` of the module gives a `Section`.

    Attributes:
        more: Other files of the folder whose code its figures depend on.
        real: Whether it measures real data alone; without them it is left out.
    """

    module: str
    sentence: str
    more: tuple[str, ...] = ()
    real: bool = False


@dataclass(frozen=True)
class Section:
    """What a part found.

    Attributes:
        title: Its heading.
        rows: Figures as flat dictionaries of plain values.
        text: Markdown without the heading: data, split, seeds, intervals, tables.
    """

    title: str
    rows: tuple[dict[str, Any], ...]
    text: str


class Bench(Protocol):
    """What the parts of an experiment are measured on."""

    @property
    def folder(self) -> Path:
        """Where everything is kept."""

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the figures of a part besides its code."""


@dataclass(frozen=True)
class Parts:
    """The parts of one experiment.

    Attributes:
        name: As in `python -m experiments NAME`.
        table: The parts by name, in the order in which they run.
        home: The folder of the experiment, with its README.
        shared: Files in it whose code every part depends on.
    """

    name: str
    table: Mapping[str, Part]
    home: Path
    shared: Sequence[str] = field(default=("bench.py",))

    @property
    def readme(self) -> Path:
        """The page that the tables are put into."""
        return self.home / "README.md"

    def parser(self, description: str | None) -> argparse.ArgumentParser:
        """The options that every experiment of parts has."""
        parser = argparse.ArgumentParser(prog=f"python -m experiments {self.name}", description=description)
        parser.add_argument("--only", metavar="NAMES", help=f"parts, with commas: {', '.join(self.table)}")
        parser.add_argument("--again", action="store_true", help="measure again what was measured before")
        parser.add_argument(
            "--keep", action="store_true", help=f"put the tables into experiments/{self.name}/README.md"
        )
        parser.add_argument(
            "-o", "--output", type=Path, default=Path("experiments/out") / self.name, metavar="DIR",
            help="where everything is kept: a run that was stopped goes on with the next part",
        )  # fmt: skip
        return parser

    def named(self, only: str | None, data: bool = True) -> list[str]:
        """The parts that `--only` names; empty, with a sentence on stderr, if one is none.

        If it names none, all of them, and without real data those that can do without; which are left out is said.
        """
        names = list(dict.fromkeys(only.split(","))) if only else list(self.table)
        unknown = [name for name in names if name not in self.table]
        if unknown:
            say(f"{', '.join(unknown)}: no part of {self.name}; there are {', '.join(self.table)}.")
            return []
        left_out = [name for name in names if self.table[name].real and not (data or only)]
        if left_out:
            say(
                f"{self.name}: {', '.join(left_out)} left out, which measure real sources (set SPECTROVE_DATA); "
                "only mock sources are measured."
            )
        return [name for name in names if name not in left_out]

    def measure(self, name: str, bench: Bench, again: bool, keep: bool) -> int:
        """Print the section of a part, from its file if nothing changed since; a part that fails stops no other."""
        key = canonical_json([bench.settings, code_hash(self.code(name))])
        if again:  # a part may keep its results one by one, in a folder of its name
            shutil.rmtree(bench.folder / name, ignore_errors=True)
        section = None if again else kept(name, bench, key)
        if section is None:
            say(f"{name}: {self.table[name].sentence}")
            start = time.monotonic()
            try:
                section = _of_module(self.table[name].module)(bench)
            except SpectroveError as error:
                say(f"{name}: {error}")
                return FAILED
            say(f"{name}: {time.monotonic() - start:.0f} s")
            write(name, bench, key, section)
        print(f"## {section.title}\n\n{section.text}\n")
        if keep:
            self.readme.write_text(with_section(self.readme.read_text("utf-8"), name, section), "utf-8")
        return DONE

    def code(self, name: str) -> list[Path]:
        """The files whose code a part depends on: its own and the shared. Not the package: use --again."""
        own = Path(__file__).parents[1] / Path(*self.table[name].module.split("."))
        files = [self.home / file for file in (*self.shared, *self.table[name].more)]
        return [*files, own if own.is_dir() else own.with_suffix(".py")]


def repeated(parser: argparse.ArgumentParser) -> None:
    """Add the options of experiments on spectra and texts, which may be run with one command."""
    parser.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="repetitions with other folds and mocks"
    )
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes, where a part can use them"
    )
    parser.add_argument(
        "--fast", type=int, nargs="?", const=FAST, default=0, metavar="N",
        help=f"few sources, as a test: N ({FAST}) of a catalog or a mock survey",
    )  # fmt: skip


def _of_module(name: str) -> Callable[[Bench], Section]:
    return import_module(name).run


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
