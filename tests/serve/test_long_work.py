"""What the command line shows of long work."""

from __future__ import annotations

import io
import time

import pytest

from spectrove.serve import progress
from spectrove.serve.cli.guard import GuardedGroup
from spectrove.work import advance, doing


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_sentence_says_what_takes_long_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr(progress, "Notes", lambda say: progress_notes(say))
    with progress.work_shown(), doing("fitting a metric, 3 objects"):
        time.sleep(0.3)
    assert capsys.readouterr().err == " fitting a metric, 3 objects ...\n fitting a metric, 3 objects: 1 s\n"


def progress_notes(say):
    from spectrove.work import Notes

    return Notes(say, after=0.05)


def test_bars_of_a_fit_stand_below_that_of_the_answers(monkeypatch):
    """One screen, whoever began it; every bar is gone at the end."""
    monkeypatch.setattr("sys.stderr", Terminal())
    with progress.work_shown(), progress.progress_bar("answering", 5) as step:
        with doing("fitting", 2), doing("a part", 4):
            advance(3)
            [bars] = progress._bars
            shown = [(task.description, task.completed, task.total) for task in bars.tasks]
        step(1)
        left = [(task.description, task.completed) for task in bars.tasks]
    assert shown == [("answering", 0, 5), ("fitting", 0, 2), ("a part", 3, 4)]
    assert left == [("answering", 1)]
    assert progress._bars == []


def test_an_interrupted_fit_is_named_and_the_code_is_130(capsys):
    import typer

    program = typer.Typer(cls=GuardedGroup)

    @program.callback()
    def top() -> None:
        """A program."""

    @program.command()
    def fit() -> None:
        with doing("fitting a metric on class"):
            raise KeyboardInterrupt

    with pytest.raises(SystemExit) as end:
        program(["fit"])
    assert end.value.code == 130
    assert capsys.readouterr().err.startswith(
        "interrupted while fitting a metric on class, after 0 s; the base is whole"
    )
