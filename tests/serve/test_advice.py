"""Advice can be followed: options that messages name exist, and nothing is advised that was just given."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import typer

import spectrove as package
from spectrove.readers import read_dataset, write_dataset
from spectrove.serve.cli import app

SOURCE = Path(package.__file__).parent
READING = ("ingest", "kb create", "kb add", "search", "hunt", "classify", "estimate", "outliers", "explain")

#: From where a message is raised to the commands it can be raised on; a function counts before its file, that before
#: its folder. What is not here may be raised on all.
RAISED_ON = {
    "ingest": READING,
    "preprocess": READING[1:],
    "knowledge/curation.py": ("kb curate",),
    "training": ("train",),
    "encoders/checkpoint.py": ("train",),
    "evaluation": ("evaluate",),
    "explain": ("explain", "hunt"),
    "sed": ("sed fit",),
    "serve/cli/sed.py": ("sed fit",),
    "serve/cli/curate.py": ("kb curate",),
    "serve/bases.py:open_base": ("search", "hunt", "classify", "estimate", "explain", "kb curate"),
    "serve/bases.py:encoders_of": ("search", "hunt", "classify", "estimate", "outliers", "explain"),
    "serve/batches.py:QueryBatches": READING[3:],
    "serve/run.py:print_methods": ("hunt", "explain"),
    "serve/reading.py:Redshift": READING[1:],
    "serve/reading.py:Reading": READING,
    "serve/cli/kb.py:create": ("kb create",),
    "serve/cli/kb.py:add": ("kb add",),
    "serve/cli/kb.py:refuse_occupied": ("kb create",),
    "serve/cli/kb.py:named_views": ("kb create", "kb reencode"),
    **{f"serve/cli/{name}.py": (name,) for name in READING if " " not in name},
    **{f"serve/cli/{name}.py": (name,) for name in ("mock", "train", "evaluate")},
}
#: The help of all commands.
LEFT_OUT = {"serve/cli/__init__.py"}


def commands(group: Any, name: str = "") -> Iterator[tuple[str, set[str]]]:
    """Every command with its options."""
    for key, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name}{key} ")
        else:
            yield f"{name}{key}", {opt for p in command.params for opt in p.opts}


OPTIONS = dict(commands(typer.main.get_command(app)))


def messages(tree: ast.AST) -> Iterator[str]:
    """Texts in a piece of source, values in them as X; neither docstrings nor declarations of options."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("typer.Option", "typer.Argument"):
            skipped |= {id(inner) for inner in ast.walk(node)}
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(inner) for inner in ast.walk(node) if inner is not node}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def placed() -> Iterator[tuple[str, str]]:
    """Every text with its place, as folder/file.py:function."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE).as_posix()
        tree = ast.parse(path.read_text("utf-8"))
        for statement in tree.body if module not in LEFT_OUT else ():
            for text in messages(statement):
                yield f"{module}:{getattr(statement, 'name', '')}", text


def advised() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Place, option and the commands it has to exist on: the one that is named before it, else where it is raised."""
    names = "|".join(sorted(map(re.escape, OPTIONS), key=len, reverse=True))
    for place, text in placed():
        module = place.partition(":")[0]
        homes = [place, module, module.split("/")[0]]
        home = next((RAISED_ON[name] for name in homes if name in RAISED_ON), ())
        for option in re.finditer(r"(?<![\w-])--[a-z][a-z-]+", text):
            before = re.split(r"[.;:,(] ", text[: option.start()])[-1]
            told = re.findall(rf"\b({names})(?= )", before)
            yield place, option[0], (told[-1],) if told else home


def test_every_option_that_a_message_names_exists_on_its_command():
    """The one that the message names, else every command that it can be raised on."""
    found = list(advised())
    assert len(found) > 30
    for place, option, where in found:
        if where:
            missing = [command for command in where if option not in OPTIONS[command]]
            assert not missing, f"{place} advises {option}, which these lack: {missing}"
        else:
            assert any(option in known for known in OPTIONS.values()), f"{place}: {option}"


def test_options_about_reading_are_the_same_everywhere():
    """Every command that reads files of spectra takes them, those that use redshifts the two about these."""
    for command in READING:
        reading = {
            "--survey",
            "--columns",
            "--medium",
            "--wavelength-unit",
            "--flux-unit",
            "--error-unit",
        } | {"--response"}
        assert reading <= OPTIONS[command], command
        assert command == "ingest" or {"-z", "--missing-z"} <= OPTIONS[command], command


@pytest.fixture(scope="session")
def lacking(survey, tmp_path_factory):
    """A dataset of six spectra, none with a redshift; and the same as it was."""
    folder = tmp_path_factory.mktemp("lacking")
    spectra = read_dataset(survey.dataset, "split = 'test'").take(list(range(6)))
    write_dataset(folder / "known.lance", spectra)
    z = pa.array([None] * 6, pa.float64())
    rows = spectra.rows.set_column(spectra.rows.column_names.index("z"), "z", z)
    write_dataset(folder / "none.lance", spectra.with_rows(rows))
    return folder, spectra


ASK = {
    "search": (),
    "hunt": ("--target", "liner"),
    "classify": ("--label", "class_derived"),
    "estimate": ("--quantity", "z_err"),
}


@pytest.mark.parametrize("command", ["search", "hunt", "classify"])
def test_a_given_redshift_answers_as_that_of_the_file(spectrove, survey, lacking, command):
    """-z Z of one spectrum; of several it is refused, with what helps."""
    folder, spectra = lacking
    one = ("--queries", f"object_id = '{spectra.object_id[1]}'", *ASK[command], "--json")
    known = spectrove(command, survey.base, folder / "known.lance", *one)
    given = spectrove(command, survey.base, folder / "none.lance", *one, "-z", spectra.z[1])
    [expected], [found] = (list(map(json.loads, r.stdout.splitlines())) for r in (known, given))
    assert found["neighbors"] == expected["neighbors"]
    several = spectrove(command, survey.base, folder / "none.lance", *ASK[command], "-z", 0.05)
    assert several.exit_code == 2
    assert "holds 6 spectra, and -z is the redshift of one" in several.stderr
    assert "--queries" in several.stderr


def test_explain_takes_a_redshift_or_estimates_it(spectrove, survey, lacking):
    """Of the object that --id chooses."""
    folder, spectra = lacking
    name = str(spectra.object_id[2])
    ask = ("explain", survey.base, folder / "none.lance", "--id", name, "--label", "class_derived", "--json")
    refused = spectrove(*ask)
    assert refused.exit_code == 1
    assert "--missing-z estimate" in refused.stderr
    assert "-z Z" in refused.stderr
    given = spectrove(*ask, "-z", spectra.z[2])
    assert json.loads(given.stdout)["object_id"] == name
    assert spectrove(*ask, "--missing-z", "estimate").exit_code == 0


def test_an_impossible_redshift_is_asked_wrongly(spectrove, survey, lacking):
    """As is one for a redshift that is to be estimated."""
    folder, _ = lacking
    refused = spectrove("search", survey.base, folder / "none.lance", "-z", 99)
    assert refused.exit_code == 2
    assert "expected a redshift from -0.02 to 20" in refused.stderr
    for option in (("-z", 0.1), ("--missing-z", "estimate")):
        refused = spectrove("estimate", survey.base, folder / "none.lance", "--quantity", "z", *option)
        assert refused.exit_code == 2
        assert f"takes no {option[0]}" in refused.stderr


def test_equal_refusals_are_one_line_with_a_count(spectrove, survey, lacking):
    """For people; with --json each is a line of its own."""
    folder, _ = lacking
    told = spectrove("search", survey.base, folder / "none.lance").stderr.splitlines()
    assert len(told) == 1
    assert re.match(r" 6 spectra \(\S+, \S+, \S+ and 3 more\): no redshift, and this encoder", told[0])
    each = spectrove("search", survey.base, folder / "none.lance", "--json").stderr.splitlines()
    assert [line[0] for line in each] == ["{"] * 6 + [" "]


def test_what_was_given_is_not_advised(spectrove, survey, lacking, tmp_path):
    """A flat spectrum has no redshift even where it is estimated: that is said, and what is left to do."""
    folder, _ = lacking
    rows = read_dataset(folder / "none.lance").take([0])
    nothing = replace(rows, flux=np.zeros_like(rows.flux), ivar=np.zeros_like(rows.ivar))
    write_dataset(tmp_path / "flat.lance", nothing)
    refused = spectrove("search", survey.base, "flat.lance", "--missing-z", "estimate").stderr
    assert "none could be estimated" in refused
    assert "--missing-z" not in refused
    assert "-z Z (one spectrum)" in refused


def test_options_about_reading_have_no_say_in_a_dataset(spectrove, survey):
    """Its files were read already: what would be ignored is refused."""
    refused = spectrove("search", survey.base, survey.dataset, "--flux-unit", "uJy", "--medium", "air")
    assert refused.exit_code == 2
    assert "already ingested, too late for --medium and --flux-unit" in refused.stderr


@pytest.mark.parametrize("command", ["search", "hunt", "classify"])
def test_spectra_are_read_as_ingest_reads_them(spectrove, survey, tmp_path, command):
    """A text file whose columns have other names, in nm: the same answer as in angstrom with usual names."""
    spectrum = read_dataset(survey.dataset, "split = 'test'").take([0])
    good = spectrum.ivar > 0
    wave, flux = spectrum.wavelength[good], spectrum.flux[good]
    error = spectrum.ivar[good] ** -0.5
    usual = [f"{w:.6f} {f:.6e} {e:.6e}" for w, f, e in zip(wave, flux, error, strict=True)]
    other = [f"{w / 10:.7f} {f:.6e} {e:.6e}" for w, f, e in zip(wave, flux, error, strict=True)]
    Path("usual.txt").write_text("\n".join(["# wavelength flux error", *usual]), "utf-8")
    Path("other.txt").write_text("\n".join(["# lam signal sigma", *other]), "utf-8")
    said = ("--flux-unit", "1e-17 erg/s/cm2/A", "--medium", "vacuum", "-z", spectrum.z[0], *ASK[command])
    plain = spectrove(command, survey.base, "usual.txt", *said, "--wavelength-unit", "angstrom", "--json")
    columns = ("--columns", "wavelength=lam,flux=signal,error=sigma", "--wavelength-unit", "nm")
    told = spectrove(command, survey.base, "other.txt", *said, *columns, "--json")
    [expected], [found] = (list(map(json.loads, r.stdout.splitlines())) for r in (plain, told))
    assert [n["object_id"] for n in found["neighbors"]] == [n["object_id"] for n in expected["neighbors"]]


@pytest.mark.parametrize("command", ["search", "hunt", "classify"])
def test_where_nothing_is_answered_the_summary_says_so(spectrove, survey, lacking, command):
    """Why, for one spectrum as well; no head of a table without rows, no colon without a list."""
    folder, spectra = lacking
    one = ("--queries", f"object_id = '{spectra.object_id[1]}'", "-z", 12)
    result = spectrove(command, survey.base, folder / "none.lance", *ASK[command], *one)
    assert result.exit_code == 1
    assert json.loads(result.stderr.splitlines()[0])["object_id"] == spectra.object_id[1]
    [summary] = result.stdout.splitlines()
    assert "1 spectrum without an answer" in summary
    assert ": ," not in summary


def test_a_base_is_not_made_below_a_file(spectrove, survey):
    """Said before the spectra are read."""
    Path("file").write_text("", "utf-8")
    refused = spectrove("kb", "create", "file/new.kb", "--from", survey.dataset)
    assert refused.exit_code == 2
    assert "file is a file, expected a folder" in refused.stderr
    near = spectrove("classify", survey.base, survey.dataset, "--label", "class_derive").stderr
    assert "did you mean class_derived? kb info" in near
