"""Figure C1: how long a search takes in bases of 1,000 to 500,000 objects."""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from numpy.typing import NDArray

from experiments.paper.results import Result, fact
from experiments.samples import recipes
from experiments.samples.workshop import Workshop
from spectrove.explanation.style import NORMAL, SMALL, color_of, marker_of, new_figure, tidy
from spectrove.explanation.tables import Table
from spectrove.knowledge.search import Snapshot, nearest

#: The paper's line, read as seconds for ten queries against thousands of objects.
PAPER_SLOPE, PAPER_OFFSET = 0.0058, 0.0490
OURS, LANCE, FLAT, HNSW = "Spectrove, exact", "LanceDB, exact", "faiss flat, exact", "faiss HNSW, approximate"


class Recipe(recipes.Recipe):
    """Sizes of the base, queries, and how often each is asked; the slower ways less often."""

    sizes: tuple[int, ...]
    queries: int = 10
    repeats: int = 100
    lance_repeats: int = 3
    hnsw_links: int = 16
    hnsw_most: int = 100_000
    seconds: float = 6.0


def run(recipe: Recipe, out: Path, workshop: Workshop, samples: Sequence[str]) -> Result:
    """Median seconds for all queries against the base's size, and the line through those of the exact search."""
    real = [
        np.concatenate([p.known.embeddings.vectors for p in workshop.sample(name, recipe).repeats[0]])
        for name in samples
    ]
    vectors = enlarged(np.unique(np.concatenate(real), axis=0), max(recipe.sizes))
    rng = np.random.default_rng(2)
    queries = vectors[rng.choice(min(recipe.sizes), recipe.queries, replace=False)]
    taken: dict[str, dict[int, float]] = {}
    counts: dict[int, int] = {}
    recall: dict[int, float] = {}
    for size in recipe.sizes:
        workshop.say(f"  {size:,} objects")
        ways, counts[size] = timed(
            recipe, vectors[:size], queries, workshop.scratch / f"{size}.lance", recall, size
        )
        for way, seconds in ways.items():
            taken.setdefault(way, {})[size] = seconds
    return report(recipe, taken, counts, recall, len(np.concatenate(real)), vectors.shape[1])


def enlarged(vectors: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The vectors in random order, then random ones of the same mean and covariance, to n in all."""
    rng = np.random.default_rng(1)
    vectors = rng.permutation(vectors)[:n]
    # The square root of the covariance by its eigenvectors: some directions may be empty.
    values, axes = np.linalg.eigh(np.cov(vectors.T))
    root = (axes * np.sqrt(np.maximum(values, 0))).T.astype(np.float32)
    more = rng.standard_normal((n - len(vectors), vectors.shape[1]), dtype=np.float32) @ root
    return np.concatenate([vectors, more + vectors.mean(axis=0)])


def timed(
    recipe: Recipe, vectors: NDArray[np.float32], queries: NDArray[np.float32], path: Path, recall: dict[int, float],
    size: int,
) -> tuple[dict[str, float], int]:  # fmt: skip
    """Seconds of each way, and how often the exact search was repeated."""
    snapshot = snapshot_of(vectors)
    found = nearest(snapshot, queries, recipe.k)[0]
    ours, n = median_seconds(lambda: nearest(snapshot, queries, recipe.k), recipe.repeats, recipe.seconds)
    ways = {OURS: ours}
    ways[LANCE] = lance_seconds(recipe, vectors, queries, path)
    if importlib.util.find_spec("faiss"):
        import faiss

        faiss.omp_set_num_threads(1)
        flat = faiss.IndexFlatL2(vectors.shape[1])
        flat.add(vectors)
        ways[FLAT] = median_seconds(lambda: flat.search(queries, recipe.k), recipe.repeats, recipe.seconds)[0]
        if size <= recipe.hnsw_most:
            graph = faiss.IndexHNSWFlat(vectors.shape[1], recipe.hnsw_links)
            graph.hnsw.efSearch = 64
            graph.add(vectors)
            ways[HNSW] = median_seconds(
                lambda: graph.search(queries, recipe.k), recipe.repeats, recipe.seconds
            )[0]
            near = graph.search(queries, recipe.k)[1]
            recall[size] = float(
                np.mean([len(set(a) & set(b)) / recipe.k for a, b in zip(near, found, strict=True)])
            )
    return ways, n


def snapshot_of(vectors: NDArray[np.float32]) -> Snapshot:
    """What a base holds in memory of these vectors."""
    n = len(vectors)
    nowhere = np.full(n, np.nan)
    ids = np.char.zfill(np.arange(n).astype(str), 7)
    return Snapshot(
        np.arange(n, dtype=np.uint64), ids, vectors, np.tile([3700.0, 8700.0], (n, 1)), nowhere, nowhere
    )


def lance_seconds(
    recipe: Recipe, vectors: NDArray[np.float32], queries: NDArray[np.float32], path: Path
) -> float:
    """Seconds for the queries one after the other in a LanceDB table without an index."""
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    table = lancedb.connect(str(path.parent)).create_table(path.stem, pa.table({"vector": lists}))

    def ask() -> None:
        for query in queries:
            table.search(query).distance_type("l2").bypass_vector_index().limit(recipe.k).to_arrow()  # type: ignore[attr-defined]

    seconds = median_seconds(ask, recipe.lance_repeats, recipe.seconds)[0]
    shutil.rmtree(path)
    return seconds


def median_seconds(action: Callable[[], object], repeats: int, most: float) -> tuple[float, int]:
    """Median of so many runs, or of as many (at least 3) as fit into `most` seconds; and their number.

    Seconds of computing, of all threads together: what else the machine does is no part of them.
    """
    action()
    times: list[float] = []
    while len(times) < repeats and (len(times) < 3 or sum(times) < most):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return float(np.median(times)), len(times)


def line(taken: dict[int, float]) -> tuple[float, float, float]:
    """Slope (seconds per thousand objects), offset and R^2 of the least-squares line."""
    x, y = np.array(list(taken)) / 1000, np.array(list(taken.values()))
    slope, offset = np.polyfit(x, y, 1)
    return (
        float(slope),
        float(offset),
        float(1 - ((y - slope * x - offset) ** 2).sum() / ((y - y.mean()) ** 2).sum()),
    )


def report(
    recipe: Recipe, taken: dict[str, dict[int, float]], counts: dict[int, int], recall: dict[int, float], n: int,
    width: int,
) -> Result:  # fmt: skip
    """Figures, table and drawing of the times."""
    result = Result(recipe.title)
    slope, offset, r2 = line(taken[OURS])
    free = float("inf")  # another machine, another time
    result.measures = [
        fact("slope, seconds per thousand objects", "timing", slope, free, paper=PAPER_SLOPE),
        fact("offset, seconds", "timing", offset, free, paper=PAPER_OFFSET),
        fact("R² of the line", "timing", r2, 0.05),
    ]
    for way in (LANCE, FLAT):
        if way in taken:
            result.measures.append(fact(f"slope of {way}", "timing", line(taken[way])[0], free))
    rows = [
        [f"{size:,}", *(milliseconds(taken[way].get(size)) for way in taken),
         f"{recall[size]:.2f}" if size in recall else "",
         str(counts[size])]
        for size in taken[OURS]
    ]  # fmt: skip
    result.tables = [Table(f"Milliseconds for {recipe.queries} queries, K = {recipe.k}",
                           ["objects", *taken, "recall of HNSW", "repeats"], rows)]  # fmt: skip
    result.notes = [
        f"{n:,} vectors of the encoder ({width} numbers each); the others are random with the same mean and "
        "covariance, which for exact search changes nothing. Seconds of computing, so that other programs do not "
        "count. All queries at once, LanceDB one after the other. Building an index is not counted; larger HNSW "
        "graphs than shown were not built (minutes each)."
    ]
    ratio = PAPER_SLOPE / slope
    result.verdict = [
        f"Linear, as in the paper (R² {r2:.4f}): y = {slope:.5f} x + {offset:.4f} s against y = .0058 x + "
        ".0490, x in thousands; "
        f"{ratio:.1f} times as fast per object, with vectors of {width} numbers where the paper's have 768, "
        "on other hardware."
    ]
    result.figures["time"] = drawing(recipe, taken, (slope, offset))
    return result


def milliseconds(seconds: float | None) -> str:
    """As printed."""
    return "" if seconds is None else f"{1000 * seconds:.1f}" if seconds > 0.01 else f"{1000 * seconds:.2f}"


def drawing(recipe: Recipe, taken: dict[str, dict[int, float]], fit: tuple[float, float]) -> Figure:
    """Times against size on logarithmic axes, with our line and the paper's."""
    figure = new_figure(9.4, 4.3)
    ax = figure.add_axes((0.075, 0.115, 0.59, 0.865))
    x = np.geomspace(min(recipe.sizes), max(recipe.sizes), 100)
    ax.plot(x, PAPER_SLOPE * x / 1000 + PAPER_OFFSET, color="#777777", lw=1.3, dashes=(5, 2),
            label="the paper's line, 768 numbers (its hardware)")  # fmt: skip
    for i, (way, times) in enumerate(taken.items()):
        ax.plot(list(times), list(times.values()), color=color_of(i), marker=marker_of(i), ms=5, mec="white", mew=0.5,
                lw=0 if way == OURS else 1.2, label=way, zorder=3 if way == OURS else 2)  # fmt: skip
    slope, offset = fit
    fitted = slope * x / 1000 + offset
    ax.plot(
        x[fitted > 0],
        fitted[fitted > 0],
        color=color_of(0),
        lw=1.3,
        label=f"y = {slope:.5f} x + {offset:.4f}",
    )
    ax.set(xscale="log", yscale="log")
    ax.set_xlabel("Objects in the base", fontsize=NORMAL)
    ax.set_ylabel(f"Seconds of computing for {recipe.queries} queries, K = {recipe.k}", fontsize=NORMAL)
    tidy(ax, grid=True)
    ax.legend(fontsize=SMALL, frameon=False, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    return figure
