"""Measure something by name: python -m experiments NAME [options].

Without a name everything that can be measured is listed, with one sentence each. NAME --help shows the options.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from experiments.table import ALL, PAPER, PROGRAMS, STUDIES, TABLES

DONE, ASKED_WRONGLY, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code of the experiment that the first known name among the arguments means."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    names = {name for group in ALL.values() for name in group} | {"all"}
    name = next((a for a in given if a in names), None)
    if name is None:
        wrong = [a for a in given if not a.startswith("-")]
        print("\n".join(listing()), file=sys.stderr if wrong else sys.stdout)
        if wrong:
            print(f"\n{wrong[0]}: not among these. Name one of them.", file=sys.stderr)
        return ASKED_WRONGLY if wrong else DONE
    if name in TABLES or name in STUDIES:
        evaluate(given)
    try:
        if name in PAPER or name == "all":
            return import_module("experiments.paper.run").main(given)
        return programs(given)
    except KeyboardInterrupt:
        print("interrupted; what is finished is kept where the experiment keeps it", file=sys.stderr)
        return INTERRUPTED


def programs(arguments: Sequence[str]) -> int:
    """The largest exit code of the programs that are named, one after the other, each with all options that are given.

    Names stand before the options: a value of an option may be called as a program is.
    """
    first = next(i for i, word in enumerate(arguments) if word in PROGRAMS)
    last = first
    while last < len(arguments) and arguments[last] in PROGRAMS:
        last += 1
    options = [*arguments[:first], *arguments[last:]]
    return max(
        import_module(PROGRAMS[name].module).main(options) for name in dict.fromkeys(arguments[first:last])
    )


def evaluate(arguments: Sequence[str]) -> NoReturn:
    """`spectrove evaluate` with these arguments: a table or a study; ends the program with its exit code."""
    from spectrove.serve.cli import app
    from spectrove.serve.cli.guard import quiet_libraries

    quiet_libraries()
    app(["evaluate", *arguments], prog_name="spectrove")
    raise SystemExit(DONE)


def listing() -> list[str]:
    """Every name with its sentence, a heading for each group."""
    lines = ["python -m experiments NAME [options]     (NAME --help shows them)"]
    width = max(len(name) for group in ALL.values() for name in group)
    for heading, group in ALL.items():
        lines += ["", heading]
        lines += [f"  {name:<{width}}  {experiment.sentence}" for name, experiment in group.items()]
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
