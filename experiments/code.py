"""A hash of code that stays what it is where code only moves."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

#: Files that decide what code does besides the code itself.
TABLES = (".toml", ".json")


def code_hash(places: Iterable[Path]) -> str:
    """A hash of every definition and table in these files and folders.

    Neither the file that a definition is in nor imports, comments and docstrings count: what has only moved gives the
    figures that it gave before.

    Raises:
        FileNotFoundError: One of the places is not there, so that nothing is left out unseen.
    """
    parts: set[str] = set()
    for place in places:
        if not place.exists():
            raise FileNotFoundError(f"{place}: no such code. Correct the list that names it.")
        files = [place] if place.is_file() else sorted(place.rglob("*"))
        parts |= {part for file in files for part in _parts(file)}
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


@cache
def _parts(file: Path) -> tuple[str, ...]:
    """A hash of each top-level statement of a module, or of a whole table."""
    if file.suffix in TABLES:
        return (hashlib.sha256(file.read_bytes()).hexdigest(),)
    if file.suffix != ".py":
        return ()
    tree = _Bare().visit(ast.parse(file.read_text("utf-8")))
    return tuple(hashlib.sha256(ast.dump(node).encode()).hexdigest() for node in tree.body)


class _Bare(ast.NodeTransformer):
    """Code without imports and without texts that nothing reads."""

    def visit_Import(self, node: ast.Import) -> None: ...

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None: ...

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node
