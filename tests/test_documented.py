"""docs/cli.md has every command and option, and nothing that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from spectrove import errors
from spectrove.serve.cli import app

DOCS = Path(__file__).parents[1] / "docs"


def commands(group: Any, name: str = "spectrove") -> Iterator[tuple[str, Any]]:
    """Every command with its full name."""
    for key, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {key}")
        else:
            yield f"{name} {key}", command


PROGRAM = dict(commands(typer.main.get_command(app)))


def documented() -> dict[str, str]:
    """Headings of commands and the text under each."""
    parts = re.split(r"^## (.+)$", (DOCS / "cli.md").read_text("utf-8"), flags=re.MULTILINE)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return {title.strip("`"): text for title, text in pairs if title.startswith("`")}


def documented_options(text: str) -> set[str]:
    """Option names in the first cell of each row of the table."""
    cells = re.findall(r"^\| (`-.+?) \|", text.replace("\\|", "/"), flags=re.MULTILINE)
    return {word for cell in cells for word in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", cell)}


def test_documented_commands_are_exactly_those_that_exist():
    """No command without a section, no section without a command."""
    assert sorted(documented()) == sorted(PROGRAM)


@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_documented_options_are_exactly_those_that_exist(name: str):
    """With their short forms; --help is everywhere."""
    options = {opt for p in PROGRAM[name].params if p.param_type_name == "option" for opt in p.opts}
    assert documented_options(documented()[name]) == options - {"--help", "-h"}


@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_usage_names_the_arguments_and_what_is_required(name: str):
    """The first code block of a section can be typed."""
    usage = re.findall(r"```\n(.+?)\n```", documented()[name], flags=re.DOTALL)[0]
    assert usage.startswith(name)
    for parameter in PROGRAM[name].params:
        if parameter.param_type_name == "argument":
            assert parameter.metavar in usage
        elif parameter.required:
            assert any(opt in usage for opt in parameter.opts)


@pytest.mark.parametrize("name", sorted(PROGRAM))
def test_every_parameter_has_a_help_text(name: str):
    """And every command says in one short line what it does."""
    assert PROGRAM[name].help
    assert len(PROGRAM[name].get_short_help_str(60)) < 60
    for parameter in PROGRAM[name].params:
        assert getattr(parameter, "help", None), parameter.name


def test_every_error_is_documented():
    """docs/errors.md lists the whole tree, and nothing else."""
    text = (DOCS / "errors.md").read_text("utf-8")
    tree = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.SpectroveError)
    }
    assert set(re.findall(r"^\| `(\w+Error)`", text, flags=re.MULTILINE)) == tree - {"SpectroveError"}


def test_links_in_the_documents_lead_somewhere():
    """Relative links name files that are there."""
    root = DOCS.parent
    for page in [*DOCS.glob("*.md"), *root.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert "://" in link or (page.parent / link).exists(), f"{page.name}: {link}"
