"""Classes of the sources of MUWCLASS: the house's own views beside forests on columns of the catalog.

No source has a spectrum here. Its counts are made after the fluxes and errors of three bands, so that the encoder sees
what these say and no more: summaries, not spectra. Every method answers the same sources in the same folds.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.xray.bench import Bench
from experiments.xray.scores import COMPACT, Names, difference, mean_interval
from spectrove import pipeline
from spectrove.pipeline.base import Base
from spectrove.pipeline.kinds import open_base
from spectrove.pipeline.shipped import shipped_encoders
from spectrove.xray.counts import CountSet
from spectrove.xray.domain import XRAY

FOLDS = 5

#: Columns of the catalog, as further views.
VARIABILITY = ("P_intra", "P_inter")
MAGNITUDES = ("Gmag", "BPmag", "RPmag", "Jmag", "Hmag", "Kmag", "W1mag", "W2mag", "W3mag")
FLUX = ("Fb",)

#: Weights of the views in the distance. They were set once, before any source was answered with them, and not chosen by
#: these figures: of few columns nearest neighbours are very near, so that such a view weighs much.
WEIGHT = {"variability": 0.1, "magnitudes": 1.0}

#: Trees of a forest, and the value that stands for an unknown one.
TREES, UNKNOWN = 300, -99.0

#: Encoders that are measured, where they come with the package.
ENCODERS = ("sources8", "hardness")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Predicted:
    """What a method says of each source: one of 8 classes, and whether it is compact rather than an AGN."""

    kind: Names
    compact: NDArray[np.bool_]


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Attributes:
        name: As printed.
        numbers: How many numbers of a source it is told.
        answer: Classes of the sources at the second positions, from those at the first; the seed is the third.
        beside: Name of the row that it is compared with.
        once: Whether it is asked in the first repetition alone.
    """

    name: str
    numbers: int
    answer: Callable[[NDArray[np.int64], NDArray[np.int64], int], Predicted]
    beside: str = ""
    once: bool = False


def run(bench: Bench) -> Section:
    """Every method on every source, in folds by source, once for each seed."""
    catalog = with_columns(bench)
    truth = np.array(catalog.column("class"), dtype=str)
    methods = [*forests(bench, catalog, truth), *houses(bench, catalog, truth)]
    found: dict[str, list[Predicted]] = {method.name: [] for method in methods}
    for seed in range(bench.seeds):
        for method in (m for m in methods if not (seed and m.once)):
            asked = partial(crossed, bench, method, truth, seed)
            found[method.name].append(kept(bench, method, seed, asked))
    rows = [row(method, found, truth) for method in methods]
    return Section("Sources of MUWCLASS, by views", tuple(rows), text(rows, len(truth), bench))


def with_columns(bench: Bench) -> CountSet:
    """The sources with the columns of the catalog in their rows."""
    catalog = bench.catalog
    with open(bench.xray / "muwclass.csv") as file:
        known = {row["CSCv2_name"]: row for row in csv.DictReader(file)}
    rows = catalog.rows
    for name in (*FLUX, *VARIABILITY, *MAGNITUDES):
        values = [known[source][name] for source in catalog.object_id.tolist()]
        rows = rows.append_column(name, pa.array([float(v) if v else None for v in values], pa.float64()))
    return catalog.with_rows(rows)


def crossed(bench: Bench, method: Method, truth: Names, seed: int) -> Predicted:
    """The answers of a method for every source, each from the other folds."""
    from sklearn.model_selection import StratifiedKFold

    bench.say(f"{method.name}, seed {seed}")
    kind, compact = np.full(len(truth), "", dtype=truth.dtype), np.zeros(len(truth), bool)
    for base, asked in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth):
        said = method.answer(base, asked, seed)
        kind[asked], compact[asked] = said.kind, said.compact
    return Predicted(kind, compact)


def kept(bench: Bench, method: Method, seed: int, make: Callable[[], Predicted]) -> Predicted:
    """What a method said, from its file if it was asked before; remove the folder to ask again."""
    name = "".join(c if c.isalnum() else "-" for c in method.name)
    path = bench.folder / "muwclass" / f"{name}-{seed}-{bench.fast}.json"
    if not path.exists():
        made = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"kind": made.kind.tolist(), "compact": made.compact.tolist()}))
    content = json.loads(path.read_text())
    return Predicted(np.array(content["kind"], dtype=str), np.array(content["compact"], dtype=bool))


# --- forests and neighbours on columns ---------------------------------------------------------------------


def forests(bench: Bench, catalog: CountSet, truth: Names) -> Iterator[Method]:
    """The baselines: neighbours and balanced forests on columns of the catalog."""
    with open(bench.xray / "muwclass.csv") as file:
        known = {row["CSCv2_name"]: row for row in csv.DictReader(file)}
    named = [known[source] for source in catalog.object_id.tolist()]
    soft, medium, hard, broad = (np.array([float(row[n]) for row in named]) for n in ("Fs", "Fm", "Fh", "Fb"))
    ratio: Callable[[Floats, Floats], Floats] = lambda a, b: (a - b) / (a + b)  # noqa: E731
    colours = np.stack([ratio(hard, soft), ratio(hard, medium), ratio(medium, soft)], axis=1)
    fluxes = np.log10(np.stack([soft, medium, hard, broad], axis=1))
    number: Callable[[str], float] = lambda text: float(text) if text else np.nan  # noqa: E731
    more = {n: np.array([number(row[n]) for row in named]) for n in (*VARIABILITY, *MAGNITUDES)}
    variability, magnitudes = (
        np.stack([more[n] for n in names], axis=1) for names in (VARIABILITY, MAGNITUDES)
    )
    yield Method("three colours, 15 neighbours", 3, _neighbours(colours, truth))
    tables = {
        "three colours, forest": colours,
        "colours and fluxes, forest": np.hstack([colours, fluxes]),
        "colours, fluxes, variability, forest": np.hstack([colours, fluxes, variability]),
        "all these and magnitudes, forest": np.hstack([colours, fluxes, variability, magnitudes]),
    }
    for name, table in tables.items():
        yield Method(name, table.shape[1], forest(table, truth))


def forest(table: Floats, truth: Names) -> Callable[[NDArray, NDArray, int], Predicted]:
    """A random forest with classes weighted equally, of 8 classes and of two."""
    from sklearn.ensemble import RandomForestClassifier

    table = np.where(np.isfinite(table), table, UNKNOWN)

    def answer(base: NDArray[np.int64], asked: NDArray[np.int64], seed: int) -> Predicted:
        made = lambda: RandomForestClassifier(  # noqa: E731
            TREES, class_weight="balanced_subsample", min_samples_leaf=3, random_state=seed, n_jobs=1
        )
        kind = made().fit(table[base], truth[base]).predict(table[asked])
        two = base[np.isin(truth[base], ("AGN", *COMPACT))]
        compact = made().fit(table[two], np.isin(truth[two], COMPACT)).predict(table[asked])
        return Predicted(kind.astype(str), compact.astype(bool))

    return answer


def _neighbours(table: Floats, truth: Names) -> Callable[[NDArray, NDArray, int], Predicted]:
    """The class of most of the 15 nearest, each class weighted by its share of the base."""
    from sklearn.neighbors import NearestNeighbors

    def answer(base: NDArray[np.int64], asked: NDArray[np.int64], seed: int) -> Predicted:
        scaled = (table - table[base].mean(axis=0)) / table[base].std(axis=0)
        near = NearestNeighbors(n_neighbors=15).fit(scaled[base]).kneighbors(scaled[asked])[1]
        votes = truth[base][near]
        classes = np.unique(truth[base])
        share = np.array([(truth[base] == c).mean() for c in classes])
        counts = np.stack([(votes == c).mean(axis=1) for c in classes], axis=1)
        return decided(counts, classes, share)

    return answer


# --- the house ---------------------------------------------------------------------------------------------


def houses(bench: Bench, catalog: CountSet, truth: Names) -> Iterator[Method]:
    """Classification as users have it, with an encoder alone and with views of columns; and forests on its vectors.

    An encoder that tells no flux is given it with the variability.
    """
    for name in (n for n in ENCODERS if n in shipped_encoders()):
        whole = whole_base(bench, catalog, name)
        vectors, n, once = _vectors(whole, catalog), whole.dimensions["shape"], name != ENCODERS[0]
        flat = "colours and fluxes, forest"
        yield Method(name, n, house(whole, catalog, {}), flat, once)
        yield Method(f"{name}, forest on its vectors", n, forest(vectors, truth), flat, once)
        flux = FLUX if name == "hardness" else ()
        named = f"{name}{' + flux' * len(flux)} + variability"
        views = {"variability": (*flux, *VARIABILITY)}
        n += len(flux) + len(VARIABILITY)
        yield Method(named, n, house(whole, catalog, views), "colours, fluxes, variability, forest", once)
        views = views | {"magnitudes": MAGNITUDES}
        n += len(MAGNITUDES)
        beside = "all these and magnitudes, forest"
        yield Method(f"{named} + magnitudes", n, house(whole, catalog, views), beside, once)


def whole_base(bench: Bench, catalog: CountSet, encoder: str) -> Base:
    """All sources, encoded once; a fold takes its part of them with the vectors that they have."""
    path = bench.folder / f"muwclass-{encoder}-{bench.fast}.kb"
    if not path.exists():
        part = path.with_name(f"part-{path.name}")
        batches: Any = (
            catalog.take(np.arange(i, min(i + 512, len(catalog)))) for i in range(0, len(catalog), 512)
        )
        pipeline.create(part, batches, encoder, views={}, domain=XRAY.name)
        part.rename(path)
    return open_base(path, Base)


def _vectors(base: Base, catalog: CountSet) -> Floats:
    vectors = base.embeddings("shape")
    place = {name: i for i, name in enumerate(vectors.object_id.tolist())}
    return vectors.vectors[[place[name] for name in catalog.object_id.tolist()]].astype(float)


def house(
    whole: Base, catalog: CountSet, views: Mapping[str, Sequence[str]]
) -> Callable[[NDArray, NDArray, int], Predicted]:
    """`classify` with metric and calibration, and the balanced decision."""
    truth, vectors = np.array(catalog.column("class"), dtype=str), whole.embeddings("shape")

    def answer(base: NDArray[np.int64], asked: NDArray[np.int64], seed: int) -> Predicted:
        names = sorted(catalog.object_id[base].tolist())
        part = Base.in_memory(
            whole.spectra(names), {"shape": vectors.take(np.isin(vectors.object_id, names))},
            encoder=whole.encoder, domain=whole.domain,
        )  # fmt: skip
        for name, columns in views.items():
            part.add_view(name, columns)
        weights = {"shape": 1.0} | {name: WEIGHT[name] for name in views}
        answers = pipeline.classify(part, catalog.take(asked), "class", view=weights)
        classes = np.array(sorted(answers[0].probabilities), dtype=str)
        chances = np.array([[p.probabilities[c] for c in classes] for p in answers])
        return decided(chances, classes, np.array([(truth[base] == c).mean() for c in classes]))

    return answer


def decided(chances: Floats, classes: Names, share: Floats) -> Predicted:
    """The balanced decision: the class whose probability exceeds its share most, of 8 classes and of two."""
    among = np.isin(classes, COMPACT)
    compact = chances[:, among].sum(axis=1) / share[among].sum()
    agn = chances[:, classes == "AGN"].sum(axis=1) / share[classes == "AGN"].sum()
    return Predicted(classes[(chances / share).argmax(axis=1)], compact > agn)


# --- figures -----------------------------------------------------------------------------------------------


def row(method: Method, found: Mapping[str, Sequence[Predicted]], truth: Names) -> dict[str, Any]:
    """Balanced accuracies of a method with their intervals, and those of the difference to the row beside it."""
    own = found[method.name]
    two = np.isin(truth, ("AGN", *COMPACT))
    binary = lambda p: np.where(p.compact[two], "compact", "AGN")  # noqa: E731
    named = np.where(np.isin(truth[two], COMPACT), "compact", "AGN")
    made: dict[str, Any] = {"method": method.name, "numbers": method.numbers, "beside": method.beside}
    questions = {
        "8 classes": (truth, [p.kind for p in own]),
        "AGN / compact": (named, [binary(p) for p in own]),
    }
    for question, (true, said) in questions.items():
        made[question] = mean_interval(true, said)
        if method.beside:
            other = found[method.beside][: len(own)]
            theirs = [p.kind for p in other] if question == "8 classes" else [binary(p) for p in other]
            made[f"{question}, difference"] = difference(true, said, theirs)
    made["recall"] = {
        str(c): float(np.mean([(p.kind[truth == c] == c).mean() for p in own])) for c in np.unique(truth)
    }
    return made


def text(rows: Sequence[Mapping[str, Any]], n: int, bench: Bench) -> str:
    """The tables, as Markdown."""
    cell = lambda v, sign="": f"{v[0]:{sign}.3f} [{v[1]:{sign}.3f} {v[2]:{sign}.3f}]"  # noqa: E731
    spectral = [r for r in rows if "variability" not in r["method"] and "magnitudes" not in r["method"]]
    lines = [
        f"{n:,} real sources, {FOLDS} folds by source, {bench.seeds} seeds ({', '.join(ENCODERS[1:])}: the "
        "first); counts are made after the fluxes and "
        "errors of MUWCLASS in three bands: summaries, not spectra. Balanced accuracy with 95% intervals by bootstrap "
        "over sources within classes (difference: paired, less the forest on columns in the last cell). The house "
        "answers with `classify` as users have it, metric and calibration fitted in each fold; its decision is the "
        "class whose probability exceeds its share of the base most. Weights of views are 1, of variability 0.1: set "
        "beforehand, not by these figures.",
    ]  # fmt: skip
    tables = {"By X-ray colours and flux alone": spectral}
    tables["With further columns of the catalog"] = [r for r in rows if r not in spectral]
    questions = ("8 classes", "AGN / compact")
    for title, chosen in tables.items():
        lines += ["", f"### {title}", ""]
        lines += ["| method | numbers | 8 classes | difference | AGN / compact | difference | beside |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for r in chosen:
            cells = []
            for q in questions:
                cells += [cell(r[q]), cell(r[f"{q}, difference"], "+") if r["beside"] else ""]
            lines.append(f"| {r['method']} | {r['numbers']} | {' | '.join(cells)} | {r['beside']} |")
    classes = sorted(rows[0]["recall"])
    lines += ["", "### Recall of each class, mean over seeds", "", f"| method | {' | '.join(classes)} |"]
    lines += ["|" + "---|" * (1 + len(classes))]
    for r in rows:
        recall = [f"{r['recall'][c]:.2f}" for c in classes]
        lines.append(f"| {r['method']} | {' | '.join(recall)} |")
    return "\n".join(lines)
