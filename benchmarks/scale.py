"""What grows with a base, in one table: build, disk, memory, search, recall, changes, verbs; beside other programs.

    python benchmarks/scale.py                                 # 1,000 to 1,000,000 objects, and 500,000 long vectors
    python benchmarks/scale.py --sizes 1e3 1e4 --keep          # and write the table into benchmarks/README.md
    python benchmarks/scale.py --sizes 5e5x768
    python benchmarks/scale.py --sizes 1e4 --only search rivals --anew

Bases come from `generate.py`. Every stage of every size is a process of its own, and its figures are kept in
out/scale as soon as it is done: an interrupted run goes on, `--anew` measures again. A column says when, and at which
commit, it was measured. Queries are vectors that no base holds; exact neighbours are computed by numpy in float64
from what is stored. A filter of 5% is a condition on the redshift that 5% of the objects meet.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import generate
import numpy as np
import results
from numpy.typing import NDArray

HERE = Path(__file__).parent
PACKAGES = "lancedb", "faiss-cpu", "scikit-learn", "numpy"

K = 10
SINGLE, TOGETHER = 200, 1000
FILTERS = {"5%": 0.05, ".1%": 0.001}
CHANGED = 1000
#: Spectra that verbs are asked about, one by one.
ASKED = 8

#: What is measured by default: an hour on two cores.
SIZES = "1e3", "1e4", "1e5", "1e6", "5e5x768"

Figures = dict[str, Any]


class Place:
    """Where one size is measured: its base, its exact neighbours, its figures."""

    def __init__(self, folder: Path, n: int, width: int | None) -> None:
        self.n, self.width = n, width
        self.name = f"{n}" + (f"-{width}" if width else "")
        self.folder = folder / self.name
        self.base, self.truth = self.folder / "base.kb", self.folder / "truth.npz"
        self.vectors = self.folder / "vectors.npy"

    def figures(self, stage: str) -> Path:
        return self.folder / f"{stage}.json"

    def open(self) -> Any:
        import spectrove

        return spectrove.open(self.base)

    def source(self) -> generate.Source:
        return generate.source_of(generate.mock_base(2048))

    def queries(self, base: Any) -> Any:
        """Vectors of objects that the base does not hold."""
        from spectrove.embeddings import Embeddings

        vectors = np.load(self.truth)["queries"]
        names = np.array([f"query-{i}" for i in range(len(vectors))])
        cover = np.tile([3700.0, 8700.0], (len(vectors), 1))
        return Embeddings(vectors, names, base.fingerprints[base.space().views[0]], cover)


# --- what is measured ------------------------------------------------------------------------------------------------


def build(place: Place) -> Figures:
    """A base, its index, and the exact neighbours of the queries."""
    source = place.source()
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(parents=True)
    start = time.perf_counter()
    generate.write(place.base, source, place.n, width=place.width)
    written = time.perf_counter()
    base = place.open()
    indexed = base.build_index()
    done = time.perf_counter()
    memory = _memory()
    _exact(place, base, generate.queries(source, TOGETHER, width=place.width))
    return {
        "build, s": written - start,
        "index, s": done - written if indexed else None,
        "disk, GB": base.info()["bytes"] / 1e9,
        "memory while building, GB": memory[0],
    }


def _exact(place: Place, base: Any, queries: NDArray[np.float32]) -> None:
    """Vectors in one file, and for each filter the nearest objects of the first queries, at float64."""
    view = base.space().views[0]
    z = base.rows(columns=["z"])
    z = dict(zip(z.column("object_id").to_pylist(), z.column("z").to_pylist(), strict=True))
    found = base.embeddings(view)
    np.save(place.vectors, found.vectors)
    redshift = np.array([z[name] for name in found.object_id.tolist()], float)
    asked = queries[:SINGLE].astype(float)
    kept: dict[str, Any] = {"queries": queries, "object_id": found.object_id}
    for name, share in {"all": 1.0, **FILTERS}.items():
        limit = float(np.quantile(redshift, share)) if share < 1 else float("inf")
        allowed = np.flatnonzero(redshift <= limit)
        kept[f"limit {name}"] = limit
        kept[f"nearest {name}"] = _nearest(found.vectors, allowed, asked)
    np.savez(place.truth, **kept)


def _nearest(
    vectors: NDArray[np.float32], allowed: NDArray[np.int64], asked: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Positions of the K nearest, shape (n_queries, at most K)."""
    best = np.zeros((len(asked), 0), np.int64)
    distance = np.zeros((len(asked), 0))
    for start in range(0, len(allowed), 20_000):
        part = allowed[start : start + 20_000]
        block = vectors[part].astype(float)
        new = (asked**2).sum(1)[:, None] + (block**2).sum(1)[None] - 2 * asked @ block.T
        both = np.concatenate([distance, new], 1)
        names = np.concatenate([best, np.broadcast_to(part, new.shape)], 1)
        order = np.argsort(both, axis=1, kind="stable")[:, :K]
        distance, best = np.take_along_axis(both, order, 1), np.take_along_axis(names, order, 1)
    return best


def search(place: Place) -> Figures:
    """Opening, one query after the other, many at once, recall, filters, memory."""
    import lancedb  # noqa: F401  what programs load once is not what a base costs

    import spectrove.pipeline  # noqa: F401

    truth = np.load(place.truth)
    start = time.perf_counter()
    base = place.open()
    queries = place.queries(base)
    one = queries.take(np.arange(1))
    base.search(one, K)
    figures: Figures = {"open and first search, s": time.perf_counter() - start}
    figures |= _times(
        "one query, ids and distances", lambda q: base.search(q, K, with_rows=False).distance, queries
    )
    figures |= _times("one query, with rows", lambda q: base.search(q, K).rows, queries)
    for name, rows in (("ids and distances", False), ("with rows", True)):
        taken = _seconds(lambda rows=rows: base.search(queries, K, with_rows=rows))  # type: ignore[misc]
        figures[f"{TOGETHER} queries at once, {name}, queries/s"] = len(queries) / taken
    asked = queries.take(np.arange(SINGLE))
    figures["recall@10"] = _recall(base.search(asked, K).object_id, truth, "all")
    for name in FILTERS:
        where = f"z <= {float(truth[f'limit {name}'])!r}"
        base.search(one, K, where=where)

        def ask(q: Any, where: str = where) -> Any:
            return base.search(q, K, where=where).distance

        figures |= _times(f"one query, filter of {name}", ask, queries.take(np.arange(50)))
        figures[f"recall@10, filter of {name}"] = _recall(
            base.search(asked, K, where=where).object_id, truth, name
        )
    peak, now = _memory()
    return {**figures, "memory of searching, peak GB": peak, "memory of searching, resident GB": now}


def rivals(place: Place) -> Figures:
    """The same queries on the same vectors: faiss, LanceDB, scikit-learn; ids and distances."""
    import faiss
    import lancedb
    from sklearn.neighbors import NearestNeighbors

    truth, vectors = np.load(place.truth), np.load(place.vectors)
    queries, ids = truth["queries"], truth["object_id"]
    figures: Figures = {}

    def measure(name: str, ask: Callable[[NDArray[np.float32]], NDArray], n: int) -> None:
        ask(queries[:1])
        found = [ask(queries[i : i + 1])[0] for i in range(min(50, n))]
        figures.update(_times(f"{name}, one query", ask, queries[:n]))
        start = time.perf_counter()
        ask(queries[: min(len(queries), 5 * n)])
        figures[f"{name}, queries/s"] = min(len(queries), 5 * n) / (time.perf_counter() - start)
        figures[f"{name}, recall@10"] = _recall(ids[np.array(found)], truth, "all")

    flat: Any = faiss.IndexFlatL2(vectors.shape[1])
    flat.add(vectors)
    measure("faiss Flat", lambda q: flat.search(q, K)[1], 50)
    flat = None
    start = time.perf_counter()
    graph: Any = faiss.IndexHNSWFlat(vectors.shape[1], 32)
    graph.hnsw.efConstruction = 100
    graph.add(vectors)
    figures["faiss HNSW, build s"] = time.perf_counter() - start
    for breadth in (16, 32, 64, 128, 256, 512):
        graph.hnsw.efSearch = breadth
        if _recall(ids[graph.search(queries[:SINGLE], K)[1]], truth, "all") >= 0.99:
            break
    figures["faiss HNSW, efSearch"] = breadth
    measure("faiss HNSW", lambda q: graph.search(q, K)[1], SINGLE)
    graph = None
    table = lancedb.connect(str(place.base)).open_table("objects")
    view = next(
        n for n in ("vector_shape", *table.schema.names) if n in table.schema.names and "vector_" in n
    )
    where = {name: i for i, name in enumerate(ids.tolist())}

    def lance(q: NDArray[np.float32]) -> NDArray:
        rows = [
            table.search(one, vector_column_name=view).distance_type("l2").bypass_vector_index().limit(K)
            .select(["object_id", "_distance"]).to_arrow().column("object_id").to_pylist()
            for one in q
        ]  # fmt: skip
        return np.array([[where[name] for name in row] for row in rows])

    measure("LanceDB", lance, 10)
    near = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(vectors)
    measure("scikit-learn", lambda q: near.kneighbors(q, return_distance=True)[1], 50)
    return figures


def change(place: Place) -> Figures:
    """Adding and deleting objects, on a copy of the base."""
    from spectrove.embeddings import Embeddings
    from spectrove.knowledge import KnowledgeBase
    from spectrove.spectra import SpectrumSet

    copy = place.folder / "changed.kb"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(place.base, copy)
    import spectrove

    base, source = spectrove.open(copy), place.source()
    queries = place.queries(base).take(np.arange(1))
    base.search(queries, K)
    rng = np.random.default_rng(5)
    drawn = generate.draw(source, CHANGED, rng)
    ids, rows = generate.drawn_rows(source, drawn, 10**8, rng)
    pixels = 4
    total = CHANGED * pixels
    spectra = SpectrumSet(
        ids, np.arange(0, total + 1, pixels, dtype=np.int64), np.tile(4000.0 + np.arange(pixels), CHANGED),
        rng.normal(size=total).astype(np.float32), np.ones(total, np.float32), np.zeros(total, np.int32),
        np.ones(total, np.float32), rows,
    )  # fmt: skip
    cover = np.tile([3700.0, 8700.0], (CHANGED, 1))
    vectors = {}
    for view in base.views:
        turn = generate.resized(place.width, drawn.vectors[view].shape[1])
        values = drawn.vectors[view] if turn is None else drawn.vectors[view] @ turn
        vectors[view] = Embeddings(values, ids, base.fingerprints[view], cover)
    figures = {f"add {CHANGED}, s": _seconds(lambda: KnowledgeBase.add(base, spectra, vectors))}
    figures[f"first search after add {CHANGED}, s"] = _seconds(lambda: base.search(queries, K))
    names = ", ".join(f"'{name}'" for name in ids.tolist())
    figures[f"delete {CHANGED}, s"] = _seconds(lambda: base.delete(f"object_id IN ({names})"))
    figures[f"first search after delete {CHANGED}, s"] = _seconds(lambda: base.search(queries, K))
    figures["optimize, s"] = _seconds(base.optimize)
    shutil.rmtree(copy)
    return figures


def verbs(place: Place) -> Figures:
    """First and warm classify, hunt and outliers of mock spectra, each begun on a base without any fit."""
    if place.width:
        return {}
    from spectrove.galaxies.mock import make_survey

    spectra = make_survey(ASKED, seed=999)
    one = [spectra.take(np.arange(i, i + 1)) for i in range(ASKED)]
    asked = {
        "classify": lambda base, s: base.classify(s, label="class_derived"),
        "hunt liner": lambda base, s: base.hunt(s, "liner"),
        "outliers": lambda base, s: base.outliers(s),
    }
    figures: Figures = {}
    for name, ask in asked.items():
        _forget(place.base)
        base = place.open()
        start = time.perf_counter()
        ask(base, one[0])
        figures[f"{name}, first, s"] = time.perf_counter() - start
        times = []
        for spectrum in one[1:]:
            start = time.perf_counter()
            ask(base, spectrum)
            times.append(1000 * (time.perf_counter() - start))
        figures[f"{name}, warm, p50 ms"] = float(np.median(times))
    return {**figures, "memory of verbs, peak GB": _memory()[0]}


def _forget(base: Path) -> None:
    """Remove everything that is fitted on a base once and kept with it."""
    for kind in ("metrics", "calibrations", "outliers", "residuals", "lines", "types"):
        shutil.rmtree(base / kind, ignore_errors=True)
    for place in [base / "scales.json", *(base / "index").glob("space.*")]:
        place.unlink(missing_ok=True)


STAGES: dict[str, Callable[[Place], Figures]] = {
    "build": build, "search": search, "rivals": rivals, "change": change, "verbs": verbs
}  # fmt: skip


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def _times(name: str, ask: Callable[[Any], object], queries: Any) -> Figures:
    """p50 and p95 of one query after the other, after one to warm up."""
    pieces = list(_one_by_one(queries))[:SINGLE]
    ask(pieces[0])
    taken = [1000 * _seconds(lambda q=q: ask(q)) for q in pieces]  # type: ignore[misc]
    return {f"{name}, p50 ms": float(np.median(taken)), f"{name}, p95 ms": float(np.quantile(taken, 0.95))}


def _one_by_one(queries: Any) -> Iterator[Any]:
    for i in range(len(queries)):
        yield queries[i : i + 1] if isinstance(queries, np.ndarray) else queries.take(np.arange(i, i + 1))


def _recall(found: NDArray[np.str_], truth: Any, name: str) -> float:
    """Share of the exact neighbours that were found."""
    exact = truth["object_id"][truth[f"nearest {name}"]]
    hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, exact, strict=False)]
    return float(sum(hits) / exact[: len(hits)].size)


def _memory() -> tuple[float, float]:
    """Peak of this process, mapped files included, and what it holds now without them, GB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    status = Path("/proc/self/status")
    own = (
        [line.split() for line in status.read_text().splitlines() if line.startswith("RssAnon")]
        if status.exists()
        else []
    )
    return peak, int(own[0][1]) / 1e6 if own else float("nan")


# --- the table -----------------------------------------------------------------------------------------------


def measured(place: Place, stage: str, anew: bool) -> Figures:
    """Kept figures of a stage, or those of a new process."""
    kept = place.figures(stage)
    if anew or not kept.exists():
        print(f"{place.name}: {stage}", flush=True)
        command = [
            sys.executable,
            __file__,
            "--measure",
            stage,
            "--sizes",
            f"{place.n}x{place.width}" if place.width else str(place.n),
            "--out",
            str(place.folder.parent),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{place.name}: {stage} failed (exit code {done.returncode})", flush=True)
            return {"failed": stage}
        figures = json.loads(done.stdout.splitlines()[-1])
        figures |= {"date": datetime.now(UTC).date().isoformat(), "commit": _commit()}
        kept.write_text(json.dumps(figures, indent=1))
    return json.loads(kept.read_text())


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def table(columns: dict[str, Figures]) -> str:
    """Markdown: a line for each figure, a column for each size."""
    names = list(dict.fromkeys(name for figures in columns.values() for name in figures))
    names = [n for n in names if n not in ("date", "commit", "failed")]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [f"| {n} | " + " | ".join(_cell(c.get(n)) for c in columns.values()) + " |" for n in names]
    for name in ("date", "commit"):
        lines.append(f"| {name} | " + " | ".join(str(c.get(name, "")) for c in columns.values()) + " |")
    return "\n".join(lines)


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def slopes(columns: dict[str, Figures]) -> str:
    """The slope of log p50 against log N between neighbouring sizes, and over all."""
    name = "one query, ids and distances, p50 ms"
    known = [(f["n"], f[name]) for f in columns.values() if name in f and "width" not in f]
    if len(known) < 2:
        return ""
    n, p50 = np.log(np.array(sorted(known))).T
    steps = ", ".join(
        f"{np.exp(a):,.0f} to {np.exp(b):,.0f}: {s:.2f}"
        for a, b, s in zip(n[:-1], n[1:], np.diff(p50) / np.diff(n), strict=True)
    )
    overall = f"over all {np.polyfit(n, p50, 1)[0]:.2f}"
    return f"Slope of log p50 (one query, ids and distances) against log N: {steps}; {overall}."


def size_of(text: str) -> tuple[int, int | None]:
    """Number of objects and length of vectors from "1e6" or "5e5x768"; None for the usual length."""
    n, _, width = text.partition("x")
    return int(float(n)), int(width) if width else None


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sizes", type=size_of, nargs="+", default=[size_of(text) for text in SIZES],
        help="Objects, and the length of their vectors where it is not 256: 5e5x768, for which no verb is asked.",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=generate.ROOT / "out" / "scale")
    parser.add_argument("--only", nargs="+", choices=list(STAGES), default=list(STAGES))
    parser.add_argument("--anew", action="store_true", help="Measure again what is kept.")
    parser.add_argument("--keep", action="store_true", help="Write the table into benchmarks/README.md.")
    parser.add_argument("--measure", choices=list(STAGES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    places = [Place(options.out, n, width) for n, width in options.sizes]
    if options.measure:
        print("\n" + json.dumps(STAGES[options.measure](places[0])))
        return
    columns: dict[str, Figures] = {}
    for place in places:
        figures: Figures = {"n": place.n} | ({"width": place.width} if place.width else {})
        for stage in STAGES:
            if (
                stage in options.only
                or place.figures(stage).exists()
                or (stage == "build" and not place.truth.exists())
            ):
                figures |= measured(place, stage, options.anew and stage in options.only)
        columns[f"{place.n:,}" + (f" ({place.width})" if place.width else "")] = figures
    shown = {c: {k: v for k, v in f.items() if k not in ("n", "width")} for c, f in columns.items()}
    about = (
        f"`scale.py`. {results.machine(*PACKAGES)}. Memory peaks count the pages of mapped files, resident memory does "
        "not. Each stage is a process of its own; what programs load at their start is not counted."
    )
    text = "\n\n".join(part for part in (about, table(shown), slopes(columns)) if part)
    print("\n" + text)
    if options.keep:
        results.keep("scale", text)
    if failed := [f"{c}: {f['failed']}" for c, f in columns.items() if "failed" in f]:
        raise SystemExit(f"not measured: {', '.join(failed)}")


if __name__ == "__main__":
    main()
