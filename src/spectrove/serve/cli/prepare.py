"""spectrove kb prepare: Fit whatever some questions need, before they are asked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spectrove.serve import background
from spectrove.serve.bases import open_base
from spectrove.serve.cli import options
from spectrove.serve.output import print_json, say

if TYPE_CHECKING:
    from spectrove.knowledge import KnowledgeBase

Targets = Annotated[
    list[str], typer.Option("--target", metavar="NAME|FILE", help="What is hunted. Repeatable.")
]
Labels = Annotated[
    list[str], typer.Option("--label", metavar="COLUMN", help="By which is classified. Repeatable.")
]
Quantities = Annotated[
    list[str], typer.Option("--estimate", metavar="COLUMN", help="What is estimated. Repeatable.")
]
Outliers = Annotated[bool, typer.Option("--outliers", help="Outliers are looked for.")]
Map = Annotated[bool, typer.Option("--map", help="The map is looked at, on the page of spectrove serve.")]
Background = Annotated[
    bool, typer.Option("--background", help="Go on in the background; kb info says how far it is.")
]


@dataclass(frozen=True)
class Questions:
    """What a base is prepared for."""

    target: Targets = ()  # type: ignore[assignment]
    label: Labels = ()  # type: ignore[assignment]
    estimate: Quantities = ()  # type: ignore[assignment]
    outliers: Outliers = False
    map: Map = False
    background: Background = False

    @property
    def asked(self) -> bool:
        """Whether any was named."""
        return bool(self.target or self.label or self.estimate or self.outliers or self.map)

    def keywords(self) -> dict[str, Any]:
        """For `pipeline.prepare.prepare`."""
        named = {"targets": self.target, "labels": self.label, "quantities": self.estimate}
        asked = {name: list(values) for name, values in named.items()}
        return {**asked, "outliers": self.outliers, "map": self.map}

    def words(self) -> list[str]:
        """As they are typed."""
        from spectrove.pipeline.shipped import lasting_name

        targets = [lasting_name(target) for target in self.target]
        named = {"--target": targets, "--label": self.label, "--estimate": self.estimate}
        words = [word for option, values in named.items() for value in values for word in (option, value)]
        flags = {"--outliers": self.outliers, "--map": self.map}
        return [*words, *(flag for flag, given in flags.items() if given)]


@options.grouped
def prepare(kb: options.Base, as_json: options.Json = False, *, questions: Questions) -> None:
    """Fit what some questions need, before they are asked.

    Without any it is done for those that the base was prepared for before. What is finished is kept: an interrupted
    command goes on where it stopped when it is repeated.
    """
    prepare_base(open_base(kb), kb, questions, as_json)


def prepare_base(base: KnowledgeBase, kb: Path, questions: Questions, as_json: bool) -> None:
    """Prepare a base for questions, here or in the background, and say so."""
    from spectrove.pipeline.prepare import planned
    from spectrove.pipeline.prepare import prepare as prepared

    if questions.background:
        # What is refused is refused here, and not in a file that nobody reads.
        planned(base, **questions.keywords())
        background.begin(base, ["kb", "prepare", str(kb.absolute()), *questions.words()], "prepares", as_json)
        return
    done = prepared(base, **questions.keywords(), log=os.environ.get(background.LOG, ""))
    if as_json:
        print_json(done.to_dict())
    say(f" {kb} is prepared, {done.sentence}", as_json=as_json)
