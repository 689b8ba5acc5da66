"""The map of a base: ways to lay it out, samples of a large base, and the time of an image.

    python benchmarks/projection.py                       # layouts, samples (some minutes), images
    python benchmarks/projection.py --only images

Ways: the layout of Spectrove, its beginning (two principal components), and the packages umap-learn and pacmap, where
they are installed (`pip install umap-learn pacmap`; nothing of Spectrove needs them), all with the same seed each time
they run. Figures: seconds, by the clock and of all processors, first call of a process included; the share of the ten
nearest in the space of vectors that are among the ten and the fifty nearest on the map, of 2,000 objects; and
trustworthiness among ten (Venna & Kaski 2001) of 3,000. Vectors are those of the encoder `base`: of real SDSS galaxies
(where SPECTROVE_DATA names them), and apart from them of mock galaxies and of objects drawn from these by
`generate.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generate
import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

#: Objects whose neighbours are compared, and those of which trustworthiness is computed.
COMPARED, TRUSTED = 2000, 3000

#: Drawn objects of the largest layouts, and of the base of which samples are taken.
DRAWN, LARGE = 20_000, 100_000


def real() -> Vectors | None:
    """Vectors of the real SDSS galaxies; None without them."""
    data = os.environ.get("SPECTROVE_DATA")
    if not data:
        return None
    from spectrove.inference.embed import vectors_of
    from spectrove.pipeline.shipped import load_encoder
    from spectrove.readers import read_spectra

    files = sorted(Path(data, "galaxies", "sdss").glob("spec-*.fits*"))
    spectra, _ = read_spectra(files)
    return vectors_of(spectra, load_encoder("base"))[2].vectors


def ours(vectors: Vectors) -> Vectors:
    from spectrove.inference.projection.layout import NEIGHBORS, layout
    from spectrove.inference.projection.placing import nearest_others

    distance, near = nearest_others(vectors, NEIGHBORS)
    return layout(vectors, near, distance)


def components(vectors: Vectors) -> Vectors:
    from sklearn.decomposition import PCA

    return np.asarray(PCA(2).fit_transform(vectors), np.float32)


def umap_learn(vectors: Vectors) -> Vectors:
    import umap

    return np.asarray(umap.UMAP(random_state=0).fit_transform(vectors), np.float32)


def pacmap(vectors: Vectors) -> Vectors:
    import pacmap

    return np.asarray(
        pacmap.PaCMAP(random_state=0, apply_pca=False).fit_transform(vectors, init="pca"), np.float32
    )


WAYS: dict[str, Callable[[Vectors], Vectors]] = {
    "components": components,
    "this": ours,
    "umap-learn": umap_learn,
    "pacmap": pacmap,
}


def kept(vectors: Vectors, places: Vectors) -> tuple[float, float]:
    """Share of the ten nearest among the ten, and among the fifty nearest on the map."""
    from sklearn.neighbors import NearestNeighbors

    asked = np.random.default_rng(1).permutation(len(vectors))[:COMPARED]

    def near(of: Vectors, k: int) -> list[set[int]]:
        fitted = NearestNeighbors(n_neighbors=min(k + 1, len(of)), algorithm="brute").fit(of)
        found = fitted.kneighbors(of[asked], return_distance=False)
        return [set(row.tolist()) - {own} for row, own in zip(found, asked.tolist(), strict=True)]

    truth, ten, fifty = near(vectors, 10), near(places, 10), near(places, 50)
    return tuple(  # type: ignore[return-value]
        float(np.mean([len(a & b) / 10 for a, b in zip(truth, found, strict=True)])) for found in (ten, fifty)
    )


def quality(vectors: Vectors, places: Vectors) -> str:
    from sklearn.manifold import trustworthiness

    ten, fifty = kept(vectors, places)
    some = np.random.default_rng(2).permutation(len(vectors))[:TRUSTED]
    trusted = trustworthiness(vectors[some], places[some], n_neighbors=10)
    return f"{ten:.3f} | {fifty:.3f} | {trusted:.3f}"


def layouts(name: str, vectors: Vectors) -> None:
    print(f"\n{len(vectors):,} {name}\n")
    print(
        "| way | s | processor s | of ten kept | among fifty | trustworthiness |\n|---|---|---|---|---|---|"
    )
    for way, make in WAYS.items():
        start, spent = time.perf_counter(), time.process_time()
        try:
            with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                warnings.simplefilter("ignore")
                places = make(vectors)
        except ImportError:
            print(f"| {way} | not installed | | | | |")
            continue
        took, spent = time.perf_counter() - start, time.process_time() - spent
        print(f"| {way} | {took:.1f} | {spent:.1f} | {quality(vectors, places)} |", flush=True)


def samples(source: generate.Source) -> None:
    """How a sample is placed, and what it loses."""
    from spectrove.inference.projection import placing
    from spectrove.inference.projection.of_base import _radius
    from spectrove.inference.sample import stratified

    vectors = generate.queries(source, LARGE)
    order = np.random.default_rng(5).permutation(LARGE).astype(np.uint64)
    middles = vectors[np.argsort(order)[:256]]
    cells = [str(cell) for cell in placing.nearest(middles, vectors, 1)[1][:, 0]]
    print(f"\n{LARGE:,} drawn objects, of which a sample is laid out\n")
    print("| sample | sharpness | s | of ten kept | among fifty |")
    print("|---|---|---|---|---|")

    def measured(what: str, sample: NDArray[np.int64], sharps: tuple[float, ...]) -> None:
        start = time.perf_counter()
        laid = ours(vectors[sample])
        radius, took = _radius(laid), time.perf_counter() - start
        for sharp in sharps:
            placing.SHARP = sharp
            start = time.perf_counter()
            places = placing.place(vectors[sample], laid, radius, vectors).places
            places[sample] = laid
            ten, fifty = kept(vectors, places)
            spent = took + time.perf_counter() - start
            print(f"| {what} | {sharp:g} | {spent:.0f} | {ten:.3f} | {fifty:.3f} |", flush=True)
        placing.SHARP = 0.2

    for n in (5_000, 20_000):
        measured(f"{n:,}", np.sort(np.argsort(order)[:n]), (0.1, 0.2, 0.5, 1.0) if n == 20_000 else (0.2,))
        measured(f"{n:,}, equal in 256 regions", stratified(order, cells, n), (0.2,))
    start = time.perf_counter()
    places = ours(vectors)
    took = time.perf_counter() - start
    ten, fifty = kept(vectors, places)
    print(f"| all | | {took:.0f} | {ten:.3f} | {fifty:.3f} |", flush=True)


def images() -> None:
    """Time and size of an image of random groups, coloured by nine classes at random and by numbers at random."""
    import pyarrow as pa

    from spectrove.serve.service.map.colours import coloured
    from spectrove.serve.service.map.drawing import Window, image

    print(
        "\n1,000 x 700 pixels, processor time, best of 5\n\n"
        "| objects | colours | all, ms (kB) | a hundredth of the area, ms (kB) |\n|---|---|---|---|"
    )
    rng = np.random.default_rng(0)
    groups = rng.uniform(0, 20, (200, 2))
    for n in (10**5, 10**6, 10**7):
        places = (groups[rng.integers(0, len(groups), n)] + rng.normal(0, 0.8, (n, 2))).astype(np.float32)
        columns: dict[str, Any] = {
            "9 classes": np.array(list("abcdefghi"))[rng.integers(0, 9, n)],
            "numbers": rng.normal(size=n),
        }
        for name, values in columns.items():
            found = coloured("x", pa.chunked_array([pa.array(values)]))
            cells = []
            for window in (Window(-2, 22, -2, 22, 1000, 700), Window(8, 10.4, 8, 10.4, 1000, 700)):
                times, size = [], 0
                for _ in range(5):
                    start = time.process_time()
                    size = len(image(places, found, window))
                    times.append(time.process_time() - start)
                cells.append(f"{1e3 * min(times):.0f} ({size / 1e3:.0f})")
            print(f"| {n:,} | {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=["layouts", "samples", "images"])
    wanted = parser.parse_args().only or ["layouts", "samples", "images"]
    source = generate.source_of(generate.mock_base(2048)) if {"layouts", "samples"} & set(wanted) else None
    if "layouts" in wanted and source is not None:
        if (vectors := real()) is not None:
            layouts("real SDSS galaxies", vectors)
        layouts("mock galaxies", next(iter(source.vectors.values())))
        layouts("objects drawn from mock galaxies", generate.queries(source, DRAWN))
    if "samples" in wanted and source is not None:
        samples(source)
    if "images" in wanted:
        images()


if __name__ == "__main__":
    main()
