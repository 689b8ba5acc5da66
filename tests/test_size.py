"""Functions stay short and take few parameters: counted in every file of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

SOURCE = Path(__file__).parents[1] / "src" / "spectrove"

#: Lines of a function without its docstring, and parameters outside the command line.
LONGEST, MOST_PARAMETERS, MEDIAN = 80, 8, 7

#: Read from top to bottom as one text.
LONG = {"training/loop.py:fit_network"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: Path) -> Iterator[tuple[str, Function]]:
    """Every function and method with its place, as folder/file.py:name."""
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, Function):
                yield f"{path.relative_to(source).as_posix()}:{node.name}", node


def length(function: Function) -> int:
    """Lines from `def` to the end, without decorators and docstring."""
    first = function.body[0]
    is_docstring = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return lines - ((first.end_lineno or first.lineno) - first.lineno + 1 if is_docstring else 0)


def parameters(function: Function) -> int:
    """The number of parameters, without self and cls."""
    arguments = function.args
    names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


FUNCTIONS = list(functions(SOURCE))


def test_no_function_is_long():
    """But a training loop."""
    long = {place for place, function in FUNCTIONS if length(function) > LONGEST}
    assert long == LONG


def test_functions_take_few_parameters():
    """Commands take as many as people may type."""
    many = {
        place
        for place, function in FUNCTIONS
        if parameters(function) > MOST_PARAMETERS and not place.startswith("serve/cli/")
    }
    assert not many


def test_most_functions_are_short():
    """The median of their lengths."""
    assert median(length(function) for _, function in FUNCTIONS) <= MEDIAN


def test_lines_and_parameters_are_counted(tmp_path: Path):
    """By hand: docstring, decorators and self are left out; lines of the signature count."""
    text = '''
class A:
    @property
    def f(self, a, *, b=1):
        """One.

        Two.
        """
        return a

def g(
    a,
    *args,
):
    return a
'''
    (tmp_path / "m.py").write_text(text)
    counted = {place: (length(f), parameters(f)) for place, f in functions(tmp_path)}
    assert counted == {"m.py:f": (2, 2), "m.py:g": (5, 1)}
