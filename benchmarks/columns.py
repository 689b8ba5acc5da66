"""What joining columns, reviewing labels and encoding a view anew cost: written beside the rest, and with the table.

    python benchmarks/columns.py big.kb          # a base by generate.py; copies of it are changed
    python benchmarks/columns.py big.kb --keep   # and write the table into benchmarks/README.md

Bytes are those by which the folder grows: older versions stay. Both ways must leave the same base, which is compared.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import results

from spectrove.knowledge import KnowledgeBase, columnwise, relabel

#: Objects whose labels a review changes, and that it removes.
REVIEWED, REMOVED = 100, 20


def join(base: KnowledgeBase, ids: list[str]) -> None:
    """A number for every object."""
    base.add_columns(pa.table({"object_id": ids, "radius": np.arange(len(ids)) / 7}), "sizes")


def label(base: KnowledgeBase, ids: list[str]) -> None:
    """A label for every object, with its source noted for each."""
    base.add_columns(pa.table({"object_id": ids, "marked": np.arange(len(ids)) % 9 == 0}), "lenses")


def drop(base: KnowledgeBase, ids: list[str]) -> None:
    """That label removed."""
    base.drop_columns(["marked"])


def review(base: KnowledgeBase, ids: list[str]) -> None:
    """A review of few labels."""
    changes = dict.fromkeys(ids[:REVIEWED], ("class_derived", "LINER"))
    base.curate(changes, set(ids[REVIEWED : REVIEWED + REMOVED]), since=base.version)


def encode(base: KnowledgeBase, ids: list[str]) -> None:
    """Vectors of the smallest view replaced by others."""
    view = min(base.views, key=lambda name: base.dimensions[name])
    vectors = base.embeddings(view)
    base.reencode(
        {view: vectors.take(np.arange(len(vectors) - 1))}, since=base.version
    )  # the last object has none now


WORK: dict[str, Callable[[KnowledgeBase, list[str]], None]] = {
    "a joined number": join, "a joined label": label, "that label dropped": drop,
    f"a review of {REVIEWED} labels, {REMOVED} objects removed": review, "the smaller view encoded anew": encode,
}  # fmt: skip


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def measured(source: Path, folder: Path, beside: bool) -> tuple[dict[str, tuple[float, int]], Any]:
    """Seconds and bytes of each piece of work, and what the base holds at the end."""
    path = folder / f"{beside}.kb"
    shutil.copytree(source, path, ignore=shutil.ignore_patterns("index"))
    possible, few = columnwise.possible, relabel.FEW
    if not beside:
        columnwise.possible, relabel.FEW = lambda store: False, -1  # type: ignore[assignment]
    found = {}
    try:
        base = KnowledgeBase.open(path)
        ids = base.rows(columns=[]).column("object_id").to_pylist()
        for name, do in WORK.items():
            before, start = _size(path), time.perf_counter()
            do(base, ids)
            found[name] = time.perf_counter() - start, _size(path) - before
    finally:
        columnwise.possible, relabel.FEW = possible, few
    rows = base.rows().sort_by("object_id")
    vectors = {view: (v.object_id, v.vectors) for view in base.views for v in [base.embeddings(view)]}
    shutil.rmtree(path)
    return found, (rows, vectors)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("base", type=Path)
    parser.add_argument("--keep", action="store_true", help="Write the table into benchmarks/README.md.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.base.parent) as folder:
        whole, (rows, vectors) = measured(options.base, Path(folder), beside=False)
        own, (same_rows, same_vectors) = measured(options.base, Path(folder), beside=True)
    if not rows.equals(same_rows) or any(
        not (np.array_equal(i, same_vectors[view][0]) and np.array_equal(v, same_vectors[view][1]))
        for view, (i, v) in vectors.items()
    ):
        raise SystemExit("the two ways leave different bases")
    lines = [
        f"`columns.py`, {rows.num_rows + REMOVED:,} objects. {results.machine('lancedb', 'pylance')}. Both ways left "
        "equal bases.",
        "",
        "| | table anew, s | beside, s | table anew, MB | beside, MB |",
        "|---|---|---|---|---|",
    ]
    for name in WORK:
        (s, b), (own_s, own_b) = whole[name], own[name]
        lines.append(f"| {name} | {s:.2f} | {own_s:.2f} | {b / 1e6:.1f} | {own_b / 1e6:.2f} |")
    text = "\n".join(lines)
    print(text)
    if options.keep:
        results.keep("columns", text)


if __name__ == "__main__":
    main()
