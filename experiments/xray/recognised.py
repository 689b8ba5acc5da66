"""Classes of real X-ray sources by their neighbours, with the encoder that comes with the package."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from experiments.parts import Section
from experiments.xray.bench import Bench
from experiments.xray.scores import COMPACT, Names, balanced_accuracy, interval
from experiments.xray.sources import of_events
from spectrove import pipeline
from spectrove.knowledge import KnowledgeBase
from spectrove.xray.domain import XRAY

FOLDS = 5


def run(bench: Bench) -> Section:
    """Sources after the fluxes of MUWCLASS by cross-validation; event lists and PHA files answered by all of them."""
    catalog = bench.catalog
    bench.say(f"{len(catalog)} sources after the fluxes of MUWCLASS in {FOLDS} folds")
    truth, predicted, compact, chance, equal = cross_validated(catalog)
    two = np.isin(truth, ("AGN", *COMPACT))
    named, found = (np.where(c, "compact", "AGN")[two] for c in (np.isin(truth, COMPACT), compact))
    share = np.array([np.mean(truth == kind) for kind in truth])
    loss, floor = -np.log(chance).mean(), -np.log(share).mean()
    rows: list[dict[str, Any]] = [
        _row("8 classes", truth, predicted),
        _row("AGN / compact", named, found),
        _row("8 classes, `--prevalence equal`", truth, equal),
        {"question": "log-loss", "value": float(loss), "shares": float(floor)},
    ]
    parts = [
        f"{len(truth)} sources after the fluxes of MUWCLASS (not their spectra), {FOLDS} folds by source; 95% "
        "intervals by bootstrap over sources.",
        "",
        *(f"- {r['question']}: balanced accuracy {r['value']:.3f} [{r['low']:.3f} {r['high']:.3f}]" for r in rows[:3]),
        f"- probabilities of 8 classes: log-loss {loss:.3f}; by the shares of the classes alone {floor:.3f}",
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        base = base_of(catalog, Path(place) / "all.kb")
        others = {"event lists of the CSC": of_events(bench.xray, bench.response), "PHA files": bench.files}
        for name, spectra in others.items():
            lines, hits, n = answered(base, spectra)
            rows.append({"question": name, "right": int(hits), "n": n})
            parts += ["", f"{name}, answered by all of these sources: {hits} of {n} sources recognised", ""]
            parts += ["| spectrum | class | most probable | P(class) |", "|---|---|---|---|", *lines]
    return Section("Real sources by the encoder that comes with the package", tuple(rows), "\n".join(parts))


def _row(question: str, truth: Names, predicted: Names) -> dict[str, Any]:
    low, high = interval(truth, predicted)
    return {"question": question, "value": balanced_accuracy(truth, predicted), "low": low, "high": high}


def base_of(spectra: Any, place: Path, encoder: str | None = None) -> KnowledgeBase:
    """A base of X-ray sources, with the encoder of the domain if none is named."""
    batches = (spectra.take(np.arange(i, min(i + 512, len(spectra)))) for i in range(0, len(spectra), 512))
    base, _ = pipeline.create(place, batches, encoder, domain=XRAY.name)
    return base


def cross_validated(spectra: Any) -> tuple[Names, Names, NDArray[np.bool_], NDArray[np.float64], Names]:
    """Of each source: true class, most probable class, if compact is likelier than AGN, P(truth).

    Last the most probable class where each class is given the same share (`classify --prevalence equal`).
    """
    fold = np.array([crc32(name.encode()) % FOLDS for name in spectra.object_id.tolist()])
    truth, predicted, compact, chance, equal = [], [], [], [], []
    for i in range(FOLDS):
        with tempfile.TemporaryDirectory() as place:
            base = base_of(spectra.take(fold != i), Path(place) / "fold.kb")
            answers = pipeline.classify(base, spectra.take(fold == i), "class")
            truth += answers.spectra.column("class")
            for p, kind in zip(answers.predictions, answers.spectra.column("class"), strict=True):
                chances = p.probabilities
                predicted.append(most_probable(chances))
                chance.append(max(chances.get(kind, 0.0), 1e-3))
                compact.append(is_compact(chances))
            same = pipeline.classify(base, spectra.take(fold == i), "class", prevalence="equal")
            equal += [most_probable(p.probabilities) for p in same]
    return np.array(truth), np.array(predicted), np.array(compact), np.array(chance), np.array(equal)


def most_probable(chances: Mapping[str, float]) -> str:
    """The class of the highest probability."""
    return max(chances, key=chances.__getitem__)


def is_compact(chances: Mapping[str, float]) -> bool:
    """If a compact object is likelier than an active galaxy."""
    return sum(chances.get(c, 0.0) for c in COMPACT) > chances.get("AGN", 0.0)


def answered(base: KnowledgeBase, spectra: Any) -> tuple[list[str], int, int]:
    """A row for each spectrum of a known class; how many sources are recognised, each source once, and of how many."""
    answers = pipeline.classify(base, spectra, "class")
    lines: list[str] = []
    right: dict[str, list[bool]] = {}
    for p, kind, name, source in zip(
        answers.predictions,
        answers.spectra.column("class"),
        answers.spectra.object_id.tolist(),
        answers.spectra.column("object"),
        strict=True,
    ):
        if kind is None:
            continue
        best = most_probable(p.probabilities)
        right.setdefault(source, []).append(best == kind)
        lines.append(f"| {name} | {kind} | {best} | {p.probabilities.get(kind, 0):.2f} |")
    return lines, sum(bool(np.mean(found) > 0.5) for found in right.values()), len(right)
