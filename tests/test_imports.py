"""The direction of dependencies, held by reading the imports of every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "spectrove"

#: Lowest first. A part imports itself and lower lines, never its own line or a higher one.
ORDER = (
    {"errors"},
    {"provenance", "processes", "gaps", "lines"},
    {"spectra"},
    {"catalog", "embeddings", "targets", "redshift_estimate"},
    {"readers", "preprocess", "knowledge"},
    {"encoders"},
    {"domain"},
    {"training", "inference"},
    {"explanation"},
    {"galaxies"},
    {"pipeline"},
    {"evaluation"},
    {"serve"},
)
LEVEL = {part: level for level, parts in enumerate(ORDER) for part in parts}

#: Imports that the order does not allow and that are still there; each that is cut leaves this list.
DEBTS = {
    ("encoders/kinds.py", "galaxies"),
    ("encoders/recipe.py", "galaxies"),
    ("explanation/against.py", "galaxies"),
    ("explanation/argument.py", "galaxies"),
    ("explanation/deciding.py", "galaxies"),
    ("explanation/evidence.py", "galaxies"),
    ("explanation/gallery.py", "galaxies"),
    ("explanation/influence.py", "galaxies"),
    ("explanation/line_labels.py", "galaxies"),
    ("explanation/report.py", "galaxies"),
    ("explanation/saliency.py", "galaxies"),
    ("explanation/saliency_plot.py", "galaxies"),
    ("explanation/sentences.py", "galaxies"),
    ("explanation/tables.py", "galaxies"),
    ("inference/calibration/of_base.py", "galaxies"),
    ("inference/question.py", "explanation"),
    ("inference/regions.py", "galaxies"),
    ("inference/verdict.py", "galaxies"),
    ("training/data.py", "galaxies"),
    ("training/run.py", "galaxies"),
}

MODULES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def part_of(path: Path) -> str:
    """The part a file belongs to: a package or a module of the top level."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> Iterator[tuple[str, int]]:
    """Parts that a file imports, wherever in it, with the line."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "spectrove":
                names = [f"spectrove.{alias.name}" for alias in node.names if alias.name in LEVEL]
        elif isinstance(node, ast.ImportFrom) and node.level:
            yield "a relative import", node.lineno
        for name in names:
            if name.startswith("spectrove."):
                yield name.split(".")[1], node.lineno


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
        if not is_allowed(part_of(path), imported) and (str(path.relative_to(SOURCE)), imported) not in DEBTS
    ]
    assert not wrong, "\n".join(wrong)


def test_paid_debts_leave_the_list():
    """An import that has been cut cannot come back unseen."""
    found = {(str(p.relative_to(SOURCE)), part) for p in MODULES for part, _ in imported_parts(p)}
    assert found >= DEBTS


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
