"""The direction of dependencies, held by reading the imports of every file."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "spectrove"

#: Lowest first. A part imports itself and lower lines, never its own line or a higher one.
ORDER = (
    {"errors", "version", "plain", "moved", "work", "folders", "reach"},
    {"ingest", "explain", "mock"},
    {
        "provenance",
        "processes",
        "flat",
        "gaps",
        "lines",
        "pixels",
        "conditions",
        "shared",
        "hats",
        "polite",
        "recipes",
    },
    {"spectra", "words", "cores", "agents"},
    {"catalog", "embeddings", "targets", "redshift_estimate", "posterior"},
    {"readers", "preprocess", "knowledge", "statistics"},
    {"encoders"},
    {"domain"},
    {"training", "inference"},
    {"explanation"},
    {"sed"},
    {"galaxies", "literature", "stars", "xray", "archives"},
    {"pipeline"},
    {"evaluation"},
    {"serve"},
    {"__main__"},
)
LEVEL = {part: level for level, parts in enumerate(ORDER) for part in parts}

#: A string that names a module, as tables of homes hold them: "spectrove.knowledge", "spectrove.encoders.pca:Pca".
HOME = re.compile(r"(spectrove(?:\.\w+)+)(?::\w+)?")

MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def part_of(path: Path) -> str:
    """The part a file belongs to: a package or a module of the top level."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_names(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names of everything of ours that a file imports, wherever in it, with the line; "spectrove" is itself.

    A string that is the path of a module counts as an import of it.
    """
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = ["spectrove.a relative import"]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and HOME.fullmatch(node.value):
            names = [HOME.fullmatch(node.value)[1]]  # type: ignore[index]
        for name in names:
            if name.split(".")[0] == "spectrove":
                yield name, node.lineno


def module_of(name: str) -> Path:
    """The file that a dotted name lies in: the longest part of it that is a module or a package."""
    parts = name.split(".")[1:]
    for n in range(len(parts), -1, -1):
        place = SOURCE.joinpath(*parts[:n])
        if n and place.with_suffix(".py").is_file():
            return place.with_suffix(".py")
        if (place / "__init__.py").is_file():
            return place / "__init__.py"
    raise AssertionError(name)


def imported_parts(path: Path) -> Iterator[tuple[str, int]]:
    """Parts that a file imports, wherever in it, with the line; the package's own `__init__` is called that."""
    for name, line in imported_names(path):
        part = (name.split(".") + [""])[1]
        own = module_of(name) == SOURCE / "__init__.py" and part != "a relative import"
        yield "__init__" if own else part, line


def circles(modules: Sequence[Path]) -> list[frozenset[str]]:
    """Groups of modules that import each other, directly or through others."""
    imports = {path: {module_of(name) for name, _ in imported_names(path)} - {path} for path in modules}
    reached = {path: _reached(path, imports) for path in imports}
    groups = {
        frozenset(str(p.relative_to(SOURCE)) for p in imports if p in reached[path] and path in reached[p])
        for path in imports
        if path in reached[path]
    }
    return sorted(groups, key=sorted)


def _reached(start: Path, imports: Mapping[Path, set[Path]]) -> set[Path]:
    """Every module that one imports, and those that these import, and so on."""
    found: set[Path] = set()
    ahead = list(imports[start])
    while ahead:
        path = ahead.pop()
        if path not in found:
            found.add(path)
            ahead += imports.get(path, ())
    return found


def is_allowed(importer: str, imported: str) -> bool:
    """Whether the order lets one part import the other."""
    return importer == imported or (imported in LEVEL and LEVEL[imported] < LEVEL[importer])


def test_every_part_has_its_place_in_the_order():
    """A new part has to say where it stands."""
    parts = {part_of(path) for path in MODULES}
    assert parts <= set(LEVEL), f"not in the order: {sorted(parts - set(LEVEL))}"


def test_parts_import_lower_parts_only():
    """Nothing reaches upwards or sideways, not even inside a function."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{line} imports {imported}"
        for path in MODULES
        for imported, line in imported_parts(path)
        if not is_allowed(part_of(path), imported)
    ]
    assert not wrong, "\n".join(wrong)


def test_nobody_imports_the_package_itself():
    """Its `__init__` imports everything, so whoever imports it imports upwards; `version` has the version."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{line}"
        for path in MODULES
        for part, line in imported_parts(path)
        if part == "__init__"
    ]
    assert not wrong, "\n".join(wrong)


def test_modules_of_a_part_import_each_other_in_one_direction():
    """No circle inside a part, not even through a function or for types alone."""
    found = {part: circles([m for m in MODULES if part_of(m) == part]) for part in LEVEL}
    wrong = [" <-> ".join(sorted(group)) for part, groups in found.items() for group in groups]
    assert not wrong, "\n".join(wrong)


def test_a_circle_and_a_module_named_in_a_string_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The tests above can fail: on `import spectrove`, on a table of homes, and on two modules in a circle."""
    monkeypatch.setattr(sys.modules[__name__], "SOURCE", tmp_path)
    files = {
        "__init__.py": "",
        "a.py": "import spectrove",
        "b.py": "HOMES = {'A': 'spectrove.c', 'B': 'spectrove.a:Thing'}",
        "c.py": "def f():\n    from spectrove.b import HOMES",
        "d.py": "from spectrove import a",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    paths = [tmp_path / name for name in files if name != "__init__.py"]
    assert [list(imported_parts(path)) for path in paths] == [
        [("__init__", 1)],
        [("c", 1), ("a", 1)],
        [("b", 2)],
        [("a", 1)],
    ]
    assert circles(paths) == [frozenset({"b.py", "c.py"})]


def test_the_order_refuses_what_it_should():
    """The test above can fail: upwards and sideways imports are not allowed."""
    assert not is_allowed("knowledge", "inference")
    assert not is_allowed("readers", "preprocess")
    assert not is_allowed("errors", "spectra")
    assert is_allowed("serve", "pipeline")


def test_knowledge_names_torch_nowhere():
    """A base takes plain arrays: it never depends on what made them."""
    for path in (SOURCE / "knowledge").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] != "torch" for alias in node.names), path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] != "torch", path


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import spectrove", ("numpy", "torch", "lancedb", "astropy", "pyarrow")),
        ("import spectrove.knowledge", ("torch",)),
        ("import spectrove.inference", ("torch",)),
        ("import spectrove.galaxies.domain", ("torch", "lancedb", "astropy", "pydantic", "sklearn")),
        ("import spectrove.serve.cli", ("numpy", "torch", "lancedb", "astropy", "pyarrow")),
    ],
)
def test_importing_does_not_load_what_is_not_needed(statement: str, absent: tuple[str, ...]):
    """A command line that answers at once, and a base without torch."""
    code = f"{statement}; import sys; print([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_importing_a_module_only_defines_things(path: Path):
    """Nothing registers itself: no call for its effect, no entry put into somebody else's table."""
    tree = ast.parse(path.read_text("utf-8"))
    imported = {
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for node in tree.body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"line {node.lineno} does something on import"
        targets = node.targets if isinstance(node, ast.Assign) else []
        for target in targets:
            base = target
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
            changed = base is not target and isinstance(base, ast.Name) and base.id in imported
            changed &= (
                ast.unparse(target) != "sys.modules[__name__].__class__"
            )  # its own: how a module is called
            assert not changed, f"line {node.lineno} changes what another module owns"


@pytest.mark.parametrize(
    ("module", "table"),
    [
        ("readers/readfile.py", "READERS"),
        ("encoders/kinds.py", "ENCODERS"),
        ("inference/neighbors/voting.py", "WEIGHTS"),
        ("evaluation/evaluate.py", "EVALUATIONS"),
        ("serve/cli/__init__.py", "COMMANDS"),
    ],
)
def test_tables_are_literal(module: str, table: str):
    """What can be chosen is written down in one place as a dictionary."""
    tree = ast.parse((SOURCE / module).read_text("utf-8"))
    for node in tree.body:
        names = [
            t.id for t in getattr(node, "targets", [getattr(node, "target", None)]) if isinstance(t, ast.Name)
        ]
        if table in names:
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert isinstance(node.value, ast.Dict)
            return
    pytest.fail(f"{module} has no table {table}")


def test_the_package_imports_nothing_of_the_checkout():
    """A wheel has neither experiments nor tests; what measures looks for them by name when it is asked to."""
    wrong = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
        if name.split(".")[0] in ("experiments", "tests")
    ]
    assert not wrong
