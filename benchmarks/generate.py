"""A knowledge base of N objects without a survey: vectors with the neighbour statistics of real embeddings, and rows.

    python benchmarks/generate.py 100000 -o big.kb                # 256 numbers, made from 2,048 mock galaxies
    python benchmarks/generate.py 500000 -o wide.kb --width 768
    python benchmarks/generate.py 100000 -o big.kb --source sdss.kb      # from the objects of any base
    python benchmarks/generate.py                                 # how close the statistics are, on mocks held out

The source is a base of mock galaxies (made once, in about a minute, kept in out/). Each new object is drawn around an
object of the source, along the differences of its neighbours, so that its vector varies as those of real objects do
there: in as many directions and as far. (Copies with Gaussian noise do not: their nearest neighbours are copies of one
object, at one distance in all directions.) It takes the label of that object, and lies on a plate of 640. Numbers of
the catalog are mixed as the vectors are. Its spectrum is that of the source object, stored once for all that share it:
every verb works, the table `spectra` stays small. Labels have the shares of a magnitude-limited survey.

The same N, source and seed give the same objects, and the first objects of a larger base are those of a smaller one.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]

#: Objects drawn, and written, at once; each block has a random stream of its own.
BLOCK = 8192

#: Neighbours whose differences a draw mixes, and how far it goes: 0 is a copy of its object, 1 the whole neighbourhood.
#: Chosen on mocks held out (run it without a number).
NEIGHBORS, REACH = 24, 0.8

#: Objects on a plate, and its radius in degrees.
PLATE, RADIUS = 640, 1.49

LABEL = "class_derived"

#: Shares of labels in the SDSS main sample. Brinchmann et al. (2004, MNRAS 351, 1151), table 1: star-forming at any S/N
#: .457, composite .096, AGN .059, LINER at low S/N .079, unclassifiable .310; AGN are divided 3 to 7 into Seyferts and
#: LINERs as by Kewley et al. (2006, MNRAS 372, 961). A tenth of all have no label, as after any join.
SHARES = {"SF": 0.457, "quiescent": 0.310, "LINER": 0.120, "Composite": 0.096, "Seyfert2-like": 0.017}
UNLABELLED = 0.1

#: Shares of mock objects that carry a lens or an oddity, of those drawn.
RARE = {"lens": 0.001, "outlier": 0.002}

#: Columns of the mock survey that a catalog would not have.
TRUTH = ("truth_", "split")

#: Columns that a new object has of its own.
OWN = ("ra", "dec", "z", "z_err", "plate", "mjd", "fiberid", "specobjid", "path")


@dataclass(frozen=True)
class Source:
    """Objects that new ones are drawn from: vectors of each view, rows, and what else a base stores, in one order."""

    vectors: dict[str, NDArray[np.float32]]
    rows: pa.Table
    keys: NDArray[np.str_]
    fields: dict[str, tuple[str, str]]
    spectra: pa.Table
    about: dict[str, Any]

    def __len__(self) -> int:
        return self.rows.num_rows

    def take(self, index: NDArray[np.int64]) -> Source:
        """Some of its objects."""
        vectors = {view: found[index] for view, found in self.vectors.items()}
        return replace(self, vectors=vectors, rows=self.rows.take(pa.array(index)), keys=self.keys[index])

    @cached_property
    def labels(self) -> NDArray[np.str_]:
        """Label of each object, "" without one."""
        if LABEL not in self.rows.column_names:
            return np.full(len(self), "")
        return np.array([value or "" for value in self.rows.column(LABEL).to_pylist()], dtype=str)

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """Probability that each object is drawn: labels and rare kinds as in a survey."""
        present = sorted(set(self.labels) - {""})
        wanted = SHARES if set(present) <= set(SHARES) else dict.fromkeys(present, 1.0)
        total = sum(wanted[label] for label in present)
        weight = np.zeros(len(self))
        for label in ["", *present]:
            own = self.labels == label
            share = UNLABELLED if label == "" else (1 - UNLABELLED) * wanted[label] / total
            weight[own] = share / own.sum() if own.any() else 0
        for column, share in RARE.items():
            if column in self.rows.column_names:
                odd = np.array(
                    [value not in (None, "none") for value in self.rows.column(column).to_pylist()]
                )
                if odd.any() and not odd.all():
                    weight[odd] *= share * weight[~odd].sum() / ((1 - share) * weight[odd].sum())
        return weight / weight.sum()

    @cached_property
    def neighbors(self) -> dict[str, NDArray[np.int64]]:
        """For each view the nearest objects of each object, shape (n_objects, NEIGHBORS)."""
        return {view: _neighbors(found) for view, found in self.vectors.items()}

    @cached_property
    def numbers(self) -> dict[str, NDArray[np.float64]]:
        """Columns of numbers that are mixed as the vectors are."""
        names = [f.name for f in self.rows.schema if pa.types.is_floating(f.type) and f.name not in OWN]
        return {n: np.array(self.rows.column(n).to_numpy(zero_copy_only=False), float) for n in names}


def _neighbors(vectors: NDArray[np.float32]) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=NEIGHBORS + 1, algorithm="brute").fit(vectors)
    return np.asarray(near.kneighbors(vectors, return_distance=False)[:, 1:], np.int64)


# --- drawing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Drawn objects: the source object of each, their vectors by view, and the mixture that made them."""

    origin: NDArray[np.int64]
    mixture: NDArray[np.float32]
    vectors: dict[str, NDArray[np.float32]]


def draw(
    source: Source, n: int, rng: np.random.Generator, shares: NDArray[np.float64] | None = None
) -> Block:
    """Objects drawn from the source with these probabilities (those of a survey by default)."""
    origin = rng.choice(len(source), n, p=source.shares if shares is None else shares)
    mixture = (rng.standard_normal((n, NEIGHBORS)) * REACH / np.sqrt(NEIGHBORS)).astype(np.float32)
    vectors = {
        view: _mixed(found, origin, source.neighbors[view], mixture) for view, found in source.vectors.items()
    }
    return Block(origin, mixture, vectors)


def _mixed(
    values: NDArray, origin: NDArray[np.int64], neighbors: NDArray[np.int64], mixture: NDArray[np.float32]
) -> NDArray:
    """Draws with the mean and the covariance of each neighbourhood; REACH is the share that comes from the mixture."""
    mixed = np.empty((len(origin), *values.shape[1:]), values.dtype)
    for start in range(0, len(origin), 512):
        part = slice(start, start + 512)
        near = values[neighbors[origin[part]]]
        middle = near.mean(axis=1)
        moved = np.einsum("bk,bk...->b...", mixture[part], near - middle[:, None])
        mixed[part] = middle + np.sqrt(1 - REACH**2) * (values[origin[part]] - middle) + moved
    return mixed


def drawn_rows(
    source: Source, block: Block, first: int, rng: np.random.Generator
) -> tuple[NDArray[np.str_], pa.Table]:
    """Ids and catalog rows of drawn objects, of which the first is number `first` of the base."""
    n = len(block.origin)
    rows = source.rows.take(pa.array(block.origin))
    rows = rows.drop_columns([c for c in rows.column_names if c.startswith(TRUTH) or c == "path"])
    number = np.arange(first, first + n)
    plate, fiber = 30000 + number // PLATE, 1 + number % PLATE
    mjd = 52000 + plate % 5000
    ra, dec = _sky(plate, rng)
    error = _floats(source.rows, "z_err")[block.origin]
    z = _floats(source.rows, "z")[block.origin] + np.nan_to_num(error) * rng.standard_normal(n)
    own: dict[str, Any] = {"ra": ra, "dec": dec, "z": z, "plate": plate, "mjd": mjd, "fiberid": fiber}
    view = next(iter(source.vectors))
    for name, values in source.numbers.items():
        if name in rows.column_names:
            near = values[source.neighbors[view][block.origin]]
            mixed = _mixed(values, block.origin, source.neighbors[view], block.mixture)
            inside = np.clip(mixed, near.min(axis=1), near.max(axis=1))
            own[name] = np.where(np.isfinite(inside), inside, values[block.origin])
    for name, values in own.items():
        column = pa.array(values, from_pandas=True)
        place = rows.column_names.index(name) if name in rows.column_names else -1
        rows = rows.append_column(name, column) if place < 0 else rows.set_column(place, name, column)
    names = [f"{p}-{m}-{f:04d}" for p, m, f in zip(plate.tolist(), mjd.tolist(), fiber.tolist(), strict=True)]
    return np.array(names), rows


def _floats(rows: pa.Table, name: str) -> NDArray[np.float64]:
    return np.array(rows.column(name).to_numpy(zero_copy_only=False), float)


def _sky(
    plate: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions on plates that are scattered over the footprint of SDSS, degrees."""
    centers = {int(p): np.random.default_rng([int(p), 7]).uniform(size=2) for p in np.unique(plate)}
    middle = np.array([centers[int(p)] for p in plate])
    sine = np.sin(np.radians(-5)) + middle[:, 1] * (np.sin(np.radians(65)) - np.sin(np.radians(-5)))
    dec0 = np.degrees(np.arcsin(sine))
    radius, angle = RADIUS * np.sqrt(rng.uniform(size=len(plate))), rng.uniform(0, 2 * np.pi, len(plate))
    dec = dec0 + radius * np.sin(angle)
    ra = 110 + 150 * middle[:, 0] + radius * np.cos(angle) / np.cos(np.radians(dec))
    return ra, dec


def resized(width: int | None, dimensions: int) -> NDArray[np.float32] | None:
    """A map to vectors of another length, shape (n_dimensions, width); None if they are as long.

    Longer vectors are turned into a space of more dimensions, which leaves all distances as they are. Shorter ones keep
    a random part.
    """
    if width in (None, dimensions):
        return None
    rng = np.random.default_rng(width)
    turn, _ = np.linalg.qr(rng.standard_normal((max(width, dimensions),) * 2))
    return np.asarray(turn[:dimensions, :width], np.float32)


# --- a base ---------------------------------------------------------------------------------------------------------


def blocks(source: Source, n: int, seed: int = 0) -> Iterator[tuple[NDArray[np.str_], pa.Table, Block]]:
    """Ids, rows and vectors of n objects, block by block."""
    for number, first in enumerate(range(0, n, BLOCK)):
        rng = np.random.default_rng([seed, number])
        block = draw(source, BLOCK, rng)
        ids, rows = drawn_rows(source, block, first, rng)
        keep = min(BLOCK, n - first)
        vectors = {view: found[:keep] for view, found in block.vectors.items()}
        yield ids[:keep], rows.slice(0, keep), Block(block.origin[:keep], block.mixture[:keep], vectors)


def queries(source: Source, n: int, seed: int = 1, width: int | None = None) -> NDArray[np.float32]:
    """Vectors of n further objects, which no base holds, in the first view."""
    view = next(iter(source.vectors))
    vectors = draw(source, n, np.random.default_rng([seed, 10**6])).vectors[view]
    turn = resized(width, vectors.shape[1])
    return vectors if turn is None else vectors @ turn


def write(
    path: Path | str,
    source: Source,
    n: int,
    *,
    width: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> None:
    """A base of n objects at `path`.

    Args:
        width: Length of the vectors; with another than the source's, the base has one view and no encoder.
    """
    from spectrove.knowledge.files import place_of
    from spectrove.knowledge.history import optimize
    from spectrove.knowledge.store import Store

    view = next(iter(source.vectors))
    turn = resized(width, source.vectors[view].shape[1])
    store = None
    for ids, rows, block in blocks(source, n, seed):
        table = _objects(source, ids, rows, block, turn)
        if store is None:
            about = source.about if turn is None else {**source.about, "encoder": ""}
            store = Store.create(place_of(path), about, source.spectra, table, complete=False)
        else:
            store.objects.add(table.cast(store.objects.schema))
        if progress:
            print(f"\r{path}: {store.objects.count_rows():,} of {n:,} objects", end="", flush=True)
    if store is None:
        raise SystemExit(f"generate: {n} objects, expected one or more.")
    optimize(store, None)
    store.complete()
    if progress:
        print()


def _objects(
    source: Source, ids: NDArray[np.str_], rows: pa.Table, block: Block, turn: NDArray[np.float32] | None
) -> pa.Table:
    """Rows of table `objects`."""
    from spectrove.embeddings import Embeddings
    from spectrove.knowledge.schema import objects_table
    from spectrove.spectra import SpectrumSet

    none = np.zeros(0, np.float32)
    bare = SpectrumSet(
        ids,
        np.zeros(len(ids) + 1, np.int64),
        none.astype(float),
        none,
        none,
        none.astype(np.int32),
        none,
        rows,
    )
    coverage = np.tile([3700.0, 8700.0], (len(ids), 1))
    views = {}
    for view, vectors in block.vectors.items():
        fingerprint, encoder = source.fields[view]
        if turn is not None:
            vectors, fingerprint, encoder = vectors @ turn, f"{fingerprint}-{turn.shape[1]}", ""
        views[view] = Embeddings(vectors, ids, fingerprint, coverage, encoder)
        if turn is not None:
            break
    return objects_table(bare, views, source.keys[block.origin].tolist())


# --- the source -----------------------------------------------------------------------------------------------------


def mock_base(n: int, path: Path | None = None, seed: int = 1600) -> Path:
    """A base of n mock galaxies, made where it is not there yet."""
    import spectrove
    from spectrove.galaxies.mock import make_survey

    path = path or ROOT / "out" / f"mocks-{n}.kb"
    if not (path / "kb.json").exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = 512

        def batches() -> Iterator[Any]:
            for number, start in enumerate(range(0, n, part)):
                made = make_survey(min(part, n - start), seed=seed + number)
                names = np.array([f"{number}-{name}" for name in made.object_id.tolist()])
                yield replace(made, object_id=names)

        done = 0

        def say(added: int) -> None:
            nonlocal done
            done += added
            print(f"\r{path}: {done} of {n} mock galaxies made and encoded", end="", flush=True)

        spectrove.create(path, batches(), progress=say)
        print()
    return path


def source_of(path: Path | str) -> Source:
    """The objects of a base that have a vector in each of its views."""
    from spectrove.knowledge.files import place_of
    from spectrove.knowledge.store import Store

    store = Store.open(place_of(path))
    table = store.objects.search().to_arrow().sort_by("object_id")
    names = [name for name in table.column_names if name.startswith("vector_")]
    whole = np.ones(table.num_rows, bool)
    for name in names:
        whole &= np.asarray(table.column(name).is_valid())
    table = table.filter(pa.array(whole))
    main = "vector_shape" if "vector_shape" in names else names[0]
    vectors, fields = {}, {}
    for name in [main, *(n for n in names if n != main)]:
        field = store.objects.schema.field(name)
        said = {k.decode(): v.decode() for k, v in (field.metadata or {}).items()}
        view = name.removeprefix("vector_")
        fields[view] = (said.get("fingerprint", ""), said.get("encoder", ""))
        flat = table.column(name).combine_chunks().flatten().to_numpy()
        vectors[view] = np.array(flat, np.float32).reshape(table.num_rows, field.type.list_size)
    keep = [
        c
        for c in table.column_names
        if not c.startswith(("vector_", "coverage_"))
        and c not in ("object_id", "healpix29", "spectrum_key", "labels")
    ]
    keys = np.array(table.column("spectrum_key").to_pylist(), dtype=str)
    about: dict[str, Any] = {k: store.about[k] for k in ("encoder", "domain") if k in store.about}
    return Source(vectors, table.select(keep), keys, fields, store.spectra.search().to_arrow(), about)


# --- how close ------------------------------------------------------------------------------------------------------


def neighbor_statistics(vectors: NDArray[np.float32], labels: NDArray[np.str_]) -> dict[str, float]:
    """What decides how hard a search is, of a set among itself.

    d1: median distance to the nearest; d10/d1, d100/d1: medians of ratios; dimension: by maximum likelihood from 20
    neighbours (Levina and Bickel 2005, averaged as by MacKay and Ghahramani); hubness: skewness of how often an object
    is among the ten nearest of another (Radovanovic et al. 2010); same label: of the ten nearest of labelled objects.
    """
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=101, algorithm="brute").fit(vectors)
    distance, index = near.kneighbors(vectors)
    distance, index = np.maximum(distance[:, 1:], 1e-9), index[:, 1:]
    logs = np.log(distance[:, 19:20] / distance[:, :19]).mean(axis=1)
    often = np.bincount(index[:, :10].ravel(), minlength=len(vectors)).astype(float)
    known = labels != ""
    return {
        "d1": float(np.median(distance[:, 0])),
        "d10/d1": float(np.median(distance[:, 9] / distance[:, 0])),
        "d100/d1": float(np.median(distance[:, 99] / distance[:, 0])),
        "dimension": float(1 / np.mean(logs)),
        "hubness": float(((often - often.mean()) ** 3).mean() / often.std() ** 3),
        "same label": float((labels[index[known, :10]] == labels[known, None]).mean()),
    }


def check(source: Source, seed: int = 0) -> None:
    """Prints statistics of mocks and of objects drawn from other mocks, with the shares of the mocks."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(source))
    half, eighth = len(source) // 2, len(source) // 8
    for view in source.vectors:
        sets: dict[str, tuple[Source, float | None, int]] = {
            f"{half} mocks": (source.take(order[half:]), None, half),
            f"{half} drawn from {half} other mocks": (source.take(order[:half]), 0.0, half),
            f"{half} copies with noise": (source.take(order[:half]), 1.0, half),
            f"{len(source)} mocks": (source, None, len(source)),
            f"{len(source)} drawn from {eighth} mocks": (source.take(order[:eighth]), 0.0, len(source)),
            f"{len(source)} copies with noise of {eighth}": (source.take(order[:eighth]), 1.0, len(source)),
        }
        print(f"\nview {view}")
        for name, (part, noise, n) in sets.items():
            vectors, labels = part.vectors[view], part.labels
            if noise is not None:
                even = np.full(len(part), 1 / len(part))
                block = draw(part, n, rng, even)
                labels = part.labels[block.origin]
                copies = part.vectors[view][block.origin]
                spread = (
                    0.3
                    * neighbor_statistics(part.vectors[view], part.labels)["d1"]
                    / np.sqrt(copies.shape[1])
                )
                jitter = spread * rng.standard_normal(copies.shape, np.float32)
                vectors = (copies + jitter).astype(np.float32) if noise else block.vectors[view]
            found = neighbor_statistics(vectors, labels)
            print(f"{name:34}" + "".join(f"  {key} {value:.3g}" for key, value in found.items()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("n", type=int, nargs="?", help="Objects.")
    parser.add_argument("-o", "--output", help="The base to make.")
    parser.add_argument("--width", type=int, help="Length of the vectors; those of the source by default.")
    parser.add_argument("--source", help="Base whose objects are drawn from; mock galaxies by default.")
    parser.add_argument("--mocks", type=int, default=2048, help="Mock galaxies of the source.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--check", action="store_true", help="Compare statistics with those of mocks held out."
    )
    options = parser.parse_args()
    if (options.n is None) != (options.output is None):
        parser.error("give the number of objects and -o BASE, or neither to compare statistics")
    source = source_of(options.source or mock_base(options.mocks))
    if options.n is None:
        check(source, options.seed)
        return
    write(options.output, source, options.n, width=options.width, seed=options.seed)


if __name__ == "__main__":
    main()
