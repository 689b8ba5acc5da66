"""Isolation forests in the shared space: is a class that no link was learned from isolated there?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.literature.bench import Bench
from experiments.literature.mocked import TRIED, make_corpus
from experiments.parts import Section
from spectrove.literature.alignment import fit_alignment
from spectrove.literature.retrieval import RESAMPLINGS, SEED
from spectrove.literature.texts import fit_texts, unit

Floats = NDArray[np.float64]

#: Sources to learn from, and to test on.
SIZES = (3000, 1719)


def run(bench: Bench) -> Section:
    """The area under the curve for each class of mock sources left out of texts, spectra and forest."""
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score

    n = [size // 8 for size in SIZES] if bench.fast else list(SIZES)
    train, test = make_corpus(n[0], "train", 5), make_corpus(n[1], "test", 5)
    lines = [
        "| class left out | n | spectrum | text | shared, of the spectrum | shared, of both |",
        "|---|---|---|---|---|---|",
    ]
    rows: list[dict[str, object]] = []
    for kind in np.unique(test.kind):
        known = train.take(train.kind != kind)
        encoder = fit_texts(known.texts)
        a, b = encoder.encode(known.texts), encoder.encode(test.texts)
        pairs = np.column_stack([np.arange(len(known))] * 2)
        space = fit_alignment(known.spectra, a, pairs, seed=1, **(dict(TRIED[0]) | {"epochs": 30}))  # type: ignore[arg-type]
        views = {
            "spectrum": (known.spectra, test.spectra),
            "text": (a, b),
            "shared, of the spectrum": (space.spectra(known.spectra), space.spectra(test.spectra)),
            "shared, of both": (
                unit(space.spectra(known.spectra) + space.texts(a)), unit(space.spectra(test.spectra) + space.texts(b)),
            ),
        }  # fmt: skip
        new = test.kind == kind
        row: dict[str, object] = {"class": str(kind), "n": int(new.sum())}
        for name, (x, y) in views.items():
            strange = -IsolationForest(n_estimators=200, random_state=1, n_jobs=1).fit(x).score_samples(y)
            row[name] = (float(roc_auc_score(new, strange)), *_interval(new, strange))
        rows.append(row)
        lines.append(f"| {kind} | {row['n']} | " + " | ".join(_said(row[name]) for name in views) + " |")
        bench.say(f"  {kind}")
    about = (
        "Mock sources and mock texts. For each class an alignment and a forest of 200 trees are fitted "
        "without any source of that class; the figure is the area under the curve with which the forest "
        "puts the sources of the class before all others of the test survey (a half is chance), with 95% "
        "intervals by bootstrap over sources. The paper lists outliers of its shared space and gives no "
        "such figure."
    )
    return Section("Outliers in the shared space", tuple(rows), "\n".join([about, "", *lines]))


def _interval(new: NDArray[np.bool_], strange: Floats) -> tuple[float, float]:
    """Ends of the 95% interval of the area, by bootstrap within the class and within the others."""
    rng = np.random.default_rng(SEED)
    one, other = strange[new], np.sort(strange[~new])
    before = (np.searchsorted(other, one, "left") + np.searchsorted(other, one, "right")) / (2 * len(other))
    draws = before[rng.integers(len(one), size=(RESAMPLINGS // 4, len(one)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _said(value: Any) -> str:
    return f"{value[0]:.2f} [{value[1]:.2f} {value[2]:.2f}]"
