"""What benchmarks share: the machine in one line, tables, and their place in benchmarks/README.md."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

README = Path(__file__).parent / "README.md"


def machine(*packages: str) -> str:
    """Processor, cores, threads and versions, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    return (
        f"{models[0] if models else platform.processor()}, {cores} core(s), OMP_NUM_THREADS {threads}, load "
        f"{os.getloadavg()[0]:.1f} at the end, Python {platform.python_version()}, {versions}"
    )


def today() -> str:
    """The date, UTC."""
    return datetime.now(UTC).date().isoformat()


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def keep(name: str, text: str, page: Path = README) -> None:
    """Write a text between the marks of a benchmark in the README, at its end where there are none yet."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = page.read_text("utf-8")
    if begin not in content:
        content = content.rstrip("\n") + f"\n\n{begin}\n{end}\n"
    before, rest = content.split(begin)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}", "utf-8")
