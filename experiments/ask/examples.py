"""Hunts by example on real spectra: from 1 to 10 examples, beside other methods, on plates left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from experiments.ask.bench import Bench, Section, plates
from experiments.ask.methods import METHODS, Fold
from experiments.samples.injected import with_lenses, with_outliers
from experiments.samples.surveys import OUTLIER_HOSTS
from spectrove.knowledge import KnowledgeBase
from spectrove.spectra import SpectrumSet
from spectrove.statistics import folds_by_group

#: Numbers of positives and negatives.
SETTINGS = ((3, 0), (1, 0), (5, 0), (10, 0), (5, 5))

#: Injections into the real hosts.
INJECTIONS = 2

#: Share of the quiescent galaxies that get the lines of a galaxy behind.
LENSES = 0.2

#: Answers whose precision is quoted.
FIRST = 20

CLASSES = ("LINER", "Seyfert2-like", "quiescent")

_RESAMPLES = 2000


@dataclass(frozen=True)
class Wanted:
    """One kind that is hunted: vectors by view, what is wanted (1), not (0) or unknown (-1), and plates."""

    name: str
    vectors: dict[str, NDArray]
    truth: NDArray[np.int64]
    plate: NDArray[np.str_]


def run(bench: Bench) -> Section:
    """Precision of the first 20 and average precision of every method."""
    rows: list[dict[str, Any]] = []
    for wanted, seed in kinds(bench):
        bench.say(f"  {wanted.name}, injection {seed}")
        rows += measured(wanted, seed, bench)
    table = summarised(rows)
    return Section("By example", tuple(table), text(table, bench))


def kinds(bench: Bench) -> Iterator[tuple[Wanted, int]]:
    """The real classes, and lenses and outliers injected into real hosts."""
    vectors, spectra = _of(bench.real_base)
    label = np.array([v or "" for v in spectra.column("class_derived")])
    for name in CLASSES:
        truth = np.where(label == "", -1, label == name)
        yield Wanted(name, vectors, truth, plates(spectra)), 0
    for seed in range(1, INJECTIONS + 1):
        vectors, spectra = _of(bench.base(f"lenses-{seed}", lambda s=seed: lenses(bench, s)))
        truth = np.array([v != "none" for v in spectra.column("lens")]).astype(int)
        yield Wanted("lens", vectors, truth, plates(spectra)), seed
        hosts = lambda s=seed: with_outliers(_hosts(bench), s)  # noqa: E731
        vectors, spectra = _of(bench.base(f"outliers-{seed}", hosts))
        kind = np.array([v or "none" for v in spectra.column("outlier_kind")])
        for name in sorted(set(kind.tolist()) - {"none"}):
            yield Wanted(name, vectors, (kind == name).astype(int), plates(spectra)), seed


def _hosts(bench: Bench) -> SpectrumSet:
    return bench.real_spectra(f"{OUTLIER_HOSTS} AND z > 0")


def lenses(bench: Bench, seed: int) -> SpectrumSet:
    """Every host, a fifth of the quiescent ones as lenses; the others are controls."""
    hosts = _hosts(bench)
    red = np.array([c == "quiescent" for c in hosts.column("class_derived")])
    parts = [with_lenses(hosts.take(red), seed, share=LENSES), with_lenses(hosts.take(~red), seed, share=0.0)]
    return SpectrumSet.concatenate(parts)


def _of(base: KnowledgeBase) -> tuple[dict[str, NDArray], SpectrumSet]:
    """Vectors of the objects with one in every view, and their rows."""
    found = {view: base.embeddings(view) for view in ("shape", "surprise")}
    names = np.intersect1d(found["shape"].object_id, found["surprise"].object_id)
    vectors = {view: e.vectors[np.isin(e.object_id, names)].astype(float) for view, e in found.items()}
    return vectors, base.spectra(names)


def measured(wanted: Wanted, injection: int, bench: Bench) -> list[dict[str, Any]]:
    """A row for each fold, draw, setting and method: precision of the first 20, average precision, prevalence."""
    rows = []
    fold = folds_by_group(wanted.plate, bench.folds, seed=bench.seed)
    for f in range(bench.folds):
        base, queries = np.flatnonzero(fold != f), np.flatnonzero((fold == f) & (wanted.truth >= 0))
        truth = wanted.truth[queries]
        if not truth.any():
            continue
        one = Fold(
            {v: x[base] for v, x in wanted.vectors.items()}, {v: x[queries] for v, x in wanted.vectors.items()},
            wanted.truth[base],
        )  # fmt: skip
        yes, no = np.flatnonzero(one.truth == 1), np.flatnonzero(one.truth == 0)
        for n_yes, n_no in SETTINGS:
            for draw in range(bench.draws if len(yes) > n_yes else 0):
                rng = np.random.default_rng([bench.seed, f, draw, n_yes, n_no])
                chosen = rng.choice(yes, n_yes, replace=False), rng.choice(no, n_no, replace=False)
                for name, method in METHODS.items():
                    score = method(one, *chosen, draw)
                    rows.append(
                        {
                            "kind": wanted.name, "injection": injection, "fold": f, "draw": draw, "yes": n_yes,
                            "no": n_no, "method": name, "prevalence": float(truth.mean()),
                            "ceiling": min(1.0, float(truth.sum()) / FIRST),
                            "p20": float(truth[np.argsort(-score, kind="stable")[:FIRST]].mean()),
                            "ap": float(average_precision_score(truth, score)),
                        }
                    )  # fmt: skip
    return rows


def summarised(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over folds, draws and injections with 95% intervals, and the paired differences from `spectrove`."""
    table = []
    found: dict[tuple[Any, ...], dict[tuple[Any, ...], dict[str, Any]]] = {}
    for row in rows:
        place = row["injection"], row["fold"], row["draw"]
        found.setdefault((row["kind"], row["yes"], row["no"], row["method"]), {})[place] = row
    for (kind, n_yes, n_no, method), own in found.items():
        ours = found[kind, n_yes, n_no, "spectrove"]
        labels = found[kind, n_yes, n_no, "all labels"]
        said: dict[str, Any] = {"kind": kind, "yes": n_yes, "no": n_no, "method": method, "n": len(own)}
        for name in ("prevalence", "ceiling"):
            said[name] = float(np.mean([row[name] for row in own.values()]))
        for figure in ("p20", "ap"):
            said |= _interval(figure, {p: row[figure] for p, row in own.items()})
            better = {p: ours[p][figure] - row[figure] for p, row in own.items()}
            said |= _interval(f"{figure}_ours_less_this", better)
        said["ap_of_all_labels"] = said["ap"] / max(float(np.mean([r["ap"] for r in labels.values()])), 1e-9)
        table.append(said)
    return table


def _interval(name: str, values: dict[tuple[Any, ...], float]) -> dict[str, float]:
    """Mean and 95% interval: bootstrap of folds of plates (with their injection), and of draws within each."""
    cells: dict[tuple[Any, ...], list[float]] = {}
    for place, value in values.items():
        cells.setdefault(place[:2], []).append(value)
    rng, parts = np.random.default_rng(0), [np.array(v) for v in cells.values()]
    means = np.stack(
        [part[rng.integers(len(part), size=(_RESAMPLES, len(part)))].mean(1) for part in parts], 1
    )
    chosen = rng.integers(len(parts), size=(_RESAMPLES, len(parts)))
    spread = np.take_along_axis(means, chosen, axis=1).mean(1)
    low, high = np.percentile(spread, [2.5, 97.5])
    return {
        name: float(np.mean(list(values.values()))),
        f"{name}_low": float(low),
        f"{name}_high": float(high),
    }


def text(table: Sequence[dict[str, Any]], bench: Bench) -> str:
    """What was measured, and a table for each setting."""
    parts = [
        f"Real SDSS galaxies, {bench.folds} folds by plate, {bench.draws} draws of examples from the base of each "
        f"fold; the queries are on plates left out. Lenses (a fifth of the quiescent galaxies) and outliers (a fifth "
        f"of all, twelve kinds) are injected into real hosts, {INJECTIONS} times; classes are those of the catalog, "
        "without unlabelled queries. Brackets are 95% intervals by bootstrap over folds of plates and draws. `3x` is "
        f"three times the prevalence; the ceiling is what {FIRST} answers can reach with the positives of a fold. "
        "`all labels` is a logistic regression of all labels of the base on the same vectors. *: the paired "
        "difference from spectrove excludes 0 and is in its favour; -: in theirs."
    ]
    for n_yes, n_no in SETTINGS:
        rows = [row for row in table if (row["yes"], row["no"]) == (n_yes, n_no)]
        title = f"{n_yes} positive{'s' * (n_yes > 1)}" + (f" and {n_no} negatives" if n_no else "")
        parts += [f"\n### {title}\n\nPrecision of the first {FIRST}\n", *_markdown(rows, "p20")]
        parts += ["\nAverage precision\n", *_markdown(rows, "ap")]
    return "\n".join(parts)


def _markdown(rows: Sequence[dict[str, Any]], figure: str) -> list[str]:
    names = list(METHODS)
    head = ["kind", "3x", "ceiling", *names] if figure == "p20" else ["kind", *names]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for kind in dict.fromkeys(row["kind"] for row in rows):
        own = {row["method"]: row for row in rows if row["kind"] == kind}
        first = own["spectrove"]
        cells = [kind]
        if figure == "p20":
            cells += [f"{3 * first['prevalence']:.2f}", f"{first['ceiling']:.2f}"]
        for name in names:
            row = own[name]
            better, worse = (row[f"{figure}_ours_less_this_{end}"] for end in ("low", "high"))
            mark = "*" if better > 0 else "-" if worse < 0 else ""
            cells.append(f"{row[figure]:.2f} [{row[f'{figure}_low']:.2f} {row[f'{figure}_high']:.2f}]{mark}")
        lines.append("| " + " | ".join(cells) + " |")
    return lines
