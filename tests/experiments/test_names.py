"""Every experiment has a name, a module and a sentence; `python -m experiments` knows them all."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from experiments import table
from experiments.__main__ import listing, main

NAMES = {name: experiment for group in table.ALL.values() for name, experiment in group.items()}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_a_module_that_is_there(name):
    assert find_spec(NAMES[name].module) is not None


def test_a_name_means_one_thing():
    """And what is listed is all there is."""
    assert len(NAMES) == sum(len(group) for group in table.ALL.values())
    assert set(NAMES) == {*table.TABLES, *table.STUDIES, *table.PAPER, *table.PROGRAMS}


def test_the_names_are_literal_tables():
    """What can be measured is written down in one place, and read without importing anything that computes."""
    tree = ast.parse(Path(table.__file__).read_text("utf-8"))
    literal = {
        node.target.id
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict)
    }
    assert {"TABLES", "STUDIES", "PAPER", "PROGRAMS"} <= literal


def test_without_a_name_all_are_listed_with_a_sentence(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    for name, experiment in NAMES.items():
        assert f"  {name} " in shown
        assert experiment.sentence in shown
    assert shown.strip().splitlines() == listing()


def test_an_unknown_name_is_refused_with_the_list(capsys):
    assert main(["figure99"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "figure99: not among these" in captured.err


def test_a_study_is_the_command_evaluate(capsys):
    """With its options and its refusals."""
    with pytest.raises(SystemExit) as ended:
        main(["lens", "mock.lance"])
    assert ended.value.code == 2
    assert "takes no DATASET" in capsys.readouterr().err


def test_a_program_gets_the_options_alone(monkeypatch):
    given = []
    monkeypatch.setattr("experiments.demo.main", lambda arguments: given.append(arguments) or 0)
    assert main(["demo", "-n", "7"]) == 0
    assert given == [["-n", "7"]]


def test_ctrl_c_is_a_sentence(monkeypatch, capsys):
    """And no stack of calls."""

    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr("experiments.__main__.import_module", interrupted)
    assert main([next(iter(table.PROGRAMS))]) == 130
    assert capsys.readouterr().err.startswith("interrupted; what is finished is kept")


@pytest.mark.parametrize("folder", ["experiments", "scripts", "benchmarks"])
def test_nobody_starts_a_pool_of_processes_on_his_own(folder):
    """Workers of `spectrove.processes` hear no Ctrl-C, are not forked, and end with their parent."""
    own = [
        f"{path}:{node.lineno}"
        for path in sorted((Path(table.__file__).parents[1] / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom | ast.Import)
        and any(
            name.name == "ProcessPoolExecutor"
            or (getattr(node, "module", None) or name.name) == "multiprocessing"
            for name in node.names
        )
    ]
    assert not own
