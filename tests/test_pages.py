"""The pages "add a reader", "add a verb" and "add a domain" are followed to the letter, in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: A block of a page: what it is (python, diff, python run, sh run, or nothing for output), and its text.
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def copy(folder: Path) -> Path:
    """A copy of the package to change; what is only read (weights, data) is linked."""
    source, target = ROOT / "src" / "spectrove", folder / "src" / "spectrove"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("weights", "data", "__pycache__"))
    for heavy in [*source.rglob("weights"), *source.rglob("data")]:
        if heavy.is_dir():
            (target / heavy.relative_to(source)).symlink_to(heavy)
    return folder


def apply(kind: str, text: str, folder: Path) -> None:
    """Write a new file, or add the lines of a diff after the lines that it shows; the first line names the file."""
    first, rest = text.split("\n", 1)
    path = folder / first.removeprefix("# ").strip()
    if kind == "python":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rest)
        return
    lines = rest.rstrip("\n").split("\n")
    before = "\n".join(line[1:] for line in lines if not line.startswith("+"))
    after = "\n".join(line[1:] for line in lines)
    content = path.read_text()
    assert content.count(before) == 1, (
        f"{first}: the page shows {before!r}, found {content.count(before)} times"
    )
    path.write_text(content.replace(before, after))


def run(kind: str, text: str, folder: Path) -> str:
    """What a block prints, in a folder of its own beside the copy."""
    here = folder / "here"
    here.mkdir(exist_ok=True)
    python = kind.startswith("python")
    command = [sys.executable, "-c", text] if python else ["sh", "-ec", text]
    program = folder / "spectrove"
    program.write_text(f"#!{sys.executable}\nfrom spectrove.serve.cli import main\nmain()\n")
    program.chmod(0o755)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONWARNINGS"} | {
        "PYTHONPATH": str(folder / "src"), "PATH": f"{folder}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    done = subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(page: str) -> list[tuple[str, str]]:
    """The blocks of a page in order."""
    return BLOCK.findall((ROOT / "docs" / page).read_text("utf-8"))


@pytest.mark.parametrize("page", ["add-a-reader.md", "add-a-verb.md", "add-a-domain.md"])
def test_the_steps_of_a_page_do_what_it_says(page: str, tmp_path: Path):
    """Files are written, lines added, and the last block prints what the page shows."""
    folder, printed = copy(tmp_path), None
    shown = 0
    for kind, text in steps(page):
        if kind.endswith(" run"):
            printed = run(kind, text, folder)
        elif kind in ("python", "diff"):
            apply(kind, text, folder)
        elif kind == "":
            assert printed == text
            shown += 1
    assert shown
